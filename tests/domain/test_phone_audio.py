"""Call via work: calls with the telephones of the people themselves."""

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.call_rows import Answer, Wanted
from mobility.domain.descriptions import AUDIO, Description, Stream
from mobility.domain.diversions import Cause, Diversion
from mobility.domain.facts import CallChanged, InvitationChanged
from mobility.domain.phone_audio import PhoneCall
from mobility.domain.records import Invitation
from mobility.domain.telephone import GATEWAY_PATIENCE_S, Location
from mobility.errors import Answerable, Unavailable
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import MOBILE, OUTSIDE, WORK, PhoneWorld

OFFER = Description("offer", (Stream(AUDIO, "RTP/AVP"),))
ANSWER = Description("answer", (Stream(AUDIO, "RTP/AVP"),))


class PhoneTestCase(TestCase):
    """Alice with an application, and the telephone network."""

    def setUp(self) -> None:
        self.world = PhoneWorld()
        self.alice = self.world.device("alice")

    def tearDown(self) -> None:
        self.assertEqual(self.world.failures, [])

    def start(self, to: str = OUTSIDE, **more: str) -> Invitation:
        invitation = done(self.world.phone(self.alice, to, **more))
        self.world.settle()
        return invitation

    def connected(self) -> Invitation:
        """Alice talks to a number outside, and everybody has read everything."""
        invitation = self.start()
        self.world.lets(MOBILE["alice"], "answers")
        self.world.lets(OUTSIDE, "answers")
        self.world.told(self.alice)
        return invitation

    def refused(self, deferred: Deferred[object]) -> tuple[int, str | None]:
        fault = self.failureResultOf(deferred, Answerable).value
        return fault.status, fault.subcode

    def hold(self, endpoint: Endpoint, invitation: Invitation, held: bool) -> Deferred[None]:
        held_now = self.world.phones.phone_audio.hold(
            endpoint, invitation.conversation_id, held=held
        )
        return running(held_now)

    def stop(self, endpoint: Endpoint, invitation: Invitation) -> Deferred[None]:
        stopped = self.world.phones.phone_audio.stop(
            endpoint, invitation.conversation_id, self.world.now
        )
        return running(stopped)

    def nothing_left(self) -> None:
        """No telephone rings or talks, and nothing remembers one."""
        self.world.settle()
        self.assertEqual(self.world.live, [])
        self.assertEqual((0, 0), (len(self.world.phones.lines), len(self.world.phones.handsets)))
        self.assertEqual(0, len(self.world.conversations.lines))


