"""UCWA area *people*: groups, who is in them, and the subscription to their changes."""

from mobility.domain.addresses import user_uri
from mobility.domain.contact_subscriptions import MAX_DURATION_MIN, MIN_DURATION_MIN
from mobility.domain.contacts import DEFAULT_GROUP, ContactList
from mobility.domain.records import Contact
from mobility.errors import Refusal
from mobility.http.body import Fields, fields
from mobility.http.message import Document, Response
from mobility.ucwa import documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.preconditions import require_put_token, required_tags
from mobility.ucwa.service import Ucwa

MAX_NAME = 256
"""Characters of a group's name (UCWA myGroups2, group2)."""

MAX_GROUP_ID = 256
"""Characters of `groupId` (UCWA myGroupMemberships2)."""

MAX_CONTACT_URI = 250
"""Characters of `contactUri` (UCWA myGroupMemberships2)."""


async def get_groups(ucwa: Ucwa, call: Call) -> Response:
    """myGroups: the groups everybody has embedded once, own and distribution groups as arrays."""
    query = fields(call.request)
    expand = query.boolean("expand")
    query.check()
    embedded: Document = {}
    many: dict[str, list[Document]] = {"group": [], "distributionGroup": []}
    for group in await ucwa.groups.of(call.endpoint.user_uri):
        if group.kind == "distribution":
            found = ucwa.groups.distribution(group.id)
            rendered = documents.distribution_group(call.hrefs, found, group.name, listed=True)
        else:
            rendered = documents.group(call.hrefs, group)
        if rendered["rel"] in many:
            many[rendered["rel"]].append(rendered)
        else:
            embedded[rendered["rel"]] = rendered
    own = {"self": {"href": call.hrefs.of("people/groups"), "revision": "2"}}
    if expand is False:
        shown: Document = {
            "_links": own
            | {rel: group["_links"]["self"] for rel, group in embedded.items()}
            | {rel: [one["_links"]["self"] for one in groups] for rel, groups in many.items()}
        }
    else:
        shown = {"_links": own, "_embedded": {**embedded, **many}}
    return Response(document={"rel": "myGroups", **shown})


