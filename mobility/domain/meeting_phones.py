"""Meetings that call their participants: who joins with an application is rung on a telephone.

The voice policy that applies to the user places the call, whether the user has Enterprise Voice or
not (click to join).  The telephone is one more device of the user's in the conference, with a line
of its own; the application sees it as its telephone audio, and takes it along when it leaves.
Telephones are in memory alone: a restart hangs them up.
"""

from functools import partial

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Endpoint
from mobility.domain.call import PHONE_AUDIO
from mobility.domain.conference_calls import ConferenceCalls
from mobility.domain.conference_rows import new_invitation
from mobility.domain.conferences import Conferences, Join
from mobility.domain.conversation import CONFERENCED, MIXED, PHONE, ActiveConversation
from mobility.domain.conversation_facts import explained, invitation_fact
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import AUDIO, Description
from mobility.domain.facts import (
    CallChanged,
    ConversationChanged,
    Fact,
    InvitationChanged,
    NegotiationChanged,
    RenegotiationChanged,
)
from mobility.domain.fitting import Fitting
from mobility.domain.handsets import not_a_number, why
from mobility.domain.ledger import Unit
from mobility.domain.lines import Line
from mobility.domain.meeting_holds import MeetingHolds
from mobility.domain.meeting_phone_offers import Key, MeetingPhone, MeetingPhoneOffers
from mobility.domain.meetings import Meetings
from mobility.domain.outcomes import CANCELLED, LOST, OVER, Outcome
from mobility.domain.phone_audio import OWN_PHONE, OWN_PHONE_UNANSWERED, PhoneCall
from mobility.domain.records import Invitation, Leg, Receipt, User
from mobility.domain.states import Invited, invitation_after
from mobility.domain.telephone import Happening, TelephoneCall, TelephoneNetwork
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.domain.voice_routing import Itinerary, dialled_in, showing
from mobility.errors import Parameter, Refusal, Unavailable, validation_failure

NOT_MIXED = OWN_PHONE[Happening.UNREACHABLE]


