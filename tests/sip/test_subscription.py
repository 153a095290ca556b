"""The machines of subscriptions: who notifies, and who subscribes."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.subscription import (
    FIRST_RETRY_S,
    LAST_RETRY_S,
    REFUSED_RETRY_S,
    TIMER_N_S,
    Ask,
    Notifier,
    State,
    Subscriber,
    SubscriptionState,
    event_of,
    expires_of,
)

ACTIVE, PENDING, TERMINATED = State.ACTIVE, State.PENDING, State.TERMINATED


class HeaderTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """Subscription-State has a reason, what is left, and when to ask again."""
        for text in (
            "active;expires=60",
            "pending",
            "terminated;reason=giveup;retry-after=30",
        ):
            self.assertEqual(str(SubscriptionState.parse(text)), text)

    def test_foreign(self) -> None:
        """A state that nobody knows is as good as active; rubbish is malformed."""
        self.assertEqual(SubscriptionState.parse("waiting;expires=7").state, ACTIVE)
        self.assertEqual(SubscriptionState.parse("init").state, ACTIVE)
        for text in ("", "active;expires=soon", "a b"):
            self.assertRaises(Malformed, SubscriptionState.parse, text)

    def test_event(self) -> None:
        """An Event has a name, whatever its case, and perhaps an id."""
        self.assertEqual(event_of("Presence;id=7"), ("presence", "7"))
        self.assertRaises(Malformed, event_of, None)
        self.assertEqual((expires_of(None, 60), expires_of("7", 60)), (60, 7))


class NotifierTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.notifier = Notifier(5.0, 100.0)

    def test_first(self) -> None:
        """The first NOTIFY is due at once, and says how much is left."""
        self.assertEqual(self.notifier.wake_at(), 0.0)
        self.assertEqual(self.notifier.due(0.0), SubscriptionState(ACTIVE, expires_s=100))
        self.assertIsNone(self.notifier.due(50.0))
        self.assertIsNone(self.notifier.wake_at())
        self.notifier.answered(200, 1.0)
        self.assertEqual(self.notifier.wake_at(), 100.0)

    def test_changes_are_gathered(self) -> None:
        """Changes are told of no more often than the package allows, and one NOTIFY at a time; that
        which answers a SUBSCRIBE does not count."""
        self.notifier.due(9.0)
        self.notifier.change()
        self.assertIsNone(self.notifier.due(20.0))
        self.notifier.answered(200, 10.0)
        self.assertIsNotNone(self.notifier.due(10.0))
        self.notifier.answered(200, 11.0)
        self.notifier.change()
        self.assertIsNone(self.notifier.due(14.9))
        self.assertEqual(self.notifier.wake_at(), 15.0)
        self.assertEqual(self.notifier.due(15.0), SubscriptionState(ACTIVE, expires_s=85))

    def test_refresh(self) -> None:
        """A refresh is followed by a NOTIFY at once; one of no time ends the subscription."""
        self.notifier.due(10.0)
        self.notifier.answered(200, 10.0)
        self.notifier.refresh(211.0)
        self.assertEqual(self.notifier.due(11.0), SubscriptionState(ACTIVE, expires_s=200))
        self.notifier.answered(200, 11.0)
        self.notifier.refresh(12.0)
        self.assertEqual(str(self.notifier.due(12.0)), "terminated;reason=timeout")
        self.assertFalse(self.notifier.over)
        self.notifier.answered(200, 12.0)
        self.assertTrue(self.notifier.over)
        self.assertIsNone(self.notifier.wake_at())

    def test_expiry(self) -> None:
        """When its time is over it ends with a NOTIFY that says so."""
        self.notifier.due(0.0)
        self.notifier.answered(200, 0.0)
        self.assertEqual(str(self.notifier.due(100.0)), "terminated;reason=timeout")
        self.notifier.change()
        self.notifier.refresh(500.0)
        self.notifier.answered(408, 132.0)
        self.assertTrue(self.notifier.over)

    def test_end(self) -> None:
        """It ends with a reason, even while a NOTIFY is under way."""
        self.notifier.due(0.0)
        self.notifier.end("noresource")
        self.assertIsNone(self.notifier.due(1.0))
        self.notifier.answered(200, 1.0)
        self.assertEqual(str(self.notifier.due(1.0)), "terminated;reason=noresource")

    def test_refused(self) -> None:
        """A subscriber that does not want it any more, or is gone, hears nothing more."""
        for status in (481, 404, 408, 503):
            notifier = Notifier(5.0, 100.0)
            notifier.due(0.0)
            notifier.answered(status, 1.0)
            self.assertTrue(notifier.over, status)

    def test_busy(self) -> None:
        """One that is busy says when it hears the next."""
        self.notifier.due(0.0)
        self.notifier.answered(503, 1.0, 30)
        self.assertIsNone(self.notifier.due(30.0))
        self.assertEqual(self.notifier.due(31.0), SubscriptionState(ACTIVE, expires_s=69))

    @given(st.lists(st.tuples(st.sampled_from("cdaeru"), st.floats(0.0, 20.0)), max_size=40))
    def test_any_order(self, steps: list[tuple[str, float]]) -> None:
        """Whatever happens: one NOTIFY at a time, none after the last, which says terminated."""
        notifier, now, under_way, last = Notifier(5.0, 60.0), 0.0, 0, ""
        for step, passed in steps:
            now += passed
            if step == "c":
                notifier.change()
            elif step == "d":
                told = notifier.due(now)
                if told is not None:
                    self.assertNotIn("terminated", last)
                    under_way, last = under_way + 1, str(told)
            elif step in "au" and under_way:
                under_way -= 1
                notifier.answered(200 if step == "a" else 481, now)
            elif step == "e":
                notifier.end("deactivated")
            elif step == "r":
                notifier.refresh(now + 60.0)
            self.assertLessEqual(under_way, 1)
            if notifier.over:
                self.assertIsNone(notifier.due(now + 1_000.0))


class SubscriberTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.subscriber = Subscriber(600)

    def told(self, text: str, now: float) -> None:
        self.subscriber.notified(SubscriptionState.parse(text), now)

    def test_life(self) -> None:
        """It subscribes, is notified, refreshes in time, and leaves."""
        one = self.subscriber
        self.assertEqual(one.due(0.0), Ask.SUBSCRIBE)
        self.assertIsNone(one.due(0.0))
        one.accepted(300, 0.0)
        self.assertEqual((one.state, one.known), (PENDING, False))
        self.told("active;expires=300", 1.0)
        self.assertEqual((one.state, one.known), (ACTIVE, True))
        self.assertIsNone(one.due(200.0))
        self.assertEqual(one.wake_at(), 241.0)
        self.assertEqual(one.due(241.0), Ask.REFRESH)
        one.accepted(300, 241.0)
        self.assertEqual(one.wake_at(), 481.0)
        one.unwanted()
        self.assertEqual(one.due(250.0), Ask.LEAVE)
        one.accepted(0, 250.0)
        self.told("terminated;reason=timeout", 250.0)
        self.assertTrue(one.over)
        self.assertIsNone(one.wake_at())

    def test_no_notification(self) -> None:
        """Without a NOTIFY there is no subscription, whatever the answer was (timer N)."""
        self.subscriber.due(0.0)
        self.subscriber.accepted(300, 0.0)
        self.assertEqual(self.subscriber.wake_at(), TIMER_N_S)
        self.assertIsNone(self.subscriber.due(TIMER_N_S))
        self.assertEqual(self.subscriber.due(TIMER_N_S + FIRST_RETRY_S), Ask.SUBSCRIBE)

    def test_notified_before_the_answer(self) -> None:
        """The NOTIFY may be faster than the answer."""
        self.subscriber.due(0.0)
        self.told("active;expires=100", 0.0)
        self.subscriber.accepted(100, 0.1)
        self.assertEqual(self.subscriber.state, ACTIVE)
        self.assertAlmostEqual(self.subscriber.wake_at() or 0, 80.1)

    def test_too_brief(self) -> None:
        """423 makes it ask for as long as the other wants, and not again for the same."""
        self.subscriber.due(0.0)
        self.subscriber.too_brief(1_800, 1.0)
        self.assertEqual(self.subscriber.due(1.0), Ask.SUBSCRIBE)
        self.assertEqual(self.subscriber.expires_s, 1_800)
        self.subscriber.too_brief(60, 2.0)
        self.assertIsNone(self.subscriber.due(2.0))

    def test_failures_back_off(self) -> None:
        """Each failure in a row doubles the wait, up to an hour."""
        now, waits = 0.0, []
        for _ in range(12):
            self.assertEqual(self.subscriber.due(now), Ask.SUBSCRIBE)
            self.subscriber.refused(408, now)
            at = self.subscriber.wake_at()
            self.assertIsNotNone(at)
            waits.append((at or 0) - now)
            now = at or 0
        self.assertEqual(waits[:3], [FIRST_RETRY_S, 2 * FIRST_RETRY_S, 4 * FIRST_RETRY_S])
        self.assertEqual(waits[-1], LAST_RETRY_S)

    def test_refusals(self) -> None:
        """Who is refused asks again when it is told to, or after long."""
        for status, retry, wait in (
            (403, None, REFUSED_RETRY_S),
            (489, None, REFUSED_RETRY_S),
            (503, 7, 7.0),
            (500, None, FIRST_RETRY_S),
        ):
            one = Subscriber(600)
            one.due(0.0)
            one.refused(status, 0.0, retry)
            self.assertEqual((one.state, one.wake_at()), (TERMINATED, wait))

    def test_forgotten(self) -> None:
        """A peer that knows nothing of the dialog any more is asked anew."""
        self.subscriber.due(0.0)
        self.told("active;expires=100", 0.0)
        self.subscriber.accepted(100, 0.0)
        self.assertEqual(self.subscriber.due(80.0), Ask.REFRESH)
        self.subscriber.refused(481, 80.0)
        self.assertEqual(self.subscriber.due(81.0), Ask.SUBSCRIBE)

    def test_reasons(self) -> None:
        """How a subscription was terminated says when to ask again (RFC 6665 section 4.1.3)."""
        for text, wait in (
            ("terminated;reason=deactivated", 1.0),
            ("terminated;reason=timeout", 1.0),
            ("terminated;reason=probation;retry-after=20", 20.0),
            ("terminated;reason=giveup;retry-after=0", 1.0),
            ("terminated;reason=giveup", FIRST_RETRY_S),
            ("terminated;reason=rejected", REFUSED_RETRY_S),
            ("terminated;reason=noresource", REFUSED_RETRY_S),
            ("terminated", FIRST_RETRY_S),
        ):
            one = Subscriber(600)
            one.due(0.0)
            one.accepted(600, 0.0)
            one.notified(SubscriptionState.parse(text), 0.0)
            self.assertEqual((one.state, one.wake_at()), (TERMINATED, wait), text)

    def test_unwanted_meanwhile(self) -> None:
        """What becomes unwanted before it is answered is left when it is."""
        self.subscriber.due(0.0)
        self.subscriber.unwanted()
        self.assertFalse(self.subscriber.over)
        self.subscriber.accepted(100, 1.0)
        self.assertEqual(self.subscriber.due(1.0), Ask.LEAVE)
        self.subscriber.refused(481, 1.0)
        self.assertTrue(self.subscriber.over)

    def test_never_begun(self) -> None:
        """What was never asked for needs no leave."""
        self.subscriber.unwanted()
        self.assertTrue(self.subscriber.over)
        self.assertIsNone(self.subscriber.due(1.0))
