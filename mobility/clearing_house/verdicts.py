"""The way back: an organisation asks what became of its pushes, and waits a while for news."""

import time
from collections.abc import Callable

from twisted.internet.defer import Deferred

from mobility.clearing_house import store
from mobility.clearing_house.house import ClearingHouse
from mobility.clearing_house.writer import Writer
from mobility.errors import Refusal
from mobility.push.wire import VerdictPage
from mobility.reactor import IReactor

POLLS = 16
"""Polls of one organisation that may wait at once (our choice; one is what it takes)."""


class Verdicts:
    """Pages of verdicts, each organisation's own."""

    def __init__(
        self,
        house: ClearingHouse,
        writer: Writer,
        reactor: IReactor,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self._house = house
        self._writer = writer
        self._reactor = reactor
        self._epoch = epoch
        self._waiters: dict[str, list[Deferred[None]]] = {}
        house.on_verdicts = self._news

    @property
    def waiting(self) -> int:
        """Polls that wait now."""
        return sum(map(len, self._waiters.values()))

    async def page(
        self,
        organisation: str,
        after: int,
        stream: str,
        wait_s: float,
        gone: "Gone",
        reader: str = "",
    ) -> VerdictPage:
        """The verdicts after `after`, as soon as there are any; it confirms those up to it.

        Several front ends of an organisation, each a `reader` of its own, hear each all of them.

        A `stream` that is not this store's own confirms nothing: its numbers are another's.
        """
        if stream not in ("", self._house.stream):
            after = 0
        deadline = self._reactor.seconds() + wait_s
        while True:
            waiter = self._waiter(organisation)
            try:
                found = await self._writer.run(
                    lambda cursor: store.page(
                        cursor, organisation, reader, after, int(self._epoch())
                    )
                )
                left_s = deadline - self._reactor.seconds()
                if found or left_s <= 0 or gone.is_so or self._house.closing:
                    return VerdictPage(self._house.stream, found)
                await gone.wait(waiter, left_s, self._reactor)
            finally:
                self._drop(organisation, waiter)

    def drain(self) -> None:
        """Answer every poll now."""
        for name in list(self._waiters):
            self._news(name)

    def _waiter(self, organisation: str) -> Deferred[None]:
        waiters = self._waiters.setdefault(organisation, [])
        if len(waiters) >= POLLS:
            raise Refusal("TooManyRequests", None, f"{POLLS} polls wait already.", retry_after_s=5)
        waiter: Deferred[None] = Deferred()
        waiters.append(waiter)
        return waiter

    def _drop(self, organisation: str, waiter: Deferred[None]) -> None:
        waiters = self._waiters.get(organisation, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiters.pop(organisation, None)

    def _news(self, organisation: str) -> None:
        for waiter in self._waiters.pop(organisation, []):
            if not waiter.called:
                waiter.callback(None)


class Gone:
    """Whether the client of a poll has gone away, which ends its waiting."""

    def __init__(self) -> None:
        self.is_so = False
        self._waiter: Deferred[None] | None = None

    def disconnected(self) -> None:
        self.is_so = True
        if self._waiter is not None and not self._waiter.called:
            self._waiter.callback(None)

    async def wait(self, waiter: Deferred[None], seconds: float, reactor: IReactor) -> None:
        """Until there is news, the client is gone or the time is over."""
        self._waiter = waiter

        def over() -> None:
            if not waiter.called:
                waiter.callback(None)

        late = reactor.callLater(seconds, over)
        try:
            await waiter
        finally:
            self._waiter = None
            if late.active():
                late.cancel()
