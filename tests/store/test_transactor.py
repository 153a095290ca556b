"""What a batch leaves in the store, and who is refused."""

import copy
import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.facts import MeChanged
from mobility.domain.ledger import Committed, Conflict, Unit
from mobility.domain.records import Contact, Presence, Token
from mobility.store.connection import StoreFault
from mobility.store.statements import ADVANCE_STREAM, COUNT
from mobility.store.tables import conversations, metadata
from mobility.store.transactor import Transactor
from tests.store.doubles import (
    appending,
    conversation,
    message,
    opening,
    positions,
    saving,
)

ALICE = "sip:alice@example.test"


class Kept(sqlite3.Connection):
    """A connection to a database in memory, which would be gone with its connection."""

    def close(self) -> None:
        """Stay open, as a file would stay."""

    def end(self) -> None:
        super().close()


class Fixture:
    """A transactor on a database in memory."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, factory=Kept)
        for table in metadata.sorted_tables:
            self._create(CreateTable(table))
            for index in table.indexes:
                self._create(CreateIndex(index))
        self.connection.execute("INSERT INTO counters VALUES ('presence', 0)")
        self.opened = 0
        self.transactor = Transactor(self._open)

    def _create(self, element: CreateTable | CreateIndex) -> None:
        self.connection.execute(str(element.compile(dialect=sqlite.dialect())))

    def _open(self) -> sqlite3.Connection:
        self.opened += 1
        return self.connection

    def end(self) -> None:
        self.connection.end()

    def commit(self, *units: Unit) -> list[Any]:
        return self.transactor.commit(units)

    def dump(self) -> dict[str, list[Any]]:
        return {
            name: sorted(self.connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for name in metadata.tables
        }


def presenting(*stamp: str, user: str = ALICE) -> Unit:
    unit = Unit()
    unit.presence(Presence(user), *stamp)
    return unit


class StreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Fixture()

    def test_positions_count_from_one(self) -> None:
        """Each stream has its own positions, in the order of commits, without gaps."""
        outcomes = self.store.commit(
            opening("a", "b"), appending("a", "b"), appending("b", "b"), appending("a")
        )
        self.assertEqual(
            [positions(outcome) for outcome in outcomes],
            [[], [("a", 1), ("b", 1)], [("b", 2), ("b", 3)], [("a", 2)]],
        )
        (later,) = self.store.commit(appending("b", "a"))
        self.assertEqual(positions(later), [("b", 4), ("a", 3)])
        self.assertEqual(self.store.dump()["streams"], [("a", 0, 3), ("b", 0, 4)])

    def test_entry_for_an_ended_stream(self) -> None:
        """An entry for a stream that is gone is left out; the rest of its unit is stored."""
        unit = appending("a", "ended", "a")
        unit.save(message())
        _, committed = self.store.commit(opening("a"), unit)
        self.assertEqual(positions(committed), [("a", 1), ("a", 2)])
        dump = self.store.dump()
        self.assertEqual([entry[:2] for entry in dump["stream_entries"]], [("a", 1), ("a", 2)])
        self.assertEqual(len(dump["messages"]), 1)

    def test_drop_after_a_last_entry(self) -> None:
        """A unit may append to a stream it drops: the entry is told, and nothing stays stored."""
        self.store.commit(opening("a"), appending("a"))
        unit = appending("a")
        unit.drop_stream("a")
        (committed,) = self.store.commit(unit)
        self.assertEqual(positions(committed), [("a", 2)])
        self.assertEqual(committed.dropped_streams, ("a",))
        dump = self.store.dump()
        self.assertEqual((dump["streams"], dump["stream_entries"]), ([], []))

    def test_opened_again(self) -> None:
        """A stream that is dropped and opened again starts at position 1, also in one batch."""
        drop = Unit()
        drop.drop_stream("a")
        self.store.commit(opening("a"), appending("a", "a"))
        outcomes = self.store.commit(appending("a"), drop, opening("a"), appending("a"))
        self.assertEqual(positions(outcomes[0]), [("a", 3)])
        self.assertEqual(positions(outcomes[3]), [("a", 1)])
        dump = self.store.dump()
        self.assertEqual(dump["streams"], [("a", 0, 1)])
        self.assertEqual([entry[:2] for entry in dump["stream_entries"]], [("a", 1)])

    def test_opening_twice(self) -> None:
        """Opening a stream that exists leaves it as it is."""
        outcomes = self.store.commit(opening("a"), appending("a"), opening("a"), appending("a"))
        self.assertEqual(positions(outcomes[3]), [("a", 2)])

    def test_streams_are_locked_in_order(self) -> None:
        """A batch moves its streams in the order of their ids, so that two writers of one database
        cannot wait for each other."""
        names = ["b", "d", "a", "c"]
        self.store.commit(opening(*names))
        statements: list[str] = []
        self.store.connection.set_trace_callback(statements.append)
        self.store.commit(*(appending(name) for name in names))
        self.store.connection.set_trace_callback(None)
        moved = [text for text in statements if text.startswith("UPDATE streams")]
        self.assertEqual([text.split("'")[1] for text in moved], sorted(names))

    def test_malformed_and_soon_dropped(self) -> None:
        """A unit whose entry cannot be stored is refused even if the next one ends its stream."""
        unit = Unit()
        unit.append("a", MeChanged(), message(number=2**63))
        drop = Unit()
        drop.drop_stream("a")
        _, refused, committed = self.store.commit(opening("a"), unit, drop)
        self.assertIsInstance(refused, OverflowError)
        self.assertIsInstance(committed, Committed)

    def test_moved_head(self) -> None:
        """If another process has moved a stream, the positions given here follow its."""
        self.store.commit(opening("a"), appending("a"))
        self.store.connection.execute(ADVANCE_STREAM, (7, "a", 1))
        (committed,) = self.store.commit(appending("a"))
        self.assertEqual(positions(committed), [("a", 8)])
        self.assertEqual(self.store.opened, 2)

    def test_moved_counter(self) -> None:
        """If another process has numbered a presence, the numbers given here follow its."""
        self.store.commit(presenting("presence_number"))
        self.store.connection.execute(COUNT, (5, "presence", 1))
        (committed,) = self.store.commit(presenting("presence_number"))
        self.assertEqual(committed.presences[0].presence_number, 6)


class PresenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Fixture()

    def test_numbers(self) -> None:
        """Each change takes one number, which all its stamped parts get."""
        outcomes = self.store.commit(
            presenting("presence_number"),
            presenting("note_number", "location_number"),
            presenting("media_number", user="sip:bob@example.test"),
        )
        alice, bob = outcomes[1].presences[0], outcomes[2].presences[0]
        self.assertEqual(
            (alice.presence_number, alice.note_number, alice.location_number, alice.media_number),
            (1, 2, 2, 0),
        )
        self.assertEqual(bob.media_number, 3)
        self.assertEqual(self.store.dump()["counters"], [("presence", 3)])

    def test_one_row_twice_in_a_batch(self) -> None:
        """Units that touch the same row are one transaction all the same, in their order."""
        self.store.commit(opening("a"))
        commits = self.store.transactor.commits
        units = [
            presenting("presence_number"),
            presenting("note_number"),
            presenting("note_number"),
        ]
        for unit in units:
            unit.append("a", MeChanged())
        outcomes = self.store.commit(*units)
        self.assertEqual([outcome.presences[0].note_number for outcome in outcomes], [0, 2, 3])
        self.assertEqual(self.store.dump()["streams"], [("a", 0, 3)])
        self.assertEqual((self.store.transactor.commits, self.store.opened), (commits + 1, 1))

    def test_number_of_another_part_is_kept(self) -> None:
        """A part that is not stamped keeps its stored number, whatever the given row says."""
        self.store.commit(presenting("presence_number"))
        (committed,) = self.store.commit(presenting("note_number"))
        self.assertEqual(committed.presences[0].presence_number, 1)
        self.store.commit(saving(Presence(ALICE, presence_number=40, note="Out")))
        ((_, presence_number, note_number, *_),) = self.store.dump()["presences"]
        self.assertEqual((presence_number, note_number), (1, 2))

    def test_numbers_after_reopening(self) -> None:
        """Numbers go on where they were when the store is opened again."""
        self.store.commit(presenting("presence_number"))
        again = Transactor(lambda: self.store.connection)
        (committed,) = again.commit([presenting("note_number")])
        assert isinstance(committed, Committed)
        presence = committed.presences[0]
        self.assertEqual((presence.presence_number, presence.note_number), (1, 2))

    def test_removed_presence(self) -> None:
        """A presence that was removed begins again without numbers."""
        self.store.commit(presenting("presence_number"))
        removal = Unit()
        removal.remove(Presence(ALICE))
        _, committed = self.store.commit(removal, presenting("note_number"))
        self.assertEqual(committed.presences[0].presence_number, 0)
        self.assertEqual(committed.presences[0].note_number, 2)

    def test_wrong_stamp(self) -> None:
        """Only the four numbers can be stamped; a unit that wants another is refused alone."""
        outcomes = self.store.commit(presenting("note"), presenting("note_number"))
        self.assertIsInstance(outcomes[0], ValueError)
        self.assertEqual(outcomes[1].presences[0].note_number, 1)


class RefusalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Fixture()

    def stored_version(self) -> list[Any]:
        at = list(conversations.columns.keys()).index("version")
        return [row[at] for row in self.store.dump()["conversations"]]

    def test_versions_follow_one_another(self) -> None:
        """A record with a version is stored over the one before, in one batch or in several."""
        outcomes = self.store.commit(saving(conversation(1)), saving(conversation(2)))
        self.assertFalse([x for x in outcomes if isinstance(x, Exception)])
        self.store.commit(saving(conversation(3)))
        self.assertEqual(self.stored_version(), [3])

    def test_conflict_with_the_store(self) -> None:
        """Over another version than the one before nothing of the unit is stored; others are."""
        self.store.commit(opening("a"), saving(conversation(1)), saving(conversation(2)))
        for wrong in (1, 2, 4):
            late = saving(conversation(wrong, subject="late"))
            late.append("a", MeChanged())
            before, refused, after = self.store.commit(appending("a"), late, appending("a"))
            self.assertIsInstance(refused, Conflict)
            self.assertEqual(positions(after)[0][1], positions(before)[0][1] + 1)
        self.assertEqual(self.stored_version(), [2])
        self.assertEqual(self.store.dump()["streams"], [("a", 0, 6)])

    def test_conflict_within_a_batch(self) -> None:
        """Of two units that save the same version in one batch, the first wins."""
        first, second = self.store.commit(
            saving(conversation(1, subject="first")), saving(conversation(1, subject="second"))
        )
        self.assertIsInstance(first, Committed)
        self.assertIsInstance(second, Conflict)
        self.assertEqual([row[2] for row in self.store.dump()["conversations"]], ["first"])

    def test_missing_predecessor(self) -> None:
        """A version above 1 is not stored where there is none."""
        (refused,) = self.store.commit(saving(conversation(2)))
        self.assertIsInstance(refused, Conflict)

    def test_removed_and_begun_again(self) -> None:
        """A removed record begins again with version 1, also within one batch."""
        removal = Unit()
        removal.remove(conversation())
        outcomes = self.store.commit(
            saving(conversation(1)), removal, saving(conversation(1)), saving(conversation(2))
        )
        self.assertFalse([x for x in outcomes if isinstance(x, Exception)])
        self.assertEqual(self.stored_version(), [2])

    def test_malformed_units_fail_alone(self) -> None:
        """A unit with values no column takes is refused with its own error, whole, and alone."""
        wrong: list[tuple[Any, type[Exception]]] = [
            (message(body=["not", "text"]), sqlite3.Error),  # type: ignore[arg-type]  # on purpose
            (message(body=None), sqlite3.IntegrityError),  # type: ignore[arg-type]  # on purpose
            (message(number=2**63), OverflowError),
            (message(body="\ud800"), UnicodeEncodeError),
            ("no record", KeyError),
        ]
        self.store.commit(opening("a"))
        for number, (record, error) in enumerate(wrong):
            malformed = saving(Contact(ALICE, "g", f"sip:{number}"), record)
            malformed.append("a", MeChanged())
            before, refused, after = self.store.commit(
                appending("a"), malformed, saving(Contact(ALICE, "h", f"sip:{number}"))
            )
            self.assertIsInstance(refused, error)
            self.assertEqual(positions(before), [("a", number + 1)])
            self.assertIsInstance(after, Committed)
        dump = self.store.dump()
        self.assertEqual({group for _, group, _ in dump["contacts"]}, {"h"})
        self.assertEqual((dump["messages"], len(dump["stream_entries"])), ([], len(wrong)))

    def test_malformed_and_soon_overwritten(self) -> None:
        """A unit that cannot be stored is refused even if the next one writes over its row."""
        refused, committed = self.store.commit(
            saving(message(body=None)),  # type: ignore[arg-type]  # on purpose
            saving(message(body="Hello")),
        )
        self.assertIsInstance(refused, sqlite3.IntegrityError)
        self.assertIsInstance(committed, Committed)

    def test_foreign_fact(self) -> None:
        """A fact that cannot be kept refuses its unit, not the batch."""
        unit = Unit()
        unit.append("a", object())  # type: ignore[arg-type]  # on purpose
        _, refused, committed = self.store.commit(opening("a"), unit, appending("a"))
        self.assertIsInstance(refused, TypeError)
        self.assertEqual(positions(committed), [("a", 1)])


class FaultTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Fixture()
        self.store.commit(opening("a"), appending("a"))

    def test_nothing_is_stored(self) -> None:
        """A fault of the store takes the whole batch, and the next batch is as if it had not
        been."""
        self.store.connection.execute("PRAGMA query_only = ON")
        fault = self.assertRaises(
            StoreFault, self.store.commit, appending("a"), presenting("note_number")
        )
        self.assertEqual(fault.reason, "SQLITE_READONLY")
        self.assertRaises(StoreFault, self.store.transactor.probe)
        self.store.connection.execute("PRAGMA query_only = OFF")
        self.store.transactor.probe()
        first, second = self.store.commit(appending("a"), presenting("note_number"))
        self.assertEqual(positions(first), [("a", 2)])
        self.assertEqual(second.presences[0].note_number, 1)

    def test_full_in_the_middle(self) -> None:
        """A disk that fills while a unit is replayed alone refuses the whole batch."""
        self.store.connection.execute("PRAGMA max_page_count = 1")
        units = [appending("a"), saving(message(body="x" * 100_000)), saving("no record")]
        fault = self.assertRaises(StoreFault, self.store.commit, *units)
        self.assertEqual(fault.reason, "SQLITE_FULL")
        self.assertEqual(self.store.dump()["streams"], [("a", 0, 1)])

    def test_counts(self) -> None:
        """Only what was committed is counted."""
        transactor = self.store.transactor
        commits, rows = transactor.commits, transactor.rows
        self.store.connection.execute("PRAGMA query_only = ON")
        self.assertRaises(StoreFault, self.store.commit, appending("a"))
        self.assertEqual((transactor.commits, transactor.rows), (commits, rows))
        self.store.connection.execute("PRAGMA query_only = OFF")
        self.store.commit(appending("a", "a"), saving(message()))
        self.assertEqual((transactor.commits, transactor.rows), (commits + 1, rows + 4))


users = st.sampled_from([ALICE, "sip:bob@example.test"])
streams = st.sampled_from(["a", "b", "c"])
records = st.one_of(
    st.builds(Contact, users, st.just("g"), users),
    st.builds(Token, st.sampled_from("xy"), users, st.just(1.0), st.floats(0, 9)),
    st.builds(conversation, st.integers(1, 3), st.text("ab", max_size=2)),
    st.builds(message, st.integers(1, 2), st.sampled_from(["Hi", "Ho", None])),
    st.builds(Presence, users, note=st.text("ab", max_size=2)),
)
stamps = st.sampled_from(["presence_number", "note_number", "location_number", "media_number"])


@st.composite
def units(draw: st.DrawFn) -> Unit:
    """Units over few keys, so that they meet; some cannot be stored (a message without a body)."""
    unit = Unit()
    unit.save(*draw(st.lists(records, max_size=3)))
    unit.remove(*draw(st.lists(records, max_size=2)))
    for user, stamp in draw(st.lists(st.tuples(users, st.lists(stamps)), max_size=2)):
        unit.presence(Presence(user), *stamp)
    for stream_id in draw(st.lists(streams, max_size=1)):
        unit.open_stream(stream_id)
    for stream_id in draw(st.lists(streams, max_size=4)):
        unit.append(stream_id, MeChanged(), draw(st.one_of(st.none(), st.just(message()))))
    for stream_id in draw(st.lists(streams, max_size=1)):
        if draw(st.integers(0, 3)) == 0:
            unit.drop_stream(stream_id)
    return unit


def outcome(result: Committed | Exception) -> Any:
    """What can be compared of what became of a unit."""
    if isinstance(result, Exception):
        return type(result)
    return positions(result), list(result.presences), result.dropped_streams


class EquivalenceTests(SynchronousTestCase):
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.lists(units(), min_size=1, max_size=6), min_size=1, max_size=4))
    def test_batch_equals_sequence(self, batches: list[list[Unit]]) -> None:
        """A batch leaves the same rows and gives the same answers as its units one by one."""
        together, alone = Fixture(), Fixture()
        self.addCleanup(together.end)
        self.addCleanup(alone.end)
        for batch in batches:
            twins = copy.deepcopy(batch)
            answers = [outcome(result) for result in together.commit(*batch)]
            self.assertEqual(answers, [outcome(alone.commit(twin)[0]) for twin in twins])
            self.assertEqual(together.dump(), alone.dump())
        for stream_id, base, head in together.dump()["streams"]:
            stored = {e[1] for e in together.dump()["stream_entries"] if e[0] == stream_id}
            self.assertEqual(stored, set(range(base + 1, head + 1)))
