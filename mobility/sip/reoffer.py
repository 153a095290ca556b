"""New offers of this end within a call: re-INVITEs (RFC 3261 section 14.1)."""

from collections.abc import Sequence
from typing import Protocol

from mobility.media.held import continued
from mobility.sip.accounts import credentials_of
from mobility.sip.call_messages import add, description_of
from mobility.sip.core import Core
from mobility.sip.dialog import Dialog
from mobility.sip.flow import Flow
from mobility.sip.grammar import Malformed
from mobility.sip.message import Request, Response
from mobility.sip.mid_dialog import ends_call, retry_after
from mobility.sip.refusal import SipRefusal
from mobility.sip.sending import OnResponse
from mobility.sip.session_keeping import LEAST_WAIT_S, SessionKeeping

MAX_RETRIES = 5
"""How often a new offer is sent, where another one crossed it (491) or the peer wants it later (our
choice)."""

MAX_WAIT_S = 10
"""Up to which Retry-After a new offer waits to be sent again (RFC 3261 section 14.2: who is busy
with another one says up to ten seconds)."""


class Sent(Protocol):
    """A request on its way."""

    def cancel(self, *reasons: str) -> None:
        """End an INVITE; a final response comes in any case."""
        ...


class Path(Protocol):
    """How a leg's requests get to its peer; it puts Via into them, and Contact where one belongs.

    `contact` is the URI at which the peer reaches this leg.
    """

    @property
    def secure(self) -> bool: ...

    @property
    def contact(self) -> str: ...

    def heard(self, flow: Flow) -> None:
        """The peer has refreshed where it is reached, over this connection."""
        ...

    def invite(self, request: Request, on_response: OnResponse) -> None:
        """Send the INVITE that begins the leg (as `mobility.sip.client` says)."""
        ...

    def cancel(self, *reasons: str) -> None:
        """End that INVITE; a final response comes in any case."""
        ...

    def send(self, request: Request, on_response: OnResponse) -> "Sent":
        """Send a request within the dialog."""
        ...

    def acknowledge(self, ack: Request) -> None:
        """Send the ACK of a 2xx."""
        ...


class Offering(Protocol):
    """The leg that offers anew."""

    core: Core
    dialog: Dialog
    path: Path
    local: str
    asking: "Reoffer | None"
    acks: dict[int, Request]
    keeping: SessionKeeping

    @property
    def is_over(self) -> bool: ...

    @property
    def is_answering(self) -> bool:
        """Whether an INVITE or UPDATE of the peer is under way."""
        ...

    def own_fields(self) -> Sequence[tuple[str, str]]: ...

    def glare_s(self) -> float:
        """How long to wait after 491."""
        ...

    def reoffered(self, asking: "Reoffer", description: str) -> None:
        """The peer has accepted."""

    def not_reoffered(self, asking: "Reoffer", response: Response) -> None:
        """It has refused."""

    def lose(self) -> None:
        """It does not know the dialog any more, or does not answer."""


class Glaring(Protocol):
    """A leg whose offers may cross others."""

    def glare_s(self) -> float:
        """How long to wait after 491."""
        ...


def again_after(response: Response, leg: Glaring) -> float | None:
    """In how many seconds a new offer that was refused so is made again, None where it is not (RFC
    3261 section 14, RFC 3311 section 5)."""
    if response.status == 491:
        return leg.glare_s()
    wait_s = retry_after(response) if response.status >= 300 else None
    if wait_s is None or wait_s > MAX_WAIT_S:
        return None
    return max(wait_s, LEAST_WAIT_S)


class Reoffer:
    """A re-INVITE of ours, until it is answered for good."""

    def __init__(self, leg: Offering, description: str | None, *, refreshes: bool = False) -> None:
        """`description` None asks the peer to offer; `refreshes` says that nothing is new to the
        leg's owner, who is told only what is new of the peer."""
        self.description = description
        self.refreshes = refreshes
        self.waits = False
        """Whether the peer has offered and its offer is to be answered in the ACK."""
        self.is_sent = False
        """Whether the request is under way, and does not wait to be sent again."""
        self._leg = leg
        self._request: Request | None = None
        self._tries = 0
        self._sent: Sent | None = None
        self._cancelled = False

    def send(self) -> None:
        leg = self._leg
        request = self._request = leg.dialog.request("INVITE")
        if self.description is not None:
            self.description = continued(leg.local, self.description)
        add(request, leg.own_fields(), self.description or "")
        for name, value in leg.keeping.fields():
            request.set(name, value)
        self._tries += 1
        self.is_sent = True
        self._sent = leg.path.send(request, self._responded)

    def cancel(self) -> None:
        """Let the peer not take it, if it has not yet."""
        self._cancelled = True
        if self._sent is not None:
            self._sent.cancel()

    @property
    def _number(self) -> int:
        """Its CSeq, which grows when it is challenged."""
        return self._request.cseq.number if self._request is not None else 0

    def _responded(self, response: Response) -> None:
        leg = self._leg
        if response.status < 200:
            return
        if response.status < 300:
            self._accepted(response)
        elif leg.is_over or leg.asking is not self:
            return
        elif ends_call(response):
            leg.lose()
        elif self._cancelled:
            leg.not_reoffered(self, response)
        elif (again_s := self._again_s(response)) is not None and self._tries < MAX_RETRIES:
            self.is_sent = False
            leg.core.later(again_s, self._again)
        else:
            leg.not_reoffered(self, response)

    def _again_s(self, response: Response) -> float | None:
        """In how many seconds it is sent again after a refusal, None where it is not."""
        if response.status == 422:
            try:
                return 0.0 if self._leg.keeping.lengthen(response) else None
            except Malformed:
                return None
        if self.refreshes and response.status != 491:
            return None
        return again_after(response, self._leg)

    def acknowledge(self, answer: str = "") -> None:
        """Send the ACK."""
        leg = self._leg
        self.waits = False
        ack = leg.dialog.acknowledge(self._number)
        credentials = credentials_of(self._request) if self._request is not None else ()
        add(ack, credentials, answer)
        leg.acks = {self._number: ack}
        leg.path.acknowledge(ack)

    def _accepted(self, response: Response) -> None:
        leg = self._leg
        again = leg.acks.get(self._number)
        if again is not None:
            leg.path.acknowledge(again)
            return
        if leg.is_over or leg.asking is not self or self.waits:
            if leg.is_over:
                self.acknowledge()
            return
        try:
            leg.dialog.refresh(response)
            description = description_of(response)
        except (Malformed, SipRefusal):
            self.acknowledge()
            leg.lose()
            return
        leg.keeping.answered(response)
        if self.description is None and description:
            self.waits = True
        else:
            self.acknowledge()
        leg.reoffered(self, description)

    def _again(self) -> None:
        leg = self._leg
        if leg.asking is not self or leg.is_over:
            return
        if leg.is_answering:
            leg.core.later(LEAST_WAIT_S, self._again)
        else:
            self.send()
