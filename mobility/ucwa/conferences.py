"""UCWA: joining online meetings, and what goes on in them (areas *online meetings*, *conversation*
and *invitation*)."""

from collections.abc import Callable
from typing import Any

from mobility.domain.addresses import user_uri
from mobility.domain.conference import participant_fact
from mobility.domain.conferences import Conferences, Join
from mobility.domain.conversation import CONFERENCED, LEADER, ActiveConversation
from mobility.domain.meetings import OnlineMeeting
from mobility.domain.records import Leg, Participant
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.http.body import Fields, fields
from mobility.http.message import Response
from mobility.ucwa import conversation_documents, documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.communication import view
from mobility.ucwa.declaration import Call, Event, Handler, Operation, Resource
from mobility.ucwa.hrefs import ADHOC
from mobility.ucwa.messaging import (
    IMPORTANCE,
    MAX_OPERATION_ID,
    MAX_SUBJECT,
    MAX_THREAD_ID,
    get_invitation,
)
from mobility.ucwa.service import Ucwa

MAX_URI = 500
"""Characters of onlineMeetingUri and `to` (our choice: a SIP URI with the meeting's part)."""

MAX_DISPLAY_NAME = 250
"""Characters of anonymousDisplayName (UCWA rel `joinOnlineMeeting`)."""


async def join(ucwa: Ucwa, call: Call) -> Response:
    """joinOnlineMeeting; without a URI or with `adhoc` a new meeting, as startOnlineMeeting."""
    body = fields(call.request)
    meeting_uri = body.text("onlineMeetingUri", max_length=MAX_URI)
    return await _join(ucwa, call, body, "" if meeting_uri.lower() == ADHOC else meeting_uri)


async def start(ucwa: Ucwa, call: Call) -> Response:
    return await _join(ucwa, call, fields(call.request), "")


async def _join(ucwa: Ucwa, call: Call, body: Fields, meeting_uri: str) -> Response:
    wanted = Join(
        operation_id=body.text("operationId", max_length=MAX_OPERATION_ID),
        subject=body.text("subject", max_length=MAX_SUBJECT),
        importance=body.choice("importance", IMPORTANCE) or "Normal",
        thread_id=body.text("threadId", max_length=MAX_THREAD_ID),
        display_name=body.text("anonymousDisplayName", max_length=MAX_DISPLAY_NAME),
    )
    body.check()
    invitation = await ucwa.conferences.join(
        call.endpoint, meeting_uri, wanted, call.now, call.receipt
    )
    return joined(ucwa, call, invitation.id)


def joined(ucwa: Ucwa, call: Call, invitation_id: str) -> Response:  # noqa: ARG001  # a Repeat
    href = call.hrefs.invitation(invitation_id, "onlineMeetingInvitation")
    return Response(201, headers=[("Location", href)])


async def add_participant(ucwa: Ucwa, call: Call) -> Response:
    """addParticipant; the task pages name the conversation in the query."""
    body = fields(call.request)
    to = body.text("to", required=True, max_length=MAX_URI)
    operation_id = body.text("operationId", max_length=MAX_OPERATION_ID)
    conversation_id = call.request.path_parameters.get("conversation")
    if conversation_id is None:
        conversation_id = body.text("conversation", required=True, max_length=MAX_URI)
    body.check()
    to_uri = user_uri(to)
    if to_uri is None or to_uri == call.endpoint.user_uri:
        raise validation_failure(Parameter("to", "must be the SIP URI of another person"))
    invitation = await ucwa.conferences.add_participant(
        call.endpoint, conversation_id, to_uri, operation_id, call.now, call.receipt
    )
    return asked(ucwa, call, invitation.id)


def asked(ucwa: Ucwa, call: Call, invitation_id: str) -> Response:  # noqa: ARG001  # a Repeat
    href = call.hrefs.invitation(invitation_id, "participantInvitation")
    return Response(201, headers=[("Location", href)])


def get_online_meeting(ucwa: Ucwa, call: Call) -> Response:
    conversation, _, meeting = _conference(ucwa, call)
    document = conversation_documents.online_meeting(
        call.hrefs,
        conversation.id,
        meeting,
        ucwa.meeting_settings.join_url,
        ucwa.users.name_of(meeting.record.organizer_uri),
        dial_in=ucwa.meetings.policy.dial_in,
        own_meeting=meeting.record.organizer_uri == call.endpoint.user_uri,
    )
    return Response(document=document)


def of_roster(rel: str, shows: Callable[[Participant], bool]) -> Handler:
    """A GET of a view of the conference: its leaders or its attendees."""

    def get(ucwa: Ucwa, call: Call) -> Response:
        conversation, _, _ = _conference(ucwa, call)
        uris = [one.uri for one in conversation.roster() if shows(one)]
        return view(ucwa, call, conversation, rel, uris)

    return get


def get_lobby(ucwa: Ucwa, call: Call) -> Response:
    """Who waits to be admitted, embedded; for leaders only."""
    conversation, leg, _ = _conference(ucwa, call)
    if not conversation.leads(leg.user_uri):
        raise Refusal("Forbidden", None, "Only leaders of the meeting see its lobby.")
    own = f"{call.hrefs.conversation(conversation.id)}/lobby"
    network_of = ucwa.network_of(call.endpoint)
    waiting = [
        conversation_documents.participant(
            call.hrefs, participant_fact(one, leg, "added"), network_of, led=True
        )
        for one in conversation.participants.values()
        if one.in_lobby
    ]
    return Response(
        document={
            "rel": "lobby",
            "_links": documents.links(self=own),
            "_embedded": {"participant": waiting},
        }
    )


