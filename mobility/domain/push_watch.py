"""What units of work mean for sleeping devices.

Every unit of a front end passes here on its way to the store, so whatever makes a fact, the
notifications of it are stored with it.  A unit that concerns nobody with a device costs a look at
its rows.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred

from mobility.domain.applications import Applications
from mobility.domain.devices import Devices
from mobility.domain.facts import InvitationChanged, MessageCompleted, MissedItemsChanged
from mobility.domain.ledger import Committed, Entry, Ledger, Unit
from mobility.domain.push_notices import Draft, Wake
from mobility.domain.push_outbox import PushOutbox
from mobility.domain.push_rules import CALL, MEETING, MESSAGE, MISSED_CALL, RECENT_S, VOICEMAIL
from mobility.domain.records import (
    ConversationLog,
    Invitation,
    Message,
    PushSubscription,
    ReadMark,
    User,
    VoicemailCount,
)

F = TypeVar("F")
"""A failure, which is passed on."""

VOICEMAILS = "voicemail"
"""What the notification of a voicemail is about: the mailbox."""

RINGS = {"call": CALL, "participant": MEETING}
"""Kinds of invitations that ring, and what is pushed of them.  Those to messages carry a message,
and that is what is pushed."""


class PushWatch:
    """Puts into a unit what wakes devices for what it does, and what calms them."""

    def __init__(self, outbox: PushOutbox, devices: Devices, applications: Applications) -> None:
        self._outbox = outbox
        self._devices = devices
        self._applications = applications
        self.voicemails: Callable[[str], VoicemailCount] = _none_counted
        """What is known of a user's voicemails before the unit."""
        self._by_record: dict[type[Any], Callable[[Draft, Any], None]] = {
            Message: self._message,
            Invitation: self._invitation,
            ReadMark: self._read_mark,
            ConversationLog: self._log,
            VoicemailCount: self._voicemail,
            PushSubscription: self._device,
            User: self._user,
        }

    def plan(self, unit: Unit, now: float) -> Draft | None:
        """Add to `unit`; what follows from it once it is stored, None for nothing."""
        if not self._devices and not self._outbox:
            return None
        draft = Draft(unit, now)
        for record in list(unit.saves):
            handle = self._by_record.get(type(record))
            if handle is not None:
                handle(draft, record)
        if unit.entries:
            self._ringing(draft)
        for record in list(unit.removes):
            if type(record) is ConversationLog:
                self._forgotten(draft, record)
            elif type(record) is PushSubscription:
                self._outbox.device_gone(draft, record.user_uri, record.id)
        return draft if draft.effects or draft.touched else None

    # What wakes

    def _message(self, draft: Draft, message: Message) -> None:
        """A message is sent: everybody whom it reaches or who is to have it later is told."""
        told: dict[str, list[Entry]] = {}
        begun = ""
        for entry in draft.unit.entries:
            fact = entry.fact
            if type(fact) is MessageCompleted:
                if fact.direction == "Incoming" and fact.number == message.number:
                    self._tell(told, entry)
            elif type(fact) is InvitationChanged and fact.change == "started":
                begun = fact.id
                if fact.direction == "Incoming" and fact.message_number == message.number:
                    self._tell(told, entry)
        if message.missed and message.failed:
            for uri in message.failed.split():
                told.setdefault(uri, [])
        elif begun:  # who was called and has nothing that rings is waited for, or misses it
            invitation = _saved(draft, begun)
            if invitation is not None and (message.missed or invitation.awaited):
                told.setdefault(invitation.to_uri, [])
        told.pop(message.from_uri, None)
        for uri, entries in told.items():
            self._wake(
                draft,
                uri,
                MESSAGE,
                message.conversation_id,
                entries,
                conversation_id=message.conversation_id,
                number=message.number,
                from_uri=message.from_uri,
            )
        if message.number > 1:
            self._known(
                draft, message.from_uri, message.conversation_id, message.number, "answered"
            )

    def _ringing(self, draft: Draft) -> None:
        """Applications ring: the sleeping devices of their users do too, and those of who was
        called and has nothing else."""
        told: dict[str, dict[str, list[Entry]]] = {}
        facts: dict[str, InvitationChanged] = {}
        for entry in draft.unit.entries:
            fact = entry.fact
            if type(fact) is InvitationChanged and fact.kind in RINGS and fact.change == "started":
                facts[fact.id] = fact
                users = told.setdefault(fact.id, {})
                if fact.direction == "Incoming":
                    self._tell(users, entry)
                elif (waiting := _saved(draft, fact.id)) is not None and waiting.awaited:
                    users.setdefault(fact.to_uri, [])
        for invitation_id, users in told.items():
            fact = facts[invitation_id]
            invitation = _saved(draft, invitation_id)
            expires_at = invitation.expires_at if invitation is not None else 0.0
            for uri, entries in users.items():
                self._wake(
                    draft,
                    uri,
                    RINGS[fact.kind],
                    invitation_id,
                    entries,
                    conversation_id=fact.conversation_id,
                    from_uri=fact.from_uri,
                    expires_at=expires_at,
                )

    def _invitation(self, draft: Draft, invitation: Invitation) -> None:
        """An invitation rings no more once somebody answered it or it was given up."""
        if invitation.state != "Connecting" and invitation.kind in RINGS:
            self._outbox.rings_no_more(draft, invitation.id, f"call {invitation.state.lower()}")

    def _log(self, draft: Draft, log: ConversationLog) -> None:
        """Something came into the history of a user, or was read there."""
        uri = log.user_uri
        if log.status == "Missed" and log.call_status and not log.read:
            entries = self._entries_of(draft, uri)
            self._wake(
                draft,
                uri,
                MISSED_CALL,
                log.id,
                entries,
                conversation_id=log.conversation_id,
                from_uri=_first_of(log.recipients),
                slowly=all(type(one.fact) is MissedItemsChanged for one in entries),
            )
        elif log.read:
            self._outbox.read(draft, uri, log.id, 0, "read")
            self._known(draft, uri, log.conversation_id, log.last_message, "read")
        elif log.read_message:
            self._known(draft, uri, log.conversation_id, log.read_message, "read")

    def _voicemail(self, draft: Draft, counted: VoicemailCount) -> None:
        uri = counted.user_uri
        if not counted.unread:
            self._known(draft, uri, VOICEMAILS, 0, "heard")
        elif counted.unread > self.voicemails(uri).unread:
            entries = self._entries_of(draft, uri)
            self._wake(draft, uri, VOICEMAIL, VOICEMAILS, entries, slowly=True)

    def _device(self, draft: Draft, device: PushSubscription) -> None:
        """A device is renewed, perhaps with other quiet hours."""
        draft.effects.append(partial(self._outbox.look_again, device, draft.now))

    # What calms

    def _user(self, draft: Draft, user: User) -> None:
        """A user is another than before, and perhaps may not sign in any more."""
        if not user.enabled:
            self._outbox.shut_out(draft, user.uri)

    def _read_mark(self, draft: Draft, mark: ReadMark) -> None:
        self._known(draft, mark.user_uri, mark.conversation_id, mark.message_number, "read")

    def _forgotten(self, draft: Draft, log: ConversationLog) -> None:
        """A log leaves the history, and what is unread with it."""
        self._outbox.read(draft, log.user_uri, log.id, 0, "removed")
        self._known(draft, log.user_uri, log.conversation_id, log.last_message, "removed")

    def _known(self, draft: Draft, uri: str, cause: str, upto: int, reason: str) -> None:
        """A user knows something: it is not shown any more, and badges count it no longer."""
        self._outbox.read(draft, uri, cause, upto, reason)
        self._outbox.recount(draft, uri)

    def _wake(
        self,
        draft: Draft,
        uri: str,
        kind: str,
        cause: str,
        entries: Sequence[Entry],
        *,
        conversation_id: str = "",
        number: int = 0,
        from_uri: str = "",
        expires_at: float = 0.0,
        slowly: bool = False,
    ) -> None:
        if not self._devices.has(uri):
            return
        near = bool(entries) and self._is_near(uri, draft.now)
        wake = Wake(
            kind,
            cause,
            conversation_id,
            number,
            from_uri,
            expires_at,
            entries,
            near,
            slowly,
        )
        for device in self._devices.of(uri, draft.now):
            self._outbox.wake(draft, device, wake)

    def _tell(self, told: dict[str, list[Entry]], entry: Entry) -> None:
        endpoint = self._applications.find(entry.stream_id)
        if endpoint is not None and self._devices.has(endpoint.user_uri):
            told.setdefault(endpoint.user_uri, []).append(entry)

    def _entries_of(self, draft: Draft, uri: str) -> list[Entry]:
        """What the applications of a user are told by the unit; what comes soonest of each."""
        if not self._devices.has(uri):
            return []
        own = {endpoint.id for endpoint in self._applications.of_user(uri)}
        found: dict[str, Entry] = {}
        for entry in draft.unit.entries:
            if entry.stream_id in own:
                found.setdefault(entry.stream_id, entry)
        return list(found.values())

    def _is_near(self, uri: str, now: float) -> bool:
        """Whether an application of the user asks for its events, or did so a moment ago."""
        return any(
            endpoint.parked or now - endpoint.last_seen < RECENT_S
            for endpoint in self._applications.of_user(uri)
        )


