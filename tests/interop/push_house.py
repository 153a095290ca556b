"""A clearing house of our own as a child process, and doubles of the providers behind it."""

import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility import demo_push
from mobility.demo_push import ORGANISATION
from mobility.push_doubles.providers import Providers
from tests.interop.child import Child, free_port
from tests.interop.front_end_process import TWISTD, FrontEndProcess, command

IN_A_HURRY = """grace_s = 0.5
retry_base_s = 0.2
retry_max_s = 2.0
"""
"""Of `[push]`: what is waited for is waited for shortly."""


class PushHouse:
    """What wakes the devices of a front end, which is configured for it and not started yet."""

    def __init__(self, process: FrontEndProcess) -> None:
        self.process = process
        place = process.directory / "push"
        place.mkdir()
        self.providers = Providers(place, reactor)
        self.port = free_port()
        self.config = Path()
        self.child: Child | None = None

    async def prepare(self, test: TestCase, platform: str) -> None:
        """Devices of a platform may be woken, until the test is over."""
        await self.providers.start()
        test.addCleanup(self.providers.stop)
        self.config = self.providers.write_config(
            ORGANISATION,
            federation_port=self._federation_port,
            operator_port=free_port(),
            more=self._house_more(),
        )
        self._configure()
        config = str(self.process.config)
        allowed = command("push", "enable", platform, "--config", config)
        test.assertEqual(allowed.returncode, 0, allowed.stderr)
        test.addCleanup(lambda: Deferred.fromCoroutine(self.kill()))

    def start(self) -> None:
        """Start the clearing house, or start it again."""
        arguments = [*TWISTD, "-n", "--pidfile=", "mobility-push", "--config", str(self.config)]
        self.child = Child(arguments, self.process.directory)

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the clearing house, at once unless another signal is named."""
        if self.child is not None:
            await self.child.stop(number)

    @property
    def _federation_port(self) -> int:
        return self.port

    def _house_more(self) -> str:
        return ""

    def _configure(self) -> None:
        self._append(demo_push.PUSH.format(port=self.port, name=ORGANISATION))

    def _append(self, tables: str) -> None:
        with self.process.config.open("a", encoding="utf-8") as config:
            config.write(tables + IN_A_HURRY)


class PushHouseOverSip(PushHouse):
    """The same, where front end and clearing house speak SIP; nothing else leads there."""

    @property
    def _federation_port(self) -> int:
        return free_port()

    def _house_more(self) -> str:
        return demo_push.SIP_HOUSE.format(port=self.port)

    def _configure(self) -> None:
        self._append(demo_push.SIP_PUSH.format(port=self.port))
        self.process.configure(demo_push.DEVELOPMENT_CA, demo_push.SIP_IDENTITY)
