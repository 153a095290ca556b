"""Meetings that call the telephones of who takes part."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.applications import Endpoint
from mobility.domain.conferences import Join
from mobility.domain.conversation import ActiveConversation
from mobility.domain.facts import CallChanged, InvitationChanged
from mobility.domain.meeting_phones import MeetingPhones
from mobility.domain.meetings import conference_uri
from mobility.domain.phone_audio import PhoneCall
from mobility.domain.records import Invitation, User
from mobility.errors import PeerFault, Refusal
from mobility.media import fitted
from mobility.media.offers import read_description
from mobility.media.sdp import parse
from mobility.testing_mixer import MemoryMixer, MemoryMixerLeg
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import MOBILE, OUTSIDE, WORK, PhoneWorld
from tests.domain.wiring import conference_calls
from tests.sip.call_world import sdp

SHOWN = "+14255550100"
"""The number of dialling in, which the telephones are shown."""


class MeetingPhoneTestCase(SynchronousTestCase):
    """Alice's meeting, in which Carol is, who has no Enterprise Voice."""

    def setUp(self) -> None:
        self.world = PhoneWorld()
        self.mixer = MemoryMixer()
        self.phones = self.wired(self.world)
        self.alice, self.carol = (self.world.device(name) for name in ("alice", "carol"))
        for endpoint in (self.alice, self.carol):
            endpoint.parked = 1
        scheduled = self.world.meetings.schedule(self.alice, {}, self.world.now)
        self.meeting = done(running(scheduled)).record
        self.uri = conference_uri(self.meeting)
        for endpoint in (self.alice, self.carol):
            join = self.world.conferences.join(endpoint, self.uri, Join(), self.world.now)
            done(running(join))

    @property
    def who(self) -> User:
        """Carol."""
        user = self.world.users.find(uri("carol"))
        assert user is not None
        return user

    def wired(self, world: PhoneWorld) -> MeetingPhones:
        calls = conference_calls(world, self.mixer)
        phones = MeetingPhones(
            world.network,
            world.agenda,
            world.users,
            world.voice,
            world.meetings,
            world.conversations,
            world.conferences,
            calls,
            fitted,
            SHOWN,
        )
        phones.load()
        return phones

    def tearDown(self) -> None:
        self.assertEqual(self.world.failures, [])

    @property
    def conversation(self) -> ActiveConversation:
        found = self.world.conversations.of_meeting(self.uri)
        assert found is not None
        return found

    def call(
        self, to: str = "", number: str = "", endpoint: Endpoint | None = None
    ) -> Deferred[Invitation]:
        wanted = PhoneCall(to or self.uri, number, operation_id="op")
        who = endpoint or self.carol
        calling = self.phones.call(who, self.conversation.id, wanted, self.world.now)
        return running(calling)

    def refused(self, deferred: Deferred[Invitation]) -> tuple[str, str | None]:
        error = self.failureResultOf(deferred, Refusal, PeerFault).value
        return error.code, error.subcode

    def states(self) -> list[str]:
        """What Carol's application was told of its telephone audio."""
        facts = (entry.fact for entry in self.world.entries(self.carol))
        return [
            one.state
            for one in facts
            if isinstance(one, CallChanged) and one.modality == "phoneAudio"
        ]

    def ways(self) -> list[tuple[str, str, str]]:
        """What became of the invitations to its telephone: change, state and reason."""
        facts = (entry.fact for entry in self.world.entries(self.carol))
        return [
            (one.change, one.state, one.reason.subcode if one.reason is not None else "")
            for one in facts
            if isinstance(one, InvitationChanged) and one.kind == "phone"
        ]

    def rung(self) -> None:
        done(self.call())
        self.world.settle()

    def mixed(self) -> MemoryMixerLeg:
        """Carol's telephone was answered, and let in by the mixer."""
        self.rung()
        self.world.lets(MOBILE["carol"], "answers", read_description(sdp("mobile")))
        leg = self.mixer.of(uri("carol"))
        leg.answers(read_description(sdp("mixer")))
        self.world.settle()
        return leg


