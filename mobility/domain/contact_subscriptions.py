"""Contacts-and-groups subscriptions: which applications hear of changes to a contact list.

They are kept in memory alone, so a restart ends them.  An application that was alive before is
told so with the first change that it would have missed.
"""

from collections.abc import Iterable, Sequence

from mobility.domain.agenda import Agenda, Appointment
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.facts import ContactListChanged, ContactSubscriptionChanged
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
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
        self._expiries: dict[str, float] = {}
        """Application id to the time (epoch seconds) at which its subscription ends."""
        self._ends: dict[str, Appointment] = {}
        """Of each subscription, when it is warned of or ended next."""
        self._lapsed: set[str] = set()
        """Applications that may have had a subscription when the process began."""
        self._locks = Locks()

    def load(self, live: Iterable[str]) -> None:
        """The ids of the applications that the store had at start."""
        self._lapsed = set(live)

    def state(self, endpoint: Endpoint) -> str:
        """The SubscriptionState of an application."""
        return CONNECTED if endpoint.id in self._expiries else DISCONNECTED

    async def start(self, endpoint: Endpoint, duration_min: int, now: float) -> None:
        """Subscribe for `duration_min` minutes (10..60), or add them to what is left.

        No more than 60 minutes are left afterwards: the page says 30, which would cut a new
        subscription of 60 short by refreshing it.
        """
        async with self._locks.of(endpoint.id):
            endpoint.must_live()
            present = self._expiries.get(endpoint.id, now)
            expires_at = min(present + duration_min * 60, now + MAX_DURATION_MIN * 60)
            self._expiries[endpoint.id] = expires_at
            self._lapsed.discard(endpoint.id)
            self._watch(endpoint.id, expires_at)

    async def stop(self, endpoint: Endpoint) -> None:
        """End the subscription.  409 Conflict without one."""
        async with self._locks.of(endpoint.id):
            if endpoint.id not in self._expiries:
                raise Refusal("Conflict", None, "There is no subscription to stop.")
            self._forget(endpoint.id)

    async def leave(self, endpoint: Endpoint, now: float) -> None:  # noqa: ARG002  # a Departure
        """The application ends: so does its subscription."""
        async with self._locks.of(endpoint.id):
            self._lapsed.discard(endpoint.id)
            if endpoint.id in self._expiries:
                self._forget(endpoint.id)

    def tell(
        self, unit: Unit, owner_uri: str, changes: Iterable[ContactListChanged]
    ) -> Sequence[str]:
        """Add `changes` to the streams of the owner's applications that subscribed.

        Those whose subscription may have ended with an earlier process are told that it has;
        their ids are answered, for `told` once the unit is stored.
        """
        facts = tuple(changes)
        lapsed = []
        for endpoint in self._applications.of_user(owner_uri):
            if endpoint.ending:
                continue
            if endpoint.id in self._expiries:
                for fact in facts:
                    unit.append(endpoint.id, fact)
            elif endpoint.id in self._lapsed:
                unit.append(endpoint.id, ContactSubscriptionChanged(DISCONNECTED))
                lapsed.append(endpoint.id)
        return lapsed

    def told(self, lapsed: Iterable[str]) -> None:
        """These applications know now that they have no subscription."""
        self._lapsed.difference_update(lapsed)

    def _forget(self, application_id: str) -> None:
        del self._expiries[application_id]
        self._ends.pop(application_id).cancel()

    def _watch(self, application_id: str, expires_at: float) -> None:
        """Warn shortly before the subscription ends, then end it; void once it was refreshed."""

        async def warn(now: float) -> None:
            async with self._locks.of(application_id):
                if self._expiries.get(application_id) != expires_at:
                    return
                if now < expires_at:
                    await self._announce(application_id, CONNECTED)
                self._ends[application_id] = self._agenda.at(expires_at, end)

        async def end(now: float) -> None:  # noqa: ARG001  # an Action
            async with self._locks.of(application_id):
                if self._expiries.get(application_id) == expires_at:
                    await self._announce(application_id, DISCONNECTED)
                    self._forget(application_id)

        earlier = self._ends.get(application_id)
        if earlier is not None:
            earlier.cancel()
        self._ends[application_id] = self._agenda.at(expires_at - WARNING_S, warn)

    async def _announce(self, application_id: str, state: str) -> None:
        unit = Unit()
        unit.append(application_id, ContactSubscriptionChanged(state))
        await self._ledger.commit(unit)
