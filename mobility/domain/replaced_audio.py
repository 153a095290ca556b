"""A telephone in place of an application's audio in a call between two parties.

The other party is offered the telephone's media by a new offer, which has the id of the invitation
by which the telephone was called (`mobility.domain.phone_replacements`).  Here is what its answer,
or that there is none, means for the conversation and for who asked.
"""

import attrs

from mobility.domain.call import (
    AUDIO_VIDEO,
    PHONE_AUDIO,
    call_fact,
    media_facts,
)
from mobility.domain.conversation import PHONE, ActiveConversation, NameOf
from mobility.domain.conversation_facts import explained, invitation_fact
from mobility.domain.facts import (
    CallChanged,
    ConversationChanged,
    Reason,
    SessionChanged,
)
from mobility.domain.ledger import Unit
from mobility.domain.outcomes import Outcome
from mobility.domain.records import Invitation, Renegotiation
from mobility.domain.states import Invited, invitation_after


def replacement(
    conversation: ActiveConversation, renegotiation: Renegotiation
) -> Invitation | None:
    """The open invitation whose telephone a new offer is of; None for every other offer."""
    invitation = conversation.invitations.get(renegotiation.id)
    if invitation is None or invitation.kind != PHONE or invitation.state != "Connecting":
        return None
    return invitation


def tell_calling(
    unit: Unit, draft: ActiveConversation, invitation: Invitation, name_of: NameOf
) -> None:
    """The telephone is called: the application that asked is told."""
    stream = invitation.from_application_id
    leg = draft.legs[stream]
    unit.append(stream, invitation_fact(draft, invitation, leg, "started", name_of))
    unit.append(stream, CallChanged(draft.id, PHONE_AUDIO, "Connecting"))
    unit.append(stream, call_fact(draft, leg))


def take_over(draft: ActiveConversation, invitation: Invitation) -> None:
    """The telephone has taken the place of the application's audio."""
    device_id = invitation.from_application_id
    number = draft.telephones.get(device_id, "")
    draft.sides[device_id] = attrs.evolve(
        draft.sides[device_id], by_phone=True, context=number, muted=""
    )
    other = draft.sides[draft.other_in_call(device_id)].user_uri
    answered = invitation_after(invitation, Invited.ANSWERED)
    draft.invitations[invitation.id] = attrs.evolve(answered, accepted_by=other)
    _forget_number(draft, device_id)


def tell_taken_over(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    invitation: Invitation,
    name_of: NameOf,
) -> None:
    """Who asked is told that its audio is that of its telephone now."""
    stream = invitation.from_application_id
    leg = after.legs[stream]
    for fact in media_facts(before, leg, "deleted", name_of):
        unit.append(stream, fact)
    unit.append(stream, SessionChanged(after.id, "deleted"))
    unit.append(stream, ConversationChanged("updated", after.snapshot(leg)))
    unit.append(stream, CallChanged(after.id, AUDIO_VIDEO, "Disconnected"))
    unit.append(stream, call_fact(after, leg))
    completed = after.invitations[invitation.id]
    unit.append(stream, invitation_fact(after, completed, leg, "completed", name_of))


def fail(
    unit: Unit,
    draft: ActiveConversation,
    invitation: Invitation,
    outcome: Outcome,
    name_of: NameOf,
) -> None:
    """The telephone does not come into the call, which goes on as it is."""
    stream = invitation.from_application_id
    failed = invitation_after(invitation, outcome.event)
    draft.invitations[invitation.id] = failed
    leg = draft.legs[stream]
    fact = invitation_fact(draft, failed, leg, "completed", name_of, outcome.caller)
    _forget_number(draft, stream)
    over = CallChanged(draft.id, PHONE_AUDIO, "Disconnected")
    unit.append(stream, explained(over, outcome.caller))
    unit.append(stream, call_fact(draft, leg))
    unit.append(stream, fact)


def not_taken(reason: tuple[str, str, str], *, expired: bool) -> Outcome:
    """The other party has not taken the telephone's media."""
    code, subcode, _ = reason
    why = Reason(code, subcode, "The other end does not take your telephone.")
    return Outcome(Invited.UNANSWERED if expired else Invited.DECLINED, why, why)


def _forget_number(draft: ActiveConversation, device_id: str) -> None:
    draft.telephones = {key: number for key, number in draft.telephones.items() if key != device_id}
