"""The shelf of notifications: since when the one is due that has waited longest."""

from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.ledger import Unit
from mobility.domain.push_notices import ACCEPTED, Draft, Hops, Kept, Later, Wake
from mobility.domain.push_outbox import PushOutbox
from mobility.domain.push_rules import BADGE, CALL, MESSAGE, PushSettings
from mobility.domain.push_shelf import STALE, Shelf
from mobility.domain.records import PushNotice, PushSubscription
from tests.domain.doubles import MemoryLedger

BOB = "sip:bob@example.test"
EVENING = 1_800_045_900.0
"""2027-01-15, a quarter to nine in the evening, UTC."""


def notice(number: int, kind: str, due_at: float) -> PushNotice:
    cause = f"{number:032x}"
    return PushNotice(
        id=cause,
        user_uri=BOB,
        subscription_id="1",
        kind=kind,
        topic=cause,
        cause=cause,
        created_at=0.0,
        due_at=due_at,
        expires_at=1e9,
        changed_at=0.0,
    )


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["insert", "insert", "take", "again", "hold", "hand", "end", "look", "back", "wait"]
        ),
        st.integers(0, 40),
    ),
    max_size=60,
)


class ShelfTests(SynchronousTestCase):
    """`Shelf.oldest` against a look at all that waits."""

    @given(DEEDS)
    def test_oldest(self, deeds: list[tuple[str, int]]) -> None:
        """Whatever became of the others, it is the first of those that wait and are due."""
        shelf, now, taken = Shelf(), 1_000.0, dict[str, Kept]()
        for order, (deed, number) in enumerate(deeds):
            waiting = [one for one in shelf.waiting.values() if not one.taken]
            some = waiting[number % len(waiting)] if waiting else None
            if deed == "insert":
                kind = (CALL, MESSAGE, BADGE)[number % 3]
                shelf.insert(Kept(notice(order, kind, now + number)))
            elif deed == "take":
                for kept in shelf.due(now):
                    kept.taken = True
                    taken[kept.notice.id] = kept
            elif deed in ("again", "hand") and taken:
                _, kept = taken.popitem()
                kept.taken = False
                if deed == "again":
                    shelf.schedule(kept, now + number)
                else:
                    shelf.handed(kept, attrs.evolve(kept.notice, state=ACCEPTED))
            elif deed == "hold" and some:
                shelf.plan(some, now + number)
            elif deed == "end" and some:
                shelf.forget(some)
            elif deed == "look":
                shelf.look_again(BOB, "1", now)
            elif deed == "back":
                now -= number
                shelf.set_back(number, now)
            else:
                now += number
            due = [one.since for one in shelf.waiting.values() if one.since <= now]
            self.assertEqual(shelf.oldest(now), min(due, default=None))

    def test_much(self) -> None:
        """Many that came and went, and one that is held back again and again, cost nothing."""
        shelf = Shelf()
        shelf.insert(Kept(notice(0, MESSAGE, 1.0)))
        held = Kept(notice(1, MESSAGE, 2.0))
        shelf.insert(held)
        for number in range(2, 2 * STALE + 10):
            kept = Kept(notice(number, MESSAGE, 3.0))
            shelf.insert(kept)
            shelf.forget(kept)
            shelf.plan(held, 5.0 + number % 2)
        self.assertEqual((shelf.oldest(0.5), shelf.oldest(7.0)), (None, 1.0))
        shelf.forget(next(iter(shelf.waiting.values())))
        self.assertEqual((shelf.oldest(4.0), shelf.oldest(7.0)), (None, held.since))


class OutboxTests(SynchronousTestCase):
    """What operators are told, through the quiet hours of a device."""

    def setUp(self) -> None:
        self.device = PushSubscription(
            BOB, "1", "fcm", "app", "token", 0.0, 0.0, 1e12, time_zone="UTC"
        )
        self.ledger = MemoryLedger()
        self.outbox = PushOutbox(
            self.ledger,
            lambda uri, key, now: self.device,
            lambda device: "",
            lambda stream, position: False,
            PushSettings(),
            Hops(),
        )
        draft = Draft(Unit(), EVENING)
        self.outbox.wake(draft, self.device, Wake(MESSAGE, "a", "a", 1))
        self.done(self.outbox.commit(draft))

    def done(self, awaitable: Any) -> Any:
        return self.successResultOf(ensureDeferred(awaitable))

    def quiet(self, start: str, end: str, now: float) -> None:
        self.device = attrs.evolve(self.device, quiet_from=start, quiet_until=end)
        self.outbox.look_again(self.device, now)

    def tried_in_vain(self, now: float) -> None:
        (taken,) = self.done(self.outbox.take(now, 5))
        self.done(self.outbox.settle([(taken.id, Later(now + 60))], now))

    def test_tried(self) -> None:
        """One that was tried waits since it was due, also between two tries."""
        self.assertEqual(self.outbox.oldest(EVENING + 5), EVENING)
        self.tried_in_vain(EVENING + 10)
        self.assertEqual(self.outbox.oldest(EVENING + 11), EVENING)

    def test_store_fails(self) -> None:
        """What could not be stored is as old as it was."""
        ended = Draft(Unit(), EVENING)
        self.outbox.wake(ended, self.device, Wake(CALL, "call", expires_at=EVENING + 5))
        self.done(self.outbox.commit(ended))
        self.ledger.failing = True
        self.failureResultOf(ensureDeferred(self.outbox.take(EVENING + 10, 5)))
        self.assertEqual(self.outbox.oldest(EVENING + 11), EVENING)

    def test_quiet_after_a_try(self) -> None:
        """One that was tried in vain before quiet hours waits for nobody in them, and since their
        end after it."""
        self.quiet("21:00", "07:00", EVENING)
        self.tried_in_vain(EVENING + 880)
        night, morning = EVENING + 940, EVENING + 900 + 10 * 3_600
        self.assertEqual(self.outbox.oldest(night), EVENING)
        self.assertEqual(self.done(self.outbox.take(night, 5)), [])
        self.assertIsNone(self.outbox.oldest(night))
        self.assertEqual(self.outbox.due_at(), morning)
        self.assertEqual(self.outbox.oldest(morning + 5), morning)

    def test_no_quiet_hours_any_more(self) -> None:
        """Without its quiet hours one that was tried before them goes at once, and is due since."""
        self.test_quiet_after_a_try()
        self.quiet("", "", EVENING + 2_000)
        self.assertEqual(self.outbox.oldest(EVENING + 2_001), EVENING + 2_000)
        self.assertEqual(len(self.done(self.outbox.take(EVENING + 2_001, 5))), 1)
