"""The outbox: every notification from the unit of work that causes it until nobody needs it.

A notification is a row that is stored with the fact it tells of.  Memory follows the commit:

    waiting --- the clearing house has it ---> accepted --- a provider has it ---> sent
       |                                          |                                 |
       +------ read, fetched, expired, ... -------+----------- read, old -----------+--> ended

What waits for a conversation's messages stands for later ones too until it is handed over.  What
was handed over is kept as long as it may be on a screen, so that reading it elsewhere takes it off.
"""

import secrets
from collections.abc import Callable, Iterable
from functools import partial
from sys import intern

import attrs

from mobility.domain.ledger import Ledger, Unit
from mobility.domain.push_changes import PushChanges
from mobility.domain.push_counts import counts
from mobility.domain.push_notices import (
    SENT,
    WAITING,
    Accepted,
    Draft,
    Heard,
    Hops,
    Kept,
    Refused,
    Result,
    Said,
    Wake,
    ended_by,
    frugal,
)
from mobility.domain.push_rules import (
    BADGE,
    CALL,
    DEVICE_GONE,
    LOWEST_RANK,
    MEETING,
    SHUT_OUT,
    WITHDRAWAL,
    PushSettings,
    is_loud,
    lifetime_s,
    quiet_until,
    timing,
    topic_of,
)
from mobility.domain.push_shelf import Shelf
from mobility.domain.push_states import Noticed, notice_after
from mobility.domain.records import PushNotice, PushSubscription

PLANNED_S = 0.05
"""When what is being changed is looked at again (our choice: a commit takes less)."""

RETRY_S = 5.0
"""When what could not be stored is tried again, as `mobility.schedule`."""

Fetched = Callable[[str, int], bool]
"""Whether the client of an application has received the entry at a position of its stream."""

FindDevice = Callable[[str, str, float], PushSubscription | None]
"""The subscription of a user by its id, None once it is over."""


