"""Messages to and from people who have no application."""

from collections.abc import Awaitable

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.applications import Endpoint
from mobility.domain.carriers import Disposition, Page, Received, Rung
from mobility.domain.facts import (
    ConversationChanged,
    InvitationChanged,
    MessageCompleted,
    Reason,
    TypingChanged,
)
from mobility.domain.messaging import Call, Text
from mobility.domain.outcomes import UNABLE, Outcome
from mobility.domain.privacy import BLOCKED
from mobility.domain.records import (
    Carriage,
    ConversationLog,
    DispositionRequest,
    Message,
)
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import Bounds, World, done, running, uri
from tests.domain.wiring import correspondence

BOB = "sip:bob@partner.test"
IDLE_S = 600.0


@attrs.define
class MemoryCarrier:
    """Reaches `people`; what it carries is answered by `outcome`, or later by `answers`."""

    people: set[str] = attrs.Factory(set)
    carried: list[Page] = attrs.Factory(list)
    typing: list[tuple[str, str, bool]] = attrs.Factory(list)
    outcome: Outcome | Received = Received.SHOWN
    answers: list[Deferred[Outcome | Received]] | None = None
    begun: list[str] = attrs.Factory(list)
    told: list[Reason | None] = attrs.Factory(list)
    parted: list[tuple[str, str]] = attrs.Factory(list)
    notified: list[tuple[str, str, str]] = attrs.Factory(list)
    """To whom it was told of which message what has become of it."""

    def leads_to(self, uri: str) -> bool:
        return uri in self.people

    def carry(self, page: Page) -> Awaitable[Outcome | Received]:
        self.carried.append(page)
        if self.answers is None:
            return succeed(self.outcome)
        self.answers.append(Deferred())
        return self.answers[-1]

    def show_typing(self, from_uri: str, to_uri: str, *, typing: bool) -> None:
        self.typing.append((from_uri, to_uri, typing))

    def begin(self, from_uri: str, from_name: str, to_uri: str) -> Awaitable[Outcome | None]:
        self.begun.append(to_uri)
        return succeed(self.outcome if isinstance(self.outcome, Outcome) else None)

    def answered(self, from_uri: str, to_uri: str, reason: Reason | None) -> None:
        self.told.append(reason)

    def part(self, from_uri: str, to_uri: str) -> None:
        self.parted.append((from_uri, to_uri))

    def notify(self, request: DispositionRequest, disposition: Disposition) -> Awaitable[None]:
        self.notified.append((request.from_uri, request.message_id, disposition.value))
        return succeed(None)

    @property
    def bodies(self) -> list[str]:
        return [page.text.body for page in self.carried]


class CorrespondenceTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.build(World("alice", "carol", bounds=Bounds(conversations=10)))

    def build(self, world: World) -> None:
        self.world = world
        self.carrier = MemoryCarrier({BOB})
        self.letters = correspondence(world, IDLE_S)
        self.letters.carrier = self.carrier

    def tearDown(self) -> None:
        self.assertEqual(self.world.failures, [])

    def page(self, body: str, to: str = "alice", from_uri: str = BOB) -> Page:
        return Page(from_uri, "Bob", uri(to), self.world.now, Text("Plain", body))

    def receive(self, body: str, to: str = "alice", from_uri: str = BOB) -> Received:
        page = self.page(body, to, from_uri)
        return done(running(self.letters.receive(page, self.world.now)))

    def start(self, endpoint: Endpoint, to_uri: str, text: str | None = "Hello") -> str:
        """startMessaging to any URI; the conversation's id."""
        body = None if text is None else Text("Plain", text)
        call = Call(to_uri, text=body)
        invitation = done(running(self.world.messaging.start(endpoint, call, self.world.now)))
        return invitation.conversation_id

    def read(self, endpoint: Endpoint) -> list[str]:
        """The bodies of the messages that have come in."""
        return [
            entry.message.body
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, MessageCompleted)
            and entry.fact.direction == "Incoming"
            and entry.message is not None
        ]

    def sent(self, endpoint: Endpoint) -> list[tuple[str, ...]]:
        """Whom each message sent did not reach, of those that are completed."""
        return [
            tuple(uri for uri, _ in entry.fact.failed)
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, MessageCompleted) and entry.fact.direction == "Outgoing"
        ]

    def invitations(self, endpoint: Endpoint) -> list[InvitationChanged]:
        facts = [entry.fact for entry in self.world.entries(endpoint)]
        return [fact for fact in facts if isinstance(fact, InvitationChanged)]

    def accept(self, endpoint: Endpoint) -> str:
        invitation = self.invitations(endpoint)[-1]
        done(running(self.world.messaging.accept(endpoint, invitation.id)))
        return invitation.conversation_id

    def missed(self, name: str) -> list[str]:
        """The bodies of the messages that are kept as missed."""
        kept = self.world.ledger.all(Message).values()
        return [one.body for one in kept if one.missed]


