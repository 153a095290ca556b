"""What is said before calls are answered: early media, PRACK and UPDATE, both ways."""

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.call_rows import Answer
from mobility.domain.facts import NegotiationChanged
from mobility.media.held import narrowed
from mobility.media.offers import read_description
from mobility.media.sdp import parse
from mobility.sip.message import Response
from tests.domain.doubles import done, running, uri
from tests.sip.call_world import sdp
from tests.sip.test_calls import CallTestCase

RELIABLE = "Require: 100rel"


class RingingTests(CallTestCase):
    """Alice's phone calls Bob's application and his phone."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.sip.application("bob")
        self.desk = self.sip.phone("bob")
        self.alice = self.sip.telephone("alice")

    def call(self, *lines: str) -> str:
        self.alice.calls(uri("bob"), sdp("alice"), *lines)
        return self.rings(self.bob).id

    def early(self, invitation_id: str, name: str) -> Response:
        """Bob's application answers provisionally; what Alice is told."""
        answer = Answer(read_description(sdp(name)))
        done(running(self.world.calls.answer_provisionally(self.bob, invitation_id, answer)))
        self.sip.settle()
        return self.told()

    def told(self, status: int = 183) -> Response:
        return next(one for one in reversed(self.alice.answers) if one.status == status)

    def acknowledges(self, response: Response, body: str = "") -> Response:
        """Alice's PRACK, and its answer."""
        return self.within(response, "PRACK", f"RAck: {response.need('RSeq')} 1 INVITE", body)

    def within(self, response: Response, method: str, line: str = "", body: str = "") -> Response:
        """A request in the early dialog of a response, and its answer."""
        self.alice.answers.append(response)
        lines = (line,) if line else ()
        self.alice.within(method, *lines, body=body)
        self.alice.answers.remove(response)
        found = [one for one in self.alice.answers if one.cseq.method == method]
        return found[-1]

    def test_reliable_answer(self) -> None:
        """A description in a reliable response is the answer, and the 2xx does not repeat it."""
        invitation_id = self.call(RELIABLE)
        early = self.early(invitation_id, "bob")
        self.assertEqual(early.body.decode(), sdp("bob"))
        self.assertIn("100rel", early.tokens("Require"))
        self.assertEqual(self.acknowledges(early).status, 200)
        self.acknowledges(self.told(180))
        self.accept(self.bob, invitation_id, sdp("bob"))
        answer = self.told(200)
        self.assertEqual((answer.cseq.method, answer.body), ("INVITE", b""))
        self.assertEqual(answer.to.tag, early.to.tag)

    def test_other_device_answers(self) -> None:
        """Media of each device have an early dialog of their own, and so has what is answered."""
        invitation_id = self.call(RELIABLE)
        early = self.early(invitation_id, "bob")
        self.acknowledges(early)
        self.desk.answers_with(183, sdp("desk"))
        self.sip.settle()
        other = self.told()
        self.assertEqual(other.body.decode(), sdp("desk"))
        self.assertNotEqual(other.to.tag, early.to.tag)
        self.acknowledges(other)
        self.accept(self.bob, invitation_id, sdp("accepted"))
        answer = self.told(200)
        self.assertEqual(answer.body.decode(), sdp("accepted"))
        self.assertNotIn(answer.to.tag, (early.to.tag, other.to.tag))
        self.assertEqual(len([one for one in self.sip.core.dialogs if one[0] == "c-alice"]), 1)
        self.alice.acknowledges()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 200)
        self.assertEqual(len(self.sip.calls), 0)

    def test_answer_waits(self) -> None:
        """The 2xx of a dialog waits for the PRACK of its description."""
        invitation_id = self.call(RELIABLE)
        early = self.early(invitation_id, "bob")
        self.accept(self.bob, invitation_id, sdp("bob"))
        self.assertNotIn(200, self.alice.statuses)
        self.acknowledges(early)
        self.acknowledges(self.told(180))
        invites = [one.status for one in self.alice.answers if one.cseq.method == "INVITE"]
        self.assertEqual(invites[-1], 200)

    def test_unreliable(self) -> None:
        """Without 100rel each description has its dialog, too, and the 2xx has the answer."""
        invitation_id = self.call()
        early = self.early(invitation_id, "early")
        self.assertIsNone(early.first("RSeq"))
        self.accept(self.bob, invitation_id, sdp("bob"))
        answer = self.told(200)
        self.assertEqual(answer.body.decode(), sdp("bob"))
        self.assertNotEqual(answer.to.tag, early.to.tag)

    def test_same_early_media(self) -> None:
        """What was told early and is the answer stays in its dialog."""
        invitation_id = self.call()
        early = self.early(invitation_id, "bob")
        self.accept(self.bob, invitation_id, sdp("bob"))
        answer = self.told(200)
        self.assertEqual(answer.to.tag, early.to.tag)
        self.assertEqual(answer.body.decode(), sdp("bob"))

    def test_repeated_offer(self) -> None:
        """An offer in a PRACK that repeats the first one is answered at once."""
        invitation_id = self.call(RELIABLE)
        early = self.early(invitation_id, "bob")
        again = sdp("alice").replace("o=alice 1 1", "o=alice 1 2")
        repeated = self.acknowledges(early, again)
        self.assertEqual((repeated.status, repeated.body.decode()), (200, sdp("bob")))
        self.acknowledges(self.told(180))
        self.accept(self.bob, invitation_id, sdp("bob"))
        self.assertEqual(self.told(200).to.tag, early.to.tag)

    def test_early_update(self) -> None:
        """UPDATE before the answer: nothing to answer with yet is 500, what was offered before is
        answered, and none is 200."""
        invitation_id = self.call(RELIABLE)
        done(running(self.world.calls.alert(self.bob, invitation_id)))
        self.sip.settle()
        ringing = self.told(180)
        self.assertEqual(self.within(ringing, "UPDATE", body=sdp("alice")).status, 500)
        self.acknowledges(ringing)
        early = self.early(invitation_id, "bob")
        self.acknowledges(early)
        agreed = self.within(early, "UPDATE", body=sdp("alice"))
        self.assertEqual((agreed.status, agreed.body.decode()), (200, sdp("bob")))
        self.assertEqual(self.within(early, "UPDATE").status, 200)

    def test_given_up(self) -> None:
        """A caller that hangs up in an early dialog has ended the call."""
        invitation_id = self.call(RELIABLE)
        early = self.early(invitation_id, "bob")
        self.acknowledges(early)
        self.assertEqual(self.within(early, "BYE").status, 200)
        self.sip.settle()
        self.assertEqual(self.alice.statuses.count(487), 1)
        self.desk.answers_with(180)
        self.assertEqual(self.desk.methods[-1], "CANCEL")
        self.assertEqual(self.sip.core.dialogs, {})


