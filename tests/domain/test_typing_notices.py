"""Who is typing."""

from twisted.trial.unittest import TestCase

from mobility.errors import Unavailable
from tests.domain.doubles import World, done


class TypingTests(TestCase):
    """The other side sees typing begin and end, once each."""

    def setUp(self) -> None:
        self.world = World("alice", "bob")
        self.alice = self.world.sign_in("alice")
        self.bob = self.world.sign_in("bob")
        self.cid = self.world.connected(self.alice, self.bob)

    def begin(self) -> None:
        done(self.world.begin_typing(self.alice, self.cid))

    def seen(self) -> list[str]:
        self.assertEqual([one for one in self.world.told(self.alice) if "typing" in one], [])
        return self.world.told(self.bob)

    def test_begin_and_end(self) -> None:
        """Typing is seen at once and for eight seconds."""
        self.begin()
        self.assertEqual(self.seen(), ["typing added Alice"])
        self.assertIn(self.alice.id, self.world.conversation(self.bob, self.cid).typing)
        self.world.advance(7)
        self.assertEqual(self.seen(), [])
        self.world.advance(1)
        self.assertEqual(self.seen(), ["typing deleted Alice"])
        self.assertEqual(self.world.conversation(self.bob, self.cid).typing, {})

    def test_refresh(self) -> None:
        """Who goes on typing is seen to until eight seconds after the last call."""
        for _ in range(5):
            self.begin()
            self.world.advance(5)
        self.assertEqual(self.seen(), ["typing added Alice"])
        self.world.advance(3)
        self.assertEqual(self.seen(), ["typing deleted Alice"])

    def test_many_refreshes(self) -> None:
        """However often it is refreshed, one appointment is kept."""
        before = len(self.world.agenda)
        for _ in range(100):
            self.begin()
        self.assertEqual(len(self.world.agenda), before + 1)

    def test_message(self) -> None:
        """A message ends the typing before it comes, and typing may begin again."""
        self.begin()
        done(self.world.send(self.alice, self.cid))
        self.assertEqual(
            self.seen(), ["typing added Alice", "typing deleted Alice", "message 1 Incoming 'Hi'"]
        )
        self.world.advance(10)
        self.assertEqual(self.seen(), [])
        self.begin()
        self.assertEqual(self.seen(), ["typing added Alice"])

    def test_other_sides_message(self) -> None:
        """A message of the other side does not end it."""
        self.begin()
        done(self.world.send(self.bob, self.cid))
        self.assertEqual(self.world.told(self.bob), ["typing added Alice", "message 1 Outgoing"])

    def test_both(self) -> None:
        """Both may type."""
        self.begin()
        done(self.world.begin_typing(self.bob, self.cid))
        self.assertEqual(self.world.told(self.alice), ["typing added Bob"])
        self.assertEqual(self.world.told(self.bob), ["typing added Alice"])

    def test_end_of_the_conversation(self) -> None:
        """With the conversation typing is over, and nothing is told of it later."""
        self.begin()
        done(self.world.terminate(self.alice, self.cid))
        self.world.told(self.bob)
        self.world.advance(10)
        self.assertEqual(self.seen(), [])
        self.assertEqual(self.world.failures, [])

    def test_end_while_the_conversation_ends(self) -> None:
        """Typing that runs out while the end is being stored is not told of after the end."""
        self.begin()
        self.world.advance(7)
        self.world.ledger.hold()
        end = self.world.terminate(self.bob, self.cid)
        self.world.advance(2)
        self.world.ledger.release()
        done(end)
        self.assertEqual(self.seen()[-1], "conversation deleted Disconnected")

    def test_begin_fails(self) -> None:
        """A beginning that could not be stored is no beginning."""
        self.world.ledger.failing = True
        self.failureResultOf(self.world.begin_typing(self.alice, self.cid), Unavailable)
        self.world.ledger.failing = False
        self.world.advance(10)
        self.assertEqual(self.seen(), [])
        self.begin()
        self.assertEqual(self.seen(), ["typing added Alice"])

    def test_message_fails(self) -> None:
        """If a message cannot be stored the typing goes on, and ends in time."""
        self.begin()
        self.world.ledger.failing = True
        self.failureResultOf(self.world.send(self.alice, self.cid), Unavailable)
        self.world.ledger.failing = False
        self.assertEqual(self.seen(), ["typing added Alice"])
        self.world.advance(8)
        self.assertEqual(self.seen(), ["typing deleted Alice"])

    def test_end_fails(self) -> None:
        """An end that could not be stored is told of when the store is back."""
        self.begin()
        self.world.ledger.failing = True
        self.world.advance(10)
        self.assertEqual(self.seen(), ["typing added Alice"])
        self.world.ledger.failing = False
        self.world.advance(5)
        self.assertEqual(self.seen(), ["typing deleted Alice"])

    def test_typing_again_while_the_message_is_stored(self) -> None:
        """Typing that begins while a message is being stored is seen after it."""
        self.begin()
        self.world.ledger.hold()
        send = self.world.send(self.alice, self.cid)
        again = self.world.begin_typing(self.alice, self.cid)
        self.world.ledger.release()
        done(send)
        done(again)
        self.assertEqual(self.seen()[-2:], ["message 1 Incoming 'Hi'", "typing added Alice"])
        self.world.advance(8)
        self.assertEqual(self.seen(), ["typing deleted Alice"])
