"""UCWA area *application*: applications, application, events, policies, reportMyNetwork."""

import attrs
from twisted.internet.defer import Deferred

from mobility.domain.addresses import is_guest
from mobility.domain.applications import Endpoint
from mobility.domain.call_policy import BEARERS
from mobility.domain.locations import NETWORK
from mobility.domain.records import Receipt, User
from mobility.domain.registration import Registration
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.http.body import fields
from mobility.http.message import Document, Request, Response
from mobility.ucwa import call_documents, documents, policy_documents
from mobility.ucwa.channel import AGGREGATION_RANGE_S, TIMEOUT_RANGE_S, Cursor, Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.events import Parked, Poll
from mobility.ucwa.guests import account_of
from mobility.ucwa.guests import registration as guest_registration
from mobility.ucwa.hrefs import APPLICATIONS, Hrefs
from mobility.ucwa.service import Ucwa

MAX_NAME = 100
"""Characters of culture, endpointId, instanceId and userAgent (UCWA rel `applications`)."""

MAX_ACK = 2**53
"""The largest number a response may have: what every JSON client can count to."""

MAX_NETWORK_FIELD = 256
"""Characters of a value of reportMyNetwork (our choice; the page names no bound)."""

NETWORK_TYPES = ("Internal", "External")

MEDIA_POLICIES: Document = {
    "applicationSharingEncryption": "Supported",
    "audioBypass": "Disabled",
    "audioVideoEncryption": "Supported",
    "bandwidthControl": "Off",
    "highPerformanceApplicationSharingInOnlineMeeting": "Disabled",
    "multiViewJoin": "Disabled",
    "poorDeviceWarnings": "Disabled",
    "poorNetworkWarnings": "Disabled",
    "portRange": "Disabled",
    "qualityOfService": "Disabled",
    "video": "Enabled",
}
"""Nothing here restricts the media that clients agree on: no port ranges, bit rates or bypass."""


def owner(ucwa: Ucwa, endpoint: Endpoint) -> User:
    """The user of an application; 404 when it was removed meanwhile."""
    user = account_of(ucwa, endpoint.user_uri)
    if user is None:
        raise Refusal("NotFound", "ApplicationNotFound", "The application has ended.")
    return user


async def register(ucwa: Ucwa, request: Request, user: User, receipt: Receipt | None) -> Response:
    """POST applications: 201 for a new application or instance, 200 for a known instance.

    403 for a user of another pool, and where mobility policy keeps the user from having one of this
    type; 404 for one who was removed or disabled, and for a guest who left, since the request came.
    """
    if is_guest(user.uri):
        ucwa.guests.must_stay(user.uri)
    else:
        known = ucwa.users.find(user.uri)
        if known is None or not known.enabled:
            raise Refusal("NotFound", None, "This user has no home here.")
    registration = attrs.evolve(
        _registration(request, user), conversation_history=ucwa.history.setting
    )
    if not is_guest(user.uri):
        ucwa.mobility.homing.must_be_here(user)
        ucwa.mobility.rights.must_be_mobile(user, registration.type)
    instance_id = registration.instance_id
    endpoint, new = await ucwa.applications.register(user, registration, request.now, receipt)
    await ucwa.devices.came_back(user.uri, registration.endpoint_id, request.now)
    if new:
        ucwa.channels.open_instance(endpoint, instance_id)
    return registered(ucwa, endpoint, instance_id, 201 if new else 200)


def register_again(ucwa: Ucwa, request: Request, endpoint: Endpoint) -> Response:
    """The 201 of a POST that is repeated under its Idempotency-Key."""
    registration = _registration(request, owner(ucwa, endpoint))
    return registered(ucwa, endpoint, registration.instance_id, 201)


