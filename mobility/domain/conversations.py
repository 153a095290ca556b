"""The active conversations: who takes part, which invitations are open, and how it all ends.

Every decision becomes one unit of work; memory follows once it is stored.  Changes of one
conversation's state wait for one another; messages only wait for a change that is under way.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.conference import take_leave
from mobility.domain.conversation import (
    CANCELLED,
    DECLINED,
    SIGNED_OUT,
    UNANSWERED,
    ActiveConversation,
    NameOf,
    Outcome,
    tell_gone,
)
from mobility.domain.ledger import Archive, Ledger, Unit
from mobility.domain.locks import Lock, Locks
from mobility.domain.records import Conversation, Invitation, Leg, Message, Participant
from mobility.domain.states import (
    INVITATION,
    LEG,
    Held,
    Invited,
    Involved,
    conversation_after,
    invitation_after,
)
from mobility.domain.users import Users
from mobility.errors import Refusal

R = TypeVar("R", Leg, Invitation, Participant)

Closing = Callable[[Unit, ActiveConversation], Callable[[], None]]
"""Puts what goes with a conversation that ends into the unit of work; the answer is called once
that is stored."""


@attrs.frozen(slots=True)
class ConversationLimits:
    """Times (seconds) and the number of conversations an application may take part in."""

    invitation_timeout_s: float
    typing_timeout_s: float
    per_application: int


class Conversations:
    """The active conversations of this front end."""

    def __init__(
        self,
        ledger: Ledger,
        archive: Archive,
        agenda: Agenda,
        users: Users,
        applications: Applications,
        limits: ConversationLimits,
    ) -> None:
        self._ledger = ledger
        self._archive = archive
        self._agenda = agenda
        self._users = users
        self._applications = applications
        self.limits = limits
        self._conversations: dict[str, ActiveConversation] = {}
        self._of_invitation: dict[str, ActiveConversation] = {}
        self._of_meeting: dict[str, ActiveConversation] = {}
        self._locks = Locks()
        self.closings: list[Closing] = []

    def load(
        self,
        records: Iterable[Conversation],
        legs: Iterable[Leg],
        participants: Iterable[Participant],
        invitations: Iterable[Invitation],
        message_counts: Mapping[str, int],
    ) -> None:
        """Take the stored conversations into memory; invitations keep their expiry."""
        for record in records:
            self._remember(
                ActiveConversation(record, message_count=message_counts.get(record.id, 0))
            )
        for participant in participants:
            self._conversations[participant.conversation_id].participants[participant.uri] = (
                participant
            )
        for leg in legs:
            conversation = self._conversations.get(leg.conversation_id)
            endpoint = self._applications.find(leg.application_id)
            if conversation is not None and endpoint is not None:
                conversation.legs[leg.application_id] = leg
                endpoint.conversations.add(conversation.id)
        for invitation in invitations:
            conversation = self._conversations.get(invitation.conversation_id)
            if conversation is not None:
                conversation.invitations[invitation.id] = invitation
                self._open(conversation, invitation)

    def of(self, endpoint: Endpoint) -> list[tuple[ActiveConversation, Leg]]:
        """The conversations an application takes part in, oldest first, each with its leg."""
        mine = [self._conversations[key] for key in endpoint.conversations]
        mine.sort(key=lambda conversation: conversation.record.created_at)
        return [(one, one.legs[endpoint.id]) for one in mine if endpoint.id in one.legs]

    def find(self, endpoint: Endpoint, conversation_id: str) -> tuple[ActiveConversation, Leg]:
        """A conversation and the application's leg; 404 ConversationNotFound when it has none."""
        conversation = self._conversations.get(conversation_id)
        leg = conversation.legs.get(endpoint.id) if conversation is not None else None
        if conversation is None or leg is None:
            raise Refusal("NotFound", "ConversationNotFound", "There is no such conversation.")
        return conversation, leg

    def find_invitation(
        self, endpoint: Endpoint, invitation_id: str
    ) -> tuple[ActiveConversation, Invitation, Leg]:
        """An invitation that the application sent or got, of a conversation that is still active;
        404 otherwise."""
        conversation = self._of_invitation.get(invitation_id)
        leg = conversation.legs.get(endpoint.id) if conversation is not None else None
        if conversation is None or leg is None:
            raise _no_such_invitation()
        invitation = conversation.invitations[invitation_id]
        if invitation_id != leg.invitation_id and invitation.from_application_id != endpoint.id:
            raise _no_such_invitation()
        return conversation, invitation, leg

    def of_meeting(self, uri: str) -> ActiveConversation | None:
        """The conference of the meeting with this URI, if it goes on."""
        return self._of_meeting.get(uri)

    def names_in(self, conversation: ActiveConversation) -> NameOf:
        """Display names as the conversation knows them: the anonymous have theirs only there."""
        participants, name_of = conversation.participants, self._users.name_of

        def name(uri: str) -> str:
            participant = participants.get(uri)
            return participant.name if participant is not None else name_of(uri)

        return name

    def __len__(self) -> int:
        return len(self._conversations)

    def lock(self, conversation_id: str) -> Lock:
        """Held by who changes the conversation's state."""
        return self._locks.of(conversation_id)

    async def settled(self, conversation_id: str) -> None:
        """Wait for the change of a conversation's state that is under way, if there is one."""
        lock = self._locks.held(conversation_id)
        if lock is not None:
            async with lock:
                pass

    def check_room(self, endpoint: Endpoint) -> None:
        """409 TooManyConversations when the application takes part in as many as it may."""
        if not self._has_room(endpoint):
            raise Refusal("Conflict", "TooManyConversations", "Too many conversations.")

    def reachable(self, uri: str, modality: str) -> list[Endpoint]:
        """The applications of a user that an invitation of this modality can ring."""
        user = self._users.find(uri)
        if user is None or not user.enabled:
            return []
        endpoints = self._applications.reachable(uri, modality)
        return [endpoint for endpoint in endpoints if self._has_room(endpoint)]

    async def begin(self, unit: Unit, conversation: ActiveConversation) -> None:
        """Store a new conversation with its legs and invitations, and take it into memory.

        `unit` has what they are told.
        """
        unit.save(
            conversation.record,
            *conversation.invitations.values(),
            *conversation.legs.values(),
            *conversation.participants.values(),
        )
        async with self.lock(conversation.id):  # an application that ends now waits for it
            self._remember(conversation)
            for leg in conversation.legs.values():
                self._hang_on(leg)
            try:
                await self._ledger.commit(unit)
            except BaseException:
                self._forget(conversation)
                raise
            for invitation in conversation.invitations.values():
                self._open(conversation, invitation)

    async def change(
        self, unit: Unit, conversation: ActiveConversation, draft: ActiveConversation
    ) -> None:
        """Store what `draft` has otherwise than `conversation` together with `unit`.

        The caller holds the conversation's lock.
        """
        before, after = conversation, draft
        after.record = attrs.evolve(after.record, version=before.record.version + 1)
        gone = [leg for key, leg in before.legs.items() if key not in after.legs]
        come = [leg for key, leg in after.legs.items() if key not in before.legs]
        unit.save(after.record)
        unit.save(*_changed(before.invitations, after.invitations))
        unit.save(*_changed(before.legs, after.legs))
        unit.remove(*gone)
        unit.save(*_changed(before.participants, after.participants))
        unit.remove(
            *(one for key, one in before.participants.items() if key not in after.participants)
        )
        closed = [close(unit, after) for close in self.closings if after.record.state == "Ended"]
        for leg in come:  # an application that ends now waits for it
            self._hang_on(leg)
        try:
            await self._ledger.commit(unit)
        except BaseException:
            for leg in come:
                self._let_go(leg)
            raise
        for leg in gone:
            self._let_go(leg)
        for key, invitation in after.invitations.items():
            if key not in before.invitations:
                self._open(before, invitation)
        before.record = after.record
        before.legs, before.invitations = after.legs, after.invitations
        before.participants = after.participants
        if before.is_conference:
            self._of_meeting[before.record.meeting_uri] = before
        for forget in closed:
            forget()
        if before.record.state == "Ended":
            self._forget(before)

    async def drop(
        self, conversation: ActiveConversation, legs: Iterable[Leg], outcome: Outcome
    ) -> None:
        """`legs` go, and with them who cannot stay alone; invitations that nobody can answer any
        more end in `outcome`.

        The caller holds the conversation's lock.
        """
        draft, unit = conversation.draft(), Unit()
        for leg in legs:
            del draft.legs[leg.application_id]
        await self._end_invitations(unit, draft, outcome)
        if draft.is_over():
            draft.record = conversation_after(draft.record, Held.ENDED)
            draft.legs.clear()
            await self._end_invitations(unit, draft, outcome)
        name_of = self.names_in(conversation)
        for leg in conversation.legs.values():
            if leg.application_id not in draft.legs:
                tell_gone(unit, conversation, leg, outcome, name_of)
        if conversation.is_conference:
            take_leave(unit, conversation, draft, outcome, name_of)
        await self.change(unit, conversation, draft)

    async def _end_invitations(
        self, unit: Unit, draft: ActiveConversation, outcome: Outcome
    ) -> None:
        """End the invitations that nobody can answer any more; their messages are missed."""
        for invitation in draft.open_invitations():
            if draft.is_void(invitation):
                draft.invitations[invitation.id] = invitation_after(invitation, outcome.event)
                message = await self.first_message(draft, invitation)
                if message is not None:
                    unit.save(attrs.evolve(message, missed=True))

    async def decline(self, endpoint: Endpoint, invitation_id: str, everywhere: bool) -> None:
        """UCWA decline: this device, or with `everywhere` all of the user's, will not answer.

        409 when the invitation is over or is not the application's to answer.
        """
        conversation = self.find_invitation(endpoint, invitation_id)[0]
        async with self.lock(conversation.id):
            _, invitation, leg = self.find_invitation(endpoint, invitation_id)
            must_ring(invitation, leg)
            legs = conversation.ringing(invitation) if everywhere else [leg]
            await self.drop(conversation, legs, DECLINED)

    async def cancel(self, endpoint: Endpoint, invitation_id: str) -> None:
        """UCWA cancel: who sent the invitation gives it up.  409 when it is over."""
        conversation = self.find_invitation(endpoint, invitation_id)[0]
        async with self.lock(conversation.id):
            _, invitation, _ = self.find_invitation(endpoint, invitation_id)
            sent = invitation.from_application_id == endpoint.id
            if not sent or not INVITATION.allows(invitation.state, Invited.CANCELLED):
                raise Refusal("Conflict", None, "The invitation cannot be cancelled any more.")
            await self.drop(conversation, conversation.waiting(invitation), CANCELLED)

    async def terminate(self, endpoint: Endpoint, conversation_id: str) -> None:
        """UCWA DELETE conversation: the application leaves it.

        A caller that waits for an answer cancels the invitation, a callee that rings declines it
        on this device; what is between two parties ends for both, a conference goes on.
        """
        self.find(endpoint, conversation_id)
        async with self.lock(conversation_id):
            conversation, leg = self.find(endpoint, conversation_id)
            await self.drop(conversation, [leg], _outcome(leg, DECLINED))

    async def leave(self, endpoint: Endpoint, now: float) -> None:  # noqa: ARG002  # a Departure
        """The application ends: it leaves each of its conversations, and the others are told."""
        for conversation_id in sorted(endpoint.conversations):
            async with self.lock(conversation_id):
                conversation = self._conversations.get(conversation_id)
                leg = conversation.legs.get(endpoint.id) if conversation is not None else None
                if conversation is not None and leg is not None:
                    await self.drop(conversation, [leg], _outcome(leg, SIGNED_OUT))

    async def first_message(
        self, conversation: ActiveConversation, invitation: Invitation
    ) -> Message | None:
        """The message the invitation carries; after a restart only the store has it."""
        if not invitation.message_number:
            return None
        if conversation.first_message is not None:
            return conversation.first_message
        return await self._archive.message(conversation.id, invitation.message_number)

    def _open(self, conversation: ActiveConversation, invitation: Invitation) -> None:
        """An open invitation expires unless it ends before."""
        self._of_invitation[invitation.id] = conversation

        async def expire(now: float) -> None:  # noqa: ARG001  # an Action
            await self._expire(conversation, invitation.id)

        self._agenda.at(invitation.expires_at, expire)

    async def _expire(self, conversation: ActiveConversation, invitation_id: str) -> None:
        """Nobody answered in time: the invitation ends, the message stays in the stream."""
        async with self.lock(conversation.id):
            invitation = conversation.invitations.get(invitation_id)
            if (
                self._conversations.get(conversation.id) is conversation
                and invitation is not None
                and invitation.state == "Connecting"
            ):
                await self.drop(conversation, conversation.waiting(invitation), UNANSWERED)

    def _remember(self, conversation: ActiveConversation) -> None:
        self._conversations[conversation.id] = conversation
        if conversation.is_conference:
            self._of_meeting[conversation.record.meeting_uri] = conversation

    def _hang_on(self, leg: Leg) -> None:
        endpoint = self._applications.find(leg.application_id)
        if endpoint is not None:
            endpoint.conversations.add(leg.conversation_id)

    def _let_go(self, leg: Leg) -> None:
        endpoint = self._applications.find(leg.application_id)
        if endpoint is not None:
            endpoint.conversations.discard(leg.conversation_id)

    def _has_room(self, endpoint: Endpoint) -> bool:
        return len(endpoint.conversations) < self.limits.per_application

    def _forget(self, conversation: ActiveConversation) -> None:
        for leg in conversation.legs.values():
            self._let_go(leg)
        for appointment in conversation.typing.values():
            appointment.cancel()
        conversation.typing.clear()
        del self._conversations[conversation.id]
        self._of_meeting.pop(conversation.record.meeting_uri, None)
        for invitation_id in conversation.invitations:
            self._of_invitation.pop(invitation_id, None)


def _changed(before: Mapping[str, R], after: Mapping[str, R]) -> list[R]:
    return [record for key, record in after.items() if before.get(key) is not record]


def _outcome(leg: Leg, unanswered: Outcome) -> Outcome:
    """How an invitation ends when `leg` goes: a caller cancels it, a callee that rings does not
    answer it."""
    return unanswered if leg.state == "Incoming" else CANCELLED


def must_ring(invitation: Invitation, leg: Leg) -> None:
    """409 unless `leg` can answer the invitation now."""
    rings = leg.state == "Incoming" and LEG.allows(leg.state, Involved.ANSWERED)
    if not rings or not INVITATION.allows(invitation.state, Invited.ANSWERED):
        raise Refusal("Conflict", None, "The invitation cannot be answered any more.")


def _no_such_invitation() -> Refusal:
    return Refusal("NotFound", "ResourceNotFound", "There is no such invitation.")
