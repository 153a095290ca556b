"""The clearing house: queues pushes, has them sent, and keeps what became of them.

intake   check, store, answer          -> queue
queue    a destination for each app, and on the open web for each host
told     the provider's last word      -> store -> verdicts
"""

import hashlib
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import attrs
import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from mobility.clearing_house import store
from mobility.clearing_house.apns import Apns
from mobility.clearing_house.apps import App, Makers
from mobility.clearing_house.destination import Destination, Entry
from mobility.clearing_house.figures import Figures
from mobility.clearing_house.organisations import Organisations
from mobility.clearing_house.outcome import DEAD, Outcome, Provider, failed
from mobility.clearing_house.writer import Writer
from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog
from mobility.push.wire import Device, ItemFault, Notification, Verdict
from mobility.push.wire_json import read_notification
from mobility.reactor import IReactor

T = TypeVar("T")

EVENTS: Catalogue = {
    "clearing.sent": {
        "id": "the push",
        "trace": "joins the lines of every hop",
        "organisation": "who sent it",
        "kind": "as in clearing.accepted",
        "destination": "as in clearing.accepted",
        "outcome": "delivered, expired, failed or dead",
        "reason": "why it was not delivered",
        "status": "the provider's own words",
        "tries": "how often it was sent",
        "ms": "the last answer's time",
        "age_s": "seconds since it was accepted",
    },
    "clearing.not_told": {
        "pushes": "how many ends of pushes could not be stored now; they are tried again",
        "failure": "the traceback",
    },
    "clearing.resumed": {"waiting": "pushes that an earlier process left in the queue"},
}

SETTLE_S = 4.0
"""How long a stop waits for answers of providers; without one a push is sent again later."""

SETTLE_LOOK_S = 0.05

FORMER_APPS = 100
"""Of earlier configurations, whose last requests may be under way; older ones have long ended."""

RETELL_S = 1.0
"""When the store could not take the ends of pushes, it is asked again."""

IDLE_DESTINATIONS = 1_000
"""Destinations on the open web that are kept though nothing waits for them (our choice)."""


OPEN_WEB = ("webpush", "unifiedpush")
"""Platforms with a destination for each host."""


