"""A leg that the domain has placed: of the calls to gateways and to conference servers."""

from collections.abc import Callable

from mobility.domain.descriptions import Description
from mobility.domain.telephone import Happening
from mobility.domain.tones import Told, Tone
from mobility.errors import PeerFault
from mobility.media.offers import read_description
from mobility.sip.call_reasons import ELSEWHERE
from mobility.sip.calling_leg import CallingLeg
from mobility.sip.core import Incoming
from mobility.sip.cross_leg import Joined
from mobility.sip.leg import Leg
from mobility.sip.leg_owner import Ending
from mobility.sip.refusal import SipRefusal


class PlacedLeg:
    """What those legs have in common.  It is the Owner of its call leg, `leg`.

    Once it is over, whichever end has ended it, nothing more is told of it.
    """

    leg: Joined

    def __init__(self, hear: Callable[[Happening], None]) -> None:
        self._hear = hear
        self._over = False
        self._description: Description | None = None

    def begin(self) -> None:
        """Send the INVITE, unless it is over already."""
        if not self._over and isinstance(self.leg, CallingLeg):
            self.leg.invite()

    @property
    def description(self) -> Description | None:
        """What the peer has described last: early media with RINGING, its answer with ANSWERED
        and AGREED, its offer with OFFERED."""
        return self._description

    def hang_up(self, *, elsewhere: bool = False) -> None:
        """End the call; nothing more is told of it.  Once more it does nothing.

        The peer is told whether it was completed `elsewhere`.
        """
        if self._leave():
            self.leg.hang_up(*((ELSEWHERE,) if elsewhere else ()))

    def referred(self, leg: Leg, incoming: Incoming) -> None:  # noqa: ARG002
        raise SipRefusal(603)

    def offered_early(self, leg: object, answered: str, description: str) -> None:
        """Who is called from here does not call."""

    def withdrawn(self, leg: object) -> None:
        """What is answered all the same is offered to the peer."""

    def pressed(self, leg: object, tone: Tone, told: Told) -> None:  # noqa: ARG002
        """Whoever is called presses keys: callers hear them with the media alone."""
        told(False)

    def ended(self, leg: object, ending: Ending) -> None:  # noqa: ARG002
        self._ends(Happening.HUNG_UP)

    def _read(self, description: str) -> bool:
        """Take what the peer describes; whether it can be read."""
        try:
            self._description = read_description(description)
        except PeerFault:
            return False
        return True

    def _say(self, happening: Happening) -> None:
        if not self._over:
            self._hear(happening)

    def _ends(self, happening: Happening) -> None:
        if self._leave():
            self._hear(happening)

    def _leave(self) -> bool:
        """It is over from now on; whether it was not yet."""
        was_over, self._over = self._over, True
        return not was_over
