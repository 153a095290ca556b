"""The notifications in memory, found by what they are about, whom they are for, and when."""

import heapq
from collections.abc import Collection, Iterable, Iterator
from itertools import count

import attrs

from mobility.domain.push_notices import ACCEPTED, WAITING, Kept
from mobility.domain.push_rules import ALL, CALL, LOWEST_RANK, MEETING, is_loud, rank
from mobility.domain.records import PushNotice

NEAR_S = 10.0
"""What comes within it when the clock was set back may have been planned since: it stays as it is
(our choice: longer than any grace)."""

NEVER = -1.0
"""The time of what does not wait."""

STALE = 1_000
"""So many that do not count any more may be among those by age, and as many as do (our choice)."""

Timed = tuple[float, int, Kept]
"""Something, its time, and a number that tells which of one time is first."""


class _Ages:
    """What waits, by when it is due.

    What is not any more, or since another time, goes when it is first, and when there is much.
    """

    def __init__(self) -> None:
        self._heap: list[Timed] = []

    def add(self, timed: Timed) -> None:
        heapq.heappush(self._heap, timed)

    def first(self) -> float | None:
        """When the first is due, which may be in the future."""
        self._tidy()
        return self._heap[0][0] if self._heap else None

    def left(self, count: int) -> None:
        """`count` wait yet."""
        self._tidy()
        if len(self._heap) > 2 * count + STALE:
            once = {timed[2]: timed for timed in self._heap if timed[0] == timed[2].since}
            self._heap = list(once.values())
            heapq.heapify(self._heap)

    def _tidy(self) -> None:
        while self._heap and self._heap[0][0] != self._heap[0][2].since:
            heapq.heappop(self._heap)


