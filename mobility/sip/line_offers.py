"""New offers on the lines of calls: the peer's go to the other end, and the other end's to it."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from mobility.domain.descriptions import AUDIO
from mobility.domain.early_offers import ANSWERED_MEANWHILE
from mobility.domain.facts import RenegotiationChanged
from mobility.domain.lines import Line
from mobility.errors import Answerable
from mobility.media.held import flows_alike
from mobility.media.layout import Places, laid_out, picked
from mobility.media.offers import read_description
from mobility.media.placeholder import after_placeholder
from mobility.sip.cross_leg import Joined
from mobility.sip.leg_owner import Ending
from mobility.sip.leg_states import Legged

if TYPE_CHECKING:
    from mobility.sip.call_line import Domain

UNANSWERABLE = "MediaNegotiationFailure"
"""What who offered anew is told when a phone does not take it."""

AGAIN_S = 1.0
"""How soon what has to be offered is offered again where another offer is open (our choice)."""

BACK = "back"
"""In place of the id of a new offer: what was agreed before, since the peer has gone astray."""


class OfferingLine:
    """What a line does about new offers.

    An offer that is over before the peer has answered is taken back.  A peer that has taken it all
    the same has gone astray: it is offered again what was agreed.
    """

    leg: Joined
    line: Line

    def __init__(self, domain: "Domain") -> None:
        self.domain = domain
        self.conversation_id = ""
        self._renegotiation = ""
        """The id of the other end's new offer, which the peer is to answer."""
        self._asked: list[str] = []
        """Those that the leg has been given and the peer has not answered, in order."""
        self._stood = ""
        """What the peer was told last of what is agreed."""
        self._astray = False
        self._own_offer = False
        """Whether a new offer of the peer waits for the other end."""
        self.late = False
        """Whether the 2xx to the INVITE offers, so that its ACK answers."""
        self._offered_late = False
        """Whether it offers what the other end has offered."""
        self._places: Places = ()
        """Where the streams of that offer are in what the other end was offered."""
        self._vital = False
        """Whether the call ends unless the peer's new offer is answered."""

    def decide(
        self,
        action: Callable[[float], Awaitable[None]],
        refused: Callable[[Answerable], None] | None = None,
    ) -> None:
        """Let the domain decide, soon; `refused` is told when it does not let it be."""
        raise NotImplementedError

    def ended(self, leg: object, ending: Ending) -> None:
        """An Owner's."""
        raise NotImplementedError

    # -- what the other end offers ---------------------------------------------------------------

    def _renegotiated(self, fact: RenegotiationChanged) -> None:
        incoming = fact.direction == "Incoming"
        if fact.change == "started" and incoming:
            self._renegotiation = fact.id
            self._ask(fact.id, fact.offer)
        elif fact.change == "completed" and incoming:
            if fact.id == self._renegotiation:
                self._renegotiation = ""
                self._take_back()
        elif fact.change == "completed" and self._own_offer:
            self._own_offer = False
            vital, self._vital = self._vital, False
            if fact.state == "Answered":
                self.leg.answer_offer(picked(fact.answer, self._places))
            elif vital:
                self.ended(self.leg, Ending(Legged.LOST))
            else:
                subcode = fact.reason[1] if fact.reason is not None else ""
                again = fact.early and subcode == ANSWERED_MEANWHILE
                self.leg.refuse_offer(500 if again else 488)

    def _ask(self, asked: str, offer: str) -> None:
        if not self._asked and not self._astray:
            self._stood = self.leg.local
        if self.leg.offer_waits and self._asked:  # the newest offer alone is made
            self._asked.pop()
        self._asked.append(asked)
        self.leg.reoffer(offer)

    def _take_back(self) -> None:
        """What the peer was to answer is over."""
        if self._asked and self.leg.take_back():
            self._asked.pop()
            self._go_back()

    def _goes_astray(self) -> None:
        """The peer has taken what nobody offers, unless it is what the call begins with."""
        self._astray = bool(self._stood)
        self._go_back()

    def _go_back(self) -> None:
        """If the peer has gone astray it is offered what stands, unless something newer is."""
        if self._astray and not self._asked:
            self._ask(BACK, self._stood)

    def agreed(self, leg: object, description: str) -> None:
        """The peer has answered the other end's new offer, or in its ACK what the 2xx offered."""
        late, self.late = self.late, False
        if late and not self._offered_late:
            self._offer_on(leg, after_placeholder(description), vital=True)
            return
        asked = self._renegotiation if late else self._next_asked()
        if asked == BACK:
            self._astray = False
            self.decide(partial(self._compare, leg, description))
        elif asked and asked == self._renegotiation:
            self._renegotiation = ""
            self._agree(asked, description)
        elif asked:
            self._goes_astray()

    def _next_asked(self) -> str:
        return self._asked.pop(0) if self._asked else ""

    def _agree(self, renegotiation: str, description: str) -> None:
        async def answer(now: float) -> None:  # noqa: ARG001
            answered = read_description(description)
            await self.domain.renegotiations.answer(
                self.line, self.conversation_id, renegotiation, answered
            )
            self._astray = False

        def no(refusal: Answerable) -> None:  # noqa: ARG001  # it is over, or does not fit
            self._dismiss(renegotiation)
            self._goes_astray()

        self.decide(answer, no)

    async def _compare(self, leg: object, description: str, now: float) -> None:  # noqa: ARG002
        """The peer is back; where its media are others than before the other end is told."""
        before = self._described()
        if before and not flows_alike(before, description):
            self._offer_on(leg, description)

    def _described(self) -> str:
        """What the line has described last, "" for nothing.  Raises Refusal."""
        conversation, _ = self.domain.conversations.find(self.line, self.conversation_id)
        part = conversation.parts.get(self.line.id)
        side = part.side if part is not None else conversation.sides.get(self.line.id)
        return side.description if side is not None else ""

    def disagreed(self, leg: object, status: int) -> None:  # noqa: ARG002
        """It has refused it."""
        asked = self._next_asked()
        if asked == BACK:  # it stays as it is
            self._astray = False
        elif asked and asked == self._renegotiation:
            self._renegotiation = ""
            self._dismiss(asked)
        self._go_back()

    def _dismiss(self, renegotiation: str) -> None:
        async def dismiss(now: float) -> None:  # noqa: ARG001
            await self.domain.renegotiations.dismiss(
                self.line, self.conversation_id, renegotiation, UNANSWERABLE
            )

        self.decide(dismiss)

    # -- what the peer offers --------------------------------------------------------------------

    def offered(self, leg: object, description: str) -> None:
        """The peer holds, resumes, adds or ends media."""
        self._offer_on(leg, description)

    def offered_early(self, leg: object, answered: str, description: str) -> None:  # noqa: ARG002
        """The caller offers anew before it is answered, to who has given it these early media."""
        self._own_offer, self._places = True, ()

        async def offer(now: float) -> None:
            offered = read_description(description)
            await self.domain.renegotiations.offer_early(
                self.line, self.conversation_id, answered, offered, now
            )

        def no(refusal: Answerable) -> None:
            self._own_offer = False
            self.leg.refuse_offer(500 if refusal.subcode == "AlreadyExists" else 488)

        self.decide(offer, no)

    def withdrawn(self, leg: object) -> None:  # noqa: ARG002
        """It does not wait for the answer any more."""

        async def withdraw(now: float) -> None:  # noqa: ARG001
            await self.domain.renegotiations.withdraw(self.line, self.conversation_id)

        self.decide(withdraw)

    def _offer_on(self, leg: object, description: str, *, vital: bool = False) -> None:
        """Offer the other end anew; `vital` says that without an answer there is no call."""
        self._own_offer, self._vital = True, vital

        async def offer(now: float) -> None:
            text, self._places = laid_out(self._described(), description)
            offered = read_description(text)
            if vital:
                offered.must_offer((AUDIO,))
            await self.domain.renegotiations.offer(
                self.line, self.conversation_id, offered, "", now
            )

        def no(refusal: Answerable) -> None:
            self._own_offer = self._vital = False
            if vital and refusal.subcode == "AlreadyExists":
                again = partial(self._again, leg, description)
                self.domain.agenda.at(self.domain.epoch() + AGAIN_S, again)
            elif vital:
                self.ended(leg, Ending(Legged.LOST))
            else:
                self.leg.refuse_offer(491 if refusal.subcode == "AlreadyExists" else 488)

        self.decide(offer, no)

    async def _again(self, leg: object, description: str, now: float) -> None:  # noqa: ARG002
        self._offer_on(leg, description, vital=True)
