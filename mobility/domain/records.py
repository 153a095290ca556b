"""The rows of the store, as the domain knows them.

Each class is one table and each field one column of the same name (`mobility.store.tables`); the
primary key is the fields listed in `KEY`.  Times are epoch seconds.  Records are values: a change
is a new record (`attrs.evolve`) saved in a unit of work.
"""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class User:
    """A person or a service with a SIP URI, homed on this pool or known to live elsewhere.

    `uri` is `sip:user@domain` in lower case.  `home` is "" for here, "none" for not homed
    anywhere, or the Autodiscover root URL of the pool that homes the user.
    `credential_version` grows with each password change and voids what was derived from it.
    `sip_ha1_md5`/`sip_ha1_sha256` are RFC 8760 digest hashes, "" unless enabled for SIP digest.

    `source` is "" for a local user, else the directory that keeps it ("ldap"): `source_id` is its
    lasting id there, `source_name` its name (DN) and `source_password` changes with its password.
    `photo_version` changes with the `Photo`, "" without one.  `private_phones` is a comma list of
    the kinds of phone (`mobility.domain.phones`) whose numbers contacts do not see.
    """

    KEY: ClassVar = ("uri",)
    uri: str
    name: str
    password_hash: str = attrs.field(repr=False, default="")
    credential_version: int = 1
    home: str = ""
    enabled: bool = True
    email: str = ""
    title: str = ""
    department: str = ""
    company: str = ""
    office: str = ""
    work_phone: str = attrs.field(repr=False, default="")
    mobile_phone: str = attrs.field(repr=False, default="")
    home_phone: str = attrs.field(repr=False, default="")
    other_phone: str = attrs.field(repr=False, default="")
    site: str = ""
    enterprise_voice: bool = False
    sip_ha1_md5: str = attrs.field(repr=False, default="")
    sip_ha1_sha256: str = attrs.field(repr=False, default="")
    created_at: float = 0.0
    source: str = ""
    source_id: str = attrs.field(repr=False, default="")
    source_name: str = attrs.field(repr=False, default="")
    source_password: str = attrs.field(repr=False, default="")
    photo_version: str = ""
    private_phones: str = ""


@attrs.frozen(slots=True)
class Photo:
    """A user's photo: a square JPEG.  It is in the store alone, never kept in memory."""

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    image: bytes = attrs.field(repr=False)


@attrs.frozen(slots=True)
class Token:
    """A bearer token, known only by the SHA-256 of its text (hex)."""

    KEY: ClassVar = ("digest",)
    digest: str = attrs.field(repr=False)
    user_uri: str
    issued_at: float
    expires_at: float


@attrs.frozen(slots=True)
class Application:
    """One registered endpoint of a user (UCWA `application`), and its event stream.

    `available` is true after makeMeAvailable.  `modalities` and `formats` are comma lists of
    ModalityType and MessageFormat.  `put_token` is the GUID of `communication`'s PUT property and
    `etag` its version.  `id` is also the id of the application's event stream.
    """

    KEY: ClassVar = ("id",)
    id: str
    user_uri: str
    culture: str
    user_agent: str
    endpoint_id: str
    type: str
    created_at: float
    put_token: str
    etag: int = 1
    available: bool = False
    modalities: str = ""
    formats: str = ""
    audio_preference: str = ""
    phone_number: str = attrs.field(repr=False, default="")
    conversation_history: str = "Disabled"
    inactive_timeout_s: int = 300


@attrs.frozen(slots=True)
class Instance:
    """One tab of an application with an event channel of its own; "" when the client named none."""

    KEY: ClassVar = ("application_id", "instance_id")
    application_id: str
    instance_id: str
    created_at: float


@attrs.frozen(slots=True)
class Presence:
    """What watchers see of a user: one row however many watch.

    The four numbers come from the presence counter; each says when that part last changed, so a
    channel that last read number n shows the parts whose number is above n.  `manual` is the
    availability the user chose ("" for none), `availability` the aggregated one.
    """

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    presence_number: int = 0
    note_number: int = 0
    location_number: int = 0
    media_number: int = 0
    manual: str = ""
    availability: str = "Offline"
    activity: str = ""
    device_type: str = "Unknown"
    last_active_at: float = 0.0
    note: str = ""
    note_type: str = "Personal"
    location: str = ""
    modalities: str = ""


@attrs.frozen(slots=True)
class PresenceSubscription:
    """A set of users whose presence one application watches until `expires_at`.

    `uris` is a space list of user URIs; `group_id` is "" for an ad hoc set.
    """

    KEY: ClassVar = ("id",)
    id: str
    application_id: str
    uris: str
    expires_at: float
    group_id: str = ""


@attrs.frozen(slots=True)
class Group:
    """A group of a user's contact list; `kind` is "default", "pinned" or "custom"."""

    KEY: ClassVar = ("owner_uri", "id")
    owner_uri: str
    id: str
    name: str
    kind: str


@attrs.frozen(slots=True)
class DistributionGroup:
    """A list of people that a directory keeps.

    `uri` is the SIP form of its mail address.  `members` is a space list of the URIs of its direct
    members, people and other groups.  `source` and `source_id` are as those of a user.
    """

    KEY: ClassVar = ("uri",)
    uri: str
    name: str
    members: str
    source: str
    source_id: str


