"""The machines of an event subscription (RFC 6665): the notifier's and the subscriber's.

Sans-IO: they are told what happened and when, and say what is to be sent and when to ask them
again.  Times are seconds of any clock that goes on.
"""

from enum import Enum
from typing import Self

import attrs

from mobility.sip.grammar import Malformed
from mobility.sip.headers import Parametrised, seconds

TIMER_N_S = 32.0
"""How long a subscriber waits for the first NOTIFY (64*T1, RFC 6665 section 4.1.2.4)."""

REFRESH_EARLY = 0.2
"""The part of a subscription's time that is left when it is refreshed (our choice)."""

REFRESH_EARLY_MAX_S = 300.0
"""A long one is refreshed this long before its end (our choice)."""

FIRST_RETRY_S = 30.0
LAST_RETRY_S = 3_600.0
"""Between attempts to subscribe: doubled with each that fails (our choice)."""

REFUSED_RETRY_S = 3_600.0
"""Who was refused asks again after this (RFC 6665 lets nobody ask at once; our choice)."""

MIN_RETRY_S = 1.0
"""Even where one may ask again at once (`deactivated`, `timeout`; our choice)."""

_ENDING = frozenset({404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})
"""Answers to a NOTIFY that end the subscription, Retry-After or not (RFC 5057 section 5.1)."""


class State(Enum):
    """Of Subscription-State, and before there is one."""

    INIT = "init"
    PENDING = "pending"
    ACTIVE = "active"
    TERMINATED = "terminated"


@attrs.frozen(slots=True)
class SubscriptionState:
    """The header field (RFC 6665 section 8.2.3).  What is not told is None or ""."""

    state: State
    reason: str = ""
    expires_s: int | None = None
    retry_after_s: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises Malformed.  An unknown state counts as active, as the RFC has it for states that
        are not terminated."""
        field = Parametrised.parse(text)
        try:
            state = State(field.value.lower())
        except ValueError:
            state = State.ACTIVE
        if state is State.INIT:
            state = State.ACTIVE
        expires, retry = field.parameter("expires"), field.parameter("retry-after")
        return cls(
            state,
            field.parameter("reason").lower(),
            seconds(expires) if expires else None,
            seconds(retry) if retry else None,
        )

    def __str__(self) -> str:
        text = self.state.value
        if self.reason:
            text += f";reason={self.reason}"
        if self.expires_s is not None:
            text += f";expires={self.expires_s}"
        if self.retry_after_s is not None:
            text += f";retry-after={self.retry_after_s}"
        return text


@attrs.define(slots=True, eq=False)
class Notifier:
    """The notifier's machine.

    `interval_s` is the shortest time between two notifications that nobody asked for.  There is at
    most one NOTIFY under way; what changes meanwhile goes into the next.
    """

    interval_s: float
    expires_at: float
    state: State = State.ACTIVE
    reason: str = ""
    retry_after_s: int | None = None
    _due: bool = True
    _asked: bool = True
    _next_at: float = 0.0
    _under_way: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing is to be sent any more."""
        return self.state is State.TERMINATED and not self._due and not self._under_way

    def refresh(self, expires_at: float) -> None:
        """A SUBSCRIBE within the dialog: it lasts longer, or ends, and a NOTIFY follows at once."""
        if self.state is not State.TERMINATED:
            self.expires_at = expires_at
            self._due = self._asked = True
            self._next_at = 0.0

    def change(self) -> None:
        """What is watched is another."""
        if self.state is not State.TERMINATED:
            self._due = True

    def end(self, reason: str, retry_after_s: int | None = None) -> None:
        """Let it end with a last NOTIFY, which says why."""
        if self.state is not State.TERMINATED:
            self.state, self.reason, self.retry_after_s = State.TERMINATED, reason, retry_after_s
            self._due, self._next_at = True, 0.0

    def due(self, now: float) -> SubscriptionState | None:
        """What a NOTIFY that is to be sent now says of the subscription; None when none is."""
        if self.state is not State.TERMINATED and now >= self.expires_at:
            self.end("timeout")
        if not self._due or self._under_way or now < self._next_at:
            return None
        self._due, self._under_way = False, True
        if not self._asked:
            self._next_at = now + self.interval_s
        self._asked = False
        if self.state is State.TERMINATED:
            return SubscriptionState(self.state, self.reason, None, self.retry_after_s)
        return SubscriptionState(self.state, expires_s=max(round(self.expires_at - now), 1))

    def answered(self, status: int, now: float, retry_after_s: int | None = None) -> None:
        """The NOTIFY was answered; 408 when it was not, 503 when it could not be sent."""
        self._under_way = False
        if status < 300:
            return
        if retry_after_s is not None and status not in _ENDING:
            self._due, self._next_at = True, now + retry_after_s
            return
        self.state, self._due = State.TERMINATED, False

    def wake_at(self) -> float | None:
        """When `due` has an answer at the latest, None when only something else can change that."""
        if self._under_way or self.over:
            return None
        return self._next_at if self._due else self.expires_at


class Ask(Enum):
    """What a subscriber sends."""

    SUBSCRIBE = "SUBSCRIBE outside of a dialog"
    REFRESH = "SUBSCRIBE within the dialog"
    LEAVE = "SUBSCRIBE within the dialog, with Expires: 0"


