"""What becomes of messages, as it is told between people here and those who have no application.

Who writes from there may wish to hear that a message was delivered, or displayed (RFC 5438).  It is
delivered when an application of its reader has received it, or a phone has taken it, and displayed
when the reader has said that it is read, or has answered.  Nobody is told of a message that was
missed, or is left unread when the conversation ends.

What those there say of messages from here becomes their state (`mobility.domain.message_states`).
The id of such a message is `Page.id`, so that it is known again after a restart.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.carriers import Disposition, Page
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.lines import is_line
from mobility.domain.locks import Locks
from mobility.domain.message_states import MessageStates
from mobility.domain.records import DeliveryMark, DispositionRequest, Message
from mobility.errors import Refusal, Unavailable

MAX_REQUESTS = 1_000
"""Messages of one conversation of which something is still to be told; the oldest ones are
forgotten (our choice: more than anybody leaves unread and reads later)."""

Notify = Callable[[DispositionRequest, Disposition], Awaitable[None]]
Read = Callable[[str, str, int], Awaitable[None]]
"""Marks a conversation as read by a user up to a message."""


class Dispositions:
    """Knows who is to be told what, and what was told."""

    def __init__(
        self, ledger: Ledger, agenda: Agenda, conversations: Conversations, read: Read
    ) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._conversations = conversations
        self._mark_read = read
        self._locks = Locks()
        self._awaited: dict[str, set[str]] = {}
        """The conversations in which something is to be told once a user has got or read it."""
        self.states: MessageStates | None = None
        self.notify: Notify | None = None

    def load(self, requests: Iterable[DispositionRequest], marks: Iterable[DeliveryMark]) -> None:
        """Take into memory what is known of the conversations that go on."""
        for mark in marks:
            conversation = self._conversations.get(mark.conversation_id)
            if conversation is not None:
                _remember(conversation, mark)
        for request in requests:
            conversation = self._conversations.get(request.conversation_id)
            if conversation is not None:
                self._await(conversation, request)

    # -- what is told of messages that came in ----------------------------------------------------

    def ask(self, conversation_id: str, number: int, page: Page) -> None:
        """A message that came in is stored, and its sender may wish to hear of it."""
        wish = page.wish
        if wish is None or not (wish.delivery or wish.display):
            return
        request = DispositionRequest(
            conversation_id,
            number,
            page.from_uri,
            page.to_uri,
            wish.message_id,
            wish.sent_at,
            wish.original_to,
            wish.delivery,
            wish.display,
        )
        self._agenda.at(0.0, partial(self._ask, request))

    async def _ask(self, request: DispositionRequest, now: float) -> None:
        conversation = self._conversations.get(request.conversation_id)
        if conversation is None:
            return
        unit = Unit()
        unit.save(request)
        requests = conversation.readings.requests
        oldest = requests[next(iter(requests))] if len(requests) >= MAX_REQUESTS else None
        if oldest is not None:
            unit.remove(oldest)
        await self._ledger.commit(unit)
        if oldest is not None:
            requests.pop(oldest.number, None)
        self._await(conversation, request)
        await self._look(request.to_uri, now)

    def _await(self, conversation: ActiveConversation, request: DispositionRequest) -> None:
        conversation.readings.requests[request.number] = request
        self._awaited.setdefault(request.to_uri, set()).add(conversation.id)

    def changed(self, uri: str) -> None:
        """An application of a user has received something, or the user has read something."""
        if uri in self._awaited:
            self._agenda.at(0.0, partial(self._look, uri))

    async def _look(self, uri: str, now: float) -> None:  # noqa: ARG002  # an Action
        for conversation_id in list(self._awaited.get(uri, ())):
            async with self._locks.of(conversation_id):
                conversation = self._conversations.get(conversation_id)
                mine = _requests_to(conversation, uri)
                if conversation is None or not mine:
                    self._forget(uri, conversation_id)
                    continue
                for request in mine:
                    await self._tell(conversation, request)

    def _forget(self, uri: str, conversation_id: str) -> None:
        awaited = self._awaited.get(uri, set())
        awaited.discard(conversation_id)
        if not awaited:
            self._awaited.pop(uri, None)

    async def _tell(self, conversation: ActiveConversation, request: DispositionRequest) -> None:
        """Tell of a message what there is to tell by now."""
        displayed = conversation.readings.upto(request.to_uri) >= request.number
        delivered = displayed
        if request.delivery and not displayed:
            message = await self._conversations.message(conversation.id, request.number)
            if message is not None and self.states is not None:
                uri = request.to_uri
                delivered = await self.states.has_received(conversation, uri, message)
        told = [
            disposition
            for disposition, wanted, is_so in (
                (Disposition.DELIVERED, request.delivery, delivered),
                (Disposition.DISPLAYED, request.display, displayed),
            )
            if wanted and is_so
        ]
        if not told:
            return
        left = attrs.evolve(
            request,
            delivery=request.delivery and Disposition.DELIVERED not in told,
            display=request.display and Disposition.DISPLAYED not in told,
        )
        unit, goes_on = Unit(), left.delivery or left.display
        (unit.save if goes_on else unit.remove)(left)
        await self._ledger.commit(unit)
        if goes_on:
            conversation.readings.requests[request.number] = left
        else:
            conversation.readings.requests.pop(request.number, None)
        for disposition in told:
            self._agenda.at(0.0, partial(self._notify, request, disposition))

    async def _notify(
        self,
        request: DispositionRequest,
        disposition: Disposition,
        now: float,  # noqa: ARG002
    ) -> None:
        if self.notify is not None:
            await self.notify(request, disposition)

    # -- what is told of messages from here -------------------------------------------------------

    def mark(self, conversation_id: str, number: int, uri: str) -> DeliveryMark | None:
        """The row that says that a message has reached somebody without an application; the caller
        stores it, and then calls `marked`.  None where it says nothing new."""
        conversation = self._conversations.get(conversation_id)
        if conversation is None:
            return None
        readings = conversation.readings
        delivered = readings.delivered.get(uri, 0)
        if number <= delivered:
            return None
        return DeliveryMark(conversation_id, uri, number, readings.displayed.get(uri, 0))

    def marked(self, mark: DeliveryMark) -> None:
        """A row of `mark` is stored."""
        conversation = self._conversations.get(mark.conversation_id)
        if conversation is not None:
            _remember(conversation, mark)
            self.changed(mark.user_uri)

    async def delivered(self, conversation_id: str, number: int, uri: str) -> None:
        """A message has reached somebody without an application."""
        mark = self.mark(conversation_id, number, uri)
        if mark is not None:
            unit = Unit()
            unit.save(mark)
            await self._ledger.commit(unit)
            self.marked(mark)

    async def notified(
        self, from_uri: str, to_uri: str, message_id: str, disposition: Disposition
    ) -> None:
        """`from_uri` tells `to_uri` what has become of the message of an id.

        What is said of a message that is not between the two, or of a conversation that is over, is
        ignored.
        """
        conversation_id, _, digits = message_id.rpartition("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
            return
        number = int(digits)
        async with self._locks.of(conversation_id):
            conversation = self._conversations.get(conversation_id)
            if conversation is None or not _has_line(conversation, from_uri):
                return
            message = await self._conversations.message(conversation_id, number)
            if message is None or message.from_uri != to_uri:
                return
            if disposition is Disposition.FAILED:
                await self._fail(conversation, message, from_uri)
            elif from_uri not in message.failed.split():
                await self.delivered(conversation_id, number, from_uri)
                if disposition is Disposition.DISPLAYED:
                    await self._displayed(conversation, message, from_uri)

    async def _fail(self, conversation: ActiveConversation, message: Message, uri: str) -> None:
        """A message that was taken has not reached its reader after all."""
        failed = message.failed.split()
        if uri not in failed and conversation.readings.displayed.get(uri, 0) < message.number:
            unit = Unit()
            unit.save(attrs.evolve(message, failed=" ".join([*failed, uri])))
            await self._ledger.commit(unit)

    async def _displayed(
        self, conversation: ActiveConversation, message: Message, uri: str
    ) -> None:
        """What a phone of a user has shown is read on all devices of the user."""
        if self._conversations.reach.is_user(uri):
            try:
                await self._mark_read(uri, conversation.id, message.number)
            except Unavailable:
                raise
            except Refusal:
                return  # the conversation is over by now
        elif message.number > conversation.readings.displayed.get(uri, 0):
            delivered = conversation.readings.delivered.get(uri, 0)
            mark = DeliveryMark(conversation.id, uri, delivered, message.number)
            unit = Unit()
            unit.save(mark)
            await self._ledger.commit(unit)
            _remember(conversation, mark)


def _remember(conversation: ActiveConversation, mark: DeliveryMark) -> None:
    readings = conversation.readings
    readings.delivered[mark.user_uri] = mark.delivered
    readings.displayed[mark.user_uri] = mark.displayed


def _has_line(conversation: ActiveConversation, uri: str) -> bool:
    return any(is_line(leg.application_id) for leg in conversation.legs_of(uri))


def _requests_to(conversation: ActiveConversation | None, uri: str) -> list[DispositionRequest]:
    """What is still to be told of messages to a user, the oldest first."""
    requests = conversation.readings.requests.values() if conversation is not None else ()
    return [one for one in requests if one.to_uri == uri]
