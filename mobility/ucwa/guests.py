"""People without an account: how they register, and what they may do (UCWA "Anonymous meeting
join", rel `anonApplications`).

What is not in `ALLOWED` they may not: an operation that is added is closed to them until somebody
thinks of it here.
"""

import secrets

from mobility.domain.applications import Endpoint
from mobility.domain.records import User
from mobility.domain.registration import Registration
from mobility.errors import Refusal
from mobility.http.body import fields
from mobility.http.message import Request
from mobility.ucwa import documents
from mobility.ucwa.service import Ucwa

MAX_NAME = 100
"""Characters of culture and userAgent (UCWA rel `anonApplications`)."""

ALLOWED = frozenset(
    {
        ("application", "GET"),
        ("application", "DELETE"),
        ("events", "GET"),
        ("batch", "POST"),
        ("policies", "GET"),
        ("mediaPolicies", "GET"),
        ("me", "GET"),
        ("people", "GET"),
        ("onlineMeetings", "GET"),
        ("communication", "GET"),
        ("invitations", "GET"),
        ("joinOnlineMeeting", "POST"),
        ("onlineMeetingInvitation", "GET"),
        ("messagingInvitation", "GET"),
        ("cancel", "POST"),
        ("conversations", "GET"),
        ("conversation", "GET"),
        ("conversation", "DELETE"),
        ("onlineMeeting", "GET"),
        ("participants", "GET"),
        ("participant", "GET"),
        ("participantMessaging", "GET"),
        ("leaders", "GET"),
        ("attendees", "GET"),
        ("lobby", "GET"),
        ("admit", "POST"),
        ("reject", "POST"),
        ("eject", "POST"),
        ("promote", "POST"),
        ("demote", "POST"),
        ("enableAudienceMessaging", "POST"),
        ("disableAudienceMessaging", "POST"),
        ("enableAudienceMuteLock", "POST"),
        ("disableAudienceMuteLock", "POST"),
        ("applicationSharing", "GET"),
        ("dataCollaboration", "GET"),
        (documents.START_SHARING, "POST"),
        (documents.STOP_SHARING, "POST"),
        (documents.START_COLLABORATION, "POST"),
        (documents.STOP_COLLABORATION, "POST"),
        ("applicationSharingRenegotiation", "GET"),
        ("answer", "POST"),
        ("dismiss", "POST"),
        ("participantApplicationSharing", "GET"),
        ("participantDataCollaboration", "GET"),
        ("messaging", "GET"),
        ("addMessaging", "POST"),
        ("stopMessaging", "POST"),
        ("messages", "GET"),
        ("message", "GET"),
        ("sendMessage", "POST"),
        ("setIsTyping", "POST"),
        ("typingParticipants", "GET"),
        ("audioVideo", "GET"),
        ("audioVideoPolicies", "GET"),
        ("addAudio", "POST"),
        ("addVideo", "POST"),
        ("addAudioVideo", "POST"),
        ("stopAudio", "POST"),
        ("stopVideo", "POST"),
        ("stopAudioVideo", "POST"),
        ("audioVideoInvitation", "GET"),
        ("audioVideoNegotiation", "GET"),
        ("audioVideoSession", "GET"),
        ("sessions", "GET"),
        ("renegotiations", "POST"),
        ("resumeAudio", "POST"),
        ("resumeAudioVideo", "POST"),
        ("audioVideoRenegotiation", "GET"),
        ("answer", "POST"),
        ("dismiss", "POST"),
        ("participantAudio", "GET"),
        ("participantVideo", "GET"),
        ("muteAudio", "POST"),
        ("unmuteAudio", "POST"),
        ("muteVideo", "POST"),
        ("unmuteVideo", "POST"),
        ("mobility:lockVideo", "POST"),
        ("mobility:unlockVideo", "POST"),
        ("mediaRelayAccessToken", "GET"),
        ("mediaRelay", "GET"),
        ("publishCallQualityFeedback", "POST"),
        ("reportMediaDiagnostics", "POST"),
        ("mediaDiagnostics", "POST"),
    }
)
"""Rel and method of each operation that reaches only the meeting one is in, or oneself.

`people` and `onlineMeetings` show a guest nothing: clients look for them in the application.
"""


def registration(request: Request) -> Registration:
    """What a guest's client says of itself; an endpointId it need not send.

    Without one each POST makes an application of its own.
    """
    body = fields(request)
    said = Registration(
        culture=body.text("culture", required=True, max_length=MAX_NAME),
        user_agent=body.text("userAgent", required=True, max_length=MAX_NAME),
        endpoint_id=body.text("endpointId", max_length=MAX_NAME) or secrets.token_hex(8),
        type=body.text("type", max_length=MAX_NAME),
        instance_id=body.text("instanceId", max_length=MAX_NAME),
    )
    body.check()
    return said


def require(endpoint: Endpoint, rel: str, method: str) -> None:
    """403 AnonymousNotAllowed for what a guest may not do."""
    if endpoint.guest and (rel, method) not in ALLOWED:
        raise not_allowed()


def not_allowed() -> Refusal:
    return Refusal("Forbidden", "AnonymousNotAllowed", "This needs an account.")


def account_of(ucwa: Ucwa, uri: str) -> User | None:
    """The user of this URI, or the guest; None for nobody."""
    return ucwa.users.find(uri) or ucwa.guests.user(uri)
