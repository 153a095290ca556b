"""Telephones in place of applications' audio, in calls between two parties that go on."""

from collections import Counter

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.call_rows import Answer, Wanted
from mobility.domain.descriptions import AUDIO, SEND_ONLY, VIDEO, Description, Stream
from mobility.domain.facts import CallChanged, InvitationChanged, RenegotiationChanged
from mobility.domain.phone_audio import PhoneCall
from mobility.domain.records import Call, Invitation
from mobility.errors import Answerable, Unavailable
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import MOBILE, OUTSIDE, WORK, PhoneWorld

BOTH = (Stream(AUDIO, "RTP/AVP"), Stream(VIDEO, "RTP/AVP"))
OFFER = Description("hers+video", BOTH)
ANSWER = Description("his+video", BOTH)
PHONE = Description("mobile", BOTH[:1])
TAKEN = Description("taken+video", (BOTH[0], attrs.evolve(BOTH[1], open=False)))
HELD = Description("held+video", (attrs.evolve(BOTH[0], direction=SEND_ONLY), TAKEN.streams[1]))


class ReplacementTestCase(TestCase):
    """Alice and Bob in a call with audio and video, each with an application."""

    def setUp(self) -> None:
        self.world = PhoneWorld()
        self.alice = self.world.device("alice", modalities=("Messaging", AUDIO, VIDEO))
        self.bob = self.world.device("bob", modalities=("Messaging", AUDIO, VIDEO))
        self.conversation_id = self.call()

    def tearDown(self) -> None:
        self.assertEqual(self.world.failures, [])

    def call(self) -> str:
        world = self.world
        wanted = Wanted(uri("bob"), (AUDIO, VIDEO), OFFER)
        begun = done(running(world.calls.start(self.alice, wanted, world.now)))
        world.settle()
        done(running(world.calls.accept(self.bob, begun.id, Answer(ANSWER), world.now)))
        world.settle()
        world.told(self.alice, self.bob)
        return begun.conversation_id

    def replace(
        self, to: str = uri("bob"), endpoint: Endpoint | None = None, number: str = ""
    ) -> Deferred[Invitation]:
        wanted = PhoneCall(to, number, operation_id="op")
        started = self.world.phones.replacements.start(
            endpoint or self.alice, self.conversation_id, wanted, self.world.now
        )
        return running(started)

    def rung(self) -> Invitation:
        invitation = done(self.replace())
        self.world.settle()
        return invitation

    def offered(self) -> Invitation:
        """Alice's telephone is answered, and Bob is offered its media."""
        invitation = self.rung()
        self.world.lets(MOBILE["alice"], "answers", PHONE)
        return invitation

    def taken(self) -> Invitation:
        invitation = self.offered()
        done(self.answer(self.bob, invitation.id, TAKEN))
        self.world.settle()
        return invitation

    def answer(
        self, endpoint: Endpoint, renegotiation_id: str, answer: Description
    ) -> Deferred[None]:
        answering = self.world.renegotiations.answer
        return running(answering(endpoint, self.conversation_id, renegotiation_id, answer))

    def dismiss(self, endpoint: Endpoint, renegotiation_id: str) -> Deferred[None]:
        dismissing = self.world.renegotiations.dismiss
        return running(dismissing(endpoint, self.conversation_id, renegotiation_id, "Declined"))

    def offer(self, endpoint: Endpoint, description: Description) -> str:
        offering = self.world.renegotiations.offer
        made = offering(endpoint, self.conversation_id, description, "", self.world.now)
        found = done(running(made)).id
        self.world.settle()
        return found

    def refused(self, deferred: Deferred[Invitation]) -> tuple[int, str | None]:
        fault = self.failureResultOf(deferred, Answerable).value
        return fault.status, fault.subcode

    def ways(self, endpoint: Endpoint) -> list[tuple[str, str, str]]:
        """What became of the invitations of telephones: change, state and reason."""
        facts = (entry.fact for entry in self.world.entries(endpoint))
        return [
            (one.change, one.state, one.reason.subcode if one.reason is not None else "")
            for one in facts
            if isinstance(one, InvitationChanged) and one.kind == "phone"
        ]

    def calls_of(self, endpoint: Endpoint) -> dict[str, str]:
        """The state of each modality of calls as the application was told last."""
        facts = (entry.fact for entry in self.world.entries(endpoint))
        return {one.modality: one.state for one in facts if isinstance(one, CallChanged)}

    def as_it_was(self) -> None:
        """The call goes on with what was agreed at first, and no telephone rings."""
        self.world.settle()
        self.assertEqual(self.world.live, [])
        self.assertEqual(len(self.world.phones.replacements), 0)
        conversation = self.world.conversation(self.alice, self.conversation_id)
        self.assertEqual(conversation.sides[self.alice.id].description, OFFER.text)
        self.assertEqual(conversation.sides[self.bob.id].description, ANSWER.text)
        assert conversation.call is not None
        self.assertEqual(
            (conversation.call.state, conversation.call.negotiation, conversation.call.media),
            ("Established", "Agreed", "Audio,Video"),
        )
        leg = conversation.legs[self.alice.id]
        self.assertEqual(leg.call, "Connected")
        self.assertTrue(conversation.may_replace(leg))
        self.assertIsNone(conversation.replacing(self.alice.id))
        self.assertEqual(dict(conversation.telephones), {})
        self.assertEqual(self.calls_of(self.alice).get("phoneAudio"), "Disconnected")
        self.assertEqual(self.calls_of(self.alice)["audioVideo"], "Connected")


