"""Voice routing."""

from sqlalchemy import Integer, Table, Text

from mobility.store.tables.columns import column, key, metadata

voice_settings = Table(
    "voice_settings",
    metadata,
    key("kind"),
    key("name"),
    column("version", Integer),
    column("document", Text),
)

voice_grants = Table(
    "voice_grants",
    metadata,
    key("user_uri"),
    column("version", Integer),
    column("voice_policy", Text),
    column("dial_plan", Text),
)
