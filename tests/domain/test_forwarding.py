"""What users set for their incoming calls."""

from collections.abc import Awaitable
from typing import Any

import attrs
from twisted.trial.unittest import TestCase

from mobility.domain.call_routing import route
from mobility.domain.forwarding import Choices
from mobility.domain.records import CallForwarding
from mobility.errors import PeerFault, Refusal, Unavailable
from tests.domain.doubles import Bounds, World, done, running, uri

ALICE, BOB, CAROL = uri("alice"), uri("bob"), uri("carol")
VOICEMAIL = "sip:voicemail@example.test"


class ForwardingTestCase(TestCase):
    """Alice has Enterprise Voice, Bob has not; there is voicemail."""

    bounds = Bounds(voicemail=VOICEMAIL)

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol", bounds=self.bounds)
        self.change("alice", enterprise_voice=True, work_phone="+14255550101")
        self.alice = self.world.sign_in("alice")
        self.forwarding = self.world.forwarding

    def change(self, name: str, **fields: Any) -> None:
        update = self.world.users.update(
            uri(name), lambda user: attrs.evolve(user, **fields), self.world.now
        )
        done(running(update))

    def do(self, action: Awaitable[object]) -> CallForwarding:
        done(running(action))
        return self.forwarding.of(ALICE)

    def refused(self, action: Awaitable[object], code: str, subcode: str | None = None) -> None:
        """`action` is refused so, and stores nothing."""
        before = len(self.world.ledger.units)
        refusal = self.failureResultOf(running(action), Refusal).value
        self.assertEqual((refusal.code, refusal.subcode), (code, subcode))
        self.assertEqual(len(self.world.ledger.units), before)


