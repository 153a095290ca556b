"""Scheduled online meetings."""

from sqlalchemy import BigInteger, Boolean, Double, Table, Text

from mobility.store.tables.columns import column, key, metadata

meetings = Table(
    "meetings",
    metadata,
    key("id"),
    column("organizer_uri", Text),
    column("number", Text),
    column("created_at", Double),
    column("expires_at", Double),
    column("assigned", Boolean),
    column("subject", Text),
    column("description", Text),
    column("access_level", Text),
    column("automatic_leader_assignment", Text),
    column("entry_exit_announcement", Text),
    column("lobby_bypass_for_phone_users", Text),
    column("phone_user_admission", Text),
    column("attendees", Text),
    column("leaders", Text),
    column("version", BigInteger),
    column("improvised", Boolean),
)

meeting_extensions = Table(
    "meeting_extensions",
    metadata,
    key("meeting_id"),
    key("id"),
    column("type", Text),
    column("properties", Text),
    column("version", BigInteger),
)
