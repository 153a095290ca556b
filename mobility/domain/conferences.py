"""Conferences: joining a meeting, asking others in, and what its leaders may do.

A conference is the conversation of an online meeting.  It begins when the first person joins and is
over when the last one has left or the meeting ends.
"""

import secrets
from collections.abc import Callable

import attrs

from mobility.domain.answering import must_ring
from mobility.domain.applications import Endpoint
from mobility.domain.conference import (
    OVER,
    Place,
    inside_of,
    new_leg,
    place_of,
    tell_came,
    tell_escalated,
    tell_inside,
    tell_knocked,
    tell_meeting,
    tell_waits,
)
from mobility.domain.conference_roles import ConferenceLimits, ConferenceRoles
from mobility.domain.conference_rows import new_invitation, new_participant
from mobility.domain.conversation import JOIN, LEADER, PARTICIPANT, ActiveConversation
from mobility.domain.conversation_facts import invitation_fact, tell_ended
from mobility.domain.conversations import Conversations
from mobility.domain.guests import GUEST_NAME, Guests
from mobility.domain.history import History
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device
from mobility.domain.meetings import Meetings, OnlineMeeting, conference_uri
from mobility.domain.outcomes import ELSEWHERE
from mobility.domain.records import Conversation, Invitation, Meeting, Participant, Receipt
from mobility.domain.states import (
    Invited,
    Involved,
    invitation_after,
    leg_after,
)
from mobility.domain.users import Users
from mobility.errors import Refusal


@attrs.frozen(slots=True)
class Join:
    """What joinOnlineMeeting asks for; `display_name` is that of an anonymous caller.

    `phone` is the number of who comes by the telephone network, "" for a number that is withheld.
    """

    operation_id: str = ""
    subject: str = ""
    importance: str = "Normal"
    thread_id: str = ""
    display_name: str = attrs.field(repr=False, default="")
    phone: str | None = attrs.field(repr=False, default=None)


