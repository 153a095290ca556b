"""Calls between phones, gateways and the applications of users."""

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.applications import Endpoint
from mobility.domain.call_rows import Answer, Wanted
from mobility.domain.facts import CallChanged, ConversationChanged, InvitationChanged
from mobility.domain.history import MISSED
from mobility.domain.records import ConversationLog, Invitation
from mobility.media.offers import read_description
from tests.domain.doubles import done, running, uri
from tests.sip.call_world import SipWorld, Telephone, sdp


class CallTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.sip = SipWorld()
        self.world = self.sip.world

    def tearDown(self) -> None:
        self.assertEqual(self.world.failures, [])
        self.assertEqual(self.sip.log.named("sip.failed"), [])

    def rings(self, endpoint: Endpoint) -> InvitationChanged:
        """The invitation that an application was last told of."""
        self.sip.settle()
        found = self.sip.heard(endpoint, InvitationChanged, change="started")
        return cast(InvitationChanged, found[-1])

    def accept(self, endpoint: Endpoint, invitation_id: str, answer: str) -> None:
        said = Answer(read_description(answer))
        done(running(self.world.calls.accept(endpoint, invitation_id, said, self.world.now)))
        self.sip.settle()

    def start(self, endpoint: Endpoint, to: str, offer: str) -> Invitation:
        """An application calls."""
        wanted = Wanted(uri(to), ("Audio",), read_description(offer))
        invitation = done(running(self.world.calls.start(endpoint, wanted, self.world.now)))
        self.sip.settle()
        return invitation

    def hang_up(self, endpoint: Endpoint, conversation_id: str) -> None:
        done(self.world.terminate(endpoint, conversation_id))
        self.sip.settle()

    def missed(self, name: str) -> int:
        return sum(
            one.user_uri == uri(name) and one.status == MISSED
            for one in self.world.stored(ConversationLog)
        )


