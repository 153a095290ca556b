"""The port to the structured log: what every room may call to tell operators what happened."""

from typing import Any, Protocol

from twisted.python.failure import Failure

Catalogue = dict[str, dict[str, str]]
"""Event name to its fields and their meanings; each module that emits declares its own `EVENTS`."""

ACCESS = frozenset({"http.request", "sip.request", "sip.sent"})
"""The events of access lines, of which there are as many as requests."""


class EventLog(Protocol):
    """Writes one JSON object a line.

    `event` is a dotted lower-case name from a catalogue.  Fields are JSON values and never hold a
    token, a password, a message body or a full phone number.
    """

    def emit(self, event: str, /, **fields: object) -> None: ...

    def access(self, event: str, fields: dict[str, Any], /) -> None:
        """As `emit`, for the line of a request, of which there are many; `fields` is the log's."""
        ...

    def failure(self, event: str, failure: Failure | BaseException, /, **fields: object) -> None:
        """As `emit`, with the traceback in the field `failure`."""
        ...
