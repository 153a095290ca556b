"""Whatever crosses, expires or comes late: in the end both ends of a call agree on the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mobility.domain.facts import RenegotiationChanged
from mobility.errors import Refusal
from mobility.media.held import flows_alike
from mobility.media.offers import read_description
from mobility.media.sdp import parse
from mobility.sip.message import Request
from tests.domain.doubles import done, running
from tests.sip.call_world import SipWorld, Telephone
from tests.sip.test_calls import CallTestCase

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly"}

STEPS = st.one_of(
    st.tuples(st.just("offers"), st.sampled_from(DIRECTIONS)),
    st.tuples(st.just("answers"), st.sampled_from(("", "dismisses"))),
    st.tuples(st.just("expires"), st.just("")),
    st.tuples(st.just("passes"), st.just("")),
    st.tuples(st.just("phone_offers"), st.sampled_from(DIRECTIONS)),
    st.tuples(st.just("phone_answers"), st.sampled_from(("200", "200", "488", "491", "500"))),
    st.tuples(st.just("phone_moves"), st.just("")),
    st.tuples(st.just("phone_obeys"), st.just("")),
)


def described(name: str, port: int, version: int, direction: str) -> str:
    return (
        f"v=0\r\no={name} 1 {version} IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na={direction}\r\n"
    )


def answer_to(offer: str) -> str:
    """The direction of an answer that takes all of an offer."""
    (audio,) = parse(offer).media
    direction = next(one.name for one in audio.attributes if one.name in DIRECTIONS)
    return MIRRORED.get(direction, direction)


class Call:
    """Alice's application talks to Bob's phone, which answers INVITEs when it is told to.

    `heard` is what the phone was told last of what it has agreed to, `said` what it has said.
    """

    def __init__(self) -> None:
        self.sip = SipWorld()
        self.world = self.sip.world
        self.alice = self.sip.application("alice")
        self.bob: Telephone = self.sip.phone("bob")
        self.port, self.version = 4_000, 1
        self.own_port, self.own_version = 5_000, 1
        self.waiting: list[Request] = []
        self.asked: tuple[Request, str] | None = None
        self.seen = 0
        self.seen_answers = 0

    def own(self, direction: str) -> str:
        self.own_version += 1
        return described("alice", self.own_port, self.own_version, direction)

    def phone(self, direction: str) -> str:
        self.version += 1
        return described("bob", self.port, self.version, direction)

    def begin(self, test: CallTestCase) -> None:
        test.sip, test.world = self.sip, self.world
        offer = self.own("sendrecv")
        self.conversation_id = test.start(self.alice, "bob", offer).conversation_id
        self.heard, self.said = offer, self.phone("sendrecv")
        self.bob.answers_with(200, self.said)
        self.settle()

    def settle(self, seconds: float = 0.1) -> None:
        self.sip.settle(seconds)
        self.sip.settle(0.02)
        for one in self.bob.got[self.seen :]:
            if one.method == "INVITE" and ";tag=" in one.fields["To"][0]:
                self.waiting.append(one)
        self.seen = len(self.bob.got)
        for answer in self.bob.answers[self.seen_answers :]:
            asked = self.asked
            if asked is None or answer.cseq != asked[0].cseq or answer.status < 200:
                continue
            self.asked = None
            if answer.status == 200:
                self.heard, self.said = answer.body.decode(), asked[1]
                ack = self.bob.sends("ACK")
                ack.renumber(asked[0].cseq.number)
                self.bob.come(ack)
        self.seen_answers = len(self.bob.answers)

    # The application

    def offers(self, direction: str) -> None:
        offer, now = read_description(self.own(direction)), self.world.now
        offering = self.world.renegotiations.offer(self.alice, self.conversation_id, offer, "", now)
        running(offering).addErrback(lambda failure: failure.trap(Refusal))

    def open_offer(self) -> RenegotiationChanged | None:
        """What the phone has offered the application."""
        renegotiation = self.world.conversation(self.alice, self.conversation_id).renegotiation
        found = self.sip.heard(self.alice, RenegotiationChanged, change="started")
        last = found[-1] if found else None
        if not isinstance(last, RenegotiationChanged) or last.direction != "Incoming":
            return None
        open_one = renegotiation is not None and renegotiation.state == "Offered"
        return last if open_one and renegotiation.id == last.id else None

    def answers(self, how: str) -> None:
        offered, renegotiations = self.open_offer(), self.world.renegotiations
        if offered is None:
            return
        where = self.alice, self.conversation_id, offered.id
        if how:
            done(running(renegotiations.dismiss(*where, "Declined")))
        else:
            answer = read_description(self.own(answer_to(offered.offer)))
            done(running(renegotiations.answer(*where, answer)))

    def expires(self, _: str) -> None:
        self.world.advance(self.world.conversations.limits.invitation_timeout_s + 1)

    def passes(self, _: str) -> None:
        self.settle(1.1)

    # The phone

    def phone_offers(self, direction: str) -> None:
        if self.asked is None and not self.waiting:
            text = self.phone(direction)
            self.asked = self.bob.sends("INVITE", body=text), text

    def phone_moves(self, _: str) -> None:
        """It has other media from its next description on."""
        self.port += 2

    def phone_answers(self, status: str) -> None:
        if not self.waiting:
            return
        asked = self.waiting.pop(0)
        if status != "200":
            lines = (("Retry-After", "1"),) if status == "500" else ()
            self.bob.responds(asked, int(status), "", *lines)
            return
        offer = asked.body.decode()
        text = self.phone(answer_to(offer))
        self.heard, self.said = offer, text
        self.bob.responds(asked, 200, text)

    def phone_obeys(self, _: str) -> None:
        """It answers what was cancelled."""
        cancelled = [one.cseq.number for one in self.bob.got if one.method == "CANCEL"]
        for asked in list(self.waiting):
            if asked.cseq.number in cancelled:
                self.waiting.remove(asked)
                self.bob.responds(asked, 487)

    def quiet(self) -> None:
        """Everything that is open is answered, until nothing is."""
        for _ in range(20):
            self.phone_answers("200")
            self.settle(2.1)
            self.answers("")
            self.settle()

    def agreed(self) -> list[str]:
        conversation = self.world.conversation(self.alice, self.conversation_id)
        call = conversation.call
        assert call is not None
        return [conversation.sides[one].description for one in (call.caller_id, call.callee_id)]


class AgreementTests(CallTestCase):
    """New offers of both ends, answered in all ways and at all times."""

    @settings(max_examples=60, deadline=None)
    @given(st.lists(STEPS, max_size=14))
    def test_agree(self, steps: list[tuple[str, str]]) -> None:
        """In the end each end has what the other one has said last."""
        call = Call()
        call.begin(self)
        for step, how in steps:
            getattr(call, step)(how)
            call.settle()
        call.quiet()
        self.assertEqual(call.world.failures, [])
        self.assertNotIn("BYE", call.bob.methods)
        mine, theirs = call.agreed()
        self.assertTrue(flows_alike(mine, call.heard), (mine, call.heard))
        self.assertTrue(flows_alike(theirs, call.said), (theirs, call.said))
