"""What wakes sleeping devices, wired together: rules, outbox and the way to the clearing house."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs
from twisted.application.service import MultiService

from mobility.config import Config
from mobility.config.push import HTTPS
from mobility.config.services import DAY_S
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.ledger import Snapshot, Unit
from mobility.domain.presence import AWAY
from mobility.domain.presence import Device as Showing
from mobility.domain.push_notices import ACCEPTED, WAITING, Draft, Wake
from mobility.domain.push_outbox import PushOutbox
from mobility.domain.push_rules import TEST, quiet_until
from mobility.domain.push_switches import Permission, PushSwitches
from mobility.domain.push_watch import PushWatch
from mobility.domain.records import PushNotice, PushSubscription
from mobility.domain.users import Users
from mobility.errors import Refusal, Unavailable
from mobility.events import EventLog
from mobility.past import PURGE_INTERVAL_S, Past
from mobility.push.breaker import CLOSED
from mobility.push.clearing_house import (
    MOST_ASKED,
    ClearingHouse,
    HouseFailed,
    HttpsClearingHouse,
    MutualTls,
)
from mobility.push.composer import Composer
from mobility.push.deliveries import Deliveries, DeliverySettings
from mobility.push.hops import CountedHops
from mobility.push.verdicts import Verdicts
from mobility.reactor import IReactor
from mobility.schedule import Recurring
from mobility.store.open import Store

WOKEN = (Showing(AWAY, "Mobile", frozenset({"Messaging"})),)
"""What a user shows whose device can be woken, if nothing else is there."""

UNANSWERED_S = 60.0
"""From when on it is told that no provider takes what the clearing house has (our choice: as long
as FCM lets one wait that asks too often)."""


class Waking(MultiService):
    """Push notifications of one front end.  Raises OperatorFault for files that are no use.

    `house` is where notifications go, None for nowhere.
    """

    def __init__(
        self,
        config: Config,
        stored: Snapshot,
        store: Store,
        past: Past,
        users: Users,
        applications: Applications,
        agenda: Agenda,
        received: Callable[[str, int], bool],
        permitted: Permission,
        *,
        reactor: IReactor,
        epoch: Callable[[], float],
        log: EventLog,
        pseudonym: Callable[[str], str],
        house: ClearingHouse | None = None,
    ) -> None:
        super().__init__()
        self._applications = applications
        self._agenda = agenda
        self._epoch = epoch
        self._store = store
        self._past = past
        self._trace_s = config.push.trace_days * DAY_S
        self.settings = config.push
        self.devices = past.devices
        self.archive = store.archive
        self.switches = PushSwitches(
            store.ledger, users, stored.push_switches, permitted, config.topology.domain
        )
        self.hops = CountedHops(log, pseudonym, epoch)
        self.outbox = PushOutbox(
            store.ledger,
            self.devices.known,
            self.switches.obstacle,
            received,
            config.push.rules(config.ucwa.invitation_timeout_s),
            self.hops,
        )
        self.outbox.former = lambda one: self.devices.former(one.user_uri, one.subscription_id)
        self.outbox.load(stored.push_notices)
        self.watch = PushWatch(self.outbox, self.devices, applications)
        applications.devices.append(self._shown)
        applications.wakes = self._wakes
        self.devices.changes.append(self._look_again)
        self.switches.changes.append(self._look_at_all)
        self._policy: MutualTls | None = None
        self.house = house or self._https(config, reactor)
        self.deliveries: Deliveries | None = None
        self.verdicts: Verdicts | None = None
        if self.house is not None:
            self._send(self.house, stored, past, users, reactor, log, pseudonym)
        Recurring("push purge", PURGE_INTERVAL_S, self._purge, reactor, log).setServiceParent(self)

    @property
    def certificate_end(self) -> datetime | None:
        """When the certificate ends that the clearing house is shown over HTTPS, if known."""
        return None if self._policy is None else self._policy.not_after

    def _https(self, config: Config, reactor: IReactor) -> ClearingHouse | None:
        push = config.push
        if not push.clearing_house or push.transport != HTTPS:
            return None
        policy = MutualTls(push.certificate, push.key, push.ca)
        policy.check(str(config.source))
        self._policy = policy
        return HttpsClearingHouse(
            push.clearing_house,
            policy,
            reactor,
            timeout_s=push.timeout_s,
            connections=push.batches + 2,
            reader=config.server_fqdn,
        )

    def _send(
        self,
        house: ClearingHouse,
        stored: Snapshot,
        past: Past,
        users: Users,
        reactor: IReactor,
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        push = self.settings
        compose = Composer(
            self.devices,
            self.archive,
            past.unread.badge,
            users.name_of,
            push.content,
            self._epoch,
        )
        self.hops.lost = compose.lost
        settings = DeliverySettings(
            push.batch,
            push.batches,
            push.retry_base_s,
            push.retry_max_s,
            push.breaker_failures,
        )
        self.deliveries = Deliveries(
            self.outbox,
            house,
            compose,
            self._given_up,
            settings,
            clock=reactor,
            epoch=self._epoch,
            log=log,
        )
        self.deliveries.setServiceParent(self)
        cursor = next((one for one in stored.push_cursors if one.house == house.name), None)
        self.verdicts = Verdicts(
            self.outbox,
            self.devices,
            self.archive,
            house,
            cursor,
            clock=reactor,
            epoch=self._epoch,
            log=log,
            pseudonym=pseudonym,
        )
        self.verdicts.setServiceParent(self)
        self.deliveries.answered = self.verdicts.hurry

    # What operators ask

    def oldest_s(self) -> float | None:
        """How long the oldest notification that is due waits, None when none does."""
        now = self._epoch()
        oldest = self.outbox.oldest(now)
        return None if oldest is None else max(0.0, now - oldest)

    def unanswered_s(self) -> float | None:
        """How long the clearing house has what waits longest for a provider, None for nothing."""
        oldest = self.outbox.oldest_unanswered()
        return None if oldest is None else max(0.0, self._epoch() - oldest)

    @property
    def reachable(self) -> bool:
        """Whether the clearing house answered last."""
        return self.deliveries is not None and self.deliveries.breaker.state == CLOSED

    def standing(self) -> dict[str, Any]:
        """How it stands, as JSON shows it."""
        sending, hops = self.deliveries, self.hops
        oldest_s, unanswered_s = self.oldest_s(), self.unanswered_s()
        problem = ""
        if self.house is None and self.outbox.waiting:
            problem = "there is no clearing house (push.clearing_house)"
        elif sending is not None and not self.reachable:
            problem = f"nothing gets through to the clearing house: {sending.last_failure}"
        elif self.outbox.unanswered and self.verdicts is not None and self.verdicts.failure:
            problem = f"what providers say cannot be heard: {self.verdicts.failure}"
        elif (unanswered_s or 0.0) >= UNANSWERED_S:
            problem = "the clearing house has notifications that no provider takes"
        return {
            "oldest_s": oldest_s,
            "problem": problem,
            "waiting": self.outbox.waiting,
            "unanswered_s": unanswered_s,
            "unanswered": self.outbox.unanswered,
            "shown": len(self.outbox) - self.outbox.waiting - self.outbox.unanswered,
            "devices": len(self.devices),
            "queued": hops.queued,
            "handed": hops.handed,
            "sent": hops.sent,
            "rejected": hops.refused,
            "skipped": hops.skipped_for,
            "ended": hops.ended,
            "house": {
                "url": "" if self.house is None else self.house.name,
                "state": "" if sending is None else sending.breaker.state,
                "requests": 0 if sending is None else sending.requests,
                "under_way": 0 if sending is None else sending.under_way,
                "failures": 0 if sending is None else sending.failures,
                "last_failure": "" if sending is None else sending.last_failure,
                "last_failure_at": 0.0 if sending is None else sending.last_failure_at,
            },
        }

    def platforms(self) -> list[tuple[str, str, bool, int, list[str]]]:
        """Platform, scope ("global" or "site:NAME"), whether it is on there, the devices of the
        users for whom that counts, and the ids of their apps; each switch that is on, and each
        that keeps devices asleep."""
        now = self._epoch()
        apps: dict[tuple[str, str], set[str]] = {}
        found = {(one.platform, one.scope): 0 for one in self.switches.all() if one.enabled}
        for uri in self.devices.users():
            for device in self.devices.of(uri, now):
                scope = self.switches.scope_of(device)
                key = device.platform, scope
                found[key] = found.get(key, 0) + 1
                apps.setdefault(key, set()).add(device.app_id)
        return [
            (
                platform,
                scope,
                self.switches.is_on(platform, scope.partition(":")[2]),
                count,
                sorted(apps.get((platform, scope), ())),
            )
            for (platform, scope), count in sorted(found.items())
        ]

    def devices_of(self, uri: str) -> list[tuple[PushSubscription, str]]:
        """The devices of a user, and what keeps each asleep."""
        return [(one, self._obstacle(one)) for one in self.devices.of(uri, self._epoch())]

    def notices_of(self, uri: str) -> list[PushNotice]:
        """What waits for a user's devices or may be on their screens."""
        return self.outbox.of_user(uri)

    def attempts_of(self, notice_id: str) -> int:
        """How often a notification was tried in vain."""
        return self.outbox.attempts_of(notice_id)

    def obstacle(self, notice: PushNotice) -> str:
        """What keeps a notification that is due from the clearing house, "" for nothing known."""
        if notice.state != WAITING or notice.due_at > self._epoch():
            return ""
        if self.deliveries is None:
            return "there is none (push.clearing_house)"
        failing = self.outbox.attempts_of(notice.id) or not self.reachable
        return self.deliveries.last_failure if failing else ""

    async def trace(self, key: str) -> list[PushNotice]:
        """The notification of this id, or those about a conversation of this id."""
        notice = self.outbox.find(key) or await self.archive.push_notice(key)
        if notice is not None:
            return [notice]
        return list(await self.archive.push_notices(key))

    async def whereabouts(
        self, notices: Sequence[PushNotice]
    ) -> tuple[dict[str, dict[str, Any]], str]:
        """What the clearing house says of those it has that no provider has, by their ids, and why
        it says nothing."""
        ids = [one.id for one in notices if one.state == ACCEPTED][:MOST_ASKED]
        if self.house is None or not ids:
            return {}, ""
        try:
            found = await self.house.whereabouts(ids)
        except HouseFailed as failed:
            return {}, failed.reason
        return {one.id: attrs.asdict(one) for one in found}, ""

    async def receipt(self, notice: PushNotice) -> str:
        """What who was to be woken has of what a notification tells: "delivered" or "read"."""
        return await self._past.receipt(notice)

    async def test(self, uri: str) -> list[str]:
        """Notify the devices of a user; the ids of the notifications."""
        draft = Draft(Unit(), self._epoch())
        ids = [
            self.outbox.wake(draft, device, Wake(TEST, secrets.token_hex(8), from_uri=uri))
            for device in self.devices.of(uri, draft.now)
        ]
        await self.outbox.commit(draft)
        return [one for one in ids if one]

    async def house_health(self) -> dict[str, Any]:
        """What the clearing house says of itself; 404 without one, 503 when it does not answer."""
        if self.house is None:
            raise Refusal("NotFound", None, "There is no clearing house (push.clearing_house).")
        try:
            health = await self.house.health()
        except HouseFailed as failed:
            raise Unavailable(f"The clearing house does not answer: {failed.reason}") from failed
        return attrs.asdict(health)

    async def _given_up(self, notice: PushNotice, token_field: str, as_of: float) -> None:
        uri, subscription_id = notice.user_uri, notice.subscription_id
        await self.devices.given_up(
            uri, subscription_id, as_of, Unit(), token_field, asked_at=self._epoch()
        )

    async def _purge(self) -> None:
        now = self._epoch()
        await self.outbox.purge(now)
        await self._store.archive.purge_notices(now - self._trace_s)

    # How users look

    def _woken(self, uri: str) -> list[PushSubscription]:
        """The devices of a user that can be woken."""
        if not self.devices.has(uri):
            return []
        return [one for one in self.devices.of(uri, self._epoch()) if not self._obstacle(one)]

    def may_ring(self, uri: str, modality: str) -> bool:  # noqa: ARG002  # a Waker
        """Whether a sleeping device of a user would ring at once (a Waker)."""
        now = self._epoch()
        return self.house is not None and any(
            not quiet_until(device, now) for device in self._woken(uri)
        )

    def _obstacle(self, device: PushSubscription) -> str:
        return self.switches.obstacle(device)

    def _shown(self, uri: str) -> Iterable[Showing]:
        return WOKEN if self._woken(uri) else ()

    def _wakes(self, endpoint: Endpoint) -> bool:
        endpoint_id = endpoint.record.endpoint_id
        return any(one.endpoint_id == endpoint_id for one in self._woken(endpoint.user_uri))

    def _look_again(self, uri: str) -> None:
        async def look(_: float) -> None:
            await self._applications.look_again(uri)

        self._agenda.at(0.0, look)

    def _look_at_all(self) -> None:
        """A switch was turned: everybody with a device may look otherwise, one after another."""
        uris = self.devices.users()

        async def look(_: float) -> None:
            if uris:
                await self._applications.look_again(uris.pop())
                self._agenda.at(0.0, look)

        self._agenda.at(0.0, look)
