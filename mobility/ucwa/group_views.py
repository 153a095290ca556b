"""UCWA area *people*: the groups that everybody has, and distribution groups."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from mobility.domain.addresses import user_uri
from mobility.domain.contacts import DEFAULT_GROUP, PINNED_GROUP
from mobility.domain.delegates import DELEGATES_GROUP, DELEGATORS_GROUP
from mobility.domain.organization import ORGANIZATION_GROUP
from mobility.domain.records import DistributionGroup
from mobility.errors import Refusal
from mobility.http.body import fields
from mobility.http.message import Document, Response
from mobility.ucwa import documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.people import known_users, shown
from mobility.ucwa.service import Ucwa

MAX_NAME = 256
"""Characters of a display name (UCWA rel `addToContactList`)."""

MAX_ADDRESS = 320
"""Characters of an SMTP address (RFC 5321 section 4.5.3.1: 64 + 1 + 255)."""

MAX_GROUP_ID = 256
"""Characters of `groupId` (UCWA rel `removeFromContactList`)."""


def of_everybody(group_id: str) -> Callable[[Ucwa, Call], Coroutine[Any, Any, Response]]:
    """A GET of one of the groups that everybody has."""

    async def get(ucwa: Ucwa, call: Call) -> Response:
        group = await ucwa.groups.find(call.endpoint.user_uri, group_id)
        return Response(document=documents.group(call.hrefs, group))

    return get


async def get_distribution_group(ucwa: Ucwa, call: Call) -> Response:
    """distributionGroup, with its members unless they are more than are expanded."""
    found = ucwa.groups.distribution(call.parameter("group"))
    people, groups = ucwa.distribution_groups.expand(found)
    if len(people) + len(groups) > ucwa.group_size_to_expand:
        people, groups = [], []
    return Response(document=await _with_members(ucwa, call, found, people, groups))


async def expand(ucwa: Ucwa, call: Call) -> Response:
    """expandDistributionGroup: the group with the people and the groups that are direct members.

    403 TooManyContacts for a group above the limit.
    """
    found = ucwa.groups.distribution(call.parameter("group"))
    people, groups = ucwa.distribution_groups.expand(found)
    if len(people) + len(groups) > ucwa.group_size_to_expand:
        raise Refusal("Forbidden", "TooManyContacts", "This group has too many members.")
    return Response(document=await _with_members(ucwa, call, found, people, groups))


async def add_to_list(ucwa: Ucwa, call: Call) -> Response:
    """addToContactList: the group of this address, under the name the user gives it."""
    body = fields(call.request)
    name = body.text("displayName", required=True, max_length=MAX_NAME)
    if name.isspace():
        body.fail("displayName", "is blank")
    address = body.text("smtpAddress", required=True, max_length=MAX_ADDRESS)
    if address and user_uri(address) is None:
        body.fail("smtpAddress", "is not a mail address")
    body.check()
    found = ucwa.groups.distribution(address)
    await ucwa.contacts.list_distribution(call.endpoint.user_uri, found, name)
    return Response(204)


async def remove_from_list(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    group_id = body.text("groupId", required=True, max_length=MAX_GROUP_ID)
    body.check()
    await ucwa.contacts.unlist_distribution(call.endpoint.user_uri, group_id)
    return Response(204)


async def _with_members(
    ucwa: Ucwa,
    call: Call,
    found: DistributionGroup,
    people: Iterable[str],
    groups: Iterable[DistributionGroup],
) -> Document:
    document = await _shown(ucwa, call, found)
    document["_embedded"] = {
        "contact": [shown(ucwa, call, user) for user in known_users(ucwa, people)],
        "distributionGroup": [await _shown(ucwa, call, group) for group in groups],
    }
    return document


async def _shown(ucwa: Ucwa, call: Call, found: DistributionGroup) -> Document:
    """A distribution group as the caller knows it."""
    present = await ucwa.contacts.of(call.endpoint.user_uri)
    names = {group.id: group.name for group in present.groups if group.kind == "distribution"}
    name = names.get(found.uri.removeprefix("sip:"))
    return documents.distribution_group(
        call.hrefs, found, name or found.name, listed=name is not None
    )


def _place(kind: str) -> str:
    """The `in` of an event of a group itself: what comes or goes does so in the list of them."""
    return "" if kind == "updated" else "myGroups"


def _group(
    group_id: str, own: tuple[tuple[str, Priority], ...], members: Priority, within: str
) -> Resource:
    rel = documents.BUILTIN_GROUPS[group_id]
    return Resource(
        rel,
        f"people/groups/{group_id}",
        (Operation("GET", of_everybody(group_id)),),
        events=(
            *(Event(kind, "people", priority, _place(kind)) for kind, priority in own),
            *(
                Event(kind, "people", members, within, about="contact")
                for kind in ("added", "deleted")
                if within
            ),
        ),
        aliases=(f"groups/{rel}",),
    )


HIGH, LOW = Priority.HIGH, Priority.LOW

RESOURCES = (
    _group(DEFAULT_GROUP.id, (), HIGH, "defaultGroup"),
    _group(PINNED_GROUP.id, (), HIGH, "pinnedGroup"),
    _group(DELEGATES_GROUP, (("added", HIGH),), LOW, "delegatesGroup"),
    _group(
        DELEGATORS_GROUP,
        (("added", HIGH), ("updated", HIGH), ("deleted", HIGH)),
        LOW,
        "delegatorsGroup",
    ),
    _group(ORGANIZATION_GROUP, (("added", LOW), ("updated", LOW)), LOW, ""),
    Resource(
        "distributionGroup",
        "people/distributionGroups/{group}",
        (Operation("GET", get_distribution_group),),
        events=tuple(
            Event(kind, "people", HIGH, _place(kind)) for kind in ("added", "updated", "deleted")
        ),
    ),
    Resource(
        "expandDistributionGroup",
        "people/distributionGroups/{group}/expandDistributionGroup",
        (Operation("GET", expand, refusals=(("Forbidden", "TooManyContacts"),)),),
    ),
    Resource(
        "addToContactList",
        "people/groups/addToContactList",
        (
            Operation(
                "POST",
                add_to_list,
                (204,),
                refusals=(("Conflict", "TooManyGroups"),),
                parameters=("displayName", "smtpAddress"),
            ),
        ),
        aliases=("groups/addToContactList",),
    ),
    Resource(
        "removeFromContactList",
        "people/groups/removeFromContactList",
        (
            Operation(
                "POST",
                remove_from_list,
                (204,),
                refusals=(("Forbidden", "OperationNotSupported"),),
                parameters=("groupId",),
            ),
        ),
        aliases=("groups/removeFromContactList",),
    ),
)
