"""Calls between two parties: who rings, who answers, what goes on, and how it ends."""

from collections.abc import Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.alerting import Alerting
from mobility.domain.applications import Endpoint
from mobility.domain.call import CallEnd
from mobility.domain.call_policy import CallPolicy
from mobility.domain.call_rows import Answer, Wanted
from mobility.domain.calls import MAX_PROVISIONAL
from mobility.domain.descriptions import (
    AUDIO,
    INACTIVE,
    SEND_ONLY,
    VIDEO,
    Description,
    Stream,
)
from mobility.domain.facts import Fact, InvitationChanged, ParticipantMediaChanged
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device
from mobility.domain.records import Call as CallRecord
from mobility.domain.records import CallSide, Invitation
from mobility.domain.registration import Availability
from mobility.domain.ringing import Incoming, Plan, Stage
from mobility.errors import Refusal
from tests.domain.doubles import World, done, running, uri

BOTH = (AUDIO, VIDEO)


def described(text: str, *streams: Stream | str) -> Description:
    """A description whose streams are all open and flow both ways unless told otherwise."""
    return Description(
        text,
        tuple(Stream(one, "RTP/SAVP") if isinstance(one, str) else one for one in streams),
    )


OFFER = described("offer", AUDIO, VIDEO)
ANSWER = Answer(described("answer", AUDIO, VIDEO))
AUDIO_ONLY = Answer(described("audio", AUDIO, Stream(VIDEO, "RTP/SAVP", open=False)))


class CallTestCase(TestCase):
    """Alice with a phone, Bob with a phone and a desk, all of which take calls."""

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.alice = self.device("alice")
        self.bob = self.device("bob")
        self.desk = self.device("bob", "desk")
        self.ends: list[CallEnd] = []
        self.world.conversations.call_endings.append(self.over)

    def over(self, unit: Unit, end: CallEnd) -> None:
        self.assertIn(end.call, unit.saves)
        self.ends.append(end)

    def device(self, name: str, device: str = "phone", *modalities: str) -> Endpoint:
        endpoint = self.world.sign_in(name, device, available=False)
        chosen = Availability(modalities or ("Messaging", AUDIO, VIDEO))
        done(running(self.world.applications.make_available(endpoint, chosen, self.world.now)))
        self.world.told(endpoint)
        return endpoint

    def call(self, device: Device, to: str = "bob", **more: object) -> Invitation:
        wanted = attrs.evolve(Wanted(uri(to), BOTH, OFFER, "context"), **more)
        return done(running(self.world.calls.start(device, wanted, self.world.now)))

    def accept(
        self, device: Device, invitation: Invitation, answer: Answer = ANSWER
    ) -> Deferred[None]:
        return running(self.world.calls.accept(device, invitation.id, answer, self.world.now))

    def connected(self, answer: Answer = ANSWER) -> Invitation:
        """Alice and Bob's phone in a call of which everybody has read everything."""
        invitation = self.call(self.alice)
        done(self.accept(self.bob, invitation, answer))
        self.told()
        return invitation

    def stop(self, device: Device, invitation: Invitation, *media: str) -> Deferred[None]:
        return running(
            self.world.calls.stop(device, invitation.conversation_id, media or BOTH, self.world.now)
        )

    def told(self) -> list[str]:
        return self.world.told(self.alice, self.bob, self.desk)

    def refused(self, deferred: Deferred[object], code: str, subcode: str | None = None) -> None:
        refusal = self.failureResultOf(deferred, Refusal).value
        self.assertEqual((refusal.code, refusal.subcode), (code, subcode))


