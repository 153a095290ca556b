"""How time passes for the scripts: at once on a front end of our own, else really."""

from typing import Protocol

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.conformance.mover import Telling

LONGEST_S = 40.0
"""How long a script may wait for another's server: as long as an invitation rings, and some."""


class Stopped(Exception):
    """A script cannot go on; the text says why."""


class Unplayable(Stopped):
    """The server does not have what a script needs; that is no fault of it."""


class Clock(Protocol):
    """Time, as the server has it."""

    patience_s: float
    """How long an event may take that is sent at once (real seconds)."""

    async def pass_time(self, seconds: float) -> None:
        """So much later."""


class RealClock:
    """The time of a server that is not ours."""

    patience_s = 10.0

    async def pass_time(self, seconds: float) -> None:
        if seconds > LONGEST_S:
            raise Unplayable(f"would take {seconds / 60:.0f} minutes")
        await deferLater(reactor, seconds)


class MovedClock:
    """The time of a clocked front end."""

    patience_s = 1.0

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    async def pass_time(self, seconds: float) -> None:
        await self._telling.move_on(seconds)


def arrives(pending: Deferred[None], seconds: float) -> Deferred[bool]:
    """Whether `pending` comes within so many real seconds; it goes on being waited for."""
    answer: Deferred[bool] = Deferred()
    timer = reactor.callLater(seconds, answer.callback, False)

    def arrived(result: object) -> object:
        if timer.active():
            timer.cancel()
            answer.callback(True)
        return result

    pending.addBoth(arrived)
    return answer
