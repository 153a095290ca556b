"""Legs of calls: provisional responses, glare, session timers, forks and lost messages."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.states import IllegalTransition
from mobility.media.held import continued, resumed, silent_answer
from mobility.media.sdp import parse
from mobility.sip.leg_states import LEG, Legged
from tests.domain.doubles import done, running, uri
from tests.sip.call_world import sdp
from tests.sip.test_calls import CallTestCase


class CalledTests(CallTestCase):
    """Alice's phone calls Bob's application."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.sip.application("bob")
        self.alice = self.sip.telephone("alice")

    def call(self, *lines: str) -> str:
        self.alice.calls(uri("bob"), sdp("alice"), *lines)
        return self.rings(self.bob).id

    def alert(self, invitation_id: str) -> None:
        done(running(self.world.calls.alert(self.bob, invitation_id)))
        self.sip.settle()

    def connected(self, *lines: str) -> None:
        self.accept(self.bob, self.call(*lines), sdp("bob"))
        self.alice.acknowledges()
        self.sip.settle()

    def test_reliable(self) -> None:
        """Whoever requires 100rel gets provisional responses until its PRACK, and the 2xx after."""
        invitation_id = self.call("Require: 100rel")
        self.alert(invitation_id)
        ringing = self.alice.answers[-1]
        self.assertEqual((ringing.status, ringing.first("Require")), (180, "100rel"))
        self.sip.settle(0.6)
        self.assertEqual(self.alice.statuses, [100, 180, 180])
        self.accept(self.bob, invitation_id, sdp("bob"))
        self.assertEqual(self.alice.statuses[-1], 180)
        number = ringing.first("RSeq")
        self.alice.within("PRACK", "RAck: 1 1 INVITE")
        self.assertEqual(self.alice.statuses[-1], 481)
        self.alice.within("PRACK", f"RAck: {number} 1 INVITE")
        self.assertEqual(sorted(self.alice.statuses[-2:]), [200, 200])
        self.assertIn("INVITE", {one.cseq.method for one in self.alice.answers[-2:]})

    def test_never_acknowledged_provisional(self) -> None:
        """Without a PRACK the INVITE fails."""
        self.alert(self.call("Require: 100rel"))
        for _ in range(40):
            self.sip.clock.advance(1.0)
        self.assertEqual(self.alice.statuses[-1], 504)

    def test_short_session(self) -> None:
        """A session interval below the least is 422 with the least."""
        self.alice.calls(uri("bob"), sdp("alice"), "Supported: timer", "Session-Expires: 60")
        self.assertEqual(self.alice.statuses[-1], 422)
        self.assertEqual(self.alice.answers[-1].first("Min-SE"), "90")

    def test_peer_refreshes(self) -> None:
        """A peer that is to refresh the session and does not has lost it."""
        self.connected("Supported: timer", "Session-Expires: 120;refresher=uac")
        answer = next(one for one in self.alice.answers if one.status == 200)
        self.assertEqual(answer.first("Session-Expires"), "120;refresher=uac")
        self.assertEqual(answer.first("Require"), "timer")
        self.sip.settle(50.0)
        self.alice.within("UPDATE", "Supported: timer", "Session-Expires: 120;refresher=uac")
        self.assertEqual(self.alice.statuses[-1], 200)
        self.sip.settle(80.0)
        self.assertEqual(self.alice.methods, [])
        self.sip.settle(20.0)
        self.assertEqual(self.alice.methods, ["BYE"])
        self.sip.settle()
        self.assertEqual(len(self.sip.calls), 0)

    def test_own_refresh(self) -> None:
        """A peer without session timers is asked whether it is there; the application hears
        nothing of it."""
        self.connected("Allow: INVITE, UPDATE")
        self.sip.clock.advance(901.0)
        asked = self.alice.last("UPDATE")
        self.alice.responds(asked, 200)
        self.sip.clock.advance(901.0)
        self.assertEqual(self.alice.methods, ["UPDATE", "UPDATE"])
        self.alice.responds(self.alice.last("UPDATE"), 481)
        self.sip.settle()
        self.assertEqual(len(self.sip.calls), 0)

    def test_refresh_by_invite(self) -> None:
        """A peer that takes no UPDATE is asked with a re-INVITE that changes nothing."""
        self.connected()
        self.sip.clock.advance(901.0)
        asked = self.alice.last("INVITE")
        self.assertEqual(asked.body.decode(), sdp("bob"))
        self.alice.responds(asked, 200, sdp("alice"))
        self.assertEqual(self.alice.methods, ["INVITE", "ACK"])

    def test_second_offer(self) -> None:
        """A re-INVITE while another one waits for its answer is 500 with Retry-After."""
        self.connected()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.alice.within("INVITE", body=sdp("alice", "inactive"))
        refused = self.alice.answers[-1]
        self.assertEqual((refused.status, refused.first("Retry-After")), (500, "2"))

    def test_offer_without_description(self) -> None:
        """A re-INVITE without an offer is offered what was agreed, and the ACK may change it."""
        self.connected()
        self.alice.within("INVITE")
        self.assertEqual(self.alice.answers[-1].body.decode(), sdp("bob"))
        self.alice.acknowledges(sdp("alice", "sendonly"))
        self.sip.settle()
        (conversation,) = self.world.conversations
        assert conversation.renegotiation is not None
        self.assertEqual(conversation.renegotiation.offer, sdp("alice", "sendonly"))

    def test_other_requests(self) -> None:
        """INFO is answered, packages of it are not taken, and other methods are 405."""
        self.connected()
        self.alice.within("INFO")
        self.alice.within("INFO", "Info-Package: x")
        self.alice.within("OPTIONS")
        self.alice.within("MESSAGE")
        self.assertEqual(self.alice.statuses[-4:], [200, 469, 200, 405])

    def test_wrong_body(self) -> None:
        """A body that is no session description is 415 with what is taken."""
        self.connected()
        self.alice.numbers += 1
        bad = self.alice.within("INVITE", "Content-Type: text/plain", body="")
        bad.set("Via", "SIP/2.0/TCP 192.0.2.20:5060;branch=z9hG4bKbad")
        bad.set("CSeq", f"{self.alice.numbers + 1} INVITE")
        bad.body = b"hello"
        self.alice.acknowledges()
        self.alice.come(bad)
        self.assertEqual(self.alice.statuses[-1], 415)
        accepted = self.alice.answers[-1].first("Accept")
        self.assertEqual(accepted, "application/sdp, multipart/mixed")


