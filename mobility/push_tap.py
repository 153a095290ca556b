"""`twistd mobility-push`: a clearing house with its listeners, log, metrics, health and signals."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.application.service import IServiceCollection, MultiService
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.threadpool import ThreadPool
from twisted.python.usage import Options as TwistedOptions

from mobility import __version__
from mobility.clearing_house import store
from mobility.clearing_house.apps import Surroundings, build_apps
from mobility.clearing_house.credentials import Credentials
from mobility.clearing_house.figures import ClearingCollector
from mobility.clearing_house.house import ClearingHouse
from mobility.clearing_house.intake import Intake
from mobility.clearing_house.organisations import Organisations, names_of
from mobility.clearing_house.questions import Desk
from mobility.clearing_house.routes import CONNECTIONS, known_to, routes
from mobility.clearing_house.settings import Settings, SipSettings, from_next_start, load
from mobility.clearing_house.verdicts import Verdicts
from mobility.clearing_house.whereabouts import Tracer
from mobility.clearing_house.writer import Writer
from mobility.config import SipListenerConfig
from mobility.config.web import ListenerConfig, WebConfig
from mobility.daemon import FLUSH_S, log_destination, refused, settle_memory
from mobility.errors import OperatorFault
from mobility.events import Catalogue
from mobility.http.client_certificates import ClientCertificates
from mobility.http.connections import Connections, connection_limit
from mobility.http.errors import Unauthorised
from mobility.http.message import Caller, Request
from mobility.http.route import Route
from mobility.http.service import Authenticate
from mobility.http.site import HttpSite
from mobility.operate import descriptors, health
from mobility.operate.certificates import CertificateDays, ListenerTls
from mobility.operate.health import Health
from mobility.operate.listeners import Listener, check_endpoint
from mobility.operate.log import LogFile, TwistedObserver
from mobility.operate.metrics import MeteredLog, Metrics
from mobility.operate.signals import Signals
from mobility.operate.wall_clock import LOOK_S, WallClock
from mobility.push_messages import PushMessages, listener_settings
from mobility.reactor import IReactor, steady
from mobility.schedule import Recurring
from mobility.store.connection import connect_writer
from mobility.store.lock import exclusive_lock

EVENTS: Catalogue = {
    "clearing.starting": {"version": "of the program", "config": "the configuration file"},
    "clearing.refused_to_start": {"reason": "why it does not start: file, key and rule"},
    "clearing.reloaded": {
        "organisations": "how many may send",
        "apps": "how many platforms and app ids are served",
    },
    "clearing.restart_needed": {
        "keys": "keys of the configuration file that differ from what runs: they count from the "
        "next start, everything else has been taken",
    },
    "clearing.reload_failed": {"reason": "file, key and rule; everything goes on as it was"},
    "clearing.stopped": {"waiting": "pushes that the next start will send"},
}

READERS = 4
"""Threads that read bodies from the store (our choice)."""

DRAIN_S = 8.0
SWEEP_S = 60.0
KEEP_ALIVE_S = 120.0


class Options(TwistedOptions):
    """The command line of `twistd mobility-push`."""

    synopsis = "--config FILE"
    optParameters = [("config", "c", None, "The clearing house's configuration file.")]


def makeService(options: Options) -> "ClearingHouseService":
    """Everything, ready to start.  A fault of the operator ends the process with one line."""
    from twisted.internet import reactor

    try:
        if not options["config"]:
            raise OperatorFault("twistd mobility-push needs --config FILE", "")
        settings = load(Path(options["config"]))
        destination = log_destination(options, settings.log.destination, settings.source)
        file = LogFile(destination, str(settings.source))
        return ClearingHouseService(settings, file, steady(reactor))
    except OperatorFault as fault:
        raise refused(fault) from None


class ClearingHouseService(MultiService):
    """One clearing house in operation.

    Building it checks everything that can be checked before the process may become a daemon:
    certificates, keys, ports and the store.  It raises OperatorFault; starting raises Refused.
    """

    def __init__(
        self,
        settings: Settings,
        file: LogFile,
        reactor: IReactor,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._began = self._settings = settings
        self._reactor = reactor
        self._file = file
        self._epoch = epoch
        self.metrics = Metrics()
        self.log = MeteredLog(file.log, self.metrics, access=settings.log.access)
        file.log.gather(lambda write: reactor.callLater(0, write))
        self.log.emit("clearing.starting", version=__version__, config=str(settings.source))
        try:
            self._build(settings)
        except OperatorFault as fault:
            self.log.emit("clearing.refused_to_start", reason=str(fault))
            raise

    def _build(self, settings: Settings) -> None:
        descriptors.raise_limit(self.log)
        self._tls = self._read_tls(settings)
        for tls in self._tls:
            tls.log_loaded(self.log)
        _make_data_dir(settings)
        self._lock = exclusive_lock(settings.queue.path)
        for dotted, listener in (
            ("federation", settings.federation),
            ("operator", settings.operator),
        ):
            check_endpoint(listener.endpoint, self._reactor, str(settings.source), dotted)
        self._around = Surroundings(self._reactor, self.log, self._epoch)
        apps = build_apps(settings, self._around)
        self._build_house(settings, apps)
        self._draining = ""
        checks = Health()
        checks.add(lambda: self._draining)
        checks.add(lambda: "" if self.writer.available else "the store cannot be written")
        checks.add(lambda: ", ".join(filter(None, (one.problem for one in self.listeners))))
        self.metrics.registry.register(
            ClearingCollector(self.house.figures, self.credentials.known)
        )
        self.metrics.registry.register(
            CertificateDays(lambda: {tls.name: tls.not_after for tls in self._tls})
        )
        actions: dict[signal.Signals, Callable[[], object]] = {
            signal.SIGHUP: self.reload,
            signal.SIGUSR1: self._file.reopen,
        }
        Signals(actions, self._reactor, self.log).setServiceParent(self)
        connections = Connections(self._reactor, connection_limit(0))
        self._sites: list[HttpSite] = []
        federation = routes(self.intake, self.verdicts, self.credentials, self.tracer)
        self.listeners = [
            self._listener(settings.federation, "federation", federation, 0, connections),
            self._listener(
                settings.operator, "operator", health.routes(checks, self.metrics), 1, connections
            ),
        ]
        self.messages = None if settings.sip is None else self._listen_sip(settings.sip)
        clock = WallClock(self._epoch, time.monotonic, self.log)
        for name, service in (
            ("clock", Recurring("clock", LOOK_S, clock.look, self._reactor, self.log)),
            ("log flush", Recurring("log flush", FLUSH_S, self._flush, self._reactor, self.log)),
            ("sweep", Recurring("sweep", SWEEP_S, self._sweep, self._reactor, self.log, now=True)),
        ):
            service.setName(name)
            service.setServiceParent(self)

    def _build_house(self, settings: Settings, apps: Any) -> None:
        path, synchronous = settings.queue.path, settings.queue.synchronous
        connection, stream = store.open_store(path, synchronous)
        connection.close()
        self.writer = Writer(lambda: connect_writer(path, synchronous), self._reactor, self.log)
        self._pool = ThreadPool(1, READERS, name="clearing-house-readers")
        self.organisations = Organisations(settings.organisations, self._reactor.seconds)
        self.house = ClearingHouse(
            self.organisations,
            apps,
            self.writer,
            lambda: store.Reader(path),
            stream,
            bodies_in_memory=settings.queue.bodies_in_memory,
            reactor=self._reactor,
            log=self.log,
            pool=self._pool,
            epoch=self._epoch,
        )
        self.intake = Intake(
            self.house,
            self.writer,
            max_queued=settings.queue.max_queued,
            log=self.log,
            epoch=self._epoch,
        )
        self.verdicts = Verdicts(self.house, self.writer, self._reactor)
        self.credentials = Credentials(self.house, self._reactor, self.log, self._epoch)
        self.tracer = Tracer(self.house.read, self.house.destinations)

    def _listen_sip(self, sip: SipSettings) -> PushMessages:
        """Also take notifications by SIP MESSAGE."""
        desk = Desk(self.intake, self.verdicts, self.credentials, self.tracer)
        messages = PushMessages(sip, self.organisations, desk, self._reactor, self.log)
        where, settings = str(self._settings.source), listener_settings(sip)
        listener = Listener(
            settings, where, settings.name, messages.server, self._tls[2], self._reactor, self.log
        )
        listener.check()
        listener.setServiceParent(self)
        self.listeners.append(listener)
        return messages

    def _read_tls(self, settings: Settings) -> list[ListenerTls]:
        """The certificates of the listeners there are: of front ends over HTTPS, of the operator,
        and of SIP."""
        sip = self._began.sip and (settings.sip or self._began.sip)
        named: list[tuple[ListenerConfig | SipListenerConfig, Path | None]] = [
            (settings.federation, settings.client_ca),
            (settings.operator, None),
        ]
        if sip is not None:
            named.append((listener_settings(sip), sip.client_ca))
        return [
            ListenerTls(
                listener.name,
                cast(Path, listener.certificate),
                cast(Path, listener.key),
                str(settings.source),
                listener.name,
                client_ca=client_ca,
                require_client=client_ca is not None,
            )
            for listener, client_ca in named
        ]

    def _listener(
        self,
        settings: ListenerConfig,
        dotted: str,
        served: list[Route],
        tls: int,
        connections: Connections,
    ) -> Listener:
        certificates = None
        authenticate: Authenticate = _nobody
        if dotted == "federation":
            certificates = ClientCertificates(_names, CONNECTIONS)
            authenticate = known_to(self.organisations)
        site = HttpSite(
            settings.site,
            served,
            listener=settings.name,
            web=WebConfig("", "", keep_alive_timeout_s=KEEP_ALIVE_S),
            server_fqdn="",
            authenticate=authenticate,
            pseudonym=lambda uri: uri,
            log=self.log,
            clock=self._reactor,
            connections=connections,
            epoch=self._epoch,
            certificates=certificates,
        )
        self._sites.append(site)
        listener = Listener(
            settings,
            str(self._settings.source),
            dotted,
            site,
            self._tls[tls],
            self._reactor,
            self.log,
        )
        listener.setServiceParent(self)
        return listener

    def reload(self) -> None:
        """Take organisations, apps, credentials, certificates and bounds as the files are now
        (SIGHUP).

        All of it or nothing.  Where it listens and what it has open stays as it began, which the
        log tells where the file says otherwise.
        """
        try:
            settings = load(self._settings.source)
            apps = build_apps(settings, self._around)
            certificates = self._read_tls(settings)
        except OperatorFault as fault:
            self.log.emit("clearing.reload_failed", reason=str(fault))
            return
        for tls, read in zip(self._tls, certificates, strict=True):
            tls.become(read)
            tls.log_loaded(self.log)
        self._settings = settings
        self.intake.max_queued = settings.queue.max_queued
        self.house.bodies_in_memory = settings.queue.bodies_in_memory
        self.log.keep_access(settings.log.access)
        self.organisations.replace(settings.organisations)
        self.house.replace_apps(apps)
        self.credentials.renew()
        self.log.emit(
            "clearing.reloaded", organisations=len(settings.organisations), apps=len(apps)
        )
        if keys := from_next_start(self._began, settings):
            self.log.emit("clearing.restart_needed", keys=keys)

    def flush(self) -> None:
        """Write the log lines that are held back."""
        self._file.log.flush()

    async def _flush(self) -> None:
        self.flush()

    async def _sweep(self) -> None:
        now = int(self._epoch())
        while await self.writer.run(lambda cursor: store.sweep(cursor, now)) >= store.SWEEP_ROWS:
            pass

    # -- the life of a twistd service --------------------------------------------------------

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Join the application, whose log twistd is to write through ours."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, TwistedObserver(self.log))
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """Queue what the last process left, and open the listeners."""
        reader = store.Reader(self._settings.queue.path)
        self.writer.start()
        self._pool.start()
        self.house.resume(reader.waiting())
        reader.close()
        settle_memory()
        try:
            super().privilegedStartService()
        except OperatorFault as fault:
            self.log.emit("clearing.refused_to_start", reason=str(fault))
            for listener in self.listeners:
                listener.stopService()
            raise refused(fault) from None

    def startService(self) -> None:
        super().startService()
        self.house.pump()
        self.credentials.start()

    def stopService(self) -> Deferred[None]:
        """Accept nothing more, answer who waits, store what has ended, close the store."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._draining = "the clearing house is stopping"
        self.credentials.stop()
        for listener in (self.listeners[0], *self.listeners[2:]):
            await listener.stopService()
        drained = self._sites[0].drain()
        self.house.closing = True
        self.verdicts.drain()
        await self.house.close()
        try:
            await drained.addTimeout(DRAIN_S, self._reactor)
        except defer.TimeoutError:
            pass  # whoever is not answered by now asks again
        if self.messages is not None:
            await self.messages.drain(DRAIN_S)
            self.messages.stop()
        await super().stopService()
        await self.writer.stop()
        self._pool.stop()
        self._lock.release()
        self.log.emit("clearing.stopped", waiting=self.house.queued)
        self._file.log.flush()


def _nobody(_request: Request) -> Caller:
    """No route here has a bearer token."""
    raise Unauthorised([])


def _names(transport: object) -> frozenset[str]:
    """The host names in the certificate of the client at the other end."""
    certificate = cast(Any, transport).getPeerCertificate()
    return names_of(certificate)


def _make_data_dir(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorFault(
            str(settings.source), f"cannot be made: {error.strerror}", "data_dir"
        ) from error
