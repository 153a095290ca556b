"""Signals become actions in the reactor."""

import os
import signal

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.operate.signals import Signals
from mobility.testing import MemoryLog


class SignalTests(TestCase):
    """The service that catches signals."""

    async def test_action(self) -> None:
        """A signal is logged and its action called; afterwards the old handler is back."""
        before = signal.getsignal(signal.SIGUSR1)
        log = MemoryLog()
        called: Deferred[None] = Deferred()
        service = Signals({signal.SIGUSR1: lambda: called.callback(None)}, reactor, log)
        service.startService()
        await deferLater(reactor, 0)  # the reactor runs, and with it the handlers are set
        os.kill(os.getpid(), signal.SIGUSR1)
        await called
        self.assertEqual([{"signal": "SIGUSR1"}], log.named("signal.received"))
        service.stopService()
        self.assertEqual(before, signal.getsignal(signal.SIGUSR1))

    async def test_before_the_reactor_runs(self) -> None:
        """A signal that comes while services are being started ends nothing, and is acted on."""
        before = signal.getsignal(signal.SIGUSR1)
        called: Deferred[None] = Deferred()
        service = Signals({signal.SIGUSR1: lambda: called.callback(None)}, reactor, MemoryLog())
        service.privilegedStartService()
        os.kill(os.getpid(), signal.SIGUSR1)
        service.startService()
        await called
        await deferLater(reactor, 0)
        service.stopService()
        self.assertEqual(before, signal.getsignal(signal.SIGUSR1))
