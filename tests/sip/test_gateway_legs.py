"""Calls to and from the telephone network, through gateways that speak SIP."""

from typing import cast

from mobility.domain.applications import Endpoint
from mobility.domain.call_rows import Wanted
from mobility.domain.facts import CallChanged, InvitationChanged, NegotiationChanged
from mobility.domain.phone_audio import PhoneCall
from mobility.domain.records import Invitation
from mobility.domain.telephone import Order
from mobility.domain.voice_objects import Gateway
from mobility.media.offers import read_description
from mobility.sip.uri import parse_sip_uri
from tests.domain.doubles import done, running
from tests.domain.phone_world import MOBILE, OUTSIDE, WORK, PhoneWorld
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase


class GatewayTestCase(CallTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.gateway = self.sip.gateway()
        self.alice = self.sip.application("alice")
        self.phones = cast(PhoneWorld, self.world).phones

    def out(self, number: str = OUTSIDE, offer: str = "") -> Invitation:
        """Alice's application calls a number over IP."""
        wanted = Wanted("", ("Audio",), read_description(offer or sdp("alice")))
        invitation = done(
            running(self.phones.outside.start(self.alice, wanted, number, self.world.now))
        )
        self.sip.settle()
        return invitation

    def outcome(self, endpoint: Endpoint | None = None) -> InvitationChanged:
        found = self.sip.heard(endpoint or self.alice, InvitationChanged, change="completed")
        return cast(InvitationChanged, found[-1])

    def connected(self) -> Invitation:
        invitation = self.out()
        self.gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        return invitation


class OutgoingTests(GatewayTestCase):
    """Calls to numbers."""

    def test_answered(self) -> None:
        """A gateway gets the number, who calls, and the offer; its answer is the caller's."""
        self.out()
        invite = self.gateway.last("INVITE")
        called = parse_sip_uri(invite.uri)
        self.assertEqual((called.user, called.host, called.port), (OUTSIDE, "gw.test", 5067))
        self.assertEqual(called.parameters["user"], "phone")
        self.assertEqual(invite.from_.sip.user, WORK["alice"])
        self.assertIn(WORK["alice"], invite.first("P-Asserted-Identity") or "")
        self.assertEqual(invite.body.decode(), sdp("alice"))
        self.gateway.answers_with(180)
        self.sip.settle()
        self.gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        self.assertEqual(self.gateway.methods, ["INVITE", "ACK"])
        self.assertEqual(self.outcome().state, "Connected")
        (answer,) = self.sip.heard(self.alice, NegotiationChanged)
        self.assertEqual(cast(NegotiationChanged, answer).answer, sdp("gw"))

    def test_early_media(self) -> None:
        """An announcement before the answer is early media for the caller; a reliable provisional
        response is acknowledged with PRACK."""
        self.out()
        reliable = ("Require", "100rel"), ("RSeq", "7")
        self.gateway.answers_with(183, sdp("early"), *reliable)
        self.sip.settle()
        self.assertEqual(self.gateway.last("PRACK").first("RAck"), "7 1 INVITE")
        (answer,) = self.sip.heard(self.alice, NegotiationChanged, provisional=True)
        self.assertEqual(cast(NegotiationChanged, answer).answer, sdp("early"))

    def test_busy(self) -> None:
        """A number that is busy is told as such, and no other gateway is asked."""
        self.out()
        self.gateway.answers_with(486)
        self.sip.settle()
        reason = self.outcome().reason
        assert reason is not None
        self.assertEqual(reason.subcode, "Busy")

    def test_next_gateway(self) -> None:
        """A gateway that fails is followed by the next one of the routes."""
        second = self.two_gateways()
        self.out()
        self.gateway.answers_with(503)
        self.sip.settle()
        self.assertEqual(second.methods, ["INVITE"])
        second.answers_with(200, sdp("gw2"))
        self.sip.settle()
        self.assertEqual(self.outcome().state, "Connected")

    def two_gateways(self) -> Telephone:
        """Another gateway after the first one."""
        world = self.world
        done(running(world.voice.add("gateways", "gw2.test", {})))
        values = {"number_pattern": r"^\+", "usages": ["All"], "gateways": ["gw2.test"]}
        done(running(world.voice.add("routes", "S", {**values, "priority": 9})))
        return self.sip.gateway("gw2.test")

    def test_out_of_channels(self) -> None:
        """A gateway that has no channel left hands over to the next one, whatever its status is;
        a number that is busy is so everywhere."""
        second = self.two_gateways()
        handed_over = 0
        for status, reason, next_one in (
            (486, "Q.850;cause=34", True),
            (480, 'Q.850;cause=38;text="Network out of order"', True),
            (486, "Q.850;cause=17", False),
            (500, "Q.850;cause=41", True),
            (408, "", True),
            (503, "", True),
            (486, "", False),
            (600, "", False),
        ):
            self.out()
            lines = [("Reason", reason)] if reason else []
            self.gateway.answers_with(status, "", *lines)
            self.sip.settle()
            handed_over += next_one
            self.assertEqual(second.methods.count("INVITE"), handed_over, (status, reason))
            if next_one:
                second.answers_with(486)
                self.sip.settle()
            subcode = self.outcome().reason
            assert subcode is not None
            self.assertEqual(subcode.subcode, "Busy")

    def test_wants_a_rest(self) -> None:
        """A gateway that says for how long it is busy is asked after all others until then."""
        second = self.two_gateways()
        self.out()
        self.gateway.answers_with(503, "", ("Retry-After", "30"))
        self.sip.settle()
        second.answers_with(486)
        self.sip.settle()
        self.out()
        self.assertEqual(
            (self.gateway.methods.count("INVITE"), second.methods.count("INVITE")), (1, 2)
        )
        second.answers_with(503)
        self.sip.settle()
        self.assertEqual(self.gateway.methods.count("INVITE"), 2)
        self.gateway.answers_with(486)
        self.sip.settle()
        self.sip.clock.advance(31)
        self.out()
        self.assertEqual(self.gateway.methods.count("INVITE"), 3)

    def test_refused(self) -> None:
        """What becomes of the number is told as the gateway says it."""
        for status, code, subcode in (
            (404, "NotFound", "DestinationNotFound"),
            (484, "NotFound", "DestinationNotFound"),
            (480, "RemoteFailure", "Unavailable"),
            (603, "RemoteFailure", "Declined"),
        ):
            self.out()
            self.gateway.answers_with(status)
            self.sip.settle()
            reason = self.outcome().reason
            assert reason is not None
            self.assertEqual((reason.code, reason.subcode), (code, subcode), status)

    def test_rang_in_vain(self) -> None:
        """A number that has rung until its gateway gave up is not called by the next gateway."""
        second = self.two_gateways()
        self.out()
        self.gateway.answers_with(180)
        self.sip.settle()
        self.gateway.answers_with(408)
        self.sip.settle()
        reason = self.outcome().reason
        assert reason is not None
        self.assertEqual((reason.subcode, second.methods), ("Timeout", []))

    def test_no_gateway(self) -> None:
        """With no gateway left the call fails."""
        self.gateway.alive = False
        self.out()
        self.sip.settle(1.0)
        reason = self.outcome().reason
        assert reason is not None
        self.assertEqual(reason.subcode, "PstnCallFailed")

    def test_cancelled(self) -> None:
        """A caller that gives up cancels at the gateway."""
        invitation = self.out()
        self.gateway.answers_with(180)
        done(running(self.world.conversations.cancel(self.alice, invitation.id, self.world.now)))
        self.sip.settle()
        self.assertEqual(self.gateway.methods, ["INVITE", "CANCEL"])

    def test_hung_up(self) -> None:
        """Both ends can hang up."""
        invitation = self.connected()
        self.hang_up(self.alice, invitation.conversation_id)
        self.assertEqual(self.gateway.methods[-1], "BYE")
        self.connected()
        self.gateway.sends("BYE")
        self.sip.settle()
        self.assertEqual(self.gateway.statuses, [200])
        self.assertTrue(self.sip.heard(self.alice, CallChanged, state="Disconnected"))

    def test_held(self) -> None:
        """What the application offers anew is offered to the gateway, and its answer comes back."""
        invitation = self.connected()
        offer = read_description(sdp("alice", "sendonly"))
        renegotiations, now = self.world.renegotiations, self.world.now
        conversation_id = invitation.conversation_id
        done(running(renegotiations.offer(self.alice, conversation_id, offer, "", now)))
        self.sip.settle()
        again = self.gateway.last("INVITE")
        self.assertEqual(again.body.decode(), offer.text)
        self.gateway.responds(again, 200, sdp("gw", "recvonly"))
        self.sip.settle()
        conversation = self.world.conversation(self.alice, conversation_id)
        assert conversation.renegotiation is not None
        self.assertEqual(conversation.renegotiation.state, "Answered")

    def test_held_by_the_gateway(self) -> None:
        """What the gateway offers anew is offered to the application."""
        invitation = self.connected()
        self.gateway.sends("INVITE", body=sdp("gw", "sendonly"))
        self.sip.settle()
        conversation = self.world.conversation(self.alice, invitation.conversation_id)
        assert conversation.renegotiation is not None
        answer = read_description(sdp("alice", "recvonly"))
        done(
            running(
                self.world.renegotiations.answer(
                    self.alice, conversation.id, conversation.renegotiation.id, answer
                )
            )
        )
        self.sip.settle()
        self.assertEqual(self.gateway.statuses[-1], 200)
        self.assertEqual(self.gateway.answers[-1].body.decode(), answer.text)

    def test_hung_up_while_offered(self) -> None:
        """A call that ends while what the gateway offers anew waits for its answer is over for
        both: the gateway is answered 487 and gets BYE."""
        invitation = self.connected()
        self.gateway.sends("INVITE", body=sdp("gw", "sendonly"))
        self.sip.settle()
        self.hang_up(self.alice, invitation.conversation_id)
        self.assertEqual(self.gateway.methods[-1], "BYE")
        self.assertEqual(self.gateway.statuses[-1], 487)

    def test_user_dials(self) -> None:
        """A phone of a user dials a number, by the user's dial plan and routes."""
        phone = self.sip.telephone("alice", "192.0.2.30")
        phone.calls(f"sip:{OUTSIDE}@example.test;user=phone", sdp("phone"))
        self.sip.settle()
        self.assertEqual(self.gateway.last("INVITE").body.decode(), sdp("phone"))
        self.gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        self.assertEqual(phone.statuses, [100, 200])
        self.assertEqual(phone.answers[-1].body.decode(), sdp("gw"))

    def test_user_dials_in_vain(self) -> None:
        """A phone is told of a number in vain what the gateway has said."""
        phone = self.sip.telephone("alice", "192.0.2.30")
        for index, (said, told) in enumerate(
            ((404, 404), (484, 404), (480, 480), (486, 486), (603, 603), (500, 502))
        ):
            phone.calls(f"sip:{OUTSIDE}@example.test", sdp("phone"), call=f"call{index}")
            self.sip.settle()
            self.gateway.answers_with(said)
            self.sip.settle()
            self.assertEqual((said, phone.statuses[-1]), (said, told))

    def test_withheld(self) -> None:
        """A caller without a number is anonymous, and its privacy asked for."""
        self.sip.gateways.place(Order(Gateway("gw.test"), OUTSIDE), lambda happening: None)
        self.sip.settle()
        invite = self.gateway.last("INVITE")
        self.assertEqual(invite.from_.sip.host, "anonymous.invalid")
        self.assertEqual(invite.first("Privacy"), "id")


class IncomingTests(GatewayTestCase):
    """Calls from numbers."""

    def call(self, to: str, *lines: str) -> Telephone:
        self.gateway.calls(to, sdp("gw"), *lines)
        self.sip.settle()
        return self.gateway

    def test_line(self) -> None:
        """The line of a user rings the user's devices, with the number of who calls."""
        self.call(
            f"sip:{WORK['alice']}@192.0.2.1:5089;user=phone",
            f'P-Asserted-Identity: "Ada" <sip:{OUTSIDE}@gw.test;user=phone>',
        )
        invitation = self.rings(self.alice)
        self.assertEqual((invitation.from_uri, invitation.from_name), (f"tel:{OUTSIDE}", "Ada"))
        self.accept(self.alice, invitation.id, sdp("alice"))
        self.assertEqual(self.gateway.statuses, [100, 200])

    def test_withheld(self) -> None:
        """A caller that withholds its number is anonymous to whom it calls, and where its call goes
        on."""
        withheld = (
            f"P-Asserted-Identity: <sip:{OUTSIDE}@gw.test;user=phone>",
            "Privacy: id;critical",
        )
        self.call(f"sip:{WORK['alice']}@192.0.2.1:5089;user=phone", *withheld)
        invitation = self.rings(self.alice)
        shown = (invitation.from_uri, invitation.from_name)
        self.assertEqual(shown, ("sip:unknown@unknown.invalid", "Anonymous"))
        bob = self.sip.application("bob")
        forward = self.world.forwarding.forward
        done(running(forward(bob, "Contact", f"tel:{MOBILE['bob']}")))
        self.gateway.calls(
            f"sip:{WORK['bob']}@192.0.2.1:5089;user=phone", sdp("gw"), *withheld, call="on"
        )
        self.sip.settle()
        invite = self.gateway.last("INVITE")
        self.assertEqual(invite.from_.sip.host, "anonymous.invalid")
        self.assertEqual(invite.first("Privacy"), "id")
        self.assertNotIn(OUTSIDE.encode(), bytes(invite))

    def test_nobody(self) -> None:
        """A number of nobody here is 404: gateways are not joined with one another."""
        self.call(f"sip:{OUTSIDE}@192.0.2.1:5089;user=phone")
        self.assertEqual(self.gateway.statuses, [100, 404])

    def test_plain_gateway(self) -> None:
        """A gateway over TCP is known by its address."""
        values = {"transport": "tcp", "port": 5060}
        done(running(self.world.voice.add("gateways", "192.0.2.40", values)))
        trunk = self.sip.telephone("trunk", "192.0.2.40")
        trunk.names = frozenset()
        trunk.calls(f"sip:{WORK['alice']}@192.0.2.1", sdp("trunk"))
        self.rings(self.alice)
        stranger = self.sip.telephone("stranger", "192.0.2.41")
        stranger.names = frozenset()
        stranger.calls(f"sip:{WORK['alice']}@192.0.2.1", sdp("stranger"))
        self.sip.settle()
        self.assertEqual(stranger.statuses, [100, 407])


class ViaWorkTests(GatewayTestCase):
    """Call via work: the caller's own telephone is called first."""

    def test_own_telephone_first(self) -> None:
        """The caller's telephone is answered with silence, whom it calls is offered what it
        offers, and their answer is offered to it."""
        wanted = PhoneCall(OUTSIDE, MOBILE["alice"])
        done(running(self.phones.phone_audio.start(self.alice, wanted, self.world.now)))
        self.sip.settle()
        own = self.gateway.last("INVITE")
        self.assertEqual(parse_sip_uri(own.uri).user, MOBILE["alice"])
        self.assertEqual(own.body, b"")
        self.gateway.responds(own, 200, sdp("mobile"))
        self.sip.settle()
        ack = self.gateway.last("ACK")
        self.assertIn("a=inactive", ack.body.decode())
        other = self.gateway.last("INVITE")
        self.assertEqual(parse_sip_uri(other.uri).user, OUTSIDE)
        self.assertEqual(other.body.decode(), sdp("mobile"))
        self.gateway.responds(other, 200, sdp("other"), tag="other")
        self.sip.settle()
        again = self.gateway.last("INVITE")
        self.assertEqual(again.call_id, own.call_id)
        self.assertIn("o=mobile 1 2 IN", again.body.decode())  # the session that was answered
        self.assertIn("m=audio 4000", again.body.decode())
        self.gateway.responds(again, 200, sdp("mobile"))
        self.sip.settle()
        self.assertEqual(self.outcome().state, "Connected")

    def test_own_telephone_gives_up(self) -> None:
        """When the caller's telephone hangs up before the other answers, the other is not rung
        any more."""
        wanted = PhoneCall(OUTSIDE, MOBILE["alice"])
        done(running(self.phones.phone_audio.start(self.alice, wanted, self.world.now)))
        self.sip.settle()
        own = self.gateway.last("INVITE")
        self.gateway.responds(own, 200, sdp("mobile"))
        self.sip.settle()
        other = self.gateway.last("INVITE")
        self.gateway.responds(other, 180, tag="other")
        self.sip.settle()
        bye = self.gateway.sends_within(own, "BYE")
        self.sip.settle()
        self.assertEqual(self.gateway.answers[-1].cseq.number, bye.cseq.number)
        self.assertEqual(self.gateway.last("CANCEL").call_id, other.call_id)


class SimultaneousRingTests(GatewayTestCase):
    """Single number reach: a user's mobile rings beside its devices."""

    def test_mobile_rings(self) -> None:
        """The mobile is called through the gateway, and CANCELled when a device answers: the call
        was completed elsewhere."""
        bob = self.sip.application("bob")
        mobile = f"tel:{MOBILE['bob']}"
        ring_too = self.world.forwarding.ring_too(bob, "Contact", contact=mobile)
        done(running(ring_too))
        invitation = self.start(self.alice, "bob", sdp("alice"))
        invite = self.gateway.last("INVITE")
        self.assertEqual(parse_sip_uri(invite.uri).user, MOBILE["bob"])
        self.gateway.answers_with(180)
        self.accept(bob, invitation.id, sdp("bob"))
        self.assertEqual(self.gateway.methods, ["INVITE", "CANCEL"])
        reason = self.gateway.last("CANCEL").first("Reason")
        self.assertEqual(reason, 'SIP;cause=200;text="Call completed elsewhere"')

    def test_carriers_voicemail(self) -> None:
        """A mobile that is answered sooner than a person could is its carrier's voicemail: it is
        hung up, and the other devices ring on."""
        change = self.world.voice.change
        escape = {"usages": ["All"], "enable_voicemail_escape_timer": True}
        done(running(change("policies", "global", escape, 1)))
        bob = self.sip.application("bob")
        mobile = f"tel:{MOBILE['bob']}"
        done(running(self.world.forwarding.ring_too(bob, "Contact", contact=mobile)))
        invitation = self.start(self.alice, "bob", sdp("alice"))
        self.gateway.answers_with(200, sdp("voicemail"))
        self.sip.settle()
        self.assertEqual(self.gateway.methods, ["INVITE", "ACK", "BYE"])
        self.assertFalse(self.sip.heard(self.alice, InvitationChanged, change="completed"))
        self.accept(bob, invitation.id, sdp("bob"))
        self.assertEqual(self.outcome().state, "Connected")
        self.hang_up(self.alice, invitation.conversation_id)
        self.start(self.alice, "bob", sdp("alice"))
        self.sip.settle(2.0)
        self.gateway.answers_with(200, sdp("mobile"))
        self.sip.settle()
        self.assertEqual(self.gateway.methods[-2:], ["INVITE", "ACK"])
