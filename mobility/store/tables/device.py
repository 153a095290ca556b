"""Devices that can be woken."""

from sqlalchemy import Double, Table, Text

from mobility.store.tables.columns import column, key, metadata

push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    key("user_uri"),
    key("id"),
    column("platform", Text),
    column("app_id", Text),
    column("address", Text),
    column("created_at", Double),
    column("renewed_at", Double),
    column("expires_at", Double),
    column("p256dh", Text),
    column("auth", Text),
    column("environment", Text),
    column("endpoint_id", Text),
    column("device_name", Text),
    column("collapse", Text),
    column("quiet_from", Text),
    column("quiet_until", Text),
    column("time_zone", Text),
    column("voip_token", Text),
)
