"""Calls into meetings: INVITEs for the URI of a conference, or for a conference id.

Who calls comes in with a line of its own: it rings while it waits in the lobby (182), and is
answered once it is inside and the mixer has answered what it offers.
"""

from collections.abc import Awaitable, Callable, Collection

import attrs

from mobility.domain.conversation import JOIN
from mobility.domain.descriptions import Description
from mobility.domain.dial_in import DialIn, Visitor, by_telephone
from mobility.domain.facts import CallChanged, ConversationChanged, Fact, InvitationChanged, Reason
from mobility.domain.lines import Line
from mobility.domain.meetings import NUMBER_DIGITS, OnlineMeeting
from mobility.domain.records import Invitation
from mobility.errors import Answerable
from mobility.sip.call_line import CallerLine, Domain, Register
from mobility.sip.call_messages import offer_of
from mobility.sip.call_reasons import status_of_refusal
from mobility.sip.core import Incoming
from mobility.sip.leg import Leg
from mobility.sip.leg_owner import Ending
from mobility.sip.leg_states import Legged
from mobility.sip.message import Request
from mobility.sip.parties import UNKNOWN, Caller
from mobility.sip.refusal import SipRefusal
from mobility.sip.transactions import Timer
from mobility.sip.uri import SipUri, parse_uri

REMIND_S = 60.0
"""How often who waits in a lobby is told so (RFC 3261 section 13.3.1.1: every minute)."""

_FOCUS = "app:conf:focus:id:"
"""What the opaque parameter of a conference URI begins with."""

QUEUED = 182
"""What who waits in a lobby is told (RFC 3261 section 21.1.4)."""


Talk = Callable[[Line, str, Description, float], Awaitable[None]]
"""Begins the call of a line in a conference with the mixer: line, conversation, offer, now."""

Later = Callable[[float, Callable[[], None]], Timer]
"""Calls something after so many seconds."""


@attrs.frozen(slots=True)
class Visit:
    """One call into a meeting."""

    visitor: Visitor
    meeting: OnlineMeeting
    offer: Description


class VisitorLine(CallerLine):
    """Somebody who calls into a meeting."""

    def __init__(
        self, domain: Domain, register: Register, talk: Talk, later: Later, offer: Description
    ) -> None:
        """`talk` begins the caller's call with the mixer, once the caller is inside."""
        super().__init__(domain, register)
        self._talk = talk
        self._later = later
        self._offer = offer
        self._reminder: Timer | None = None

    async def _heard(self, fact: Fact, now: float) -> None:
        if isinstance(fact, ConversationChanged) and fact.conversation.state == "InLobby":
            self._stop()
            self._remind()
        elif isinstance(fact, CallChanged) and fact.state == "Disconnected" and self.answered_at:
            self.leg.hang_up()  # the mixer has ended it, or a leader
            self._leave()
        await super()._heard(fact, now)

    def invited(self, fact: InvitationChanged) -> None:
        if fact.kind != JOIN:
            super().invited(fact)
            return
        self.conversation_id, self.invitation_id = fact.conversation_id, fact.id
        if fact.change == "started":
            self.leg.progress(180)
        elif fact.change == "completed" and fact.state == "Connected":
            self._stop()
            self.decide(self._come_in, self._turned_away)
        elif fact.change == "completed":
            self.fail(fact.reason)

    @property
    def rings(self) -> bool:
        """Nobody else comes into a meeting as this caller."""
        return False

    @property
    def talks(self) -> bool:
        """Nobody else stays there as this caller: who may come in is for the meeting to say."""
        return False

    async def _come_in(self, now: float) -> None:
        await self._talk(self.line, self.conversation_id, self._offer, now)

    def _turned_away(self, refusal: Answerable) -> None:
        """The mixer cannot be called, or takes none of the media."""
        self.outcome = self.outcome or "failed"
        self.leg.refuse(status_of_refusal(refusal))
        self._leave()

    def fail(self, reason: Reason | None) -> None:
        super().fail(reason)
        self._leave()

    def ended(self, leg: object, ending: Ending) -> None:  # noqa: ARG002
        if ending.event is Legged.CANCELLED:
            self.outcome = "cancelled"
        elif ending.event in (Legged.LOST, Legged.NO_ACK):
            self.outcome = "lost"
        if self.conversation_id:
            self._leave()
        else:
            self._gone = ending

    def began(self, invitation: Invitation) -> None:
        self.conversation_id, self.invitation_id = invitation.conversation_id, invitation.id
        if self._gone is not None:
            self._leave()

    def _leave(self) -> None:
        """Out of the conference, or of its lobby."""
        self.decide(self._terminate, lambda _: self.close())

    async def _terminate(self, now: float) -> None:
        conversations = self.domain.conversations
        await conversations.terminate(self.line, self.conversation_id, now)

    def referred(self, leg: Leg, incoming: Incoming) -> None:  # noqa: ARG002
        """Nobody transfers a conference."""
        raise SipRefusal(603)

    def close(self) -> None:
        self._stop()
        super().close()

    def _remind(self) -> None:
        self._reminder = None
        if not self.leg.is_over:
            self.leg.progress(QUEUED)
            self._reminder = self._later(REMIND_S, self._remind)

    def _stop(self) -> None:
        """It waits no more."""
        if self._reminder is not None:
            self._reminder.cancel()
            self._reminder = None


