"""Contacts-and-groups subscriptions: which applications hear of changes to a contact list.

They outlive a restart, as those to presence do.
"""

from collections.abc import Iterable

from mobility.domain.agenda import Agenda, Appointment
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.facts import ContactListChanged, ContactSubscriptionChanged
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.records import ContactSubscription
from mobility.errors import Refusal

MIN_DURATION_MIN, MAX_DURATION_MIN = 10, 60
"""Bounds of a subscription's duration (UCWA startOrRefreshSubscriptionToContactsAndGroups)."""

WARNING_S = 60
"""How long before expiry the client is told ("will soon expire", UCWA
myContactsAndGroupsSubscription; the number is our choice)."""

CONNECTED, DISCONNECTED = "Connected", "Disconnected"
"""The SubscriptionStates used here; nothing has to be reached, so none is ever Connecting."""


class ContactSubscriptions:
    """The live contacts-and-groups subscriptions of this front end, one an application."""

    def __init__(self, ledger: Ledger, agenda: Agenda, applications: Applications) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._applications = applications
        self._subscriptions: dict[str, ContactSubscription] = {}
        """By application id."""
        self._ends: dict[str, Appointment] = {}
        """Of each subscription, when it is warned of or ended next."""
        self._locks = Locks()

    def load(self, stored: Iterable[ContactSubscription]) -> None:
        """Take the stored subscriptions of live applications into memory.

        One whose time has passed ends at once, so that its end is announced.
        """
        for subscription in stored:
            if self._applications.find(subscription.application_id) is not None:
                self._subscriptions[subscription.application_id] = subscription
                self._watch(subscription)

    def state(self, endpoint: Endpoint) -> str:
        """The SubscriptionState of an application."""
        return CONNECTED if endpoint.id in self._subscriptions else DISCONNECTED

    async def start(self, endpoint: Endpoint, duration_min: int, now: float) -> None:
        """Subscribe for `duration_min` minutes (10..60), or add them to what is left.

        No more than 60 minutes are left afterwards: the page says 30, which would cut a new
        subscription of 60 short by refreshing it.
        """
        async with self._locks.of(endpoint.id):
            endpoint.must_live()
            known = self._subscriptions.get(endpoint.id)
            present = known.expires_at if known is not None else now
            expires_at = min(present + duration_min * 60, now + MAX_DURATION_MIN * 60)
            subscription = ContactSubscription(endpoint.id, expires_at)
            unit = Unit()
            unit.save(subscription)
            await self._ledger.commit(unit)
            self._subscriptions[endpoint.id] = subscription
            self._watch(subscription)

    async def stop(self, endpoint: Endpoint) -> None:
        """End the subscription.  409 Conflict without one."""
        async with self._locks.of(endpoint.id):
            if endpoint.id not in self._subscriptions:
                raise Refusal("Conflict", None, "There is no subscription to stop.")
            await self._remove(endpoint.id, Unit())

    async def leave(self, endpoint: Endpoint, now: float) -> None:  # noqa: ARG002  # a Departure
        """The application ends: so does its subscription."""
        async with self._locks.of(endpoint.id):
            if endpoint.id in self._subscriptions:
                await self._remove(endpoint.id, Unit())

    def tell(self, unit: Unit, owner_uri: str, changes: Iterable[ContactListChanged]) -> None:
        """Add `changes` to the streams of the owner's applications that subscribed."""
        facts = tuple(changes)
        for endpoint in self._applications.of_user(owner_uri):
            if not endpoint.ending and endpoint.id in self._subscriptions:
                for fact in facts:
                    unit.append(endpoint.id, fact)

    async def _remove(self, application_id: str, unit: Unit) -> None:
        unit.remove(self._subscriptions[application_id])
        await self._ledger.commit(unit)
        del self._subscriptions[application_id]
        self._ends.pop(application_id).cancel()

    def _watch(self, subscription: ContactSubscription) -> None:
        """Warn shortly before the subscription ends, then end it; void once it was refreshed."""
        application_id, expires_at = subscription.application_id, subscription.expires_at

        async def warn(now: float) -> None:
            async with self._locks.of(application_id):
                if self._subscriptions.get(application_id) is not subscription:
                    return
                if now >= expires_at:
                    await self._remove(application_id, _changed(application_id, DISCONNECTED))
                    return
                await self._ledger.commit(_changed(application_id, CONNECTED))
                self._ends[application_id] = self._agenda.at(expires_at, end)

        async def end(now: float) -> None:  # noqa: ARG001  # an Action
            async with self._locks.of(application_id):
                if self._subscriptions.get(application_id) is subscription:
                    await self._remove(application_id, _changed(application_id, DISCONNECTED))

        earlier = self._ends.get(application_id)
        if earlier is not None:
            earlier.cancel()
        self._ends[application_id] = self._agenda.at(expires_at - WARNING_S, warn)


def _changed(application_id: str, state: str) -> Unit:
    """What tells an application that its subscription is in `state`."""
    unit = Unit()
    unit.append(application_id, ContactSubscriptionChanged(state))
    return unit