class CallingTests(CallTestCase):
    """Alice's application calls Bob's phone."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.sip.application("alice")
        self.bob = self.sip.phone("bob")
        self.invitation = self.start(self.alice, "bob", sdp("alice"))

    def talk(self) -> None:
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()

    def offer(self, direction: str) -> None:
        from mobility.media.offers import read_description

        offered = self.world.renegotiations.offer(
            self.alice,
            self.invitation.conversation_id,
            read_description(sdp("alice", direction)),
            "",
            self.world.now,
        )
        done(running(offered))
        self.sip.settle()

    def test_longer_session(self) -> None:
        """422 is answered with another INVITE that asks for as long as the peer wants."""
        self.bob.answers_with(422, "", ("Min-SE", "3600"))
        self.sip.settle()
        again = self.bob.last("INVITE")
        self.assertEqual(again.cseq.number, 2)
        self.assertEqual((again.first("Session-Expires"), again.first("Min-SE")), ("3600", "3600"))
        self.talk()
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "INVITE", "ACK"])

    def test_answer_again(self) -> None:
        """A 2xx that comes again is acknowledged again."""
        self.talk()
        self.bob.answers_with(200, sdp("bob"))
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "ACK"])

    def test_fork(self) -> None:
        """A 2xx of another branch behind a proxy is acknowledged and ended."""
        self.talk()
        self.bob.answers_with(200, sdp("bob"), tag="fork")
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "ACK", "BYE"])
        self.assertIn("tag=fork", self.bob.last("BYE").fields["To"][0])
        self.bob.answers_with(200, sdp("bob"), tag="fork")  # the ACK was lost
        self.assertEqual(self.bob.methods[-2:], ["BYE", "ACK"])
        self.assertIn("tag=fork", self.bob.last("ACK").fields["To"][0])

    def test_early_answer(self) -> None:
        """A 2xx without a description means that of its reliable provisional response."""
        reliable = ("Require", "100rel"), ("RSeq", "1")
        self.bob.answers_with(183, sdp("bob"), *reliable)
        self.bob.answers_with(183, sdp("bob"), *reliable)
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "PRACK"])
        self.bob.answers_with(200)
        self.sip.settle()
        conversation = self.world.conversation(self.alice, self.invitation.conversation_id)
        self.assertEqual(conversation.call.state if conversation.call else "", "Established")

    def test_answer_that_crosses_cancel(self) -> None:
        """A 2xx that crosses our CANCEL is acknowledged and ended."""
        self.bob.answers_with(180)
        done(running(self.world.conversations.cancel(self.alice, self.invitation.id, 0.0)))
        self.sip.settle()
        self.bob.answers_with(200, sdp("bob"))
        self.assertEqual(self.bob.methods, ["INVITE", "CANCEL", "ACK", "BYE"])
        self.assertEqual(len(self.sip.calls), 0)
        self.bob.answers_with(200, sdp("bob"))  # the ACK was lost
        self.assertEqual(self.bob.methods[3:], ["BYE", "ACK"])

    def test_glare(self) -> None:
        """A new offer that crosses one of the peer is sent again after a while (491), and the
        peer's is refused with 491 meanwhile."""
        self.talk()
        self.offer("sendonly")
        self.bob.sends("INVITE", body=sdp("bob", "sendonly"))
        self.assertEqual(self.bob.statuses[-1], 491)
        asked = self.bob.last("INVITE")
        self.bob.responds(asked, 491)
        count = self.bob.methods.count("INVITE")
        self.sip.settle(4.1)
        self.assertEqual(self.bob.methods.count("INVITE"), count + 1)

    def test_over_before_it_is_sent_again(self) -> None:
        """A call that ends while its offer waits to be sent again is left alone."""
        self.talk()
        self.offer("sendonly")
        self.bob.responds(self.bob.last("INVITE"), 491)
        self.bob.sends("BYE")
        count = len(self.bob.got)
        self.sip.settle(4.1)
        self.assertEqual(len(self.bob.got), count)

    def test_offer_to_nobody(self) -> None:
        """A peer that does not know the call any more has lost it."""
        self.talk()
        self.offer("sendonly")
        self.bob.responds(self.bob.last("INVITE"), 481)
        self.sip.settle()
        self.assertEqual(len(self.sip.calls), 0)

    def test_silent_phone(self) -> None:
        """A phone that says nothing rings nobody, and the call ends unanswered."""
        self.bob.alive = False
        for _ in range(70):
            self.sip.settle(1.0)
        self.assertEqual(len(self.sip.calls), 0)