class CallingTests(MeetingPhoneTestCase):
    """The telephone is called, and comes in."""

    def test_mixed(self) -> None:
        """The voice policy places the call; what the telephone offers goes to the mixer, and its
        answer to the telephone."""
        self.assertTrue(self.phones.may(self.who))
        self.rung()
        order = self.world.telephone(MOBILE["carol"]).order
        self.assertEqual((order.gateway.name, order.caller_id), ("gw.test", SHOWN))
        self.assertIsNone(order.offer)
        self.assertEqual(self.states(), ["Connecting"])
        self.world.lets(MOBILE["carol"], "answers", read_description(sdp("mobile")))
        leg = self.mixer.of(uri("carol"))
        self.assertEqual(leg.entry.offer.text, sdp("mobile"))
        self.assertEqual(leg.entry.conference_id, self.conversation.id)
        self.assertEqual(self.states(), ["Connecting"])
        leg.answers(read_description(sdp("mixer")))
        self.world.settle()
        answer = self.world.telephone(MOBILE["carol"]).connected
        assert answer is not None
        self.assertEqual(answer.text, sdp("mixer"))
        self.assertEqual(self.states(), ["Connecting", "Connected"])
        self.assertEqual(
            self.ways(), [("started", "Connecting", ""), ("completed", "Connected", "")]
        )
        self.assertEqual(len(self.conversation.legs_of(uri("carol"))), 2)
        own = self.conversation.legs[self.carol.id]
        self.assertEqual(self.phones.shown(self.conversation, own).state, "Connected")

    def test_another_number(self) -> None:
        """The telephone that is named is called."""
        done(self.call(number=OUTSIDE))
        self.world.settle()
        self.assertEqual(self.world.live, [OUTSIDE])
        done(running(self.phones.stop(self.carol, self.conversation.id, self.world.now)))
        done(self.call(to=OUTSIDE))
        self.world.settle()
        self.assertEqual(self.world.live, [OUTSIDE])

    def test_refused(self) -> None:
        """What is no telephone of one's own is refused, and where the policy does not lead."""
        wrong = "BadRequest", "ParameterValidationFailure"
        self.assertEqual(self.refused(self.call(number="x")), ("BadRequest", "NormalizationFailed"))
        self.assertEqual(self.refused(self.call(number=WORK["bob"])), wrong)
        self.assertEqual(self.refused(self.call(to=uri("bob"))), wrong)
        self.assertEqual(self.refused(self.call(to=OUTSIDE, number=OUTSIDE)), wrong)
        self.assertEqual(self.refused(self.call(number="112")), ("Forbidden", None))
        done(running(self.world.voice.change("policies", "global", {"usages": []}, 1)))
        self.assertEqual(self.refused(self.call()), ("Forbidden", None))
        self.assertFalse(self.phones.may(self.who))
        self.assertEqual(self.world.live, [])
        self.assertEqual(self.states(), [])

    def test_once(self) -> None:
        """One telephone an application: a second call is refused while there is one."""
        self.rung()
        self.assertEqual(self.refused(self.call()), ("Conflict", None))
        self.assertEqual(self.world.live, [MOBILE["carol"]])

    def test_not_inside(self) -> None:
        """Who waits in the lobby is not called."""
        other = self.world.device("bob")
        wanted = PhoneCall(self.uri)
        calling = self.phones.call(other, self.conversation.id, wanted, self.world.now)
        self.assertEqual(self.refused(running(calling)), ("NotFound", "ConversationNotFound"))


