"""Distribution groups that a directory keeps."""

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.distribution_groups import DistributionGroups, GroupOutcome
from mobility.domain.mirror import TooManyRemovals
from mobility.domain.records import DistributionGroup
from mobility.errors import Unavailable
from tests.domain.doubles import MemoryLedger, uri


def group(name: str, *members: str, **fields: str) -> DistributionGroup:
    found = DistributionGroup(
        uri(name), name.title(), " ".join(map(uri, members)), "ldap", f"id-{name}"
    )
    return attrs.evolve(found, **fields)


class DistributionGroupsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.groups = DistributionGroups(self.ledger, [group("other", source="elsewhere")])

    def replace(self, *found: DistributionGroup, force: bool = False) -> GroupOutcome:
        replication = self.groups.replace("ldap", found, 20, force=force)
        return self.successResultOf(Deferred.fromCoroutine(replication))

    def merge(self, *found: DistributionGroup) -> GroupOutcome:
        return self.successResultOf(Deferred.fromCoroutine(self.groups.merge("ldap", found)))

    def test_replace(self) -> None:
        """Groups are added, changed and removed; what is the same is not stored again."""
        self.assertEqual(self.replace(group("one"), group("two", "ann")), GroupOutcome(added=2))
        stored = len(self.ledger.units)
        self.assertEqual(self.replace(group("one"), group("two", "ann")), GroupOutcome())
        self.assertEqual(len(self.ledger.units), stored)
        outcome = self.replace(group("one", "ann"))
        self.assertEqual(outcome, GroupOutcome(changed=1, removed=1))
        self.assertEqual(self.groups.find("One@Example.Test"), group("one", "ann"))
        self.assertIsNone(self.groups.find(uri("two")))
        self.assertEqual(len(self.groups), 2, "that of another source is nobody's business")

    def test_merge(self) -> None:
        """A merge leaves alone what did not change; another address is another group."""
        self.replace(group("one"), group("two"))
        self.assertEqual(self.merge(group("one", "ann")), GroupOutcome(changed=1))
        renamed = group("three", source_id="id-two")
        self.assertEqual(self.merge(renamed), GroupOutcome(added=1, removed=1))
        self.assertIsNone(self.groups.find(uri("two")))
        self.assertEqual(self.merge(), GroupOutcome())

    def test_clashes(self) -> None:
        """An address that another group has is not taken over."""
        twice = group("one", source_id="again")
        self.assertEqual(
            self.replace(group("one"), twice, group("other")), GroupOutcome(added=1, clashes=2)
        )
        self.assertEqual(self.groups.find(uri("one")), group("one"))

    def test_brake(self) -> None:
        """More than the share is not removed at once, unless it is forced; one may always go."""
        self.replace(*[group(f"g{n}") for n in range(10)])
        failed = Deferred.fromCoroutine(self.groups.replace("ldap", [group("g0")], 20))
        refused = self.failureResultOf(failed, TooManyRemovals).value
        self.assertEqual(str(refused), "9 of 10 groups would go")
        self.assertEqual(len(self.groups), 11)
        self.assertEqual(self.replace(group("g0"), force=True).removed, 9)
        self.assertEqual(self.replace().removed, 1)

    def test_expand(self) -> None:
        """Members are people and groups, in order; a group may hold itself by way of another."""
        self.replace(group("one", "ben", "two", "ann"), group("two", "one"))
        one, two = self.groups.find(uri("one")), self.groups.find(uri("two"))
        assert one is not None
        assert two is not None
        self.assertEqual(self.groups.expand(one), ([uri("ben"), uri("ann")], [two]))
        self.assertEqual(self.groups.expand(two), ([], [one]))

    def test_store_away(self) -> None:
        """What cannot be stored is not known either."""
        self.ledger.failing = True
        failed = Deferred.fromCoroutine(self.groups.replace("ldap", [group("one")], 20))
        self.failureResultOf(failed, Unavailable)
        self.assertIsNone(self.groups.find(uri("one")))