class PhoneCallsApplicationTests(CallTestCase):
    """Alice's phone calls Bob, who has an application."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.sip.application("bob")
        self.alice = self.sip.telephone("alice")

    def connected(self) -> InvitationChanged:
        self.alice.calls(uri("bob"), sdp("alice"))
        invitation = self.rings(self.bob)
        self.accept(self.bob, invitation.id, sdp("bob"))
        self.alice.acknowledges()
        self.sip.settle()
        return invitation

    def test_answered(self) -> None:
        """The application gets the phone's offer, and the phone the application's answer."""
        self.alice.calls(uri("bob"), sdp("alice"), "Subject: Lunch?")
        invitation = self.rings(self.bob)
        self.assertEqual(invitation.from_uri, uri("alice"))
        self.assertEqual(invitation.subject, "Lunch?")
        assert invitation.call is not None
        self.assertEqual(invitation.call.offer, sdp("alice"))
        done(running(self.world.calls.alert(self.bob, invitation.id)))
        self.sip.settle()
        self.assertEqual(self.alice.statuses, [100, 180])
        self.accept(self.bob, invitation.id, sdp("bob"))
        self.assertEqual(self.alice.statuses, [100, 180, 200])
        answer = self.alice.answers[-1]
        self.assertEqual(answer.body.decode(), sdp("bob"))
        self.assertEqual(answer.first("Contact"), "<sip:192.0.2.1:5060;transport=tcp>")
        self.assertTrue({"invite", "bye", "update"} <= answer.tokens("Allow"))

    def test_hung_up_by_the_phone(self) -> None:
        """BYE ends the call for the application, and is answered."""
        self.connected()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 200)
        self.assertTrue(self.sip.heard(self.bob, CallChanged, state="Disconnected"))
        (line,) = self.sip.log.named("sip.call")
        self.assertEqual((line["direction"], line["outcome"]), ("in", "completed"))
        self.assertEqual(len(self.sip.calls), 0)
        self.assertEqual(self.sip.core.dialogs, {})

    def test_hung_up_by_the_application(self) -> None:
        """When the application ends the call the phone gets BYE."""
        invitation = self.connected()
        self.hang_up(self.bob, invitation.conversation_id)
        self.assertEqual(self.alice.methods, ["BYE"])
        self.alice.responds(self.alice.last("BYE"), 200)
        self.assertEqual(len(self.sip.calls), 0)

    def test_hung_up_before_ack(self) -> None:
        """A 2xx whose ACK has not come is not followed by BYE until it has."""
        self.alice.calls(uri("bob"), sdp("alice"))
        invitation = self.rings(self.bob)
        self.accept(self.bob, invitation.id, sdp("bob"))
        self.hang_up(self.bob, invitation.conversation_id)
        self.assertEqual(self.alice.methods, [])
        self.alice.acknowledges()
        self.assertEqual(self.alice.methods, ["BYE"])

    def test_never_acknowledged(self) -> None:
        """A 2xx is sent again until its ACK comes; without one the call ends."""
        self.alice.calls(uri("bob"), sdp("alice"))
        invitation = self.rings(self.bob)
        self.accept(self.bob, invitation.id, sdp("bob"))
        for _ in range(40):
            self.sip.settle(1.0)
        self.assertGreater(self.alice.statuses.count(200), 8)
        self.assertEqual(self.alice.methods[0], "BYE")
        self.assertTrue(self.sip.heard(self.bob, CallChanged, state="Disconnected"))

    def test_declined(self) -> None:
        """An application that declines makes it 603, and nothing was missed."""
        self.alice.calls(uri("bob"), sdp("alice"))
        invitation = self.rings(self.bob)
        done(running(self.world.conversations.decline(self.bob, invitation.id, True, 0.0)))
        self.sip.settle()
        self.assertEqual(self.alice.statuses, [100, 603])
        self.assertEqual(self.missed("bob"), 0)

    def test_unanswered(self) -> None:
        """Nobody answers: 408, and the call was missed."""
        self.alice.calls(uri("bob"), sdp("alice"))
        self.rings(self.bob)
        for _ in range(70):
            self.sip.settle(1.0)
        self.assertEqual(self.alice.statuses[-1], 408)
        self.assertEqual(self.missed("bob"), 1)

    def test_cancelled(self) -> None:
        """CANCEL ends the ringing: 200 for it, 487 for the INVITE, and the call was missed."""
        invite = self.alice.calls(uri("bob"), sdp("alice"))
        self.rings(self.bob)
        self.cancel(invite)
        self.assertEqual(self.alice.statuses, [100, 200, 487])
        over = self.sip.heard(self.bob, InvitationChanged, change="completed")
        self.assertEqual(len(over), 1)
        self.assertEqual(self.missed("bob"), 1)

    def cancel(self, invite: object, *reasons: str) -> None:
        from mobility.sip.message import Request
        from mobility.sip.transaction import cancellation

        cancel = cancellation(cast(Request, invite))
        cancel.set("Reason", *reasons)
        self.alice.come(cancel)
        self.sip.settle()

    def test_completed_elsewhere(self) -> None:
        """A CANCEL because somebody answered elsewhere leaves no missed call."""
        invite = self.alice.calls(uri("bob"), sdp("alice"))
        self.rings(self.bob)
        self.cancel(invite, 'SIP;cause=200;text="Call completed elsewhere"')
        self.assertEqual(self.missed("bob"), 0)

    def test_cancel_after_the_answer(self) -> None:
        """A CANCEL that crosses the 2xx changes nothing."""
        invite = self.alice.calls(uri("bob"), sdp("alice"))
        invitation = self.rings(self.bob)
        self.accept(self.bob, invitation.id, sdp("bob"))
        self.cancel(invite)
        self.assertEqual(self.alice.statuses, [100, 200, 200])
        self.assertFalse(self.sip.heard(self.bob, CallChanged, state="Disconnected"))

    def test_stranger(self) -> None:
        """Nobody with the address is 404."""
        self.alice.calls(uri("nobody"), sdp("alice"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses, [100, 404])

    def test_nobody_there(self) -> None:
        """A user without devices is 480, and has missed the call."""
        self.alice.calls(uri("carol"), sdp("alice"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses, [100, 480])
        self.assertEqual(len(self.sip.calls), 0)

    def test_early_media(self) -> None:
        """A provisional answer is 183 with its description."""
        self.alice.calls(uri("bob"), sdp("alice"))
        invitation = self.rings(self.bob)
        early = Answer(read_description(sdp("early")))
        done(running(self.world.calls.answer_provisionally(self.bob, invitation.id, early)))
        self.sip.settle()
        self.assertIn(183, self.alice.statuses)
        (progress,) = [one for one in self.alice.answers if one.status == 183]
        self.assertEqual(progress.body.decode(), sdp("early"))

    def test_held_by_the_phone(self) -> None:
        """A re-INVITE is a renegotiation, and its answer the answer to that."""
        invitation = self.connected()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        conversation = self.world.conversation(self.bob, invitation.conversation_id)
        assert conversation.renegotiation is not None
        answer = read_description(sdp("bob", "recvonly"))
        done(
            running(
                self.world.renegotiations.answer(
                    self.bob, conversation.id, conversation.renegotiation.id, answer
                )
            )
        )
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 200)
        self.assertEqual(self.alice.answers[-1].body.decode(), answer.text)

    def test_held_by_the_application(self) -> None:
        """A renegotiation is a re-INVITE, and its 2xx the answer to that."""
        invitation = self.connected()
        offer = read_description(sdp("bob", "sendonly"))
        done(
            running(
                self.world.renegotiations.offer(
                    self.bob, invitation.conversation_id, offer, "", self.world.now
                )
            )
        )
        self.sip.settle()
        asked = self.alice.last("INVITE")
        self.assertEqual(asked.body.decode(), offer.text)
        self.alice.responds(asked, 200, sdp("alice", "recvonly"), tag="")
        self.sip.settle()
        self.assertEqual(self.alice.methods, ["INVITE", "ACK"])
        conversation = self.world.conversation(self.bob, invitation.conversation_id)
        assert conversation.renegotiation is not None
        self.assertEqual(conversation.renegotiation.state, "Answered")

    def test_refresh(self) -> None:
        """A re-INVITE with what was agreed is answered here."""
        invitation = self.connected()
        self.alice.within("INVITE", body=sdp("alice"))
        self.assertEqual(self.alice.statuses[-1], 200)
        self.assertEqual(self.alice.answers[-1].body.decode(), sdp("bob"))
        conversation = self.world.conversation(self.bob, invitation.conversation_id)
        self.assertIsNone(conversation.renegotiation)


class ApplicationCallsPhonesTests(CallTestCase):
    """Alice's application calls Bob, who has two phones and an application."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.sip.application("alice")
        self.bob = self.sip.application("bob")
        self.desk = self.sip.phone("bob", "192.0.2.21")
        self.soft = self.sip.phone("bob", "192.0.2.22")

    def outcome(self) -> InvitationChanged:
        found = self.sip.heard(self.alice, InvitationChanged, change="completed")
        return cast(InvitationChanged, found[-1])

    def test_all_ring(self) -> None:
        """All devices ring with the offer; the first to answer wins, and the others are told that
        the call was completed elsewhere."""
        self.start(self.alice, "bob", sdp("alice"))
        for phone in (self.desk, self.soft):
            invite = phone.last("INVITE")
            self.assertEqual(invite.body.decode(), sdp("alice"))
            self.assertEqual(invite.from_.sip.aor, uri("alice"))
            phone.answers_with(180)
        self.sip.settle()
        self.assertEqual(len(self.sip.heard(self.alice, InvitationChanged, state="Alerting")), 1)
        self.desk.answers_with(200, sdp("desk"))
        self.sip.settle()
        self.assertEqual(self.desk.methods, ["INVITE", "ACK"])
        self.assertEqual(self.soft.methods, ["INVITE", "CANCEL"])
        self.assertIn("cause=200", self.soft.last("CANCEL").first("Reason") or "")
        over = self.sip.heard(self.bob, InvitationChanged, change="completed")
        self.assertEqual(len(over), 1)
        self.assertEqual(self.outcome().state, "Connected")
        self.assertEqual(self.missed("bob"), 0)

    def test_application_wins(self) -> None:
        """When an application answers, the phones stop."""
        invitation = self.start(self.alice, "bob", sdp("alice"))
        self.desk.answers_with(180)
        self.accept(self.bob, invitation.id, sdp("bob"))
        self.assertEqual(self.desk.methods, ["INVITE", "CANCEL"])
        self.assertEqual(self.soft.methods, ["INVITE"])  # CANCEL waits for a response
        self.soft.answers_with(180)
        self.assertEqual(self.soft.methods, ["INVITE", "CANCEL"])

    def test_late_answer(self) -> None:
        """A 2xx that comes after another device's is acknowledged and ended."""
        self.start(self.alice, "bob", sdp("alice"))
        for phone in (self.desk, self.soft):
            phone.answers_with(180)
        self.desk.answers_with(200, sdp("desk"))
        self.soft.answers_with(200, sdp("soft"))
        self.sip.settle()
        methods = sorted((tuple(self.desk.methods), tuple(self.soft.methods)))
        self.assertEqual(methods[0], ("INVITE", "ACK"))
        self.assertEqual(methods[1][-2:], ("ACK", "BYE"))

    def test_busy(self) -> None:
        """A phone that is busy rings no longer; the others go on, and with none left the caller is
        told what says most."""
        world = self.world
        done(world.end(self.bob))
        self.start(self.alice, "bob", sdp("alice"))
        self.desk.answers_with(486)
        self.sip.settle()
        self.assertEqual(self.desk.methods, ["INVITE", "ACK"])
        self.assertFalse(self.sip.heard(self.alice, InvitationChanged, change="completed"))
        self.soft.answers_with(480)
        self.sip.settle()
        reason = self.outcome().reason
        assert reason is not None
        self.assertEqual(reason.subcode, "Busy")

    def test_declined_for_all(self) -> None:
        """603 of one phone speaks for all devices of its user."""
        self.start(self.alice, "bob", sdp("alice"))
        self.soft.answers_with(180)
        self.desk.answers_with(603)
        self.sip.settle()
        reason = self.outcome().reason
        assert reason is not None
        self.assertEqual(reason.subcode, "Declined")
        self.assertEqual(self.soft.methods[-1], "CANCEL")
        self.assertEqual(self.missed("bob"), 0)

    def test_late_phone(self) -> None:
        """A phone that registers while the call rings rings too; afterwards it does not."""
        invitation = self.start(self.alice, "bob", sdp("alice"))
        late = self.sip.phone("bob", "192.0.2.23")
        self.sip.settle()
        self.assertEqual(late.methods, ["INVITE"])
        self.accept(self.bob, invitation.id, sdp("bob"))
        later = self.sip.phone("bob", "192.0.2.24")
        self.sip.settle()
        self.assertEqual(later.methods, [])

    def test_phone_hangs_up(self) -> None:
        """BYE of the phone ends the call."""
        self.start(self.alice, "bob", sdp("alice"))
        self.desk.answers_with(200, sdp("desk"))
        self.sip.settle()
        self.desk.sends("BYE")
        self.sip.settle()
        self.assertEqual(self.desk.statuses, [200])
        self.assertTrue(self.sip.heard(self.alice, ConversationChanged, change="deleted"))

    def test_given_up(self) -> None:
        """When the caller gives up, phones get CANCEL, and the call was missed."""
        invitation = self.start(self.alice, "bob", sdp("alice"))
        self.desk.answers_with(180)
        done(running(self.world.conversations.cancel(self.alice, invitation.id, self.world.now)))
        self.sip.settle()
        self.assertEqual(self.desk.methods, ["INVITE", "CANCEL"])
        self.assertEqual(self.missed("bob"), 1)


