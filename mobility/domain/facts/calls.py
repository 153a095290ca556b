"""What happened to calls: the audio/video of a conversation, its media and their negotiation."""

import attrs


@attrs.frozen(slots=True)
class CallTerms:
    """What an invitation to a call says beyond what every invitation says.

    `modality` is audioVideo or phoneAudio and `media` what is asked for, of Audio and Video.
    `offer` is a session description (SDP), "" where the reader has none to answer.
    `on_behalf_of` is for whom a delegate calls, `delegator` for whom one is called.
    `transferred_by` is who has sent the caller here from another call.
    """

    modality: str
    media: tuple[str, ...]
    offer: str = attrs.field(repr=False, default="")
    session_context: str = attrs.field(repr=False, default="")
    audio_muted: bool = False
    video_muted: bool = False
    on_behalf_of: str = ""
    forwarded_by: str = ""
    delegator: str = ""
    transferred_by: str = ""


@attrs.frozen(slots=True)
class CallChanged:
    """The call modality of a conversation is now in `state` (a CallState), for one application.

    `media` is what goes on, of Audio and Video; `may_add` says that a call could be added,
    `session` is the state of its session, "" without one.  `may_escalate` says that the application
    may go with it to a conference, `may_replace` that a telephone may take the place of its audio.
    `mixed` is that of a conference: then `frozen` says that nobody is shown the application's
    video, `locked` is whose video everybody is shown (URI and name), and `sources` a
    VideoSourcesAllowed.
    """

    conversation_id: str
    modality: str
    state: str
    media: tuple[str, ...] = ()
    may_add: bool = False
    session: str = ""
    may_escalate: bool = False
    mixed: bool = False
    frozen: bool = False
    locked: tuple[str, str] | None = None
    sources: str = ""
    may_replace: bool = False
    reason: tuple[str, str, str] | None = None
    """Code, subcode and message that say why the call is over."""


@attrs.frozen(slots=True)
class NegotiationChanged:
    """A callee answered the offer of an outgoing invitation, `provisional`ly or for good.

    `answer` is a session description; `remote_endpoint` tells the callee's devices apart.
    """

    invitation_id: str
    conversation_id: str
    answer: str = attrs.field(repr=False)
    provisional: bool = False
    session_context: str = ""
    content_id: str = ""
    remote_endpoint: str = ""


@attrs.frozen(slots=True)
class SessionChanged:
    """The media session of a call was added, updated or deleted.

    `state` is a SessionState; `may_resume` says that this side holds the call, `media` what goes
    on.
    """

    conversation_id: str
    change: str
    state: str = ""
    session_context: str = ""
    remote_endpoint: str = ""
    may_resume: bool = False
    media: tuple[str, ...] = ()


@attrs.frozen(slots=True)
class RenegotiationChanged:
    """A new offer within a call was started or completed, as one application sees it.

    `direction` is Outgoing for who offers; `media` is what goes on in the call without it; `reason`
    is a code and a subcode for one that failed.
    """

    change: str
    id: str
    conversation_id: str
    direction: str
    operation_id: str = ""
    offer: str = attrs.field(repr=False, default="")
    answer: str = attrs.field(repr=False, default="")
    state: str = "Offered"
    reason: tuple[str, str, str] | None = None
    """Code, subcode and message."""
    media: tuple[str, ...] = ("Audio", "Video")
    early: bool = False
    """Whether the call is not answered yet."""


@attrs.frozen(slots=True)
class ParticipantMediaChanged:
    """The audio or video (`medium`) of a participant was added, updated or deleted.

    `direction` is a MediaDirectionType.  `mixed` is that of a conference: then `powers` are what
    the reader may do with it, any of mute, unmute, lock and unlock, and `source` is by which source
    (SSRC) it is known, 0 if that is not known.
    """

    conversation_id: str
    uri: str
    name: str
    local: bool
    medium: str
    change: str
    direction: str = "Unknown"
    muted: bool = False
    mixed: bool = False
    powers: tuple[str, ...] = ()
    source: int = 0


@attrs.frozen(slots=True)
class MediaShown:
    """The audio and video in a conference, told to an application that comes in."""

    conversation_id: str
    media: tuple[ParticipantMediaChanged, ...]


@attrs.frozen(slots=True)
class VideoLocked:
    """Everybody in a conference is shown the video of one participant alone: that is `added` or
    `deleted`."""

    conversation_id: str
    change: str
    uri: str
    name: str
