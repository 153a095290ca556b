"""The SIP side of a front end: one core, the servers of its listeners, and its datagram sockets."""

import os
import time
from collections.abc import Callable, Iterable, Sequence

import attrs
from twisted.application.service import Service
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from mobility.auth.lockout import Lockout
from mobility.config import SipConfig, SipListenerConfig, tcp_address
from mobility.domain.bindings import Bindings
from mobility.domain.deflections import Deflections
from mobility.domain.devices import Devices
from mobility.domain.dial_in import DialIn
from mobility.domain.late_ringing import LateRinging
from mobility.domain.outside_calls import OutsideCalls
from mobility.domain.users import Users
from mobility.domain.voice_objects import Gateway
from mobility.errors import OperatorFault
from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor
from mobility.sip.accounts import Accounts
from mobility.sip.admission import Admission
from mobility.sip.call_line import Domain
from mobility.sip.call_messages import ACCEPT as CALL_BODIES
from mobility.sip.calls import Reaching, SipCalls
from mobility.sip.capabilities import Capabilities
from mobility.sip.carrier import SipCarrier
from mobility.sip.challenges import Account
from mobility.sip.client import Client
from mobility.sip.conference_watch import ConferenceWatch
from mobility.sip.core import Core
from mobility.sip.dialog import Entropy, Pool
from mobility.sip.event_side import EventServices, EventSide
from mobility.sip.framing import MAX_MESSAGE_BYTES
from mobility.sip.gateway_legs import Gateways
from mobility.sip.gruu import Gruus
from mobility.sip.identity import Identity
from mobility.sip.locating import DnsLocator, system_records
from mobility.sip.meeting_calls import MeetingCalls
from mobility.sip.message_bodies import ACCEPT
from mobility.sip.mixer_legs import SipMixer
from mobility.sip.outgoing import ClientTls, Outgoing, Place
from mobility.sip.pages import PageDomain, Pages
from mobility.sip.parties import Parties
from mobility.sip.probing import Probing
from mobility.sip.questions import Questions
from mobility.sip.redirects import Redirects
from mobility.sip.registrar import Registrar
from mobility.sip.server import ConnectionTable, SipDatagrams, SipServer
from mobility.sip.sessions import Sessions
from mobility.sip.sources import Sources
from mobility.sip.static_routes import StaticRoutes

EVENTS: Catalogue = {
    "sip.datagrams_started": {
        "listener": "the listener's name",
        "address": "where it listens",
    },
}


