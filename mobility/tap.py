"""`twistd mobility`: its options, and the service that holds a front end and all around it."""

import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from twisted.application.service import IServiceCollection, MultiService
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.usage import Options as TwistedOptions

from mobility import __version__
from mobility.administration import administration_routes, make_data_dir
from mobility.config import Config, load
from mobility.daemon import FLUSH_S, log_destination, refused, settle_memory
from mobility.domain.deflections import Deflections
from mobility.domain.late_ringing import LateMessages
from mobility.errors import OperatorFault
from mobility.events import Catalogue
from mobility.front_end import FrontEnd
from mobility.http.connections import Connections, connection_limit
from mobility.http.message import Request, Response, Site
from mobility.http.route import Route
from mobility.http.service import RequestService
from mobility.http.site import HttpSite
from mobility.operate import descriptors, directory, health, status
from mobility.operate.access import OperatorAccess
from mobility.operate.certificates import CertificateDays, Certificates
from mobility.operate.health import OPERATOR, Health
from mobility.operate.keys import OPERATOR_KEY, PSEUDONYM_KEY, pseudonyms, read_or_make_key
from mobility.operate.listeners import Listener, check_endpoints
from mobility.operate.log import LogFile, TwistedObserver
from mobility.operate.metrics import MeteredLog, Metrics
from mobility.operate.running_configuration import RunningConfiguration
from mobility.operate.signals import Signals
from mobility.operate.wall_clock import LOOK_S, WallClock
from mobility.push_federation import around_side, federated_house
from mobility.reactor import IReactor, steady
from mobility.schedule import Recurring
from mobility.sip.call_line import Domain
from mobility.sip.event_side import EventServices
from mobility.sip.gateway_legs import Gateways
from mobility.sip.mixer_legs import SipMixer
from mobility.sip.pages import PageDomain
from mobility.sip.probing import TICK_S
from mobility.sip.service import SipServices, SipSide
from mobility.sip.sources import Sources
from mobility.sip_listeners import SipListener, sip_listeners
from mobility.standing import Standing
from mobility.store.lock import exclusive_lock

EVENTS: Catalogue = {
    "service.starting": {"version": "of the program", "config": "the configuration file"},
    "service.refused": {"reason": "why it does not start: file, key and rule"},
    "service.draining": {"parked": "pending event requests, which are answered now"},
    "service.drain_timeout": {"listeners": "names of those with requests not answered in time"},
    "service.stopped": {},
}

SWEEP_PAGES_S = 30.0
"""How often conversations over MESSAGE requests are looked at that nobody writes in (our
choice)."""

CONFIG_VARIABLE = "MOBILITY_CONFIG"


class Options(TwistedOptions):
    """The command line of `twistd mobility`."""

    synopsis = "[--config FILE]"
    optParameters = [
        ("config", "c", None, f"The configuration file; {CONFIG_VARIABLE} unless it is given."),
    ]


def makeService(options: Options) -> "MobilityService":
    """Everything, ready to start.  A fault of the operator ends the process with one line."""
    from twisted.internet import reactor

    try:
        config = load(_config_file(options))
        file = LogFile(
            log_destination(options, config.log.destination, config.source), str(config.source)
        )
        return MobilityService(config, file, steady(reactor))
    except OperatorFault as fault:
        raise refused(fault) from None


def _config_file(options: Options) -> Path:
    name = options["config"] or os.environ.get(CONFIG_VARIABLE)
    if not name:
        raise OperatorFault(f"twistd mobility needs --config FILE or {CONFIG_VARIABLE}", "")
    return Path(name)


