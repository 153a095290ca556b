"""The outbox of push notifications and what governs it."""

from sqlalchemy import BigInteger, Boolean, Double, Index, Table, Text

from mobility.store.tables.columns import column, key, metadata

push_notices = Table(
    "push_notices",
    metadata,
    key("id"),
    column("user_uri", Text),
    column("subscription_id", Text),
    column("kind", Text),
    column("topic", Text),
    column("cause", Text),
    column("created_at", Double),
    column("due_at", Double),
    column("expires_at", Double),
    column("changed_at", Double),
    column("conversation_id", Text),
    column("first", BigInteger),
    column("number", BigInteger),
    column("from_uri", Text),
    column("state", Text),
    column("reason", Text),
    column("rule", Text),
    column("handed_at", Double),
    column("attempts", BigInteger),
    column("answered_at", Double),
    column("answer", Text),
    column("taken", Boolean),
    Index("push_notices_conversation_id", "conversation_id"),
)

push_switches = Table(
    "push_switches",
    metadata,
    key("scope"),
    key("platform"),
    column("enabled", Boolean),
)

push_cursors = Table(
    "push_cursors",
    metadata,
    key("house"),
    column("stream", Text),
    column("after", BigInteger),
)