class StartTests(CallTestCase):
    def test_every_device_rings(self) -> None:
        """All of the callee's applications ring with the offer; the caller's own do not."""
        self.device("alice", "desk")
        self.call(self.alice)
        for ringing in (self.bob, self.desk):
            facts = [entry.fact for entry in self.world.entries(ringing)]
            (started,) = [one for one in facts if isinstance(one, InvitationChanged)]
            self.assertEqual((started.direction, started.state), ("Incoming", "Connecting"))
            assert started.call is not None
            self.assertEqual((started.call.offer, started.call.media), ("offer", BOTH))
        self.assertEqual(len(self.world.conversations.of(self.alice)[0][0].legs), 3)

    def test_story_of_the_caller(self) -> None:
        """The caller's stream tells of the invitation, the conversation and the call."""
        self.call(self.alice)
        self.assertEqual(
            self.world.told(self.alice),
            [
                "invitation started Outgoing Connecting",
                "conversation added Connecting",
                "local participant added Alice",
                "call Connecting",
            ],
        )

    def test_only_who_carries_the_media(self) -> None:
        """An audio call rings no application that takes messages or video alone."""
        self.device("carol", "text", "Messaging")
        self.device("carol", "video", VIDEO)
        phone = self.device("carol", "audio", AUDIO)
        invitation = self.call(self.alice, "carol", media=(AUDIO,))
        conversation = self.world.conversation(self.alice, invitation.conversation_id)
        self.assertEqual(
            [leg.application_id for leg in conversation.ringing(invitation)], [phone.id]
        )

    def test_nobody_to_ring(self) -> None:
        """A call to somebody without a device fails at once, and one to a stranger says so."""
        for to, subcode in (("carol", "Unavailable"), ("nobody", "DestinationNotFound")):
            invitation = self.call(self.alice, to)
            self.assertEqual(invitation.state, "Failed")
            self.assertIn(subcode, " ".join(self.world.told(self.alice)))
            self.assertEqual(self.ends.pop().call.outcome, subcode)
        self.assertEqual(len(self.world.conversations), 0)

    def test_offer_without_the_medium(self) -> None:
        """An offer must offer what is asked for."""
        wanted = Wanted(uri("bob"), BOTH, described("offer", AUDIO))
        started = running(self.world.calls.start(self.alice, wanted, self.world.now))
        self.refused(started, "BadRequest", "InvalidMediaDescription")

    def test_policy(self) -> None:
        """Whom policy denies video may call with audio alone."""
        self.world.calls.policies.of = lambda _: CallPolicy(video=False)
        wanted = Wanted(uri("bob"), BOTH, OFFER)
        started = running(self.world.calls.start(self.alice, wanted, self.world.now))
        self.refused(started, "Forbidden")
        self.call(self.alice, media=(AUDIO,))


class AnswerTests(CallTestCase):
    def test_one_wins(self) -> None:
        """One device answers, the other is told that it was answered elsewhere."""
        invitation = self.call(self.alice)
        self.told()
        done(self.accept(self.bob, invitation))
        self.assertEqual(
            self.world.told(self.alice),
            [
                "negotiation answer",
                "participant added Bob",
                "conversation updated Connected",
                "session added Established",
                "Audio of Alice added SendReceive",
                "Video of Alice added SendReceive",
                "Audio of Bob added SendReceive",
                "Video of Bob added SendReceive",
                "call Connected",
                "messaging Disconnected",
                "invitation completed Outgoing Connected by Bob",
            ],
        )
        self.assertEqual(
            self.world.told(self.desk),
            [
                "invitation completed Incoming Failed LocalFailure/ConnectedElsewhere",
                "call Disconnected",
                "local participant deleted Bob",
                "conversation updated Disconnected",
                "conversation deleted Disconnected",
            ],
        )
        self.refused(self.accept(self.desk, invitation), "NotFound", "ResourceNotFound")
        self.refused(self.accept(self.bob, invitation), "Conflict")

    def test_answer_without_video(self) -> None:
        """What the answer rejects does not go on."""
        invitation = self.connected(AUDIO_ONLY)
        conversation = self.world.conversation(self.alice, invitation.conversation_id)
        assert conversation.call is not None
        self.assertEqual(conversation.call.media, AUDIO)
        leg = conversation.legs[self.alice.id]
        self.assertEqual(conversation.snapshot(leg).modalities, (AUDIO,))

    def test_answer_that_does_not_fit(self) -> None:
        """An answer has the offer's streams and takes one of them; a wrong one changes nothing."""
        invitation = self.call(self.alice)
        nothing = [Stream(one, "RTP/SAVP", open=False) for one in BOTH]
        for answer in (
            described("short", AUDIO),
            described("swapped", VIDEO, AUDIO),
            described("plain", Stream(AUDIO, "RTP/AVP"), Stream(VIDEO, "RTP/AVP")),
            described("nothing", *nothing),
        ):
            accepted = self.accept(self.bob, invitation, Answer(answer))
            self.refused(accepted, "BadRequest", "InvalidMediaDescription")
        self.refused(
            self.accept(self.bob, invitation, Answer()), "BadRequest", "InvalidMediaDescription"
        )
        done(self.accept(self.bob, invitation))

    def test_provisional(self) -> None:
        """Devices that ring may each send early media; the caller hears which one, and that it
        rings."""
        invitation = self.call(self.alice)
        self.told()
        for device in (self.bob, self.desk):
            done(running(self.world.calls.answer_provisionally(device, invitation.id, ANSWER)))
        self.assertEqual(
            self.world.told(self.alice),
            [
                "negotiation provisional answer",
                "invitation updated Outgoing Alerting",
                "negotiation provisional answer",
            ],
        )
        done(self.accept(self.bob, invitation))
        self.assertEqual(len(self.world.stored(CallSide)), 2)

    def test_provisional_bound(self) -> None:
        """A device cannot send provisional answers without end."""
        invitation = self.call(self.alice)
        for _ in range(MAX_PROVISIONAL):
            done(running(self.world.calls.answer_provisionally(self.bob, invitation.id, ANSWER)))
        again = running(self.world.calls.answer_provisionally(self.bob, invitation.id, ANSWER))
        self.refused(again, "Conflict")

    def test_alert(self) -> None:
        """A device that rings audibly makes the invitation Alerting, once."""
        invitation = self.call(self.alice)
        self.told()
        for device in (self.bob, self.desk):
            done(running(self.world.calls.alert(device, invitation.id)))
        self.assertEqual(self.world.told(self.alice), ["invitation updated Outgoing Alerting"])


