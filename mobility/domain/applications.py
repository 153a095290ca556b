"""Applications: the registered endpoints of users, from sign-in to expiry.

What the endpoints of a user make it look like is computed here too, because presence follows from
them.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.endpoints import Endpoint
from mobility.domain.facts import CommunicationChanged, MeChanged, SelfPresence
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.lifetimes import Lifetimes
from mobility.domain.locks import Locks
from mobility.domain.presence import (
    ACTIVE,
    AWAY,
    AWAY_AFTER_S,
    ENGAGED,
    Devices,
    Engagement,
    PresenceBook,
    activity_shown,
    aggregate,
    device_type,
)
from mobility.domain.records import Application, Instance, Receipt, User
from mobility.domain.registration import Availability, Registration
from mobility.errors import Refusal

__all__ = ["Applications", "Departure", "Endpoint"]

Departure = Callable[[Endpoint, float], Awaitable[None]]
"""Ends what hangs on an application (conversations, subscriptions) before it goes."""

Arrival = Callable[[Endpoint, float], Awaitable[None]]
"""Lets an application that was made available ring for what waits for its user."""


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
        self.arrivals: list[Arrival] = []
        self.engagements: list[Engagement] = []
        self.devices: list[Devices] = []
        self.wakes: Callable[[Endpoint], bool] = lambda _: False
        """Whether the device of an application can be woken."""

    def load(
        self,
        records: Iterable[Application],
        instances: Iterable[Instance],
        heads: Mapping[str, tuple[int, int]],
        now: float,
    ) -> None:
        """Take the stored applications into memory; each starts its idle time anew at `now`.

        Whether one used its event channel is not stored, so each gets the longer life.  How active
        its user was is taken from the presence that was shown.
        """
        for record in records:
            activity = activity_shown(self._presence.of(record.user_uri))
            idle_s = (0, record.inactive_timeout_s, record.inactive_timeout_s + AWAY_AFTER_S)
            endpoint = Endpoint(record, now, now - idle_s[activity], activity, uses_events=True)
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
            if endpoint.record.available
            and not endpoint.ending
            and modality in endpoint.record.modalities.split(",")
        ]

    async def register(
        self, user: User, registration: Registration, now: float, receipt: Receipt | None = None
    ) -> tuple[Endpoint, bool]:
        """The application for `registration` and whether this made a new one or a new instance.

        The same culture, endpointId, type and userAgent are one application; each instanceId has
        an event channel of its own (UCWA "Multi-Tab Support").  Refused with 410
        TooManyApplications above the limits (UCWA "Application lifetime").
        """
        async with self._locks.of(user.uri):
            endpoint = self._same(user.uri, registration)
            if endpoint is not None and registration.instance_id in endpoint.instances:
                endpoint.seen(now)
                return endpoint, False
            unit = Unit()
            if endpoint is None:
                if len(self.of_user(user.uri)) >= self._lifetimes.per_user:
                    raise Refusal(
                        "Gone", "TooManyApplications", "This user has too many applications."
                    )
                endpoint = Endpoint(self._new_record(user.uri, registration, now), now, now)
                unit.save(endpoint.record)
                unit.open_stream(endpoint.id)
            elif len(endpoint.instances) >= self._lifetimes.instances:
                raise Refusal(
                    "Gone", "TooManyApplications", "This application has too many instances."
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
            endpoint.must_live()
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
            after = self._after(endpoint, record=record, activity=ACTIVE)
            self._show(unit, endpoint.user_uri, now, after, manual=availability.sign_in_as)
            await self._ledger.commit(unit)
            endpoint.record, endpoint.activity, endpoint.last_activity = record, ACTIVE, now
        self._watch_activity(endpoint, now)
        for arrive in self.arrivals:
            self._agenda.at(0.0, partial(arrive, endpoint))

    async def update_communication(
        self, endpoint: Endpoint, etag: int | None, changes: dict[str, str]
    ) -> None:
        """PUT communication: replace settings if the caller knows the present version.

        412 PreconditionFailed when `etag` is another than the stored one.
        """
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            if etag != endpoint.record.etag:
                raise Refusal(
                    "PreconditionFailed", None, "The resource has changed since it was read."
                )
            record = attrs.evolve(endpoint.record, **changes, etag=endpoint.record.etag + 1)  # type: ignore[arg-type]  # text fields only
            unit = Unit()
            unit.save(record)
            unit.append(endpoint.id, CommunicationChanged())
            self._show(unit, endpoint.user_uri, None, self._after(endpoint, record=record))
            await self._ledger.commit(unit)
            endpoint.record = record

    async def set_bearer(
        self, endpoint: Endpoint, bearer: str, also: Callable[[Unit], None]
    ) -> None:
        """The client is connected by `bearer`; `also` adds what follows from it."""
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            record, unit = attrs.evolve(endpoint.record, bearer=bearer), Unit()
            unit.save(record)
            also(unit)
            await self._ledger.commit(unit)
            endpoint.record = record

    async def report_activity(self, endpoint: Endpoint, now: float) -> None:
        """UCWA reportMyActivity: the user is there."""
        endpoint.must_live()
        self.must_be_available(endpoint)
        endpoint.last_activity = now
        await self._follow_activity(endpoint, now)
        self._watch_activity(endpoint, now)

    async def set_presence(self, endpoint: Endpoint, manual: str, now: float) -> None:
        """POST presence: the user chooses an availability, "" to let it follow activity again."""
        self.must_be_available(endpoint)
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            unit = Unit()
            after = self._after(endpoint, activity=ACTIVE)
            self._show(unit, endpoint.user_uri, now, after, manual=manual)
            if unit:
                await self._ledger.commit(unit)
            endpoint.activity, endpoint.last_activity = ACTIVE, now
        self._watch_activity(endpoint, now)

    async def set_note(self, endpoint: Endpoint, text: str) -> None:
        """POST note: the personal note, "" to clear it."""
        await self._set_own(endpoint, "note", note=text)

    async def set_location(self, endpoint: Endpoint, text: str) -> None:
        """POST location: where the user is, in words."""
        await self._set_own(endpoint, "location", location=text)

    async def end(self, endpoint: Endpoint, now: float) -> None:
        """Sign the application out: its conversations, subscriptions and stream end with it."""
        endpoint.ending += 1
        try:
            for depart in self.departures:
                await depart(endpoint, now)
            async with self._locks.of(endpoint.user_uri):
                if self._endpoints.get(endpoint.id) is not endpoint:
                    return
                unit = Unit()
                unit.remove(endpoint.record, *endpoint.instances.values())
                unit.drop_stream(endpoint.id)
                others = [one for one in self.of_user(endpoint.user_uri) if one is not endpoint]
                self._show(unit, endpoint.user_uri, now, others)
                await self._ledger.commit(unit)
                self._forget(endpoint)
        except BaseException:
            endpoint.ending -= 1
            raise

    async def end_instance(self, endpoint: Endpoint, instance_id: str, now: float) -> None:
        """DELETE of one instance: only its event channel ends, with the last one all does.

        404 for an unknown instance, so that a repeated DELETE does not end the others.
        """
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            instance = endpoint.instances.get(instance_id)
            if instance is None:
                raise Refusal("NotFound", "ApplicationNotFound", "There is no such instance.")
            if len(endpoint.instances) > 1:
                unit = Unit()
                unit.remove(instance)
                await self._ledger.commit(unit)
                del endpoint.instances[instance_id]
                return
        await self.end(endpoint, now)

    async def end_all_of(self, user: User, now: float) -> None:
        """End every application of a user (it was removed or disabled)."""
        await self.end_all_at(user.uri, now)

    async def end_all_at(self, uri: str, now: float) -> None:
        """End every application of this URI."""
        async with self._locks.of(uri):
            pass  # what is being registered is stored first
        for endpoint in list(self.of_user(uri)):
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
            endpoint.must_live()
            unit = Unit()
            if self._presence.change(unit, endpoint.user_uri, **change):  # type: ignore[arg-type]  # note or location
                _tell_own(unit, self.of_user(endpoint.user_uri), part)
                await self._ledger.commit(unit)

    def _after(self, changed: Endpoint, **changes: Any) -> list[Endpoint]:
        """The endpoints of a user as they will be once `changes` of one are stored."""
        return [
            attrs.evolve(endpoint, **changes) if endpoint is changed else endpoint
            for endpoint in self.of_user(changed.user_uri)
        ]

    def _show(
        self,
        unit: Unit,
        uri: str,
        now: float | None,
        endpoints: Iterable[Endpoint],
        manual: str | None = None,
    ) -> None:
        """Put what the user looks like with `endpoints` into `unit` if it differs from before."""
        live = [endpoint for endpoint in endpoints if endpoint.record.available]
        shown = self._presence.of(uri)
        chosen = shown.manual if manual is None else manual
        devices = [device for source in self.devices for device in source(uri)]
        activities = [one.activity for one in live]
        activities += [one.activity for one in devices if one.activity is not None]
        if devices and not activities:
            activities.append(ACTIVE)
        engaged = {one for source in self.engagements for one in source(uri)}
        availability, activity = aggregate(chosen, activities, engaged)
        modalities = {
            *(one for endpoint in live for one in endpoint.record.modalities.split(",") if one),
            *(one for device in devices for one in device.modalities),
        }
        kind = device_type(endpoint.record.type for endpoint in live)
        if kind == "Unknown":
            kind = next((one.type for one in devices if one.type != "Unknown"), kind)
        after = self._presence.change(
            unit,
            uri,
            availability=availability,
            activity=activity,
            manual=manual,
            device=kind,
            last_active_at=now,
            modalities=",".join(sorted(modalities)),
        )
        if after is not None and (availability, activity) != (shown.availability, shown.activity):
            _tell_own(unit, self.of_user(uri), "presence")

    def is_engaged(self, uri: str) -> bool:
        """Whether a user is shown as busy with something."""
        return self._presence.of(uri).activity in ENGAGED

    async def note_elsewhere(self, uri: str, before: str, after: str) -> None:
        """What the user says of itself on another device; "" takes back what it said `before`,
        unless it says something else by now."""
        async with self._locks.of(uri):
            unit = Unit()
            if not after and self._presence.of(uri).note != before:
                return
            if self._presence.change(unit, uri, note=after):
                _tell_own(unit, self.of_user(uri), "note")
                await self._ledger.commit(unit)

    async def look_again(self, uri: str) -> None:
        """What keeps a user busy, or makes it available, beside its applications is another."""
        async with self._locks.of(uri):
            unit = Unit()
            self._show(unit, uri, None, self.of_user(uri))
            if unit:
                await self._ledger.commit(unit)

    async def _follow_activity(self, endpoint: Endpoint, now: float) -> None:
        """Make the endpoint as active as the time since its last activity says."""
        async with self._locks.of(endpoint.user_uri):
            activity = endpoint.activity_at(now)
            if activity == endpoint.activity or self._endpoints.get(endpoint.id) is not endpoint:
                return
            unit = Unit()
            after = self._after(endpoint, activity=activity)
            self._show(unit, endpoint.user_uri, now if activity == ACTIVE else None, after)
            if unit:
                await self._ledger.commit(unit)
            endpoint.activity = activity

    def _watch_activity(self, endpoint: Endpoint, now: float) -> None:
        """Look again when the endpoint would become inactive or away."""
        if endpoint.inactivity is not None or self._endpoints.get(endpoint.id) is not endpoint:
            return

        async def look(now: float) -> None:
            if self._endpoints.get(endpoint.id) is endpoint:
                await self._follow_activity(endpoint, now)
                endpoint.inactivity = None
                if endpoint.activity_at(now) != AWAY:
                    self._watch_activity(endpoint, now)

        at = endpoint.last_activity + endpoint.record.inactive_timeout_s
        if endpoint.activity_at(now) != ACTIVE:
            at += AWAY_AFTER_S
        endpoint.inactivity = self._agenda.at(at, look)

    # Life and death

    def _new_record(self, uri: str, registration: Registration, now: float) -> Application:
        while (application_id := f"{secrets.randbelow(10**12):012d}") in self._endpoints:
            pass
        return registration.record(application_id, uri, now)

    def _same(self, uri: str, registration: Registration) -> Endpoint | None:
        for endpoint in self.of_user(uri):
            if not endpoint.ending and registration.names(endpoint.record):
                return endpoint
        return None

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
        lives, used = self._lifetimes, endpoint.uses_events
        limit_s = lives.with_events_s if used else lives.without_events_s
        return max(limit_s, lives.with_push_s) if self.wakes(endpoint) else limit_s

    def _watch_life(self, endpoint: Endpoint) -> None:
        async def look(now: float) -> None:
            if self._endpoints.get(endpoint.id) is not endpoint:
                return
            if endpoint.parked:
                endpoint.seen(now)
            if now >= endpoint.last_seen + self.idle_limit_s(endpoint):
                await self.end(endpoint, now)
            else:
                self._watch_life(endpoint)

        endpoint.expiry = self._agenda.at(endpoint.last_seen + self.idle_limit_s(endpoint), look)


def _tell_own(unit: Unit, endpoints: Iterable[Endpoint], part: str) -> None:
    for endpoint in endpoints:
        if endpoint.record.available and not endpoint.ending:
            unit.append(endpoint.id, SelfPresence(part, "updated"))
