"""Calls over IP to numbers of the telephone network, emergency calls among them.

The number rings as a line in the call; what the caller offers is offered to the gateway.  An
emergency call is placed whatever policy and limits say, with where the caller is.
"""

import attrs

from mobility.domain.call_rows import Wanted
from mobility.domain.calls import Calls
from mobility.domain.conversations import Conversations
from mobility.domain.handsets import not_a_number, why
from mobility.domain.lines import Device
from mobility.domain.locations import Locations
from mobility.domain.records import Invitation, Receipt
from mobility.domain.ringing import Plan, Stage
from mobility.domain.telephone import Location
from mobility.domain.telephone_lines import TelephoneLines
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.domain.voice_routing import dialled_in
from mobility.errors import Parameter, Refusal, validation_failure

EMERGENCY_PATIENCE_S = 120.0
"""How long an emergency call may ring (our choice: nobody gives one up after half a minute)."""


class OutsideCalls:
    """Begins calls to numbers."""

    def __init__(
        self,
        users: Users,
        voice: Voice,
        conversations: Conversations,
        calls: Calls,
        lines: TelephoneLines,
        locations: Locations,
    ) -> None:
        self._users = users
        self._voice = voice
        self._conversations = conversations
        self._calls = calls
        self._lines = lines
        self._locations = locations

    @property
    def may_call_emergency(self) -> bool:
        """Whether there is any gateway that an emergency call can be placed through."""
        return self._voice.has_gateway

    async def start(
        self,
        device: Device,
        wanted: Wanted,
        dialled: str,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """Call a number, or whoever here has it.

        400 NormalizationFailed for what is no number, 403 where policy or routes do not lead there,
        and what `Calls.start` refuses.
        """
        user = self._users.find(device.user_uri)
        if user is None:
            raise Refusal("NotFound", None, "There is no such user.")
        itinerary = self._voice.route(user, dialled_in(dialled))
        if itinerary.emergency:
            return await self.start_emergency(device, wanted, dialled, now, receipt)
        if itinerary.failure == "NormalizationFailed":
            raise not_a_number()
        if itinerary.failure:
            raise Refusal("Forbidden", None, f"The number is not called: {why(itinerary)}.")
        if itinerary.user_uri:
            here = attrs.evolve(wanted, to_uri=itinerary.user_uri)
            return await self._calls.start(device, here, now, receipt)
        one = self._lines.open(f"tel:{itinerary.number}", itinerary)
        plan = Plan(
            (Stage(0.0, lambda: [one.line]),), self._conversations.limits.invitation_timeout_s
        )
        outside = attrs.evolve(wanted, to_uri=one.line.user_uri, plan=plan)
        try:
            return await self._calls.start(device, outside, now, receipt)
        except BaseException:
            self._lines.close(one)
            raise

    async def start_emergency(
        self,
        device: Device,
        wanted: Wanted,
        dialled: str,
        now: float,
        receipt: Receipt | None = None,
        location: Location | None = None,
    ) -> Invitation:
        """UCWA startEmergencyCall.

        400 for what is no emergency number, 403 OperationNotSupported without any gateway.
        """
        user = self._users.find(device.user_uri)
        if user is None:
            raise Refusal("NotFound", None, "There is no such user.")
        itinerary = self._voice.route(user, dialled_in(dialled))
        if not itinerary.emergency:
            raise validation_failure(Parameter("to", "must be an emergency number"))
        if itinerary.failure:
            raise Refusal(
                "Forbidden",
                "OperationNotSupported",
                "No gateway to emergency services is configured; call them by another telephone.",
            )
        here = self._locations.of(device, location)
        one = self._lines.open(f"tel:{itinerary.number}", itinerary, location=here)
        plan = Plan((Stage(0.0, lambda: [one.line]),), EMERGENCY_PATIENCE_S)
        asked = attrs.evolve(
            wanted,
            to_uri=one.line.user_uri,
            importance="Emergency",
            plan=plan,
            emergency=True,
        )
        try:
            return await self._calls.start(device, asked, now, receipt)
        except BaseException:
            self._lines.close(one)
            raise
