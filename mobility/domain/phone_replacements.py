"""Telephones in place of applications' audio, in calls between two parties that go on.

The user's telephone is rung.  Once it is answered the other party is offered its media by a new
offer within the call; when that is answered the telephone is in the call, and the application sees
telephone audio.  Whatever fails before leaves the call as it was.  Telephones are in memory alone.
"""

from functools import partial

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Endpoint
from mobility.domain.call import call_of, is_told, renegotiation_fact
from mobility.domain.call_states import (
    REPLACEMENT,
    Negotiated,
    Replacing,
    Replied,
    negotiated,
    renegotiation_after,
)
from mobility.domain.calls import Calls
from mobility.domain.conference_rows import new_invitation
from mobility.domain.conversation import PHONE, ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import AUDIO, VIDEO, Description
from mobility.domain.facts import InvitationChanged
from mobility.domain.fitting import Fitting
from mobility.domain.handset_offers import NEGOTIATES
from mobility.domain.handsets import Handsets
from mobility.domain.ledger import Committed, Unit
from mobility.domain.outcomes import LOST, Outcome
from mobility.domain.phone_audio import OWN_PHONE, OWN_PHONE_UNANSWERED, PhoneCall
from mobility.domain.records import CallSide, Invitation, Receipt, User
from mobility.domain.renegotiations import Failed, Renegotiations, new_offer
from mobility.domain.replaced_audio import (
    fail,
    not_taken,
    take_over,
    tell_calling,
    tell_taken_over,
)
from mobility.domain.states import Invited
from mobility.domain.telephone import Happening, TelephoneCall, TelephoneNetwork
from mobility.domain.telephone_lines import TelephoneLines
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.domain.voice_routing import dialled_in
from mobility.errors import Parameter, Refusal, Unavailable, validation_failure

GIVEN_UP: Failed = ("RemoteFailure", "Canceled", "The offer was taken back.")
"""What the other party is told of a new offer whose telephone is gone."""

NO_MEDIA: Failed = ("LocalFailure", "MediaNegotiationFailure", "The telephone has no media for it.")


@attrs.define(slots=True, eq=False)
class Replacement:
    """A telephone that is to take the place of audio; `state` is one of
    `mobility.domain.call_states.REPLACEMENT`."""

    endpoint: Endpoint
    conversation_id: str
    invitation_id: str
    state: str = "Ringing"
    call: TelephoneCall | None = None
    joins: TelephoneCall | None = None
    """The other telephone with which it is joined where the network carries media itself."""

    @property
    def key(self) -> tuple[str, str]:
        return self.conversation_id, self.endpoint.id

    def follows(self, event: Replacing) -> None:
        """Raises IllegalTransition."""
        self.state = REPLACEMENT.after(self.state, event)


