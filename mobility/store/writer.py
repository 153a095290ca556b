"""The ledger of one front end: units of work in, one transaction and one fsync for all that wait.

Order is that of `commit`: in the store, on the bus and of the answers.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from sqlite3 import Connection
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred

from mobility.domain.ledger import Committed, Unit
from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor
from mobility.store.connection import StoreFault
from mobility.store.transactor import Operation, Transactor
from mobility.store.writer_thread import PROBE_INTERVAL_S, Work, WriterThread

EVENTS: Catalogue = {
    "store.unavailable": {
        "reason": "SQLite's name of the fault, such as SQLITE_FULL or SQLITE_READONLY",
    },
    "store.recovered": {
        "unavailable_s": "seconds since store.unavailable",
    },
    "store.publish_failed": {
        "failure": "the traceback of the bus",
    },
}

T = TypeVar("T")


@attrs.define(slots=True, eq=False)
class _Work(Work):
    """A unit of work or an operation."""

    unit: Unit | None = None
    operation: Operation[Any] | None = None


class SqliteLedger(WriterThread[_Work]):
    """The ledger of one front end on its own database file.

    `connect` opens the writing connection; `publish` is the bus.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        reactor: IReactor,
        publish: Callable[[Committed], None],
        log: EventLog,
        probe_interval_s: float = PROBE_INTERVAL_S,
    ) -> None:
        super().__init__("mobility-store-writer", reactor, probe_interval_s)
        self._transactor = Transactor(connect)
        self._publish = publish
        self._log = log
        self.units = 0
        """Units that were stored."""
        self.failed_at: float | None = None
        """When the store last became unavailable, in seconds that nobody sets."""

    @property
    def commits(self) -> int:
        """Transactions that were committed."""
        return self._transactor.commits

    @property
    def rows(self) -> int:
        """Rows they wrote."""
        return self._transactor.rows

    @property
    def commit_s(self) -> float:
        """Seconds they took, the fsync included."""
        return self._transactor.commit_s

    def commit(self, unit: Unit) -> Deferred[Committed]:
        """Store a unit; the answer comes when it is durable and has been published.

        The unit belongs to the ledger from now on.  Entries for streams that do not exist (any
        more) are left out of `Committed.entries`; the positions of the others are filled in.

        Fails with `Conflict`, or with `Unavailable` when the store cannot take it or QUEUE_WORKS
        are waiting; then nothing of it is stored.  A malformed unit fails with its own error.
        """
        return self.give(_Work(Deferred(), unit=unit))

    def run(self, operation: Operation[T]) -> Deferred[T]:
        """Do `operation` in a transaction of its own, after the units given before it.

        Fails with `Unavailable` and with what the operation raises.
        """
        return self.give(_Work(Deferred(), operation=operation))

    def _stored(self, work: _Work, outcome: Any) -> None:
        if work.unit is not None:
            self.units += 1
            try:
                self._publish(outcome)
            except Exception as error:  # it is stored all the same, and the rest must be told too
                self._log.failure("store.publish_failed", error)

    def _changed(self, fault: str) -> None:
        now = time.monotonic()
        if fault:
            self.failed_at = now
            self._log.emit("store.unavailable", reason=fault)
        else:
            self._log.emit("store.recovered", unavailable_s=round(now - (self.failed_at or now), 3))

    # -- in the writer thread --------------------------------------------------------------------

    def _outcomes(self, works: Sequence[_Work]) -> Iterator[Any]:
        if not works:
            self._transactor.probe()
        for batch in _batches(works):
            yield from self._batch(batch)

    def _close(self) -> None:
        self._transactor.close()

    def _batch(self, batch: Sequence[_Work]) -> Sequence[Any]:
        try:
            if batch[0].operation is not None:
                return [self._transactor.run(batch[0].operation)]
            return self._transactor.commit([work.unit for work in batch if work.unit is not None])
        except StoreFault:
            raise
        except Exception as error:  # whoever waits must be told, and the thread must live on
            return [error] * len(batch)


def _batches(works: Sequence[_Work]) -> Iterator[list[_Work]]:
    """Neighbouring units together, each operation by itself."""
    for together, group in groupby(works, lambda work: work.unit is not None):
        if together:
            yield list(group)
        else:
            yield from ([work] for work in group)
