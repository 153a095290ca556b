"""The facts that changes of a conversation make, and who is told of them.

Each function puts the facts of one transition into a unit of work; `mobility.domain.conversations`
decides which transition happens.
"""

from collections.abc import Iterable

import attrs

from mobility.domain.call_states import Calling, calling_after
from mobility.domain.conversation import ActiveConversation, NameOf
from mobility.domain.facts import (
    CallChanged,
    ConversationChanged,
    Fact,
    InvitationChanged,
    MessagingChanged,
    ParticipantChanged,
    ParticipantMessagingChanged,
    Reason,
    TypingChanged,
)
from mobility.domain.ledger import Unit
from mobility.domain.lines import is_line
from mobility.domain.message_facts import tell_message
from mobility.domain.outcomes import ENDED, HUNG_UP, Outcome
from mobility.domain.records import Invitation, Leg, Message
from mobility.domain.states import Involved, invitation_after, leg_after


def invitation_fact(
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    change: str,
    name_of: NameOf,
    reason: Reason | None = None,
) -> InvitationChanged:
    """What `leg`'s application is told of an invitation."""
    outgoing = leg.application_id == invitation.from_application_id
    accepted_by = invitation.accepted_by
    state = invitation.state
    if outgoing and state == "Connecting":
        state = (conversation.call or invitation).progress or state
    shown = accepted_by and (outgoing or accepted_by != leg.user_uri)
    return InvitationChanged(
        change=change,
        id=invitation.id,
        conversation_id=conversation.id,
        direction="Outgoing" if outgoing else "Incoming",
        state=state,
        from_uri=invitation.from_uri,
        from_name=name_of(invitation.from_uri),
        to_uri=invitation.to_uri,
        to_name=name_of(invitation.to_uri),
        operation_id=invitation.operation_id if outgoing else "",
        thread_id=conversation.record.thread_id,
        subject=conversation.subject_for(leg),
        importance=conversation.record.importance,
        message_number=invitation.message_number,
        accepted_by=(accepted_by, name_of(accepted_by)) if shown else None,
        reason=reason,
        kind=invitation.kind,
        meeting_uri=conversation.record.meeting_uri,
        custom_content=invitation.custom_content,
        call=conversation.terms(invitation, leg),
    )


def tell_started(
    unit: Unit,
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    name_of: NameOf,
    message: Message | None,
) -> None:
    """The invitation begins for `leg`: it started, a conversation and its participants appear."""
    stream = leg.application_id
    unit.append(stream, invitation_fact(conversation, invitation, leg, "started", name_of), message)
    unit.append(stream, ConversationChanged("added", conversation.snapshot(leg)))
    unit.append(stream, _participant(conversation, leg.user_uri, name_of, True, "added"))
    if leg.state == "Incoming":
        unit.append(
            stream, _participant(conversation, invitation.from_uri, name_of, False, "added")
        )
    else:
        unit.append(stream, MessagingChanged(conversation.id, "Connecting"))


def tell_connected(
    unit: Unit,
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    name_of: NameOf,
    message: Message | None,
) -> None:
    """Messaging is connected for `leg`: UCWA "Send an IM" step 6, "Receive an IM" step 15."""
    stream = leg.application_id
    outgoing = stream == invitation.from_application_id
    peer = invitation.to_uri if outgoing else invitation.from_uri
    unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
    if outgoing:
        unit.append(stream, _participant(conversation, peer, name_of, False, "added"))
    unit.append(stream, _messaging_of(conversation, peer, name_of, False, "added"))
    unit.append(stream, _messaging_of(conversation, leg.user_uri, name_of, True, "added"))
    unit.append(stream, MessagingChanged(conversation.id, "Connected", formats_of(leg)))
    unit.append(
        stream, invitation_fact(conversation, invitation, leg, "completed", name_of), message
    )
    if message is not None and not outgoing:
        tell_message(unit, message, [leg], name_of)


