"""INVITEs without an offer: who is called offers, and the caller's ACK answers."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.facts import CallChanged, RenegotiationChanged
from mobility.media.offers import read_description
from mobility.media.placeholder import ANSWER, OFFER, after_placeholder, agree
from mobility.media.sdp import parse
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase


class PhoneIsCalledTests(CallTestCase):
    """Alice's phone calls Bob's without an offer."""

    def setUp(self) -> None:
        super().setUp()
        self.alice, self.bob = self.sip.telephone("alice"), self.sip.phone("bob")
        self.alice.calls(uri("bob"), "")
        self.sip.settle()

    def test_phone_offers(self) -> None:
        """The phone is asked to offer; its offer is the caller's 200, and what the caller's ACK
        answers is the ACK of the phone."""
        invite = self.bob.last("INVITE")
        self.assertEqual(invite.body, b"")
        self.assertNotIn("100rel", invite.tokens("Supported"))
        self.bob.answers_with(180)
        self.sip.settle()
        self.bob.answers_with(200, sdp("bob", video=True))
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE"])
        self.assertEqual(self.alice.statuses, [100, 180, 200])
        self.assertEqual(self.alice.answers[-1].body.decode(), sdp("bob", video=True))
        self.alice.acknowledges(sdp("alice", video=True))
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "ACK"])
        self.assertEqual(self.bob.last("ACK").body.decode(), sdp("alice", video=True))
        (conversation,) = self.world.conversations
        assert conversation.call is not None
        self.assertEqual(conversation.call.media, "Audio,Video")
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "BYE"])

    def test_hold(self) -> None:
        """What is agreed so is held and resumed as any call."""
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.alice.acknowledges(sdp("alice"))
        self.sip.settle()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        again = self.bob.last("INVITE")
        self.assertEqual(again.body.decode(), sdp("alice", "sendonly"))
        self.bob.responds(again, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.alice.answers[-1].body.decode(), sdp("bob", "recvonly"))

    def test_no_answer_in_the_ack(self) -> None:
        """An ACK that answers nothing ends the call on both sides."""
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.alice.acknowledges()
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "BYE"])
        self.assertIn("a=inactive", self.bob.last("ACK").body.decode())
        self.assertEqual(self.alice.methods, ["BYE"])
        self.assertEqual(len(self.sip.calls), 0)

    def test_no_ack(self) -> None:
        """Without an ACK the phone is let go, too."""
        self.bob.answers_with(200, sdp("bob"))
        for _ in range(40):
            self.sip.settle(1.0)
        self.assertEqual(self.bob.methods[:3], ["INVITE", "ACK", "BYE"])
        self.assertEqual(self.alice.methods[0], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_phone_offers_nothing(self) -> None:
        """A phone that answers without an offer is not talked to: 488."""
        self.bob.answers_with(200)
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "BYE"])
        self.assertEqual(self.alice.statuses, [100, 488])

    def test_caller_gives_up(self) -> None:
        """A caller that hangs up before its ACK ends it for the phone."""
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "BYE"])
        self.assertEqual(len(self.sip.calls), 0)


class ApplicationIsCalledTests(CallTestCase):
    """Alice's phone calls Bob's application without an offer."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.sip.application("bob")
        self.alice = self.sip.telephone("alice")
        self.alice.calls(uri("bob"), "")
        self.invitation = self.rings(self.bob)

    def offered(self) -> RenegotiationChanged:
        (found,) = self.sip.heard(self.bob, RenegotiationChanged, change="started")
        assert isinstance(found, RenegotiationChanged)
        return found

    def answers(self, text: str) -> None:
        offered = self.offered()
        answer = read_description(text)
        done(
            running(
                self.world.renegotiations.answer(
                    self.bob, offered.conversation_id, offered.id, answer
                )
            )
        )
        self.sip.settle()

    def test_application_answers(self) -> None:
        """It is offered audio without an address; its answer is offered to the caller, and what
        the caller answers is offered to it as the next description of the same session."""
        assert self.invitation.call is not None
        self.assertEqual(self.invitation.call.offer, OFFER)
        self.accept(self.bob, self.invitation.id, sdp("bob"))
        self.assertEqual(self.alice.statuses, [100, 200])
        self.assertEqual(self.alice.answers[-1].body.decode(), sdp("bob"))
        self.alice.acknowledges(sdp("alice"))
        self.sip.settle()
        offer = self.offered().offer
        self.assertEqual(parse(offer).origin.session_id, parse(OFFER).origin.session_id)
        self.assertEqual(parse(offer).origin.version, "2")
        self.assertTrue(agree(offer, sdp("alice")))
        self.answers(sdp("bob").replace("o=bob 1 1", "o=bob 1 2"))
        self.assertEqual(self.alice.methods, [])
        self.assertEqual(self.sip.heard(self.bob, CallChanged, state="Disconnected"), [])

    def test_application_moves(self) -> None:
        """An application that then answers something else has it offered to the caller."""
        self.accept(self.bob, self.invitation.id, sdp("bob"))
        self.alice.acknowledges(sdp("alice"))
        self.sip.settle()
        self.answers(sdp("bob").replace("4000", "4010"))
        again = self.alice.last("INVITE")
        self.assertIn("m=audio 4010", again.body.decode())
        self.assertEqual(parse(again.body.decode()).origin.version, "2")
        self.alice.responds(again, 200, sdp("alice"))
        self.sip.settle()
        self.assertEqual(self.alice.methods, ["INVITE", "ACK"])

    def test_application_dismisses(self) -> None:
        """An application that does not take the caller's media is not talked to."""
        self.accept(self.bob, self.invitation.id, sdp("bob"))
        self.alice.acknowledges(sdp("alice"))
        self.sip.settle()
        offered = self.offered()
        done(
            running(
                self.world.renegotiations.dismiss(
                    self.bob, offered.conversation_id, offered.id, "MediaNegotiationFailure"
                )
            )
        )
        self.sip.settle()
        self.assertEqual(self.alice.methods, ["BYE"])
        self.assertEqual(len(self.sip.calls), 0)

    def test_another_offer_is_open(self) -> None:
        """An application that offers anew before the ACK is answered first."""
        self.accept(self.bob, self.invitation.id, sdp("bob"))
        offer = read_description(sdp("bob", "sendonly"))
        conversation_id = self.invitation.conversation_id
        done(
            running(
                self.world.renegotiations.offer(
                    self.bob, conversation_id, offer, "", self.world.now
                )
            )
        )
        self.sip.settle()
        self.alice.acknowledges(sdp("alice"))
        self.sip.settle()
        self.alice.responds(self.alice.last("INVITE"), 200, sdp("alice", "recvonly"))
        self.sip.settle()
        for _ in range(3):
            self.sip.settle(1.0)
        started = self.sip.heard(
            self.bob, RenegotiationChanged, change="started", direction="Incoming"
        )
        self.assertEqual(len(started), 1)
        self.assertEqual(self.alice.methods, ["INVITE", "ACK"])

    def test_early_media(self) -> None:
        """An answer before the application accepts is ringing: nothing is offered before the
        2xx."""
        from mobility.domain.call_rows import Answer

        early = Answer(read_description(sdp("early")))
        done(running(self.world.calls.answer_provisionally(self.bob, self.invitation.id, early)))
        self.sip.settle()
        self.assertEqual(self.alice.statuses, [100, 180])


