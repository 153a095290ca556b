"""What happened, as it is kept in event streams and carried by the bus.

A fact names things by id and carries the values they had at that moment, so a reader needs no
query to tell of it.  Each adapter renders facts in its own protocol.  A fact must survive a round
trip through `encode` and `decode`, since streams live in the store.
"""

from typing import Any

import msgspec

from mobility.domain.facts.calls import (
    CallChanged,
    CallTerms,
    MediaShown,
    NegotiationChanged,
    ParticipantMediaChanged,
    RenegotiationChanged,
    SessionChanged,
    VideoLocked,
)
from mobility.domain.facts.conversations import (
    ConversationChanged,
    ConversationSnapshot,
    InvitationChanged,
    MessageCompleted,
    MessagingChanged,
    OnlineMeetingChanged,
    ParticipantChanged,
    ParticipantMessagingChanged,
    Reason,
    RosterShown,
    TypingChanged,
)
from mobility.domain.facts.history import MissedItemsChanged, UnreadChanged
from mobility.domain.facts.people import (
    CommunicationChanged,
    ContactListChanged,
    ContactSeenAnew,
    ContactSubscriptionChanged,
    ContactWatched,
    MeChanged,
    PoliciesChanged,
    PrivacyChanged,
    SelfPresence,
    SubscriptionChanged,
)
from mobility.domain.facts.sharing import (
    ContentChanged,
    ContentOffered,
    ParticipantContentChanged,
    SharerChanged,
)

Fact = (
    MeChanged
    | SelfPresence
    | CommunicationChanged
    | PoliciesChanged
    | SubscriptionChanged
    | ContactWatched
    | ContactListChanged
    | ContactSubscriptionChanged
    | ContactSeenAnew
    | PrivacyChanged
    | ConversationChanged
    | MessagingChanged
    | ParticipantChanged
    | RosterShown
    | OnlineMeetingChanged
    | ParticipantMessagingChanged
    | TypingChanged
    | InvitationChanged
    | MessageCompleted
    | CallChanged
    | NegotiationChanged
    | SessionChanged
    | RenegotiationChanged
    | ParticipantMediaChanged
    | MediaShown
    | VideoLocked
    | ContentChanged
    | SharerChanged
    | ParticipantContentChanged
    | ContentOffered
    | MissedItemsChanged
    | UnreadChanged
)

KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in Fact.__args__}
"""The name a fact has in the store, to its class."""


def encode(fact: Fact) -> tuple[str, str]:
    """The kind and the JSON text under which a stream keeps `fact`."""
    return type(fact).__name__, msgspec.json.encode(fact).decode()


def decode(kind: str, data: str) -> Fact:
    """The fact that `encode` wrote.  Raises KeyError or msgspec.ValidationError on foreign data."""
    fact: Fact = msgspec.json.decode(data, type=KINDS[kind])
    return fact


__all__ = [
    "KINDS",
    "CallChanged",
    "CallTerms",
    "CommunicationChanged",
    "ContactListChanged",
    "ContactSeenAnew",
    "ContactSubscriptionChanged",
    "ContactWatched",
    "ContentChanged",
    "ContentOffered",
    "ConversationChanged",
    "ConversationSnapshot",
    "Fact",
    "InvitationChanged",
    "MeChanged",
    "MediaShown",
    "MessageCompleted",
    "MessagingChanged",
    "MissedItemsChanged",
    "NegotiationChanged",
    "OnlineMeetingChanged",
    "ParticipantChanged",
    "ParticipantContentChanged",
    "ParticipantMediaChanged",
    "ParticipantMessagingChanged",
    "PoliciesChanged",
    "PrivacyChanged",
    "Reason",
    "RenegotiationChanged",
    "RosterShown",
    "SelfPresence",
    "SessionChanged",
    "SharerChanged",
    "SubscriptionChanged",
    "TypingChanged",
    "UnreadChanged",
    "VideoLocked",
    "decode",
    "encode",
]
