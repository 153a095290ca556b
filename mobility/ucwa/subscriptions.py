"""UCWA area *people*: presence subscriptions and who is in them."""

from collections.abc import Sequence

from mobility.domain.addresses import user_uri
from mobility.domain.records import PresenceSubscription
from mobility.domain.subscriptions import MAX_DURATION_MIN, MIN_DURATION_MIN, uris_of
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.http.body import Fields, fields
from mobility.http.message import Document, Response
from mobility.ucwa import documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.service import Ucwa

MAX_URIS = 1_000
"""URIs in one request (our choice; an application may watch no more in all)."""

MAX_URI = 330
"""Characters of one SIP URI: `sip:` and an address of 320 with room for `sips:`."""


def get_subscriptions(ucwa: Ucwa, call: Call) -> Response:
    mine = ucwa.subscriptions.of(call.endpoint)
    return Response(
        document={
            "rel": "presenceSubscriptions",
            "_links": documents.links(self=call.hrefs.of("people/presenceSubscriptions")),
            "_embedded": {
                "presenceSubscription": [documents.subscription(call.hrefs, one) for one in mine]
            },
        }
    )


async def post_subscriptions(ucwa: Ucwa, call: Call) -> Response:
    """Subscribe to `uris`, or with `groupId` to a group (subscribeToGroupPresence)."""
    body = fields(call.request)
    duration = _duration(body)
    group_id = body.text("groupId", max_length=256)
    uris = body.list_of_text("uris", max_items=MAX_URIS, max_length=MAX_URI, required=not group_id)
    body.check()
    if group_id:
        wanted = await ucwa.groups.members(call.endpoint.user_uri, group_id)
    else:
        wanted = _canonical("uris", uris)
    subscription = await ucwa.subscriptions.subscribe(
        call.endpoint, wanted, duration, call.now, group_id=group_id, receipt=call.receipt
    )
    return _created(call.hrefs, subscription)


def repeat_subscription(ucwa: Ucwa, call: Call, subscription_id: str) -> Response:
    return _created(call.hrefs, ucwa.subscriptions.find(call.endpoint, subscription_id))


def get_subscription(ucwa: Ucwa, call: Call) -> Response:
    subscription = ucwa.subscriptions.find(call.endpoint, call.parameter("id"))
    return Response(document=documents.subscription(call.hrefs, subscription))


