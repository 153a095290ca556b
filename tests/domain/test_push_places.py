"""Notifications that take the place of one another on a screen: in which order they go."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.ledger import Unit
from mobility.domain.push_notices import Accepted, Draft, Hops, Later, Result, Wake
from mobility.domain.push_outbox import PushOutbox
from mobility.domain.push_rules import BADGE, COUNT, MESSAGE, PushSettings
from mobility.domain.records import PushNotice, PushSubscription
from tests.domain.doubles import START, MemoryLedger, done, running

BOB, ALICE = "sip:bob@example.test", "sip:alice@example.test"


class PlaceTests(SynchronousTestCase):
    """Bob has one device, and is written to in the conversations a and b."""

    def setUp(self) -> None:
        self.now = START
        self.open("conversation")

    def open(self, collapse: str) -> None:
        """A device that wants its notifications collapsed like that."""
        self.device = PushSubscription(
            BOB, "1", "fcm", "app", "token", 0.0, 0.0, 1e12, collapse=collapse
        )
        self.outbox = PushOutbox(
            MemoryLedger(),
            lambda uri, key, now: self.device,
            lambda device: "",
            lambda stream, position: False,
            PushSettings(),
            Hops(),
        )

    def write(self, conversation: str, number: int) -> None:
        draft = Draft(Unit(), self.now)
        wake = Wake(MESSAGE, conversation, conversation, number, ALICE)
        self.outbox.wake(draft, self.device, wake)
        self.store(draft)

    def read(self, conversation: str, number: int) -> None:
        draft = Draft(Unit(), self.now)
        self.outbox.read(draft, BOB, conversation, number, "read")
        self.store(draft)

    def recount(self) -> None:
        """He has read something that no notification told of."""
        draft = Draft(Unit(), self.now)
        self.outbox.recount(draft, BOB)
        self.store(draft)

    def store(self, draft: Draft) -> None:
        done(running(self.outbox.commit(draft)))

    def take(self) -> list[PushNotice]:
        """What is due now; a second passes."""
        self.now += 1
        return done(running(self.outbox.take(self.now, 100)))

    def settle(self, notices: list[PushNotice], result: Result | None = None) -> None:
        results = [(one.id, result or Accepted()) for one in notices]
        done(running(self.outbox.settle(results, self.now)))

    def send(self) -> list[Any]:
        """Send what is due until nothing is; what each says, and of which conversation."""
        said: list[Any] = []
        while taken := self.take():
            said += [(one.kind, one.conversation_id) for one in taken]
            self.settle(taken)
        return said

    def test_one_for_all(self) -> None:
        """On a device that shows one notification for all, reading what that does not tell of any
        more leaves it there; reading what it tells of takes it away."""
        self.open("all")
        self.write("a", 1)
        self.assertEqual(self.send(), [(MESSAGE, "a")])
        self.write("b", 1)
        self.assertEqual(self.send(), [(MESSAGE, "b")])
        self.read("a", 1)
        self.assertEqual(self.send(), [])
        self.read("b", 1)
        self.assertEqual(self.send(), [(BADGE, "b")])

    def test_count(self) -> None:
        """When something is read that the device does not show, what it shows stays and its badge
        is told anew: once, until that is sent; a device that shows nothing is left alone."""
        self.recount()
        self.assertEqual(self.send(), [])
        self.write("a", 1)
        self.send()
        self.recount()
        self.recount()
        (told,) = self.take()
        self.assertEqual((told.kind, told.topic, told.conversation_id), (BADGE, COUNT, ""))
        self.settle([told])
        self.read("a", 1)
        (cleared,) = self.take()
        self.assertEqual((cleared.kind, cleared.conversation_id), (BADGE, "a"))

    def test_cleared_is_counted(self) -> None:
        """A device whose notification is taken off the screen gets the badge by that alone."""
        self.write("a", 1)
        self.write("b", 1)
        self.send()
        draft = Draft(Unit(), self.now)
        self.outbox.read(draft, BOB, "a", 1, "read")
        self.outbox.recount(draft, BOB)
        self.store(draft)
        self.assertEqual(self.send(), [(BADGE, "a")])

    def test_replaced_meanwhile(self) -> None:
        """What takes a notification off the screen is not sent once another message has taken its
        place: it would take that off."""
        self.open("all")
        self.write("a", 1)
        self.send()
        self.read("a", 1)
        self.write("b", 1)
        self.assertEqual(self.send(), [(MESSAGE, "b")])

    def test_not_overtaken(self) -> None:
        """A message waits while what takes the one before it off the screen is under way, which
        would take it off if it arrived later."""
        self.write("a", 1)
        self.send()
        self.read("a", 1)
        silent = self.take()
        self.assertEqual([one.kind for one in silent], [BADGE])
        self.write("a", 2)
        self.assertEqual(self.take(), [])
        self.settle(silent)
        self.assertEqual(self.send(), [(MESSAGE, "a")])

    def test_tried_again(self) -> None:
        """What could not take a message off the screen is not tried again once the next message is
        there."""
        self.write("a", 1)
        self.send()
        self.read("a", 1)
        silent = self.take()
        self.write("a", 2)
        self.settle(silent, Later(self.now + 5))
        self.assertEqual(self.send(), [(MESSAGE, "a")])
        self.now += 10
        self.assertEqual(self.send(), [])

    def test_messages_in_order(self) -> None:
        """The next notification of a conversation waits until the one before it is answered, and
        those of other conversations do not."""
        self.write("a", 1)
        first = self.take()
        self.write("a", 2)
        self.write("b", 1)
        other = self.take()
        self.assertEqual([one.conversation_id for one in other], ["b"])
        self.settle(first)
        self.assertEqual(self.send(), [(MESSAGE, "a")])
