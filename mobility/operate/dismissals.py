"""Connections that a listener closes unanswered because there are too many: lines of the log."""

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "listener.full": {
        "listener": "the listener's name",
        "connections": "closed unanswered, since there are too many, after the last such line",
    },
}

LINE_S = 10.0
"""A listener has at most one line in so many seconds (our choice): whoever opens connections in a
flood does not flood the log."""


class Dismissals:
    """Those of one listener.  The first is told at once, those after it together."""

    def __init__(self, listener: str, clock: IReactorTime, log: EventLog) -> None:
        self._listener = listener
        self._clock = clock
        self._log = log
        self._untold = 0
        self._quiet: IDelayedCall | None = None

    def count(self) -> None:
        """One more."""
        self._untold += 1
        if self._quiet is None:
            self._tell()

    def close(self) -> None:
        """Tell what is not told; the listener is closed."""
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        self._emit()

    def _tell(self) -> None:
        """What is not told, if anything; then nothing for `LINE_S`."""
        self._quiet = self._clock.callLater(LINE_S, self._tell) if self._emit() else None

    def _emit(self) -> bool:
        """Whether there was anything to tell."""
        number, self._untold = self._untold, 0
        if number:
            self._log.emit("listener.full", listener=self._listener, connections=number)
        return number > 0
