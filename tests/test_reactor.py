"""The reactor's waits, with a reactor that is never run."""

import time

from twisted.internet.base import ReactorBase
from twisted.trial.unittest import SynchronousTestCase

from mobility.reactor import steady


class IdleReactor(ReactorBase):
    """Has neither descriptors nor a waker."""

    def installWaker(self) -> None:
        """There is none."""


class SteadyTests(SynchronousTestCase):
    def test_time_of_day(self) -> None:
        """Waits are measured by a clock that nobody sets."""
        reactor = IdleReactor()
        self.assertIs(steady(reactor), reactor)
        self.assertIs(reactor.seconds, time.monotonic)
        before = time.monotonic()
        call = reactor.callLater(3600, lambda: None)
        self.assertTrue(before <= call.getTime() - 3600 <= time.monotonic())

    def test_waiting(self) -> None:
        """A reactor in which something waits goes on with the clock by which it does."""
        reactor = IdleReactor()
        reactor.callLater(3600, lambda: None)
        before = reactor.seconds
        steady(reactor)
        self.assertEqual(reactor.seconds, before)
