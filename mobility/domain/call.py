"""The call of a conversation: how it ends, and the facts that its changes make.

The functions put what one transition means for one leg into a unit of work;
`mobility.domain.calls` decides which transition happens.
"""

from collections.abc import Iterator
from hashlib import sha256

import attrs

from mobility.domain.call_states import Called, Calling, call_after, calling_after
from mobility.domain.conference_media import media_seen, video_sources
from mobility.domain.conversation import CONFERENCED, ActiveConversation, NameOf
from mobility.domain.conversation_facts import explained, invitation_fact
from mobility.domain.descriptions import VIDEO, direction_of, holds
from mobility.domain.facts import (
    CallChanged,
    ConversationChanged,
    Fact,
    MessagingChanged,
    NegotiationChanged,
    ParticipantChanged,
    ParticipantMediaChanged,
    RenegotiationChanged,
    SessionChanged,
)
from mobility.domain.ledger import Unit
from mobility.domain.mixed_part import MixedPart, kept_out
from mobility.domain.outcomes import Outcome
from mobility.domain.records import Call, CallSide, Conversation, Invitation, Leg
from mobility.domain.states import invitation_after

AUDIO_VIDEO, PHONE_AUDIO = "audioVideo", "phoneAudio"
"""Modalities of calls."""


@attrs.frozen(slots=True)
class CallEnd:
    """A call that is over: what there is to remember of it.

    `call.outcome` says how it ended.
    """

    call: Call
    conversation: Conversation
    invitation: Invitation | None

    @property
    def answered(self) -> bool:
        return bool(self.call.answered_at)


def settle_call(
    unit: Unit,
    draft: ActiveConversation,
    outcome: Outcome,
    now: float,
) -> CallEnd | None:
    """End the call of `draft` if nobody can answer it any more or one side has left it.

    Legs that have nothing but the call go with it, unless they are in a conference, to which the
    call went over.
    """
    call = draft.call
    if call is None or _goes_on(draft, call):
        return None
    ended = attrs.evolve(
        call_after(call, Called.ENDED),
        ended_at=now,
        outcome=outcome.outcome if call.answered_at else outcome.caller.subcode,
    )
    unit.save(ended)
    if draft.renegotiation is not None:
        unit.remove(draft.renegotiation)
    draft.call, draft.sides, draft.renegotiation, draft.stages = None, {}, None, 0
    for leg in list(draft.legs.values()):
        if leg.application_id in draft.parts:
            continue
        if (
            leg.call != "Disconnected"
            and leg.messaging == "Disconnected"
            and not draft.is_conference
        ):
            del draft.legs[leg.application_id]
        elif leg.call != "Disconnected":
            draft.legs[leg.application_id] = calling_after(leg, Calling.LEFT)
    return CallEnd(ended, draft.record, draft.invitations.get(call.id))


def _goes_on(draft: ActiveConversation, call: Call) -> bool:
    if call.state != "Established":
        invitation = draft.invitations.get(call.id)
        return invitation is not None and invitation.state == "Connecting"
    devices = (call.caller_id, call.callee_id)
    if all(one in draft.parts and draft.parts[one].mixed for one in devices):
        return False
    sides = (draft.legs.get(device_id) for device_id in devices)
    return all(leg is not None and leg.call == "Connected" for leg in sides)


def call_over(
    conversation: ActiveConversation, leg: Leg, name_of: NameOf, *, may_add: bool = False
) -> list[Fact]:
    """What `leg` is told when the call it takes part in or rings for is over for it."""
    call = conversation.call
    if call is None or leg.call == "Disconnected":
        return []
    facts: list[Fact] = []
    renegotiation = conversation.renegotiation
    open_one = renegotiation is not None and renegotiation.state == "Offered"
    if leg.call == "Connected" and open_one and is_told(conversation, leg):
        reason = ("RemoteFailure", "CallTerminated", "The call is over.")
        facts.append(renegotiation_fact(conversation, leg, "completed", reason))
    modality = modality_of(conversation, leg)
    facts.append(CallChanged(conversation.id, modality, "Disconnected", may_add=may_add))
    if leg.call == "Connected" and modality == AUDIO_VIDEO:
        facts += media_facts(conversation, leg, "deleted", name_of)
        facts.append(SessionChanged(conversation.id, "deleted"))
    return facts


