"""`GET /operate/v1/status`: what `mobility status` shows of a running front end."""

from collections.abc import Callable

from mobility import __version__
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import Health, json_response

PATH = paths.STATUS


def route(access: OperatorAccess, health: Health, counts: Callable[[], dict[str, object]]) -> Route:
    """The route; `counts` is read at each request and stands beside version and readiness."""

    def status(_request: Request) -> Response:
        reasons = health.reasons()
        content = {"version": __version__, "ready": not reasons, "reasons": reasons}
        return json_response(200, {**content, **health.remarks(), **counts()})

    return access.route("operate.status", "GET", PATH, status)
