"""The whole configuration at once: what `mobility export`, `mobility import` and
`mobility user import` ask for.

    GET  /operate/v1/configuration?secrets=true   the document
    POST /operate/v1/configuration                {"format", "version", "sections", and if wished
                                                  "dry_run", "existing", "whole"}

A document is taken in whole or not at all: 200 with {"counts", "refused", "more_refused", "notes"},
and nothing was changed if anything is in `refused`, or with `dry_run`.  `existing` says what
becomes of objects that are there already and different: "change", "keep" or "refuse".  With `whole`
(the default) an object is as the document says, with defaults for what it does not say; else only
what it says is changed.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from mobility.errors import Parameter, PeerFault, validation_failure
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response

PATH = paths.CONFIGURATION

SWITCHES = ("dry_run", "whole")


class Outcome(Protocol):
    """What became of a document."""

    @property
    def shown(self) -> dict[str, object]: ...


class Transfer(Protocol):
    """Where documents come from and go to."""

    async def export(self, *, secrets: bool) -> dict[str, Any]: ...

    async def take(
        self, document: Mapping[str, Any], now: float, *, dry_run: bool, existing: str, whole: bool
    ) -> Outcome: ...


def routes(transfer: Transfer, access: OperatorAccess) -> list[Route]:
    """The operator API of documents."""

    async def export(request: Request) -> Response:
        asked = request.query.get("secrets", "false")
        if asked not in ("true", "false"):
            raise validation_failure(Parameter("secrets", "must be true or false"))
        return json_response(200, await transfer.export(secrets=asked == "true"))

    async def take(request: Request) -> Response:
        try:
            document = msgspec.json.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise PeerFault(
                "BadRequest", "DeserializationFailure", "The body must be a JSON object."
            )
        wrong = [
            Parameter(key, "must be true or false")
            for key in SWITCHES
            if not isinstance(document.get(key, True), bool)
        ]
        if wrong:
            raise validation_failure(*wrong)
        outcome = await transfer.take(
            document,
            request.now,
            dry_run=document.get("dry_run", False),
            existing=document.get("existing", "change"),
            whole=document.get("whole", True),
        )
        return json_response(200, outcome.shown)

    return [
        access.route("operate.configuration", "GET", PATH, export),
        access.route("operate.configuration", "POST", PATH, take, paths.DOCUMENT_BYTES),
    ]
