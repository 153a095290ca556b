"""The SIP side of a front end: one core, the servers of its listeners, and its datagram sockets."""

import os
import time
from collections.abc import Callable, Sequence

import attrs
from twisted.application.service import Service
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from mobility.auth.lockout import Lockout
from mobility.config import SipConfig, SipListenerConfig, tcp_address
from mobility.domain.bindings import Bindings
from mobility.domain.users import Users
from mobility.errors import OperatorFault
from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor
from mobility.sip.admission import Admission
from mobility.sip.client import Client
from mobility.sip.core import Core
from mobility.sip.dialog import Entropy, Pool
from mobility.sip.framing import MAX_MESSAGE_BYTES
from mobility.sip.locating import AddressLocator, system_lookup
from mobility.sip.outgoing import Outgoing
from mobility.sip.registrar import Registrar
from mobility.sip.server import ConnectionTable, SipDatagrams, SipServer

EVENTS: Catalogue = {
    "sip.datagrams_started": {
        "listener": "the listener's name",
        "address": "where it listens",
    },
}


@attrs.frozen(slots=True)
class SipServices:
    """What the SIP side needs of the front end.  `nonce_secret` signs nonces (32 bytes)."""

    users: Users
    bindings: Bindings
    lockout: Lockout
    nonce_secret: bytes = attrs.field(repr=False)


class SipSide:
    """Everything behind the SIP listeners."""

    def __init__(
        self,
        settings: SipConfig,
        domains: Sequence[str],
        services: SipServices,
        reactor: IReactor,
        log: EventLog,
        pseudonym: Callable[[str], str],
        *,
        epoch: Callable[[], float] = time.time,
        entropy: Entropy = os.urandom,
    ) -> None:
        entropy = Pool(entropy)
        self._settings = settings
        self._reactor = reactor
        self.core = Core(reactor, log, entropy)
        self.connections = ConnectionTable(reactor, settings.max_connections)
        admission = Admission(
            services.users,
            domains,
            settings,
            services.lockout,
            services.nonce_secret,
            entropy,
            epoch,
            log,
            pseudonym,
        )
        self.registrar = Registrar(services.users, services.bindings, admission, settings, epoch)
        self.outgoing = Outgoing(
            self.core,
            self.connections,
            reactor,
            log,
            None,
            requests_per_s=settings.requests_per_s,
            burst=settings.burst,
        )
        locator = AddressLocator(system_lookup(reactor), _open_transport(settings))
        self.client = Client(self.core, self.outgoing, locator, reactor, log, entropy)
        self.core.serve("REGISTER", self.registrar.register)
        self.core.departures.append(self.registrar.broken)

    def server(self, listener: SipListenerConfig) -> SipServer:
        """What a stream listener serves."""
        transport = "TLS" if listener.tls else "TCP"
        self.outgoing.ports.setdefault(transport, tcp_address(listener.endpoint)[1])
        return SipServer(
            listener.name,
            self.core,
            self.connections,
            self._reactor,
            secure=listener.tls,
            requests_per_s=self._settings.requests_per_s,
            burst=self._settings.burst,
        )

    def datagrams(self, listener: SipListenerConfig) -> SipDatagrams:
        """What a datagram listener serves."""
        datagrams = SipDatagrams(
            listener.name,
            self.core,
            requests_per_s=self._settings.requests_per_s,
            burst=self._settings.burst,
        )
        self.outgoing.datagrams.append(datagrams)
        return datagrams


def _open_transport(settings: SipConfig) -> str:
    """How a target is reached that leaves it open (RFC 3263 section 4.1): over UDP, if it can."""
    return "UDP" if any(one.transport == "udp" for one in settings.listeners) else "TCP"


class DatagramListener(Service):
    """One UDP `[[sip.listen]]` table in operation.  Starting raises OperatorFault."""

    def __init__(
        self,
        settings: SipListenerConfig,
        where: str,
        dotted: str,
        datagrams: SipDatagrams,
        reactor: IReactor,
        log: EventLog,
    ) -> None:
        self.settings = settings
        self._where = where
        self._dotted = f"{dotted}.endpoint"
        self._datagrams = datagrams
        self._reactor = reactor
        self._log = log
        self._port: IListeningPort | None = None

    @property
    def address(self) -> str:
        """Where it listens, "" before it does."""
        if self._port is None:
            return ""
        host = self._port.getHost()
        return f"{host.host}:{host.port}" if isinstance(host, IPv4Address) else str(host)

    @property
    def problem(self) -> str:
        """Why nobody can reach it, "" when somebody can."""
        return "" if self._port is not None else f"listener {self.settings.name} is closed"

    def privilegedStartService(self) -> None:
        """Open the socket; it is done when this returns."""
        address, port = self.settings.udp_address
        try:
            self._port = self._reactor.listenUDP(port, self._datagrams, address, MAX_MESSAGE_BYTES)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            problem = f"is {self.settings.endpoint!r}, which cannot listen: {reason}"
            raise OperatorFault(self._where, problem, self._dotted) from error
        self._log.emit("sip.datagrams_started", listener=self.settings.name, address=self.address)

    def stopService(self) -> Deferred[None]:
        """Receive nothing more."""
        super().stopService()
        port, self._port = self._port, None
        stopped = maybeDeferred(port.stopListening) if port is not None else succeed(None)
        return stopped.addCallback(lambda _: None)
