"""How one end of a call keeps its session alive, or gives it up (RFC 4028 section 10).

Who refreshes asks at half the interval.  A refresh that failed, though the peer may be there, is
tried again, each time after half of what is left; a session that was not refreshed until shortly
before it expires is over.
"""

from collections.abc import Callable

from mobility.sip import session_timer
from mobility.sip.core import Core
from mobility.sip.grammar import Malformed
from mobility.sip.message import Response
from mobility.sip.mid_dialog import retry_after
from mobility.sip.session_timer import Agreed
from mobility.sip.transactions import Timer

LEAST_AGAIN_S = 4.0
"""A failed refresh is not tried again sooner, unless Retry-After says so (our choice)."""

LEAST_WAIT_S = 1.0
"""Even where Retry-After lets one ask again at once (our choice)."""

UNKNOWN = frozenset({503, 504})
"""Answers that may be those of a proxy, and do not tell whether the peer is there."""


class SessionKeeping:
    """The timers of one session.

    `interval_s` is what is asked for: more than usual once a peer wants more (422).
    """

    def __init__(
        self, core: Core, refresh: Callable[[], None], give_up: Callable[[], None]
    ) -> None:
        """`refresh` asks the peer, `give_up` ends the session."""
        self.interval_s = session_timer.SESSION_EXPIRES_S
        self._core = core
        self._refresh = refresh
        self._give_up = give_up
        self._agreed: Agreed | None = None
        self._ends_at = 0.0
        self._end: Timer | None = None
        self._next: Timer | None = None

    def fields(self, refresher: str = "") -> list[tuple[str, str]]:
        """The header fields of a request that refreshes; who refreshes is ours to say or not."""
        asked = session_timer.SessionExpires(self.interval_s, refresher)
        longer = self.interval_s > session_timer.SESSION_EXPIRES_S
        least = self.interval_s if longer else session_timer.MIN_SE_S
        return [("Session-Expires", str(asked)), ("Min-SE", str(least))]

    def lengthen(self, response: Response) -> bool:
        """Ask for what a 422 wants (section 7.3); whether that is longer.

        Raises Malformed.
        """
        wanted_s = session_timer.wanted(response)
        if wanted_s is None or wanted_s <= self.interval_s:
            return False
        self.interval_s = wanted_s
        return True

    def keep(self, agreed: Agreed) -> None:
        """The session has begun, or was refreshed."""
        self._begin(agreed, agreed.due_s)

    def answered(self, response: Response) -> None:
        """A refresh was answered with a 2xx."""
        try:
            agreed = session_timer.agreed(response)
        except Malformed:
            agreed = None  # the peer is there, which is what was asked
        self.keep(agreed or session_timer.ALONE)

    def failed(self, response: Response) -> None:
        """A refresh was refused, though not for good."""
        agreed = self._agreed
        if agreed is None or not agreed.ours:
            return
        asked_s = retry_after(response)
        if not agreed.kept and response.status not in UNKNOWN:  # it is there, and counts nothing
            self._begin(agreed, agreed.due_s if asked_s is None else asked_s)
        else:
            self._again(asked_s)

    def go_on(self) -> None:
        """Something else than a refresh was asked; let one follow if none is to."""
        if self._next is None and self._agreed is not None and self._agreed.ours:
            self._again(None)

    def stop(self) -> None:
        """Nothing is due any more."""
        self._agreed = None
        for timer in (self._end, self._next):
            if timer is not None:
                timer.cancel()
        self._end = self._next = None

    def _begin(self, agreed: Agreed, next_s: float) -> None:
        self.stop()
        self._agreed = agreed
        self._ends_at = self._core.now() + agreed.expires_s
        self._end = self._core.later(agreed.expires_s, self._ended)
        if agreed.ours:
            self._ask_in(min(next_s, agreed.due_s))

    def _again(self, asked_s: int | None) -> None:
        """Ask again before the end, if there is time."""
        left_s = self._ends_at - self._core.now()
        again_s = max(left_s / 2, LEAST_AGAIN_S) if asked_s is None else asked_s
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if again_s < left_s:
            self._ask_in(again_s)

    def _ask_in(self, wait_s: float) -> None:
        self._next = self._core.later(max(wait_s, LEAST_WAIT_S), self._due)

    def _due(self) -> None:
        self._next = None
        self._refresh()

    def _ended(self) -> None:
        self._end = None
        self.stop()
        self._give_up()
