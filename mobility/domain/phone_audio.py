"""Call via work: calls that users make and take with their own telephones.

Who calls is rung first, at the number it names; once it answers, whoever it calls is rung: the
devices of a user here, or another number.  Both telephones are shown the caller's work number.
"""

from functools import partial

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Endpoint
from mobility.domain.call import PHONE_AUDIO, call_of, modality_of, tell_calls
from mobility.domain.call_rows import Wanted, begin_call
from mobility.domain.call_states import Calling, calling_after
from mobility.domain.calls import Calls
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.delegates import Delegates
from mobility.domain.descriptions import (
    AUDIO,
    INACTIVE,
    SEND_ONLY,
    SEND_RECEIVE,
    Description,
    Stream,
    encoded,
    holds,
)
from mobility.domain.facts import Reason
from mobility.domain.handsets import Handsets, not_a_number, why
from mobility.domain.ledger import Unit
from mobility.domain.locations import Locations
from mobility.domain.outcomes import UNABLE, Outcome
from mobility.domain.records import Invitation, Leg, Receipt, User
from mobility.domain.ringing import Incoming, Plan, Stage
from mobility.domain.states import Invited
from mobility.domain.telephone import Happening, TelephoneCall
from mobility.domain.telephone_lines import TelephoneLine, TelephoneLines
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.domain.voice_routing import Itinerary, dialled_in, showing
from mobility.errors import Parameter, Refusal, Unavailable, validation_failure


def _own_phone(event: Invited, subcode: str, message: str) -> Outcome:
    """How a call ends whose caller does not come to its own telephone."""
    caller = Reason("LocalFailure", subcode, message)
    return Outcome(event, caller, Reason("RemoteFailure", "Canceled", "The caller gave up."))


OWN_PHONE_UNANSWERED = _own_phone(
    Invited.UNANSWERED, "Timeout", "Your telephone was not answered in time."
)
OWN_PHONE = {
    Happening.BUSY: _own_phone(Invited.CANCELLED, "Busy", "Your telephone is busy."),
    Happening.DECLINED: _own_phone(
        Invited.CANCELLED, "Declined", "Your telephone declined the call."
    ),
    Happening.UNKNOWN: _own_phone(
        Invited.UNREACHABLE, "DestinationNotFound", "Nobody has your telephone's number."
    ),
    Happening.UNAVAILABLE: _own_phone(
        Invited.UNREACHABLE, "Unavailable", "Your telephone is not available."
    ),
    Happening.UNANSWERED: OWN_PHONE_UNANSWERED,
    Happening.UNREACHABLE: _own_phone(
        Invited.UNREACHABLE, "PstnCallFailed", "No gateway reaches your telephone."
    ),
}


@attrs.frozen(slots=True)
class PhoneCall:
    """What startPhoneAudio and its like ask for.

    `to` is a SIP URI or a number as it is dialled, `phone_number` the caller's own telephone, ""
    for the one that is known.  `delegator` is the URI of the user for whom a delegate calls.
    """

    to: str = attrs.field(repr=False)
    phone_number: str = attrs.field(repr=False, default="")
    operation_id: str = ""
    subject: str = ""
    importance: str = "Normal"
    thread_id: str = ""
    custom_content: str = attrs.field(repr=False, default="")
    delegator: str = ""


@attrs.frozen(slots=True)
class _Target:
    """Whom a call is for: a user here, or a number outside with the ways to it."""

    uri: str = attrs.field(repr=False)
    name: str = attrs.field(repr=False)
    itinerary: Itinerary | None = None


