"""A front end whose time can be moved on: `twistd` under clocks that jump.

    python -m tests.conformance.clocked SOCKET -n mobility --config FILE

Presence subscriptions last ten minutes at least, so without this their end could not be seen.  It
reaches a telephone network that exists in its memory alone.
"""

import sys
import time


class MovableTime:
    """The system's clocks, and how far they have been moved on (seconds)."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._of_day, self._steady = time.time, time.monotonic

    def of_day(self) -> float:
        return self._of_day() + self.ahead_s

    def steady(self) -> float:
        return self._steady() + self.ahead_s


def main(arguments: list[str]) -> None:
    """Run twistd with `arguments[1:]`; `arguments[0]` is the socket it is told on."""
    clock = MovableTime()
    time.time, time.monotonic = clock.of_day, clock.steady
    # Twisted takes time.time when it is imported, which therefore comes after.
    from twisted.scripts.twistd import run

    from tests.conformance.mover import listen
    from tests.conformance.telephones import provide

    listen(clock, arguments[0])
    provide()
    sys.argv = ["twistd", *arguments[1:]]
    run()


if __name__ == "__main__":
    main(sys.argv[1:])