class Conferences(ConferenceRoles):
    """The conferences among the active conversations."""

    def __init__(
        self,
        users: Users,
        conversations: Conversations,
        meetings: Meetings,
        guests: Guests,
        limits: ConferenceLimits,
        history: History,
    ) -> None:
        super().__init__(conversations, limits)
        self._users = users
        self._guests = guests
        self._meetings = meetings
        self.escalations: list[Callable[[ActiveConversation, float], None]] = []
        """Called with a conference that two parties have become, and the time.  Without anybody
        here a call between two does not go over to one."""
        meetings.changes.append(self._meeting_changed)
        self._history = history
        meetings.endings.append(self._meeting_over)
        conversations.closings.append(self._conference_over)

    async def join(
        self,
        endpoint: Endpoint,
        meeting_uri: str,
        call: Join,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """UCWA joinOnlineMeeting: come into the conference of a meeting, or into its lobby.

        With "" for `meeting_uri` a new meeting is made for the occasion.  404 DestinationNotFound
        without such a meeting, 403 AnonymousNotAllowed for a guest of another one; 409
        AlreadyExists when the application is in it; 409 TooManyConversations, TooManyParticipants
        or TooManyLobbyParticipants above the limits.
        """
        endpoint.must_live()
        self._conversations.check_room(endpoint)
        if endpoint.guest:
            meeting = self._guests.meeting_of(endpoint.user_uri, now)
            if meeting is None or self._meetings.at(meeting_uri, now) is not meeting:
                raise Refusal("Forbidden", "AnonymousNotAllowed", "This needs an account.")
        elif meeting_uri:
            meeting = self._meetings.at(meeting_uri, now)
        else:
            meeting = await self._meetings.improvise(endpoint.user_uri, call.subject, now)
        if meeting is None:
            raise Refusal("NotFound", "DestinationNotFound", "There is no such meeting.")
        return await self.enter(endpoint, meeting, call, now, receipt)

    async def enter(
        self,
        device: Device,
        meeting: OnlineMeeting,
        call: Join,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """Come into the conference of a meeting, or into its lobby, as `join` says."""
        uri = conference_uri(meeting.record)
        async with self._conversations.lock(uri):  # so that a meeting has one conference
            conversation = self._conversations.of_meeting(uri)
            if conversation is None:
                return await self._open(device, meeting, call, now, receipt)
        async with self._conversations.lock(conversation.id):
            if self._conversations.of_meeting(uri) is not conversation:
                raise Refusal("Conflict", "TemporarilyUnavailable", "The conference just ended.")
            return await self._enter(device, conversation, meeting, call, now, receipt)

    async def add_participant(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        to_uri: str,
        operation_id: str,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """UCWA addParticipant: ask somebody in; what is between two parties escalates first.

        409 when the conversation is not connected, 403 for an attendee, 409 AlreadyExists for who
        is in the conference or its lobby or rings already, 409 TooManyParticipants above the limit.
        """
        self._conversations.find(endpoint, conversation_id)
        async with self._conversations.lock(conversation_id):
            conversation, leg = self._conversations.find(endpoint, conversation_id)
            calls = bool(self.escalations) and conversation.may_escalate(leg)
            if not conversation.may_invite(leg) and not calls:
                raise Refusal("Forbidden", None, "This participant cannot ask others in.")
            if conversation.legs_of(to_uri):
                raise Refusal("Conflict", "AlreadyExists", "The person is in it or asked already.")
            draft, unit = conversation.draft(), Unit()
            if not conversation.is_conference:
                await self._escalate(unit, draft, endpoint, now)
            self._check_size(draft, in_lobby=False)
            until = now + self._conversations.limits.invitation_timeout_s
            invitation = new_invitation(
                draft, endpoint, PARTICIPANT, to_uri, operation_id, now, until
            )
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=invitation.id))
            name_of = self._names(draft)
            own = draft.legs[endpoint.id]
            started = invitation_fact(draft, invitation, own, "started", name_of)
            unit.append(endpoint.id, started)
            ringing = self._conversations.reachable(to_uri, "Messaging", endpoint.user_uri)
            for callee in ringing:
                ring = new_leg(invitation, callee, "Incoming")
                draft.legs[callee.id] = ring
                tell_knocked(unit, draft, invitation, ring, name_of)
            if not ringing:
                invitation = invitation_after(invitation, Invited.UNREACHABLE)
                reason = self._conversations.reach.reason(to_uri, endpoint.user_uri)
                failed = invitation_fact(draft, invitation, own, "completed", name_of, reason)
                unit.append(endpoint.id, failed)
                self._history.failed(unit, draft, invitation, now)
            draft.invitations[invitation.id] = invitation
            escalates = not conversation.is_conference
            await self._conversations.change(unit, conversation, draft)
            if escalates:
                self._escalated(conversation, now)
            return invitation

    async def accept(self, endpoint: Endpoint, invitation_id: str, now: float) -> None:
        """UCWA accept of an onlineMeetingInvitation: come in as the one who was asked.

        409 when the invitation is over or is not the application's to answer.
        """
        conversation = self._conversations.find_invitation(endpoint, invitation_id)[0]
        async with self._conversations.lock(conversation.id):
            _, invitation, leg = self._conversations.find_invitation(endpoint, invitation_id)
            must_ring(invitation, leg)
            meeting = self._meetings.at(conversation.record.meeting_uri, now)
            if meeting is None:
                raise Refusal("NotFound", "DestinationNotFound", "The meeting is over.")
            draft, unit = conversation.draft(), Unit()
            accepted = attrs.evolve(
                invitation_after(invitation, Invited.ANSWERED), accepted_by=leg.user_uri
            )
            draft.invitations[invitation.id] = accepted
            self._come_in(unit, draft, leg.user_uri, meeting, now)
            inside = leg_after(leg, Involved.CAME_IN)
            draft.legs[endpoint.id] = inside
            name_of = self._names(draft)
            tell_inside(unit, draft, accepted, inside, name_of)
            inviter = conversation.legs.get(invitation.from_application_id)
            if inviter is not None:
                fact = invitation_fact(draft, accepted, inviter, "completed", name_of)
                unit.append(inviter.application_id, fact)
            elsewhere = invitation_after(invitation, Invited.ANSWERED_ELSEWHERE)
            for loser in conversation.ringing(invitation):
                if loser is not leg:
                    del draft.legs[loser.application_id]
                    tell_ended(unit, draft, loser, name_of, elsewhere, ELSEWHERE)
            await self._conversations.change(unit, conversation, draft)

    def _come_in(
        self, unit: Unit, draft: ActiveConversation, uri: str, meeting: OnlineMeeting, now: float
    ) -> None:
        """Somebody accepts to be asked in, who may be inside or in the lobby with another device.

        Whoever asked vouches for the person.
        """
        known = draft.participants.get(uri)
        if known is None:
            place = place_of(meeting.record, uri, anonymous=False)
            place = Place(place.role, in_lobby=False)
            name = self._users.name_of(uri)
            participant = self._participant(draft, meeting, uri, name, place, now)
            others = inside_of(draft)
            draft.participants[uri] = participant
            tell_came(unit, draft, participant, others)
        elif known.in_lobby:
            self._admit(draft, unit, known)

    async def _open(
        self,
        endpoint: Device,
        meeting: OnlineMeeting,
        call: Join,
        now: float,
        receipt: Receipt | None,
    ) -> Invitation:
        """The first one joins: the conference begins."""
        conversation = ActiveConversation(
            record=Conversation(
                id=secrets.token_hex(8),
                thread_id=call.thread_id or secrets.token_hex(16),
                subject=meeting.record.subject or call.subject,
                importance=call.importance,
                created_at=now,
                meeting_uri=conference_uri(meeting.record),
            )
        )
        unit = Unit()
        invitation = self._knock(unit, conversation, endpoint, meeting, call, now, receipt)
        await self._conversations.begin(unit, conversation)
        return invitation

    async def _enter(
        self,
        endpoint: Device,
        conversation: ActiveConversation,
        meeting: OnlineMeeting,
        call: Join,
        now: float,
        receipt: Receipt | None,
    ) -> Invitation:
        if endpoint.id in conversation.legs:
            raise Refusal("Conflict", "AlreadyExists", "The application is in this conference.")
        draft, unit = conversation.draft(), Unit()
        invitation = self._knock(unit, draft, endpoint, meeting, call, now, receipt)
        await self._conversations.change(unit, conversation, draft)
        return invitation

    def _knock(
        self,
        unit: Unit,
        draft: ActiveConversation,
        endpoint: Device,
        meeting: OnlineMeeting,
        call: Join,
        now: float,
        receipt: Receipt | None,
    ) -> Invitation:
        """The application comes in, or waits in the lobby; its invitation says so."""
        uri = endpoint.user_uri
        until = now + self._limits.lobby_timeout_s
        invitation = new_invitation(draft, endpoint, JOIN, uri, call.operation_id, now, until)
        if receipt is not None:
            unit.save(attrs.evolve(receipt, resource_id=invitation.id))
        others = inside_of(draft)
        participant = draft.participants.get(uri)
        known = participant is not None
        if participant is None:
            anonymous = self._users.find(uri) is None
            by_phone = call.phone is not None
            place = place_of(meeting.record, uri, anonymous=anonymous, by_phone=by_phone)
            self._check_size(draft, in_lobby=place.in_lobby)
            name = self._users.name_of(uri) or call.display_name.strip() or GUEST_NAME
            number = call.phone or ""
            participant = self._participant(draft, meeting, uri, name, place, now, number)
        leg = new_leg(invitation, endpoint, "Connecting")
        draft.participants[uri] = participant
        name_of = self._names(draft)
        tell_knocked(unit, draft, invitation, leg, name_of)
        if not known:
            tell_came(unit, draft, participant, others)
        if participant.in_lobby:
            leg = leg_after(leg, Involved.KEPT_WAITING)
            draft.legs[endpoint.id] = leg
            tell_waits(unit, draft, leg)
        else:
            leg = leg_after(leg, Involved.CAME_IN)
            draft.legs[endpoint.id] = leg
            invitation = invitation_after(invitation, Invited.ADMITTED)
            tell_inside(unit, draft, invitation, leg, name_of)
        draft.invitations[invitation.id] = invitation
        return invitation

    async def escalate(self, conversation: ActiveConversation, device: Device, now: float) -> None:
        """What is between two parties becomes a conference.

        The caller holds the conversation's lock and knows that it may.
        """
        draft, unit = conversation.draft(), Unit()
        await self._escalate(unit, draft, device, now)
        await self._conversations.change(unit, conversation, draft)
        self._escalated(conversation, now)

    def _escalated(self, conversation: ActiveConversation, now: float) -> None:
        for told in self.escalations:
            told(conversation, now)

    async def _escalate(
        self, unit: Unit, draft: ActiveConversation, endpoint: Device, now: float
    ) -> None:
        """The two parties become the leaders of a conference made for the occasion."""
        meeting = await self._meetings.improvise(endpoint.user_uri, draft.record.subject, now)
        draft.record = attrs.evolve(draft.record, meeting_uri=conference_uri(meeting.record))
        for leg in list(draft.legs.values()):
            place = Place(LEADER, in_lobby=False)
            name = self._users.name_of(leg.user_uri)
            participant = self._participant(draft, meeting, leg.user_uri, name, place, now)
            draft.participants[leg.user_uri] = attrs.evolve(participant, after_message=0)
            draft.legs[leg.application_id] = leg_after(leg, Involved.ESCALATED)
        for leg in draft.legs.values():
            tell_escalated(unit, draft, leg)

    def _meeting_changed(self, unit: Unit, meeting: Meeting) -> None:
        conversation = self._conversations.of_meeting(conference_uri(meeting))
        if conversation is not None:
            tell_meeting(unit, conversation)

    async def _meeting_over(self, meeting: OnlineMeeting, now: float) -> None:
        """The meeting expired or was cancelled: so is its conference."""
        conversation = self._conversations.of_meeting(conference_uri(meeting.record))
        if conversation is None:
            return
        async with self._conversations.lock(conversation.id):
            if conversation.legs:
                await self._conversations.drop(conversation, conversation.legs.values(), OVER, now)

    def _conference_over(self, unit: Unit, conversation: ActiveConversation) -> Callable[[], None]:
        return self._meetings.conference_over(unit, conversation.record.meeting_uri)

    def _participant(
        self,
        conversation: ActiveConversation,
        meeting: OnlineMeeting,
        uri: str,
        name: str,
        place: Place,
        now: float,
        phone: str = "",
    ) -> Participant:
        anonymous = self._users.find(uri) is None
        return new_participant(
            conversation, meeting.record, uri, name, place, now, anonymous=anonymous, phone=phone
        )
