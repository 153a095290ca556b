"""The event channel of one application instance, without sockets, wire format or clock.

A client asks for answer N with a pending GET (P-GET).  The link it uses carries N (`ack=N`) and a
`Cursor`: everything the client has received before N.  So `ack=N` confirms N-1, and whoever reads
the link knows where the client is even if it remembers nothing.  An answer is the stretch between
two cursors: stream entries by position, presence by number.

    Fresh     nothing is remembered (a new process): any credible link is adopted
    Owed      N has not been made; a request for it may be parked
    Sent      N went out, and its bytes are kept until the client asks for N+1

    Fresh  -- link of N, its cursor within the stream --------> Owed, parked
    Owed   -- link of N --------------------------------------> Owed, parked; an older request 409
    Owed   -- something is due: event, interval, time-out ----> Sent
    Owed   -- parked request disconnects ---------------------> Owed, nothing consumed
    Sent   -- link of N (the reply was lost) -----------------> Sent, the same bytes again
    Sent   -- the number N alone, and more has come ----------> Owed, made anew with all of it
    Sent   -- link of N+1 ------------------------------------> Owed (N+1), parked; N is confirmed
    Owed, Sent -- link further on that only another process can have made --> as from Fresh
    any    -- any other link ---------------------------------> unchanged, `Resync` to N

What is due: REAL_TIME and HIGH events at once, SOON ones after `SOON_S`, MEDIUM events and presence
`medium` seconds after the first of them was queued, LOW ones after `low`; whatever is released
takes everything queued with it, in order.  After `timeout` seconds an answer goes out in any case.
Entries read from the store have waited already and are due at once.

Entries are in the store before they come here, so memory is only a short cut.  When they do not
follow on one another, are too many, or the client stays away, the channel drops them, is
*behind*, and asks for a `Fetch` at the next P-GET.  For the same reason a channel without a parked
request may be thrown away at any time, and a new one in its place goes on from the client's link.

Silence resets nothing here: events wait in the stream as long as the application lives, and when
it ends `close` says so.  No transient state is ever lost behind the client's back, which is what
UCWA's `resume` link tells of; hence there is none.

Source: UCWA, "Event channel details" and "Events in UCWA".
"""

from collections.abc import Hashable, Sequence
from enum import IntEnum

import attrs

from mobility.errors import Refusal, Unavailable

LOW_S = 15.0
MEDIUM_S = 5.0
TIMEOUT_S = 180.0
"""Intervals until the client names others (UCWA rel `events`)."""

SOON_S = 0.1
"""How long the result of what the client did itself may wait for company (our choice: a sender of
many messages then asks for its events ten times a second, not once a message)."""

AGGREGATION_RANGE_S = (5, 1800)
TIMEOUT_RANGE_S = (30, 1800)
"""Least and largest `low` or `medium`, and `timeout`, that are served (UCWA rel `events`; there
`timeout` begins at 180, but deployed clients ask for 60, and 30 is what hasty proxies allow: our
choice)."""

BATCH_ENTRIES = 100
"""The most entries kept, read at once, or put into one answer (our choice: about 100 KiB)."""

REPOLL_S = 10.0
"""How long a client without a request is taken to be on its way back; entries that come later
are left in the store (our choice: a phone's round trip and a retry)."""


class Priority(IntEnum):
    """How soon an event is released (UCWA, "Aggregation"; SOON is ours)."""

    LOW = 0
    MEDIUM = 1
    SOON = 2
    HIGH = 3
    REAL_TIME = 4


@attrs.frozen(slots=True)
class Cursor:
    """All up to stream position `position` and presence number `number`, these included."""

    position: int
    number: int


ORIGIN = Cursor(0, 0)
"""Where a link without a cursor begins (`?ack=1`, as an `application` shows it)."""


@attrs.frozen(slots=True)
class Pending:
    """A committed entry of the stream on its way to the client.

    `target` is what an `updated` event is about: of several in one answer only the last is kept.
    Events of other types have None and never merge.
    """

    position: int
    priority: Priority
    event: object
    target: Hashable | None = None


