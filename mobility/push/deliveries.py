"""Hands notifications over to the clearing house: what is due, in batches, again until it is taken.

A bulkhead bounds the requests under way, and one more is kept for calls, so that messages for a
slow clearing house do not hold calls up.  A breaker leaves alone what fails.  Whatever happens
here, nothing waits for it but notifications.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mobility.domain.push_notices import Accepted, Later, Refused, Result
from mobility.domain.push_outbox import PushOutbox
from mobility.domain.records import PushNotice
from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog
from mobility.push.breaker import CLOSED, OPEN, PROBING, Breaker, Random, backoff_s
from mobility.push.clearing_house import ClearingHouse, HouseFailed
from mobility.push.wire import ACCEPTED, DEAD_TOKEN, DUPLICATE, REJECTED, Notification
from mobility.push.wire import Result as WireResult

EVENTS: Catalogue = {
    "push.house_failed": {
        "house": "where notifications are handed over",
        "reason": "why a request came to nothing",
        "notifications": "how many will be tried again",
    },
    "push.house_left_alone": {
        "house": "where notifications are handed over",
        "wait_s": "seconds until it is tried again",
    },
    "push.house_back": {"house": "where notifications are handed over"},
    "push.failed": {"failure": "the traceback of what went wrong here"},
}

URGENT = 0
"""The rank of calls."""

RETRY_S = 5.0
"""When something that failed here is tried again (our choice)."""

SOON_S = 0.005
"""How long what is due may wait for company (our choice: a batch costs little more than one)."""

MOST_HELD_UP = 100_000
"""Ids of notifications that are remembered to wait for the clearing house (our choice: as many as
there may be; some are read meanwhile, and beyond this all are forgotten and wait as they would)."""

JUMP_S = 1.0
"""What the time of day lags behind a clock that does not jump when it was set back, and not just
slowed down (our choice)."""

Compose = Callable[[list[PushNotice]], Awaitable[list[Notification | str]]]
"""What notifications say, or why there is nothing to say."""


class GivenUp(Protocol):
    """Hears that a provider does not know a device any more."""

    async def __call__(self, notice: PushNotice, token_field: str, as_of: float) -> None: ...


@attrs.frozen(slots=True)
class DeliverySettings:
    """How many at once, and how failures are waited out (seconds)."""

    batch: int = 100
    batches: int = 4
    retry_base_s: float = 1.0
    retry_max_s: float = 300.0
    breaker_failures: int = 5


class Deliveries(Service):
    """Empties the outbox into one destination."""

    def __init__(
        self,
        outbox: PushOutbox,
        house: ClearingHouse,
        compose: Compose,
        given_up: GivenUp,
        settings: DeliverySettings,
        *,
        clock: IReactorTime,
        epoch: Callable[[], float],
        log: EventLog,
        chance: Random = random.random,
    ) -> None:
        self._outbox = outbox
        self._house = house
        self._compose = compose
        self._given_up = given_up
        self._settings = settings
        self._clock = clock
        self._epoch = epoch
        self._log = log
        self._chance = chance
        self._ahead_s = epoch() - clock.seconds()
        """How far the time of day is ahead of the clock that does not jump."""
        self._timer: IDelayedCall | None = None
        self._looking = False
        self._again = False
        self._idle: list[Deferred[None]] = []
        self._asking: set[Deferred[list[WireResult]]] = set()
        """Requests to the clearing house."""
        self._held_up: set[str] = set()
        """The notifications that wait because the clearing house has failed and named no time."""
        self.under_way = 0
        """Requests without an answer."""
        self.requests = 0
        self.failures = 0
        self.answered: Callable[[], None] = lambda: None
        """Called when the clearing house has taken a request."""
        self.last_failure = ""
        self.last_failure_at = 0.0
        self.breaker = Breaker(
            settings.breaker_failures,
            settings.retry_base_s,
            settings.retry_max_s,
            chance,
            self._changed,
        )
        outbox.changed = self._hurry

    def startService(self) -> None:
        super().startService()
        self._hurry()

    def stopService(self) -> Deferred[None]:
        """Take nothing more and give up what is asked: the clearing house knows what it has taken
        again by its id.  The Deferred fires once that is settled: what became of notifications is
        still stored."""
        super().stopService()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for asking in list(self._asking):
            asking.cancel()
        done: Deferred[None] = Deferred()
        if self.under_way or self._looking:
            self._idle.append(done)
        else:
            done.callback(None)
        return done

    def _hurry(self) -> None:
        """Something may be due."""
        if self.running:
            self._set_timer(SOON_S)

    def _set_timer(self, delay_s: float) -> None:
        at = self._clock.seconds() + delay_s
        if self._timer is not None:
            if self._timer.getTime() <= at:
                return
            self._timer.cancel()
        self._timer = self._clock.callLater(delay_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._looking:
            self._again = True
        elif self.running:
            self._looking = True
            ensureDeferred(self._fill())

    async def _fill(self) -> None:
        """Start as many requests as there may be."""
        delay_s = RETRY_S
        try:
            self._look_at_the_clock()
            while self.running and (lowest := self._room()) is not None:
                now = self._epoch()
                if not self.breaker.allows(self._clock.seconds()):
                    break
                notices = await self._take(now, lowest)
                if not notices:
                    break
                self._start(notices)
            delay_s = self._wait_s()
        except Unavailable:
            pass  # the store says so itself
        except Exception as error:  # whatever it is, the next look must come
            self._log.failure("push.failed", error)
        finally:
            self._looking = False
            if self.running and (self._again or delay_s >= 0):
                self._set_timer(SOON_S if self._again else delay_s)
            self._again = False
            self._rest()

    def _look_at_the_clock(self) -> None:
        """Times of notifications are times of day: when that was set back, they are too late."""
        now = self._epoch()
        ahead_s = now - self._clock.seconds()
        if ahead_s < self._ahead_s - JUMP_S:
            self._outbox.set_back(self._ahead_s - ahead_s, now)
        self._ahead_s = ahead_s

    def _start(self, notices: list[PushNotice]) -> None:
        self.under_way += 1
        ensureDeferred(self._send(notices))

    async def _take(self, now: float, lowest: int | None) -> list[PushNotice]:
        probing = self.breaker.state != CLOSED
        try:
            notices = await (
                self._outbox.take(now, self._settings.batch)
                if lowest is None or lowest < 0
                else self._outbox.take(now, self._settings.batch, lowest)
            )
        except BaseException:
            if probing:
                self._breaker_failed()
            raise
        if probing and not notices:  # there is nothing to try it with
            self._breaker_failed()
        return notices

    def _room(self) -> int | None:
        """Down to which rank a request may be started now, -1 for any; None for no request."""
        if self.under_way < self._settings.batches:
            return -1
        return URGENT if self.under_way == self._settings.batches else None

    def _wait_s(self) -> float:
        """How long until something may be due, below 0 if that is not known."""
        due_at = self._outbox.due_at()
        if due_at is None or self._room() is None or self.breaker.state == PROBING:
            return -1.0
        wait_s = due_at - self._epoch()
        if self.breaker.state == OPEN:
            wait_s = max(wait_s, self.breaker.until - self._clock.seconds())
        if self._room() == URGENT and wait_s <= 0:
            return -1.0  # an answer makes room
        return max(wait_s, SOON_S)

    async def _send(self, notices: list[PushNotice]) -> None:
        try:
            await self._outbox.settle(await self._results(notices), self._epoch())
        except Unavailable:
            pass  # the store says so itself, and the outbox tries again
        except Exception as error:  # as above
            self._log.failure("push.failed", error)
        finally:
            self.under_way -= 1
            self._hurry()
            self._rest()

    async def _results(self, notices: list[PushNotice]) -> list[tuple[str, Result]]:
        """What became of each; a request that fails leaves all to be tried again."""
        try:
            composed = await self._compose(notices)
        except Exception as error:  # the store cannot be read, say: they wait
            self._not_tried()
            if not isinstance(error, Unavailable):
                self._log.failure("push.failed", error)
            at = self._epoch() + RETRY_S
            return [(notice.id, Later(at, counts=False)) for notice in notices]
        told = [one for one in composed if not isinstance(one, str)]
        gone: list[tuple[str, Result]] = [
            (notice.id, Refused(one, "ended"))
            for notice, one in zip(notices, composed, strict=True)
            if isinstance(one, str)
        ]
        if not told:
            self._not_tried()
            return gone
        if not self.running:
            return gone + [(one.id, Later(self._epoch(), counts=False)) for one in told]
        self.requests += 1
        asking = ensureDeferred(self._house.deliver(told))
        self._asking.add(asking)
        self._held_up.difference_update(one.id for one in told)
        try:
            answered = await asking
        except CancelledError:
            return gone + [(one.id, Later(self._epoch(), counts=False)) for one in told]
        except HouseFailed as failed:
            if not self.running:
                return gone + [(one.id, Later(self._epoch(), counts=False)) for one in told]
            return gone + self._failed(told, failed)
        finally:
            self._asking.discard(asking)
        self.breaker.succeeded()
        self.answered()
        by_id = {notice.id: notice for notice in notices}
        results = gone
        for one, result in zip(told, answered, strict=True):
            results.append((one.id, await self._result(by_id[one.id], one, result)))
        return results

    def _not_tried(self) -> None:
        """Nothing went out: if it was to show whether the house is back, the next one does."""
        if self.breaker.state == PROBING:
            self._breaker_failed()

    def _breaker_failed(self, wait_s: float = 0.0) -> None:
        self.breaker.failed(self._clock.seconds(), wait_s)

    async def _result(self, notice: PushNotice, told: Notification, result: WireResult) -> Result:
        if result.outcome in (ACCEPTED, DUPLICATE):
            return Accepted()
        if result.outcome == REJECTED:
            if result.reason.startswith(DEAD_TOKEN):
                await self._given_up(notice, "", told.device.registered + 1)
            return Refused(result.reason)
        now = self._epoch()
        if result.retry_after_s:
            spread = 1 + self._chance() / 4
            return Later(now + result.retry_after_s * spread)
        return Later(now + self._backoff_s(notice.id))

    def _failed(self, told: list[Notification], failed: HouseFailed) -> list[tuple[str, Result]]:
        now = self._epoch()
        self.failures += 1
        self.last_failure, self.last_failure_at = failed.reason, now
        self._log.emit(
            "push.house_failed",
            house=self._house.name,
            reason=failed.reason,
            notifications=len(told),
        )
        self._breaker_failed(failed.retry_after_s)
        if len(self._held_up) >= MOST_HELD_UP:
            self._held_up.clear()
        if not failed.retry_after_s:
            self._held_up.update(one.id for one in told)
        results: list[tuple[str, Result]] = []
        for one in told:
            wait_s = max(self._backoff_s(one.id), failed.retry_after_s)
            results.append((one.id, Later(now + wait_s)))
        return results

    def _backoff_s(self, notice_id: str) -> float:
        settings = self._settings
        attempts = self._outbox.attempts_of(notice_id)
        return backoff_s(attempts, settings.retry_base_s, settings.retry_max_s, self._chance)

    def _changed(self, state: str) -> None:
        if state == OPEN:
            wait_s = round(max(0.0, self.breaker.until - self._clock.seconds()), 3)
            self._log.emit("push.house_left_alone", house=self._house.name, wait_s=wait_s)
        elif state == CLOSED:
            self._log.emit("push.house_back", house=self._house.name)
            held_up, self._held_up = self._held_up, set()
            self._outbox.hasten(held_up, self._epoch())

    def _rest(self) -> None:
        if not self.under_way and not self._looking:
            waiting, self._idle = self._idle, []
            for done in waiting:
                done.callback(None)