class ReceiptTests(CallTestCase):
    def received(self, device: Endpoint, invitation: Invitation) -> Deferred[None]:
        alerting = Alerting(self.world.conversations, self.world.calls)
        return running(alerting.received(device, invitation.id))

    def test_first_device(self) -> None:
        """The call alerts once an application of the callee has received it, which the caller is
        told once; it is answered as before."""
        invitation = self.call(self.alice)
        self.world.told(self.alice, self.bob, self.desk)
        done(self.received(self.desk, invitation))
        done(self.received(self.bob, invitation))
        self.assertEqual(self.world.told(self.alice), ["invitation updated Outgoing Alerting"])
        self.assertEqual(self.world.told(self.bob, self.desk), [])
        done(self.accept(self.bob, invitation))
        completed = [one for one in self.world.told(self.alice) if "invitation completed" in one]
        self.assertEqual(completed, ["invitation completed Outgoing Connected by Bob"])

    def test_unanswered(self) -> None:
        """A call that alerts expires like one that nobody has received."""
        invitation = self.call(self.alice)
        done(self.received(self.bob, invitation))
        self.world.told(self.alice)
        self.world.advance(31)
        self.assertIn("invitation completed", " ".join(self.world.told(self.alice)))

    def test_answered_meanwhile(self) -> None:
        """What another device receives after the answer is refused, and told to nobody."""
        invitation = self.call(self.alice)
        self.world.ledger.hold()
        accepting = self.accept(self.bob, invitation)
        late = self.received(self.desk, invitation)
        self.world.ledger.release()
        done(accepting)
        self.failureResultOf(late, Refusal)
        self.assertNotIn("invitation updated", " ".join(self.world.told(self.alice)))


