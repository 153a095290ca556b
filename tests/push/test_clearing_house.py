"""The client of a clearing house, when what answers means no good or is not the clearing house."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import BrowserLikePolicyForHTTPS

from mobility.push.clearing_house import HouseFailed, HttpsClearingHouse
from mobility.push.wire import Device, Notification
from tests.push.test_answers import HEAD, Dripping

reactor: Any = _reactor

WAIT_S = 60.0

MESSAGE = Notification("id", Device("fcm", "app", "token"), "message", 2_000_000_000)


async def arrived() -> None:
    """Let the reactor turn until what was written on loopback is read."""
    for _ in range(20):
        await deferLater(reactor, 0)


class Heard(Dripping):
    """Tells that it was asked."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if not self.factory.heard.called:
            self.factory.heard.callback(None)


class AnswerTests(TestCase):
    """One request over a real connection."""

    timeout = 120

    def house(self, answer: bytes) -> HttpsClearingHouse:
        """One that answers so; `heard` fires when it is asked, `lost` when the connection is
        over."""
        factory: Any = Factory.forProtocol(Heard)
        factory.answer, factory.heard, factory.lost = answer, Deferred(), Deferred()
        self.heard: Deferred[None] = factory.heard
        self.lost: Deferred[None] = factory.lost
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        house = HttpsClearingHouse(
            f"http://127.0.0.1:{port.getHost().port}",
            BrowserLikePolicyForHTTPS(),
            reactor,
            timeout_s=WAIT_S,
            connections=1,
        )
        self.addCleanup(house.close)
        return house

    async def failure(self, answer: bytes) -> HouseFailed:
        """What becomes of a notification."""
        with self.assertRaises(HouseFailed) as raised:
            await self.house(answer).deliver([MESSAGE])
        return raised.exception

    async def test_later(self) -> None:
        """What asks to be left alone says for how long in seconds or until when, a proxy before
        it too; what is nonsense is no time."""
        at = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
        for value, least, most in (
            ("7", 7, 7),
            (at, 500, 600),
            ("999999999999", 3_600, 3_600),
            ("soon", 0, 0),
            ("Sun, 06 Nov 99999999999999999999 08:49:47 GMT", 0, 0),
        ):
            head = f"HTTP/1.1 503 x\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n"
            failed = await self.failure(head.encode())
            self.assertEqual(failed.reason, "it answered 503")
            self.assertTrue(least <= failed.retry_after_s <= most, (value, failed.retry_after_s))

    async def test_slow(self) -> None:
        """An answer that begins and does not end is given up with its connection."""
        house = self.house(HEAD % 100 + b"{")
        clock: Any = Clock()
        house._clock = clock
        asking = ensureDeferred(house.deliver([MESSAGE]))
        await self.heard
        await arrived()
        clock.advance(WAIT_S)
        with self.assertRaises(HouseFailed) as raised:
            await asking
        self.assertIn("Timeout", raised.exception.reason)
        await self.lost

    async def test_endless(self) -> None:
        """An answer without end is refused, and its connection cut."""
        size = 100_000_000
        failed = await self.failure(HEAD % size + b"x" * 5_000_000)
        self.assertEqual(failed.reason, "its answer is too long")
        await self.lost
