"""The bus of a single front end: committed facts go to each listener in the same reactor turn.

A fact is published after it is stored, never before, and in the order of the commits (DESIGN
decision 1).  One listener's failure never keeps the fact from the next one.
"""

from collections.abc import Callable

from mobility.domain.ledger import Committed
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "bus.listener_failed": {
        "listener": "the room whose listener raised",
        "failure": "the traceback",
    },
}

Listener = Callable[[Committed], None]


class LocalBus:
    """Listeners are called in the order in which they subscribed."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._listeners: list[tuple[str, Listener]] = []

    def subscribe(self, name: str, listener: Listener) -> None:
        """Call `listener` with every committed unit of work; `name` is its room, for the log."""
        self._listeners.append((name, listener))

    def publish(self, committed: Committed) -> None:
        """Hand a stored unit of work to every listener."""
        for name, listener in self._listeners:
            try:
                listener(committed)
            except Exception as error:  # the next listener must still hear of the fact
                self._log.failure("bus.listener_failed", error, listener=name)
