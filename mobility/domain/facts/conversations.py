"""What happened in conversations and to invitations."""

import attrs

from mobility.domain.facts.calls import CallTerms


@attrs.frozen(slots=True)
class ConversationSnapshot:
    """A conversation as one application sees it; `state` is a ConversationState.

    `call` says that the application is in a call or rings for one, and `escalates` that it may go
    with that to a conference.  Five are of a conference: whether it is one, whether the
    application's user leads it, how many take part, and the two settings for attendees.  `read`
    says that the user has read all its messages, on whichever device.
    """

    id: str
    state: str
    thread_id: str
    subject: str
    importance: str
    created_at: float
    modalities: tuple[str, ...] = ()
    call: bool = False
    escalates: bool = False
    conference: bool = False
    leader: bool = False
    participants: int = 0
    audience_messaging: str = ""
    audience_mute: str = ""
    read: bool = True


@attrs.frozen(slots=True)
class Reason:
    """Why an operation failed or a state changed: a UCWA code and subcode."""

    code: str
    subcode: str
    message: str = ""


@attrs.frozen(slots=True)
class ConversationChanged:
    """A conversation was added, updated or deleted, or its messaging changed state.

    `reason` says why it is over, None while it is not.
    """

    change: str
    conversation: ConversationSnapshot
    reason: Reason | None = None


@attrs.frozen(slots=True)
class MessagingChanged:
    """The messaging modality of a conversation is now in `state` (a CallState).

    `may_send` is false while attendees may not send; `may_add` says messaging can be added.
    `reason` says why it was disconnected, None while it is not or never was connected.
    """

    conversation_id: str
    state: str
    formats: tuple[str, ...] = ()
    may_send: bool = True
    may_add: bool = False
    reason: Reason | None = None


@attrs.frozen(slots=True)
class ParticipantChanged:
    """A participant was added to, updated in or deleted from a conversation.

    `local` is the owner itself.  `within` is "" for the conversation as a whole, else the view of
    a conference that alone changed: leaders, attendees or lobby.  `left` and `entered` are the
    views that the participant leaves and enters along with the change.  `phone` is the number from
    which it has dialled in, "" for everybody else.
    """

    conversation_id: str
    uri: str
    name: str
    local: bool
    change: str
    within: str = ""
    role: str = ""
    in_lobby: bool = False
    anonymous: bool = False
    organizer: bool = False
    left: str = ""
    entered: str = ""
    phone: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class RosterShown:
    """Who is in a conference, told to an application that comes in: one change for each."""

    conversation_id: str
    participants: tuple[ParticipantChanged, ...]


@attrs.frozen(slots=True)
class OnlineMeetingChanged:
    """The meeting of a conference was added to the conversation or updated."""

    conversation_id: str
    change: str


@attrs.frozen(slots=True)
class ParticipantMessagingChanged:
    """A participant's messaging was added to or deleted from a conversation."""

    conversation_id: str
    uri: str
    name: str
    local: bool
    change: str


@attrs.frozen(slots=True)
class TypingChanged:
    """A participant began (`added`) or stopped (`deleted`) typing."""

    conversation_id: str
    uri: str
    name: str
    change: str


@attrs.frozen(slots=True)
class InvitationChanged:
    """An invitation was started, updated or completed, as one application sees it.

    `kind` is that of the invitation's record.  `message_number` is not 0 when the invitation
    carries a message (kept with the event).  `meeting_uri` is that of a conference, `call` what is
    said of a call.
    """

    change: str
    id: str
    conversation_id: str
    direction: str
    state: str
    from_uri: str
    from_name: str
    to_uri: str
    to_name: str
    operation_id: str
    thread_id: str
    subject: str
    importance: str
    message_number: int = 0
    accepted_by: tuple[str, str] | None = None
    """URI and name of who accepted."""
    reason: Reason | None = None
    kind: str = "messaging"
    meeting_uri: str = ""
    custom_content: str = ""
    call: CallTerms | None = None


@attrs.frozen(slots=True)
class MessageCompleted:
    """A message was sent (`Outgoing`) or has come (`Incoming`); its body is kept once.

    `failed` are URIs and names of participants whom an outgoing one did not reach.
    """

    conversation_id: str
    number: int
    direction: str
    from_uri: str
    from_name: str
    sent_at: float
    operation_id: str = ""
    failed: tuple[tuple[str, str], ...] = ()
