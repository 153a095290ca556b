"""The tables: one for each record class of `mobility.domain.records`, and the store's own.

Columns have the names and the order of the record's fields, and the primary key is its `KEY`.
Times are epoch seconds.  There are no foreign keys: one unit of work writes all rows that belong
together, and rows of different tables live for different times.

The types suit SQLite and PostgreSQL alike; what only SQLite knows is said in `sqlite_` arguments.
Tables of small rows that are read by their key's order are kept WITHOUT ROWID there.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from mobility.domain.records import (
    Application,
    Contact,
    Conversation,
    DistributionGroup,
    Group,
    Instance,
    Invitation,
    Leg,
    Meeting,
    MeetingExtension,
    Message,
    Participant,
    Photo,
    Presence,
    PresenceSubscription,
    Receipt,
    Record,
    Token,
    User,
)

metadata = MetaData()


def _key(name: str, type_: type[TypeEngine[Any]] = Text) -> Column[Any]:
    """A column of the primary key; never filled in by the database."""
    return Column(name, type_, primary_key=True, autoincrement=False, nullable=False)


def _column(name: str, type_: type[TypeEngine[Any]], *, nullable: bool = False) -> Column[Any]:
    return Column(name, type_, nullable=nullable)


users = Table(
    "users",
    metadata,
    _key("uri"),
    _column("name", Text),
    _column("password_hash", Text),
    _column("credential_version", Integer),
    _column("home", Text),
    _column("enabled", Boolean),
    _column("email", Text),
    _column("title", Text),
    _column("department", Text),
    _column("company", Text),
    _column("office", Text),
    _column("work_phone", Text),
    _column("mobile_phone", Text),
    _column("home_phone", Text),
    _column("other_phone", Text),
    _column("site", Text),
    _column("enterprise_voice", Boolean),
    _column("sip_ha1_md5", Text),
    _column("sip_ha1_sha256", Text),
    _column("created_at", Double),
    _column("source", Text),
    _column("source_id", Text),
    _column("source_name", Text),
    _column("source_password", Text),
    _column("photo_version", Text),
    _column("private_phones", Text),
)

photos = Table(
    "photos",
    metadata,
    _key("user_uri"),
    _column("image", LargeBinary),
)

tokens = Table(
    "tokens",
    metadata,
    _key("digest"),
    _column("user_uri", Text),
    _column("issued_at", Double),
    _column("expires_at", Double),
    Index("tokens_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)

applications = Table(
    "applications",
    metadata,
    _key("id"),
    _column("user_uri", Text),
    _column("culture", Text),
    _column("user_agent", Text),
    _column("endpoint_id", Text),
    _column("type", Text),
    _column("created_at", Double),
    _column("put_token", Text),
    _column("etag", BigInteger),
    _column("available", Boolean),
    _column("modalities", Text),
    _column("formats", Text),
    _column("audio_preference", Text),
    _column("phone_number", Text),
    _column("conversation_history", Text),
    _column("inactive_timeout_s", Integer),
)

instances = Table(
    "instances",
    metadata,
    _key("application_id"),
    _key("instance_id"),
    _column("created_at", Double),
    sqlite_with_rowid=False,
)

presences = Table(
    "presences",
    metadata,
    _key("user_uri"),
    _column("presence_number", BigInteger),
    _column("note_number", BigInteger),
    _column("location_number", BigInteger),
    _column("media_number", BigInteger),
    _column("manual", Text),
    _column("availability", Text),
    _column("activity", Text),
    _column("device_type", Text),
    _column("last_active_at", Double),
    _column("note", Text),
    _column("note_type", Text),
    _column("location", Text),
    _column("modalities", Text),
)

presence_subscriptions = Table(
    "presence_subscriptions",
    metadata,
    _key("id"),
    _column("application_id", Text),
    _column("uris", Text),
    _column("expires_at", Double),
    _column("group_id", Text),
)

contact_groups = Table(
    "contact_groups",
    metadata,
    _key("owner_uri"),
    _key("id"),
    _column("name", Text),
    _column("kind", Text),
    sqlite_with_rowid=False,
)

distribution_groups = Table(
    "distribution_groups",
    metadata,
    _key("uri"),
    _column("name", Text),
    _column("members", Text),
    _column("source", Text),
    _column("source_id", Text),
)

contacts = Table(
    "contacts",
    metadata,
    _key("owner_uri"),
    _key("group_id"),
    _key("uri"),
    sqlite_with_rowid=False,
)

conversations = Table(
    "conversations",
    metadata,
    _key("id"),
    _column("thread_id", Text),
    _column("subject", Text),
    _column("importance", Text),
    _column("created_at", Double),
    _column("state", Text),
    _column("version", BigInteger),
    _column("meeting_uri", Text),
    _column("audience_messaging", Text),
    _column("audience_mute", Text),
    Index("conversations_state", "state"),
)

legs = Table(
    "legs",
    metadata,
    _key("conversation_id"),
    _key("application_id"),
    _column("user_uri", Text),
    _column("state", Text),
    _column("messaging", Text),
    _column("invitation_id", Text),
    sqlite_with_rowid=False,
)

participants = Table(
    "participants",
    metadata,
    _key("conversation_id"),
    _key("uri"),
    _column("name", Text),
    _column("role", Text),
    _column("in_lobby", Boolean),
    _column("anonymous", Boolean),
    _column("organizer", Boolean),
    _column("joined_at", Double),
    _column("after_message", BigInteger),
    sqlite_with_rowid=False,
)

invitations = Table(
    "invitations",
    metadata,
    _key("id"),
    _column("conversation_id", Text),
    _column("from_uri", Text),
    _column("from_application_id", Text),
    _column("to_uri", Text),
    _column("operation_id", Text),
    _column("created_at", Double),
    _column("expires_at", Double),
    _column("state", Text),
    _column("message_number", BigInteger),
    _column("accepted_by", Text),
    _column("kind", Text),
    _column("custom_content", Text),
    Index("invitations_state", "state"),
)

messages = Table(
    "messages",
    metadata,
    _key("conversation_id"),
    _key("number", BigInteger),
    _column("from_uri", Text),
    _column("format", Text),
    _column("body", Text),
    _column("sent_at", Double),
    _column("missed", Boolean),
)

receipts = Table(
    "receipts",
    metadata,
    _key("user_uri"),
    _key("key"),
    _column("fingerprint", Text),
    _column("resource_id", Text),
    _column("created_at", Double),
    Index("receipts_created_at", "created_at"),
    sqlite_with_rowid=False,
)

meetings = Table(
    "meetings",
    metadata,
    _key("id"),
    _column("organizer_uri", Text),
    _column("number", Text),
    _column("created_at", Double),
    _column("expires_at", Double),
    _column("assigned", Boolean),
    _column("subject", Text),
    _column("description", Text),
    _column("access_level", Text),
    _column("automatic_leader_assignment", Text),
    _column("entry_exit_announcement", Text),
    _column("lobby_bypass_for_phone_users", Text),
    _column("phone_user_admission", Text),
    _column("attendees", Text),
    _column("leaders", Text),
    _column("version", BigInteger),
    _column("improvised", Boolean),
)

meeting_extensions = Table(
    "meeting_extensions",
    metadata,
    _key("meeting_id"),
    _key("id"),
    _column("type", Text),
    _column("properties", Text),
    _column("version", BigInteger),
)

TABLE_OF: dict[type[Record], Table] = {
    User: users,
    Photo: photos,
    Token: tokens,
    Application: applications,
    Instance: instances,
    Presence: presences,
    PresenceSubscription: presence_subscriptions,
    Group: contact_groups,
    DistributionGroup: distribution_groups,
    Contact: contacts,
    Conversation: conversations,
    Leg: legs,
    Participant: participants,
    Invitation: invitations,
    Message: messages,
    Receipt: receipts,
    Meeting: meetings,
    MeetingExtension: meeting_extensions,
}

streams = Table(
    "streams",
    metadata,
    _key("id"),
    _column("base", BigInteger),
    _column("head", BigInteger),
)
"""Event streams: entries up to `base` are forgotten, `head` is the last position given."""

stream_entries = Table(
    "stream_entries",
    metadata,
    _key("stream_id"),
    _key("position", BigInteger),
    _column("kind", Text),
    _column("data", Text),
    _column("conversation_id", Text, nullable=True),
    _column("message_number", BigInteger, nullable=True),
)
"""Facts as `mobility.domain.facts.encode` writes them; the last two name their message.

With a rowid on SQLite: new entries of all streams go to the end of one table, and only their small
keys into the midst of an index.  In key order each stream has pages of its own, which split as it
grows: a commit of eight messages then writes half as many pages again."""

counters = Table(
    "counters",
    metadata,
    _key("name"),
    _column("value", BigInteger),
    sqlite_with_rowid=False,
)

settings = Table(
    "settings",
    metadata,
    _key("name"),
    _column("value", LargeBinary),
    sqlite_with_rowid=False,
)
"""What the store keeps for the whole system, such as the server's secret."""

PRESENCE_COUNTER = "presence"
"""The row of `counters` under which presence changes are numbered."""