class WatchedLedger:
    """A ledger that lets `watch` see every unit before it is stored."""

    def __init__(self, ledger: Ledger, epoch: Callable[[], float]) -> None:
        self._ledger = ledger
        self._epoch = epoch
        self.watch: PushWatch | None = None

    def commit(self, unit: Unit) -> Awaitable[Committed]:
        draft = None if self.watch is None else self.watch.plan(unit, self._epoch())
        committing = self._ledger.commit(unit)
        if draft is None:
            return committing
        if isinstance(committing, Deferred):  # quicker, and this is in the way of every message
            committing.addCallbacks(partial(_stored, draft), partial(_failed, draft))
            return committing
        return ensureDeferred(_followed(committing, draft))


def _stored(draft: Draft, committed: Committed) -> Committed:
    draft.stored()
    return committed


def _failed(draft: Draft, failure: F) -> F:
    draft.failed()
    return failure


async def _followed(committing: Awaitable[Committed], draft: Draft) -> Committed:
    try:
        committed = await committing
    except BaseException:
        draft.failed()
        raise
    draft.stored()
    return committed


def _saved(draft: Draft, invitation_id: str) -> Invitation | None:
    """An invitation as the unit stores it."""
    for record in draft.unit.saves:
        if type(record) is Invitation and record.id == invitation_id:
            return record
    return None


def _none_counted(uri: str) -> VoicemailCount:
    """Nobody has said anything of voicemails."""
    return VoicemailCount(uri, 0, 0)


def _first_of(recipients: str) -> str:
    """The URI of the first of a log's recipients, "" without one."""
    found: Iterable[Sequence[str]] = msgspec.json.decode(recipients)
    return next((one[0] for one in found), "")