class EndTests(CallTestCase):
    def test_decline(self) -> None:
        """One device that declines leaves the others ringing; with all it is declined."""
        invitation = self.call(self.alice)
        self.told()
        done(self.world.decline(self.bob, invitation))
        self.assertEqual(self.world.told(self.alice), [])
        done(self.world.decline(self.desk, invitation))
        self.assertEqual(
            self.world.told(self.alice),
            [
                "invitation completed Outgoing Declined RemoteFailure/Declined",
                "call Disconnected",
                "local participant deleted Alice",
                "conversation updated Disconnected",
                "conversation deleted Disconnected",
            ],
        )
        self.assertEqual(self.ends[0].call.outcome, "Declined")
        self.assertEqual(len(self.world.conversations), 0)

    def test_decline_everywhere(self) -> None:
        """One device can decline for all of its user's."""
        invitation = self.call(self.alice)
        done(self.world.decline(self.bob, invitation, everywhere=True))
        self.assertEqual(len(self.world.conversations), 0)

    def test_cancel(self) -> None:
        """The caller gives up: all are told, and it is not answered any more."""
        invitation = self.call(self.alice)
        self.told()
        done(running(self.world.conversations.cancel(self.alice, invitation.id, self.world.now)))
        self.assertIn("invitation completed Incoming Cancelled", self.world.told(self.desk)[0])
        self.refused(self.accept(self.bob, invitation), "NotFound", "ResourceNotFound")

    def test_cancel_races_with_accept(self) -> None:
        """Of a cancel and an accept at the same time the first one wins, the other is refused."""
        for first in ("cancel", "accept"):
            invitation = self.call(self.alice)
            self.world.ledger.hold()
            acts = {
                "cancel": lambda one=invitation: running(
                    self.world.conversations.cancel(self.alice, one.id, self.world.now)
                ),
                "accept": lambda one=invitation: self.accept(self.bob, one),
            }
            winner = acts.pop(first)()
            ((_, act),) = acts.items()
            loser = act()
            self.world.ledger.release()
            done(winner)
            self.failureResultOf(loser, Refusal)

    def test_unanswered(self) -> None:
        """Nobody answers for 30 seconds: the call is missed."""
        self.call(self.alice)
        self.world.advance(31)
        self.assertIn("RemoteFailure/Timeout", " ".join(self.world.told(self.alice)))
        self.assertIn("LocalFailure/Missed", " ".join(self.world.told(self.bob)))
        self.assertEqual(self.ends[0].call.outcome, "Timeout")

    def test_hang_up(self) -> None:
        """Either side ends the call, and with it the conversation that has nothing else."""
        for hanging in (self.alice, self.bob):
            invitation = self.connected()
            self.world.advance(5)
            done(self.stop(hanging, invitation))
            for told in (self.world.told(self.alice), self.world.told(self.bob)):
                self.assertEqual(told[0], "call Disconnected")
                self.assertIn("session deleted ", told)
                self.assertEqual(told[-1], "conversation deleted Disconnected")
            call = self.ends[-1].call
            self.assertEqual((call.outcome, call.ended_at - call.answered_at), ("Completed", 5))
        self.assertEqual(self.world.stored(CallSide), [])

    def test_end_of_an_application(self) -> None:
        """Who signs out leaves the call, rings no longer, or gives it up."""
        self.connected()
        done(self.world.end(self.bob))
        self.assertEqual(self.ends.pop().call.outcome, "Completed")
        self.call(self.alice)
        done(self.world.end(self.desk))
        self.assertEqual(self.ends.pop().call.outcome, "Unavailable")
        self.bob = self.device("bob")
        self.call(self.alice)
        done(self.world.end(self.alice))
        self.assertEqual(self.ends.pop().call.outcome, "Canceled")
        self.assertEqual(len(self.world.conversations), 0)

    def test_restart(self) -> None:
        """Calls that ring and calls that go on survive a restart; times go on."""
        self.connected()
        carol = self.device("carol")
        invitation = self.call(carol)
        self.world.advance(20)
        self.world = self.world.restarted()
        self.assertEqual(len(self.world.conversations), 2)
        self.world.advance(11)
        self.assertEqual(len(self.world.conversations), 1)
        (going,) = list(self.world.conversations)
        done(
            running(
                self.world.calls.stop(self.world.same(self.alice), going.id, BOTH, self.world.now)
            )
        )
        states = {one.id == invitation.id: one.outcome for one in self.world.stored(CallRecord)}
        self.assertEqual(states, {True: "Timeout", False: "Completed"})


class MediaTests(CallTestCase):
    def test_stop_video(self) -> None:
        """Video ends and audio goes on; with that ended too the call is over."""
        invitation = self.connected()
        done(self.stop(self.bob, invitation, VIDEO))
        self.assertEqual(
            self.world.told(self.alice),
            [
                "Video of Alice deleted SendReceive",
                "Video of Bob deleted SendReceive",
                "session updated Established",
                "conversation updated Connected",
                "call Connected",
            ],
        )
        self.refused(self.stop(self.bob, invitation, VIDEO), "Conflict")
        done(self.stop(self.alice, invitation, AUDIO))
        self.assertEqual(len(self.world.conversations), 0)

    def test_mute(self) -> None:
        """A mute is told to both sides, once."""
        invitation = self.connected()

        def mute(muted: bool) -> Deferred[None]:
            return running(
                self.world.calls.mute(self.bob, invitation.conversation_id, AUDIO, muted=muted)
            )

        self.refused(mute(False), "Conflict")
        for muted in (True, False):
            done(mute(muted))
            for endpoint in (self.alice, self.bob):
                fact = self.world.entries(endpoint)[-1].fact
                assert isinstance(fact, ParticipantMediaChanged)
                self.assertEqual(
                    (fact.change, fact.muted, fact.local),
                    ("updated", muted, endpoint is self.bob),
                )

    def test_joins_muted(self) -> None:
        """Who calls with its video muted is shown so."""
        invitation = self.call(self.alice, muted=(VIDEO,))
        done(self.accept(self.bob, invitation))
        shown = [
            (one.fact.medium, one.fact.local, one.fact.muted)
            for one in self.world.entries(self.bob)
            if isinstance(one.fact, ParticipantMediaChanged)
        ]
        self.assertIn((VIDEO, False, True), shown)
        self.assertIn((VIDEO, True, False), shown)


