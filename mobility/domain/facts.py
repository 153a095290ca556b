"""What happened, as it is kept in event streams and carried by the bus.

A fact names things by id and carries the values they had at that moment, so a reader needs no
query to tell of it.  Each adapter renders facts in its own protocol.  A fact must survive a round
trip through `encode` and `decode`, since streams live in the store.
"""

from typing import Any

import attrs
import msgspec


@attrs.frozen(slots=True)
class MeChanged:
    """The owner's own data or abilities changed."""


@attrs.frozen(slots=True)
class SelfPresence:
    """The owner's own `part` ("presence", "note" or "location") was `change` (added, updated,
    deleted)."""

    part: str
    change: str


@attrs.frozen(slots=True)
class CommunicationChanged:
    """The application's communication settings or abilities changed."""


@attrs.frozen(slots=True)
class PoliciesChanged:
    """The policy that rules the application changed."""


@attrs.frozen(slots=True)
class SubscriptionChanged:
    """A presence subscription was added, updated (about to expire) or deleted."""

    subscription_id: str
    change: str


@attrs.frozen(slots=True)
class ContactWatched:
    """A user entered (`added`) or left (`deleted`) the set the application watches."""

    uri: str
    change: str


@attrs.frozen(slots=True)
class ContactListChanged:
    """A contact (`uri`) or, with "" for it, a group was added, updated or deleted."""

    group_id: str
    uri: str
    change: str


@attrs.frozen(slots=True)
class ContactSubscriptionChanged:
    """The application's contacts-and-groups subscription is about to expire, or has ended.

    `state` is its SubscriptionState then: Connected or Disconnected.
    """

    state: str


@attrs.frozen(slots=True)
class ConversationSnapshot:
    """A conversation as one application sees it; `state` is a ConversationState.

    The last four are of a conference: whether it is one, whether the application's user leads it,
    how many take part, and the two settings for attendees.
    """

    id: str
    state: str
    thread_id: str
    subject: str
    importance: str
    created_at: float
    modalities: tuple[str, ...] = ()
    conference: bool = False
    leader: bool = False
    participants: int = 0
    audience_messaging: str = ""
    audience_mute: str = ""


@attrs.frozen(slots=True)
class ConversationChanged:
    """A conversation was added, updated or deleted, or its messaging changed state."""

    change: str
    conversation: ConversationSnapshot


@attrs.frozen(slots=True)
class MessagingChanged:
    """The messaging modality of a conversation is now in `state` (a CallState).

    `may_send` is false while attendees may not send; `conference` says messaging can be added.
    """

    conversation_id: str
    state: str
    formats: tuple[str, ...] = ()
    may_send: bool = True
    conference: bool = False


@attrs.frozen(slots=True)
class ParticipantChanged:
    """A participant was added to, updated in or deleted from a conversation.

    `local` is the owner itself.  `within` is "" for the conversation as a whole, else the view of
    a conference that changed: leaders, attendees or lobby.
    """

    conversation_id: str
    uri: str
    name: str
    local: bool
    change: str
    within: str = ""
    role: str = ""
    in_lobby: bool = False
    anonymous: bool = False
    organizer: bool = False


@attrs.frozen(slots=True)
class OnlineMeetingChanged:
    """The meeting of a conference was added to the conversation or updated."""

    conversation_id: str
    change: str


@attrs.frozen(slots=True)
class ParticipantMessagingChanged:
    """A participant's messaging was added to or deleted from a conversation."""

    conversation_id: str
    uri: str
    name: str
    local: bool
    change: str


@attrs.frozen(slots=True)
class TypingChanged:
    """A participant began (`added`) or stopped (`deleted`) typing."""

    conversation_id: str
    uri: str
    name: str
    change: str


@attrs.frozen(slots=True)
class Reason:
    """Why an operation failed: a UCWA code and subcode."""

    code: str
    subcode: str
    message: str = ""


@attrs.frozen(slots=True)
class InvitationChanged:
    """An invitation was started, updated or completed, as one application sees it.

    `kind` is that of the invitation's record.  `message_number` is not 0 when the invitation
    carries a message (kept with the event).  `meeting_uri` is that of a conference.
    """

    change: str
    id: str
    conversation_id: str
    direction: str
    state: str
    from_uri: str
    from_name: str
    to_uri: str
    to_name: str
    operation_id: str
    thread_id: str
    subject: str
    importance: str
    message_number: int = 0
    accepted_by: tuple[str, str] | None = None
    """URI and name of who accepted."""
    reason: Reason | None = None
    kind: str = "messaging"
    meeting_uri: str = ""
    custom_content: str = ""


@attrs.frozen(slots=True)
class MessageCompleted:
    """A message was sent (`Outgoing`) or has come (`Incoming`); its body is kept once."""

    conversation_id: str
    number: int
    direction: str
    from_uri: str
    from_name: str
    sent_at: float
    operation_id: str = ""


Fact = (
    MeChanged
    | SelfPresence
    | CommunicationChanged
    | PoliciesChanged
    | SubscriptionChanged
    | ContactWatched
    | ContactListChanged
    | ContactSubscriptionChanged
    | ConversationChanged
    | MessagingChanged
    | ParticipantChanged
    | OnlineMeetingChanged
    | ParticipantMessagingChanged
    | TypingChanged
    | InvitationChanged
    | MessageCompleted
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
