"""The port to the store: units of work in, committed facts out.

The domain decides in memory, puts everything one decision changes into one `Unit`, and commits it.
The unit is durable when `commit` answers; only then are its facts published (DESIGN decision 1).
"""

from collections.abc import Awaitable, Sequence
from typing import Protocol

import attrs

from mobility.domain.facts import Fact
from mobility.domain.records import (
    Application,
    Binding,
    Call,
    CallForwarding,
    CallSide,
    Carriage,
    Contact,
    ContactSubscription,
    ContentView,
    Conversation,
    ConversationLog,
    Delegation,
    DeliveryMark,
    DispositionRequest,
    DistributionGroup,
    Group,
    Instance,
    Invitation,
    Leg,
    LegacyClient,
    Meeting,
    MeetingExtension,
    Message,
    MobilityGrant,
    MobilitySetting,
    Participant,
    Photo,
    Presence,
    PresenceSubscription,
    PrivacyRelationship,
    PushCursor,
    PushNotice,
    PushSubscription,
    PushSwitch,
    ReadMark,
    Receipt,
    Record,
    Renegotiation,
    ServiceAccount,
    ServiceSecret,
    SharedContent,
    TeamMember,
    Token,
    User,
    VoiceGrant,
    VoicemailCount,
    VoiceSetting,
)


class Conflict(Exception):
    """A guard of the unit did not hold: somebody else changed the row; reload and decide again."""


@attrs.define(slots=True)
class Entry:
    """A fact on its way to one stream; the writer fills in `position`.

    `message` is the message whose body belongs to the fact (MessageCompleted, InvitationChanged).
    `shared` says that several streams hear of it alike, so that it is worth to be encoded once; it
    is not stored.
    """

    stream_id: str
    fact: Fact
    message: Message | None = None
    position: int = 0
    shared: bool = False


@attrs.define(slots=True)
class Unit:
    """Everything one decision changes; it is stored whole or not at all.

    `save` writes a record over the one of the same key, `remove` deletes by key, `append` adds a
    fact to a stream, `presence` saves a presence row whose numbers named in `stamp` are taken
    from the presence counter by the writer (in `Committed.presences` they are filled in).
    `open_stream`/`drop_stream` create and delete event streams.
    """

    saves: list[Record] = attrs.Factory(list)
    removes: list[Record] = attrs.Factory(list)
    entries: list[Entry] = attrs.Factory(list)
    presences: list[tuple[Presence, tuple[str, ...]]] = attrs.Factory(list)
    opened_streams: list[str] = attrs.Factory(list)
    dropped_streams: list[str] = attrs.Factory(list)

    def save(self, *records: Record) -> None:
        self.saves.extend(records)

    def remove(self, *records: Record) -> None:
        self.removes.extend(records)

    def append(
        self, stream_id: str, fact: Fact, message: Message | None = None, *, shared: bool = False
    ) -> None:
        self.entries.append(Entry(stream_id, fact, message, 0, shared))

    def presence(self, presence: Presence, *stamp: str) -> None:
        """`stamp`: any of "presence_number", "note_number", "location_number", "media_number"."""
        self.presences.append((presence, stamp))

    def open_stream(self, stream_id: str) -> None:
        self.opened_streams.append(stream_id)

    def drop_stream(self, stream_id: str) -> None:
        self.dropped_streams.append(stream_id)

    def __bool__(self) -> bool:
        return bool(
            self.saves
            or self.removes
            or self.entries
            or self.presences
            or self.opened_streams
            or self.dropped_streams
        )


@attrs.frozen(slots=True)
class Committed:
    """What a unit became: its entries with their positions, its presences with their numbers."""

    entries: Sequence[Entry]
    presences: Sequence[Presence]
    dropped_streams: Sequence[str] = ()


class Ledger(Protocol):
    """Where units of work are committed.

    `commit` answers when the unit is durable and its facts have been handed to the bus.  It raises
    `Conflict`, or `mobility.errors.Unavailable` when the store cannot take it (then nothing of it
    is stored).  Units commit in the order they were given.
    """

    def commit(self, unit: Unit) -> Awaitable[Committed]: ...


