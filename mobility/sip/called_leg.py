"""The leg of an INVITE that has come: it rings, is answered, and may be given up meanwhile.

Provisional responses are sent reliably (RFC 3262) where the peer requires it; early media then
stay away, since a description in a reliable response would be the answer for good, while another
device may still answer.
"""

from collections import deque
from collections.abc import Callable

from mobility.sip import session_timer
from mobility.sip.call_messages import add, check_session, description_of, reasons_of
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.headers import RAck
from mobility.sip.leg import Ending, Leg, Owner
from mobility.sip.leg_states import Legged
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal
from mobility.sip.reoffer import Path
from mobility.sip.transaction import LIFETIME_S, T1_S
from mobility.sip.transactions import Timer
from mobility.sip.two_hundred import TwoHundred

MAX_PROVISIONAL = 32
"""Provisional responses of one leg that wait to be sent reliably (our choice)."""


class CalledLeg(Leg):
    """A leg that a peer has begun.  Making one raises SipRefusal and Malformed.

    `offer` is the description in the INVITE, "" where the 2xx is to offer one.
    """

    def __init__(self, core: Core, path: Path, owner: Owner, incoming: Incoming) -> None:
        super().__init__(core, path, owner, "Ringing")
        request = incoming.request
        check_session(request)
        self.incoming = incoming
        self.offer = self.remote = description_of(request)
        incoming.tag = incoming.tag or core.new_tag()
        secure = incoming.flow.secure and request.uri.lower().startswith("sips:")
        self.dialog = Dialog.called(request, request.respond(180, incoming.tag), secure=secure)
        self._allows = request.tokens("Allow")
        self._reliable = "100rel" in request.tokens("Require")
        self._provisional = _Reliable(self) if self._reliable else None
        self._register()
        incoming.cancelled = self._cancelled

    @property
    def call_id(self) -> str:
        return self.dialog.call_id

    def progress(self, status: int, description: str = "") -> None:
        """Send a provisional response (180, 181, 183), with early media."""
        if self.state != "Ringing":
            return
        response = self.incoming.request.respond(status, self.incoming.tag)
        response.add("Contact", f"<{self.path.contact}>")
        response.add("Allow", self.core.allow)
        if self._provisional is not None:
            self._provisional.send(response)
            return
        add(response, (), description)
        self.incoming.send(response)

    def answer(self, description: str) -> None:
        """Send the 2xx, with the answer or, where the INVITE offered nothing, an offer."""
        if self.state != "Ringing":
            return
        if self._provisional is not None and self._provisional.later(
            lambda: self.answer(description)
        ):
            return
        agreed, fields = session_timer.answer(self.incoming.request)
        response = self.incoming.request.respond(200, self.incoming.tag)
        add(response, [*fields, *self.own_answer()], description)
        self.local = description
        self._asks_late = not self.offer
        self.dialog.early = False
        self._becomes(Legged.ANSWERED)
        self.keep_session(agreed)
        self._two_hundred = TwoHundred(self.core, self.incoming, response, self._unacknowledged)

    def refuse(
        self, status: int, *reasons: str, fields: tuple[tuple[str, str], ...] = (), reason: str = ""
    ) -> None:
        """Send a final response of 300 or more; `reasons` are values of Reason."""
        if self.state != "Ringing":
            return
        self._becomes(Legged.REFUSED)
        self._end()
        more = [*fields, *(("Reason", value) for value in reasons)]
        self.incoming.respond(status, more, reason=reason)

    def hang_up(self, *reasons: str) -> None:
        match self.state:
            case "Ringing":
                self.refuse(480, *reasons)
            case "Answered":
                self._becomes(Legged.HUNG_UP)
            case "Confirmed":
                self._becomes(Legged.HUNG_UP)
                self._bye(*reasons)
                self._end()

    def unanswered(self) -> None:
        """A provisional response was not acknowledged (RFC 3262 section 3): the INVITE fails."""
        self.refuse(504)
        self.owner.ended(self, Ending(Legged.LOST))

    def _cancelled(self, cancel: Request) -> None:
        if self.state != "Ringing":
            return
        self._becomes(Legged.CANCELLED)
        self._end()
        self.owner.ended(self, Ending(Legged.CANCELLED, reasons_of(cancel)))

    def _left(self, event: Legged, request: Request) -> None:
        rings = self.state == "Ringing"
        super()._left(event, request)
        if rings and not self.incoming.answered:
            self.incoming.respond(487)

    def _pracked(self, incoming: Incoming) -> None:
        request = incoming.request
        rack = RAck.parse(request.need("RAck"))
        invite = self.incoming.request.cseq
        waits = self._provisional
        if waits is None or rack.cseq != invite or not waits.acknowledges(rack.response_number):
            raise SipRefusal(481)
        if request.body:  # nothing was agreed that it could change
            raise SipRefusal(488)
        incoming.respond(200)
        waits.acknowledged()

    def _end(self) -> None:
        super()._end()
        if self._provisional is not None:
            self._provisional.stop()


class _Reliable:
    """Provisional responses that are sent until they are acknowledged, one after another."""

    def __init__(self, leg: CalledLeg) -> None:
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
