"""The event channels of all applications: the adapter around `mobility.ucwa.channel`.

It hears committed facts from the bus, gives them to the channels they concern, and performs what
the channels ask for.  The `events` handler is in `mobility.ucwa.application`.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import cast

import attrs
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mobility.domain.alerting import Alerting, rings
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.call_policy import CallPolicies
from mobility.domain.facts import ContactWatched, InvitationChanged
from mobility.domain.guests import Guests
from mobility.domain.ledger import Archive, Committed, Entry
from mobility.domain.presence import PresenceBook, latest_number
from mobility.domain.privacy import Privacy
from mobility.domain.records import Presence, User
from mobility.domain.subscriptions import Subscriptions
from mobility.domain.users import Users
from mobility.errors import Refusal
from mobility.events import Catalogue, EventLog
from mobility.http.message import Document, Media, Response
from mobility.ucwa.answers import Answers, Rendered, events_href
from mobility.ucwa.channel import (
    Action,
    Answer,
    Channel,
    Cursor,
    Fetch,
    Priority,
    Refuse,
    Resend,
    Resync,
)
from mobility.ucwa.facts import pending

EVENTS: Catalogue = {
    "events.untold": {
        "application": "the application that got an invitation whose caller was not told so",
        "failure": "the traceback",
    },
    "events.unreadable": {
        "application": "the application whose stream could not be read",
        "failure": "the traceback",
    },
}

WAKEUPS_A_TURN = 10
"""Answers that are written before other work has its turn, when many are due at once (our choice:
about 1 ms)."""

TOLD_A_TURN = 100
"""Watchers who are told of a change of presence before other work has its turn: nobody's answer
waits for the hundreds who watch somebody else (our choice: about 0.3 ms)."""

TRIM_INTERVAL_S = 30.0
"""How often confirmed entries are removed from the store (our choice: one small write)."""


@attrs.frozen(slots=True)
class Poll:
    """What a pending GET asks for; None where the client said nothing."""

    ack: int
    cursor: Cursor | None
    low_s: int | None = None
    medium_s: int | None = None
    timeout_s: int | None = None
    priority: int = 0


@attrs.define(slots=True, eq=False)
class Parked:
    """A pending GET: where its answer goes and how it is rendered."""

    media: Media
    answer: Deferred[Response] = attrs.Factory(Deferred)


@attrs.define(slots=True, eq=False)
class Seat:
    """One channel, whose it is, whether it was parked when last looked at, and when it next wants
    to be woken."""

    endpoint: Endpoint
    instance_id: str
    channel: Channel
    parked: bool = False
    wake_at: float | None = None


@attrs.frozen(slots=True)
class Telling:
    """A change of presence, and the applications that watch it and have not been told."""

    presence: Presence
    hidden_from: Callable[[str], frozenset[str]]
    watchers: Iterator[str]
    numbers: dict[frozenset[str], int] = attrs.field(factory=dict)
    """The latest number that is told, for each set of parts that somebody does not see."""


_NO_SEATS: dict[str, Seat] = {}


class EventChannels:
    """Every live event channel of this front end."""

    def __init__(
        self,
        *,
        users: Users,
        guests: Guests,
        alerting: Alerting,
        applications: Applications,
        subscriptions: Subscriptions,
        presence: PresenceBook,
        privacy: Privacy,
        call_policies: CallPolicies,
        archive: Archive,
        priorities: dict[tuple[str, str], Priority],
        clock: IReactorTime,
        epoch: Callable[[], float],
        log: EventLog,
        stream_entries: int,
    ) -> None:
        self._alerting = alerting
        self._applications = applications
        self._subscriptions = subscriptions
        self._presence = presence
        self._privacy = privacy
        self._answers = Answers(users, guests, subscriptions, presence, privacy, call_policies)
        self._archive = archive
        self._priorities = priorities
        self._clock = clock
        self._epoch = epoch
        self._log = log
        self._stream_entries = stream_entries
        self._seats: dict[str, dict[str, Seat]] = {}
        self.confirmed: Callable[[str], None] = _nobody_asks
        """Called with the URI of a user of whom an application has received something."""
        self._wakeups: list[float] = []
        """A heap of the times in `_due`."""
        self._due: dict[float, list[Seat]] = {}
        """The channels to be looked at then: those that watch one user share a time."""
        self._timer: IDelayedCall | None = None
        self._untold: deque[Telling] = deque()
        self._next_turn: IDelayedCall | None = None
        """When the rest of `_untold` is told."""
        self._received: list[tuple[Endpoint, str]] = []
        """Invitations that rang applications in this turn: what began them is in memory only once
        who made them goes on."""
        self._ringing: IDelayedCall | None = None
        users.followers.append(self._changed)

    @property
    def parked(self) -> int:
        """How many pending GETs wait."""
        return sum(seat.parked for seats in self._seats.values() for seat in seats.values())

    @property
    def encoded_once(self) -> int:
        """How many answers were encoded to be filled in for all who hear of the same."""
        return self._answers.encoded_once

    def href(self, endpoint: Endpoint, instance_id: str) -> str:
        """The link of the first answer that the client has not confirmed."""
        seat = self._seats.get(endpoint.id, {}).get(instance_id)
        if seat is None:
            return events_href(endpoint, instance_id, 1, Cursor(endpoint.base, 0))
        return events_href(endpoint, instance_id, *seat.channel.link)

    def open_instance(self, endpoint: Endpoint, instance_id: str) -> None:
        """A new instance of an application that others use: its channel begins now."""
        if len(endpoint.instances) > 1:
            self._open(endpoint, instance_id, Cursor(endpoint.head, self._presence.number))

    def poll(self, endpoint: Endpoint, instance_id: str, poll: Poll, parked: Parked) -> None:
        """A pending GET came; its answer comes through `parked.answer`."""
        endpoint.uses_events = True
        seat = self._seats.get(endpoint.id, {}).get(instance_id)
        if seat is None:
            seat = self._open(endpoint, instance_id, Cursor(endpoint.base, 0))
        before = seat.channel.confirmed.position
        actions = seat.channel.poll(
            self._clock.seconds(),
            poll.ack,
            poll.cursor,
            parked,
            low=poll.low_s,
            medium=poll.medium_s,
            timeout=poll.timeout_s,
            priority=poll.priority,
        )
        self._perform(seat, actions)
        if seat.channel.confirmed.position > before:
            self.confirmed(endpoint.user_uri)

    def received(self, application_id: str, position: int) -> bool:
        """Whether a client of the application has confirmed what is at a position of its stream."""
        return any(seat.channel.confirmed.position >= position for seat in self._of(application_id))

    def disconnected(self, endpoint: Endpoint, instance_id: str, parked: Parked) -> None:
        """The client of a pending GET went away."""
        seat = self._seats.get(endpoint.id, {}).get(instance_id)
        if seat is not None:
            seat.channel.disconnected(self._clock.seconds(), parked)
            self._settle(seat)

    def close_instance(self, endpoint: Endpoint, instance_id: str) -> None:
        """An instance of an application has ended."""
        seat = self._seats.get(endpoint.id, {}).pop(instance_id, None)
        if seat is not None:
            self._perform(seat, seat.channel.close(self._clock.seconds()))

    def drain(self) -> None:
        """Answer every pending GET with its links, because the service stops."""
        for seats in list(self._seats.values()):
            for seat in list(seats.values()):
                self._perform(seat, seat.channel.drain(self._clock.seconds()))

    async def _changed(self, before: User, after: User, now: float) -> None:  # noqa: ARG002
        """The tokens of a user with another password have ended: what waits with one of them hears
        nothing more.  With a disabled user its applications end."""
        if after.enabled and before.credential_version != after.credential_version:
            for endpoint in self._applications.of_user(after.uri):
                for seat in self._of(endpoint.id):
                    self._perform(seat, seat.channel.drain(self._clock.seconds()))

    def committed(self, committed: Committed) -> None:
        """A unit of work was stored (a bus listener)."""
        now = self._clock.seconds()
        arrived: dict[str, list[Entry]] = {}
        for entry in committed.entries:
            arrived.setdefault(entry.stream_id, []).append(entry)
        for stream_id, entries in arrived.items():
            endpoint = self._applications.find(stream_id)
            if endpoint is not None:
                endpoint.head = entries[-1].position
            for seat in self._of(stream_id):
                for entry in entries:
                    if isinstance(entry.fact, ContactWatched) and entry.fact.change == "added":
                        seen = latest_number(self._presence.of(entry.fact.uri))
                        seat.channel.presence_changed(now, seen)
                told = [pending(entry, self._priorities) for entry in entries]
                self._perform(seat, seat.channel.arrived(now, *told))
        for presence in committed.presences:
            self._presence_changed(presence)
        for stream_id in committed.dropped_streams:
            for seat in self._of(stream_id):
                self._perform(seat, seat.channel.close(now))
            self._seats.pop(stream_id, None)

    def _presence_changed(self, presence: Presence) -> None:
        watchers = self._presence.watchers(presence.user_uri)
        if watchers:
            hidden_from = self._privacy.hidden_from(presence.user_uri)
            self._untold.append(Telling(presence, hidden_from, iter(tuple(watchers))))
            if self._next_turn is None:
                self._tell()

    def _tell(self) -> None:
        """Tell watchers of changes in the order of the changes, some now and the others in the
        next turns; hundreds may watch, so nothing is done twice here."""
        self._next_turn = None
        now, seats, left = self._clock.seconds(), self._seats, TOLD_A_TURN
        while self._untold and left:
            telling = self._untold[0]
            some = list(islice(telling.watchers, left))
            for application_id in some:
                for seat in seats.get(application_id, _NO_SEATS).values():
                    self._tell_one(now, seat, telling)
            left -= len(some)
            if left:
                self._untold.popleft()
        if self._untold:
            self._next_turn = self._clock.callLater(0, self._tell)

    def _tell_one(self, now: float, seat: Seat, telling: Telling) -> None:
        hidden = telling.hidden_from(seat.endpoint.user_uri)
        number = telling.numbers.get(hidden)
        if number is None:
            number = telling.numbers[hidden] = latest_number(telling.presence, hidden)
        if number and seat.channel.presence_changed(now, number):
            self._look_again(seat, seat.channel.next_wakeup)

    async def trim(self) -> None:
        """Forget in the store what every instance of an application has confirmed.

        A stream longer than its bound loses its oldest entries; whoever has not read them is told
        to resync.
        """
        upto: dict[str, int] = {}
        for endpoint in self._applications:
            seats = self._seats.get(endpoint.id, {})
            confirmed = min(
                (
                    seats[instance_id].channel.confirmed.position
                    if instance_id in seats
                    else endpoint.base
                    for instance_id in endpoint.instances
                ),
                default=endpoint.base,
            )
            overflow = endpoint.head - self._stream_entries
            if overflow > confirmed:
                confirmed = overflow
                for seat in self._of(endpoint.id):
                    if seat.channel.confirmed.position < overflow:
                        self._perform(seat, seat.channel.drain(self._clock.seconds()))
                        del seats[seat.instance_id]
            if confirmed > endpoint.base:
                upto[endpoint.id] = confirmed
        if upto:
            await self._archive.trim(upto)
            for application_id, position in upto.items():
                trimmed = self._applications.find(application_id)
                if trimmed is not None:
                    trimmed.base = position

    def _of(self, application_id: str) -> list[Seat]:
        seats = self._seats.get(application_id)
        return list(seats.values()) if seats else []

    def _open(self, endpoint: Endpoint, instance_id: str, start: Cursor) -> Seat:
        channel = Channel(start, endpoint.head, self._presence.number)
        watched = self._subscriptions.watched(endpoint.id)
        highest = max(
            (
                latest_number(self._presence.of(uri), self._privacy.hidden(uri, endpoint.user_uri))
                for uri in watched
            ),
            default=0,
        )
        if highest:
            channel.presence_changed(self._clock.seconds(), highest)
        seat = Seat(endpoint, instance_id, channel)
        self._seats.setdefault(endpoint.id, {})[instance_id] = seat
        return seat

    # What channels ask for

    def _perform(self, seat: Seat, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Fetch):
                ensureDeferred(self._fetch(seat, action))
                continue
            answer = cast("Parked", action.request).answer
            match action:
                case Answer():
                    self._answer(seat, action, answer)
                case Resend():
                    answer.callback(cast("Rendered", action.body).response())
                case Resync():
                    href = events_href(
                        seat.endpoint, seat.instance_id, action.number, action.cursor
                    )
                    document: Document = {"_links": {"resync": {"href": href}}}
                    answer.callback(Response(document=document))
                case Refuse():
                    answer.errback(action.error)
        self._settle(seat)

    def _answer(self, seat: Seat, action: Answer, answer: Deferred[Response]) -> None:
        try:
            media = cast("Parked", action.request).media
            rendered = self._answers.rendered(seat.endpoint, seat.instance_id, action, media)
        except Exception:  # becomes a 500; a repeat of the request renders anew
            answer.errback()
            return
        seat.channel.sent(action.number, rendered)
        answer.callback(rendered.response())
        for told in action.events:
            fact = cast("Entry", told.event).fact
            if isinstance(fact, InvitationChanged) and rings(fact):
                self._received.append((seat.endpoint, fact.id))
        if self._received and self._ringing is None:
            self._ringing = self._clock.callLater(0, self._ring)

    def _ring(self) -> None:
        self._ringing = None
        received, self._received = self._received, []
        for endpoint, invitation_id in received:
            ensureDeferred(self._rang(endpoint, invitation_id))

    async def _rang(self, endpoint: Endpoint, invitation_id: str) -> None:
        """The application has received an invitation that rings it."""
        try:
            await self._alerting.received(endpoint, invitation_id)
        except Refusal:
            pass  # it is over already, or the store is full: then its caller is not told
        except Exception as error:
            self._log.failure("events.untold", error, application=endpoint.id)

    async def _fetch(self, seat: Seat, fetch: Fetch) -> None:
        try:
            entries = await self._archive.entries(seat.endpoint.id, fetch.after, fetch.limit)
            found = [pending(entry, self._priorities) for entry in entries]
        except Exception as error:  # whatever it is, the parked request must get an answer
            self._log.failure("events.unreadable", error, application=seat.endpoint.id)
            self._perform(seat, seat.channel.unreadable(self._clock.seconds(), fetch))
        else:
            self._perform(seat, seat.channel.fetched(self._clock.seconds(), fetch, found))

    def _settle(self, seat: Seat) -> None:
        """After each change: know whether the application is parked, and when to look again."""
        wakeup = seat.channel.next_wakeup
        parked = wakeup is not None
        if parked is not seat.parked:
            seat.parked = parked
            seat.endpoint.parked += 1 if parked else -1
            if not seat.endpoint.parked:
                seat.endpoint.seen(self._epoch())
        self._look_again(seat, wakeup)

    def _look_again(self, seat: Seat, wakeup: float | None) -> None:
        if wakeup is None or (seat.wake_at is not None and seat.wake_at <= wakeup):
            return
        seat.wake_at = wakeup
        together = self._due.get(wakeup)
        if together is not None:
            together.append(seat)
            return
        self._due[wakeup] = [seat]
        heapq.heappush(self._wakeups, wakeup)
        if self._wakeups[0] == wakeup:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wakeups:
            delay_s = max(0.0, self._wakeups[0] - self._clock.seconds())
            self._timer = self._clock.callLater(delay_s, self._wake)

    def _wake(self) -> None:
        """Look at the channels whose time has come, a few now and the others in the next turns."""
        self._timer = None
        now = self._clock.seconds()
        for _ in range(WAKEUPS_A_TURN):
            if not self._wakeups or self._wakeups[0] > now:
                break
            at = self._wakeups[0]
            together = self._due[at]
            seat = together.pop()
            if not together:
                del self._due[heapq.heappop(self._wakeups)]
            if seat.wake_at == at:
                seat.wake_at = None
                self._perform(seat, seat.channel.tick(now))
        self._set_timer()

    def stop(self) -> None:
        """Stop the clock; nothing is parked any more."""
        for call in (self._timer, self._next_turn, self._ringing):
            if call is not None:
                call.cancel()
        self._timer = self._next_turn = self._ringing = None
        self._untold.clear()
        self._received.clear()


def _nobody_asks(user_uri: str) -> None:
    """Nothing follows from what an application has received."""