@attrs.define(slots=True)
class Snapshot:
    """Everything a front end keeps in memory, as the store had it at start."""

    users: list[User] = attrs.Factory(list)
    distribution_groups: list[DistributionGroup] = attrs.Factory(list)
    listed_groups: list[Group] = attrs.Factory(list)
    """The distribution groups on contact lists."""
    tokens: list[Token] = attrs.Factory(list)
    bindings: list[Binding] = attrs.Factory(list)
    applications: list[Application] = attrs.Factory(list)
    instances: list[Instance] = attrs.Factory(list)
    presences: list[Presence] = attrs.Factory(list)
    subscriptions: list[PresenceSubscription] = attrs.Factory(list)
    contact_subscriptions: list[ContactSubscription] = attrs.Factory(list)
    privacy: list[PrivacyRelationship] = attrs.Factory(list)
    conversations: list[Conversation] = attrs.Factory(list)
    legs: list[Leg] = attrs.Factory(list)
    participants: list[Participant] = attrs.Factory(list)
    invitations: list[Invitation] = attrs.Factory(list)
    voicemails: list[VoicemailCount] = attrs.Factory(list)
    message_counts: dict[str, int] = attrs.Factory(dict)
    """The highest message number of each active conversation."""
    calls: list[Call] = attrs.Factory(list)
    carriages: list[Carriage] = attrs.Factory(list)
    """The messages on their way to people who have no application."""
    disposition_requests: list[DispositionRequest] = attrs.Factory(list)
    delivery_marks: list[DeliveryMark] = attrs.Factory(list)
    call_sides: list[CallSide] = attrs.Factory(list)
    renegotiations: list[Renegotiation] = attrs.Factory(list)
    shared_contents: list[SharedContent] = attrs.Factory(list)
    content_views: list[ContentView] = attrs.Factory(list)
    push_subscriptions: list[PushSubscription] = attrs.Factory(list)
    push_notices: list[PushNotice] = attrs.Factory(list)
    """The notifications that are not over."""
    push_switches: list[PushSwitch] = attrs.Factory(list)
    push_cursors: list[PushCursor] = attrs.Factory(list)
    read_marks: list[ReadMark] = attrs.Factory(list)
    last_said: list[tuple[str, str, int]] = attrs.Factory(list)
    """Of each active conversation and who wrote in it the number of the latest message."""
    left: list[tuple[str, str]] = attrs.Factory(list)
    """Active conversations, and users who have left them and have a log of it."""
    meetings: list[Meeting] = attrs.Factory(list)
    meeting_extensions: list[MeetingExtension] = attrs.Factory(list)
    delegations: list[Delegation] = attrs.Factory(list)
    team_members: list[TeamMember] = attrs.Factory(list)
    mobility_settings: list[MobilitySetting] = attrs.Factory(list)
    mobility_grants: list[MobilityGrant] = attrs.Factory(list)
    service_accounts: list[ServiceAccount] = attrs.Factory(list)
    service_secrets: list[ServiceSecret] = attrs.Factory(list)
    voice_settings: list[VoiceSetting] = attrs.Factory(list)
    voice_grants: list[VoiceGrant] = attrs.Factory(list)
    call_forwardings: list[CallForwarding] = attrs.Factory(list)
    legacy_clients: list[LegacyClient] = attrs.Factory(list)
    heads: dict[str, tuple[int, int]] = attrs.Factory(dict)
    """Of each stream, the position below which it was trimmed, and its last position."""
    presence_number: int = 0


@attrs.frozen(slots=True)
class HistoryCounts:
    """What a user has in the history: logs, those missed, those missed and unread; the unread
    messages in all logs together, and the unread logs without messages; voicemails, and those
    unread."""

    logs: int = 0
    missed: int = 0
    unread_missed: int = 0
    unread_messages: int = 0
    unread_calls: int = 0
    voicemails: int = 0
    unread_voicemails: int = 0


class Archive(Protocol):
    """What is read from the store when memory does not hold it; each answer is a thread hop."""

    def entries(self, stream_id: str, after: int, limit: int) -> Awaitable[Sequence[Entry]]:
        """The entries of a stream with positions above `after`, in order, bodies included."""
        ...

    def message(self, conversation_id: str, number: int) -> Awaitable[Message | None]: ...

    def messages(self, conversation_id: str, after: int, last: int) -> Awaitable[Sequence[Message]]:
        """The messages of a conversation after one number up to and with another, in order."""
        ...

    def conversation_logs(
        self, user_uri: str, limit: int, *, unread: bool = False
    ) -> Awaitable[Sequence[ConversationLog]]:
        """The latest logs of a user, or of those with anything unread, newest first."""
        ...

    def conversation_log(self, user_uri: str, log_id: str) -> Awaitable[ConversationLog | None]: ...

    def logs_of_conversation(
        self, user_uri: str, conversation_id: str
    ) -> Awaitable[Sequence[ConversationLog]]:
        """What a user has of one conversation: a log for each time the user left, oldest first."""
        ...

    def history_counts(self, user_uri: str) -> Awaitable[HistoryCounts]: ...

    def contacts(self, owner_uri: str) -> Awaitable[tuple[Sequence[Group], Sequence[Contact]]]: ...

    def contacts_naming(self, uri: str) -> Awaitable[Sequence[Contact]]:
        """The entries of all contact lists that are about a user."""
        ...

    def receipts(self, user_uri: str) -> Awaitable[Sequence[Receipt]]: ...

    def receipt(self, user_uri: str, key: str) -> Awaitable[Receipt | None]: ...

    def photo(self, user_uri: str) -> Awaitable[Photo | None]: ...

    def push_notices(self, conversation_id: str) -> Awaitable[Sequence[PushNotice]]:
        """The notifications about messages of a conversation, those that are over too."""
        ...

    def place_of(self, stream_id: str, message: Message) -> Awaitable[int | None]:
        """The position at which a stream tells of a message first, None if it does not."""
        ...

    def push_notice(self, notice_id: str) -> Awaitable[PushNotice | None]:
        """One notification, also if it is over."""
        ...

    def trim(self, upto: dict[str, int]) -> Awaitable[None]:
        """Forget the entries of each stream up to and with the given position."""
        ...
