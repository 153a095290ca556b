"""A bounded queue in front of a few places: who verifies a password waits here for its turn."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred

from mobility.errors import Unavailable

MAX_WAITING = 1_000
"""Requests that may wait for a place.  With two places and 20 ms each this is 10 s of work; a
client that would wait longer is told to come back."""

RETRY_AFTER_S = 10
"""How long a client is sent away when `MAX_WAITING` is reached: the time to work that off."""


class Turns:
    """`places` turns run at a time, and `max_waiting` more wait in the order they came."""

    def __init__(self, places: int, max_waiting: int = MAX_WAITING) -> None:
        self._places = places
        self._free = places
        self._max_waiting = max_waiting
        self._waiting: deque[Deferred[None]] = deque()
        self._admitting = False
        self._closed: Deferred[None] | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place and keep it for the body of the `async with`.

        Raises Unavailable when too many wait or the queue is closed.
        """
        if self._closed is not None:
            raise _closing()
        await self._wait()
        try:
            yield
        finally:
            self._free += 1
            self._admit()

    def close(self) -> Deferred[None]:
        """Send away who waits; fires when the turns that run have ended."""
        if self._closed is None:
            self._closed = Deferred()
            waiting, self._waiting = self._waiting, deque()
            for place in waiting:
                place.errback(_closing())
            self._admit()
        return self._closed

    async def _wait(self) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._max_waiting:
            raise Unavailable("Too many sign-ins at once; try again later.", RETRY_AFTER_S)
        place: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(place)
        await place

    def _admit(self) -> None:
        """Give free places to who waits.

        A turn may end before `callback` returns (a locked user is refused at once); it then frees
        its place for this loop instead of nesting another one.
        """
        if self._admitting:
            return
        self._admitting = True
        while self._free and self._waiting:
            self._free -= 1
            self._waiting.popleft().callback(None)
        self._admitting = False
        if self._closed is not None and self._free == self._places and not self._closed.called:
            self._closed.callback(None)


def _closing() -> Unavailable:
    return Unavailable("The service is stopping; try again later.")
