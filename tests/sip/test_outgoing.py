"""Connections that are opened from here, over loopback sockets."""

from typing import cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTCP, IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.reactor import IReactor
from mobility.sip.client import Client
from mobility.sip.core import Core
from mobility.sip.headers import NameAddr
from mobility.sip.locating import AddressLocator, Unreachable, system_lookup
from mobility.sip.message import Response
from mobility.sip.outgoing import Outgoing
from mobility.sip.routing import Hop, Target
from mobility.sip.server import ConnectionTable, SipDatagrams, SipServer
from mobility.testing import MemoryLog

LOOPBACK = "127.0.0.1"


def random(size: int) -> bytes:
    random.number += 1
    return random.number.to_bytes(size, "big")


random.number = 0


class Element:
    """One SIP element: its core, its listeners and what it opens."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        here = cast(IReactor, reactor)
        clock = Clock()  # transactions do not time out here
        self.core = Core(clock, self.log, random)
        self.table = ConnectionTable(here, 20)
        self.outgoing = Outgoing(
            self.core, self.table, here, self.log, None, requests_per_s=0, burst=1
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
        self.outgoing.ports["TCP"] = self.tcp.getHost().port

    async def close(self) -> None:
        for port in (self.tcp, self.udp):
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


class OutgoingTests(TestCase):
    timeout = 60

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

    async def _closed_port(self) -> int:
        port = cast(IReactorUDP, reactor).listenUDP(0, DatagramProtocol(), interface=LOOPBACK)
        number: int = port.getHost().port
        await port.stopListening()
        return number
