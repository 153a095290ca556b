"""All connections of the process: how many there may be, and which have waited too long."""

import resource
from collections.abc import Iterator

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from mobility.http.channel import HttpChannel
from mobility.http.limits import DESCRIPTOR_RESERVE, SURPLUS_CONNECTIONS, SWEEP_S


def connection_limit(configured: int) -> int:
    """`max_connections` as configured, or for 0 all descriptors but `DESCRIPTOR_RESERVE`."""
    if configured:
        return configured
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1_000_000
    return max(soft - DESCRIPTOR_RESERVE, 1)


class Connections:
    """The open channels of all sites, swept every `SWEEP_S` for expired deadlines.

    One timer serves all of them: a timer for each connection would cost more than the connection.
    """

    def __init__(self, clock: IReactorTime, limit: int) -> None:
        self.limit = limit
        self._open: set[HttpChannel] = set()
        self._clock = clock
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[HttpChannel]:
        return iter(tuple(self._open))

    @property
    def full(self) -> bool:
        """Whether one more connection is surplus."""
        return len(self._open) >= self.limit

    @property
    def overfull(self) -> bool:
        """Whether one more connection is not even told that it is surplus."""
        return len(self._open) >= self.limit + SURPLUS_CONNECTIONS

    def add(self, channel: HttpChannel) -> None:
        self._open.add(channel)
        if not self._sweeping.running:
            self._sweeping.start(SWEEP_S, now=False)

    def discard(self, channel: HttpChannel) -> None:
        self._open.discard(channel)
        if not self._open and self._sweeping.running:
            self._sweeping.stop()

    def _sweep(self) -> None:
        now = self._clock.seconds()
        for channel in [channel for channel in self._open if channel.deadline <= now]:
            channel.expire()
