"""UCWA area *audio/video*: calls that begin, their invitations, and how they end."""

from collections.abc import Callable

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.call import AUDIO_VIDEO as MODALITY
from mobility.domain.call import call_fact, negotiation_fact
from mobility.domain.call_rows import Answer, Wanted
from mobility.domain.conference_calls import ConferenceCalls
from mobility.domain.conversation import CALL, ActiveConversation
from mobility.domain.descriptions import Description
from mobility.domain.facts import CallChanged
from mobility.domain.mixed_facts import answer_fact
from mobility.domain.records import Leg
from mobility.domain.telephone import civic_location
from mobility.domain.voice_routing import looks_dialled
from mobility.errors import PeerFault, Refusal
from mobility.http.body import Fields, fields
from mobility.http.message import Request, Response
from mobility.media.offers import read_description
from mobility.media.sdp import MAX_BYTES as MAX_SDP_BYTES
from mobility.ucwa import call_documents, documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Handler, Operation, Resource
from mobility.ucwa.hrefs import data_uri
from mobility.ucwa.messaging import (
    IMPORTANCE,
    MAX_CUSTOM_CONTENT_BYTES,
    MAX_OPERATION_ID,
    MAX_SUBJECT,
    MAX_THREAD_ID,
    get_invitation,
)
from mobility.ucwa.service import Ucwa

MAX_SESSION_CONTEXT = 50
MAX_OFFER_ID = 100
"""Characters of sessionContext and processedOfferId (UCWA rel `acceptWithAnswer`)."""

MAX_ADDRESS = 330
"""Characters of `to` and `delegator`: a SIP URI."""

MAX_CIVIC = 250
"""Characters of each part of a civic address (our choice; the page names no limit)."""

AUDIO, VIDEO, AUDIO_VIDEO = ("Audio",), ("Video",), ("Audio", "Video")

TERMINATION_REASONS = (
    "CallEstablishFailureBothInternal",
    "CallEstablishFailureOneInternalOneExternal",
    "Cancel",
    "CodecMismatch",
    "ConversationSuspendedLossNetwork",
    "FailedStartAudioStream",
    "InternalFailure",
    "InvalidMediaAnswer",
    "MediaConnectivityFailure",
    "MediaTimeout",
    "MidCallFailureBothInternal",
    "MidCallFailureOneInternalOneExternal",
    "SharerLeftConference",
    "Unknown",
    "UnsupportedMedia",
    "UserInitiatedAction",
)
"""CallTerminationReason."""

CIVIC = ("address", "building", "city", "country", "state", "zip")
"""Where the caller is, in an emergency call."""


def starts(media: tuple[str, ...], *, for_another: bool = False) -> Handler:
    """POST startAudio and its like; with `for_another` the caller may act for a delegator."""

    async def start(ucwa: Ucwa, call: Call) -> Response:
        body = fields(call.request)
        delegator = body.text("delegator", max_length=MAX_ADDRESS) if for_another else ""
        to = body.text("to", required=True, max_length=MAX_ADDRESS)
        to_uri = user_uri(to)
        by_number = ucwa.telephony is not None and media == AUDIO and looks_dialled(to)
        if to and not by_number and (to_uri is None or to_uri == call.endpoint.user_uri):
            body.fail("to", "must be the SIP URI of another person")
        for_uri = user_uri(delegator) if delegator else ""
        if for_uri is None:
            body.fail("delegator", "must be a SIP URI")
        wanted = wanted_of(body, to_uri or "", media)
        if for_uri and not ucwa.delegates.may_act_for(call.endpoint.user_uri, for_uri):
            raise Refusal("Forbidden", "NoDelegatesConfigured", "You do not act for this person.")
        wanted = attrs.evolve(wanted, on_behalf_of=for_uri or "")
        if ucwa.telephony is not None and by_number and ucwa.users.find(to) is None:
            invitation = await ucwa.telephony.outside.start(
                call.endpoint, wanted, to, call.now, call.receipt
            )
        else:
            invitation = await ucwa.calls.start(call.endpoint, wanted, call.now, call.receipt)
        return invited(ucwa, call, invitation.id)

    return start


