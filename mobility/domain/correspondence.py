"""Messages to and from people who have no application: page-mode messages (RFC 3428), and
sessions.

Whoever writes in page mode sends one message after the other, and no session holds them together.
For each pair of persons who write so there is one line (`mobility.domain.lines`) in one
conversation, which ends when nobody has written for `idle_s`.  What the conversation brings is
given to a `Carrier`; what the person writes comes in by `receive`.

A session begins with an invitation of the person (`ring`), which rings as any other, or with one
that the carrier takes there (`Carrier.begin`, `carry`), and ends with the conversation, whoever
leaves it (`leaves`, `Carrier.part`).

Conversations outlive a restart: their lines are opened again, the first message that rings is
brought once more, and so is each message that was under way (`mobility.domain.carriages`), under
the same `Page.id`.  Where nothing leads to the person any more its sender is told that it failed.

A phone rings like an application and gets what its user is written meanwhile.  It answers when its
user writes back, or when no application rings.
"""

from collections.abc import Iterable
from functools import partial

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.carriers import Carrier, Disposition, Page, Received, Rung
from mobility.domain.conversations import Conversations
from mobility.domain.dispositions import Dispositions
from mobility.domain.facts import (
    ConversationChanged,
    Fact,
    InvitationChanged,
    MessageCompleted,
    Reason,
    TypingChanged,
)
from mobility.domain.lines import Line, is_line
from mobility.domain.locks import Locks
from mobility.domain.messaging import Call, Messaging, Text
from mobility.domain.outcomes import COMPLETED_ELSEWHERE, LOST, UNREACHABLE, Outcome
from mobility.domain.records import Carriage, DispositionRequest, Message
from mobility.errors import Refusal, Unavailable

LIVE_S = 60.0
"""An application that asked for events so lately shows what comes at once (our choice: clients ask
anew when a request for events was answered)."""

MAX_THREADS = 10_000
"""Correspondences at once (our choice: some 2 kB each)."""


@attrs.define(slots=True, eq=False)
class _Thread:
    """One correspondence: `line` is that of who has no application, `other_uri` who has, or has
    none either."""

    line: Line
    other_uri: str
    used_at: float = 0.0
    conversation_id: str = ""
    invitation_id: str = ""
    answered: bool = False
    upto: int = 0
    """The number of the last message that was given to the carrier."""

    @property
    def key(self) -> str:
        return _key(self.line.user_uri, self.other_uri)


