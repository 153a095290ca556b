"""Service accounts."""

from sqlalchemy import Double, Integer, Table, Text

from mobility.store.tables.columns import column, key, metadata

service_accounts = Table(
    "service_accounts",
    metadata,
    key("user_uri"),
    column("version", Integer),
    column("scopes", Text),
)

service_secrets = Table(
    "service_secrets",
    metadata,
    key("digest"),
    column("user_uri", Text),
    column("created_at", Double),
    column("expires_at", Double),
)
