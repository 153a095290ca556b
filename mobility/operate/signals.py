"""What the process does on signals."""

import signal
from collections.abc import Callable, Mapping
from types import FrameType

from twisted.application.service import Service

from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor

EVENTS: Catalogue = {
    "signal.received": {"signal": "its name, such as SIGHUP"},
}

Action = Callable[[], object]


class Signals(Service):
    """Calls an action, in the reactor, for each signal of `actions`.

    The handlers are set before anything listens, as SIGHUP and SIGUSR1 would end the process until
    then, and again once the reactor runs and has set its own.  A signal that comes before that is
    acted on then.
    """

    def __init__(
        self, actions: Mapping[signal.Signals, Action], reactor: IReactor, log: EventLog
    ) -> None:
        self._actions = actions
        self._reactor = reactor
        self._log = log
        self._before: dict[signal.Signals, object] = {}

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._install()

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._install)

    def stopService(self) -> None:
        super().stopService()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned
        self._before.clear()

    def _install(self) -> None:
        for number in self._actions:
            before = signal.signal(number, self._caught)
            if before != self._caught:
                self._before[number] = before

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._act, signal.Signals(number))

    def _act(self, number: signal.Signals) -> None:
        self._log.emit("signal.received", signal=number.name)
        self._actions[number]()
