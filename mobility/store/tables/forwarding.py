"""Who answers for whom, and what users want done with their calls."""

from sqlalchemy import BigInteger, Integer, Table, Text

from mobility.store.tables.columns import column, key, metadata

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

call_forwardings = Table(
    "call_forwardings",
    metadata,
    key("user_uri"),
    column("active_setting", Text),
    column("active_period", Text),
    column("forward_target", Text),
    column("forward_contact", Text),
    column("ring_target", Text),
    column("ring_contact", Text),
    column("ring_delay_s", Integer),
    column("unanswered", Text),
    column("unanswered_target", Text),
    column("unanswered_contact", Text),
    column("unanswered_delay_s", Integer),
    column("version", BigInteger),
)