def formats_of(leg: Leg) -> tuple[str, ...]:
    """The MessageFormats that the messaging of `leg` has negotiated."""
    return tuple(leg.formats.split(",")) if leg.formats else ("Plain",)


def tell_ended(
    unit: Unit,
    conversation: ActiveConversation,
    leg: Leg,
    name_of: NameOf,
    invitation: Invitation | None = None,
    reason: Reason = ENDED,
    call_over: Iterable[Fact] = (),
) -> None:
    """The conversation is over for `leg`; with `invitation`, that completed first, failed.

    `reason` is why.  `call_over` is what it is told of a call that goes on or rings.
    """
    stream = leg.application_id
    if invitation is not None:
        unit.append(
            stream, invitation_fact(conversation, invitation, leg, "completed", name_of, reason)
        )
    if leg.messaging != "Disconnected":
        unit.append(stream, MessagingChanged(conversation.id, "Disconnected", reason=reason))
    for fact in call_over:
        unit.append(stream, explained(fact, reason))
    own = leg.user_uri
    if leg.state == "Connected":
        for uri in conversation.peers(leg):
            if leg.messaging == "Connected":
                unit.append(stream, _messaging_of(conversation, uri, name_of, False, "deleted"))
            unit.append(stream, _participant(conversation, uri, name_of, False, "deleted"))
    if leg.messaging == "Connected":
        unit.append(stream, _messaging_of(conversation, own, name_of, True, "deleted"))
    unit.append(stream, _participant(conversation, own, name_of, True, "deleted"))
    gone = leg_after(leg, Involved.LEFT)
    if leg.call != "Disconnected":
        gone = calling_after(gone, Calling.LEFT)
    for change in ("updated", "deleted"):
        unit.append(stream, ConversationChanged(change, conversation.snapshot(gone), reason))


def explained(fact: Fact, reason: Reason) -> Fact:
    """What is told of a call that is over, with the reason."""
    if isinstance(fact, CallChanged):
        return attrs.evolve(fact, reason=attrs.astuple(HUNG_UP if reason == ENDED else reason))
    return fact


def tell_gone(
    unit: Unit,
    conversation: ActiveConversation,
    leg: Leg,
    outcome: Outcome,
    name_of: NameOf,
    call_over: Iterable[Fact] = (),
) -> None:
    """`leg` is no more; the invitation it waited for, if any, ended in `outcome` for it."""
    invitation, reason = conversation.awaited_by(leg), outcome.ending
    if invitation is not None:
        calling = invitation.from_application_id == leg.application_id
        reason = outcome.caller if calling else outcome.callee
        invitation = invitation_after(invitation, outcome.event)
    tell_ended(unit, conversation, leg, name_of, invitation, reason, call_over)


def tell_typing(
    unit: Unit, conversation: ActiveConversation, leg: Leg, name_of: NameOf, change: str
) -> None:
    """The others are told that `leg`'s user types or stopped."""
    fact = TypingChanged(conversation.id, leg.user_uri, name_of(leg.user_uri), change)
    hearers = conversation.hearers(leg)
    for other in hearers:
        unit.append(other.application_id, fact, shared=len(hearers) > 1)


def tell_read(unit: Unit, conversation: ActiveConversation, uri: str) -> None:
    """The applications with which `uri` takes part are told that all is read (`readLocally`)."""
    for leg in conversation.legs_of(uri):
        if not is_line(leg.application_id):
            snapshot = attrs.evolve(conversation.snapshot(leg), read=True)
            unit.append(leg.application_id, ConversationChanged("updated", snapshot))


def _participant(
    conversation: ActiveConversation, uri: str, name_of: NameOf, local: bool, change: str
) -> ParticipantChanged:
    return ParticipantChanged(conversation.id, uri, name_of(uri), local, change)


def _messaging_of(
    conversation: ActiveConversation, uri: str, name_of: NameOf, local: bool, change: str
) -> ParticipantMessagingChanged:
    return ParticipantMessagingChanged(conversation.id, uri, name_of(uri), local, change)
