"""What becomes of messages between people here and those who have no application."""

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.carriers import Disposition, Received, Wish
from mobility.domain.dispositions import MAX_REQUESTS
from mobility.domain.messaging import Text
from mobility.domain.records import DeliveryMark, DispositionRequest, Message
from tests.domain.doubles import done, running, uri
from tests.domain.test_correspondence import BOB, CorrespondenceTestCase


class DispositionsTestCase(CorrespondenceTestCase):
    def come(self, body: str, *, delivery: bool = True, display: bool = True) -> None:
        """Bob writes to Alice, and wishes to hear of it; the message's id is its body."""
        wish = Wish(body, delivery=delivery, display=display)
        page = attrs.evolve(self.page(body), wish=wish)
        done(running(self.letters.receive(page, self.world.now)))

    def ask(self, body: str, *, delivery: bool = True, display: bool = True) -> None:
        self.come(body, delivery=delivery, display=display)
        self.world.advance(6)

    def told(self) -> list[tuple[str, str]]:
        """What Bob was told since this was last asked: of which message, what."""
        told = [(message_id, what) for to, message_id, what in self.carrier.notified if to == BOB]
        self.carrier.notified.clear()
        return told

    def reads(self, conversation_id: str, number: int) -> None:
        done(running(self.world.unread.mark(uri("alice"), conversation_id, number)))
        self.world.advance(6)

    def receives(self, endpoint: Endpoint) -> None:
        self.world.receive(endpoint)
        self.world.advance(6)

    @property
    def requests(self) -> list[DispositionRequest]:
        return list(self.world.ledger.all(DispositionRequest).values())


class ToldTests(DispositionsTestCase):
    """What is told of messages that came in."""

    def test_delivered(self) -> None:
        """Delivered is a message once an application has received it, and it is told once."""
        alice = self.world.sign_in("alice")
        self.ask("1")
        self.assertEqual(self.told(), [])
        self.receives(alice)
        self.assertEqual(self.told(), [("1", "delivered")])
        self.accept(alice)
        self.ask("2")
        self.assertEqual(self.told(), [])
        self.receives(alice)
        self.receives(alice)
        self.assertEqual(self.told(), [("2", "delivered")])

    def test_displayed(self) -> None:
        """Displayed is what was marked as read, and all before it."""
        alice = self.world.sign_in("alice")
        self.ask("1")
        conversation_id = self.accept(alice)
        self.ask("2")
        self.ask("3")
        self.receives(alice)
        self.told()
        self.reads(conversation_id, 2)
        self.assertEqual(self.told(), [("1", "displayed"), ("2", "displayed")])
        self.reads(conversation_id, 3)
        self.assertEqual(self.told(), [("3", "displayed")])
        self.assertEqual(self.requests, [])

    def test_read_first(self) -> None:
        """What was read was delivered, which is told before."""
        alice = self.world.sign_in("alice")
        self.ask("1")
        self.reads(self.accept(alice), 1)
        self.assertEqual(self.told(), [("1", "delivered"), ("1", "displayed")])

    def test_answered(self) -> None:
        """Who answers has read what there was."""
        alice = self.world.sign_in("alice")
        self.ask("1", delivery=False)
        conversation_id = self.accept(alice)
        self.assertEqual(self.told(), [])
        send = self.world.messaging.send
        done(running(send(alice, conversation_id, Text("Plain", "Yes"), "", self.world.now)))
        self.world.advance(6)
        self.assertEqual(self.told(), [("1", "displayed")])

    def test_only_who_asks(self) -> None:
        """Nobody is told what was not asked for."""
        alice = self.world.sign_in("alice")
        self.ask("1", display=False)
        self.receive("2")
        conversation_id = self.accept(alice)
        self.receives(alice)
        self.reads(conversation_id, 2)
        self.assertEqual(self.told(), [("1", "delivered")])

    def test_left(self) -> None:
        """Who leaves without having read has read nothing."""
        alice = self.world.sign_in("alice")
        self.ask("1", delivery=False)
        conversation_id = self.accept(alice)
        terminate = self.world.conversations.terminate
        done(running(terminate(alice, conversation_id, self.world.now)))
        self.world.advance(1)
        self.assertEqual(self.told(), [])

    def test_phone(self) -> None:
        """What a phone of the reader takes is delivered; what it keeps is not."""
        self.carrier.people.add(uri("alice"))
        self.carrier.outcome = Received.KEPT
        self.ask("1")
        self.assertEqual(self.told(), [])
        self.carrier.outcome = Received.SHOWN
        self.ask("2")
        self.assertEqual([one for one in self.told() if one[0] == "2"], [("2", "delivered")])

    def test_restart(self) -> None:
        """What is still to be told is told after a restart, and nothing twice."""
        alice = self.world.sign_in("alice")
        self.ask("1")
        conversation_id = self.accept(alice)
        self.receives(alice)
        self.assertEqual(self.told(), [("1", "delivered")])
        self.build(self.world.restarted())
        self.world.advance(1)
        self.reads(conversation_id, 1)
        self.assertEqual(self.told(), [("1", "displayed")])

    def test_too_many(self) -> None:
        """Of a conversation in which all too much is unread the oldest is not told."""
        alice = self.world.sign_in("alice")
        self.ask("first", delivery=False)
        conversation_id = self.accept(alice)
        for number in range(MAX_REQUESTS):
            self.come(str(number), delivery=False)
        self.world.advance(1)
        self.assertEqual(len(self.requests), MAX_REQUESTS)
        self.reads(conversation_id, MAX_REQUESTS + 1)
        told = self.told()
        self.assertEqual((len(told), told[0]), (MAX_REQUESTS, ("0", "displayed")))


