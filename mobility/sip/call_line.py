"""A call leg and the line by which it takes part in a conversation: a back-to-back user agent.

What the domain tells the line becomes SIP, and what the peer does becomes a decision of the domain.
`CallerLine` is that of somebody who calls over SIP, `PhoneLine` that of a phone that rings.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.calls import Answer, Calls
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import AUDIO
from mobility.domain.facts import (
    ConversationChanged,
    Fact,
    InvitationChanged,
    NegotiationChanged,
    Reason,
    RenegotiationChanged,
)
from mobility.domain.lines import Line
from mobility.domain.mixed_offers import MixedOffers
from mobility.domain.outcomes import CANCELLED, COMPLETED_ELSEWHERE, LOST, OVER
from mobility.domain.records import Binding, Invitation
from mobility.domain.renegotiations import Renegotiations
from mobility.domain.telephone_lines import refuse
from mobility.errors import Answerable, Refusal, Unavailable
from mobility.media.offers import read_description
from mobility.media.placeholder import ANSWER, after_placeholder, silence
from mobility.sip.call_messages import reasons_of
from mobility.sip.call_reasons import (
    DECLINED_ELSEWHERE,
    ELSEWHERE,
    is_for_all,
    outcome_of_status,
    status_of,
)
from mobility.sip.core import Incoming
from mobility.sip.cross_leg import Calling, Joined
from mobility.sip.leg import Ending, Leg, Refused
from mobility.sip.leg_states import Legged

UNANSWERABLE = "MediaNegotiationFailure"
"""What who offered anew is told when a phone does not take it."""


AGAIN_S = 1.0
"""How soon what has to be offered is offered again where another offer is open (our choice)."""


@attrs.frozen(slots=True)
class Domain:
    """What lines of calls decide with.  `epoch` is the time of day."""

    agenda: Agenda
    conversations: Conversations
    calls: Calls
    renegotiations: Renegotiations | MixedOffers
    """Those of a conference for lines that are in one."""
    epoch: Callable[[], float]


class Pending(Protocol):
    """A transfer that is under way."""

    def left(self) -> bool:
        """Who transfers has hung up: whether the other end is kept for the transfer."""

    def abandon(self) -> None:
        """The other end has hung up."""


class Register(Protocol):
    """Who keeps the lines of calls."""

    def answered(self, one: "CallLine") -> None:
        """It is connected."""

    def over(self, one: "CallLine", outcome: str) -> None:
        """It is over, once."""

    def worst(self, invitation_id: str, status: int) -> int:
        """The status that says most of those with which phones have refused an invitation."""

    def referred(self, one: "CallLine", incoming: Incoming) -> None:
        """Its peer transfers the call.  Raises SipRefusal and Malformed."""


class CallLine:
    """What both kinds have in common.  It is the Owner of its leg."""

    leg: Joined
    line: Line
    transfer: Pending | None = None
    """The transfer of the call that is under way."""

    def __init__(self, domain: Domain, register: Register) -> None:
        self.domain = domain
        self.register = register
        self.conversation_id = ""
        self.invitation_id = ""
        self.outcome = ""
        self.began_at = domain.epoch()
        self.answered_at = 0.0
        self._renegotiation = ""
        """The id of the other end's new offer, which the peer is to answer."""
        self._own_offer = False
        """Whether a new offer of the peer waits for the other end."""
        self.late = False
        """Whether the 2xx to the INVITE offers, so that its ACK answers."""
        self._offered_late = False
        """Whether it offers what the other end has offered."""
        self._vital = False
        """Whether the call ends unless the peer's new offer is answered."""

    # -- what the domain tells -------------------------------------------------------------------

    def hear(self, fact: Fact) -> None:
        """The line's: take note of a fact."""
        self.domain.agenda.at(0.0, partial(self._heard, fact))

    async def _heard(self, fact: Fact, now: float) -> None:  # noqa: ARG002  # an Action
        match fact:
            case InvitationChanged():
                self.invited(fact)
            case NegotiationChanged():
                self.negotiated(fact)
            case RenegotiationChanged():
                self._renegotiated(fact)
            case ConversationChanged(change="deleted"):
                self.finish()

    def invited(self, fact: InvitationChanged) -> None:
        """The invitation by which it calls or rings began, got on, or is over."""
        raise NotImplementedError

    def negotiated(self, fact: NegotiationChanged) -> None:
        """What it offered is answered; only callers hear so."""

    def _renegotiated(self, fact: RenegotiationChanged) -> None:
        incoming = fact.direction == "Incoming"
        if fact.change == "started" and incoming:
            self._renegotiation = fact.id
            self.leg.reoffer(fact.offer)
        elif fact.change == "completed" and incoming:
            self._renegotiation = ""
        elif fact.change == "completed" and self._own_offer:
            self._own_offer = False
            vital, self._vital = self._vital, False
            if fact.state == "Answered":
                self.leg.answer_offer(fact.answer)
            elif vital:
                self.ended(self.leg, Ending(Legged.LOST))
            else:
                self.leg.refuse_offer()

    def finish(self, *reasons: str) -> None:
        """The conversation is over for it: so is the leg."""
        if self.line.closed:
            return
        if self.transfer is not None:
            self.transfer.abandon()
        self.leg.hang_up(*reasons)
        self.close()

    def close(self) -> None:
        """Nothing more is heard or told."""
        if self.line.closed:
            return
        self.domain.conversations.lines.close(self.line)
        self.register.over(self, self.outcome or "completed")

    # -- what the peer does ----------------------------------------------------------------------

    def decide(
        self,
        action: Callable[[float], Awaitable[None]],
        refused: Callable[[Answerable], None] | None = None,
    ) -> None:
        """Let the domain decide, soon; `refused` is told when it does not let it be."""

        async def act(now: float) -> None:
            if self.line.closed:
                return
            try:
                await action(now)
            except Unavailable:
                raise
            except Answerable as refusal:
                if refused is not None:
                    refused(refusal)

        self.domain.agenda.at(0.0, act)

    def progressed(self, leg: Leg, status: int, description: str) -> None:
        """An Owner's."""

    def answered(self, leg: Leg, description: str) -> None:
        """An Owner's."""

    def refused(self, leg: Leg, refused: Refused) -> None:
        """An Owner's."""

    def offered(self, leg: object, description: str) -> None:
        """The peer holds, resumes, adds or ends media."""
        self._offer_on(leg, description)

    def _offer_on(self, leg: object, description: str, *, vital: bool = False) -> None:
        """Offer the other end anew; `vital` says that without an answer there is no call."""
        self._own_offer, self._vital = True, vital

        async def offer(now: float) -> None:
            offered = read_description(description)
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

    def agreed(self, leg: object, description: str) -> None:
        """The peer has answered the other end's new offer, or in its ACK what the 2xx offered."""
        late, self.late = self.late, False
        if late and not self._offered_late:
            self._offer_on(leg, after_placeholder(description), vital=True)
            return
        renegotiation, self._renegotiation = self._renegotiation, ""
        if not renegotiation:
            return

        async def answer(now: float) -> None:  # noqa: ARG001
            answered = read_description(description)
            await self.domain.renegotiations.answer(
                self.line, self.conversation_id, renegotiation, answered
            )

        self.decide(answer, lambda _: self._dismiss(renegotiation))

    def disagreed(self, leg: object, status: int) -> None:  # noqa: ARG002
        """It has refused it."""
        renegotiation, self._renegotiation = self._renegotiation, ""
        if renegotiation:
            self._dismiss(renegotiation)

    def _dismiss(self, renegotiation: str) -> None:
        async def dismiss(now: float) -> None:  # noqa: ARG001
            await self.domain.renegotiations.dismiss(
                self.line, self.conversation_id, renegotiation, UNANSWERABLE
            )

        self.decide(dismiss)

    def referred(self, leg: Leg, incoming: Incoming) -> None:  # noqa: ARG002
        """It transfers the call."""
        self.register.referred(self, incoming)

    def ended(self, leg: object, ending: Ending) -> None:
        """The peer has hung up or given up, or is lost."""
        raise NotImplementedError


