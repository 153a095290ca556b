"""What lets clients in."""

from sqlalchemy import BigInteger, Boolean, Double, Index, Integer, Table, Text

from mobility.store.tables.columns import column, key, metadata

tokens = Table(
    "tokens",
    metadata,
    key("digest"),
    column("user_uri", Text),
    column("issued_at", Double),
    column("expires_at", Double),
    column("meeting_uri", Text),
    Index("tokens_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)

applications = Table(
    "applications",
    metadata,
    key("id"),
    column("user_uri", Text),
    column("culture", Text),
    column("user_agent", Text),
    column("endpoint_id", Text),
    column("type", Text),
    column("created_at", Double),
    column("put_token", Text),
    column("etag", BigInteger),
    column("available", Boolean),
    column("modalities", Text),
    column("formats", Text),
    column("audio_preference", Text),
    column("phone_number", Text),
    column("conversation_history", Text),
    column("inactive_timeout_s", Integer),
    column("lis_location", Text),
    column("lis_result", Text),
    column("publishes_location", Text),
    column("bearer", Text),
)

instances = Table(
    "instances",
    metadata,
    key("application_id"),
    key("instance_id"),
    column("created_at", Double),
    sqlite_with_rowid=False,
)

receipts = Table(
    "receipts",
    metadata,
    key("user_uri"),
    key("key"),
    column("fingerprint", Text),
    column("resource_id", Text),
    column("created_at", Double),
    Index("receipts_created_at", "created_at"),
    sqlite_with_rowid=False,
)
