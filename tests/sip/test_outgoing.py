"""Connections that are opened from here, over loopback sockets."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTCP, IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from mobility import pki
from mobility.config import Config, SipConfig, SipListenerConfig, StoreConfig, WebConfig
from mobility.errors import OperatorFault
from mobility.operate.certificates import Certificates
from mobility.operate.peer_tls import PeerTls
from mobility.reactor import IReactor
from mobility.sip.client import Client
from mobility.sip.core import Core
from mobility.sip.headers import NameAddr
from mobility.sip.locating import AddressLocator, Unreachable, system_lookup
from mobility.sip.message import Response
from mobility.sip.outgoing import ClientTls, Outgoing, Place
from mobility.sip.routing import Hop, Target
from mobility.sip.server import ConnectionTable, SipDatagrams, SipServer
from mobility.sip.sources import Sources
from mobility.testing import MemoryLog

LOOPBACK, OTHER = "127.0.0.1", "127.0.0.2"
US = NameAddr.parse("<sip:us@example.test>")


def random(size: int) -> bytes:
    random.number += 1
    return random.number.to_bytes(size, "big")


random.number = 0


class Element:
    """One SIP element: its core, its listeners and what it opens."""

    def __init__(self, tls: ClientTls | None = None, sources: Sources | None = None) -> None:
        self.log = MemoryLog()
        here = cast(IReactor, reactor)
        clock = Clock()  # transactions do not time out here
        self.core = Core(clock, self.log, random)
        self.table = ConnectionTable(here, 20)
        self.outgoing = Outgoing(
            self.core, self.table, here, self.log, tls, requests_per_s=0, burst=1, sources=sources
        )
        locator = AddressLocator(system_lookup(here), "TCP")
        self.client = Client(self.core, self.outgoing, locator, clock, self.log, random)

    def listen(self) -> None:
        server = SipServer(
            "tcp",
            self.core,
            self.table,
            cast(IReactor, reactor),
            secure=False,
            requests_per_s=0,
            burst=1,
        )
        self.tcp = cast(IReactorTCP, reactor).listenTCP(0, server, interface=LOOPBACK)
        socket = SipDatagrams("udp", self.core, requests_per_s=0, burst=1)
        self.udp = cast(IReactorUDP, reactor).listenUDP(0, socket, interface=LOOPBACK)
        self.outgoing.datagrams.append(socket)
        self.ports = [self.tcp, self.udp]
        self.outgoing.places["TCP"] = [Place("", "", self.tcp.getHost().port)]

    def at(self, host: str, transport: str) -> int:
        """Listen on another address, too; the port."""
        if transport == "UDP":
            socket = SipDatagrams("udp", self.core, requests_per_s=0, burst=1)
            port = cast(IReactorUDP, reactor).listenUDP(0, socket, interface=host)
        else:
            server = SipServer(
                "tcp",
                self.core,
                self.table,
                cast(IReactor, reactor),
                secure=False,
                requests_per_s=0,
                burst=1,
            )
            port = cast(IReactorTCP, reactor).listenTCP(0, server, interface=host)
        self.ports.append(port)
        number: int = port.getHost().port
        return number

    def listen_tls(self, config: Config) -> int:
        """Listen with the certificate of the configuration, and take clients of any."""
        server = SipServer(
            "tls",
            self.core,
            self.table,
            cast(IReactor, reactor),
            secure=True,
            requests_per_s=0,
            burst=1,
        )
        (tls,) = Certificates(config, self.log).sip_listeners.values()
        port = cast(IReactorTCP, reactor).listenTCP(
            0, TLSMemoryBIOFactory(tls, isClient=False, wrappedFactory=server), interface=LOOPBACK
        )
        self.ports.append(port)
        number: int = port.getHost().port
        return number

    async def close(self) -> None:
        for port in self.ports:
            await maybeDeferred(port.stopListening)
        for connection in tuple(self.table._open):
            connection.abort()
            await self.gone(connection)

    def gone(self, flow: object) -> Deferred[None]:
        """When a connection is."""
        done: Deferred[None] = Deferred()
        self.core.departures.append(
            lambda one: done.callback(None) if one is flow and not done.called else None
        )
        return done


def identity(directory: Path, authority: pki.Identity, host: str, *more: str) -> Config:
    """The configuration of a server whose certificate is for `host`."""
    made = pki.server_certificate(authority, [host, *more], datetime.now(UTC))
    files = {name: directory / f"{host}.{name}" for name in ("pem", "key", "ca")}
    files["pem"].write_bytes(made.certificate_pem)
    files["key"].write_bytes(made.key_pem)
    files["ca"].write_bytes(authority.certificate_pem)
    listener = SipListenerConfig(
        host, "tcp:0", certificate=files["pem"], key=files["key"], client_ca=files["ca"]
    )
    return Config(
        source=directory / "mobility.toml",
        data_dir=directory,
        sip_domains=("example.test",),
        server_fqdn="fe.example.test",
        listeners=(),
        web=WebConfig("https://int.example.test", "https://ext.example.test"),
        store=StoreConfig(directory / "x.sqlite"),
        sip=SipConfig(listeners=(listener,), peer_ca=files["ca"]),
    )


class TlsTests(TestCase):
    """Mutual TLS between two elements."""

    timeout = 300

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        authority = pki.certificate_authority("test CA", datetime.now(UTC))
        self.directory, self.authority = directory, authority
        ours = identity(directory, authority, "us.example.test")
        theirs = identity(directory, authority, "localhost")
        self.ours, self.theirs = Element(PeerTls(ours)), Element(PeerTls(theirs))
        for element in (self.ours, self.theirs):
            element.listen()
            self.addCleanup(element.close)
        self.port = self.theirs.listen_tls(theirs)
        self.stranger = identity(
            directory, pki.certificate_authority("other CA", datetime.now(UTC)), "stranger"
        )

    async def test_both_know(self) -> None:
        """Each side knows the other by its certificate, and what is opened one way is used the
        other way, too (RFC 5923)."""
        flow = await self.ours.outgoing.flow(Hop("TLS", LOOPBACK, self.port, "localhost"))
        self.assertEqual(flow.names, {"localhost"})
        request = self.ours.client.request("OPTIONS", "sip:localhost", US, US)
        self.assertEqual((await self.ours.client.ask(request, [flow])).status, 200)
        (line,) = self.theirs.log.named("sip.request")
        self.assertEqual(line["peer"], "us.example.test")
        back = await self.theirs.outgoing.flow(Hop("TLS", LOOPBACK, 9, "us.example.test"))
        request = self.theirs.client.request("OPTIONS", "sip:us.example.test", US, US)
        self.assertEqual((await self.theirs.client.ask(request, [back])).status, 200)
        self.assertEqual(len(self.theirs.outgoing), 0)

    async def test_wrong_name(self) -> None:
        """A server whose certificate is for another name is not spoken to."""
        with self.assertRaises(Unreachable):
            await self.ours.outgoing.flow(Hop("TLS", LOOPBACK, self.port, "other.example.test"))
        (line,) = self.ours.log.named("sip.connect_failed")
        self.assertEqual((line["peer"], line["transport"]), ("other.example.test", "TLS"))

    async def test_sip_domain(self) -> None:
        """A certificate with SIP URIs is for their domains, whatever DNS names it has beside them,
        on both sides of a connection (RFC 5922)."""
        ours = Element(
            PeerTls(identity(self.directory, self.authority, "sip:us.test", "host.us.test"))
        )
        theirs_are = identity(
            self.directory, self.authority, "sip:Them.test", "sip:other.test", "localhost"
        )
        theirs = Element(PeerTls(theirs_are))
        for element in (ours, theirs):
            element.listen()
            self.addCleanup(element.close)
        port = theirs.listen_tls(theirs_are)
        for name in ("them.test", "other.test"):
            flow = await ours.outgoing.flow(Hop("TLS", LOOPBACK, port, name))
            self.assertEqual(flow.names, {"them.test", "other.test"})
        request = ours.client.request("OPTIONS", "sip:localhost", US, US)
        self.assertEqual((await ours.client.ask(request, [flow])).status, 200)
        self.assertEqual(theirs.log.named("sip.request")[0]["peer"], "us.test")
        for name in ("localhost", "host.test", LOOPBACK):
            with self.assertRaises(Unreachable):
                await ours.outgoing.flow(Hop("TLS", LOOPBACK, port, name))

    async def test_address(self) -> None:
        """A certificate may be for an address."""
        address = identity(self.directory, self.authority, LOOPBACK)
        theirs = Element(PeerTls(address))
        theirs.listen()
        self.addCleanup(theirs.close)
        port = theirs.listen_tls(address)
        await self.ours.outgoing.flow(Hop("TLS", LOOPBACK, port, LOOPBACK))
        with self.assertRaises(Unreachable):
            await self.ours.outgoing.flow(Hop("TLS", LOOPBACK, port, "localhost"))

    async def test_reload(self) -> None:
        """Files that cannot be used are told by the names of their settings, and what is in use
        stays."""
        config = identity(self.directory, self.authority, "us.example.test")
        pem = self.directory / "us.example.test.pem"
        key = self.directory / "us.example.test.key"
        own = attrs.evolve(config, sip=attrs.evolve(config.sip, peer_certificate=pem, peer_key=key))
        for settings, begin in ((config, "sip.listen[0]."), (own, "sip.peer_")):
            tls = PeerTls(settings)
            for file, part in ((pem, "certificate"), (key, "key")):
                good = file.read_bytes()
                file.write_bytes(b"nonsense")
                fault = self.assertRaises(OperatorFault, tls.reload)
                self.assertEqual(f"{begin}{part}", fault.key)
                self.assertIn(f"{file} holds no PEM", fault.rule)
                self.assertRaises(OperatorFault, PeerTls, settings)
                file.write_bytes(good)
            tls.reload()

    async def test_wrong_signer(self) -> None:
        """Nor is one whose certificate nobody vouches for."""
        stranger = Element(PeerTls(self.stranger))
        stranger.listen()
        self.addCleanup(stranger.close)
        with self.assertRaises(Unreachable):
            await stranger.outgoing.flow(Hop("TLS", LOOPBACK, self.port, "localhost"))


class OutgoingTests(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.ours, self.theirs = Element(), Element()
        for element in (self.theirs, self.ours):
            element.listen()
            self.addCleanup(element.close)

    async def options(self, target: Target) -> Response:
        us, them = NameAddr.parse("<sip:us@example.test>"), NameAddr.parse("<sip:localhost>")
        request = self.ours.client.request("OPTIONS", "sip:localhost", us, them)
        return await self.ours.client.ask(request, [target])

    async def test_shared(self) -> None:
        """A connection is opened once, and what Via says of it is where we listen."""
        port = self.theirs.tcp.getHost().port
        for host in ("localhost", LOOPBACK, LOOPBACK):
            response = await self.options(Target(host, port, "TCP"))
            self.assertEqual(response.status, 200)
            own = self.ours.tcp.getHost().port
            self.assertEqual(response.via.sent_by, f"{LOOPBACK}:{own}")
        self.assertEqual(len(self.ours.log.named("sip.connected")), 2)
        self.assertEqual(len(self.ours.outgoing), 2)

    async def test_datagrams(self) -> None:
        """Over UDP a listener's socket sends."""
        port = self.theirs.udp.getHost().port
        response = await self.options(Target(LOOPBACK, port, "UDP"))
        self.assertEqual(response.status, 200)
        own = self.ours.udp.getHost().port
        self.assertEqual(response.via.sent_by, f"{LOOPBACK}:{own}")

    async def test_refused(self) -> None:
        """Who cannot be connected to is left alone for a while: the next request fails at once."""
        closed = await self._closed_port()
        for _ in range(2):
            response = await self.options(Target(LOOPBACK, closed, "TCP"))
            self.assertEqual(response.status, 503)
        (line,) = self.ours.log.named("sip.connect_failed")
        self.assertEqual(line["address"], f"{LOOPBACK}:{closed}")

    async def test_next_target(self) -> None:
        """Where one target refuses the connection the next one is asked."""
        closed = Target(LOOPBACK, await self._closed_port(), "TCP")
        good = Target(LOOPBACK, self.theirs.tcp.getHost().port, "TCP")
        request = self.ours.client.request("OPTIONS", "sip:localhost", US, US)
        response = await self.ours.client.ask(request, [closed, good])
        self.assertEqual(response.status, 200)
        (line,) = self.ours.log.named("sip.sent")
        self.assertEqual((line["tries"], line["status"]), (1, 200))

    async def test_opened_again(self) -> None:
        """A connection that has broken is opened anew."""
        port = self.theirs.tcp.getHost().port
        hop = Hop("TCP", LOOPBACK, port, LOOPBACK)
        first = await self.ours.outgoing.flow(hop)
        gone = self.ours.gone(first)
        first.close()
        await gone
        second = await self.ours.outgoing.flow(hop)
        self.assertIsNot(first, second)

    async def test_no_socket(self) -> None:
        """Without a socket for UDP nothing goes over UDP, without certificates nothing over TLS."""
        await self.ours.udp.stopListening()
        for transport in ("UDP", "TLS"):
            with self.assertRaises(Unreachable):
                await self.ours.outgoing.flow(Hop(transport, LOOPBACK, 9, "peer.example.test"))

    async def test_two_addresses(self) -> None:
        """Where an address is declared for mediation, connections and datagrams to gateways leave
        from it, all others from the front end's, and Via names a listener of the same address."""
        ours = Element(sources=Sources.of((LOOPBACK, OTHER), OTHER))
        self.addCleanup(ours.close)
        ours.listen()
        mediation = SipDatagrams("mediation", ours.core, requests_per_s=0, burst=1)
        socket = cast(IReactorUDP, reactor).listenUDP(0, mediation, interface=OTHER)
        ours.ports.append(socket)
        ours.outgoing.datagrams.append(mediation)
        front_end = ours.outgoing.places["TCP"][0].port
        ours.outgoing.places["TCP"] = [Place(LOOPBACK, "", front_end), Place(OTHER, "", 5068)]
        for transport, places in (
            ("TCP", {False: f"{LOOPBACK}:{front_end}", True: f"{OTHER}:5068"}),
            (
                "UDP",
                {
                    False: f"{LOOPBACK}:{ours.udp.getHost().port}",
                    True: f"{OTHER}:{socket.getHost().port}",
                },
            ),
        ):
            for gateway, via in places.items():
                theirs = Element()
                self.addCleanup(theirs.close)
                theirs.listen()
                # Each on an address of its own: a gateway is known by its.
                host = "127.0.0.3" if gateway else "127.0.0.4"
                listening = theirs.at(host, transport)
                request = ours.client.request("OPTIONS", "sip:localhost", US, US)
                target = Target(host, listening, transport, gateway=gateway)
                response = await ours.client.ask(request, [target])
                self.assertEqual((200, via), (response.status, response.via.sent_by))
                (line,) = theirs.log.named("sip.request")
                source = OTHER if gateway else LOOPBACK
                self.assertEqual(source, line["peer"])

    async def _closed_port(self) -> int:
        port = cast(IReactorUDP, reactor).listenUDP(0, DatagramProtocol(), interface=LOOPBACK)
        number: int = port.getHost().port
        await port.stopListening()
        return number
