"""The telephone network over SIP: calls to numbers through gateways.

A leg that offers nothing (the telephone of who calls via work) gets an INVITE without an offer.
What it offers itself is answered with silence, so that it waits for nobody, and it is offered what
the other end says once that has answered (RFC 3725 flow III).
"""

import time
from collections.abc import Callable
from functools import partial
from uuid import UUID
from weakref import WeakSet

import attrs

from mobility.domain.descriptions import Description
from mobility.domain.telephone import Happening, Hear, Location, Order, Party, TelephoneLeg
from mobility.domain.tones import Told, Tone
from mobility.domain.voice_objects import Gateway
from mobility.media.held import silenced, silent_answer
from mobility.sip.call_messages import reasons_of
from mobility.sip.call_reasons import happening_of_status, is_of_gateway
from mobility.sip.calling_leg import CallingLeg, Invitation
from mobility.sip.client import Client
from mobility.sip.core import Core, Incoming
from mobility.sip.cross_leg import CrossLeg, Pending, Transferor
from mobility.sip.diverted import diverted
from mobility.sip.geolocation import KIND, pidf_lo
from mobility.sip.headers import NameAddr
from mobility.sip.leg import Leg
from mobility.sip.leg_owner import Ending, Refused
from mobility.sip.mid_dialog import retry_after
from mobility.sip.multipart import Part
from mobility.sip.parties import ANONYMOUS, address
from mobility.sip.path import ClientPath
from mobility.sip.placed_leg import PlacedLeg
from mobility.sip.refusal import SipRefusal
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.uri import SipUri, parse_uri

MAX_REST_S = 60.0
"""For how long a gateway that is busy (503) is tried after all others at most, whatever it asks for
in Retry-After (our choice)."""


Transfer = Callable[[Transferor, Incoming], None]
"""Begins a transfer that the peer of a leg asks for by REFER.  Raises SipRefusal and Malformed."""


