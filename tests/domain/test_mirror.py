"""Users that another directory keeps."""

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.ledger import Unit
from mobility.domain.mirror import AT_ONCE, OWNED, Clash, Mirror, Outcome, TooManyRemovals
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.errors import Unavailable
from tests.domain.doubles import START, MemoryLedger, uri

LATER = START + 60


def kept(who: str, **fields: object) -> User:
    """A user as the directory has it."""
    user = User(uri(who), who.title(), source="ldap", source_id=f"id-{who}", source_name=who)
    return attrs.evolve(user, **fields)


class MirrorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.users = Users(self.ledger, [User(uri("local"), "Local")])
        self.mirror = Mirror(self.users, "ldap", 20, lambda: succeed(None))
        self.revoked: list[str] = []
        self.departed: list[str] = []

        def revoke(user: User, unit: Unit) -> None:
            self.revoked.append(user.uri)

        async def depart(user: User, now: float) -> None:
            self.departed.append(user.uri)

        self.users.revocations.append(revoke)
        self.users.departures.append(depart)

    def replace(self, *found: User, force: bool = False) -> Outcome:
        replication = self.mirror.replace(found, START, force=force)
        return self.successResultOf(Deferred.fromCoroutine(replication))

    def merge(self, *found: User) -> Outcome:
        return self.successResultOf(Deferred.fromCoroutine(self.mirror.merge(found, LATER)))

    def refused(self, *found: User) -> tuple[int, int]:
        """How many removals of how many users were refused."""
        replication = Deferred.fromCoroutine(self.mirror.replace(found, LATER))
        failure = self.failureResultOf(replication, TooManyRemovals)
        return failure.value.removals, failure.value.known

    def user(self, name: str) -> User:
        user = self.users.find(uri(name))
        assert user is not None
        return user

    def test_added(self) -> None:
        """New users are stored, however many; what is stored already is not stored again."""
        everybody = [kept(f"user{n}") for n in range(2 * AT_ONCE + 1)]
        self.assertEqual(self.replace(*everybody).added, len(everybody))
        self.assertEqual(len(self.users), len(everybody) + 1)
        self.assertEqual(self.user("user7"), attrs.evolve(everybody[7], created_at=START))
        stored = len(self.ledger.units)
        self.assertEqual(self.replace(*everybody), Outcome(0, 0, 0))
        self.assertEqual(len(self.ledger.units), stored)

    def test_changed(self) -> None:
        """What the directory owns follows it; what was set here stays."""
        self.replace(kept("ann"))
        self.successResultOf(
            Deferred.fromCoroutine(
                self.users.update(
                    uri("ann"), lambda user: attrs.evolve(user, site="Oslo", home="none"), START
                )
            )
        )
        self.assertEqual(self.replace(kept("ann", title="Boss", name="Ann B")), Outcome(0, 1, 0))
        ann = self.user("ann")
        self.assertEqual((ann.title, ann.name), ("Boss", "Ann B"))
        self.assertEqual((ann.site, ann.home), ("Oslo", "none"))
        self.assertEqual((self.revoked, self.departed), ([], []))

    def test_gone(self) -> None:
        """Who is gone is disabled and signed out; who comes back is enabled."""
        self.replace(kept("ann"), kept("ben"))
        self.assertEqual(self.replace(kept("ben")), Outcome(0, 0, 1))
        self.assertFalse(self.user("ann").enabled)
        self.assertEqual((self.revoked, self.departed), ([uri("ann")], [uri("ann")]))
        self.assertEqual(self.replace(kept("ben")), Outcome(0, 0, 0))
        self.assertEqual(self.replace(kept("ann"), kept("ben")), Outcome(0, 1, 0))
        self.assertTrue(self.user("ann").enabled)

    def test_disabled(self) -> None:
        """Who is disabled in the directory is disabled here, also between full replications."""
        self.replace(kept("ann"))
        self.assertEqual(self.merge(kept("ann", enabled=False)), Outcome(0, 1, 0))
        self.assertEqual((self.revoked, self.departed), ([uri("ann")], [uri("ann")]))

    def test_password(self) -> None:
        """Another password in the directory ends the tokens of the old one, and no application."""
        self.replace(kept("ann", source_password="1"))
        self.merge(kept("ann", source_password="2"))
        self.assertEqual((self.revoked, self.departed), ([uri("ann")], []))
        self.assertEqual(self.user("ann").credential_version, 2)

    def test_merge(self) -> None:
        """A merge adds and changes, and misses nobody who did not change."""
        self.replace(kept("ann"), kept("ben"))
        self.assertEqual(self.merge(kept("cat"), kept("ben", title="Boss")), Outcome(1, 1, 0))
        self.assertTrue(self.user("ann").enabled)
        self.assertEqual(self.merge(), Outcome(0, 0, 0))

    def test_other_address(self) -> None:
        """With another SIP address somebody is another user; the old one is disabled."""
        self.replace(kept("ann"))
        self.assertEqual(self.merge(kept("anna", source_id="id-ann")), Outcome(1, 0, 1))
        self.assertFalse(self.user("ann").enabled)
        self.assertTrue(self.user("anna").enabled)

    def test_exchanged_addresses(self) -> None:
        """Two who exchange their addresses are both there afterwards."""
        self.replace(kept("ann"), kept("ben"))
        outcome = self.merge(kept("ann", source_id="id-ben"), kept("ben", source_id="id-ann"))
        self.assertEqual(outcome, Outcome(0, 2, 0))
        self.assertTrue(self.user("ann").enabled and self.user("ben").enabled)

    def test_local_user(self) -> None:
        """A local user's SIP address is not taken over."""
        outcome = self.replace(kept("local"), kept("ann"))
        self.assertEqual(outcome.clashes, (Clash(uri("local"), "local_user"),))
        self.assertEqual(self.user("local").source, "")
        self.assertEqual(self.replace(kept("ann")).disabled, 0, "local users are not its business")

    def test_two_entries(self) -> None:
        """Of two entries with one address the first counts, or the one that had it before."""
        first, second = kept("ann"), kept("ann", source_id="other", title="Impostor")
        outcome = self.replace(first, second)
        self.assertEqual(outcome.clashes, (Clash(uri("ann"), "two_entries"),))
        self.assertEqual(self.user("ann").source_id, "id-ann")
        self.assertEqual(self.replace(second, first).changed, 0)

    def test_brake(self) -> None:
        """More than the share of users is not lost at once, by whatever means; nothing happens."""
        everybody = [kept(f"user{n}") for n in range(10)]
        self.replace(*everybody)
        self.assertEqual(self.refused(*everybody[3:], kept("new")), (3, 10))
        self.assertEqual(self.refused(), (10, 10))
        disabled = [attrs.evolve(user, enabled=False) for user in everybody[:2]]
        self.assertEqual(self.refused(*disabled, *everybody[3:]), (3, 10))
        self.assertIsNone(self.users.find(uri("new")))
        self.assertEqual(self.replace(*everybody[2:]).disabled, 2)

    def test_force(self) -> None:
        """Who knows better may force it."""
        self.replace(*[kept(f"user{n}") for n in range(10)])
        self.assertEqual(self.replace(kept("user0"), force=True).disabled, 9)

    def test_single_user(self) -> None:
        """A single user may always go, however few there are."""
        self.replace(kept("ann"), kept("ben"))
        self.assertEqual(self.replace(kept("ann")).disabled, 1)

    def test_store_away(self) -> None:
        """What cannot be stored is not known either; it is done the next time."""
        self.ledger.failing = True
        failed = Deferred.fromCoroutine(self.mirror.replace([kept("ann"), kept("ben")], START))
        self.failureResultOf(failed, Unavailable)
        self.assertEqual(len(self.users), 1)
        self.ledger.failing = False
        self.assertEqual(self.replace(kept("ann"), kept("ben")).added, 2)

    def test_owned(self) -> None:
        """What is owned are fields of a user."""
        self.assertEqual(set(OWNED) - {field.name for field in attrs.fields(User)}, set())
