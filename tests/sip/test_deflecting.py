"""Phones that send the calls on which they are to ring for."""

import attrs

from mobility.domain.call_destinations import ForwardingSettings
from mobility.domain.facts import InvitationChanged
from mobility.sip.transaction import cancellation
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE, WORK
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase


class DeflectingTestCase(CallTestCase):
    """Alice's phone calls Bob, who has a phone."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.sip.telephone("alice")
        self.bob = self.sip.phone("bob", "192.0.2.22")

    def calls(self) -> None:
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()

    def sends_on(self, *targets: str, phone: Telephone | None = None, **said: str) -> None:
        """A phone answers 302."""
        contacts = ", ".join(f"<{one}>" for one in targets)
        fields = [("Diversion", f"<{uri('bob')}>;reason={one}") for one in said.values()]
        (phone or self.bob).answers_with(302, "", *fields, ("Contact", contacts))
        self.sip.settle()

    def redirected(self) -> list[tuple[object, object]]:
        """Whether each redirect was followed, and why not."""
        return [(line["followed"], line["reason"]) for line in self.sip.log.named("sip.redirected")]


class FollowedTests(DeflectingTestCase):
    """Redirects that lead where the user's own forwarding would."""

    def test_to_a_user(self) -> None:
        """The other user's devices ring instead of all that rang, told who has sent the call on;
        the caller is told 181, and talks to who answers."""
        carol = self.sip.phone("carol", "192.0.2.23")
        application = self.sip.application("bob")
        other = self.sip.phone("bob", "192.0.2.24")
        self.calls()
        self.bob.answers_with(180)
        other.answers_with(180)
        self.sip.settle()
        self.sends_on(uri("carol"), phone=other)
        self.assertEqual(self.redirected(), [(True, "")])
        invite = carol.last("INVITE")
        self.assertEqual(invite.from_.sip.aor, uri("alice"))
        self.assertEqual(invite.first("Diversion"), f'"Bob" <{uri("bob")}>;reason=deflection')
        history = invite.first("History-Info") or ""
        self.assertTrue(history.startswith(f"<{uri('bob')}?Reason=SIP%3Bcause%3D487>;index=1"))
        (over,) = self.sip.heard(application, InvitationChanged, change="completed")
        assert isinstance(over, InvitationChanged)
        assert over.reason is not None
        self.assertEqual(over.reason.subcode, "Forwarded")
        self.assertEqual(self.bob.methods, ["INVITE", "CANCEL"])
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.assertEqual([one for one in self.alice.statuses if one != 180], [100, 181, 200])
        self.alice.acknowledges()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(carol.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_to_a_number(self) -> None:
        """A number is called by the routes of who sends the call on, and at once it is all calls
        that go there."""
        gateway = self.sip.gateway()
        self.calls()
        self.sends_on("sip:nobody@example.test", f"sip:{OUTSIDE}@example.test;user=phone")
        invite = gateway.last("INVITE")
        self.assertIn(OUTSIDE, invite.uri)
        self.assertEqual(invite.from_.sip.user, WORK["alice"])
        by = f"<sip:{WORK['bob']}@example.test;user=phone>"
        self.assertEqual(invite.first("Diversion"), f"{by};reason=unconditional")
        self.assertEqual(self.redirected(), [(True, "")])

    def test_why(self) -> None:
        """A phone that says why it sends calls on is believed."""
        carol = self.sip.phone("carol", "192.0.2.23")
        self.calls()
        self.sends_on(uri("carol"), why="user-busy")
        self.assertIn("reason=user-busy", carol.last("INVITE").first("Diversion") or "")

    def test_to_voicemail(self) -> None:
        """Where the phone names everybody's voicemail it is Bob's."""
        server = self.sip.phone("carol", "192.0.2.23")
        self.world.forwarding.destinations.everybody = ForwardingSettings(uri("carol"))
        self.calls()
        self.bob.answers_with(180)
        self.sends_on(uri("carol"))
        self.assertIn(";target=sip:bob%40example.test;cause=487", server.last("INVITE").uri)

    def test_nobody_there(self) -> None:
        """Where nothing rings for who is named what rings besides goes on."""
        other = self.sip.phone("bob", "192.0.2.24")
        self.calls()
        self.sends_on(uri("carol"), phone=other)
        self.assertEqual(self.redirected(), [(True, "")])
        self.assertEqual((self.alice.statuses, self.bob.methods), ([100], ["INVITE"]))
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses, [100, 200])

    def test_hung_up(self) -> None:
        """The caller hangs up: what rings for the redirect stops."""
        carol = self.sip.phone("carol", "192.0.2.23")
        self.calls()
        self.sends_on(uri("carol"))
        carol.answers_with(180)
        self.sip.settle()
        assert self.alice.invite is not None
        self.alice.come(cancellation(self.alice.invite))
        self.sip.settle()
        self.assertEqual(carol.methods, ["INVITE", "CANCEL"])
        carol.answers_with(487)
        self.sip.settle()
        self.assertEqual(len(self.sip.calls), 0)

    def test_in_a_circle(self) -> None:
        """A call that two phones send to one another ends."""
        self.enable("carol")
        carol = self.sip.phone("carol", "192.0.2.23")
        self.calls()
        self.sends_on(uri("carol"))
        self.sends_on(uri("bob"), phone=carol)
        self.assertEqual(self.redirected(), [(True, ""), (False, "policy")])
        self.assertEqual(self.bob.methods, ["INVITE", "ACK"])
        self.assertEqual(self.alice.statuses[-1], 480)
        self.assertEqual(len(self.sip.calls), 0)

    def test_two_phones(self) -> None:
        """Of two phones that both send the call on the first one counts."""
        gateway = self.sip.gateway()
        carol = self.sip.phone("carol", "192.0.2.23")
        other = self.sip.phone("bob", "192.0.2.24")
        self.calls()
        self.bob.answers_with(302, "", ("Contact", f"<{uri('carol')}>"))
        self.sends_on(f"sip:{OUTSIDE}@example.test;user=phone", phone=other)
        self.assertEqual(self.redirected(), [(True, ""), (False, "policy")])
        self.assertEqual((carol.methods, gateway.methods), (["INVITE"], []))
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses, [100, 181, 200])

    def test_not_too_often(self) -> None:
        """Who has sent a call on is not rung by it again, whichever of its phones has."""
        self.enable("carol")
        carol = self.sip.phone("carol", "192.0.2.23")
        self.calls()
        self.sends_on(uri("carol"))
        self.assertEqual(carol.methods, ["INVITE"])
        self.sends_on(uri("alice"), phone=carol)  # who calls does not ring
        self.assertEqual(self.redirected()[-1], (False, "policy"))

    def enable(self, name: str) -> None:
        """Give a user Enterprise Voice."""
        change = self.world.users.update(
            uri(name), lambda user: attrs.evolve(user, enterprise_voice=True), self.world.now
        )
        done(running(change))


