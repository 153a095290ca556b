"""What became of a message, as its sender may know it.

For each recipient a message is

    waiting --- a provider or clearing house has a notification ---> pushed
    pushed --- no provider took any notification of it ---> waiting
    waiting, pushed --- an application has received it ---> delivered
    any --- the recipient has read it ---> read

and as a whole what it is for whom it has come least far.  Who has no application has received it
when a phone or another server has taken it, or has told so (`mobility.domain.dispositions`), and
has read it when that was told, or who it is has answered.
"""

from collections.abc import Callable, Sequence

from mobility.domain.applications import Applications
from mobility.domain.conversation import ActiveConversation
from mobility.domain.ledger import Archive
from mobility.domain.records import Message, PushNotice

WAITING, PUSHED, DELIVERED, READ = STATES = ("waiting", "pushed", "delivered", "read")
"""From the least to the most."""


class MessageStates:
    """Answers from what the channels, the outbox and the read marks know."""

    def __init__(
        self,
        archive: Archive,
        applications: Applications,
        received: Callable[[str, int], bool],
    ) -> None:
        """`received` says whether an application has what is at a position of its stream."""
        self._archive = archive
        self._applications = applications
        self._received = received

    async def of(self, conversation: ActiveConversation, message: Message) -> str:
        """The state of a message in a conversation that goes on, "" without a recipient."""
        uris = {leg.user_uri for leg in conversation.legs.values()}
        uris |= {one.to_uri for one in conversation.open_invitations() if one.message_number}
        uris -= {message.from_uri, *message.failed.split()}
        for uri, participant in conversation.participants.items():
            if participant.after_message >= message.number or participant.in_lobby:
                uris.discard(uri)
        unread = {uri for uri in uris if conversation.readings.upto(uri) < message.number}
        if not unread:
            return READ if uris else ""
        missing = [uri for uri in unread if not await self.has_received(conversation, uri, message)]
        if not missing:
            return DELIVERED
        notices = await self._archive.push_notices(conversation.id)
        pushed = all(_is_pushed(notices, uri, message.number) for uri in missing)
        return PUSHED if pushed else WAITING

    async def receipt(self, conversation: ActiveConversation, uri: str, number: int) -> str:
        """DELIVERED or READ, once one recipient has a message or has read it; else ""."""
        if conversation.readings.upto(uri) >= number:
            return READ
        message = await self._archive.message(conversation.id, number)
        if message is None or not await self.has_received(conversation, uri, message):
            return ""
        return DELIVERED

    async def has_received(
        self, conversation: ActiveConversation, uri: str, message: Message
    ) -> bool:
        """Whether any application of the user that was there then has the message, or what is at
        the end of a line has taken it.

        What every client has confirmed is not in the stream any more.
        """
        if conversation.readings.delivered.get(uri, 0) >= message.number:
            return True
        for leg in conversation.legs_of(uri):
            endpoint = self._applications.find(leg.application_id)
            if endpoint is None or endpoint.record.created_at > message.sent_at:
                continue
            position = await self._archive.place_of(endpoint.id, message)
            if position is None or self._received(endpoint.id, position):
                return True
        return False


def _is_pushed(notices: Sequence[PushNotice], uri: str, number: int) -> bool:
    """Whether a notification that stands for a message was handed over for a user, and no provider
    has refused it since."""
    return any(
        notice.user_uri == uri
        and notice.first <= number <= notice.number
        and notice.handed_at
        and (notice.taken or not notice.answered_at)
        for notice in notices
    )
