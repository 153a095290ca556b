"""Conversations, who takes part in them, and what is said."""

from sqlalchemy import BigInteger, Boolean, Double, Index, Table, Text

from mobility.store.tables.columns import column, key, metadata

conversations = Table(
    "conversations",
    metadata,
    key("id"),
    column("thread_id", Text),
    column("subject", Text),
    column("importance", Text),
    column("created_at", Double),
    column("state", Text),
    column("version", BigInteger),
    column("meeting_uri", Text),
    column("audience_messaging", Text),
    column("audience_mute", Text),
    Index("conversations_state", "state"),
)

legs = Table(
    "legs",
    metadata,
    key("conversation_id"),
    key("application_id"),
    column("user_uri", Text),
    column("state", Text),
    column("messaging", Text),
    column("invitation_id", Text),
    column("call", Text),
    column("formats", Text),
    column("by_phone", Boolean),
    column("on_behalf_of", Text),
    sqlite_with_rowid=False,
)

participants = Table(
    "participants",
    metadata,
    key("conversation_id"),
    key("uri"),
    column("name", Text),
    column("role", Text),
    column("in_lobby", Boolean),
    column("anonymous", Boolean),
    column("organizer", Boolean),
    column("joined_at", Double),
    column("after_message", BigInteger),
    column("phone", Text),
    sqlite_with_rowid=False,
)

invitations = Table(
    "invitations",
    metadata,
    key("id"),
    column("conversation_id", Text),
    column("from_uri", Text),
    column("from_application_id", Text),
    column("to_uri", Text),
    column("operation_id", Text),
    column("created_at", Double),
    column("expires_at", Double),
    column("state", Text),
    column("message_number", BigInteger),
    column("accepted_by", Text),
    column("kind", Text),
    column("custom_content", Text),
    column("progress", Text),
    column("awaited", Boolean),
    Index("invitations_state", "state"),
    Index("invitations_expires_at", "expires_at"),
)

messages = Table(
    "messages",
    metadata,
    key("conversation_id"),
    key("number", BigInteger),
    column("from_uri", Text),
    column("format", Text),
    column("body", Text),
    column("sent_at", Double),
    column("missed", Boolean),
    column("plain", Text),
    column("failed", Text),
)

carriages = Table(
    "carriages",
    metadata,
    key("conversation_id"),
    key("number", BigInteger),
    column("application_id", Text),
    column("to_uri", Text),
    column("operation_id", Text),
    sqlite_with_rowid=False,
)

disposition_requests = Table(
    "disposition_requests",
    metadata,
    key("conversation_id"),
    key("number", BigInteger),
    column("from_uri", Text),
    column("to_uri", Text),
    column("message_id", Text),
    column("sent_at", Text),
    column("original_to", Text),
    column("delivery", Boolean),
    column("display", Boolean),
    sqlite_with_rowid=False,
)

delivery_marks = Table(
    "delivery_marks",
    metadata,
    key("conversation_id"),
    key("user_uri"),
    column("delivered", BigInteger),
    column("displayed", BigInteger),
    sqlite_with_rowid=False,
)
