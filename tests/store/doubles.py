"""What the store's tests share: a log that remembers, a disk that fails, and short-hand units."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

import mobility.store
from mobility.config import StoreConfig
from mobility.domain.facts import Fact, MeChanged
from mobility.domain.ledger import Committed, Unit
from mobility.domain.records import Conversation, Message
from mobility.reactor import IReactor
from mobility.store.connection import connect_writer
from mobility.store.open import Store, open_store
from mobility.store.schema import migrate
from mobility.store.writer import SqliteLedger

MIGRATIONS = Path(mobility.store.__file__).parent / "migrations"

HEAD = max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
"""The newest revision: each file's name begins with its own."""


@attrs.define
class MemoryLog:
    """The events that were logged, with their fields."""

    events: list[tuple[str, dict[str, Any]]] = attrs.Factory(list)
    awaited: dict[str, Deferred[None]] = attrs.Factory(dict)

    def emit(self, event: str, /, **fields: object) -> None:
        self.events.append((event, fields))
        if event in self.awaited:
            self.awaited.pop(event).callback(None)

    def access(self, event: str, fields: dict[str, Any], /) -> None:
        self.emit(event, **fields)

    def failure(self, event: str, failure: Failure | BaseException, /, **fields: object) -> None:
        self.emit(event, **fields, failure=failure)

    def heard(self, event: str) -> Deferred[None]:
        """Fires when the event is logged next."""
        return self.awaited.setdefault(event, Deferred())

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]


@attrs.define
class Disk:
    """Opens the writing connection; its faults are SQLite's own.

    `fill` leaves the open and all later connections no page more than they have, `protect` lets
    later connections read only and closes the door for the open one, `mend` ends both.
    """

    path: Path
    full: bool = False
    protected: bool = False
    connection: sqlite3.Connection | None = None

    def connect(self) -> sqlite3.Connection:
        self.connection = connect_writer(self.path, "FULL")
        self._apply()
        return self.connection

    def fill(self) -> None:
        self.full = True
        self._apply()

    def protect(self) -> None:
        self.protected = True
        self._apply()

    def mend(self) -> None:
        self.full = self.protected = False

    def _apply(self) -> None:
        if self.connection is not None and self.full:
            self.connection.execute("PRAGMA max_page_count = 1")  # SQLite: no less than there are
        if self.connection is not None and self.protected:
            self.connection.execute("PRAGMA query_only = ON")


class StoreCase(TestCase):
    """A test with a database in a directory of its own, on the real reactor and real threads."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.mkdir()
        self.path /= "mobility.db"
        self.log = MemoryLog()
        self.published: list[Committed] = []

    def open(
        self,
        publish: Callable[[Committed], None] | None = None,
        clock: IReactor = cast(IReactor, reactor),  # noqa: B008  # there is one
    ) -> Store:
        """A started store, stopped when the test ends."""
        store = open_store(
            StoreConfig(self.path),
            reactor=clock,
            publish=publish or self.published.append,
            log=self.log,
        )
        store.start()
        self.addCleanup(store.stop)
        return store

    def open_on(self, disk: Disk, probe_interval_s: float) -> SqliteLedger:
        """A started ledger on a disk that can fail."""
        migrate(disk.path)
        ledger = SqliteLedger(
            disk.connect,
            reactor=reactor,
            publish=self.published.append,
            log=self.log,
            probe_interval_s=probe_interval_s,
        )
        ledger.start()
        self.addCleanup(ledger.stop)
        return ledger

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What another process would read from the file."""
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def opening(*stream_ids: str) -> Unit:
    unit = Unit()
    for stream_id in stream_ids:
        unit.open_stream(stream_id)
    return unit


def appending(*stream_ids: str, fact: Fact | None = None) -> Unit:
    unit = Unit()
    for stream_id in stream_ids:
        unit.append(stream_id, fact or MeChanged())
    return unit


def saving(*records: Any) -> Unit:
    unit = Unit()
    unit.save(*records)
    return unit


def message(number: int = 1, body: str = "Hello", conversation_id: str = "c1") -> Message:
    return Message(conversation_id, number, "sip:alice@example.test", "Plain", body, 1000.5)


def conversation(version: int = 1, subject: str = "", state: str = "Active") -> Conversation:
    return Conversation("c1", "thread", subject, "Normal", 1000.0, state, version)


def positions(committed: Committed) -> list[tuple[str, int]]:
    return [(entry.stream_id, entry.position) for entry in committed.entries]
