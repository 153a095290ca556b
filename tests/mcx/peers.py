"""A legacy pool, a front end that passes /Mcx/ on to it, and a client, on loopback sockets."""

from collections.abc import Callable
from datetime import UTC, datetime

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mobility.config.mcx import McxConfig
from mobility.domain.legacy_clients import LegacyClients
from mobility.http.subtree import Subtree
from mobility.mcx.forwarding import Forwarding, agent
from mobility.mcx.pool import LegacyPool
from mobility.pki import certificate_authority, server_certificate
from mobility.testing import MemoryLog, MemoryResponse, memory_site, read_responses
from tests.auth.doubles import MemoryLedger

TIMEOUT_S = 240
QUIET_TURNS = 500
"""Turns of the reactor in which data on loopback would have moved on."""

PIECE = b"x" * 65_536

NOW = datetime.now(UTC)
AUTHORITY = certificate_authority("Legacy test CA", NOW)


@implementer(IPushProducer)
class Peer(Protocol):
    """One end of a connection that keeps what it gets; it can be told not to read, or to write on
    and on until the other side has had enough."""

    def __init__(self, reading: bool = True) -> None:
        self.received = b""
        self.count = 0
        self.keep = True
        self.over: Deferred[None] = Deferred()
        self.left = 0
        self._reading = reading
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []
        self._after = b""
        self._paused = False

    def dataReceived(self, data: bytes) -> None:
        if not self._reading and not self.count:
            self.transport.pauseProducing()
        self.count += len(data)
        if self.keep or len(self.received) < 4096:
            self.received += data
        self._look()

    def connectionLost(self, reason: Failure) -> None:
        self._look()
        self.over.callback(None)

    def until(self, fact: Callable[[], bool]) -> Deferred[None]:
        """Fires once it is so, looked at whenever something comes."""
        waiter: Deferred[None] = Deferred()
        self._waiting.append((fact, waiter))
        self._look()
        return waiter.addTimeout(TIMEOUT_S, reactor)

    @property
    def body_bytes(self) -> int:
        """What has come after the head."""
        head = self.received.find(b"\r\n\r\n")
        return 0 if head < 0 else self.count - head - 4

    def read_on(self) -> None:
        self.transport.resumeProducing()

    def pour(self, pieces: int, after: bytes = b"") -> None:
        """Write that many pieces as fast as they are taken, then `after`."""
        self.left, self._after = pieces, after
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    async def stalled(self) -> int:
        """Wait until what is poured has not been taken for many turns of the reactor, or is all
        taken; how many pieces are left."""
        quiet, before = 0, self.left
        while self.left and quiet < QUIET_TURNS:
            await deferLater(reactor, 0)
            quiet, before = (quiet + 1, before) if self.left == before else (0, self.left)
        return self.left

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        while self.left and not self._paused:
            self.left -= 1
            self.transport.write(PIECE)
        if not self.left and self._after:
            after, self._after = self._after, b""
            self.transport.unregisterProducer()
            self.transport.write(after)

    def stopProducing(self) -> None:
        self.left = 0

    def _look(self) -> None:
        for one in list(self._waiting):
            fact, waiter = one
            if fact():
                self._waiting.remove(one)
                waiter.callback(None)


class Pool(Factory):
    """The pool's listener; `connected` has every connection so far."""

    noisy = False

    def __init__(self) -> None:
        self.connected: list[Peer] = []
        self.reading = True
        self._waiting: list[Deferred[Peer]] = []

    def buildProtocol(self, addr: object) -> Peer:
        peer = Peer(self.reading)
        self.connected.append(peer)
        if self._waiting:
            self._waiting.pop(0).callback(peer)
        return peer

    def next(self) -> Deferred[Peer]:
        waiter: Deferred[Peer] = Deferred()
        self._waiting.append(waiter)
        return waiter.addTimeout(TIMEOUT_S, reactor)


class Stage(TestCase):
    """A pool with a certificate for localhost, and a front end's site before it."""

    timeout = 300
    settings: dict[str, object] = {}

    def setUp(self) -> None:
        self.pool = Pool()
        server = server_certificate(AUTHORITY, ["localhost"], NOW)
        pem = (server.key_pem + server.certificate_pem).decode()
        options = ssl.PrivateCertificate.loadPEM(pem).options()
        port = reactor.listenSSL(0, self.pool, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.pool_port = port.getHost().port
        self.front()

    def front(self, host: str = "localhost", trusted: bool = True, **more: object) -> None:
        """A site that passes on, with settings of its own."""
        self.log = MemoryLog()
        self.clients = LegacyClients(MemoryLedger())
        self.clock = Clock()
        self.config = McxConfig(
            forward_to=f"https://{host}:{self.pool_port}",
            **{**self.settings, **more},  # type: ignore[arg-type]  # as given
        )
        other = certificate_authority("Another CA", NOW)
        known = ssl.Certificate.loadPEM((AUTHORITY if trusted else other).certificate_pem)
        self.agent = agent(self.config, ssl.trustRootFromCertificates([known]), reactor)
        self.legacy = LegacyPool(self.config.forward_to, self.clock.seconds, self.log)
        self.forwarding = Forwarding(
            self.config, "fe.example.test", self.clients, self.legacy, self.agent, self.clock
        )
        site = memory_site(
            [],
            clock=Clock(),
            log=self.log,
            subtrees=[Subtree("mcx", "/Mcx", self.forwarding.enter)],
        )
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.front_port = port.getHost().port

    @inlineCallbacks
    def connect(self, reading: bool = True) -> object:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.front_port)
        client = yield connectProtocol(endpoint, Peer(reading))
        self.addCleanup(self._close, client)
        return client

    @staticmethod
    def _close(peer: Peer) -> Deferred[None]:
        peer.transport.abortConnection()
        return peer.over

    async def exchange(self, request: bytes, answer: bytes) -> tuple[bytes, MemoryResponse]:
        """Send a request; what the pool got of it up to its end, and what it was answered."""
        client = await self.connect()
        coming = self.pool.next()
        client.transport.write(request)
        peer = await coming
        await peer.until(lambda: b"\r\n\r\n" in peer.received)
        peer.transport.write(answer)
        await client.until(lambda: bool(read_responses(client.received)))
        return peer.received, read_responses(client.received)[0]
