"""An INVITE that takes the place of another leg of a call (RFC 3891)."""

from mobility.media.held import resumed
from mobility.sip.call_line import CallLine
from mobility.sip.called_leg import CalledLeg
from mobility.sip.core import Core, Incoming
from mobility.sip.leg_states import Legged
from mobility.sip.message import Request
from mobility.sip.reoffer import Path

TAKE_OVER_S = 10.0
"""How long the other end may take to answer what a device offers that takes over (our choice: less
than the 30 s of other new offers, since somebody stands there who has picked up)."""


class ReplacingLeg(CalledLeg):
    """A leg that is answered once the other end of the call has taken what it offers.

    Until then the leg that it replaces, `old`, stays, and is what is left if it comes to nothing.
    """

    def __init__(self, core: Core, path: Path, line: CallLine, incoming: Incoming) -> None:
        super().__init__(core, path, line, incoming)
        self._line = line
        self._old = line.leg
        self._replaces = False
        """Whether it has taken the place of the other one."""
        line.leg = self

    def offer_on(self) -> None:
        """Offer the other end of the call what the device offers, which is 504 where that says
        nothing."""
        self.core.later(TAKE_OVER_S, self._too_late_to_replace)
        self._line.offered(self, self.offer)

    def _too_late_to_replace(self) -> None:
        if self.state == "Ringing":
            self.refuse_offer(504)
            self._line.withdrawn(self)

    def answer_offer(self, description: str) -> None:
        if self.state != "Ringing":
            super().answer_offer(description)
            return
        self._take_over(description)

    def offer_in_answer(self) -> None:
        """Answer an INVITE without an offer: with the media of the other end of the call."""
        self._line.late = True
        self._take_over(resumed(self._old.local))

    def _take_over(self, description: str) -> None:
        self._replaces = True
        self.answer(description)
        self._old.hang_up()

    def hang_up(self, *reasons: str) -> None:
        """The call is over: for the leg that was to be replaced, too."""
        super().hang_up(*reasons)
        if not self._replaces:
            self._old.hang_up(*reasons)

    def refuse_offer(self, status: int = 488) -> None:
        if self.state != "Ringing":
            super().refuse_offer(status)
            return
        self.refuse(status)
        self._line.leg = self._old

    def _cancelled(self, cancel: Request) -> None:  # noqa: ARG002  # the call goes on
        if self.state == "Ringing":
            self._line.leg = self._old
            self._becomes(Legged.CANCELLED)
            self._end()
            self._line.withdrawn(self)
