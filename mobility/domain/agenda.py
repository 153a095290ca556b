"""What is to happen later: a heap of times and actions, run by whoever holds the clock.

The domain has no reactor: it writes into an `Agenda`, and the service calls `due` with the time.
"""

import heapq
from collections.abc import Awaitable, Callable
from itertools import count

import attrs

Action = Callable[[float], Awaitable[None]]

MAX_CANCELLED = 1_000
"""Cancelled appointments the heap may hold beside as many that stand (our choice, a few 100 kB):
clients that sign in and out, type or extend without end must not make it grow."""


@attrs.define(slots=True, eq=False)
class Appointment:
    """One action at one time; `cancel` makes it never happen unless its time has come already."""

    at: float
    action: Action | None
    _on_cancel: Callable[[], None]

    def cancel(self) -> None:
        if self.action is not None:
            self.action = None
            self._on_cancel()


class Agenda:
    """Appointments in order of time; those of the same time in the order they were made."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Appointment]] = []
        self._order = count()
        self._cancelled = 0
        self.hurry: Callable[[], None] = _no_hurry
        """Called when something is to happen as soon as it can: its time is 0."""

    def at(self, when: float, action: Action) -> Appointment:
        """Call `action(now)` once the time is `when` (epoch seconds) or later."""
        if when <= 0.0:
            self.hurry()
        appointment = Appointment(when, action, self._forget_cancelled)
        heapq.heappush(self._heap, (when, next(self._order), appointment))
        return appointment

    def due(self, now: float) -> list[Action]:
        """Take out and return the actions whose time has come, in order."""
        actions: list[Action] = []
        while self._heap and self._heap[0][0] <= now:
            appointment = heapq.heappop(self._heap)[2]
            action, appointment.action = appointment.action, None
            if action is None:
                self._cancelled -= 1
            else:
                actions.append(action)
        return actions

    def __len__(self) -> int:
        """How many appointments stand."""
        return len(self._heap) - self._cancelled

    def _forget_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > MAX_CANCELLED and self._cancelled * 2 > len(self._heap):
            self._heap = [place for place in self._heap if place[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0


def _no_hurry() -> None:
    """What is to happen at once waits for who looks next."""
