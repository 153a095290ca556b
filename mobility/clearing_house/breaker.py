"""The breaker of one destination: stops asking a provider that is down, and tries it now and then.

closed --FAILURES in a row--> open --its wait is over--> probing --an answer--> closed
                                ^                            |
                                +--------- a failure --------+
"""

import random
from collections.abc import Callable
from typing import Protocol

import attrs
from automat import TypeMachineBuilder

FAILURES = 5
"""Failures in a row that open it (our choice)."""

LEAST_WAIT_S = 1.0
MOST_WAIT_S = 300.0
"""The wait doubles from the first to the second while tries fail (our choice)."""

MANY = 1_000_000


def backoff(
    attempt: int,
    retry_after_s: float | None,
    jitter: Callable[[], float],
    least_s: float = LEAST_WAIT_S,
) -> float:
    """Seconds to wait after the `attempt`th failure: doubling, with jitter in its upper half.

    What the provider asks for is kept to, with up to a tenth more so that not all come at once.
    `jitter` gives numbers from 0 to 1.
    """
    if retry_after_s is not None:
        return retry_after_s * (1 + jitter() / 10)
    return float(min(least_s * 2 ** min(attempt - 1, 32), MOST_WAIT_S) * (0.5 + jitter() / 2))


class _Switch(Protocol):
    """The states, and what may move them."""

    def trip(self) -> None: ...

    def elapse(self) -> None: ...

    def mend(self) -> None: ...

    def room(self) -> int: ...

    def name(self) -> str: ...


@attrs.define(slots=True)
class _Nothing:
    """The states need no memory: counts and times are the breaker's."""


def _build() -> Callable[[], _Switch]:
    builder = TypeMachineBuilder(_Switch, _Nothing)
    closed, opened, probing = (builder.state(name) for name in ("closed", "open", "probing"))
    for state, name, room in (
        (closed, "closed", MANY),
        (opened, "open", 0),
        (probing, "probing", 1),
    ):
        state.upon(_Switch.room).loop().returns(room)
        state.upon(_Switch.name).loop().returns(name)
        state.upon(_Switch.trip).to(opened).returns(None)
        state.upon(_Switch.mend).to(closed).returns(None)
    closed.upon(_Switch.elapse).loop().returns(None)
    opened.upon(_Switch.elapse).to(probing).returns(None)
    probing.upon(_Switch.elapse).loop().returns(None)
    machine = builder.build()
    return lambda: machine(_Nothing())


_new_switch = _build()


class Breaker:
    """A closed breaker; `now` is a clock that does not jump."""

    def __init__(
        self, now: Callable[[], float], jitter: Callable[[], float] = random.random
    ) -> None:
        self._switch = _new_switch()
        self._now = now
        self._jitter = jitter
        self._failures = 0
        self._openings = 0
        self.until = 0.0
        """When an open one may be tried."""

    @property
    def state(self) -> str:
        """closed, open or probing."""
        return self._switch.name()

    @property
    def room(self) -> int:
        """How many pushes may be under way: many, one try, or none."""
        if self.state == "open" and self._now() >= self.until:
            self._switch.elapse()
        return self._switch.room()

    def succeeded(self) -> None:
        """The destination answers."""
        self._failures = self._openings = 0
        self._switch.mend()

    def troubled(
        self,
        retry_after_s: float | None,
        *,
        at_once: bool = False,
        least_s: float = LEAST_WAIT_S,
    ) -> bool:
        """The destination fails; whether that has opened the breaker.

        `at_once` opens it without waiting for more, and so does a failed try.  What comes late,
        from requests that were under way when it opened, changes nothing.
        """
        state = self.state
        if state == "open":
            return False
        self._failures += 1
        if state == "closed" and not at_once and self._failures < FAILURES:
            return False
        self._failures = 0
        self._openings += 1
        wait_s = backoff(self._openings, retry_after_s, self._jitter, least_s)
        self.until = self._now() + wait_s
        self._switch.trip()
        return True

    def reset(self) -> None:
        """Something was mended: begin afresh."""
        self.succeeded()
