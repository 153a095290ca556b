"""What an HTTP peer answers, when the peer means no good."""

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed

from mobility.push.answers import LONGEST_RETRY_AFTER_S, BodyTooLong, read_body, retry_after

reactor: Any = _reactor

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


class RetryAfterTests(SynchronousTestCase):
    """Retry-After of peers and of what stands before them."""

    def test_values(self) -> None:
        """It is a number or a date, bounded, and nonsense is nothing."""
        now = 784_111_777.0
        for value, seconds in (
            ("120", 120.0),
            (" 0 ", 0.0),
            ("000000000000120", 120.0),
            ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
            ("Sunday, 06-Nov-94 08:49:47 GMT", 10.0),
            ("Sun Nov  6 08:49:47 1994", 10.0),
            ("Sun, 06 Nov 1994 08:49:27 GMT", 0.0),
            ("Sun, 06 Nov 2994 08:49:27 GMT", LONGEST_RETRY_AFTER_S),
            ("99999999999999", LONGEST_RETRY_AFTER_S),
            ("9" * 5_000, LONGEST_RETRY_AFTER_S),
            ("Sun, 06 Nov 99999999999999999999 08:49:47 GMT", None),
            ("Sun, 06 Nov 1994 08:49:47 +99999999999999", None),
            ("Sun, 99 Nov 1994 08:49:47 GMT", None),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("\u0661", None),
            ("", None),
            (None, None),
        ):
            self.assertEqual(retry_after(value, now), seconds, value)


class Dripping(Protocol):
    """Answers with a head and as much of a body as its factory has, and never ends."""

    factory: Any

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.factory.answer)  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.lost.callback(None)


class BodyTests(TestCase):
    """Bodies over real connections."""

    timeout = 120

    async def asked(self, answer: bytes) -> Any:
        """The response, whose body is not read yet; `lost` fires when its connection is over."""
        factory: Any = Factory.forProtocol(Dripping)
        factory.answer, factory.lost = answer, Deferred()
        self.lost: Deferred[None] = factory.lost
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)
        url = f"http://127.0.0.1:{port.getHost().port}/".encode()
        return await Agent(reactor, pool=pool).request(b"GET", url)

    async def test_given_up(self) -> None:
        """A body that takes too long is given up with its connection."""
        reading = read_body(await self.asked(HEAD % 100 + b"x"), 1_000)
        reading.cancel()
        with self.assertRaises(CancelledError):
            await reading
        await self.lost

    async def test_too_long(self) -> None:
        """Of a body that is too long there is the beginning, and the connection is cut."""
        response = await self.asked(HEAD % 1_000_000 + b"x" * 5_000)
        with self.assertRaises(BodyTooLong) as raised:
            await read_body(response, 1_000)
        self.assertEqual(raised.exception.beginning, b"x" * 1_000)
        await self.lost

    async def test_whole(self) -> None:
        """A whole body is read, and the connection is kept."""
        self.assertEqual(await read_body(await self.asked(HEAD % 5 + b"hello"), 5), b"hello")
        self.assertFalse(self.lost.called)

    async def test_cut(self) -> None:
        """A body that ends too early fails."""
        response = await self.asked(HEAD % 100 + b"x")
        reading = read_body(response, 1_000)
        response._transport._producer.loseConnection()
        with self.assertRaises(ResponseFailed):
            await reading
