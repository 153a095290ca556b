"""What the log and the metrics tell of connections that are closed unanswered."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.operate.dismissals import LINE_S, Dismissals
from mobility.operate.metrics import MeteredLog, Metrics
from mobility.testing import MemoryLog


class DismissalsTests(SynchronousTestCase):
    """Those of a listener named external."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.metrics = Metrics()
        log = MeteredLog(self.log, self.metrics, access=False)
        self.dismissals = Dismissals("external", self.clock, log)

    @property
    def told(self) -> list[object]:
        return [one["connections"] for one in self.log.named("listener.full")]

    def test_flood(self) -> None:
        """The first is told at once, all that come in `LINE_S` after a line with the next one."""
        for _ in range(1000):
            self.dismissals.count()
        self.assertEqual([1], self.told)
        self.clock.advance(LINE_S)
        self.assertEqual([1, 999], self.told)
        self.dismissals.count()
        self.assertEqual([1, 999], self.told)
        self.clock.advance(LINE_S)
        self.assertEqual([1, 999, 1], self.told)

    def test_afterwards(self) -> None:
        """When it is over there are no more lines, and the next flood is told at once."""
        self.dismissals.count()
        self.clock.advance(LINE_S)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.dismissals.count()
        self.assertEqual([1, 1], self.told)

    def test_close(self) -> None:
        """A listener that closes leaves nothing untold and no timer."""
        self.dismissals.count()
        self.dismissals.count()
        self.dismissals.count()
        self.dismissals.close()
        self.dismissals.close()
        self.assertEqual([1, 2], self.told)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_metric(self) -> None:
        """A metric counts them all."""
        for _ in range(3):
            self.dismissals.count()
        self.clock.advance(LINE_S)
        line = b'mobility_connections_dismissed_total{listener="external"} 3.0'
        self.assertIn(line, self.metrics.text())
