"""Presence subscriptions."""

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.records import PresenceSubscription, Receipt
from mobility.domain.subscriptions import WARNING_S, uris_of
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import World, done, running, uri

MINUTE = 60.0


class SubscriptionsTests(TestCase):
    """An application watches users until a time."""

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.alice = self.world.sign_in("alice", available=False)
        self.alice.parked = 1
        self.subscriptions = self.world.subscriptions

    def subscribe(
        self, names: Iterable[str], minutes: int = 10, endpoint: Endpoint | None = None
    ) -> Deferred[PresenceSubscription]:
        return running(
            self.world.subscriptions.subscribe(
                endpoint or self.alice, map(uri, names), minutes, self.world.now
            )
        )

    def told(self) -> list[str]:
        return self.world.told(self.alice)

    def watched(self) -> set[str]:
        return {name for name in map(uri, "bcdefgh") if self.alice.id in self.watchers(name)}

    def watchers(self, user_uri: str) -> set[str]:
        return set(self.world.presence.watchers(user_uri))

    def refused(self, deferred: Deferred[PresenceSubscription]) -> str | None:
        subcode: str | None = self.failureResultOf(deferred, Refusal).value.subcode
        return subcode

    def test_subscribe(self) -> None:
        """Each contact and then the subscription are added; each URI counts once."""
        subscription = done(self.subscribe(["b", "c", "b"]))
        self.assertEqual(self.told(), ["contact b added", "contact c added", "subscription added"])
        self.assertEqual(uris_of(subscription), (uri("b"), uri("c")))
        self.assertEqual(subscription.expires_at, self.world.now + 10 * MINUTE)
        self.assertEqual(self.watched(), {uri("b"), uri("c")})
        self.assertEqual(self.subscriptions.of(self.alice), (subscription,))
        self.assertEqual(self.subscriptions.find(self.alice, subscription.id), subscription)

    def test_limit_of_subscriptions(self) -> None:
        """More subscriptions than allowed are 403 LimitExceeded; also when asked for at once."""
        self.world.ledger.hold()
        answers = [self.subscribe(["b"]) for _ in range(4)]
        self.world.ledger.release()
        for answer in answers[:3]:
            done(answer)
        failure = self.failureResultOf(answers[3], Refusal)
        self.assertEqual(
            (failure.value.code, failure.value.subcode), ("Forbidden", "LimitExceeded")
        )

    def test_limit_of_contacts(self) -> None:
        """More contacts than allowed in all are 403 LimitExceeded; those watched count once."""
        first = done(self.subscribe("bcde"))
        done(self.subscribe("bcdef"))
        self.assertEqual(self.refused(self.subscribe("g")), "LimitExceeded")
        add = self.subscriptions.add(self.alice, first.id, [uri("f"), uri("g")])
        self.assertEqual(self.refused(running(add)), "LimitExceeded")
        self.assertEqual(self.watched(), set(map(uri, "bcdef")))
        self.assertEqual(uris_of(self.subscriptions.find(self.alice, first.id)), uris_of(first))

    def test_expiry(self) -> None:
        """Shortly before its end it is updated; at its end it and its contacts are deleted."""
        subscription = done(self.subscribe(["b"]))
        self.told()
        self.world.advance(10 * MINUTE - WARNING_S - 1)
        self.assertEqual(self.told(), [])
        self.world.advance(1)
        self.assertEqual(self.told(), ["subscription updated"])
        self.world.advance(WARNING_S - 1)
        self.assertEqual(self.told(), [])
        self.world.advance(1)
        self.assertEqual(self.told(), ["contact b deleted", "subscription deleted"])
        self.assertEqual(self.watched(), set())
        self.assertEqual(self.world.stored(PresenceSubscription), [])
        late = self.subscriptions.extend(self.alice, subscription.id, 10, self.world.now)
        self.assertEqual(self.failureResultOf(running(late), Refusal).value.code, "NotFound")

    def extend(self, subscription: PresenceSubscription, minutes: int) -> PresenceSubscription:
        return done(
            running(self.subscriptions.extend(self.alice, subscription.id, minutes, self.world.now))
        )

    def test_extension(self) -> None:
        """Minutes are added, to at most thirty from now, and the old end is void."""
        subscription = done(self.subscribe(["b"]))
        self.world.advance(5 * MINUTE)
        extended = self.extend(subscription, 10)
        self.assertEqual(extended.expires_at, subscription.expires_at + 10 * MINUTE)
        extended = self.extend(subscription, 30)
        self.assertEqual(extended.expires_at, self.world.now + 30 * MINUTE)
        self.told()
        self.world.advance(29 * MINUTE - 1)
        self.assertEqual(self.told(), [])
        self.world.advance(MINUTE + 1)
        self.assertEqual(
            self.told(), ["subscription updated", "contact b deleted", "subscription deleted"]
        )

    def test_extension_after_the_warning(self) -> None:
        """A subscription that was warned of and then extended lives on and is warned of again."""
        subscription = done(self.subscribe(["b"]))
        self.world.advance(10 * MINUTE - WARNING_S / 2)
        self.extend(subscription, 10)
        self.told()
        self.world.advance(5 * MINUTE)
        self.assertEqual(self.told(), [])
        self.world.advance(6 * MINUTE)
        self.assertEqual(
            self.told(), ["subscription updated", "contact b deleted", "subscription deleted"]
        )

    def test_extension_while_the_warning_is_stored(self) -> None:
        """An extension that comes while the warning is being stored voids the end all the same."""
        subscription = done(self.subscribe(["b"]))
        self.world.ledger.hold()
        self.world.advance(10 * MINUTE - WARNING_S)
        self.assertEqual(self.world.ledger.held, 1)
        extension = running(
            self.subscriptions.extend(self.alice, subscription.id, 20, self.world.now)
        )
        self.world.ledger.release()
        done(extension)
        self.told()
        self.world.advance(10 * MINUTE)
        self.assertEqual(self.told(), [])
        self.assertEqual(len(self.subscriptions.of(self.alice)), 1)

    def test_many_extensions(self) -> None:
        """However often a subscription is extended, one appointment is kept for it."""
        subscription = done(self.subscribe(["b"]))
        before = len(self.world.agenda)
        for _ in range(100):
            self.world.advance(1)
            self.extend(subscription, 30)
        self.assertLessEqual(len(self.world.agenda), before)

    def test_add(self) -> None:
        """More contacts join a subscription; only the new ones are told of."""
        subscription = done(self.subscribe(["b"]))
        self.told()
        grown = done(running(self.subscriptions.add(self.alice, subscription.id, map(uri, "bcc"))))
        self.assertEqual(uris_of(grown), (uri("b"), uri("c")))
        self.assertEqual(self.told(), ["contact c added"])
        self.world.advance(10 * MINUTE)
        self.assertEqual(
            self.told()[1:], ["contact b deleted", "contact c deleted", "subscription deleted"]
        )

    def test_overlap(self) -> None:
        """A contact in two subscriptions is deleted only with the last one."""
        first = done(self.subscribe(["b", "c"]))
        second = done(self.subscribe(["c", "d"]))
        self.told()
        done(running(self.subscriptions.cancel(self.alice.id, first.id)))
        self.assertEqual(self.told(), ["contact b deleted", "subscription deleted"])
        self.assertEqual(self.watched(), {uri("c"), uri("d")})
        done(running(self.subscriptions.cancel(self.alice.id, second.id)))
        self.assertEqual(
            self.told(), ["contact c deleted", "contact d deleted", "subscription deleted"]
        )
        self.assertEqual(self.watched(), set())

    def test_cancel(self) -> None:
        """A cancelled subscription is gone: cancelling or extending it again is 404."""
        subscription = done(self.subscribe(["b"]))
        done(running(self.subscriptions.cancel(self.alice.id, subscription.id)))
        self.told()
        for again in (
            self.subscriptions.cancel(self.alice.id, subscription.id),
            self.subscriptions.cancel("nobody", subscription.id),
            self.subscriptions.add(self.alice, subscription.id, [uri("c")]),
        ):
            failure = self.failureResultOf(running(again), Refusal)
            self.assertEqual(failure.value.code, "NotFound")
        self.world.advance(11 * MINUTE)
        self.assertEqual(self.told(), [])
        self.assertEqual(self.world.failures, [])

    def test_cancel_at_its_end(self) -> None:
        """A DELETE that is being stored when the end comes is the only end."""
        subscription = done(self.subscribe(["b"]))
        self.world.advance(10 * MINUTE - 1)
        self.told()
        self.world.ledger.hold()
        cancel = running(self.subscriptions.cancel(self.alice.id, subscription.id))
        self.world.advance(2)
        self.world.ledger.release()
        done(cancel)
        self.world.advance(20)
        self.assertEqual(self.told(), ["contact b deleted", "subscription deleted"])
        self.assertEqual(self.world.failures, [])

    def test_other_application(self) -> None:
        """A subscription belongs to its application."""
        subscription = done(self.subscribe(["b"]))
        bob = self.world.sign_in("bob")
        self.assertRaises(Refusal, self.subscriptions.find, bob, subscription.id)
        self.assertEqual(self.subscriptions.of(bob), ())

    def test_leave(self) -> None:
        """With the application its subscriptions end, and nothing is left of them."""
        done(self.subscribe(["b"]))
        done(self.subscribe(["c"]))
        done(self.world.end(self.alice))
        self.assertEqual(self.watchers(uri("b")) | self.watchers(uri("c")), set())
        self.assertEqual(self.world.stored(PresenceSubscription), [])
        self.world.advance(31 * MINUTE)
        self.assertEqual(self.world.failures, [])
        self.assertEqual(len(self.world.agenda), 0)

    def test_subscribe_while_it_ends(self) -> None:
        """An application that ends waits for a subscription that is being stored, and takes no
        new one."""
        self.world.ledger.hold()
        early = self.subscribe(["b"])
        ending = self.world.end(self.alice)
        late = self.subscribe(["c"])
        self.world.ledger.release()
        done(early)
        done(ending)
        self.assertEqual(self.refused(late), "ApplicationNotFound")
        self.assertEqual(self.world.stored(PresenceSubscription), [])
        self.assertEqual(self.watchers(uri("b")), set())

    def test_store_failure(self) -> None:
        """What could not be stored has not happened; the end of a subscription is tried again."""
        subscription = done(self.subscribe(["b"]))
        self.told()
        self.world.ledger.failing = True
        for action in (
            self.subscribe(["c"]),
            running(self.subscriptions.add(self.alice, subscription.id, [uri("c")])),
            running(self.subscriptions.extend(self.alice, subscription.id, 10, self.world.now)),
            running(self.subscriptions.cancel(self.alice.id, subscription.id)),
            running(self.subscriptions.leave(self.alice, self.world.now)),
        ):
            self.failureResultOf(action, Unavailable)
        self.assertEqual(self.subscriptions.of(self.alice), (subscription,))
        self.assertEqual(self.watched(), {uri("b")})
        self.world.advance(15 * MINUTE)
        self.world.ledger.failing = False
        self.world.advance(10)
        self.assertEqual(self.told(), ["contact b deleted", "subscription deleted"])

    def test_restart(self) -> None:
        """After a restart a subscription goes on to its end."""
        done(self.subscribe(["b"], 10))
        self.world.advance(5 * MINUTE)
        self.told()
        self.world = self.world.restarted()
        self.subscriptions = self.world.subscriptions
        self.assertEqual(self.watched(), {uri("b")})
        self.world.advance(5 * MINUTE)
        self.assertEqual(
            self.told(), ["subscription updated", "contact b deleted", "subscription deleted"]
        )

    def test_restart_after_its_end(self) -> None:
        """What ended while the service was down is announced when it is back."""
        done(self.subscribe(["b"], 10))
        self.told()
        self.world.now += 20 * MINUTE
        self.world = self.world.restarted()
        self.world.advance(2)
        self.assertEqual(self.told(), ["contact b deleted", "subscription deleted"])

    def test_receipt(self) -> None:
        """The receipt of a repeated POST is stored in the unit of its effect."""
        receipt = Receipt(uri("alice"), "key", "print", "", self.world.now)
        subscription = done(
            running(
                self.subscriptions.subscribe(
                    self.alice, [uri("b")], 10, self.world.now, receipt=receipt, group_id="pinned"
                )
            )
        )
        unit = self.world.ledger.units[-1]
        self.assertIn(subscription, unit.saves)
        stored = done(self.world.ledger.receipt(uri("alice"), "key"))
        assert stored is not None
        self.assertEqual(stored.resource_id, subscription.id)
        self.assertIn(stored, unit.saves)
        self.assertEqual(subscription.group_id, "pinned")