@attrs.define(slots=True, eq=False)
class Subscriber:
    """The subscriber's machine: it keeps a subscription up for as long as it is wanted."""

    expires_s: int
    state: State = State.INIT
    wanted: bool = True
    known: bool = False
    """Whether something was notified since the subscription began."""
    _ask_at: float | None = 0.0
    _under_way: bool = False
    _failures: int = 0
    _expires_at: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it has ended for good."""
        return not self.wanted and self.state is State.TERMINATED and not self._under_way

    def unwanted(self) -> None:
        """Nobody needs it any more: unsubscribe."""
        self.wanted = False
        if self.state in (State.PENDING, State.ACTIVE):
            self._ask_at = 0.0
        elif not self._under_way:
            self.state, self._ask_at = State.TERMINATED, None

    def due(self, now: float) -> Ask | None:
        """What is to be sent now, None for nothing."""
        if self.state in (State.PENDING, State.ACTIVE) and now >= self._expires_at:
            self._fail(now)
        if self._under_way or self._ask_at is None or now < self._ask_at:
            return None
        self._under_way, self._ask_at = True, None
        if self.state in (State.PENDING, State.ACTIVE):
            return Ask.REFRESH if self.wanted else Ask.LEAVE
        self.state = State.INIT
        return Ask.SUBSCRIBE

    def accepted(self, expires_s: int, now: float) -> None:
        """The SUBSCRIBE was answered 2xx: until a NOTIFY says else, it lasts so long."""
        self._under_way = False
        if not self.wanted:
            if self.state is State.INIT:  # it has become unwanted meanwhile
                self.state, self._ask_at = State.ACTIVE, 0.0
                self._expires_at = now + TIMER_N_S
            else:
                self.state, self._ask_at = State.TERMINATED, None
            return
        if self.state is State.INIT:
            self.state = State.PENDING
            self._expires_at = now + min(TIMER_N_S, expires_s)
            self._ask_at = None
        elif self.state in (State.PENDING, State.ACTIVE):
            self._last(expires_s, now)

    def refused(self, status: int, now: float, retry_after_s: int | None = None) -> None:
        """It was answered otherwise (408: not at all)."""
        self._under_way = False
        if not self.wanted:
            self.state, self._ask_at = State.TERMINATED, None
        elif retry_after_s is not None:
            self._retry(now + max(retry_after_s, MIN_RETRY_S))
        elif self.state in (State.PENDING, State.ACTIVE) and status == 481:
            self._retry(now + MIN_RETRY_S)
        elif status in (403, 404, 405, 489, 501, 603, 604):
            self._retry(now + REFUSED_RETRY_S)
        else:
            self._fail(now)

    def too_brief(self, min_expires_s: int, now: float) -> None:
        """423: ask again for so long."""
        self._under_way = False
        if not self.wanted:
            self.state, self._ask_at = State.TERMINATED, None
        elif min_expires_s <= self.expires_s:  # it said so of what was enough
            self._fail(now)
        else:
            self.expires_s = min_expires_s
            self._ask_at = now

    def notified(self, told: SubscriptionState, now: float) -> None:
        """A NOTIFY came, whatever it had to say beside its state."""
        if told.state is State.TERMINATED:
            self._terminated(told, now)
            return
        if not self.wanted:
            return
        self.state, self.known, self._failures = told.state, True, 0
        self._last(self.expires_s if told.expires_s is None else told.expires_s, now)

    def wake_at(self) -> float | None:
        """When `due` has an answer at the latest, None when only something else can change that."""
        lasting = self.state in (State.PENDING, State.ACTIVE)
        times = [] if self._ask_at is None or self._under_way else [self._ask_at]
        times += [self._expires_at] if lasting else []
        return min(times, default=None)

    def _terminated(self, told: SubscriptionState, now: float) -> None:
        if not self.wanted:
            self.state, self._ask_at = State.TERMINATED, None
            return
        if told.reason in ("deactivated", "timeout"):
            self._retry(now + MIN_RETRY_S)
        elif told.retry_after_s is not None:
            self._retry(now + max(told.retry_after_s, MIN_RETRY_S))
        elif told.reason in ("rejected", "noresource", "invariant"):
            self._retry(now + REFUSED_RETRY_S)
        else:
            self._fail(now)

    def _last(self, expires_s: int, now: float) -> None:
        """It is there for so long."""
        self._expires_at = now + expires_s
        early_s = min(expires_s * REFRESH_EARLY, REFRESH_EARLY_MAX_S)
        self._ask_at = self._expires_at - early_s

    def _fail(self, now: float) -> None:
        wait_s = min(FIRST_RETRY_S * 2**self._failures, LAST_RETRY_S)
        self._failures = min(self._failures + 1, 16)
        self._retry(now + wait_s)

    def _retry(self, at: float) -> None:
        self.state, self.known, self._ask_at = State.TERMINATED, False, at
        if not self.wanted:
            self._ask_at = None


def expires_of(text: str | None, default_s: int) -> int:
    """The seconds of an Expires header field, `default_s` without one.  Raises Malformed."""
    return default_s if text is None else seconds(text)


def event_of(text: str | None) -> tuple[str, str]:
    """Name of the event package in lower case, and the `id`, of an Event header field.

    Raises Malformed, also without one.
    """
    if text is None:
        raise Malformed("no Event")
    event = Parametrised.parse(text)
    return event.value.lower(), event.parameter("id")
