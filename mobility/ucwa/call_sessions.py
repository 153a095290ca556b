"""UCWA: the media session of a call: new offers within it, and whose media are muted."""

from mobility.domain.addresses import user_uri
from mobility.domain.call import AUDIO_VIDEO as MODALITY
from mobility.domain.call import media_facts, renegotiation_fact, session_fact
from mobility.domain.conversation import CONFERENCED, ActiveConversation
from mobility.domain.descriptions import VIDEO
from mobility.domain.facts import ParticipantMediaChanged
from mobility.domain.mixed_offers import MixedOffers
from mobility.domain.records import Leg
from mobility.domain.renegotiations import Renegotiations
from mobility.errors import Refusal
from mobility.http.body import Fields, fields
from mobility.http.message import Response
from mobility.media.sdp import MAX_BYTES as MAX_SDP_BYTES
from mobility.ucwa import call_documents, documents
from mobility.ucwa.call_documents import EXTENSIONS
from mobility.ucwa.calls import AUDIO, AUDIO_VIDEO, body_description, mixed_calls
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Handler, Operation, Resource
from mobility.ucwa.hrefs import TELEPHONE, is_number
from mobility.ucwa.messaging import MAX_OPERATION_ID
from mobility.ucwa.service import Ucwa

DISMISSALS = {
    "Conflict": "AnotherOperationPending",
    "EncryptionMismatch": "MediaEncryptionMismatch",
    "InsufficientBandwidth": "InsufficientBandwidth",
    "InvalidMediaOffer": "InvalidMediaDescription",
    "IPv6NotSupported": "IPv6NotSupported",
    "MediaAllocationFailure": "MediaFailure",
    "Unknown": "Declined",
    "UnsupportedMedia": "ModalityNotSupported",
}
"""ReNegotiationDeclineReason, to the subcode that who offered is told."""


