"""What users let others see, and who reaches whom."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mobility.domain.phones import KINDS
from mobility.domain.privacy import (
    LEVELS,
    SELF,
    SIGHTS,
    URGENT,
    seen_numbers,
    seen_presence,
    seen_user,
)
from mobility.domain.records import Presence, User
from mobility.errors import Refusal
from tests.domain.doubles import World, done, running, uri

CARD = User(
    uri("bob"),
    "Bob",
    email="bob@example.test",
    title="Cook",
    department="Kitchen",
    company="Contoso",
    office="1/1",
    work_phone="+14255550101",
    mobile_phone="+14255550102",
    home_phone="+14255550103",
    other_phone="+14255550104",
)
SHOWN = Presence(
    uri("bob"),
    presence_number=1,
    availability="Busy",
    activity="on-the-phone",
    device_type="PC",
    last_active_at=5.0,
    note="At lunch",
    location="Hall 3",
    modalities="Messaging",
)


class SightTests(TestCase):
    """What each level shows."""

    def test_blocked(self) -> None:
        """Who is blocked sees name and mail of one who seems to be offline, and nothing else."""
        seen = seen_presence(SHOWN, SIGHTS["Blocked"])
        self.assertEqual(seen, Presence(uri("bob"), presence_number=1))
        card = seen_user(CARD, SIGHTS["Blocked"])
        self.assertEqual(card, User(uri("bob"), "Bob", email="bob@example.test"))

    def test_external(self) -> None:
        """External contacts see the presence and the card, but no number, note or place."""
        seen = seen_presence(SHOWN, SIGHTS["External"])
        self.assertEqual((seen.availability, seen.activity), ("Busy", "on-the-phone"))
        self.assertEqual((seen.note, seen.location, seen.last_active_at), ("", "", 0.0))
        card = seen_user(CARD, SIGHTS["External"])
        self.assertEqual((card.title, card.company), ("Cook", "Contoso"))
        self.assertFalse(any(seen_numbers(CARD, SIGHTS["External"]).values()))

    def test_phones(self) -> None:
        """Work numbers are for colleagues, mobile ones for the workgroup, others for friends."""
        expected = {
            "Blocked": [],
            "External": [],
            "Colleagues": ["work"],
            "Workgroup": ["work", "mobile"],
            "FriendsAndFamily": list(KINDS),
        }
        for level, kinds in expected.items():
            numbers = seen_numbers(CARD, SIGHTS[level])
            self.assertEqual([kind for kind in KINDS if numbers[kind]], kinds, level)

    def test_directory(self) -> None:
        """What another directory says is for all but the blocked."""
        mirrored = attrs.evolve(CARD, source="ldap")
        for level in LEVELS:
            numbers = seen_numbers(mirrored, SIGHTS[level])
            self.assertEqual(all(numbers.values()), level != "Blocked", level)

    def test_last_active(self) -> None:
        """When somebody was active last is for the workgroup and for friends."""
        allowed = [level for level in LEVELS if SIGHTS[level].last_active]
        self.assertEqual(allowed, ["Workgroup", "FriendsAndFamily"])

    def test_interruptions(self) -> None:
        """DoNotDisturb says to the workgroup alone that it takes urgent interruptions."""
        quiet = attrs.evolve(SHOWN, availability="DoNotDisturb", activity="")
        for level in LEVELS:
            activity = seen_presence(quiet, SIGHTS[level]).activity
            self.assertEqual(activity, URGENT if level == "Workgroup" else "", level)

    @given(st.sampled_from(LEVELS))
    def test_hidden(self, level: str) -> None:
        """What is hidden from sight is what changes are not told of."""
        sight = SIGHTS[level]
        seen = seen_presence(SHOWN, sight)
        told = {
            "presence_number": seen.availability == SHOWN.availability,
            "media_number": seen.modalities == SHOWN.modalities,
            "note_number": seen.note == SHOWN.note,
            "location_number": seen.location == SHOWN.location,
        }
        self.assertEqual(sight.hidden, {name for name, visible in told.items() if not visible})

    def test_self(self) -> None:
        """One sees everything of oneself."""
        self.assertEqual(seen_presence(SHOWN, SELF), SHOWN)
        self.assertEqual(seen_user(CARD, SELF), CARD)


class PrivacyTests(TestCase):
    """Levels are given, kept, told and taken back."""

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.privacy = self.world.privacy
        self.alice, self.bob = self.world.sign_in("alice"), self.world.sign_in("bob")

    def assign(self, level: str, to: str = "bob", known: str = "Colleagues") -> None:
        done(running(self.privacy.assign(uri("alice"), uri(to), level, known)))

    def refused(self, owner: str, contact: str, level: str, known: str, *expected: str) -> None:
        assign = self.privacy.assign(uri(owner), uri(contact), level, known)
        refusal = self.failureResultOf(running(assign), Refusal).value
        self.assertEqual((refusal.code, refusal.subcode or ""), expected)

    def test_automatic(self) -> None:
        """Without a word of the owner, people of the SIP domains are colleagues, others external;
        a level has a direction."""
        self.assertEqual(self.privacy.level(uri("alice"), uri("bob")), "Colleagues")
        self.assertEqual(self.privacy.level(uri("alice"), "sip:x@other.test"), "External")
        self.assign("Blocked")
        self.assertEqual(self.privacy.level(uri("alice"), uri("bob")), "Blocked")
        self.assertEqual(self.privacy.level(uri("bob"), uri("alice")), "Colleagues")

    def test_many_watchers(self) -> None:
        """What is hidden is the same, whether asked for one watcher or for many in turn."""
        self.assign("Blocked")
        watchers = (uri("alice"), uri("bob"), uri("carol"), "sip:x@other.test", "sip:odd")
        for owner in (uri("alice"), uri("bob")):
            hidden_from = self.privacy.hidden_from(owner)
            for watcher in watchers:
                self.assertEqual(hidden_from(watcher), self.privacy.hidden(owner, watcher))
        self.assertEqual(len({self.privacy.hidden(uri("alice"), one) for one in watchers}), 3)

    def test_restart(self) -> None:
        """A level lasts."""
        self.assign("Workgroup")
        again = self.world.restarted().privacy
        self.assertEqual(again.assigned(uri("alice")), {uri("bob"): "Workgroup"})

    def test_reset(self) -> None:
        """A level that is taken back is gone for good; taking back none changes nothing."""
        self.assign("Blocked")
        done(running(self.privacy.reset(uri("alice"), uri("bob"))))
        units = len(self.world.ledger.units)
        done(running(self.privacy.reset(uri("alice"), uri("bob"))))
        self.assertEqual(len(self.world.ledger.units), units)
        self.assertEqual(self.privacy.level(uri("alice"), uri("bob")), "Colleagues")
        self.assertEqual(self.world.restarted().privacy.assigned(uri("alice")), {})

    def test_told(self) -> None:
        """The owner hears of the level, a contact that watches of the owner's other looks; one
        that does not watch hears nothing."""
        self.assign("Blocked")
        self.assertEqual(self.world.told(self.alice), ["privacy of bob"])
        self.assertEqual(self.world.told(self.bob), [])
        done(
            running(
                self.world.subscriptions.subscribe(self.bob, [uri("alice")], 10, self.world.now)
            )
        )
        self.world.told(self.bob)
        self.assign("External", known="Blocked")
        self.assertEqual(self.world.told(self.bob), ["alice seen anew"])
        self.assign("External", known="External")
        self.assertEqual(self.world.told(self.bob), [])
        done(running(self.privacy.reset(uri("alice"), uri("bob"))))
        self.assertEqual(self.world.told(self.bob), ["alice seen anew"])

    def test_automatic_level_as_chosen(self) -> None:
        """The automatic level can be the owner's word too; nothing looks other for the contact."""
        done(
            running(
                self.world.subscriptions.subscribe(self.bob, [uri("alice")], 10, self.world.now)
            )
        )
        self.world.told(self.bob)
        self.assign("Colleagues")
        self.assertEqual(self.privacy.assigned(uri("alice")), {uri("bob"): "Colleagues"})
        self.assertEqual(self.world.told(self.bob), [])

    def test_refusals(self) -> None:
        """Not for oneself, not from another level than is there, and not for too many."""
        self.refused(
            "alice", "alice", "Blocked", "Colleagues", "Forbidden", "OperationNotSupported"
        )
        self.refused("alice", "bob", "Blocked", "External", "PreconditionFailed", "")
        self.assign("Blocked")
        self.assign("Blocked", "carol")
        self.refused("alice", "dave", "Blocked", "Colleagues", "Forbidden", "LimitExceeded")
        self.assign("Workgroup", "carol", "Blocked")

    def test_removed_user(self) -> None:
        """With a user go the levels it gave and those it was given."""
        self.assign("Blocked")
        self.assign("External", "carol")
        done(running(self.privacy.assign(uri("bob"), uri("carol"), "Blocked", "Colleagues")))
        done(running(self.world.users.remove(uri("bob"), self.world.now)))
        for privacy in (self.privacy, self.world.restarted().privacy):
            self.assertEqual(privacy.assigned(uri("alice")), {uri("carol"): "External"})
            self.assertEqual(privacy.assigned(uri("bob")), {})

    def test_obstacle(self) -> None:
        """The blocked never come through, and while one is DoNotDisturb only the workgroup does."""
        obstacle = self.privacy.obstacle
        self.assertEqual(obstacle(uri("alice"), uri("bob")), "")
        done(
            running(
                self.world.applications.set_presence(self.alice, "DoNotDisturb", self.world.now)
            )
        )
        self.assertEqual(obstacle(uri("alice"), uri("bob")), "DoNotDisturb")
        self.assign("Workgroup")
        self.assertEqual(obstacle(uri("alice"), uri("bob")), "")
        self.assign("Blocked", known="Workgroup")
        self.assertEqual(obstacle(uri("alice"), uri("bob")), "Blocked")