def adds(media: tuple[str, ...]) -> Handler:
    """POST addAudio and its like: the other one of the conversation rings, or the mixer is called
    in a conference."""

    async def add(ucwa: Ucwa, call: Call) -> Response:
        conversation, leg = _conversation(ucwa, call)
        body = fields(call.request)
        to = body.text("to", max_length=MAX_ADDRESS)
        if conversation.is_conference:
            wanted = wanted_of(body, "", media)
            mixed = mixed_calls(ucwa)
            invitation = await mixed.add(
                call.endpoint, conversation.id, wanted, call.now, call.receipt
            )
            return invited(ucwa, call, invitation.id)
        peers = conversation.peers(leg)
        to_uri = user_uri(to) if to else next(iter(peers), None)
        if to and to_uri not in peers:
            body.fail("to", "must be the other participant")
        wanted = wanted_of(body, to_uri or "", media)
        invitation = await ucwa.calls.add(
            call.endpoint, conversation.id, wanted, call.now, call.receipt
        )
        return invited(ucwa, call, invitation.id)

    return add


def invited(ucwa: Ucwa, call: Call, invitation_id: str) -> Response:  # noqa: ARG001  # a Repeat
    href = call.hrefs.invitation(invitation_id, "audioVideoInvitation")
    return Response(201, headers=[("Location", href)])


async def start_emergency_call(ucwa: Ucwa, call: Call) -> Response:
    """Without a gateway to the telephone network nobody would hear an emergency call."""
    body = fields(call.request)
    to = body.text("to", required=True, max_length=MAX_ADDRESS)
    civic = {name: body.text(name, max_length=MAX_CIVIC) for name in CIVIC}
    wanted = wanted_of(body, to, AUDIO)
    if ucwa.telephony is None:
        raise Refusal(
            "Forbidden",
            "OperationNotSupported",
            "There are no emergency calls here; call them by another telephone.",
        )
    invitation = await ucwa.telephony.outside.start_emergency(
        call.endpoint, wanted, to, call.now, call.receipt, civic_location(civic)
    )
    return invited(ucwa, call, invitation.id)


