"""The end of conversations that nobody uses."""

from twisted.trial.unittest import TestCase

from mobility.domain.conferences import Join
from mobility.domain.idle import IdleConversations
from mobility.domain.records import Conversation, Message
from mobility.errors import Unavailable
from tests.domain.doubles import World, done, running

IDLE_S = 600.0


class IdleTests(TestCase):
    """Alice and Bob talk."""

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.alice, self.bob, self.carol = (
            self.world.sign_in(name) for name in ("alice", "bob", "carol")
        )
        for endpoint in (self.alice, self.bob, self.carol):
            endpoint.parked = 1
        self.conversation_id = self.world.connected(self.alice, self.bob, "Hello")
        self.sweep()

    def sweep(self) -> None:
        idle = IdleConversations(self.world.conversations, IDLE_S)
        done(running(idle.sweep(self.world.now)))

    def states(self) -> list[str]:
        return [one.state for one in self.world.stored(Conversation)]

    def test_ends(self) -> None:
        """It ends for both when nobody wrote for so long, and its messages stay."""
        self.world.now += IDLE_S - 1
        self.sweep()
        self.assertEqual(self.states(), ["Active"])
        self.world.now += 1
        self.sweep()
        self.assertEqual(self.states(), ["Ended"])
        for endpoint in (self.alice, self.bob):
            self.assertEqual(self.world.told(endpoint)[-1], "conversation deleted Disconnected")
            self.assertEqual(endpoint.conversations, set())
        self.assertEqual([one.body for one in self.world.stored(Message)], ["Hello"])

    def test_used(self) -> None:
        """What is written or typed keeps it for as long again."""
        self.world.now += IDLE_S - 1
        done(self.world.send(self.bob, self.conversation_id))
        self.world.now += IDLE_S - 1
        self.sweep()
        done(self.world.begin_typing(self.alice, self.conversation_id))
        self.world.now += IDLE_S - 1
        self.sweep()
        self.assertEqual(self.states(), ["Active"])

    def test_after_a_restart(self) -> None:
        """After a restart it has its whole time again."""
        self.world.now += IDLE_S - 1
        self.world = self.world.restarted()
        self.sweep()
        self.world.now += IDLE_S - 1
        self.sweep()
        self.assertEqual(self.states(), ["Active"])
        self.world.now += 1
        self.sweep()
        self.assertEqual(self.states(), ["Ended"])

    def test_others_stay(self) -> None:
        """Conferences, and what still rings, are not ended."""
        done(running(self.world.conferences.join(self.carol, "", Join(), self.world.now)))
        done(self.world.terminate(self.alice, self.conversation_id))
        self.world.now += IDLE_S
        done(self.world.call(self.alice, "carol"))
        for _ in range(3):
            self.sweep()
            self.world.now += IDLE_S
        self.assertEqual(sorted(self.states()), ["Active", "Active", "Ended"])

    def test_not_stored(self) -> None:
        """What cannot be stored is tried again at the next look."""
        self.world.now += IDLE_S
        self.world.ledger.failing = True
        self.assertRaises(Unavailable, self.sweep)
        self.world.ledger.failing = False
        self.sweep()
        self.assertEqual(self.states(), ["Ended"])
