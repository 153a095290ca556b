"""The breaker of a destination, and how waits grow."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.breaker import (
    FAILURES,
    LEAST_WAIT_S,
    MANY,
    MOST_WAIT_S,
    Breaker,
    backoff,
)
from mobility.push.answers import LONGEST_RETRY_AFTER_S, retry_after


class BreakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.breaker = Breaker(self.clock.seconds, lambda: 1.0)

    def open(self) -> None:
        for _ in range(FAILURES):
            self.breaker.troubled(None)

    def test_opens(self) -> None:
        """Failures in a row open it; one that succeeds in between begins the count anew."""
        for _ in range(FAILURES - 1):
            self.assertFalse(self.breaker.troubled(None))
        self.breaker.succeeded()
        self.assertEqual(self.breaker.room, MANY)
        self.open()
        self.assertEqual((self.breaker.state, self.breaker.room), ("open", 0))

    def test_probes(self) -> None:
        """When its wait is over one try is allowed, which closes it or doubles the wait."""
        self.open()
        self.clock.advance(LEAST_WAIT_S)
        self.assertEqual((self.breaker.room, self.breaker.state), (1, "probing"))
        self.assertTrue(self.breaker.troubled(None))
        self.clock.advance(2 * LEAST_WAIT_S - 0.1)
        self.assertEqual(self.breaker.room, 0)
        self.clock.advance(0.2)
        self.assertEqual(self.breaker.room, 1)
        self.breaker.succeeded()
        self.assertEqual(self.breaker.state, "closed")

    def test_asked(self) -> None:
        """A provider that says for how long is left alone for so long."""
        self.assertTrue(self.breaker.troubled(60.0, at_once=True))
        self.clock.advance(60.0)
        self.assertEqual(self.breaker.room, 0)
        self.clock.advance(6.1)
        self.assertEqual(self.breaker.room, 1)

    def test_late_failures(self) -> None:
        """What was under way when it opened does not lengthen the wait."""
        self.open()
        until = self.breaker.until
        self.open()
        self.assertEqual(self.breaker.until, until)


class WaitTests(SynchronousTestCase):
    @given(st.integers(1, 1_000), st.floats(0, 1))
    def test_bounds(self, attempt: int, jitter: float) -> None:
        """Waits are within their bounds, whatever the attempt."""
        wait = backoff(attempt, None, lambda: jitter)
        self.assertTrue(LEAST_WAIT_S / 2 <= wait <= MOST_WAIT_S)

    def test_retry_after(self) -> None:
        """Retry-After is a number or a date, and nonsense is nothing."""
        now = 784_111_777.0
        for value, seconds in (
            ("120", 120.0),
            (" 0 ", 0.0),
            ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
            ("Sun, 06 Nov 1994 08:49:27 GMT", 0.0),
            ("99999999999999", LONGEST_RETRY_AFTER_S),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
            (None, None),
        ):
            self.assertEqual(retry_after(value, now), seconds, value)
