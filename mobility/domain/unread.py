"""What a user has not read yet, on whichever device: in conversations that go on, and in the past.

A message is read when a client says so, when its reader answers it, and when the reader leaves the
conversation.
"""

from collections.abc import Callable, Iterable, Sequence

import attrs

from mobility.domain.applications import Applications, Endpoint
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversation_facts import tell_read
from mobility.domain.conversations import Conversations
from mobility.domain.facts import MessageCompleted
from mobility.domain.history import History
from mobility.domain.ledger import Archive, HistoryCounts, Ledger, Unit
from mobility.domain.readership import shown, unread
from mobility.domain.records import ConversationLog, ReadMark
from mobility.errors import Refusal

MAX_LOGS = 100
"""Past conversations that are listed as unread, the latest ones (our choice)."""

MAX_REPLAYED = 100
"""Messages of one conversation that are told of again (our choice: what one answer of the event
channel holds)."""


@attrs.frozen(slots=True)
class UnreadState:
    """What a user has not read; `badge` is how many things that are, past all lists' ends."""

    conversations: Sequence[ActiveConversation]
    logs: Sequence[ConversationLog]
    counts: HistoryCounts
    badge: int


class Unread:
    """What users have read, and what not."""

    def __init__(
        self,
        ledger: Ledger,
        archive: Archive,
        applications: Applications,
        conversations: Conversations,
        history: History,
    ) -> None:
        self._ledger = ledger
        self._archive = archive
        self._applications = applications
        self._conversations = conversations
        self._history = history
        self.readers: list[Callable[[str], None]] = []
        """Called with the URI of a user who has read something of what goes on."""

    def load(
        self,
        marks: Iterable[ReadMark],
        last_said: Iterable[tuple[str, str, int]],
        left: Iterable[tuple[str, str]],
    ) -> None:
        """Take into memory who has read what of the conversations that go on, once these are.

        `last_said` has of each conversation and who wrote in it the number of the latest message,
        `left` conversations and users who have left them.
        """
        active = {conversation.id: conversation.readings for conversation in self._conversations}
        for mark in marks:
            active[mark.conversation_id].marked[mark.user_uri] = mark.message_number
        for conversation_id, uri, number in last_said:
            active[conversation_id].said[uri] = number
        for conversation_id, uri in left:
            active[conversation_id].left[uri] = self._conversations.name_of(uri)

    async def of(self, uri: str) -> UnreadState:
        """What a user has not read: messages, missed calls and voicemails."""
        counts = await self._history.counts(uri)
        logs = await self._history.unread_logs(uri, MAX_LOGS)
        active = [one for one in self._active(uri) if unread(one, uri)]
        return UnreadState(
            conversations=active,
            logs=logs,
            counts=counts,
            badge=sum(unread(one, uri) for one in active)
            + counts.unread_messages
            + counts.unread_calls
            + counts.unread_voicemails,
        )

    async def badge(self, uri: str) -> int:
        """How many things a user has not read."""
        counts = await self._history.counts(uri)
        active = sum(unread(one, uri) for one in self._active(uri))
        return active + counts.unread_messages + counts.unread_calls + counts.unread_voicemails

    async def mark(self, uri: str, conversation_id: str, number: int) -> None:
        """A user has read a conversation up to message `number`; all its applications are told.

        404 ConversationNotFound for a conversation the user neither takes part in nor has in the
        history.  A number beyond the last message means that one.
        """
        async with self._conversations.lock(conversation_id):
            for conversation in self._active(uri):
                if conversation.id == conversation_id:
                    await self._mark(conversation, uri, number)
                    return
        if not await self._history.mark_read_upto(uri, conversation_id, number):
            raise Refusal("NotFound", "ConversationNotFound", "There is no such conversation.")

    async def replay(self, endpoint: Endpoint) -> None:
        """UCWA replayMessage: tell the application again of the messages that are unread in the
        conversations it takes part in."""
        unit = Unit()
        for conversation, leg in self._conversations.of(endpoint):
            pending = min(unread(conversation, leg.user_uri), MAX_REPLAYED)
            if leg.messaging != "Connected" or not pending:
                continue
            last = conversation.message_count
            name_of = self._conversations.names_in(conversation)
            for message in await self._archive.messages(conversation.id, last - pending, last):
                fact = MessageCompleted(
                    conversation_id=conversation.id,
                    number=message.number,
                    direction="Incoming",
                    from_uri=message.from_uri,
                    from_name=name_of(message.from_uri),
                    sent_at=message.sent_at,
                )
                unit.append(endpoint.id, fact, message)
        if unit:
            await self._ledger.commit(unit)

    def _active(self, uri: str) -> list[ActiveConversation]:
        """The conversations a user takes part in or is called to, with any application."""
        found = {
            conversation.id: conversation
            for endpoint in self._applications.of_user(uri)
            for conversation, _ in self._conversations.of(endpoint)
        }
        for conversation, _ in self._conversations.writing_to(uri):
            found[conversation.id] = conversation
        return sorted(found.values(), key=lambda conversation: conversation.record.created_at)

    async def _mark(self, conversation: ActiveConversation, uri: str, number: int) -> None:
        after, last = shown(conversation, uri)
        number = min(number, last)
        if number <= max(after, conversation.readings.upto(uri)):
            return
        unit = Unit()
        unit.save(ReadMark(conversation.id, uri, number))
        self._history.tell_unread(unit, uri)
        if number == last:
            tell_read(unit, conversation, uri)
        await self._ledger.commit(unit)
        conversation.readings.marked[uri] = number
        for reader in self.readers:
            reader(uri)
