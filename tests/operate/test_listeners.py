"""Listeners on real sockets: TLS, PROXY headers, and ports that cannot be opened."""

import socket
from pathlib import Path

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from mobility.config import Config
from mobility.errors import OperatorFault
from mobility.operate.listeners import BACKLOG, Listener, with_backlog
from mobility.operate.ports import obstacle
from tests.operate.test_certificates import CertificateTestCase


class Greeter(Protocol):
    """Tells each client the address it comes from, once it has spoken."""

    def dataReceived(self, data: bytes) -> None:
        peer = self.transport.getPeer()
        self.transport.write(f"{getattr(peer, 'host', 'unix')}\n".encode())
        self.transport.loseConnection()


class Nothing(Factory):
    """Has no protocol for anybody."""

    def buildProtocol(self, addr: object) -> None:
        """None."""


class Reader(Protocol):
    """Sends `text` and fires `answer` with all that comes until the end."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.data = b""
        self.answer: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.text)

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: object = None) -> None:
        self.answer.callback(self.data)


class Prefixed(Protocol):
    """Sends a PROXY header (version 1) and then is the transport of another protocol."""

    def __init__(self, header: bytes, inner: Protocol) -> None:
        self.header = header
        self.inner = inner

    def connectionMade(self) -> None:
        self.transport.write(self.header)
        self.inner.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self.inner.dataReceived(data)

    def connectionLost(self, reason: object = None) -> None:
        self.inner.connectionLost(reason)


class ListenerTests(CertificateTestCase, TestCase):
    """A listener in operation."""

    def setUp(self) -> None:
        super().setUp()
        self.certificates = self.made()
        self.served: Factory = Factory.forProtocol(Greeter)

    def listener(self, endpoint: str, *, tls: bool = False) -> Listener:
        config = self.configured(endpoint)
        creator = self.certificates.listeners["tls"] if tls else None
        return Listener(
            config.listeners[1],
            str(config.source),
            "listen[1]",
            self.served,
            creator,
            reactor,
            self.log,
        )

    def configured(self, endpoint: str) -> Config:
        config = self.config()
        first, second = config.listeners
        return attrs.evolve(config, listeners=(first, attrs.evolve(second, endpoint=endpoint)))

    def started(self, endpoint: str, *, tls: bool = False) -> Listener:
        listener = self.listener(endpoint, tls=tls)
        listener.privilegedStartService()
        listener.startService()
        self.addCleanup(listener.stopService)
        return listener

    async def ask(self, listener: Listener, *, proxied: bytes = b"", tls: bool = False) -> bytes:
        """What the listener says to a client on TCP."""
        host, _, port = listener.address.rpartition(":")
        reader = Reader(b"hello")
        protocol: Protocol = reader
        if tls:
            factory = TLSMemoryBIOFactory(
                CertificateOptions(verify=False), True, Factory.forProtocol(lambda: reader)
            )
            protocol = factory.buildProtocol(None)
        if proxied:
            protocol = Prefixed(proxied, protocol)
        await connectProtocol(TCP4ClientEndpoint(reactor, host, int(port)), protocol)
        return await reader.answer

    async def test_plain(self) -> None:
        """A plain listener serves on its own address, and says in the log which that is."""
        listener = self.started("tcp:0:interface=127.0.0.1")
        self.assertEqual(b"127.0.0.1\n", await self.ask(listener))
        (event,) = self.log.named("listener.started")
        self.assertEqual(listener.address, event["address"])
        self.assertEqual("tls", event["listener"])

    def test_check(self) -> None:
        """A TCP port that somebody listens on is found before the listener is started; what is no
        TCP port is not looked at."""
        families = [
            (socket.AF_INET, "127.0.0.1", "tcp"),
            (socket.AF_INET, "127.0.0.1", "haproxy:tcp"),
        ]
        if not obstacle("::1", 0):  # a machine need not have IPv6
            families.append((socket.AF_INET6, "::1", "tcp6"))
        for family, address, kind in families:
            with socket.socket(family) as other:
                other.bind((address, 0))
                other.listen()
                escaped = address.replace(":", r"\:")
                endpoint = f"{kind}:{other.getsockname()[1]}:interface={escaped}"
                with self.assertRaisesRegex(OperatorFault, "endpoint.*Address already in use"):
                    self.listener(endpoint).check()
            self.listener(endpoint).check()
        self.listener(f"unix:{self.mktemp()}").check()

    def test_backlog(self) -> None:
        """A listener lets BACKLOG clients wait, or as many as its endpoint string says."""
        for endpoint, whole in (
            ("tcp:443", f"tcp:443:backlog={BACKLOG}"),
            (r"tcp6:443:interface=\:\:1", rf"tcp6:443:interface=\:\:1:backlog={BACKLOG}"),
            ("haproxy:unix:/run/web", f"haproxy:unix:/run/web:backlog={BACKLOG}"),
            ("tcp:443:backlog=7", "tcp:443:backlog=7"),
            ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
        ):
            self.assertEqual(whole, with_backlog(endpoint))

    async def test_tls(self) -> None:
        """A TLS listener speaks TLS."""
        listener = self.started("tcp:0:interface=127.0.0.1", tls=True)
        self.assertEqual(b"127.0.0.1\n", await self.ask(listener, tls=True))

    HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n"

    async def test_proxy(self) -> None:
        """Behind haproxy: the client's address is the one in the PROXY header."""
        listener = self.started("haproxy:tcp:0:interface=127.0.0.1")
        self.assertEqual(b"192.0.2.7\n", await self.ask(listener, proxied=self.HEADER))

    async def test_proxy_tls(self) -> None:
        """The PROXY header comes before the TLS handshake."""
        listener = self.started("haproxy:tcp:0:interface=127.0.0.1", tls=True)
        self.assertEqual(b"192.0.2.7\n", await self.ask(listener, proxied=self.HEADER, tls=True))

    async def test_dismissed(self) -> None:
        """A connection for which there is no protocol, because there are too many, is closed at
        once: with TLS, behind a PROXY header and without either."""
        self.served = Nothing()
        for kind, tls, header in (
            ("tcp", False, b""),
            ("tcp", True, b""),
            ("haproxy:tcp", False, self.HEADER),
            ("haproxy:tcp", True, self.HEADER),
        ):
            listener = self.started(f"{kind}:0:interface=127.0.0.1", tls=tls)
            self.assertEqual(b"", await self.ask(listener, proxied=header, tls=tls))
        self.assertEqual(
            [("tls", 1)] * 4,
            [(one["listener"], one["connections"]) for one in self.log.named("listener.full")],
        )

    async def test_proxy_missing(self) -> None:
        """A client that sends no PROXY header is cut."""
        listener = self.started("haproxy:tcp:0:interface=127.0.0.1")
        self.assertEqual(b"", await self.ask(listener))

    async def test_unix(self) -> None:
        """A UNIX socket is opened at its path."""
        path = Path(self.mktemp()).name
        listener = self.started(f"unix:{path}")
        self.assertTrue(Path(path).is_socket())
        self.assertIn(path, listener.address)
        await listener.stopService()

    async def test_closed(self) -> None:
        """A closed listener is a reason not to be ready; closing it twice is as good as once."""
        listener = self.listener("tcp:0:interface=127.0.0.1")
        self.assertEqual("listener tls is closed", listener.problem)
        listener.privilegedStartService()
        self.assertEqual("", listener.problem)
        await listener.stopService()
        await listener.stopService()
        self.assertEqual(("listener tls is closed", ""), (listener.problem, listener.address))

    def test_busy(self) -> None:
        """A port that is taken is told with the listener's key."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            listener = self.listener(f"tcp:{port}:interface=127.0.0.1")
            fault = self.assertRaises(OperatorFault, listener.privilegedStartService)
        self.assertEqual("listen[1].endpoint", fault.key)
        self.assertEqual(
            f"is 'tcp:{port}:interface=127.0.0.1', which cannot listen: Address already in use",
            fault.rule,
        )

    def test_strange_address(self) -> None:
        """So is an address that this machine has not."""
        listener = self.listener("tcp:0:interface=192.0.2.1")
        fault = self.assertRaises(OperatorFault, listener.privilegedStartService)
        self.assertIn("Cannot assign requested address", fault.rule)

    def test_systemd(self) -> None:
        """A socket that systemd did not pass is told before anything is opened."""
        fault = self.assertRaises(OperatorFault, self.listener, "systemd:domain=INET:name=web")
        self.assertEqual("listen[1].endpoint", fault.key)
        self.assertIn("cannot be used: KeyError('web')", fault.rule)
