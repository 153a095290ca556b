"""Devices that come while calls ring."""

from mobility.domain.late_ringing import LateRinging
from tests.domain.doubles import done, running
from tests.domain.test_calls import CallTestCase


class LateRingingTests(CallTestCase):
    def test_one_ends_meanwhile(self) -> None:
        """A call that ends while a device that has come waits for another rings nobody, and the
        device rings for what is left."""
        first = self.call(self.alice)
        carol = self.device("carol")
        second = self.call(carol)
        late = self.device("bob", "late")
        ringing = LateRinging(self.world.conversations, self.world.calls.stages)
        self.world.ledger.hold()
        now = self.world.now
        alerting = running(self.world.calls.alert(self.bob, first.id))
        rings = running(ringing.ring_application(late))
        given_up = running(self.world.conversations.cancel(carol, second.id, now))
        self.world.ledger.release(1)
        self.world.ledger.release()
        for one in (given_up, alerting, rings):
            done(one)
        told = [one for one in self.world.told(late) if one.startswith("invitation started")]
        self.assertEqual(len(told), 1)