class EndingTests(MeetingPhoneTestCase):
    """How it ends."""

    def gone(self) -> None:
        """Nothing is left of the telephone."""
        self.world.settle()
        self.assertEqual(len(self.phones), 0)
        self.assertEqual(self.world.live, [])
        self.assertEqual(len(self.world.conversations.lines), 0)

    def test_unanswered(self) -> None:
        """A telephone that nobody answers is given up, and the application is told so."""
        self.rung()
        self.world.lets(MOBILE["carol"], "rings")
        self.world.advance(31.0)
        self.assertEqual(self.ways()[-1], ("completed", "Failed", "Timeout"))
        self.assertEqual(self.states()[-1], "Disconnected")
        self.gone()

    def test_busy(self) -> None:
        """One that is busy, declines or cannot be reached says so."""
        for happens, state, subcode in (
            ("is_busy", "Cancelled", "Busy"),
            ("declines", "Cancelled", "Declined"),
            ("cannot_be_reached", "Failed", "PstnCallFailed"),
        ):
            self.rung()
            self.world.lets(MOBILE["carol"], happens)
            self.assertEqual(self.ways()[-1], ("completed", state, subcode))
            self.gone()

    def test_cancelled(self) -> None:
        """The application gives up: UCWA cancel, and stopPhoneAudio."""
        invitation = done(self.call())
        self.world.settle()
        giving_up = self.world.conversations.cancel(self.carol, invitation.id, self.world.now)
        done(running(giving_up))
        self.assertEqual(self.ways()[-1], ("completed", "Cancelled", "Canceled"))
        self.gone()
        self.rung()
        done(running(self.phones.stop(self.carol, self.conversation.id, self.world.now)))
        self.assertEqual(self.ways()[-1], ("completed", "Cancelled", "Canceled"))
        self.gone()
        stopping = running(self.phones.stop(self.carol, self.conversation.id, self.world.now))
        self.assertEqual(self.failureResultOf(stopping, Refusal).value.code, "Conflict")

    def test_hung_up(self) -> None:
        """Who hangs up the telephone is still in the conference with its application."""
        leg = self.mixed()
        self.world.lets(MOBILE["carol"], "hangs_up")
        self.assertEqual(self.states()[-1], "Disconnected")
        self.assertEqual(leg.state, "over")
        self.assertEqual(len(self.conversation.legs_of(uri("carol"))), 1)
        self.gone()

    def test_stopped(self) -> None:
        """stopPhoneAudio hangs up."""
        leg = self.mixed()
        done(running(self.phones.stop(self.carol, self.conversation.id, self.world.now)))
        self.assertEqual(self.states()[-1], "Disconnected")
        self.gone()
        self.assertEqual(leg.state, "over")

    def test_mixer_refuses(self) -> None:
        """A mixer that lets the telephone not in ends the call."""
        self.rung()
        self.world.lets(MOBILE["carol"], "answers", read_description(sdp("mobile")))
        self.mixer.of(uri("carol")).refuses()
        self.world.settle()
        self.assertEqual(self.ways()[-1], ("completed", "Failed", "PstnCallFailed"))
        self.gone()

    def test_mixer_gone(self) -> None:
        """When the mixer ends the call the telephone is hung up."""
        self.mixed().ends()
        self.world.settle()
        self.assertEqual(self.states()[-1], "Disconnected")
        self.gone()

    def test_application_leaves(self) -> None:
        """An application that leaves takes its telephone along."""
        self.mixed()
        leaving = self.world.conversations.terminate(
            self.carol, self.conversation.id, self.world.now
        )
        done(running(leaving))
        self.gone()
        self.assertEqual(list(self.conversation.participants), [uri("alice")])

    def test_ejected(self) -> None:
        """Who is removed from the meeting is hung up."""
        self.mixed()
        ejecting = self.world.conferences.eject(
            self.alice, self.conversation.id, uri("carol"), self.world.now
        )
        done(running(ejecting))
        self.gone()
        self.assertEqual(list(self.conversation.participants), [uri("alice")])

    def test_left_while_it_rang(self) -> None:
        """A telephone that is answered when its application has left is hung up."""
        self.rung()
        leaving = self.world.conversations.terminate(
            self.carol, self.conversation.id, self.world.now
        )
        running(leaving)
        self.world.lets(MOBILE["carol"], "answers", read_description(sdp("mobile")))
        self.gone()

    def test_restart(self) -> None:
        """What rang in a process before this one does not ring any more."""
        self.rung()
        self.world = self.world.restarted()
        self.phones = self.wired(self.world)
        self.world.settle()
        invitations = [one for one in self.world.stored(Invitation) if one.kind == "phone"]
        self.assertEqual([one.state for one in invitations], ["Failed"])