def _registration(request: Request, user: User) -> Registration:
    if is_guest(user.uri):
        return guest_registration(request)
    body = fields(request)
    registration = Registration(
        culture=body.text("culture", required=True, max_length=MAX_NAME),
        user_agent=body.text("userAgent", required=True, max_length=MAX_NAME),
        endpoint_id=body.text("endpointId", required=True, max_length=MAX_NAME),
        type=body.text("type", max_length=MAX_NAME),
        instance_id=body.text("instanceId", max_length=MAX_NAME),
    )
    body.check()
    return registration


def registered(ucwa: Ucwa, endpoint: Endpoint, instance_id: str, status: int) -> Response:
    """The answer that shows an application, with the cookie for its photos."""
    user = owner(ucwa, endpoint)
    headers = []
    if not endpoint.guest:
        headers.append(("Set-Cookie", ucwa.photo_cookies.header(endpoint.id, user)))
    if status == 201:
        headers.append(("Location", Hrefs(endpoint.id).application))
    return Response(status, document=_document(ucwa, endpoint, user, instance_id), headers=headers)


def _document(ucwa: Ucwa, endpoint: Endpoint, user: User, instance_id: str) -> Document:
    href = ucwa.channels.href(endpoint, instance_id)
    return documents.application(
        endpoint,
        user,
        instance_id,
        href,
        assigned_meeting=ucwa.meetings.policy.assigned,
        calls=call_documents.call_links(Hrefs(endpoint.id), ucwa.calls.policies.at(endpoint)),
    )


def get_applications(ucwa: Ucwa, user: User) -> Response:
    """GET applications: those of the user that are alive, each as its first instance sees it."""
    alive = sorted(ucwa.applications.of_user(user.uri), key=lambda endpoint: endpoint.id)
    shown = [_document(ucwa, one, user, next(iter(one.instances), "")) for one in alive]
    return Response(
        document={
            "rel": "applications",
            "_links": documents.links(self=APPLICATIONS),
            "_embedded": {"application": shown},
        }
    )


def get_application(ucwa: Ucwa, call: Call) -> Response:
    instance_id = call.request.query.get("instanceid", "")
    if instance_id not in call.endpoint.instances:
        instance_id = next(iter(call.endpoint.instances), "")
    return registered(ucwa, call.endpoint, instance_id, 200)


async def delete_application(ucwa: Ucwa, call: Call) -> Response:
    """Sign-out on purpose: with the application goes what wakes its device."""
    instance_id = call.request.query.get("instanceid")
    endpoint = call.endpoint
    if instance_id is None or set(endpoint.instances) == {instance_id}:
        await ucwa.devices.signed_out(endpoint.user_uri, endpoint.record.endpoint_id, call.now)
    if instance_id is None:
        await ucwa.applications.end(call.endpoint, call.now)
    else:
        await ucwa.applications.end_instance(call.endpoint, instance_id, call.now)
        ucwa.channels.close_instance(call.endpoint, instance_id)
    return Response(204)


def get_events(ucwa: Ucwa, call: Call) -> Deferred[Response]:
    """The pending GET (UCWA "Event channel details")."""
    request, endpoint = call.request, call.endpoint
    instance_id = request.query.get("instanceid", "")
    if instance_id not in endpoint.instances:
        if instance_id:
            raise Refusal("NotFound", "ApplicationNotFound", "There is no such instance.")
        instance_id = next(iter(endpoint.instances), "")
    parked = Parked(request.media)
    ucwa.channels.poll(endpoint, instance_id, _poll_of(request), parked)
    if not parked.answer.called:
        channels = ucwa.channels
        request.on_disconnect = lambda: channels.disconnected(endpoint, instance_id, parked)
    return parked.answer


def get_policies(ucwa: Ucwa, call: Call) -> Response:
    user = owner(ucwa, call.endpoint)
    document = policy_documents.policies(
        call.hrefs,
        ucwa.mobility.policies.policy_of(user),
        html=ucwa.messaging.formats.allows_html(user.uri),
        voice=user.enterprise_voice,
    )
    return Response(document=document)


