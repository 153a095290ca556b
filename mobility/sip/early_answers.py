"""Early dialogs of INVITEs of ours: what each of those who may answer has said before."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import attrs

from mobility.media.held import continued
from mobility.sip.call_messages import add, description_of
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.grammar import Malformed
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal
from mobility.sip.reoffer import MAX_RETRIES, Path, again_after
from mobility.sip.transactions import Timer

Answered = Callable[[int, str], None]
"""Told how an offer was answered: the status, and the description or ""."""


class Calling(Protocol):
    """The leg that calls."""

    core: Core
    path: Path
    local: str

    @property
    def is_over(self) -> bool: ...

    @property
    def calls(self) -> bool:
        """Whether the INVITE is not answered for good."""
        ...

    def own_fields(self) -> Sequence[tuple[str, str]]: ...

    def glare_s(self) -> float: ...

    def updated_early(self, early: "Early", incoming: Incoming) -> None:
        """A request of the other side's.  Raises SipRefusal and Malformed."""


@attrs.define(slots=True, eq=False)
class Early:
    """An early dialog, the number of its latest reliable response, and its description.

    It is the Conversant of the dialog.  `agreed` says that the description was told reliably, so
    that either side may offer anew (RFC 3311 section 5.1), `renewed` that one has, `allows` what
    methods the other side takes, and `offered` that it is to answer.
    """

    leg: Calling = attrs.field(repr=False)
    dialog: Dialog
    sequence: int = 0
    description: str = attrs.field(repr=False, default="")
    agreed: bool = False
    renewed: bool = False
    allows: frozenset[str] = frozenset()
    offered: bool = False
    _again: Timer | None = attrs.field(default=None, repr=False)

    @property
    def may_offer(self) -> bool:
        """Whether this end may offer anew."""
        return self.agreed and "update" in self.allows

    def requested(self, incoming: Incoming) -> None:
        self.leg.updated_early(self, incoming)

    def acknowledged(self, ack: Request) -> None:
        """Who called sends the ACK."""

    def take_back(self) -> bool:
        """Do not offer again what waits for that; whether it did."""
        if self._again is None:
            return False
        self._again.cancel()
        self._again, self.offered = None, False
        return True

    def offer(self, description: str, answered: Answered, tries: int = MAX_RETRIES) -> None:
        """Offer anew by UPDATE, as often as `tries` where the other side wants it later."""
        leg = self.leg
        said = continued(leg.local, description)
        update = self.dialog.request("UPDATE")
        add(update, leg.own_fields(), said)
        self.offered = True

        def responded(response: Response) -> None:
            if response.status < 200:
                return
            again_s = again_after(response, leg) if tries > 1 and leg.calls else None
            if again_s is not None:
                again = partial(self._offer_again, description, answered, tries - 1)
                self._again = leg.core.later(again_s, again)
                return
            self.offered = False
            if leg.is_over:
                return
            answer = self._read(response) if response.status < 300 else ""
            if answer:
                self.description, self.renewed, leg.local = answer, True, said
                answered(response.status, answer)
            else:
                answered(response.status if response.status >= 300 else 502, "")

        leg.path.send(update, responded)

    def _offer_again(self, description: str, answered: Answered, tries: int) -> None:
        self._again = None
        if self.leg.calls:
            self.offer(description, answered, tries)
        elif not self.leg.is_over:  # the dialog has gone on, and its numbers with it
            self.offered = False
            answered(491, "")

    def _read(self, response: Response) -> str:
        """The answer in a 2xx, "" for one that cannot be read."""
        try:
            self.dialog.refresh(response)
            return description_of(response)
        except (Malformed, SipRefusal):
            return ""