class IncomingTests(CorrespondenceTestCase):
    def test_one_conversation(self) -> None:
        """The first message is an invitation, what follows comes once it is accepted, and then at
        once, all in one conversation."""
        alice = self.world.sign_in("alice")
        self.assertEqual(self.receive("one"), Received.SHOWN)
        self.receive("two")
        (invitation,) = self.invitations(alice)
        self.assertEqual((invitation.from_uri, invitation.from_name), (BOB, "Bob"))
        self.assertEqual(self.read(alice), [])
        conversation_id = self.accept(alice)
        self.assertEqual(self.read(alice), ["one", "two"])
        self.receive("three")
        self.assertEqual(self.read(alice), ["one", "two", "three"])
        self.assertEqual(len(self.world.conversations), 1)
        done(self.world.send(alice, conversation_id, "four"))
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["four"])
        self.assertEqual(self.carrier.carried[0].from_uri, uri("alice"))
        self.assertEqual(self.sent(alice), [()])

    def test_nobody(self) -> None:
        """Without a device that is signed in the message is kept as missed."""
        self.assertEqual(self.receive("one"), Received.KEPT)
        self.assertEqual(self.missed("alice"), ["one"])
        (log,) = self.world.ledger.all(ConversationLog).values()
        self.assertEqual((log.user_uri, log.status), (uri("alice"), "Missed"))
        self.assertEqual((len(self.letters), len(self.world.conversations)), (0, 0))

    def test_unanswered(self) -> None:
        """An invitation that nobody answers leaves all that was written as missed."""
        self.world.sign_in("alice")
        self.receive("one")
        self.receive("two")
        self.world.advance(31)
        self.assertEqual(sorted(self.missed("alice")), ["one", "two"])
        self.assertEqual(len(self.letters), 0)
        self.receive("three")
        self.assertEqual(len(self.letters), 1)

    def test_declined(self) -> None:
        """Who was declined may write again: that is a new invitation."""
        alice = self.world.sign_in("alice")
        self.receive("one")
        invitation = self.invitations(alice)[0]
        done(running(self.world.conversations.decline(alice, invitation.id, True, self.world.now)))
        self.receive("two")
        self.assertEqual(
            len([one for one in self.invitations(alice) if one.change == "started"]), 2
        )

    def test_unknown(self) -> None:
        """Nobody is 404."""
        failed = running(self.letters.receive(self.page("x", "nobody"), self.world.now))
        self.assertEqual(self.failureResultOf(failed, Refusal).value.status, 404)

    def test_blocked(self) -> None:
        """Who is blocked is told the same as if nobody were there, and is not heard."""
        alice = self.world.sign_in("alice")
        level = self.world.privacy.level(uri("alice"), BOB)
        done(running(self.world.privacy.assign(uri("alice"), BOB, BLOCKED, level)))
        self.assertEqual(self.receive("one"), Received.KEPT)
        self.assertEqual((self.invitations(alice), self.missed("alice")), ([], []))

    def test_asleep(self) -> None:
        """A device that has not asked for its events for long does not show it now."""
        self.world.sign_in("alice")
        self.world.advance(61)
        self.assertEqual(self.receive("one"), Received.KEPT)

    def test_store_full(self) -> None:
        """What cannot be stored is refused, and may come again."""
        alice = self.world.sign_in("alice")
        self.world.ledger.failing = True
        failed = running(self.letters.receive(self.page("one"), self.world.now))
        self.failureResultOf(failed, Unavailable)
        self.world.ledger.failing = False
        self.receive("one")
        self.accept(alice)
        self.assertEqual(self.read(alice), ["one"])

    def test_at_once(self) -> None:
        """Two messages that come at once make one conversation, in order."""
        alice = self.world.sign_in("alice")
        self.world.ledger.hold()
        both = [
            running(self.letters.receive(self.page(body), self.world.now)) for body in ("1", "2")
        ]
        self.world.ledger.release()
        for one in both:
            done(one)
        self.accept(alice)
        self.assertEqual(self.read(alice), ["1", "2"])

    def test_typing(self) -> None:
        """Who writes is seen to type, once messages are connected."""
        alice = self.world.sign_in("alice")
        self.receive("one")
        done(running(self.letters.receive_typing(BOB, uri("alice"), self.world.now)))
        self.accept(alice)
        done(running(self.letters.receive_typing(BOB, uri("alice"), self.world.now)))
        facts = [entry.fact for entry in self.world.entries(alice)]
        self.assertEqual([one.uri for one in facts if isinstance(one, TypingChanged)], [BOB])

    def test_idle(self) -> None:
        """It is over when nobody has written for long; the next message begins a new one."""
        alice = self.world.sign_in("alice")
        self.receive("one")
        self.accept(alice)
        self.world.now += IDLE_S - 1
        done(running(self.letters.sweep(self.world.now)))
        self.assertEqual(len(self.letters), 1)
        self.world.now += 1
        done(running(self.letters.sweep(self.world.now)))
        self.assertEqual((len(self.letters), len(self.world.conversations)), (0, 0))


