"""UCWA area *phone audio*: call via work, and meetings that call the telephones of who joins."""

from functools import partial

from mobility.domain.addresses import user_uri
from mobility.domain.call import PHONE_AUDIO, call_fact
from mobility.domain.facts import CallChanged
from mobility.domain.meeting_phones import MeetingPhones
from mobility.domain.phone_audio import PhoneCall
from mobility.domain.telephony import Telephony
from mobility.errors import Refusal
from mobility.http.body import fields
from mobility.http.message import Response
from mobility.ucwa import phone_documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Handler, Operation, Resource
from mobility.ucwa.history import continuation
from mobility.ucwa.hrefs import data_uri
from mobility.ucwa.me import MAX_PHONE
from mobility.ucwa.messaging import (
    IMPORTANCE,
    MAX_CUSTOM_CONTENT_BYTES,
    MAX_OPERATION_ID,
    MAX_SUBJECT,
    MAX_THREAD_ID,
    get_invitation,
)
from mobility.ucwa.service import Ucwa

MAX_ADDRESS = 330
"""Characters of `to` and `delegator`: a SIP URI, or a number."""


def starts(*, for_another: bool = False) -> Handler:
    """POST startPhoneAudio; with `for_another` the caller may act for a delegator."""

    async def start(ucwa: Ucwa, call: Call) -> Response:
        body = fields(call.request)
        to = body.text("to", required=True, max_length=MAX_ADDRESS)
        number = body.text("phoneNumber", max_length=MAX_PHONE)
        operation_id = body.text("operationId", max_length=MAX_OPERATION_ID)
        subject = body.text("subject", max_length=MAX_SUBJECT)
        importance = body.choice("importance", IMPORTANCE) or "Normal"
        thread_id = body.text("threadId", max_length=MAX_THREAD_ID)
        custom = body.data_link("customContent", max_bytes=MAX_CUSTOM_CONTENT_BYTES)
        delegator = body.text("delegator", max_length=MAX_ADDRESS) if for_another else ""
        for_uri = user_uri(delegator) if delegator else ""
        if for_uri is None:
            body.fail("delegator", "must be a SIP URI")
        body.check()
        content = data_uri(custom.text, custom.content_type) if custom is not None else ""
        wanted = PhoneCall(
            to, number, operation_id, subject, importance, thread_id, content, for_uri or ""
        )
        telephones = _telephones(ucwa)
        invitation = await telephones.phone_audio.start(
            call.endpoint, wanted, call.now, call.receipt
        )
        return invited(ucwa, call, invitation.id)

    return start


def invited(ucwa: Ucwa, call: Call, invitation_id: str) -> Response:  # noqa: ARG001  # a Repeat
    href = call.hrefs.invitation(invitation_id, "phoneAudioInvitation")
    return Response(201, headers=[("Location", href)])


async def go_on(ucwa: Ucwa, call: Call) -> Response:
    """A call to the other party of a past conversation, in its thread."""
    body = fields(call.request)
    number = body.text("phoneNumber", max_length=MAX_PHONE)
    operation_id = body.text("operationId", max_length=MAX_OPERATION_ID)
    body.check()
    past = await continuation(ucwa, call)
    wanted = PhoneCall(
        past.to_uri, number, operation_id, past.subject, past.importance, past.thread_id
    )
    invitation = await _telephones(ucwa).phone_audio.start(
        call.endpoint, wanted, call.now, call.receipt
    )
    return invited(ucwa, call, invitation.id)


def _by_phone(call: Call) -> PhoneCall:
    """Whom a telephone is to talk to, and which one."""
    body = fields(call.request)
    to = body.text("to", required=True, max_length=MAX_ADDRESS)
    number = body.text("phoneNumber", max_length=MAX_PHONE)
    operation_id = body.text("operationId", max_length=MAX_OPERATION_ID)
    body.check()
    return PhoneCall(to, number, operation_id)


async def add(ucwa: Ucwa, call: Call) -> Response:
    wanted = _by_phone(call)
    conversation, _ = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    adds = _telephones(ucwa).phone_audio.add
    if conversation.is_conference:
        adds = _in_meetings(ucwa).call
    invitation = await adds(call.endpoint, conversation.id, wanted, call.now, call.receipt)
    return invited(ucwa, call, invitation.id)


async def replace(ucwa: Ucwa, call: Call) -> Response:
    """Go on with a telephone: the call stays as it is until that is in it."""
    wanted = _by_phone(call)
    conversation, _ = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    replaces = _telephones(ucwa).replacements.start
    if conversation.is_conference:
        replaces = partial(_in_meetings(ucwa).call, replaces=True)
    invitation = await replaces(call.endpoint, conversation.id, wanted, call.now, call.receipt)
    return invited(ucwa, call, invitation.id)


async def accept(ucwa: Ucwa, call: Call) -> Response:
    """Answer a call with the telephone: it rings now, and answering it answers the call."""
    handsets = _telephones(ucwa).handsets
    await handsets.accept(call.endpoint, call.parameter("invitation"), call.now)
    return Response(204)


