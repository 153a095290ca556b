"""Opening the store: migration, then ledger and archive on one database file."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import attrs
from sqlalchemy import bindparam, select
from sqlalchemy.dialects import sqlite
from twisted.internet import defer
from twisted.internet.defer import Deferred

from mobility.config import StoreConfig
from mobility.domain.ledger import Committed, Snapshot
from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor
from mobility.store import snapshot, tables
from mobility.store.archive import SqliteArchive
from mobility.store.connection import connect_reader, connect_writer, startup_faults
from mobility.store.schema import migrate
from mobility.store.statements import compiled
from mobility.store.writer import SqliteLedger

EVENTS: Catalogue = {
    "store.migrated": {
        "before": 'the schema the database had, "" for a new one',
        "after": "the schema it has now",
        "backup": 'the file name of the copy that was kept, "" for none',
    },
    "store.close_timeout": {"waiting": "units of work given up, none of which was acknowledged"},
}

CLOSE_TIMEOUT_S = 2.0
"""How long a stop waits for the disk to take or give what is under way (our choice: with the 8 s
of `drain_timeout_s` a stop is done in ten)."""

_settings = tables.settings.columns

ADD_SETTING = compiled(
    sqlite.insert(tables.settings).on_conflict_do_nothing(index_elements=["name"]),
    "name",
    "value",
)

SETTING = compiled(
    select(_settings.value).where(_settings.name == bindparam("the_name")), "the_name"
)


@attrs.frozen(slots=True)
class StoreStats:
    """What metrics tell of the store; the counts are since `start`."""

    database_bytes: int
    journal_bytes: int
    """The write-ahead log."""
    waiting: int
    """Units and operations in the writer's queue."""
    units: int
    commits: int
    commit_s: float
    """Seconds the commits took, the fsync included."""
    rows: int


class Store:
    """The ledger and the archive of one front end.

    `snapshot` and `setting` block and raise OperatorFault: they are for the time before the reactor
    runs.  `start` begins the threads, so it must be called in the process that serves, after a
    fork.
    """

    def __init__(
        self,
        config: StoreConfig,
        *,
        reactor: IReactor,
        publish: Callable[[Committed], None],
        log: EventLog,
    ) -> None:
        self._path = config.path
        self._reactor = reactor
        self._log = log
        self._closed: Deferred[None] | None = None
        self._connect = partial(connect_writer, config.path, config.synchronous)
        self.ledger = SqliteLedger(self._connect, reactor=reactor, publish=publish, log=log)
        self.archive = SqliteArchive(config.path, self.ledger, reactor=reactor)

    def start(self) -> None:
        self.ledger.start()
        self.archive.start()

    def stop(self) -> Deferred[None]:
        """Finish what waits to be read or written, and close the database.

        After `CLOSE_TIMEOUT_S` it is left as it is: what is committed is safe in the write-ahead
        log, and the threads do not outlive the process.
        """
        if self._closed is None:
            self._closed = Deferred.fromCoroutine(self._close())
        waiter: Deferred[None] = Deferred()
        self._closed.chainDeferred(waiter)
        return waiter

    async def _close(self) -> None:
        closing = self.archive.stop().addCallback(lambda _: self.ledger.stop())
        try:
            await closing.addTimeout(CLOSE_TIMEOUT_S, self._reactor)
        except defer.TimeoutError:
            self._log.emit("store.close_timeout", waiting=self.ledger.waiting)

    def snapshot(self, now: float) -> Snapshot:
        """Everything a front end keeps in memory; expired tokens left out."""
        with startup_faults(self._path), closing(connect_reader(self._path)) as connection:
            return snapshot.load(connection, now)

    def setting(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The value kept under `name` for the whole system; made the first time it is asked for."""
        with startup_faults(self._path), closing(self._connect()) as connection:
            row = connection.execute(SETTING, (name,)).fetchone()
            if row is None:
                connection.execute(ADD_SETTING, (name, make()))
                row = connection.execute(SETTING, (name,)).fetchone()
            value: bytes = row[0]
            return value

    def stats(self) -> StoreStats:
        return StoreStats(
            database_bytes=_size_bytes(self._path),
            journal_bytes=_size_bytes(self._path.with_name(f"{self._path.name}-wal")),
            waiting=self.ledger.waiting,
            units=self.ledger.units,
            commits=self.ledger.commits,
            commit_s=self.ledger.commit_s,
            rows=self.ledger.rows,
        )


def open_store(
    config: StoreConfig,
    *,
    reactor: IReactor,
    publish: Callable[[Committed], None],
    log: EventLog,
) -> Store:
    """The store at `config.path`, created or migrated if need be; the caller holds the lock
    (`mobility.store.lock.exclusive_lock`).

    `publish` is the bus: it hears of each unit, in order, once it is stored.  Raises OperatorFault.
    """
    migration = migrate(config.path)
    if migration.before != migration.after:
        log.emit(
            "store.migrated",
            before=migration.before,
            after=migration.after,
            backup=migration.backup.name if migration.backup else "",
        )
    return Store(config, reactor=reactor, publish=publish, log=log)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
