"""Listeners: endpoint strings opened when the service starts, TLS put on them where asked for."""

from collections.abc import Sequence
from functools import partial
from typing import cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    ILoggingContext,
    IProtocol,
    IProtocolFactory,
    IReactorFDSet,
    IReactorTime,
    IStreamServerEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Port, Server
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.config import Config, ListenerConfig, SipListenerConfig, tcp_address
from mobility.errors import OperatorFault
from mobility.events import Catalogue, EventLog
from mobility.operate.certificates import ListenerTls
from mobility.operate.dismissals import Dismissals
from mobility.operate.gathering import GatheringServer, TurnEnd
from mobility.operate.ports import obstacle
from mobility.operate.readers import Readers

EVENTS: Catalogue = {
    "listener.started": {
        "listener": "the listener's name",
        "site": "internal, external, operator or sip",
        "tls": "whether it speaks TLS",
        "address": "where it listens",
    },
}


BACKLOG = 4096
"""Connections that may wait to be accepted, unless the endpoint string says how many (listen(2);
Linux's own net.core.somaxconn).  With Twisted's 50, most clients that come back at once after a
restart would have to wait until TCP tries again: half a minute, some of them."""


@implementer(IProtocolFactory, ILoggingContext)
class Dismissing:
    """Closes the connections for which `served` has no protocol.

    Nobody else does: what Twisted wraps around a factory, for TLS or a PROXY header, fails on its
    None and leaves the connection open.
    """

    noisy = False

    def __init__(self, served: IProtocolFactory, dismissals: Dismissals) -> None:
        self._served = served
        self._dismissals = dismissals
        self.doStart, self.doStop = served.doStart, served.doStop

    def buildProtocol(self, addr: IAddress) -> IProtocol:
        protocol = self._served.buildProtocol(addr)
        if protocol is None:
            self._dismissals.count()
        return protocol or Dismissed()

    def logPrefix(self) -> str:
        return type(self._served).__name__


class Dismissed(Protocol):
    """A connection that is closed at once, without an answer."""

    transport: ITCPTransport

    def connectionMade(self) -> None:
        self.transport.abortConnection()


class Listener(Service):
    """One `[[listen]]` or stream `[[sip.listen]]` table in operation.

    `where` is the configuration file and `dotted` the table's key.  `protocols` is what is served;
    `tls` is not None for a TLS listener.  TLS goes on top of what the endpoint yields, so that a
    PROXY header (`haproxy:`) comes before the handshake.  Building and starting raise
    OperatorFault with the listener's key.
    """

    def __init__(
        self,
        settings: ListenerConfig | SipListenerConfig,
        where: str,
        dotted: str,
        protocols: IProtocolFactory,
        tls: ListenerTls | None,
        reactor: IReactorTime,
        log: EventLog,
    ) -> None:
        self._where = where
        self._dotted = f"{dotted}.endpoint"
        self._reactor = reactor
        self._log = log
        self._port: IListeningPort | None = None
        self.settings = settings
        self._dismissals = Dismissals(settings.name, reactor, log)
        protocols = Dismissing(protocols, self._dismissals)
        if tls is not None:
            protocols = TLSMemoryBIOFactory(tls, False, protocols, reactor)
            # Answers are written whole: the default, which gathers small writes, only costs.
            protocols.protocol = TLSMemoryBIOProtocol
            protocols.noisy = False
        self._protocols = protocols
        self._endpoint = _endpoint(settings.endpoint, reactor, where, self._dotted)

    def check(self) -> None:
        """Raise OperatorFault if somebody else has the TCP port, before a daemon is made: after
        that nobody is at the terminal to be told."""
        _check_port(self.settings.endpoint, self._where, self._dotted)

    @property
    def address(self) -> str:
        """Where it listens, "" before it does."""
        return "" if self._port is None else _shown(self._port)

    @property
    def problem(self) -> str:
        """Why nobody can connect, "" when somebody can."""
        return "" if self._port is not None else f"listener {self.settings.name} is closed"

    def privilegedStartService(self) -> None:
        """Open the port; it is done when this returns."""
        failures: list[Failure] = []
        self._endpoint.listen(self._protocols).addCallbacks(self._opened, failures.append)
        if failures:
            error = failures[0].value
            reason = getattr(error, "socketError", error)
            problem = f"cannot listen: {getattr(reason, 'strerror', None) or reason}"
            raise _fault(self.settings.endpoint, problem, self._where, self._dotted)

    def _opened(self, port: IListeningPort) -> None:
        self._port = port
        if isinstance(port, Port) and port.transport is Server:  # no Unix port
            port.transport = partial(  # type: ignore[assignment]  # it is called like the class
                GatheringServer,
                turn_end=TurnEnd(self._reactor),
                readers=Readers(cast(IReactorFDSet, self._reactor)),
            )
        self._log.emit(
            "listener.started",
            listener=self.settings.name,
            site=self.settings.site.name if isinstance(self.settings, ListenerConfig) else "sip",
            tls=self.settings.tls,
            address=self.address,
        )

    def stopService(self) -> Deferred[None]:
        """Accept no more connections; those there are go on."""
        super().stopService()
        self._dismissals.close()
        port, self._port = self._port, None
        stopped = maybeDeferred(port.stopListening) if port is not None else succeed(None)
        return stopped.addCallback(lambda _: None)