class StateTests(SynchronousTestCase):
    """The table of legs."""

    def test_ends(self) -> None:
        """A leg ends once, and from each state there is a way to the end."""
        self.assertEqual(LEG.ends, ("Ended",))
        reachable = {"Ended"}
        for _ in LEG.states:
            reachable |= {state for (state, _), to in LEG.table.items() if to in reachable}
        self.assertEqual(reachable, set(LEG.states))
        self.assertRaises(IllegalTransition, LEG.after, "Ended", Legged.BYE)


class DescriptionTests(SynchronousTestCase):
    """Descriptions that are made of others."""

    def test_silent(self) -> None:
        """An offer is answered stream by stream, with nothing that flows."""
        answer = parse(silent_answer(sdp("a", video=True)))
        self.assertEqual([one.medium for one in answer.media], ["audio", "video"])
        self.assertEqual({one.attributes[-1].name for one in answer.media}, {"inactive"})
        self.assertEqual({one.port for one in answer.media}, {9})
        self.assertEqual(silent_answer("no description"), "")

    def test_resumed(self) -> None:
        """What was held flows both ways again."""
        self.assertIn("a=sendrecv", resumed(sdp("a", "sendonly")))
        self.assertEqual(resumed("no description"), "no description")

    def test_continued(self) -> None:
        """The next description of a session has its origin and a higher version."""
        first, other = sdp("a"), sdp("b", "sendonly")
        origin = parse(continued(first, other)).origin
        self.assertEqual((origin.username, origin.version), ("a", "2"))
        self.assertEqual(continued(first, first), first)
        self.assertEqual(continued(first, sdp("a", "sendonly")), sdp("a", "sendonly"))
        self.assertEqual(continued("", other), other)
        again = parse(continued(sdp("a", "sendonly"), sdp("a")))
        self.assertEqual(again.origin.version, "3")
        self.assertEqual(attrs.evolve(again.origin, version="1"), parse(first).origin)
