"""The event channels of all applications: the adapter around `mobility.ucwa.channel`.

It hears committed facts from the bus, gives them to the channels they concern, and performs what
the channels ask for.  The `events` handler is in `mobility.ucwa.application`.
"""

import heapq
from collections.abc import Callable
from itertools import count
from typing import cast
from urllib.parse import quote

import attrs
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mobility.domain.applications import Applications, Endpoint
from mobility.domain.facts import ContactWatched
from mobility.domain.ledger import Archive, Committed
from mobility.domain.presence import PresenceBook, latest_number
from mobility.domain.subscriptions import Subscriptions
from mobility.domain.users import Users
from mobility.events import Catalogue, EventLog
from mobility.http.message import Document, Media, Response
from mobility.http.render import encode
from mobility.ucwa.channel import (
    ORIGIN,
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
from mobility.ucwa.facts import Renderer, Sent, pending, presence_events
from mobility.ucwa.hrefs import Hrefs

EVENTS: Catalogue = {
    "events.unreadable": {
        "application": "the application whose stream could not be read",
        "failure": "the traceback",
    },
}

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


@attrs.frozen(slots=True)
class Rendered:
    """The bytes of an answer, kept until the client confirms that it has them."""

    body: bytes
    content_type: str

    def response(self) -> Response:
        return Response(body=self.body, content_type=f"{self.content_type}; charset=utf-8")


@attrs.define(slots=True, eq=False)
class Seat:
    """One channel, whose it is, whether it was parked when last looked at, and when it next wants
    to be woken."""

    endpoint: Endpoint
    instance_id: str
    channel: Channel
    parked: bool = False
    wake_at: float | None = None


class EventChannels:
    """Every live event channel of this front end."""

    def __init__(
        self,
        *,
        users: Users,
        applications: Applications,
        subscriptions: Subscriptions,
        presence: PresenceBook,
        archive: Archive,
        priorities: dict[tuple[str, str], Priority],
        clock: IReactorTime,
        epoch: Callable[[], float],
        log: EventLog,
        stream_entries: int,
    ) -> None:
        self._users = users
        self._applications = applications
        self._subscriptions = subscriptions
        self._presence = presence
        self._archive = archive
        self._priorities = priorities
        self._clock = clock
        self._epoch = epoch
        self._log = log
        self._stream_entries = stream_entries
        self._seats: dict[str, dict[str, Seat]] = {}
        self._wakeups: list[tuple[float, int, Seat]] = []
        self._order = count()
        self._timer: IDelayedCall | None = None

    @property
    def parked(self) -> int:
        """How many pending GETs wait."""
        return sum(seat.parked for seats in self._seats.values() for seat in seats.values())

    def href(self, endpoint: Endpoint, instance_id: str) -> str:
        """The link of the first answer that the client has not confirmed."""
        seat = self._seats.get(endpoint.id, {}).get(instance_id)
        if seat is None:
            return _href(endpoint, instance_id, 1, ORIGIN)
        return _href(endpoint, instance_id, *seat.channel.link)

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

    def committed(self, committed: Committed) -> None:
        """A unit of work was stored (a bus listener)."""
        now = self._clock.seconds()
        for entry in committed.entries:
            endpoint = self._applications.find(entry.stream_id)
            if endpoint is not None:
                endpoint.head = entry.position
            for seat in self._of(entry.stream_id):
                if isinstance(entry.fact, ContactWatched) and entry.fact.change == "added":
                    seen = latest_number(self._presence.of(entry.fact.uri))
                    seat.channel.presence_changed(now, seen)
                self._perform(seat, seat.channel.arrived(now, pending(entry, self._priorities)))
        for presence in committed.presences:
            number = latest_number(presence)
            for application_id in self._presence.watchers(presence.user_uri):
                for seat in self._of(application_id):
                    seat.channel.presence_changed(now, number)
                    self._settle(seat)
        for stream_id in committed.dropped_streams:
            for seat in self._of(stream_id):
                self._perform(seat, seat.channel.close(now))
            self._seats.pop(stream_id, None)

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
        highest = max((latest_number(self._presence.of(uri)) for uri in watched), default=0)
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
                    href = self._href_of(seat, action.number, action.cursor)
                    document: Document = {"_links": {"resync": {"href": href}}}
                    answer.callback(Response(document=document))
                case Refuse():
                    answer.errback(action.error)
        self._settle(seat)

    def _answer(self, seat: Seat, action: Answer, answer: Deferred[Response]) -> None:
        try:
            rendered = self._render(seat, action)
        except Exception:  # becomes a 500; a repeat of the request renders anew
            answer.errback()
            return
        seat.channel.sent(action.number, rendered)
        answer.callback(rendered.response())

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
        if wakeup is not None and (seat.wake_at is None or wakeup < seat.wake_at):
            seat.wake_at = wakeup
            heapq.heappush(self._wakeups, (wakeup, next(self._order), seat))
            self._set_timer()

    def _set_timer(self) -> None:
        if not self._wakeups:
            return
        first = self._wakeups[0][0]
        if self._timer is not None:
            if self._timer.getTime() <= first:
                return
            self._timer.cancel()
        delay_s = max(0.0, first - self._clock.seconds())
        self._timer = self._clock.callLater(delay_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._wakeups and self._wakeups[0][0] <= now:
            at, _, seat = heapq.heappop(self._wakeups)
            if seat.wake_at != at:
                continue
            seat.wake_at = None
            self._perform(seat, seat.channel.tick(now))
        self._set_timer()

    def stop(self) -> None:
        """Stop the clock; nothing is parked any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Rendering

    def _render(self, seat: Seat, answer: Answer) -> Rendered:
        document: Document = {
            "_links": {
                "self": {"href": self._href_of(seat, answer.number, answer.since)},
                "next": {"href": self._href_of(seat, answer.number + 1, answer.cursor)},
            }
        }
        senders = _by_sender(self._events(seat.endpoint, answer))
        if senders:
            document["sender"] = senders
        media = cast("Parked", answer.request).media
        return Rendered(encode(document, media), media.content_type)

    def _events(self, endpoint: Endpoint, answer: Answer) -> list[Sent]:
        user = self._users.find(endpoint.user_uri)
        if user is None:
            return []
        renderer = Renderer(endpoint, user, self._subscriptions)
        events = [
            event
            for entry in answer.events
            for event in renderer.events(entry.event)  # type: ignore[arg-type]  # always an Entry
        ]
        if answer.cursor.number != answer.since.number:
            shown = {event[2]["link"]["href"] for event in events}
            hrefs = Hrefs(endpoint.id)
            events += [
                event
                for uri in sorted(self._subscriptions.watched(endpoint.id))
                for event in presence_events(hrefs, self._presence.of(uri), answer.since.number)
                if event[2]["link"]["href"] not in shown
            ]
        return events

    @staticmethod
    def _href_of(seat: Seat, number: int, cursor: Cursor) -> str:
        return _href(seat.endpoint, seat.instance_id, number, cursor)


def _href(endpoint: Endpoint, instance_id: str, number: int, cursor: Cursor) -> str:
    href = f"{Hrefs(endpoint.id).application}/events?ack={number}"
    if instance_id:
        href += f"&instanceId={quote(instance_id, safe='')}"
    if number > 1 or cursor != ORIGIN:
        href += f"&of={number}&p={cursor.position}&n={cursor.number}"
    return href


def _by_sender(events: list[Sent]) -> list[Document]:
    """The `sender` array: consecutive events of one sender share a block, order is kept."""
    senders: list[Document] = []
    for rel, href, event in events:
        if senders and senders[-1]["href"] == href:
            senders[-1]["events"].append(event)
        else:
            senders.append({"rel": rel, "href": href, "events": [event]})
    return senders
