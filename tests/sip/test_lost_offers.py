"""New offers that are over before they are answered: both ends of the call agree again."""

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.facts import RenegotiationChanged
from mobility.media.held import flows_alike
from mobility.media.offers import read_description
from mobility.media.sdp import parse
from mobility.sip.message import Request
from tests.domain.doubles import done, running, uri
from tests.sip.call_world import sdp
from tests.sip.test_call_faults import TalkTestCase
from tests.sip.test_calls import CallTestCase


class ExpiredTests(CallTestCase):
    """Alice's application offers anew, and Bob's phone lets it wait."""

    def setUp(self) -> None:
        super().setUp()
        self.alice, self.bob = self.sip.application("alice"), self.sip.phone("bob")
        self.conversation_id = self.start(self.alice, "bob", sdp("alice")).conversation_id
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()

    def offers(self, direction: str, version: int = 0) -> None:
        text = sdp("alice", direction)
        if version:
            text = text.replace("o=alice 1 2", f"o=alice 1 {version}")
        made = self.world.renegotiations.offer(
            self.alice, self.conversation_id, read_description(text), "", self.world.now
        )
        done(running(made))
        self.sip.settle()

    def expires(self) -> None:
        """The offer was not answered in time."""
        self.world.advance(self.world.conversations.limits.invitation_timeout_s)
        self.sip.settle()

    def told(self, change: str) -> list[RenegotiationChanged]:
        found = self.sip.heard(self.alice, RenegotiationChanged, change=change)
        return cast(list[RenegotiationChanged], found)

    def agreed(self) -> list[str]:
        """The latest descriptions of both sides that the domain knows."""
        conversation = self.world.conversation(self.alice, self.conversation_id)
        return [one.description for one in conversation.sides.values()]

    def test_cancelled(self) -> None:
        """The phone gets CANCEL, and its 487 leaves the call as it was."""
        self.offers("sendonly")
        asked = self.bob.last("INVITE")
        self.bob.responds(asked, 180)
        self.expires()
        self.assertEqual(self.bob.methods[-1], "CANCEL")
        self.bob.responds(self.bob.last("CANCEL"), 200)
        self.bob.responds(asked, 487)
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "INVITE", "CANCEL", "ACK"])
        self.offers("inactive")
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "inactive"))
        self.sip.settle()
        self.assertEqual([one.state for one in self.told("completed")], ["Dismissed", "Answered"])

    def test_answered_late(self) -> None:
        """A phone that has taken the offer is offered what was agreed, and the application hears
        nothing of it."""
        self.offers("sendonly")
        self.expires()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "recvonly"))
        self.sip.settle()
        back = self.bob.last("INVITE")
        self.assertTrue(flows_alike(sdp("alice"), back.body.decode()))
        self.assertEqual(parse(back.body.decode()).origin.version, "3")
        self.bob.responds(back, 200, sdp("bob").replace("o=bob 1 1", "o=bob 1 3"))
        self.sip.settle()
        self.assertEqual(self.bob.methods[-4:], ["INVITE", "ACK", "INVITE", "ACK"])
        self.assertEqual(len(self.told("started")), 1)
        self.assertEqual(self.agreed(), [sdp("alice"), sdp("bob")])

    def test_elsewhere(self) -> None:
        """Where the phone goes back to other media than before, the application is offered
        them."""
        self.offers("sendonly")
        self.expires()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "recvonly"))
        self.sip.settle()
        moved = sdp("bob").replace("4000", "4444").replace("o=bob 1 1", "o=bob 1 3")
        self.bob.responds(self.bob.last("INVITE"), 200, moved)
        self.sip.settle()
        offered = self.told("started")[-1]
        self.assertEqual((offered.direction, offered.offer), ("Incoming", moved))
        answer = read_description(sdp("alice").replace("o=alice 1 1", "o=alice 1 5"))
        answering = self.world.renegotiations.answer(
            self.alice, self.conversation_id, offered.id, answer
        )
        done(running(answering))
        self.sip.settle()
        self.assertEqual(self.bob.methods[-2:], ["INVITE", "ACK"])
        self.assertEqual(self.agreed(), [answer.text, moved])

    def test_newer_offer(self) -> None:
        """A newer offer is answered by what answers it, and takes the place of the way back."""
        self.offers("sendonly")
        late = self.bob.last("INVITE")
        self.expires()
        self.offers("inactive")
        self.bob.responds(late, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        newer = self.bob.last("INVITE")
        self.assertIn("a=inactive", newer.body.decode())
        self.assertEqual(len(self.told("completed")), 1)
        self.bob.responds(newer, 200, sdp("bob", "inactive"))
        self.sip.settle()
        self.assertEqual(self.told("completed")[-1].answer, sdp("bob", "inactive"))
        self.assertEqual(self.bob.methods[-2:], ["INVITE", "ACK"])

    def test_newer_offer_refused(self) -> None:
        """If the newer one is refused the phone is offered what stands after all; if it does not
        take that either it is left alone."""
        self.offers("sendonly")
        late = self.bob.last("INVITE")
        self.expires()
        self.offers("inactive")
        self.bob.responds(late, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 488)
        self.sip.settle()
        back = self.bob.last("INVITE")
        self.assertTrue(flows_alike(sdp("alice"), back.body.decode()))
        count = len(self.bob.got)
        self.bob.responds(back, 488)
        self.sip.settle(5.0)
        self.assertEqual(len(self.bob.got), count + 1)

    def test_waits_to_be_sent_again(self) -> None:
        """One that waits after 491 is not sent any more."""
        self.offers("sendonly")
        self.world.advance(self.world.conversations.limits.invitation_timeout_s - 0.5)
        self.bob.responds(self.bob.last("INVITE"), 491)
        self.world.advance(1.0)
        count = len(self.bob.got)
        self.sip.settle(5.0)
        self.assertEqual(len(self.bob.got), count)
        self.offers("inactive")
        self.assertEqual(len(self.bob.got), count + 1)

    def test_unfit(self) -> None:
        """A phone whose answer does not fit is offered what was agreed."""
        self.offers("sendonly")
        unfit = sdp("bob").replace("m=audio 4000 RTP/AVP", "m=video 4000 RTP/AVP")
        self.bob.responds(self.bob.last("INVITE"), 200, unfit)
        self.sip.settle()
        self.assertEqual([one.state for one in self.told("completed")], ["Dismissed"])
        self.assertTrue(flows_alike(sdp("alice"), self.bob.last("INVITE").body.decode()))
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(self.agreed(), [sdp("alice"), sdp("bob")])


class GivenUpTests(TalkTestCase):
    """Alice's phone offers anew and does not wait for what Bob's phone says."""

    def cancels(self, asking: Request) -> None:
        """Alice's phone cancels a re-INVITE."""
        fields = {**asking.fields, "CSeq": [f"{asking.cseq.number} CANCEL"]}
        fields.pop("Content-Type")
        self.alice.come(Request(fields, method="CANCEL", uri=asking.uri))

    def test_update(self) -> None:
        """An UPDATE that nobody answers is 504 before its sender gives up, and Bob's phone gets
        CANCEL; what Bob's phone has taken all the same it is offered back."""
        self.talk()
        self.alice.within("UPDATE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        asked = self.bob.last("INVITE")
        self.bob.responds(asked, 180)
        self.sip.settle(19.0)
        self.assertNotIn(504, self.alice.statuses)
        for _ in range(3):
            self.sip.settle(1.0)
        self.assertEqual(self.alice.statuses[-1], 504)
        self.assertEqual(self.bob.methods[-1], "CANCEL")
        self.bob.responds(asked, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        back = self.bob.last("INVITE")
        self.assertTrue(flows_alike(sdp("alice"), back.body.decode()))
        self.bob.responds(back, 200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(self.alice.methods, [])
        self.alice.within("UPDATE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 200)

    def test_cancelled(self) -> None:
        """A re-INVITE that its sender cancels is taken back at the other end."""
        self.talk()
        asking = self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 180)
        self.cancels(asking)
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-2:], [200, 487])
        self.assertEqual(self.bob.methods[-1], "CANCEL")

    def test_answered_after_all(self) -> None:
        """What is answered although nobody waits for it is offered to who had asked, and what that
        says is told."""
        self.talk()
        asking = self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "recvonly"))
        self.cancels(asking)
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-2:], [200, 487])
        again = self.alice.last("INVITE")
        self.assertIn("a=recvonly", again.body.decode())
        self.alice.responds(again, 200, sdp("alice").replace("o=alice 1 1", "o=alice 1 3"))
        self.sip.settle()
        told = self.bob.last("INVITE")
        self.assertNotIn("a=sendonly", told.body.decode())
        self.bob.responds(told, 200, sdp("bob").replace("o=bob 1 1", "o=bob 1 3"))
        self.sip.settle()
        last = self.alice.last("INVITE")
        self.assertTrue(flows_alike(sdp("bob"), last.body.decode()))
        self.alice.responds(last, 200, sdp("alice").replace("o=alice 1 1", "o=alice 1 3"))
        self.sip.settle()
        self.assertEqual(self.alice.methods[-1], "ACK")