class PhoneCallsPhoneTests(CallTestCase):
    """Alice's phone calls Bob's."""

    def call(self) -> tuple[Telephone, Telephone]:
        alice, bob = self.sip.telephone("alice"), self.sip.phone("bob")
        alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        return alice, bob

    def connected(self) -> tuple[Telephone, Telephone]:
        alice, bob = self.call()
        bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        alice.acknowledges()
        self.sip.settle()
        return alice, bob

    def test_ringing(self) -> None:
        """180 and 183 of the one reach the other."""
        alice, bob = self.call()
        bob.answers_with(180)
        self.sip.settle()
        bob.answers_with(183, sdp("bob"))
        self.sip.settle()
        self.assertEqual(alice.statuses, [100, 180, 183])
        self.assertEqual(alice.answers[-1].body.decode(), sdp("bob"))

    def test_talk(self) -> None:
        """They talk over two dialogs, and a BYE of one is a BYE to the other."""
        alice, bob = self.connected()
        self.assertEqual(alice.answers[-1].body.decode(), sdp("bob"))
        self.assertNotEqual(bob.last("INVITE").call_id, "c-alice")
        alice.within("BYE")
        self.sip.settle()
        self.assertEqual(bob.methods, ["INVITE", "ACK", "BYE"])

    def test_hold(self) -> None:
        """Holding and resuming pass through, both ways."""
        alice, bob = self.connected()
        alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        again = bob.last("INVITE")
        self.assertEqual(again.body.decode(), sdp("alice", "sendonly"))
        bob.responds(again, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.assertEqual(alice.answers[-1].body.decode(), sdp("bob", "recvonly"))
        alice.acknowledges()
        bob.sends("UPDATE", body=sdp("bob", "inactive"))
        self.sip.settle()
        asked = alice.last("INVITE")
        alice.responds(asked, 200, sdp("alice", "inactive"))
        self.sip.settle()
        self.assertEqual(bob.answers[-1].status, 200)
        self.assertEqual(bob.answers[-1].body.decode(), sdp("alice", "inactive"))

    def test_hold_refused(self) -> None:
        """A new offer that the other does not take is 488, and the call goes on."""
        alice, bob = self.connected()
        alice.within("INVITE", body=sdp("alice", "sendonly", video=True))
        self.sip.settle()
        bob.responds(bob.last("INVITE"), 488)
        self.sip.settle()
        self.assertEqual(alice.statuses[-1], 488)
        self.assertEqual(len(self.sip.calls), 2)

    def test_refused(self) -> None:
        """What the one refuses is told to the other."""
        alice, bob = self.call()
        bob.answers_with(486)
        self.sip.settle()
        self.assertEqual(alice.statuses, [100, 486])

    def test_both_hang_up(self) -> None:
        """BYEs that cross are both answered."""
        alice, bob = self.connected()
        alice.within("BYE")
        bob.sends("BYE")
        self.sip.settle()
        self.assertEqual((alice.statuses[-1], bob.statuses[-1]), (200, 200))
        self.assertEqual(len(self.sip.calls), 0)


class ElsewhereTests(CallTestCase):
    """Calls to people of a domain to which a route leads."""

    def test_application_calls(self) -> None:
        """An application calls somebody elsewhere, whose server answers."""
        alice, partner = self.sip.application("alice"), self.sip.telephone("dora", "partner.test")
        wanted = Wanted("sip:dora@partner.test", ("Audio",), read_description(sdp("alice")))
        done(running(self.world.calls.start(alice, wanted, self.world.now)))
        self.sip.settle()
        invite = partner.last("INVITE")
        self.assertEqual(invite.uri, "sip:dora@partner.test")
        self.assertEqual(invite.from_.sip.aor, uri("alice"))
        partner.answers_with(200, sdp("dora"))
        self.sip.settle()
        self.assertTrue(self.sip.heard(alice, CallChanged, state="Connected"))

    def test_phone_calls(self) -> None:
        """So does a user's phone; nobody else is led through."""
        partner = self.sip.telephone("dora", "partner.test")
        alice = self.sip.telephone("alice")
        alice.calls("sip:dora@partner.test", sdp("alice"))
        self.sip.settle()
        partner.answers_with(486)
        self.sip.settle()
        self.assertEqual(alice.statuses, [100, 486])
        stranger = self.sip.telephone("stranger", "192.0.2.60")
        stranger.calls(
            "sip:dora@partner.test", sdp("stranger"), "P-Asserted-Identity: <sip:a@b.test>"
        )
        self.sip.settle()
        self.assertEqual(stranger.statuses, [100, 404])

    def test_no_route(self) -> None:
        """Where no route leads, nobody is there."""
        alice = self.sip.telephone("alice")
        alice.calls("sip:dora@nowhere.test", sdp("alice"))
        self.sip.settle()
        self.assertEqual(alice.statuses, [100, 404])