async def extend_subscription(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    duration = _duration(body)
    body.check()
    extended = await ucwa.subscriptions.extend(
        call.endpoint, call.parameter("id"), duration, call.now
    )
    return Response(document=documents.subscription(call.hrefs, extended))


async def delete_subscription(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.subscriptions.cancel(call.endpoint.id, call.parameter("id"))
    return Response(204)


def get_memberships(ucwa: Ucwa, call: Call) -> Response:
    """Who is in one subscription, or in all of them."""
    subscription_id = call.request.query.get("presencesubscriptionid")
    if subscription_id is None:
        chosen = ucwa.subscriptions.of(call.endpoint)
    else:
        chosen = (ucwa.subscriptions.find(call.endpoint, subscription_id),)
    return Response(document=_memberships(call.hrefs, chosen, subscription_id))


async def add_memberships(ucwa: Ucwa, call: Call) -> Response:
    """addToPresenceSubscription, and POST on memberships."""
    body = fields(call.request)
    subscription_id = body.text("presenceSubscriptionId", required=True, max_length=64)
    uris = body.list_of_text("contactUris", max_items=MAX_URIS, max_length=MAX_URI, required=True)
    body.check()
    wanted = _canonical("contactUris", uris)
    grown = await ucwa.subscriptions.add(call.endpoint, subscription_id, wanted, call.receipt)
    return Response(201, document=_memberships(call.hrefs, (grown,), subscription_id))


def repeat_memberships(ucwa: Ucwa, call: Call, subscription_id: str) -> Response:
    found = ucwa.subscriptions.find(call.endpoint, subscription_id)
    return Response(201, document=_memberships(call.hrefs, (found,), subscription_id))


def get_membership(ucwa: Ucwa, call: Call) -> Response:
    subscription_id, uri = _membership_named(call)
    subscription = ucwa.subscriptions.find(call.endpoint, subscription_id)
    if uri not in uris_of(subscription):
        raise Refusal("NotFound", "ResourceNotFound", "There is no such membership.")
    return Response(document=_membership(call.hrefs, subscription, uri))


async def delete_membership(ucwa: Ucwa, call: Call) -> Response:
    subscription_id, uri = _membership_named(call)
    await ucwa.subscriptions.drop(call.endpoint, subscription_id, uri)
    return Response(204)


def get_subscribed_contacts(ucwa: Ucwa, call: Call) -> Response:
    watched = sorted(ucwa.subscriptions.watched(call.endpoint.id))
    own = documents.links(self=call.hrefs.of("people/subscribedContacts"))
    persons = [{"href": call.hrefs.person(uri)} for uri in watched]
    return Response(document={"rel": "subscribedContacts", "_links": {**own, "contact": persons}})


def _created(hrefs: Hrefs, subscription: PresenceSubscription) -> Response:
    return Response(
        201,
        document=documents.subscription(hrefs, subscription),
        headers=[("Location", hrefs.subscription(subscription.id))],
    )


def _memberships(
    hrefs: Hrefs,
    subscriptions: Sequence[PresenceSubscription],
    of: str | None,
) -> Document:
    own = hrefs.of("people/presenceSubscriptionMemberships")
    memberships = [
        _membership(hrefs, subscription, uri)
        for subscription in subscriptions
        for uri in uris_of(subscription)
    ]
    return {
        "rel": "presenceSubscriptionMemberships",
        "_links": documents.links(self=own + (f"?presenceSubscriptionId={of}" if of else "")),
        "_embedded": {"presenceSubscriptionMembership": memberships},
    }


def _membership(hrefs: Hrefs, subscription: PresenceSubscription, uri: str) -> Document:
    return {
        "rel": "presenceSubscriptionMembership",
        "_links": documents.links(
            self=hrefs.membership(subscription.id, uri),
            contact=hrefs.person(uri),
            presenceSubscription=hrefs.subscription(subscription.id),
        ),
    }


def _membership_named(call: Call) -> tuple[str, str]:
    """The subscription and the user of a membership's path, `{id},{address}`."""
    subscription_id, _, address = call.parameter("membership").partition(",")
    return subscription_id, user_uri(address) or ""


def _duration(body: Fields) -> int:
    return body.integer("duration", MIN_DURATION_MIN, MAX_DURATION_MIN, required=True)


def _canonical(name: str, uris: tuple[str, ...]) -> list[str]:
    """The SIP URIs in their one spelling; a wrong one is refused."""
    found = [user_uri(uri) for uri in uris]
    wrong = [f"{name}[{index}]" for index, uri in enumerate(found) if uri is None]
    if wrong:
        raise validation_failure(*(Parameter(one, "is not a SIP URI") for one in wrong))
    return [uri for uri in found if uri is not None]


LIMITED = (("Forbidden", "LimitExceeded"),)

RESOURCES = (
    Resource(
        "presenceSubscriptions",
        "people/presenceSubscriptions",
        (
            Operation("GET", get_subscriptions),
            Operation(
                "POST",
                post_subscriptions,
                (201,),
                refusals=LIMITED,
                parameters=("duration", "uris", "groupId"),
                repeat=repeat_subscription,
            ),
        ),
        aliases=("presenceSubscriptions",),
    ),
    Resource(
        "presenceSubscription",
        "people/presenceSubscriptions/{id}",
        (
            Operation("GET", get_subscription),
            Operation("POST", extend_subscription, parameters=("duration",)),
            Operation("DELETE", delete_subscription, (204,)),
        ),
        events=tuple(
            Event(kind, "people", Priority.MEDIUM) for kind in ("added", "updated", "deleted")
        ),
        aliases=("presenceSubscriptions/{id}",),
    ),
    Resource(
        "presenceSubscriptionMemberships",
        "people/presenceSubscriptionMemberships",
        (
            Operation("GET", get_memberships, parameters=("presenceSubscriptionId",)),
            Operation(
                "POST",
                add_memberships,
                (201,),
                refusals=LIMITED,
                parameters=("presenceSubscriptionId", "contactUris"),
                repeat=repeat_memberships,
            ),
        ),
        aliases=("presenceSubscriptionMemberships",),
    ),
    Resource(
        "presenceSubscriptionMembership",
        "people/presenceSubscriptionMemberships/{membership}",
        (
            Operation("GET", get_membership),
            Operation("DELETE", delete_membership, (204,)),
        ),
        aliases=("presenceSubscriptionMemberships/{membership}",),
    ),
    Resource(
        "subscribedContacts",
        "people/subscribedContacts",
        (Operation("GET", get_subscribed_contacts),),
        events=tuple(
            Event(kind, "people", Priority.MEDIUM, "subscribedContacts")
            for kind in ("added", "deleted")
        ),
        aliases=("subscribedContacts",),
    ),
)
