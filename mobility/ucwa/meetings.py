"""UCWA area *online meetings*: scheduling, listing, changing and deleting one's own meetings."""

from typing import Any

from mobility.domain.addresses import user_uri
from mobility.domain.meeting_policy import MeetingPolicy
from mobility.domain.meetings import OnlineMeeting
from mobility.errors import Refusal
from mobility.http.body import Fields, fields
from mobility.http.message import Document, Response
from mobility.ucwa import documents, meeting_documents
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.hrefs import ASSIGNED_MEETING
from mobility.ucwa.preconditions import require_put_token, required_tags
from mobility.ucwa.service import Ucwa

MAX_SUBJECT = 1_024
"""Characters of a meeting's subject (our choice; UCWA myOnlineMeetings names no bound)."""

MAX_DESCRIPTION = 10_000
"""Characters of a meeting's description (our choice, as above)."""

MAX_INVITED = 1_000
"""Attendees, and leaders, of one meeting (our choice, as above)."""

MAX_URI = 330
"""Characters of one SIP URI: `sip:` and an address of 320 with room for `sips:`."""

YEAR_S = 365 * 86_400

EXPIRATION_RANGE_S = (-YEAR_S, 10 * YEAR_S)
"""How far from now a meeting may expire: "between one year before, and ten years after the current
date and time on the server" (UCWA myOnlineMeeting)."""

UNSET = "None"
"""The AccessLevel "not initialized", which clients send that leave the choice to the server."""


def get_dashboard(ucwa: Ucwa, call: Call) -> Response:
    assigned = ucwa.meetings.policy.assigned
    return Response(document=documents.online_meetings(call.hrefs, assigned=assigned))


async def get_meetings(ucwa: Ucwa, call: Call) -> Response:
    """myOnlineMeetings: all of the user's meetings, embedded."""
    policy, uri = ucwa.meetings.policy, call.endpoint.user_uri
    assigned = [await ucwa.meetings.assigned(call.endpoint, call.now)] if policy.assigned else []
    own = call.hrefs.of("onlineMeetings/myOnlineMeetings")
    return Response(
        document={
            "rel": "myOnlineMeetings",
            "_links": documents.links(self=own),
            "_embedded": {
                "myAssignedOnlineMeeting": [_shown(ucwa, call, one) for one in assigned],
                "myOnlineMeeting": [
                    _shown(ucwa, call, one) for one in ucwa.meetings.of(uri, call.now)
                ],
            },
        }
    )