class ActionTests(ForwardingTestCase):
    """The actions."""

    def test_default(self) -> None:
        """Who has set nothing has unanswered calls sent to voicemail after 20 seconds."""
        settings = self.forwarding.of(ALICE)
        self.assertEqual(("None", "Always"), (settings.active_setting, settings.active_period))
        self.assertEqual("Enabled", self.forwarding.unanswered_handling(settings))
        self.assertEqual("Voicemail", self.forwarding.unanswered_target(settings))
        self.assertEqual(20, settings.unanswered_delay_s)

    def test_forward(self) -> None:
        """All calls go to the target; while they do, none counts as unanswered."""
        settings = self.do(self.forwarding.forward(self.alice, "Contact", CAROL))
        self.assertEqual("ImmediateForward", settings.active_setting)
        self.assertEqual(("Contact", CAROL), (settings.forward_target, settings.forward_contact))
        self.assertEqual("Disabled", self.forwarding.unanswered_handling(settings))
        self.refused(self.forwarding.send_unanswered(self.alice, "Voicemail"), "Forbidden")
        settings = self.do(self.forwarding.forward(self.alice, "Voicemail"))
        self.assertEqual("Voicemail", settings.forward_target)

    def test_ring_too(self) -> None:
        """Others ring too, at once unless told otherwise."""
        settings = self.do(self.forwarding.ring_too(self.alice, "Contact", contact=CAROL))
        self.assertEqual(
            ("SimultaneousRing", "Contact", CAROL, 0),
            (
                settings.active_setting,
                settings.ring_target,
                settings.ring_contact,
                settings.ring_delay_s,
            ),
        )
        done(running(self.world.delegates.add_delegate(ALICE, BOB)))
        settings = self.do(self.forwarding.ring_too(self.alice, "Delegates", 15))
        self.assertEqual(("Delegates", 15), (settings.ring_target, settings.ring_delay_s))
        self.assertEqual(CAROL, settings.ring_contact)

    def test_nobody_there(self) -> None:
        """Without delegates or a team they cannot be chosen."""
        none = ("Conflict", "NoDelegatesConfigured")
        self.refused(self.forwarding.forward(self.alice, "Delegates"), *none)
        self.refused(self.forwarding.ring_too(self.alice, "Delegates"), *none)
        team = self.forwarding.ring_too(self.alice, "Team")
        self.refused(team, "Conflict", "NoTeamMembersConfigured")

    def test_unanswered(self) -> None:
        """Unanswered calls go to a contact after a while, until it is reset."""
        settings = self.do(self.forwarding.send_unanswered(self.alice, "Contact", 5, CAROL))
        self.assertEqual(
            ("Enabled", "Contact", CAROL, 5),
            (
                settings.unanswered,
                settings.unanswered_target,
                settings.unanswered_contact,
                settings.unanswered_delay_s,
            ),
        )
        settings = self.do(self.forwarding.reset_unanswered(self.alice))
        self.assertEqual("Voicemail", self.forwarding.unanswered_target(settings))
        self.assertEqual(20, settings.unanswered_delay_s)

    def test_turn_off(self) -> None:
        """Calls ring at the user and go to voicemail; what was chosen is remembered."""
        self.do(self.forwarding.send_unanswered(self.alice, "Contact", 5, CAROL))
        self.do(self.forwarding.forward(self.alice, "Contact", CAROL))
        settings = self.do(self.forwarding.turn_off(self.alice))
        self.assertEqual(("None", "Contact"), (settings.active_setting, settings.forward_target))
        self.assertEqual("Voicemail", self.forwarding.unanswered_target(settings))

    def test_without_voice(self) -> None:
        """A user without Enterprise Voice cannot change anything, and has no choices."""
        bob = self.world.sign_in("bob")
        known = self.forwarding.of(BOB)
        for action in (
            self.forwarding.forward(bob, "Voicemail"),
            self.forwarding.ring_too(bob, "Contact", contact=CAROL),
            self.forwarding.send_unanswered(bob, "Voicemail"),
            self.forwarding.reset_unanswered(bob),
            self.forwarding.turn_off(bob),
            self.forwarding.set_active(bob, known, period="Workhours"),
        ):
            self.refused(action, "Forbidden")
        self.assertEqual(Choices(), self.forwarding.choices(BOB))

    def test_policy(self) -> None:
        """What the voice policy forbids cannot be chosen."""
        done(running(self.world.delegates.add_delegate(ALICE, BOB)))
        done(running(self.world.delegates.add_to_team(ALICE, BOB)))
        self.assertEqual(
            Choices(
                ("Contact", "Delegates", "Voicemail"),
                ("Contact", "Delegates", "Team"),
                ("Contact", "Voicemail"),
            ),
            self.forwarding.choices(ALICE),
        )
        forbidden = {
            "allow_call_forwarding": False,
            "allow_simul_ring": False,
            "enable_delegation": False,
            "enable_team_call": False,
        }
        done(running(self.world.voice.change("policies", "global", forbidden, 0)))
        self.assertEqual(
            Choices(("Voicemail",), (), ("Voicemail",)), self.forwarding.choices(ALICE)
        )
        self.assertEqual("me", self.world.told(self.alice)[-1])
        done(running(self.world.voice.change("policies", "global", {"usages": []}, 1)))
        self.assertEqual([], self.world.told(self.alice))
        for action in (
            self.forwarding.forward(self.alice, "Contact", CAROL),
            self.forwarding.ring_too(self.alice, "Contact", contact=CAROL),
            self.forwarding.send_unanswered(self.alice, "Contact", contact=CAROL),
        ):
            self.refused(action, "Forbidden")

    def test_told(self) -> None:
        """Each change is told to all applications of the user; what changes nothing is not."""
        self.world.told(self.alice)
        other = self.world.sign_in("alice", "tablet")
        self.do(self.forwarding.forward(self.alice, "Voicemail"))
        self.do(self.forwarding.forward(self.alice, "Voicemail"))
        self.assertEqual((["me"], ["me"]), (self.world.told(self.alice), self.world.told(other)))

    def test_restart(self) -> None:
        """The next process knows the settings."""
        settings = self.do(self.forwarding.forward(self.alice, "Contact", CAROL))
        self.assertEqual(settings, self.world.restarted().forwarding.of(ALICE))

    def test_store_fails(self) -> None:
        """What the store cannot take has not happened."""
        self.world.ledger.failing = True
        self.failureResultOf(running(self.forwarding.forward(self.alice, "Voicemail")), Unavailable)
        self.assertEqual("None", self.forwarding.of(ALICE).active_setting)

    def test_removed_user(self) -> None:
        """The settings of a user who is removed are gone."""
        self.do(self.forwarding.forward(self.alice, "Voicemail"))
        done(running(self.world.users.remove(ALICE, self.world.now)))
        self.assertEqual([], self.world.stored(CallForwarding))
        self.assertEqual(0, self.forwarding.of(ALICE).version)

    def test_ended_application(self) -> None:
        """An application that has ended changes nothing."""
        done(self.world.end(self.alice))
        self.refused(self.forwarding.turn_off(self.alice), "NotFound", "ApplicationNotFound")