class Gateways:
    """A `TelephoneNetwork` by SIP.  It is made before the SIP side, which it is given later."""

    def __init__(
        self, domain: str, voicemail: str = "", epoch: Callable[[], float] = time.time
    ) -> None:
        """`domain` is that of the URIs by which numbers here are named; `voicemail` is a number as
        `tel:...` that is everybody's voicemail."""
        self.domain = domain
        self._voicemail = voicemail
        self._epoch = epoch
        self._sip: tuple[Core, Client, StaticRoutes] | None = None
        self.transfer: Transfer | None = None
        """Begins the transfers that gateways ask for; without it there are none."""
        self._legs: WeakSet[GatewayLeg] = WeakSet()
        self._resting: dict[str, float] = {}
        """Until when gateways by name want no calls, on the clock of timers."""

    def open(self, core: Core, client: Client, routes: StaticRoutes) -> None:
        """The SIP side is there: calls can be placed."""
        self._sip = core, client, routes

    def place(self, order: Order, hear: Hear) -> TelephoneLeg:
        if self._sip is None:
            raise RuntimeError("the SIP side is not there yet")
        core, client, routes = self._sip
        rests = partial(self._rests, order.gateway, core)
        leg = GatewayLeg(hear, rests, order, self.transfer)
        path = ClientPath(client, routes.to_gateway(order.gateway), follows=True)
        invitation = self._invitation(order)
        if order.location is not None:
            invitation = self._located(invitation, order.location, core)
        leg.leg = CallingLeg(core, path, leg, invitation)
        self._legs.add(leg)
        core.later(0, leg.begin)
        return leg

    def is_away(self, gateway: Gateway) -> bool:
        if self._sip is None:
            return False
        core, _, routes = self._sip
        return core.now() < self._resting.get(gateway.name, 0.0) or routes.is_away(gateway)

    def _rests(self, gateway: Gateway, core: Core, seconds: int) -> None:
        """A gateway wants no calls for so long (RFC 3261 section 21.5.4)."""
        now = core.now()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        self._resting[gateway.name] = now + min(seconds, MAX_REST_S)

    def close(self) -> None:
        """The front end stops: nobody rings or talks by a gateway any more."""
        for leg in list(self._legs):
            leg.hang_up()

    def _invitation(self, order: Order) -> Invitation:
        number, shown = _dialled(order.number), order.caller_id
        callee = SipUri(order.gateway.name, number, parameters={"user": "phone"})
        fields: list[tuple[str, str]] = []
        if shown:
            caller = address(f"tel:{_dialled(shown)}", "", self.domain)
            fields.append(("P-Asserted-Identity", str(caller)))
        else:
            caller = NameAddr(parse_uri(ANONYMOUS), "Anonymous")
            fields.append(("Privacy", "id"))
        if order.emergency:
            fields.append(("Priority", "emergency"))
        uri = SipUri(
            order.gateway.name,
            number,
            port=order.gateway.port,
            parameters={"transport": order.gateway.transport, "user": "phone"},
        )
        offer = order.offer.text if order.offer is not None else ""
        called = str(uri)
        if order.diversion is not None:
            voicemail = f"tel:{order.number}" == self._voicemail
            called, more = diverted(order.diversion, called, "", self.domain, voicemail=voicemail)
            fields += more
        return Invitation(called, caller, NameAddr(callee), offer, tuple(fields))

    def _located(self, invitation: Invitation, location: Location, core: Core) -> Invitation:
        """With where the caller is, as far as it is known (RFC 6442 section 4)."""
        device = f"urn:uuid:{UUID(bytes=core.entropy(16), version=4)}"
        body = pidf_lo(location, str(invitation.caller.uri), device, self._epoch())
        if not body:
            return invitation
        name = f"{core.entropy(16).hex()}@{self.domain}"
        disposition = "by-reference;handling=optional"
        fields = {"content-id": f"<{name}>", "content-disposition": disposition}
        about = ("Geolocation", f"<cid:{name}>"), ("Geolocation-Routing", "yes")
        return attrs.evolve(invitation, beside=Part(KIND, body, fields), about=about)