class PhoneAudio:
    """Calls with telephones, for a front end that reaches the telephone network."""

    def __init__(
        self,
        agenda: Agenda,
        users: Users,
        voice: Voice,
        delegates: Delegates,
        conversations: Conversations,
        calls: Calls,
        lines: TelephoneLines,
        handsets: Handsets,
        locations: Locations,
    ) -> None:
        self._agenda = agenda
        self._users = users
        self._voice = voice
        self._delegates = delegates
        self._conversations = conversations
        self._calls = calls
        self._lines = lines
        self._handsets = handsets
        self._locations = locations

    def may(self, user: User) -> bool:
        """Whether policy lets a user call with its telephone."""
        return self._handsets.via_work.may(user)

    async def start(
        self, endpoint: Endpoint, wanted: PhoneCall, now: float, receipt: Receipt | None = None
    ) -> Invitation:
        """UCWA startPhoneAudio and startPhoneAudioOnBehalfOfDelegator.

        400 NormalizationFailed for what is no number, 403 where policy or routes do not lead there,
        and what `Calls.start` and `Handsets.own_phone` refuse.
        """
        user = self._caller(endpoint)
        target = self._target(user, wanted)
        own = self._handsets.own_phone(user, endpoint, wanted.phone_number)
        exchange = self._exchange(endpoint, target)
        asked = Wanted(
            to_uri=target.uri,
            media=(AUDIO,),
            operation_id=wanted.operation_id,
            subject=wanted.subject,
            importance=wanted.importance,
            thread_id=wanted.thread_id,
            custom_content=wanted.custom_content,
            on_behalf_of=wanted.delegator,
            context=own.number,
            modality=PHONE_AUDIO,
            plan=Plan((Stage(0.0, lambda: [exchange.line]),), 2 * self._patience_s),
        )
        try:
            invitation = await self._calls.start(endpoint, asked, now, receipt)
        except BaseException:
            self._lines.close(exchange)
            raise
        self._ring_own(endpoint, invitation, target, own, exchange, now)
        return invitation

    async def add(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        wanted: PhoneCall,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """UCWA addPhoneAudio: a call in a conversation of two, with the other or with a number.

        409 while there is a call, in a conference, and before the conversation is connected; else
        as `start`.
        """
        conversations = self._conversations
        conversations.find(endpoint, conversation_id)
        user = self._caller(endpoint)
        target = self._target(user, wanted)
        own = self._handsets.own_phone(user, endpoint, wanted.phone_number)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(endpoint, conversation_id)
            others = [one.user_uri for one in conversation.others(leg)]
            if not conversation.may_call(leg):
                raise Refusal("Conflict", None, "A call cannot be added now.")
            if target.itinerary is None and target.uri not in others:
                rule = "must be who takes part in the conversation, or a number"
                raise validation_failure(Parameter("to", rule))
            exchange = self._exchange(endpoint, target)
            draft, unit = conversation.draft(), Unit()
            asked = Wanted(
                to_uri=target.uri,
                media=(AUDIO,),
                operation_id=wanted.operation_id,
                context=own.number,
                modality=PHONE_AUDIO,
            )
            begun = begin_call(draft, endpoint, asked, now)
            invitation = attrs.evolve(begun, expires_at=now + 2 * self._patience_s)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=invitation.id))
            calling = attrs.evolve(calling_after(leg, Calling.CALLS), by_phone=True)
            ringing = self._calls.stages.ringing_leg(invitation, exchange.line)
            draft.legs |= {endpoint.id: calling, exchange.line.id: ringing}
            draft.invitations[invitation.id] = invitation
            name_of = conversations.names_in(conversation)
            tell_calls(unit, draft, invitation, calling, name_of, new=False)
            tell_calls(unit, draft, invitation, ringing, name_of, new=True)
            try:
                await conversations.change(unit, conversation, draft)
            except BaseException:
                self._lines.close(exchange)
                raise
        self._ring_own(endpoint, invitation, target, own, exchange, now)
        return invitation

    async def hold(self, endpoint: Endpoint, conversation_id: str, *, held: bool) -> None:
        """UCWA holdPhoneAudio and resumePhoneAudio.

        409 without a telephone in a call that is connected, and when it is so already.
        """
        conversations = self._conversations
        conversations.find(endpoint, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(endpoint, conversation_id)
            _must_be_connected(conversation, leg)
            streams = conversation.streams_of(endpoint.id)
            if holds(streams) is held:
                raise Refusal("Conflict", None, "It is so already.")
            draft, unit = conversation.draft(), Unit()
            side = draft.sides[endpoint.id]
            after = encoded(_held(streams) if held else _resumed(streams, side.description))
            draft.sides[endpoint.id] = attrs.evolve(side, streams=after)
            self._calls.tell_media(unit, conversation, draft)
            await conversations.change(unit, conversation, draft)
        handset = self._handsets.find(conversation_id, endpoint.id)
        if handset is not None:
            (handset.hold if held else handset.resume)()

    async def stop(self, endpoint: Endpoint, conversation_id: str, now: float) -> None:
        """UCWA stopPhoneAudio: hang up, or give up or decline the call.  409 without one."""
        conversation, leg = self._conversations.find(endpoint, conversation_id)
        if conversation.call is None or modality_of(conversation, leg) != PHONE_AUDIO:
            raise Refusal("Conflict", None, "There is no telephone call.")
        await self._calls.stop(endpoint, conversation_id, (AUDIO,), now)

    # Who is called

    @property
    def _patience_s(self) -> float:
        """How long each of the two telephones may ring."""
        return self._conversations.limits.invitation_timeout_s

    def _caller(self, endpoint: Endpoint) -> User:
        user = self._users.find(endpoint.user_uri)
        if user is None:
            raise Refusal("NotFound", None, "There is no such user.")
        return user

    def _target(self, user: User, wanted: PhoneCall) -> _Target:
        """Whom `wanted` is for.  Refusal as `start` says."""
        shown = user
        if wanted.delegator:
            delegator = self._users.find(wanted.delegator)
            if delegator is None or not self._delegates.may_act_for(user.uri, delegator.uri):
                raise Refusal("Forbidden", None, "You are no delegate of this user.")
            shown = delegator
        sip = wanted.to.strip().lower().startswith("sip:")
        uri = user_uri(wanted.to.partition(";")[0] if sip else wanted.to)
        person = self._users.find(uri) if uri is not None else None
        if uri is not None and person is None and not _is_number(uri):
            self._must_call_out(user)
            return _Target(uri, "")
        if person is None:
            itinerary = self._voice.route(user, dialled_in(wanted.to))
            if itinerary.failure == "NormalizationFailed":
                raise not_a_number()
            if itinerary.failure:
                raise Refusal("Forbidden", None, f"The number is not called: {why(itinerary)}.")
            if itinerary.emergency:
                return _Target(f"tel:{itinerary.number}", itinerary.number, itinerary)
            if not itinerary.user_uri:
                way = itinerary
                if shown is not user:
                    way = showing(itinerary, shown.work_phone, foreign=False)
                self._must_call_out(user)
                return _Target(f"tel:{itinerary.number}", itinerary.number, way)
            uri = itinerary.user_uri
            person = self._users.find(uri)
        if person is None or person.uri == user.uri:
            raise validation_failure(Parameter("to", "must be another person or number"))
        self._must_call_out(user)
        return _Target(person.uri, person.name)

    def _must_call_out(self, user: User) -> None:
        self._handsets.via_work.must_be_allowed(user)
        if not self.may(user):
            raise Refusal("Forbidden", None, "You may not call by telephone.")

    def _exchange(self, endpoint: Endpoint, target: _Target) -> TelephoneLine:
        """What rings in place of whom is called, until the caller's own telephone is answered."""
        itinerary = target.itinerary or Itinerary(target.uri)
        return self._lines.open(
            target.uri,
            itinerary,
            name=target.name,
            waiting=True,
            location=self._locations.of(endpoint) if itinerary.emergency else None,
        )

    # The caller's own telephone

    def _ring_own(
        self,
        endpoint: Endpoint,
        invitation: Invitation,
        target: _Target,
        own: Itinerary,
        exchange: TelephoneLine,
        now: float,
    ) -> None:
        """Ring the caller, unless the call is over already."""
        if exchange.line.closed:
            return
        conversation, _ = self._conversations.find(endpoint, invitation.conversation_id)
        calling = _Calling(endpoint, invitation, target, exchange)
        self._handsets.call(endpoint, conversation, own, partial(self._heard, calling), now)
        self._agenda.at(now + self._patience_s, partial(self._impatient, calling))

    def _heard(self, calling: "_Calling", happening: Happening) -> None:
        self._agenda.at(0.0, partial(self._follow, calling, happening))

    async def _follow(self, calling: "_Calling", happening: Happening, now: float) -> None:
        """What becomes of the caller's own telephone."""
        try:
            if happening is Happening.ANSWERED:
                await self._reach(calling, now)
            elif happening is Happening.HUNG_UP:
                conversation_id = calling.invitation.conversation_id
                await self._calls.stop(calling.endpoint, conversation_id, (AUDIO,), now)
            elif happening in OWN_PHONE:
                await self._give_up(calling, OWN_PHONE[happening], now)
        except Unavailable:
            raise
        except Refusal:
            return  # the call is over, and with it the handset

    async def _impatient(self, calling: "_Calling", now: float) -> None:
        """The caller's own telephone has rung long enough."""
        handset = self._handset(calling)
        if handset is not None and not handset.answered:
            try:
                await self._give_up(calling, OWN_PHONE_UNANSWERED, now)
            except Unavailable:
                raise
            except Refusal:
                return

    async def _give_up(self, calling: "_Calling", outcome: Outcome, now: float) -> None:
        conversations, invitation_id = self._conversations, calling.invitation.id
        conversation = conversations.find_invitation(calling.endpoint, invitation_id)[0]
        async with conversations.lock(conversation.id):
            _, invitation, _ = conversations.find_invitation(calling.endpoint, invitation_id)
            if invitation.state == "Connecting":
                await conversations.withdraw(conversation, invitation, outcome, now)

    async def _reach(self, calling: "_Calling", now: float) -> None:
        """The caller is there: now whoever it calls is rung."""
        handset = self._handset(calling)
        conversations, conversation_id = self._conversations, calling.invitation.conversation_id
        if handset is None:
            return
        conversation, _ = conversations.find(calling.endpoint, conversation_id)
        if handset.description is not None:
            await self._describe(calling, handset.description)
        if calling.target.itinerary is not None:
            self._lines.go_on(calling.exchange, now)
            return
        here = [one for one in conversation.legs.values() if one.user_uri == calling.target.uri]
        if [one for one in here if one.state == "Connected"]:
            await self._ring_here(calling, now)
        else:
            await self._ring_devices(calling, conversation, now)

    async def _describe(self, calling: "_Calling", offer: Description) -> None:
        """The caller's telephone offers media: others are offered them."""
        conversations = self._conversations
        conversation_id = calling.invitation.conversation_id
        async with conversations.lock(conversation_id):
            conversation, _ = conversations.find(calling.endpoint, conversation_id)
            draft = conversation.draft()
            side = draft.sides[calling.endpoint.id]
            draft.sides[calling.endpoint.id] = attrs.evolve(
                side, description=offer.text, streams=encoded(offer.streams)
            )
            await conversations.change(Unit(), conversation, draft)

    async def _ring_devices(
        self, calling: "_Calling", conversation: ActiveConversation, now: float
    ) -> None:
        """Ring the devices of a user by the user's own plan, in place of the exchange."""
        call, stages = call_of(conversation), self._calls.stages
        plan = stages.plan(
            Incoming(
                conversation.id,
                call.caller_id,
                call.caller_uri,
                calling.target.uri,
                PHONE_AUDIO,
                (AUDIO,),
                call.started_at,
            )
        )
        stages.follow(conversation, plan, plan.stages, now)
        async with self._conversations.lock(conversation.id):
            invitation = conversation.invitations[calling.invitation.id]
            await stages.prolong(conversation, invitation, now + plan.timeout_s)
            waiting = conversation.legs.get(calling.exchange.line.id)
            if waiting is not None:
                await self._conversations.hang_up(conversation, [waiting], UNABLE, now)

    async def _ring_here(self, calling: "_Calling", now: float) -> None:
        """Ring the other in the conversation that the call was added to."""
        conversations, stages = self._conversations, self._calls.stages
        conversation_id = calling.invitation.conversation_id
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(calling.endpoint, conversation_id)
            invitation = conversation.invitations[calling.invitation.id]
            draft, unit = conversation.draft(), Unit()
            del draft.legs[calling.exchange.line.id]
            name_of = conversations.names_in(conversation)
            for other in conversation.others(leg):
                by_phone = stages.by_phone(other.application_id)
                described = bool(conversation.sides[leg.application_id].description)
                able = by_phone or (
                    described and conversations.carries(other.application_id, (AUDIO,))
                )
                if other.application_id in draft.legs and able:
                    rung = attrs.evolve(calling_after(other, Calling.RUNG), by_phone=by_phone)
                    draft.legs[other.application_id] = rung
                    tell_calls(unit, draft, invitation, rung, name_of, new=False)
            await conversations.change(unit, conversation, draft)
            self._lines.close(calling.exchange)
            if not conversation.ringing(invitation):
                await conversations.withdraw(conversation, invitation, UNABLE, now)

    def _handset(self, calling: "_Calling") -> TelephoneCall | None:
        return self._handsets.find(calling.invitation.conversation_id, calling.endpoint.id)


@attrs.frozen(slots=True)
class _Calling:
    """A call whose caller is rung: who calls whom, and what rings in the other's place."""

    endpoint: Endpoint
    invitation: Invitation
    target: _Target
    exchange: TelephoneLine


def _is_number(uri: str) -> bool:
    """Whether the user part of a SIP URI is a number (RFC 3261 section 19.1.6)."""
    return uri[4:5] == "+" or uri[4:].partition("@")[0].isdigit()


def _must_be_connected(conversation: ActiveConversation, leg: Leg) -> None:
    if leg.call != "Connected" or modality_of(conversation, leg) != PHONE_AUDIO:
        raise Refusal("Conflict", None, "There is no telephone call that goes on.")


def _held(streams: tuple[Stream, ...]) -> tuple[Stream, ...]:
    """What a side that holds the call says of its streams."""
    if not streams:
        return (Stream(AUDIO, "", INACTIVE),)
    return tuple(attrs.evolve(one, direction=SEND_ONLY) for one in streams)


def _resumed(streams: tuple[Stream, ...], description: str) -> tuple[Stream, ...]:
    """What it says of them again when it goes on."""
    if not description:
        return ()
    return tuple(attrs.evolve(one, direction=SEND_RECEIVE) for one in streams)