@attrs.frozen(slots=True)
class Answer:
    """Answer number `number` to `request`: what happened between `since` and `cursor`.

    Render `events`, then, if the cursors' numbers differ, the present state of each watched
    presence whose number is above `since.number`.  The `next` link is that of answer `number + 1`
    at `cursor`.  Hand the bytes to `Channel.sent` before anything else.
    """

    request: object
    number: int
    since: Cursor
    cursor: Cursor
    events: Sequence[Pending]


@attrs.frozen(slots=True)
class Resend:
    """Give `request` the bytes that `Channel.sent` got: the client lost them."""

    request: object
    body: object


@attrs.frozen(slots=True)
class Resync:
    """Give `request` nothing but a `resync` link: that of answer `number` at `cursor`."""

    request: object
    number: int
    cursor: Cursor


@attrs.frozen(slots=True)
class Refuse:
    """Answer `request` with `error`: it was replaced (409 PGetReplaced), its application ended
    (404 ApplicationNotFound), or its events cannot be read now and wait in the store (503)."""

    request: object
    error: Refusal


@attrs.frozen(slots=True)
class Fetch:
    """Read the stream's entries after position `after`, in order, at most `limit`, then call
    `Channel.fetched` or `unreadable`.  Up to `upto` they are committed; later ones may come too."""

    after: int
    upto: int
    limit: int


Action = Answer | Resend | Resync | Refuse | Fetch


def merge(entries: Sequence[Pending]) -> Sequence[Pending]:
    """`entries` without those that a later one with the same target supersedes."""
    last = {entry.target: entry.position for entry in entries}
    return [e for e in entries if e.target is None or last[e.target] == e.position]


def _replaced(request: object) -> Refuse:
    return Refuse(request, Refusal("Conflict", "PGetReplaced", "Another request took its place."))


