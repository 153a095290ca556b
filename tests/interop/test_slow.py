"""Clients that take their time: cut off, while others are served."""

from pathlib import Path

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.interop.child import RETRY_S
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.phone import Phone

CONNECTIONS = 200
AT_A_TIME = 20
BYTE_S = 0.25
"""How often a slow client sends a byte."""

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 10_000
BODY_HEAD = (
    b"POST /WebTicket/oauthtoken HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
)


class Slow(Protocol):
    """Sends `at_once`, then `rest` byte by byte, until the connection is lost."""

    def __init__(self, at_once: bytes, rest: bytes) -> None:
        self.received = b""
        self.lost: Deferred[bytes] = Deferred()
        self._at_once = at_once
        self._rest = iter(rest)
        self._sending = LoopingCall(self._send)

    def connectionMade(self) -> None:
        self.transport.write(self._at_once)
        self._sending.start(BYTE_S)

    def _send(self) -> None:
        byte = next(self._rest, None)
        if byte is not None:
            self.transport.write(bytes([byte]))

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure) -> None:
        self._sending.stop()
        self.lost.callback(self.received)


class SlowTests(TestCase):
    """A front end with short time limits."""

    timeout = 300

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.process.add_to("web", "header_timeout_s = 5.0\nbody_timeout_s = 5.0")
        await self.process.run_for(self)

    async def connect(self, protocol: Slow, *, tls: bool = True) -> Slow:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.process.port(4443))
        if tls:
            authority = ssl.Certificate.loadPEM(self.process.ca.read_bytes())
            options = ssl.optionsForClientTLS("localhost", authority)
            endpoint = wrapClientTLS(options, endpoint)
        return await endpoint.connect(Factory.forProtocol(lambda: protocol))

    async def connect_all(self, at_once: bytes, rest: bytes) -> list[Slow]:
        """So many that each handshake ends long before it would be cut, at a time."""
        made: list[Slow] = []
        while len(made) < CONNECTIONS:
            made += await gatherResults(
                Deferred.fromCoroutine(self.connect(Slow(at_once, rest))) for _ in range(AT_A_TIME)
            )
        return made

    async def served_meanwhile(self, slow: list[Slow]) -> None:
        """A good client signs in and is served again and again until all slow ones are cut."""
        phone = Phone(self.process.client(self), self.process.external, "alice")
        await phone.sign_in()
        while not all(one.lost.called for one in slow):
            await phone.expect(200, "GET", phone.links["application"])
            await deferLater(reactor, RETRY_S)

    async def assert_cut_with_408(self, slow: list[Slow]) -> None:
        for answer in await gatherResults([one.lost for one in slow]):
            self.assertTrue(answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), answer)
            self.assertIn(b"\r\nConnection: close\r\n", answer)
            self.assertIn(b'"code":"ClientTimeout"', answer)
        lines = await self.process.logged_times(CONNECTIONS, "http.request", status=408)
        self.assertEqual(len(lines), CONNECTIONS)

    async def test_slow_heads(self) -> None:
        """200 connections that send their headers byte by byte are answered 408 and closed,
        while a good client is served."""
        slow = await self.connect_all(b"", HEAD)
        await self.served_meanwhile(slow)
        await self.assert_cut_with_408(slow)

    async def test_slow_bodies(self) -> None:
        """200 connections that send a body byte by byte are answered 408 and closed, while a good
        client is served."""
        slow = await self.connect_all(BODY_HEAD, b"x" * 9_999)
        await self.served_meanwhile(slow)
        await self.assert_cut_with_408(slow)

    async def test_handshakes_that_never_end(self) -> None:
        """Connections that send nothing, or a TLS handshake that never ends, are closed."""
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        for at_once in (b"", hello):
            slow = await self.connect(Slow(at_once, b""), tls=False)
            self.assertEqual(await slow.lost, b"")
        self.assertEqual(self.process.events("http.request", listener="external"), [])

    async def test_connections_without_a_request(self) -> None:
        """A connection that never begins a request is closed without an answer."""
        slow = await self.connect(Slow(b"", b""))
        self.assertEqual(await slow.lost, b"")

    async def test_idle_connections(self) -> None:
        """A connection that is kept for longer than is configured is closed."""
        await self.process.child.stop()
        self.process.add_to("web", "keep_alive_timeout_s = 1.0")
        self.process.start()
        await self.process.ready()
        slow = await self.connect(Slow(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b""))
        answer = await slow.lost
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
