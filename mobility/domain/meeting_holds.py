"""Telephones in meetings that their applications hold.

Neither the mixer nor the telephone hears anything then: the mixer is offered the telephone's media
as inactive, and its answer goes to the telephone; to go on, what the telephone had described is
offered again.  What the telephone offers itself takes the place of a hold.
"""

import attrs

from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import Description
from mobility.domain.facts import RenegotiationChanged
from mobility.domain.fitting import Fitting
from mobility.domain.lines import Line
from mobility.domain.mixed_offers import MixedOffers
from mobility.errors import Refusal


@attrs.define(slots=True)
class Hold:
    """Whether a telephone is held.

    `described` is what it had described before, None while it is not held.  `wanted` says what it
    is to be once the mixer has answered, None while nothing is asked; `next` is then what
    `described` becomes.
    """

    described: Description | None = None
    wanted: bool | None = None
    next: Description | None = None

    @property
    def session(self) -> str:
        """The state of the session."""
        return "Established" if self.described is None else "Suspended"


class MeetingHolds:
    """Holds telephones, and lets them go on."""

    def __init__(self, conversations: Conversations, offers: MixedOffers, fitting: Fitting) -> None:
        self._conversations = conversations
        self._offers = offers
        self._fitting = fitting

    async def ask(
        self, hold: Hold, line: Line, conversation_id: str, now: float, *, held: bool
    ) -> None:
        """Offer the mixer that the telephone of `line` is held, or goes on.

        409 when it is so already, and while another offer is open.
        """
        if hold.wanted is not None or (hold.described is not None) is held:
            raise Refusal("Conflict", None, "It is so already.")
        conversation, _ = self._conversations.find(line, conversation_id)
        part = conversation.parts.get(line.id)
        if part is None or not part.mixed:
            raise Refusal("Conflict", None, "There is no telephone call that goes on.")
        described = Description(part.side.description, part.streams)
        offer = self._fitting.silent(described) if held else hold.described or described
        hold.wanted, hold.next = held, described if held else None
        try:
            await self._offers.offer(line, conversation_id, offer, "", now)
        except BaseException:
            hold.wanted = hold.next = None
            raise

    def answered(self, hold: Hold, fact: RenegotiationChanged) -> Description | None:
        """The mixer has answered; what the telephone is to be offered, None for nothing."""
        hold.wanted = None
        following, hold.next = hold.next, None
        if fact.state != "Answered":
            return None
        hold.described = following
        return Description(fact.answer, ())

    def kept(self, hold: Hold, description: Description) -> Description:
        """The telephone's answer to the mixer: while it is held, that it is silent."""
        if hold.described is None:
            return description
        hold.described = description
        return self._fitting.silent(description)