class TakenTests(ReplacementTestCase):
    """The telephone comes into the call."""

    def test_own_phone_first(self) -> None:
        """The telephone is rung with the work number shown; the other party hears nothing of it."""
        self.rung()
        order = self.world.telephone(MOBILE["alice"]).order
        self.assertEqual((order.caller_id, order.offer), (WORK["alice"], None))
        self.assertEqual(self.calls_of(self.alice)["phoneAudio"], "Connecting")
        self.assertEqual(self.calls_of(self.alice)["audioVideo"], "Connected")
        self.assertEqual(self.ways(self.alice), [("started", "Connecting", "")])
        self.assertEqual(self.world.told(self.bob), [])

    def test_offered(self) -> None:
        """Once it is answered the other party is offered its audio in the place of the audio that
        was, and nothing else; who asked hears nothing of that."""
        invitation = self.offered()
        self.assertEqual(self.world.told(self.bob), ["renegotiation started Incoming Offered"])
        found = self.world.conversation(self.bob, self.conversation_id).renegotiation
        assert found is not None
        self.assertEqual((found.id, found.offer), (invitation.id, "mobile+video"))
        facts = [entry.fact for entry in self.world.entries(self.alice)]
        self.assertEqual([one for one in facts if isinstance(one, RenegotiationChanged)], [])

    def test_taken(self) -> None:
        """With the answer the telephone is in the call, and is told what the other party says."""
        self.offered()
        self.world.told(self.alice, self.bob)
        invitation = self.world.conversation(self.bob, self.conversation_id).renegotiation
        assert invitation is not None
        done(self.answer(self.bob, invitation.id, TAKEN))
        self.world.settle()
        connected = self.world.telephone(MOBILE["alice"]).connected
        self.assertEqual(connected, Description("taken", ()))
        self.assertEqual(
            self.calls_of(self.alice), {"audioVideo": "Disconnected", "phoneAudio": "Connected"}
        )
        self.assertEqual(
            self.ways(self.alice), [("started", "Connecting", ""), ("completed", "Connected", "")]
        )
        told = self.world.told(self.alice)
        self.assertIn("session deleted ", told)
        self.assertEqual(told[-1], "invitation completed Outgoing Connected by Bob")
        self.assertIn("renegotiation completed Incoming Answered", self.world.told(self.bob))
        self.assertEqual(self.calls_of(self.bob), {"audioVideo": "Connected"})
        self.assertEqual(self.world.live, [MOBILE["alice"]])
        self.assertEqual(len(self.world.phones.replacements), 0)

    def test_one_record(self) -> None:
        """The call is one call from its beginning to its end, and hanging up the telephone is its
        end."""
        self.taken()
        self.world.lets(MOBILE["alice"], "hangs_up")
        (record,) = self.world.stored(Call)
        self.assertEqual((record.state, record.outcome), ("Ended", "Completed"))
        self.assertEqual(self.world.live, [])
        self.assertEqual(len(self.world.phones.handsets), 0)

    def test_goes_on(self) -> None:
        """It can be held and resumed, is hung up when the other party does, and nobody takes it to
        a conference."""
        self.taken()
        conversation = self.world.conversation(self.alice, self.conversation_id)
        leg = conversation.legs[self.alice.id]
        self.assertEqual(
            (conversation.may_replace(leg), conversation.may_escalate(leg)), (False,) * 2
        )
        hold = self.world.phones.phone_audio.hold
        done(running(hold(self.alice, self.conversation_id, held=True)))
        self.assertTrue(self.world.telephone(MOBILE["alice"]).held)
        done(running(hold(self.alice, self.conversation_id, held=False)))
        stop = self.world.calls.stop(self.bob, self.conversation_id, (AUDIO,), self.world.now)
        done(running(stop))
        self.world.settle()
        self.assertEqual(self.world.live, [])

    def test_new_offers(self) -> None:
        """What the other party offers later goes to the telephone and its answer back, and the
        other way round; the application hears of neither."""
        self.taken()
        self.world.told(self.alice)
        telephone = self.world.telephone(MOBILE["alice"])
        self.offer(self.bob, HELD)
        self.assertEqual(telephone.offered, [Description("held", ())])
        telephone.agrees(Description("silent", (attrs.evolve(BOTH[0], direction="ReceiveOnly"),)))
        self.world.settle()
        conversation = self.world.conversation(self.bob, self.conversation_id)
        assert conversation.renegotiation is not None
        self.assertEqual(conversation.renegotiation.state, "Answered")
        self.assertEqual(conversation.renegotiation.answer, "silent+video")
        self.offer(self.bob, TAKEN)
        telephone.disagrees()
        self.world.settle()
        self.assertEqual(conversation.renegotiation.state, "Dismissed")
        telephone.offers(PHONE)
        self.world.settle()
        self.assertEqual(conversation.renegotiation.offer, "mobile+video")
        done(self.answer(self.bob, conversation.renegotiation.id, TAKEN))
        self.world.settle()
        self.assertEqual(telephone.answers_got, [Description("taken", ())])
        self.assertNotIn("renegotiation", " ".join(self.world.told(self.alice)))

    def test_both(self) -> None:
        """Both may take their telephones, one after the other."""
        self.taken()
        done(self.replace(uri("alice"), self.bob))
        self.world.settle()
        self.world.lets(MOBILE["bob"], "answers", PHONE)
        hers = self.world.telephone(MOBILE["alice"])
        self.assertEqual(hers.offered[-1], Description("mobile", ()))
        hers.agrees(Description("mine", BOTH[:1]))
        self.world.settle()
        self.assertEqual(self.world.telephone(MOBILE["bob"]).connected, Description("mine", ()))
        self.assertEqual(self.calls_of(self.bob)["phoneAudio"], "Connected")
        self.world.lets(MOBILE["bob"], "hangs_up")
        self.assertEqual(self.world.live, [])

    def test_waits(self) -> None:
        """While another new offer is open it waits, and is made once that is answered."""
        self.rung()
        other = self.offer(self.bob, ANSWER)
        self.world.lets(MOBILE["alice"], "answers", PHONE)
        found = self.world.conversation(self.alice, self.conversation_id)
        assert found.renegotiation is not None
        self.assertEqual(found.renegotiation.id, other)
        done(self.dismiss(self.alice, other))
        self.world.settle()
        self.assertEqual(found.renegotiation.offer, "mobile+video")

    def test_number(self) -> None:
        """In a call over IP with a number outside the gateway is offered the telephone's media."""
        world = self.world
        carried = Description("hers", BOTH[:1])
        wanted = Wanted("", (AUDIO,), carried)
        begun = done(running(world.phones.outside.start(self.alice, wanted, OUTSIDE, world.now)))
        world.settle()
        world.lets(OUTSIDE, "answers", Description("theirs", BOTH[:1]))
        self.conversation_id = begun.conversation_id
        self.assertEqual((400, "ParameterValidationFailure"), self.refused(self.replace()))
        done(self.replace(OUTSIDE))
        world.settle()
        world.lets(MOBILE["alice"], "answers", PHONE)
        outside = world.telephone(OUTSIDE)
        self.assertEqual([one.text for one in outside.offered], ["mobile"])
        outside.agrees(Description("again", BOTH[:1]))
        world.settle()
        self.assertEqual(world.telephone(MOBILE["alice"]).connected, Description("again", ()))

    def test_joined(self) -> None:
        """Where the network carries media itself two telephones are joined."""
        world = self.world
        wanted = Wanted("", (AUDIO,), Description("hers", BOTH[:1]))
        begun = done(running(world.phones.outside.start(self.alice, wanted, OUTSIDE, world.now)))
        world.settle()
        world.lets(OUTSIDE, "answers")
        self.conversation_id = begun.conversation_id
        done(self.replace(OUTSIDE))
        world.settle()
        world.lets(MOBILE["alice"], "answers")
        self.assertIs(world.telephone(MOBILE["alice"]).joined, world.telephone(OUTSIDE))
        self.assertEqual(self.calls_of(self.alice)["phoneAudio"], "Connected")


