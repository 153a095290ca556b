"""Tests of the channel on Twisted's own transports: TLS in memory and over loopback sockets."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.http.message import Request, Response
from mobility.http.route import Authorisation, Route
from mobility.testing import memory_site, read_responses
from tests.http.sites import GET, stage


def server_options() -> CertificateOptions:
    """TLS with a certificate of a minute's life."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(minutes=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    return PrivateCertificate.loadPEM(pem.decode()).options()


class Collector(Protocol):
    """A client that keeps what it gets and tells when there is more, and when it is over."""

    def __init__(self) -> None:
        self.received = b""
        self.waiting: list[tuple[int, Deferred[None]]] = []
        self.over: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        for count, waiter in list(self.waiting):
            if len(read_responses(self.received)) >= count:
                self.waiting.remove((count, waiter))
                waiter.callback(None)

    def answers(self, count: int) -> Deferred[None]:
        """Fires when that many whole answers have come."""
        waiter: Deferred[None] = Deferred()
        self.waiting.append((count, waiter))
        return waiter

    def connectionLost(self, reason: Failure) -> None:
        self.over.callback(None)


class HandshakeTests(SynchronousTestCase):
    """A TLS connection before it is one."""

    def test_no_handshake(self) -> None:
        """A connection that does not finish its handshake in 10 s is cut."""
        staged = stage()
        factory = TLSMemoryBIOFactory(server_options(), False, staged.site, staged.clock)
        transport = StringTransport()
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(transport)
        staged.clock.pump([1] * 9)
        self.assertFalse(transport.disconnecting)
        staged.clock.pump([1] * 2)
        self.assertTrue(transport.disconnecting)


class SocketTests(TestCase):
    """Over sockets on 127.0.0.1."""

    async def connect(self, factory: IProtocolFactory, tls: bool) -> Collector:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        if tls:
            endpoint = wrapClientTLS(CertificateOptions(verify=False), endpoint)
        client = await connectProtocol(endpoint, Collector())
        self.addCleanup(lambda: client.over)
        self.addCleanup(client.transport.loseConnection)
        return client

    async def test_requests(self) -> None:
        """Requests are answered on a kept connection, with and without TLS, large ones too."""
        staged = stage()
        tls = TLSMemoryBIOFactory(server_options(), False, staged.site)
        for factory, secure in ((staged.site, False), (tls, True)):
            client = await self.connect(factory, secure)
            client.transport.write(GET + b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
            await client.answers(3)
            sizes = [len(answer.body) for answer in read_responses(client.received)]
            self.assertEqual(sizes[1], 300_000)
            client.transport.write(GET)
            await client.answers(4)

    async def test_close(self) -> None:
        """`Connection: close` ends the connection after the whole answer."""
        staged = stage()
        client = await self.connect(
            TLSMemoryBIOFactory(server_options(), False, staged.site), tls=True
        )
        client.transport.write(b"GET /large HTTP/1.0\r\n\r\n")
        await client.over
        self.assertEqual(len(read_responses(client.received)[0].body), 300_000)

    async def test_parked_client_leaves(self) -> None:
        """A TLS client that goes away while its GET is parked is noticed once."""
        gone: Deferred[str] = Deferred()

        def park(request: Request) -> Deferred[Response]:
            request.on_disconnect = lambda: gone.callback("gone")
            client.transport.abortConnection()
            return Deferred()

        site = memory_site(
            [Route("park", "GET", "/park", park, Authorisation.NONE, may_park=True)], clock=Clock()
        )
        client = await self.connect(TLSMemoryBIOFactory(server_options(), False, site), tls=True)
        client.transport.write(b"GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(await gone, "gone")
