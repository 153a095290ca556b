"""The rows of conversations: how they are loaded, and what a change saves and removes."""

from collections.abc import Mapping
from typing import TypeVar

from mobility.domain.conversation import ActiveConversation
from mobility.domain.ledger import Snapshot, Unit
from mobility.domain.mixed_part import stored_part
from mobility.domain.records import (
    CallSide,
    ContentView,
    Invitation,
    Leg,
    Participant,
    SharedContent,
)

R = TypeVar("R", Leg, Invitation, Participant, CallSide, SharedContent, ContentView)


def from_rows(stored: Snapshot) -> list[ActiveConversation]:
    """The conversations with everything in them but their legs; rows of others are left out."""
    found = {record.id: ActiveConversation(record) for record in stored.conversations}
    for participant in stored.participants:
        if (conversation := found.get(participant.conversation_id)) is not None:
            conversation.participants[participant.uri] = participant
    for invitation in stored.invitations:
        if (conversation := found.get(invitation.conversation_id)) is not None:
            conversation.invitations[invitation.id] = invitation
    for call in stored.calls:
        if (conversation := found.get(call.conversation_id)) is not None:
            conversation.call = call
    for side in stored.call_sides:
        if (conversation := found.get(side.conversation_id)) is not None:
            if conversation.call is None or conversation.call.id != side.call_id:
                conversation.parts[side.device_id] = stored_part(
                    side, conversation.invitations.get(side.call_id)
                )
            else:
                conversation.sides[side.device_id] = side
    for renegotiation in stored.renegotiations:
        if (conversation := found.get(renegotiation.conversation_id)) is not None:
            conversation.renegotiation = renegotiation
    for content in stored.shared_contents:
        if (conversation := found.get(content.conversation_id)) is not None:
            conversation.contents[content.modality] = content
    for view in stored.content_views:
        if (conversation := found.get(view.conversation_id)) is not None:
            conversation.views[view.id] = view
    return list(found.values())


def put_new(unit: Unit, conversation: ActiveConversation) -> None:
    """A new conversation with everything in it."""
    unit.save(
        conversation.record,
        *conversation.invitations.values(),
        *conversation.legs.values(),
        *conversation.participants.values(),
        *conversation.sides.values(),
    )
    if conversation.call is not None:
        unit.save(conversation.call)


def put_changes(unit: Unit, before: ActiveConversation, after: ActiveConversation) -> None:
    """What `after` has otherwise than `before`; invitations stay, and calls that are over are put
    by who ends them."""
    unit.save(after.record)
    unit.save(*_changed(before.invitations, after.invitations))
    _put(unit, before.legs, after.legs)
    _put(unit, before.participants, after.participants)
    _put(unit, before.sides, after.sides)
    parts = [{key: part.side for key, part in one.parts.items()} for one in (before, after)]
    _put(unit, *parts)
    _put(unit, before.contents, after.contents)
    _put(unit, before.views, after.views)
    if after.call is not None and after.call is not before.call:
        unit.save(after.call)
    if after.renegotiation is not None and after.renegotiation is not before.renegotiation:
        unit.save(after.renegotiation)


def _put(unit: Unit, before: Mapping[str, R], after: Mapping[str, R]) -> None:
    unit.save(*_changed(before, after))
    unit.remove(*(record for key, record in before.items() if key not in after))


def _changed(before: Mapping[str, R], after: Mapping[str, R]) -> list[R]:
    return [record for key, record in after.items() if before.get(key) is not record]
