"""Handing over to a clearing house: nothing to do, and a stop at the worst moment."""

import time

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.ledger import Unit
from mobility.domain.push_notices import ACCEPTED, WAITING, Draft, Hops, Wake
from mobility.domain.push_outbox import PushOutbox
from mobility.domain.push_rules import MESSAGE, PushSettings
from mobility.domain.records import PushNotice, PushSubscription
from mobility.push.breaker import CLOSED, OPEN
from mobility.push.clearing_house import HouseFailed
from mobility.push.deliveries import Deliveries, DeliverySettings
from mobility.push.wire import Device, Notification
from tests.domain.doubles import START, MemoryLedger
from tests.push.doubles import MemoryHouse
from tests.store.doubles import MemoryLog

BOB = "sip:bob@example.test"
PHONE = PushSubscription(BOB, "1", "fcm", "app", "token", 0.0, 0.0, 1e12)


async def compose(notices: list[PushNotice]) -> list[Notification | str]:
    return [
        Notification(one.id, Device("fcm", "app", "token"), one.kind, int(time.time()) + 60)
        for one in notices
    ]


async def given_up(notice: PushNotice, token_field: str, as_of: float) -> None:
    raise AssertionError(notice)


class DeliveriesTestCase(SynchronousTestCase):
    """One message waits for one phone."""

    def setUp(self) -> None:
        self.ledger, self.house, self.log = MemoryLedger(), MemoryHouse(), MemoryLog()
        self.outbox = PushOutbox(
            self.ledger,
            lambda uri, key, now: PHONE,
            lambda device: "",
            lambda stream, position: False,
            PushSettings(message_lifetime_s=1e9, badge_lifetime_s=1e9, ringing_s=30.0),
            Hops(),
        )
        clock = Clock()
        self.set_back_s = 0.0
        self.deliveries = Deliveries(
            self.outbox,
            self.house,
            compose,
            given_up,
            DeliverySettings(),
            clock=clock,
            epoch=self.epoch,
            log=self.log,
            chance=self.chance,
        )
        draft = Draft(Unit(), START)
        self.outbox.wake(draft, PHONE, Wake(MESSAGE, "c", "c", 1, "sip:alice@example.test"))
        self.successResultOf(Deferred.fromCoroutine(self.outbox.commit(draft)))
        self.clock = clock

    def chance(self) -> float:
        return 1.0

    def epoch(self) -> float:
        """The time of day, which stands still but for how far it was set back."""
        return START - self.set_back_s

    def state(self) -> str:
        (notice,) = self.outbox.of_user(BOB)
        return notice.state


class IdleTests(DeliveriesTestCase):
    def test_nothing_is_due(self) -> None:
        """Looks that find nothing to send are no failures of the clearing house."""
        self.deliveries.startService()
        self.clock.advance(1)
        for _ in range(2 * DeliverySettings().breaker_failures):
            self.outbox.changed()
            self.clock.advance(1)
        self.assertEqual(self.deliveries.breaker.state, CLOSED)
        self.assertEqual((len(self.house.requests), self.log.events), (1, []))


class StopTests(DeliveriesTestCase):
    def test_while_it_is_stored(self) -> None:
        """What the clearing house has taken is stored though the service stops meanwhile."""
        self.house.hold = True
        self.deliveries.startService()
        self.clock.advance(1)
        self.ledger.hold()
        self.house.release()
        self.assertEqual(self.ledger.held, 1)
        stopped = self.deliveries.stopService()
        self.assertNoResult(stopped)
        self.ledger.release()
        self.successResultOf(stopped)
        self.assertEqual(self.state(), ACCEPTED)
        self.assertEqual(self.log.events, [])

    def test_while_it_is_asked(self) -> None:
        """What the clearing house has not answered waits for the next start."""
        self.house.hold = True
        self.deliveries.startService()
        self.clock.advance(1)
        self.assertEqual(len(self.house.requests), 1)
        self.successResultOf(self.deliveries.stopService())
        self.assertEqual((self.state(), self.log.events), (WAITING, []))
        self.house.hold = False
        self.deliveries.startService()
        self.clock.advance(1)
        self.assertEqual((len(self.house.requests), self.state()), (2, ACCEPTED))


class BackTests(DeliveriesTestCase):
    """A clearing house that was away, without jitter: tries wait 1 s, 2 s, 4 s and so on."""

    def epoch(self) -> float:
        return START + (self.clock.seconds() if hasattr(self, "clock") else 0.0)

    def away(self, failed: HouseFailed) -> None:
        """The house fails until it is left alone; then it is back, and there is one message more
        to try it with."""
        self.house.fail = failed
        self.deliveries.startService()
        while self.deliveries.breaker.state != OPEN:
            self.clock.advance(0.1)
        self.house.fail = None
        draft = Draft(Unit(), self.epoch())
        self.outbox.wake(draft, PHONE, Wake(MESSAGE, "d", "d", 1, "sip:alice@example.test"))
        self.successResultOf(Deferred.fromCoroutine(self.outbox.commit(draft)))

    def taken(self) -> list[str]:
        conversations = {one.id: one.conversation_id for one in self.outbox.of_user(BOB)}
        return [conversations[one.id] for one in self.house.taken]

    def test_what_was_tried(self) -> None:
        """Once the house is back, what was tried in vain is handed over as soon as what was not."""
        self.away(HouseFailed("away"))
        self.clock.pump([0.1] * 20)
        self.assertEqual(self.taken(), ["d", "c"])

    def test_named_time(self) -> None:
        """When the house has said how long to wait, nothing comes back before."""
        self.away(HouseFailed("it answered 503", retry_after_s=60.0))
        self.clock.pump([0.5] * 110)
        self.assertEqual(self.taken(), [])
        self.clock.pump([0.5] * 20)
        self.assertEqual(sorted(self.taken()), ["c", "d"])


class SetBackTests(DeliveriesTestCase):
    """The time of day goes on, and is set back by an hour while the clearing house is away."""

    def epoch(self) -> float:
        return START + (self.clock.seconds() if hasattr(self, "clock") else 0.0) - self.set_back_s

    def test_while_the_house_is_away(self) -> None:
        """What waits is handed over as soon as it would have been: neither the breaker nor the
        next attempt waits for the hour to come again."""
        self.house.fail = HouseFailed("away")
        self.deliveries.startService()
        for _ in range(60):
            self.clock.advance(0.5)
        self.assertEqual(self.deliveries.breaker.state, OPEN)
        self.set_back_s = 3_600.0
        self.house.fail = None
        for _ in range(200):
            self.clock.advance(0.5)
        self.assertEqual(self.state(), ACCEPTED)

    def test_grace(self) -> None:
        """What waits for an application to fetch it waits no longer than that."""
        draft = Draft(Unit(), self.epoch())
        wake = Wake(MESSAGE, "d", "d", 1, "sip:alice@example.test", near=True)
        self.outbox.wake(draft, PHONE, wake)
        self.successResultOf(Deferred.fromCoroutine(self.outbox.commit(draft)))
        self.deliveries.startService()
        self.clock.advance(1)
        self.set_back_s = 3_600.0
        for _ in range(12):
            self.clock.advance(1)
        self.assertEqual(
            [one.id for one in self.house.taken], [one.id for one in self.outbox.of_user(BOB)]
        )
        self.assertEqual(len(self.house.taken), 2)
