"""Connections that are opened from here, and which of those that are open can be used.

A hop is reached over UDP by a socket that listens, over TCP and TLS by the connection that has
been opened to it, or by one that the peer has opened and whose certificate is for it (RFC 5923).
Whoever cannot be connected to is left alone for a while.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

import attrs
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor
from mobility.sip.connection import SipConnection
from mobility.sip.core import Core
from mobility.sip.flow import Allowance, Flow
from mobility.sip.framing import Unframeable
from mobility.sip.limits import BACK_OFF_MAX_S, BACK_OFF_S, CONNECT_S, MAX_OUTGOING
from mobility.sip.locating import Unreachable
from mobility.sip.routing import Hop
from mobility.sip.server import EVERYWHERE, ConnectionTable, SipDatagrams, names_of
from mobility.sip.sources import Sources

EVENTS: Catalogue = {
    "sip.connected": {
        "peer": "the name asked for",
        "transport": "TCP or TLS",
        "address": "address and port",
    },
    "sip.connect_failed": {
        "peer": "the name asked for",
        "transport": "UDP, TCP or TLS",
        "address": "address and port",
        "reason": "what went wrong",
        "retry_s": "how long nobody tries again",
    },
}

LISTENER = "outgoing"
"""What stands for the listener in the log lines of requests over connections opened from here."""

MAX_REASON = 200
"""Characters of a reason in the log (our choice)."""

ClientTls = Callable[[str], IOpenSSLClientConnectionCreator]
"""The client side of TLS with a peer whose certificate must be for a name or an address."""


@attrs.frozen(slots=True)
class Place:
    """Where other elements can connect to: the address that is listened on ("" for all), what is
    told instead of it ("" for nothing else), and the port."""

    bound: str
    advertise: str
    port: int


@attrs.define(slots=True)
class _BackOff:
    """Nobody tries before `until`."""

    until: float
    wait_s: float
    reason: str


class Outgoing:
    """Flows to hops.

    `datagrams` are the sockets that requests over UDP can leave by.  `places` are where other
    elements can connect to, by transport, which Via and Contact say.  `sources` are the addresses
    that connections leave from.
    """

    def __init__(
        self,
        core: Core,
        table: ConnectionTable,
        reactor: IReactor,
        log: EventLog,
        tls: ClientTls | None,
        *,
        requests_per_s: float,
        burst: int,
        sources: Sources | None = None,
    ) -> None:
        self._sources = sources or Sources()
        self._core = core
        self._table = table
        self._reactor = reactor
        self._log = log
        self._tls = tls
        self._rate = requests_per_s
        self._burst = burst
        self.datagrams: list[SipDatagrams] = []
        self.places: dict[str, list[Place]] = {}
        self._flows: dict[Hop, SipConnection] = {}
        self._opening: dict[Hop, list[Deferred[Flow]]] = {}
        self._back_offs: dict[Hop, _BackOff] = {}
        self._ends: dict[Hop, str] = {}
        """Why connections ended."""

    def __len__(self) -> int:
        return len(self._flows)

    async def flow(self, hop: Hop) -> Flow:
        """A flow to the hop, opened if there is none.  Raises Unreachable."""
        if hop.gateway:
            self._sources.met(hop.address)
        if hop.transport == "UDP":
            return self._datagram_flow(hop)
        found = self._flows.get(hop)
        if found is None and hop.transport == "TLS":
            found = self._table.named(hop.name)
        if found is not None:
            return found
        back_off = self._back_offs.get(hop)
        if back_off is not None and back_off.until > self._reactor.seconds():
            raise Unreachable(back_off.reason)
        waiting: Deferred[Flow] = Deferred()
        others = self._opening.get(hop)
        if others is not None:
            others.append(waiting)
        else:
            self._opening[hop] = [waiting]
            self._open(hop)
        return await waiting

    def _datagram_flow(self, hop: Hop) -> Flow:
        wide = isinstance(ip_address(hop.address), IPv6Address)
        for socket in self.datagrams:
            fits = socket.transport is not None and socket.wide == wide
            if fits and self._sources.may_leave(socket.local[0], hop.address):
                return socket.peer((hop.address, hop.port))
        raise Unreachable("there is no socket for UDP")

    def _open(self, hop: Hop) -> None:
        if self._table.full or len(self._flows) + len(self._opening) > MAX_OUTGOING:
            self._failed(hop, "there are too many connections")
            return
        address, port = hop.address, hop.port
        try:
            source = self._sources.towards(address)
        except LookupError as error:
            self._failed(hop, str(error.args[0]))
            return
        wide = isinstance(ip_address(address), IPv6Address)
        kind = TCP6ClientEndpoint if wide else TCP4ClientEndpoint
        bound = (source, 0) if source else None
        endpoint: IStreamClientEndpoint = kind(self._reactor, address, port, CONNECT_S, bound)
        if hop.transport == "TLS":
            if self._tls is None:
                self._failed(hop, "there is no certificate for TLS")
                return
            endpoint = wrapClientTLS(self._tls(hop.name), endpoint)
        opened = endpoint.connect(_Connecting(self, hop))
        opened.addErrback(lambda failure: self._failed(hop, reason_of(failure)))

    def ready(self, hop: Hop, connection: SipConnection) -> None:
        """The connection is there, and its peer is who it should be."""
        self._back_offs.pop(hop, None)
        self._flows[hop] = connection
        where = f"{hop.address}:{hop.port}"
        self._log.emit("sip.connected", peer=hop.name, transport=hop.transport, address=where)
        for waiting in self._opening.pop(hop, ()):
            waiting.callback(connection)

    def lost(self, hop: Hop, connection: SipConnection, reason: Failure) -> None:
        """The connection is gone, or has never been what it should be."""
        if self._flows.get(hop) is connection:
            del self._flows[hop]
            if len(self._ends) >= MAX_OUTGOING:
                self._ends.clear()
            self._ends[hop] = reason_of(reason)
        elif hop in self._opening:
            self._failed(hop, reason_of(reason))

    def end_of(self, hop: Hop) -> str:
        """Why the last connection to a hop ended, "" as far as is known."""
        return self._ends.get(hop, "")

    def _failed(self, hop: Hop, reason: str) -> None:
        if hop not in self._opening:
            return
        earlier = self._back_offs.get(hop)
        wait_s = BACK_OFF_S if earlier is None else min(earlier.wait_s * 2, BACK_OFF_MAX_S)
        now = self._reactor.seconds()
        if len(self._back_offs) >= MAX_OUTGOING:
            self._back_offs.clear()
        self._back_offs[hop] = _BackOff(now + wait_s, wait_s, reason)
        self._log.emit(
            "sip.connect_failed",
            peer=hop.name,
            transport=hop.transport,
            address=f"{hop.address}:{hop.port}",
            reason=reason,
            retry_s=wait_s,
        )
        for waiting in self._opening.pop(hop, ()):
            waiting.errback(Unreachable(reason))

    def place_of(self, transport: str, here: tuple[str, int]) -> tuple[str, int]:
        """Host and port where others can connect to instead of a connection that leaves `here`:
        what listens on that address, else what listens first."""
        places = self.places.get(transport)
        if not places:
            return here
        address = here[0]
        for place in places:
            if place.bound in (*EVERYWHERE, address):
                return place.advertise or address, place.port
        return places[0].advertise or places[0].bound, places[0].port

    def build(self, hop: Hop) -> SipConnection:
        """The protocol of a connection that is being opened."""
        allowance = Allowance(self._rate, self._burst)
        server = _Opened(self, hop, self._core, self._table, self._reactor.seconds)
        return SipConnection(server, LISTENER, allowance, secure=hop.transport == "TLS")


@implementer(IProtocolFactory)
class _Connecting:
    """Makes the one protocol of one connection."""

    noisy = False

    def __init__(self, outgoing: Outgoing, hop: Hop) -> None:
        self._outgoing = outgoing
        self._hop = hop

    def buildProtocol(self, addr: IAddress | None) -> SipConnection:  # noqa: ARG002
        return self._outgoing.build(self._hop)

    def doStart(self) -> None:
        """IProtocolFactory."""

    def doStop(self) -> None:
        """IProtocolFactory."""


class _Opened:
    """What a connection that was opened from here asks for (`mobility.sip.connection.Server`)."""

    def __init__(
        self,
        outgoing: Outgoing,
        hop: Hop,
        core: Core,
        table: ConnectionTable,
        now: Callable[[], float],
    ) -> None:
        self._outgoing = outgoing
        self._hop = hop
        self._core = core
        self._table = table
        self.now = now
        self.frame = core.frame

    def opened(self, connection: SipConnection) -> bool:
        if self._table.full:
            return False
        connection.local = self._outgoing.place_of(connection.transport, connection.local)
        self._table.add(connection)
        return True

    def ready(self, connection: SipConnection) -> None:
        self._outgoing.ready(self._hop, connection)

    def names_of(self, certificate: X509 | None) -> frozenset[str]:
        return names_of(certificate)

    def fault(self, connection: SipConnection, fault: Unframeable) -> None:
        self._core.fault(fault, connection)

    def closed(self, connection: SipConnection, reason: Failure) -> None:
        self._table.discard(connection)
        self._outgoing.lost(self._hop, connection, reason)
        self._core.broken(connection)


def reason_of(failure: Failure) -> str:
    """A failure in one line."""
    error = failure.value
    if isinstance(error, VerificationError):
        return "TLS: the certificate is for another name"
    if isinstance(error, SSL.Error):
        return f"TLS: {_words(error)}"[:MAX_REASON]
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:MAX_REASON]


def _words(error: SSL.Error) -> str:
    """What OpenSSL says in its own words."""
    try:
        return str(error.args[0][-1][2])
    except (IndexError, TypeError):
        return "the connection was closed" if isinstance(error, SSL.SysCallError) else "it failed"
