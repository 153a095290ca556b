"""Telling who invites that it rings: a device of the callee has received the invitation.

An invitation waits in the event stream of a phone that sleeps; once one device has asked for its
events and got it, the caller is shown Alerting in place of Connecting (UCWA InvitationState), and
hears the ringing tone (SIP 180).
"""

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.calls import Calls
from mobility.domain.conversation import CALL, MESSAGING, PARTICIPANT
from mobility.domain.conversation_facts import invitation_fact
from mobility.domain.conversations import Conversations
from mobility.domain.facts import Fact, InvitationChanged
from mobility.domain.ledger import Unit
from mobility.domain.states import Progressed, progress_after


def rings(fact: Fact) -> bool:
    """Whether who receives this fact is rung by it, so that the caller is to be told."""
    return (
        isinstance(fact, InvitationChanged)
        and fact.change == "started"
        and fact.direction == "Incoming"
        and fact.kind in (MESSAGING, CALL, PARTICIPANT)
    )


class Alerting:
    """Follows invitations to their first device."""

    def __init__(self, conversations: Conversations, calls: Calls) -> None:
        self._conversations = conversations
        self._calls = calls

    async def received(self, endpoint: Endpoint, invitation_id: str) -> None:
        """`endpoint` has received the invitation; nothing more is told of one that has rung.

        404 when the invitation is over for it, 409 when it is a call that is.
        """
        conversations = self._conversations
        conversation, invitation, _ = conversations.find_invitation(endpoint, invitation_id)
        if invitation.kind == CALL:
            await self._calls.alert(endpoint, invitation_id)
            return
        if invitation.progress:
            return
        async with conversations.lock(conversation.id):
            _, invitation, leg = conversations.find_invitation(endpoint, invitation_id)
            caller = conversation.legs.get(invitation.from_application_id)
            if caller is None or leg not in conversation.ringing(invitation):
                return
            if invitation.progress or invitation.state != "Connecting":
                return
            draft, unit = conversation.draft(), Unit()
            alerting = attrs.evolve(invitation, progress=progress_after("", Progressed.ALERTED))
            draft.invitations[invitation.id] = alerting
            name_of = conversations.names_in(draft)
            fact = invitation_fact(draft, alerting, caller, "updated", name_of)
            unit.append(caller.application_id, fact)
            await conversations.change(unit, conversation, draft)
