"""Numbers of the telephone network as devices that ring in calls.

A `TelephoneLine` stands in a call for one number: it calls the number when it is to ring, answers
the call when somebody picks up there, and hangs up when the call is over.  Plans of ringing may
hold its `line` as they hold an application's endpoint.
"""

from functools import partial

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.answering import must_ring
from mobility.domain.asked_offers import BACK, AskedOffers
from mobility.domain.call_rows import Answer
from mobility.domain.calls import Calls
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import Description, decoded
from mobility.domain.diversions import Diverter, diversion_of
from mobility.domain.facts import (
    ConversationChanged,
    Fact,
    InvitationChanged,
    Reason,
    RenegotiationChanged,
)
from mobility.domain.lines import Device, Line
from mobility.domain.outcomes import DECLINED, ELSEWHERE, UNANSWERED, Outcome
from mobility.domain.renegotiations import Renegotiations
from mobility.domain.states import Invited
from mobility.domain.telephone import (
    Happening,
    Location,
    Party,
    TelephoneCall,
    TelephoneNetwork,
)
from mobility.domain.tones import Told, Tone
from mobility.domain.voice_routing import Itinerary
from mobility.errors import Refusal, Unavailable

BUSY = Outcome(
    Invited.DECLINED,
    Reason("RemoteFailure", "Busy", "The number is busy."),
    Reason("LocalFailure", "Busy", "The telephone is busy."),
)
PSTN_FAILED = Outcome(
    Invited.UNREACHABLE,
    Reason("RemoteFailure", "PstnCallFailed", "No gateway reaches the number."),
    Reason("LocalFailure", "PstnCallFailed", "No gateway reaches the telephone."),
)

ESCAPED = Outcome(
    Invited.UNREACHABLE,
    Reason("RemoteFailure", "Unavailable", "The telephone cannot be reached."),
    Reason("LocalFailure", "Unavailable", "The telephone's voicemail answered."),
)
"""How it ends for a telephone that rings beside its user and is answered too soon for a person
(CsVoicePolicy PSTNVoicemailEscapeTimer)."""

UNKNOWN = Outcome(
    Invited.UNREACHABLE,
    Reason("NotFound", "DestinationNotFound", "Nobody has this number."),
    Reason("LocalFailure", "DestinationNotFound", "Nobody has the telephone's number."),
)
UNAVAILABLE = Outcome(
    Invited.UNREACHABLE,
    Reason("RemoteFailure", "Unavailable", "The telephone is not available."),
    Reason("LocalFailure", "Unavailable", "The telephone is not available."),
)

REFUSALS = {
    Happening.BUSY: BUSY,
    Happening.DECLINED: DECLINED,
    Happening.UNKNOWN: UNKNOWN,
    Happening.UNAVAILABLE: UNAVAILABLE,
    Happening.UNANSWERED: UNANSWERED,
    Happening.UNREACHABLE: PSTN_FAILED,
}
"""How an invitation ends for which a telephone was called in vain."""


@attrs.define(slots=True, eq=False)
class TelephoneLine:
    """One number that rings in a call; `line` is its device.

    While `waiting` it does not call the number though it rings.  `by` is who lets calls ring there.
    """

    itinerary: Itinerary
    line: Line
    waiting: bool = False
    location: Location | None = None
    by: Diverter | None = None
    conversation_id: str = ""
    invitation_id: str = ""
    call: TelephoneCall | None = None
    placed_at: float = 0.0
    renegotiation_id: str = ""
    """The new offer of the other end that the number is to answer."""
    asked: AskedOffers = attrs.Factory(AskedOffers)
    """Those that it was given."""
    offers: bool = False
    """Whether a new offer of the number waits for the other end."""
    elsewhere: bool = False
    """Whether another device has answered."""


