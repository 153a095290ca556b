"""Clients of the Mobility Service."""

from sqlalchemy import BigInteger, Double, Table

from mobility.store.tables.columns import column, key, metadata

legacy_clients = Table(
    "legacy_clients",
    metadata,
    key("user_agent"),
    column("requests", BigInteger),
    column("first_seen_at", Double),
    column("last_seen_at", Double),
)
