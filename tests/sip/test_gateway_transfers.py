"""What the other end of a call to a number asks for within it: transfers, and keys."""

from typing import cast
from urllib.parse import quote

from mobility.domain.facts import ConversationChanged, InvitationChanged
from mobility.domain.records import Invitation
from mobility.media.offers import read_description
from mobility.sip.tones import RELAY
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE, WORK
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_gateway_legs import GatewayTestCase
from tests.sip.test_transfers import fragments


class TransferTests(GatewayTestCase):
    """Alice's application talks to a number, whose end transfers the call."""

    def setUp(self) -> None:
        super().setUp()
        self.carol = self.sip.phone("carol", "192.0.2.23")
        self.invitation = self.connected()

    def refer(self, target: str) -> None:
        self.gateway.sends("REFER", f"Refer-To: <{target}>")
        self.sip.settle()

    def answer(self, answer: str) -> None:
        """Alice's application answers what it is offered anew."""
        conversation = self.world.conversation(self.alice, self.invitation.conversation_id)
        assert conversation.renegotiation is not None
        renegotiation_id = conversation.renegotiation.id
        answered = self.world.renegotiations.answer(
            self.alice, conversation.id, renegotiation_id, read_description(answer)
        )
        done(running(answered))
        self.sip.settle()

    def test_transferred(self) -> None:
        """Whom it names is called as Alice with her media; once it answers, the gateway is told and
        gets BYE, and Alice is offered the media of who has answered."""
        self.refer(uri("carol"))
        self.assertEqual(self.gateway.statuses[-1], 202)
        invite = self.carol.last("INVITE")
        self.assertEqual(invite.from_.sip.aor, uri("alice"))
        self.assertEqual(invite.body.decode(), sdp("alice"))
        self.carol.answers_with(180)
        self.sip.settle()
        self.carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.assertEqual(fragments(self.gateway), ["100", "180", "200"])
        self.assertEqual(self.gateway.methods[-1], "BYE")
        self.answer(sdp("alice"))
        self.assertFalse(self.sip.heard(self.alice, ConversationChanged, change="deleted"))
        self.carol.sends("UPDATE", body=sdp("carol", "sendonly"))
        self.sip.settle()
        self.answer(sdp("alice", "recvonly"))
        self.assertEqual(self.carol.statuses[-1], 200)
        self.assertIn("a=recvonly", self.carol.answers[-1].body.decode())
        self.hang_up(self.alice, self.invitation.conversation_id)
        self.assertEqual(self.carol.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_to_a_line(self) -> None:
        """A number that is a line here is its user; other numbers are 404, since gateways are not
        joined with one another."""
        bob = self.sip.application("bob")
        self.refer(f"sip:{WORK['bob']}@gw.test;user=phone")
        invitation = self.rings(bob)
        self.assertEqual(invitation.from_uri, uri("alice"))
        self.gateway.sends("REFER", f"Refer-To: <sip:{OUTSIDE}@gw.test;user=phone>")
        self.assertEqual(self.gateway.statuses[-1], 491)
        self.accept(bob, invitation.id, sdp("bob"))
        self.assertEqual(fragments(self.gateway)[-1], "200")
        self.connected()
        self.refer(f"sip:{OUTSIDE}@gw.test;user=phone")
        self.assertEqual(self.gateway.statuses[-1], 404)

    def test_other_call(self) -> None:
        """The gateway joins two users that it talks to, whichever side has called, and is rid of
        both."""
        first, number = self.gateway.last("INVITE"), f"sip:{WORK['bob']}@example.test;user=phone"
        bob = self.sip.phone("bob", "192.0.2.22")
        self.gateway.calls(number, sdp("gw"))
        self.sip.settle()
        bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.gateway.acknowledges()
        assert self.gateway.invite is not None
        to = [one for one in self.gateway.answers if one.status == 200][-1].to.tag
        replaces = f"{self.gateway.invite.call_id};to-tag={to};from-tag=gw.test"
        target = f"sip:anybody@gw.test?Replaces={quote(replaces, safe='')}"
        self.gateway.sends_within(first, "REFER", f"Refer-To: <{target}>")
        self.sip.settle()
        self.assertEqual(fragments(self.gateway), ["100", "200"])
        self.assertEqual(self.gateway.methods[-2:], ["BYE", "BYE"])
        bob.responds(bob.last("INVITE"), 200, sdp("bob"))
        self.sip.settle()
        self.answer(sdp("alice"))
        self.hang_up(self.alice, self.invitation.conversation_id)
        self.assertEqual(bob.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_both_placed(self) -> None:
        """Two users who have called numbers of the gateway are joined by it, too."""
        first = self.gateway.last("INVITE")
        bob = self.sip.telephone("bob", "192.0.2.25")
        bob.calls(f"sip:{OUTSIDE}@example.test;user=phone", sdp("bob"))
        self.sip.settle()
        self.gateway.answers_with(200, sdp("gw"), tag="other")
        self.sip.settle()
        bob.acknowledges()
        second = self.gateway.last("INVITE")
        replaces = f"{second.call_id};to-tag={second.from_.tag};from-tag=other"
        target = f"sip:anybody@gw.test?Replaces={quote(replaces, safe='')}"
        self.gateway.sends_within(first, "REFER", f"Refer-To: <{target}>")
        self.sip.settle()
        self.assertEqual(fragments(self.gateway), ["100", "200"])
        bob.responds(bob.last("INVITE"), 200, sdp("bob"))
        self.sip.settle()
        self.answer(sdp("alice"))
        bob.within("BYE")
        self.sip.settle()
        self.assertTrue(self.sip.heard(self.alice, ConversationChanged, change="deleted"))
        self.assertEqual(len(self.sip.calls), 0)

    def test_refused(self) -> None:
        """Where nobody answers the call goes on, and either end may hang up."""
        self.refer(uri("carol"))
        self.carol.answers_with(486)
        self.sip.settle()
        self.assertEqual(fragments(self.gateway), ["100", "486"])
        self.assertNotIn("BYE", self.gateway.methods)
        self.hang_up(self.alice, self.invitation.conversation_id)
        self.assertEqual(self.gateway.methods[-1], "BYE")

    def test_left_early(self) -> None:
        """The gateway may hang up before anybody answers: Alice is kept for whom she is to talk to,
        and is not when nobody wants it."""
        for status in (200, 486):
            self.refer(uri("carol"))
            self.gateway.sends("BYE")
            self.sip.settle()
            self.assertFalse(self.sip.heard(self.alice, ConversationChanged, change="deleted"))
            self.carol.answers_with(status, sdp("carol") if status == 200 else "")
            self.sip.settle()
            if status == 200:
                self.answer(sdp("alice"))
                self.carol.sends("BYE")
                self.sip.settle()
            self.assertTrue(self.sip.heard(self.alice, ConversationChanged, change="deleted"))
            self.assertEqual(len(self.sip.calls), 0)
            self.setUp()

    def test_abandoned(self) -> None:
        """Alice hangs up before anybody answers: nobody rings any more."""
        self.refer(uri("carol"))
        self.carol.answers_with(180)
        self.sip.settle()
        self.hang_up(self.alice, self.invitation.conversation_id)
        self.assertEqual(self.carol.methods, ["INVITE", "CANCEL"])
        self.assertEqual(self.gateway.methods[-1], "BYE")
        self.assertEqual(fragments(self.gateway)[-1], "487")

    def test_own_telephone(self) -> None:
        """The telephone with which somebody takes part in a call does not transfer it: 603."""
        bob = cast(Telephone, self.gateway)
        caller = self.phones_ring(bob)
        self.assertTrue(caller)
        self.gateway.sends("REFER", f"Refer-To: <{uri('carol')}>")
        self.sip.settle()
        self.assertEqual(self.gateway.statuses[-1], 603)

    def phones_ring(self, gateway: Telephone) -> Invitation:
        """Alice calls Bob, who answers with his own telephone."""
        bob = self.sip.application("bob")
        wanted = self.start(self.alice, "bob", sdp("alice"))
        invitation = self.rings(bob)
        done(running(self.phones.handsets.accept(bob, invitation.id, self.world.now)))
        self.sip.settle()
        gateway.answers_with(200, sdp("mobile"))
        self.sip.settle()
        (told,) = self.sip.heard(self.alice, InvitationChanged, id=wanted.id, change="completed")
        self.assertEqual(cast(InvitationChanged, told).state, "Connected")
        return wanted


class KeyTests(GatewayTestCase):
    """A phone talks to a number, whose end presses keys."""

    def setUp(self) -> None:
        super().setUp()
        self.phone = self.sip.telephone("alice", "192.0.2.30")
        self.phone.calls(f"sip:{OUTSIDE}@example.test;user=phone", sdp("phone"))
        self.sip.settle()
        self.gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        self.phone.acknowledges()

    def test_pressed(self) -> None:
        """The phone is told of the key, and whether it takes it is the answer."""
        for status, answered in ((200, 200), (501, 415)):
            self.gateway.sends("INFO", body="Signal=5\r\nDuration=160\r\n", kind=RELAY)
            self.sip.settle()
            told = self.phone.last("INFO")
            self.assertEqual(told.body, b"Signal=5\r\nDuration=160\r\n")
            self.phone.responds(told, status)
            self.sip.settle()
            self.assertEqual(self.gateway.statuses[-1], answered)

    def test_packages(self) -> None:
        """A package of INFO that is not known is 469, with those that are: none (RFC 6086)."""
        self.gateway.sends("INFO", "Info-Package: dtmf-like", body="5", kind="text/plain")
        self.sip.settle()
        self.assertEqual(self.gateway.statuses[-1], 469)
        self.assertEqual(self.gateway.answers[-1].first("Recv-Info"), "")
        self.gateway.sends("INFO", body="x", kind="text/plain")
        self.assertEqual(self.gateway.statuses[-1], 415)