class MovedTests(TalkTestCase):
    """Phones that have other media when they are asked whether they are there."""

    def test_moved(self) -> None:
        """The other end is offered them; the same in fewer formats are not news."""
        for answer, told in (
            (sdp("alice").replace("4000", "4002"), True),
            (sdp("alice"), False),
        ):
            self.talk("Allow: INVITE", offer=sdp("alice").replace("AVP 0", "AVP 0 8"))
            self.sip.clock.advance(901.0)
            self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob"))
            count = self.bob.methods.count("INVITE")
            self.alice.responds(self.alice.last("INVITE"), 200, answer)
            self.sip.settle()
            self.assertEqual(self.bob.methods.count("INVITE"), count + told)
            self.setUp()


class ForwardedTests(CallTestCase):
    """Alice's phone calls Bob, who has his calls go to Carol."""

    def test_forwarded(self) -> None:
        """The caller is told once that the call goes elsewhere, and once that it rings."""
        bob = self.sip.application("bob")
        carol = self.sip.phone("carol")
        alice = self.sip.telephone("alice")
        done(running(self.world.forwarding.forward(bob, "Contact", uri("carol"))))
        alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.assertEqual(alice.statuses, [100, 181])
        carol.answers_with(180)
        self.sip.settle()
        carol.answers_with(180)
        self.sip.settle()
        self.assertEqual(alice.statuses, [100, 181, 180])
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.assertEqual(alice.statuses, [100, 181, 180, 200])


class FlowTests(SynchronousTestCase):
    """Whether media flow as before."""

    def test_alike(self) -> None:
        """Fewer formats and another version are alike; other places, directions, keys, streams and
        formats are not."""
        one = sdp("a").replace("AVP 0", "AVP 0 8")
        self.assertTrue(flows_alike(one, sdp("b")))
        self.assertTrue(flows_alike(one, one.replace("a=sendrecv\r\n", "a=ptime:20\r\n")))
        for other in (
            sdp("a").replace("4000", "4002"),
            sdp("a").replace("192.0.2.9", "192.0.2.8"),
            sdp("a", "sendonly"),
            sdp("a", video=True),
            sdp("a").replace("AVP 0", "AVP 9"),
            sdp("a") + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
            "rubbish",
        ):
            self.assertFalse(flows_alike(one, other), other)