@attrs.define(slots=True, eq=False, weakref_slot=False)
class Channel:
    """One event channel.  `now` is in seconds, of any clock that does not run backwards.

    Nothing before `start` can be asked for: it is the position up to which the stream was trimmed,
    or for a new instance of an application the stream's last.  `head` is the stream's last
    position, `counter` the presence number last given to anyone.  A channel over subscriptions
    that exist already is also told, by `presence_changed`, the highest number of the watched.
    """

    _start: Cursor = ORIGIN  # where N begins
    _head: int = 0
    _counter: int = 0

    _number: int = attrs.field(default=0, init=False)  # N; 0 while Fresh
    _end: Cursor | None = attrs.field(default=None, init=False)  # where N ended, once it is Sent
    _body: object = attrs.field(default=None, init=False)

    _queue: list[Pending] | None = attrs.field(default=None, init=False)
    _behind: bool = attrs.field(default=False, init=False)  # the queue misses entries up to _head
    _fetch: Fetch | None = attrs.field(default=None, init=False)
    _presence: int = attrs.field(default=0, init=False)  # the highest number of the watched

    _urgent: bool = attrs.field(default=False, init=False)
    _soon_at: float | None = attrs.field(default=None, init=False)  # when the first was queued
    _medium_at: float | None = attrs.field(default=None, init=False)
    _low_at: float | None = attrs.field(default=None, init=False)
    _low_s: float = attrs.field(default=LOW_S, init=False)
    _medium_s: float = attrs.field(default=MEDIUM_S, init=False)
    _timeout_s: float = attrs.field(default=TIMEOUT_S, init=False)

    _request: object = attrs.field(default=None, init=False)  # the parked one
    _priority: int = attrs.field(default=0, init=False)
    _deadline: float = attrs.field(default=0.0, init=False)
    _left_at: float = attrs.field(default=0.0, init=False)  # when a request was last unparked

    @property
    def confirmed(self) -> Cursor:
        """What the client has for certain: entries up to its position may be trimmed."""
        return self._start

    @property
    def link(self) -> tuple[int, Cursor]:
        """Number and cursor of the first answer that is not confirmed."""
        return max(self._number, 1), self._start

    @property
    def next_wakeup(self) -> float | None:
        """When to call `tick`, or None while nothing is parked."""
        if self._request is None:
            return None
        due = self._deadline
        if self._behind:
            return due
        if self._soon_at is not None:
            due = min(due, self._soon_at + SOON_S)
        if self._medium_at is not None:
            due = min(due, self._medium_at + self._medium_s)
        if self._low_at is not None:
            due = min(due, self._low_at + self._low_s)
        return due

    def poll(
        self,
        now: float,
        ack: int,
        cursor: Cursor | None,
        request: object,
        *,
        low: float | None = None,
        medium: float | None = None,
        timeout: float | None = None,
        priority: int = 0,
    ) -> list[Action]:
        """A P-GET for answer `ack` came, on a link with `cursor`.

        `cursor` is None when the link had none, or one that was given out with another ack: a
        client counts for itself, and is understood as long as this channel remembers.

        The intervals, in seconds and within their ranges, hold until others are given; None
        changes nothing.  Of two requests for one answer the one with the larger `priority` is
        kept, of equals the later: a phone that moved to another network wins over its own dead
        connection.  The other is refused, and its intervals do not count.

        Deployed clients ask for one number again and again until what they wait for is in its
        answer; so one without a cursor gets what has come since with what it got before.
        """
        counts = cursor is None
        if cursor is None:
            cursor = self._place_of(ack)
        if cursor is None or ack < 1:
            return [Resync(request, *self.link)]
        if ack == self._number and cursor == self._start:
            if self._request is not None and priority < self._priority:
                return [_replaced(request)]
            if self._end is not None:
                grown = counts and self._head > self._end.position
                if grown or self._body is None:
                    self._adopt(now, ack, cursor)
        elif ack == self._number + 1 and cursor == self._end:
            self._number, self._start = ack, cursor
            self._end = self._body = None
        elif self._is_credible(ack, cursor):
            self._adopt(now, ack, cursor)
        else:
            return [Resync(request, *self.link)]
        self._low_s = self._low_s if low is None else low
        self._medium_s = self._medium_s if medium is None else medium
        self._timeout_s = self._timeout_s if timeout is None else timeout
        if self._end is not None:
            return [Resend(request, self._body)]
        older, self._request, self._priority = self._request, request, priority
        self._deadline = now + self._timeout_s
        actions = self.tick(now)
        return actions if older is None else [_replaced(older), *actions]

    def sent(self, number: int, body: object) -> None:
        """Answer `number` was rendered as `body`, which is kept until the client confirms it.

        Without it the answer is made anew from the store when the client repeats its request.
        """
        if number == self._number and self._end is not None:
            self._body = body

    def arrived(self, now: float, *entries: Pending) -> list[Action]:
        """`entries` were committed, as one: what one of them releases takes the others with it.

        Those that are already known are ignored.
        """
        for entry in entries:
            self._note(now, entry)
        return self.tick(now)

    def _note(self, now: float, entry: Pending) -> None:
        if entry.position <= self._head:
            return
        follows = entry.position == self._head + 1
        self._head = entry.position
        queue = self._queue or []
        away = self._request is None and now - self._left_at > REPOLL_S
        if self._behind or not follows or away or len(queue) == BATCH_ENTRIES:
            self._clear_queue()
            self._behind = True
            return
        queue.append(entry)
        self._queue = queue
        if entry.priority >= Priority.HIGH or len(queue) == BATCH_ENTRIES:
            self._urgent = True
        elif entry.priority == Priority.SOON:
            self._soon_at = now if self._soon_at is None else self._soon_at
        elif entry.priority == Priority.MEDIUM:
            self._medium_at = now if self._medium_at is None else self._medium_at
        else:
            self._low_at = now if self._low_at is None else self._low_at

    def presence_changed(self, now: float, number: int) -> bool:
        """The presence of someone watched changed and has `number` now; whether nothing of medium
        priority had been waiting, so that `next_wakeup` may be another.

        Numbers come in the order they were given out.  The first state of a newly watched contact
        is the stream's affair, since its number may be older than the client's cursor.
        """
        if number > self._presence:
            self._presence = number
        if number > self._counter:
            self._counter = number
        if self._medium_at is not None:
            return False
        if self._presence > (self._end or self._start).number:
            self._medium_at = now
        return True

    def fetched(self, now: float, fetch: Fetch, entries: Sequence[Pending]) -> list[Action]:
        """The store answered `fetch`; fewer entries than its limit means there are no more."""
        if fetch is not self._fetch:
            return []
        self._fetch = None
        if self._request is None:
            return []
        reached = entries[-1].position if entries else fetch.upto
        if len(entries) < fetch.limit:
            reached = max(reached, fetch.upto)
        self._head = max(self._head, reached)
        self._behind = self._head > reached
        return [self._answer(now, entries, reached)] if entries else self.tick(now)

    def unreadable(self, now: float, fetch: Fetch) -> list[Action]:
        """The store could not answer `fetch`; the next P-GET asks it again."""
        if fetch is not self._fetch:
            return []
        self._fetch = None
        return self._refuse(now, Unavailable("The events cannot be read now."))

    def tick(self, now: float) -> list[Action]:
        """Time has passed: answer what is parked if something is due, or fetch what is missing."""
        due = self.next_wakeup
        if due is None:
            return []
        if self._urgent or now >= due:
            position = self._start.position if self._behind else self._head
            return [self._answer(now, self._queue or (), position)]
        if self._behind and self._fetch is None:
            self._fetch = Fetch(self._start.position, self._head, BATCH_ENTRIES)
            return [self._fetch]
        return []

    def disconnected(self, now: float, request: object) -> None:
        """The client of `request` went away.  Nothing is consumed."""
        if request is self._request:
            self._unpark(now)

    def drain(self, now: float) -> list[Action]:
        """The service is about to stop: answer what is parked, with links only."""
        if self._request is None:
            return []
        self._end = self._start
        return [Answer(self._unpark(now), self._number, self._start, self._end, ())]

    def close(self, now: float) -> list[Action]:
        """The application has ended."""
        gone = Refusal("NotFound", "ApplicationNotFound", "The application has ended.")
        return self._refuse(now, gone)

    def _refuse(self, now: float, error: Refusal) -> list[Action]:
        return [] if self._request is None else [Refuse(self._unpark(now), error)]

    def _place_of(self, ack: int) -> Cursor | None:
        """Where answer `ack` begins, as far as this channel knows."""
        if ack == self._number:
            return self._start
        if ack == self._number + 1 and self._end is not None:
            return self._end
        return ORIGIN if ack == 1 else None

    def _is_credible(self, ack: int, cursor: Cursor) -> bool:
        """Whether a process before or beside this one may have made the link.

        It is then at or beyond what is confirmed, and within what was ever given out.
        """
        return (
            ack > self._number
            and self._start.position <= cursor.position <= self._head
            and self._start.number <= cursor.number <= self._counter
        )

    def _adopt(self, now: float, ack: int, cursor: Cursor) -> None:
        self._number, self._start = ack, cursor
        self._end = self._body = self._fetch = None
        self._clear_queue()
        self._behind = cursor.position < self._head
        self._note_presence(now)

    def _note_presence(self, now: float) -> None:
        if self._medium_at is None and self._presence > (self._end or self._start).number:
            self._medium_at = now

    def _clear_queue(self) -> None:
        self._queue = self._low_at = self._medium_at = self._soon_at = None
        self._urgent = False

    def _answer(self, now: float, entries: Sequence[Pending], position: int) -> Answer:
        """Answer what is parked with `entries`, which reach up to `position`."""
        end = Cursor(position, max(self._start.number, self._presence))
        self._end = self._start if end == self._start else end
        self._clear_queue()
        return Answer(self._unpark(now), self._number, self._start, self._end, merge(entries))

    def _unpark(self, now: float) -> object:
        request, self._request = self._request, None
        self._left_at = now
        return request