class PushOutbox:
    """The notifications of all devices."""

    def __init__(
        self,
        ledger: Ledger,
        find: FindDevice,
        obstacle: Callable[[PushSubscription], str],
        fetched: Fetched,
        settings: PushSettings,
        hops: Hops,
    ) -> None:
        """`obstacle` says what keeps a device from being woken, "" for nothing."""
        self._ledger = ledger
        self._find = find
        self._obstacle = obstacle
        self._fetched = fetched
        self._settings = settings
        self._hops = hops
        self._shelf = Shelf()
        self._changes = PushChanges(self._shelf, settings, hops, lambda: self.changed())
        self.changed: Callable[[], None] = lambda: None
        """Called when something may be due earlier than before."""
        self.former: Callable[[PushNotice], object] = lambda _: None
        """Whether the device of a notification, whose subscription is over, is known still."""

    def load(self, notices: list[PushNotice]) -> None:
        """Take the stored notifications into memory; what waits is due when it was.

        The list is used up, so that there is not all of it twice.
        """
        notices.sort(key=lambda one: one.created_at, reverse=True)
        while notices:
            notice = notices.pop()
            self._shelf.insert(Kept(frugal(notice), cleared=notice.reason))

    # What is asked of it

    def __len__(self) -> int:
        return len(self._shelf)

    @property
    def waiting(self) -> int:
        """How many were not handed over yet."""
        return len(self._shelf.waiting)

    def oldest(self, now: float) -> float | None:
        """Since when the notification is due that has waited longest, None without one that is."""
        return self._shelf.oldest(now)

    @property
    def unanswered(self) -> int:
        """How many the clearing house has of which no provider has said anything."""
        return len(self._shelf.unanswered)

    def oldest_unanswered(self) -> float | None:
        """When the one of them was handed over that waits longest, None without one."""
        return self._shelf.oldest_unanswered()

    def of_user(self, uri: str) -> list[PushNotice]:
        """What waits for a user's devices or may be on their screens, oldest first."""
        found = [kept.notice for kept in self._shelf.of_user(uri)]
        return sorted(found, key=lambda notice: notice.created_at)

    def find(self, notice_id: str) -> PushNotice | None:
        """A notification that is not over."""
        kept = self._shelf.find(notice_id)
        return None if kept is None else kept.notice

    def due_at(self) -> float | None:
        """When the next one is to be looked at."""
        return self._shelf.due_at()

    def set_back(self, seconds: float, now: float) -> None:
        """The clock was set back to `now`: nothing waits so much longer for that."""
        self._shelf.set_back(seconds, now)

    # What is put into units of work

    def wake(self, draft: Draft, device: PushSubscription, wake: Wake) -> str:
        """A device is to be told of what the unit does; the id of its notification, "" if it is
        not told."""
        obstacle = self._obstacle(device)
        kind, now = wake.kind, draft.now
        expires_at = wake.expires_at or now + lifetime_s(kind, self._settings)
        plan = timing(kind, device, now, expires_at, grace_s=self._changes.grace_s(wake))
        if obstacle or plan.silent:
            self._hops.skipped(device, wake, obstacle or plan.silent)
            return ""
        about = wake.conversation_id or wake.cause
        topic = topic_of(device, kind, about, wake.number)
        for kept in self._shelf.sharing(device.user_uri, device.id, topic, wake.cause):
            notice = kept.notice
            if (notice.kind, notice.cause) != (kind, wake.cause):
                continue
            if kind in (CALL, MEETING):
                return notice.id
            if notice.state == WAITING and not (kept.taken or kept.cleared):
                return self._changes.extend(draft, kept, wake, expires_at)
        notice = PushNotice(
            id=secrets.token_hex(16),
            user_uri=device.user_uri,
            subscription_id=device.id,
            kind=kind,
            topic=topic,
            cause=wake.cause,
            created_at=now,
            due_at=plan.due_at,
            expires_at=expires_at,
            changed_at=now,
            conversation_id=wake.conversation_id,
            first=wake.number,
            number=wake.number,
            from_uri=wake.from_uri,
            rule=intern(plan.rule),
        )
        self._changes.add(draft, notice, wake)
        return notice.id

    def read(self, draft: Draft, uri: str, cause: str, upto: int, reason: str) -> None:
        """A user knows what is about `cause`, messages up to number `upto` (0 for all that is no
        message): what waits is not sent, and what was sent is taken off the screens."""
        for kept in list(self._shelf.about(uri, cause)):
            notice = kept.notice
            if notice.kind in (BADGE, WITHDRAWAL) or notice.number > upto:
                continue
            if kept.taken:
                self._changes.clear_later(draft, kept, reason)
            elif notice.state == WAITING:
                self._changes.end(draft, kept, reason)
            else:
                self._changes.clear(draft, kept, reason)

    def recount(self, draft: Draft, uri: str) -> None:
        """A user has read something: devices that show something else get the new badge."""
        for notice in counts(self._shelf.of_user(uri), draft, self._settings.badge_lifetime_s):
            self._changes.add(draft, notice, None)

    def rings_no_more(self, draft: Draft, invitation_id: str, reason: str) -> None:
        """An invitation is over for everybody whose devices were rung."""
        for uri in self._shelf.rung_by(invitation_id):
            self.read(draft, uri, invitation_id, 0, reason)

    def device_gone(self, draft: Draft, uri: str, subscription_id: str) -> None:
        """A subscription is over, and what was for it: what no provider has yet is taken back.
        What ends with the same unit for a reason of its own, such as what the provider has refused,
        keeps that."""
        ended = ended_by(draft.unit)
        for kept in self._shelf.of_user(uri):
            if kept.notice.subscription_id == subscription_id and kept.notice.id not in ended:
                self._changes.revoke(draft, kept, DEVICE_GONE)

    def shut_out(self, draft: Draft, uri: str) -> None:
        """A user may not sign in any more: what no provider has yet is not for the user's devices,
        and what is on their screens stays there."""
        for kept in self._shelf.of_user(uri):
            if kept.notice.state != SENT:
                self._changes.revoke(draft, kept, SHUT_OUT)

    def look_again(self, device: PushSubscription, now: float) -> None:
        """The quiet hours of a device may be others now."""
        self._shelf.look_again(device.user_uri, device.id, now)
        self.changed()

    # What the sending side does

    async def take(self, now: float, limit: int, lowest: int = LOWEST_RANK) -> list[PushNotice]:
        """At most `limit` notifications that are to be handed over now, calls first, and none of a
        rank below `lowest`.

        They are under way until `settle` says what became of them.  What is not to be sent any
        more ends here: it has expired, an application has fetched it, or it is forbidden now.
        """
        chosen: list[Kept] = []
        draft = Draft(Unit(), now)
        looked: list[Kept] = []
        for kept in self._shelf.due(now, lowest):
            again_at, reason = self._review(kept, now)
            if kept.planned:
                looked.append(kept)
            elif kept.cleared:
                self._changes.clear(draft, kept, kept.cleared)
            elif reason:
                self._changes.end(draft, kept, reason)
            elif again_at > now:
                self._shelf.plan(kept, again_at)
            elif self._shelf.must_wait(kept.notice):
                looked.append(kept)
            elif kept.notice.kind == BADGE and self._shelf.overtaken(kept.notice):
                self._changes.end(draft, kept, "superseded")
            else:
                kept.taken = True
                chosen.append(kept)
                if len(chosen) == limit:
                    break
        for kept in looked:
            self._shelf.schedule(kept, now + PLANNED_S)
        try:
            await self.commit(draft)
        except BaseException:
            for kept in (*chosen, *draft.touched):
                kept.taken = False
                self._shelf.schedule(kept, now + RETRY_S)
            raise
        return [kept.notice for kept in chosen]

    async def settle(self, results: Iterable[tuple[str, Result]], now: float) -> None:
        """What became of notifications that were taken."""
        draft = Draft(Unit(), now)
        under_way: list[Kept] = []
        for notice_id, result in results:
            kept = self._shelf.waiting.get(notice_id)
            if kept is None or not kept.taken:
                continue
            under_way.append(kept)
            if isinstance(result, Accepted):
                self._changes.accept(draft, kept)
            elif isinstance(result, Refused):
                self._changes.end(draft, kept, result.reason, hop=result.hop)
            elif kept.cleared:  # that it was not taken is not sure if the answer was lost
                self._changes.clear(draft, kept, kept.cleared)
            else:
                kept.attempts += result.counts
                kept.taken = False
                self._shelf.schedule(kept, min(result.at, kept.notice.expires_at))
        try:
            await self.commit(draft)
        except BaseException:
            for kept in under_way:  # what the clearing house has it knows again by its id
                if kept.taken:
                    kept.taken = False
                    self._shelf.schedule(kept, now + RETRY_S)
            raise

    def hasten(self, notice_ids: Iterable[str], now: float) -> None:
        """Those of them that wait for the next attempt are looked at now."""
        self._shelf.hasten(notice_ids, now)

    def attempts_of(self, notice_id: str) -> int:
        """How often one that waits was tried in vain."""
        kept = self._shelf.waiting.get(notice_id)
        return 0 if kept is None else kept.attempts

    def heard(self, draft: Draft, notice_id: str, word: Heard) -> PushNotice | None:
        """The last word on a notification, for it if it was not heard of before."""
        kept = self._shelf.find(notice_id)
        if kept is None or kept.notice.state == SENT:
            return None
        answer, taken = intern(word.answer), not word.reason
        notice = attrs.evolve(kept.notice, answered_at=draft.now, answer=answer, taken=taken)
        if not notice.handed_at:  # this has overtaken the answer that it was taken
            notice = attrs.evolve(notice, handed_at=draft.now, attempts=kept.attempts)
            draft.effects.append(partial(self._hops.passed, "handed", notice))
        if word.reason:
            self._changes.end(draft, kept, word.reason, hop=word.hop, notice=notice)
        elif kept.cleared:
            self._changes.clear(draft, kept, kept.cleared, notice)
        elif is_loud(notice.kind):
            after = notice_after(notice, Noticed.SENT, draft.now)
            self._changes.advance(draft, kept, after, "sent")
        else:
            draft.effects.append(partial(self._hops.passed, "sent", notice))
            self._changes.end(draft, kept, "sent", notice=notice)
        return notice

    async def purge(self, now: float) -> None:
        """What is on screens for longer than it is worth does not matter any more."""
        draft = Draft(Unit(), now)
        for kept in list(self._shelf.shown.values()):
            if kept.notice.expires_at <= now and not kept.planned:
                self._changes.end(draft, kept, "old")
        await self.commit(draft)

    async def commit(self, draft: Draft) -> None:
        """Store a draft of the outbox's own."""
        if not draft.unit:
            return
        try:
            await self._ledger.commit(draft.unit)
        except BaseException:
            draft.failed()
            raise
        draft.stored()

    # In memory

    def _review(self, kept: Kept, now: float) -> tuple[float, str]:
        """When a notification that is due is to be sent, and why it is not sent at all."""
        notice = kept.notice
        if notice.expires_at <= now:
            return now, "expired"
        device = self._find(notice.user_uri, notice.subscription_id, now)
        if notice.kind == WITHDRAWAL and (device or self.former(notice)):
            return now, ""  # it takes back what was allowed
        if device is None:
            return now, DEVICE_GONE
        if obstacle := self._obstacle(device):
            return now, obstacle
        if kept.said:
            while kept.said and self._is_fetched(kept.said[0]):
                del kept.said[0]
            if not kept.said:
                return now, "fetched by an application"
            if kept.said[0].until > now:
                return kept.said[0].until, ""
        if is_loud(notice.kind) and (quiet := quiet_until(device, now)):
            return (now, "quiet hours") if quiet >= notice.expires_at else (quiet, "")
        return now, ""

    def _is_fetched(self, said: Said) -> bool:
        return any(self._fetched(stream, position) for stream, position in said.places)
