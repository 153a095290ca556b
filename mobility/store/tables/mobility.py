"""Mobility policy."""

from sqlalchemy import Integer, Table, Text

from mobility.store.tables.columns import column, key, metadata

mobility_settings = Table(
    "mobility_settings",
    metadata,
    key("kind"),
    key("name"),
    column("version", Integer),
    column("document", Text),
)

mobility_grants = Table(
    "mobility_grants",
    metadata,
    key("user_uri"),
    column("version", Integer),
    column("mobility_policy", Text),
)