class CallerTests(PhoneTestCase):
    """The caller's own telephone rings first."""

    def test_own_phone_first(self) -> None:
        """Only the caller's telephone rings, with the work number; then whom it calls, likewise."""
        self.start()
        self.assertEqual(self.world.live, [MOBILE["alice"]])
        self.assertEqual(WORK["alice"], self.world.telephone(MOBILE["alice"]).order.caller_id)
        self.world.lets(MOBILE["alice"], "rings")
        self.assertEqual(self.world.live, [MOBILE["alice"]])
        self.world.lets(MOBILE["alice"], "answers")
        self.assertEqual(self.world.live, [MOBILE["alice"], OUTSIDE])
        self.assertEqual(WORK["alice"], self.world.telephone(OUTSIDE).order.caller_id)

    def test_story(self) -> None:
        """The application is told of everything in the usual order, and the two are joined."""
        self.start(operation_id="op")
        self.world.lets(MOBILE["alice"], "answers")
        self.world.lets(OUTSIDE, "rings")
        self.world.lets(OUTSIDE, "answers")
        self.assertEqual(
            self.world.told(self.alice),
            [
                "invitation started Outgoing Connecting",
                "conversation added Connecting",
                "local participant added Alice",
                "call Connecting",
                "invitation updated Outgoing Alerting",
                f"participant added {OUTSIDE}",
                "conversation updated Connected",
                "call Connected",
                f"invitation completed Outgoing Connected by {OUTSIDE}",
            ],
        )
        own = self.world.telephone(MOBILE["alice"])
        self.assertIs(own.joined, self.world.telephone(OUTSIDE))

    def test_phone_number(self) -> None:
        """The number given rings, else that of the application, else the mobile number."""
        self.start(phone_number="+1 425 555 0999")
        self.assertEqual(self.world.live, ["+14255550999"])
        done(self.world.phone(self.world.device("alice", "desk", number="+14255550888")))
        self.assertEqual(self.world.live[1:], ["+14255550888"])
        bare = self.world.sign_in("bob", available=False)
        done(self.world.phone(bare))
        self.assertEqual(self.world.live[2:], [MOBILE["bob"]])

    def test_nobody_there(self) -> None:
        """Without the caller nobody else is rung, and the reason is told."""
        for happens, subcode in (
            ("is_busy", "Busy"),
            ("declines", "Declined"),
            ("is_not_known", "DestinationNotFound"),
            ("is_not_available", "Unavailable"),
            ("is_not_answered", "Timeout"),
            ("cannot_be_reached", "PstnCallFailed"),
        ):
            self.start()
            self.world.lets(MOBILE["alice"], happens)
            told = self.world.told(self.alice)
            self.assertTrue(any(f"LocalFailure/{subcode}" in one for one in told), told)
            self.assertEqual(told[-1], "conversation deleted Disconnected")
            self.nothing_left()

    def test_never_answered(self) -> None:
        """A telephone of the caller that rings and rings is given up; so is whom it calls."""
        self.start()
        self.world.lets(MOBILE["alice"], "rings")
        self.world.advance(31)
        told = " ".join(self.world.told(self.alice))
        self.assertIn("LocalFailure/Timeout", told)
        self.nothing_left()
        self.start()
        self.world.lets(MOBILE["alice"], "answers")
        self.world.lets(OUTSIDE, "rings")
        self.world.advance(61)
        self.assertIn("RemoteFailure/Timeout", " ".join(self.world.told(self.alice)))
        self.nothing_left()

    def test_cancelled(self) -> None:
        """Taking the call back silences whatever rings."""
        for answered in (False, True):
            invitation = self.start()
            if answered:
                self.world.lets(MOBILE["alice"], "answers")
            cancelled = self.world.conversations.cancel(self.alice, invitation.id, self.world.now)
            done(running(cancelled))
            self.nothing_left()

    def test_caller_hangs_up(self) -> None:
        """Hanging up the own telephone takes the call back, or ends it."""
        self.start()
        self.world.lets(MOBILE["alice"], "answers")
        self.world.lets(MOBILE["alice"], "hangs_up")
        self.nothing_left()
        self.connected()
        self.world.lets(MOBILE["alice"], "hangs_up")
        self.nothing_left()

    def test_signed_out(self) -> None:
        """The application ends, and with it the call."""
        self.connected()
        done(self.world.end(self.alice))
        self.nothing_left()

    def test_full_disk(self) -> None:
        """A call that cannot be stored rings nobody."""
        self.world.ledger.failing = True
        self.failureResultOf(self.world.phone(self.alice), Unavailable)
        self.world.ledger.failing = False
        self.nothing_left()