class PhoneReplacements:
    """Calls the telephones, and lets them into calls."""

    def __init__(
        self,
        network: TelephoneNetwork,
        agenda: Agenda,
        users: Users,
        voice: Voice,
        conversations: Conversations,
        calls: Calls,
        lines: TelephoneLines,
        handsets: Handsets,
        fitting: Fitting,
    ) -> None:
        self._network = network
        self._agenda = agenda
        self._users = users
        self._voice = voice
        self._conversations = conversations
        self._calls = calls
        self._lines = lines
        self._handsets = handsets
        self._fitting = fitting
        self._renegotiations = Renegotiations(agenda, conversations, calls.policies)
        self._open: dict[str, Replacement] = {}
        """Those that are not over, by their invitations."""
        conversations.replacements = self._withdrawn
        conversations.changes.append(self._changed)

    def load(self) -> None:
        """The telephones of a process before this one are gone."""
        for conversation in self._conversations:
            for invitation in conversation.open_invitations():
                if invitation.kind == PHONE and not conversation.is_conference:
                    self._agenda.at(0.0, partial(self._lost, conversation, invitation.id))

    def __len__(self) -> int:
        return len(self._open)

    async def start(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        wanted: PhoneCall,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """UCWA replaceWithPhoneAudio in a call between two parties.

        `wanted.to` is the other party.  409 without a call that is connected and has audio of the
        application's own, and while a telephone is called; 400 ParameterValidationFailure for
        another one, and what `Handsets.own_phone` refuses.
        """
        conversations = self._conversations
        conversations.find(endpoint, conversation_id)
        user = self._users.find(endpoint.user_uri)
        if user is None or not self._handsets.via_work.may(user):
            raise Refusal("Forbidden", None, "You may not call by telephone.")
        own = self._handsets.own_phone(user, endpoint, wanted.phone_number)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(endpoint, conversation_id)
            if not conversation.may_replace(leg):
                raise Refusal("Conflict", None, "There is no audio that could be replaced.")
            other = self._other(conversation, endpoint.id)
            if not self._names(user, wanted.to, other.user_uri):
                rule = "must be the other party of the call"
                raise validation_failure(Parameter("to", rule))
            draft, unit = conversation.draft(), Unit()
            until = now + 2 * conversations.limits.invitation_timeout_s
            invitation = new_invitation(
                draft, endpoint, PHONE, other.user_uri, wanted.operation_id, now, until
            )
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=invitation.id))
            draft.invitations[invitation.id] = invitation
            draft.telephones = {**draft.telephones, endpoint.id: own.number}
            one = Replacement(endpoint, conversation_id, invitation.id)
            self._open[invitation.id] = one
            tell_calling(unit, draft, invitation, conversations.names_in(conversation))
            try:
                await conversations.change(unit, conversation, draft)
            except BaseException:
                del self._open[invitation.id]
                raise
        if one.state == "Ended":  # so soon is the call over
            return invitation
        one.call = TelephoneCall(self._network, self._agenda, own, partial(self._heard, one))
        one.call.place(now)
        patience_s = conversations.limits.invitation_timeout_s
        self._agenda.at(now + patience_s, partial(self._impatient, one))
        return invitation

    async def stop(self, endpoint: Endpoint, conversation_id: str, now: float) -> None:
        """UCWA stopPhoneAudio before the telephone is in the call: give it up.  409 without."""
        conversation, _ = self._conversations.find(endpoint, conversation_id)
        invitation = conversation.replacing(endpoint.id)
        if invitation is None:
            raise Refusal("Conflict", None, "There is no telephone call.")
        await self._conversations.cancel(endpoint, invitation.id, now)

    def _names(self, user: User, to: str, uri: str) -> bool:
        """Whether `to`, a SIP URI or a number as it is dialled, is who has this URI."""
        asked = to.strip().lower()
        if asked in (uri, uri.removeprefix("tel:")):
            return True
        if asked.startswith("sip:") or "@" in asked:
            return user_uri(asked.partition(";")[0]) == uri
        return f"tel:{self._voice.route(user, dialled_in(to)).number}" == uri

    # What becomes of the telephone

    def _heard(self, one: Replacement, happening: Happening) -> None:
        self._agenda.at(0.0, partial(self._follow, one, happening))

    async def _follow(self, one: Replacement, happening: Happening, now: float) -> None:
        call = one.call
        if call is None:
            return
        try:
            if one.state == "Taken":
                await self._goes_on(one, call, happening, now)
            elif one.state == "Ended":
                return
            elif happening is Happening.ANSWERED:
                if one.state == "Ringing":
                    one.follows(Replacing.ANSWERED)
                await self._offer(one, now)
            elif happening is Happening.OFFERED:  # it is in no call yet
                call.answer(None)
            elif happening is Happening.HUNG_UP:
                await self._fails(one, OWN_PHONE[Happening.DECLINED])
            elif happening in OWN_PHONE:
                await self._fails(one, OWN_PHONE[happening])
        except Unavailable:
            raise
        except Refusal:
            return  # the call is over, and with it this

    async def _goes_on(
        self, one: Replacement, call: TelephoneCall, happening: Happening, now: float
    ) -> None:
        """It is in the call."""
        if happening in NEGOTIATES:
            await self._handsets.offers.heard(one.key, call, happening, now)
        elif happening is Happening.HUNG_UP:
            await self._calls.stop(one.endpoint, one.conversation_id, (AUDIO, VIDEO), now)

    async def _impatient(self, one: Replacement, now: float) -> None:  # noqa: ARG002  # an Action
        """It has rung long enough."""
        if one.state == "Ringing":
            await self._fails(one, OWN_PHONE_UNANSWERED)

    async def _offer(self, one: Replacement, now: float) -> None:
        """Offer its media to the other party, unless another new offer is open."""
        conversations = self._conversations
        async with conversations.lock(one.conversation_id):
            conversation, _ = conversations.find(one.endpoint, one.conversation_id)
            invitation = conversation.replacing(one.endpoint.id)
            if one.state != "Answered" or invitation is None or one.call is None:
                return
            if call_of(conversation).negotiation == "Reoffered":
                return  # it is looked at again once that is answered
            if one.call.description is None:
                await self._join(one, conversation, invitation)
                return
            side = conversation.sides[one.endpoint.id]
            said = side.description
            offer = self._fitting.in_place(said, one.call.description, said)
            try:
                offer.must_follow(conversation.streams_of(one.endpoint.id))
                offer.must_offer((AUDIO,))
            except Refusal:
                await self._fail(conversation, invitation, not_taken(NO_MEDIA, expired=False))
                return
            until = now + conversations.limits.invitation_timeout_s
            made = new_offer(
                call_of(conversation).id, conversation.id, one.endpoint.id, offer, until
            )
            made = attrs.evolve(made, id=invitation.id)
            await self._renegotiations.begin(Unit(), conversation, made)
            if one.state == "Answered":
                one.follows(Replacing.OFFERED)

    async def _join(
        self, one: Replacement, conversation: ActiveConversation, invitation: Invitation
    ) -> None:
        """The network carries the media itself: it can join two telephones, and nothing else."""
        device_id = conversation.other_in_call(one.endpoint.id)
        line = self._lines.find(device_id)
        other = line.call if line is not None else self._handsets.find(conversation.id, device_id)
        if other is None:
            await self._fail(conversation, invitation, not_taken(NO_MEDIA, expired=False))
            return
        draft, unit = conversation.draft(), Unit()
        draft.call = attrs.evolve(call_of(conversation), media=AUDIO)
        take_over(draft, invitation)
        one.joins = other
        name_of = self._conversations.names_in(conversation)
        tell_taken_over(unit, conversation, draft, invitation, name_of)
        await self._conversations.change(unit, conversation, draft)

    # How it ends

    def committed(self, committed: Committed) -> None:
        """The telephone is in the call, or will not be: a moment later memory says which."""
        for entry in committed.entries:
            match entry.fact:
                case InvitationChanged(change="completed", kind="phone") as fact:
                    one = self._open.get(fact.id)
                    if one is not None and entry.stream_id == one.endpoint.id:
                        self._agenda.at(0.0, partial(self._completed, one))
        for stream_id in committed.dropped_streams:
            for one in list(self._open.values()):
                if one.endpoint.id == stream_id:
                    self._end(one)

    async def _completed(self, one: Replacement, now: float) -> None:  # noqa: ARG002  # an Action
        if one.state in ("Taken", "Ended"):
            return
        try:
            conversation, leg = self._conversations.find(one.endpoint, one.conversation_id)
        except Refusal:
            self._end(one)
            return
        invitation = conversation.invitations.get(one.invitation_id)
        side = conversation.sides.get(one.endpoint.id)
        taken = invitation is not None and invitation.state == "Connected"
        by_phone = side is not None and side.by_phone and leg.call == "Connected"
        if one.call is None or not taken or not by_phone:
            self._end(one)
            return
        one.follows(Replacing.TAKEN)
        del self._open[one.invitation_id]
        self._handsets.adopt(one.key, one.call)
        if one.joins is not None:
            one.call.join(one.joins)
        else:
            other = self._other(conversation, one.endpoint.id)
            one.call.connect(Description(self._fitting.audio_alone(other.description), ()))

    def _end(self, one: Replacement) -> None:
        if one.state not in ("Taken", "Ended"):
            one.follows(Replacing.ENDED)
            self._open.pop(one.invitation_id, None)
            if one.call is not None:
                one.call.hang_up()

    async def _fails(self, one: Replacement, outcome: Outcome) -> None:
        """The telephone is not there."""
        conversations = self._conversations
        try:
            conversation, _ = conversations.find(one.endpoint, one.conversation_id)
        except Refusal:
            return  # the application has left, which has ended this too
        async with conversations.lock(conversation.id):
            invitation = conversation.invitations.get(one.invitation_id)
            if invitation is not None and invitation.state == "Connecting":
                await self._fail(conversation, invitation, outcome)

    async def _withdrawn(
        self,
        conversation: ActiveConversation,
        invitation: Invitation,
        outcome: Outcome,
        now: float,  # noqa: ARG002  # a Withdrawal
    ) -> None:
        """The application gives up, or it took too long.

        Who calls this holds the conversation's lock.
        """
        unanswered = outcome.event is Invited.UNANSWERED
        await self._fail(conversation, invitation, OWN_PHONE_UNANSWERED if unanswered else outcome)

    async def _fail(
        self, conversation: ActiveConversation, invitation: Invitation, outcome: Outcome
    ) -> None:
        """The call goes on without the telephone; an offer of it is taken back."""
        draft, unit = conversation.draft(), Unit()
        found = conversation.renegotiation
        if found is not None and found.id == invitation.id and found.state == "Offered":
            draft.renegotiation = renegotiation_after(found, Replied.DISMISSED)
            draft.call = negotiated(call_of(conversation), Negotiated.DISMISSED)
            for leg in draft.legs.values():
                if leg.call == "Connected" and is_told(draft, leg):
                    fact = renegotiation_fact(draft, leg, "completed", GIVEN_UP)
                    unit.append(leg.application_id, fact)
        fail(unit, draft, invitation, outcome, self._conversations.names_in(conversation))
        await self._conversations.change(unit, conversation, draft)

    def _changed(
        self,
        unit: Unit,  # noqa: ARG002  # a Changing
        before: ActiveConversation,
        after: ActiveConversation,
    ) -> None:
        """An offer that was open is so no more: another one may be made, once that is stored."""
        if (before.call, after.call) == (None, None) or before.renegotiation is None:
            return
        if before.renegotiation.state == "Offered" and before.renegotiation != after.renegotiation:
            for one in self._open.values():
                if one.conversation_id == before.id and one.state == "Answered":
                    self._agenda.at(0.0, partial(self._offer_now, one))

    async def _offer_now(self, one: Replacement, now: float) -> None:
        try:
            await self._offer(one, now)
        except Unavailable:
            raise
        except Refusal:
            return  # the call is over, and with it this

    async def _lost(self, conversation: ActiveConversation, invitation_id: str, now: float) -> None:
        async with self._conversations.lock(conversation.id):
            invitation = conversation.invitations.get(invitation_id)
            if invitation is not None and invitation.state == "Connecting":
                await self._conversations.withdraw(conversation, invitation, LOST, now)

    @staticmethod
    def _other(conversation: ActiveConversation, device_id: str) -> CallSide:
        return conversation.sides[conversation.other_in_call(device_id)]
