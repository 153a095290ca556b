"""The port to the telephone network, and a call that tries one gateway after another.

The domain decides which number is called through which gateways (`mobility.domain.voice`); what
reaches a gateway, such as SIP, is a `TelephoneNetwork`.  A front end without one has no telephone
calls and shows no links to them.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

import attrs

from mobility.domain.agenda import Agenda, Appointment
from mobility.domain.descriptions import Description
from mobility.domain.diversions import Diversion
from mobility.domain.lines import Device
from mobility.domain.tones import Take, Told, Tone
from mobility.domain.voice_objects import Gateway
from mobility.domain.voice_routing import Itinerary

GATEWAY_PATIENCE_S = 10.0
"""How long a gateway may say nothing before the next one is tried (the ten seconds after which the
Mediation Server of Skype for Business Server fails over)."""


class Happening(Enum):
    """What becomes of a call to a number."""

    RINGING = "ringing"
    """It rings, or there is early media; told again when that changes."""
    ANSWERED = "answered"
    BUSY = "busy"
    DECLINED = "declined"
    """The number did not want the call."""
    UNKNOWN = "unknown"
    """Nobody has the number."""
    UNAVAILABLE = "unavailable"
    """Its telephone is switched off, away, or was not answered."""
    UNANSWERED = "unanswered"
    """It has rung, until the gateway gave up."""
    UNREACHABLE = "unreachable"
    """This gateway cannot reach the number: another one might."""
    HUNG_UP = "hung up"
    """After it was answered."""
    OFFERED = "offered anew"
    """Its end holds, resumes or changes media: `description` is to be answered or refused."""
    AGREED = "agreed"
    """It has answered what was offered anew: with `description`."""
    DISAGREED = "disagreed"
    """It does not take that."""
    SOURCES = "sources"
    """Of a mixer alone (`mobility.domain.mixer`): by which sources media are known has changed."""


OVER = frozenset(
    {
        Happening.BUSY,
        Happening.DECLINED,
        Happening.UNKNOWN,
        Happening.UNAVAILABLE,
        Happening.UNANSWERED,
        Happening.UNREACHABLE,
        Happening.HUNG_UP,
    }
)
"""After these nothing more happens."""

Hear = Callable[[Happening], None]
"""Is told what becomes of a call, later than the call that began it; it must not raise."""


@attrs.frozen(slots=True)
class Location:
    """Where the caller is, for an emergency call; "" is unknown.

    The first fields are those of UCWA's rel `startEmergencyCall`.
    """

    address: str = attrs.field(repr=False, default="")
    building: str = attrs.field(repr=False, default="")
    city: str = attrs.field(repr=False, default="")
    state: str = attrs.field(repr=False, default="")
    country: str = attrs.field(repr=False, default="")
    zip: str = attrs.field(repr=False, default="")
    lis_location: str = attrs.field(repr=False, default="")
    """What a location information service told the client."""
    network: tuple[tuple[str, str], ...] = attrs.field(repr=False, default=())
    """Names and values of `reportMyNetwork`."""


def civic_location(said: Mapping[str, str]) -> Location:
    """Where the caller says it is: any of address, building, city, state, country and zip."""
    fields: dict[str, Any] = dict(said)
    return Location(**fields)


@attrs.frozen(slots=True)
class Party:
    """As what a number takes part in a call: the device that stands for it, and in which
    conversation."""

    device: Device
    conversation_id: str


@attrs.frozen(slots=True)
class Order:
    """One number to call through one gateway.

    `number` is in the form that routes match, `caller_id` the number to show as the caller's, ""
    for none.  `offer` is the session description to offer, None where whoever is called offers one
    or the leg is joined with another one.  An emergency call goes ahead of every other, with
    `location`.
    """

    gateway: Gateway
    number: str = attrs.field(repr=False)
    caller_id: str = attrs.field(repr=False, default="")
    offer: Description | None = None
    emergency: bool = False
    location: Location | None = None
    diversion: Diversion | None = None
    """Who has sent the call there, if somebody has."""
    party: Party | None = None
    """None for a number whose end cannot transfer the call."""
    take: Take | None = None
    """Takes the keys that the number presses beside the media."""


class TelephoneLeg(Protocol):
    """One leg to the telephone network."""

    @property
    def description(self) -> Description | None:
        """The session description that came last.

        With RINGING it is early media; with ANSWERED it answers the offer of the order, or is an
        offer where that had none; OFFERED and AGREED say themselves.  None where the network
        carries media itself.
        """
        ...

    def connect(self, answer: Description) -> None:
        """Answer the offer that came with the answer (RFC 3725 section 4.1)."""
        ...

    def hang_up(self, *, elsewhere: bool = False) -> None:
        """End it, answered or not; it is told nothing more of.  Once more it does nothing.

        `elsewhere` says that another device has answered.
        """
        ...

    def hold(self) -> None:
        """Let this leg and whom it hears be silent until `resume`."""
        ...

    def resume(self) -> None:
        """Go on after `hold`."""
        ...

    def join(self, other: "TelephoneLeg") -> None:
        """Let the two legs, both of this network and answered, hear each other."""
        ...

    def offer(self, description: Description) -> None:
        """Offer anew; AGREED or DISAGREED follows."""
        ...

    def answer(self, description: Description | None) -> None:
        """Answer what was OFFERED, None for refusing it."""
        ...

    def press(self, tone: Tone, told: Told) -> None:
        """Let the number hear a key that was told beside the media."""
        ...


class TelephoneNetwork(Protocol):
    """What reaches gateways."""

    def place(self, order: Order, hear: Hear) -> TelephoneLeg:
        """Call a number.  `hear` is told what becomes of it, never before this has returned."""
        ...

    def is_away(self, gateway: Gateway) -> bool:
        """Whether a gateway is known to take no calls now: it is tried after all others."""
        ...


class TelephoneCall:
    """A call to one number: the gateways of an itinerary one after another until one reaches it,
    those that are known to take no calls now after the others.

    `hear` is told what becomes of it; UNREACHABLE only when no gateway is left.
    """

    def __init__(
        self,
        network: TelephoneNetwork,
        agenda: Agenda,
        itinerary: Itinerary,
        hear: Hear,
        *,
        offer: Description | None = None,
        location: Location | None = None,
        diversion: Diversion | None = None,
        party: Party | None = None,
        take: Take | None = None,
    ) -> None:
        self._network = network
        self._agenda = agenda
        self._orders = [
            Order(
                attempt.gateway,
                itinerary.number,
                attempt.caller_id,
                offer,
                bool(itinerary.emergency),
                location if itinerary.emergency else None,
                diversion,
                party,
                take,
            )
            for attempt in sorted(itinerary.attempts, key=lambda one: network.is_away(one.gateway))
        ]
        self._hear = hear
        self._leg: TelephoneLeg | None = None
        self._patience: Appointment | None = None
        self.answered = False
        self.over = False

    def place(self, now: float) -> None:
        """Begin with the first gateway; without one it is UNREACHABLE at once, but told later."""
        if self._orders:
            self._next(now)
        else:
            self._agenda.at(now, self._give_up)

    @property
    def description(self) -> Description | None:
        """The session description that came with the answer."""
        return self._leg.description if self._leg is not None else None

    def connect(self, answer: Description) -> None:
        """Answer the offer that came with the answer."""
        if self._leg is not None and not self.over:
            self._leg.connect(answer)

    def hang_up(self, *, elsewhere: bool = False) -> None:
        """End it; nothing more is told of it.  `elsewhere` says that another device has
        answered."""
        if not self.over:
            self._end()
            if self._leg is not None:
                self._leg.hang_up(elsewhere=elsewhere)

    def hold(self) -> None:
        if self._leg is not None and self.answered and not self.over:
            self._leg.hold()

    def resume(self) -> None:
        if self._leg is not None and self.answered and not self.over:
            self._leg.resume()

    def join(self, other: "TelephoneCall") -> None:
        """Let the ends of two answered calls hear each other."""
        if self._leg is not None and other._leg is not None:
            self._leg.join(other._leg)

    def offer(self, description: Description) -> None:
        """Offer anew; AGREED or DISAGREED follows."""
        if self._leg is not None and not self.over:
            self._leg.offer(description)

    def answer(self, description: Description | None) -> None:
        """Answer what was OFFERED, None for refusing it."""
        if self._leg is not None and not self.over:
            self._leg.answer(description)

    def press(self, tone: Tone, told: Told) -> None:
        """Let the number hear a key that was told beside the media."""
        if self._leg is not None and self.answered and not self.over:
            self._leg.press(tone, told)
        else:
            told(False)

    def _next(self, now: float) -> None:
        order = self._orders.pop(0)
        leg: list[TelephoneLeg] = []

        def heard(happening: Happening) -> None:
            if not self.over and leg and leg[0] is self._leg:
                self._heard(happening)

        async def impatient(now: float) -> None:
            if not self.over and leg and leg[0] is self._leg:
                leg[0].hang_up()
                await self._failed(now)

        leg.append(self._network.place(order, heard))
        self._leg = leg[0]
        self._patience = self._agenda.at(now + GATEWAY_PATIENCE_S, impatient)

    def _heard(self, happening: Happening) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if happening is Happening.UNREACHABLE and not self.answered:
            self._leg = None
            self._agenda.at(0.0, self._failed)
            return
        if happening is Happening.ANSWERED:
            if self.answered:
                return
            self.answered = True
        if happening in OVER:
            self._end()
        self._hear(happening)

    async def _failed(self, now: float) -> None:
        if self.over:
            return
        if self._orders:
            self._next(now)
        else:
            await self._give_up(now)

    async def _give_up(self, now: float) -> None:  # noqa: ARG002  # an Action
        if not self.over:
            self._end()
            self._hear(Happening.UNREACHABLE)

    def _end(self) -> None:
        self.over = True
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
