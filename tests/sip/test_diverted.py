"""Calls that somebody has sent on, to voicemail and elsewhere."""

from mobility.domain.call_destinations import ForwardingSettings
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE
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
        """Another number is told who sent the call on, and its URI is left alone."""
        gateway = self.sip.gateway()
        forward = self.world.forwarding.forward
        done(running(forward(self.bob, "Contact", f"tel:{OUTSIDE}")))
        self.start(self.alice, "bob", sdp("alice"))
        invite = gateway.last("INVITE")
        self.assertNotIn("target=", invite.uri)
        self.assertIn(uri("bob"), invite.first("Diversion") or "")

    def test_not_diverted(self) -> None:
        """Nothing is said of a call that nobody has sent on."""
        phone = self.sip.phone("bob")
        self.start(self.alice, "bob", sdp("alice"))
        self.assertNotIn("Diversion", phone.last("INVITE").fields)
