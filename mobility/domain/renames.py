"""Showing a user's new name in the conversations that it takes part in."""

import attrs

from mobility.domain.applications import Applications
from mobility.domain.conference import participant_fact, seen, view_of
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.ledger import Unit
from mobility.domain.records import Leg, User


class Renames:
    """Tells everybody in a conversation what somebody in it is called now."""

    def __init__(self, applications: Applications, conversations: Conversations) -> None:
        self._applications = applications
        self._conversations = conversations

    async def renamed(self, user: User, now: float) -> None:  # noqa: ARG002  # a Departure
        """The user has another name."""
        mine = {
            conversation.id: conversation
            for endpoint in self._applications.of_user(user.uri)
            for conversation, _ in self._conversations.of(endpoint)
        }
        for conversation in mine.values():
            async with self._conversations.lock(conversation.id):
                if conversation.record.state == "Active":
                    await self._tell(conversation, user)

    async def _tell(self, conversation: ActiveConversation, user: User) -> None:
        draft, unit = conversation.draft(), Unit()
        participant = draft.participants.get(user.uri)
        if participant is not None:
            draft.participants[user.uri] = attrs.evolve(participant, name=user.name)
        for leg in draft.legs.values():
            self._tell_one(unit, draft, leg, user.uri)
        await self._conversations.change(unit, conversation, draft)

    def _tell_one(self, unit: Unit, draft: ActiveConversation, leg: Leg, uri: str) -> None:
        stream = leg.application_id
        fact = seen(draft, leg, uri, self._conversations.names_in(draft))
        if fact is None:
            return
        participant = draft.participants.get(uri)
        if participant is None or not participant.in_lobby or fact.local:
            unit.append(stream, fact)
        inside = leg.state == "Conferenced"
        if participant is not None and inside:
            view = view_of(participant)
            unit.append(stream, participant_fact(participant, leg, "updated", view))
