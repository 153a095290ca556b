"""The clock hand of the domain's agenda, and of what else recurs, as a Twisted service."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ParamSpec

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from mobility.domain.agenda import Action, Agenda
from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog

P = ParamSpec("P")

EVENTS: Catalogue = {
    "schedule.failed": {
        "task": "what was to be done",
        "failure": "the traceback",
    },
}

AGENDA_INTERVAL_S = 0.25
"""How late an appointment may be (our choice; the shortest wait the domain has is seconds)."""

RETRY_S = 5.0
"""When an appointment that failed is tried again.  That the store cannot take it is not logged for
each appointment: the store says so once, and there may be thousands of them."""


class AgendaService(Service):
    """Runs the agenda's appointments when their time comes."""

    def __init__(
        self,
        agenda: Agenda,
        clock: IReactorTime,
        epoch: Callable[[], float],
        log: EventLog,
    ) -> None:
        self._agenda = agenda
        self._epoch = epoch
        self._log = log
        self._loop = LoopingCall(self._run)
        self._loop.clock = clock
        self._clock = clock
        self._hurried = False
        agenda.hurry = self._hurry

    def startService(self) -> None:
        super().startService()
        self._loop.start(AGENDA_INTERVAL_S, now=False)
        self._hurry()

    def stopService(self) -> None:
        super().stopService()
        if self._loop.running:
            self._loop.stop()

    def _hurry(self) -> None:
        """What is to happen at once does so in the reactor's next turn."""
        if self.running and not self._hurried:
            self._hurried = True
            self._clock.callLater(0, self._run_hurried)

    def _run_hurried(self) -> None:
        self._hurried = False
        if self.running:
            self._run()

    def _run(self) -> None:
        now = self._epoch()
        for action in self._agenda.due(now):
            Deferred.fromCoroutine(_done(action, now)).addErrback(self._failed, action)

    def _failed(self, failure: Failure, action: Action) -> None:
        if failure.check(Unavailable) is None:
            called = action.func if isinstance(action, partial) else action
            self._log.failure("schedule.failed", failure, task=called.__qualname__)
        self._agenda.at(self._epoch() + RETRY_S, action)


class Recurring(Service):
    """Does one thing every so often; a failure is logged and does not end it."""

    def __init__(
        self,
        task: str,
        interval_s: float,
        action: Callable[[], Awaitable[None]],
        clock: IReactorTime,
        log: EventLog,
        *,
        now: bool = False,
    ) -> None:
        """`now` does it at once for the first time, not after `interval_s`."""
        self._now = now
        self._task = task
        self._interval_s = interval_s
        self._action = action
        self._log = log
        self._loop = LoopingCall(self._run)
        self._loop.clock = clock
        self._ended: Deferred[LoopingCall] = succeed(self._loop)

    def startService(self) -> None:
        super().startService()
        self._ended = self._loop.start(self._interval_s, now=self._now)

    def stopService(self) -> Deferred[LoopingCall]:
        """Stop the clock; the Deferred fires once nothing is being done any more."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        return self._ended

    def _run(self) -> Deferred[None]:
        return Deferred.fromCoroutine(_done(self._action)).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("schedule.failed", failure, task=self._task)


async def _done(action: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
    """The action as a coroutine, so that it cannot raise before there is somebody to hear of it."""
    await action(*args, **kwargs)
