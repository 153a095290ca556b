"""The store's own tables: event streams, counters and settings."""

from sqlalchemy import BigInteger, LargeBinary, Table, Text

from mobility.store.tables.columns import column, key, metadata

streams = Table(
    "streams",
    metadata,
    key("id"),
    column("base", BigInteger),
    column("head", BigInteger),
)
"""Event streams: entries up to `base` are forgotten, `head` is the last position given."""

stream_entries = Table(
    "stream_entries",
    metadata,
    key("stream_id"),
    key("position", BigInteger),
    column("kind", Text),
    column("data", Text),
    column("conversation_id", Text, nullable=True),
    column("message_number", BigInteger, nullable=True),
)
"""Facts as `mobility.domain.facts.encode` writes them; the last two name their message.

With a rowid on SQLite: new entries of all streams go to the end of one table, and only their small
keys into the midst of an index.  In key order each stream has pages of its own, which split as it
grows: a commit of eight messages then writes half as many pages again."""

counters = Table(
    "counters",
    metadata,
    key("name"),
    column("value", BigInteger),
    sqlite_with_rowid=False,
)

settings = Table(
    "settings",
    metadata,
    key("name"),
    column("value", LargeBinary),
    sqlite_with_rowid=False,
)
"""What the store keeps for the whole system, such as the server's secret."""

PRESENCE_COUNTER = "presence"
"""The row of `counters` under which presence changes are numbered."""