class CalleeTests(PhoneTestCase):
    """Whom it calls."""

    def test_outside(self) -> None:
        """What becomes of a number outside is told, and the caller's telephone hung up."""
        for happens, reason in (
            ("is_busy", "RemoteFailure/Busy"),
            ("declines", "RemoteFailure/Declined"),
            ("is_not_known", "NotFound/DestinationNotFound"),
            ("is_not_available", "RemoteFailure/Unavailable"),
            ("is_not_answered", "RemoteFailure/Timeout"),
            ("cannot_be_reached", "RemoteFailure/PstnCallFailed"),
        ):
            self.start()
            self.world.lets(MOBILE["alice"], "answers")
            self.world.lets(OUTSIDE, happens)
            self.assertIn(reason, " ".join(self.world.told(self.alice)))
            self.nothing_left()

    def test_silent_gateway(self) -> None:
        """A gateway that says nothing is no way to a number."""
        self.start()
        self.world.lets(MOBILE["alice"], "answers")
        self.world.advance(GATEWAY_PATIENCE_S)
        self.world.settle()
        self.assertIn("PstnCallFailed", " ".join(self.world.told(self.alice)))
        self.nothing_left()

    def test_other_hangs_up(self) -> None:
        """The other end hangs up: the call is over."""
        self.connected()
        self.world.lets(OUTSIDE, "hangs_up")
        self.assertIn("call Disconnected", self.world.told(self.alice))
        self.nothing_left()

    def test_colleague_with_telephone(self) -> None:
        """A colleague who prefers the telephone is rung there, and answers there."""
        bob = self.world.device("bob", by_phone=True)
        self.start(to=uri("bob"))
        self.assertEqual([], self.world.told(bob))
        self.world.lets(MOBILE["alice"], "answers")
        facts = [entry.fact for entry in self.world.entries(bob)]
        (started,) = [one for one in facts if isinstance(one, InvitationChanged)]
        assert started.call is not None
        self.assertEqual(("Incoming", "phoneAudio"), (started.direction, started.call.modality))
        self.assertEqual(self.world.live, [MOBILE["alice"], MOBILE["bob"]])
        order = self.world.telephone(MOBILE["bob"]).order
        self.assertEqual(WORK["alice"], order.caller_id)
        follows = Diversion(uri("bob"), Cause.FOLLOW_ME, WORK["bob"])
        self.assertEqual(follows, order.diversion)
        self.world.lets(MOBILE["bob"], "rings")
        self.world.lets(MOBILE["bob"], "answers")
        self.assertIn("invitation completed Incoming Connected", self.world.told(bob))
        own = self.world.telephone(MOBILE["alice"])
        self.assertIs(own.joined, self.world.telephone(MOBILE["bob"]))
        modalities = {
            fact.modality
            for endpoint in (self.alice, bob)
            for fact in (entry.fact for entry in self.world.entries(endpoint))
            if isinstance(fact, CallChanged)
        }
        self.assertEqual({"phoneAudio"}, modalities)

    def test_by_number(self) -> None:
        """The work number of a colleague leads to the colleague, as a SIP URI of it does."""
        bob = self.world.device("bob", by_phone=True)
        for to in (WORK["bob"], f"sip:{WORK['bob']}@example.test;user=phone", "(425) 555-0102"):
            if to.startswith("("):
                rule = {"name": "Ten", "pattern": r"^(\d{10})$", "translation": "+1$1"}
                done(running(self.world.voice.change("dial-plans", "global", {"rules": [rule]}, 0)))
            invitation = self.start(to=to)
            self.assertEqual(uri("bob"), invitation.to_uri)
            self.world.lets(MOBILE["alice"], "answers")
            self.world.lets(MOBILE["bob"], "is_busy")
            self.nothing_left()
        self.world.told(bob)

    def test_declined(self) -> None:
        """A colleague declines by the application, and the telephone falls silent."""
        bob = self.world.device("bob", by_phone=True)
        invitation = self.start(to=uri("bob"))
        self.world.lets(MOBILE["alice"], "answers")
        declined = self.world.conversations.decline(bob, invitation.id, True, self.world.now)
        done(running(declined))
        self.assertIn("RemoteFailure/Declined", " ".join(self.world.told(self.alice)))
        self.nothing_left()

    def test_two_telephones(self) -> None:
        """Of two telephones the one that answers has the call, the other falls silent: somebody
        has answered elsewhere."""
        self.world.device("bob", by_phone=True)
        self.world.device("bob", "desk", by_phone=True, number="+14255550777")
        self.start(to=uri("bob"))
        self.world.lets(MOBILE["alice"], "answers")
        self.assertEqual(3, len(self.world.live))
        self.world.lets("+14255550777", "answers")
        self.assertEqual(self.world.live, [MOBILE["alice"], "+14255550777"])
        self.assertTrue(self.world.telephone(MOBILE["bob"]).elsewhere)

    def test_nobody(self) -> None:
        """Nobody rings who has no device for it, and strangers do not exist."""
        self.world.device("bob", modalities=("Messaging",))
        for to, reason in ((uri("bob"), "Unavailable"), (uri("nobody"), "")):
            self.start(to=to)
            self.world.lets(MOBILE["alice"], "answers")
            self.assertIn("RemoteFailure/" + reason, " ".join(self.world.told(self.alice)))
            self.nothing_left()

    def test_media_offered(self) -> None:
        """What the caller's telephone offers is offered on, and the answer comes back to it."""
        bob = self.world.device("bob")
        invitation = self.start(to=uri("bob"))
        self.world.lets(MOBILE["alice"], "answers", OFFER)
        facts = [entry.fact for entry in self.world.entries(bob)]
        (started,) = [one for one in facts if isinstance(one, InvitationChanged)]
        assert started.call is not None
        self.assertEqual(("audioVideo", "offer"), (started.call.modality, started.call.offer))
        accepted = self.world.calls.accept(bob, invitation.id, Answer(ANSWER), self.world.now)
        done(running(accepted))
        self.world.settle()
        self.assertEqual(ANSWER, self.world.telephone(MOBILE["alice"]).connected)

    def test_media_through_a_gateway(self) -> None:
        """A number outside is offered what the caller's telephone offers."""
        self.start()
        self.world.lets(MOBILE["alice"], "answers", OFFER)
        self.assertEqual(OFFER, self.world.telephone(OUTSIDE).order.offer)
        self.world.lets(OUTSIDE, "answers", ANSWER)
        self.assertEqual(ANSWER, self.world.telephone(MOBILE["alice"]).connected)


