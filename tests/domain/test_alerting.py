"""When who invites is told that it rings."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.alerting import Alerting
from mobility.domain.applications import Endpoint
from mobility.domain.records import Invitation
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import World, done, running


class AlertingTests(TestCase):
    def setUp(self) -> None:
        self.world = World("alice", "bob")
        self.alice = self.world.sign_in("alice")
        self.phone = self.world.sign_in("bob", "phone")
        self.desk = self.world.sign_in("bob", "desk")
        self.invitation = done(self.world.call(self.alice, "bob"))
        self.world.told(self.alice, self.phone, self.desk)

    def received(self, endpoint: Endpoint) -> Deferred[None]:
        return self.rung(endpoint, self.invitation)

    def rung(self, endpoint: Endpoint, invitation: Invitation) -> Deferred[None]:
        alerting = Alerting(self.world.conversations, self.world.calls)
        return running(alerting.received(endpoint, invitation.id))

    def test_first_device(self) -> None:
        """The first device's receipt is told to the caller, and stored; the second one's is not."""
        done(self.received(self.phone))
        done(self.received(self.desk))
        self.assertEqual(self.world.told(self.alice), ["invitation updated Outgoing Alerting"])
        self.assertEqual(self.world.told(self.phone, self.desk), [])
        (stored,) = self.world.stored(Invitation)
        self.assertEqual((stored.state, stored.progress), ("Connecting", "Alerting"))
        world = self.world = self.world.restarted()
        self.world.told(world.same(self.alice))
        done(self.received(world.same(self.desk)))
        self.assertEqual(world.told(world.same(self.alice)), [])

    def test_at_once(self) -> None:
        """Two devices that receive it at the same moment are told of once."""
        self.world.ledger.hold()
        both = [self.received(self.phone), self.received(self.desk)]
        self.world.ledger.release()
        for one in both:
            done(one)
        self.assertEqual(self.world.told(self.alice), ["invitation updated Outgoing Alerting"])

    def test_answered_meanwhile(self) -> None:
        """Nothing is told after the answer, and nothing for a device that it no longer rings."""
        self.world.ledger.hold()
        accepting = self.world.accept(self.phone, self.invitation)
        late = self.received(self.desk)
        own = self.received(self.phone)
        self.world.ledger.release()
        done(accepting)
        self.failureResultOf(late, Refusal)
        done(own)
        self.assertNotIn("invitation updated", " ".join(self.world.told(self.alice)))

    def test_not_stored(self) -> None:
        """What cannot be stored has not been told, and is told another time."""
        self.world.ledger.failing = True
        self.failureResultOf(self.received(self.phone), Unavailable)
        self.world.ledger.failing = False
        self.assertEqual(self.world.told(self.alice), [])
        done(self.received(self.desk))
        self.assertEqual(self.world.told(self.alice), ["invitation updated Outgoing Alerting"])

    def test_still_ends(self) -> None:
        """An invitation that rings expires, is cancelled and is answered as before."""
        done(self.received(self.phone))
        self.world.advance(31)
        self.assertEqual(len(self.world.conversations), 0)
        ended = [one for one in self.world.told(self.alice) if "completed" in one]
        self.assertEqual(ended, ["invitation completed Outgoing Failed RemoteFailure/Timeout"])
