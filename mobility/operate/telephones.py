"""The telephone network as operators see it: a log line for each leg, and how many there are."""

from collections.abc import Callable

from mobility.domain.descriptions import Description
from mobility.domain.telephone import (
    OVER,
    Happening,
    Hear,
    Order,
    TelephoneLeg,
    TelephoneNetwork,
)
from mobility.domain.tones import Told, Tone
from mobility.domain.voice_objects import Gateway
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "telephone.leg": {
        "gateway": "the gateway that was to reach the number",
        "outcome": "completed, busy, declined, unknown, unavailable, unanswered, unreachable, or "
        "given up before an answer",
        "emergency": "whether it was an emergency call",
        "ringing_s": "seconds until it was answered or over",
        "talking_s": "seconds from the answer to the end, 0 without one",
    },
}
"""No line has a number."""

GIVEN_UP, COMPLETED = "given up", "completed"


class LoggedTelephones:
    """A telephone network of which each leg is logged when it is over."""

    def __init__(
        self, network: TelephoneNetwork, log: EventLog, epoch: Callable[[], float]
    ) -> None:
        self._network = network
        self._log = log
        self._epoch = epoch
        self._legs: set[_LoggedLeg] = set()

    def __len__(self) -> int:
        """How many legs ring or talk."""
        return len(self._legs)

    def place(self, order: Order, hear: Hear) -> TelephoneLeg:
        leg = _LoggedLeg(self, order, hear, self._epoch())
        leg.raw = self._network.place(order, leg.heard)
        self._legs.add(leg)
        return leg

    def is_away(self, gateway: Gateway) -> bool:
        return self._network.is_away(gateway)

    def over(self, leg: "_LoggedLeg", outcome: str) -> None:
        """A leg is over; once."""
        if leg not in self._legs:
            return
        self._legs.remove(leg)
        now = self._epoch()
        answered = leg.answered_at or now
        self._log.emit(
            "telephone.leg",
            gateway=leg.order.gateway.name,
            outcome=outcome,
            emergency=leg.order.emergency,
            ringing_s=round(answered - leg.began_at, 1),
            talking_s=round(now - answered, 1),
        )

    def answered(self, leg: "_LoggedLeg") -> None:
        leg.answered_at = self._epoch()


class _LoggedLeg:
    """A leg of the network below; it passes everything on."""

    raw: TelephoneLeg

    def __init__(
        self, telephones: LoggedTelephones, order: Order, hear: Hear, began_at: float
    ) -> None:
        self.order = order
        self.began_at = began_at
        self.answered_at = 0.0
        self._telephones = telephones
        self._hear = hear

    def heard(self, happening: Happening) -> None:
        if happening is Happening.ANSWERED:
            self._telephones.answered(self)
        elif happening in OVER:
            talked = happening is Happening.HUNG_UP
            self._telephones.over(self, COMPLETED if talked else happening.value)
        self._hear(happening)

    @property
    def description(self) -> Description | None:
        return self.raw.description

    def connect(self, answer: Description) -> None:
        self.raw.connect(answer)

    def hang_up(self, *, elsewhere: bool = False) -> None:
        self._telephones.over(self, COMPLETED if self.answered_at else GIVEN_UP)
        self.raw.hang_up(elsewhere=elsewhere)

    def hold(self) -> None:
        self.raw.hold()

    def resume(self) -> None:
        self.raw.resume()

    def join(self, other: TelephoneLeg) -> None:
        self.raw.join(other.raw if isinstance(other, _LoggedLeg) else other)

    def offer(self, description: Description) -> None:
        self.raw.offer(description)

    def answer(self, description: Description | None) -> None:
        self.raw.answer(description)

    def press(self, tone: Tone, told: Told) -> None:
        self.raw.press(tone, told)