class VoipTests(PhoneTestCase):
    """Calls over IP that a telephone answers."""

    def call(self) -> Invitation:
        wanted = Wanted(uri("bob"), (AUDIO,), OFFER)
        invitation = done(running(self.world.calls.start(self.alice, wanted, self.world.now)))
        self.world.settle()
        return invitation

    def test_preferred(self) -> None:
        """An application that prefers its telephone rings there, whatever the caller calls with."""
        bob = self.world.device("bob", by_phone=True)
        self.call()
        self.assertEqual(OFFER, self.world.telephone(MOBILE["bob"]).order.offer)
        self.world.lets(MOBILE["bob"], "answers", ANSWER)
        self.assertIn("negotiation answer", self.world.told(self.alice))
        self.assertIn("call Connected", self.world.told(bob))

    def test_accept_with_telephone(self) -> None:
        """An audio/video invitation is answered with the telephone, once that is answered."""
        bob = self.world.device("bob")
        invitation = self.call()
        self.assertEqual([], self.world.live)
        accept = self.world.phones.handsets.accept
        done(running(accept(bob, invitation.id, self.world.now)))
        again = running(accept(bob, invitation.id, self.world.now))
        self.assertEqual((409, None), self.refused(again))
        order = self.world.telephone(MOBILE["bob"]).order
        self.assertEqual(WORK["alice"], order.caller_id)
        self.world.told(bob)
        self.world.lets(MOBILE["bob"], "answers", ANSWER)
        changes = [
            (entry.fact.modality, entry.fact.state)
            for entry in self.world.entries(bob)
            if isinstance(entry.fact, CallChanged)
        ]
        self.assertEqual(
            [
                ("audioVideo", "Connecting"),
                ("audioVideo", "Disconnected"),
                ("phoneAudio", "Connected"),
            ],
            changes,
        )
        self.assertIn("negotiation answer", self.world.told(self.alice))
        self.assertEqual([MOBILE["bob"]], self.world.live)
        done(self.stop(bob, invitation))
        self.nothing_left()

    def outside(self) -> Invitation:
        """Alice's application calls a number over IP."""
        wanted = Wanted("", (AUDIO,), OFFER)
        start = self.world.phones.outside.start
        invitation = done(running(start(self.alice, wanted, OUTSIDE, self.world.now)))
        self.world.settle()
        return invitation

    def test_early_media(self) -> None:
        """An announcement of the network is a provisional answer."""
        self.outside()
        self.world.telephone(OUTSIDE).plays(ANSWER)
        self.world.settle()
        self.assertIn("negotiation provisional answer", " ".join(self.world.told(self.alice)))

    def test_new_offers(self) -> None:
        """What either side offers anew goes to the other, and its answer comes back."""
        invitation = self.outside()
        self.world.lets(OUTSIDE, "answers", ANSWER)
        telephone, renegotiations = self.world.telephone(OUTSIDE), self.world.renegotiations
        conversation_id = invitation.conversation_id

        def offer() -> str:
            offered = renegotiations.offer(self.alice, conversation_id, OFFER, "", self.world.now)
            made = done(running(offered))
            self.world.settle()
            return made.id

        def state() -> str:
            self.world.settle()
            found = self.world.conversation(self.alice, conversation_id).renegotiation
            return found.state if found is not None else ""

        offer()
        self.assertEqual(["offer"], [one.text for one in telephone.offered])
        telephone.agrees(ANSWER)
        self.assertEqual("Answered", state())
        offer()
        telephone.disagrees()
        self.assertEqual("Dismissed", state())
        offer()
        telephone.agrees(Description("none", ()))
        self.assertEqual("Dismissed", state())
        telephone.offers(OFFER)
        self.assertEqual("Offered", state())
        theirs = self.world.conversation(self.alice, conversation_id).renegotiation
        assert theirs is not None
        done(running(renegotiations.answer(self.alice, conversation_id, theirs.id, ANSWER)))
        self.world.settle()
        self.assertEqual([ANSWER], telephone.answers_got)
        offer()
        telephone.offers(OFFER)
        self.world.settle()
        self.assertEqual([ANSWER, None], telephone.answers_got)

    def test_late_answer(self) -> None:
        """A number or a user's telephone that answers an offer that is over is offered what was
        agreed, unless a newer offer follows."""
        for number in (OUTSIDE, MOBILE["bob"]):
            if number == OUTSIDE:
                invitation = self.outside()
            else:
                bob = self.world.device("bob")
                invitation = self.call()
                accept = self.world.phones.handsets.accept
                done(running(accept(bob, invitation.id, self.world.now)))
            self.world.lets(number, "answers", ANSWER)
            telephone = self.world.telephone(number)
            self.offers(invitation.conversation_id, "held")
            self.expire()
            telephone.agrees(ANSWER)
            self.world.settle()
            self.assertEqual(["held", "offer"], [one.text for one in telephone.offered])
            telephone.agrees(ANSWER)
            self.world.settle()
            self.assertEqual(2, len(telephone.offered))
            self.offers(invitation.conversation_id, "held")
            self.expire()
            self.offers(invitation.conversation_id, "newer")
            telephone.agrees(ANSWER)
            self.world.settle()
            telephone.disagrees()
            self.world.settle()
            self.assertEqual(4, len(telephone.offered))
            found = self.world.conversation(self.alice, invitation.conversation_id).renegotiation
            self.assertEqual("Dismissed", found.state if found is not None else "")
            done(self.world.terminate(self.alice, invitation.conversation_id))
            self.world.settle()

    def offers(self, conversation_id: str, text: str) -> None:
        """Alice's application offers anew."""
        offer = Description(text, OFFER.streams)
        made = self.world.renegotiations.offer(
            self.alice, conversation_id, offer, "", self.world.now
        )
        done(running(made))
        self.world.settle()

    def expire(self) -> None:
        """Nobody has answered in time."""
        self.world.advance(self.world.conversations.limits.invitation_timeout_s)
        self.world.settle()

    def test_telephone_does_not_answer(self) -> None:
        """A telephone that is busy declines for this device."""
        bob = self.world.device("bob")
        invitation = self.call()
        done(running(self.world.phones.handsets.accept(bob, invitation.id, self.world.now)))
        self.world.lets(MOBILE["bob"], "is_busy")
        self.assertIn("Busy", " ".join(self.world.told(self.alice)))
        self.nothing_left()

    def test_answer_that_does_not_fit(self) -> None:
        """A telephone whose answer does not fit the offer cannot take the call."""
        self.world.device("bob", by_phone=True)
        self.call()
        self.world.lets(MOBILE["bob"], "answers", Description("two", OFFER.streams * 2))
        self.assertIn("PstnCallFailed", " ".join(self.world.told(self.alice)))
        self.nothing_left()
        self.start()
        self.world.lets(MOBILE["alice"], "answers", OFFER)
        self.world.lets(OUTSIDE, "answers", Description("none", ()))
        self.assertIn("PstnCallFailed", " ".join(self.world.told(self.alice)))
        self.nothing_left()


