"""The writer thread: units of work in, one transaction and one fsync for all that wait.

    reactor            commit(unit) ... commit(unit)            publish, fire each Deferred
                            |               |                         ^
    end of its turn         +----> list ----+                         |
                                     |                                | one callFromThread
    queue                            v                                | a batch
    writer thread      take all that wait (at most BATCH_UNITS) -> one transaction

What is given in one turn of the reactor is handed over together, and while one batch is being
written the next one gathers: a busy service makes batches larger and not the wait longer.  Order
is that of `commit`: in the store, on the bus and of the answers.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from queue import Empty, SimpleQueue
from sqlite3 import Connection
from threading import Thread
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail

from mobility.domain.ledger import Committed, Unit
from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor
from mobility.store.transactor import Operation, StoreFault, Transactor

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

QUEUE_UNITS = 10_000
"""Units that may wait for the writer; about a second of work on a slow disk.  More are refused."""

BATCH_UNITS = 256
"""No more units are taken into one transaction once it has this many: enough to make the fsync
cheap, and few enough that publishing them does not hold the reactor for long."""

PROBE_INTERVAL_S = 1.0
"""How often a store that cannot be written is tried again when nobody asks it to write."""

RETRY_AFTER_S = 5
"""What a refused peer is told to wait."""

T = TypeVar("T")


@attrs.define(slots=True, eq=False)
class _Work:
    """A unit of work or an operation, and who waits for it."""

    deferred: Deferred[Any]
    unit: Unit | None = None
    operation: Operation[Any] | None = None


class SqliteLedger:
    """The ledger of one front end on its own database file.

    `connect` opens the writing connection; `publish` is the bus.  `start` must be called in the
    process that uses the ledger (threads do not survive a fork) and `stop` before it ends.
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
        self._probe_interval_s = probe_interval_s
        self._transactor = Transactor(connect)
        self._reactor = reactor
        self._publish = publish
        self._log = log
        self._given: list[_Work] = []
        """In this turn of the reactor."""
        self._queue: SimpleQueue[list[_Work] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._stopped: Deferred[None] | None = None
        self.waiting = 0
        """Units and operations that were given and not answered."""
        self.units = 0
        """Units that were stored."""
        self.failed_at: float | None = None
        """When the store last became unavailable."""
        self.available = True
        """False from a fault of the store until it takes something again."""

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

    def start(self) -> None:
        self._thread = Thread(target=self._work, name="mobility-store-writer", daemon=True)
        self._thread.start()

    def stop(self) -> Deferred[None]:
        """Finish what waits and close the database; what is given later is refused."""
        if self._stopped is None:
            self._stopped = Deferred()
            if self._thread is None:
                self.start()
            self._hand_over()
            self._queue.put(None)
        waiter: Deferred[None] = Deferred()
        self._stopped.chainDeferred(waiter)
        return waiter

    def commit(self, unit: Unit) -> Deferred[Committed]:
        """Store a unit; the answer comes when it is durable and has been published.

        The unit belongs to the ledger from now on.  Entries for streams that do not exist (any
        more) are left out of `Committed.entries`; the positions of the others are filled in.

        Fails with `Conflict`, or with `Unavailable` when the store cannot take it or QUEUE_UNITS
        are waiting; then nothing of it is stored.  A malformed unit fails with its own error.
        """
        return self._give(_Work(Deferred(), unit=unit))

    def run(self, operation: Operation[T]) -> Deferred[T]:
        """Do `operation` in a transaction of its own, after the units given before it.

        Fails with `Unavailable` and with what the operation raises.
        """
        return self._give(_Work(Deferred(), operation=operation))

    def _give(self, work: _Work) -> Deferred[Any]:
        if self._stopped is not None:
            return fail(Unavailable("The service is stopping.", RETRY_AFTER_S))
        if self.waiting >= QUEUE_UNITS:
            return fail(Unavailable("Too much is waiting to be stored.", RETRY_AFTER_S))
        self.waiting += 1
        if not self._given:
            self._reactor.callLater(0, self._hand_over)
        self._given.append(work)
        return work.deferred

    def _hand_over(self) -> None:
        """The turn of the reactor is over: what it gave goes to the writer."""
        given, self._given = self._given, []
        for start in range(0, len(given), BATCH_UNITS):
            self._queue.put(given[start : start + BATCH_UNITS])

    def _deliver(self, results: Sequence[tuple[_Work, Any]], fault: str) -> None:
        """In the reactor: say what became of each work, in order."""
        self._note(fault)
        self.waiting -= len(results)
        for work, outcome in results:
            if isinstance(outcome, Exception):
                work.deferred.errback(outcome)
                continue
            if work.unit is not None:
                self.units += 1
                self._tell(outcome)
            work.deferred.callback(outcome)

    def _tell(self, committed: Committed) -> None:
        try:
            self._publish(committed)
        except Exception as error:  # it is stored all the same, and the rest must be told too
            self._log.failure("store.publish_failed", error)

    def _note(self, fault: str) -> None:
        """Log a change between available and unavailable, once."""
        now = time.time()
        if fault and self.available:
            self.available = False
            self.failed_at = now
            self._log.emit("store.unavailable", reason=fault)
        elif not fault and not self.available:
            self.available = True
            self._log.emit("store.recovered", unavailable_s=round(now - (self.failed_at or now), 3))

    def _finish(self) -> None:
        if self._thread is not None:
            self._thread.join()
        if self._stopped is not None:
            self._stopped.callback(None)

    # The rest runs in the writer thread.

    def _work(self) -> None:
        writable, stopping = True, False
        while not stopping:
            works, stopping = self._gather(writable)
            if works or not stopping:
                writable = self._write(works)
        self._transactor.close()
        self._reactor.callFromThread(self._finish)

    def _gather(self, writable: bool) -> tuple[list[_Work], bool]:
        """What waits, and whether to stop then; nothing when it is time to probe the store."""
        works: list[_Work] = []
        try:
            given = self._queue.get(timeout=None if writable else self._probe_interval_s)
            while given is not None:
                works += given
                if len(works) >= BATCH_UNITS:
                    return works, False
                given = self._queue.get_nowait()
        except Empty:
            return works, False
        return works, True

    def _write(self, works: Sequence[_Work]) -> bool:
        """Write what was gathered and tell the reactor; whether the store could be written."""
        results: list[tuple[_Work, Any]] = []
        fault = ""
        try:
            if not works:
                self._transactor.probe()
            for batch in _batches(works):
                results += zip(batch, self._outcomes(batch), strict=True)
        except StoreFault as error:
            fault = error.reason
            for work in works[len(results) :]:
                refusal = Unavailable("The store cannot be written now.", RETRY_AFTER_S)
                results.append((work, refusal))
        self._reactor.callFromThread(self._deliver, results, fault)
        return not fault

    def _outcomes(self, batch: Sequence[_Work]) -> Sequence[Any]:
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
