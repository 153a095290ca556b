"""Administration of delegates and team-call groups: what `mobility user delegate|team` asks for.

    GET    /operate/v1/users/{uri}/delegates          {"delegates": [...], "delegators": [...]}
    PUT    /operate/v1/users/{uri}/delegates/{other}  let the other one act for the user
    DELETE /operate/v1/users/{uri}/delegates/{other}  let it act no longer
    GET    /operate/v1/users/{uri}/team               {"team": [...]}
    PUT    /operate/v1/users/{uri}/team/{other}       put the other one into the user's team
    DELETE /operate/v1/users/{uri}/team/{other}       take it out

PUT and DELETE answer 204; PUT of what is there changes nothing.
"""

from collections.abc import Callable

from mobility.domain.delegates import Delegates
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response
from mobility.operate.paths import USERS as PATH

EVENTS: Catalogue = {
    "delegates.added": {"user": "pseudonym of the user", "delegate": "who may act for it now"},
    "delegates.removed": {"user": "pseudonym of the user", "delegate": "who may no longer"},
    "team.added": {"user": "pseudonym of the user", "member": "who is in its team-call group now"},
    "team.removed": {"user": "pseudonym of the user", "member": "who is no longer in it"},
}


def routes(
    delegates: Delegates,
    users: Users,
    access: OperatorAccess,
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> list[Route]:
    """The operator API of delegates and teams."""

    def user(request: Request) -> User:
        return users.named(request.path_parameters["uri"])

    def pair(request: Request) -> tuple[str, str]:
        return request.path_parameters["uri"], request.path_parameters["other"]

    def show_delegates(request: Request) -> Response:
        uri = user(request).uri
        return json_response(
            200,
            {
                "delegates": delegates.delegates_of(uri),
                "delegators": delegates.delegators_of(uri),
            },
        )

    def show_team(request: Request) -> Response:
        return json_response(200, {"team": delegates.team_of(user(request).uri)})

    async def add_delegate(request: Request) -> Response:
        done = await delegates.add_delegate(*pair(request))
        log.emit(
            "delegates.added",
            user=pseudonym(done.owner_uri),
            delegate=pseudonym(done.delegate_uri),
        )
        return Response(204)

    async def remove_delegate(request: Request) -> Response:
        done = await delegates.remove_delegate(*pair(request))
        log.emit(
            "delegates.removed",
            user=pseudonym(done.owner_uri),
            delegate=pseudonym(done.delegate_uri),
        )
        return Response(204)

    async def add_member(request: Request) -> Response:
        done = await delegates.add_to_team(*pair(request))
        log.emit("team.added", user=pseudonym(done.owner_uri), member=pseudonym(done.member_uri))
        return Response(204)

    async def remove_member(request: Request) -> Response:
        done = await delegates.remove_from_team(*pair(request))
        log.emit("team.removed", user=pseudonym(done.owner_uri), member=pseudonym(done.member_uri))
        return Response(204)

    own = f"{PATH}/{{uri}}"
    return [
        access.route("operate.delegates", "GET", f"{own}/delegates", show_delegates),
        access.route("operate.delegates", "PUT", f"{own}/delegates/{{other}}", add_delegate),
        access.route("operate.delegates", "DELETE", f"{own}/delegates/{{other}}", remove_delegate),
        access.route("operate.team", "GET", f"{own}/team", show_team),
        access.route("operate.team", "PUT", f"{own}/team/{{other}}", add_member),
        access.route("operate.team", "DELETE", f"{own}/team/{{other}}", remove_member),
    ]
