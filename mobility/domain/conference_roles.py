"""What the leaders of a conference may do with its participants and with its whole audience."""

from collections.abc import Callable
from typing import Any

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.conference import (
    DENIED,
    EJECTED,
    inside_of,
    let_in,
    must_lead,
    tell_moved,
    tell_role,
    tell_settings,
)
from mobility.domain.conference_media import hush
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.ledger import Unit
from mobility.domain.records import Participant
from mobility.domain.states import Attended, participant_after
from mobility.errors import Refusal


@attrs.frozen(slots=True)
class ConferenceLimits:
    """How many may be in a conference and in its lobby, and how long (seconds) one may wait."""

    participants: int
    lobby: int
    lobby_timeout_s: float


class ConferenceRoles:
    """The lobbies and roles of the conferences among the active conversations."""

    def __init__(self, conversations: Conversations, limits: ConferenceLimits) -> None:
        self._conversations = conversations
        self._limits = limits

    async def admit(self, endpoint: Endpoint, conversation_id: str, uri: str) -> None:
        """UCWA admit: who waits in the lobby comes in.  409 for who does not wait."""
        await self._lead(endpoint, conversation_id, uri, self._admit)

    def _admit(self, draft: ActiveConversation, unit: Unit, waiting: Participant) -> None:
        self._check_size(draft, in_lobby=False)
        let_in(unit, draft, waiting, self._names(draft))

    async def reject(self, endpoint: Endpoint, conversation_id: str, uri: str, now: float) -> None:
        """UCWA reject: who waits in the lobby is sent away.  409 for who does not wait."""
        async with self._conversations.lock(conversation_id):
            conversation, participant = self._led(endpoint, conversation_id, uri)
            participant_after(participant, Attended.REJECTED)
            await self._conversations.drop(conversation, conversation.legs_of(uri), DENIED, now)

    async def eject(self, endpoint: Endpoint, conversation_id: str, uri: str, now: float) -> None:
        """UCWA eject: remove somebody else from the conference.  403 for the organizer."""
        async with self._conversations.lock(conversation_id):
            conversation, participant = self._led(endpoint, conversation_id, uri)
            if participant.organizer or uri == endpoint.user_uri:
                raise Refusal("Forbidden", None, "This participant cannot be removed.")
            participant_after(participant, Attended.EJECTED)
            await self._conversations.drop(conversation, conversation.legs_of(uri), EJECTED, now)

    async def promote(self, endpoint: Endpoint, conversation_id: str, uri: str) -> None:
        """UCWA promote: an attendee becomes a leader.  409 for who is one or waits."""
        await self._assign(endpoint, conversation_id, uri, Attended.PROMOTED)

    async def demote(self, endpoint: Endpoint, conversation_id: str, uri: str) -> None:
        """UCWA demote: a leader becomes an attendee.  403 for the organizer, 409 for attendees."""
        await self._assign(endpoint, conversation_id, uri, Attended.DEMOTED)

    async def set_audience(self, endpoint: Endpoint, conversation_id: str, **setting: Any) -> None:
        """UCWA enable/disableAudienceMessaging and enable/disableAudienceMuteLock.

        `setting` is `audience_messaging` or `audience_mute`, Enabled or Disabled; 409 when it is so
        already.
        """
        async with self._conversations.lock(conversation_id):
            conversation, leg = self._conversations.find(endpoint, conversation_id)
            must_lead(conversation, leg)
            draft, unit = conversation.draft(), Unit()
            draft.record = attrs.evolve(draft.record, **setting)
            if draft.record == conversation.record:
                raise Refusal("Conflict", None, "The setting is so already.")
            hush(draft)
            tell_settings(unit, draft)
            await self._conversations.change(unit, conversation, draft)

    async def _assign(
        self, endpoint: Endpoint, conversation_id: str, uri: str, event: Attended
    ) -> None:
        def assigned(draft: ActiveConversation, unit: Unit, participant: Participant) -> None:
            if participant.organizer:
                raise Refusal("Forbidden", None, "The organizer always leads the meeting.")
            changed = participant_after(participant, event)
            draft.participants[uri] = changed
            hush(draft)
            tell_moved(unit, draft, participant, changed, inside_of(draft))
            for leg in draft.legs_of(uri):
                tell_role(unit, draft, leg)

        await self._lead(endpoint, conversation_id, uri, assigned)

    async def _lead(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        uri: str,
        decide: Callable[[ActiveConversation, Unit, Participant], None],
    ) -> None:
        """What a leader does with a participant."""
        async with self._conversations.lock(conversation_id):
            conversation, participant = self._led(endpoint, conversation_id, uri)
            draft, unit = conversation.draft(), Unit()
            decide(draft, unit, participant)
            await self._conversations.change(unit, conversation, draft)

    def _led(
        self, endpoint: Endpoint, conversation_id: str, uri: str
    ) -> tuple[ActiveConversation, Participant]:
        """A participant of a conference that the application's user leads.

        404 without such a participant, 403 for who does not lead.
        """
        conversation, leg = self._conversations.find(endpoint, conversation_id)
        must_lead(conversation, leg)
        participant = conversation.participants.get(uri)
        if participant is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such participant.")
        return conversation, participant

    def _check_size(self, conversation: ActiveConversation, *, in_lobby: bool) -> None:
        inside = len(conversation.roster())
        if in_lobby and len(conversation.participants) - inside >= self._limits.lobby:
            raise Refusal("Conflict", "TooManyLobbyParticipants", "The lobby is full.")
        if not in_lobby and inside >= self._limits.participants:
            raise Refusal("Conflict", "TooManyParticipants", "The meeting is full.")

    def _names(self, conversation: ActiveConversation) -> Callable[[str], str]:
        return self._conversations.names_in(conversation)