def tell_call_over(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    leg: Leg,
    outcome: Outcome,
    name_of: NameOf,
) -> None:
    """The call is over for `leg`, which stays in the conversation."""
    stream = leg.application_id
    invitation = before.awaited_by(leg)
    reason = outcome.ending
    if invitation is not None:
        calls = invitation.from_application_id == leg.application_id
        failed = invitation_after(invitation, outcome.event)
        reason = outcome.caller if calls else outcome.callee
        unit.append(stream, invitation_fact(before, failed, leg, "completed", name_of, reason))
    for fact in call_over(before, leg, name_of, may_add=True):
        unit.append(stream, explained(fact, reason))
    unit.append(stream, ConversationChanged("updated", after.snapshot(after.legs[stream])))


def tell_calls(
    unit: Unit,
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    name_of: NameOf,
    *,
    new: bool,
) -> None:
    """The call begins for `leg`, which calls or rings; with `new`, the conversation too."""
    stream = leg.application_id
    unit.append(stream, invitation_fact(conversation, invitation, leg, "started", name_of))
    if new:
        own = ParticipantChanged(
            conversation.id, leg.user_uri, name_of(leg.user_uri), True, "added"
        )
        unit.append(stream, ConversationChanged("added", conversation.snapshot(leg)))
        unit.append(stream, own)
        if leg.state == "Incoming":
            caller = invitation.from_uri
            unit.append(
                stream, ParticipantChanged(conversation.id, caller, name_of(caller), False, "added")
            )
    else:
        unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
    unit.append(stream, call_fact(conversation, leg))


def tell_answered(
    unit: Unit,
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    name_of: NameOf,
    *,
    new: bool,
) -> None:
    """Somebody answered, and `leg` is connected; with `new`, it was not before."""
    stream = leg.application_id
    by_phone = modality_of(conversation, leg) == PHONE_AUDIO
    if stream == invitation.from_application_id:
        callee = conversation.sides[_other_of(conversation, leg)]
        if callee.description and not by_phone:
            unit.append(stream, negotiation_fact(conversation, callee, provisional=False))
        if new:
            peer = callee.user_uri
            unit.append(
                stream, ParticipantChanged(conversation.id, peer, name_of(peer), False, "added")
            )
    unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
    if by_phone and not leg.by_phone:
        unit.append(stream, CallChanged(conversation.id, AUDIO_VIDEO, "Disconnected"))
    if not by_phone:
        unit.append(stream, session_fact(conversation, leg, "added"))
        for fact in media_facts(conversation, leg, "added", name_of):
            unit.append(stream, fact)
    unit.append(stream, call_fact(conversation, leg))
    if conversation.may_write_to(leg) is not None:
        unit.append(stream, MessagingChanged(conversation.id, "Disconnected", may_add=True))
    unit.append(stream, invitation_fact(conversation, invitation, leg, "completed", name_of))


def tell_media(
    unit: Unit, before: ActiveConversation, after: ActiveConversation, leg: Leg, name_of: NameOf
) -> None:
    """The media of a call changed: `leg` is told what began, what changed and what is over."""
    stream = leg.application_id
    if modality_of(after, leg) == AUDIO_VIDEO:
        _tell_streams(unit, before, after, leg, name_of)
    changed = call_fact(after, leg)
    if changed != call_fact(before, leg):
        unit.append(stream, ConversationChanged("updated", after.snapshot(leg)))
        unit.append(stream, changed)


