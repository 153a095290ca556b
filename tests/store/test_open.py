"""Opening the store, and what is loaded at start."""

import sqlite3
from threading import Event
from typing import Any

import attrs
from twisted.internet import reactor

from mobility.config import StoreConfig
from mobility.domain.ledger import Snapshot, Unit
from mobility.domain.records import (
    Application,
    Conversation,
    ConversationLog,
    Instance,
    Invitation,
    Leg,
    Meeting,
    MeetingExtension,
    Message,
    Presence,
    PresenceSubscription,
    PushSubscription,
    ReadMark,
    Record,
    Token,
    User,
)
from mobility.errors import OperatorFault
from mobility.store.connection import connect_reader, connect_writer
from mobility.store.open import CLOSE_TIMEOUT_S, EVENTS, Store, open_store
from mobility.store.plan import NUMBERS
from tests.store.doubles import HEAD, StoreCase, appending, conversation, message, opening, saving
from tests.ucwa.service import HandClock

ALICE = "sip:alice@example.test"
NOW = 1_700_000_000.0


def sample(record_class: type[Any]) -> Any:
    """A record whose every field differs from its default and from the other fields."""
    values: dict[str, Any] = {}
    for number, field in enumerate(attrs.fields(record_class), 1):
        if field.type is bool:
            values[field.name] = field.default is not True
        elif field.type is str:
            values[field.name] = f"{field.name} of a {record_class.__name__}"
        elif field.type == (bytes | None):
            values[field.name] = bytes(range(256))
        else:
            values[field.name] = field.type(number * 1_000 + 0.25)
    return record_class(**values)


class SnapshotTests(StoreCase):
    async def test_every_record_comes_back(self) -> None:
        """Every field of every kind of record that is kept in memory survives a restart."""
        user, application, instance = sample(User), sample(Application), sample(Instance)
        token = attrs.evolve(sample(Token), expires_at=NOW + 1)
        subscription = attrs.evolve(sample(PresenceSubscription), expires_at=NOW - 1)
        active = attrs.evolve(sample(Conversation), state="Active", version=1)
        leg = attrs.evolve(sample(Leg), conversation_id=active.id)
        invitation = attrs.evolve(sample(Invitation), conversation_id=active.id)
        presence = attrs.evolve(sample(Presence), **dict.fromkeys(NUMBERS, 0))
        device = sample(PushSubscription)
        mark = attrs.evolve(sample(ReadMark), conversation_id=active.id)
        log = attrs.evolve(sample(ConversationLog), conversation_id=active.id)
        last = attrs.evolve(sample(Message), conversation_id=active.id, number=7)
        meeting = attrs.evolve(sample(Meeting), version=1)
        extension = attrs.evolve(sample(MeetingExtension), version=1)
        store = self.open()
        unit = saving(
            user, application, instance, token, subscription, active, leg, invitation, presence
        )
        unit.save(meeting, extension, device, mark, log, last, attrs.evolve(last, number=3))
        await store.ledger.commit(unit)
        await store.stop()
        self.assertEqual(
            self.open().snapshot(NOW),
            Snapshot(
                users=[user],
                tokens=[token],
                applications=[application],
                instances=[instance],
                presences=[presence],
                subscriptions=[subscription],
                conversations=[active],
                legs=[leg],
                invitations=[invitation],
                message_counts={active.id: 7},
                push_subscriptions=[device],
                read_marks=[mark],
                last_said=[(active.id, last.from_uri, 7)],
                left=[(active.id, log.user_uri)],
                meetings=[meeting],
                meeting_extensions=[extension],
            ),
        )

    async def test_booleans_are_booleans(self) -> None:
        """What was a boolean is one again, not a number."""
        store = self.open()
        await store.ledger.commit(saving(sample(User)))
        (user,) = store.snapshot(NOW).users
        self.assertIs(user.enabled, False)
        self.assertIs(user.enterprise_voice, True)

    async def test_streams_and_counters(self) -> None:
        """The snapshot knows each stream's bounds, the presence number and the last message of
        each active conversation."""
        store = self.open()
        unit = appending("a", "a")
        unit.presence(Presence(ALICE), "presence_number")
        unit.presence(Presence(ALICE), "note_number")
        await store.ledger.commit(opening("a", "b"))
        await store.ledger.commit(unit)
        ended = attrs.evolve(conversation(), id="c2", state="Ended")
        messages = [message(1), message(2), message(9, conversation_id="c2")]
        await store.ledger.commit(saving(conversation(), ended, *messages))
        snapshot = store.snapshot(NOW)
        self.assertEqual(snapshot.heads, {"a": (0, 2), "b": (0, 0)})
        self.assertEqual(snapshot.presence_number, 2)
        self.assertEqual(snapshot.presences[0].note_number, 2)
        self.assertEqual(snapshot.message_counts, {"c1": 2})

    async def test_what_is_over_is_left_out(self) -> None:
        """Ended conversations with their legs, closed invitations and expired tokens stay in the
        store only."""
        records: list[Record] = [
            attrs.evolve(conversation(), state="Ended"),
            Leg("c1", "application", ALICE, "Disconnected", "Disconnected"),
            attrs.evolve(sample(Invitation), state="Connected"),
            attrs.evolve(sample(Token), expires_at=NOW),
        ]
        store = self.open()
        await store.ledger.commit(saving(*records))
        self.assertEqual(store.snapshot(NOW), Snapshot())

    async def test_removed(self) -> None:
        """A removed record is gone, by its key alone."""
        store = self.open()
        await store.ledger.commit(saving(sample(User), sample(Instance)))
        unit = Unit()
        unit.remove(User(sample(User).uri, "another name"), sample(Instance))
        await store.ledger.commit(unit)
        self.assertEqual(store.snapshot(NOW), Snapshot())