def get_phone_audio(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    policy = ucwa.calls.policies.at(call.endpoint)
    if not (policy.joins_by_phone if conversation.is_conference else policy.phone):
        raise Refusal("NotFound", "ResourceNotFound", "There is no such resource.")
    if conversation.is_conference:
        mixed = _in_meetings(ucwa).shown(conversation, leg)
        return Response(document=phone_documents.phone_audio(call.hrefs, mixed, policy))
    fact = call_fact(conversation, leg)
    if fact.modality != PHONE_AUDIO:
        called = conversation.replacing(call.endpoint.id) is not None
        state, may_add = "Connecting" if called else "Disconnected", conversation.may_call(leg)
        fact = CallChanged(conversation.id, PHONE_AUDIO, state, may_add=may_add)
    return Response(document=phone_documents.phone_audio(call.hrefs, fact, policy))


def holds(*, held: bool) -> Handler:
    """POST holdPhoneAudio and resumePhoneAudio."""

    async def hold(ucwa: Ucwa, call: Call) -> Response:
        conversation_id = call.parameter("conversation")
        conversation, _ = ucwa.conversations.find(call.endpoint, conversation_id)
        if conversation.is_conference:
            phones = _in_meetings(ucwa)
            await phones.hold(call.endpoint, conversation_id, call.now, held=held)
        else:
            await _telephones(ucwa).phone_audio.hold(call.endpoint, conversation_id, held=held)
        return Response(204)

    return hold


async def stop(ucwa: Ucwa, call: Call) -> Response:
    conversation, _ = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    stops = _telephones(ucwa).phone_audio.stop
    if conversation.is_conference:
        stops = _in_meetings(ucwa).stop
    elif conversation.replacing(call.endpoint.id) is not None:
        stops = _telephones(ucwa).replacements.stop
    await stops(call.endpoint, conversation.id, call.now)
    return Response(204)


def _telephones(ucwa: Ucwa) -> Telephony:
    """403 on a front end that reaches no telephone network."""
    if ucwa.telephony is None:
        raise Refusal("Forbidden", None, "There are no telephone calls here.")
    return ucwa.telephony


def _in_meetings(ucwa: Ucwa) -> MeetingPhones:
    """403 on a front end without a mixer."""
    phones = _telephones(ucwa).meetings
    if phones is None:
        raise Refusal("Forbidden", None, "Meetings have no telephone audio here.")
    return phones


_COMMUNICATION = "communication"
_INVITATION = f"{_COMMUNICATION}/phoneAudioInvitations"
_PHONE_AUDIO = f"{_COMMUNICATION}/conversations/{{conversation}}/phoneAudio"
_START = ("operationId", "phoneNumber", "importance", "subject", "threadId", "to", "customContent")
_REFUSED = (
    ("BadRequest", "NormalizationFailed"),
    ("Forbidden", ""),
    ("Conflict", "TooManyConversations"),
    ("Conflict", "ThreadIdAlreadyExists"),
)

RESOURCES = (
    Resource(
        "startPhoneAudio",
        _INVITATION,
        (
            Operation(
                "POST", starts(), (201,), refusals=_REFUSED, parameters=_START, repeat=invited
            ),
        ),
        revision=2,
        aliases=(f"{_COMMUNICATION}/startPhoneAudio",),
    ),
    Resource(
        "startPhoneAudioOnBehalfOfDelegator",
        f"{_COMMUNICATION}/startPhoneAudioOnBehalfOfDelegator",
        (
            Operation(
                "POST",
                starts(for_another=True),
                (201,),
                refusals=_REFUSED,
                parameters=(*_START, "delegator"),
                repeat=invited,
            ),
        ),
    ),
    Resource(
        "continuePhoneAudio",
        f"{_COMMUNICATION}/conversationLogs/{{log}}/continuePhoneAudio",
        (
            Operation(
                "POST",
                go_on,
                (201,),
                refusals=(*_REFUSED, ("Conflict", "")),
                parameters=("operationId", "phoneNumber"),
                repeat=invited,
            ),
        ),
    ),
    Resource(
        "phoneAudioInvitation",
        f"{_INVITATION}/{{invitation}}",
        (Operation("GET", get_invitation),),
        events=tuple(
            Event(kind, "communication", Priority.HIGH)
            for kind in ("started", "updated", "completed")
        ),
    ),
    Resource(
        "acceptWithPhoneAudio",
        f"{_COMMUNICATION}/audioVideoInvitations/{{invitation}}/acceptWithPhoneAudio",
        (Operation("POST", accept, (204,), refusals=(("Conflict", ""), ("Forbidden", ""))),),
        aliases=(f"{_COMMUNICATION}/invitations/{{invitation}}/acceptWithPhoneAudio",),
    ),
    Resource(
        "phoneAudio",
        _PHONE_AUDIO,
        (Operation("GET", get_phone_audio),),
        events=(Event("updated", "conversation", Priority.HIGH),),
    ),
    Resource(
        "addPhoneAudio",
        f"{_PHONE_AUDIO}/addPhoneAudio",
        (
            Operation(
                "POST",
                add,
                (201,),
                refusals=(*_REFUSED, ("Conflict", "")),
                parameters=("operationId", "phoneNumber", "to"),
                repeat=invited,
            ),
        ),
    ),
    Resource(
        "replaceWithPhoneAudio",
        f"{_COMMUNICATION}/conversations/{{conversation}}/audioVideo/replaceWithPhoneAudio",
        (
            Operation(
                "POST",
                replace,
                (201,),
                refusals=(
                    ("BadRequest", "NormalizationFailed"),
                    ("Forbidden", ""),
                    ("Conflict", ""),
                ),
                parameters=("operationId", "phoneNumber", "to"),
                repeat=invited,
            ),
        ),
    ),
    *(
        Resource(
            rel,
            f"{_PHONE_AUDIO}/{rel}",
            (Operation("POST", handler, (204,), refusals=(("Conflict", ""),)),),
        )
        for rel, handler in (
            ("holdPhoneAudio", holds(held=True)),
            ("resumePhoneAudio", holds(held=False)),
            ("stopPhoneAudio", stop),
        )
    ),
)