class HoldTests(PhoneTestCase):
    """Hold, resume and stop."""

    def test_hold(self) -> None:
        """Holding is told to the application and the telephone, and so is going on."""
        invitation = self.connected()
        own = self.world.telephone(MOBILE["alice"])
        for held, session in ((True, "Suspended"), (False, "Established")):
            done(self.hold(self.alice, invitation, held))
            self.assertEqual(held, own.held)
            facts = [entry.fact for entry in self.world.entries(self.alice)]
            changes = [one for one in facts if isinstance(one, CallChanged)]
            self.assertEqual(("Connected", session), (changes[-1].state, changes[-1].session))
            again = self.hold(self.alice, invitation, held)
            self.assertEqual((409, None), self.refused(again))

    def test_not_connected(self) -> None:
        """What does not go on is neither held nor resumed."""
        invitation = self.start()
        for held in (True, False):
            self.assertEqual((409, None), self.refused(self.hold(self.alice, invitation, held)))

    def test_stop(self) -> None:
        """Stopping hangs up both telephones, whether they talk or ring."""
        done(self.stop(self.alice, self.connected()))
        self.nothing_left()
        done(self.stop(self.alice, self.start()))
        self.nothing_left()

    def test_restart(self) -> None:
        """The telephones are lost with the process, and the call is ended."""
        invitation = self.connected()
        after = self.world.restarted()
        after.settle()
        alice = after.same(self.alice)
        told = after.told(alice)
        self.assertIn("conversation deleted Disconnected", told)
        self.assertEqual([], after.conversations.of(alice))
        self.assertEqual([], after.failures)
        self.assertTrue(invitation.id)


