"""Past conversations, what is not read yet, and what waits to be purged."""

from sqlalchemy import BigInteger, Boolean, Double, Index, Integer, Table, Text

from mobility.store.tables.columns import column, key, metadata

conversation_logs = Table(
    "conversation_logs",
    metadata,
    key("user_uri"),
    key("id"),
    column("conversation_id", Text),
    column("created_at", Double),
    column("began_at", Double),
    column("direction", Text),
    column("status", Text),
    column("type", Text),
    column("modalities", Text),
    column("thread_id", Text),
    column("subject", Text),
    column("importance", Text),
    column("meeting_uri", Text),
    column("recipients", Text),
    column("recipient_count", Integer),
    column("after_message", BigInteger),
    column("last_message", BigInteger),
    column("read_message", BigInteger),
    column("read", Boolean),
    column("call_status", Text),
    column("duration_s", Double),
    Index("conversation_logs_conversation_id", "conversation_id"),
    Index("conversation_logs_created_at", "created_at"),
    sqlite_with_rowid=False,
)

read_marks = Table(
    "read_marks",
    metadata,
    key("conversation_id"),
    key("user_uri"),
    column("message_number", BigInteger),
    sqlite_with_rowid=False,
)

voicemail_counts = Table(
    "voicemail_counts",
    metadata,
    key("user_uri"),
    column("total", Integer),
    column("unread", Integer),
    sqlite_with_rowid=False,
)

leftovers = Table(
    "leftovers",
    metadata,
    key("conversation_id"),
    sqlite_with_rowid=False,
)
