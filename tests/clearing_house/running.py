"""A clearing house in this process, with every provider's double and a front end to send from."""

import json
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.clearing_house.settings import load
from mobility.operate.log import LogFile
from mobility.push.wire import Device, Notification, Verdict
from mobility.push_doubles.providers import APP, Providers
from mobility.push_doubles.sender import Sender
from mobility.push_tap import ClearingHouseService

reactor: Any = _reactor

ORGANISATION = "fe.example.test"
WAIT_S = 90.0
"""How long a test waits for what it expects."""

LOOK_S = 0.02
"""How often it looks meanwhile."""

TOKEN = "ab" * 32
VOIP = "cd" * 32

_numbers = count(1)


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Wait until `condition()` is true.  Raises AssertionError after WAIT_S."""
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"did not come about: {what}")
        await deferLater(reactor, LOOK_S)


SHORT_S = 600
"""How long a push lives that a test lets expire (`RunningCase.let_expire`)."""


def short_lived(to: Device, **more: Any) -> Notification:
    """A call that lives for SHORT_S."""
    return push(to, "call", expires=int(time.time()) + SHORT_S, **more)


def device(platform: str = "apns", **more: Any) -> Device:
    """A device with a token that its double takes."""
    if platform in ("apns", "fcm"):
        more.setdefault("token", TOKEN)
    return Device(platform=platform, app_id=APP, **more)


def push(to: Device, kind: str = "message", **more: Any) -> Notification:
    """A push with an id of its own that lives for an hour."""
    more.setdefault("id", f"push-{next(_numbers)}")
    more.setdefault("expires", int(time.time()) + 3_600)
    return Notification(device=to, kind=kind, **more)


class RunningCase(TestCase):
    """Each test has `providers`, a running `service` and a `sender`."""

    timeout = 300
    more_config = ""
    ahead_s = 0.0
    """How far the clock of the clearing house is ahead of everybody else's."""

    async def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)
        self.providers = Providers(self.directory, reactor)
        await self.providers.start()
        self.addCleanup(self.providers.stop)
        self.prepare()
        self.config = self.providers.write_config(
            ORGANISATION,
            "other.example.test",
            federation_port=0,
            operator_port=0,
            more=self.more_config,
        )
        self.service: ClearingHouseService | None = None
        self.sender: Sender
        await self.start()
        self.addCleanup(self.stop)

    def prepare(self) -> None:
        """What a test changes of the providers before the clearing house starts."""

    async def start(self) -> None:
        file = LogFile(str(self.directory / "log"), "test")
        service = ClearingHouseService(
            load(self.config), file, reactor, lambda: time.time() + self.ahead_s
        )
        self.service = service
        service.privilegedStartService()
        service.startService()
        self.port = int(service.listeners[0].address.rpartition(":")[2])
        self.operator_port = int(service.listeners[1].address.rpartition(":")[2])
        self.sender = self.sender_as(ORGANISATION)

    async def stop(self) -> None:
        if self.service is not None:
            service, self.service = self.service, None
            await self.sender.close()
            await service.stopService()

    def sender_as(self, name: str | None) -> Sender:
        identity = None if name is None else self.directory / f"{name}.pem"
        sender = Sender(reactor, self.port, self.directory / "ca.pem", identity)
        self.addCleanup(sender.close)
        return sender

    @property
    def running(self) -> ClearingHouseService:
        if self.service is None:
            raise RuntimeError("the clearing house does not run")
        return self.service

    async def verdicts(self, number: int) -> list[Verdict]:
        """The first `number` verdicts."""
        found: list[Verdict] = []
        end = time.monotonic() + WAIT_S
        while len(found) < number and time.monotonic() < end:
            after = found[-1].sequence if found else 0
            found += (await self.sender.verdicts(after, 5)).verdicts
        return found

    async def fate(self, notification: Notification) -> Verdict:
        """Send one push and wait for its verdict."""
        (result,) = await self.sender.send([notification])
        self.assertEqual(result.outcome, "accepted", result)
        return await self.verdict_on(notification.id)

    async def verdict_on(self, push_id: str) -> Verdict:
        """The verdict on a push that was taken, once it is there."""
        found: dict[str, Verdict] = {}
        after = 0
        end = time.monotonic() + WAIT_S
        while push_id not in found:
            if time.monotonic() > end:
                raise AssertionError(f"no verdict for {push_id}")
            for verdict in (await self.sender.verdicts(after, 5)).verdicts:
                found[verdict.id] = verdict
                after = verdict.sequence
        return found[push_id]

    async def let_expire(self, destination: str, status: str) -> None:
        """Let time pass until what is short-lived is over, once a destination has had trouble whose
        status begins so."""
        there = self.running.house.destinations[destination]
        await until(
            lambda: there.last_trouble is not None and there.last_trouble.status.startswith(status),
            f"trouble at {destination}",
        )
        self.ahead_s += SHORT_S

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log with that event, so far."""
        self.running.flush()
        lines = map(json.loads, (self.directory / "log").read_text().splitlines())
        return [line for line in lines if line["event"] == event]
