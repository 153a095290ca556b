"""The history in the database: reading it, and what becomes of the past."""

import shutil
import sqlite3

import attrs
from twisted.internet.defer import Deferred

from mobility.domain.facts import MessageCompleted
from mobility.domain.ledger import HistoryCounts, Unit
from mobility.domain.records import (
    Call,
    ConversationLog,
    Invitation,
    Leftover,
    Leg,
    Message,
    Participant,
    ReadMark,
    VoicemailCount,
)
from mobility.store import retention
from mobility.store.open import Store
from mobility.store.schema import migrate
from tests.store.doubles import MIGRATIONS, StoreCase, conversation, message, opening, saving

ALICE, BOB = "sip:alice@example.test", "sip:bob@example.test"
NOW = 1_700_000_000.0
DAY_S = 86_400.0

THIS = "0023"
"""The migration that brings the history."""


def log(
    number: int, user_uri: str = ALICE, conversation_id: str = "c1", age_s: float = 0.0
) -> ConversationLog:
    """A log of a conversation with three messages, of which one is unread."""
    return ConversationLog(
        user_uri=user_uri,
        id=f"{number:04d}",
        conversation_id=conversation_id,
        created_at=NOW - age_s,
        began_at=NOW - age_s - 60,
        direction="Incoming",
        status="Archived",
        type="MessageLog",
        modalities="Messaging",
        thread_id="thread",
        subject="",
        importance="Normal",
        meeting_uri="",
        recipients="[]",
        recipient_count=1,
        last_message=3,
        read_message=2,
        read=False,
    )


def insert(connection: sqlite3.Connection, table: str, **values: object) -> None:
    """A row of a table as an older version has it; what is not said is empty."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    empty = {name: "" if kind == "TEXT" else 0 for _, name, kind, *_ in columns}
    row = {**empty, **values}
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values())
    )  # our own


class HistoryReadTests(StoreCase):
    """What is read of the history."""

    async def test_logs(self) -> None:
        """A user's logs come newest first and no more than asked for, those of others never."""
        store = self.open()
        read = attrs.evolve(log(2, age_s=2), read=True, read_message=3)
        stored = log(1, age_s=3), read, log(3, age_s=1), log(4, BOB)
        await store.ledger.commit(saving(*stored))
        archive = store.archive
        found = await archive.conversation_logs(ALICE, 2)
        self.assertEqual([one.id for one in found], ["0003", "0002"])
        unread = await archive.conversation_logs(ALICE, 2, unread=True)
        self.assertEqual([one.id for one in unread], ["0003", "0001"])
        self.assertEqual(await archive.conversation_log(ALICE, "0002"), read)
        self.assertIs(await archive.conversation_log(BOB, "0002"), None)
        of_one = await archive.logs_of_conversation(ALICE, "c1")
        self.assertEqual([one.id for one in of_one], ["0001", "0002", "0003"])

    async def test_counts(self) -> None:
        """What is counted of a user's history."""
        store = self.open()
        missed = attrs.evolve(log(1), status="Missed", last_message=0, read_message=0)
        await store.ledger.commit(
            saving(
                missed,
                attrs.evolve(missed, id="2", read=True),
                log(3),
                attrs.evolve(log(4), read_message=0),
                log(5, BOB),
                VoicemailCount(ALICE, 7, 3),
            )
        )
        self.assertEqual(
            await store.archive.history_counts(ALICE),
            HistoryCounts(
                logs=4,
                missed=2,
                unread_missed=1,
                unread_messages=4,
                unread_calls=1,
                voicemails=7,
                unread_voicemails=3,
            ),
        )
        self.assertEqual(await store.archive.history_counts("sip:nobody@x"), HistoryCounts())

    async def test_messages(self) -> None:
        """The messages of a range, both ends as they are said to be."""
        store = self.open()
        await store.ledger.commit(saving(*(message(number) for number in range(1, 6))))
        found = await store.archive.messages("c1", 1, 4)
        self.assertEqual([one.number for one in found], [2, 3, 4])


