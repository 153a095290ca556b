"""Who answers for whom."""

from sqlalchemy import Table

from mobility.store.tables.columns import key, metadata

delegations = Table(
    "delegations",
    metadata,
    key("owner_uri"),
    key("delegate_uri"),
    sqlite_with_rowid=False,
)

team_members = Table(
    "team_members",
    metadata,
    key("owner_uri"),
    key("member_uri"),
    sqlite_with_rowid=False,
)
