"""The circuit breaker of a destination."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.push.breaker import CLOSED, OPEN, PROBING, Breaker, backoff_s


class BreakerTests(SynchronousTestCase):
    def test_opens_and_comes_back(self) -> None:
        """It opens after so many failures in a row, tries once after the wait, and closes when
        that works."""
        states: list[str] = []
        breaker = Breaker(3, 1.0, 60.0, lambda: 1.0, states.append)
        for _ in range(2):
            breaker.failed(0.0)
        self.assertTrue(breaker.allows(0.0))
        breaker.failed(0.0)
        self.assertFalse(breaker.allows(0.5))
        self.assertTrue(breaker.allows(1.0))
        self.assertFalse(breaker.allows(1.0), "one at a time")
        breaker.succeeded()
        self.assertTrue(breaker.allows(1.0))
        self.assertEqual(states, [OPEN, PROBING, CLOSED])

    def test_waits_longer(self) -> None:
        """Each attempt in vain doubles the wait, up to the longest, and success starts anew."""
        breaker = Breaker(1, 1.0, 5.0, lambda: 1.0)
        now, waits = 0.0, []
        for _ in range(5):
            breaker.failed(now)
            waits.append(breaker.until - now)
            now = breaker.until
            self.assertTrue(breaker.allows(now))
        self.assertEqual(waits, [1.0, 2.0, 4.0, 5.0, 5.0])
        breaker.succeeded()
        breaker.failed(now)
        self.assertEqual(breaker.until - now, 1.0)

    def test_is_told_how_long(self) -> None:
        """A destination that says how long to wait is left alone at once, for as long."""
        breaker = Breaker(5, 1.0, 5.0, lambda: 1.0)
        breaker.failed(10.0, 30.0)
        self.assertFalse(breaker.allows(39.0))
        self.assertTrue(breaker.allows(40.0))

    @given(st.integers(0, 100), st.floats(0, 1))
    def test_backoff_is_bounded_and_spread(self, attempts: int, chance: float) -> None:
        """A wait lies between the half of the doubled base and its whole, and below the bound."""
        wait = backoff_s(attempts, 1.0, 300.0, lambda: chance)
        full = min(300.0, 2.0 ** min(attempts, 32))
        self.assertTrue(full / 2 <= wait <= full)
