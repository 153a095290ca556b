"""Calls over SIP: INVITEs that come, and phones that ring.

Whoever calls takes part in a conversation by a line of its own, and so does each phone that rings:
two phones that talk to one another do it over two legs, whatever lies between.  Descriptions are
passed on as they come; media flow between the ends.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.bindings import Bindings
from mobility.domain.call_rows import Wanted
from mobility.domain.deflections import Deflections
from mobility.domain.descriptions import media_of
from mobility.domain.diversions import diversion_of
from mobility.domain.facts import InvitationChanged
from mobility.domain.late_ringing import LateRinging
from mobility.domain.lines import Device
from mobility.domain.outside_calls import OutsideCalls
from mobility.domain.records import Invitation as DomainInvitation
from mobility.domain.ringing import Plan, Stage
from mobility.errors import Answerable, PeerFault, Unavailable
from mobility.events import Catalogue, EventLog
from mobility.media.placeholder import OFFER
from mobility.sip.call_line import CallerLine, CallLine, Domain, PhoneLine
from mobility.sip.call_messages import offer_of
from mobility.sip.call_reasons import rank, status_of_refusal
from mobility.sip.called_leg import CalledLeg
from mobility.sip.calling_leg import CallingLeg, Invitation
from mobility.sip.client import Client
from mobility.sip.core import MAX_CALL_ID_SHOWN, Core, Incoming
from mobility.sip.deflecting import Deflecting
from mobility.sip.diverted import diverted
from mobility.sip.grammar import Malformed, readable
from mobility.sip.leg import Leg
from mobility.sip.meeting_calls import MeetingCalls
from mobility.sip.message import Request, Response
from mobility.sip.parties import Callee, Caller, Parties, address
from mobility.sip.path import ClientPath
from mobility.sip.phones import Phone, new_phones, phones_of
from mobility.sip.refusal import SipRefusal
from mobility.sip.registrar import Registrar
from mobility.sip.replacing_leg import ReplacingLeg
from mobility.sip.routing import PhoneFlow, Way
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.transfers import Transferring, Transfers, is_early_only, replaced
from mobility.sip.uri import SipUri, parse_uri

EVENTS: Catalogue = {
    "sip.call": {
        "call": "Call-ID of the leg, cut to 64 characters: that of its lines sip.request and "
        "sip.sent",
        "conversation": "the id of the conversation that it took part in",
        "direction": "in for who called, out for what rang",
        "user": "a pseudonym of whose phone it was, or of who called",
        "outcome": "completed, or why it was never answered",
        "ringing_s": "seconds until it was answered or over",
        "talking_s": "seconds from the answer to the end, 0 without one",
    },
}

MAX_SUBJECT = 256
"""Characters of a Subject that are shown (our choice)."""

UNUSED_S = 60.0
"""How long a line for a phone is kept that nobody has rung (our choice: the decision that looked
for it is made at once)."""

STOPPING = 503
"""What a caller whose call rings is answered when the front end stops."""

IMPORTANCE = {"emergency": "Emergency", "urgent": "Urgent"}
"""Priority as UCWA says it (RFC 3261 section 20.26); others are Normal."""


@attrs.frozen(slots=True)
class Reaching:
    """How phones are reached."""

    core: Core
    client: Client
    registrar: Registrar
    bindings: Bindings
    routes: StaticRoutes
    domain: str
    """Of the URIs by which numbers are named."""
    voicemail: str = ""
    """The user whose devices are everybody's voicemail."""


