"""Phones that are signed in over SIP."""

from sqlalchemy import BigInteger, Double, Integer, Table, Text

from mobility.store.tables.columns import column, key, metadata

bindings = Table(
    "bindings",
    metadata,
    key("user_uri"),
    key("id"),
    column("contact", Text),
    column("call_id", Text),
    column("cseq", BigInteger),
    column("registered_at", Double),
    column("expires_at", Double),
    column("instance", Text),
    column("reg_id", Integer),
    column("path", Text),
    column("user_agent", Text),
    column("handle", Text),
)
