"""What stands behind one listener: its connections, or its datagrams, and who is at their ends."""

import socket

from OpenSSL.crypto import X509
from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.auth.peer_names import sip_names
from mobility.sip.connection import PONG, SipConnection
from mobility.sip.core import Core
from mobility.sip.flow import Allowance
from mobility.sip.framing import Frame, Ping, Unframeable, datagram
from mobility.sip.limits import SWEEP_S

MAX_DATAGRAM_PEERS = 10_000
"""Peers of a datagram socket that are remembered; the oldest is forgotten (our choice)."""


class ConnectionTable:
    """The connections of all SIP listeners, swept every `SWEEP_S` for expired deadlines."""

    def __init__(self, clock: IReactorTime, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._open: set[SipConnection] = set()
        self._named: dict[str, dict[SipConnection, None]] = {}
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        return len(self._open) >= self._limit

    def add(self, connection: SipConnection) -> None:
        self._open.add(connection)
        if not self._sweeping.running:
            self._sweeping.start(SWEEP_S, now=False)

    def name(self, connection: SipConnection) -> None:
        """The peer has proven who it is."""
        for name in connection.names:
            self._named.setdefault(name, {})[connection] = None

    def named(self, name: str) -> SipConnection | None:
        """The newest connection of a peer that has a certificate for this name (RFC 5923)."""
        found = self._named.get(name)
        return next(reversed(found)) if found else None

    def discard(self, connection: SipConnection) -> None:
        self._open.discard(connection)
        for name in connection.names:
            of_name = self._named.get(name, {})
            of_name.pop(connection, None)
            if not of_name:
                self._named.pop(name, None)
        if not self._open and self._sweeping.running:
            self._sweeping.stop()

    def close(self) -> None:
        """Close them all, sending what is left."""
        for connection in tuple(self._open):
            connection.close()

    def _sweep(self) -> None:
        now = self._clock.seconds()
        for connection in [one for one in self._open if one.deadline <= now]:
            connection.expire()


@implementer(IProtocolFactory)
class SipServer:
    """The protocol factory of one stream listener, and its connections' Server."""

    noisy = False

    def __init__(
        self,
        name: str,
        core: Core,
        table: ConnectionTable,
        clock: IReactorTime,
        *,
        secure: bool,
        requests_per_s: float,
        burst: int,
        advertise: str = "",
    ) -> None:
        self._name = name
        self._advertise = advertise
        self._core = core
        self._table = table
        self._secure = secure
        self._rate = requests_per_s
        self._burst = burst
        self.now = clock.seconds
        self.frame = core.frame

    def buildProtocol(self, addr: IAddress | None) -> SipConnection | None:  # noqa: ARG002
        if self._table.full:
            return None
        allowance = Allowance(self._rate, self._burst)
        return SipConnection(self, self._name, allowance, secure=self._secure)

    def doStart(self) -> None:
        """IProtocolFactory."""

    def doStop(self) -> None:
        """IProtocolFactory."""

    def opened(self, connection: SipConnection) -> bool:
        if self._table.full:
            return False
        if self._advertise:
            connection.local = self._advertise, connection.local[1]
        self._table.add(connection)
        return True

    def names_of(self, certificate: X509 | None) -> frozenset[str]:
        return names_of(certificate)

    def fault(self, connection: SipConnection, fault: Unframeable) -> None:
        self._core.fault(fault, connection)

    def ready(self, connection: SipConnection) -> None:
        self._table.name(connection)

    def closed(self, connection: SipConnection, reason: Failure) -> None:  # noqa: ARG002
        self._table.discard(connection)
        self._core.broken(connection)


class DatagramPeer:
    """A Flow to one peer of a datagram socket."""

    __slots__ = (
        "_server",
        "allowance",
        "listener",
        "names",
        "secure",
        "source",
        "transport",
    )
    reliable = False

    def __init__(
        self, server: "SipDatagrams", source: tuple[str, int], allowance: Allowance
    ) -> None:
        self._server = server
        self.listener = server.name
        self.source = source
        self.allowance = allowance
        self.names: frozenset[str] = frozenset()
        self.secure = False
        self.transport = "UDP"

    @property
    def local(self) -> tuple[str, int]:
        """A socket that listens on all addresses has that which leads to the peer."""
        host, port = self._server.local
        if self._server.advertise:
            return self._server.advertise, port
        return (_towards(self.source) if host in EVERYWHERE else host), port

    def send(self, data: bytes) -> bool:
        return self._server.send(data, self.source)

    def close(self) -> None:
        """There is nothing to close."""


class SipDatagrams(DatagramProtocol):
    """One UDP listener."""

    noisy = False

    def __init__(
        self, name: str, core: Core, *, requests_per_s: float, burst: int, advertise: str = ""
    ) -> None:
        self.name = name
        self.advertise = advertise
        self._core = core
        self._rate = requests_per_s
        self._burst = burst
        self._peers: dict[tuple[str, int], DatagramPeer] = {}

    @property
    def local(self) -> tuple[str, int]:
        """Where it listens."""
        own = None if self.transport is None else self.transport.getHost()
        return getattr(own, "host", ""), getattr(own, "port", 0)

    @property
    def wide(self) -> bool:
        """Whether it is for IPv6."""
        return ":" in self.local[0]

    def peer(self, source: tuple[str, int]) -> DatagramPeer:
        """The flow to an address and port."""
        peer = self._peers.get(source)
        if peer is None:
            if len(self._peers) >= MAX_DATAGRAM_PEERS:
                del self._peers[next(iter(self._peers))]
            allowance = Allowance(self._rate, self._burst)
            peer = self._peers[source] = DatagramPeer(self, source, allowance)
        return peer

    def datagramReceived(self, data: bytes, source: tuple[str, int]) -> None:
        peer = self.peer(source)
        try:
            frame = datagram(data)
        except Unframeable as fault:
            self._core.fault(fault, peer)
            return
        if isinstance(frame, Frame):
            self._core.frame(frame, peer)
        elif isinstance(frame, Ping):
            self.send(PONG, source)

    def send(self, data: bytes, target: tuple[str, int]) -> bool:
        if self.transport is None:
            return False
        try:
            self.transport.write(data, target)
        except OSError:
            return False
        return True


def names_of(certificate: X509 | None) -> frozenset[str]:
    """The SIP domains and hosts a certificate is for (RFC 5922 section 7.1), in lower case."""
    if certificate is None:
        return frozenset()
    return sip_names(certificate.to_cryptography())


EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # nothing is bound
"""Addresses that stand for all."""


def _towards(peer: tuple[str, int]) -> str:
    """The own address from which packets to a peer go; nothing is sent to find out."""
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(peer)
        except OSError:
            return peer[0]
        host: str = probe.getsockname()[0]
        return host
