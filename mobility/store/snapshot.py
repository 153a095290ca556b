"""Everything a front end keeps in memory, loaded at start."""

from sqlite3 import Connection
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, select

from mobility.domain.ledger import Snapshot
from mobility.domain.records import (
    Application,
    Binding,
    Call,
    CallForwarding,
    CallSide,
    Carriage,
    ContactSubscription,
    ContentView,
    Conversation,
    Delegation,
    DeliveryMark,
    DispositionRequest,
    DistributionGroup,
    Group,
    Instance,
    Invitation,
    Leg,
    LegacyClient,
    Meeting,
    MeetingExtension,
    MobilityGrant,
    MobilitySetting,
    Participant,
    Presence,
    PresenceSubscription,
    PrivacyRelationship,
    PushCursor,
    PushNotice,
    PushSubscription,
    PushSwitch,
    ReadMark,
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
from mobility.store import tables
from mobility.store.statements import COUNTER, FORMS, compiled
from mobility.store.tables import PRESENCE_COUNTER

R = TypeVar("R")

_conversations = tables.conversations.columns
_messages = tables.messages.columns
_logs = tables.conversation_logs.columns
_streams = tables.streams.columns
_active = select(_conversations.id).where(_conversations.state == bindparam("state"))

MESSAGE_COUNTS = compiled(
    select(_messages.conversation_id, func.max(_messages.number))
    .where(_messages.conversation_id.in_(_active))
    .group_by(_messages.conversation_id),
    "state",
)

LAST_SAID = compiled(
    select(_messages.conversation_id, _messages.from_uri, func.max(_messages.number))
    .where(_messages.conversation_id.in_(_active))
    .group_by(_messages.conversation_id, _messages.from_uri),
    "state",
)

LEFT = compiled(
    select(_logs.conversation_id, _logs.user_uri).where(_logs.conversation_id.in_(_active)),
    "state",
)

BOUNDS = compiled(select(_streams.id, _streams.base, _streams.head))


def load(connection: Connection, now: float) -> Snapshot:
    """The store as it is at one moment.

    Conversations are the active ones, with their legs and invitations, calls those that
    are not over (the rows that go with a call are removed when it is); tokens that
    have expired at `now` are left out.  Presence subscriptions are all there: the end of one is
    told to its application, however late.
    """
    connection.execute("BEGIN")
    try:
        tokens = tables.tokens.columns
        invitations = tables.invitations.columns
        legs = tables.legs.columns
        unexpired: BindParameter[float] = bindparam("now")
        return Snapshot(
            users=_records(connection, User),
            distribution_groups=_records(connection, DistributionGroup),
            listed_groups=_records(
                connection,
                Group,
                tables.contact_groups.columns.kind == bindparam("kind"),
                kind="distribution",
            ),
            tokens=_records(connection, Token, tokens.expires_at > unexpired, now=now),
            bindings=_records(connection, Binding),
            voicemails=_records(connection, VoicemailCount),
            applications=_records(connection, Application),
            instances=_records(connection, Instance),
            presences=_records(connection, Presence),
            subscriptions=_records(connection, PresenceSubscription),
            contact_subscriptions=_records(connection, ContactSubscription),
            privacy=_records(connection, PrivacyRelationship),
            conversations=_records(
                connection,
                Conversation,
                _conversations.state == bindparam("state"),
                state="Active",
            ),
            legs=_records(connection, Leg, legs.conversation_id.in_(_active), state="Active"),
            participants=_records(
                connection,
                Participant,
                tables.participants.columns.conversation_id.in_(_active),
                state="Active",
            ),
            invitations=_records(
                connection,
                Invitation,
                invitations.conversation_id.in_(_active),
                state="Active",
            ),
            message_counts=dict(connection.execute(MESSAGE_COUNTS, ("Active",))),
            push_subscriptions=_records(connection, PushSubscription),
            push_notices=_records(
                connection,
                PushNotice,
                tables.push_notices.columns.state != bindparam("over"),
                over="ended",
            ),
            push_switches=_records(connection, PushSwitch),
            push_cursors=_records(connection, PushCursor),
            read_marks=_records(
                connection,
                ReadMark,
                tables.read_marks.columns.conversation_id.in_(_active),
                state="Active",
            ),
            last_said=connection.execute(LAST_SAID, ("Active",)).fetchall(),
            left=connection.execute(LEFT, ("Active",)).fetchall(),
            calls=_records(
                connection, Call, tables.calls.columns.state != bindparam("over"), over="Ended"
            ),
            carriages=_records(connection, Carriage),
            disposition_requests=_records(
                connection,
                DispositionRequest,
                tables.disposition_requests.columns.conversation_id.in_(_active),
                state="Active",
            ),
            delivery_marks=_records(
                connection,
                DeliveryMark,
                tables.delivery_marks.columns.conversation_id.in_(_active),
                state="Active",
            ),
            call_sides=_records(connection, CallSide),
            renegotiations=_records(connection, Renegotiation),
            shared_contents=_records(connection, SharedContent),
            content_views=_records(connection, ContentView),
            meetings=_records(connection, Meeting),
            meeting_extensions=_records(connection, MeetingExtension),
            delegations=_records(connection, Delegation),
            team_members=_records(connection, TeamMember),
            mobility_settings=_records(connection, MobilitySetting),
            mobility_grants=_records(connection, MobilityGrant),
            service_accounts=_records(connection, ServiceAccount),
            service_secrets=_records(connection, ServiceSecret),
            voice_settings=_records(connection, VoiceSetting),
            voice_grants=_records(connection, VoiceGrant),
            call_forwardings=_records(connection, CallForwarding),
            legacy_clients=_records(connection, LegacyClient),
            heads={stream_id: (base, head) for stream_id, base, head in connection.execute(BOUNDS)},
            presence_number=connection.execute(COUNTER, (PRESENCE_COUNTER,)).fetchone()[0],
        )
    finally:
        connection.execute("COMMIT")


def _records(
    connection: Connection,
    record_class: type[R],
    *where: ColumnElement[bool],
    **parameters: Any,
) -> list[R]:
    """The records of a class in the order of their keys."""
    table = tables.TABLE_OF[record_class]  # type: ignore[index]  # R is a Record class
    query = select(*table.columns).where(*where).order_by(*table.primary_key.columns)
    rows = connection.execute(compiled(query, *parameters), tuple(parameters.values()))
    return [FORMS[record_class].read(row) for row in rows]  # type: ignore[index]  # as above
