"""Timers of few lengths."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.timers import Timer, Timers


class TimersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.timers = Timers(self.clock)
        self.ended: list[str] = []

    def start(self, seconds: float, name: str) -> Timer:
        return self.timers.later(seconds, lambda: self.ended.append(name))

    def test_stopped(self) -> None:
        """Once they are stopped none ends, and the reactor has nothing to call."""
        self.timers.later(1.0, lambda: self.ended.append("one"))
        self.timers.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(2)
        self.assertEqual(self.ended, [])

    def test_order(self) -> None:
        """Timers end when their time has come, those of all lengths."""
        self.start(2.0, "c")
        self.start(0.5, "a")
        self.clock.advance(0.5)
        self.assertEqual(self.ended, ["a"])
        self.start(0.5, "b")
        self.clock.advance(0.5)
        self.start(2.0, "d")
        self.clock.advance(1.0)
        self.assertEqual(self.ended, ["a", "b", "c"])
        self.clock.advance(1.0)
        self.assertEqual(self.ended, ["a", "b", "c", "d"])

    def test_cancel(self) -> None:
        """A cancelled timer does not end; to cancel one that has ended changes nothing."""
        first, second = self.start(1.0, "a"), self.start(1.0, "b")
        first.cancel()
        first.cancel()
        self.clock.advance(1.0)
        second.cancel()
        self.assertEqual((self.ended, self.clock.getDelayedCalls()), (["b"], []))

    def test_one_call(self) -> None:
        """However many timers of a length there are, the reactor has one call for them."""
        for number in range(100):
            self.start(32.0, str(number))
            self.clock.advance(0.01)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(40)
        self.assertEqual(self.ended, [str(number) for number in range(100)])

    def test_from_within(self) -> None:
        """What is called may start timers and cancel others that end at the same time."""

        def act() -> None:
            self.ended.append("acted")
            other.cancel()
            self.start(1.0, "later")

        self.timers.later(1.0, act)
        other = self.start(1.0, "other")
        self.clock.advance(1.0)
        self.assertEqual(self.ended, ["acted"])
        self.clock.advance(1.0)
        self.assertEqual(self.ended, ["acted", "later"])

    @given(
        st.lists(
            st.tuples(st.sampled_from((0.0, 0.5, 4.0)), st.floats(0, 1, width=16), st.booleans()),
            max_size=30,
        )
    )
    def test_like_the_clock(self, starts: list[tuple[float, float, bool]]) -> None:
        """They end as delayed calls of the clock would, within the resolution."""
        clock = Clock()
        timers, ended, expected = Timers(clock), [], []
        for number, (seconds, step, cancelled) in enumerate(starts):
            timer = timers.later(seconds, lambda number=number: ended.append(number))
            call = clock.callLater(seconds, expected.append, number)
            if cancelled:
                timer.cancel()
                call.cancel()
            clock.advance(step)
        clock.advance(5)
        self.assertEqual(sorted(ended), sorted(expected))
        self.assertEqual(clock.getDelayedCalls(), [])
