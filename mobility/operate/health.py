"""Whether the front end lives and can serve: `/healthz`, `/readyz` and `/metrics`."""

from collections.abc import Callable

import msgspec

from mobility.http.message import Request, Response
from mobility.http.route import Authorisation, Route
from mobility.operate.metrics import CONTENT_TYPE, Metrics

Check = Callable[[], str]
"""Why the front end is not ready, "" when this check has nothing against it."""

OPERATOR = frozenset({"operator"})
"""The site of the operator's routes."""

JSON_TYPE = "application/json"


class Health:
    """The checks behind readiness."""

    def __init__(self) -> None:
        self._checks: list[Check] = []
        self._remarks: list[Check] = []

    def add(self, check: Check) -> None:
        """Ask `check`, too, before saying that the front end is ready."""
        self._checks.append(check)

    def remark(self, check: Check) -> None:
        """Tell what `check` has to say beside readiness: it does not keep the front end from it."""
        self._remarks.append(check)

    def remarks(self) -> dict[str, list[str]]:
        """What does not work without making the front end unready, as the answers tell it."""
        made = [remark for check in self._remarks if (remark := check())]
        return {"remarks": made} if made else {}

    def reasons(self) -> list[str]:
        """Why the front end is not ready; nothing when it is."""
        return [reason for check in self._checks if (reason := check())]


def json_response(status: int, content: object) -> Response:
    """An answer of the operator API."""
    return Response(
        status,
        body=msgspec.json.encode(content),
        content_type=JSON_TYPE,
        headers=[("Cache-Control", "no-store")],
    )


def routes(health: Health, metrics: Metrics) -> list[Route]:
    """The three routes; whoever reaches the loopback address may read them."""

    def healthz(_request: Request) -> Response:
        return json_response(200, {"alive": True})

    def readyz(_request: Request) -> Response:
        reasons = health.reasons()
        content = {"ready": not reasons, "reasons": reasons, **health.remarks()}
        return json_response(503 if reasons else 200, content)

    def show_metrics(_request: Request) -> Response:
        return Response(body=metrics.text(), content_type=CONTENT_TYPE)

    return [
        Route(path.strip("/"), "GET", path, handler, Authorisation.NONE, OPERATOR)
        for path, handler in (
            ("/healthz", healthz),
            ("/readyz", readyz),
            ("/metrics", show_metrics),
        )
    ]
