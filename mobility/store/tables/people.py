"""Users, what others see of them, and their contact lists."""

from sqlalchemy import BigInteger, Boolean, Double, Integer, LargeBinary, Table, Text

from mobility.store.tables.columns import column, key, metadata

users = Table(
    "users",
    metadata,
    key("uri"),
    column("name", Text),
    column("password_hash", Text),
    column("credential_version", Integer),
    column("home", Text),
    column("enabled", Boolean),
    column("email", Text),
    column("title", Text),
    column("department", Text),
    column("company", Text),
    column("office", Text),
    column("work_phone", Text),
    column("mobile_phone", Text),
    column("home_phone", Text),
    column("other_phone", Text),
    column("site", Text),
    column("enterprise_voice", Boolean),
    column("sip_ha1_md5", Text),
    column("sip_ha1_sha256", Text),
    column("created_at", Double),
    column("source", Text),
    column("source_id", Text),
    column("source_name", Text),
    column("source_password", Text),
    column("photo_version", Text),
    column("private_phones", Text),
    column("manager", Text),
)

photos = Table(
    "photos",
    metadata,
    key("user_uri"),
    column("image", LargeBinary),
)

presences = Table(
    "presences",
    metadata,
    key("user_uri"),
    column("presence_number", BigInteger),
    column("note_number", BigInteger),
    column("location_number", BigInteger),
    column("media_number", BigInteger),
    column("manual", Text),
    column("availability", Text),
    column("activity", Text),
    column("device_type", Text),
    column("last_active_at", Double),
    column("note", Text),
    column("note_type", Text),
    column("location", Text),
    column("modalities", Text),
)

presence_subscriptions = Table(
    "presence_subscriptions",
    metadata,
    key("id"),
    column("application_id", Text),
    column("uris", Text),
    column("expires_at", Double),
    column("group_id", Text),
)

contact_subscriptions = Table(
    "contact_subscriptions",
    metadata,
    key("application_id"),
    column("expires_at", Double),
)

privacy_relationships = Table(
    "privacy_relationships",
    metadata,
    key("owner_uri"),
    key("contact_uri"),
    column("level", Text),
    sqlite_with_rowid=False,
)

contact_groups = Table(
    "contact_groups",
    metadata,
    key("owner_uri"),
    key("id"),
    column("name", Text),
    column("kind", Text),
    sqlite_with_rowid=False,
)

distribution_groups = Table(
    "distribution_groups",
    metadata,
    key("uri"),
    column("name", Text),
    column("members", Text),
    column("source", Text),
    column("source_id", Text),
    column("source_name", Text),
)

contacts = Table(
    "contacts",
    metadata,
    key("owner_uri"),
    key("group_id"),
    key("uri"),
    sqlite_with_rowid=False,
)