class RefusedTests(PhoneTestCase):
    """What is not called."""

    def test_numbers(self) -> None:
        """No number, no telephone, and a line of this system as the own telephone."""
        for more, expected in (
            ({"to": "no number"}, (400, "NormalizationFailed")),
            ({"phone_number": "12ab"}, (400, "NormalizationFailed")),
            ({"phone_number": WORK["alice"]}, (400, "ParameterValidationFailure")),
            ({"phone_number": "112"}, (400, "ParameterValidationFailure")),
            ({"to": WORK["alice"]}, (400, "ParameterValidationFailure")),
            ({"to": "5550199"}, (403, None)),
            ({"phone_number": "5550199"}, (403, None)),
        ):
            with self.subTest(more=more):
                self.assertEqual(expected, self.refused(self.world.phone(self.alice, **more)))
        self.nothing_left()

    def test_no_telephone(self) -> None:
        """A user without a known telephone must name one."""
        bare = self.world.sign_in("bob", available=False)
        done(
            running(
                self.world.users.update(
                    uri("bob"), lambda bob: attrs.evolve(bob, mobile_phone=""), self.world.now
                )
            )
        )
        self.assertEqual((400, "ParameterValidationFailure"), self.refused(self.world.phone(bare)))

    def test_policy(self) -> None:
        """Without Enterprise Voice or usages nobody calls by telephone, not even a colleague."""
        carol = self.world.device("carol")
        for to in (OUTSIDE, uri("bob"), uri("nobody")):
            self.assertEqual((403, None), self.refused(self.world.phone(carol, to)))
        for name, may in (("carol", False), ("alice", True)):
            user = self.world.users.find(uri(name))
            self.assertIs(may, user is not None and self.world.phones.phone_audio.may(user))

    def test_emergency(self) -> None:
        """An emergency call needs no right to call, and says where the caller is."""
        bob = self.world.device("bob")
        done(running(self.world.voice.change("policies", "global", {"usages": ["All"]}, 1)))
        self.world.phones.locations.report(bob, {"ip": "192.0.2.7", "mac": ""})
        wanted = PhoneCall("911")
        done(running(self.world.phones.phone_audio.start(bob, wanted, self.world.now)))
        self.world.lets(MOBILE["bob"], "answers")
        order = self.world.telephone("911").order
        place = Location(network=(("ip", "192.0.2.7"),))
        self.assertEqual((True, place), (order.emergency, order.location))


class DelegateTests(PhoneTestCase):
    """Calls for somebody else."""

    def test_delegate(self) -> None:
        """A delegate calls with its own telephone and shows the delegator's number."""
        done(running(self.world.delegates.add_delegate(uri("bob"), uri("alice"))))
        self.world.told(self.alice)
        self.start(delegator=uri("bob"))
        self.assertEqual(WORK["alice"], self.world.telephone(MOBILE["alice"]).order.caller_id)
        self.world.lets(MOBILE["alice"], "answers")
        self.assertEqual(WORK["bob"], self.world.telephone(OUTSIDE).order.caller_id)
        facts = [entry.fact for entry in self.world.entries(self.alice)]
        started = next(one for one in facts if isinstance(one, InvitationChanged))
        assert started.call is not None
        self.assertEqual(uri("bob"), started.call.on_behalf_of)

    def test_stranger(self) -> None:
        """Nobody calls for who has not said so."""
        for delegator in (uri("bob"), uri("nobody")):
            deferred = self.world.phone(self.alice, delegator=delegator)
            self.assertEqual((403, None), self.refused(deferred))