class SipCalls:
    """Serves INVITE, and finds the phones that ring for users.  It is the Register of lines."""

    def __init__(
        self,
        reaching: Reaching,
        parties: Parties,
        domain: Domain,
        outside: OutsideCalls | None,
        late: LateRinging,
        may_transfer: Callable[[str], bool],
        deflections: Deflections,
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._reaching = reaching
        self._parties = parties
        self._domain = domain
        self._outside = outside
        self._late = late
        self._log = log
        self._pseudonym = pseudonym
        self._deflecting = Deflecting(parties, deflections, log)
        self._lines: set[CallLine] = set()
        """Those that call, and those of phones that were looked for, whether they ring or not."""
        self._refusals: dict[str, int] = {}
        self.meetings: MeetingCalls | None = None
        """Lets callers into meetings, where there is a mixer."""
        needs = Transferring(
            reaching.core, domain, parties, outside, may_transfer, self._referred, self.plan, log
        )
        self.transfers = Transfers(needs, self._lines, self)
        reaching.core.serve("INVITE", self.invite)
        reaching.core.serve_within("BYE", "INFO", "PRACK", "REFER", "UPDATE")
        domain.calls.stages.own.others.append(self.phones)
        domain.calls.stages.own.elsewhere.append(self.elsewhere)
        reaching.bindings.changes.append(self._came)

    def __len__(self) -> int:
        """How many legs ring or talk."""
        return len(self._lines)

    def close(self) -> None:
        """The front end stops: who waits for an answer is told to try another one, and the calls
        that go on end for the telephones in them."""
        for one in list(self._lines):
            if isinstance(one, CallerLine) and not one.answered_at:
                one.leg.refuse(STOPPING)
            elif one.invitation_id:
                one.leg.hang_up()
        for leg in {one for one in self._reaching.core.dialogs.values() if isinstance(one, Leg)}:
            leg.hang_up()

    # -- who calls -------------------------------------------------------------------------------

    async def invite(self, incoming: Incoming) -> None:
        """An INVITE out of dialogs.  Raises SipRefusal and Malformed."""
        request = incoming.request
        caller = self._parties.caller(incoming)
        if "Replaces" in request.fields:
            self._replace(incoming, caller)
            return
        if self.meetings is not None and (visit := self.meetings.visit(request, caller)):
            line = self.meetings.line(visit, self)
            start = partial(self.meetings.enter, visit, line)
            await self._begin(incoming, line, visit.visitor.uri, visit.visitor.name, start)
            return
        callee = self._callee(request, caller)
        wanted = self._wanted(request, callee, caller.uri)
        one = CallerLine(self._domain, self)
        start = partial(self._start, one, caller, callee, wanted)
        await self._begin(incoming, one, caller.uri, caller.name, start)

    async def _begin(
        self,
        incoming: Incoming,
        one: CallerLine,
        uri: str,
        name: str,
        start: Callable[[], Awaitable[DomainInvitation]],
    ) -> None:
        """Open the line of who calls, and let the domain decide with `start`."""
        path = ClientPath(self._reaching.client, flow=incoming.flow)
        leg = one.leg = CalledLeg(self._reaching.core, path, one, incoming)
        one.late = not leg.offer
        one.line = self._domain.conversations.lines.open(uri, name, one.hear)
        one.line.take = one.take
        self._lines.add(one)
        try:
            one.began(await start())
        except Unavailable:
            self._refuse(one, 503)
        except Answerable as refusal:
            self._refuse(one, status_of_refusal(refusal))
        except BaseException:
            self._refuse(one, 500)
            raise
        if leg.is_over and not one.conversation_id:
            one.close()

    def _callee(self, request: Request, caller: Caller) -> Callee:
        """Whom an INVITE is for; users may call people elsewhere.  Raises SipRefusal, Malformed."""
        try:
            return self._parties.callee(request, caller)
        except SipRefusal as refusal:
            uri = parse_uri(request.uri)
            known = user_uri(uri.aor) if isinstance(uri, SipUri) else None
            if refusal.status != 404 or caller.user is None or known is None:
                raise
            if not self._leads(known):
                raise
            return Callee(known)

    def _referred(self, request: Request, caller: Caller) -> Callee:
        """Whom a transfer is to.  Raises SipRefusal (603 for a meeting) and Malformed."""
        if self.meetings is not None and self.meetings.visit(request, caller) is not None:
            raise SipRefusal(603)
        return self._callee(request, caller)

    def _replace(self, incoming: Incoming, caller: Caller) -> None:
        """Another device takes over the part of one in a call: of the same user, or as a trusted
        peer says (RFC 3891 section 3).  Raises SipRefusal and Malformed."""
        request = incoming.request
        named = request.need("Replaces")
        found = self._reaching.core.dialogs.get(replaced(named))
        legs = {one.leg: one for one in self._lines if one.answered_at}
        one = legs.get(found) if isinstance(found, Leg) else None
        if one is None:
            raise SipRefusal(481)
        if caller.user is not None and caller.uri != one.line.user_uri:
            raise SipRefusal(403)
        if is_early_only(named):  # RFC 3891 section 3: it is answered already
            raise SipRefusal(486)
        if one.transfer is not None:
            raise SipRefusal(491)
        path = ClientPath(self._reaching.client, flow=incoming.flow)
        leg = ReplacingLeg(self._reaching.core, path, one, incoming)
        if leg.offer:
            leg.offer_on()
        else:
            leg.offer_in_answer()

    def _wanted(self, request: Request, callee: Callee, caller_uri: str) -> Wanted:
        """What an INVITE asks for.  Raises SipRefusal and Malformed."""
        offer = offer_of(request)
        priority = (request.first("Priority") or "").lower()
        return Wanted(
            to_uri=callee.uri,
            media=media_of(offer.streams),
            offer=offer,
            subject=readable(request.first("Subject") or "")[:MAX_SUBJECT],
            importance=IMPORTANCE.get(priority, "Normal"),
            plan=self.plan(callee, caller_uri),
        )

    async def _start(
        self, one: CallerLine, caller: Caller, callee: Callee, wanted: Wanted
    ) -> DomainInvitation:
        now = self._domain.epoch()
        if not callee.dialled:
            return await self._domain.calls.start(one.line, wanted, now)
        if self._outside is None or caller.user is None:
            raise PeerFault("NotFound")
        return await self._outside.start(one.line, wanted, callee.dialled, now)

    def _refuse(self, one: CallerLine, status: int) -> None:
        one.outcome = f"refused {status}"
        one.leg.refuse(status)
        one.close()

    # -- what rings ------------------------------------------------------------------------------

    def phones(self, user_uri: str, media: tuple[str, ...], caller_uri: str) -> Sequence[Device]:  # noqa: ARG002
        """The registered phones of a user, as devices (an `OtherDevices`)."""
        now = self._domain.epoch()
        found = self._reaching.bindings.of(user_uri, now)
        return [self._phone(one, now) for one in phones_of(found)]

    def plan(self, callee: Callee, caller_uri: str) -> Plan | None:
        """Who rings for a GRUU: that phone alone, over one of its flows (RFC 5627 section 6.1, RFC
        5626 section 5.3).  None where whatever the callee has said rings."""
        named, reach = callee.phone, self._domain.conversations.reach
        if named is None:
            return None

        def devices() -> Sequence[Device]:
            phone = self._reaching.registrar.phone(named)
            if not phone or reach.obstacle(named.user_uri, caller_uri) is not None:
                return []
            return [self._phone(phone, self._domain.epoch())]

        return Plan((Stage(0.0, devices),), self._domain.conversations.limits.invitation_timeout_s)

    def _phone(self, phone: Phone, now: float) -> Device:
        one = PhoneLine(self._domain, self, phone, self._ring)
        return self._opened(one, phone[0].user_uri, now)

    def _opened(self, one: PhoneLine, uri: str, now: float) -> Device:
        """The device of a line that may ring; one that nobody rings is forgotten."""
        name = self._domain.conversations.name_of(uri) or uri.partition(":")[2]
        one.line = self._domain.conversations.lines.open(uri, name, one.hear)
        one.line.take = one.take
        self._lines.add(one)

        async def forget(now: float) -> None:  # noqa: ARG001
            if not one.has_begun:
                one.finish()

        self._domain.agenda.at(now + UNUSED_S, forget)
        return one.line

    def elsewhere(
        self,
        uri: str,
        media: tuple[str, ...],  # noqa: ARG002  # an `OtherDevices`
        caller_uri: str,
    ) -> Sequence[Device]:
        """Somebody elsewhere to whom a route leads, for callers of this system."""
        if self._parties.user(caller_uri) is None or not self._leads(uri):
            return []
        one = PhoneLine(self._domain, self, (), self._ring)
        return [self._opened(one, uri, self._domain.epoch())]

    def _leads(self, uri: str) -> bool:
        try:
            known = parse_uri(uri)
        except Malformed:
            return False
        return isinstance(known, SipUri) and self._reaching.routes.reaches(known)

    def _ring(self, one: PhoneLine, fact: InvitationChanged) -> CallingLeg:
        """Send the INVITE of a call to a phone, or by a route to somebody elsewhere."""
        reaching, phone, callee = self._reaching, one.phone, one.line.user_uri
        request = Request(method="INVITE", uri=callee)
        ways: Sequence[Way]
        if phone:
            ways = reaching.registrar.ways(request, phone)
        else:
            ways = reaching.routes.ways(parse_uri(callee))
        terms = fact.call
        one.late = terms is not None and terms.offer == OFFER
        fields = [("Route", value) for value in request.fields.get("Route", [])]
        if fact.subject:
            fields.append(("Subject", one_line(fact.subject)))
        if phone and terms is not None and terms.transferred_by:
            fields.append(("Referred-By", f"<{terms.transferred_by}>"))
        if fact.importance in ("Emergency", "Urgent"):
            fields.append(("Priority", fact.importance.lower()))
        uri = request.uri
        conversation, _ = self._domain.conversations.find(one.line, one.conversation_id)
        cause = self._domain.calls.stages.cause_of(conversation.call)
        diversion = diversion_of(conversation.call, cause)
        if diversion is not None:
            name, voicemail = self._name_of(diversion.by), callee == reaching.voicemail
            uri, more = diverted(diversion, uri, name, reaching.domain, voicemail=voicemail)
            fields += more
            told = uri.removeprefix(request.uri)
            ways = [
                attrs.evolve(one, suffix=told) if isinstance(one, PhoneFlow) else one
                for one in ways
            ]
        invitation = Invitation(
            uri=uri,
            caller=address(fact.from_uri, fact.from_name, reaching.domain),
            callee=address(callee, self._name_of(callee), reaching.domain),
            offer=terms.offer if terms is not None and not one.late else "",
            fields=tuple(fields),
        )
        path = ClientPath(reaching.client, ways, follows=not phone)
        leg = CallingLeg(reaching.core, path, one, invitation)
        one.leg = leg
        leg.invite()
        return leg

    def _name_of(self, uri: str) -> str:
        return self._domain.conversations.name_of(uri)

    def _came(self, user_uri: str) -> None:
        """The phones of a user have changed: one that comes while a call rings rings too."""
        self._domain.agenda.at(0.0, partial(self._ring_too, user_uri))

    async def _ring_too(self, user_uri: str, now: float) -> None:
        rung = [one.phone for one in self._lines_of_phones(user_uri)]
        new = new_phones(self._reaching.bindings.of(user_uri, now), rung)
        if new:
            await self._late.ring(user_uri, lambda: [self._phone(one, now) for one in new])

    def _lines_of_phones(self, user_uri: str) -> list[PhoneLine]:
        return [
            one
            for one in self._lines
            if isinstance(one, PhoneLine) and one.line.user_uri == user_uri
        ]

    # -- a Register ------------------------------------------------------------------------------

    def answered(self, one: CallLine) -> None:
        self._refusals.pop(one.invitation_id, None)

    def over(self, one: CallLine, outcome: str) -> None:
        if one not in self._lines:
            return
        self._lines.discard(one)
        if not one.invitation_id and not isinstance(one, CallerLine):
            return
        if isinstance(one, CallerLine) or not any(
            other.invitation_id == one.invitation_id for other in self._lines
        ):
            self._refusals.pop(one.invitation_id, None)
        now = self._domain.epoch()
        answered = one.answered_at or now
        self._log.emit(
            "sip.call",
            call=one.leg.call_id[:MAX_CALL_ID_SHOWN],
            conversation=one.conversation_id,
            direction="in" if isinstance(one, CallerLine) else "out",
            user=self._pseudonym(one.line.user_uri),
            outcome=outcome,
            ringing_s=round(answered - one.began_at, 1),
            talking_s=round(now - answered, 1),
        )

    def worst(self, invitation_id: str, status: int) -> int:
        known = self._refusals.get(invitation_id, status)
        best = min(known, status, key=rank)
        self._refusals[invitation_id] = best
        return best

    async def deflected(self, one: PhoneLine, response: Response, now: float) -> None:
        await self._deflecting.follow(one.line, one.invitation_id, response, now)

    def referred(self, one: CallLine, incoming: Incoming) -> None:
        self.transfers.refer(one, incoming)


def one_line(text: str) -> str:
    """Text as a header field can hold it."""
    return " ".join(text.split())
