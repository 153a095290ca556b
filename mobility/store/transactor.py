"""Transactions on the one writing connection, without a thread or a reactor."""

from collections.abc import Callable, Sequence
from sqlite3 import Connection, Cursor
from time import perf_counter
from typing import TypeVar

from mobility.domain.ledger import Committed, Unit
from mobility.store import statements
from mobility.store.connection import StoreFault, is_fault, reason
from mobility.store.plan import Memory, Plan, Stale
from mobility.store.tables import PRESENCE_COUNTER

T = TypeVar("T")

Operation = Callable[[Cursor, Memory], T]
"""Work inside one transaction that is no unit of work, such as trimming streams."""


class Transactor:
    """Commits batches of units; `connect` opens the writing connection.

    After a fault the connection is opened afresh at the next use, so that the store recovers as
    soon as the disk does.  All calls must come from one thread at a time.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._memory = Memory()
        self.commits = 0
        """Transactions that were committed."""
        self.rows = 0
        """Rows they wrote."""
        self.commit_s = 0.0
        """Seconds they took, the fsync included."""
        self._written = 0

    def commit(self, units: Sequence[Unit]) -> list[Committed | Exception]:
        """Commit all units in one transaction; what became of each.

        The result is as if they had been committed one after another.  An exception stands for a
        unit that was refused alone: Conflict, or the error of a malformed unit.

        Raises StoreFault when nothing of any unit is stored.
        """
        try:
            return self._transaction(lambda cursor: self._together(cursor, units))
        except StoreFault:
            raise
        except Exception:  # noqa: S110  # whose error it is shows when each unit stands alone
            pass
        try:
            return self._transaction(lambda cursor: self._one_by_one(cursor, units))
        except Stale as error:
            raise StoreFault("STALE") from error

    def run(self, operation: Operation[T]) -> T:
        """Do an operation in a transaction of its own.  Raises StoreFault and what it raises."""
        return self._transaction(lambda cursor: operation(cursor, self._memory))

    def probe(self) -> None:
        """Write without a change.  Raises StoreFault while the store cannot be written."""
        self.run(_touch)

    def close(self) -> None:
        """Copy the write-ahead log into the database and let go of it.

        Raises nothing: what is committed is in the log even if it cannot be copied now.
        """
        if self._connection is None:
            return
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except Exception as error:
            if not is_fault(error):
                raise
        finally:
            self._forget()

    def _transaction(self, work: Callable[[Cursor], T]) -> T:
        self._written = 0
        began = perf_counter()
        try:
            cursor = self._open().cursor()
            cursor.execute("BEGIN IMMEDIATE")
            result = work(cursor)
            cursor.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, Stale):
                self._forget()
            if is_fault(error):
                self._forget()
                raise StoreFault(reason(error)) from error
            raise
        self.commits += 1
        self.rows += self._written
        self.commit_s += perf_counter() - began
        return result

    def _together(self, cursor: Cursor, units: Sequence[Unit]) -> list[Committed | Exception]:
        plan = Plan(cursor, self._memory)
        outcomes: list[Committed | Exception] = [plan.add(unit) for unit in units]
        plan.write()
        self._written += plan.written
        plan.remember()
        return outcomes

    def _one_by_one(self, cursor: Cursor, units: Sequence[Unit]) -> list[Committed | Exception]:
        return [self._alone(cursor, unit) for unit in units]

    def _alone(self, cursor: Cursor, unit: Unit) -> Committed | Exception:
        cursor.execute("SAVEPOINT unit")
        try:
            plan = Plan(cursor, self._memory)
            committed = plan.add(unit)
            plan.write()
        except Exception as error:
            if is_fault(error) or isinstance(error, Stale):
                raise
            cursor.execute("ROLLBACK TO unit")
            cursor.execute("RELEASE unit")
            return error
        cursor.execute("RELEASE unit")
        self._written += plan.written
        plan.remember()
        return committed

    def _open(self) -> Connection:
        """The connection, with what the writer must know of the store read anew after a fault."""
        if self._connection is None:
            connection = self._connect()
            try:
                self._memory = recall(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except Exception:  # closing rolls back as well
            self._forget()

    def _forget(self) -> None:
        """Close the connection; the next use opens one and reads the memory anew."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def recall(connection: Connection) -> Memory:
    """The writer's memory as the store has it."""
    (number,) = connection.execute(statements.COUNTER, (PRESENCE_COUNTER,)).fetchone()
    return Memory(
        heads=dict(connection.execute(statements.HEADS)),
        presence_number=number,
        numbers={uri: tuple(n) for uri, *n in connection.execute(statements.PRESENCE_NUMBERS)},
    )


def _touch(cursor: Cursor, memory: Memory) -> None:
    counted = (memory.presence_number, PRESENCE_COUNTER, memory.presence_number)
    cursor.execute(statements.COUNT, counted)