def get_session(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = _connected(ucwa, call)
    fact = session_fact(conversation, leg, "updated")
    return Response(document=call_documents.session(call.hrefs, fact))


def get_sessions(ucwa: Ucwa, call: Call) -> Response:
    """The sessions of a conversation's call: the page describes nothing but the resource itself."""
    conversation, _ = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    own = f"{call.hrefs.conversation(conversation.id)}/audioVideo/sessions"
    return Response(document={"rel": "sessions", "_links": documents.links(self=own)})


def offers(*resumes: str) -> Handler:
    """POST renegotiations; with `resumes` the operations that end a hold."""

    async def offer(ucwa: Ucwa, call: Call) -> Response:
        query = Fields({}, call.request.query)
        operation_id = query.text("operationId", max_length=MAX_OPERATION_ID)
        query.check()
        conversation, leg = _connected(ucwa, call)
        renegotiation = await _offers_of(ucwa, conversation, leg).offer(
            call.endpoint,
            conversation.id,
            body_description(call.request),
            operation_id,
            call.now,
            call.receipt,
            resumes=resumes,
        )
        return offered(ucwa, call, renegotiation.id)

    return offer


def offered(ucwa: Ucwa, call: Call, renegotiation_id: str) -> Response:  # noqa: ARG001  # a Repeat
    conversation = call.hrefs.conversation(call.parameter("conversation"))
    session = f"{conversation}/audioVideo/audioVideoSession"
    href = f"{session}/renegotiations/{renegotiation_id}"
    return Response(201, headers=[("Location", href)])


def get_renegotiation(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = _negotiating(ucwa, call)
    offers = _offers_of(ucwa, conversation, leg)
    offers.find(call.endpoint, conversation.id, call.parameter("renegotiation"))
    fact = renegotiation_fact(conversation, leg, "updated")
    policy = ucwa.calls.policies.at(call.endpoint)
    return Response(document=call_documents.renegotiation(call.hrefs, fact, policy))


async def answer(ucwa: Ucwa, call: Call) -> Response:
    """An answer to a new offer of a call, or to the offer of a screen."""
    if _offers_screen(ucwa, call):
        await ucwa.sharing.answer(
            call.endpoint,
            call.parameter("conversation"),
            call.parameter("renegotiation"),
            body_description(call.request),
        )
        return Response(204)
    conversation, leg = _negotiating(ucwa, call)
    await _offers_of(ucwa, conversation, leg).answer(
        call.endpoint,
        conversation.id,
        call.parameter("renegotiation"),
        body_description(call.request),
    )
    return Response(204)


async def dismiss(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    reason = body.choice("reason", tuple(DISMISSALS)) or "Unknown"
    body.check()
    if _offers_screen(ucwa, call):
        await ucwa.sharing.dismiss(
            call.endpoint,
            call.parameter("conversation"),
            call.parameter("renegotiation"),
            DISMISSALS[reason],
        )
        return Response(204)
    conversation, leg = _negotiating(ucwa, call)
    await _offers_of(ucwa, conversation, leg).dismiss(
        call.endpoint, conversation.id, call.parameter("renegotiation"), DISMISSALS[reason]
    )
    return Response(204)


def of_participant(medium: str) -> Handler:
    """GET participantAudio and participantVideo; 404 while the participant has no such medium."""

    def get(ucwa: Ucwa, call: Call) -> Response:
        fact = _media_of(ucwa, call, medium)
        return Response(document=call_documents.participant_media(call.hrefs, fact))

    return get


def mutes(medium: str, *, muted: bool) -> Handler:
    """POST muteAudio and its like, by whom it belongs to or, in a conference, by a leader."""

    async def mute(ucwa: Ucwa, call: Call) -> Response:
        fact = _media_of(ucwa, call, medium)
        conversation, _ = ucwa.conversations.find(call.endpoint, fact.conversation_id)
        if any(part.uri == fact.uri for part in conversation.parts.values()):
            await mixed_calls(ucwa).mute(
                call.endpoint, conversation.id, fact.uri, medium, muted=muted
            )
            return Response(204)
        if not fact.local:
            raise Refusal("Forbidden", None, "Between two parties each mutes itself.")
        await ucwa.calls.mute(call.endpoint, call.parameter("conversation"), medium, muted=muted)
        return Response(204)

    return mute


def locks(*, locked: bool) -> Handler:
    """POST mobility:lockVideo and mobility:unlockVideo, by a leader of a conference."""

    async def lock(ucwa: Ucwa, call: Call) -> Response:
        fact = _media_of(ucwa, call, VIDEO)
        await mixed_calls(ucwa).lock_video(
            call.endpoint, fact.conversation_id, fact.uri, locked=locked
        )
        return Response(204)

    return lock


def _offers_of(
    ucwa: Ucwa, conversation: ActiveConversation, leg: Leg
) -> Renegotiations | MixedOffers:
    """What makes new offers in a call: with the mixer of a conference, or between two parties."""
    if leg.application_id in conversation.parts:
        return mixed_calls(ucwa).offers
    return ucwa.renegotiations


def _offers_screen(ucwa: Ucwa, call: Call) -> bool:
    """Whether what is answered is the offer of a screen."""
    offer_id = call.parameter("renegotiation")
    found = ucwa.sharing.find_offer(call.endpoint, call.parameter("conversation"), offer_id)
    return found is not None


def _connected(ucwa: Ucwa, call: Call) -> tuple[ActiveConversation, Leg]:
    """A conversation whose call the application is connected to; 404 for any other."""
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    part = conversation.parts.get(leg.application_id)
    if part is not None and part.mixed:
        return conversation, leg
    going = conversation.call
    if going is None or leg.call != "Connected" or going.modality != MODALITY:
        raise Refusal("NotFound", "ResourceNotFound", "There is no call that is connected.")
    return conversation, leg


def _negotiating(ucwa: Ucwa, call: Call) -> tuple[ActiveConversation, Leg]:
    """The same, or one whose call rings and is offered anew before it is answered."""
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    if conversation.early_to == leg.application_id:
        return conversation, leg
    return _connected(ucwa, call)


def _media_of(ucwa: Ucwa, call: Call, medium: str) -> ParticipantMediaChanged:
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    if not conversation.is_conference:
        conversation, leg = _connected(ucwa, call)
    elif leg.state != CONFERENCED:
        raise Refusal("NotFound", "ResourceNotFound", "The application is not in the conference.")
    address = call.parameter("address")
    uri = user_uri(address)
    if address == TELEPHONE:
        uri = next(filter(is_number, conversation.peers(leg)), None)
    name_of = ucwa.conversations.names_in(conversation)
    for fact in media_facts(conversation, leg, "updated", name_of):
        if (fact.uri, fact.medium) == (uri, medium):
            return fact
    raise Refusal("NotFound", "ResourceNotFound", f"The participant has no {medium.lower()}.")


_AUDIO_VIDEO = "communication/conversations/{conversation}/audioVideo"
_SESSION = f"{_AUDIO_VIDEO}/audioVideoSession"
_RENEGOTIATION = f"{_SESSION}/renegotiations/{{renegotiation}}"
_SCREEN_OFFER = (
    "communication/conversations/{conversation}/applicationSharing/renegotiations/{renegotiation}"
)
_PARTICIPANT = "communication/conversations/{conversation}/participants/{address}"
_BAD = ("BadRequest", "InvalidMediaDescription")
_CHANGES = ("added", "updated", "deleted")


def _offer(rel: str, *resumes: str) -> Resource:
    return Resource(
        rel,
        f"{_SESSION}/{rel}",
        (
            Operation(
                "POST",
                offers(*resumes),
                (201,),
                refusals=(("Conflict", "AlreadyExists"), ("Conflict", ""), ("Forbidden", ""), _BAD),
                parameters=("sdp", "operationId"),
                repeat=offered,
                max_body_bytes=MAX_SDP_BYTES,
            ),
        ),
    )


RESOURCES = (
    Resource("audioVideoSession", _SESSION, (Operation("GET", get_session),)),
    Resource("sessions", f"{_AUDIO_VIDEO}/sessions", (Operation("GET", get_sessions),)),
    Resource(
        "audioVideoSessions",
        "",
        events=tuple(
            Event(kind, "communication", Priority.HIGH, "audioVideoSessions") for kind in _CHANGES
        ),
    ),
    _offer("renegotiations"),
    _offer("resumeAudio", *AUDIO),
    _offer("resumeAudioVideo", *AUDIO_VIDEO),
    Resource(
        "audioVideoRenegotiation",
        _RENEGOTIATION,
        (Operation("GET", get_renegotiation),),
        events=tuple(
            Event(kind, "communication", Priority.HIGH) for kind in ("started", "completed")
        ),
    ),
    Resource(
        "answer",
        f"{_RENEGOTIATION}/answer",
        (
            Operation(
                "POST",
                answer,
                (204,),
                refusals=(("Conflict", ""), ("Forbidden", ""), _BAD),
                max_body_bytes=MAX_SDP_BYTES,
            ),
        ),
        aliases=(f"{_SCREEN_OFFER}/answer",),
    ),
    Resource(
        "dismiss",
        f"{_RENEGOTIATION}/dismiss",
        (Operation("POST", dismiss, (204,), refusals=(("Conflict", ""),), parameters=("reason",)),),
        aliases=(f"{_SCREEN_OFFER}/dismiss",),
    ),
    *(
        Resource(
            f"participant{medium}",
            f"{_PARTICIPANT}/participant{medium}",
            (Operation("GET", of_participant(medium)),),
            events=tuple(
                Event(kind, "conversation", Priority.HIGH, "participant") for kind in _CHANGES
            ),
        )
        for medium in AUDIO_VIDEO
    ),
    *(
        Resource(
            rel,
            f"{_PARTICIPANT}/participant{medium}/{rel}",
            (
                Operation(
                    "POST",
                    mutes(medium, muted=muted),
                    (204,),
                    refusals=(("Conflict", ""), ("Forbidden", "")),
                ),
            ),
        )
        for rel, medium, muted in (
            ("muteAudio", "Audio", True),
            ("unmuteAudio", "Audio", False),
            ("muteVideo", "Video", True),
            ("unmuteVideo", "Video", False),
        )
    ),
    *(
        Resource(
            EXTENSIONS[rel],
            f"{_PARTICIPANT}/participantVideo/{rel}",
            (
                Operation(
                    "POST",
                    locks(locked=locked),
                    (204,),
                    refusals=(("Conflict", ""), ("Forbidden", "")),
                ),
            ),
        )
        for rel, locked in (("lockVideo", True), ("unlockVideo", False))
    ),
)
