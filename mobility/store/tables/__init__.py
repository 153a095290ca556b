"""The tables: one for each record class of `mobility.domain.records`, and the store's own.

Columns have the names and the order of the record's fields, and the primary key is its `KEY`.
Times are epoch seconds.  There are no foreign keys: one unit of work writes all rows that belong
together, and rows of different tables live for different times.

The types suit SQLite and PostgreSQL alike; what only SQLite knows is said in `sqlite_` arguments.
Tables of small rows that are read by their key's order are kept WITHOUT ROWID there.
"""

from sqlalchemy import Table

from mobility.domain.records import (
    Application,
    Binding,
    Call,
    CallForwarding,
    CallReport,
    CallSide,
    Carriage,
    Contact,
    ContactSubscription,
    ContentView,
    Conversation,
    ConversationLog,
    Delegation,
    DeliveryMark,
    DispositionRequest,
    DistributionGroup,
    Group,
    Instance,
    Invitation,
    Leftover,
    Leg,
    LegacyClient,
    Meeting,
    MeetingExtension,
    Message,
    MobilityGrant,
    MobilitySetting,
    Participant,
    Photo,
    Presence,
    PresenceSubscription,
    PrivacyRelationship,
    PushCursor,
    PushNotice,
    PushSubscription,
    PushSwitch,
    ReadMark,
    Receipt,
    Record,
    Renegotiation,
    ServiceAccount,
    ServiceSecret,
    SharedContent,
    TeamMember,
    Token,
    User,
    VoiceGrant,
    VoicemailCount,
    VoiceSetting,
)
from mobility.store.tables.application import (
    applications,
    instances,
    receipts,
    tokens,
)
from mobility.store.tables.call import (
    call_reports,
    call_sides,
    calls,
    renegotiations,
)
from mobility.store.tables.columns import (
    metadata,
)
from mobility.store.tables.conversation import (
    carriages,
    conversations,
    delivery_marks,
    disposition_requests,
    invitations,
    legs,
    messages,
    participants,
)
from mobility.store.tables.device import (
    push_subscriptions,
)
from mobility.store.tables.forwarding import (
    call_forwardings,
    delegations,
    team_members,
)
from mobility.store.tables.history import (
    conversation_logs,
    leftovers,
    read_marks,
    voicemail_counts,
)
from mobility.store.tables.legacy import legacy_clients
from mobility.store.tables.meeting import (
    meeting_extensions,
    meetings,
)
from mobility.store.tables.mobility import mobility_grants, mobility_settings
from mobility.store.tables.people import (
    contact_groups,
    contact_subscriptions,
    contacts,
    distribution_groups,
    photos,
    presence_subscriptions,
    presences,
    privacy_relationships,
    users,
)
from mobility.store.tables.phones import bindings
from mobility.store.tables.push import (
    push_cursors,
    push_notices,
    push_switches,
)
from mobility.store.tables.service_accounts import service_accounts, service_secrets
from mobility.store.tables.sharing import content_views, shared_contents
from mobility.store.tables.system import (
    PRESENCE_COUNTER,
    counters,
    settings,
    stream_entries,
    streams,
)
from mobility.store.tables.voice import voice_grants, voice_settings

TABLE_OF: dict[type[Record], Table] = {
    Binding: bindings,
    User: users,
    Photo: photos,
    Token: tokens,
    Application: applications,
    Instance: instances,
    Presence: presences,
    PresenceSubscription: presence_subscriptions,
    PrivacyRelationship: privacy_relationships,
    Group: contact_groups,
    DistributionGroup: distribution_groups,
    Contact: contacts,
    ContactSubscription: contact_subscriptions,
    Conversation: conversations,
    Leg: legs,
    Participant: participants,
    Invitation: invitations,
    Message: messages,
    Carriage: carriages,
    DispositionRequest: disposition_requests,
    DeliveryMark: delivery_marks,
    Receipt: receipts,
    Meeting: meetings,
    MeetingExtension: meeting_extensions,
    Delegation: delegations,
    TeamMember: team_members,
    MobilitySetting: mobility_settings,
    MobilityGrant: mobility_grants,
    ServiceAccount: service_accounts,
    ServiceSecret: service_secrets,
    VoiceSetting: voice_settings,
    VoiceGrant: voice_grants,
    Call: calls,
    CallSide: call_sides,
    CallReport: call_reports,
    Renegotiation: renegotiations,
    SharedContent: shared_contents,
    ContentView: content_views,
    CallForwarding: call_forwardings,
    ConversationLog: conversation_logs,
    ReadMark: read_marks,
    VoicemailCount: voicemail_counts,
    Leftover: leftovers,
    PushSubscription: push_subscriptions,
    LegacyClient: legacy_clients,
    PushNotice: push_notices,
    PushSwitch: push_switches,
    PushCursor: push_cursors,
}

__all__ = [
    "PRESENCE_COUNTER",
    "TABLE_OF",
    "applications",
    "bindings",
    "call_forwardings",
    "call_reports",
    "call_sides",
    "calls",
    "carriages",
    "contact_groups",
    "contact_subscriptions",
    "contacts",
    "content_views",
    "conversation_logs",
    "conversations",
    "counters",
    "delegations",
    "delivery_marks",
    "disposition_requests",
    "distribution_groups",
    "instances",
    "invitations",
    "leftovers",
    "legacy_clients",
    "legs",
    "meeting_extensions",
    "meetings",
    "messages",
    "metadata",
    "mobility_grants",
    "mobility_settings",
    "participants",
    "photos",
    "presence_subscriptions",
    "presences",
    "privacy_relationships",
    "push_cursors",
    "push_notices",
    "push_subscriptions",
    "push_switches",
    "read_marks",
    "receipts",
    "renegotiations",
    "service_accounts",
    "service_secrets",
    "settings",
    "shared_contents",
    "stream_entries",
    "streams",
    "team_members",
    "tokens",
    "users",
    "voice_grants",
    "voice_settings",
    "voicemail_counts",
]
