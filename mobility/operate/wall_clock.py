"""The time of day: a line in the log when somebody sets it, or a machine that slept wakes up.

Waits of this process do not depend on it (`mobility.reactor.steady`).  What is stored with a time
does: tokens, applications and meetings end as many seconds sooner or later.
"""

from collections.abc import Callable

from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "clock.stepped": {
        "seconds": "by which the time of day went forwards, backwards where it is negative, beside "
        "the time that passed",
    },
}

LOOK_S = 1.0
"""How often it is looked at (our choice)."""

STEP_S = 2.0
"""A smaller change is none to tell of: a leap second, or a clock that is brought right slowly."""


class WallClock:
    """Holds the time of day against a clock that nobody sets.

    `epoch` is the time of day, `steady` counts seconds from anywhere.
    """

    def __init__(
        self, epoch: Callable[[], float], steady: Callable[[], float], log: EventLog
    ) -> None:
        self._epoch = epoch
        self._steady = steady
        self._log = log
        self._apart = self._look()

    async def look(self) -> None:
        """Log by how much the time of day was set since the last look, if it was."""
        apart = self._look()
        step, self._apart = apart - self._apart, apart
        if abs(step) >= STEP_S:
            self._log.emit("clock.stepped", seconds=round(step, 3))

    def _look(self) -> float:
        return self._epoch() - self._steady()