async def accept_with_answer(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.calls.accept(call.endpoint, call.parameter("invitation"), _answer(call), call.now)
    return Response(204)


async def send_provisional_answer(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.calls.answer_provisionally(
        call.endpoint, call.parameter("invitation"), _answer(call)
    )
    return Response(204)


def get_negotiation(ucwa: Ucwa, call: Call) -> Response:
    """The final answer to an outgoing invitation, or the last provisional one; 404 before."""
    conversation, invitation, leg = ucwa.conversations.find_invitation(
        call.endpoint, call.parameter("invitation")
    )
    part = conversation.parts.get(leg.application_id)
    if part is not None and part.call_id == invitation.id and part.answer:
        fact = answer_fact(conversation, part, provisional=not part.mixed)
        return Response(document=call_documents.negotiation(call.hrefs, fact))
    going = conversation.call
    if (
        invitation.kind != CALL
        or going is None
        or (going.id, going.caller_id) != (invitation.id, leg.application_id)
    ):
        raise _no_resource()
    answers = [side for key, side in conversation.sides.items() if key != going.caller_id]
    if not answers:
        raise _no_resource()
    fact = negotiation_fact(conversation, answers[-1], provisional=not going.callee_id)
    return Response(document=call_documents.negotiation(call.hrefs, fact))


def get_audio_video(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = _conversation(ucwa, call)
    if conversation.is_conference and ucwa.conference_calls is None and leg.call == "Disconnected":
        raise _no_resource()
    fact = call_fact(conversation, leg)
    if fact.modality != MODALITY:
        fact = CallChanged(conversation.id, MODALITY, "Disconnected")
    policy = ucwa.calls.policies.at(call.endpoint)
    return Response(document=call_documents.audio_video(call.hrefs, fact, policy))


def stops(media: tuple[str, ...]) -> Handler:
    """POST stopAudio and its like."""

    async def stop(ucwa: Ucwa, call: Call) -> Response:
        body = fields(call.request)
        reason = body.choice("reason", TERMINATION_REASONS)
        body.check()
        conversation, leg = _conversation(ucwa, call)
        if leg.application_id in conversation.parts:
            mixed = mixed_calls(ucwa)
            await mixed.stop(call.endpoint, conversation.id, media, call.now)
        else:
            await ucwa.calls.stop(call.endpoint, conversation.id, media, call.now, reason or "")
        return Response(204)

    return stop


def get_policies(ucwa: Ucwa, call: Call) -> Response:
    """There is no gallery; meetings are joined with media where there is a mixer."""
    mixed = "Disabled" if ucwa.conference_calls is None else "Enabled"
    own = call.hrefs.of("communication/audioVideoPolicies")
    return Response(
        document={
            "rel": "audioVideoPolicies",
            "joinScheduledOnlineMeeting": mixed,
            "multiView": "Disabled",
            "_links": documents.links(self=own),
        }
    )


def mixed_calls(ucwa: Ucwa) -> ConferenceCalls:
    """The audio and video of conferences; 409 ModalityNotSupported where there is none."""
    if ucwa.conference_calls is None:
        raise Refusal("Conflict", "ModalityNotSupported", "Conferences have no audio and video.")
    return ucwa.conference_calls


def body_description(request: Request) -> Description:
    """The session description that is the body: application/sdp in UTF-8.

    Raises PeerFault: 415 for another media type, 400 InvalidMediaDescription for no description.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("", call_documents.SDP):
        raise PeerFault("UnsupportedMediaType", None, "The body must be application/sdp.")
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        raise PeerFault("BadRequest", "DeserializationFailure", "The body is no UTF-8.") from None
    return read_description(text)


def _answer(call: Call) -> Answer:
    query = Fields({}, call.request.query)
    context = query.text("sessionContext", max_length=MAX_SESSION_CONTEXT)
    offer_id = query.text("processedOfferId", max_length=MAX_OFFER_ID)
    query.check()
    return Answer(body_description(call.request), context, offer_id)


def wanted_of(body: Fields, to_uri: str, media: tuple[str, ...]) -> Wanted:
    """What the body asks of a call.

    Raises PeerFault: 400 that lists every wrong parameter, or InvalidMediaDescription for a wrong
    offer.
    """
    offer = body.data_link("mediaOffer", required=True, max_bytes=MAX_SDP_BYTES)
    if offer is not None and offer.content_type != call_documents.SDP:
        body.fail("mediaOffer", f"must be {call_documents.SDP}")
    custom = body.data_link("customContent", max_bytes=MAX_CUSTOM_CONTENT_BYTES)
    wanted = Wanted(
        to_uri,
        media,
        context=body.text("sessionContext", max_length=MAX_SESSION_CONTEXT),
        operation_id=body.text("operationId", max_length=MAX_OPERATION_ID),
        subject=body.text("subject", max_length=MAX_SUBJECT),
        importance=body.choice("importance", IMPORTANCE) or "Normal",
        thread_id=body.text("threadId", max_length=MAX_THREAD_ID),
        custom_content=data_uri(custom.text, custom.content_type) if custom is not None else "",
        muted=tuple(medium for medium in media if body.boolean(f"join{medium}Muted")),
    )
    body.check()
    return attrs.evolve(wanted, offer=read_description(offer.text if offer is not None else ""))


def _conversation(ucwa: Ucwa, call: Call) -> tuple[ActiveConversation, Leg]:
    return ucwa.conversations.find(call.endpoint, call.parameter("conversation"))


def _no_resource() -> Refusal:
    return Refusal("NotFound", "ResourceNotFound", "There is no such resource.")


_COMMUNICATION = "communication"
_INVITATION = "communication/audioVideoInvitations/{invitation}"
_REFERENCE_INVITATION = "communication/invitations/{invitation}"
_AUDIO_VIDEO = "communication/conversations/{conversation}/audioVideo"
_REFUSED = (("Forbidden", ""), ("BadRequest", "InvalidMediaDescription"))
_START = (
    "operationId",
    "to",
    "importance",
    "subject",
    "threadId",
    "mediaOffer",
    "sessionContext",
)


def _start(
    rel: str, media: tuple[str, ...], *more: str, revision: int = 1, for_another: bool = False
) -> Resource:
    muted = tuple(f"join{medium}Muted" for medium in media)
    return Resource(
        rel,
        f"{_COMMUNICATION}/{rel}",
        (
            Operation(
                "POST",
                starts(media, for_another=for_another),
                (201,),
                refusals=(
                    ("Conflict", "TooManyConversations"),
                    ("Conflict", "ThreadIdAlreadyExists"),
                    *_REFUSED,
                ),
                parameters=(*_START, *muted, *more),
                repeat=invited,
            ),
        ),
        revision=revision,
    )


def _add(rel: str, media: tuple[str, ...]) -> Resource:
    return Resource(
        rel,
        f"{_AUDIO_VIDEO}/{rel}",
        (
            Operation(
                "POST",
                adds(media),
                (201,),
                refusals=(("Conflict", ""), *_REFUSED),
                parameters=(
                    "operationId",
                    "mediaOffer",
                    "sessionContext",
                    "to",
                    *(f"join{medium}Muted" for medium in media),
                ),
                repeat=invited,
            ),
        ),
    )


def _with_description(rel: str, handler: Callable[..., object]) -> Resource:
    return Resource(
        rel,
        f"{_INVITATION}/{rel}",
        (
            Operation(
                "POST",
                handler,  # type: ignore[arg-type]  # a Handler
                (204,),
                refusals=(("Conflict", ""), ("BadRequest", "InvalidMediaDescription")),
                parameters=("sdp", "sessionContext", "processedOfferId"),
                max_body_bytes=MAX_SDP_BYTES,
            ),
        ),
        aliases=(f"{_REFERENCE_INVITATION}/{rel}",),
    )


RESOURCES = (
    _start("startAudio", AUDIO, "customContent", revision=2),
    _start("startAudioVideo", AUDIO_VIDEO, "customContent", revision=2),
    _start("startVideo", VIDEO),
    _start("startAudioOnBehalfOfDelegator", AUDIO, "customContent", "delegator", for_another=True),
    _start(
        "startAudioVideoOnBehalfOfDelegator",
        AUDIO_VIDEO,
        "customContent",
        "delegator",
        for_another=True,
    ),
    Resource(
        "startEmergencyCall",
        f"{_COMMUNICATION}/startEmergencyCall",
        (
            Operation(
                "POST",
                start_emergency_call,
                (201,),
                refusals=(("Forbidden", "OperationNotSupported"),),
                parameters=(*_START, "joinAudioMuted", "customContent", *CIVIC),
                repeat=invited,
            ),
        ),
    ),
    Resource(
        "audioVideoInvitation",
        _INVITATION,
        (Operation("GET", get_invitation),),
        events=tuple(
            Event(kind, "communication", Priority.HIGH)
            for kind in ("started", "updated", "completed")
        ),
    ),
    _with_description("acceptWithAnswer", accept_with_answer),
    _with_description("sendProvisionalAnswer", send_provisional_answer),
    Resource(
        "audioVideoNegotiation",
        f"{_INVITATION}/audioVideoNegotiation",
        (Operation("GET", get_negotiation),),
        events=(Event("updated", "audioVideoInvitation", Priority.HIGH),),
        aliases=(f"{_REFERENCE_INVITATION}/audioVideoNegotiation",),
    ),
    Resource(
        "audioVideo",
        _AUDIO_VIDEO,
        (Operation("GET", get_audio_video),),
        events=(Event("updated", "conversation", Priority.HIGH),),
    ),
    Resource(
        "audioVideoPolicies",
        f"{_COMMUNICATION}/audioVideoPolicies",
        (Operation("GET", get_policies),),
    ),
    _add("addAudio", AUDIO),
    _add("addAudioVideo", AUDIO_VIDEO),
    _add("addVideo", VIDEO),
    *(
        Resource(
            rel,
            f"{_AUDIO_VIDEO}/{rel}",
            (
                Operation(
                    "POST",
                    stops(media),
                    (204,),
                    refusals=(("Conflict", ""),),
                    parameters=("reason",),
                ),
            ),
        )
        for rel, media in (
            ("stopAudio", AUDIO),
            ("stopVideo", VIDEO),
            ("stopAudioVideo", AUDIO_VIDEO),
        )
    ),
)