class CallerLine(CallLine):
    """Somebody who calls over SIP."""

    leg: Calling

    def __init__(self, domain: Domain, register: Register) -> None:
        super().__init__(domain, register)
        self._answer = ""
        self._gone: Ending | None = None
        """How the caller has gone while the call began."""

    def invited(self, fact: InvitationChanged) -> None:
        self.conversation_id, self.invitation_id = fact.conversation_id, fact.id
        leg = self.leg
        if fact.change == "updated":
            leg.progress(181 if fact.state == "Forwarded" else 180)
        elif fact.change == "completed" and fact.state == "Connected":
            self.answered_at = self.domain.epoch()
            if not self._is_to_be_offered:
                leg.answer(self._answer)
            self.register.answered(self)
        elif fact.change == "completed":
            self.fail(fact.reason)

    @property
    def _is_to_be_offered(self) -> bool:
        """Whether what was answered is about to offer what the 2xx is to offer."""
        return self.late and not self._offered_late and self._answer == ANSWER

    def negotiated(self, fact: NegotiationChanged) -> None:
        if not fact.provisional:
            self._answer = fact.answer
        elif not self.late:
            self.leg.progress(183, fact.answer)

    def _renegotiated(self, fact: RenegotiationChanged) -> None:
        incoming = fact.change == "started" and fact.direction == "Incoming"
        if incoming and self._is_to_be_offered:
            self._renegotiation, self._offered_late = fact.id, True
            self.leg.answer(fact.offer)
        else:
            super()._renegotiated(fact)

    def fail(self, reason: Reason | None) -> None:
        """Nobody answers, and this is why."""
        status = status_of(reason)
        self.outcome = self.outcome or (reason.subcode.lower() if reason is not None else "failed")
        self.leg.refuse(status)

    def ended(self, leg: object, ending: Ending) -> None:  # noqa: ARG002
        if self.transfer is not None and self.transfer.left():
            return
        if ending.event is Legged.CANCELLED:
            self.outcome = "cancelled"
        elif ending.event in (Legged.LOST, Legged.NO_ACK):
            self.outcome = "lost"

        if self.conversation_id:
            self.decide(partial(self._end, ending), lambda _: self.close())
        else:
            self._gone = ending

    def began(self, invitation: Invitation) -> None:
        """The call has begun; the caller may have given up meanwhile."""
        self.conversation_id, self.invitation_id = invitation.conversation_id, invitation.id
        if self._gone is not None:
            self.decide(partial(self._end, self._gone), lambda _: self.close())

    async def _end(self, ending: Ending, now: float) -> None:
        conversations = self.domain.conversations
        async with conversations.lock(self.conversation_id):
            conversation, leg = conversations.find(self.line, self.conversation_id)
            if leg.call == "Connected":
                lost = ending.event in (Legged.LOST, Legged.NO_ACK)
                await conversations.hang_up(conversation, [leg], LOST if lost else OVER, now)
            else:
                outcome = COMPLETED_ELSEWHERE if ending.elsewhere else CANCELLED
                invitation = conversation.invitations[self.invitation_id]
                await conversations.withdraw(conversation, invitation, outcome, now)