class PutTests(ForwardingTestCase):
    """Settings that are written back whole."""

    def test_active(self) -> None:
        """A setting whose target is known comes into force; one without a target cannot."""
        known = self.forwarding.of(ALICE)
        for setting in ("ImmediateForward", "SimultaneousRing"):
            self.refused(self.forwarding.set_active(self.alice, known, setting=setting), "Conflict")
        self.do(self.forwarding.forward(self.alice, "Contact", CAROL))
        known = self.do(self.forwarding.turn_off(self.alice))
        done(
            running(
                self.forwarding.set_active(
                    self.alice, known, setting="ImmediateForward", period="Workhours"
                )
            )
        )
        settings = self.forwarding.of(ALICE)
        self.assertEqual("ImmediateForward", settings.active_setting)
        self.assertEqual("Workhours", settings.active_period)

    def test_changed_meanwhile(self) -> None:
        """What has changed since it was read is not written over."""
        known = self.forwarding.of(ALICE)
        self.do(self.forwarding.forward(self.alice, "Voicemail"))
        for action in (
            self.forwarding.set_active(self.alice, known, period="Workhours"),
            self.forwarding.set_ring(self.alice, known, delay_s=1),
            self.forwarding.set_unanswered(self.alice, known, delay_s=7),
        ):
            self.refused(action, "PreconditionFailed")

    def test_shown_disabled(self) -> None:
        """What clients are shown while all calls are forwarded changes nothing when it comes
        back."""
        known = self.do(self.forwarding.forward(self.alice, "Voicemail"))
        self.do(
            self.forwarding.set_active(self.alice, known, setting="None", unanswered="Disabled")
        )
        settings = self.forwarding.of(ALICE)
        self.assertEqual("Enabled", self.forwarding.unanswered_handling(settings))

    def test_handling(self) -> None:
        """Unanswered calls ring on when it is Disabled; to enable it a target is needed."""
        known = self.forwarding.of(ALICE)
        known = self.do(self.forwarding.set_active(self.alice, known, unanswered="Disabled"))
        self.assertEqual("Disabled", self.forwarding.unanswered_handling(known))
        known = self.do(self.forwarding.set_unanswered(self.alice, known, target="None"))
        enabled = self.forwarding.set_active(self.alice, known, unanswered="Enabled")
        self.refused(enabled, "Conflict")
        known = self.do(self.forwarding.set_unanswered(self.alice, known, target="Voicemail"))
        self.assertEqual("Enabled", self.forwarding.unanswered_handling(known))

    def test_ring(self) -> None:
        """Target and delay are written; without a target nobody rings too."""
        done(running(self.world.delegates.add_delegate(ALICE, BOB)))
        known = self.do(self.forwarding.ring_too(self.alice, "Delegates"))
        known = self.do(self.forwarding.set_ring(self.alice, known, delay_s=9))
        self.assertEqual(("Delegates", 9), (known.ring_target, known.ring_delay_s))
        self.refused(self.forwarding.set_ring(self.alice, known, target="Contact"), "Conflict")
        team = self.forwarding.set_ring(self.alice, known, target="Team")
        self.refused(team, "Conflict", "NoTeamMembersConfigured")
        known = self.do(self.forwarding.set_ring(self.alice, known, target="None"))
        self.assertEqual("None", known.active_setting)

    def test_unanswered(self) -> None:
        """Target and delay are written, but not while all calls are forwarded."""
        known = self.do(self.forwarding.set_unanswered(self.alice, self.forwarding.of(ALICE)))
        self.refused(
            self.forwarding.set_unanswered(self.alice, known, target="Contact"), "Conflict"
        )
        self.do(self.forwarding.send_unanswered(self.alice, "Contact", 7, CAROL))
        known = self.do(self.forwarding.reset_unanswered(self.alice))
        known = self.do(
            self.forwarding.set_unanswered(self.alice, known, target="Contact", delay_s=60)
        )
        self.assertEqual((CAROL, 60), (known.unanswered_contact, known.unanswered_delay_s))
        known = self.do(self.forwarding.forward(self.alice, "Voicemail"))
        self.refused(self.forwarding.set_unanswered(self.alice, known, delay_s=8), "Forbidden")
        done(running(self.forwarding.set_unanswered(self.alice, known, target="Contact")))


