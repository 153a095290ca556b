"""Delegates and team-call groups."""

from collections.abc import Awaitable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mobility.domain.delegates import MAX_DELEGATES, MAX_TEAM
from mobility.domain.records import Delegation, TeamMember, User
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import World, done, running, uri

ALICE, BOB, CAROL = uri("alice"), uri("bob"), uri("carol")


class DelegatesTestCase(TestCase):
    """Alice, Bob and Carol, who answer for nobody."""

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.delegates = self.world.delegates

    def add(self, owner: str, delegate: str) -> None:
        done(running(self.delegates.add_delegate(owner, delegate)))

    def refused(self, action: Awaitable[object], code: str, subcode: str | None = None) -> None:
        """`action` is refused so, and stores nothing."""
        before = len(self.world.ledger.units)
        refusal = self.failureResultOf(running(action), Refusal).value
        self.assertEqual((refusal.code, refusal.subcode), (code, subcode))
        self.assertEqual(len(self.world.ledger.units), before)


class MemberTests(DelegatesTestCase):
    """Who answers for whom."""

    def test_delegate(self) -> None:
        """A delegate is known from both sides, and may act for nobody else."""
        self.add(ALICE, CAROL)
        self.add("SIP:Alice@Example.Test", BOB)
        self.assertEqual([BOB, CAROL], self.delegates.delegates_of(ALICE))
        self.assertEqual([ALICE], self.delegates.delegators_of(BOB))
        self.assertEqual([], self.delegates.delegates_of(BOB))
        self.assertTrue(self.delegates.may_act_for(BOB, ALICE))
        self.assertFalse(self.delegates.may_act_for(ALICE, BOB))

    def test_again(self) -> None:
        """Who is a delegate or in the team already stays so, and nothing is stored."""
        for add in (self.delegates.add_delegate, self.delegates.add_to_team):
            done(running(add(ALICE, BOB)))
            before = len(self.world.ledger.units)
            done(running(add(ALICE, BOB)))
            self.assertEqual(before, len(self.world.ledger.units))

    def test_remove(self) -> None:
        """A delegate that is removed is gone from both sides; once more it is not found."""
        self.add(ALICE, BOB)
        done(running(self.delegates.remove_delegate(ALICE, BOB)))
        self.assertEqual([], self.delegates.delegates_of(ALICE))
        self.assertEqual([], self.delegates.delegators_of(BOB))
        self.refused(self.delegates.remove_delegate(ALICE, BOB), "NotFound")

    def test_team(self) -> None:
        """A team has members that have no team for it, and each may be taken out."""
        for name in (CAROL, BOB):
            done(running(self.delegates.add_to_team(ALICE, name)))
        self.assertEqual([BOB, CAROL], self.delegates.team_of(ALICE))
        self.assertEqual([], self.delegates.team_of(BOB))
        done(running(self.delegates.remove_from_team(ALICE, CAROL)))
        self.assertEqual([BOB], self.delegates.team_of(ALICE))
        self.refused(self.delegates.remove_from_team(ALICE, CAROL), "NotFound")

    def test_strangers(self) -> None:
        """Both must be users here, and not the same one."""
        for add in (self.delegates.add_delegate, self.delegates.add_to_team):
            self.refused(add(ALICE, uri("nobody")), "NotFound")
            self.refused(add("x", BOB), "NotFound")
            self.refused(add(ALICE, "sip:ALICE@example.test"), "BadRequest")

    def test_limits(self) -> None:
        """A user has so many delegates, delegators and team members, and no more."""
        names = [f"person{number}" for number in range(MAX_DELEGATES + 1)]
        world = World("alice", *names)
        for name in names[:-1]:
            done(running(world.delegates.add_delegate(ALICE, uri(name))))
            done(running(world.delegates.add_delegate(uri(name), ALICE)))
        for name in names[:MAX_TEAM]:
            done(running(world.delegates.add_to_team(ALICE, uri(name))))
        last = uri(names[-1])
        for action in (
            world.delegates.add_delegate(ALICE, last),
            world.delegates.add_delegate(last, ALICE),
            world.delegates.add_to_team(ALICE, last),
        ):
            refusal = self.failureResultOf(running(action), Refusal).value
            self.assertEqual(("Forbidden", "LimitExceeded"), (refusal.code, refusal.subcode))

    def test_store_fails(self) -> None:
        """What the store cannot take has not happened."""
        self.add(ALICE, BOB)
        self.world.ledger.failing = True
        for action in (
            self.delegates.add_delegate(ALICE, CAROL),
            self.delegates.remove_delegate(ALICE, BOB),
            self.delegates.add_to_team(ALICE, BOB),
        ):
            self.failureResultOf(running(action), Unavailable)
        self.assertEqual([BOB], self.delegates.delegates_of(ALICE))
        self.assertEqual([], self.delegates.team_of(ALICE))

    def test_restart(self) -> None:
        """The next process knows them all."""
        self.add(ALICE, BOB)
        done(running(self.delegates.add_to_team(BOB, CAROL)))
        again = self.world.restarted().delegates
        self.assertEqual([BOB], again.delegates_of(ALICE))
        self.assertEqual([ALICE], again.delegators_of(BOB))
        self.assertEqual([CAROL], again.team_of(BOB))

    def test_removed_user(self) -> None:
        """A user who is removed answers for nobody, and nobody for it."""
        self.add(ALICE, BOB)
        self.add(BOB, CAROL)
        done(running(self.delegates.add_to_team(CAROL, BOB)))
        done(running(self.delegates.add_to_team(BOB, ALICE)))
        done(running(self.world.users.remove(BOB, self.world.now)))
        self.assertEqual([], self.delegates.delegates_of(ALICE))
        self.assertEqual([], self.delegates.delegators_of(CAROL))
        self.assertEqual([], self.delegates.team_of(CAROL))
        self.assertEqual([], self.world.stored(Delegation) + self.world.stored(TeamMember))
        done(running(self.world.users.add(User(BOB, "Another Bob"))))
        self.assertEqual([], self.delegates.delegates_of(BOB))

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcd"), st.sampled_from("abcd"))))
    def test_both_sides(self, steps: list[tuple[bool, str, str]]) -> None:
        """Whatever is added and removed, both sides say the same, and so does the store."""
        world = World(*"abcd")
        expected: set[tuple[str, str]] = set()
        for adds, owner, other in steps:
            pair = (uri(owner), uri(other))
            change = world.delegates.add_delegate if adds else world.delegates.remove_delegate
            try:
                done(running(change(*pair)))
            except Refusal:
                self.assertTrue(owner == other or (not adds and pair not in expected))
                continue
            (expected.add if adds else expected.discard)(pair)
        for one in map(uri, "abcd"):
            self.assertEqual(
                sorted(other for owner, other in expected if owner == one),
                world.delegates.delegates_of(one),
            )
            self.assertEqual(
                sorted(owner for owner, other in expected if other == one),
                world.delegates.delegators_of(one),
            )
        stored = {(one.owner_uri, one.delegate_uri) for one in world.stored(Delegation)}
        self.assertEqual(expected, stored)


