"""A call leg and the line by which it takes part in a conversation: a back-to-back user agent.

What the domain tells the line becomes SIP, and what the peer does becomes a decision of the domain.
`CallerLine` is that of somebody who calls over SIP, `PhoneLine` that of a phone that rings.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.call_rows import Answer
from mobility.domain.calls import Calls
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
from mobility.domain.mixed_offers import MixedOffers
from mobility.domain.outcomes import CANCELLED, COMPLETED_ELSEWHERE, LOST, OVER
from mobility.domain.records import Invitation
from mobility.domain.renegotiations import Renegotiations
from mobility.domain.telephone import Party
from mobility.domain.telephone_lines import refuse
from mobility.domain.tones import Told, Tone
from mobility.errors import Answerable, Refusal, Unavailable
from mobility.media.offers import read_description
from mobility.media.placeholder import ANSWER, silence
from mobility.sip.call_messages import reasons_of
from mobility.sip.call_reasons import (
    DECLINED_ELSEWHERE,
    ELSEWHERE,
    is_for_all,
    outcome_of_status,
    status_of,
)
from mobility.sip.core import Incoming
from mobility.sip.cross_leg import Calling, CrossLeg, Pending
from mobility.sip.leg import Leg
from mobility.sip.leg_owner import Ending, Refused
from mobility.sip.leg_states import Legged
from mobility.sip.line_offers import OfferingLine
from mobility.sip.message import Response
from mobility.sip.phones import Phone
from mobility.sip.redirects import FOLLOWED
from mobility.sip.refusal import SipRefusal


@attrs.frozen(slots=True)
class Domain:
    """What lines of calls decide with.  `epoch` is the time of day."""

    agenda: Agenda
    conversations: Conversations
    calls: Calls
    renegotiations: Renegotiations | MixedOffers
    """Those of a conference for lines that are in one."""
    epoch: Callable[[], float]


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

    async def deflected(self, one: "PhoneLine", response: Response, now: float) -> None:
        """A phone that rings sends the call on.  Raises Answerable if it is not."""


class CallLine(OfferingLine):
    """What both kinds have in common.  It is the Owner of its leg."""

    transfer: Pending | None = None
    """The transfer of the call that is under way."""

    def __init__(self, domain: Domain, register: Register) -> None:
        super().__init__(domain)
        self.register = register
        self.invitation_id = ""
        self.outcome = ""
        self.began_at = domain.epoch()
        self.answered_at = 0.0

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

    def pressed(self, leg: object, tone: Tone, told: Told) -> None:  # noqa: ARG002
        """A key is for the other end of the call: a telephone, wherever it is."""
        conversations = self.domain.conversations
        try:
            conversation, _ = conversations.find(self.line, self.conversation_id)
        except Refusal:  # the call is over
            told(False)
            return
        other = conversations.lines.find(conversation.other_in_call(self.line.id))
        if other is not None and other.take is not None:
            other.take(tone, told)
        else:
            told(False)

    def take(self, tone: Tone, told: Told) -> None:
        """The line's: the other end presses a key."""
        self.leg.press(tone, told)

    @property
    def party(self) -> Party:
        """A Transferor's."""
        return Party(self.line, self.conversation_id)

    @property
    def talks(self) -> bool:
        """Whether its call is answered, and is not over."""
        return bool(self.answered_at) and not self.line.closed

    @property
    def rings(self) -> bool:
        """Whether it calls, and somebody else can have its call before that is answered."""
        return False

    def replaced_by(self, leg: CrossLeg) -> None:
        """A Transferor's."""
        self.leg = leg

    def referred(self, leg: Leg, incoming: Incoming) -> None:
        """It transfers the call, unless another device is taking over its part."""
        if leg is not self.leg:
            raise SipRefusal(491)
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
        self._forwarded = self._rings = False
        """What it was told of the call."""

    def invited(self, fact: InvitationChanged) -> None:
        self.conversation_id, self.invitation_id = fact.conversation_id, fact.id
        leg = self.leg
        if fact.change != "completed":
            self._gets_on(fact)
        elif fact.change == "completed" and fact.state == "Connected":
            self.answered_at = self.domain.epoch()
            if not self._is_to_be_offered:
                leg.answer(self._answer)
            self.register.answered(self)
        elif fact.change == "completed":
            self.fail(fact.reason)

    def _gets_on(self, fact: InvitationChanged) -> None:
        """It is sent on (181), rings (180), or both: each is told once."""
        if fact.state == "Forwarded" and not self._forwarded:
            self._forwarded = True
            self.leg.progress(181)
        if fact.change == "updated" and not self._rings and self._is_alerting:
            self._rings = True
            self.leg.progress(180)

    @property
    def _is_alerting(self) -> bool:
        """Whether something rings, and not only may."""
        try:
            conversation, _ = self.domain.conversations.find(self.line, self.conversation_id)
        except Refusal:  # the caller has gone
            return False
        return conversation.call is None or conversation.call.state == "Alerting"

    @property
    def _is_to_be_offered(self) -> bool:
        """Whether what was answered is about to offer what the 2xx is to offer."""
        return self.late and not self._offered_late and self._answer == ANSWER

    def negotiated(self, fact: NegotiationChanged) -> None:
        if not fact.provisional:
            self._answer = fact.answer
        elif not self.late:
            self.leg.progress(183, fact.answer, fact.remote_endpoint)

    def _renegotiated(self, fact: RenegotiationChanged) -> None:
        incoming = fact.change == "started" and fact.direction == "Incoming"
        if incoming and self._is_to_be_offered:
            self._renegotiation, self._offered_late = fact.id, True
            self.leg.answer(fact.offer)
        else:
            super()._renegotiated(fact)

    @property
    def rings(self) -> bool:
        waits = self._gone is None and not self.answered_at and not self.late
        return waits and bool(self.invitation_id) and not self.leg.is_over

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
        phone: Phone,
        begin: Callable[["PhoneLine", InvitationChanged], Leg],
    ) -> None:
        """`phone` is that of a user, of no flows for somebody elsewhere."""
        super().__init__(domain, register)
        self.phone = phone
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
        if refused.response is not None and refused.status in FOLLOWED and self.phone:
            deflect = partial(self.register.deflected, self, refused.response)
            self.decide(deflect, lambda _: self._refuse(refused.status))
            return
        self._refuse(486 if elsewhere and refused.status == 487 else refused.status)

    def _refuse(self, status: int) -> None:
        worst = self.register.worst(self.invitation_id, status)
        outcome = outcome_of_status(worst, elsewhere=not self.phone)

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