class AddTests(PhoneTestCase):
    """A call in a conversation that there is already."""

    def add(self, conversation_id: str, to: str) -> Deferred[Invitation]:
        added = self.world.phones.phone_audio.add(
            self.alice, conversation_id, PhoneCall(to), self.world.now
        )
        return running(added)

    def talking(self, by_phone: bool = True) -> tuple[Endpoint, str]:
        bob = self.world.device("bob", by_phone=by_phone)
        invited = done(self.world.call(self.alice, "bob"))
        done(self.world.accept(bob, invited))
        self.world.told(self.alice, bob)
        return bob, invited.conversation_id

    def test_the_other(self) -> None:
        """The other's telephone rings in the same conversation, which outlives the call."""
        bob, conversation_id = self.talking()
        invitation = done(self.add(conversation_id, uri("bob")))
        self.world.lets(MOBILE["alice"], "answers")
        self.assertEqual(self.world.live, [MOBILE["alice"], MOBILE["bob"]])
        self.world.lets(MOBILE["bob"], "answers")
        self.assertIn("invitation completed Outgoing Connected by Bob", self.world.told(self.alice))
        self.assertIn("call Connected", self.world.told(bob))
        done(self.stop(self.alice, invitation))
        self.nothing_left()
        self.assertEqual("conversation updated Connected", self.world.told(bob)[-1])
        self.assertEqual(conversation_id, self.world.conversations.of(bob)[0][0].id)

    def test_number(self) -> None:
        """A number outside is called from the conversation."""
        bob, conversation_id = self.talking()
        done(self.add(conversation_id, OUTSIDE))
        self.world.lets(MOBILE["alice"], "answers")
        self.world.lets(OUTSIDE, "answers")
        self.assertIn("call Connected", self.world.told(self.alice))
        self.world.lets(OUTSIDE, "hangs_up")
        self.nothing_left()
        self.assertEqual(conversation_id, self.world.conversations.of(bob)[0][0].id)

    def test_cannot(self) -> None:
        """Somebody else is not called, one call goes on at a time, and one who has no telephone
        cannot be rung."""
        _bob, conversation_id = self.talking(by_phone=False)
        deferred = self.add(conversation_id, uri("carol"))
        self.assertEqual((400, "ParameterValidationFailure"), self.refused(deferred))
        done(self.add(conversation_id, uri("bob")))
        self.assertEqual((409, None), self.refused(self.add(conversation_id, uri("bob"))))
        self.world.lets(MOBILE["alice"], "answers")
        self.assertIn("Unavailable", " ".join(self.world.told(self.alice)))
        self.nothing_left()


class AnythingTests(TestCase):
    """Whatever telephones do, nothing rings on once the call is over."""

    STEPS = (
        "own rings",
        "own answers",
        "own is_busy",
        "own hangs_up",
        "own cannot_be_reached",
        "other rings",
        "other answers",
        "other declines",
        "other hangs_up",
        "hold",
        "resume",
        "stop",
        "cancel",
        "wait",
    )

    @settings(max_examples=60)
    @given(st.lists(st.sampled_from(STEPS), max_size=12), st.booleans())
    def test_anything(self, steps: list[str], inside: bool) -> None:
        """The application hears an end for every beginning, and no telephone is left."""
        world = PhoneWorld()
        alice = world.device("alice")
        world.device("bob", by_phone=True)
        invitation = done(world.phone(alice, uri("bob") if inside else OUTSIDE))
        other = MOBILE["bob"] if inside else OUTSIDE
        audio, conversation_id = world.phones.phone_audio, invitation.conversation_id
        for step in steps:
            who, _, what = step.partition(" ")
            if what:
                number = MOBILE["alice"] if who == "own" else other
                if number in world.live:
                    world.lets(number, what)
            elif step == "wait":
                world.advance(5)
            else:
                action = {
                    "hold": lambda: audio.hold(alice, conversation_id, held=True),
                    "resume": lambda: audio.hold(alice, conversation_id, held=False),
                    "stop": lambda: audio.stop(alice, conversation_id, world.now),
                    "cancel": lambda: world.conversations.cancel(alice, invitation.id, world.now),
                }[step]
                running(action()).addErrback(lambda failure: failure.trap(Answerable))
            world.settle()
        if world.conversations.of(alice):
            world.advance(70)
            if world.conversations.of(alice):
                done(running(audio.stop(alice, conversation_id, world.now)))
        world.settle()
        self.assertEqual(([], []), (world.live, world.failures))
        self.assertEqual((0, 0), (len(world.phones.lines), len(world.phones.handsets)))
        told = world.told(alice)
        for what in ("invitation started", "invitation completed", "conversation deleted"):
            self.assertEqual(1, sum(one.startswith(what) for one in told), told)
