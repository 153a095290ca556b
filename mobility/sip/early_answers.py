"""Early dialogs of INVITEs of ours: what each of those who may answer has said before."""

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from mobility.media.held import continued
from mobility.sip.call_messages import add, description_of
from mobility.sip.core import Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.grammar import Malformed
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal
from mobility.sip.reoffer import Path

Answered = Callable[[int, str], None]
"""Told how an offer was answered: the status, and the description or ""."""


class Calling(Protocol):
    """The leg that calls."""

    path: Path
    local: str

    @property
    def is_over(self) -> bool: ...

    def own_fields(self) -> Sequence[tuple[str, str]]: ...

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

    @property
    def may_offer(self) -> bool:
        """Whether this end may offer anew."""
        return self.agreed and "update" in self.allows

    def requested(self, incoming: Incoming) -> None:
        self.leg.updated_early(self, incoming)

    def acknowledged(self, ack: Request) -> None:
        """Who called sends the ACK."""

    def offer(self, description: str, answered: Answered) -> None:
        """Offer anew by UPDATE."""
        leg = self.leg
        said = continued(leg.local, description)
        update = self.dialog.request("UPDATE")
        add(update, leg.own_fields(), said)
        self.offered = True

        def responded(response: Response) -> None:
            if response.status < 200:
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

    def _read(self, response: Response) -> str:
        """The answer in a 2xx, "" for one that cannot be read."""
        try:
            self.dialog.refresh(response)
            return description_of(response)
        except (Malformed, SipRefusal):
            return ""