class Correspondence:
    """All that is written over lines.  It is the `Outside` of the messaging."""

    def __init__(
        self,
        agenda: Agenda,
        applications: Applications,
        conversations: Conversations,
        messaging: Messaging,
        dispositions: Dispositions,
        idle_s: float,
        carriages: Iterable[Carriage] = (),
    ) -> None:
        """`carriages` are under way since before a restart."""
        self._agenda = agenda
        self._applications = applications
        self._conversations = conversations
        self._messaging = messaging
        self.dispositions = dispositions
        dispositions.notify = self._notify
        self._idle_s = idle_s
        self._threads: dict[str, _Thread] = {}
        self._locks = Locks()
        self.carrier: Carrier | None = None
        messaging.outside = self
        self._reopen()
        for carriage in carriages:
            agenda.at(0.0, partial(self._bring_again, carriage))
        for thread in self._threads.values():
            agenda.at(0.0, partial(self._go_on, thread))

    def __len__(self) -> int:
        return len(self._threads)

    # -- to who has no application ----------------------------------------------------------------

    def line(self, to_uri: str, from_uri: str) -> Line | None:
        """A line that rings for an invitation (`mobility.domain.messaging.Outside`)."""
        if self.carrier is None or len(self._threads) >= MAX_THREADS:
            return None
        return self._open(to_uri, "", from_uri).line if self.carrier.leads_to(to_uri) else None

    def _open(self, uri: str, name: str, other_uri: str, line_id: str = "") -> _Thread:
        lines = self._conversations.lines
        line = lines.open(uri, name or _user_of(uri), _nothing, line_id)
        thread = _Thread(line, other_uri)
        line.read = partial(self._read, thread)
        self._threads[thread.key] = thread
        return thread

    def _close(self, thread: _Thread) -> None:
        self._conversations.lines.close(thread.line)
        if self._threads.get(thread.key) is thread:
            del self._threads[thread.key]

    def _read(self, thread: _Thread, fact: Fact, message: Message | None) -> None:
        match fact:
            case InvitationChanged(change="started"):
                thread.conversation_id, thread.invitation_id = fact.conversation_id, fact.id
                thread.answered = fact.direction == "Outgoing"
                if not thread.answered:
                    thread.upto = fact.message_number
                    self._agenda.at(0.0, partial(self._ring, thread, message))
            case MessageCompleted(direction="Incoming") if message is not None:
                self.dispositions.changed(message.from_uri)
                if message.number > thread.upto and message.from_uri != thread.line.user_uri:
                    thread.upto = message.number
                    self._agenda.at(0.0, partial(self._pass_on, thread, message))
            case InvitationChanged(change="completed", direction="Outgoing"):
                reason = None if fact.state == "Connected" else fact.reason or UNREACHABLE
                self._agenda.at(0.0, partial(self._answered, thread, reason))
            case TypingChanged() if self.carrier is not None:
                if fact.uri != thread.line.user_uri:
                    typing = fact.change == "added"
                    self.carrier.show_typing(fact.uri, thread.line.user_uri, typing=typing)
            case ConversationChanged(change="deleted"):
                self._close(thread)
                self._agenda.at(0.0, partial(self._part, thread))

    async def _answered(self, thread: _Thread, reason: Reason | None, now: float) -> None:  # noqa: ARG002
        if self.carrier is not None:
            self.carrier.answered(thread.other_uri, thread.line.user_uri, reason)

    async def _part(self, thread: _Thread, now: float) -> None:  # noqa: ARG002  # an Action
        if self.carrier is not None and thread.key not in self._threads:
            self.carrier.part(thread.other_uri, thread.line.user_uri)

    async def _ring(
        self, thread: _Thread, message: Message | None, now: float, *, again: bool = False
    ) -> None:
        """Bring the first message, if there is one, and answer if nobody else is there to."""
        outcome: Outcome | Received | None
        async with self._locks.of(thread.line.id):
            if message is not None:
                outcome = await self._carry(thread, message, now, again=again)
            else:
                outcome = await self._begin_there(thread)
        if outcome is Received.SHOWN:
            await self.dispositions.delivered(
                thread.conversation_id, thread.upto, thread.line.user_uri
            )
        refused = outcome if isinstance(outcome, Outcome) else None
        self._agenda.at(0.0, partial(self._follow, thread, refused))

    async def _follow(self, thread: _Thread, outcome: Outcome | None, now: float) -> None:
        """What became of the first message becomes of the invitation."""
        try:
            if outcome is not None:
                await self._conversations.decline(
                    thread.line, thread.invitation_id, False, now, outcome
                )
            elif not self._rings_applications(thread):
                await self._answer(thread)
        except Unavailable:
            raise
        except Refusal:
            return  # somebody else has answered, or nobody asks any more

    async def _pass_on(self, thread: _Thread, message: Message, now: float) -> None:
        async with self._locks.of(thread.line.id):
            outcome = await self._carry(thread, message, now)
        self._agenda.at(0.0, partial(self._report, message, thread.line.user_uri, outcome))

    async def _report(
        self,
        message: Message,
        uri: str,
        outcome: Outcome | Received,
        now: float,  # noqa: ARG002
    ) -> None:
        """The sender is told what became of a message to `uri`."""
        conversation_id, number = message.conversation_id, message.number
        failed = uri if isinstance(outcome, Outcome) else ""
        mark = None
        if outcome is Received.SHOWN:
            mark = self.dispositions.mark(conversation_id, number, uri)
        await self._messaging.carriages.end(conversation_id, number, failed, mark)
        if mark is not None:
            self.dispositions.marked(mark)

    async def _notify(self, request: DispositionRequest, disposition: Disposition) -> None:
        if self.carrier is not None:
            await self.carrier.notify(request, disposition)

    async def _carry(
        self, thread: _Thread, message: Message, now: float, *, again: bool = False
    ) -> Outcome | Received:
        thread.used_at = now
        if self.carrier is None:
            return Received.KEPT
        return await self.carrier.carry(self._page(message, thread.line.user_uri, again=again))

    def _page(self, message: Message, to_uri: str, *, again: bool) -> Page:
        return Page(
            from_uri=message.from_uri,
            from_name=self._conversations.name_of(message.from_uri),
            to_uri=to_uri,
            sent_at=message.sent_at,
            text=Text(message.format, message.body, message.plain),
            id=f"{message.conversation_id}-{message.number}",
            again=again,
        )

    # -- after a restart --------------------------------------------------------------------------

    def _reopen(self) -> None:
        """Open the lines of conversations again in which people do nothing but write."""
        for conversation in self._conversations:
            writing = not conversation.is_conference and conversation.call is None
            for leg in conversation.legs.values() if writing else ():
                invitation = conversation.invitations.get(leg.invitation_id)
                if not is_line(leg.application_id) or invitation is None:
                    continue
                called = invitation.from_application_id != leg.application_id
                other_uri = invitation.from_uri if called else invitation.to_uri
                if _key(leg.user_uri, other_uri) in self._threads:
                    continue
                thread = self._open(leg.user_uri, "", other_uri, leg.application_id)
                thread.line.conversations.add(conversation.id)
                thread.conversation_id, thread.invitation_id = conversation.id, invitation.id
                thread.answered = leg.state != "Incoming"
                thread.upto = conversation.message_count

    async def _go_on(self, thread: _Thread, now: float) -> None:
        """A line that was opened again rings on, or is lost."""
        conversations, line = self._conversations, thread.line
        if self.carrier is None or not self.carrier.leads_to(line.user_uri):
            async with self._locks.of(line.id):  # what was under way is told before
                pass
            async with conversations.lock(thread.conversation_id):
                if not line.closed:
                    conversation, leg = conversations.find(line, thread.conversation_id)
                    await conversations.drop(conversation, [leg], LOST, now)
        elif not thread.answered and not line.closed:
            conversation, invitation, _ = conversations.find_invitation(line, thread.invitation_id)
            message = await conversations.first_message(conversation, invitation)
            await self._ring(thread, message, now, again=True)

    async def _bring_again(self, carriage: Carriage, now: float) -> None:
        """A message was under way when the process ended."""
        lines = self._conversations.lines.of_user(carriage.to_uri)
        mine = [one.id for one in lines if carriage.conversation_id in one.conversations]
        async with self._locks.of(mine[0] if mine else carriage.to_uri):
            message = await self._conversations.message(carriage.conversation_id, carriage.number)
            if message is None:
                await self._messaging.carriages.drop(carriage)
                return
            self._messaging.carriages.resume(carriage, message)
            outcome: Outcome | Received = LOST
            uri = carriage.to_uri
            if self.carrier is not None and self.carrier.leads_to(uri):
                outcome = await self.carrier.carry(self._page(message, uri, again=True))
            await self._report(message, uri, outcome, now)

    async def _begin_there(self, thread: _Thread) -> Outcome | None:
        if self.carrier is None:
            return None
        uri = thread.other_uri
        name = self._conversations.name_of(uri)
        return await self.carrier.begin(uri, name, thread.line.user_uri)

    async def _answer(self, thread: _Thread) -> None:
        await self._messaging.accept(thread.line, thread.invitation_id)
        thread.answered = True

    def _rings_applications(self, thread: _Thread) -> bool:
        conversation, invitation, _ = self._conversations.find_invitation(
            thread.line, thread.invitation_id
        )
        ringing = conversation.ringing(invitation)
        return any(not is_line(leg.application_id) for leg in ringing)

    # -- from who has no application --------------------------------------------------------------

    async def receive(self, page: Page, now: float, *, phones: bool = True) -> Received:
        """A message came; it is durable when this answers.

        Without `phones` it goes to applications only, or is kept as missed.  404 for a user that is
        not there.
        """
        if not self._conversations.reach.is_there(page.to_uri):
            raise Refusal("NotFound", "DestinationNotFound", "Nobody has this address.")
        async with self._locks.of(_key(page.from_uri, page.to_uri)):
            thread = self._threads.get(_key(page.from_uri, page.to_uri))
            if thread is None or not await self._write(thread, page, page.text, now):
                thread = await self._begin(page, page.text, now, phones=phones)
        if thread is None:
            return Received.KEPT
        return Received.SHOWN if self._is_live(thread, now) else Received.KEPT

    async def ring(self, page: Page, text: Text | None, now: float) -> Rung:
        """Somebody begins a session, with a text or without one; `page` says who and with whom.

        What becomes of an invitation that rings the carrier is told.  404 for a user that is not
        there.
        """
        if not self._conversations.reach.is_there(page.to_uri):
            raise Refusal("NotFound", "DestinationNotFound", "Nobody has this address.")
        async with self._locks.of(_key(page.from_uri, page.to_uri)):
            thread = self._threads.get(_key(page.from_uri, page.to_uri))
            if thread is None or not await self._write(thread, page, text, now):
                thread = await self._begin(page, text, now, phones=True)
        if thread is None:
            return Rung.NOBODY
        return Rung.ANSWERED if self._is_connected(thread) else Rung.RINGS

    def leaves(self, from_uri: str, to_uri: str, *, elsewhere: bool = False) -> None:
        """Who began a session with `to_uri`, or had one, has left it, or is lost; an invitation
        that rings was answered `elsewhere`, or given up."""
        self._agenda.at(0.0, partial(self._leave, from_uri, to_uri, elsewhere))

    async def _leave(self, from_uri: str, to_uri: str, elsewhere: bool, now: float) -> None:
        thread = self._threads.get(_key(from_uri, to_uri))
        if thread is None or not thread.conversation_id:
            return
        conversations = self._conversations
        try:
            if elsewhere and not self._is_connected(thread):
                outcome = COMPLETED_ELSEWHERE
                await conversations.cancel(thread.line, thread.invitation_id, now, outcome)
            else:
                await conversations.terminate(thread.line, thread.conversation_id, now)
        except Unavailable:
            raise
        except Refusal:
            return  # it is over already

    async def receive_typing(self, from_uri: str, to_uri: str, now: float) -> None:
        """Who writes to `to_uri` types."""
        thread = self._threads.get(_key(from_uri, to_uri))
        if thread is None or not thread.answered:
            return
        try:
            await self._messaging.set_typing(thread.line, thread.conversation_id, now)
        except Unavailable:
            raise
        except Refusal:
            return  # messages have not begun, or are over

    async def _write(self, thread: _Thread, page: Page, text: Text | None, now: float) -> bool:
        """Another message of a correspondence, or its session; whether it goes on."""
        try:
            if not thread.answered:
                await self._answer(thread)
            if text is not None:
                conversation_id = thread.conversation_id
                message = await self._messaging.write(thread.line, conversation_id, text, now)
                self.dispositions.ask(conversation_id, message.number, page)
            else:
                self._conversations.find(thread.line, thread.conversation_id)
        except Refusal as refusal:
            if refusal.status in (404, 409):
                return False
            raise
        thread.used_at = now
        return True

    async def _begin(
        self, page: Page, text: Text | None, now: float, *, phones: bool
    ) -> _Thread | None:
        """The first message, or an invitation without one; None if nobody is there for it and it
        was kept."""
        if len(self._threads) >= MAX_THREADS:
            raise Refusal("ServiceFailure", None, "Too many people write.")
        thread = self._open(page.from_uri, page.from_name, page.to_uri)
        thread.used_at = now
        call = Call(page.to_uri, text=text, outside=phones)
        try:
            invitation = await self._messaging.start(thread.line, call, now)
        except BaseException:
            self._close(thread)
            raise
        if invitation.state != "Connecting":
            self._close(thread)
            return None
        thread.conversation_id, thread.invitation_id = invitation.conversation_id, invitation.id
        thread.answered = True
        if text is not None:
            self.dispositions.ask(invitation.conversation_id, invitation.message_number, page)
        return thread

    def _is_connected(self, thread: _Thread) -> bool:
        """Whether messages flow."""
        try:
            _, leg = self._conversations.find(thread.line, thread.conversation_id)
        except Refusal:
            return False
        return leg.messaging == "Connected"

    def _is_live(self, thread: _Thread, now: float) -> bool:
        """Whether a device of the other side shows now what comes."""
        try:
            conversation, leg = self._conversations.find(thread.line, thread.conversation_id)
        except Refusal:
            return False
        for other in conversation.others(leg):
            endpoint = self._applications.find(other.application_id)
            if endpoint is None:
                if is_line(other.application_id):
                    return True
            elif endpoint.parked or now - endpoint.last_seen < LIVE_S:
                return True
        return False

    # -- the end ----------------------------------------------------------------------------------

    async def sweep(self, now: float) -> None:
        """End the correspondences in which nobody has written for long."""
        for thread in list(self._threads.values()):
            if not thread.used_at:
                thread.used_at = now
            elif now - thread.used_at >= self._idle_s:
                try:
                    await self._conversations.terminate(thread.line, thread.conversation_id, now)
                except Unavailable:
                    raise
                except Refusal:
                    self._close(thread)


def _key(uri: str, other_uri: str) -> str:
    return f"{uri}\0{other_uri}"


def _user_of(uri: str) -> str:
    """What stands before the @ of a SIP URI: a name for who has no better one."""
    return uri.partition(":")[2].partition("@")[0]


def _nothing(fact: Fact) -> None:
    """`Line.read` hears instead."""
