"""Applications: the registered endpoints of users, from sign-in to expiry.

An `Endpoint` is one application in memory.  What it makes a user look like is computed here too,
because presence follows from the endpoints.
"""

import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

import attrs

from mobility.domain.agenda import Agenda, Appointment
from mobility.domain.facts import CommunicationChanged, MeChanged, SelfPresence
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.presence import (
    ACTIVE,
    AWAY,
    AWAY_AFTER_S,
    INACTIVE,
    PresenceBook,
    aggregate,
    device_type,
)
from mobility.domain.records import Application, Instance, Receipt, User
from mobility.errors import Refusal


@attrs.frozen(slots=True)
class Lifetimes:
    """How long an idle application lives (seconds), and how many a user and a browser may have."""

    with_events_s: int
    without_events_s: int
    per_user: int
    instances: int


@attrs.define(slots=True, eq=False)
class Endpoint:
    """One application in memory.

    `parked` counts its pending event requests: while there is one, it is not idle.
    `activity` is ACTIVE, INACTIVE or AWAY.  `head` is the last position of its event stream and
    `base` the one up to which the stream was trimmed.
    """

    record: Application
    last_seen: float
    last_activity: float
    activity: int = ACTIVE
    uses_events: bool = False
    parked: int = 0
    base: int = 0
    head: int = 0
    instances: dict[str, Instance] = attrs.Factory(dict)
    conversations: set[str] = attrs.Factory(set)
    expiry: Appointment | None = None
    inactivity: Appointment | None = None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def user_uri(self) -> str:
        return self.record.user_uri

    def seen(self, now: float) -> None:
        """A request of the client came."""
        self.last_seen = now


@attrs.frozen(slots=True)
class Registration:
    """What a client says of itself when it creates an application."""

    culture: str
    user_agent: str
    endpoint_id: str
    type: str = ""
    instance_id: str = ""


@attrs.frozen(slots=True)
class Availability:
    """What makeMeAvailable sets; None where the client said nothing."""

    modalities: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("Plain",)
    sign_in_as: str | None = None
    audio_preference: str = ""
    phone_number: str = attrs.field(repr=False, default="")
    inactive_timeout_s: int = 300


Departure = Callable[[Endpoint, float], Awaitable[None]]
"""Ends what hangs on an application (conversations, subscriptions) before it goes."""


