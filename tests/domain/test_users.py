"""The local directory."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.ledger import Unit
from mobility.domain.records import User
from mobility.domain.users import Users, digits_of, folded
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import MemoryLedger, World, running, uri

PEOPLE = (
    User(uri("alice"), "Alice Liddell", email="Alice.L@mail.test", work_phone="tel:+46701234567"),
    User(uri("bob"), "Bob O'Brien", mobile_phone="+1 (425) 555-0100"),
    User(uri("jl"), "Jean-Luc Müller"),
    User(uri("zoe"), "Zoë Åström"),
    User(uri("julia"), "Юлия Королёва"),
    User(uri("kim"), "김철수"),
    User(uri("sato"), "佐藤花子"),
    User(uri("full"), "\uff21\uff22\uff23 Trading"),
    User(uri("jürgen"), "J"),
    User(uri("gone"), "Alice Gone", enabled=False),
)


class SearchTests(TestCase):
    """People are found by name, mail, phone and SIP address."""

    def setUp(self) -> None:
        self.users = Users(MemoryLedger(), PEOPLE)

    def found(self, query: str, limit: int = 100) -> list[str]:
        return [user.uri[4:].partition("@")[0] for user in self.users.search(query, limit).users]

    def test_name(self) -> None:
        """Each word of the query begins a word of the name, in any order and letter case."""
        self.assertEqual(self.found("ali"), ["alice"])
        self.assertEqual(self.found("LIDDELL alice"), ["alice"])
        self.assertEqual(self.found("idell"), [])
        self.assertEqual(self.found("alice brien"), [])

    def test_parts_of_names(self) -> None:
        """The parts of a name with marks in it are words too."""
        self.assertEqual(self.found("luc"), ["jl"])
        self.assertEqual(self.found("jean-luc"), ["jl"])
        self.assertEqual(self.found("brien"), ["bob"])
        self.assertEqual(self.found("o'brien"), ["bob"])

    def test_diacritics(self) -> None:
        """Diacritics make no difference, on either side."""
        for query in ("zoe", "zoë", "ZOË astrom", "Åström"):
            self.assertEqual(self.found(query), ["zoe"], query)
        self.assertEqual(self.found("Muller"), ["jl"])

    def test_stroked_letters(self) -> None:
        """Letters that are no letter and a mark are found by what is typed for them."""
        users = Users(
            MemoryLedger(),
            [
                User(uri("l"), "Łukasz Żuławski"),
                User(uri("o"), "Søren Ærø"),
                User(uri("d"), "Đorđe"),
                User(uri("i"), "I\u015f\u0131k İpek"),
            ],
        )
        for query, name in (
            ("lukasz zulaw", "l"),
            ("Łukasz", "l"),
            ("soren aero", "o"),
            ("dorde", "d"),
            ("isik ipek", "i"),
        ):
            found = [user.uri for user in users.search(query, 5).users]
            self.assertEqual(found, [uri(name)], query)

    def test_cyrillic(self) -> None:
        """Cyrillic is folded too, and found within a name."""
        for query in ("юлия", "КОРОЛЕВА", "Королёва", "олёв"):
            self.assertEqual(self.found(query), ["julia"], query)

    def test_korean_and_japanese(self) -> None:
        """Names without spaces are found by any part of them."""
        for query in ("김", "철수", "김철"):
            self.assertEqual(self.found(query), ["kim"], query)
        for query in ("佐藤", "花子"):
            self.assertEqual(self.found(query), ["sato"], query)

    def test_compatibility_forms(self) -> None:
        """Full-width letters are letters."""
        self.assertEqual(self.found("abc"), ["full"])
        self.assertEqual(self.found("\uff22\uff2f\uff22"), ["bob"])

    def test_phone(self) -> None:
        """A phone number is found by three or more of its digits, however they are written."""
        for query in ("+46701234567", "070-123 45 67", "0046 70 123", "701", "1234567"):
            self.assertEqual(self.found(query), ["alice"], query)
        self.assertEqual(self.found("(425) 555"), ["bob"])
        for query in ("46", "room701", "00", "999"):
            self.assertEqual(self.found(query), [], query)

    def test_digits_do_not_span_numbers(self) -> None:
        """Two numbers of one person are not read as one."""
        user = User(uri("two"), "Two", work_phone="111222", home_phone="333444")
        users = Users(MemoryLedger(), [user])
        self.assertEqual(users.search("222333", 10).users, [])
        self.assertEqual(users.search("333444", 10).users, [user])

    def test_mail_and_sip(self) -> None:
        """An address is found from its beginning, with or without the scheme."""
        for query in ("alice.l@mail.test", "ALICE.L", "sip:alice@example.test", "SIP:alice@ex"):
            self.assertEqual(self.found(query), ["alice"], query)
        self.assertEqual(self.found("mail.test"), [])
        self.assertEqual(self.found("jürgen@"), ["jürgen"])

    def test_disabled(self) -> None:
        """Who is disabled is not found."""
        self.assertEqual(self.found("gone"), [])

    def test_nothing_asked(self) -> None:
        """An empty query finds nobody."""
        for query in ("", "  ", "sip:", "\u0301"):
            self.assertEqual(self.found(query), [], query)

    def test_limit(self) -> None:
        """At most `limit` come, in the order of names, and it is said if there were more."""
        users = Users(
            MemoryLedger(), [User(uri(f"u{n}"), f"Test {n:02d}") for n in reversed(range(20))]
        )
        first = users.search("test", 5)
        self.assertEqual([user.name for user in first.users], [f"Test {n:02d}" for n in range(5)])
        self.assertTrue(first.more)
        self.assertFalse(users.search("test", 20).more)
        self.assertTrue(users.search("test", 19).more)

    @given(st.text(max_size=30))
    def test_any_query(self, query: str) -> None:
        """Any text gets an answer, and no one who is disabled."""
        self.assertTrue(all(user.enabled for user in self.users.search(query, 3).users))

    @given(st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=20))
    def test_own_name(self, name: str) -> None:
        """A person is found by the whole name, whatever its script."""
        users = Users(MemoryLedger(), [User(uri("x"), name)])
        expected = 1 if folded(name).strip() else 0
        self.assertEqual(len(users.search(name, 5).users), expected)

    def test_digits_of(self) -> None:
        """Only digits are kept."""
        self.assertEqual(digits_of("+46 (70) 123-45"), "467012345")


class UsersTests(TestCase):
    """Users are added, changed and removed; what they have ends with them."""

    def setUp(self) -> None:
        self.world = World("alice")
        self.users = self.world.users
        self.left: list[str] = []
        self.revoked: list[str] = []

        async def leave(user: User, now: float) -> None:
            self.left.append(user.uri)

        def revoke(user: User, unit: Unit) -> None:
            self.revoked.append(user.uri)

        self.users.departures.append(leave)
        self.users.revocations.append(revoke)

    def alice(self) -> User:
        user = self.users.find("alice@example.test")
        assert user is not None
        return user

    def update(self, **changes: object) -> Deferred[User]:
        return running(
            self.users.update(
                uri("alice"),
                lambda user: attrs.evolve(user, **changes),  # type: ignore[arg-type]  # its fields
                self.world.now,
            )
        )

    def test_find(self) -> None:
        """A user is found by the URI in any spelling."""
        for text in ("sip:alice@example.test", "ALICE@example.test", "SIP:Alice@EXAMPLE.test"):
            self.assertEqual(self.users.find(text), self.alice())
        self.assertIsNone(self.users.find("sip:bob@example.test"))
        self.assertIsNone(self.users.find("nonsense"))

    def test_name_of(self) -> None:
        """A stranger has no name."""
        self.assertEqual(self.users.name_of(uri("alice")), "Alice")
        self.assertEqual(self.users.name_of(uri("bob")), "")

    def test_add(self) -> None:
        """A new user is stored, known and found."""
        self.successResultOf(self.users.add(User(uri("bob"), "Bob")))
        self.assertEqual([user.name for user in self.users.all()], ["Alice", "Bob"])
        self.assertEqual(len(self.users), 2)
        self.assertEqual([user.uri for user in self.users.search("bob", 5).users], [uri("bob")])
        self.assertEqual(len(self.world.restarted().users), 2)

    def test_add_twice(self) -> None:
        """A taken URI is 409 AlreadyExists, also while the first is being stored."""
        self.world.ledger.hold()
        first = running(self.users.add(User(uri("bob"), "Bob")))
        second = running(self.users.add(User(uri("bob"), "Robert")))
        self.assertIsNone(self.users.find(uri("bob")))
        self.world.ledger.release()
        self.successResultOf(first)
        failure = self.failureResultOf(second, Refusal)
        self.assertEqual(failure.value.subcode, "AlreadyExists")
        self.assertEqual(self.users.name_of(uri("bob")), "Bob")

    def test_store_failure(self) -> None:
        """What could not be stored has not happened."""
        self.world.ledger.failing = True
        for action in (
            running(self.users.add(User(uri("bob"), "Bob"))),
            self.update(name="Alicia", enabled=False),
            running(self.users.remove(uri("alice"), self.world.now)),
        ):
            self.failureResultOf(action, Unavailable)
        self.assertEqual([user.name for user in self.users.all()], ["Alice"])
        self.assertTrue(self.alice().enabled)

    def test_update(self) -> None:
        """A changed user is found by the new name; nobody is signed out for that."""
        changed = self.successResultOf(self.update(name="Eve"))
        self.assertEqual(changed, self.alice())
        self.assertEqual(len(self.users.search("eve", 5).users), 1)
        self.assertEqual((self.left, self.revoked), ([], []))

    def test_updates_at_once(self) -> None:
        """Of two changes of one user at the same time none is lost."""
        self.world.ledger.hold()
        changes = [self.update(name="Eve"), self.update(title="Dr")]
        self.world.ledger.release()
        for change in changes:
            self.successResultOf(change)
        self.assertEqual((self.alice().name, self.alice().title), ("Eve", "Dr"))
        self.assertEqual(self.world.stored(User), [self.alice()])

    def test_disable(self) -> None:
        """A disabled user is signed out, and again if the first attempt failed half-way."""
        self.successResultOf(self.update(enabled=False))
        self.successResultOf(self.update(enabled=False))
        self.assertEqual(self.left, [uri("alice")] * 2)
        self.assertEqual(self.revoked, [uri("alice")] * 2)

    def test_new_password(self) -> None:
        """Another password revokes tokens and leaves applications alone."""
        self.successResultOf(self.update(credential_version=2))
        self.assertEqual((self.left, self.revoked), ([], [uri("alice")]))

    def test_remove(self) -> None:
        """A removed user leaves, its tokens are revoked, and it is forgotten."""
        endpoint = self.world.sign_in("alice")
        self.successResultOf(self.users.remove("ALICE@example.test", 0))
        self.assertEqual((self.left, self.revoked), ([uri("alice")], [uri("alice")]))
        self.assertEqual(self.users.all(), [])
        self.assertEqual(self.users.search("alice", 5).users, [])
        self.assertIsNone(self.world.applications.find(endpoint.id))
        self.assertEqual(len(self.world.restarted().users), 0)

    def test_stranger(self) -> None:
        """A stranger cannot be changed or removed: 404."""
        for action in (
            self.users.remove(uri("bob"), 0),
            self.users.remove("nonsense", 0),
            self.users.update(uri("bob"), lambda user: user, 0),
        ):
            failure = self.failureResultOf(action, Refusal)
            self.assertEqual(failure.value.code, "NotFound")

    def test_update_after_remove(self) -> None:
        """A change that waits for a removal does not bring the user back."""
        self.world.ledger.hold()
        removal = running(self.users.remove(uri("alice"), 0))
        change = self.update(name="Eve")
        self.world.ledger.release()
        self.successResultOf(removal)
        self.failureResultOf(change, Refusal)
        self.assertEqual(len(self.users), 0)
        self.assertEqual(self.world.stored(User), [])