def _tell_streams(
    unit: Unit, before: ActiveConversation, after: ActiveConversation, leg: Leg, name_of: NameOf
) -> None:
    stream = leg.application_id
    shown = {(one.uri, one.medium): one for one in media_facts(before, leg, "deleted", name_of)}
    for fact in media_facts(after, leg, "added", name_of):
        old = shown.pop((fact.uri, fact.medium), None)
        if old is None:
            unit.append(stream, fact)
        elif (old.direction, old.muted) != (fact.direction, fact.muted):
            unit.append(stream, attrs.evolve(fact, change="updated"))
    for old in shown.values():
        unit.append(stream, old)
    session = session_fact(after, leg, "updated")
    if session != session_fact(before, leg, "updated"):
        unit.append(stream, session)


def tell_progress(
    unit: Unit, conversation: ActiveConversation, invitation: Invitation, name_of: NameOf
) -> None:
    """The caller is told how its invitation gets on."""
    for leg in conversation.legs_calling(invitation):
        fact = invitation_fact(conversation, invitation, leg, "updated", name_of)
        unit.append(leg.application_id, fact)


def call_of(conversation: ActiveConversation) -> Call:
    """The call of a conversation that has one.  Raises LookupError."""
    if conversation.call is None:
        raise LookupError(conversation.id)
    return conversation.call


def call_fact(conversation: ActiveConversation, leg: Leg) -> CallChanged:
    """The call modality as `leg` has it now."""
    part = conversation.parts.get(leg.application_id)
    if part is not None and (part.mixed or leg.call == "Connecting"):
        return _mixed_fact(conversation, leg, part)
    call = conversation.call
    if call is None or leg.call == "Disconnected":
        mixed = conversation.is_conference
        may_add = leg.state == CONFERENCED if mixed else conversation.may_call(leg)
        return CallChanged(
            conversation.id, AUDIO_VIDEO, "Disconnected", may_add=may_add, mixed=mixed
        )
    connected = leg.call == "Connected"
    modality = modality_of(conversation, leg)
    session = ""
    if connected and modality == PHONE_AUDIO:
        holding = holds(conversation.streams_of(leg.application_id))
        session = "Suspended" if holding else "Established"
    elif connected:
        session = session_fact(conversation, leg, "updated").state
    return CallChanged(
        conversation.id,
        modality,
        "Connected" if connected else "Connecting",
        media=tuple(call.media.split(",")),
        session=session,
        may_escalate=conversation.may_escalate(leg),
        mixed=conversation.is_conference,
        may_replace=conversation.may_replace(leg),
    )


def _mixed_fact(conversation: ActiveConversation, leg: Leg, part: MixedPart) -> CallChanged:
    """The call of a device with the mixer."""
    locked_on = conversation.locked_on
    locked = conversation.participants.get(locked_on)
    shut = kept_out(part, locked_on)
    return CallChanged(
        conversation.id,
        AUDIO_VIDEO,
        leg.call,
        media=part.media,
        session=session_fact(conversation, leg, "updated").state if part.mixed else "",
        mixed=True,
        frozen=part.mixed and VIDEO in part.media and VIDEO in shut,
        locked=(locked_on, locked.name) if locked is not None else None,
        sources=video_sources(conversation),
        may_replace=conversation.may_replace(leg),
    )


def modality_of(conversation: ActiveConversation, leg: Leg) -> str:
    """The modality in which `leg` takes part in the call: phoneAudio with a telephone."""
    side = conversation.sides.get(leg.application_id)
    by_phone = leg.by_phone or (side is not None and side.by_phone)
    return PHONE_AUDIO if by_phone else AUDIO_VIDEO


