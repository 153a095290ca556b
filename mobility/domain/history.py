"""What is over, as each user keeps it: past conversations and calls, those missed among them.

A log is written in the unit of work that ends the user's part in a conversation.  It has no text of
its own: it names the conversation and the numbers of the messages that the user saw.
"""

import secrets
from collections.abc import Container, Iterable, Sequence

import attrs
import msgspec

from mobility.domain.addresses import is_guest
from mobility.domain.applications import Applications
from mobility.domain.call import PHONE_AUDIO, CallEnd
from mobility.domain.conversation import MESSAGING, ActiveConversation
from mobility.domain.conversation_facts import tell_read
from mobility.domain.facts import MissedItemsChanged, UnreadChanged
from mobility.domain.ledger import Archive, HistoryCounts, Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.outcomes import COMPLETED_ELSEWHERE, ELSEWHERE, Outcome
from mobility.domain.reach import Reach
from mobility.domain.readership import others_of, shown, unread
from mobility.domain.records import (
    ConversationLog,
    Invitation,
    Leftover,
    Leg,
    Message,
    ReadMark,
    User,
    VoicemailCount,
)
from mobility.domain.states import Invited
from mobility.domain.users import Users
from mobility.errors import Refusal

ARCHIVED, MISSED = "Archived", "Missed"
"""The two values of ConversationLogStatus."""

INCOMING, OUTGOING = "Incoming", "Outgoing"


MAX_RECIPIENTS = 50
"""People whom one log names (our choice); how many more there were it counts."""

MAX_PREVIEW = 100
"""Characters of a previewMessage (our choice; the page says that it is truncated)."""

REMOVED_TOGETHER = 200
"""Logs of a removed user that leave in one unit of work (our choice)."""


@attrs.frozen(slots=True)
class Recipient:
    """Another party of a past conversation; `uri` is a sip: or a tel: URI."""

    uri: str
    name: str = ""


@attrs.frozen(slots=True)
class PastCall:
    """A call that is over, as one of its parties had it.

    `call_id` tells it from other calls and conversations.  `modality` is PhoneAudio, or a comma
    list of Audio and Video; `status` an AudioTranscriptStatus.  `missed` is true when the user was
    called and nobody answered; a call that was declined was not missed.
    """

    call_id: str
    direction: str
    other: Recipient
    began_at: float
    modality: str = "PhoneAudio"
    missed: bool = False
    status: str = "Ended"
    duration_s: float = 0.0
    thread_id: str = ""
    subject: str = attrs.field(repr=False, default="")
    importance: str = "Normal"


@attrs.frozen(slots=True)
class Transcript:
    """An entry of a log: a message, a call, or with neither something that cannot be shown.

    `number` is that of the message, 0 for the call.
    """

    number: int
    at: float
    message: Message | None = None
    call: ConversationLog | None = None


@attrs.frozen(slots=True)
class Page:
    """Some transcripts of a log; `more` says whether there are others behind them."""

    transcripts: Sequence[Transcript]
    more: bool


