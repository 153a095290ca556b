"""Whether providers take our credentials: tried at the start, when asked, and every few hours."""

import time
from collections.abc import Callable

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall

from mobility.clearing_house.apps import DAY_S, App
from mobility.clearing_house.house import ClearingHouse
from mobility.clearing_house.outcome import CREDENTIAL, DELIVERED, DESTINATION, Outcome
from mobility.events import Catalogue, EventLog
from mobility.push.wire import ProviderHealth
from mobility.reactor import IReactor

EVENTS: Catalogue = {
    "clearing.credential_taken": {
        "platform": "apns, fcm, webpush, unifiedpush or wns",
        "app": "the app id",
        "credential": "which, without any secret",
    },
    "clearing.credential_refused": {
        "platform": "as above",
        "app": "the app id",
        "credential": "which, without any secret",
        "status": "the provider's own words",
    },
    "clearing.provider_unreachable": {
        "platform": "as above",
        "app": "the app id",
        "status": "what went wrong",
    },
    "clearing.probe_failed": {
        "platform": "as above",
        "app": "the app id",
        "failure": "the traceback",
    },
}

EVERY_S = 6 * 3_600.0
"""How often they are tried (our choice: an operator hears of a revoked key within the day)."""

FRESH_S = 30.0
"""A result that is not older is given to who asks, so that asking costs the providers little."""

CHECK_S = 8.0
"""How long who asks is kept waiting: a front end gives up after 10 s (`push.timeout_s`)."""


@attrs.frozen(slots=True)
class _Checked:
    at: float
    outcome: Outcome


class Credentials:
    """What is known of each app's credential."""

    def __init__(
        self,
        house: ClearingHouse,
        reactor: IReactor,
        log: EventLog,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self.check_s = CHECK_S
        self._house = house
        self._reactor = reactor
        self._log = log
        self._epoch = epoch
        self._checked: dict[tuple[str, str], _Checked] = {}
        self._checking: dict[tuple[str, str], Deferred[None]] = {}
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Try all now, and again every EVERY_S."""
        self._next = self._reactor.callLater(EVERY_S, self.start)
        for app in self._house.apps.values():
            self._check(app)

    def stop(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()

    def renew(self) -> None:
        """The credentials were loaded anew: nothing is known of them."""
        self._checked.clear()
        self._checking.clear()
        self.stop()
        self.start()

    async def fresh(self, may_see: Callable[[str], bool]) -> list[ProviderHealth]:
        """The health of each provider of which `may_see` says so, its credential tried just now."""
        apps = [app for app in self._house.apps.values() if may_see(app.app_id)]
        late: set[tuple[str, str]] = set()
        old = [app for app in apps if not self._is_fresh(app)]
        if old:
            waiting = DeferredList([self._check(app) for app in old], consumeErrors=True)
            waiting.addTimeout(self.check_s, self._reactor)
            try:
                await waiting
            except defer.TimeoutError:
                pass  # what is known is told, and who is late
            late = {app.key for app in old if app.key in self._checking}
        return [self._health(app, late=app.key in late) for app in apps]

    def known(self) -> list[ProviderHealth]:
        """The health of all, as far as it is known."""
        return [self._health(app) for app in self._house.apps.values()]

    def _is_fresh(self, app: App) -> bool:
        checked = self._checked.get(app.key)
        return checked is not None and 0 <= self._epoch() - checked.at < FRESH_S

    def _check(self, app: App) -> Deferred[None]:
        """Try one; who asks meanwhile waits for the same answer."""
        waiter: Deferred[None] = Deferred()
        checking = self._checking.get(app.key)
        if checking is None:
            checking = Deferred.fromCoroutine(self._try(app))
            if not checking.called:
                self._checking[app.key] = checking
        checking.addBoth(lambda _: waiter.callback(None))
        return waiter

    async def _try(self, app: App) -> None:
        try:
            outcome = await self._house.probed(app).probe()
        except Exception as error:
            self._log.failure("clearing.probe_failed", error, platform=app.platform, app=app.app_id)
            return
        finally:
            self._checking.pop(app.key, None)
        before = self._checked.get(app.key)
        self._checked[app.key] = _Checked(self._epoch(), outcome)
        if outcome.outcome == DELIVERED:
            alone = outcome.blames == CREDENTIAL
            mended = (CREDENTIAL,) if alone else (CREDENTIAL, DESTINATION)
            for destination in self._house.of_app(app):
                trouble = destination.last_trouble
                if trouble is not None and trouble.blames in mended:
                    destination.mended()
        if before is None or before.outcome != outcome:
            self._tell(app, outcome)

    def _tell(self, app: App, outcome: Outcome) -> None:
        if outcome.outcome == DELIVERED:
            self._log.emit(
                "clearing.credential_taken",
                platform=app.platform,
                app=app.app_id,
                credential=app.credential,
            )
        elif outcome.blames == CREDENTIAL:
            self._log.emit(
                "clearing.credential_refused",
                platform=app.platform,
                app=app.app_id,
                credential=app.credential,
                status=outcome.status,
            )
        else:
            self._log.emit(
                "clearing.provider_unreachable",
                platform=app.platform,
                app=app.app_id,
                status=outcome.status,
            )

    def _health(self, app: App, *, late: bool = False) -> ProviderHealth:
        """`late` is a provider that who asks has waited for in vain."""
        now = self._epoch()
        destinations = self._house.of_app(app)
        oldest = [one.oldest_at for one in destinations if one.oldest_at is not None]
        state, reason = self._state(app)
        if late and state in ("ok", "untried"):
            state, reason = "failing", f"no answer in {self.check_s:g} s"
        checked = self._checked.get(app.key)
        return ProviderHealth(
            platform=app.platform,
            app_id=app.app_id,
            state=state,
            reason=reason,
            credential=app.credential,
            expires_in_days=None if app.ends_at is None else (app.ends_at - now) / DAY_S,
            checked_at=0 if checked is None else int(checked.at),
            queued=sum(len(one.entries) for one in destinations),
            oldest_s=max(0.0, now - min(oldest)) if oldest else 0.0,
        )

    def _state(self, app: App) -> tuple[str, str]:
        """What went wrong last with a push says more than the last try."""
        if app.ends_at is not None and app.ends_at <= self._epoch():
            return "refused", "the credential has ended"
        for destination in self._house.of_app(app):
            trouble = destination.last_trouble
            if trouble is not None:
                if destination.breaker.state == "probing":
                    return "probing", trouble.status
                refused = trouble.blames == CREDENTIAL
                return ("refused" if refused else "failing"), trouble.status
        checked = self._checked.get(app.key)
        if checked is None:
            return "untried", ""
        if checked.outcome.outcome == DELIVERED:
            return "ok", ""
        refused = checked.outcome.blames == CREDENTIAL
        return ("refused" if refused else "failing"), checked.outcome.status
