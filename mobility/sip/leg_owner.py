"""Who decides about the legs of calls over SIP, and what legs tell."""

from typing import TYPE_CHECKING, Protocol

import attrs

from mobility.domain.tones import Told, Tone
from mobility.sip.core import Incoming
from mobility.sip.headers import Parametrised
from mobility.sip.leg_states import Legged
from mobility.sip.message import Response

if TYPE_CHECKING:
    from mobility.sip.leg import Leg


@attrs.frozen(slots=True)
class Ending:
    """Why a leg is over: its peer sent BYE or CANCEL with these Reasons, or was lost."""

    event: Legged
    reasons: tuple[Parametrised, ...] = ()

    @property
    def elsewhere(self) -> bool:
        """Whether the call was completed elsewhere (RFC 3326)."""
        return any(
            reason.value.upper() == "SIP" and reason.parameter("cause") == "200"
            for reason in self.reasons
        )


@attrs.frozen(slots=True)
class Refused:
    """How an INVITE of ours was refused: the status and the response, None without one."""

    status: int
    response: Response | None = None


class Owner(Protocol):
    """Who decides about a leg.  It must not raise."""

    def progressed(self, leg: "Leg", status: int, description: str) -> None:
        """The INVITE of the leg got a provisional response other than 100, "" without early
        media."""

    def answered(self, leg: "Leg", description: str) -> None:
        """It got a 2xx: with the answer, or with an offer where the INVITE had none, for which
        `acknowledge` is waited for; "" for a 2xx that lacks it."""

    def refused(self, leg: "Leg", refused: Refused) -> None:
        """It got another final response, or none."""

    def offered(self, leg: object, description: str) -> None:
        """The peer offers anew: `answer_offer` or `refuse_offer` is waited for."""

    def offered_early(self, leg: object, answered: str, description: str) -> None:
        """The peer, which calls, offers anew in the early dialog in which it was told `answered`:
        `answer_offer` or `refuse_offer` is waited for."""

    def agreed(self, leg: object, description: str) -> None:
        """The peer has answered what was offered with `reoffer` or late in a 2xx; where `reoffer`
        offered nothing it has offered, and `acknowledge` is waited for."""

    def disagreed(self, leg: object, status: int) -> None:
        """It has refused the new offer; what was agreed stays so."""

    def withdrawn(self, leg: object) -> None:
        """The peer does not wait any more for the answer to what it has offered.  If there is one
        all the same it is offered to the peer."""

    def referred(self, leg: "Leg", incoming: Incoming) -> None:
        """REFER within the dialog: to be answered.  May raise SipRefusal and Malformed."""

    def pressed(self, leg: object, tone: Tone, told: Told) -> None:
        """The peer has pressed a key, and says so beside the media; `told` hears, once, whether
        the other end has taken it."""

    def ended(self, leg: object, ending: Ending) -> None:
        """The leg is over, and it was not this end that ended it."""
