"""What the domain's tests share: a ledger in memory, and the domain wired up on it."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from mobility.domain.agenda import Action, Agenda
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.call_destinations import CallDestinations, ForwardingSettings
from mobility.domain.call_policy import CallPolicies
from mobility.domain.calls import Calls
from mobility.domain.conference_roles import ConferenceLimits
from mobility.domain.conferences import Conferences
from mobility.domain.contact_subscriptions import ContactSubscriptions
from mobility.domain.contacts import ContactLimits, Contacts
from mobility.domain.content_sharing import ContentSharing
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversation_book import ConversationLimits
from mobility.domain.conversations import Conversations
from mobility.domain.delegates import Delegates
from mobility.domain.delivery import Delivery
from mobility.domain.dispositions import Dispositions
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.facts import (
    CallChanged,
    CommunicationChanged,
    ContactListChanged,
    ContactSeenAnew,
    ContactSubscriptionChanged,
    ContactWatched,
    ConversationChanged,
    Fact,
    InvitationChanged,
    MeChanged,
    MessageCompleted,
    MessagingChanged,
    MissedItemsChanged,
    NegotiationChanged,
    ParticipantChanged,
    ParticipantMediaChanged,
    ParticipantMessagingChanged,
    PrivacyChanged,
    RenegotiationChanged,
    SelfPresence,
    SessionChanged,
    SubscriptionChanged,
    TypingChanged,
    UnreadChanged,
    decode,
    encode,
)
from mobility.domain.forwarded_ringing import ForwardedRinging
from mobility.domain.forwarding import Forwarding
from mobility.domain.groups import Groups
from mobility.domain.guests import Guests
from mobility.domain.history import MISSED, History
from mobility.domain.ledger import (
    Committed,
    Conflict,
    Entry,
    HistoryCounts,
    Snapshot,
    Unit,
)
from mobility.domain.lifetimes import Lifetimes
from mobility.domain.meeting_policy import MeetingPolicy
from mobility.domain.meetings import Meetings
from mobility.domain.message_formats import MessageFormats
from mobility.domain.message_states import MessageStates
from mobility.domain.messaging import Call, Messaging, Text
from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.organization import Organization
from mobility.domain.presence import PresenceBook
from mobility.domain.privacy import Privacy
from mobility.domain.reach import Reach
from mobility.domain.records import (
    Application,
    CallForwarding,
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
    Leg,
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
from mobility.domain.records import (
    Call as CallRecord,
)
from mobility.domain.registration import Availability, Registration
from mobility.domain.renames import Renames
from mobility.domain.renegotiations import Renegotiations
from mobility.domain.subscriptions import SubscriptionLimits, Subscriptions
from mobility.domain.unread import Unread
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.errors import Unavailable

START = 1_700_000_000.0
"""When every world begins (epoch seconds)."""

RETRY_S = 5.0
"""When the world runs an appointment again that failed, as the service does."""

VERSIONED = (
    Conversation
    | Meeting
    | MeetingExtension
    | MobilitySetting
    | MobilityGrant
    | ServiceAccount
    | VoiceSetting
    | VoiceGrant
    | CallForwarding
)
"""The records that are guarded by their version."""

R = TypeVar("R")
T = TypeVar("T")


class MemoryLedger:
    """A ledger and archive in memory that behaves as `mobility.domain.ledger` documents.

    `hold` keeps commits back, as a slow disk does, until `release` stores them in the order in
    which they were given; while `failing` is true nothing can be stored.
    """

    def __init__(self) -> None:
        self.rows: dict[type[Any], dict[tuple[Any, ...], Any]] = {}
        self.streams: dict[str, list[Entry]] = {}
        self.bounds: dict[str, tuple[int, int]] = {}
        self.presence_number = 0
        self.units: list[Unit] = []
        self.failing = False
        self.publish: Callable[[Committed], None] = _nobody
        self._held: list[tuple[Unit, Deferred[Committed]]] | None = None
        self._dead = False

    # Ledger

    def commit(self, unit: Unit) -> Deferred[Committed]:
        if self._dead:
            return Deferred()
        if self._held is not None:
            waiting: Deferred[Committed] = Deferred()
            self._held.append((unit, waiting))
            return waiting
        if self.failing:
            return fail(Unavailable("The disk is full."))
        try:
            committed = self._store(unit)
        except Conflict as conflict:
            return fail(conflict)
        self.publish(committed)
        return succeed(committed)

    def hold(self) -> None:
        """Keep what is committed from now on back until `release`."""
        self._held = [] if self._held is None else self._held

    @property
    def held(self) -> int:
        """How many commits are kept back."""
        return len(self._held or ())

    def release(self, count: int | None = None, *, failing: bool = False) -> None:
        """Answer `count` of the commits kept back, or all and keep none back any more."""
        held = self._held if self._held is not None else []
        answered = 0
        while held and (count is None or answered < count):
            answered += 1
            unit, waiting = held.pop(0)
            if failing or self.failing:
                waiting.errback(Unavailable("The disk is full."))
                continue
            committed = self._store(unit)
            self.publish(committed)
            waiting.callback(committed)
        if count is None:
            self._held = None

    def reopened(self) -> "MemoryLedger":
        """The store as the next process finds it.

        The process of this ledger has died: what was kept back is lost, and nothing is answered
        any more.
        """
        after = MemoryLedger()
        after.rows, after.streams, after.bounds = self.rows, self.streams, self.bounds
        after.presence_number, after.units = self.presence_number, self.units
        self._dead = True
        return after

    # Archive

    def entries(self, stream_id: str, after: int, limit: int) -> Deferred[Sequence[Entry]]:
        found = [entry for entry in self.streams.get(stream_id, ()) if entry.position > after]
        return succeed(found[:limit])

    def message(self, conversation_id: str, number: int) -> Deferred[Message | None]:
        if self.failing:
            return fail(Unavailable("The disk is gone."))
        return succeed(self.all(Message).get((conversation_id, number)))

    def messages(self, conversation_id: str, after: int, last: int) -> Deferred[Sequence[Message]]:
        found = [
            one
            for one in self.all(Message).values()
            if one.conversation_id == conversation_id and after < one.number <= last
        ]
        return succeed(sorted(found, key=lambda message: message.number))

    def conversation_logs(
        self, user_uri: str, limit: int, *, unread: bool = False
    ) -> Deferred[Sequence[ConversationLog]]:
        found = [one for one in self._logs_of(user_uri) if not (unread and one.read)]
        return succeed(sorted(found, key=lambda log: (-log.created_at, log.id))[:limit])

    def conversation_log(self, user_uri: str, log_id: str) -> Deferred[ConversationLog | None]:
        return succeed(self.all(ConversationLog).get((user_uri, log_id)))

    def logs_of_conversation(
        self, user_uri: str, conversation_id: str
    ) -> Deferred[Sequence[ConversationLog]]:
        found = [one for one in self._logs_of(user_uri) if one.conversation_id == conversation_id]
        return succeed(sorted(found, key=lambda log: log.created_at))

    def history_counts(self, user_uri: str) -> Deferred[HistoryCounts]:
        logs = self._logs_of(user_uri)
        missed = [log for log in logs if log.status == MISSED]
        unread = [log for log in logs if not log.read]
        voicemail = self.all(VoicemailCount).get((user_uri,), VoicemailCount(user_uri, 0, 0))
        return succeed(
            HistoryCounts(
                logs=len(logs),
                missed=len(missed),
                unread_missed=sum(not log.read for log in missed),
                unread_messages=sum(log.last_message - log.read_message for log in unread),
                unread_calls=sum(log.last_message == log.after_message for log in unread),
                voicemails=voicemail.total,
                unread_voicemails=voicemail.unread,
            )
        )

    def _logs_of(self, user_uri: str) -> list[ConversationLog]:
        return [one for one in self.all(ConversationLog).values() if one.user_uri == user_uri]

    def contacts(self, owner_uri: str) -> Deferred[tuple[Sequence[Group], Sequence[Contact]]]:
        groups = [one for one in self.all(Group).values() if one.owner_uri == owner_uri]
        contacts = [one for one in self.all(Contact).values() if one.owner_uri == owner_uri]
        return succeed((groups, contacts))

    def contacts_naming(self, uri: str) -> Deferred[Sequence[Contact]]:
        return succeed([one for one in self.all(Contact).values() if one.uri == uri])

    def receipts(self, user_uri: str) -> Deferred[Sequence[Receipt]]:
        return succeed([one for one in self.all(Receipt).values() if one.user_uri == user_uri])

    def receipt(self, user_uri: str, key: str) -> Deferred[Receipt | None]:
        return succeed(self.all(Receipt).get((user_uri, key)))

    def photo(self, user_uri: str) -> Deferred[Photo | None]:
        return succeed(self.all(Photo).get((user_uri,)))

    def push_notices(self, conversation_id: str) -> Deferred[Sequence[PushNotice]]:
        found = self.all(PushNotice).values()
        return succeed([one for one in found if one.conversation_id == conversation_id])

    def place_of(self, stream_id: str, message: Message) -> Deferred[int | None]:
        key = message.conversation_id, message.number
        places = [
            entry.position
            for entry in self.streams.get(stream_id, ())
            if entry.message is not None and _key(entry.message) == key
        ]
        return succeed(min(places, default=None))

    def push_notice(self, notice_id: str) -> Deferred[PushNotice | None]:
        return succeed(self.all(PushNotice).get((notice_id,)))

    def trim(self, upto: dict[str, int]) -> Deferred[None]:
        for stream_id, position in upto.items():
            entries = self.streams[stream_id]
            self.streams[stream_id] = [one for one in entries if one.position > position]
            self.bounds[stream_id] = (position, self.bounds[stream_id][1])
        return succeed(None)

    # What tests ask

    def all(self, kind: type[R]) -> dict[tuple[Any, ...], R]:
        """The stored records of a kind by their keys."""
        return self.rows.setdefault(kind, {})

    def snapshot(self) -> Snapshot:
        """What a front end loads at start."""
        active = {key: one for key, one in self.all(Conversation).items() if one.state == "Active"}
        ids = {one.id for one in active.values()}
        counts: dict[str, int] = {}
        said: dict[tuple[str, str], int] = {}
        for message in self.all(Message).values():
            if message.conversation_id in ids:
                known = counts.get(message.conversation_id, 0)
                counts[message.conversation_id] = max(known, message.number)
                writer = message.conversation_id, message.from_uri
                said[writer] = max(said.get(writer, 0), message.number)
        return Snapshot(
            users=list(self.all(User).values()),
            distribution_groups=list(self.all(DistributionGroup).values()),
            listed_groups=[one for one in self.all(Group).values() if one.kind == "distribution"],
            tokens=list(self.all(Token).values()),
            applications=list(self.all(Application).values()),
            instances=list(self.all(Instance).values()),
            presences=list(self.all(Presence).values()),
            subscriptions=list(self.all(PresenceSubscription).values()),
            contact_subscriptions=list(self.all(ContactSubscription).values()),
            privacy=list(self.all(PrivacyRelationship).values()),
            conversations=list(active.values()),
            legs=[one for one in self.all(Leg).values() if one.conversation_id in ids],
            participants=[
                one for one in self.all(Participant).values() if one.conversation_id in ids
            ],
            invitations=[
                one for one in self.all(Invitation).values() if one.conversation_id in ids
            ],
            message_counts=counts,
            push_subscriptions=list(self.all(PushSubscription).values()),
            push_notices=[one for one in self.all(PushNotice).values() if one.state != "ended"],
            push_switches=list(self.all(PushSwitch).values()),
            push_cursors=list(self.all(PushCursor).values()),
            read_marks=[one for one in self.all(ReadMark).values() if one.conversation_id in ids],
            last_said=[(key, who, number) for (key, who), number in said.items()],
            left=[
                (log.conversation_id, log.user_uri)
                for log in self.all(ConversationLog).values()
                if log.conversation_id in ids
            ],
            calls=[one for one in self.all(CallRecord).values() if one.state != "Ended"],
            carriages=list(self.all(Carriage).values()),
            disposition_requests=[
                one for one in self.all(DispositionRequest).values() if one.conversation_id in ids
            ],
            delivery_marks=[
                one for one in self.all(DeliveryMark).values() if one.conversation_id in ids
            ],
            call_sides=list(self.all(CallSide).values()),
            renegotiations=list(self.all(Renegotiation).values()),
            shared_contents=list(self.all(SharedContent).values()),
            content_views=list(self.all(ContentView).values()),
            meetings=list(self.all(Meeting).values()),
            meeting_extensions=list(self.all(MeetingExtension).values()),
            delegations=list(self.all(Delegation).values()),
            team_members=list(self.all(TeamMember).values()),
            mobility_settings=list(self.all(MobilitySetting).values()),
            mobility_grants=list(self.all(MobilityGrant).values()),
            service_accounts=list(self.all(ServiceAccount).values()),
            service_secrets=list(self.all(ServiceSecret).values()),
            voice_settings=list(self.all(VoiceSetting).values()),
            voice_grants=list(self.all(VoiceGrant).values()),
            call_forwardings=list(self.all(CallForwarding).values()),
            heads=dict(self.bounds),
            presence_number=self.presence_number,
        )

    def _store(self, unit: Unit) -> Committed:
        for record in unit.saves:
            if isinstance(record, VERSIONED):
                stored: Any = self.all(type(record)).get(_key(record))
                if record.version != (stored.version if stored is not None else 0) + 1:
                    raise Conflict(str(_key(record)))
        self.units.append(unit)
        for record in unit.removes:
            self.rows.setdefault(type(record), {}).pop(_key(record), None)
        for record in unit.saves:
            self.rows.setdefault(type(record), {})[_key(record)] = record
        presences = [self._number(presence, stamp) for presence, stamp in unit.presences]
        for stream_id in unit.opened_streams:
            self.streams.setdefault(stream_id, [])
            self.bounds.setdefault(stream_id, (0, 0))
        entries = [entry for entry in unit.entries if self._append(entry)]
        for stream_id in unit.dropped_streams:
            self.streams.pop(stream_id, None)
            self.bounds.pop(stream_id, None)
        return Committed(entries, presences, tuple(unit.dropped_streams))

    def _number(self, presence: Presence, stamp: tuple[str, ...]) -> Presence:
        before = self.all(Presence).get((presence.user_uri,), Presence(presence.user_uri))
        names = ("presence_number", "note_number", "location_number", "media_number")
        numbers = {name: getattr(before, name) for name in names}
        if stamp:
            self.presence_number += 1
            numbers.update(dict.fromkeys(stamp, self.presence_number))
        numbered = attrs.evolve(presence, **numbers)
        self.all(Presence)[(presence.user_uri,)] = numbered
        return numbered

    def _append(self, entry: Entry) -> bool:
        if entry.stream_id not in self.streams:
            return False
        base, head = self.bounds[entry.stream_id]
        entry.position = head + 1
        self.bounds[entry.stream_id] = (base, entry.position)
        read = decode(*encode(entry.fact))
        message = entry.message
        if message is not None:
            message = self.all(Message).get((message.conversation_id, message.number))
        self.streams[entry.stream_id].append(Entry(entry.stream_id, read, message, entry.position))
        return True


def _nobody(committed: Committed) -> None:
    """Hears of nothing."""


def _key(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.KEY)


@attrs.frozen
class Bounds:
    """The limits of a world; small enough to reach."""

    with_events_s: int = 3_600
    without_events_s: int = 900
    applications: int = 4
    instances: int = 3
    subscriptions: int = 3
    contacts: int = 5
    groups: int = 3
    relationships: int = 2
    conversations: int = 4
    invitation_s: float = 30.0
    typing_s: float = 8.0
    meetings: int = 3
    participants: int = 4
    lobby: int = 2
    lobby_s: float = 900.0
    meeting_life_s: int = 28_800
    guests: int = 4
    assigned_meetings: bool = True
    voicemail: str = ""


class World:
    """The domain on a memory ledger, with a clock that tests move.

    People are named by the first part of their address: "alice" is sip:alice@example.test, Alice.
    """

    def __init__(
        self,
        *names: str,
        ledger: MemoryLedger | None = None,
        now: float = START,
        bounds: Bounds | None = None,
    ) -> None:
        self.ledger = ledger = ledger or MemoryLedger()
        self.bounds = bounds = bounds or Bounds()
        self.now = now
        self.failures: list[Failure] = []
        for name in names:
            user = User(uri(name), name.capitalize())
            ledger.all(User)[(user.uri,)] = user
        stored = ledger.snapshot()
        self.agenda = Agenda()
        self.users = Users(ledger, stored.users)
        self.presence = PresenceBook(stored.presences, stored.presence_number)
        self.applications = Applications(
            ledger,
            self.agenda,
            self.presence,
            Lifetimes(
                bounds.with_events_s,
                bounds.without_events_s,
                bounds.applications,
                bounds.instances,
            ),
        )
        self.applications.load(stored.applications, stored.instances, stored.heads, now)
        self.privacy = Privacy(
            ledger, self.applications, self.presence, ["example.test"], bounds.relationships
        )
        self.privacy.load(stored.privacy)
        self.subscriptions = Subscriptions(
            ledger,
            self.agenda,
            self.presence,
            SubscriptionLimits(bounds.subscriptions, bounds.contacts),
        )
        self.subscriptions.load(stored.subscriptions, [one.id for one in self.applications])
        reach = Reach(self.users, self.privacy)
        self.history = History(ledger, ledger, self.users, self.applications, reach)
        self.conversations = Conversations(
            ledger,
            ledger,
            self.agenda,
            self.users,
            self.applications,
            reach,
            ConversationLimits(bounds.invitation_s, bounds.typing_s, bounds.conversations),
        )
        self.conversations.load(stored)
        self.conversations.partings.append(self.history.parted)
        self.conversations.call_endings.append(self.history.called)
        self.unread = Unread(ledger, ledger, self.applications, self.conversations, self.history)
        self.unread.load(stored.read_marks, stored.last_said, stored.left)
        self.dispositions = Dispositions(ledger, self.agenda, self.conversations, self.unread.mark)
        self.dispositions.load(stored.disposition_requests, stored.delivery_marks)
        self.unread.readers.append(self.dispositions.changed)
        self.received: dict[str, int] = {}
        """Up to which position of its stream each application has received what there is."""
        self.dispositions.states = MessageStates(ledger, self.applications, self._has_received)
        self.calls = Calls(ledger, self.agenda, self.conversations, CallPolicies())
        self.renegotiations = Renegotiations(self.agenda, self.conversations, self.calls.policies)
        self.renegotiations.load()
        self.sharing = ContentSharing(self.agenda, self.conversations, self.calls.policies)
        self.sharing.load()
        self.messaging = Messaging(
            ledger,
            self.agenda,
            self.conversations,
            MessageFormats(self.applications),
            Delivery(self.applications, self.conversations.lines, reach),
            self.history,
        )
        self.contact_subscriptions = ContactSubscriptions(ledger, self.agenda, self.applications)
        self.contact_subscriptions.load(stored.contact_subscriptions)
        self.delegates = Delegates(
            ledger,
            self.users,
            self.applications,
            self.contact_subscriptions,
            stored.delegations,
            stored.team_members,
        )
        self.voice = Voice(ledger, self.users)
        self.voice.load(stored.voice_settings, stored.voice_grants)
        self.mobility_policies = MobilityPolicies(ledger, self.users)
        self.mobility_policies.load(stored.mobility_settings, stored.mobility_grants)
        self.forwarding = Forwarding(
            ledger,
            self.applications,
            CallDestinations(
                self.users, self.delegates, self.voice, ForwardingSettings(bounds.voicemail)
            ),
            stored.call_forwardings,
        )
        stages = self.calls.stages
        self.voice.watchers.append(self.forwarding.watch)
        stages.plan = ForwardedRinging(self.conversations, self.forwarding, stages)
        stages.load()
        self.contacts = Contacts(
            ledger,
            ledger,
            self.contact_subscriptions,
            ContactLimits(bounds.contacts, bounds.groups),
        )
        self.contacts.load(stored.listed_groups)
        self.distribution_groups = DistributionGroups(ledger, stored.distribution_groups)
        self.distribution_groups.followers.append(self.contacts.follow)
        self.organization = Organization(self.users, self.contact_subscriptions)
        self.users.changes.append(self.organization.follow)
        self.users.farewells += [
            self.contacts.take_leave,
            self.privacy.take_leave,
            self.presence.take_leave,
        ]
        self.groups = Groups(
            self.contacts, self.distribution_groups, self.delegates, self.organization
        )
        self.meetings = Meetings(
            ledger,
            self.agenda,
            MeetingPolicy(
                per_user=bounds.meetings,
                lifetime_s=bounds.meeting_life_s,
                size=250,
                assigned=bounds.assigned_meetings,
                anonymous=True,
                dial_in=False,
            ),
        )
        self.meetings.load(stored.meetings, stored.meeting_extensions)
        self.guests = Guests(
            ledger,
            self.agenda,
            self.applications,
            self.meetings,
            self.conversations,
            bounds.guests,
        )
        self.conferences = Conferences(
            self.users,
            self.conversations,
            self.meetings,
            self.guests,
            ConferenceLimits(bounds.participants, bounds.lobby, bounds.lobby_s),
            self.history,
        )
        self.users.departures.append(self.applications.end_all_of)
        self.users.renames.append(Renames(self.applications, self.conversations).renamed)
        self.users.removals += [
            self.meetings.end_all_of,
            self.delegates.end_all_of,
            self.history.end_all_of,
            self.forwarding.end_all_of,
            self.voice.forget,
        ]
        self.applications.departures += [
            self.conversations.leave,
            self.subscriptions.leave,
            self.contact_subscriptions.leave,
        ]
        ledger.publish = self._heard
        self._counted: dict[str, int] = {}
        self._read = {stream_id: head for stream_id, (_, head) in ledger.bounds.items()}

    def _heard(self, committed: Committed) -> None:
        self.presence.committed(committed.presences)

    def restarted(self) -> "World":
        """The world after the process died and came back on the same store."""
        return World(ledger=self.ledger.reopened(), now=self.now, bounds=self.bounds)

    def advance(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass and do what falls due, looking every `step_s`."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + step_s)
            for action in self.agenda.due(self.now):
                running(action(self.now)).addErrback(self._failed, action)

    def _failed(self, failure: Failure, action: Action) -> None:
        self.failures.append(failure)
        self.agenda.at(self.now + RETRY_S, action)

    # Short-hands for what clients do

    def _has_received(self, application_id: str, position: int) -> bool:
        return self.received.get(application_id, 0) >= position

    def receive(self, endpoint: Endpoint) -> None:
        """An application asks for what comes after all that it was told so far."""
        self.received[endpoint.id] = self.ledger.bounds[endpoint.id][1]
        self.dispositions.changed(endpoint.user_uri)

    def sign_in(self, name: str, device: str = "phone", *, available: bool = True) -> Endpoint:
        """A registered application of `name`, available for messaging unless told otherwise."""
        endpoint, _ = done(self.register(name, device))
        if available:
            done(self.make_available(endpoint))
        self.told(endpoint)
        return endpoint

    def register(
        self,
        name: str,
        device: str = "phone",
        instance: str = "",
        type: str = "Phone",  # noqa: A002
    ) -> Deferred[tuple[Endpoint, bool]]:
        registration = Registration("en-US", f"Test/{device}", device, type, instance)
        user = self.users.find(uri(name))
        assert user is not None
        return running(self.applications.register(user, registration, self.now))

    def guest(self, meeting_uri: str, life_s: float = 3600) -> Endpoint:
        """An application of somebody without an account, let into a meeting for so long."""
        address = self.guests.invent(meeting_uri, self.now)
        self.guests.admit(address, meeting_uri, self.now + life_s)
        guest = self.guests.user(address)
        assert guest is not None
        registration = Registration("en-US", "Test/guest", "guest")
        endpoint, _ = done(running(self.applications.register(guest, registration, self.now)))
        return endpoint

    def make_available(self, endpoint: Endpoint, sign_in_as: str | None = None) -> Deferred[None]:
        availability = Availability(("Messaging",), sign_in_as=sign_in_as)
        return running(self.applications.make_available(endpoint, availability, self.now))

    def end(self, endpoint: Endpoint) -> Deferred[None]:
        return running(self.applications.end(endpoint, self.now))

    def call(
        self, endpoint: Endpoint, to: str, text: str | None = "Hello", **more: str
    ) -> Deferred[Invitation]:
        body = Text("Plain", text) if text is not None else None
        call = Call(uri(to), text=body, **more)
        return running(self.messaging.start(endpoint, call, self.now))

    def accept(self, endpoint: Endpoint, invitation: Invitation) -> Deferred[None]:
        return running(self.messaging.accept(endpoint, invitation.id))

    def decline(
        self, endpoint: Endpoint, invitation: Invitation, *, everywhere: bool = False
    ) -> Deferred[None]:
        return running(self.conversations.decline(endpoint, invitation.id, everywhere, self.now))

    def send(
        self, endpoint: Endpoint, conversation_id: str, body: str = "Hi", operation_id: str = ""
    ) -> Deferred[Message]:
        return running(
            self.messaging.send(
                endpoint, conversation_id, Text("Plain", body), operation_id, self.now
            )
        )

    def begin_typing(self, endpoint: Endpoint, conversation_id: str) -> Deferred[None]:
        return running(self.messaging.set_typing(endpoint, conversation_id, self.now))

    def terminate(self, endpoint: Endpoint, conversation_id: str) -> Deferred[None]:
        return running(self.conversations.terminate(endpoint, conversation_id, self.now))

    def connected(self, caller: Endpoint, callee: Endpoint, text: str | None = None) -> str:
        """The id of a conversation in which both are connected and have read everything."""
        invitation = done(self.call(caller, name_of(callee.user_uri), text))
        done(self.accept(callee, invitation))
        self.told(caller, callee)
        return invitation.conversation_id

    # What tests look at

    def same(self, endpoint: Endpoint) -> Endpoint:
        """The application with the id of `endpoint` in this world, after a restart."""
        found = self.applications.find(endpoint.id)
        assert found is not None
        return found

    def entries(self, endpoint: Endpoint) -> list[Entry]:
        return self.ledger.streams.get(endpoint.id, [])

    def told(self, *endpoints: Endpoint) -> list[str]:
        """What the streams of the applications got since this was last asked, in words; what
        `counted` tells is left out."""
        new: list[str] = []
        for endpoint in endpoints:
            read = self._read.get(endpoint.id, 0)
            for entry in self.entries(endpoint):
                if entry.position > read:
                    self._read[endpoint.id] = entry.position
                    if not isinstance(entry.fact, MissedItemsChanged | UnreadChanged):
                        new.append(in_words(entry))
        return new

    def counted(self, endpoint: Endpoint) -> list[str]:
        """Which of its user's counts an application was told of since this was last asked."""
        new: list[str] = []
        read = self._counted.get(endpoint.id, 0)
        for entry in self.entries(endpoint):
            if entry.position > read:
                self._counted[endpoint.id] = entry.position
                if isinstance(entry.fact, MissedItemsChanged):
                    new.append("missed items")
                elif isinstance(entry.fact, UnreadChanged):
                    new.append("unread")
        return new

    def shows(self, name: str) -> str:
        """The availability that watchers of `name` see."""
        return self.presence.of(uri(name)).availability

    def conversation(self, endpoint: Endpoint, conversation_id: str) -> ActiveConversation:
        return self.conversations.find(endpoint, conversation_id)[0]

    def stored(self, kind: type[R]) -> list[R]:
        return list(self.ledger.all(kind).values())