def on_participant(act: Callable[..., Any], *, timed: bool = False) -> Handler:
    """A leader's action on a participant, as `act` of the conferences has it; `timed` is one that
    is told the time."""

    async def post(ucwa: Ucwa, call: Call) -> Response:
        uri = user_uri(call.parameter("address"))
        if uri is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such participant.")
        when = (call.now,) if timed else ()
        await act(ucwa.conferences, call.endpoint, call.parameter("conversation"), uri, *when)
        return Response(204)

    return post


def on_audience(**setting: str) -> Handler:
    """A leader's change of a setting for the attendees."""

    async def post(ucwa: Ucwa, call: Call) -> Response:
        await ucwa.conferences.set_audience(
            call.endpoint, call.parameter("conversation"), **setting
        )
        return Response(204)

    return post


def _conference(ucwa: Ucwa, call: Call) -> tuple[ActiveConversation, Leg, OnlineMeeting]:
    """A conference that the application is in, and its meeting; 404 for any other conversation."""
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    meeting = ucwa.meetings.at(conversation.record.meeting_uri, call.now)
    if meeting is None or leg.state != CONFERENCED:
        raise Refusal("NotFound", "ResourceNotFound", "This conversation is no conference.")
    return conversation, leg, meeting


_CONVERSATION = "communication/conversations/{conversation}"
_PARTICIPANT = f"{_CONVERSATION}/participants/{{address}}"
_JOIN = ("operationId", "importance", "subject", "threadId")
_ROLE = (("Forbidden", ""), ("Conflict", ""))
_VIEW = ("added", "updated", "deleted")

RESOURCES = (
    Resource(
        "joinOnlineMeeting",
        "communication/onlineMeetingInvitations",
        (
            Operation(
                "POST",
                join,
                (201,),
                refusals=(
                    ("NotFound", "DestinationNotFound"),
                    ("Conflict", "AlreadyExists"),
                    ("Conflict", "TooManyConversations"),
                    ("Conflict", "TooManyParticipants"),
                    ("Conflict", "TooManyLobbyParticipants"),
                ),
                parameters=("onlineMeetingUri", "anonymousDisplayName", *_JOIN),
                repeat=joined,
            ),
        ),
        aliases=("communication/joinOnlineMeeting",),
    ),
    Resource(
        "startOnlineMeeting",
        "communication/startOnlineMeeting",
        (
            Operation(
                "POST",
                start,
                (201,),
                refusals=(("Conflict", "TooManyConversations"),),
                parameters=_JOIN,
                repeat=joined,
            ),
        ),
    ),
    Resource(
        "onlineMeetingInvitation",
        "communication/onlineMeetingInvitations/{invitation}",
        (Operation("GET", get_invitation),),
        events=tuple(
            Event(kind, "communication", Priority.HIGH) for kind in ("started", "completed")
        ),
    ),
    Resource(
        "addParticipant",
        "communication/participantInvitations",
        (
            Operation(
                "POST",
                add_participant,
                (201,),
                refusals=(
                    ("Forbidden", ""),
                    ("Conflict", "AlreadyExists"),
                    ("Conflict", "TooManyParticipants"),
                ),
                parameters=("operationId", "to", "conversation"),
                repeat=asked,
            ),
        ),
        aliases=(f"{_CONVERSATION}/addParticipant",),
    ),
    Resource(
        "participantInvitation",
        "communication/participantInvitations/{invitation}",
        (Operation("GET", get_invitation),),
        events=tuple(
            Event(kind, "communication", Priority.HIGH)
            for kind in ("started", "updated", "completed")
        ),
    ),
    Resource(
        "onlineMeeting",
        f"{_CONVERSATION}/onlineMeeting",
        (Operation("GET", get_online_meeting),),
        events=tuple(Event(kind, "conversation", Priority.HIGH) for kind in ("added", "updated")),
    ),
    *(
        Resource(
            rel,
            f"{_CONVERSATION}/{rel}",
            (Operation("GET", handler),),
            events=tuple(Event(kind, "conversation", Priority.HIGH, rel) for kind in _VIEW),
        )
        for rel, handler in (
            ("leaders", of_roster("leaders", lambda one: one.role == LEADER)),
            ("attendees", of_roster("attendees", lambda one: one.role != LEADER)),
            ("lobby", get_lobby),
        )
    ),
    *(
        Resource(rel, f"{_PARTICIPANT}/{rel}", (Operation("POST", handler, (204,), _ROLE),))
        for rel, handler in (
            ("admit", on_participant(Conferences.admit)),
            ("reject", on_participant(Conferences.reject, timed=True)),
            ("eject", on_participant(Conferences.eject, timed=True)),
            ("promote", on_participant(Conferences.promote)),
            ("demote", on_participant(Conferences.demote)),
        )
    ),
    *(
        Resource(
            rel,
            f"{_CONVERSATION}/{path}",
            (Operation("POST", on_audience(**setting), (204,), _ROLE),),
        )
        for rel, path, setting in (
            (
                "enableAudienceMessaging",
                "messaging/enableAudienceMessaging",
                {"audience_messaging": "Enabled"},
            ),
            (
                "disableAudienceMessaging",
                "messaging/disableAudienceMessaging",
                {"audience_messaging": "Disabled"},
            ),
            ("enableAudienceMuteLock", "enableAudienceMuteLock", {"audience_mute": "Enabled"}),
            ("disableAudienceMuteLock", "disableAudienceMuteLock", {"audience_mute": "Disabled"}),
        )
    ),
)