def get_media_policies(
    ucwa: Ucwa,  # noqa: ARG001  # the same for everybody
    call: Call,
) -> Response:
    own = documents.links(self=call.hrefs.of("mediaPolicies"))
    return Response(document={"rel": "mediaPolicies", **MEDIA_POLICIES, "_links": own})


async def post_network(ucwa: Ucwa, call: Call) -> Response:
    """reportMyNetwork: where the client is, for emergency calls.

    Our extension `bearer` says what it is connected by; without it nothing is known any more.
    """
    body = fields(call.request)
    body.choice("clientNetworkType", NETWORK_TYPES, required=True)
    network = {name: body.text(name, max_length=MAX_NETWORK_FIELD) for name in NETWORK}
    bearer = body.choice("bearer", BEARERS) or ""
    body.check()
    await ucwa.mobility.call_rights.connected_by(call.endpoint, bearer)
    if ucwa.telephony is not None:
        ucwa.telephony.locations.report(call.endpoint, network)
    return Response(201, headers=[("Location", call.hrefs.of("reportMyNetwork"))])


_POLL_RANGES = {
    "ack": (0, MAX_ACK),
    "of": (1, MAX_ACK),
    "p": (0, MAX_ACK),
    "n": (0, MAX_ACK),
    "low": AGGREGATION_RANGE_S,
    "medium": AGGREGATION_RANGE_S,
    "timeout": (0, TIMEOUT_RANGE_S[1]),
    "priority": (0, 2**31 - 1),
}
"""The numbers in the query of a pending GET, the least and the largest of each.  Who asks for a
shorter `timeout` than there is gets the shortest."""


def _poll_of(request: Request) -> Poll:
    """The query of a pending GET; every wrong value is listed in one 400."""
    numbers: dict[str, int] = {}
    wrong: list[Parameter] = []
    for name, text in request.query.items():
        if name in _POLL_RANGES:
            least, most = _POLL_RANGES[name]
            value = int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else -1
            if least <= value <= most:
                numbers[name] = value
            else:
                wrong.append(Parameter(name, f"must be a whole number from {least} to {most}"))
    if "ack" not in numbers and not wrong:
        wrong.append(Parameter("ack", "is required"))
    if wrong:
        raise validation_failure(*wrong)
    ack, position, presence = numbers["ack"], numbers.get("p"), numbers.get("n")
    timeout_s = numbers.get("timeout")
    if numbers.get("of") != ack:  # the cursor belongs to another answer: a changed ack
        position = presence = None
    return Poll(
        ack=ack,
        cursor=None if position is None or presence is None else Cursor(position, presence),
        low_s=numbers.get("low"),
        medium_s=numbers.get("medium"),
        timeout_s=None if timeout_s is None else max(timeout_s, TIMEOUT_RANGE_S[0]),
        priority=numbers.get("priority", 0),
    )


RESOURCES = (
    Resource(
        "application",
        "",
        (
            Operation("GET", get_application),
            Operation("DELETE", delete_application, (204,), parameters=("instanceId",)),
        ),
    ),
    Resource(
        "events",
        "events",
        (
            Operation(
                "GET",
                get_events,
                refusals=(("Conflict", "PGetReplaced"),),
                parameters=("ack", "low", "medium", "timeout", "priority"),
                may_park=True,
            ),
        ),
    ),
    Resource(
        "policies",
        "policies",
        (Operation("GET", get_policies),),
        events=(Event("updated", "policies", Priority.MEDIUM),),
    ),
    Resource("mediaPolicies", "mediaPolicies", (Operation("GET", get_media_policies),)),
    Resource(
        "reportMyNetwork",
        "reportMyNetwork",
        (
            Operation(
                "POST",
                post_network,
                (201,),
                parameters=(
                    "clientNetworkType",
                    "ip",
                    "mac",
                    "subnetID",
                    "wapBSSID",
                    "rssi",
                    "chassisID",
                    "portID",
                    "bearer",
                ),
            ),
        ),
    ),
)