class TelephoneLines:
    """The numbers that ring or talk now."""

    def __init__(
        self,
        network: TelephoneNetwork,
        agenda: Agenda,
        conversations: Conversations,
        calls: Calls,
    ) -> None:
        self._network = network
        self._agenda = agenda
        self._conversations = conversations
        self._calls = calls
        self._renegotiations = Renegotiations(agenda, conversations, calls.policies)
        self._open: dict[str, TelephoneLine] = {}

    def open(
        self,
        uri: str,
        itinerary: Itinerary,
        *,
        name: str = "",
        waiting: bool = False,
        location: Location | None = None,
        by: Diverter | None = None,
    ) -> TelephoneLine:
        """A device for the number of an itinerary, shown to others under `uri` and `name`; `by` is
        who lets calls ring there."""
        heard: list[TelephoneLine] = []
        line = self._conversations.lines.open(
            uri, name or itinerary.number, lambda fact: self._hear(heard[0], fact)
        )
        one = TelephoneLine(itinerary, line, waiting, location, by)
        line.take = partial(self._press, one)
        heard.append(one)
        self._open[line.id] = one
        return one

    def close(self, one: TelephoneLine) -> None:
        """Hang up, and do not use the line any more."""
        if one.call is not None:
            one.call.hang_up(elsewhere=one.elsewhere)
        self._open.pop(one.line.id, None)
        self._conversations.lines.close(one.line)

    def _press(self, one: TelephoneLine, tone: Tone, told: Told) -> None:
        """The other end presses a key."""
        if one.call is not None:
            one.call.press(tone, told)
        else:
            told(False)

    def _pressed(self, one: TelephoneLine, tone: Tone, told: Told) -> None:
        """The number presses a key: the other end hears it, where that is a telephone, too."""
        other = None
        if one.conversation_id in one.line.conversations:
            conversation, _ = self._conversations.find(one.line, one.conversation_id)
            other = self._conversations.lines.find(conversation.other_in_call(one.line.id))
        if other is not None and other.take is not None:
            other.take(tone, told)
        else:
            told(False)

    def find(self, line_id: str) -> TelephoneLine | None:
        return self._open.get(line_id)

    def go_on(self, one: TelephoneLine, now: float) -> None:
        """Call the number of a line that waited."""
        one.waiting = False
        self._place(one, now)

    def __len__(self) -> int:
        return len(self._open)

    def _hear(self, one: TelephoneLine, fact: Fact) -> None:
        match fact:
            case InvitationChanged(change="started"):
                one.conversation_id, one.invitation_id = fact.conversation_id, fact.id
                if not one.waiting:
                    self._agenda.at(0.0, partial(self._begin, one))
            case InvitationChanged(change="completed", reason=Reason(subcode=subcode)):
                one.elsewhere = subcode == ELSEWHERE.subcode
            case RenegotiationChanged():
                self._agenda.at(0.0, partial(self._renegotiated, one, fact))
            case ConversationChanged(change="deleted"):
                self.close(one)

    async def _renegotiated(
        self,
        one: TelephoneLine,
        fact: RenegotiationChanged,
        now: float,  # noqa: ARG002  # an Action
    ) -> None:
        """The other end offers anew, or has answered what the number offered."""
        if one.line.closed or one.call is None:
            return
        if fact.change == "started" and fact.direction == "Incoming":
            conversation, _ = self._conversations.find(one.line, one.conversation_id)
            open_one = conversation.renegotiation
            if open_one is not None and open_one.id == fact.id:
                one.renegotiation_id = fact.id
                one.asked.ask(fact.id)
                one.call.offer(Description(fact.offer, decoded(open_one.streams)))
        elif fact.change == "completed" and fact.direction == "Incoming":
            one.renegotiation_id = ""
        elif fact.change == "completed" and one.offers:
            one.offers = False
            conversation, _ = self._conversations.find(one.line, one.conversation_id)
            answered = fact.state == "Answered"
            streams = conversation.streams_of(conversation.other_in_call(one.line.id))
            one.call.answer(Description(fact.answer, streams) if answered else None)

    async def _begin(self, one: TelephoneLine, now: float) -> None:
        self._place(one, now)

    def _place(self, one: TelephoneLine, now: float) -> None:
        if one.line.closed or one.call is not None:
            return
        conversation, _ = self._conversations.find(one.line, one.conversation_id)
        cause = self._calls.stages.cause_of(conversation.call)
        one.call = TelephoneCall(
            self._network,
            self._agenda,
            one.itinerary,
            partial(self._happened, one),
            offer=offer_of(conversation),
            location=one.location,
            diversion=diversion_of(conversation.call, cause, one.by),
            party=Party(one.line, one.conversation_id),
            take=partial(self._pressed, one),
        )
        one.placed_at = now
        one.call.place(now)

    def _happened(self, one: TelephoneLine, happening: Happening) -> None:
        self._agenda.at(0.0, partial(self._follow, one, happening))

    async def _follow(self, one: TelephoneLine, happening: Happening, now: float) -> None:
        """What becomes of the number becomes of the call."""
        if one.line.closed or one.call is None:
            return
        try:
            if happening is Happening.RINGING and one.call.description is not None:
                early = Answer(one.call.description)
                await self._calls.answer_provisionally(one.line, one.invitation_id, early)
            elif happening is Happening.RINGING:
                await self._calls.alert(one.line, one.invitation_id)
            elif happening in (Happening.OFFERED, Happening.AGREED, Happening.DISAGREED):
                await self._negotiate(one, one.call, happening, now)
            elif happening is Happening.ANSWERED and now - one.placed_at < one.itinerary.escape_s:
                one.call.hang_up()  # its carrier's voicemail, which is not where calls are to go
                await refuse(self._conversations, one.line, one.invitation_id, ESCAPED, now)
            elif happening is Happening.ANSWERED:
                answer = Answer(one.call.description)
                await self._calls.accept(one.line, one.invitation_id, answer, now)
            elif happening is Happening.HUNG_UP:
                await self._conversations.terminate(one.line, one.conversation_id, now)
            else:
                await refuse(
                    self._conversations, one.line, one.invitation_id, REFUSALS[happening], now
                )
        except Unavailable:
            raise
        except Refusal as refusal:
            if happening in (Happening.RINGING, Happening.AGREED, Happening.DISAGREED):
                return  # it was too late, or early media that cannot be used
            one.call.hang_up()
            if refusal.code == "BadRequest":  # what it answered cannot be used
                await refuse(self._conversations, one.line, one.invitation_id, PSTN_FAILED, now)

    async def _negotiate(
        self, one: TelephoneLine, call: TelephoneCall, happening: Happening, now: float
    ) -> None:
        """The number offers anew, or has said what it makes of the other end's new offer."""
        conversation_id, description = one.conversation_id, call.description
        if happening is Happening.OFFERED:
            one.offers = True
            try:
                if description is None:
                    raise Refusal("BadRequest", "InvalidMediaDescription", "There is no offer.")
                await self._renegotiations.offer(one.line, conversation_id, description, "", now)
            except Refusal:
                one.offers = False
                call.answer(None)
            return
        renegotiation_id = one.asked.answered()
        if renegotiation_id != one.renegotiation_id:
            if happening is Happening.AGREED and renegotiation_id not in ("", BACK):
                self._go_back(one, call, conversation_id)
            return
        one.renegotiation_id = ""
        if not renegotiation_id:
            return
        if happening is Happening.AGREED and description is not None:
            try:
                await self._renegotiations.answer(
                    one.line, conversation_id, renegotiation_id, description
                )
                return
            except Refusal as refusal:
                self._go_back(one, call, conversation_id)
                if refusal.code != "BadRequest":
                    return  # it is over
        await self._renegotiations.dismiss(
            one.line, conversation_id, renegotiation_id, "MediaNegotiationFailure"
        )

    def _go_back(self, one: TelephoneLine, call: TelephoneCall, conversation_id: str) -> None:
        """It has taken an offer that is over, or not as it can be: it is offered what is agreed,
        unless a newer offer follows."""
        if one.asked or conversation_id not in one.line.conversations:
            return
        conversation, _ = self._conversations.find(one.line, conversation_id)
        other = conversation.sides.get(conversation.other_in_call(one.line.id))
        if other is not None and other.description:
            one.asked.ask(BACK)
            call.offer(Description(other.description, decoded(other.streams)))


async def refuse(
    conversations: Conversations,
    device: Device,
    invitation_id: str,
    outcome: Outcome,
    now: float,
) -> None:
    """A device does not ring any more.  Refusal when it did not, or the call is over."""
    conversation = conversations.find_invitation(device, invitation_id)[0]
    async with conversations.lock(conversation.id):
        _, invitation, leg = conversations.find_invitation(device, invitation_id)
        must_ring(invitation, leg)
        await conversations.hang_up(conversation, [leg], outcome, now)


def offer_of(conversation: ActiveConversation) -> Description | None:
    """The session description that the caller offers, None where it offers none."""
    call = conversation.call
    side = conversation.sides.get(call.caller_id) if call is not None else None
    if side is None or not side.description:
        return None
    return Description(side.description, conversation.streams_of(side.device_id))
