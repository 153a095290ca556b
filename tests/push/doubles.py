"""A clearing house in memory: it takes what it is given, or fails as it is told."""

from collections import deque
from collections.abc import Sequence

from twisted.internet.defer import Deferred

from mobility.push.clearing_house import HouseFailed
from mobility.push.wire import (
    ACCEPTED,
    DUPLICATE,
    UNKNOWN,
    Health,
    Notification,
    Result,
    Verdict,
    VerdictPage,
    Whereabouts,
)


class MemoryHouse:
    """Knows each notification by its id, as the real one does.

    `fail` is why every request fails now, `answers` the outcomes of the next notifications, and
    while `hold` is true nothing is answered until `release`.
    """

    name = "https://house.test"

    def __init__(self) -> None:
        self.taken: list[Notification] = []
        self.requests: list[list[Notification]] = []
        self.ids: set[str] = set()
        self.fail: HouseFailed | None = None
        self.deaf: HouseFailed | None = None
        """Why verdicts cannot be heard."""
        self.answers: deque[Result] = deque()
        self.hold = False
        self.stream = "one"
        self.places: dict[str, Whereabouts] = {}
        self._held: list[Deferred[None]] = []
        self._verdicts: list[Verdict] = []
        self._listeners: list[Deferred[None]] = []

    async def deliver(self, notifications: list[Notification]) -> list[Result]:
        self.requests.append(notifications)
        if self.hold:
            held: Deferred[None] = Deferred()
            self._held.append(held)
            await held
        if self.fail is not None:
            raise self.fail
        return [self._take(one) for one in notifications]

    def _take(self, one: Notification) -> Result:
        if self.answers:
            answer = self.answers.popleft()
            return Result(one.id, answer.outcome, answer.reason, answer.retry_after_s)
        known = one.id in self.ids
        if not known:
            self.ids.add(one.id)
            self.taken.append(one)
        return Result(one.id, DUPLICATE if known else ACCEPTED)

    def release(self) -> None:
        """Answer what was kept back."""
        self.hold = False
        held, self._held = self._held, []
        for one in held:
            one.callback(None)

    def say(self, notice_id: str, outcome: str, **more: str | int) -> None:
        """A provider has said something of a notification."""
        sequence = len(self._verdicts) + 1
        self._verdicts.append(Verdict(sequence, notice_id, outcome, **more))  # type: ignore[arg-type]
        listeners, self._listeners = self._listeners, []
        for one in listeners:
            one.callback(None)

    async def verdicts(self, stream: str, after: int) -> VerdictPage:
        if stream != self.stream:
            after = 0
        if stream == self.stream and len(self._verdicts) <= after and self.deaf is None:
            waiting: Deferred[None] = Deferred()
            self._listeners.append(waiting)
            await waiting
        if self.deaf is not None:
            raise self.deaf
        return VerdictPage(self.stream, tuple(self._verdicts[after:]))

    async def whereabouts(self, ids: Sequence[str]) -> list[Whereabouts]:
        if self.fail is not None:
            raise self.fail
        return [self.places.get(one, Whereabouts(one, UNKNOWN)) for one in ids]

    async def health(self) -> Health:
        return Health("example", ())
