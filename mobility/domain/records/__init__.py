"""The rows of the store, as the domain knows them.

Each class is one table and each field one column of the same name (`mobility.store.tables`); the
primary key is the fields listed in `KEY`.  Times are epoch seconds.  Records are values: a change
is a new record (`attrs.evolve`) saved in a unit of work.
"""

from mobility.domain.records.applications import (
    Application,
    Instance,
    Receipt,
    Token,
)
from mobility.domain.records.calls import (
    Call,
    CallReport,
    CallSide,
    Renegotiation,
)
from mobility.domain.records.conversations import (
    Carriage,
    Conversation,
    DeliveryMark,
    DispositionRequest,
    Invitation,
    Leg,
    Message,
    Participant,
)
from mobility.domain.records.devices import (
    PushSubscription,
)
from mobility.domain.records.forwarding import (
    CallForwarding,
    Delegation,
    TeamMember,
)
from mobility.domain.records.history import (
    ConversationLog,
    Leftover,
    ReadMark,
    VoicemailCount,
)
from mobility.domain.records.legacy import LegacyClient
from mobility.domain.records.meetings import (
    Meeting,
    MeetingExtension,
)
from mobility.domain.records.mobility import MobilityGrant, MobilitySetting
from mobility.domain.records.people import (
    Contact,
    ContactSubscription,
    DistributionGroup,
    Group,
    Photo,
    Presence,
    PresenceSubscription,
    PrivacyRelationship,
    User,
)
from mobility.domain.records.phones import Binding
from mobility.domain.records.push import PushCursor, PushNotice, PushSwitch
from mobility.domain.records.service_accounts import ServiceAccount, ServiceSecret
from mobility.domain.records.sharing import ContentView, SharedContent
from mobility.domain.records.voice import VoiceGrant, VoiceSetting

Record = (
    Binding
    | User
    | Photo
    | Token
    | Application
    | Instance
    | Presence
    | PresenceSubscription
    | PrivacyRelationship
    | Group
    | DistributionGroup
    | Contact
    | ContactSubscription
    | Conversation
    | Leg
    | Participant
    | Invitation
    | Message
    | Carriage
    | DeliveryMark
    | DispositionRequest
    | Receipt
    | Meeting
    | MeetingExtension
    | Delegation
    | TeamMember
    | MobilitySetting
    | MobilityGrant
    | ServiceAccount
    | ServiceSecret
    | VoiceSetting
    | VoiceGrant
    | Call
    | CallSide
    | CallReport
    | Renegotiation
    | SharedContent
    | ContentView
    | CallForwarding
    | ConversationLog
    | ReadMark
    | VoicemailCount
    | Leftover
    | PushSubscription
    | LegacyClient
    | PushNotice
    | PushSwitch
    | PushCursor
)

__all__ = [
    "Application",
    "Binding",
    "Call",
    "CallForwarding",
    "CallReport",
    "CallSide",
    "Carriage",
    "Contact",
    "ContactSubscription",
    "ContentView",
    "Conversation",
    "ConversationLog",
    "Delegation",
    "DeliveryMark",
    "DispositionRequest",
    "DistributionGroup",
    "Group",
    "Instance",
    "Invitation",
    "Leftover",
    "Leg",
    "LegacyClient",
    "Meeting",
    "MeetingExtension",
    "Message",
    "MobilityGrant",
    "MobilitySetting",
    "Participant",
    "Photo",
    "Presence",
    "PresenceSubscription",
    "PrivacyRelationship",
    "PushCursor",
    "PushNotice",
    "PushSubscription",
    "PushSwitch",
    "ReadMark",
    "Receipt",
    "Record",
    "Renegotiation",
    "ServiceAccount",
    "ServiceSecret",
    "SharedContent",
    "TeamMember",
    "Token",
    "User",
    "VoiceGrant",
    "VoiceSetting",
    "VoicemailCount",
]