class Applications:
    """The applications of this front end and what they make their users look like."""

    def __init__(
        self, ledger: Ledger, agenda: Agenda, presence: PresenceBook, lifetimes: Lifetimes
    ) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._presence = presence
        self._lifetimes = lifetimes
        self._endpoints: dict[str, Endpoint] = {}
        self._of_user: dict[str, list[Endpoint]] = {}
        self._locks = Locks()
        self.departures: list[Departure] = []

    def load(
        self,
        records: Iterable[Application],
        instances: Iterable[Instance],
        heads: Mapping[str, tuple[int, int]],
        now: float,
    ) -> None:
        """Take the stored applications into memory; each starts its idle time anew at `now`.

        Whether one used its event channel is not stored, so each gets the longer life.
        """
        for record in records:
            endpoint = Endpoint(record, now, now, uses_events=True)
            endpoint.base, endpoint.head = heads.get(record.id, (0, 0))
            self._remember(endpoint, now)
        for instance in instances:
            tabbed = self._endpoints.get(instance.application_id)
            if tabbed is not None:
                tabbed.instances[instance.instance_id] = instance

    def find(self, application_id: str) -> Endpoint | None:
        """The live application of this id, or None."""
        return self._endpoints.get(application_id)

    def of_user(self, uri: str) -> list[Endpoint]:
        """The live applications of a user, oldest first."""
        return self._of_user.get(uri, [])

    def __len__(self) -> int:
        return len(self._endpoints)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def reachable(self, uri: str, modality: str) -> list[Endpoint]:
        """The applications through which a user can be invited to `modality` now."""
        return [
            endpoint
            for endpoint in self.of_user(uri)
            if endpoint.record.available and modality in endpoint.record.modalities.split(",")
        ]

    async def register(
        self, user: User, registration: Registration, now: float, receipt: Receipt | None = None
    ) -> tuple[Endpoint, bool]:
        """The application for `registration` and whether this made a new one or a new instance.

        The same culture, endpointId, type and userAgent are one application; each instanceId has
        an event channel of its own (UCWA "Multi-Tab Support").  Refused with 409
        TooManyApplications above the limits.
        """
        lock = self._locks.of(user.uri)
        async with lock:
            endpoint = self._same(user.uri, registration)
            if endpoint is not None and registration.instance_id in endpoint.instances:
                endpoint.seen(now)
                return endpoint, False
            unit = Unit()
            if endpoint is None:
                if len(self.of_user(user.uri)) >= self._lifetimes.per_user:
                    raise Refusal(
                        "Conflict", "TooManyApplications", "This user has too many applications."
                    )
                endpoint = Endpoint(self._new_record(user.uri, registration, now), now, now)
                unit.save(endpoint.record)
                unit.open_stream(endpoint.id)
            elif len(endpoint.instances) >= self._lifetimes.instances:
                raise Refusal(
                    "Conflict", "TooManyApplications", "This application has too many instances."
                )
            instance = Instance(endpoint.id, registration.instance_id, now)
            unit.save(instance)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=endpoint.id))
            await self._ledger.commit(unit)
            endpoint.instances[instance.instance_id] = instance
            if endpoint.id not in self._endpoints:
                self._remember(endpoint, now)
            return endpoint, True

    async def make_available(
        self, endpoint: Endpoint, availability: Availability, now: float
    ) -> None:
        """UCWA makeMeAvailable.  Refused with 409 AlreadyExists when it is available already."""
        async with self._locks.of(endpoint.user_uri):
            self._must_live(endpoint)
            if endpoint.record.available:
                raise Refusal("Conflict", "AlreadyExists", "The application is available already.")
            record = attrs.evolve(
                endpoint.record,
                available=True,
                modalities=",".join(availability.modalities),
                formats=",".join(availability.formats),
                audio_preference=availability.audio_preference,
                phone_number=availability.phone_number,
                inactive_timeout_s=availability.inactive_timeout_s,
                etag=endpoint.record.etag + 1,
            )
            unit = Unit()
            unit.save(record)
            unit.append(endpoint.id, MeChanged())
            for part in ("presence", "note", "location"):
                unit.append(endpoint.id, SelfPresence(part, "added"))
            unit.append(endpoint.id, CommunicationChanged())
            before, endpoint.record = endpoint.record, record
            endpoint.activity, endpoint.last_activity = ACTIVE, now
            try:
                self._show(
                    unit, endpoint.user_uri, now, manual=availability.sign_in_as, untold=endpoint
                )
                await self._ledger.commit(unit)
            except BaseException:
                endpoint.record = before
                raise
            self._watch_activity(endpoint, now)

    async def update_communication(
        self, endpoint: Endpoint, etag: int | None, changes: dict[str, str]
    ) -> None:
        """PUT communication: replace settings if the caller knows the present version.

        412 PreconditionFailed when `etag` is another than the stored one.
        """
        async with self._locks.of(endpoint.user_uri):
            self._must_live(endpoint)
            if etag != endpoint.record.etag:
                raise Refusal(
                    "PreconditionFailed", None, "The resource has changed since it was read."
                )
            record = attrs.evolve(endpoint.record, **changes, etag=endpoint.record.etag + 1)  # type: ignore[arg-type]  # text fields only
            unit = Unit()
            unit.save(record)
            unit.append(endpoint.id, CommunicationChanged())
            before, endpoint.record = endpoint.record, record
            try:
                self._show(unit, endpoint.user_uri, None)
                await self._ledger.commit(unit)
            except BaseException:
                endpoint.record = before
                raise

    async def report_activity(self, endpoint: Endpoint, now: float) -> None:
        """UCWA reportMyActivity: the user is there."""
        self.must_be_available(endpoint)
        endpoint.last_activity = now
        if endpoint.activity != ACTIVE:
            await self._set_activity(endpoint, ACTIVE, now)
        self._watch_activity(endpoint, now)

    async def set_presence(self, endpoint: Endpoint, manual: str, now: float) -> None:
        """POST presence: the user chooses an availability, "" to let it follow activity again."""
        self.must_be_available(endpoint)
        endpoint.last_activity = now
        async with self._locks.of(endpoint.user_uri):
            self._must_live(endpoint)
            endpoint.activity = ACTIVE
            unit = Unit()
            self._show(unit, endpoint.user_uri, now, manual=manual)
            if unit:
                await self._ledger.commit(unit)
        self._watch_activity(endpoint, now)

    async def set_note(self, endpoint: Endpoint, text: str) -> None:
        """POST note: the personal note, "" to clear it."""
        await self._set_own(endpoint, "note", note=text)

    async def set_location(self, endpoint: Endpoint, text: str) -> None:
        """POST location: where the user is, in words."""
        await self._set_own(endpoint, "location", location=text)

    async def end(self, endpoint: Endpoint, now: float) -> None:
        """Sign the application out: its conversations, subscriptions and stream end with it."""
        for depart in self.departures:
            await depart(endpoint, now)
        async with self._locks.of(endpoint.user_uri):
            if self._endpoints.get(endpoint.id) is not endpoint:
                return
            unit = Unit()
            unit.remove(endpoint.record, *endpoint.instances.values())
            unit.drop_stream(endpoint.id)
            others = [other for other in self.of_user(endpoint.user_uri) if other is not endpoint]
            self._show(unit, endpoint.user_uri, now, endpoints=others)
            await self._ledger.commit(unit)
            self._forget(endpoint)

    async def end_instance(self, endpoint: Endpoint, instance_id: str, now: float) -> None:
        """DELETE with other instances alive: only this event channel ends."""
        instance = endpoint.instances.get(instance_id)
        if instance is None or len(endpoint.instances) == 1:
            await self.end(endpoint, now)
            return
        unit = Unit()
        unit.remove(instance)
        await self._ledger.commit(unit)
        endpoint.instances.pop(instance_id, None)

    async def end_all_of(self, user: User, now: float) -> None:
        """End every application of a user (it was removed or disabled)."""
        for endpoint in list(self.of_user(user.uri)):
            await self.end(endpoint, now)

    def must_be_available(self, endpoint: Endpoint) -> None:
        """409 MakeMeAvailableRequired before makeMeAvailable."""
        if not endpoint.record.available:
            raise Refusal(
                "Conflict", "MakeMeAvailableRequired", "POST makeMeAvailable before this."
            )

    # How the user looks

    async def _set_own(self, endpoint: Endpoint, part: str, **change: str) -> None:
        self.must_be_available(endpoint)
        async with self._locks.of(endpoint.user_uri):
            self._must_live(endpoint)
            unit = Unit()
            if self._presence.change(unit, endpoint.user_uri, **change):  # type: ignore[arg-type]  # note or location
                _tell_own(unit, self.of_user(endpoint.user_uri), part)
                await self._ledger.commit(unit)

    def _show(
        self,
        unit: Unit,
        uri: str,
        now: float | None,
        *,
        manual: str | None = None,
        endpoints: list[Endpoint] | None = None,
        untold: Endpoint | None = None,
    ) -> None:
        """Put the user's aggregated presence into `unit` if it differs from what is shown.

        `untold` is an endpoint that hears of its presence in another way.
        """
        live = [
            endpoint
            for endpoint in (self.of_user(uri) if endpoints is None else endpoints)
            if endpoint.record.available
        ]
        chosen = self._presence.of(uri).manual if manual is None else manual
        availability, activity = aggregate(chosen, (endpoint.activity for endpoint in live))
        modalities = {
            modality
            for endpoint in live
            for modality in endpoint.record.modalities.split(",")
            if modality
        }
        shown = self._presence.of(uri)
        after = self._presence.change(
            unit,
            uri,
            availability=availability,
            activity=activity,
            manual=manual,
            device=device_type(endpoint.record.type for endpoint in live),
            last_active_at=now,
            modalities=",".join(sorted(modalities)),
        )
        if after is not None and (availability, activity) != (shown.availability, shown.activity):
            _tell_own(unit, (one for one in live if one is not untold), "presence")

    async def _set_activity(self, endpoint: Endpoint, activity: int, now: float) -> None:
        async with self._locks.of(endpoint.user_uri):
            if self._endpoints.get(endpoint.id) is not endpoint:
                return
            before, endpoint.activity = endpoint.activity, activity
            unit = Unit()
            self._show(unit, endpoint.user_uri, now if activity == ACTIVE else None)
            if unit:
                try:
                    await self._ledger.commit(unit)
                except BaseException:
                    endpoint.activity = before
                    raise

    def _watch_activity(self, endpoint: Endpoint, now: float) -> None:
        """Look again when the endpoint would become inactive or away."""
        if endpoint.inactivity is not None:
            return

        async def look(now: float) -> None:
            endpoint.inactivity = None
            if self._endpoints.get(endpoint.id) is not endpoint:
                return
            idle_s = now - endpoint.last_activity
            limit_s = endpoint.record.inactive_timeout_s
            if idle_s >= limit_s + AWAY_AFTER_S:
                await self._set_activity(endpoint, AWAY, now)
            else:
                if idle_s >= limit_s:
                    await self._set_activity(endpoint, INACTIVE, now)
                self._watch_activity(endpoint, now)

        limit_s = endpoint.record.inactive_timeout_s
        if now >= endpoint.last_activity + limit_s:
            limit_s += AWAY_AFTER_S
        endpoint.inactivity = self._agenda.at(endpoint.last_activity + limit_s, look)

    # Life and death

    def _new_record(self, uri: str, registration: Registration, now: float) -> Application:
        while (application_id := f"{secrets.randbelow(10**12):012d}") in self._endpoints:
            pass
        return Application(
            id=application_id,
            user_uri=uri,
            culture=registration.culture,
            user_agent=registration.user_agent,
            endpoint_id=registration.endpoint_id,
            type=registration.type,
            created_at=now,
            put_token=str(uuid.uuid4()),
        )

    def _same(self, uri: str, registration: Registration) -> Endpoint | None:
        for endpoint in self.of_user(uri):
            record = endpoint.record
            if (record.culture, record.endpoint_id, record.type, record.user_agent) == (
                registration.culture,
                registration.endpoint_id,
                registration.type,
                registration.user_agent,
            ):
                return endpoint
        return None

    def _must_live(self, endpoint: Endpoint) -> None:
        if self._endpoints.get(endpoint.id) is not endpoint:
            raise Refusal("NotFound", "ApplicationNotFound", "The application has ended.")

    def _remember(self, endpoint: Endpoint, now: float) -> None:
        self._endpoints[endpoint.id] = endpoint
        self._of_user.setdefault(endpoint.user_uri, []).append(endpoint)
        self._watch_life(endpoint)
        if endpoint.record.available:
            self._watch_activity(endpoint, now)

    def _forget(self, endpoint: Endpoint) -> None:
        del self._endpoints[endpoint.id]
        siblings = self._of_user[endpoint.user_uri]
        siblings.remove(endpoint)
        if not siblings:
            del self._of_user[endpoint.user_uri]
        for appointment in (endpoint.expiry, endpoint.inactivity):
            if appointment is not None:
                appointment.cancel()

    def idle_limit_s(self, endpoint: Endpoint) -> int:
        """How long the application may be silent before it ends."""
        if endpoint.uses_events:
            return self._lifetimes.with_events_s
        return self._lifetimes.without_events_s

    def _watch_life(self, endpoint: Endpoint) -> None:
        async def look(now: float) -> None:
            if self._endpoints.get(endpoint.id) is not endpoint:
                return
            if endpoint.parked:
                endpoint.seen(now)
            if now - endpoint.last_seen >= self.idle_limit_s(endpoint):
                await self.end(endpoint, now)
            else:
                self._watch_life(endpoint)

        endpoint.expiry = self._agenda.at(endpoint.last_seen + self.idle_limit_s(endpoint), look)


def _tell_own(unit: Unit, endpoints: Iterable[Endpoint], part: str) -> None:
    for endpoint in endpoints:
        if endpoint.record.available:
            unit.append(endpoint.id, SelfPresence(part, "updated"))