class History:
    """The history of all users; it is in the store alone."""

    def __init__(
        self,
        ledger: Ledger,
        archive: Archive,
        users: Users,
        applications: Applications,
        reach: Reach,
        conversation_history: str = "Enabled",
    ) -> None:
        """`conversation_history` says what holds for an application whose conversationHistory is
        None, the third value of a GenericPolicy."""
        self._ledger = ledger
        self._archive = archive
        self._users = users
        self._applications = applications
        self._reach = reach
        self.setting = conversation_history
        self._locks = Locks()

    # What is put into units of work

    def parted(
        self,
        unit: Unit,
        before: ActiveConversation,
        after: ActiveConversation,
        outcome: Outcome,
        now: float,
    ) -> None:
        """`unit` leaves `after` of the conversation `before`: who has gone has it in the history.

        What rang and was not answered is missed, but for what was declined or answered beyond this
        system; and so is what nobody woke to answer.
        """
        elsewhere = outcome == COMPLETED_ELSEWHERE
        waiting = [
            one
            for one in before.open_invitations()
            if one.awaited and one.kind == MESSAGING and not elsewhere
        ]
        for invitation in waiting:
            over = after.invitations[invitation.id].state != "Connecting"
            if over and not before.legs_of(invitation.to_uri):
                self.failed(unit, before, invitation, now)
        awaited = {one.to_uri for one in after.open_invitations() if one.awaited}
        for uri in dict.fromkeys(leg.user_uri for leg in before.legs.values()):
            if not after.legs_of(uri) and uri not in awaited:
                rang = all(leg.state == "Incoming" for leg in before.legs_of(uri))
                known = rang and (elsewhere or outcome.event is Invited.DECLINED)
                read = known or uri in before.readings.leaving
                self._keep(unit, before, uri, now, missed=rang and not known, read=read)
        for uri, participant in before.participants.items():
            if uri not in after.participants:
                before.readings.left[uri] = participant.name
        if after.record.state == "Ended":
            unit.save(Leftover(before.id))

    def failed(
        self, unit: Unit, conversation: ActiveConversation, invitation: Invitation, now: float
    ) -> None:
        """`invitation` rings nobody: if its callee would have liked to know, it is missed."""
        uri = invitation.to_uri
        if not self._reach.keeps_missed(uri, invitation.from_uri):
            return
        caller = Recipient(invitation.from_uri, self._users.name_of(invitation.from_uri))
        unit.save(
            attrs.evolve(
                _log_of(conversation, uri, (), now, missed=True),
                recipients=_packed([caller]),
                recipient_count=1,
                last_message=invitation.message_number,
            )
        )
        self._tell(unit, uri, missed_items=True, unread=True)

    def called(self, unit: Unit, end: CallEnd) -> None:
        """A call is over: its parties have it in the history, whether anybody answered or not.

        Who was called and did not answer has missed it, unless the call was declined or answered
        beyond this system; that others rang for it too is no matter of theirs.
        """
        call, invitation = end.call, end.invitation
        callee = call.callee_uri
        if not end.answered and invitation is not None:
            callee = invitation.to_uri
        modality = "PhoneAudio" if call.modality == PHONE_AUDIO else call.media
        declined = invitation is not None and invitation.state == "Declined"
        elsewhere = call.outcome == ELSEWHERE.subcode
        missed = not end.answered and not declined and not elsewhere
        past = PastCall(
            call_id=end.conversation.id,
            direction=OUTGOING,
            other=Recipient(callee, self._users.name_of(callee)),
            began_at=call.started_at,
            modality=modality,
            duration_s=call.ended_at - call.answered_at if end.answered else 0.0,
            thread_id=end.conversation.thread_id,
            subject=end.conversation.subject,
            importance=end.conversation.importance,
        )
        if self._keeps(call.caller_id):
            self.record_call(unit, call.caller_uri, past, call.ended_at)
        if missed:
            kept = self._reach.keeps_missed(callee, call.caller_uri)
        else:
            kept = self._keeps(call.callee_id)
        if kept:
            caller = Recipient(call.caller_uri, self._users.name_of(call.caller_uri))
            past = attrs.evolve(past, direction=INCOMING, other=caller, missed=missed)
            self.record_call(unit, callee, past, call.ended_at)
        if end.conversation.state == "Ended":
            unit.save(Leftover(end.conversation.id))

    def record_call(self, unit: Unit, uri: str, call: PastCall, now: float) -> None:
        """Put a call that is over into the history of one of its parties."""
        if not self._has_history(uri):
            return
        unit.save(
            ConversationLog(
                user_uri=uri,
                id=_new_id(),
                conversation_id=call.call_id,
                created_at=now,
                began_at=call.began_at,
                direction=call.direction,
                status=MISSED if call.missed else ARCHIVED,
                type="VideoLog" if "Video" in call.modality else "AudioLog",
                modalities=call.modality,
                thread_id=call.thread_id,
                subject=call.subject,
                importance=call.importance,
                meeting_uri="",
                recipients=_packed([call.other]),
                recipient_count=1,
                read=not call.missed,
                call_status=call.status,
                duration_s=call.duration_s,
            )
        )
        self._tell(unit, uri, missed_items=True, unread=call.missed)

    def count_voicemail(self, unit: Unit, uri: str, total: int, unread: int) -> None:
        """The user's mailbox now has `total` voicemails, of which `unread` are not heard yet."""
        if not self._has_history(uri):
            return
        unit.save(VoicemailCount(uri, total, unread))
        self._tell(unit, uri, missed_items=True, unread=True)

    # What is read

    async def logs(self, uri: str, limit: int) -> Sequence[ConversationLog]:
        """The latest logs of a user, at most `limit`, newest first."""
        return await self._archive.conversation_logs(uri, limit)

    async def unread_logs(self, uri: str, limit: int) -> Sequence[ConversationLog]:
        """Likewise those with anything unread."""
        return await self._archive.conversation_logs(uri, limit, unread=True)

    async def log(self, uri: str, log_id: str) -> ConversationLog:
        """A log of a user; 404 ResourceNotFound without such a one."""
        log = await self._archive.conversation_log(uri, log_id)
        if log is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such past conversation.")
        return log

    async def counts(self, uri: str) -> HistoryCounts:
        """How much of what a user has in the history."""
        return await self._archive.history_counts(uri)

    async def preview(self, log: ConversationLog) -> str:
        """The beginning of the first message of a log, "" without one."""
        page = await self.transcripts(log, log.after_message, 1)
        first = next((one.message for one in page.transcripts if one.message is not None), None)
        return "" if first is None else (first.plain or first.body)[:MAX_PREVIEW]

    async def transcripts(self, log: ConversationLog, after: int, limit: int) -> Page:
        """At most `limit` messages of a log after number `after`, oldest first.

        The call comes before the messages.  A message that was never stored is no transcript; one
        that is not in the store any more is one without a message.
        """
        after = max(after, log.after_message)
        found: list[Transcript] = []
        if log.call_status and after == log.after_message:
            found.append(Transcript(0, log.began_at, call=log))
        last = min(log.last_message, after + limit)
        stored: Sequence[Message] = ()
        if last > after:
            stored = await self._archive.messages(log.conversation_id, after, last)
        by_number = {message.number: message for message in stored}
        at = log.began_at
        for number in range(after + 1, last + 1):
            message = by_number.get(number)
            at = message.sent_at if message is not None else at
            found.append(Transcript(number, at, message))
        return Page(found, more=last < log.last_message)

    # What users do

    async def mark_read(self, uri: str, log_id: str, number: int | None = None) -> None:
        """UCWA markAsRead: nothing of the log is unread any more, or with a `number` no message up
        to that one."""
        async with self._locks.of(uri):
            await self._read([await self.log(uri, log_id)], number)

    async def mark_read_upto(self, uri: str, conversation_id: str, number: int) -> bool:
        """The messages of a past conversation up to `number` are read; whether there is one."""
        async with self._locks.of(uri):
            logs = await self._archive.logs_of_conversation(uri, conversation_id)
            await self._read(logs, number)
            return bool(logs)

    async def remove(self, uri: str, log_id: str) -> None:
        """UCWA DELETE conversationLog: only this user loses it."""
        async with self._locks.of(uri):
            log = await self.log(uri, log_id)
            unit = Unit()
            unit.remove(log)
            unit.save(Leftover(log.conversation_id))
            self._tell(unit, uri, missed_items=True, unread=not log.read)
            await self._ledger.commit(unit)

    async def end_all_of(self, user: User, now: float) -> None:  # noqa: ARG002  # a Departure
        """A user leaves for good, and its history with it."""
        async with self._locks.of(user.uri):
            more = True
            while more:
                logs = await self._archive.conversation_logs(user.uri, REMOVED_TOGETHER)
                more = len(logs) == REMOVED_TOGETHER
                unit = Unit()
                unit.remove(*logs)
                unit.save(*{Leftover(log.conversation_id): None for log in logs})
                if not more:
                    unit.remove(VoicemailCount(user.uri, 0, 0))
                await self._ledger.commit(unit)

    def _keep(
        self,
        unit: Unit,
        conversation: ActiveConversation,
        uri: str,
        now: float,
        *,
        missed: bool,
        read: bool,
    ) -> None:
        """The part of a user in `conversation` is over by `unit`; with `read` the user knows all
        there is.

        It is kept if it was missed, or if an application that took part has its
        conversationHistory enabled; who came no further than the lobby took no part.  Guests have
        no history, and calls without messages have logs of their own.
        """
        if not self._has_history(uri):
            return
        legs = conversation.legs_of(uri)
        after, last = shown(conversation, uri)
        pending = unread(conversation, uri)
        if uri in conversation.readings.marked:
            unit.remove(ReadMark(conversation.id, uri, 0))
        wrote = last > after or any(leg.messaging != "Disconnected" for leg in legs)
        inside = conversation.is_conference and not conversation.in_lobby(uri)
        kept = missed or any(self._keeps(leg.application_id) for leg in legs)
        kept = kept and (wrote or inside or (missed and conversation.is_conference))
        if kept:
            others = others_of(conversation, uri)
            named = [
                Recipient(one, name or self._users.name_of(one)) for one, name in others.items()
            ]
            unit.save(
                attrs.evolve(
                    _log_of(conversation, uri, legs, now, missed=missed),
                    modalities="Messaging" if wrote else "",
                    recipients=_packed(named),
                    recipient_count=len(named),
                    after_message=after,
                    last_message=last,
                    read_message=last if read else last - pending,
                    read=read or not (missed or pending),
                )
            )
        gone = pending > 0 and (read or not kept)
        self._tell(unit, uri, missed_items=kept, unread=(missed and kept) or gone)

    def tell_readers(self, unit: Unit, conversation: ActiveConversation, message: Message) -> None:
        """`message` is about to be sent: applications that take no part in the conversation are
        told when it is the first one that their user has not read, or an answer to such; those
        that do are told of the answer that all is read now."""
        for uri in {leg.user_uri for leg in conversation.legs.values()}:
            if len(self._applications.of_user(uri)) > 1:
                pending = unread(conversation, uri)
                if pending == 1 if uri != message.from_uri else pending > 1:
                    self.tell_unread(unit, uri, conversation.legs)
                    if uri == message.from_uri:
                        tell_read(unit, conversation, uri)

    def tell_unread(self, unit: Unit, uri: str, but: Container[str] = ()) -> None:
        """The applications of a user, but not those of the ids `but`, are told that what is unread
        has changed."""
        for endpoint in self._applications.of_user(uri):
            if endpoint.id not in but:
                unit.append(endpoint.id, UnreadChanged())

    async def _read(self, logs: Iterable[ConversationLog], number: int | None) -> None:
        unit = Unit()
        for log in logs:
            upto = log.last_message if number is None else min(number, log.last_message)
            upto = max(upto, log.read_message)
            read = attrs.evolve(log, read_message=upto, read=upto == log.last_message)
            if read != log:
                unit.save(read)
                missed = log.status == MISSED and read.read
                self._tell(unit, log.user_uri, missed_items=missed, unread=True)
        if unit:
            await self._ledger.commit(unit)

    def _tell(self, unit: Unit, uri: str, *, missed_items: bool, unread: bool) -> None:
        for endpoint in self._applications.of_user(uri):
            if missed_items:
                unit.append(endpoint.id, MissedItemsChanged())
            if unread:
                unit.append(endpoint.id, UnreadChanged())

    def _has_history(self, uri: str) -> bool:
        return not is_guest(uri) and self._users.find(uri) is not None

    def _keeps(self, device_id: str) -> bool:
        """What holds for an application, or for a line the setting."""
        endpoint = self._applications.find(device_id)
        chosen = "None" if endpoint is None else endpoint.record.conversation_history
        return (self.setting if chosen == "None" else chosen) == "Enabled"


