"""Presence subscriptions: which users an application watches, and until when."""

import secrets
from collections.abc import Iterable, Sequence

import attrs

from mobility.domain.agenda import Agenda, Appointment
from mobility.domain.applications import Endpoint
from mobility.domain.facts import ContactWatched, SubscriptionChanged
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.presence import PresenceBook
from mobility.domain.records import PresenceSubscription, Receipt
from mobility.errors import Refusal

MIN_DURATION_MIN, MAX_DURATION_MIN = 10, 30
"""Bounds of a subscription's duration (UCWA presenceSubscriptions)."""

WARNING_S = 60
"""How long before expiry `presenceSubscription updated` is sent ("shortly before", UCWA)."""


@attrs.frozen(slots=True)
class SubscriptionLimits:
    """How many subscriptions an application may hold, and how many contacts they may name."""

    subscriptions: int
    contacts: int


class Subscriptions:
    """The live presence subscriptions of this front end."""

    def __init__(
        self, ledger: Ledger, agenda: Agenda, presence: PresenceBook, limits: SubscriptionLimits
    ) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._presence = presence
        self._limits = limits
        self._of_application: dict[str, dict[str, PresenceSubscription]] = {}
        self._ends: dict[str, Appointment] = {}
        """Of each subscription, when it is warned of or ended next."""
        self._locks = Locks()

    def load(self, subscriptions: Iterable[PresenceSubscription], live: Iterable[str]) -> None:
        """Take the stored subscriptions of the `live` application ids into memory.

        One whose time has passed ends at once, so that its end is announced.
        """
        alive = set(live)
        for subscription in subscriptions:
            if subscription.application_id in alive:
                self._remember(subscription)

    def of(self, endpoint: Endpoint) -> Sequence[PresenceSubscription]:
        """The subscriptions of an application, oldest first."""
        return tuple(self._of_application.get(endpoint.id, {}).values())

    def get(self, endpoint: Endpoint, subscription_id: str) -> PresenceSubscription | None:
        """One of an application's subscriptions, or None when it has ended."""
        return self._of_application.get(endpoint.id, {}).get(subscription_id)

    def find(self, endpoint: Endpoint, subscription_id: str) -> PresenceSubscription:
        """One of an application's subscriptions; 404 NotFound when it has ended."""
        subscription = self.get(endpoint, subscription_id)
        if subscription is None:
            raise _no_such_subscription()
        return subscription

    def watched(self, application_id: str) -> set[str]:
        """The URIs of everybody an application watches."""
        return {
            uri
            for subscription in self._of_application.get(application_id, {}).values()
            for uri in uris_of(subscription)
        }

    async def subscribe(
        self,
        endpoint: Endpoint,
        uris: Iterable[str],
        duration_min: int,
        now: float,
        *,
        group_id: str = "",
        receipt: Receipt | None = None,
    ) -> PresenceSubscription:
        """Watch `uris` for `duration_min` minutes (10..30).  403 LimitExceeded above a limit."""
        async with self._locks.of(endpoint.id):
            endpoint.must_live()
            wanted = tuple(dict.fromkeys(uris))
            if len(self.of(endpoint)) >= self._limits.subscriptions:
                raise Refusal("Forbidden", "LimitExceeded", "Too many presence subscriptions.")
            self._check_contacts(endpoint, wanted)
            subscription = PresenceSubscription(
                id=secrets.token_hex(8),
                application_id=endpoint.id,
                uris=" ".join(wanted),
                expires_at=now + duration_min * 60,
                group_id=group_id,
            )
            unit = Unit()
            unit.save(subscription)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=subscription.id))
            for uri in wanted:
                unit.append(endpoint.id, ContactWatched(uri, "added"))
            unit.append(endpoint.id, SubscriptionChanged(subscription.id, "added"))
            await self._ledger.commit(unit)
            self._remember(subscription)
            return subscription

    async def extend(
        self, endpoint: Endpoint, subscription_id: str, duration_min: int, now: float
    ) -> PresenceSubscription:
        """Add `duration_min` minutes, to at most 30 from now (UCWA presenceSubscription POST)."""
        async with self._locks.of(endpoint.id):
            subscription = self.find(endpoint, subscription_id)
            longest = now + MAX_DURATION_MIN * 60
            extended = attrs.evolve(
                subscription,
                expires_at=min(longest, subscription.expires_at + duration_min * 60),
            )
            unit = Unit()
            unit.save(extended)
            await self._ledger.commit(unit)
            self._of_application[endpoint.id][subscription_id] = extended
            self._watch(extended)
            return extended

    async def add(
        self,
        endpoint: Endpoint,
        subscription_id: str,
        uris: Iterable[str],
        receipt: Receipt | None = None,
    ) -> PresenceSubscription:
        """Watch more users with a subscription (UCWA addToPresenceSubscription)."""
        async with self._locks.of(endpoint.id):
            subscription = self.find(endpoint, subscription_id)
            present = uris_of(subscription)
            new = tuple(uri for uri in dict.fromkeys(uris) if uri not in present)
            self._check_contacts(endpoint, new)
            grown = attrs.evolve(subscription, uris=" ".join((*present, *new)))
            unit = Unit()
            unit.save(grown)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=subscription_id))
            for uri in new:
                unit.append(endpoint.id, ContactWatched(uri, "added"))
            await self._ledger.commit(unit)
            self._of_application[endpoint.id][subscription_id] = grown
            self._presence.watch(endpoint.id, new)
            return grown

    async def drop(self, endpoint: Endpoint, subscription_id: str, uri: str) -> None:
        """Stop watching one user with a subscription (UCWA presenceSubscriptionMembership DELETE).

        404 when the subscription has ended or does not watch the user.
        """
        async with self._locks.of(endpoint.id):
            subscription = self.find(endpoint, subscription_id)
            present = uris_of(subscription)
            if uri not in present:
                raise Refusal("NotFound", "ResourceNotFound", "There is no such membership.")
            rest = " ".join(one for one in present if one != uri)
            shrunk = attrs.evolve(subscription, uris=rest)
            unit = Unit()
            unit.save(shrunk)
            gone = uri in self._only_in(subscription)
            if gone:
                unit.append(endpoint.id, ContactWatched(uri, "deleted"))
            await self._ledger.commit(unit)
            self._of_application[endpoint.id][subscription_id] = shrunk
            if gone:
                self._presence.unwatch(endpoint.id, (uri,))

    async def cancel(self, application_id: str, subscription_id: str) -> None:
        """Stop watching (DELETE).  404 when the subscription has ended."""
        async with self._locks.of(application_id):
            subscription = self._of_application.get(application_id, {}).get(subscription_id)
            if subscription is None:
                raise _no_such_subscription()
            await self._end(subscription)

    async def leave(self, endpoint: Endpoint, now: float) -> None:  # noqa: ARG002  # a Departure
        """The application ends: so do its subscriptions."""
        async with self._locks.of(endpoint.id):
            subscriptions = self._of_application.get(endpoint.id)
            if subscriptions is None:
                return
            unit = Unit()
            unit.remove(*subscriptions.values())
            await self._ledger.commit(unit)
            self._presence.unwatch(endpoint.id, self.watched(endpoint.id))
            for subscription_id in subscriptions:
                self._ends.pop(subscription_id).cancel()
            del self._of_application[endpoint.id]

    async def _end(self, subscription: PresenceSubscription) -> None:
        application_id = subscription.application_id
        gone = self._only_in(subscription)
        unit = Unit()
        unit.remove(subscription)
        for uri in gone:
            unit.append(application_id, ContactWatched(uri, "deleted"))
        unit.append(application_id, SubscriptionChanged(subscription.id, "deleted"))
        await self._ledger.commit(unit)
        mine = self._of_application[application_id]
        del mine[subscription.id]
        if not mine:
            del self._of_application[application_id]
        self._ends.pop(subscription.id).cancel()
        self._presence.unwatch(application_id, gone)

    def _check_contacts(self, endpoint: Endpoint, new: Sequence[str]) -> None:
        if len(self.watched(endpoint.id).union(new)) > self._limits.contacts:
            raise Refusal("Forbidden", "LimitExceeded", "Too many subscribed contacts.")

    def _only_in(self, subscription: PresenceSubscription) -> tuple[str, ...]:
        elsewhere = {
            uri
            for other in self._of_application[subscription.application_id].values()
            if other.id != subscription.id
            for uri in uris_of(other)
        }
        return tuple(uri for uri in uris_of(subscription) if uri not in elsewhere)

    def _remember(self, subscription: PresenceSubscription) -> None:
        mine = self._of_application.setdefault(subscription.application_id, {})
        mine[subscription.id] = subscription
        self._presence.watch(subscription.application_id, uris_of(subscription))
        self._watch(subscription)

    def _watch(self, subscription: PresenceSubscription) -> None:
        """Warn shortly before the subscription ends, then end it; void once it was extended."""
        application_id, subscription_id = subscription.application_id, subscription.id

        def current() -> PresenceSubscription | None:
            present = self._of_application.get(application_id, {}).get(subscription_id)
            same = present is not None and present.expires_at == subscription.expires_at
            return present if same else None

        async def warn(now: float) -> None:
            if current() is None:
                return
            if now < subscription.expires_at:
                unit = Unit()
                unit.append(application_id, SubscriptionChanged(subscription_id, "updated"))
                await self._ledger.commit(unit)
            if current() is not None:
                self._ends[subscription_id] = self._agenda.at(subscription.expires_at, end)

        async def end(now: float) -> None:  # noqa: ARG001  # an Action
            async with self._locks.of(application_id):
                present = current()
                if present is not None:
                    await self._end(present)

        earlier = self._ends.get(subscription_id)
        if earlier is not None:
            earlier.cancel()
        self._ends[subscription_id] = self._agenda.at(subscription.expires_at - WARNING_S, warn)


def uris_of(subscription: PresenceSubscription) -> tuple[str, ...]:
    """The users a subscription watches."""
    return tuple(subscription.uris.split())


def _no_such_subscription() -> Refusal:
    return Refusal("NotFound", "ResourceNotFound", "There is no such presence subscription.")
