"""The conformance command: scripted UCWA clients that check every answer and event they see.

    python -m tests.conformance                                        a front end of its own
    python -m tests.conformance --base-url URL --user NAME:FILE ...    any UCWA server

`catalogue` holds the facts of the reference pages, `shown` reads answers in JSON and XML into one
model, `checker` compares the two, `person` is the client, `scenarios` are the scripts, `record`
is what was seen, and `report` says it.
"""
