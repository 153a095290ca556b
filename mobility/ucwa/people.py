"""UCWA area *people*: contacts, search and what watchers see."""

from collections.abc import Callable, Iterable

from mobility.domain.addresses import address_of, user_uri
from mobility.domain.privacy import seen_numbers, seen_presence, seen_user
from mobility.domain.records import Presence, User
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.http.body import fields
from mobility.http.message import Document, Response
from mobility.ucwa import documents
from mobility.ucwa.call_forwarding import NUMBER_PLACE, get_number
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.service import Ucwa

MAX_QUERY = 256
"""Characters of a search (UCWA rel `search`)."""

MAX_RESULTS = 100
"""The largest `limit` of a search, and what it is without one (UCWA rel `search`)."""


def person(ucwa: Ucwa, call: Call) -> User:
    """The user a path names; 404 for a stranger."""
    uri = user_uri(call.parameter("address"))
    user = ucwa.users.acquaintance(uri) if uri is not None else None
    if user is None:
        raise Refusal("NotFound", "ResourceNotFound", "There is no such contact.")
    return user


def get_people(ucwa: Ucwa, call: Call) -> Response:  # noqa: ARG001  # links only
    return Response(document=documents.people(call.hrefs))


def get_contact(ucwa: Ucwa, call: Call) -> Response:
    if "setting" in call.request.path_parameters:
        return get_number(ucwa, call)
    return Response(document=shown(ucwa, call, person(ucwa, call)))


def shown(ucwa: Ucwa, call: Call, user: User) -> Document:
    """A contact as the caller may see it."""
    viewer = call.endpoint.user_uri
    seen = seen_user(user, ucwa.privacy.sight(user.uri, viewer))
    return documents.contact(call.hrefs, seen, viewer)


def seen_by_contacts(
    document: Callable[[Hrefs, Presence], Document],
) -> Callable[[Ucwa, Call], Response]:
    """A GET that shows one part of what a user's contacts see."""

    def get(ucwa: Ucwa, call: Call) -> Response:
        uri = person(ucwa, call).uri
        sight = ucwa.privacy.sight(uri, call.endpoint.user_uri)
        presence = seen_presence(ucwa.presence.of(uri), sight)
        return Response(document=document(call.hrefs, presence))

    return get


async def get_contacts(ucwa: Ucwa, call: Call) -> Response:
    """myContacts, and with `groupId` groupContacts."""
    query = fields(call.request)
    expand = query.boolean("expand")
    query.check()
    group_id = call.request.query.get("groupid")
    owner_uri = call.endpoint.user_uri
    if group_id is None:
        uris = (await ucwa.contacts.of(owner_uri)).uris()
        rel, own = "myContacts", call.hrefs.of("people/contacts")
    else:
        uris = await ucwa.groups.members(owner_uri, group_id)
        rel, own = "groupContacts", call.hrefs.of_group("contacts", group_id)
    known = known_users(ucwa, uris)
    if expand is False:
        persons = [{"href": call.hrefs.person(user.uri)} for user in known]
        document = {"_links": {**documents.links(self=own), "contact": persons}}
    else:
        embedded = [shown(ucwa, call, user) for user in known]
        document = {"_links": documents.links(self=own), "_embedded": {"contact": embedded}}
    return Response(document={"rel": rel, **document})


async def get_search(ucwa: Ucwa, call: Call) -> Response:
    """Search by name, mail, phone or SIP address; revision 2 takes `mail` instead of `query`.

    People come first, then the distribution groups that `limit` leaves room for.
    """
    query = fields(call.request)
    text = query.text("query", max_length=MAX_QUERY)
    mail = query.text("mail", max_length=MAX_QUERY)
    limit = query.integer("limit", 1, MAX_RESULTS)
    query.check()
    if not (text or mail):
        raise validation_failure(Parameter("query", "is required"))
    viewer = call.endpoint.user_uri

    def numbers(user: User) -> dict[str, str]:
        return seen_numbers(user, ucwa.privacy.sight(user.uri, viewer))

    most = limit or MAX_RESULTS
    result = ucwa.users.search(text or mail, most, numbers)
    found = [shown(ucwa, call, user) for user in result.users]
    groups = ucwa.distribution_groups.search(text or mail)
    listed: dict[str, str] = {}
    if groups:
        present = await ucwa.contacts.of(viewer)
        listed = {one.id: one.name for one in present.groups if one.kind == "distribution"}
    shown_groups = [
        documents.distribution_group(
            call.hrefs,
            group,
            listed.get(address_of(group.uri), group.name),
            listed=address_of(group.uri) in listed,
        )
        for group in groups[: most - len(found)]
    ]
    return Response(
        document={
            "rel": "search",
            "moreResultsAvailable": result.more or len(shown_groups) < len(groups),
            "_links": {"self": {"href": call.hrefs.of("people/search"), "revision": "2"}},
            "_embedded": {"contact": found, "distributionGroup": shown_groups},
        }
    )


def known_users(ucwa: Ucwa, uris: Iterable[str]) -> list[User]:
    """Those of `uris` who are users of the system or can be reached elsewhere, in the same
    order."""
    users = (ucwa.users.acquaintance(uri) for uri in uris)
    return [user for user in users if user is not None]


RESOURCES = (
    Resource("people", "people", (Operation("GET", get_people),)),
    Resource(
        "search",
        "people/search",
        (Operation("GET", get_search, parameters=("query", "mail", "limit")),),
        revision=2,
        aliases=("search",),
    ),
    Resource(
        "myContacts",
        "people/contacts",
        (Operation("GET", get_contacts, parameters=("groupId", "expand")),),
        events=(
            Event("added", "people", Priority.HIGH, "myContacts"),
            Event("deleted", "people", Priority.HIGH, "myContacts"),
        ),
        aliases=("contacts",),
    ),
    Resource(
        "contact", "people/{address}", (Operation("GET", get_contact),), aliases=(NUMBER_PLACE,)
    ),
    *(
        Resource(
            rel,
            f"people/{{address}}/{path}",
            (Operation("GET", seen_by_contacts(document)),),
            events=(Event("updated", "people", Priority.MEDIUM, "contact"),),
            aliases=(f"people/{{address}}/{rel}",),
        )
        for rel, path, document in (
            ("contactPresence", "presence", documents.contact_presence),
            ("contactNote", "note", documents.contact_note),
            ("contactLocation", "location", documents.contact_location),
            ("contactSupportedModalities", "supportedMedia", documents.contact_modalities),
        )
    ),
)
