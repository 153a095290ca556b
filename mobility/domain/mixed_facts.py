"""The facts that changes of a conference's audio and video make, and who is told of them.

What everybody is told follows from how the conference was before and is after a change, whatever
that is: who comes, goes, is muted or leads.
"""

from mobility.domain.call import call_fact, session_fact
from mobility.domain.conference_media import Contribution, contribution_fact, contributions
from mobility.domain.conversation import CONFERENCED, ActiveConversation, NameOf
from mobility.domain.conversation_facts import explained, invitation_fact
from mobility.domain.facts import (
    CallChanged,
    ConversationChanged,
    Fact,
    MediaShown,
    NegotiationChanged,
    ParticipantMediaChanged,
    Reason,
    SessionChanged,
    VideoLocked,
)
from mobility.domain.ledger import Unit
from mobility.domain.mixed_part import MixedPart
from mobility.domain.outcomes import Outcome
from mobility.domain.records import Leg
from mobility.domain.states import invitation_after

Media = dict[tuple[str, str], Contribution]
"""The media in a conference, by URI and medium."""


def tell_mixed(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    outcome: Outcome | None = None,
) -> None:
    """Tell everybody in a conference what is otherwise with its audio and video, and each
    application what is with its own call: if that is over, it ended in `outcome`."""
    old, new = contributions(before), contributions(after)
    inside = [leg for leg in after.legs.values() if leg.state == CONFERENCED]
    stayed = []
    for leg in inside:
        was = before.legs.get(leg.application_id)
        if was is not None and was.state in (CONFERENCED, "Connected"):
            stayed.append(leg)
        elif new:
            unit.append(leg.application_id, _shown(after, leg, new))
    _tell_media(unit, before, after, old, new, stayed)
    _tell_lock(unit, before, after, inside)
    for leg in inside:
        was = before.legs.get(leg.application_id)
        if was is not None:
            _tell_own(unit, before, after, was, leg, outcome)


def mixed_over(conversation: ActiveConversation, leg: Leg) -> list[Fact]:
    """What `leg`, which leaves the conference, is told of its call in it."""
    if leg.call == "Disconnected":
        return []
    facts: list[Fact] = [
        ParticipantMediaChanged(
            conversation.id, uri, _name(conversation, uri), True, medium, "deleted", mixed=True
        )
        for uri, medium in contributions(conversation)
        if uri == leg.user_uri
    ]
    if leg.call == "Connected":
        facts.append(SessionChanged(conversation.id, "deleted"))
    modality = call_fact(conversation, leg).modality
    facts.append(CallChanged(conversation.id, modality, "Disconnected", mixed=True))
    return facts


def tell_not_mixed(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    leg: Leg,
    outcome: Outcome,
    name_of: NameOf,
) -> None:
    """`leg` stays in the conference; its way into the audio and video, if it was on it, ended."""
    part = before.parts.get(leg.application_id)
    if part is None or part.mixed or leg.application_id in after.parts:
        return
    invitation = before.invitations.get(part.call_id)
    if invitation is not None and invitation.state == "Connecting":
        failed = invitation_after(invitation, outcome.event)
        fact = invitation_fact(before, failed, leg, "completed", name_of, outcome.caller)
        unit.append(leg.application_id, fact)


def answer_fact(
    conversation: ActiveConversation, part: MixedPart, *, provisional: bool
) -> NegotiationChanged:
    """The mixer answers what the device offered to come in."""
    return NegotiationChanged(
        part.call_id,
        conversation.id,
        part.answer,
        provisional,
        session_context=part.side.context,
        remote_endpoint=conversation.record.meeting_uri,
    )


def _tell_media(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    old: Media,
    new: Media,
    legs: list[Leg],
) -> None:
    for key in dict.fromkeys((*old, *new)):
        was, is_now = old.get(key), new.get(key)
        turned = [
            leg
            for leg in legs
            if was != is_now or before.leads(leg.user_uri) != after.leads(leg.user_uri)
        ]
        change = "deleted" if is_now is None else "added" if was is None else "updated"
        shown = is_now or was
        if shown is None:
            continue
        name = _name(after, key[0]) or _name(before, key[0])
        facts: dict[tuple[bool, bool], ParticipantMediaChanged] = {}
        for leg in turned:
            reader = leg.user_uri == key[0], after.leads(leg.user_uri)
            if reader not in facts:
                facts[reader] = contribution_fact(after, leg, key, shown, change, name)
            unit.append(leg.application_id, facts[reader], shared=True)


def _tell_lock(
    unit: Unit, before: ActiveConversation, after: ActiveConversation, legs: list[Leg]
) -> None:
    if before.locked_on == after.locked_on:
        return
    for uri, change in ((before.locked_on, "deleted"), (after.locked_on, "added")):
        if uri:
            name = _name(after, uri) or _name(before, uri)
            fact = VideoLocked(after.id, change, uri, name)
            for leg in legs:
                unit.append(leg.application_id, fact, shared=True)


def _tell_own(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    was: Leg,
    leg: Leg,
    outcome: Outcome | None,
) -> None:
    stream = leg.application_id
    old = session_fact(before, was, "updated") if was.call == "Connected" else None
    new = session_fact(after, leg, "updated") if leg.call == "Connected" else None
    if old is None and new is not None:
        unit.append(stream, session_fact(after, leg, "added"))
    elif old is not None and new is None:
        unit.append(stream, SessionChanged(after.id, "deleted"))
    elif new is not None and new != old:
        unit.append(stream, new)
    changed = call_fact(after, leg)
    if changed != call_fact(before, was):
        unit.append(stream, ConversationChanged("updated", after.snapshot(leg)))
        if outcome is not None and changed.state == "Disconnected":
            unit.append(stream, explained(changed, _why(before, was, outcome)))
        else:
            unit.append(stream, changed)


def _why(before: ActiveConversation, was: Leg, outcome: Outcome) -> Reason:
    """Why the call of a device that stays in the conference is over: it was not let in, or it has
    left."""
    part = before.parts.get(was.application_id)
    return outcome.ending if part is None or part.mixed else outcome.caller


def _shown(conversation: ActiveConversation, leg: Leg, media: Media) -> MediaShown:
    return MediaShown(
        conversation.id,
        tuple(
            contribution_fact(conversation, leg, key, shown, "added", _name(conversation, key[0]))
            for key, shown in media.items()
        ),
    )


def _name(conversation: ActiveConversation, uri: str) -> str:
    participant = conversation.participants.get(uri)
    return participant.name if participant is not None else ""
