"""Administration of distribution groups kept here: what `mobility group ...` asks for.

    GET    /operate/v1/groups          {"groups": [{"uri", "name", "members", "source"}, ...]}
    PUT    /operate/v1/groups/{uri}    {"name": ..., "members": [...]}: add it, or replace it
    DELETE /operate/v1/groups/{uri}    remove it

PUT and DELETE answer 204.  Groups of a directory are shown, and changed there: 409.
"""

from collections.abc import Callable

from mobility.domain.addresses import user_uri
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.records import DistributionGroup
from mobility.domain.setting_rules import quoted, with_value
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.events import Catalogue, EventLog
from mobility.http.body import fields
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response

EVENTS: Catalogue = {
    "groups.changed": {
        "group": "pseudonym of a distribution group that was added or replaced",
        "members": "how many direct members it has now",
    },
    "groups.removed": {"group": "pseudonym of a distribution group that is gone"},
}

PATH = paths.GROUPS

MAX_NAME = 256
"""Characters of a name (UCWA rel `distributionGroup`)."""

MAX_MEMBERS = 10_000
"""Direct members of a group (our choice)."""

GROUP_BODY_BYTES = 4 * 1024 * 1024
"""Bytes of a body: so many members of the longest addresses."""


def routes(
    groups: DistributionGroups,
    access: OperatorAccess,
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> list[Route]:
    """The operator API of distribution groups."""

    def uri_of(request: Request) -> str:
        uri = user_uri(request.path_parameters["uri"])
        if uri is None:
            given = quoted(request.path_parameters["uri"])
            raise Refusal("BadRequest", None, f"{given} is no mail address.")
        return uri

    def show(request: Request) -> Response:  # noqa: ARG001  # a Handler
        shown = [
            {
                "uri": group.uri,
                "name": group.name,
                "members": group.members.split(),
                "source": group.source or "local",
            }
            for group in groups.all()
        ]
        return json_response(200, {"groups": shown})

    async def put(request: Request) -> Response:
        uri = uri_of(request)
        body = fields(request)
        name = body.text("name", required=True, max_length=MAX_NAME)
        given = body.list_of_text("members", max_items=MAX_MEMBERS, max_length=MAX_NAME)
        body.check()
        members = [user_uri(member) for member in given]
        rule = "must be the address of another user or group"
        wrong = [
            Parameter(f"members[{at}]", with_value(given[at], rule))
            for at, member in enumerate(members)
            if member in (None, uri)
        ]
        if wrong:
            raise validation_failure(*wrong)
        text = " ".join(dict.fromkeys(member for member in members if member is not None))
        await groups.put(DistributionGroup(uri, name, text, "", ""))
        log.emit("groups.changed", group=pseudonym(uri), members=len(text.split()))
        return Response(204)

    async def remove(request: Request) -> Response:
        uri = uri_of(request)
        await groups.remove(uri)
        log.emit("groups.removed", group=pseudonym(uri))
        return Response(204)

    own = f"{PATH}/{{uri}}"
    return [
        access.route("operate.groups", "GET", PATH, show),
        access.route("operate.groups", "PUT", own, put, GROUP_BODY_BYTES),
        access.route("operate.groups", "DELETE", own, remove),
    ]
