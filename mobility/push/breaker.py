"""A circuit breaker: a destination that fails again and again is left alone for a while.

closed  --- too many failures in a row ---> open
open    --- the wait is over -------------> probing, with one request
probing --- it succeeds ------------------> closed
probing --- it fails ---------------------> open, for longer
"""

import random
from collections.abc import Callable
from typing import Protocol

import attrs
from automat import TypeMachineBuilder

CLOSED, OPEN, PROBING = "closed", "open", "probing"

Random = Callable[[], float]
"""A number from 0 to 1."""


def backoff_s(attempts: int, base_s: float, most_s: float, chance: Random) -> float:
    """How long to wait after so many failures: doubling, and a random half of it less, so that
    those who failed together do not come back together."""
    full: float = min(most_s, base_s * 2 ** min(attempts, 32))
    return full * (0.5 + chance() / 2)


class _Inputs(Protocol):
    """What happens to a breaker."""

    def trip(self) -> None:
        """Too many requests failed."""

    def probe(self) -> None:
        """The wait is over."""

    def recover(self) -> None:
        """A request succeeded."""


@attrs.define(slots=True)
class _Core:
    """What the state machine says of itself."""

    state: str = CLOSED


def _machine() -> Callable[[_Core], _Inputs]:
    builder = TypeMachineBuilder(_Inputs, _Core)
    closed, opened, probing = (builder.state(name) for name in (CLOSED, OPEN, PROBING))

    def to(state: str) -> Callable[[_Inputs, _Core], None]:
        def enter(_: _Inputs, core: _Core) -> None:
            core.state = state

        return enter

    closed.upon(_Inputs.trip).to(opened)(to(OPEN))
    closed.upon(_Inputs.recover).loop()(to(CLOSED))
    opened.upon(_Inputs.trip).loop()(to(OPEN))
    opened.upon(_Inputs.probe).to(probing)(to(PROBING))
    opened.upon(_Inputs.recover).to(closed)(to(CLOSED))
    probing.upon(_Inputs.trip).to(opened)(to(OPEN))
    probing.upon(_Inputs.recover).to(closed)(to(CLOSED))
    return builder.build()


_build = _machine()


class Breaker:
    """The breaker of one destination.

    `failures` in a row open it; then it waits from `base_s` to `most_s`, longer each time.
    """

    def __init__(
        self,
        failures: int,
        base_s: float,
        most_s: float,
        chance: Random = random.random,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`changed` is called with the state that it comes into."""
        self._core = _Core()
        self._machine = _build(self._core)
        self._limit = failures
        self._base_s = base_s
        self._most_s = most_s
        self._chance = chance
        self._changed = changed
        self._failed = 0
        self._opened = 0
        self.until = 0.0
        """When an open one lets a request through."""

    @property
    def state(self) -> str:
        return self._core.state

    def allows(self, now: float) -> bool:
        """Whether a request may go out now; an open one whose wait is over lets one through."""
        if self.state == OPEN and now >= self.until:
            self._machine.probe()
            self._changed(self.state)
            return True
        return self.state == CLOSED

    def succeeded(self) -> None:
        self._failed = self._opened = 0
        before = self.state
        self._machine.recover()
        if before != CLOSED:
            self._changed(CLOSED)

    def failed(self, now: float, wait_s: float = 0.0) -> None:
        """A request failed; with `wait_s` the destination has said how long to wait."""
        self._failed += 1
        if self.state == CLOSED and self._failed < self._limit and not wait_s:
            return
        before = self.state
        wait_s = max(wait_s, backoff_s(self._opened, self._base_s, self._most_s, self._chance))
        self._opened += 1
        self.until = max(self.until, now + wait_s) if before == OPEN else now + wait_s
        self._machine.trip()
        if before != OPEN:
            self._changed(OPEN)