async def post_groups(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    name = _name(body, "displayName")
    body.check()
    await ucwa.contacts.create_group(call.endpoint.user_uri, name, call.receipt)
    return Response(204)


def repeat_group(ucwa: Ucwa, call: Call, group_id: str) -> Response:  # noqa: ARG001  # no body
    return Response(204)


async def get_group(ucwa: Ucwa, call: Call) -> Response:
    entries = await ucwa.contacts.of(call.endpoint.user_uri)
    return Response(document=documents.group(call.hrefs, entries.group(call.parameter("group"))))


async def put_group(ucwa: Ucwa, call: Call) -> Response:
    """Rename: PUT with the version in If-Match and the GUID property."""
    known_tags = required_tags(call.request)
    entries = await ucwa.contacts.of(call.endpoint.user_uri)
    group = entries.custom_group(call.parameter("group"))
    body = fields(call.request)
    require_put_token(body, documents.group_put_token(group))
    name = _name(body, "name")
    if body.text("id", max_length=MAX_GROUP_ID) not in ("", group.id):
        body.fail("id", "cannot be changed")
    body.check()
    if documents.group(call.hrefs, group)["etag"] not in known_tags:
        raise Refusal("PreconditionFailed", None, "The group has changed since it was read.")
    renamed = await ucwa.contacts.rename_group(group, name)
    return Response(document=documents.group(call.hrefs, renamed))


async def delete_group(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.contacts.remove_group(call.endpoint.user_uri, call.parameter("group"))
    return Response(204)


async def get_group_memberships(ucwa: Ucwa, call: Call) -> Response:
    """groupMemberships: who is in one group."""
    entries = await ucwa.contacts.of(call.endpoint.user_uri)
    group = entries.group(call.parameter("group"))
    own = {"href": f"{call.hrefs.group(group.id)}/groupMemberships"}
    return Response(
        document={
            "rel": "groupMemberships",
            "_links": {"self": own},
            "_embedded": {"myGroupMembership": _memberships(ucwa, call.hrefs, entries, group.id)},
        }
    )


async def get_memberships(ucwa: Ucwa, call: Call) -> Response:
    """Who is in which group, or with `groupId` who is in that one."""
    query = fields(call.request)
    group_id = query.text("groupId", max_length=MAX_GROUP_ID)
    query.check()
    entries = await ucwa.contacts.of(call.endpoint.user_uri)
    own = call.hrefs.of("people/groupMemberships")
    if group_id:
        entries.group(group_id)
    rels = documents.links(removeContactFromAllGroups=f"{own}/removeContactFromAllGroups")
    shown = call.hrefs.of_group("groupMemberships", group_id) if group_id else own
    rels["self"] = {"href": shown, "revision": "2"}
    return Response(
        document={
            "rel": "myGroupMemberships",
            "_links": rels,
            "_embedded": {"myGroupMembership": _memberships(ucwa, call.hrefs, entries, group_id)},
        }
    )


async def add_membership(ucwa: Ucwa, call: Call) -> Response:
    """Put a user of the directory into a group, by default into the default group."""
    body = fields(call.request)
    uri = _contact_uri(body)
    group_id = body.text("groupId", max_length=MAX_GROUP_ID) or DEFAULT_GROUP.id
    body.check()
    if not _known(ucwa, uri):
        raise Refusal("NotFound", "ResourceNotFound", "There is no such contact.")
    entry = await ucwa.contacts.add(call.endpoint.user_uri, uri, group_id, call.receipt)
    return _added(call.hrefs, entry)


async def repeat_membership(ucwa: Ucwa, call: Call, group_id: str) -> Response:
    entries = await ucwa.contacts.of(call.endpoint.user_uri)
    uri = _contact_uri(fields(call.request))
    return _added(call.hrefs, entries.entry(group_id, uri))


async def get_membership(ucwa: Ucwa, call: Call) -> Response:
    group_id, uri = _membership_named(call)
    entry = (await ucwa.contacts.of(call.endpoint.user_uri)).entry(group_id, uri)
    return Response(document=documents.group_membership(call.hrefs, entry))


async def delete_membership(ucwa: Ucwa, call: Call) -> Response:
    group_id, uri = _membership_named(call)
    await ucwa.contacts.remove(call.endpoint.user_uri, uri, group_id)
    return Response(204)


async def remove_from_all(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    uri = _contact_uri(body)
    body.check()
    await ucwa.contacts.remove_from_all(call.endpoint.user_uri, uri)
    return Response(204)


def get_subscription(ucwa: Ucwa, call: Call) -> Response:
    return Response(document=_subscription(ucwa, call))


async def start_subscription(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    duration = body.integer("duration", MIN_DURATION_MIN, MAX_DURATION_MIN, required=True)
    body.check()
    await ucwa.contact_subscriptions.start(call.endpoint, duration, call.now)
    document = _subscription(ucwa, call)
    location = document["_links"]["self"]["href"]
    return Response(201, document=document, headers=[("Location", location)])


async def stop_subscription(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.contact_subscriptions.stop(call.endpoint)
    return Response(204)


def _name(body: Fields, field: str) -> str:
    name = body.text(field, required=True, max_length=MAX_NAME)
    if name.isspace():
        body.fail(field, "is blank")
    return name


def _contact_uri(body: Fields) -> str:
    """`contactUri` in its one spelling, "" when it is wrong."""
    text = body.text("contactUri", required=True, max_length=MAX_CONTACT_URI)
    uri = user_uri(text)
    if text and uri is None:
        body.fail("contactUri", "is not a SIP URI")
    return uri or ""


def _known(ucwa: Ucwa, uri: str) -> bool:
    return ucwa.users.acquaintance(uri) is not None


def _memberships(ucwa: Ucwa, hrefs: Hrefs, entries: ContactList, group_id: str) -> list[Document]:
    """The entries of users in the directory, of one group or with "" of all."""
    return [
        documents.group_membership(hrefs, entry)
        for entry in entries.contacts
        if group_id in ("", entry.group_id) and _known(ucwa, entry.uri)
    ]


def _membership_named(call: Call) -> tuple[str, str]:
    """The group and the contact of a membership's path, `{group},{address}`."""
    group_id, _, address = call.parameter("membership").partition(",")
    return group_id, user_uri(address) or ""


def _added(hrefs: Hrefs, entry: Contact) -> Response:
    location = hrefs.group_membership(entry.group_id, entry.uri)
    return Response(
        201,
        document=documents.group_membership(hrefs, entry),
        headers=[("Location", location)],
    )


def _subscription(ucwa: Ucwa, call: Call) -> Document:
    state = ucwa.contact_subscriptions.state(call.endpoint)
    return documents.contact_subscription(call.hrefs, state)


BUILTIN = ("Forbidden", "OperationNotSupported")
EXISTS = ("Conflict", "AlreadyExists")

RESOURCES = (
    Resource(
        "myGroups",
        "people/groups",
        (
            Operation("GET", get_groups, parameters=("expand",)),
            Operation(
                "POST",
                post_groups,
                (204,),
                refusals=(EXISTS, ("Conflict", "TooManyGroups")),
                parameters=("displayName",),
                repeat=repeat_group,
            ),
        ),
        revision=2,
        aliases=("groups",),
    ),
    Resource(
        "group",
        "people/groups/{group}",
        (
            Operation("GET", get_group),
            Operation(
                "PUT",
                put_group,
                refusals=(
                    BUILTIN,
                    EXISTS,
                    ("PreconditionFailed", ""),
                    ("PreconditionRequired", ""),
                ),
                parameters=("id", "name"),
            ),
            Operation("DELETE", delete_group, (204,), refusals=(BUILTIN,)),
        ),
        events=(
            Event("updated", "people", Priority.HIGH),
            *(Event(kind, "people", Priority.HIGH, "myGroups") for kind in ("added", "deleted")),
            *(
                Event(kind, "people", Priority.HIGH, "group", about="contact")
                for kind in ("added", "deleted")
            ),
        ),
        revision=2,
        aliases=("groups/{group}",),
    ),
    Resource(
        "groupMemberships",
        "people/groups/{group}/groupMemberships",
        (Operation("GET", get_group_memberships),),
        aliases=("groups/{group}/groupMemberships",),
    ),
    Resource(
        "myGroupMemberships",
        "people/groupMemberships",
        (
            Operation("GET", get_memberships, parameters=("groupId",)),
            Operation(
                "POST",
                add_membership,
                (201,),
                refusals=(BUILTIN, EXISTS, ("Conflict", "LimitExceeded")),
                parameters=("contactUri", "groupId"),
                repeat=repeat_membership,
            ),
        ),
        revision=2,
        aliases=("myGroupMemberships",),
    ),
    Resource(
        "myGroupMembership",
        "people/groupMemberships/{membership}",
        (
            Operation("GET", get_membership),
            Operation("DELETE", delete_membership, (204,)),
        ),
        revision=2,
        aliases=("myGroupMemberships/{membership}",),
    ),
    Resource(
        "removeContactFromAllGroups",
        "people/groupMemberships/removeContactFromAllGroups",
        (Operation("POST", remove_from_all, (204,), parameters=("contactUri",)),),
        revision=2,
        aliases=("myGroupMemberships/removeContactFromAllGroups",),
    ),
    Resource(
        "myContactsAndGroupsSubscription",
        "people/contactsAndGroupsSubscription",
        (Operation("GET", get_subscription),),
        events=(Event("updated", "people", Priority.MEDIUM),),
        aliases=("people/myContactsAndGroupsSubscription",),
    ),
    *(
        Resource(
            rel,
            f"people/contactsAndGroupsSubscription/{rel}",
            (operation,),
            aliases=(f"people/myContactsAndGroupsSubscription/{rel}",),
        )
        for rel, operation in (
            (
                "startOrRefreshSubscriptionToContactsAndGroups",
                Operation("POST", start_subscription, (201,), parameters=("duration",)),
            ),
            (
                "stopSubscriptionToContactsAndGroups",
                Operation("POST", stop_subscription, (204,), refusals=(("Conflict", ""),)),
            ),
        )
    ),
)