class MeetingCalls:
    """Finds the meetings that INVITEs are for."""

    def __init__(
        self,
        dial_in: DialIn,
        domain: Domain,
        domains: Collection[str],
        later: Later,
    ) -> None:
        """`domains` are those of the users here."""
        self._dial_in = dial_in
        self._later = later
        self._domain = attrs.evolve(domain, renegotiations=dial_in.calls.offers)
        self._domains = frozenset(domains)

    def visit(self, request: Request, caller: Caller) -> Visit | None:
        """The meeting that an INVITE is for and who calls, None where it is for another.

        Raises SipRefusal (404 for a meeting that is not there, and what `offer_of` refuses) and
        Malformed.
        """
        uri = parse_uri(request.uri)
        if not isinstance(uri, SipUri):
            return None
        meeting = self._meeting(uri, caller)
        if meeting is None:
            return None
        return Visit(visitor_of(caller), meeting, offer_of(request))

    def line(self, visit: Visit, register: Register) -> VisitorLine:
        return VisitorLine(
            self._domain, register, self._dial_in.calls.talk, self._later, visit.offer
        )

    async def enter(self, visit: Visit, one: CallerLine) -> Invitation:
        """Let the caller in, or into the lobby.  Raises Answerable."""
        now = self._domain.epoch()
        return await self._dial_in.enter(one.line, visit.visitor, visit.meeting, now)

    def _meeting(self, uri: SipUri, caller: Caller) -> OnlineMeeting | None:
        now = self._domain.epoch()
        opaque = uri.parameters.get("opaque") or ""
        if uri.host in self._domains and opaque.lower().startswith(_FOCUS):
            found = self._dial_in.at(f"{uri.aor};gruu;opaque={_FOCUS}{opaque[len(_FOCUS) :]}", now)
            if found is None:
                raise SipRefusal(404)
            return found
        number = uri.user.partition(";")[0]
        beyond = caller.user is None  # a gateway names the host by its address
        if (beyond or uri.host in self._domains) and is_conference_id(number):
            return self._dial_in.numbered(number, now)
        return None


def is_conference_id(number: str) -> bool:
    """Whether a user part can be the conference id of a meeting."""
    return len(number) == NUMBER_DIGITS and number.isascii() and number.isdigit()


def visitor_of(caller: Caller) -> Visitor:
    """Who calls, as a meeting is to know it."""
    if caller.uri == UNKNOWN:
        return by_telephone("", "")
    if caller.uri.startswith("tel:"):
        return by_telephone(caller.uri[4:], caller.name)
    return Visitor(caller.uri, caller.name)