class ReplacingTests(CallTestCase):
    """INVITE with Replaces and without an offer."""

    def test_takes_over(self) -> None:
        """It is offered the media of the other end, which is offered what the ACK answers."""
        alice, bob = self.sip.telephone("alice"), self.sip.phone("bob")
        alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        alice.acknowledges()
        self.sip.settle()
        answer = alice.answers[-1]
        other = Telephone(self.sip.core, "alice", "192.0.2.29")
        self.sip.places.peers[other.host] = other  # type: ignore[assignment]
        replaces = f"c-alice;to-tag={answer.to.tag};from-tag=alice"
        other.calls(uri("bob"), "", f"Replaces: {replaces}", call="d")
        self.sip.settle()
        self.assertEqual(other.statuses[-1], 200)
        self.assertTrue(agree(other.answers[-1].body.decode(), sdp("bob")))
        self.assertEqual(alice.methods, ["BYE"])
        other.acknowledges(sdp("other"))
        self.sip.settle()
        asked = bob.last("INVITE")
        self.assertTrue(agree(asked.body.decode(), sdp("other")))
        bob.responds(asked, 200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(other.methods, [])
        self.assertEqual(len(self.sip.calls), 2)


class PlaceholderTests(SynchronousTestCase):
    """The offer that is made here."""

    def test_well_formed(self) -> None:
        """It offers audio both ways, its answer lets nothing flow, and fits it."""
        offer = read_description(OFFER)
        offer.must_offer(("Audio",))
        read_description(ANSWER).must_answer(offer.streams)
        self.assertEqual(parse(after_placeholder(sdp("alice"))).origin.version, "2")

    def test_agreement(self) -> None:
        """Descriptions agree that differ in their origin alone."""
        self.assertTrue(agree(sdp("a"), sdp("b")))
        self.assertFalse(agree(sdp("a"), sdp("a", "sendonly")))
        self.assertFalse(agree(sdp("a"), "none"))


class NumberIsCalledTests(CallTestCase):
    """Alice's phone dials a number without an offer."""

    def test_gateway(self) -> None:
        """The gateway is offered audio without an address, then what the caller's ACK answers."""
        gateway, alice = self.sip.gateway(), self.sip.telephone("alice")
        alice.calls(f"sip:{OUTSIDE}@example.test;user=phone", "")
        self.sip.settle()
        self.assertEqual(gateway.last("INVITE").body.decode(), OFFER)
        gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        self.assertEqual(alice.answers[-1].body.decode(), sdp("gw"))
        alice.acknowledges(sdp("alice"))
        self.sip.settle()
        again = gateway.last("INVITE")
        self.assertTrue(agree(again.body.decode(), sdp("alice")))
        self.assertEqual(parse(again.body.decode()).origin.version, "2")
        gateway.responds(again, 200, sdp("gw"))
        self.sip.settle()
        self.assertEqual(alice.methods, [])
        alice.within("BYE")
        self.sip.settle()
        self.assertEqual(gateway.methods, ["INVITE", "ACK", "INVITE", "ACK", "BYE"])


class RacingTests(CallTestCase):
    """Two phones of Bob's are called without an offer."""

    def test_two_answer(self) -> None:
        """Only the first to answer talks; the other one is acknowledged with silence and let go."""
        alice = self.sip.telephone("alice")
        desk, soft = self.sip.phone("bob", "192.0.2.21"), self.sip.phone("bob", "192.0.2.22")
        alice.calls(uri("bob"), "")
        self.sip.settle()
        for phone in (desk, soft):
            phone.answers_with(180)
        desk.answers_with(200, sdp("desk"))
        soft.answers_with(200, sdp("soft"))
        self.sip.settle()
        alice.acknowledges(sdp("alice"))
        self.sip.settle()
        won, lost = sorted((desk, soft), key=lambda one: len(one.methods))
        self.assertEqual(won.methods, ["INVITE", "ACK"])
        self.assertEqual(won.last("ACK").body.decode(), sdp("alice"))
        self.assertEqual(lost.methods[-2:], ["ACK", "BYE"])
        self.assertIn("a=inactive", lost.last("ACK").body.decode())