class OutgoingTests(CorrespondenceTestCase):
    def test_invitation(self) -> None:
        """A first message is carried, and is accepted when it was taken."""
        alice = self.world.sign_in("alice")
        conversation_id = self.start(alice, BOB)
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["Hello"])
        self.assertEqual(self.invitations(alice)[-1].state, "Connected")
        done(self.world.send(alice, conversation_id, "again"))
        self.receive("reply")
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["Hello", "again"])
        self.assertEqual(self.read(alice), ["reply"])
        self.assertEqual(len(self.letters), 1)

    def test_without_message(self) -> None:
        """An invitation without a message is accepted at once: there is nothing to ask."""
        alice = self.world.sign_in("alice")
        self.start(alice, BOB, None)
        self.world.advance(3)
        self.assertEqual(self.carrier.carried, [])
        self.assertEqual(self.invitations(alice)[-1].state, "Connected")

    def test_refused(self) -> None:
        """A first message that is not taken fails the invitation."""
        self.carrier.outcome = UNABLE
        alice = self.world.sign_in("alice")
        self.start(alice, BOB)
        self.world.advance(3)
        last = self.invitations(alice)[-1]
        self.assertEqual((last.state, last.reason), ("Failed", UNABLE.caller))
        self.assertEqual((len(self.letters), len(self.world.conversations)), (0, 0))

    def test_undelivered(self) -> None:
        """A later message that is not taken completes with whom it did not reach, and not before
        that is known."""
        alice = self.world.sign_in("alice")
        conversation_id = self.start(alice, BOB)
        self.world.advance(3)
        self.carrier.answers = []
        done(self.world.send(alice, conversation_id, "two", "op"))
        self.world.advance(3)
        self.assertEqual(self.sent(alice), [])
        self.carrier.answers[0].callback(UNABLE)
        self.world.advance(3)
        self.assertEqual(self.sent(alice), [(BOB,)])

    def test_order(self) -> None:
        """One message waits for the one before."""
        alice = self.world.sign_in("alice")
        conversation_id = self.start(alice, BOB)
        self.world.advance(3)
        self.carrier.answers = []
        for body in ("two", "three"):
            done(self.world.send(alice, conversation_id, body))
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["Hello", "two"])
        self.carrier.answers[0].callback(None)
        self.assertEqual(self.carrier.bodies, ["Hello", "two", "three"])

    def test_no_way(self) -> None:
        """Where nothing leads the invitation fails, as it does for nobody."""
        alice = self.world.sign_in("alice")
        self.start(alice, "sip:x@nowhere.test")
        last = self.invitations(alice)[-1]
        self.assertEqual((last.state, last.reason.subcode), ("Failed", "DestinationNotFound"))
        self.assertEqual(len(self.letters), 0)

    def test_typing(self) -> None:
        """The other side is told of typing."""
        alice = self.world.sign_in("alice")
        conversation_id = self.start(alice, BOB)
        self.world.advance(3)
        done(self.world.begin_typing(alice, conversation_id))
        self.world.advance(10)
        both = [(uri("alice"), BOB, True), (uri("alice"), BOB, False)]
        self.assertEqual(self.carrier.typing, both)


