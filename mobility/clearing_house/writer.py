"""The writer thread: operations in, one transaction and one fsync for all that wait.

While one transaction is written the next gathers, so a busy clearing house makes larger
transactions and not longer waits.  Operations are done, and answered, in the order given.
"""

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from sqlite3 import Connection, Cursor
from threading import Thread
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail

from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor
from mobility.store.connection import is_fault, reason

EVENTS: Catalogue = {
    "clearing.store_unavailable": {
        "reason": "SQLite's name of the fault, such as SQLITE_FULL; nothing is accepted meanwhile",
    },
    "clearing.store_recovered": {},
}

WAITING_OPERATIONS = 10_000
"""Operations that may wait; more are refused (our choice)."""

BATCH_OPERATIONS = 256

PROBE_S = 1.0
"""How often a store that cannot be written is tried again."""

RETRY_AFTER_S = 5

T = TypeVar("T")
Operation = Callable[[Cursor], T]


@attrs.define(slots=True, eq=False)
class _Work:
    deferred: Deferred[Any]
    operation: Operation[Any]


class Writer:
    """Does operations on one connection, in a thread.

    `connect` opens the connection again after a fault; `start` must be called in the process that
    uses the writer (threads do not survive a fork).
    """

    def __init__(self, connect: Callable[[], Connection], reactor: IReactor, log: EventLog) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._reactor = reactor
        self._log = log
        self._given: list[_Work] = []
        self._queue: SimpleQueue[list[_Work] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._stopped: Deferred[None] | None = None
        self.waiting = 0
        self.available = True
        self.commits = 0

    def start(self) -> None:
        self._thread = Thread(target=self._work, name="clearing-house-writer", daemon=True)
        self._thread.start()

    def stop(self) -> Deferred[None]:
        """Finish what waits and close the connection."""
        if self._stopped is None:
            self._stopped = Deferred()
            if self._thread is None:
                self.start()
            self._hand_over()
            self._queue.put(None)
        waiter: Deferred[None] = Deferred()
        self._stopped.chainDeferred(waiter)
        return waiter

    def run(self, operation: Operation[T]) -> Deferred[T]:
        """Do `operation`; the answer comes when it is durable.

        Fails with Unavailable when the store cannot take it now, and with what it raises.
        """
        if self._stopped is not None:
            return fail(Unavailable("The clearing house is stopping.", RETRY_AFTER_S))
        if self.waiting >= WAITING_OPERATIONS:
            return fail(Unavailable("Too much is waiting to be stored.", RETRY_AFTER_S))
        self.waiting += 1
        work = _Work(Deferred(), operation)
        if not self._given:
            self._reactor.callLater(0, self._hand_over)
        self._given.append(work)
        return work.deferred

    def _hand_over(self) -> None:
        given, self._given = self._given, []
        if given:
            self._queue.put(given)

    def _deliver(self, results: Sequence[tuple[_Work, Any]], fault: str) -> None:
        """In the reactor: say what became of each."""
        if fault and self.available:
            self.available = False
            self._log.emit("clearing.store_unavailable", reason=fault)
        elif not fault and not self.available:
            self.available = True
            self._log.emit("clearing.store_recovered")
        self.waiting -= len(results)
        for work, result in results:
            if isinstance(result, Exception):
                work.deferred.errback(result)
            else:
                work.deferred.callback(result)

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
            if works or not (writable or stopping):
                writable = self._write(works)
        if self._connection is not None:
            self._connection.close()
        self._reactor.callFromThread(self._finish)

    def _gather(self, writable: bool) -> tuple[list[_Work], bool]:
        works: list[_Work] = []
        try:
            given = self._queue.get(timeout=None if writable else PROBE_S)
            while given is not None:
                works += given
                if len(works) >= BATCH_OPERATIONS:
                    return works, False
                given = self._queue.get_nowait()
        except Empty:
            return works, False
        return works, True

    def _write(self, works: Sequence[_Work]) -> bool:
        """Whether the store could be written."""
        fault = ""
        try:
            results = self._together(works)
        except Exception as error:
            if is_fault(error):
                fault = reason(error)
                refusal = Unavailable("The store cannot be written now.", RETRY_AFTER_S)
                results = [(work, refusal) for work in works]
            else:
                results = [self._alone(work) for work in works]
        self._reactor.callFromThread(self._deliver, results, fault)
        return not fault

    def _together(self, works: Sequence[_Work]) -> list[tuple[_Work, Any]]:
        try:
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            results = [(work, work.operation(cursor)) for work in works]
            if not works:
                cursor.execute("PRAGMA user_version = 1")
            cursor.execute("COMMIT")
        except BaseException as error:
            self._roll_back(is_fault(error))
            raise
        self.commits += 1
        return results

    def _alone(self, work: _Work) -> tuple[_Work, Any]:
        """An operation that makes the others fail is told its own error."""
        try:
            return self._together([work])[0]
        except Exception as error:
            if is_fault(error):
                return work, Unavailable("The store cannot be written now.", RETRY_AFTER_S)
            return work, error

    def _roll_back(self, broken: bool) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except Exception:
            broken = True
        if broken:
            self._connection = None
            connection.close()