class CalledPhoneTests(CallTestCase):
    """Alice's application calls Bob's phone, which sends its provisional responses reliably."""

    def setUp(self) -> None:
        super().setUp()
        self.alice, self.bob = self.sip.application("alice"), self.sip.phone("bob")
        self.start(self.alice, "bob", sdp("alice"))
        self.bob.answers_with(183, sdp("bob"), ("Require", "100rel"), ("RSeq", "7"))
        self.sip.settle()

    def heard(self) -> list[str]:
        """The early media that Alice's application was told of."""
        facts = self.sip.heard(self.alice, NegotiationChanged, provisional=True)
        return [cast(NegotiationChanged, one).answer for one in facts]

    def test_acknowledged(self) -> None:
        """It gets PRACK for each once, in order."""
        self.assertEqual(self.bob.last("PRACK").first("RAck"), "7 1 INVITE")
        self.bob.answers_with(183, sdp("late"), ("Require", "100rel"), ("RSeq", "9"))
        self.bob.answers_with(183, sdp("bob"), ("Require", "100rel"), ("RSeq", "7"))
        self.assertEqual(self.bob.methods.count("PRACK"), 1)
        self.bob.answers_with(180, "", ("Require", "100rel"), ("RSeq", "8"))
        self.sip.settle()
        self.assertEqual(self.bob.last("PRACK").first("RAck"), "8 1 INVITE")
        self.assertEqual(self.heard(), [sdp("bob")])

    def test_update(self) -> None:
        """UPDATE with other media is answered with what was offered, and the caller is told; the
        2xx without a description means these."""
        moved = sdp("bob").replace("4000", "4010")
        self.bob.sends("UPDATE", body=moved)
        self.sip.settle()
        answer = self.bob.answers[-1]
        self.assertEqual(answer.status, 200)
        self.assertIn("m=audio 4000 RTP/AVP 0", answer.body.decode())
        self.assertEqual(self.heard(), [sdp("bob"), moved])
        self.bob.answers_with(200)
        self.sip.settle()
        (final,) = self.sip.heard(self.alice, NegotiationChanged, provisional=False)
        self.assertEqual(cast(NegotiationChanged, final).answer, moved)
        self.assertEqual(self.bob.methods[-1], "ACK")
        self.bob.sends("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.answers[-1].status, 200)

    def test_update_refused(self) -> None:
        """UPDATE with media that were not offered is 488, one without is 200, and other requests
        have no dialog yet."""
        self.bob.sends("UPDATE", body=sdp("bob", video=True))
        self.bob.sends("UPDATE", body=sdp("bob").replace("AVP 0", "AVP 9"))
        self.bob.sends("UPDATE")
        self.bob.sends("INFO")
        self.assertEqual(self.bob.statuses, [488, 488, 200, 481])

    def test_update_before_an_answer(self) -> None:
        """UPDATE with an offer before ours is answered is 491."""
        other = self.sip.phone("bob", "192.0.2.29")
        self.sip.settle()
        other.answers_with(180)
        other.sends("UPDATE", body=sdp("bob"))
        self.assertEqual(other.statuses, [491])


class NarrowedTests(SynchronousTestCase):
    """Offers as answers."""

    def test_formats(self) -> None:
        """Formats that are not offered are left out, with what is said of them."""
        own = sdp("a").replace("AVP 0", "AVP 0 8 96") + "a=rtpmap:96 opus/48000/2\r\na=ptime:20\r\n"
        offer = sdp("b").replace("AVP 0", "AVP 8 0")
        (audio,) = parse(narrowed(own, offer)).media
        self.assertEqual(audio.formats, ("0", "8"))
        self.assertEqual([one.name for one in audio.attributes], ["sendrecv", "ptime"])

    def test_none(self) -> None:
        """What cannot be an answer is none."""
        for offer in ("rubbish", sdp("b", video=True), sdp("b").replace("AVP 0", "AVP 9")):
            self.assertEqual(narrowed(sdp("a"), offer), "")