class PhoneTests(CorrespondenceTestCase):
    """Users with phones."""

    def setUp(self) -> None:
        super().setUp()
        self.carrier.people.add(uri("carol"))

    def test_only_phone(self) -> None:
        """Who has a phone and no application is reached, and answers with it."""
        alice = self.world.sign_in("alice")
        conversation_id = self.start(alice, uri("carol"))
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["Hello"])
        self.assertEqual(self.invitations(alice)[-1].state, "Connected")
        self.receive("reply", from_uri=uri("carol"))
        self.assertEqual(self.read(alice), ["reply"])
        done(self.world.send(alice, conversation_id, "bye"))
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["Hello", "bye"])

    def test_application_answers(self) -> None:
        """A phone rings beside an application, and hears no more once that has answered."""
        alice, carol = self.world.sign_in("alice"), self.world.sign_in("carol")
        conversation_id = self.start(alice, uri("carol"))
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["Hello"])
        self.assertEqual(self.invitations(alice)[-1].state, "Connecting")
        self.accept(carol)
        done(self.world.send(alice, conversation_id, "two"))
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["Hello"])
        self.assertEqual(self.read(carol), ["Hello", "two"])
        self.assertEqual(len(self.letters), 0)

    def test_phone_answers(self) -> None:
        """A user who writes back on the phone answers with it; the application is told so."""
        alice, carol = self.world.sign_in("alice"), self.world.sign_in("carol")
        self.start(alice, uri("carol"))
        self.world.advance(3)
        self.receive("here", from_uri=uri("carol"))
        self.assertEqual(self.read(alice), ["here"])
        last = self.invitations(carol)[-1]
        self.assertEqual((last.change, last.reason.subcode), ("completed", "ConnectedElsewhere"))
        self.assertEqual(self.carrier.bodies, ["Hello"])

    def test_between_lines(self) -> None:
        """Somebody elsewhere writes to a user who has a phone only."""
        self.receive("one", "carol")
        self.receive("two", "carol")
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["one", "two"])
        self.receive("three", "carol")
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["one", "two", "three"])

    def test_phone_refuses(self) -> None:
        """What the only phone does not take is kept as missed."""
        self.carrier.outcome = UNABLE
        self.receive("one", "carol")
        self.world.advance(3)
        self.assertEqual(self.missed("carol"), ["one"])

    def test_applications_only(self) -> None:
        """A message that is not for phones is kept where there is no application."""
        page = self.page("one", "carol")
        received = done(running(self.letters.receive(page, self.world.now, phones=False)))
        self.assertEqual(received, Received.KEPT)
        self.assertEqual((self.missed("carol"), self.carrier.carried), (["one"], []))