class FailingTests(ReplacementTestCase):
    """Whatever fails leaves the call as it was."""

    def test_not_there(self) -> None:
        """The telephone is busy, declines, cannot be reached, or hangs up too soon."""
        for happens, state, subcode in (
            ("is_busy", "Cancelled", "Busy"),
            ("declines", "Cancelled", "Declined"),
            ("cannot_be_reached", "Failed", "PstnCallFailed"),
        ):
            self.rung()
            self.world.lets(MOBILE["alice"], happens)
            self.assertEqual(self.ways(self.alice)[-1], ("completed", state, subcode))
            self.as_it_was()
        self.offered()
        self.world.lets(MOBILE["alice"], "hangs_up")
        self.assertEqual(self.ways(self.alice)[-1], ("completed", "Cancelled", "Declined"))
        self.as_it_was()
        told = self.world.told(self.bob)
        self.assertEqual(
            told[-1], "renegotiation completed Incoming Dismissed RemoteFailure/Canceled"
        )

    def test_never_answered(self) -> None:
        """A telephone that rings and rings is given up."""
        self.rung()
        self.world.lets(MOBILE["alice"], "rings")
        self.world.advance(31)
        self.assertEqual(self.ways(self.alice)[-1], ("completed", "Failed", "Timeout"))
        self.as_it_was()

    def test_dismissed(self) -> None:
        """The other party does not take it: the telephone is hung up."""
        invitation = self.offered()
        done(self.dismiss(self.bob, invitation.id))
        self.assertEqual(self.ways(self.alice)[-1], ("completed", "Declined", "Declined"))
        self.as_it_was()

    def test_expired(self) -> None:
        """Nor does it say anything."""
        self.offered()
        self.world.advance(31)
        self.assertEqual(
            self.ways(self.alice)[-1], ("completed", "Failed", "MediaNegotiationTimeOut")
        )
        self.as_it_was()

    def test_no_media(self) -> None:
        """A telephone of a network that carries media itself is no use to an application."""
        self.rung()
        self.world.lets(MOBILE["alice"], "answers")
        self.assertEqual(
            self.ways(self.alice)[-1], ("completed", "Declined", "MediaNegotiationFailure")
        )
        self.as_it_was()

    def test_full_disk(self) -> None:
        """What cannot be stored is made good later, and nothing is rung that was not stored."""
        self.world.ledger.failing = True
        self.failureResultOf(self.replace(), Unavailable)
        self.world.ledger.failing = False
        self.as_nothing()
        invitation = self.rung()
        self.world.ledger.failing = True
        self.world.lets(MOBILE["alice"], "answers", PHONE)
        self.failureResultOf(self.answer(self.bob, invitation.id, TAKEN), Answerable)
        self.world.ledger.failing = False
        self.assertEqual([Unavailable], [one.type for one in self.world.failures])
        self.world.failures.clear()
        self.world.advance(5)
        self.assertEqual(self.world.told(self.bob), ["renegotiation started Incoming Offered"])
        done(self.answer(self.bob, invitation.id, TAKEN))
        self.world.settle()
        self.assertEqual(self.calls_of(self.alice)["phoneAudio"], "Connected")

    def as_nothing(self) -> None:
        """Nobody was rung or told."""
        self.assertEqual((self.world.live, self.ways(self.alice)), ([], []))
        self.assertEqual(len(self.world.phones.replacements), 0)

    def test_given_up(self) -> None:
        """The application gives it up, while it rings and while the other party is asked."""
        for begin in (self.rung, self.offered):
            begin()
            stop = self.world.phones.replacements.stop
            done(running(stop(self.alice, self.conversation_id, self.world.now)))
            self.assertEqual(self.ways(self.alice)[-1], ("completed", "Cancelled", "Canceled"))
            self.as_it_was()
        again = running(stop(self.alice, self.conversation_id, self.world.now))
        self.assertEqual((409, None), (self.failureResultOf(again, Answerable).value.status, None))

    def test_call_ends(self) -> None:
        """With the call it is over, whoever ends it and however far it is."""
        for who in (self.alice, self.bob):
            for begin in (self.rung, self.offered):
                begin()
                ends = self.world.calls.stop(
                    who, self.conversation_id, (AUDIO, VIDEO), self.world.now
                )
                done(running(ends))
                self.world.settle()
                self.assertEqual(self.ways(self.alice)[-1][:1], ("completed",))
                self.assertEqual(self.world.live, [])
                self.assertEqual(len(self.world.phones.replacements), 0)
                self.assertEqual(len(self.world.conversations.lines), 0)
                self.conversation_id = self.call()

    def test_application_gone(self) -> None:
        """An application that signs out takes it along."""
        self.offered()
        done(running(self.world.applications.end(self.alice, self.world.now)))
        self.world.settle()
        self.assertEqual(self.world.live, [])
        self.assertEqual(len(self.world.phones.replacements), 0)

    def test_restart(self) -> None:
        """A process that begins anew knows no telephone: what was asked for has failed, and the
        call goes on; one in which a telephone already was is over."""
        self.offered()
        self.world = self.world.restarted()
        self.alice, self.bob = self.world.same(self.alice), self.world.same(self.bob)
        self.world.settle()
        self.assertEqual(self.ways(self.alice)[-1], ("completed", "Failed", "Unreachable"))
        self.as_it_was()
        self.taken()
        self.world = self.world.restarted()
        self.alice = self.world.same(self.alice)
        self.world.settle()
        (ended,) = self.world.stored(Call)
        self.assertEqual(ended.state, "Ended")

    def test_refused(self) -> None:
        """Only audio of one's own is replaced, once at a time, by a telephone that may be called,
        and for the other party of the call."""
        wrong = 400, "ParameterValidationFailure"
        self.assertEqual(wrong, self.refused(self.replace(uri("carol"))))
        self.assertEqual(wrong, self.refused(self.replace(number=WORK["bob"])))
        self.assertEqual((400, "NormalizationFailed"), self.refused(self.replace(number="none")))
        self.rung()
        self.assertEqual((409, None), self.refused(self.replace()))
        self.world.lets(MOBILE["alice"], "is_busy")
        done(running(self.world.voice.change("policies", "global", {"usages": []}, 1)))
        self.assertEqual((403, None), self.refused(self.replace()))
        self.assertEqual([one[0] for one in self.ways(self.alice)], ["started", "completed"])


