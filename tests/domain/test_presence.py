"""What a user shows."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mobility.domain.ledger import Unit
from mobility.domain.presence import (
    ACTIVE,
    AWAY,
    ENGAGED,
    INACTIVE,
    SETTABLE,
    PresenceBook,
    activity_shown,
    aggregate,
    device_type,
    latest_number,
)
from mobility.domain.records import Presence
from tests.domain.doubles import MemoryLedger, uri

LEVELS = st.sampled_from((ACTIVE, INACTIVE, AWAY))
CHOICES = st.sampled_from(("", *SETTABLE))


class AggregateTests(TestCase):
    """Availability follows from the user's choice and the most available endpoint."""

    def test_table(self) -> None:
        """Every choice with every activity of one endpoint."""
        expected = {
            "": ("Online", "IdleOnline", "Away"),
            "Online": ("Online", "IdleOnline", "Away"),
            "Busy": ("Busy", "IdleBusy", "IdleBusy"),
            "DoNotDisturb": ("DoNotDisturb",) * 3,
            "BeRightBack": ("BeRightBack",) * 3,
            "Away": ("Away",) * 3,
            "Offwork": ("Away",) * 3,
        }
        self.assertEqual(set(expected), {"", *SETTABLE})
        for choice, level in product(expected, (ACTIVE, INACTIVE, AWAY)):
            availability, activity = aggregate(choice, [level])
            self.assertEqual(availability, expected[choice][level], (choice, level))
            self.assertEqual(activity, "off-work" if choice == "Offwork" else "")

    @given(CHOICES, st.lists(LEVELS))
    def test_offline(self, choice: str, levels: list[int]) -> None:
        """Offline exactly when no endpoint makes the user available."""
        self.assertEqual(aggregate(choice, levels)[0] == "Offline", not levels)

    @given(CHOICES, st.lists(LEVELS, min_size=1))
    def test_most_active_wins(self, choice: str, levels: list[int]) -> None:
        """Only the most active endpoint counts, whatever the others do and in any order."""
        self.assertEqual(aggregate(choice, levels), aggregate(choice, [min(levels)]))
        self.assertEqual(aggregate(choice, levels), aggregate(choice, reversed(levels)))

    @given(LEVELS, st.sets(st.sampled_from(ENGAGED), min_size=1))
    def test_engaged(self, level: int, engaged: set[str]) -> None:
        """Who is in a call, a conference or a meeting is Busy with the first of them, not idle;
        what is less available was chosen on purpose and stays."""
        first = next(one for one in ENGAGED if one in engaged)
        for choice in ("", "Online", "Busy"):
            self.assertEqual(aggregate(choice, [level], engaged), ("Busy", first))
        for choice in ("DoNotDisturb", "BeRightBack", "Away", "Offwork"):
            self.assertEqual(aggregate(choice, [level], engaged), aggregate(choice, [level]))
        self.assertEqual(aggregate("", [], engaged), ("Offline", ""))

    @given(CHOICES, LEVELS)
    def test_activity_shown(self, choice: str, level: int) -> None:
        """Endpoints as active as what is shown says show the same again."""
        availability, activity = aggregate(choice, [level])
        shown = Presence(uri("a"), manual=choice, availability=availability, activity=activity)
        self.assertEqual(aggregate(choice, [activity_shown(shown)]), (availability, activity))

    def test_device(self) -> None:
        """The first application of a known type says what device it is."""
        self.assertEqual(device_type([]), "Unknown")
        self.assertEqual(device_type(["", "Robot"]), "Unknown")
        self.assertEqual(device_type(["Phone"]), "Mobile")
        self.assertEqual(device_type(["", "Browser", "Phone"]), "Web")
        self.assertEqual(device_type(["desktop"]), "PC")


class PresenceBookTests(TestCase):
    """One row a user, numbered from one counter."""

    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.book = PresenceBook()
        self.ledger.publish = lambda committed: self.book.committed(committed.presences)

    def change(self, name: str, **changes: str) -> Presence | None:
        unit = Unit()
        after = self.book.change(unit, uri(name), **changes)  # type: ignore[arg-type]  # texts only
        self.assertEqual(bool(unit), after is not None)
        self.successResultOf(self.ledger.commit(unit))
        return after

    def test_stranger(self) -> None:
        """One who never showed anything is Offline with number 0."""
        presence = self.book.of(uri("nobody"))
        self.assertEqual((presence.availability, latest_number(presence)), ("Offline", 0))

    def test_numbers(self) -> None:
        """Each part has the number of its own last change; numbers grow over all users."""
        self.change("alice", availability="Online")
        self.change("bob", note="Hello")
        self.change("alice", note="Hi", location="Home")
        self.change("alice", modalities="Messaging")
        alice, bob = self.book.of(uri("alice")), self.book.of(uri("bob"))
        self.assertEqual(
            (alice.presence_number, alice.note_number, alice.location_number, alice.media_number),
            (1, 3, 3, 4),
        )
        self.assertEqual((bob.note_number, bob.presence_number), (2, 0))
        self.assertEqual(self.book.number, 4)

    def test_no_change(self) -> None:
        """What is shown already is no change."""
        self.change("alice", availability="Online", note="Hi")
        self.assertIsNone(self.change("alice", availability="Online", note="Hi"))
        self.assertEqual(self.book.number, 1)

    def test_not_before_it_is_stored(self) -> None:
        """Memory follows the store."""
        self.ledger.hold()
        unit = Unit()
        self.book.change(unit, uri("alice"), availability="Online")
        self.ledger.commit(unit)
        self.assertEqual(self.book.of(uri("alice")).availability, "Offline")
        self.ledger.release()
        self.assertEqual(self.book.of(uri("alice")).availability, "Online")

    def test_watchers(self) -> None:
        """Watching and ceasing to watch are idempotent, and nobody is kept in vain."""
        bob = uri("bob")
        self.book.watch("1", [bob, uri("carol")])
        self.book.watch("2", [bob])
        self.book.watch("1", [bob])
        self.assertEqual(set(self.book.watchers(bob)), {"1", "2"})
        self.book.unwatch("1", [bob])
        self.book.unwatch("1", [bob, uri("nobody")])
        self.assertEqual(set(self.book.watchers(bob)), {"2"})
        self.book.unwatch("2", [bob])
        self.assertEqual(set(self.book.watchers(bob)), set())
