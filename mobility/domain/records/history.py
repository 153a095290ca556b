"""What is over: past conversations and calls, and what is not read yet."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class ConversationLog:
    """One user's view of a past conversation or call.

    `created_at` is when it came into the history and `began_at` when the conversation began.
    `direction` is a Direction, `status` a ConversationLogStatus (Archived, Missed), `type` a
    ConversationLogType, `modalities` a comma list.  `recipients` is a JSON list of the addresses
    and names of the others, of whom there were `recipient_count`.

    The user saw the messages of the conversation after number `after_message` up to number
    `last_message`, and has read those up to `read_message`; `read` is false while anything is
    unread.  `call_status` is the AudioTranscriptStatus of a call, "" without one, and `duration_s`
    how long it lasted.
    """

    KEY: ClassVar = ("user_uri", "id")
    user_uri: str
    id: str
    conversation_id: str
    created_at: float
    began_at: float
    direction: str
    status: str
    type: str
    modalities: str
    thread_id: str
    subject: str = attrs.field(repr=False)
    importance: str
    meeting_uri: str = attrs.field(repr=False)
    recipients: str = attrs.field(repr=False)
    recipient_count: int
    after_message: int = 0
    last_message: int = 0
    read_message: int = 0
    read: bool = True
    call_status: str = ""
    duration_s: float = 0.0


@attrs.frozen(slots=True)
class ReadMark:
    """Up to which message a user has read a conversation that goes on.

    What the user wrote counts as read without a mark.
    """

    KEY: ClassVar = ("conversation_id", "user_uri")
    conversation_id: str
    user_uri: str
    message_number: int


@attrs.frozen(slots=True)
class VoicemailCount:
    """How many voicemails a user has, and how many of them are not heard yet."""

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    total: int
    unread: int


@attrs.frozen(slots=True)
class Leftover:
    """A conversation some of whose rows may be of no use any more: it is over, or a user has
    removed it from the history."""

    KEY: ClassVar = ("conversation_id",)
    conversation_id: str
