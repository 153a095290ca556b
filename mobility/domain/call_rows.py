"""What a call asks for, what answers it, and the rows that either becomes."""

import secrets

import attrs

from mobility.domain.call import AUDIO_VIDEO, PHONE_AUDIO
from mobility.domain.conversation import CALL, ActiveConversation
from mobility.domain.descriptions import Description, encoded
from mobility.domain.lines import Device
from mobility.domain.records import Call, CallSide, Invitation, Leg
from mobility.domain.ringing import Plan
from mobility.errors import Refusal


@attrs.frozen(slots=True)
class Wanted:
    """What a call asks for.

    `media` is of Audio and Video; `offer` a session description that offers them, None where the
    modality needs none; `muted` what of it begins muted.  `plan` says who rings, None for whoever
    the callee's plan says.
    """

    to_uri: str
    media: tuple[str, ...]
    offer: Description | None = None
    context: str = ""
    operation_id: str = ""
    subject: str = ""
    importance: str = "Normal"
    thread_id: str = ""
    custom_content: str = attrs.field(repr=False, default="")
    muted: tuple[str, ...] = ()
    on_behalf_of: str = ""
    transferred_by: str = ""
    modality: str = AUDIO_VIDEO
    plan: Plan | None = None
    emergency: bool = False
    """Neither policy nor limits keep an emergency call from being placed."""


@attrs.frozen(slots=True)
class Answer:
    """An answer to an offer: None for `description` where the modality needs none.

    `context` is the session context of the device, `content_id` names the offer that it answers
    where there were several.
    """

    description: Description | None = None
    context: str = ""
    content_id: str = ""


def begin_call(
    conversation: ActiveConversation, device: Device, wanted: Wanted, now: float
) -> Invitation:
    """The invitation, with the call and the caller's side in `conversation`."""
    invitation = Invitation(
        id=secrets.token_hex(16),
        conversation_id=conversation.id,
        from_uri=device.user_uri,
        from_application_id=device.id,
        to_uri=wanted.to_uri,
        operation_id=wanted.operation_id,
        created_at=now,
        expires_at=now,
        kind=CALL,
        custom_content=wanted.custom_content,
    )
    call = Call(
        id=invitation.id,
        conversation_id=conversation.id,
        modality=wanted.modality,
        media=",".join(wanted.media),
        caller_id=device.id,
        caller_uri=device.user_uri,
        started_at=now,
        on_behalf_of=wanted.on_behalf_of,
        transferred_by=wanted.transferred_by,
    )
    conversation.call = call
    conversation.early, conversation.early_to = {}, ""
    conversation.sides = {
        device.id: CallSide(
            call_id=call.id,
            device_id=device.id,
            conversation_id=conversation.id,
            user_uri=device.user_uri,
            context=wanted.context,
            description=wanted.offer.text if wanted.offer is not None else "",
            streams=encoded(wanted.offer.streams) if wanted.offer is not None else "",
            muted=",".join(wanted.muted),
            by_phone=wanted.modality == PHONE_AUDIO,
        )
    }
    return invitation


def answering_side(draft: ActiveConversation, call: Call, leg: Leg, answer: Answer) -> CallSide:
    """The side of a callee that answers.  400 InvalidMediaDescription for a wrong answer."""
    description = answer.description
    if description is not None:
        description.must_answer(draft.streams_of(call.caller_id))
    elif draft.sides[call.caller_id].streams:
        raise Refusal("BadRequest", "InvalidMediaDescription", "The offer is to be answered.")
    return CallSide(
        call_id=call.id,
        device_id=leg.application_id,
        conversation_id=draft.id,
        user_uri=leg.user_uri,
        context=answer.context,
        description=description.text if description is not None else "",
        streams=encoded(description.streams) if description is not None else "",
        content_id=answer.content_id,
    )