def check_endpoints(config: Config, reactor: IReactorTime) -> None:
    """Raise OperatorFault for an endpoint of a stream listener that cannot be used, or whose TCP
    port somebody else has.

    For the time before anything is changed: a start that is refused must not have migrated the
    store, or the older version could not run on it.
    """
    where = str(config.source)
    named: list[tuple[str, Sequence[ListenerConfig | SipListenerConfig]]] = [
        ("listen", config.listeners),
        ("sip.listen", config.sip.listeners),
    ]
    for table, listeners in named:
        for number, one in enumerate(listeners):
            if not one.endpoint.startswith("udp:"):
                check_endpoint(one.endpoint, reactor, where, f"{table}[{number}]")


def check_endpoint(endpoint: str, reactor: IReactorTime, where: str, dotted: str) -> None:
    """The same for the endpoint in the table `dotted` of the file `where`."""
    _endpoint(endpoint, reactor, where, f"{dotted}.endpoint")
    _check_port(endpoint, where, f"{dotted}.endpoint")


def _endpoint(
    endpoint: str, reactor: IReactorTime, where: str, dotted: str
) -> IStreamServerEndpoint:
    try:
        found: IStreamServerEndpoint = serverFromString(reactor, with_backlog(endpoint))
    except Exception as error:  # systemd: passes no such socket, and whatever plugins raise
        raise _fault(endpoint, f"cannot be used: {error!r}", where, dotted) from error
    return found


def _check_port(endpoint: str, where: str, dotted: str) -> None:
    plain = endpoint.removeprefix("haproxy:")
    if plain.startswith(("tcp:", "tcp6:")):
        address, port = tcp_address(plain)
        anywhere = "::" if plain.startswith("tcp6:") else ""
        if problem := obstacle(address or anywhere, port):
            raise _fault(endpoint, f"cannot listen: {problem}", where, dotted)


def _fault(endpoint: str, problem: str, where: str, dotted: str) -> OperatorFault:
    return OperatorFault(where, f"is {endpoint!r}, which {problem}", dotted)


def with_backlog(endpoint: str) -> str:
    """An endpoint string with BACKLOG, unless it has a backlog already or cannot have one."""
    kind = endpoint.removeprefix("haproxy:").partition(":")[0]
    if kind == "systemd" or ":backlog=" in endpoint:
        return endpoint
    return f"{endpoint}:backlog={BACKLOG}"


def _shown(port: IListeningPort) -> str:
    host = port.getHost()
    if isinstance(host, IPv4Address):
        return f"{host.host}:{host.port}"
    if isinstance(host, IPv6Address):
        return f"[{host.host}]:{host.port}"
    return str(getattr(host, "name", host))