class PurgeTests(StoreCase):
    """What leaves the store, and what stays."""

    def purge(self, store: Store, per_user: int = 1_000) -> Deferred[int]:
        return store.archive.purge_history(NOW, 10 * DAY_S, per_user)

    def count(self, table: str) -> int:
        ((number,),) = self.rows(f"SELECT count(*) FROM {table}")  # our own
        return int(number)

    async def over(self, store: Store, *logs: ConversationLog) -> None:
        """The conversation c1 with three messages is over, and these have it in the history."""
        await store.ledger.commit(saving(conversation()))
        unit = saving(
            conversation(2, state="Ended"),
            *(message(number) for number in (1, 2, 3)),
            Leg("c1", "app", ALICE, "Connected", "Connected"),
            Participant("c1", ALICE, "Alice", "Leader", False, False, True, NOW),
            ReadMark("c1", BOB, 1),
            Leftover("c1"),
            *logs,
        )
        await store.ledger.commit(unit)

    async def test_old_and_too_many(self) -> None:
        """Logs that are too old go, and of those of one user the oldest beyond the limit."""
        store = self.open()
        old = [log(number, age_s=11 * DAY_S) for number in range(250)]
        young = [log(1_000 + number, BOB, age_s=number) for number in range(250)]
        await store.ledger.commit(saving(*old, *young))
        await self.purge(store, per_user=20)
        left = await store.archive.conversation_logs(BOB, 1_000)
        self.assertEqual([one.id for one in left], [one.id for one in young[:20]])
        self.assertEqual(await store.archive.conversation_logs(ALICE, 10), [])

    async def test_messages_stay_for_a_log(self) -> None:
        """While one user has a log the messages stay; the rest of the conversation goes."""
        store = self.open()
        await self.over(store, log(1, BOB))
        await self.purge(store)
        self.assertEqual(self.count("messages"), 3)
        for table in ("conversations", "legs", "participants", "read_marks", "leftovers"):
            self.assertEqual(self.count(table), 0, table)

    async def test_messages_go_with_the_last_log(self) -> None:
        """When the last log has gone, removed or too old, so have the messages."""
        store = self.open()
        await self.over(store, log(1, BOB), log(2, ALICE, age_s=11 * DAY_S))
        await self.purge(store)
        self.assertEqual(self.count("messages"), 3)
        unit = saving(Leftover("c1"))
        unit.remove(log(1, BOB))
        await store.ledger.commit(unit)
        await self.purge(store)
        self.assertEqual((self.count("messages"), self.count("leftovers")), (0, 0))

    async def test_messages_stay_for_a_stream(self) -> None:
        """A message that a client has not confirmed stays, then it goes."""
        store = self.open()
        await store.ledger.commit(opening("app"))
        await self.over(store)
        unit = Unit()
        unit.append("app", MessageCompleted("c1", 2, "Incoming", BOB, "Bob", NOW), message(2))
        await store.ledger.commit(unit)
        await self.purge(store)
        self.assertEqual((self.count("messages"), self.count("leftovers")), (3, 1))
        (entry,) = await store.archive.entries("app", 0, 10)
        assert entry.message is not None
        self.assertEqual(entry.message.body, "Hello")
        await store.archive.trim({"app": 1})
        await self.purge(store)
        self.assertEqual((self.count("messages"), self.count("leftovers")), (0, 0))

    async def test_nothing_of_what_goes_on(self) -> None:
        """A conversation that goes on loses nothing, also when a user has removed a log of it."""
        store = self.open()
        open_now = Invitation("i1", "c1", ALICE, "app", BOB, "", 0.0, NOW - DAY_S)
        await store.ledger.commit(
            saving(conversation(), message(), ReadMark("c1", BOB, 1), Leftover("c1"), open_now)
        )
        self.assertEqual(await self.purge(store), 0)
        for table in ("conversations", "messages", "read_marks", "leftovers", "invitations"):
            self.assertEqual(self.count(table), 1, table)

    async def test_invitations(self) -> None:
        """Invitations and calls that are over go an hour after their time."""
        store = self.open()
        over = [
            Invitation(f"i{age}", "c1", ALICE, "app", BOB, "", 0.0, NOW - age, state="Connected")
            for age in (3_599, 3_601)
        ]
        calls = [
            Call(
                f"k{age}",
                "c1",
                "phoneAudio",
                "Audio",
                "app",
                ALICE,
                0.0,
                "Ended",
                ended_at=NOW - age,
            )
            for age in (3_599, 3_601)
        ]
        rings = Call("rings", "c2", "phoneAudio", "Audio", "app", ALICE, 0.0)
        await store.ledger.commit(saving(*over, *calls, rings))
        await self.purge(store)
        self.assertEqual(self.rows("SELECT id FROM invitations"), [("i3599",)])
        self.assertEqual(self.rows("SELECT id FROM calls"), [("k3599",), ("rings",)])

    async def test_many(self) -> None:
        """However much there is, each transaction deletes a bounded part, and in the end all is
        gone."""
        store = self.open()
        names = [f"c{number}" for number in range(250)]
        await store.ledger.commit(saving(*(Leftover(name) for name in names)))
        await store.ledger.commit(saving(*(message(1, "x", name) for name in names)))
        long = range(2, 2 * retention.MESSAGES + 500)
        await store.ledger.commit(saving(*(message(number, "x", "c7") for number in long)))
        before = store.ledger.commits
        await self.purge(store)
        self.assertGreaterEqual(store.ledger.commits - before, 5)
        self.assertEqual((self.count("messages"), self.count("leftovers")), (0, 0))


class MigrationTests(StoreCase):
    async def test_from_the_schema_before(self) -> None:
        """A database of the schema before keeps its messages until the first purge, which finds
        what nobody needs."""
        before = self.path.with_name("before")
        shutil.copytree(MIGRATIONS, before)
        for migration in (before / "versions").glob("[0-9]*.py"):
            if migration.name[:4] >= THIS:
                migration.unlink()
        migrate(self.path, str(before.absolute()))
        connection = sqlite3.connect(self.path)
        for name, state in (("over", "Ended"), ("active", "Active")):
            insert(connection, "conversations", id=name, state=state, version=1)
            insert(connection, "messages", conversation_id=name, number=1, body="Hello")
        connection.commit()
        connection.close()
        store = self.open()
        self.assertEqual([one.id for one in store.snapshot(NOW).conversations], ["active"])
        self.assertEqual(len(self.rows("SELECT * FROM messages")), 2)
        await store.archive.purge_history(NOW, DAY_S, 10)
        self.assertEqual(self.rows("SELECT conversation_id FROM messages"), [("active",)])
        self.assertIsInstance(await store.archive.message("active", 1), Message)