class MobilityService(MultiService):
    """One front end in operation: listeners, log, metrics, health and signals around it.

    Building it checks everything that can be checked before the process may become a daemon:
    certificates, keys, ports, the store and its schema.  It raises OperatorFault; starting raises
    Refused.
    """

    def __init__(self, config: Config, file: LogFile, reactor: IReactor) -> None:
        super().__init__()
        self._reactor = reactor
        self._drain_timeout_s = config.drain_timeout_s
        self._file = file
        self._started_at = time.time()
        self.metrics = Metrics()
        self.log = MeteredLog(file.log, self.metrics, access=config.log.access)
        file.log.gather(lambda write: reactor.callLater(0, write))
        self.log.emit("service.starting", version=__version__, config=str(config.source))
        try:
            self._build(config)
        except OperatorFault as fault:
            self.log.emit("service.refused", reason=str(fault))
            raise

    def _build(self, config: Config) -> None:
        descriptors.raise_limit(self.log)
        certificates = Certificates(config, self.log)
        make_data_dir(config)
        key = read_or_make_key(config.data_dir / OPERATOR_KEY)
        pseudonym = pseudonyms(read_or_make_key(config.data_dir / PSEUDONYM_KEY))
        self._lock = exclusive_lock(config.store.path)
        check_endpoints(config, self._reactor)
        self._telephones = Gateways(config.sip_domains[0], config.forwarding.voicemail)
        mixer = config.meetings.mixer
        self._mixer = SipMixer(mixer, config.sip_domains[0]) if mixer.uri else None
        self._federated = federated_house(config)
        self.front_end = FrontEnd(
            config,
            reactor=self._reactor,
            log=self.log,
            pseudonym=pseudonym,
            dispatch=self._dispatch,
            telephones=self._telephones,
            mixer=self._mixer,
            house=self._federated[0] if self._federated is not None else None,
        )
        self.front_end.setServiceParent(self)
        if self.front_end.directory is not None:
            self.front_end.directory.setServiceParent(self)
        if self.front_end.mcx.watch is not None:
            self.front_end.mcx.watch.setServiceParent(self)
        self._add_signals(config, certificates)
        self._connections = Connections(self._reactor, connection_limit(config.web.max_connections))
        access = OperatorAccess(key)
        self._draining = ""
        self.health = self._health()
        self.listeners: list[Listener] = []
        self._web_listeners: list[Listener] = []
        self._listen_sip(config, certificates, pseudonym)
        standing = Standing(
            self.front_end,
            self._connections,
            self.sip,
            self.listeners,
            self.sip_listeners,
            self._started_at,
        )
        standing.add_to(self.metrics)
        waking = self.front_end.waking

        def ends() -> dict[str, datetime]:
            shown = waking.certificate_end
            return certificates.ends() | ({} if shown is None else {"push": shown})

        self.metrics.registry.register(CertificateDays(ends))
        self._listen(
            config,
            certificates,
            [
                *self.front_end.routes,
                *health.routes(self.health, self.metrics),
                status.route(access, self.health, standing.counts),
                *administration_routes(self.front_end, config, access, self.log, pseudonym),
                *self._directory_routes(access),
            ],
            pseudonym,
        )

    def _listen(
        self,
        config: Config,
        certificates: Certificates,
        routes: list[Route],
        pseudonym: Callable[[str], str],
    ) -> None:
        """A site and a listener for each `[[listen]]` table; the route says on which it is."""
        self._sites: dict[str, HttpSite] = {}
        self._services: dict[Site, RequestService] = {}
        for number, settings in enumerate(config.listeners):
            site = HttpSite(
                settings.site,
                routes,
                listener=settings.name,
                web=config.web,
                server_fqdn=config.server_fqdn,
                authenticate=self.front_end.authenticator.authenticate,
                pseudonym=pseudonym,
                log=self.log,
                clock=self._reactor,
                connections=self._connections,
                subtrees=self.front_end.subtrees,
            )
            tls = certificates.listeners.get(settings.name)
            where, dotted = str(config.source), f"listen[{number}]"
            listener = Listener(settings, where, dotted, site, tls, self._reactor, self.log)
            listener.setServiceParent(self)
            self.listeners.append(listener)
            if settings.site.name not in OPERATOR:
                self._web_listeners.append(listener)
            self._sites[settings.name] = site
            self._services[settings.site] = site.service

    def _listen_sip(
        self, config: Config, certificates: Certificates, pseudonym: Callable[[str], str]
    ) -> None:
        front_end = self.front_end
        services = SipServices(
            front_end.users,
            front_end.bindings,
            front_end.past.devices,
            front_end.sign_in.lockout,
            front_end.nonce_secret,
            lambda: front_end.voice.gateways,
            PageDomain(
                front_end.users,
                front_end.applications,
                front_end.conversations.reach,
                front_end.correspondence,
            ),
            Domain(
                front_end.agenda,
                front_end.conversations,
                front_end.calls,
                front_end.renegotiations,
                time.time,
            ),
            front_end.telephony.outside if front_end.telephony is not None else None,
            self._telephones,
            config.forwarding.voicemail,
            lambda uri: front_end.forwarding.destinations.policy_of(uri).enable_call_transfer,
            Deflections(front_end.conversations, front_end.calls.stages, front_end.forwarding),
            EventServices(
                front_end.users,
                front_end.presence,
                front_end.privacy,
                front_end.applications,
                front_end.conversations,
                front_end.contacts,
                front_end.phones.presence,
                front_end.phones.voicemail,
                front_end.phones.elsewhere,
            ),
            mixer=self._mixer,
            dial_in=front_end.dial_in,
        )
        self.sip = SipSide(
            config.sip,
            config.sip_domains,
            services,
            self._reactor,
            self.log,
            pseudonym,
            tls=certificates.peers,
            sources=Sources.of(config.topology.interfaces, config.topology.mediation),
        )
        if self._federated is not None:
            self._federated[1].open(around_side(self.sip))
        front_end.bus.subscribe("sip events", self.sip.events.committed)
        letters = LateMessages(front_end.agenda, front_end.conversations, front_end.correspondence)
        front_end.bindings.changes.append(letters.came)
        self.sip_listeners = sip_listeners(config, self.sip, certificates, self._reactor, self.log)
        for listener in self.sip_listeners:
            listener.setServiceParent(self)
        probes = Recurring("sip probes", TICK_S, self.sip.probing.tick, self._reactor, self.log)
        probes.setServiceParent(self)
        recurring = Recurring(
            "sip messages", SWEEP_PAGES_S, self._sweep_pages, self._reactor, self.log
        )
        recurring.setServiceParent(self)

    @property
    def _all_listeners(self) -> list[SipListener]:
        return [*self.listeners, *self.sip_listeners]

    def _add_signals(self, config: Config, certificates: Certificates) -> None:
        running = RunningConfiguration(config, self.log)

        def reload() -> None:
            certificates.reload()
            running.look()

        actions: dict[signal.Signals, Callable[[], object]] = {
            signal.SIGTERM: self._stop_reactor,
            signal.SIGHUP: reload,
            signal.SIGUSR1: self._file.reopen,
        }
        Signals(actions, self._reactor, self.log).setServiceParent(self)
        Recurring("log flush", FLUSH_S, self._flush, self._reactor, self.log).setServiceParent(self)
        clock = WallClock(time.time, time.monotonic, self.log)
        Recurring("clock", LOOK_S, clock.look, self._reactor, self.log).setServiceParent(self)

    def _health(self) -> Health:
        checks = Health()
        ledger = self.front_end.store.ledger
        checks.add(lambda: self._draining)
        checks.add(lambda: "" if ledger.available else "the store cannot be written")
        checks.add(lambda: ", ".join(filter(None, (one.problem for one in self._all_listeners))))
        pool = self.front_end.mcx.pool
        if pool is not None:
            checks.remark(lambda: pool.problem)
        mixer = self._mixer
        if mixer is not None:
            checks.remark(lambda: "" if mixer.there else "the conference server is not there")
        return checks

    def _directory_routes(self, access: OperatorAccess) -> list[Route]:
        found = self.front_end.directory
        return [] if found is None else [directory.route(access, found.replicator)]

    def _dispatch(self, request: Request) -> Deferred[Response]:
        """Run a part of a batch on the site that the batch came to."""
        return self._services[request.site].dispatch(request)

    async def _sweep_pages(self) -> None:
        await self.front_end.correspondence.sweep(time.time())

    async def _flush(self) -> None:
        self._file.log.flush()

    def _stop_reactor(self) -> None:
        if not self._draining:
            self._reactor.stop()

    # -- the life of a twistd service --------------------------------------------------------

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Join the application, whose log twistd is to write through ours."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, TwistedObserver(self.log))
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """Open the listeners."""
        settle_memory()
        try:
            super().privilegedStartService()
        except OperatorFault as fault:
            self.log.emit("service.refused", reason=str(fault))
            for listener in self._all_listeners:
                listener.stopService()
            raise refused(fault) from None

    def stopService(self) -> Deferred[None]:
        """Stop accepting, answer what is parked, finish what is under way, close the store.

        Readiness says so from the start; the operator listener goes on until the last moment.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._draining = "the front end is stopping"
        parked = self.front_end.channels.parked
        self.log.emit("service.draining", parked=parked)
        self.sip.events.close()
        self.sip.calls.close()
        self._telephones.close()
        for sip in self.sip_listeners:
            await sip.stopService()
        self.sip.connections.close()
        web = self._web_listeners
        for listener in web:
            await listener.stopService()
        drained = {one.settings.name: self._sites[one.settings.name].drain() for one in web}
        self.front_end.channels.drain()
        self.front_end.mcx.drain()
        await self._in_time(drained)
        await super().stopService()
        self._lock.release()
        self.log.emit("service.stopped")
        self._file.log.flush()

    async def _in_time(self, drained: dict[str, Deferred[None]]) -> None:
        """Wait for all sites, but not longer than a stop may take."""
        late = set(drained)
        for name, done in drained.items():
            done.addCallback(lambda _, name: late.discard(name), name)
        waiting = DeferredList(list(drained.values()), consumeErrors=True)
        try:
            await waiting.addTimeout(self._drain_timeout_s, self._reactor)
        except defer.TimeoutError:
            self.log.emit("service.drain_timeout", listeners=sorted(late))
