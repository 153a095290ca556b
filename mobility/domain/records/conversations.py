"""Conversations, who takes part in them, and what is said."""

from typing import ClassVar

import attrs


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
    `messaging` is a CallState of the messaging modality as that application sees it, and `call` one
    of audio and video, or Ringing while it rings.
    `invitation_id` names the invitation by which the application came into the conversation.
    `on_behalf_of` is the delegator for whom a delegate's device rings.
    `formats` is a comma list of the MessageFormats that its messaging has negotiated.
    `by_phone` says that it calls or rings with its user's telephone.
    """

    KEY: ClassVar = ("conversation_id", "application_id")
    conversation_id: str
    application_id: str
    user_uri: str
    state: str
    messaging: str
    invitation_id: str = ""
    call: str = "Disconnected"
    formats: str = ""
    by_phone: bool = False
    on_behalf_of: str = ""


@attrs.frozen(slots=True)
class Participant:
    """A person in a conference or its lobby, however many applications it takes part with.

    `role` is Leader or Attendee.  Messages up to number `after_message` were sent before the
    person came in.  `phone` is the number from which somebody has dialled in.
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
    phone: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class Invitation:
    """An invitation; `state` is an InvitationState, "Connecting" while it is open.

    `kind` says to what: "messaging" with a person or in a conference, "call" with a person,
    "participant" for asking somebody into a conference, "join" for the application's own way into
    one.
    `message_number` names the first message in the conversation, 0 for none.  `custom_content` is
    what the caller's application tells the callee's, a data: URI.  `progress` is the
    InvitationState that its sender is shown while it is open, if not Connecting.
    `awaited` says that a device of the callee that is not there may still wake or sign in to
    answer: then the invitation stays open though nothing rings.
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
    progress: str = ""
    awaited: bool = False


@attrs.frozen(slots=True)
class Message:
    """An instant message, stored once and referenced from each recipient's stream.

    `failed` is a space list of the URIs of participants whom it did not reach.
    `format` is a MessageFormat (Plain, Html); the body of an Html message is sanitised, and `plain`
    is its text for who shows no HTML.  `missed` says the recipient had no endpoint that could show
    it.
    """

    KEY: ClassVar = ("conversation_id", "number")
    conversation_id: str
    number: int
    from_uri: str
    format: str
    body: str = attrs.field(repr=False)
    sent_at: float
    missed: bool = False
    plain: str = attrs.field(repr=False, default="")
    failed: str = ""

    @property
    def text(self) -> str:
        """The message as plain text."""
        return self.plain if self.format == "Html" else self.body


@attrs.frozen(slots=True)
class Carriage:
    """A message on its way to `to_uri`, who has no application, until it is taken there or not;
    `application_id` is that of its sender, who is told so with `operation_id`."""

    KEY: ClassVar = ("conversation_id", "number")
    conversation_id: str
    number: int
    application_id: str
    to_uri: str
    operation_id: str = ""


@attrs.frozen(slots=True)
class DispositionRequest:
    """What `from_uri`, who has no application, wishes to hear of a message to `to_uri` (RFC 5438):
    that it was delivered, that it was displayed, or both.

    `message_id`, `sent_at` and `original_to` are what its sender has called it, as it came.
    """

    KEY: ClassVar = ("conversation_id", "number")
    conversation_id: str
    number: int
    from_uri: str
    to_uri: str
    message_id: str
    sent_at: str
    original_to: str
    delivery: bool
    display: bool


@attrs.frozen(slots=True)
class DeliveryMark:
    """Up to which message of a conversation somebody who has no application has got what was
    written, and has seen it as far as notifications say."""

    KEY: ClassVar = ("conversation_id", "user_uri")
    conversation_id: str
    user_uri: str
    delivered: int
    displayed: int = 0