def session_fact(conversation: ActiveConversation, leg: Leg, change: str) -> SessionChanged:
    """The media session of a connected call as `leg` has it now."""
    part = conversation.parts.get(leg.application_id)
    if part is not None and part.mixed:
        holding = holds(part.streams)
        return SessionChanged(
            conversation.id,
            change,
            state="Suspended" if holding else "Established",
            session_context=part.side.context,
            remote_endpoint=conversation.record.meeting_uri,
            may_resume=holding,
            media=part.media,
        )
    own = conversation.sides[leg.application_id]
    other = conversation.sides[_other_of(conversation, leg)]
    held = [holds(conversation.streams_of(side.device_id)) for side in (own, other)]
    return SessionChanged(
        conversation.id,
        change,
        state="Suspended" if any(held) else "Established",
        session_context=own.context,
        remote_endpoint=remote_endpoint(other),
        may_resume=held[0],
        media=tuple(conversation.call.media.split(",")) if conversation.call is not None else (),
    )


def negotiation_fact(
    conversation: ActiveConversation, callee: CallSide, *, provisional: bool
) -> NegotiationChanged:
    """The caller's application gets an answer to its offer."""
    call = conversation.call
    caller = conversation.sides.get(call.caller_id) if call is not None else None
    return NegotiationChanged(
        callee.call_id,
        conversation.id,
        callee.description,
        provisional,
        session_context=caller.context if caller is not None else "",
        content_id=callee.content_id,
        remote_endpoint=remote_endpoint(callee),
    )


def is_told(conversation: ActiveConversation, leg: Leg) -> bool:
    """Whether `leg` is told of the latest new offer: an application hears nothing of what its
    telephone offers or is offered."""
    renegotiation = conversation.renegotiation
    if renegotiation is None or modality_of(conversation, leg) == PHONE_AUDIO:
        return False
    own = renegotiation.from_id == leg.application_id
    return not (own and renegotiation.id in conversation.invitations)


def renegotiation_fact(
    conversation: ActiveConversation,
    leg: Leg,
    change: str,
    reason: tuple[str, str, str] | None = None,
) -> RenegotiationChanged:
    """What `leg` is told of the latest renegotiation.  Raises LookupError without one."""
    part = conversation.parts.get(leg.application_id)
    if part is not None and part.mixed:
        renegotiation, media = part.renegotiation, part.media
    else:
        renegotiation, media = (
            conversation.renegotiation,
            tuple(call_of(conversation).media.split(",")),
        )
    if renegotiation is None:
        raise LookupError(conversation.id)
    outgoing = renegotiation.from_id == leg.application_id
    return RenegotiationChanged(
        change,
        renegotiation.id,
        conversation.id,
        "Outgoing" if outgoing else "Incoming",
        operation_id=renegotiation.operation_id if outgoing else "",
        offer="" if outgoing else renegotiation.offer,
        answer=renegotiation.answer if outgoing else "",
        state=renegotiation.state,
        reason=reason,
        media=media,
        early=bool(conversation.early_to),
    )


def media_facts(
    conversation: ActiveConversation, leg: Leg, change: str, name_of: NameOf
) -> Iterator[ParticipantMediaChanged]:
    """The media of both participants of a connected call, as `leg` sees them, or of everybody in
    a conference."""
    if conversation.is_conference:
        yield from media_seen(conversation, leg, change)
        return
    call = conversation.call
    if call is None:
        return
    for device_id in (call.caller_id, call.callee_id):
        side = conversation.sides[device_id]
        streams = conversation.streams_of(device_id)
        for medium in call.media.split(","):
            direction = direction_of(streams, medium) if streams else "Unknown"
            yield ParticipantMediaChanged(
                conversation.id,
                side.user_uri,
                name_of(side.user_uri),
                device_id == leg.application_id,
                medium,
                change,
                direction,
                medium in side.muted.split(","),
            )


def remote_endpoint(side: CallSide) -> str:
    """What tells the devices of a person apart, without naming an application."""
    return f"{side.user_uri};epid={sha256(side.device_id.encode()).hexdigest()[:10]}"


def _other_of(conversation: ActiveConversation, leg: Leg) -> str:
    """The device at the other end of a connected call."""
    call = call_of(conversation)
    return call.callee_id if leg.application_id == call.caller_id else call.caller_id