class ToldTests(DelegatesTestCase):
    """What live applications hear."""

    def test_subscribed(self) -> None:
        """Who watches its contact list hears of the contact in the group on its side, and of the
        group when it comes or goes."""
        alice, bob = self.world.sign_in("alice"), self.world.sign_in("bob")
        for endpoint in (alice, bob):
            start = self.world.contact_subscriptions.start(endpoint, 10, self.world.now)
            done(running(start))
        self.add(ALICE, BOB)
        self.assertEqual(
            ["group delegates added", "contact bob in delegates added", "me"],
            self.world.told(alice),
        )
        self.assertEqual(
            ["group delegators added", "contact alice in delegators added", "communication"],
            self.world.told(bob),
        )
        self.add(CAROL, BOB)
        self.assertEqual(
            ["contact carol in delegators added", "group delegators updated", "communication"],
            self.world.told(bob),
        )
        done(running(self.delegates.remove_delegate(ALICE, BOB)))
        self.assertEqual(["contact bob in delegates deleted", "me"], self.world.told(alice))
        done(running(self.delegates.remove_delegate(CAROL, BOB)))
        self.assertEqual(
            [
                "contact alice in delegators deleted",
                "group delegators updated",
                "communication",
                "contact carol in delegators deleted",
                "group delegators deleted",
                "communication",
            ],
            self.world.told(bob),
        )

    def test_others(self) -> None:
        """Without a subscription an application hears only that it may do other things now."""
        alice, bob = self.world.sign_in("alice"), self.world.sign_in("bob")
        self.add(ALICE, BOB)
        self.assertEqual(["me"], self.world.told(alice))
        self.assertEqual(["communication"], self.world.told(bob))
        done(running(self.delegates.add_to_team(ALICE, CAROL)))
        self.assertEqual(["me"], self.world.told(alice))
