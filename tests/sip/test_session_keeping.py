"""Refusals of requests within calls: which end them, and how sessions are kept alive meanwhile."""

from mobility.domain.facts import RenegotiationChanged
from mobility.media.offers import read_description
from mobility.sip.message import Request
from tests.domain.doubles import done, running
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_call_faults import TalkTestCase
from tests.sip.test_calls import CallTestCase

ENDING = (404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 501, 502, 604)
"""Refusals of a re-INVITE that end the call (RFC 5057 section 5.1)."""

PASSING = (400, 403, 415, 486, 488, 489, 500, 503, 504, 600, 603, 606)
"""Those that are about the re-INVITE alone."""


class RefusedOfferTests(TalkTestCase):
    """Alice's phone holds, and Bob's phone does not take it."""

    def holds(self) -> Request:
        self.talk()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        return self.bob.last("INVITE")

    def test_ends(self) -> None:
        """What says that the dialog or the call is not there any more ends it for both."""
        for status in ENDING:
            self.bob.responds(self.holds(), status)
            self.sip.settle()
            self.assertEqual(self.alice.methods[-1:], ["BYE"], status)
            self.assertEqual(self.bob.methods[-1], "BYE", status)
            self.assertEqual(len(self.sip.calls), 0)
            self.setUp()

    def test_goes_on(self) -> None:
        """Any other refusal is told who has offered, and the call goes on as it was."""
        for status in PASSING:
            self.bob.responds(self.holds(), status)
            self.sip.settle()
            self.assertEqual(self.alice.statuses[-1], 488, status)
            self.assertEqual(self.alice.methods, [], status)
            self.assertEqual(self.bob.methods[-1], "ACK", status)
            self.assertEqual(len(self.sip.calls), 2)
            self.setUp()

    def test_offered_again(self) -> None:
        """What was refused is not agreed: offered again, it is offered to the other end again."""
        self.bob.responds(self.holds(), 503)
        self.sip.settle()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.alice.answers[-1].body.decode(), sdp("bob", "recvonly"))

    def test_no_way(self) -> None:
        """A phone to which there is no way any more is not there."""
        self.talk()
        self.bob.alive = False
        del self.sip.places.peers[self.bob.host]
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        for _ in range(3):
            self.sip.settle()
        self.assertEqual(self.alice.methods, ["BYE"])
        self.assertEqual(len(self.sip.calls), 0)

    def test_later(self) -> None:
        """A phone that is busy with something else is offered the same again when it wants."""
        for status in (480, 500, 503):
            asked = self.holds()
            count = len(self.bob.got)
            self.bob.responds(asked, status, "", ("Retry-After", "3 (soon);duration=9"))
            self.sip.settle(2.9)
            self.assertEqual(len(self.bob.got), count + 1)  # the ACK
            self.sip.settle(0.2)
            again = self.bob.last("INVITE")
            self.assertGreater(again.cseq.number, asked.cseq.number)
            self.assertEqual(again.body, asked.body)
            self.bob.responds(again, 200, sdp("bob", "recvonly"))
            self.sip.settle()
            self.assertEqual(self.alice.statuses[-1], 200)
            self.setUp()

    def test_much_later(self) -> None:
        """Nobody waits for one that wants it in an hour, or says so in words."""
        for later in ("3600", "tomorrow"):
            self.bob.responds(self.holds(), 503, "", ("Retry-After", later))
            self.sip.settle()
            self.assertEqual(self.alice.statuses[-1], 488)
            self.setUp()

    def test_never(self) -> None:
        """A phone that always wants it later gets it five times."""
        self.holds()
        for number in range(5):
            self.assertEqual(self.bob.methods.count("INVITE"), 2 + number)
            self.bob.responds(self.bob.last("INVITE"), 500, "", ("Retry-After", "0"))
            self.sip.settle(1.1)
        self.assertEqual(self.bob.methods.count("INVITE"), 6)
        self.assertEqual(self.alice.statuses[-1], 488)

    def test_longer(self) -> None:
        """One that wants a longer session is asked for that."""
        self.bob.responds(self.holds(), 422, "", ("Min-SE", "4000"))
        self.sip.settle()
        again = self.bob.last("INVITE")
        self.assertEqual((again.first("Session-Expires"), again.first("Min-SE")), ("4000", "4000"))
        self.bob.responds(again, 422, "", ("Min-SE", "4000"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 488)

    def test_unreadable_interval(self) -> None:
        """A 422 that cannot be read is a refusal."""
        self.bob.responds(self.holds(), 422, "", ("Min-SE", "long"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 488)

    def test_peer_refreshes_meanwhile(self) -> None:
        """A phone that wants an offer later may refresh the session before; what it offers anew
        crosses ours."""
        self.bob.responds(self.holds(), 500, "", ("Retry-After", "5"))
        self.sip.settle()
        self.bob.sends("INVITE", body=sdp("bob", "inactive"))
        self.assertEqual(self.bob.statuses[-1], 491)
        self.bob.sends("INVITE", body=sdp("bob"))
        self.assertEqual(self.bob.statuses[-1], 200)
        count = self.bob.methods.count("INVITE")
        self.sip.settle(5.1)
        self.assertEqual(self.bob.methods.count("INVITE"), count)
        self.bob.sends("ACK")
        number = self.bob.numbers
        ack = self.bob.sends("UPDATE")
        self.assertEqual((ack.cseq.number, self.bob.statuses[-1]), (101 + number, 200))


class RefreshTests(CallTestCase):
    """Bob's application talks to Alice's phone, which is asked whether it is there."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.sip.application("bob")
        self.alice = self.sip.telephone("alice")

    def talk(self, *lines: str) -> None:
        self.alice.calls("sip:bob@example.test", sdp("alice"), *lines)
        self.accept(self.bob, self.rings(self.bob).id, sdp("bob"))
        self.alice.acknowledges()
        self.sip.settle()

    def keeps(self, allow: str = "INVITE, UPDATE") -> None:
        """Alice's phone has a session of 400 s, which this end is to refresh every 200 s; it gives
        it up after 368 s."""
        self.talk("Supported: timer", "Session-Expires: 400;refresher=uas", f"Allow: {allow}")

    def refuses(self, status: int, *lines: tuple[str, str]) -> None:
        self.alice.responds(self.alice.got[-1], status, "", *lines)

    def goes_on(self) -> None:
        self.assertEqual(len(self.sip.calls), 1)
        self.assertNotIn("BYE", self.alice.methods)

    def over(self) -> None:
        self.sip.settle()
        self.assertEqual(self.alice.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_unavailable(self) -> None:
        """After 503 a refresh is tried again in half of what is left, and then the session goes
        on."""
        self.keeps()
        self.sip.settle(200.0)
        self.refuses(503)
        self.sip.settle(83.0)
        self.assertEqual(self.alice.methods, ["UPDATE"])
        self.sip.settle(1.5)
        self.assertEqual(self.alice.methods, ["UPDATE", "UPDATE"])
        self.refuses(200, ("Session-Expires", "400;refresher=uac"), ("Require", "timer"))
        self.sip.settle(199.0)
        self.goes_on()
        self.sip.settle(2.0)
        self.assertEqual(self.alice.methods.count("UPDATE"), 3)

    def test_expires(self) -> None:
        """A session that was never refreshed is over shortly before it expires, with BYE."""
        for status in (488, 491, 500, 503, 504):
            self.keeps()
            refused = 0
            for _ in range(366):
                self.sip.settle(1.0)
                if self.alice.methods.count("UPDATE") > refused:
                    refused += 1
                    self.refuses(status)
            self.goes_on()
            self.assertIn(refused, range(4, 9))
            self.sip.settle(3.0)
            self.over()
            self.setUp()

    def test_retry_after(self) -> None:
        """Retry-After says when it is tried again; one after the end lets the session expire."""
        self.keeps()
        self.sip.settle(200.0)
        self.refuses(500, ("Retry-After", "10"))
        self.sip.settle(9.0)
        self.assertEqual(self.alice.methods, ["UPDATE"])
        self.sip.settle(1.5)
        self.assertEqual(self.alice.methods, ["UPDATE", "UPDATE"])
        self.refuses(503, ("Retry-After", "1000"))
        self.sip.settle(155.0)
        self.assertEqual(self.alice.methods, ["UPDATE", "UPDATE"])
        self.sip.settle(3.0)
        self.over()

    def test_ends(self) -> None:
        """A phone that does not know the call ends it."""
        for status in (404, 408, 410, 480, 481, 604):
            self.keeps()
            self.sip.settle(200.0)
            self.refuses(status)
            self.over()
            self.setUp()

    def test_no_way(self) -> None:
        """So does one to which there is no way."""
        self.keeps()
        self.alice.alive = False
        del self.sip.places.peers[self.alice.host]
        self.sip.settle(200.0)
        self.sip.settle()
        self.assertEqual(len(self.sip.calls), 0)

    def test_no_update(self) -> None:
        """A phone that does not take UPDATE after all is asked by re-INVITE, from then on."""
        for status in (405, 501):
            self.keeps()
            self.sip.settle(200.0)
            self.refuses(status)
            self.assertEqual(self.alice.methods, ["UPDATE", "INVITE"])
            timer = ("Session-Expires", "400;refresher=uac")
            self.alice.responds(self.alice.last("INVITE"), 200, sdp("alice"), timer)
            self.sip.settle(200.1)
            self.assertEqual(self.alice.methods, ["UPDATE", "INVITE", "ACK", "INVITE"])
            self.setUp()

    def test_by_invite(self) -> None:
        """A re-INVITE that refreshes is tried again as UPDATE is, and the application hears
        nothing of it."""
        self.keeps("INVITE")
        self.sip.settle(200.0)
        self.refuses(503)
        self.sip.settle(84.5)
        self.assertEqual(self.alice.methods, ["INVITE", "ACK", "INVITE"])
        timer = ("Session-Expires", "400;refresher=uac")
        self.alice.responds(self.alice.last("INVITE"), 200, sdp("alice"), timer)
        self.sip.settle(190.0)
        self.goes_on()
        self.assertEqual(self.sip.heard(self.bob, RenegotiationChanged), [])

    def test_offer_refused(self) -> None:
        """A new offer that is refused leaves the session to be refreshed."""
        self.keeps("INVITE")
        self.sip.settle(199.0)
        self.offers("sendonly")
        held = self.alice.last("INVITE")
        self.sip.settle(1.5)
        self.alice.responds(held, 488)
        self.sip.settle(84.5)
        self.assertEqual(self.alice.methods, ["INVITE", "ACK", "INVITE"])
        self.assertEqual(self.alice.last("INVITE").body.decode(), sdp("bob"))

    def offers(self, direction: str) -> None:
        """Bob's application offers anew."""
        (conversation,) = self.world.conversations
        offer, now = read_description(sdp("bob", direction)), self.world.now
        done(running(self.world.renegotiations.offer(self.bob, conversation.id, offer, "", now)))
        self.sip.settle()

    def test_longer(self) -> None:
        """A phone that wants a longer session is asked for that at once."""
        self.keeps()
        self.sip.settle(200.0)
        self.refuses(422, ("Min-SE", "2000"))
        asked = self.alice.last("UPDATE")
        self.assertEqual(asked.first("Session-Expires"), "2000;refresher=uac")
        self.assertEqual(asked.first("Min-SE"), "2000")
        self.refuses(422, ("Min-SE", "never"))
        self.sip.settle(84.5)
        self.assertEqual(self.alice.methods.count("UPDATE"), 3)

    def test_keeps_nothing(self) -> None:
        """A phone without session timers that refuses to be asked is there, and is asked again
        after a quarter of an hour, or when it says; one that may not be there has half an hour."""
        self.talk("Allow: INVITE, UPDATE")
        self.sip.clock.advance(900.0)
        self.refuses(500)
        self.sip.clock.advance(890.0)
        self.assertEqual(self.alice.methods, ["UPDATE"])
        self.sip.clock.advance(11.0)
        self.refuses(488, ("Retry-After", "30"))
        self.sip.clock.advance(30.5)
        self.assertEqual(self.alice.methods.count("UPDATE"), 3)
        self.refuses(503, ("Retry-After", "7200"))
        self.sip.clock.advance(1_700.0)
        self.goes_on()
        self.sip.clock.advance(100.0)
        self.over()

    def test_moved(self) -> None:
        """The answer to UPDATE says where the phone is reached from then on."""
        self.keeps()
        self.sip.settle(200.0)
        answer = self.alice.last("UPDATE").respond(200, "alice")
        answer.set("Contact", "<sip:alice@192.0.2.20:5099>")
        self.alice.come(answer)
        (conversation,) = self.world.conversations
        self.hang_up(self.bob, conversation.id)
        self.assertEqual(self.alice.last("BYE").uri, "sip:alice@192.0.2.20:5099")

    def test_no_contact(self) -> None:
        """One that says nothing that can be read leaves the phone where it was."""
        self.keeps()
        self.sip.settle(200.0)
        answer = self.alice.last("UPDATE").respond(200, "alice")
        answer.set("Contact", "<tel:+1>")
        answer.set("Session-Expires", "soon")
        self.alice.come(answer)
        self.goes_on()
        self.sip.clock.advance(901.0)
        self.assertEqual(self.alice.methods, ["UPDATE", "UPDATE"])


class GlareTests(TalkTestCase):
    """How long who crosses another one waits."""

    def again_s(self, telephone: Telephone) -> float:
        """After how long a re-INVITE is sent again that got 491."""
        asked = telephone.last("INVITE")
        count = telephone.methods.count("INVITE")
        telephone.responds(asked, 491)
        for step in range(50):
            if telephone.methods.count("INVITE") > count:
                return step / 10
            self.sip.settle(0.1)
        raise AssertionError("it was not sent again")

    def test_caller_and_callee(self) -> None:
        """Who has made the Call-ID waits for two to four seconds, the other one for less."""
        self.talk()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        self.assertTrue(2.0 <= self.again_s(self.bob) <= 4.2)
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.alice.acknowledges()
        again = sdp("bob").replace("o=bob 1 1", "o=bob 1 9")
        self.bob.sends("INVITE", body=again)
        self.sip.settle()
        self.assertLessEqual(self.again_s(self.alice), 2.1)
