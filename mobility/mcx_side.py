"""The wiring of the Mobility Service's directory: retired, or passed on to a legacy pool."""

from collections.abc import Callable, Iterable
from functools import partial

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from mobility.config import Config
from mobility.directory.servers import trust_of
from mobility.domain.ledger import Ledger
from mobility.domain.legacy_clients import LegacyClients
from mobility.domain.records import LegacyClient
from mobility.errors import Unavailable
from mobility.events import EventLog
from mobility.http.subtree import Subtree
from mobility.mcx.forwarding import Forwarding, agent
from mobility.mcx.pool import PROBE_INTERVAL_S, LegacyPool
from mobility.mcx.retired import PATH, counting
from mobility.reactor import IReactor
from mobility.schedule import Recurring

STORE_INTERVAL_S = 60.0
"""How often the counts of legacy clients are stored (our choice: a crash loses so much of them)."""


class McxSide(Service):
    """`subtree` is what the web sites serve; `clients` who asked for it.

    As a service it stores the counts; `watch` asks the pool now and then, where there is one.
    """

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        stored: Iterable[LegacyClient],
        reactor: IReactor,
        epoch: Callable[[], float],
        log: EventLog,
    ) -> None:
        settings = config.mcx
        self.clients = LegacyClients(ledger, stored)
        self.pool: LegacyPool | None = None
        self.watch: Recurring | None = None
        self._forwarding: Forwarding | None = None
        self._storing = Recurring("legacy clients", STORE_INTERVAL_S, self._store, reactor, log)
        enter = counting(self.clients)
        if settings.forward_to:
            made = agent(settings, trust_of(settings.ca_file), reactor)
            self.pool = LegacyPool(settings.forward_to, epoch, log)
            self._forwarding = Forwarding(
                settings, config.server_fqdn, self.clients, self.pool, made, reactor
            )
            probe = partial(self.pool.probe, made, reactor)
            self.watch = Recurring("mcx pool", PROBE_INTERVAL_S, probe, reactor, log, now=True)
            enter = self._forwarding.enter  # type: ignore[assignment]  # the wider of the two
        self.subtree = Subtree("mcx", PATH, enter, plain=True)

    @property
    def under_way(self) -> int:
        """Requests that are being passed on."""
        return len(self._forwarding) if self._forwarding is not None else 0

    def standing(self) -> dict[str, object]:
        """What `mobility status` shows."""
        shown: dict[str, object] = {
            "retired": self.pool is None,
            "clients": len(self.clients),
            "under_way": self.under_way,
        }
        return shown if self.pool is None else {**shown, **self.pool.standing()}

    def drain(self) -> None:
        """The front end stops: let go of those who only wait for the pool."""
        if self._forwarding is not None:
            self._forwarding.drain()

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]  # upstream has no types
        self._storing.startService()

    def stopService(self) -> Deferred[None]:
        super().stopService()  # type: ignore[no-untyped-call]  # upstream has no types
        return Deferred.fromCoroutine(self._settle())

    async def _settle(self) -> None:
        await self._storing.stopService()
        await self._store()

    async def _store(self) -> None:
        try:
            await self.clients.store()
        except Unavailable:
            return  # the store says so itself; it is tried again the next time
