"""The tables of what is shared in conversations."""

from sqlalchemy import Double, Table, Text

from mobility.store.tables.columns import column, key, metadata

shared_contents = Table(
    "shared_contents",
    metadata,
    key("conversation_id"),
    key("modality"),
    column("id", Text),
    column("device_id", Text),
    column("user_uri", Text),
    column("started_at", Double),
    column("state", Text),
    column("operation_id", Text),
    column("source_id", Text),
    column("offer", Text),
    column("streams", Text),
    column("content", Text),
)

content_views = Table(
    "content_views",
    metadata,
    key("id"),
    column("content_id", Text),
    column("conversation_id", Text),
    column("modality", Text),
    column("device_id", Text),
    column("user_uri", Text),
    column("state", Text),
    column("answer", Text),
    column("reason", Text),
)