HAPPENINGS = (
    *("alice asks",) * 3,
    *("answers",) * 3,
    *("bob answers",) * 3,
    "rings",
    "is_busy",
    "hangs_up",
    "bob dismisses",
    "bob offers",
    "alice answers",
    "alice gives up",
    "bob asks",
    "telephone offers",
    "telephone agrees",
    "time",
    "bob stops",
    "restart",
)


class AnyOrderTests(TestCase):
    """Whatever happens in whatever order."""

    @given(st.lists(st.sampled_from(HAPPENINGS), max_size=14))
    @settings(max_examples=60, deadline=None)
    def test_any_order(self, happenings: list[str]) -> None:
        """Every invitation ends at most once and the telephone is live only while it is wanted; a
        call ends when somebody ends it and not with a telephone that was not in it."""
        story = Story()
        for happening in happenings:
            story.let(happening)
            story.must_hold(self)


class Story(ReplacementTestCase):
    """One play of happenings."""

    def __init__(self) -> None:
        super().__init__("let")
        self.setUp()
        self.ended = False

    def let(self, happening: str) -> None:
        self.ended = self.ended or happening == "bob stops"
        try:
            self.act(happening)
        except LookupError:
            return  # there is no telephone yet
        finally:
            self.world.settle()

    def act(self, happening: str) -> None:
        world = self.world
        found = None
        if self.bob.conversations:
            found = world.conversation(self.bob, self.conversation_id).renegotiation
        renegotiation_id = found.id if found is not None else ""
        match happening.split():
            case ["restart"]:
                self.ended = self.ended or self.by_phone()
                self.world = world.restarted()
                self.alice, self.bob = self.world.same(self.alice), self.world.same(self.bob)
            case ["time"]:
                world.advance(31)
            case ["alice", "asks"]:
                self.replace().addErrback(lambda failure: failure.trap(Answerable))
            case ["bob", "asks"]:
                asking = self.replace(uri("alice"), self.bob)
                asking.addErrback(lambda failure: failure.trap(Answerable))
            case ["alice", "gives", "up"]:
                stop = world.phones.replacements.stop
                self.tried(running(stop(self.alice, self.conversation_id, world.now)))
            case ["bob" | "alice" as who, "answers"]:
                endpoint = self.bob if who == "bob" else self.alice
                self.tried(self.answer(endpoint, renegotiation_id, TAKEN))
            case ["bob", "dismisses"]:
                self.tried(self.dismiss(self.bob, renegotiation_id))
            case ["bob", "offers"]:
                offer = world.renegotiations.offer
                self.tried(running(offer(self.bob, self.conversation_id, TAKEN, "", world.now)))
            case ["bob", "stops"]:
                stop_call = world.calls.stop
                stopping = stop_call(self.bob, self.conversation_id, (AUDIO, VIDEO), world.now)
                self.tried(running(stopping))
            case ["telephone", act]:
                world.lets(MOBILE["alice"], act, PHONE)
            case ["answers"]:
                if world.telephone(MOBILE["alice"]).state in ("new", "ringing"):
                    world.lets(MOBILE["alice"], "answers", PHONE)
            case ["hangs_up"]:
                self.ended = self.ended or (self.by_phone() and self.is_live())
                world.lets(MOBILE["alice"], "hangs_up")
            case [act]:
                if world.telephone(MOBILE["alice"]).state in ("new", "ringing"):
                    world.lets(MOBILE["alice"], act)

    def tried(self, deferred: Deferred[object]) -> None:
        deferred.addErrback(lambda failure: failure.trap(Answerable))

    def is_live(self) -> bool:
        return self.world.telephone(MOBILE["alice"]).state != "over"

    def by_phone(self) -> bool:
        """Whether a telephone is in the call."""
        if not self.alice.conversations:
            return False
        conversation = self.world.conversation(self.alice, self.conversation_id)
        return any(side.by_phone for side in conversation.sides.values())

    def must_hold(self, test: TestCase) -> None:
        test.assertEqual(self.world.failures, [])
        (call,) = self.world.stored(Call)
        test.assertEqual(call.state == "Ended", self.ended)
        for endpoint in (self.alice, self.bob):
            changes = Counter(change for change, _, _ in self.ways(endpoint))
            open_now = 0
            if endpoint.conversations:
                conversation = self.world.conversation(endpoint, self.conversation_id)
                open_now = int(conversation.replacing(endpoint.id) is not None)
            test.assertEqual(changes["started"] - changes["completed"], open_now)
            name = endpoint.user_uri.partition(":")[2].partition("@")[0]
            side = None
            if endpoint.conversations:
                side = conversation.sides.get(endpoint.id)
            in_call = side is not None and side.by_phone
            live = self.world.live.count(MOBILE[name])
            test.assertEqual(live, open_now + int(in_call))