class PhoneLine(CallLine):
    """A phone that rings; `begin` sends the INVITE for a call."""

    def __init__(
        self,
        domain: Domain,
        register: Register,
        binding: Binding | None,
        begin: Callable[["PhoneLine", InvitationChanged], Leg],
    ) -> None:
        """`binding` is that of a user's phone, None for somebody elsewhere."""
        super().__init__(domain, register)
        self.binding = binding
        self._begin = begin
        self._reasons: tuple[str, ...] = ()

    @property
    def has_begun(self) -> bool:
        """Whether it has rung, or does."""
        return bool(self.invitation_id)

    def invited(self, fact: InvitationChanged) -> None:
        if fact.change == "started":
            self.conversation_id, self.invitation_id = fact.conversation_id, fact.id
            try:
                self.leg = self._begin(self, fact)
            except Refusal:  # the call is over before it has begun to ring
                self.invitation_id = ""
        elif fact.change == "completed" and fact.state != "Connected":
            subcode = fact.reason.subcode if fact.reason is not None else ""
            if subcode == "ConnectedElsewhere":
                self._reasons, self.outcome = (ELSEWHERE,), "answered elsewhere"
            elif subcode == "Declined":
                self._reasons = (DECLINED_ELSEWHERE,)
            self.outcome = self.outcome or subcode.lower()

    def finish(self, *reasons: str) -> None:
        if not self.has_begun:
            self.close()
        else:
            super().finish(*(reasons or self._reasons))

    def progressed(self, leg: Leg, status: int, description: str) -> None:  # noqa: ARG002
        async def ring(now: float) -> None:  # noqa: ARG001
            calls = self.domain.calls
            if description and not self.late:
                answer = Answer(read_description(description))
                await calls.answer_provisionally(self.line, self.invitation_id, answer)
            elif status in (180, 183):
                await calls.alert(self.line, self.invitation_id)

        self.decide(ring)

    def answered(self, leg: Leg, description: str) -> None:
        async def accept(now: float) -> None:
            described = read_description(description)
            answer = silence() if self.late else described
            if self.late:
                described.must_offer((AUDIO,))
                described.must_follow(answer.streams)
            await self.domain.calls.accept(self.line, self.invitation_id, Answer(answer), now)
            self.answered_at = now
            self.register.answered(self)
            if self.late:
                self.late = False
                self._offer_on(leg, description, vital=True)

        def too_late(refusal: Answerable) -> None:
            """Somebody else was quicker, or the answer cannot be used."""
            if refusal.code == "BadRequest":
                leg.hang_up()
                self._refuse(488)
            else:
                leg.hang_up(ELSEWHERE)
                self.close()

        self.decide(accept, too_late)

    def refused(self, leg: Leg, refused: Refused) -> None:  # noqa: ARG002
        self.outcome = f"refused {refused.status}"
        reasons = reasons_of(refused.response) if refused.response is not None else ()
        elsewhere = Ending(Legged.FAILED, reasons).elsewhere
        self._refuse(486 if elsewhere and refused.status == 487 else refused.status)

    def _refuse(self, status: int) -> None:
        worst = self.register.worst(self.invitation_id, status)
        outcome = outcome_of_status(worst)

        async def no(now: float) -> None:
            if is_for_all(status):
                await self.domain.conversations.decline(
                    self.line, self.invitation_id, True, now, outcome
                )
            else:
                conversations = self.domain.conversations
                await refuse(conversations, self.line, self.invitation_id, outcome, now)

        self.decide(no, lambda _: self.close())

    def ended(self, leg: object, ending: Ending) -> None:  # noqa: ARG002
        if self.transfer is not None and self.transfer.left():
            return
        if ending.event in (Legged.LOST, Legged.NO_ACK):
            self.outcome = "lost"

        async def leave(now: float) -> None:
            conversations = self.domain.conversations
            async with conversations.lock(self.conversation_id):
                conversation, own = conversations.find(self.line, self.conversation_id)
                outcome = LOST if self.outcome == "lost" else OVER
                await conversations.hang_up(conversation, [own], outcome, now)

        self.decide(leave, lambda _: self.close())
