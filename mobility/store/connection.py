"""Connections of the `sqlite3` driver to the database file, and what their errors mean."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError

from mobility.errors import OperatorFault

SYNCHRONOUS = {"NORMAL": 1, "FULL": 2}
"""What a commit survives: the end of the process, or a power failure as well."""

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for another process (a backup, an operator's shell) to let go."""

CHECKPOINT_PAGES = 4_000
"""Pages of 4 KiB in the write-ahead log after which a commit copies them into the database.

Four times SQLite's default: a checkpoint costs two more fsyncs and writes a page that changed
often only once.
"""

JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024
"""The write-ahead log is cut back to this size after a burst has made it grow."""


class StoreFault(Exception):
    """The store could not take it and holds nothing of it; `reason` is SQLite's name of why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def connect_writer(path: Path, synchronous: str) -> sqlite3.Connection:
    """The connection that writes; transactions are begun and ended by hand.

    `synchronous` is a key of SYNCHRONOUS.  The file must exist.
    """
    connection = _connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[synchronous]}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_LIMIT_BYTES}")
        connection.execute("PRAGMA foreign_keys = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, which threads may hand to one another."""
    connection = _connect(path)
    try:
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    """Never creates the file: a database that has vanished is a fault, not an empty store."""
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


def is_fault(error: BaseException) -> bool:
    """Whether the file, the disk or the machine failed, and not what was asked of them."""
    return (
        isinstance(error, (sqlite3.OperationalError, sqlite3.InternalError, MemoryError))
        or type(error) is sqlite3.DatabaseError
    )


def reason(error: BaseException) -> str:
    """SQLite's name of the fault, such as SQLITE_FULL, or the class of another error."""
    return getattr(error, "sqlite_errorname", type(error).__name__)


DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
"""How the names of the faults begin that no trying again mends."""


@contextmanager
def startup_faults(path: Path) -> Iterator[None]:
    """What goes wrong with the file before the reactor runs is the operator's to mend."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        name = reason(cause)
        problem = f"the database cannot be used ({name})"
        if name.startswith(DAMAGE):
            problem += "; it is damaged, or no database at all: put a copy of it back"
        raise OperatorFault(str(path), problem) from error
    except OSError as error:
        raise OperatorFault(str(path), f"the database cannot be used ({error.strerror})") from error