class SessionTests(CorrespondenceTestCase):
    """Sessions, which somebody begins and leaves."""

    def ring(self, text: str | None = "Hi", to: str = "alice") -> Rung:
        body = None if text is None else Text("Plain", text)
        page = Page(BOB, "Bob", uri(to), self.world.now, Text("Plain", ""))
        return done(running(self.letters.ring(page, body, self.world.now)))

    def test_rings(self) -> None:
        """An invitation rings, and the carrier is told once it is accepted."""
        alice = self.world.sign_in("alice", "app")
        self.assertIs(self.ring(None), Rung.RINGS)
        self.assertEqual(self.carrier.told, [])
        self.accept(alice)
        self.world.advance(0.1, step_s=0.02)
        self.assertEqual(self.carrier.told, [None])
        self.assertIs(self.ring("Again"), Rung.ANSWERED)
        self.assertEqual(self.read(alice), ["Again"])

    def test_declined(self) -> None:
        """One that is declined says why."""
        alice = self.world.sign_in("alice", "app")
        self.ring()
        invitation = self.invitations(alice)[-1]
        decline = self.world.conversations.decline
        done(running(decline(alice, invitation.id, False, self.world.now)))
        self.world.advance(0.1, step_s=0.02)
        (reason,) = self.carrier.told
        assert reason is not None
        self.assertEqual(reason.subcode, "Declined")

    def test_nobody(self) -> None:
        """Where nobody can answer its text is kept; nobody is there under an unknown address."""
        self.assertIs(self.ring("Kept"), Rung.NOBODY)
        self.assertEqual(self.missed("alice"), ["Kept"])
        self.assertRaises(Refusal, self.ring, to="nobody")
        self.assertEqual(len(self.letters), 0)

    def test_left(self) -> None:
        """Who leaves ends the conversation; the carrier is told that it is over."""
        alice = self.world.sign_in("alice", "app")
        self.ring()
        self.accept(alice)
        self.letters.leaves(BOB, uri("alice"))
        self.world.advance(0.1, step_s=0.02)
        self.assertEqual(self.world.conversations.of(alice), [])
        self.assertEqual(self.carrier.parted, [(uri("alice"), BOB)])
        self.letters.leaves(BOB, uri("alice"))
        self.world.advance(0.1, step_s=0.02)

    def test_answers(self) -> None:
        """Who begins a session while an invitation waits for an answer accepts that."""
        alice = self.world.sign_in("alice", "app")
        self.carrier.answers = []
        self.start(alice, BOB)
        self.world.advance(0.1, step_s=0.02)
        self.assertIs(self.ring(None), Rung.ANSWERED)
        self.assertEqual(self.invitations(alice)[-1].state, "Connected")

    def test_begun(self) -> None:
        """A conversation without a text begins there first."""
        alice = self.world.sign_in("alice", "app")
        self.carrier.outcome = UNABLE
        self.start(alice, BOB, None)
        self.world.advance(0.1, step_s=0.02)
        self.assertEqual(self.carrier.begun, [BOB])
        self.assertEqual(self.invitations(alice)[-1].state, "Failed")