class TalkingTests(MeetingPhoneTestCase):
    """What goes on while it talks."""

    def test_held(self) -> None:
        """A telephone that holds is held by the mixer, too."""
        leg = self.mixed()
        held = read_description(sdp("mobile", "sendonly"))
        self.world.lets(MOBILE["carol"], "offers", held)
        self.assertEqual(leg.offered[-1].text, held.text)
        leg.agrees(read_description(sdp("mixer", "recvonly")))
        self.world.settle()
        answer = self.world.telephone(MOBILE["carol"]).answers_got[-1]
        assert answer is not None
        self.assertEqual(answer.text, sdp("mixer", "recvonly"))

    def holds(self, *, held: bool) -> Deferred[None]:
        """Carol's application holds its telephone, or lets it go on."""
        phones, where = self.phones, self.conversation.id
        holding = running(phones.hold(self.carol, where, self.world.now, held=held))
        self.world.settle()
        return holding

    def sessions(self) -> list[str]:
        """What Carol's application was told of the telephone's session."""
        facts = (entry.fact for entry in self.world.entries(self.carol))
        return [
            one.session
            for one in facts
            if isinstance(one, CallChanged) and one.modality == "phoneAudio" and one.session
        ]

    def test_held_by_the_application(self) -> None:
        """The mixer is offered that nothing flows, and its answer goes to the telephone; to go on
        what the telephone had described is offered again."""
        leg = self.mixed()
        telephone = self.world.telephone(MOBILE["carol"])
        done(self.holds(held=True))
        self.assertIn("a=inactive", leg.offered[-1].text)
        self.assertEqual(parse(leg.offered[-1].text).origin.version, "2")
        self.assertEqual(self.sessions(), [])
        leg.agrees()
        self.world.settle()
        assert telephone.connected is not None
        self.assertIn("a=inactive", telephone.connected.text)
        self.assertEqual(self.sessions(), ["Suspended"])
        own = self.conversation.legs[self.carol.id]
        self.assertEqual(self.phones.shown(self.conversation, own).session, "Suspended")
        done(self.holds(held=False))
        self.assertEqual(leg.offered[-1].text, sdp("mobile"))
        leg.agrees(read_description(sdp("mixer")))
        self.world.settle()
        self.assertEqual(telephone.connected.text, sdp("mixer"))
        self.assertEqual(self.sessions(), ["Suspended", "Established"])

    def test_so_already(self) -> None:
        """Nothing is held or resumed twice, nor while the mixer has not answered, nor without a
        telephone that is mixed."""
        self.rung()
        for held in (True, False):
            error = self.failureResultOf(self.holds(held=held), Refusal).value
            self.assertEqual(error.code, "Conflict")
        self.world.lets(MOBILE["carol"], "answers", read_description(sdp("mobile")))
        leg = self.mixer.of(uri("carol"))
        leg.answers(read_description(sdp("mixer")))
        self.world.settle()
        self.failureResultOf(self.holds(held=False), Refusal)
        done(self.holds(held=True))
        self.failureResultOf(self.holds(held=True), Refusal)
        leg.agrees()
        self.world.settle()
        self.failureResultOf(self.holds(held=True), Refusal)

    def test_another_offer_is_open(self) -> None:
        """It is not held while the telephone offers itself, and can be afterwards."""
        leg = self.mixed()
        self.world.lets(MOBILE["carol"], "offers", read_description(sdp("mobile", "sendonly")))
        error = self.failureResultOf(self.holds(held=True), Refusal).value
        self.assertEqual((error.code, error.subcode), ("Conflict", "AlreadyExists"))
        leg.agrees(read_description(sdp("mixer", "recvonly")))
        self.world.settle()
        done(self.holds(held=True))

    def test_mixer_does_not_hold(self) -> None:
        """A mixer that does not agree leaves the telephone as it was."""
        leg = self.mixed()
        telephone = self.world.telephone(MOBILE["carol"])
        done(self.holds(held=True))
        leg.disagrees()
        self.world.settle()
        assert telephone.connected is not None
        self.assertEqual((telephone.connected.text, self.sessions()), (sdp("mixer"), []))
        done(self.holds(held=True))

    def test_telephone_offers(self) -> None:
        """What a telephone that is held offers itself takes the place of the hold."""
        leg = self.mixed()
        done(self.holds(held=True))
        leg.agrees()
        self.world.settle()
        again = read_description(sdp("mobile", video=False).replace("o=mobile 1 1", "o=mobile 1 5"))
        self.world.lets(MOBILE["carol"], "offers", again)
        leg.agrees(read_description(sdp("mixer")))
        self.world.settle()
        self.assertEqual(self.sessions(), ["Suspended", "Established"])

    def test_mixer_offers_meanwhile(self) -> None:
        """A mixer that offers anew is answered with silence, and what the telephone has said is
        offered when it goes on."""
        leg = self.mixed()
        done(self.holds(held=True))
        leg.agrees()
        self.world.settle()
        leg.offers(read_description(sdp("mixer")))
        self.world.settle()
        answer = read_description(sdp("mobile").replace("4000", "4004"))
        self.world.lets(MOBILE["carol"], "agrees", answer)
        got = leg.answers_got[-1]
        assert got is not None
        self.assertIn("a=inactive", got.text)
        done(self.holds(held=False))
        self.assertEqual(leg.offered[-1].text, answer.text)

    def test_not_agreed(self) -> None:
        """What the mixer does not take is refused to the telephone."""
        leg = self.mixed()
        self.world.lets(MOBILE["carol"], "offers", read_description(sdp("mobile", "sendonly")))
        leg.disagrees()
        self.world.settle()
        self.assertEqual(self.world.telephone(MOBILE["carol"]).answers_got, [None])

    def test_mixer_offers(self) -> None:
        """What the mixer offers anew is the telephone's to answer."""
        leg = self.mixed()
        offer = read_description(sdp("mixer", "sendonly"))
        leg.offers(offer)
        self.world.settle()
        telephone = self.world.telephone(MOBILE["carol"])
        self.assertEqual(telephone.offered[-1].text, offer.text)
        self.world.lets(MOBILE["carol"], "agrees", read_description(sdp("mobile", "recvonly")))
        answer = leg.answers_got[-1]
        assert answer is not None
        self.assertEqual(answer.text, sdp("mobile", "recvonly"))
        leg.offers(offer)
        self.world.settle()
        self.world.lets(MOBILE["carol"], "disagrees")
        self.assertIsNone(leg.answers_got[-1])

    def test_answered_too_late(self) -> None:
        """A telephone that takes what the mixer has offered when that is over, or answers it as it
        cannot be, is offered again what the mixer has described before."""
        leg = self.mixed()
        telephone = self.world.telephone(MOBILE["carol"])
        held = read_description(sdp("mixer", "sendonly"))
        leg.offers(held)
        self.world.settle()
        self.world.advance(31)
        self.world.settle()
        self.assertIsNone(leg.answers_got[-1])
        self.world.lets(MOBILE["carol"], "agrees", read_description(sdp("mobile", "recvonly")))
        said = [one.text for one in telephone.offered]
        self.assertEqual(said, [held.text, sdp("mixer")])
        self.world.lets(MOBILE["carol"], "agrees", read_description(sdp("mobile")))
        leg.offers(held)
        self.world.settle()
        self.world.lets(MOBILE["carol"], "agrees", read_description(sdp("mobile", video=True)))
        self.assertEqual([one.text for one in telephone.offered], [*said, held.text, sdp("mixer")])
        self.assertEqual(leg.answers_got, [None, None])
        self.world.lets(MOBILE["carol"], "agrees", read_description(sdp("mobile")))
        leg.offers(held)
        self.world.settle()
        answer = read_description(sdp("mobile", "recvonly"))
        self.world.lets(MOBILE["carol"], "agrees", answer)
        self.assertEqual(leg.answers_got[-1], answer)

    def test_muted(self) -> None:
        """A leader mutes the telephone by muting the participant."""
        leg = self.mixed()
        conference = self.phones.calls
        muting = conference.mute(
            self.alice, self.conversation.id, uri("carol"), "Audio", muted=True
        )
        done(running(muting))
        self.assertEqual(leg.muted, ("Audio",))