class Shelf:
    """All that are not over.

    `waiting` are those that were not handed over, oldest first, `shown` those that were, in the
    order in which it was done, and `unanswered` those of them that no provider has yet.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, Kept] = {}
        self.shown: dict[str, Kept] = {}
        self.unanswered: dict[str, Kept] = {}
        self._of: dict[str, dict[str, list[Kept]]] = {}
        """By user and cause."""
        self._ringing: dict[str, set[str]] = {}
        """The users whose devices are rung, by invitation."""
        self._heaps: list[list[Timed]] = [[] for _ in range(LOWEST_RANK + 1)]
        self._ages = _Ages()
        self._order = count()

    def __len__(self) -> int:
        return len(self.waiting) + len(self.shown)

    def find(self, notice_id: str) -> Kept | None:
        return self.waiting.get(notice_id) or self.shown.get(notice_id)

    def oldest(self, now: float) -> float | None:
        """Since when the one is due that has waited longest, whatever was tried since.  What is not
        due yet, such as in the quiet hours of its device, waits for nobody."""
        first = self._ages.first()
        return None if first is None or first > now else first

    def oldest_unanswered(self) -> float | None:
        """When the one was handed over that has waited longest for its provider."""
        first = next(iter(self.unanswered.values()), None)
        return None if first is None else first.notice.handed_at

    def about(self, uri: str, cause: str) -> list[Kept]:
        """What is about one thing, for the devices of a user."""
        return self._of.get(uri, {}).get(cause, [])

    def sharing(self, uri: str, device_id: str, topic: str, cause: str) -> list[Kept]:
        """What takes the place of one another on a device, `cause` and `topic` being of one of
        them: all of one topic.  But for ALL, it is about one thing."""
        several = self.of_user(uri) if topic == ALL else self.about(uri, cause)
        return [
            kept
            for kept in several
            if kept.notice.subscription_id == device_id and kept.notice.topic == topic
        ]

    def overtaken(self, silent: PushNotice) -> bool:
        """Whether what a silent notification would take off the screen is replaced by what was
        taken since: it would take that off too."""
        return any(
            kept.notice.state != WAITING and not kept.cleared
            for kept in self.rivals(silent)
            if is_loud(kept.notice.kind)
        )

    def must_wait(self, notice: PushNotice) -> bool:
        """Whether another of the same place is under way: none may overtake that."""
        return any(kept.taken for kept in self.rivals(notice))

    def rivals(self, notice: PushNotice) -> list[Kept]:
        """Those that take its place or whose place it takes, itself too."""
        return self.sharing(notice.user_uri, notice.subscription_id, notice.topic, notice.cause)

    def of_user(self, uri: str) -> list[Kept]:
        return [kept for several in self._of.get(uri, {}).values() for kept in several]

    def rung_by(self, invitation_id: str) -> Collection[str]:
        """The users whose devices an invitation rings."""
        return list(self._ringing.get(invitation_id, ()))

    def victims(self) -> Iterator[Kept]:
        """What is of the least use: what was shown longest, then the least that waits."""
        yield from self.shown.values()
        for heap in reversed(self._heaps):
            for _, _, kept in heap:
                yield kept

    def due_at(self) -> float | None:
        """When the next one is to be looked at."""
        times = []
        for heap in self._heaps:
            while heap and (heap[0][2].gone or heap[0][2].at != heap[0][0]):
                heapq.heappop(heap)
            if heap:
                times.append(heap[0][0])
        return min(times, default=None)

    def due(self, now: float, lowest: int = LOWEST_RANK) -> Iterator[Kept]:
        """Take out of the order of time what is to be looked at now, the most urgent first.

        `lowest` is the last rank that counts.  Whoever gets one schedules it again unless it is
        under way or over.
        """
        for heap in self._heaps[: lowest + 1]:
            while heap and heap[0][0] <= now:
                at, _, kept = heapq.heappop(heap)
                if not kept.gone and not kept.taken and kept.at == at:
                    yield kept

    def schedule(self, kept: Kept, at: float) -> None:
        """Look at it then, and not when it was to be before; it is due since it was."""
        kept.at = at
        heapq.heappush(self._heaps[rank(kept.notice.kind)], (at, next(self._order), kept))

    def plan(self, kept: Kept, at: float) -> None:
        """It is due then, and not when it was to be before."""
        timed = at, next(self._order), kept
        kept.at = kept.since = at
        heapq.heappush(self._heaps[rank(kept.notice.kind)], timed)
        self._ages.add(timed)
        self._ages.left(len(self.waiting))

    def look_again(self, uri: str, subscription_id: str, now: float) -> None:
        """Look now at what waits for a device and is not due: it need not wait any more."""
        for kept in self.of_user(uri):
            held = kept.notice.state == WAITING and not kept.taken and kept.since > now
            if held and kept.notice.subscription_id == subscription_id:
                self.plan(kept, now)

    def hasten(self, notice_ids: Iterable[str], now: float) -> None:
        """Look now at those of them that are to be looked at later."""
        for notice_id in notice_ids:
            kept = self.waiting.get(notice_id)
            if kept is not None and not kept.taken and kept.at > now:
                self.schedule(kept, now)

    def set_back(self, seconds: float, now: float) -> None:
        """The clock was set back: what was to be looked at long from `now` comes so much sooner.

        It is looked at again then, so nothing is lost where that is too early.
        """
        for kept in self.waiting.values():
            if kept.said:
                kept.said = [
                    attrs.evolve(said, until=said.until - seconds)
                    if said.until > now + NEAR_S
                    else said
                    for said in kept.said
                ]
            if kept.since > now + NEAR_S:
                kept.since -= seconds
                self._ages.add((kept.since, next(self._order), kept))
            if kept.at > now + NEAR_S and not kept.taken:
                self.schedule(kept, max(now, kept.at - seconds))
        self._ages.left(len(self.waiting))

    def insert(self, kept: Kept) -> None:
        notice = kept.notice
        self._of.setdefault(notice.user_uri, {}).setdefault(notice.cause, []).append(kept)
        if notice.kind in (CALL, MEETING):
            self._ringing.setdefault(notice.cause, set()).add(notice.user_uri)
        if notice.state == WAITING:
            self.waiting[notice.id] = kept
            self.plan(kept, notice.due_at)
        else:
            self._show(kept)

    def handed(self, kept: Kept, after: PushNotice) -> None:
        """It is `after` now, and does not wait any more."""
        self.waiting.pop(after.id, None)
        kept.notice, kept.taken, kept.at = after, False, NEVER
        kept.said.clear()
        self._waits_no_more(kept)
        self._show(kept)

    def _waits_no_more(self, kept: Kept) -> None:
        kept.since = NEVER
        self._ages.left(len(self.waiting))

    def _show(self, kept: Kept) -> None:
        notice = kept.notice
        self.shown[notice.id] = kept
        if notice.state == ACCEPTED:
            self.unanswered[notice.id] = kept
        else:
            self.unanswered.pop(notice.id, None)

    def forget(self, kept: Kept) -> None:
        """It is over."""
        notice = kept.notice
        kept.gone = True
        self.waiting.pop(notice.id, None)
        self._waits_no_more(kept)
        self.shown.pop(notice.id, None)
        self.unanswered.pop(notice.id, None)
        causes = self._of.get(notice.user_uri, {})
        several = causes.get(notice.cause, [])
        if kept in several:
            several.remove(kept)
        if several:
            return
        causes.pop(notice.cause, None)
        if not causes:
            self._of.pop(notice.user_uri, None)
        ringing = self._ringing.get(notice.cause)
        if ringing is not None:
            ringing.discard(notice.user_uri)
            if not ringing:
                del self._ringing[notice.cause]
