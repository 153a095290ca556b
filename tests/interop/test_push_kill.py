"""Nothing that a clearing house has accepted is lost, however often it is killed."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.push.wire import ACCEPTED, DUPLICATE, Device, Notification, Verdict
from mobility.push_doubles.providers import APP, Providers
from mobility.push_doubles.sender import Sender
from tests.interop.child import RETRY_S, Child, free_port
from tests.interop.front_end_process import TWISTD

ROUNDS = int(os.environ.get("MOBILITY_CHAOS_ROUNDS", "5"))
"""Kills; `tox -e chaos` asks for 200."""

BATCH = 20
SENDERS = 3
SUBSCRIBERS = 50
"""Of Web Push: one device gets one push at a time."""

WAIT_S = 120.0
"""How long nothing may come while something must."""

ORGANISATION = "fe.example.test"


class KillTests(TestCase):
    """`kill -9` at random moments under load."""

    timeout = 120 + 30 * ROUNDS

    async def test_every_accepted_push_is_delivered(self) -> None:
        """Three senders push to Apple, Google and a push service over kills and restarts of the
        clearing house: each push that was accepted arrives, always with its own id, and has
        exactly one verdict."""
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(parents=True)
        self.providers = Providers(self.directory, reactor)
        await self.providers.start()
        self.addCleanup(self.providers.stop)
        self.subscribers = [self.providers.web_push.subscribe() for _ in range(SUBSCRIBERS)]
        self.port = free_port()
        self.config = self.providers.write_config(
            ORGANISATION, federation_port=self.port, operator_port=free_port()
        )
        self.accepted: set[str] = set()
        self.killing = self.sending = True
        self.verdicts: list[Verdict] = []
        self.child: Child | None = None
        self.ended = False
        self.running: list[Deferred[None]] = []
        self.addCleanup(self._end)
        self._start()
        sending = [
            Deferred.fromCoroutine(self._send(name, self._sender())) for name in range(SENDERS)
        ]
        polling = Deferred.fromCoroutine(self._poll(self._sender()))
        self.running = [*sending, polling]
        for _ in range(ROUNDS):
            before = len(self.accepted)
            await self._until(lambda before=before: len(self.accepted) > before + BATCH)
            await deferLater(reactor, random.random() * 0.5)
            await self._kill()
            self._start()
        self.killing = False
        await gatherResults(sending)
        self.sending = False
        await polling

        received = [*self._received()]
        missing = self.accepted - set(received)
        self._say(
            f"{ROUNDS} kills of the clearing house: {len(self.accepted)} accepted,"
            f" {len(self.verdicts)} verdicts, {len(missing)} lost,"
            f" {len(received) - len(set(received))} sent again with the same id"
        )
        self.assertGreater(len(self.accepted), ROUNDS * BATCH)
        self.assertEqual(self.accepted - set(received), set())
        told = [one.id for one in self.verdicts]
        self.assertEqual(len(told), len(set(told)))
        self.assertEqual({one.outcome for one in self.verdicts}, {"delivered"})
        self.assertEqual(set(told), set(received))
        apns: dict[str, set[str]] = {}
        for one in self.providers.apns.received:
            apns.setdefault(one.id, set()).add(one.headers["apns-id"])
        self.assertEqual([ids for ids in apns.values() if len(ids) != 1], [])

    def _say(self, line: str) -> None:
        (self.directory / "ledger").write_text(line + "\n")
        os.write(2, f"    {line}\n".encode())

    def _received(self) -> list[str]:
        doubles: tuple[Any, ...] = (
            self.providers.apns,
            self.providers.fcm,
            self.providers.web_push,
        )
        return [one.id for double in doubles for one in double.received]

    def _sender(self) -> Sender:
        identity = self.directory / f"{ORGANISATION}.pem"
        sender = Sender(reactor, self.port, self.directory / "ca.pem", identity)
        self.addCleanup(sender.close)
        return sender

    def _start(self) -> None:
        command = [*TWISTD, "-n", "--pidfile=", "mobility-push", "--config", str(self.config)]
        self.child = Child([str(part) for part in command], self.directory)

    async def _kill(self) -> None:
        child, self.child = self.child, None
        if child is not None and child.status is None:
            child.send(signal.SIGKILL)
            await child.end()

    async def _end(self) -> None:
        """Whatever became of the test, nothing goes on."""
        self.killing = self.sending = False
        self.ended = True
        await self._kill()
        await gatherResults(self.running, consumeErrors=True)

    async def _send(self, name: int, sender: Sender) -> None:
        """Push batch after batch; one that gets no answer is pushed again, with the same ids."""
        number = 0
        while self.killing:
            batch = []
            for _ in range(BATCH):
                number += 1
                batch.append(self._push(f"{name}-{number}", number))
            waiting = batch
            while waiting and not self.ended:
                try:
                    results = await sender.send(waiting)
                except Exception:  # killed under the request, or not there yet
                    await deferLater(reactor, RETRY_S)
                    continue
                done = {one.id for one in results if one.outcome in (ACCEPTED, DUPLICATE)}
                self.accepted |= done
                waiting = [one for one in waiting if one.id not in done]

    def _push(self, name: str, number: int) -> Notification:
        subscriber = self.subscribers[number % SUBSCRIBERS]
        devices = (
            Device("apns", APP, token=f"{number:064x}"),
            Device("fcm", APP, token=f"token-{name}"),
            Device(
                "webpush",
                APP,
                endpoint=subscriber.endpoint,
                p256dh=subscriber.p256dh,
                auth=subscriber.auth,
            ),
        )
        return Notification(
            id=name,
            device=devices[number % 7 // 5 + (number % 7 == 6)],
            kind="message",
            expires=int(time.time()) + 86_400,
            title="Alice",
            body=f"message {name}",
        )

    async def _poll(self, sender: Sender) -> None:
        """Take verdicts until nothing is sent any more and each accepted push has one."""
        deadline = time.monotonic() + WAIT_S
        while self.sending or not self.accepted <= {one.id for one in self.verdicts}:
            if self.ended or time.monotonic() > deadline:
                return
            after = self.verdicts[-1].sequence if self.verdicts else 0
            try:
                page = await sender.verdicts(after, 1)
            except Exception:  # killed under the request, or not there yet
                await deferLater(reactor, RETRY_S)
                continue
            self.verdicts += page.verdicts
            if self.sending or page.verdicts:
                deadline = time.monotonic() + WAIT_S

    async def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > deadline:
                said = "" if self.child is None else (self.child.out + self.child.err)[-2000:]
                raise AssertionError(f"nothing is accepted: {said!r}")
            await deferLater(reactor, 0.02)
