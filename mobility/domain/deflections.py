"""Calls that a device sends on while it rings, as telephones do whose user presses a key for that,
or has set it there.

They go where the user's own call forwarding could send them, under the same policies, and not more
than `MAX_DIVERSIONS` times (`mobility.domain.call_routing`).  Who has sent a call on so is in
memory alone, as what rings for it is.  Who rings beside somebody else, or for one, sends nothing
on.
"""

import attrs

from mobility.domain.answering import must_ring
from mobility.domain.call import CallEnd, call_of
from mobility.domain.call_routing import VOICEMAIL
from mobility.domain.call_stages import CallStages, incoming
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import AUDIO
from mobility.domain.diversions import Cause
from mobility.domain.forwarded_ringing import ForwardedRinging
from mobility.domain.forwarding import Forwarding
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device
from mobility.domain.outcomes import UNABLE
from mobility.errors import Refusal


class Deflections:
    """Sends calls on that ring."""

    def __init__(
        self, conversations: Conversations, stages: CallStages, forwarding: Forwarding
    ) -> None:
        self._conversations = conversations
        self._stages = stages
        self._destinations = forwarding.destinations
        self._ringing = ForwardedRinging(conversations, forwarding, stages)
        self._passed: dict[str, tuple[str, ...]] = {}
        """Who has sent a call on, by its id, oldest first."""
        conversations.call_endings.append(self._over)

    async def deflect(
        self, device: Device, invitation_id: str, to: str, cause: Cause | None, now: float
    ) -> None:
        """A device that rings sends the call `to` the URI of a user or a number as it is dialled.

        All that rings for the call stops once somebody rings there.  `cause` is what the device
        says of it.  Refusal 403 where the user's policies forbid it or no call goes there, and what
        is no target of forwarding (400); 409 when the device does not ring any more.
        """
        conversations, owner = self._conversations, device.user_uri
        conversation = conversations.find_invitation(device, invitation_id)[0]
        async with conversations.lock(conversation.id):
            _, invitation, leg = conversations.find_invitation(device, invitation_id)
            must_ring(invitation, leg)
            call = call_of(conversation)
            self._destinations.must_have_voice(owner)
            passed = self._passed.get(call.id, ())
            rang = call.state == "Alerting"
            why = cause or (Cause.DECLINED if rang else Cause.UNCONDITIONAL)
            begins = attrs.evolve(incoming(conversation, invitation), started_at=now)
            plan = None
            is_owners = self._stages.is_for(invitation, owner) and owner not in passed
            if AUDIO in begins.media and is_owners:
                contact = self._contact(to, owner)
                plan = self._ringing.deflected(begins, owner, contact, passed, why)
            if plan is None:
                raise Refusal("Forbidden", None, "This call cannot be sent on there.")
            self._passed[call.id] = (*passed, owner)
            self._stages.replace(conversation, plan, now)
            await self._stages.prolong(conversation, invitation, now + plan.timeout_s)
            await conversations.hang_up(conversation, [leg], UNABLE, now)

    def _contact(self, to: str, owner: str) -> str:
        """Where forwarding would send it, VOICEMAIL for the owner's.  Raises Refusal."""
        voicemail = self._destinations.everybody.voicemail
        if voicemail and to == voicemail:
            return VOICEMAIL
        contact = self._destinations.contact(to, owner)
        return VOICEMAIL if contact == voicemail else contact

    def _over(self, unit: Unit, end: CallEnd) -> None:  # noqa: ARG002  # a CallEnding
        self._passed.pop(end.call.id, None)
