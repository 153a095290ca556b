"""What UCWA's handlers work with: the domain's services and the settings they need."""

from collections.abc import Callable
from functools import partial

import attrs

from mobility.config.meetings import MeetingsConfig
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.call_reports import CallReports
from mobility.domain.calls import Calls
from mobility.domain.conference_calls import ConferenceCalls
from mobility.domain.conferences import Conferences
from mobility.domain.contact_subscriptions import ContactSubscriptions
from mobility.domain.contacts import Contacts
from mobility.domain.content_sharing import ContentSharing
from mobility.domain.conversations import Conversations
from mobility.domain.delegates import Delegates
from mobility.domain.devices import Devices
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.forwarding import Forwarding
from mobility.domain.groups import Groups
from mobility.domain.guests import Guests
from mobility.domain.history import History
from mobility.domain.ledger import Archive
from mobility.domain.meetings import Meetings
from mobility.domain.message_states import MessageStates
from mobility.domain.messaging import Messaging
from mobility.domain.mobility import Mobility
from mobility.domain.networks import source_network
from mobility.domain.photos import LocalPhotos, Photos
from mobility.domain.presence import PresenceBook
from mobility.domain.privacy import Privacy
from mobility.domain.renegotiations import Renegotiations
from mobility.domain.subscriptions import Subscriptions
from mobility.domain.telephony import Telephony
from mobility.domain.unread import Unread
from mobility.domain.users import Users
from mobility.events import EventLog
from mobility.media.relay import Relays
from mobility.ucwa.conversation_documents import NetworkOf
from mobility.ucwa.events import EventChannels
from mobility.ucwa.outstanding import Outstanding
from mobility.ucwa.ports import Dispatch, PhotoCookies


@attrs.frozen(slots=True)
class Ucwa:
    """The services behind the resource tree."""

    users: Users
    presence: PresenceBook
    privacy: Privacy
    applications: Applications
    subscriptions: Subscriptions
    contacts: Contacts
    groups: Groups
    distribution_groups: DistributionGroups
    contact_subscriptions: ContactSubscriptions
    conversations: Conversations
    conferences: Conferences
    conference_calls: ConferenceCalls | None
    """None on a front end without a mixer."""
    forwarding: Forwarding
    messaging: Messaging
    message_states: MessageStates
    calls: Calls
    renegotiations: Renegotiations
    sharing: ContentSharing
    call_reports: CallReports
    relays: Relays
    delegates: Delegates
    telephony: Telephony | None
    """None on a front end that reaches no telephone network."""
    mobility: Mobility
    history: History
    unread: Unread
    devices: Devices
    meetings: Meetings
    guests: Guests
    meeting_settings: MeetingsConfig
    """`join_url` is filled in."""
    archive: Archive
    log: EventLog
    pseudonym: Callable[[str], str]
    channels: EventChannels
    photos: Photos
    local_photos: LocalPhotos
    photo_cookies: PhotoCookies
    dispatch: Dispatch
    group_size_to_expand: int
    """Members of the largest distribution group that is expanded."""
    outstanding_requests: int
    """How many requests of batches a user may have under way (UCWA batch: 100)."""
    conversation_idle_s: int
    """How long a conversation of two parties lasts in which nobody writes."""
    outstanding: Outstanding = attrs.Factory(Outstanding)

    def network_of(self, reader: Endpoint) -> NetworkOf:
        """In which network people are for an application."""
        return partial(source_network, reader_uri=reader.user_uri, users=self.users)