class RefusedTests(DeflectingTestCase):
    """Redirects that count as a refusal of the phone."""

    def is_refused(self, reason: str) -> None:
        self.assertEqual(self.redirected(), [(False, reason)])
        self.assertEqual(self.alice.statuses, [100, 480])
        self.assertEqual(len(self.sip.calls), 0)

    def test_nobody(self) -> None:
        """One that names nobody here and no number leads nowhere; neither does a phone's GRUU."""
        self.calls()
        self.sends_on("sip:nobody@example.test", "sip:zoe@partner.test", "mailto:bob@example.test")
        self.is_refused("nobody")

    def test_policy(self) -> None:
        """One of a user who may not forward calls."""
        self.sip.phone("carol", "192.0.2.23")
        values, version = {"allow_call_forwarding": False}, 1
        done(running(self.world.voice.change("policies", "global", values, version)))
        self.calls()
        self.sends_on(uri("carol"))
        self.is_refused("policy")

    def test_itself(self) -> None:
        """One to the user itself."""
        self.calls()
        self.sends_on(uri("bob"))
        self.is_refused("policy")

    def test_emergency(self) -> None:
        """One to a number of the emergency services."""
        self.calls()
        self.sends_on("sip:112@example.test;user=phone")
        self.is_refused("policy")

    def test_without_voice(self) -> None:
        """One of a user without Enterprise Voice, who has no forwarding."""
        carol = self.sip.phone("carol", "192.0.2.23")
        self.alice.calls(uri("carol"), sdp("alice"))
        self.sip.settle()
        self.sends_on(uri("bob"), phone=carol)
        self.is_refused("policy")

    def test_beside(self) -> None:
        """One of a phone that rings beside who is called: the call is not its user's to send on."""
        application = self.sip.application("alice")
        done(running(self.world.forwarding.ring_too(application, "Contact", None, uri("bob"))))
        carol = self.sip.telephone("carol", "192.0.2.23")
        carol.calls(uri("alice"), sdp("carol"))
        self.sip.settle()
        self.sends_on(uri("carol"))
        self.assertEqual(self.redirected(), [(False, "policy")])
        self.assertEqual(carol.statuses, [100])
        self.assertTrue(self.sip.heard(application, InvitationChanged, change="started"))