def token_of(organisation: str, device: Device, token: str) -> bytes:
    """What the store remembers a dead token by."""
    data = "\0".join((organisation, device.platform, device.app_id, token))
    return hashlib.blake2b(data.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class ClearingHouse:
    """`apps` serves; `writer` and `reader` are the store; `epoch` is the time of day."""

    def __init__(
        self,
        organisations: Organisations,
        apps: Makers,
        writer: Writer,
        reader: Callable[[], store.Reader],
        stream: str,
        *,
        bodies_in_memory: int,
        reactor: IReactor,
        log: EventLog,
        pool: ThreadPool,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self.organisations = organisations
        self.apps = apps
        self.stream = stream
        self.figures = Figures()
        self.on_verdicts: Callable[[str], None] = lambda _: None
        """Called with the name of an organisation once it has new verdicts."""
        self.destinations: dict[str, Destination] = {}
        self.queued = 0
        self.closing = False
        self._writer = writer
        self._reader = reader
        self._bodies = 0
        self.bodies_in_memory = bodies_in_memory
        self._reactor = reactor
        self._log = log
        self._pool = pool
        self._epoch = epoch
        self._apps_of: dict[str, App] = {}
        self._collapsing: dict[int, list[Entry]] = {}
        self._findings: list[store.Finding] = []
        self._former: deque[App] = deque(maxlen=FORMER_APPS)
        self._telling = False
        self._retelling: IDelayedCall | None = None

    # -- the queue ---------------------------------------------------------------------------

    def resume(self, waiting: Iterator[store.Waiting]) -> None:
        """Queue what an earlier process left."""
        count = 0
        for one in waiting:
            count += 1
            self.queued += 1
            organisation = self.organisations.named(one.organisation)
            if organisation is not None:
                organisation.waits(one.destination)
            entry = Entry(
                one.row,
                _interned(one.organisation),
                one.id,
                _interned(one.kind),
                one.accepted_at,
                one.expires,
                one.device,
                one.collapse,
            )
            app = self._app_of(one.destination)
            if app is None:
                self.told(one.destination, entry, failed("", "platform_not_served"), 0.0)
            else:
                self._queue(entry, self._destination(one.destination, app))
        self._log.emit("clearing.resumed", waiting=count)

    def pump(self) -> None:
        """Have every destination send what it may."""
        for destination in list(self.destinations.values()):
            destination.pump()

    def queue(self, number: int, row: store.Row, notification: Notification) -> Destination:
        """Queue a push that was just stored as `number`; the destination is to be pumped."""
        entry = Entry(
            number,
            row.organisation,
            row.id,
            row.kind,
            row.accepted_at,
            row.expires,
            row.device,
            row.collapse,
        )
        if self._bodies < self.bodies_in_memory:
            self._bodies += 1
            entry.notification = notification
        app = self.apps[notification.device.platform, notification.device.app_id]
        return self._queue(entry, self._destination(row.destination, app))

    def _queue(self, entry: Entry, destination: Destination) -> Destination:
        if entry.collapse:
            self._collapse(entry, destination)
        destination.add(entry)
        return destination

    def _collapse(self, entry: Entry, destination: Destination) -> None:
        """A withdrawal takes back what it withdraws, a badge the badges before it."""
        before = self._collapsing.get(entry.collapse)
        if before and entry.kind in ("withdraw", "badge"):
            why = "withdrawn" if entry.kind == "withdraw" else "superseded"
            for one in list(before):
                destination.take_back(one, why)
        self._collapsing.setdefault(entry.collapse, []).append(entry)

    def _app_of(self, destination: str) -> App | None:
        found = self._apps_of.get(destination)
        if found is None:
            platform, _, rest = destination.partition(":")
            names = [rest] if platform not in OPEN_WEB else _beginnings(rest)
            for name in names:
                found = self.apps.get((platform, name))
                if found is not None:
                    break
        return found

    def _destination(self, name: str, app: App) -> Destination:
        found = self.destinations.get(name)
        if found is None:
            self._drop_idle()
            provider = app.provider()
            found = self.destinations[name] = Destination(
                name, provider, self, self._reactor, self._epoch, self._log
            )
            self._apps_of[name] = app
            if isinstance(provider, Apns):
                provider.on_room = found.pump
        return found

    def _drop_idle(self) -> None:
        if len(self.destinations) >= IDLE_DESTINATIONS:
            for name, one in list(self.destinations.items()):
                if not one.entries and one.name.partition(":")[0] in OPEN_WEB:
                    one.close()
                    del self.destinations[name]
                    self._apps_of.pop(name, None)

    def of_app(self, app: App) -> list[Destination]:
        """The destinations that serve an app."""
        return [
            one for name, one in self.destinations.items() if self._apps_of[name].key == app.key
        ]

    def probed(self, app: App) -> Provider:
        """What the app's credential is tried with: where there is one destination only, its own
        provider and so its own connection."""
        if app.platform in OPEN_WEB:
            return app.provider()
        return self._destination(f"{app.platform}:{app.app_id}", app).provider

    def replace_apps(self, apps: Makers) -> None:
        """Credentials and apps of a new configuration; what waits goes on with them."""
        for former in self.apps.values():
            self._former.append(former)
            Deferred.fromCoroutine(former.close(now=False))
        self.apps = apps
        for name, destination in list(self.destinations.items()):
            app = apps.get(self._apps_of[name].key)
            old = destination.provider
            if app is None:
                destination.close()
                del self.destinations[name]
                del self._apps_of[name]
                destination.fail_all("platform_not_served")
            else:
                self._apps_of[name] = app
                destination.provider = app.provider()
                if isinstance(destination.provider, Apns):
                    destination.provider.on_room = destination.pump
                destination.mended()
            Deferred.fromCoroutine(old.close(now=False))

    async def close(self) -> None:
        """Send nothing more, wait a while for what is under way, and store what has ended.

        The rest waits for the next start.
        """
        self.closing = True
        for destination in self.destinations.values():
            destination.close()
        deadline = self._reactor.seconds() + SETTLE_S
        while self._reactor.seconds() < deadline and self._under_way():
            await deferLater(self._reactor, SETTLE_LOOK_S)
        for destination in self.destinations.values():
            await destination.provider.close(now=True)
        for app in (*self._former, *self.apps.values()):
            await app.close(now=True)
        if self._retelling is not None and self._retelling.active():
            self._retelling.cancel()
        self._tell()

    def _under_way(self) -> bool:
        return any(one.under_way for one in self.destinations.values())

    # -- what destinations ask (mobility.clearing_house.destination.Office) --------------------

    def load(self, entries: Sequence[Entry]) -> Deferred[None]:
        rows = [entry.row for entry in entries]

        def loaded(bodies: dict[int, bytes]) -> None:
            for entry in entries:
                body = bodies.get(entry.row)
                if body is None or entry.over or entry.notification is not None:
                    continue
                try:
                    entry.notification = read_notification(msgspec.json.decode(body))
                except (ItemFault, msgspec.DecodeError):
                    continue  # the destination ends what it cannot read
                self._bodies += 1

        return self.read(lambda reader: reader.bodies(rows)).addCallback(loaded)

    def read(self, wanted: Callable[[store.Reader], T]) -> Deferred[T]:
        """Read the store in a thread."""

        def read() -> T:
            reader = self._reader()
            try:
                return wanted(reader)
            finally:
                reader.close()

        reading: Deferred[T] = deferToThreadPool(self._reactor, self._pool, read)
        return reading

    def told(self, destination: str, entry: Entry, outcome: Outcome, ms: float) -> None:
        now = self._epoch()
        self._count(destination, entry, outcome, ms, now)
        notification = entry.notification
        verdict = Verdict(
            sequence=0,
            id=entry.id,
            outcome=outcome.outcome,
            reason=outcome.reason,
            status=outcome.status,
            at=int(now),
            trace=entry.trace,
        )
        finding = store.Finding(entry.row, entry.organisation, verdict)
        if notification is not None:
            self._bodies -= 1
            if outcome.outcome == DEAD:
                device = notification.device
                token = getattr(device, outcome.token_field)
                finding.dead_token = token_of(entry.organisation, device, token)
                finding.registered = device.registered
                finding.verdict = attrs.evolve(
                    verdict,
                    token_field=outcome.token_field,
                    dead_since=_dead_since(notification, entry, outcome),
                )
        self._forget(destination, entry)
        self._findings.append(finding)
        if not self._telling:
            self._telling = True
            self._reactor.callLater(0, self._tell)

    def _forget(self, destination: str, entry: Entry) -> None:
        self.queued -= 1
        organisation = self.organisations.named(entry.organisation)
        if organisation is not None:
            organisation.waits_no_more(destination)
        if entry.collapse:
            same = self._collapsing.get(entry.collapse, [])
            if entry in same:
                same.remove(entry)
            if not same:
                self._collapsing.pop(entry.collapse, None)

    def _count(
        self, destination: str, entry: Entry, outcome: Outcome, ms: float, now: float
    ) -> None:
        platform = destination.partition(":")[0]
        age_s = max(0.0, now - entry.accepted_at)
        self.figures.sent.add(platform, outcome.outcome, outcome.reason)
        if outcome.status:
            self.figures.answers.add(platform, outcome.status)
        self.figures.latency.observe(platform, entry.kind, age_s)
        self._log.emit(
            "clearing.sent",
            id=entry.id,
            trace=entry.trace,
            organisation=entry.organisation,
            kind=entry.kind,
            destination=destination,
            outcome=outcome.outcome,
            reason=outcome.reason,
            status=outcome.status,
            tries=entry.attempts + 1,
            ms=round(ms, 3),
            age_s=round(age_s, 3),
        )

    def _tell(self) -> None:
        """Store the ends that have gathered, and tell who waits for them."""
        findings, self._findings = self._findings, []
        if not findings:
            self._telling = False
            return

        def stored(_: None) -> None:
            self._telling = False
            for name in {finding.organisation for finding in findings}:
                self.on_verdicts(name)
            if self._findings:
                self._telling = True
                self._reactor.callLater(0, self._tell)

        def not_stored(failure: Failure) -> None:
            if failure.check(Unavailable) is None:
                self._log.failure("clearing.not_told", failure, pushes=len(findings))
            self._findings[:0] = findings
            self._retelling = self._reactor.callLater(RETELL_S, self._tell)

        self._writer.run(lambda cursor: store.finish(cursor, findings)).addCallbacks(
            stored, not_stored
        )


def _dead_since(notification: Notification, entry: Entry, outcome: Outcome) -> int:
    """When a token was dead, by the clock of who has given it, which may go differently from ours
    and the provider's: just after it was given where the provider names no time."""
    registered = notification.device.registered
    if registered and not outcome.dead_since:
        return registered + 1
    return max(1, (outcome.dead_since or entry.accepted_at) - notification.ahead_s)


def _interned(text: str) -> str:
    return sys.intern(text)


def _beginnings(rest: str) -> Iterator[str]:
    """Each part of `APP:HOST:PORT` that may be the app id, the longest first."""
    while ":" in rest:
        rest = rest.rpartition(":")[0]
        yield rest
