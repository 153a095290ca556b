"""One destination's queue and worker: a bulkhead, so that a provider that is down delays no other.

    added --> ready, by priority --> under way --> told
                ^                        |
                +---- later, when due <--+

Of one device only one push of each priority is under way, so that a newer one never arrives before
an older one that it replaces; a call waits for no message.  Organisations take turns within a
priority.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from mobility.clearing_house.breaker import FAILURES, Breaker, backoff
from mobility.clearing_house.outcome import (
    CREDENTIAL,
    DESTINATION,
    QUOTA,
    QUOTA_OF_ALL,
    RETRY,
    Job,
    Outcome,
    Provider,
    failed,
    retry,
)
from mobility.clearing_house.turns import Turns
from mobility.events import Catalogue, EventLog
from mobility.push.wire import (
    EXPIRED,
    LATER,
    PRIORITIES,
    QUEUED,
    SENDING,
    Notification,
    Whereabouts,
)

EVENTS: Catalogue = {
    "clearing.retry": {
        "id": "the push",
        "trace": "joins the lines of every hop",
        "destination": "the provider, the app id and, on the open web, the host",
        "attempt": "how often it was tried",
        "status": "the provider's own words",
        "wait_s": "until the next try",
    },
    "clearing.breaker_opened": {
        "destination": "which is not asked for a while",
        "status": "the provider's own words",
        "wait_s": "until it is tried again",
    },
    "clearing.breaker_closed": {"destination": "which answers again"},
    "clearing.provider_failed": {
        "id": "the push",
        "destination": "where it was to go",
        "failure": "the traceback",
    },
}

LEVELS = 1 + max(PRIORITIES.values())
UNSEEN_TRIES = 3
"""How often a push that the provider has not looked at goes out again at once."""

BUG_TRIES = 5
"""How often a push that makes our own code fail is tried."""

HURRIES = 3
"""How often a push goes sooner because its destination is well again: one that a provider always
fails at must not make the others wait at once again and again (our choice)."""

BODIES_A_LOAD = 200

SWEEP_S = 5.0
"""How late a push that nobody sends is told to have expired."""


@attrs.define(slots=True, eq=False)
class Entry:
    """A push in the queue.  `notification` is None while it is only in the store."""

    row: int
    organisation: str
    id: str
    kind: str
    accepted_at: int
    expires: int
    device: int
    collapse: int
    notification: Notification | None = None
    attempts: int = 0
    status: str = ""
    """What the provider said at the last try in vain."""
    due: float = 0.0
    """When it is tried again, 0 while it waits for no time."""
    hurried: int = 0
    """How often it has gone sooner because its destination was well again."""
    under_way: bool = False
    withdrawn: str = ""
    """Why it is not to be tried again: withdrawn or superseded."""
    over: bool = False

    @property
    def trace(self) -> str:
        return "" if self.notification is None else self.notification.trace


@attrs.define(slots=True, eq=False)
class _Lane:
    """Whose turn it is with one device and priority, and who waits behind."""

    holder: Entry
    behind: list[Entry] | None = None


class Office(Protocol):
    """What a destination asks of the clearing house."""

    def told(self, destination: str, entry: Entry, outcome: Outcome, ms: float) -> None:
        """It is over: tell its organisation."""

    def load(self, entries: Sequence[Entry]) -> Deferred[None]:
        """Read the bodies of entries from the store."""


class Destination:
    """`now` is the time of day, `clock` what waits are measured with."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        office: Office,
        clock: IReactorTime,
        now: Callable[[], float],
        log: EventLog,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.provider = provider
        self.breaker = Breaker(clock.seconds, jitter)
        self.last_trouble: Outcome | None = None
        self.entries: dict[int, Entry] = {}
        """Everything that waits or is under way, by row, the oldest first."""
        self._office = office
        self._clock = clock
        self._now = now
        self._log = log
        self._jitter = jitter
        self._ready: tuple[Turns[Entry], ...] = tuple(Turns() for _ in range(LEVELS))
        self._later: list[tuple[float, int, Entry, bool]] = []
        """When, which came first, what, and whether it waits because of the destination, which has
        named no time."""
        self._order = count()
        self._lanes: dict[tuple[int, int], _Lane] = {}
        self._over_quota: set[int] = set()
        """Devices to which a quota was applied since a push was last settled."""
        self._under_way = 0
        self._loading = False
        self._alarm: IDelayedCall | None = None
        self._sweep: IDelayedCall | None = None
        self._pumping = False
        self._closed = False

    @property
    def under_way(self) -> int:
        """Pushes that wait for the provider's answer."""
        return self._under_way

    @property
    def oldest_at(self) -> int | None:
        """When the oldest that is here was accepted."""
        return next((entry.accepted_at for entry in self.entries.values()), None)

    def add(self, entry: Entry) -> None:
        """Queue it; `pump` sends."""
        self.entries[entry.row] = entry
        self._ready[PRIORITIES[entry.kind]].append(entry)

    def whereabouts(self, entry: Entry) -> Whereabouts:
        """Where one is that is here."""
        now, trouble = self._clock.seconds(), self.last_trouble
        if entry.under_way:
            return Whereabouts(entry.id, SENDING, entry.attempts, entry.status)
        if entry.due:
            wait_s = round(max(0.0, entry.due - now, self.breaker.until - now), 1)
            return Whereabouts(entry.id, LATER, entry.attempts, entry.status, wait_s)
        lane = self._lanes.get((entry.device, PRIORITIES[entry.kind]))
        if lane is not None and lane.holder.due:
            before = self.whereabouts(lane.holder)
            return Whereabouts(entry.id, QUEUED, entry.attempts, before.status, before.wait_s)
        if self.breaker.state == "closed" or trouble is None:
            return Whereabouts(entry.id, QUEUED, entry.attempts, entry.status)
        wait_s = round(max(0.0, self.breaker.until - now), 1)
        return Whereabouts(entry.id, QUEUED, entry.attempts, trouble.status, wait_s)

    def take_back(self, entry: Entry, why: str) -> None:
        """It is not to be sent, or not again if it is under way."""
        entry.withdrawn = why
        if not entry.under_way and not entry.over:
            self._end(entry, Outcome(EXPIRED, "", why))

    def fail_all(self, reason: str) -> None:
        """There is no such destination any more."""
        for entry in list(self.entries.values()):
            if not entry.over:
                self._end(entry, failed("", reason))

    def mended(self) -> None:
        """A credential was loaded anew: try at once."""
        self.breaker.reset()
        self._over_quota.clear()
        self.last_trouble = None
        self._hasten()
        self.pump()

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        for call in (self._alarm, self._sweep):
            if call is not None and call.active():
                call.cancel()

    # -- sending -----------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what may be sent now."""
        if self._pumping or self._closed:
            return
        self._pumping = True
        try:
            self._due()
            while self._room() > 0 and not self._loading:
                entry = self._next()
                if entry is None:
                    break
                if entry.notification is None:
                    self._load(entry)
                else:
                    self._send(entry)
            self._set_alarm()
        finally:
            self._pumping = False

    def _room(self) -> int:
        allowed = self.breaker.room
        if allowed <= self._under_way:
            return 0
        return self.provider.room

    def _next(self) -> Entry | None:
        """The first that may go: calls before messages before badges, each in its order."""
        now = self._now()
        for level, ready in enumerate(self._ready):
            while ready:
                entry = ready.popleft()
                if entry.over:
                    continue
                if entry.expires <= now:
                    self._end(entry, self._too_late(entry))
                    continue
                lane = self._lanes.get((entry.device, level))
                if lane is None:
                    return entry
                if lane.behind is None:
                    lane.behind = []
                lane.behind.append(entry)
        return None

    def _load(self, first: Entry) -> None:
        """Read the body of the first that is ready, and of those after it."""
        level = self._ready[PRIORITIES[first.kind]]
        level.put_back(first)
        wanted = [
            one for one in level.first(BODIES_A_LOAD) if one.notification is None and not one.over
        ]
        self._loading = True

        def loaded(result: object) -> None:
            self._loading = False
            if isinstance(result, Failure):
                self._log.failure(
                    "clearing.provider_failed", result, id=first.id, destination=self.name
                )
                self._clock.callLater(1.0, self.pump)
                return
            for one in wanted:
                if one.notification is None and not one.over:
                    self._end(one, failed("cannot be read from the store"))
            self.pump()

        self._office.load(wanted).addBoth(loaded)

    def _send(self, entry: Entry) -> None:
        self._lanes[entry.device, PRIORITIES[entry.kind]] = _Lane(entry)
        entry.under_way = True
        self._under_way += 1
        job = Job(entry.organisation, cast(Notification, entry.notification), entry.accepted_at)
        began = self._clock.seconds()
        Deferred.fromCoroutine(self.provider.deliver(job)).addBoth(self._heard, entry, began)

    def _heard(self, result: Outcome | Failure, entry: Entry, began: float) -> None:
        self._under_way -= 1
        entry.under_way = False
        if isinstance(result, Failure):
            self._log.failure(
                "clearing.provider_failed", result, id=entry.id, destination=self.name
            )
            tries = entry.attempts + 1
            result = failed("internal error") if tries >= BUG_TRIES else retry("internal error")
        self._judge(result, entry.device)
        if entry.over:  # it was ended meanwhile, because nobody serves its app any more
            self._free(entry)
        elif result.outcome == RETRY:
            self._again(entry, result)
        else:
            self._end(entry, result, (self._clock.seconds() - began) * 1000)
        self.pump()

    def _judge(self, outcome: Outcome, device: int) -> None:
        """What the answer says of the destination."""
        if outcome.unseen:
            return
        if self._is_trouble(outcome, device):
            self.last_trouble = outcome
            if self.breaker.troubled(
                outcome.retry_after_s,
                at_once=outcome.blames != DESTINATION,
                least_s=outcome.least_wait_s,
            ):
                self._log.emit(
                    "clearing.breaker_opened",
                    destination=self.name,
                    status=outcome.status,
                    wait_s=round(self.breaker.until - self._clock.seconds(), 3),
                )
        else:
            if self.breaker.state != "closed":
                self._log.emit("clearing.breaker_closed", destination=self.name)
                self._hasten()
            self.last_trouble = None
            self.breaker.succeeded()

    def _hasten(self) -> None:
        """The destination is well again: what was tried in vain waits no longer than what was not
        tried, so that a call goes first again."""
        now = self._clock.seconds()
        for index, (due, order, entry, hurt) in enumerate(self._later):
            if hurt and due > now and entry.hurried < HURRIES:
                entry.hurried += 1
                entry.due = now
                self._later[index] = (now, order, entry, hurt)
        heapq.heapify(self._later)

    def _is_trouble(self, outcome: Outcome, device: int) -> bool:
        """Whether it is not this device's alone: a quota is not when it is applied to so many
        devices, and nothing is settled between."""
        if outcome.outcome != RETRY:
            self._over_quota.clear()
            return False
        if outcome.blames == QUOTA:
            if len(self._over_quota) < FAILURES:
                self._over_quota.add(device)
            return len(self._over_quota) >= FAILURES
        return outcome.blames in (DESTINATION, CREDENTIAL, QUOTA_OF_ALL)

    def _again(self, entry: Entry, outcome: Outcome) -> None:
        """Try it again, later, if it still matters then; its lane waits with it."""
        entry.attempts += 1
        entry.status = outcome.status
        if entry.withdrawn:
            self._end(entry, Outcome(EXPIRED, outcome.status, entry.withdrawn))
            return
        wait_s = backoff(entry.attempts, outcome.retry_after_s, self._jitter, outcome.least_wait_s)
        if outcome.unseen and entry.attempts <= UNSEEN_TRIES:
            wait_s = 0.0
        if self._now() + wait_s >= entry.expires:
            self._end(entry, Outcome(EXPIRED, outcome.status, outcome.reason))
            return
        self._log.emit(
            "clearing.retry",
            id=entry.id,
            trace=entry.trace,
            destination=self.name,
            attempt=entry.attempts,
            status=outcome.status,
            wait_s=round(wait_s, 3),
        )
        entry.due = self._clock.seconds() + wait_s
        hurt = outcome.blames in (DESTINATION, CREDENTIAL) and outcome.retry_after_s is None
        heapq.heappush(self._later, (entry.due, next(self._order), entry, hurt))

    def _due(self) -> None:
        """What has waited long enough is ready again, before all others of its priority."""
        now = self._clock.seconds()
        due = []
        while self._later and self._later[0][0] <= now:
            entry = heapq.heappop(self._later)[2]
            entry.due = 0.0
            if not entry.over:
                self._free(entry)
                due.append(entry)
        for entry in reversed(due):
            self._ready[PRIORITIES[entry.kind]].appendleft(entry)

    def _too_late(self, entry: Entry) -> Outcome:
        """It has expired here: what kept it from its provider, as far as anything did."""
        if entry.status:
            return Outcome(EXPIRED, entry.status, "provider")
        if self.last_trouble is not None:
            return Outcome(EXPIRED, self.last_trouble.status, self.last_trouble.reason)
        return Outcome(EXPIRED, "", "already_expired")

    def _end(self, entry: Entry, outcome: Outcome, ms: float = 0.0) -> None:
        entry.over = True
        self.entries.pop(entry.row, None)
        self._free(entry)
        self._office.told(self.name, entry, outcome, ms)
        entry.notification = None

    def _free(self, entry: Entry) -> None:
        """Whoever waited behind it is ready, if the turn was its own."""
        key = (entry.device, PRIORITIES[entry.kind])
        lane = self._lanes.get(key)
        if lane is not None and lane.holder is entry:
            del self._lanes[key]
            if lane.behind:
                for one in reversed(lane.behind):
                    self._ready[key[1]].appendleft(one)

    def _set_alarm(self) -> None:
        """Wake up when the breaker may be tried, or the next retry is due; sweep meanwhile."""
        if self._closed:
            return
        times = [self._later[0][0]] if self._later else []
        if self.breaker.state == "open" and self.entries:
            times.append(self.breaker.until)
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        if times:
            wait_s = max(0.0, min(times) - self._clock.seconds())
            self._alarm = self._clock.callLater(wait_s, self.pump)
        if self.entries and (self._sweep is None or not self._sweep.active()):
            self._sweep = self._clock.callLater(SWEEP_S, self._expire)

    def _expire(self) -> None:
        """End what is past its expiry and not under way, though nothing can be sent."""
        now = self._now()
        for entry in [one for one in self.entries.values() if one.expires <= now]:
            if not entry.under_way:
                self._end(entry, self._too_late(entry))
        self.pump()
        self._set_alarm()