class GatewayLeg(PlacedLeg):
    """One leg to a gateway: a `TelephoneLeg`, and the Owner of its call leg."""

    transfer: Pending | None = None
    """The transfer that its end has asked for and that is under way."""

    def __init__(
        self,
        hear: Hear,
        rests: Callable[[int], None],
        order: Order,
        begin_transfer: Transfer | None,
    ) -> None:
        """`rests` is told for how many seconds the gateway wants no calls."""
        super().__init__(hear)
        self._rests = rests
        self._offers = order.offer is None
        """Whether the gateway is to offer."""
        self._party = order.party
        self._take = order.take
        self._begin_transfer = begin_transfer
        self._before_hold = ""
        self._rang = False
        self._expects: list[Callable[[str], None]] = []
        """What is done with the next answers to new offers of this end, in order."""

    # -- a TelephoneLeg --------------------------------------------------------------------------

    def connect(self, answer: Description) -> None:
        self._reoffer(answer.text, _nothing)

    def hold(self) -> None:
        self._before_hold = self._before_hold or self.leg.local
        self._reoffer(silenced(self.leg.local), _nothing)

    def resume(self) -> None:
        before, self._before_hold = self._before_hold, ""
        if before:
            self._reoffer(before, _nothing)

    def join(self, other: TelephoneLeg) -> None:
        """RFC 3725 section 4.3, between two legs that are there."""
        if not isinstance(other, GatewayLeg):
            raise TypeError("a leg of another network")
        if isinstance(self.leg, CallingLeg):
            self._reoffer(None, partial(self._join, other, self.leg))

    def _join(self, other: "GatewayLeg", leg: CallingLeg, offer: str) -> None:
        if other._over:
            leg.acknowledge(silent_answer(offer))
        else:
            other._reoffer(offer, leg.acknowledge)

    def offer(self, description: Description) -> None:
        self._reoffer(description.text, self._agreed)

    def answer(self, description: Description | None) -> None:
        if description is not None:
            self.leg.answer_offer(description.text)
        else:
            self.leg.refuse_offer()

    def press(self, tone: Tone, told: Told) -> None:
        if self._over:
            told(False)
        else:
            self.leg.press(tone, told)

    def _reoffer(self, description: str | None, then: Callable[[str], None]) -> None:
        if not self._over:
            if self.leg.offer_waits and self._expects:  # the newest offer alone is made
                self._expects.pop()
            self._expects.append(then)
            self.leg.reoffer(description)

    def _agreed(self, description: str) -> None:
        self._say(Happening.AGREED if self._read(description) else Happening.DISAGREED)

    # -- an Owner --------------------------------------------------------------------------------

    def progressed(self, leg: Leg, status: int, description: str) -> None:  # noqa: ARG002
        if description:
            self._read(description)
        self._rang = True
        self._say(Happening.RINGING)

    def answered(self, leg: Leg, description: str) -> None:
        readable = self._read(description)
        if self._offers:
            leg.acknowledge(silent_answer(description))
        if readable:
            self._say(Happening.ANSWERED)
        else:
            self.leg.hang_up()
            self._ends(Happening.UNREACHABLE)

    def refused(self, leg: Leg, refused: Refused) -> None:  # noqa: ARG002
        happening = happening_of_status(refused.status, rang=self._rang)
        response = refused.response
        if response is not None and response.heard:
            wait_s = retry_after(response)
            if refused.status == 503 and wait_s is not None:
                self._rests(wait_s)
            if not self._rang and is_of_gateway(reasons_of(response)):
                happening = Happening.UNREACHABLE
        self._ends(happening)

    def pressed(self, leg: object, tone: Tone, told: Told) -> None:  # noqa: ARG002
        if self._take is not None and not self._over:
            self._take(tone, told)
        else:
            told(False)

    def referred(self, leg: Leg, incoming: Incoming) -> None:  # noqa: ARG002
        """Its end transfers the call."""
        if self._begin_transfer is None or self._party is None or self._over:
            raise SipRefusal(603)
        self._begin_transfer(self, incoming)

    def ended(self, leg: object, ending: Ending) -> None:
        if self.transfer is None or not self.transfer.left():
            super().ended(leg, ending)

    def _leave(self) -> bool:
        left = super()._leave()
        if left and self.transfer is not None:
            self.transfer.abandon()
        return left

    # -- a Transferor ----------------------------------------------------------------------------

    @property
    def party(self) -> Party:
        if self._party is None:
            raise SipRefusal(603)
        return self._party

    def replaced_by(self, leg: CrossLeg) -> None:
        self.leg = leg

    @property
    def talks(self) -> bool:
        """Whether its call can be joined with another one."""
        leg = self.leg
        return self._party is not None and isinstance(leg, Leg) and leg.state == "Confirmed"

    rings = False
    """Nobody else gets the call while it rings."""

    # -- new offers ------------------------------------------------------------------------------

    def offered(self, leg: object, description: str) -> None:  # noqa: ARG002
        if self._read(description):
            self._say(Happening.OFFERED)
        else:
            self.leg.refuse_offer()

    def agreed(self, leg: object, description: str) -> None:  # noqa: ARG002
        if self._expects:
            self._expects.pop(0)(description)

    def disagreed(self, leg: object, status: int) -> None:  # noqa: ARG002
        if self._expects and self._expects.pop(0) == self._agreed:
            self._say(Happening.DISAGREED)


def _dialled(number: str) -> str:
    """A number as a user part: its extension is the parameter of a `tel:` URI there."""
    return number.partition(";ext=")[0]


def _nothing(description: str) -> None:
    """What the other end said is all there is to it."""
