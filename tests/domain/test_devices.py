"""Push subscriptions: one a device, renewed when it comes back, and gone when it does not."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.devices import RENEWAL_S, SETTLED_S, Device, Devices
from mobility.domain.ledger import Unit
from mobility.domain.records import PushSubscription, User
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import MemoryLedger, done, running

ALICE, BOB = "sip:alice@example.test", "sip:bob@example.test"
LIFE_S = 1_000_000.0
NOW = 1_700_000_000.0


def device(number: int = 1) -> Device:
    return Device("fcm", "com.example.app", f"token-{number}", device_name="phone")


class DevicesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.devices = self.opened()

    def opened(self) -> Devices:
        """The devices as another process finds them in the store."""
        stored = self.ledger.snapshot().push_subscriptions
        return Devices(self.ledger, LIFE_S, 3, stored)

    def subscribe(
        self, uri: str = ALICE, number: int = 1, now: float = NOW
    ) -> tuple[PushSubscription, bool]:
        return done(running(self.devices.subscribe(uri, device(number), "phone", now)))

    def names(self, uri: str, now: float = NOW) -> list[str]:
        return [one.address for one in self.devices.of(uri, now)]

    def test_new_and_known(self) -> None:
        """A device that subscribes again keeps its id, and lives on from then."""
        first, new = self.subscribe()
        second, again = self.subscribe(now=NOW + 500)
        self.assertEqual((new, again, second.id), (True, False, first.id))
        self.assertEqual(second.created_at, NOW)
        self.assertEqual(second.expires_at, NOW + 500 + LIFE_S)
        self.assertEqual(self.devices.of(ALICE, NOW), [second])

    def test_survives(self) -> None:
        """A restart forgets nothing."""
        subscription, _ = self.subscribe()
        self.assertEqual(self.opened().of(ALICE, NOW), [subscription])

    def test_somebody_elses(self) -> None:
        """A device that another user takes over is new there, and the first one's no more."""
        first, _ = self.subscribe(ALICE)
        second, new = self.subscribe(BOB, now=NOW + 500)
        self.assertEqual((new, second.id == first.id, second.created_at), (True, False, NOW + 500))
        self.assertEqual((self.names(ALICE), self.names(BOB)), ([], ["token-1"]))
        self.assertEqual(len(self.ledger.all(PushSubscription)), 1)

    def test_too_many(self) -> None:
        """With one more than allowed the one that would end first goes."""
        for number in range(5):
            self.subscribe(number=number, now=NOW + number)
        self.assertEqual(self.names(ALICE), ["token-2", "token-3", "token-4"])

    def test_comes_back(self) -> None:
        """A device that registers again is renewed, once a day at most, and others are not."""
        self.subscribe()
        for endpoint_id, later in (("desk", RENEWAL_S), ("phone", RENEWAL_S - 1)):
            done(running(self.devices.came_back(ALICE, endpoint_id, NOW + later)))
        self.assertEqual(self.devices.of(ALICE, NOW)[0].renewed_at, NOW)
        done(running(self.devices.came_back(ALICE, "phone", NOW + RENEWAL_S)))
        self.assertEqual(self.devices.of(ALICE, NOW)[0].expires_at, NOW + RENEWAL_S + LIFE_S)

    def test_used(self) -> None:
        """A device whose application lives on without registering again keeps its subscription from
        when it was last seen; other devices of the user do not, and what is over is not revived."""
        self.subscribe()
        seen = {"phone": NOW + RENEWAL_S - 1, "desk": NOW + LIFE_S / 2}

        def use(now: float) -> float:
            done(running(self.devices.used(lambda _: seen.items(), now)))
            (one,) = self.ledger.all(PushSubscription).values()
            return one.expires_at

        self.assertEqual(use(NOW + LIFE_S / 2), NOW + LIFE_S)
        seen["phone"] = NOW + RENEWAL_S
        self.assertEqual(use(NOW + LIFE_S / 2), NOW + RENEWAL_S + LIFE_S)
        seen["phone"] = NOW + 2 * LIFE_S
        self.assertEqual(use(NOW + LIFE_S + RENEWAL_S), NOW + RENEWAL_S + LIFE_S)

    def test_short_life(self) -> None:
        """A subscription that lives for an hour only is renewed in time as well."""
        devices = Devices(self.ledger, 3_600.0, 3)
        done(running(devices.subscribe(ALICE, device(), "phone", NOW)))
        self.assertTrue(devices.is_fresh(ALICE, device(), NOW + 1_199))
        self.assertFalse(devices.is_fresh(ALICE, device(), NOW + 1_200))
        done(running(devices.came_back(ALICE, "phone", NOW + 1_200)))
        self.assertEqual(devices.of(ALICE, NOW)[0].expires_at, NOW + 4_800)

    def test_use_is_no_token(self) -> None:
        """Using a device does not say that its token is good: one that was dead since before ends
        its subscription all the same."""
        subscription, _ = self.subscribe()
        done(running(self.devices.came_back(ALICE, "phone", NOW + RENEWAL_S)))
        self.assertTrue(self.refused(subscription.id, NOW + 10, NOW + RENEWAL_S))
        self.assertEqual(self.names(ALICE), [])

    def refused(self, subscription_id: str, as_of: float, asked_at: float) -> bool:
        """Whether a subscription ended that its provider refused."""
        ended = self.devices.given_up(ALICE, subscription_id, as_of, Unit(), asked_at=asked_at)
        return bool(done(running(ended)))

    def test_refused_after_renewal(self) -> None:
        """A token that was given again after its provider was asked is kept, whatever time the
        provider names, and one that was given since that time too."""
        subscription, _ = self.subscribe()
        for as_of, asked_at in ((NOW + 900, NOW - 1), (NOW - 900, NOW - 1), (NOW - 1, NOW + 60)):
            self.assertFalse(self.refused(subscription.id, as_of, asked_at), (as_of, asked_at))
        self.assertTrue(self.refused(subscription.id, NOW + 1, NOW + 60))

    def test_refused_later(self) -> None:
        """A provider that refuses a token long after it was given means it, though its time is
        before that by our clock: a dead one is not kept for ever."""
        subscription, _ = self.subscribe()
        self.assertFalse(self.refused(subscription.id, NOW - 900, NOW + SETTLED_S - 1))
        self.assertTrue(self.refused(subscription.id, NOW - 900, NOW + SETTLED_S))

    def test_expires(self) -> None:
        """What was not renewed is not there any more, and leaves the store."""
        subscription, _ = self.subscribe()
        late = NOW + LIFE_S
        self.assertEqual(self.devices.of(ALICE, late), [])
        refusal = self.failureResultOf(
            running(self.devices.change(ALICE, subscription.id, late)), Refusal
        ).value
        self.assertEqual((refusal.code, refusal.subcode), ("NotFound", "ResourceNotFound"))
        done(running(self.devices.purge(late)))
        self.assertEqual(self.ledger.all(PushSubscription), {})

    def test_change_and_remove(self) -> None:
        """Preferences are changed, subscriptions removed, both by their user alone."""
        subscription, _ = self.subscribe()
        changed = done(
            running(self.devices.change(ALICE, subscription.id, NOW + 1, collapse="all"))
        )
        self.assertEqual((changed.collapse, changed.device_name), ("all", "phone"))
        attempt = running(self.devices.remove(BOB, subscription.id, NOW))
        self.failureResultOf(attempt, Refusal)
        done(running(self.devices.remove(ALICE, subscription.id, NOW)))
        self.assertEqual(self.names(ALICE), [])

    def test_removed_user(self) -> None:
        """A user who is removed leaves no device behind, once that is stored."""
        self.subscribe()
        unit = Unit()
        forget = done(running(self.devices.forget(User(ALICE, "Alice"), unit)))
        self.assertEqual(self.names(ALICE), ["token-1"])
        done(self.ledger.commit(unit))
        forget()
        self.assertEqual((self.names(ALICE), self.ledger.all(PushSubscription)), ([], {}))

    def test_full_disk(self) -> None:
        """What cannot be stored did not happen."""
        before, _ = self.subscribe()
        self.ledger.failing = True
        for attempt in (
            self.devices.subscribe(ALICE, device(2), "phone", NOW),
            self.devices.subscribe(BOB, device(1), "phone", NOW),
            self.devices.change(ALICE, before.id, NOW, collapse="all"),
            self.devices.remove(ALICE, before.id, NOW),
        ):
            self.failureResultOf(running(attempt), Unavailable)
        self.assertEqual(self.devices.of(ALICE, NOW), [before])
        self.assertEqual(self.devices.of(BOB, NOW), [])

    def test_secrets_are_not_shown(self) -> None:
        """Neither tokens nor keys stand in what a record shows of itself."""
        subscription, _ = self.subscribe()
        secret = attrs.evolve(subscription, p256dh="key-1", auth="key-2")
        for text in ("token-1", "key-1", "key-2"):
            self.assertNotIn(text, repr(secret))
            self.assertNotIn(text, repr(attrs.evolve(device(), p256dh="key-1", auth="key-2")))
