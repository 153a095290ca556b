"""Early dialogs of INVITEs that have come: what is told before one is answered (RFC 3262).

A description that is told before the 2xx is the answer for that dialog, so each other description
gets an early dialog of its own, as if a proxy had forked the INVITE (RFC 3261 section 12.1).
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from mobility.media.held import continued
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.message import Request, Response
from mobility.sip.transaction import LIFETIME_S, T1_S
from mobility.sip.transactions import Timer

MAX_PROVISIONAL = 32
"""Provisional responses of one dialog that wait to be sent reliably (our choice)."""

MAX_FORKS = 16
"""Early dialogs of one INVITE (our choice: as many as we keep of one of ours)."""


class Ringing(Protocol):
    """The leg that rings."""

    core: Core
    incoming: Incoming

    def requested(self, incoming: Incoming) -> Awaitable[None] | None: ...

    def unanswered(self) -> None:
        """A provisional response was not acknowledged."""


class Fork:
    """One early dialog.  It is the Conversant of those that the leg itself is not.

    `description` is the answer that it has told, as who rings gave it, "" without one.
    """

    def __init__(self, leg: Ringing, dialog: Dialog, offer: str, *, reliable: bool) -> None:
        """`offer` is the caller's that counts in it."""
        self.leg = leg
        self.dialog = dialog
        self.offer = offer
        self.description = ""
        self._said = ""
        self._serving: Incoming | None = None
        self._offered = ""
        self.source = ""
        """Whose description it is."""
        self.renewing = ""
        """The description that an UPDATE of ours tells, until that is answered."""
        self.told = False
        """Whether a reliable response has told it."""
        self.reliable = Reliable(leg) if reliable else None

    @property
    def tag(self) -> str:
        return self.dialog.local.tag

    def requested(self, incoming: Incoming) -> Awaitable[None] | None:
        return self.leg.requested(incoming)

    def acknowledged(self, ack: Request) -> None:
        """An early dialog has no 2xx."""

    @property
    def said(self) -> str:
        """The description as the caller was told it, in its session."""
        return self._said or self.description

    @property
    def is_offered(self) -> bool:
        """Whether a new offer of the caller's waits for its answer."""
        return self._serving is not None

    @property
    def may_renew(self) -> bool:
        """Whether this end may offer another description: its first one is known to have come, and
        nothing is under way (RFC 3311 section 5.1)."""
        settled = self.reliable is not None and self.reliable.settled
        return self.told and settled and not self.is_offered and not self.renewing

    def renewed(self, description: str, said: str, answer: str) -> None:
        """The caller has answered another description, which it was told as `said`."""
        self.offer, self.description, self._said = answer, description, said

    def take(self, incoming: Incoming, description: str) -> None:
        """The caller offers anew, by PRACK or UPDATE."""
        self._serving, self._offered = incoming, description

    def waits_for(self, incoming: Incoming) -> bool:
        return self._serving is incoming

    def answer(self, description: str) -> tuple[Incoming, str] | None:
        """What was offered is agreed; what is to be answered, and with what.  None for what nobody
        waits for any more."""
        incoming, self._serving = self._serving, None
        if incoming is None:
            return None
        said = continued(self.said, description)
        self.offer, self.description, self._said = self._offered, description, said
        return incoming, said

    def refuse(self, status: int, fields: Iterable[tuple[str, str]] = ()) -> bool:
        """What was offered is not taken; whether anything was."""
        incoming, self._serving = self._serving, None
        if incoming is None:
            return False
        incoming.respond(status, fields)
        return True

    def stop(self) -> None:
        if self.reliable is not None:
            self.reliable.stop()


class Reliable:
    """Provisional responses that are sent until they are acknowledged, one after another."""

    def __init__(self, leg: Ringing) -> None:
        self._leg = leg
        self._number = int.from_bytes(leg.core.entropy(3), "big")
        """RSeq: it begins below 2**31 (RFC 3262 section 3)."""
        self._queue: deque[Response] = deque()
        self._waiting: Response | None = None
        self._then: Callable[[], None] | None = None
        self._timer: Timer | None = None
        self._interval_s = T1_S
        self._left_s = LIFETIME_S

    def send(self, response: Response) -> None:
        if len(self._queue) < MAX_PROVISIONAL:
            self._queue.append(response)
            self._next()

    @property
    def settled(self) -> bool:
        """Whether all that was to be sent was sent and acknowledged."""
        return self._waiting is None and not self._queue

    def later(self, then: Callable[[], None]) -> bool:
        """Whether one waits to be acknowledged; then `then` is called once none does."""
        if self._waiting is None:
            return False
        self._then = then
        return True

    def acknowledges(self, number: int) -> bool:
        """Whether a PRACK with this number is that of the response that waits."""
        return self._waiting is not None and number == self._number

    def acknowledged(self) -> None:
        self._waiting = None
        self.stop()
        self._next()
        if self._waiting is None and self._then is not None:
            then, self._then = self._then, None
            then()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        if self._waiting is not None or not self._queue:
            return
        self._number += 1
        response = self._waiting = self._queue.popleft()
        response.add("Require", "100rel")
        response.add("RSeq", str(self._number))
        self._interval_s, self._left_s = T1_S, LIFETIME_S
        self._leg.incoming.send(response)
        self._wait()

    def _wait(self) -> None:
        self._timer = self._leg.core.later(self._interval_s, self._again)

    def _again(self) -> None:
        self._timer = None
        self._left_s -= self._interval_s
        if self._waiting is None:
            return
        if self._left_s <= 0:
            self._waiting = None
            self._leg.unanswered()
            return
        self._leg.incoming.send(self._waiting)
        self._interval_s = min(self._interval_s * 2, self._left_s)
        self._wait()