class HeardTests(DispositionsTestCase):
    """What is told of messages from here."""

    def setUp(self) -> None:
        super().setUp()
        self.carrier.outcome = Received.KEPT
        self.alice = self.world.sign_in("alice")
        self.conversation_id = self.start(self.alice, BOB)
        self.world.advance(6)

    def hears(self, disposition: Disposition, number: int, of: str = BOB, to: str = "alice") -> str:
        """Somebody tells what has become of a message; its state."""
        message_id = f"{self.conversation_id}-{number}"
        notified = self.world.dispositions.notified
        done(running(notified(of, uri(to), message_id, disposition)))
        self.world.advance(1)
        return self.state(number)

    def state(self, number: int) -> str:
        conversation, _ = self.world.conversations.find(self.alice, self.conversation_id)
        message = self.world.ledger.all(Message)[self.conversation_id, number]
        states = self.world.dispositions.states
        assert states is not None
        return done(running(states.of(conversation, message)))

    def write(self) -> None:
        send = self.world.messaging.send
        text = Text("Plain", "More")
        done(running(send(self.alice, self.conversation_id, text, "", self.world.now)))
        self.world.advance(6)

    def test_states(self) -> None:
        """What the other server keeps waits, until it is told that it was delivered, or read."""
        self.assertEqual(self.state(1), "waiting")
        self.assertEqual(self.hears(Disposition.DELIVERED, 1), "delivered")
        self.assertEqual(self.hears(Disposition.DISPLAYED, 1), "read")
        self.assertEqual(self.hears(Disposition.DELIVERED, 1), "read")
        self.write()
        self.assertEqual(self.state(2), "waiting")
        self.assertEqual(self.hears(Disposition.DISPLAYED, 2), "read")

    def test_taken(self) -> None:
        """What the other server has taken for good is delivered, and read when it is answered."""
        self.carrier.outcome = Received.SHOWN
        self.write()
        self.assertEqual(self.state(2), "delivered")
        self.receive("Thanks")
        self.assertEqual(self.state(2), "read")

    def test_first(self) -> None:
        """So is a first message."""
        self.carrier.outcome = Received.SHOWN
        carol = self.world.sign_in("carol")
        self.alice, self.conversation_id = carol, self.start(carol, BOB)
        self.world.advance(6)
        self.assertEqual(self.state(1), "delivered")

    def test_failed(self) -> None:
        """A message that was kept and could not be delivered has failed for its reader."""
        self.hears(Disposition.FAILED, 1)
        message = self.world.ledger.all(Message)[self.conversation_id, 1]
        self.assertEqual(message.failed, BOB)
        self.hears(Disposition.FAILED, 1)
        self.hears(Disposition.DISPLAYED, 1)
        self.assertEqual(self.world.ledger.all(Message)[self.conversation_id, 1], message)

    def test_others(self) -> None:
        """Nobody else tells of it, and nobody of what is not there."""
        told = Disposition.DISPLAYED
        self.assertEqual(self.hears(told, 1, of="sip:mallory@partner.test"), "waiting")
        self.assertEqual(self.hears(told, 1, of=uri("alice")), "waiting")
        self.assertEqual(self.hears(told, 1, to="carol"), "waiting")
        for wrong in (
            "",
            "-1",
            f"{self.conversation_id}-9",
            f"{self.conversation_id}-x",
            f"{self.conversation_id}-{'9' * 30}",
        ):
            notified = self.world.dispositions.notified
            done(running(notified(BOB, uri("alice"), wrong, told)))
        self.receive("Hi")
        self.assertEqual(list(self.world.ledger.all(DeliveryMark)), [])

    def test_restart(self) -> None:
        """What was told is known after a restart."""
        self.assertEqual(self.hears(Disposition.DISPLAYED, 1), "read")
        self.build(self.world.restarted())
        alice = self.world.applications.find(self.alice.id)
        assert alice is not None
        self.alice = alice
        self.assertEqual(self.state(1), "read")

    def test_phone(self) -> None:
        """What a phone of a user has shown is read on all devices of the user."""
        self.carrier.people.add(uri("carol"))
        self.world.sign_in("carol")
        self.conversation_id = self.start(self.alice, uri("carol"))
        self.world.advance(6)
        self.assertEqual(self.hears(Disposition.DISPLAYED, 1, of=uri("carol")), "read")
        self.assertEqual(done(running(self.world.unread.badge(uri("carol")))), 0)