class RestartTests(CorrespondenceTestCase):
    """The process dies and comes back."""

    def restart(self, *people: str) -> None:
        self.build(self.world.restarted())
        self.carrier.people = {*people}

    def test_goes_on(self) -> None:
        """A conversation goes on: both write in it as before."""
        alice = self.world.sign_in("alice")
        self.receive("one")
        conversation_id = self.accept(alice)
        self.restart(BOB)
        self.world.advance(3)
        alice = self.world.same(alice)
        self.assertEqual(self.carrier.carried, [])
        done(self.world.send(alice, conversation_id, "back"))
        self.receive("two")
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["back"])
        self.assertEqual(self.read(alice), ["one", "two"])
        self.assertEqual(self.sent(alice), [()])
        self.world.now += IDLE_S
        done(running(self.letters.sweep(self.world.now)))
        self.world.now += IDLE_S
        done(running(self.letters.sweep(self.world.now)))
        self.assertEqual((len(self.letters), len(self.world.conversations)), (0, 0))

    def under_way(self, *bodies: str) -> tuple[Endpoint, str, list[Page]]:
        """Alice has written, and nothing was answered when the process died."""
        alice = self.world.sign_in("alice")
        conversation_id = self.start(alice, BOB)
        self.world.advance(3)
        self.carrier.answers = []
        for body in bodies:
            done(self.world.send(alice, conversation_id, body, f"op-{body}"))
        self.world.advance(3)
        self.assertEqual(self.sent(alice), [])
        return alice, conversation_id, self.carrier.carried

    def test_brought_again(self) -> None:
        """Messages that were under way are brought again, in order and as the same ones; then their
        sender is told."""
        alice, _, before = self.under_way("one", "two")
        self.restart(BOB)
        self.world.advance(3)
        alice = self.world.same(alice)
        self.assertEqual(self.carrier.bodies, ["one", "two"])
        self.assertEqual(self.carrier.carried[0].id, before[1].id)
        self.assertTrue(all(page.again for page in self.carrier.carried))
        self.assertEqual(self.sent(alice), [(), ()])
        told = [one.fact for one in self.world.entries(alice)]
        names = [one.operation_id for one in told if isinstance(one, MessageCompleted)]
        self.assertEqual(names[-2:], ["op-one", "op-two"])
        self.assertEqual(self.world.stored(Carriage), [])
        self.restart(BOB)
        self.world.advance(3)
        self.assertEqual(self.carrier.carried, [])

    def test_failed(self) -> None:
        """Where nothing leads there any more their sender is told that they failed, before the
        conversation is over."""
        alice, _, _ = self.under_way("one")
        self.restart()
        self.world.advance(3)
        alice = self.world.same(alice)
        self.assertEqual(self.sent(alice), [(BOB,)])
        self.assertEqual(len(self.world.conversations), 0)
        kinds = [type(one.fact) for one in self.world.entries(alice)]
        last = len(kinds) - 1 - kinds[::-1].index(MessageCompleted)
        self.assertIn(ConversationChanged, kinds[last:])

    def test_refused(self) -> None:
        """One that is refused after the restart has failed."""
        alice, _, _ = self.under_way("one")
        self.restart(BOB)
        self.carrier.outcome = UNABLE
        self.world.advance(3)
        self.assertEqual(self.sent(self.world.same(alice)), [(BOB,)])
        self.assertEqual(len(self.world.conversations), 1)

    def test_over(self) -> None:
        """A message is brought also where its conversation was over by then."""
        alice, conversation_id, _ = self.under_way("one")
        done(self.world.terminate(alice, conversation_id))
        self.restart(BOB)
        self.world.advance(3)
        self.assertEqual(self.carrier.bodies, ["one"])
        self.assertEqual(self.sent(self.world.same(alice)), [()])
        self.assertEqual(self.world.stored(Carriage), [])

    def test_ringing(self) -> None:
        """A first message that was under way is brought again, and what becomes of it becomes of
        the invitation."""
        for outcome, state in ((Received.SHOWN, "Connected"), (UNABLE, "Failed")):
            self.build(World("alice", "carol", bounds=Bounds(conversations=10)))
            alice = self.world.sign_in("alice")
            self.carrier.answers = []
            self.start(alice, BOB)
            self.world.advance(0.5, step_s=0.1)
            self.assertEqual(self.carrier.bodies, ["Hello"])
            self.restart(BOB)
            self.carrier.outcome = outcome
            self.world.advance(1, step_s=0.1)
            self.assertEqual(self.carrier.bodies, ["Hello"])
            self.assertEqual(self.invitations(self.world.same(alice))[-1].state, state)

    def test_rings(self) -> None:
        """An invitation from there rings on, and what was written before it is answered comes."""
        alice = self.world.sign_in("alice")
        self.receive("one")
        self.restart(BOB)
        self.world.advance(1, step_s=0.1)
        alice = self.world.same(alice)
        conversation_id = self.accept(alice)
        self.receive("two")
        done(self.world.send(alice, conversation_id, "back"))
        self.world.advance(1, step_s=0.1)
        self.assertEqual((self.read(alice), self.carrier.bodies), (["one", "two"], ["back"]))
