"""New offers in the calls of telephones that meetings have called: of the mixer, and theirs."""

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.asked_offers import BACK, AskedOffers
from mobility.domain.descriptions import Description
from mobility.domain.facts import RenegotiationChanged
from mobility.domain.lines import Line
from mobility.domain.meeting_holds import Hold, MeetingHolds
from mobility.domain.mixed_offers import MixedOffers
from mobility.domain.telephone import Happening, TelephoneCall
from mobility.errors import Refusal, Unavailable

Key = tuple[str, str]
"""A conversation and an application in it."""

UNANSWERABLE = "MediaNegotiationFailure"
"""What the mixer is told when a telephone does not take what it offers."""


@attrs.define(slots=True, eq=False)
class MeetingPhone:
    """The telephone with which an application takes part in a conference.

    `call` is that to the telephone, `line` the way of that into the conference, once it was
    answered.
    """

    endpoint: Endpoint
    conversation_id: str
    invitation_id: str
    state: str = "Connecting"
    """Connecting or Connected."""
    call: TelephoneCall | None = None
    line: Line | None = None
    answer: str = attrs.field(repr=False, default="")
    """What the mixer has described last, of what is agreed."""
    renegotiation_id: str = ""
    """The new offer of the mixer that the telephone is to answer."""
    asked: AskedOffers = attrs.Factory(AskedOffers)
    """Those that it was given."""
    offers: bool = False
    """Whether a new offer of the telephone waits for the mixer."""
    replaces: bool = False
    """Whether it takes the place of the application's own audio."""
    hold: Hold = attrs.Factory(Hold)

    @property
    def key(self) -> Key:
        return self.conversation_id, self.endpoint.id


class MeetingPhoneOffers:
    """Takes them from one to the other.

    An offer of the mixer that is over before the telephone has answered was answered for it; a
    telephone that takes it all the same is offered again what is agreed.
    """

    def __init__(self, offers: MixedOffers, holds: MeetingHolds) -> None:
        self._offers = offers
        self._holds = holds

    async def offered(self, one: MeetingPhone, call: TelephoneCall, now: float) -> None:
        """The telephone holds or resumes."""
        description = call.description
        if one.line is None or description is None:
            call.answer(None)
            return
        one.offers = True
        try:
            await self._offers.offer(one.line, one.conversation_id, description, "", now)
        except Refusal:
            one.offers = False
            call.answer(None)

    def answered(self, one: MeetingPhone, call: TelephoneCall, fact: RenegotiationChanged) -> None:
        """The mixer has answered the telephone's new offer, or has not."""
        one.offers = False
        taken = fact.state == "Answered"
        if taken:
            one.answer = fact.answer
        call.answer(Description(fact.answer, ()) if taken else None)

    def ask(self, one: MeetingPhone, call: TelephoneCall, fact: RenegotiationChanged) -> None:
        """The mixer offers anew."""
        one.renegotiation_id = fact.id
        one.asked.ask(fact.id)
        call.offer(Description(fact.offer, ()))

    def over(self, one: MeetingPhone, fact: RenegotiationChanged) -> None:
        """What the mixer has offered is agreed, or is over."""
        if fact.state == "Answered":
            one.answer = fact.offer
        if fact.id == one.renegotiation_id:
            one.renegotiation_id = ""

    async def agreed(self, one: MeetingPhone, call: TelephoneCall, happening: Happening) -> None:
        """The telephone has said what it makes of what the mixer has offered."""
        asked, line = one.asked.answered(), one.line
        description = call.description if happening is Happening.AGREED else None
        if asked in ("", BACK) or line is None:
            return
        if asked != one.renegotiation_id:
            if description is not None:
                self._go_back(one, call)
            return
        one.renegotiation_id = ""
        if description is not None:
            answer = self._holds.kept(one.hold, description)
            try:
                await self._offers.answer(line, one.conversation_id, asked, answer)
                return
            except Unavailable:
                raise
            except Refusal as refusal:
                self._go_back(one, call)
                if refusal.code != "BadRequest":
                    return  # it is over
        await self._offers.dismiss(line, one.conversation_id, asked, UNANSWERABLE)

    @staticmethod
    def _go_back(one: MeetingPhone, call: TelephoneCall) -> None:
        """The telephone has taken what is not agreed: it is offered what is, unless a newer offer
        follows."""
        if not one.asked:
            one.asked.ask(BACK)
            call.offer(Description(one.answer, ()))
