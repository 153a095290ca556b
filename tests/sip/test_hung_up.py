"""BYE ends a call at once, whatever else is under way in it."""

from typing import cast

from mobility.domain.applications import Endpoint
from mobility.domain.facts import CallChanged, InvitationChanged, RenegotiationChanged
from mobility.media.offers import read_description
from tests.domain.doubles import done, running, uri
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_gateway_legs import GatewayTestCase


class UnansweredOfferTests(GatewayTestCase):
    """An application that answers no new offer talks to a telephone, which hangs up."""

    def caller(self) -> Telephone:
        """A phone that has called Alice's application."""
        phone = self.sip.telephone("bob", "192.0.2.41")
        phone.calls(uri("alice"), sdp("bob"))
        self.accept(self.alice, self.rings(self.alice).id, sdp("alice"))
        phone.acknowledges()
        self.sip.settle()
        return phone

    def callee(self) -> Telephone:
        """A phone that Alice's application has called."""
        phone = self.sip.phone("bob", "192.0.2.42")
        self.start(self.alice, "bob", sdp("alice"))
        phone.answers_with(200, sdp("bob"))
        self.sip.settle()
        return phone

    def over(self, alice: Endpoint | None = None) -> None:
        """The application knows that the call is over, and nothing is left of it."""
        alice = alice or self.alice
        self.assertTrue(self.sip.heard(alice, CallChanged, state="Disconnected"))
        found = self.sip.heard(alice, RenegotiationChanged, change="completed")
        self.assertEqual(len(found), len(self.sip.heard(alice, RenegotiationChanged)) // 2)
        self.assertEqual((len(self.sip.calls), self.sip.core.dialogs), (0, {}))

    def test_caller(self) -> None:
        """A phone that called offers anew and hangs up."""
        for method in ("INVITE", "UPDATE"):
            phone = self.caller()
            phone.within(method, body=sdp("bob", "sendonly"))
            self.sip.settle()
            phone.within("BYE")
            self.sip.settle()
            said = [(one.cseq.method, one.status) for one in phone.answers[-2:]]
            self.assertEqual(sorted(said), [("BYE", 200), (method, 487)])
            self.over()
            self.setUp()

    def test_callee(self) -> None:
        """So does one that was called."""
        for method in ("INVITE", "UPDATE"):
            phone = self.callee()
            phone.sends(method, body=sdp("bob", "sendonly"))
            self.sip.settle()
            phone.sends("BYE")
            self.sip.settle()
            said = [(one.cseq.method, one.status) for one in phone.answers[-2:]]
            self.assertEqual(sorted(said), [("BYE", 200), (method, 487)])
            self.over()
            self.setUp()

    def test_gateway(self) -> None:
        """So does a gateway."""
        self.connected()
        self.gateway.sends("INVITE", body=sdp("gw", "sendonly"))
        self.sip.settle()
        self.gateway.sends("BYE")
        self.sip.settle()
        said = [(one.cseq.method, one.status) for one in self.gateway.answers[-2:]]
        self.assertEqual(sorted(said), [("BYE", 200), ("INVITE", 487)])
        self.over()

    def test_offered_to(self) -> None:
        """A telephone that has not answered what the application offers anew hangs up."""
        phone = self.callee()
        (call,) = self.sip.heard(self.alice, InvitationChanged, change="completed")
        conversation_id = cast(InvitationChanged, call).conversation_id
        offer = read_description(sdp("alice", "sendonly"))
        offering = self.world.renegotiations.offer(
            self.alice, conversation_id, offer, "", self.world.now
        )
        done(running(offering))
        self.sip.settle()
        self.assertEqual(phone.methods[-1], "INVITE")
        phone.sends("BYE")
        self.sip.settle()
        self.assertEqual(phone.statuses, [200])
        self.over()

    def test_late(self) -> None:
        """A phone that called without an offer, and whose ACK has answered, hangs up before the
        application has answered what that offers."""
        phone = self.sip.telephone("bob", "192.0.2.41")
        phone.calls(uri("alice"), "")
        answer = sdp("alice").replace("m=audio 4000 RTP/AVP 0", "m=audio 4000 RTP/AVP 0")
        self.accept(self.alice, self.rings(self.alice).id, answer)
        phone.acknowledges(sdp("bob"))
        self.sip.settle()
        phone.within("BYE")
        self.sip.settle()
        self.assertEqual(phone.statuses[-1], 200)
        self.over()

    def test_transferred(self) -> None:
        """Whom a call was transferred to hangs up before the application has answered its media."""
        phone, carol = self.caller(), self.sip.phone("carol", "192.0.2.43")
        phone.within("REFER", f"Refer-To: <{uri('carol')}>")
        self.sip.settle()
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.assertTrue(self.sip.heard(self.alice, RenegotiationChanged, change="started"))
        carol.sends("BYE")
        self.sip.settle()
        self.assertEqual((carol.statuses, phone.methods[-1]), ([200], "BYE"))
        self.over()

    def test_replaced(self) -> None:
        """A phone that is to be replaced hangs up before the application has answered what the
        other one offers."""
        phone = self.caller()
        assert phone.invite is not None
        tag = next(one.to.tag for one in reversed(phone.answers) if one.to.tag)
        replaces = f"Replaces: {phone.invite.call_id};to-tag={tag};from-tag=bob"
        other = self.sip.telephone("bob", "192.0.2.50")
        other.calls(uri("alice"), sdp("other"), replaces, call="other")
        self.sip.settle()
        phone.within("BYE")
        self.sip.settle()
        self.assertEqual((phone.statuses[-1], other.statuses), (200, [100, 488]))
        self.over()
