"""Who still asks for the Mobility Service: what `mobility mcx ...` asks for.

    GET    /operate/v1/mcx/clients   {"clients": [{"user_agent", "requests", "first_seen_at",
                                     "last_seen_at"}, ...]}, those that asked last first
    DELETE /operate/v1/mcx/clients   forget the counts: 204

Times are in seconds since the epoch.
"""

import attrs

from mobility.domain.legacy_clients import LegacyClients
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response

EVENTS: Catalogue = {
    "mcx.counts_forgotten": {"clients": "how many kinds of clients were known"},
}

PATH = paths.MCX_CLIENTS


def routes(clients: LegacyClients, access: OperatorAccess, log: EventLog) -> list[Route]:
    """The operator API of legacy clients."""

    def show(_request: Request) -> Response:
        return json_response(200, {"clients": [attrs.asdict(one) for one in clients.all()]})

    async def forget(_request: Request) -> Response:
        known = len(clients)
        await clients.forget()
        log.emit("mcx.counts_forgotten", clients=known)
        return Response(204)

    return [
        access.route("operate.mcx", "GET", PATH, show),
        access.route("operate.mcx", "DELETE", PATH, forget),
    ]