@attrs.frozen(slots=True)
class Contact:
    """One entry of a contact list, in one group."""

    KEY: ClassVar = ("owner_uri", "group_id", "uri")
    owner_uri: str
    group_id: str
    uri: str


@attrs.frozen(slots=True)
class Conversation:
    """A conversation among users; `state` is "Active" or "Ended".

    With a `meeting_uri` it is the conference of that meeting, else it has two parties.
    `audience_messaging` says whether attendees may send messages, `audience_mute` whether they
    are kept muted (both Enabled or Disabled).
    `version` grows by one with each save: a record that has a version is stored only over its
    predecessor, else the unit of work is refused with `Conflict`.
    """

    KEY: ClassVar = ("id",)
    id: str
    thread_id: str
    subject: str
    importance: str
    created_at: float
    state: str = "Active"
    version: int = 1
    meeting_uri: str = attrs.field(repr=False, default="")
    audience_messaging: str = "Enabled"
    audience_mute: str = "Disabled"


@attrs.frozen(slots=True)
class Leg:
    """One application's part in a conversation.

    `state` is a ConversationState: Incoming while it rings, Connecting while it calls, InLobby
    while it waits for admission, then Connected with one other and Conferenced in a meeting.
    `messaging` is a CallState of the messaging modality as that application sees it.
    `invitation_id` names the invitation by which the application came into the conversation.
    """

    KEY: ClassVar = ("conversation_id", "application_id")
    conversation_id: str
    application_id: str
    user_uri: str
    state: str
    messaging: str
    invitation_id: str = ""


@attrs.frozen(slots=True)
class Participant:
    """A person in a conference or its lobby, however many applications it takes part with.

    `role` is Leader or Attendee.  Messages up to number `after_message` were sent before the
    person came in.
    """

    KEY: ClassVar = ("conversation_id", "uri")
    conversation_id: str
    uri: str
    name: str
    role: str
    in_lobby: bool
    anonymous: bool
    organizer: bool
    joined_at: float
    after_message: int = 0


@attrs.frozen(slots=True)
class Invitation:
    """An invitation; `state` is an InvitationState, "Connecting" while it is open.

    `kind` says to what: "messaging" with a person or in a conference, "participant" for asking
    somebody into a conference, "join" for the application's own way into one.
    `message_number` names the first message in the conversation, 0 for none.  `custom_content` is
    what the caller's application tells the callee's, a data: URI.
    """

    KEY: ClassVar = ("id",)
    id: str
    conversation_id: str
    from_uri: str
    from_application_id: str
    to_uri: str
    operation_id: str
    created_at: float
    expires_at: float
    state: str = "Connecting"
    message_number: int = 0
    accepted_by: str = ""
    kind: str = "messaging"
    custom_content: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class Message:
    """An instant message, stored once and referenced from each recipient's stream.

    `format` is a MessageFormat (Plain, Html); `missed` says the recipient had no endpoint that
    could show it.
    """

    KEY: ClassVar = ("conversation_id", "number")
    conversation_id: str
    number: int
    from_uri: str
    format: str
    body: str = attrs.field(repr=False)
    sent_at: float
    missed: bool = False


@attrs.frozen(slots=True)
class Receipt:
    """What a POST with an Idempotency-Key did, so that its repeat gets the same answer.

    `fingerprint` is the SHA-256 (hex) of method, path and body; `resource_id` what it created.
    """

    KEY: ClassVar = ("user_uri", "key")
    user_uri: str
    key: str
    fingerprint: str
    resource_id: str
    created_at: float


@attrs.frozen(slots=True)
class Meeting:
    """An online meeting that a user has scheduled, or with `assigned` the one it always has.

    One that is `improvised` was made for a conference and goes with it.

    `id` is the conference key and part of the meeting's URI and join URL; `number` is what callers
    dial (conferenceId).  `expires_at` is 0 for never.  `attendees` and `leaders` are space lists of
    user URIs; the other settings are words of UCWA's enumerations.
    """

    KEY: ClassVar = ("id",)
    id: str = attrs.field(repr=False)
    organizer_uri: str
    number: str = attrs.field(repr=False)
    created_at: float
    expires_at: float = 0.0
    assigned: bool = False
    subject: str = attrs.field(repr=False, default="")
    description: str = attrs.field(repr=False, default="")
    access_level: str = "SameEnterprise"
    automatic_leader_assignment: str = "Disabled"
    entry_exit_announcement: str = "Disabled"
    lobby_bypass_for_phone_users: str = "Disabled"
    phone_user_admission: str = "Disabled"
    attendees: str = ""
    leaders: str = ""
    version: int = 1
    improvised: bool = False


@attrs.frozen(slots=True)
class MeetingExtension:
    """An application's own data in a meeting.

    `type` is an OnlineMeetingExtensionType, `properties` a JSON object of texts.
    """

    KEY: ClassVar = ("meeting_id", "id")
    meeting_id: str = attrs.field(repr=False)
    id: str
    type: str
    properties: str = attrs.field(repr=False, default="{}")
    version: int = 1


Record = (
    User
    | Photo
    | Token
    | Application
    | Instance
    | Presence
    | PresenceSubscription
    | Group
    | DistributionGroup
    | Contact
    | Conversation
    | Leg
    | Participant
    | Invitation
    | Message
    | Receipt
    | Meeting
    | MeetingExtension
)