async def post_meetings(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    changes = changes_of(body, ucwa.meetings.policy, call.now)
    body.check()
    meeting = await ucwa.meetings.schedule(call.endpoint, changes, call.now, call.receipt)
    return _created(ucwa, call, meeting)


def repeat_meeting(ucwa: Ucwa, call: Call, meeting_id: str) -> Response:
    return _created(ucwa, call, ucwa.meetings.find(call.endpoint.user_uri, meeting_id, call.now))


async def get_meeting(ucwa: Ucwa, call: Call) -> Response:
    return Response(document=_shown(ucwa, call, await _named(ucwa, call)))


async def put_meeting(ucwa: Ucwa, call: Call) -> Response:
    """PUT with the version in If-Match and the GUID property; absent fields keep their values."""
    known_tags = required_tags(call.request)
    meeting = await _named(ucwa, call)
    known, shown = meeting.record, _shown(ucwa, call, meeting)
    body = fields(call.request)
    require_put_token(body, meeting_documents.put_token(shown["onlineMeetingUri"]))
    for name in ("onlineMeetingId", "onlineMeetingUri", "organizerUri"):
        if body.text(name) not in ("", shown[name]):
            body.fail(name, "cannot be changed")
    changes = changes_of(body, ucwa.meetings.policy, call.now)
    if known.assigned and "expires_at" in changes:
        body.fail("expirationTime", "cannot be set: an assigned meeting does not expire")
    body.check()
    if shown["etag"] not in known_tags:
        raise Refusal("PreconditionFailed", None, "The meeting has changed since it was read.")
    meeting = await ucwa.meetings.update(call.endpoint, known, changes, call.now)
    return Response(document=_shown(ucwa, call, meeting))


async def delete_meeting(ucwa: Ucwa, call: Call) -> Response:
    meeting = await _named(ucwa, call)
    await ucwa.meetings.cancel(call.endpoint, meeting.record.id, call.now)
    return Response(204)


async def _named(ucwa: Ucwa, call: Call) -> OnlineMeeting:
    """The meeting of the path; that of myAssignedOnlineMeeting has no parameter."""
    meeting_id = call.request.path_parameters.get("meeting")
    if meeting_id is None:
        return await ucwa.meetings.assigned(call.endpoint, call.now)
    return ucwa.meetings.find(call.endpoint.user_uri, meeting_id, call.now)


def changes_of(body: Fields, policy: MeetingPolicy, now: float) -> dict[str, Any]:
    """What a body says of a meeting, by the names of `Meeting`; eligible values only."""
    changes: dict[str, Any] = {}
    access_level = body.choice("accessLevel", (*policy.access_levels, UNSET))
    changes["access_level"] = None if access_level == UNSET else access_level
    changes["automatic_leader_assignment"] = body.choice(
        "automaticLeaderAssignment", policy.automatic_leader_assignments
    )
    for name, field in (
        ("entryExitAnnouncement", "entry_exit_announcement"),
        ("lobbyBypassForPhoneUsers", "lobby_bypass_for_phone_users"),
        ("phoneUserAdmission", "phone_user_admission"),
    ):
        changes[field] = body.choice(name, policy.phone_settings)
    changes["expires_at"] = _expiration(body, now)
    changes = {field: value for field, value in changes.items() if value is not None}
    for name, most in (("subject", MAX_SUBJECT), ("description", MAX_DESCRIPTION)):
        if name in body:
            changes[name] = body.text(name, max_length=most)
    for name in ("attendees", "leaders"):
        if name in body:
            changes[name] = _people(body, name)
    return changes


def _expiration(body: Fields, now: float) -> float | None:
    expires_at = body.instant("expirationTime")
    if expires_at is None:
        return None
    least, most = EXPIRATION_RANGE_S
    if not now + least <= expires_at <= now + most:
        body.fail("expirationTime", "must be from one year ago to ten years from now")
    return expires_at


def _people(body: Fields, name: str) -> str:
    """A list of SIP URIs as a space list, each once and in one spelling."""
    people: dict[str, None] = {}
    for text in body.list_of_text(name, max_items=MAX_INVITED, max_length=MAX_URI):
        uri = user_uri(text)
        if uri is None:
            body.fail(name, "must hold only SIP URIs")
            return ""
        people[uri] = None
    return " ".join(people)


def _shown(ucwa: Ucwa, call: Call, meeting: OnlineMeeting) -> Document:
    return meeting_documents.meeting(
        call.hrefs,
        meeting,
        ucwa.meeting_settings.join_url,
        dial_in=ucwa.meetings.policy.dial_in,
    )


def _created(ucwa: Ucwa, call: Call, meeting: OnlineMeeting) -> Response:
    document = _shown(ucwa, call, meeting)
    location = document["_links"]["self"]["href"]
    return Response(201, document=document, headers=[("Location", location)])


PARAMETERS = (
    "accessLevel",
    "attendees",
    "automaticLeaderAssignment",
    "description",
    "entryExitAnnouncement",
    "expirationTime",
    "leaders",
    "lobbyBypassForPhoneUsers",
    "phoneUserAdmission",
    "subject",
)

ONE_MEETING = (
    Operation("GET", get_meeting),
    Operation(
        "PUT",
        put_meeting,
        refusals=(("PreconditionFailed", ""), ("PreconditionRequired", "")),
        parameters=PARAMETERS,
    ),
    Operation("DELETE", delete_meeting, (204,)),
)

RESOURCES = (
    Resource("onlineMeetings", "onlineMeetings", (Operation("GET", get_dashboard),)),
    Resource(
        "myOnlineMeetings",
        "onlineMeetings/myOnlineMeetings",
        (
            Operation("GET", get_meetings),
            Operation(
                "POST",
                post_meetings,
                (201,),
                refusals=(("Conflict", "TooManyOnlineMeetings"),),
                parameters=PARAMETERS,
                repeat=repeat_meeting,
            ),
        ),
    ),
    Resource("myOnlineMeeting", "onlineMeetings/myOnlineMeetings/{meeting}", ONE_MEETING),
    Resource(
        "myAssignedOnlineMeeting",
        f"onlineMeetings/myOnlineMeetings/{ASSIGNED_MEETING}",
        ONE_MEETING,
    ),
)
