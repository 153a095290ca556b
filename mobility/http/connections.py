"""All connections of the process: how many there may be, and which have waited too long."""

import resource
from collections.abc import Iterator

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from mobility.http.channel import HttpChannel
from mobility.http.limits import (
    DESCRIPTOR_RESERVE,
    OPERATOR_CONNECTIONS,
    SURPLUS_CONNECTIONS,
    SWEEP_S,
)

UNLIMITED = 1_000_000
"""Connections where the number of descriptors has no limit (that of `max_connections`)."""


def connection_limit(configured: int) -> int:
    """`max_connections` as configured, or for 0 all descriptors but `DESCRIPTOR_RESERVE`."""
    if configured:
        return configured
    descriptors = _descriptors()
    return descriptors - min(DESCRIPTOR_RESERVE, descriptors * 3 // 4)


def _descriptors() -> int:
    """How many descriptors the process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED if soft == resource.RLIM_INFINITY else soft


class Connections:
    """The open channels of all sites, swept every `SWEEP_S` for expired deadlines.

    One timer serves all of them: a timer for each connection would cost more than the connection.
    """

    def __init__(self, clock: IReactorTime, limit: int) -> None:
        descriptors = _descriptors()
        self.limit = limit
        self._surplus = min(SURPLUS_CONNECTIONS, descriptors // 4)
        self._operator = min(OPERATOR_CONNECTIONS, descriptors // 16)
        self._open: set[HttpChannel] = set()
        self._clock = clock
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[HttpChannel]:
        return iter(tuple(self._open))

    def room(self, site: str) -> bool | None:
        """Whether one more connection of a site is served; None if it is not even told that it is
        not."""
        number, most = len(self._open), self.limit + self._surplus
        if site == "operator":
            return True if number < most + self._operator else None
        return number < self.limit if number < most else None

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