def recipients_of(log: ConversationLog) -> list[Recipient]:
    """The others whom a log names."""
    return [Recipient(uri, name) for uri, name in msgspec.json.decode(log.recipients)]


def _packed(recipients: Sequence[Recipient]) -> str:
    pairs = [(one.uri, one.name) for one in recipients[:MAX_RECIPIENTS]]
    return msgspec.json.encode(pairs).decode()


def _log_of(
    conversation: ActiveConversation,
    uri: str,
    legs: Iterable[Leg],
    now: float,
    *,
    missed: bool,
) -> ConversationLog:
    record = conversation.record
    came = [conversation.invitation_of(leg) for leg in legs]
    called = any(one is not None and one.from_uri == uri for one in came)
    return ConversationLog(
        user_uri=uri,
        id=_new_id(),
        conversation_id=record.id,
        created_at=now,
        began_at=record.created_at,
        direction=OUTGOING if called else INCOMING,
        status=MISSED if missed else ARCHIVED,
        type="ConferenceLog" if conversation.is_conference else "MessageLog",
        modalities="" if conversation.is_conference else "Messaging",
        thread_id=record.thread_id,
        subject=record.subject,
        importance=record.importance,
        meeting_uri=record.meeting_uri,
        recipients="[]",
        recipient_count=0,
        read=not missed,
    )


def _new_id() -> str:
    return secrets.token_hex(8)