class ContactTests(ForwardingTestCase):
    """Who may be named as a target."""

    def test_users(self) -> None:
        """A user in any spelling of its URI."""
        for text in (CAROL, "Carol@Example.Test", "sip:CAROL@example.test "):
            self.assertEqual(CAROL, self.forwarding.destinations.contact(text, ALICE))

    def test_numbers(self) -> None:
        """A number in any spelling, also as a SIP URI with user=phone."""
        for text in (
            "tel:+1-425-555-0199",
            "+14255550199",
            "+1 (425) 555.0199",
            "sip:+14255550199@example.test;user=phone",
        ):
            self.assertEqual("tel:+14255550199", self.forwarding.destinations.contact(text, ALICE))

    def test_wrong(self) -> None:
        """No number, strangers, emergency numbers and the user itself are refused."""
        for text in (
            "tel:",
            "abc",
            "+",
            "12x",
            "sip:x@example.test;user=phone",
            "\u0663\u0664\u0665",
        ):
            with self.assertRaises(Refusal) as caught:
                self.forwarding.destinations.contact(text, ALICE)
            self.assertEqual("NormalizationFailed", caught.exception.subcode)
        for text in (uri("nobody"), "@", "a@b@c", ALICE, "+14255550101"):
            with self.assertRaises(PeerFault) as fault:
                self.forwarding.destinations.contact(text, ALICE)
            self.assertEqual(["target"], [one.name for one in fault.exception.parameters])
        for text in ("112", "tel:911"):
            with self.assertRaises(Refusal) as caught:
                self.forwarding.destinations.contact(text, ALICE)
            self.assertEqual("Forbidden", caught.exception.code)

    def test_internal_only(self) -> None:
        """Where policy lets calls go to users here alone, only their numbers are taken."""
        self.change("carol", enterprise_voice=True, work_phone="+14255550103")
        only = {"call_forwarding_simul_ring_usage_type": "InternalOnly"}
        done(running(self.world.voice.change("policies", "global", only, 0)))
        contact = self.forwarding.destinations.contact
        self.assertEqual("tel:+14255550103", contact("+14255550103", ALICE))
        with self.assertRaises(Refusal) as caught:
            contact("+4930123456", ALICE)
        self.assertEqual("Forbidden", caught.exception.code)


class DirectoryTests(ForwardingTestCase):
    """What plans are made from."""

    def test_plan(self) -> None:
        """The settings of users, their delegates and their numbers make the plan of a call."""
        self.change("carol", enterprise_voice=True, work_phone="+14255550103")
        self.do(self.forwarding.forward(self.alice, "Contact", "tel:+14255550103"))
        plan = route(BOB, ALICE, self.forwarding.directory(), self.world.now)
        self.assertEqual((CAROL, (ALICE,)), (plan.callee, plan.passed))

    def test_unroutable_number(self) -> None:
        """A number that no gateway leads to is not rung: the user rings itself."""
        self.do(self.forwarding.forward(self.alice, "Contact", "tel:+4930123456"))
        plan = route(BOB, ALICE, self.forwarding.directory(), self.world.now)
        self.assertEqual([ALICE], [ring.place for ring in plan.rings])

    def test_gone(self) -> None:
        """A disabled contact is not rung, nor a delegate that is disabled."""
        done(running(self.world.delegates.add_delegate(ALICE, CAROL)))
        self.do(self.forwarding.forward(self.alice, "Delegates"))
        plan = route(BOB, ALICE, self.forwarding.directory(), self.world.now)
        self.assertEqual([CAROL], [ring.place for ring in plan.rings])
        self.change("carol", enabled=False)
        plan = route(BOB, ALICE, self.forwarding.directory(), self.world.now)
        self.assertEqual([ALICE], [ring.place for ring in plan.rings])


class NoVoicemailTests(ForwardingTestCase):
    """Where there is no voicemail."""

    bounds = Bounds()

    def test_default(self) -> None:
        """Unanswered calls are not sent anywhere, and voicemail cannot be chosen."""
        settings = self.forwarding.of(ALICE)
        self.assertEqual("Disabled", self.forwarding.unanswered_handling(settings))
        self.assertEqual("None", self.forwarding.unanswered_target(settings))
        self.refused(self.forwarding.forward(self.alice, "Voicemail"), "Forbidden")
        self.refused(self.forwarding.send_unanswered(self.alice, "Voicemail"), "Forbidden")