@attrs.frozen(slots=True)
class SipServices:
    """What the SIP side needs of the front end.

    `nonce_secret` signs nonces and seals temporary GRUUs (32 bytes).
    """

    users: Users
    bindings: Bindings
    devices: Devices
    lockout: Lockout
    nonce_secret: bytes = attrs.field(repr=False)
    gateways: Callable[[], Iterable[Gateway]]
    pages: PageDomain
    calls: Domain
    outside: OutsideCalls | None
    telephones: Gateways
    voicemail: str = attrs.field(repr=False)
    may_transfer: Callable[[str], bool]
    deflections: Deflections
    events: EventServices
    mixer: SipMixer | None = None
    """Of meetings, where there is one."""
    dial_in: DialIn | None = None
    """Lets callers into meetings that are mixed."""


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
        tls: ClientTls | None = None,
        sources: Sources | None = None,
        epoch: Callable[[], float] = time.time,
        entropy: Entropy = os.urandom,
    ) -> None:
        """`tls` is the client side of TLS, None for none; `sources` are the addresses that requests
        leave from, None for what the system chooses.

        Raises OperatorFault for an account whose password cannot be read.
        """
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
        gruus = Gruus(
            services.users, services.bindings, domains, services.nonce_secret, entropy, epoch
        )
        self.registrar = Registrar(
            services.users, services.bindings, admission, settings, epoch, services.devices, gruus
        )
        self.outgoing = Outgoing(
            self.core,
            self.connections,
            reactor,
            log,
            tls,
            requests_per_s=settings.requests_per_s,
            burst=settings.burst,
            sources=sources,
        )
        self.records = system_records(reactor, settings.resolvers)
        locator = DnsLocator(self.records, _spoken(settings, tls), entropy)
        mixer = services.mixer
        self.routes = StaticRoutes(
            settings,
            services.gateways,
            lambda target: self.probing.is_down(target),
            entropy,
            mixer.settings if mixer is not None else None,
        )
        proofs = {
            one.name: Account(one.name, one.username, one.secret, one.realm)
            for one in settings.accounts
        }
        accounts = Accounts(proofs, self.routes.accounts_towards, entropy, log)
        redirects = Redirects(self.routes.ways, domains, settings.max_redirects, log)
        self.client = Client(
            self.core, self.outgoing, locator, reactor, log, entropy, accounts, redirects
        )
        self.client.onward = self.registrar.onward
        self.probing = Probing(self.client, self.routes.watched, domains[0], reactor, log)
        parties = Parties(services.users, domains, admission, services.gateways, gruus=gruus)
        self.events = EventSide(
            self.core,
            self.client,
            Identity(admission, parties, services.users, domains),
            services.events,
            self.routes,
            settings,
            reactor,
            log,
            pseudonym,
        )
        self.core.serve("REGISTER", self.registrar.register)
        self.core.departures.append(self.registrar.broken)
        parties = Parties(
            services.users, domains, admission, services.gateways, self.routes.trusted_for, gruus
        )
        self.calls = SipCalls(
            Reaching(
                self.core,
                self.client,
                self.registrar,
                services.bindings,
                self.routes,
                domains[0],
                services.voicemail,
            ),
            parties,
            services.calls,
            services.outside,
            LateRinging(services.calls.conversations, services.calls.calls.stages),
            services.may_transfer,
            services.deflections,
            log,
            pseudonym,
        )

        services.telephones.open(self.core, self.client, self.routes)
        services.telephones.transfer = self.calls.transfers.refer
        if mixer is not None:
            watch = ConferenceWatch(self.events.watching, domains[0])
            if services.dial_in is not None:
                self.calls.meetings = MeetingCalls(
                    services.dial_in, services.calls, domains, self.core.later
                )
            mixer.open(self.core, self.client, self.routes, log, watch)
        carrier = SipCarrier(
            self.client,
            self.registrar,
            services.bindings,
            services.users,
            self.routes,
            domains[0],
            epoch,
            log,
        )
        self.pages = Pages(services.pages, domains, parties, carrier, epoch)
        capabilities = Capabilities(self.client, carrier, parties, services.pages.reach, domains[0])
        self.core.serve("OPTIONS", capabilities.before(self.core.options))
        self.questions = Questions(self.core, self.client, self.outgoing, locator)
        self.core.serve("MESSAGE", self.questions.before(self.pages.message))
        carrier.sessions = Sessions(
            self.core,
            self.client,
            parties,
            services.pages.correspondence,
            self.routes,
            self.pages.begins_with,
            domains[0],
            epoch,
            self.calls.invite,
        )
        self.core.offers["Accept"] = ", ".join(
            filter(None, (self.core.offers.get("Accept"), CALL_BODIES, ACCEPT))
        )

    def server(self, listener: SipListenerConfig) -> SipServer:
        """What a stream listener serves."""
        transport = "TLS" if listener.tls else "TCP"
        bound, port = tcp_address(listener.endpoint)
        place = Place(bound, listener.advertise, port)
        self.outgoing.places.setdefault(transport, []).append(place)
        return SipServer(
            listener.name,
            self.core,
            self.connections,
            self._reactor,
            secure=listener.tls,
            requests_per_s=self._settings.requests_per_s,
            burst=self._settings.burst,
            advertise=listener.advertise,
        )

    def datagrams(self, listener: SipListenerConfig) -> SipDatagrams:
        """What a datagram listener serves."""
        datagrams = SipDatagrams(
            listener.name,
            self.core,
            requests_per_s=self._settings.requests_per_s,
            burst=self._settings.burst,
            advertise=listener.advertise,
        )
        self.outgoing.datagrams.append(datagrams)
        return datagrams


def _spoken(settings: SipConfig, tls: ClientTls | None) -> set[str]:
    """The transports that requests can go over."""
    spoken = {"TCP"}
    if any(one.transport == "udp" for one in settings.listeners):
        spoken.add("UDP")
    if tls is not None:
        spoken.add("TLS")
    return spoken


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