class MeetingPhones:
    """Calls the telephones of participants; for a front end with gateways and a mixer."""

    def __init__(
        self,
        network: TelephoneNetwork,
        agenda: Agenda,
        users: Users,
        voice: Voice,
        meetings: Meetings,
        conversations: Conversations,
        conferences: Conferences,
        calls: ConferenceCalls,
        fitting: Fitting,
        shown: str = "",
    ) -> None:
        """`shown` is the number that the telephones are shown as the caller's, "" for what the
        user's own calls show."""
        self._network = network
        self._agenda = agenda
        self._users = users
        self._voice = voice
        self._meetings = meetings
        self._conversations = conversations
        self._conferences = conferences
        self.calls = calls
        self._shown = shown
        self._holds = MeetingHolds(conversations, calls.offers, fitting)
        self._offers = MeetingPhoneOffers(calls.offers, self._holds)
        self._phones: dict[Key, MeetingPhone] = {}
        conversations.phones = self._withdrawn
        conversations.partings.append(self._parted)

    def load(self) -> None:
        """What a process before this one has rung does not ring any more."""
        for conversation in self._conversations:
            for invitation in conversation.open_invitations():
                if invitation.kind == PHONE and conversation.is_conference:
                    self._agenda.at(0.0, partial(self._lost, conversation, invitation.id))

    def may(self, user: User) -> bool:
        """Whether a meeting may call a user's telephone, and could."""
        return self._voice.can_join_by_phone(user)

    def shown(self, conversation: ActiveConversation, leg: Leg) -> CallChanged:
        """The telephone audio of an application in a conference."""
        one = self._phones.get((conversation.id, leg.application_id))
        if one is None:
            return _changed(conversation, leg, "Disconnected")
        return _changed(conversation, leg, one.state, one.hold.session)

    def __len__(self) -> int:
        return len(self._phones)

    async def call(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        wanted: PhoneCall,
        now: float,
        receipt: Receipt | None = None,
        *,
        replaces: bool = False,
    ) -> Invitation:
        """UCWA addPhoneAudio in a conference: ring the user, and let its telephone in.

        With `replaces` it is replaceWithPhoneAudio: once the telephone is mixed the application's
        own audio is not any more, which must be until then.

        `wanted.to` is the meeting's URI, or the number to call where there is no `phone_number`.
        400 NormalizationFailed for what is no number, ParameterValidationFailure without one and
        for a line of this system, 403 where the voice policy does not lead there, 409 out of the
        conference and while the telephone rings or talks.
        """
        conversations = self._conversations
        conversations.find(endpoint, conversation_id)
        user = self._users.find(endpoint.user_uri)
        if user is None:  # a guest, for whom nobody pays
            raise Refusal("Forbidden", None, "Only people with an account are called.")
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(endpoint, conversation_id)
            if leg.state != CONFERENCED:
                raise Refusal("Conflict", None, "A call cannot be added now.")
            if (conversation_id, endpoint.id) in self._phones:
                raise Refusal("Conflict", None, "Your telephone is called already.")
            if replaces and not conversation.may_replace(leg):
                raise Refusal("Conflict", None, "There is no audio that could be replaced.")
            itinerary = self._way(user, endpoint, conversation, wanted)
            draft, unit = conversation.draft(), Unit()
            until = now + conversations.limits.invitation_timeout_s
            invitation = new_invitation(
                draft, endpoint, PHONE, user.uri, wanted.operation_id, now, until
            )
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=invitation.id))
            one = MeetingPhone(endpoint, conversation_id, invitation.id, replaces=replaces)
            draft.invitations[invitation.id] = invitation
            draft.telephones = {**draft.telephones, endpoint.id: itinerary.number}
            self._phones[one.key] = one
            name_of = conversations.names_in(conversation)
            unit.append(endpoint.id, invitation_fact(draft, invitation, leg, "started", name_of))
            unit.append(endpoint.id, _changed(conversation, leg, one.state))
            try:
                await conversations.change(unit, conversation, draft)
            except BaseException:
                del self._phones[one.key]
                raise
        one.call = TelephoneCall(self._network, self._agenda, itinerary, partial(self._heard, one))
        one.call.place(now)
        return invitation

    async def stop(self, endpoint: Endpoint, conversation_id: str, now: float) -> None:
        """UCWA stopPhoneAudio in a conference: hang up.  409 without a telephone in it."""
        self._conversations.find(endpoint, conversation_id)
        one = self._phones.get((conversation_id, endpoint.id))
        if one is None:
            raise Refusal("Conflict", None, "There is no telephone call.")
        await self._end(one, CANCELLED, now)

    async def hold(
        self, endpoint: Endpoint, conversation_id: str, now: float, *, held: bool
    ) -> None:
        """UCWA holdPhoneAudio and resumePhoneAudio in a conference.

        409 without a telephone that is mixed, when it is so already, and while another offer is
        open.  The application is told once the mixer has answered.
        """
        self._conversations.find(endpoint, conversation_id)
        one = self._phones.get((conversation_id, endpoint.id))
        if one is None or one.line is None or one.state != "Connected":
            raise Refusal("Conflict", None, "There is no telephone call that goes on.")
        await self._holds.ask(one.hold, one.line, conversation_id, now, held=held)

    # Whom to call

    def _way(
        self, user: User, endpoint: Endpoint, conversation: ActiveConversation, wanted: PhoneCall
    ) -> Itinerary:
        number = wanted.phone_number
        if wanted.to.strip().lower() != conversation.record.meeting_uri.lower():
            if number or "@" in wanted.to:
                raise validation_failure(Parameter("to", "must be the URI of the meeting"))
            number = wanted.to
        dialled = number or endpoint.record.phone_number or user.mobile_phone
        if not dialled:
            raise validation_failure(Parameter("phoneNumber", "is missing, and none is known"))
        found = self._voice.joining(user, dialled_in(dialled))
        if found.failure == "NormalizationFailed":
            raise not_a_number()
        if found.user_uri:
            rule = "must be a telephone outside of this system"
            raise validation_failure(Parameter("phoneNumber", rule))
        if found.failure:
            raise Refusal("Forbidden", None, f"No call to your telephone: {why(found)}.")
        return showing(found, self._shown, foreign=False) if self._shown else found

    # What becomes of the telephone

    def _heard(self, one: MeetingPhone, happening: Happening) -> None:
        self._agenda.at(0.0, partial(self._follow, one, happening))

    async def _follow(self, one: MeetingPhone, happening: Happening, now: float) -> None:
        call = one.call
        if self._phones.get(one.key) is not one or call is None:
            return
        try:
            if happening is Happening.ANSWERED:
                await self._come_in(one, call, now)
            elif happening is Happening.OFFERED:
                await self._offers.offered(one, call, now)
            elif happening in (Happening.AGREED, Happening.DISAGREED):
                await self._offers.agreed(one, call, happening)
            elif happening is Happening.HUNG_UP:
                await self._end(one, OVER, now)
            elif happening in OWN_PHONE:
                await self._end(one, OWN_PHONE[happening], now)
        except Unavailable:
            raise
        except Refusal:
            if happening is Happening.ANSWERED:  # no way into the conference, or to the mixer
                await self._end(one, NOT_MIXED, now)

    async def _come_in(self, one: MeetingPhone, call: TelephoneCall, now: float) -> None:
        """It was answered: now it comes into the conference, and is put through to the mixer."""
        conversations = self._conversations
        conversation, leg = conversations.find(one.endpoint, one.conversation_id)
        meeting = self._meetings.at(conversation.record.meeting_uri, now)
        if meeting is None or call.description is None or leg.state != CONFERENCED:
            raise Refusal("Conflict", None, "There is nothing to be put through.")
        name = conversations.names_in(conversation)(leg.user_uri)
        line = one.line = conversations.lines.open(
            leg.user_uri, name, partial(self._line_heard, one)
        )
        await self._conferences.enter(line, meeting, Join(), now)
        await self.calls.talk(line, one.conversation_id, call.description, now)
        if self._phones.get(one.key) is not one:
            await self._leave(line, one.conversation_id, now)

    # What the line hears

    def _line_heard(self, one: MeetingPhone, fact: Fact) -> None:
        self._agenda.at(0.0, partial(self._line_told, one, fact))

    async def _line_told(self, one: MeetingPhone, fact: Fact, now: float) -> None:
        call = one.call
        if self._phones.get(one.key) is not one or call is None:
            return
        match fact:
            case NegotiationChanged(provisional=False):
                one.answer = fact.answer
            case InvitationChanged(change="completed", state="Connected") if fact.kind == MIXED:
                call.connect(Description(one.answer, ()))
                await self._connected(one)
                if one.replaces:
                    self._agenda.at(now, partial(self._silence, one))
            case InvitationChanged(change="completed") if fact.kind == MIXED:
                await self._end(one, NOT_MIXED, now)
            case CallChanged(state="Disconnected") if one.state == "Connected":
                await self._end(one, OVER, now)
            case RenegotiationChanged(change="started", direction="Incoming"):
                self._offers.ask(one, call, fact)
            case RenegotiationChanged(change="completed", direction="Incoming"):
                self._offers.over(one, fact)
            case RenegotiationChanged(change="completed") if one.hold.wanted is not None:
                answer = self._holds.answered(one.hold, fact)
                if answer is not None:
                    one.answer = answer.text
                    call.connect(answer)
                    await self._held(one)
            case RenegotiationChanged(change="completed") if one.offers:
                self._offers.answered(one, call, fact)
                if fact.state == "Answered" and one.hold.described is not None:
                    one.hold.described = None
                    await self._held(one)
            case ConversationChanged(change="deleted"):
                await self._end(one, OVER, now)

    async def _held(self, one: MeetingPhone) -> None:
        """The application is told that its telephone is held, or goes on."""
        conversations = self._conversations
        if one.conversation_id not in one.endpoint.conversations:
            return
        async with conversations.lock(one.conversation_id):
            conversation, leg = conversations.find(one.endpoint, one.conversation_id)
            unit = Unit()
            unit.append(
                leg.application_id, _changed(conversation, leg, one.state, one.hold.session)
            )
            await conversations.change(unit, conversation, conversation.draft())

    async def _connected(self, one: MeetingPhone) -> None:
        """The telephone is mixed: the application is told so."""
        conversations = self._conversations
        async with conversations.lock(one.conversation_id):
            conversation, leg = conversations.find(one.endpoint, one.conversation_id)
            invitation = conversation.invitations[one.invitation_id]
            draft, unit = conversation.draft(), Unit()
            one.state = "Connected"
            answered = invitation_after(invitation, Invited.ANSWERED)
            draft.invitations[invitation.id] = answered
            name_of = conversations.names_in(conversation)
            unit.append(leg.application_id, _changed(conversation, leg, one.state))
            unit.append(
                leg.application_id, invitation_fact(draft, answered, leg, "completed", name_of)
            )
            await conversations.change(unit, conversation, draft)

    async def _silence(self, one: MeetingPhone, now: float) -> None:
        """The application's own audio is over."""
        try:
            await self.calls.stop(one.endpoint, one.conversation_id, (AUDIO,), now)
        except Unavailable:
            raise
        except Refusal:
            return  # its user has been quicker

    # How it ends

    async def _end(self, one: MeetingPhone, outcome: Outcome, now: float) -> None:
        """The telephone is not in the conference any more, or never came."""
        conversations = self._conversations
        if not self._forget(one):
            return
        async with conversations.lock(one.conversation_id):
            try:
                conversation, leg = conversations.find(one.endpoint, one.conversation_id)
            except Refusal:
                conversation = None  # the application has left
            if conversation is not None:
                await self._tell_over(conversation, leg, one.invitation_id, outcome)
        if one.line is not None:
            await self._leave(one.line, one.conversation_id, now)

    async def _tell_over(
        self, conversation: ActiveConversation, leg: Leg, invitation_id: str, outcome: Outcome
    ) -> None:
        """The caller holds the conversation's lock."""
        draft, unit = conversation.draft(), Unit()
        invitation = draft.invitations[invitation_id]
        stream = leg.application_id
        came = invitation.state != "Connecting"
        over = _changed(conversation, leg, "Disconnected")
        unit.append(stream, explained(over, outcome.ending if came else outcome.caller))
        if not came:
            failed = invitation_after(invitation, outcome.event)
            draft.invitations[invitation_id] = failed
            name_of = self._conversations.names_in(conversation)
            fact = invitation_fact(draft, failed, leg, "completed", name_of, outcome.caller)
            unit.append(stream, fact)
        draft.telephones = {
            key: number for key, number in draft.telephones.items() if key != stream
        }
        await self._conversations.change(unit, conversation, draft)

    def _forget(self, one: MeetingPhone) -> bool:
        """Hang up; whether it was not yet."""
        if self._phones.get(one.key) is not one:
            return False
        del self._phones[one.key]
        if one.call is not None:
            one.call.hang_up()
        return True

    async def _leave(self, line: Line, conversation_id: str, now: float) -> None:
        """The line goes out of the conference, if it is still there."""
        try:
            await self._conversations.terminate(line, conversation_id, now)
        except Unavailable:
            raise
        except Refusal:
            pass  # somebody has removed it
        self._conversations.lines.close(line)

    async def _withdrawn(
        self,
        conversation: ActiveConversation,
        invitation: Invitation,
        outcome: Outcome,
        now: float,
    ) -> None:
        """The application gives up, or nobody answers in time.

        Who calls this holds the conversation's lock.
        """
        leg = conversation.legs.get(invitation.from_application_id)
        one = self._phones.get((conversation.id, invitation.from_application_id))
        if one is not None and one.invitation_id == invitation.id:
            self._forget(one)
            if one.line is not None:
                self._agenda.at(now, partial(self._leave_later, one.line, conversation.id))
        if leg is not None:
            ended = OWN_PHONE_UNANSWERED if outcome.event is Invited.UNANSWERED else outcome
            await self._tell_over(conversation, leg, invitation.id, ended)

    async def _leave_later(self, line: Line, conversation_id: str, now: float) -> None:
        await self._leave(line, conversation_id, now)

    def _parted(
        self,
        unit: Unit,  # noqa: ARG002  # a Parting
        before: ActiveConversation,
        after: ActiveConversation,
        outcome: Outcome,
        now: float,
    ) -> None:
        """An application that leaves takes its telephone along."""
        for key, one in list(self._phones.items()):
            if key[0] == before.id and key[1] not in after.legs:
                self._agenda.at(now, partial(self._gone, one, outcome))

    async def _gone(self, one: MeetingPhone, outcome: Outcome, now: float) -> None:
        await self._end(one, outcome, now)

    async def _lost(self, conversation: ActiveConversation, invitation_id: str, now: float) -> None:
        async with self._conversations.lock(conversation.id):
            invitation = conversation.invitations.get(invitation_id)
            if invitation is not None and invitation.state == "Connecting":
                await self._conversations.withdraw(conversation, invitation, LOST, now)


def _changed(
    conversation: ActiveConversation, leg: Leg, state: str, session: str = ""
) -> CallChanged:
    may_add = state == "Disconnected" and leg.state == CONFERENCED
    return CallChanged(
        conversation.id, PHONE_AUDIO, state, may_add=may_add, session=session, mixed=True
    )