class AddTests(CallTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cid = self.world.connected(self.alice, self.bob)
        self.told()

    def add(self) -> Deferred[Invitation]:
        wanted = Wanted(uri("bob"), BOTH, OFFER)
        return running(self.world.calls.add(self.alice, self.cid, wanted, self.world.now))

    def test_in_a_conversation(self) -> None:
        """The other's device in the conversation rings, and both go on writing."""
        invitation = done(self.add())
        self.assertEqual(self.world.told(self.desk), [])
        self.assertIn("invitation started Incoming Connecting", self.world.told(self.bob))
        done(self.accept(self.bob, invitation))
        conversation = self.world.conversation(self.alice, self.cid)
        leg = conversation.legs[self.alice.id]
        self.assertEqual(conversation.snapshot(leg).modalities, ("Messaging", *BOTH))
        self.refused(self.add(), "Conflict")
        done(self.stop(self.bob, invitation))
        done(self.world.send(self.alice, self.cid))
        done(self.add())

    def test_unanswered(self) -> None:
        """A call that is declined, cancelled or missed leaves the conversation as it was."""
        for end in (
            lambda one: done(self.world.decline(self.bob, one)),
            lambda one: done(
                running(self.world.conversations.cancel(self.alice, one.id, self.world.now))
            ),
            lambda one: done(self.stop(self.alice, one)),
            lambda _: self.world.advance(31),
        ):
            end(done(self.add()))
            told = self.told()
            self.assertEqual(told.count("call Disconnected"), 2)
            self.assertEqual(sum("invitation completed" in one for one in told), 2)
            done(self.world.send(self.bob, self.cid))

    def test_messages_end_first(self) -> None:
        """The messages end, the call goes on; with the call the conversation ends."""
        invitation = done(self.add())
        done(self.accept(self.bob, invitation))
        self.told()
        done(running(self.world.messaging.stop(self.alice, self.cid, self.world.now)))
        told = self.world.told(self.bob)
        self.assertEqual(told[0], "messaging Disconnected")
        self.assertNotIn("conversation deleted Disconnected", told)
        done(self.stop(self.bob, invitation))
        self.assertEqual(len(self.world.conversations), 0)

    def test_device_without_audio(self) -> None:
        """A device that takes no calls is not rung: the invitation fails."""
        text = self.device("carol", "text", "Messaging")
        self.cid = self.world.connected(self.alice, text)
        invitation = done(self.add())
        self.assertEqual(invitation.state, "Failed")
        done(self.world.send(text, self.cid))

    def test_no_conference_of_a_call(self) -> None:
        """Nobody is asked into a call: there is nothing that would mix their media."""
        done(self.add())
        asked = running(
            self.world.conferences.add_participant(
                self.alice, self.cid, uri("carol"), "", self.world.now
            )
        )
        self.refused(asked, "Forbidden")


class WriteTests(CallTestCase):
    """Two who are in a call write to one another."""

    def write(self, device: Endpoint, cid: str) -> Deferred[Invitation]:
        return running(self.world.messaging.add(device, cid, "op", self.world.now))

    def test_added(self) -> None:
        """Messaging is connected for both at once, and outlives the call."""
        invitation = self.connected()
        cid = invitation.conversation_id
        done(self.write(self.bob, cid))
        self.assertEqual(
            self.world.told(self.bob),
            [
                "invitation started Outgoing Connecting",
                "messaging Connecting",
                "participantMessaging added Alice",
                "participantMessaging added Bob",
                "messaging Connected",
                "conversation updated Connected",
                "invitation completed Outgoing Connected by Alice",
            ],
        )
        self.assertIn("messaging Connected", self.world.told(self.alice))
        self.refused(self.write(self.alice, cid), "Conflict")
        done(self.stop(self.alice, invitation))
        done(self.world.send(self.alice, cid))

    def test_not_to_a_line(self) -> None:
        """Who takes part by a telephone cannot be written to."""
        line = self.world.conversations.lines.open(
            "tel:+14255550100", "Switchboard", lambda fact: None
        )
        invitation = self.call(line)
        done(self.accept(self.desk, invitation))
        self.refused(self.write(self.desk, invitation.conversation_id), "Conflict")

    def test_before_the_answer(self) -> None:
        """While it rings nobody writes."""
        invitation = self.call(self.alice)
        self.refused(self.write(self.alice, invitation.conversation_id), "Conflict")


class LineTests(CallTestCase):
    """What takes part by a line hears facts and answers as an application does."""

    def setUp(self) -> None:
        super().setUp()
        self.heard: list[Fact] = []
        self.line = self.world.conversations.lines.open(
            "tel:+14255550100", "Switchboard", self.heard.append
        )

    def test_line_calls(self) -> None:
        """A line calls a user, hears the answer, and is told of the end."""
        invitation = self.call(self.line)
        done(self.accept(self.desk, invitation))
        kinds = [type(fact).__name__ for fact in self.heard]
        self.assertEqual(kinds[0], "InvitationChanged")
        self.assertIn("NegotiationChanged", kinds)
        done(self.stop(self.desk, invitation))
        self.assertEqual(type(self.heard[-1]).__name__, "ConversationChanged")
        self.assertEqual(self.line.conversations, set())

    def test_line_rings(self) -> None:
        """A plan may let a line ring; the name of who is at its end is shown."""

        def plan(call: Incoming) -> Plan:
            return Plan((Stage(0, lambda: [self.line]),), 30)

        self.world.calls.stages.plan = plan
        invitation = self.call(self.alice, "carol")
        done(self.accept(self.line, invitation))
        self.assertIn("participant added Switchboard", self.world.told(self.alice))

    def test_restart_ends_lines(self) -> None:
        """A call with a line does not outlive the process: who is left is told."""
        invitation = self.call(self.line)
        done(self.accept(self.desk, invitation))
        self.world = self.world.restarted()
        self.world.advance(1)
        self.assertEqual(len(self.world.conversations), 0)


class StageTests(CallTestCase):
    """A plan of several stages."""

    def plan(self, *stages: tuple[float, Sequence[Device], bool]) -> None:
        def plan(_: Incoming) -> Plan:
            return Plan(
                tuple(
                    Stage(after_s, lambda devices=devices: devices, alone, "Forwarded", uri("bob"))
                    for after_s, devices, alone in stages
                ),
                60,
            )

        self.world.calls.stages.plan = plan

    def test_forwarded(self) -> None:
        """After its time the next stage rings alone: those before are told, the caller too."""
        carol = self.device("carol")
        self.plan((0, [self.bob], False), (20, [carol], True))
        invitation = self.call(self.alice)
        self.world.told(self.alice, self.bob)
        self.world.advance(21)
        self.assertIn("LocalFailure/Forwarded", self.world.told(self.bob)[0])
        done(self.accept(carol, invitation))
        self.assertIn("by Carol", self.world.told(self.alice)[-1])

    def test_declined_before_its_time(self) -> None:
        """When nothing rings any more the next stage does at once."""
        carol = self.device("carol")
        self.plan((0, [self.bob], False), (20, [carol], True))
        invitation = self.call(self.alice)
        done(self.world.decline(self.bob, invitation))
        self.world.advance(1)
        self.assertIn("invitation started Incoming Connecting", self.world.told(carol))

    def test_empty_stages(self) -> None:
        """A stage without a device is passed over; after the last one the call fails."""
        self.plan((0, [], False), (10, [self.bob], False), (20, [], True))
        invitation = self.call(self.alice)
        self.assertEqual(invitation.state, "Connecting")
        done(self.world.decline(self.bob, invitation))
        self.world.advance(1)
        self.assertEqual(len(self.world.conversations), 0)


class DescriptionTests(CallTestCase):
    def test_directions(self) -> None:
        """A held offer can only be answered with what a held stream allows (RFC 3264 6.1)."""
        for offered, answered, fits in (
            (SEND_ONLY, "ReceiveOnly", True),
            (SEND_ONLY, "SendReceive", False),
            (INACTIVE, INACTIVE, True),
            (INACTIVE, SEND_ONLY, False),
        ):
            offer = described("offer", Stream(AUDIO, "RTP/SAVP", offered))
            answer = described("answer", Stream(AUDIO, "RTP/SAVP", answered))
            if fits:
                answer.must_answer(offer.streams)
            else:
                self.assertRaises(Refusal, answer.must_answer, offer.streams)
