"""What is to happen later: a heap of times and actions, run by whoever holds the clock.

The domain has no reactor: it writes into an `Agenda`, and the service calls `run` with the time.
"""

import heapq
from collections.abc import Awaitable, Callable
from itertools import count

import attrs

Action = Callable[[float], Awaitable[None]]


@attrs.define(slots=True, eq=False)
class Appointment:
    """One action at one time; `cancel` makes it never happen."""

    at: float
    action: Action | None

    def cancel(self) -> None:
        self.action = None


class Agenda:
    """Appointments in order of time; those of the same time in the order they were made."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Appointment]] = []
        self._order = count()

    def at(self, when: float, action: Action) -> Appointment:
        """Call `action(now)` once the time is `when` (epoch seconds) or later."""
        appointment = Appointment(when, action)
        heapq.heappush(self._heap, (when, next(self._order), appointment))
        return appointment

    def due(self, now: float) -> list[Action]:
        """Take out and return the actions whose time has come, in order."""
        actions: list[Action] = []
        while self._heap and self._heap[0][0] <= now:
            appointment = heapq.heappop(self._heap)[2]
            if appointment.action is not None:
                actions.append(appointment.action)
        return actions

    def __len__(self) -> int:
        return len(self._heap)
