"""The writer thread of the clearing house: operations in, one transaction for all that wait."""

from collections.abc import Callable, Iterator, Sequence
from sqlite3 import Connection, Cursor
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred

from mobility.clearing_house.store import SCHEMA_VERSION
from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor
from mobility.store.connection import StoreFault, is_fault, reason
from mobility.store.writer_thread import Work, WriterThread

EVENTS: Catalogue = {
    "clearing.store_unavailable": {
        "reason": "SQLite's name of the fault, such as SQLITE_FULL; nothing is accepted meanwhile",
    },
    "clearing.store_recovered": {},
}

T = TypeVar("T")
Operation = Callable[[Cursor], T]


@attrs.define(slots=True, eq=False)
class _Work(Work):
    operation: Operation[Any]


class Writer(WriterThread[_Work]):
    """Does operations on one connection, which `connect` opens, and opens again after a fault."""

    def __init__(self, connect: Callable[[], Connection], reactor: IReactor, log: EventLog) -> None:
        super().__init__("clearing-house-writer", reactor)
        self._connect = connect
        self._connection: Connection | None = None
        self._log = log
        self.commits = 0
        """Transactions that were committed."""

    def run(self, operation: Operation[T]) -> Deferred[T]:
        """Do `operation`; the answer comes when it is durable.

        Fails with Unavailable when the store cannot take it now, and with what it raises.
        """
        return self.give(_Work(Deferred(), operation))

    def _changed(self, fault: str) -> None:
        if fault:
            self._log.emit("clearing.store_unavailable", reason=fault)
        else:
            self._log.emit("clearing.store_recovered")

    # -- in the writer thread --------------------------------------------------------------------

    def _outcomes(self, works: Sequence[_Work]) -> Iterator[Any]:
        try:
            outcomes = self._together(works)
        except StoreFault:
            raise
        except Exception:  # whose error it is shows when each operation stands alone
            yield from map(self._alone, works)
        else:
            yield from outcomes

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _together(self, works: Sequence[_Work]) -> list[Any]:
        """Do all of them in one transaction.  Raises StoreFault and what one of them raises."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            outcomes = [work.operation(cursor) for work in works]
            if not works:
                cursor.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            cursor.execute("COMMIT")
        except BaseException as error:
            self._roll_back(is_fault(error))
            if is_fault(error):
                raise StoreFault(reason(error)) from error
            raise
        self.commits += 1
        return outcomes

    def _alone(self, work: _Work) -> Any:
        """An operation that makes the others fail is told its own error.  Raises StoreFault."""
        try:
            return self._together([work])[0]
        except StoreFault:
            raise
        except Exception as error:
            return error

    def _roll_back(self, broken: bool) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except Exception:  # closing rolls back as well
            broken = True
        if broken:
            self._connection = None
            connection.close()
