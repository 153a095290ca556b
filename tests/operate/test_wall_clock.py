"""Tests of what is said when the time of day is set."""

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.operate.wall_clock import WallClock
from mobility.testing import MemoryLog


class WallClockTests(SynchronousTestCase):
    """A clock that is looked at now and then."""

    def setUp(self) -> None:
        self.epoch, self.steady = 1_800_000_000.0, 50.0
        self.log = MemoryLog()
        self.clock = WallClock(lambda: self.epoch, lambda: self.steady, self.log)

    def pass_by(self, seconds: float, step: float = 0.0) -> None:
        """So much time passes, and the time of day is set by `step` meanwhile."""
        self.steady += seconds
        self.epoch += seconds + step
        self.successResultOf(ensureDeferred(self.clock.look()))

    def test_time_passes(self) -> None:
        """Time that passes, were it while the process could do nothing, is no step."""
        for seconds in (1.0, 0.0, 3_600.0):
            self.pass_by(seconds)
        self.assertEqual([], self.log.events)

    def test_steps(self) -> None:
        """Each step is told once, with its direction."""
        for step in (3 * 3_600.0, -2 * 3_600.0):
            self.pass_by(1.0, step)
            self.pass_by(1.0)
        self.assertEqual(
            [{"seconds": 10_800.0}, {"seconds": -7_200.0}], self.log.named("clock.stepped")
        )

    def test_drift(self) -> None:
        """A clock that is brought right little by little, or by a leap second, is not told of."""
        for _ in range(100):
            self.pass_by(1.0, 0.1)
        self.pass_by(1.0, -1.0)
        self.assertEqual([], self.log.events)
