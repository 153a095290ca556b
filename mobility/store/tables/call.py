"""Calls, what each device contributes, and what is being negotiated."""

from sqlalchemy import BigInteger, Boolean, Double, Index, Table, Text

from mobility.store.tables.columns import column, key, metadata

calls = Table(
    "calls",
    metadata,
    key("id"),
    column("conversation_id", Text),
    column("modality", Text),
    column("media", Text),
    column("caller_id", Text),
    column("caller_uri", Text),
    column("started_at", Double),
    column("state", Text),
    column("negotiation", Text),
    column("callee_id", Text),
    column("callee_uri", Text),
    column("answered_at", Double),
    column("ended_at", Double),
    column("outcome", Text),
    column("on_behalf_of", Text),
    column("forwarded_by", Text),
    column("progress", Text),
    column("transferred_by", Text),
    Index("calls_state", "state"),
)

call_sides = Table(
    "call_sides",
    metadata,
    key("call_id"),
    key("device_id"),
    column("conversation_id", Text),
    column("user_uri", Text),
    column("context", Text),
    column("description", Text),
    column("streams", Text),
    column("content_id", Text),
    column("muted", Text),
    column("provisional", BigInteger),
    column("by_phone", Boolean),
)

renegotiations = Table(
    "renegotiations",
    metadata,
    key("call_id"),
    column("id", Text),
    column("conversation_id", Text),
    column("from_id", Text),
    column("operation_id", Text),
    column("offer", Text),
    column("streams", Text),
    column("expires_at", Double),
    column("state", Text),
    column("answer", Text),
)

call_reports = Table(
    "call_reports",
    metadata,
    key("id"),
    column("call_id", Text),
    column("user_uri", Text),
    column("kind", Text),
    column("created_at", Double),
    column("endpoint", Text),
    column("code", Text),
    column("subcode", Text),
    column("body", Text),
    Index("call_reports_call", "call_id"),
    Index("call_reports_created_at", "created_at"),
)
