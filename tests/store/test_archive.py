"""What is read from the store, and what is forgotten."""

from typing import Any

from twisted.internet import reactor

from mobility.domain.facts import ContactWatched, MessageCompleted
from mobility.domain.ledger import Unit
from mobility.domain.records import (
    Contact,
    Group,
    Message,
    Receipt,
    Token,
)
from mobility.errors import Unavailable
from mobility.store.archive import RECEIPT_LIFE_S, SqliteArchive
from mobility.store.housekeeping import PURGE_ROWS, TRIM_STREAMS
from tests.store.doubles import StoreCase, appending, message, opening, saving

ALICE = "sip:alice@example.test"
NOW = 1_700_000_000.0


def completed(sent: Message) -> MessageCompleted:
    return MessageCompleted(
        sent.conversation_id, sent.number, "Incoming", sent.from_uri, "Alice", sent.sent_at
    )


class ReadTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.store = self.open()
        self.archive = self.store.archive

    async def commit(self, *units: Unit) -> None:
        for unit in units:
            await self.store.ledger.commit(unit)

    async def test_entries(self) -> None:
        """Entries come in order, from above a position, as many as asked for, as they were."""
        facts = [ContactWatched(f"sip:{number}@example.test", "added") for number in range(5)]
        await self.commit(opening("a", "b"), *(appending("a", fact=fact) for fact in facts))
        entries = await self.archive.entries("a", 1, 3)
        self.assertEqual(
            [(e.stream_id, e.position) for e in entries], [("a", 2), ("a", 3), ("a", 4)]
        )
        self.assertEqual([e.fact for e in entries], facts[1:4])
        self.assertEqual([e.message for e in entries], [None] * 3)
        self.assertEqual(await self.archive.entries("b", 0, 10), [])
        self.assertEqual(await self.archive.entries("ended", 0, 10), [])

    async def test_entry_with_its_message(self) -> None:
        """An entry that names a message has it with the body, from whichever stream it is read."""
        sent = message(7, body="Grüße, 世界 🌍")
        unit = saving(sent)
        unit.append("a", completed(sent), sent)
        unit.append("b", completed(sent), sent)
        await self.commit(opening("a", "b"), unit)
        for stream_id in ("a", "b"):
            (entry,) = await self.archive.entries(stream_id, 0, 10)
            self.assertEqual((entry.fact, entry.message), (completed(sent), sent))
            assert entry.message is not None
            self.assertIs(entry.message.missed, False)

    async def test_message(self) -> None:
        """A message is found by conversation and number."""
        sent = message(2)
        await self.commit(saving(message(1, body="other"), sent))
        self.assertEqual(await self.archive.message("c1", 2), sent)
        self.assertIs(await self.archive.message("c1", 3), None)

    async def test_contacts(self) -> None:
        """A user's groups and contacts are the user's own."""
        groups = [Group(ALICE, "1", "Friends", "custom"), Group(ALICE, "2", "Work", "custom")]
        contacts = [Contact(ALICE, "1", "sip:x"), Contact(ALICE, "2", "sip:a")]
        other = Contact("sip:bob@example.test", "1", "sip:y")
        await self.commit(saving(*reversed(groups), *reversed(contacts), other))
        self.assertEqual(await self.archive.contacts(ALICE), (groups, contacts))
        self.assertEqual(await self.archive.contacts("sip:nobody"), ([], []))

    async def test_receipt(self) -> None:
        """A receipt is found by user and key."""
        receipt = Receipt(ALICE, "key", "fingerprint", "resource", NOW)
        await self.commit(saving(receipt))
        self.assertEqual(await self.archive.receipt(ALICE, "key"), receipt)
        self.assertIs(await self.archive.receipt("sip:bob@example.test", "key"), None)

    async def test_unreadable(self) -> None:
        """A file that cannot be opened refuses reads with 503 until it can."""
        away = self.path.with_name("later.db")
        archive = SqliteArchive(away, self.store.ledger, reactor=reactor)
        archive.start()
        self.addCleanup(archive.stop)
        refusal = await self.assertFailure(archive.message("c1", 1), Unavailable)
        self.assertEqual(refusal.status, 503)
        self.assertFalse(away.exists())
        await self.store.stop()
        self.path.rename(away)
        self.assertIs(await archive.message("c1", 1), None)

    async def test_after_stop(self) -> None:
        """A read after the end is refused, not forgotten."""
        await self.store.stop()
        self.failureResultOf(self.archive.message("c1", 1), Unavailable)


class ForgetTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.store = self.open()
        self.archive = self.store.archive

    async def test_trim(self) -> None:
        """Trimming forgets entries up to and with a position; positions go on as if nothing had
        happened, and base and head of the stream tell."""
        await self.store.ledger.commit(opening("a", "b"))
        await self.store.ledger.commit(appending(*"aaaabb"))
        await self.archive.trim({"a": 3, "ended": 9})
        entries = await self.archive.entries("a", 0, 10)
        self.assertEqual([entry.position for entry in entries], [4])
        self.assertEqual(len(await self.archive.entries("b", 0, 10)), 2)
        await self.archive.trim({"a": 1})
        await self.store.ledger.commit(appending("a"))
        self.assertEqual(self.store.snapshot(NOW).heads, {"a": (3, 5), "b": (0, 2)})

    async def test_trim_beyond_the_end(self) -> None:
        """Trimming beyond the end forgets what there is and not what comes."""
        await self.store.ledger.commit(opening("a"))
        await self.store.ledger.commit(appending("a", "a"))
        await self.archive.trim({"a": 1_000})
        await self.store.ledger.commit(appending("a"))
        entries = await self.archive.entries("a", 2, 10)
        self.assertEqual([entry.position for entry in entries], [3])
        self.assertEqual(self.store.snapshot(NOW).heads, {"a": (2, 3)})

    async def test_trim_many(self) -> None:
        """More streams than one transaction takes are all trimmed."""
        names = [f"s{number}" for number in range(2 * TRIM_STREAMS + 1)]
        await self.store.ledger.commit(opening(*names))
        await self.store.ledger.commit(appending(*names))
        commits = self.store.ledger.commits
        await self.archive.trim(dict.fromkeys(names, 1))
        self.assertEqual(self.store.ledger.commits, commits + 3)
        self.assertEqual(self.rows("SELECT count(*) FROM stream_entries"), [(0,)])

    async def test_purge(self) -> None:
        """What expired by now and receipts past their life are forgotten; the rest stays."""
        records: list[Any] = []
        for name, time in (("old", NOW), ("new", NOW + 1)):
            records.append(Token(name, ALICE, NOW - 9, time))
            records.append(Receipt(ALICE, name, "f", "r", time - RECEIPT_LIFE_S))
        await self.store.ledger.commit(saving(*records))
        self.assertEqual(await self.archive.purge(NOW), 2)
        self.assertEqual(self.rows("SELECT digest FROM tokens"), [("new",)])
        self.assertEqual(self.rows("SELECT key FROM receipts"), [("new",)])
        self.assertEqual(await self.archive.purge(NOW), 0)

    async def test_purge_in_parts(self) -> None:
        """A large purge is several transactions, so that others get in between."""
        tokens = [Token(f"{number}", ALICE, 0.0, 1.0) for number in range(2 * PURGE_ROWS)]
        await self.store.ledger.commit(saving(*tokens))
        commits = self.store.ledger.commits
        self.assertEqual(await self.archive.purge(NOW), 2 * PURGE_ROWS)
        self.assertEqual(self.store.ledger.commits, commits + 5)
