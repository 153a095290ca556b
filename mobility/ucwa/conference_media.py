"""UCWA area *audio/video*: calls that go over to a conference, and what is shown of video there."""

from mobility.domain.call_rows import Wanted
from mobility.http.body import Fields
from mobility.http.message import Response
from mobility.media.sdp import MAX_BYTES as MAX_SDP_BYTES
from mobility.ucwa.calls import (
    AUDIO,
    AUDIO_VIDEO,
    MAX_SESSION_CONTEXT,
    body_description,
    invited,
    mixed_calls,
)
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Handler, Operation, Resource
from mobility.ucwa.messaging import MAX_OPERATION_ID
from mobility.ucwa.service import Ucwa


def escalates(media: tuple[str, ...]) -> Handler:
    """POST escalateAudio and escalateAudioVideo: the body offers to the mixer."""

    async def escalate(ucwa: Ucwa, call: Call) -> Response:
        query = Fields({}, call.request.query)
        context = query.text("sessionContext", max_length=MAX_SESSION_CONTEXT)
        operation_id = query.text("operationId", max_length=MAX_OPERATION_ID)
        query.check()
        wanted = Wanted(
            "", media, body_description(call.request), context=context, operation_id=operation_id
        )
        invitation = await mixed_calls(ucwa).escalate(
            call.endpoint, call.parameter("conversation"), wanted, call.now, call.receipt
        )
        return invited(ucwa, call, invitation.id)

    return escalate


_AUDIO_VIDEO = "communication/conversations/{conversation}/audioVideo"

RESOURCES = (
    *(
        Resource(
            rel,
            f"{_AUDIO_VIDEO}/{rel}",
            (
                Operation(
                    "POST",
                    escalates(media),
                    (201,),
                    refusals=(
                        ("Conflict", ""),
                        ("Conflict", "ModalityNotSupported"),
                        ("Forbidden", ""),
                        ("BadRequest", "InvalidMediaDescription"),
                    ),
                    parameters=("sdp", "operationId", "sessionContext"),
                    repeat=invited,
                    max_body_bytes=MAX_SDP_BYTES,
                ),
            ),
        )
        for rel, media in (("escalateAudio", AUDIO), ("escalateAudioVideo", AUDIO_VIDEO))
    ),
    Resource("videoFreeze", f"{_AUDIO_VIDEO}/videoFreeze"),
    Resource(
        "videoLockedOnParticipant",
        "",
        events=tuple(
            Event(kind, "conversation", Priority.HIGH, "audioVideo")
            for kind in ("added", "deleted")
        ),
    ),
)
