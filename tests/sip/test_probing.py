"""Whether other SIP servers are there."""

from twisted.internet.defer import Deferred

from mobility.sip.probing import Presence, Probing
from mobility.sip.routing import Target
from mobility.sip.static_routes import Watched
from mobility.sip.transaction import LIFETIME_S
from tests.sip.test_client import ClientTestCase


class ProbingTests(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.watched = [Watched("one", Target("a"), 30.0), Watched("two", Target("closed"), 30.0)]
        self.probing = Probing(
            self.client, lambda: self.watched, "example.test", self.clock, self.log
        )

    def tick(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        self.successResultOf(Deferred.fromCoroutine(self.probing.tick()))

    @property
    def states(self) -> list[str]:
        return [one["state"] for one in self.probing.standing()]

    def test_states(self) -> None:
        """Who answers is up, whatever the answer; who cannot be connected to, says nothing or is
        busy is down.  Each change is one line, and the next OPTIONS waits its time."""
        peer = self.peer()
        self.assertEqual(self.states, ["unknown", "unknown"])
        self.tick()
        self.assertEqual(peer.methods, ["OPTIONS"])
        peer.answer(405)
        self.tick(29)
        self.assertEqual(self.states, ["up", "down"])
        self.assertEqual(len(peer.got), 1)
        self.tick(1)
        peer.answer(503)
        self.assertTrue(self.probing.is_down(Target("a")))
        self.tick(30)
        peer.answer(200)
        self.assertEqual(self.states, ["up", "down"])
        self.tick(30)
        self.clock.advance(LIFETIME_S)
        self.assertEqual(self.states, ["down", "down"])
        downs = [(line["peer"], line["status"]) for line in self.log.named("sip.peer_down")]
        self.assertEqual(downs, [("closed", 503), ("a", 503), ("a", 408)])
        self.assertEqual(len(self.log.named("sip.peer_up")), 2)

    def test_forgotten(self) -> None:
        """Who is not watched any more is not known any more."""
        self.tick()
        self.assertEqual(self.probing.count(Presence.DOWN), 2)
        self.watched = []
        self.tick()
        self.assertEqual(self.probing.count(Presence.DOWN), 0)
        self.assertFalse(self.probing.is_down(Target("closed")))

    def test_one_at_a_time(self) -> None:
        """Who has not answered is not asked again."""
        peer = self.peer()
        self.tick()
        self.tick(31)
        self.assertEqual(len(peer.got), 1)