class SettingTests(StoreCase):
    def test_made_once(self) -> None:
        """A setting is made the first time it is asked for, and kept over a restart."""
        store = self.open()
        self.assertEqual(store.setting("secret", lambda: b"\0first"), b"\0first")
        self.assertEqual(store.setting("secret", lambda: b"second"), b"\0first")
        self.assertEqual(store.setting("other", lambda: b"second"), b"second")
        self.assertEqual(self.open().setting("secret", lambda: b"third"), b"\0first")


class OpenTests(StoreCase):
    def test_migration_is_logged(self) -> None:
        """A migration is told in the log, an unchanged schema is not."""
        self.open()
        self.assertEqual(
            self.log.events, [("store.migrated", {"before": "", "after": HEAD, "backup": ""})]
        )
        self.assertEqual(set(self.log.events[0][1]), set(EVENTS["store.migrated"]))
        self.open()
        self.assertEqual(len(self.log.events), 1)

    async def test_stats(self) -> None:
        """The numbers for metrics are those of the files and of what was committed."""
        store = self.open()
        self.assertEqual(store.stats().journal_bytes, 0)
        await store.ledger.commit(opening("a"))
        await store.ledger.commit(appending("a", "a"))
        stats = store.stats()
        self.assertEqual((stats.units, stats.commits, stats.rows, stats.waiting), (2, 2, 4, 0))
        self.assertGreater(stats.commit_s, 0)
        self.assertEqual(stats.database_bytes, self.path.stat().st_size)
        self.assertGreater(stats.journal_bytes, 0)

    def test_vanished_before_start(self) -> None:
        """A database that cannot be read at start is one line for the operator."""
        config = StoreConfig(self.path)
        store = Store(config, reactor=reactor, publish=self.published.append, log=self.log)
        fault = self.assertRaises(OperatorFault, store.snapshot, NOW)
        self.assertIn("SQLITE_CANTOPEN", str(fault))

    def test_bad_file(self) -> None:
        """A file that is no database is refused when it is opened."""
        self.path.write_text("no database" * 100)
        config = StoreConfig(self.path)
        with self.assertRaises(OperatorFault):
            open_store(config, reactor=reactor, publish=self.published.append, log=self.log)


class ConnectionTests(StoreCase):
    def test_durability(self) -> None:
        """The writing connection uses the write-ahead log, with the fsyncs that are asked for."""
        self.open()
        for synchronous, level in (("FULL", 2), ("NORMAL", 1)):
            connection = connect_writer(self.path, synchronous)
            self.addCleanup(connection.close)
            self.assertEqual(self.pragma(connection, "journal_mode"), "wal")
            self.assertEqual(self.pragma(connection, "synchronous"), level)
            self.assertEqual(self.pragma(connection, "foreign_keys"), 0)

    def test_readers_cannot_write(self) -> None:
        """A reading connection refuses to change the store."""
        self.open()
        connection = connect_reader(self.path)
        self.addCleanup(connection.close)
        error = self.assertRaises(sqlite3.OperationalError, connection.execute, "DELETE FROM users")
        self.assertEqual(error.sqlite_errorname, "SQLITE_READONLY")

    def pragma(self, connection: sqlite3.Connection, name: str) -> Any:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    def test_private_files(self) -> None:
        """The write-ahead log is as private as the database."""
        store = self.open()
        store.setting("secret", lambda: b"x")
        connection = connect_writer(self.path, "FULL")
        self.addCleanup(connection.close)
        connection.execute("UPDATE counters SET value = value")
        for path in self.path.parent.iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path.name)


class CloseTests(StoreCase):
    async def test_a_disk_that_hangs(self) -> None:
        """A stop waits CLOSE_TIMEOUT_S for a disk, says what it gave up, and is over."""
        clock, disk = HandClock(0.0), Event()
        store = self.open(clock=clock)
        stuck = store.ledger.run(lambda cursor, memory: disk.wait())
        stopped = store.stop()
        clock.advance(CLOSE_TIMEOUT_S - 0.1)
        self.assertNoResult(stopped)
        clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertIn(("store.close_timeout", {"waiting": 1}), self.log.events)
        disk.set()
        self.assertTrue(await stuck)
        await store.ledger.stop()
