"""Many timers of few lengths, such as those of transactions (RFC 3261 table 4).

Each request sent starts a timer that nearly never ends.  Timers of the same length end in the order
in which they began, so that they can wait in a queue, and one delayed call of the reactor stands
for all of them.
"""

from collections import OrderedDict
from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

RESOLUTION_S = 0.001
"""Timers that end so soon end now (our choice: clocks round)."""


class Timers:
    """Starts timers."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queues: dict[float, _Queue] = {}

    def later(self, seconds: float, action: Callable[[], None]) -> "Timer":
        """Call `action` after so long; there are to be few different lengths."""
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = _Queue(self._clock, seconds)
        return queue.start(action)

    def stop(self) -> None:
        """Nothing that was started ends any more."""
        for queue in self._queues.values():
            queue.stop()


@attrs.define(slots=True, eq=False)
class Timer:
    """One timer; `ends_at` is in the clock's seconds."""

    queue: "_Queue" = attrs.field(repr=False)
    ends_at: float
    action: Callable[[], None]

    def cancel(self) -> None:
        """Do not call; after the call this does nothing."""
        self.queue.waiting.pop(self, None)


class _Queue:
    """The timers of one length, that which ends next first."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._call: IDelayedCall | None = None
        self.waiting: OrderedDict[Timer, None] = OrderedDict()

    def start(self, action: Callable[[], None]) -> Timer:
        timer = Timer(self, self._clock.seconds() + self._seconds, action)
        self.waiting[timer] = None
        if self._call is None:
            self._call = self._clock.callLater(self._seconds, self._end)
        return timer

    def stop(self) -> None:
        """Forget them all."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        self.waiting.clear()

    def _end(self) -> None:
        """End those whose time has come; there may be none, since they can be cancelled."""
        self._call = None
        now = self._clock.seconds()
        while self.waiting:
            first = next(iter(self.waiting))
            if first.ends_at > now + RESOLUTION_S:
                if self._call is None:
                    self._call = self._clock.callLater(first.ends_at - now, self._end)
                return
            del self.waiting[first]
            first.action()