def uri(name: str) -> str:
    return f"sip:{name}@example.test"


def name_of(user_uri: str) -> str:
    return user_uri.removeprefix("sip:").partition("@")[0]


def running(awaitable: Awaitable[T]) -> Deferred[T]:
    """What `awaitable` will answer; it runs until it waits for something."""

    async def run() -> T:
        return await awaitable

    coroutine: Coroutine[Deferred[Any], Any, T] = run()
    return Deferred.fromCoroutine(coroutine)


def done(deferred: Deferred[T]) -> T:
    """The answer, which is there already."""
    answers: list[T] = []
    deferred.addCallback(answers.append)
    failures: list[Failure] = []
    deferred.addErrback(failures.append)
    if failures:
        failures[0].raiseException()
    assert answers, "it still waits"
    return answers[0]


def in_words(entry: Entry) -> str:
    """An entry of a stream in a few words, with the body of its message."""
    text = _words(entry.fact)
    return text if entry.message is None else f"{text} {entry.message.body!r}"


def _words(fact: Fact) -> str:
    match fact:
        case MeChanged():
            return "me"
        case CommunicationChanged():
            return "communication"
        case SelfPresence():
            return f"own {fact.part} {fact.change}"
        case SubscriptionChanged():
            return f"subscription {fact.change}"
        case ContactWatched():
            return f"contact {name_of(fact.uri)} {fact.change}"
        case ContactListChanged():
            if not fact.uri:
                return f"group {fact.group_id} {fact.change}"
            return f"contact {name_of(fact.uri)} in {fact.group_id or 'the list'} {fact.change}"
        case ContactSubscriptionChanged():
            return f"contact subscription {fact.state}"
        case ContactSeenAnew():
            return f"{name_of(fact.uri)} seen anew"
        case PrivacyChanged():
            return f"privacy of {name_of(fact.uri)}"
        case InvitationChanged():
            words = [f"invitation {fact.change} {fact.direction} {fact.state}"]
            if fact.accepted_by is not None:
                words.append(f"by {fact.accepted_by[1]}")
            if fact.reason is not None:
                words.append(f"{fact.reason.code}/{fact.reason.subcode}")
            return " ".join(words)
        case ConversationChanged():
            return f"conversation {fact.change} {fact.conversation.state}"
        case MessagingChanged():
            return f"messaging {fact.state}"
        case ParticipantChanged():
            local = "local " if fact.local else ""
            return f"{local}participant {fact.change} {fact.name}"
        case ParticipantMessagingChanged():
            return f"participantMessaging {fact.change} {fact.name}"
        case CallChanged():
            return f"call {fact.state}"
        case NegotiationChanged():
            return f"negotiation {'provisional ' if fact.provisional else ''}answer"
        case SessionChanged():
            return f"session {fact.change} {fact.state}"
        case RenegotiationChanged():
            words = [f"renegotiation {fact.change} {fact.direction} {fact.state}"]
            if fact.reason is not None:
                words.append("/".join(fact.reason[:2]))
            return " ".join(words)
        case ParticipantMediaChanged():
            muted = " muted" if fact.muted else ""
            return f"{fact.medium} of {fact.name} {fact.change} {fact.direction}{muted}"
        case TypingChanged():
            return f"typing {fact.change} {fact.name}"
        case MessageCompleted():
            return f"message {fact.number} {fact.direction}"
        case _:
            return type(fact).__name__
