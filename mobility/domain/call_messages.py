"""Messages between two who are in a call: what they are told when these begin and end."""

import attrs

from mobility.domain.conversation import ActiveConversation, NameOf
from mobility.domain.conversation_facts import formats_of, invitation_fact
from mobility.domain.facts import (
    ConversationChanged,
    MessagingChanged,
    ParticipantMessagingChanged,
)
from mobility.domain.ledger import Unit
from mobility.domain.outcomes import REMOVED
from mobility.domain.records import Invitation, Leg


def tell_messaging_in_call(
    unit: Unit, after: ActiveConversation, asked: Invitation, name_of: NameOf
) -> None:
    """Two who are in a call write to one another from now on; one of them asked for it."""
    accepted_by = asked.to_uri
    for leg in after.legs.values():
        stream = leg.application_id
        asks = stream == asked.from_application_id
        if asks:
            unit.append(stream, invitation_fact(after, asked, leg, "started", name_of))
            unit.append(stream, MessagingChanged(after.id, "Connecting"))
        for uri in (*after.peers(leg), leg.user_uri):
            own = uri == leg.user_uri
            unit.append(stream, _messaging_of(after, uri, name_of, "added", own=own))
        unit.append(stream, MessagingChanged(after.id, "Connected", formats_of(leg)))
        unit.append(stream, ConversationChanged("updated", after.snapshot(leg)))
        if asks:
            done = attrs.evolve(after.invitations[asked.id], accepted_by=accepted_by)
            unit.append(stream, invitation_fact(after, done, leg, "completed", name_of))


def tell_messaging_over(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    leg: Leg,
    name_of: NameOf,
) -> None:
    """Two parties end their messages and go on with a call: what `leg` is told."""
    stream = leg.application_id
    over = MessagingChanged(before.id, "Disconnected", may_add=True, reason=REMOVED)
    unit.append(stream, over)
    for uri in (leg.user_uri, *before.peers(leg)):
        own = uri == leg.user_uri
        unit.append(stream, _messaging_of(before, uri, name_of, "deleted", own=own))
    unit.append(stream, ConversationChanged("updated", after.snapshot(after.legs[stream])))


def _messaging_of(
    conversation: ActiveConversation, uri: str, name_of: NameOf, change: str, *, own: bool
) -> ParticipantMessagingChanged:
    return ParticipantMessagingChanged(conversation.id, uri, name_of(uri), own, change)
