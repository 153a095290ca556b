"""Calls that somebody has sent on, to voicemail and elsewhere."""

from mobility.domain.call_destinations import ForwardingSettings
from mobility.domain.facts import InvitationChanged
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import MOBILE, OUTSIDE, WORK
from tests.sip.call_world import VOICEMAIL, sdp
from tests.sip.test_calls import CallTestCase


class DivertedTests(CallTestCase):
    """Alice calls Bob, who has his calls go elsewhere."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.sip.application("alice")
        self.bob = self.sip.application("bob")

    def voicemail(self, place: str) -> None:
        settings = ForwardingSettings(place)
        self.world.forwarding.destinations.everybody = settings

    def test_to_voicemail_at_once(self) -> None:
        """A voicemail server that is registered as a user is told whose call it is and why."""
        self.voicemail(uri("carol"))
        server = self.sip.phone("carol")
        done(running(self.world.forwarding.forward(self.bob, "Voicemail")))
        self.start(self.alice, "bob", sdp("alice"))
        invite = server.last("INVITE")
        self.assertIn(";target=sip:bob%40example.test;cause=302", invite.uri)
        self.assertEqual(invite.first("Diversion"), f'"Bob" <{uri("bob")}>;reason=unconditional')
        history = invite.first("History-Info") or ""
        self.assertTrue(history.startswith(f"<{uri('bob')}>;index=1, <sip:carol@"))
        server.answers_with(200, sdp("voicemail"))
        self.sip.settle()
        self.assertEqual(server.methods, ["INVITE", "ACK"])

    def test_to_voicemail_unanswered(self) -> None:
        """A voicemail beyond a gateway is told so when nobody has answered."""
        self.voicemail(VOICEMAIL)
        gateway = self.sip.gateway()
        done(running(self.world.forwarding.send_unanswered(self.bob, "Voicemail", 5)))
        self.start(self.alice, "bob", sdp("alice"))
        self.assertEqual(gateway.methods, [])
        for _ in range(6):
            self.sip.settle(1.0)
        invite = gateway.last("INVITE")
        self.assertIn(VOICEMAIL[4:], invite.uri)
        self.assertIn(";target=sip:bob%40example.test;cause=408", invite.uri)
        self.assertIn("reason=no-answer", invite.first("Diversion") or "")

    def test_to_voicemail_unavailable(self) -> None:
        """One to which a call goes because the phone that rang has refused it soon is told that
        nobody answered, not that all calls go there."""
        self.voicemail(VOICEMAIL)
        gateway, phone = self.sip.gateway(), self.sip.phone("bob")
        done(running(self.world.forwarding.send_unanswered(self.bob, "Voicemail", 20)))
        done(running(self.world.applications.end(self.bob, self.world.now)))
        self.start(self.alice, "bob", sdp("alice"))
        phone.answers_with(180)
        self.sip.settle()
        phone.answers_with(480)
        self.sip.settle()
        invite = gateway.last("INVITE")
        self.assertIn(";target=sip:bob%40example.test;cause=408", invite.uri)
        self.assertIn("reason=no-answer", invite.first("Diversion") or "")

    def test_to_a_number(self) -> None:
        """Another number is shown who calls, and told by number who sent the call on; its URI is
        left alone."""
        gateway = self.sip.gateway()
        forward = self.world.forwarding.forward
        done(running(forward(self.bob, "Contact", f"tel:{OUTSIDE}")))
        self.start(self.alice, "bob", sdp("alice"))
        invite = gateway.last("INVITE")
        self.assertNotIn("target=", invite.uri)
        self.assertEqual(invite.from_.sip.user, WORK["alice"])
        self.assertIn(WORK["alice"], invite.first("P-Asserted-Identity") or "")
        by = f"<sip:{WORK['bob']}@example.test;user=phone>"
        self.assertEqual(invite.first("Diversion"), f"{by};reason=unconditional")
        sent_to = f"<{invite.uri};cause=302>"
        self.assertEqual(invite.first("History-Info"), f"{by};index=1, {sent_to};index=1.1;mp=1")

    def test_from_outside(self) -> None:
        """A call from the telephone network shows the number that it has come from where it goes
        on to, unless the gateway there takes no numbers but those of users here."""
        gateway = self.sip.gateway()
        forward = self.world.forwarding.forward
        done(running(forward(self.bob, "Contact", f"tel:{MOBILE['bob']}")))
        to = f"sip:{WORK['bob']}@192.0.2.1:5089;user=phone"
        named = f"P-Asserted-Identity: <sip:{OUTSIDE}@gw.test;user=phone>"
        for takes, shown in ((True, OUTSIDE), (False, WORK["bob"])):
            voice = self.world.voice
            values, version = (
                {"foreign_caller_ids": takes},
                voice.find("gateways", "gw.test").version,
            )
            done(running(voice.change("gateways", "gw.test", values, version)))
            gateway.calls(to, sdp("gw"), named, call=f"c{takes}")
            self.sip.settle()
            self.assertEqual(gateway.last("INVITE").from_.sip.user, shown)
        self.start(self.alice, "bob", sdp("alice"))
        self.assertEqual(gateway.last("INVITE").from_.sip.user, WORK["alice"])

    def test_in_a_circle(self) -> None:
        """A number from which the call comes back, since somebody there sends it on here, is not
        called for ever: after five times Bob's own devices ring."""
        gateway = self.sip.gateway()
        forward = self.world.forwarding.forward
        done(running(forward(self.bob, "Contact", f"tel:{OUTSIDE}")))
        named = f"P-Asserted-Identity: <sip:{MOBILE['alice']}@gw.test;user=phone>"
        number = f"sip:{WORK['bob']}@192.0.2.1:5089;user=phone"
        for turn in range(6):
            self.assertEqual(len(gateway.got), turn)
            self.assertFalse(self.sip.heard(self.bob, InvitationChanged, change="started"))
            gateway.calls(number, sdp("gw"), named, call=f"turn{turn}")
            self.sip.settle()
        self.assertEqual(gateway.methods, ["INVITE"] * 5)
        self.assertTrue(self.sip.heard(self.bob, InvitationChanged, change="started"))
        self.start(self.alice, "bob", sdp("alice"))  # calls of others go there
        self.assertEqual(gateway.methods, ["INVITE"] * 6)

    def test_without_a_number(self) -> None:
        """A caller without a number is anonymous, not whoever sends the call on."""
        gateway = self.sip.gateway()
        forward = self.world.forwarding.forward
        done(running(forward(self.bob, "Contact", f"tel:{MOBILE['bob']}")))
        caller = self.sip.telephone("stranger", "192.0.2.60")
        caller.calls(uri("bob"), sdp("x"), "P-Asserted-Identity: <sip:dora@partner.test>")
        self.sip.settle()
        invite = gateway.last("INVITE")
        self.assertEqual(invite.from_.sip.host, "anonymous.invalid")
        self.assertIn(WORK["bob"], invite.first("Diversion") or "")

    def test_beside(self) -> None:
        """A mobile that rings beside its user's devices is shown who calls, and told whose it
        follows."""
        gateway = self.sip.gateway()
        mobile = f"tel:{MOBILE['bob']}"
        done(running(self.world.forwarding.ring_too(self.bob, "Contact", contact=mobile)))
        self.start(self.alice, "bob", sdp("alice"))
        invite = gateway.last("INVITE")
        self.assertEqual(invite.from_.sip.user, WORK["alice"])
        self.assertIn("reason=follow-me", invite.first("Diversion") or "")
        self.assertIn(";rc=1", invite.first("History-Info") or "")

    def test_causes(self) -> None:
        """Voicemail is told why the call has come to it: what the phone that was called has
        answered, at once or after it has rung."""
        self.voicemail(VOICEMAIL)
        gateway, phone = self.sip.gateway(), self.sip.phone("bob")
        done(running(self.world.forwarding.send_unanswered(self.bob, "Voicemail", 20)))
        done(running(self.world.applications.end(self.bob, self.world.now)))
        for rang, status, cause, reason in (
            (False, 486, 486, "user-busy"),
            (True, 486, 486, "user-busy"),
            (False, 403, 480, "deflection"),
            (True, 403, 487, "deflection"),
            (False, 480, 404, "unavailable"),
            (True, 480, 408, "no-answer"),
            (False, 404, 404, "unavailable"),
            (False, 408, 408, "no-answer"),
        ):
            invitation = self.start(self.alice, "bob", sdp("alice"))
            if rang:
                phone.answers_with(180)
                self.sip.settle()
            phone.answers_with(status)
            self.sip.settle()
            invite = gateway.last("INVITE")
            said = (status, rang)
            self.assertTrue(invite.uri.endswith(f";cause={cause}"), (said, invite.uri))
            self.assertIn(f"reason={reason}", invite.first("Diversion") or "", said)
            self.assertIn(f"?Reason=SIP%3Bcause%3D{cause}>", invite.first("History-Info") or "")
            self.hang_up(self.alice, invitation.conversation_id)

    def test_not_to_be_disturbed(self) -> None:
        """So it is of who is not to be disturbed, and of whom nobody is there."""
        self.voicemail(VOICEMAIL)
        gateway = self.sip.gateway()
        set_presence = self.world.applications.set_presence
        done(running(set_presence(self.bob, "DoNotDisturb", self.world.now)))
        invitation = self.start(self.alice, "bob", sdp("alice"))
        invite = gateway.last("INVITE")
        self.assertIn(";cause=486", invite.uri)
        self.assertIn("reason=do-not-disturb", invite.first("Diversion") or "")
        self.hang_up(self.alice, invitation.conversation_id)
        done(running(self.world.applications.end(self.bob, self.world.now)))
        self.start(self.alice, "bob", sdp("alice"))
        invite = gateway.last("INVITE")
        self.assertIn(";cause=404", invite.uri)
        self.assertIn("reason=unavailable", invite.first("Diversion") or "")

    def test_not_diverted(self) -> None:
        """Nothing is said of a call that nobody has sent on."""
        phone = self.sip.phone("bob")
        self.start(self.alice, "bob", sdp("alice"))
        self.assertNotIn("Diversion", phone.last("INVITE").fields)
