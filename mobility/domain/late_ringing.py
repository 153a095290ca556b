"""Devices that come while a call rings: they ring too, as long as it does."""

from collections.abc import Callable, Sequence

from mobility.domain.call import tell_calls
from mobility.domain.call_stages import CallStages
from mobility.domain.conversations import Conversations
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device


class LateRinging:
    """Lets a user's devices ring for the calls that ring the user now."""

    def __init__(self, conversations: Conversations, stages: CallStages) -> None:
        self._conversations = conversations
        self._stages = stages

    async def ring(self, user_uri: str, devices: Callable[[], Sequence[Device]]) -> None:
        """`devices` makes those that have come, once for each call.

        They ring for whom the user's other devices ring: a call that is answered or over, or that
        was sent on, does not ring them.
        """
        for conversation in self._conversations:
            call = conversation.call
            if call is None or call.state == "Established" or call.caller_uri == user_uri:
                continue
            async with self._conversations.lock(conversation.id):
                call = conversation.call
                invitation = conversation.invitations.get(call.id) if call is not None else None
                if invitation is None:
                    continue
                rung = [leg for leg in conversation.ringing(invitation) if leg.user_uri == user_uri]
                if not rung:
                    continue
                draft, unit = conversation.draft(), Unit()
                name_of = self._conversations.names_in(conversation)
                for device in devices():
                    if not self._stages.able(conversation, device):
                        continue
                    leg = self._stages.ringing_leg(invitation, device, rung[0].on_behalf_of)
                    draft.legs[device.id] = leg
                    tell_calls(unit, draft, invitation, leg, name_of, new=True)
                await self._conversations.change(unit, conversation, draft)
