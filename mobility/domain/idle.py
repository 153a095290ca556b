"""Ending what two parties have not used for long.

Who signs in on one device and never leaves would else collect conversations until it may have no
more.  Nothing is lost with one: its messages are in the streams and in the history.
"""

from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.outcomes import IDLE


def ends_at(conversation: ActiveConversation, idle_s: float) -> float:
    """When a conversation ends unless it is used before (epoch seconds).

    0 for one that does not end by itself, or whose last use is not known.
    """
    idle = (
        conversation.record.state == "Active"
        and conversation.used_at
        and not conversation.is_conference
        and conversation.call is None
        and not conversation.contents
        and not conversation.open_invitations()
    )
    return conversation.used_at + idle_s if idle else 0.0


class IdleConversations:
    """The conversations of two parties that only write, and do not.

    Conferences end with their meetings, calls by hanging up and shares by being stopped, so none
    of these is idle.
    """

    def __init__(self, conversations: Conversations, idle_s: float) -> None:
        self._conversations = conversations
        self._idle_s = idle_s

    async def sweep(self, now: float) -> None:
        """End those that were not used for `idle_s` seconds, for both parties.

        A conversation whose last use is not known, as after a restart, counts from now on.
        """
        for conversation in list(self._conversations):
            if not conversation.used_at:
                conversation.used_at = now
            elif self._is_idle(conversation, now):
                async with self._conversations.lock(conversation.id):
                    if self._is_idle(conversation, now):
                        legs = list(conversation.legs.values())
                        await self._conversations.drop(conversation, legs, IDLE, now)

    def _is_idle(self, conversation: ActiveConversation, now: float) -> bool:
        return 0 < ends_at(conversation, self._idle_s) <= now
