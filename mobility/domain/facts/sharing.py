"""What happened to what is shared in conversations."""

import attrs


@attrs.frozen(slots=True)
class ContentChanged:
    """A modality of shared content is now in `state` (a CallState), for one application.

    `modality` is ApplicationSharing or DataCollaboration.  `sharer_uri` and `sharer_name` say whose
    screen it is, "" without one.  `may_start` and `may_stop` say what the application's user may
    do, as far as its role and what goes on are concerned.  `content` is a data URI for those who
    take part.
    """

    conversation_id: str
    modality: str
    state: str
    sharer_uri: str = ""
    sharer_name: str = attrs.field(repr=False, default="")
    may_start: bool = False
    may_stop: bool = False
    content: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class SharerChanged:
    """Somebody began to share a screen (`added`), took over (`updated`) or stopped (`deleted`)."""

    conversation_id: str
    change: str
    uri: str
    name: str = attrs.field(repr=False)


@attrs.frozen(slots=True)
class ParticipantContentChanged:
    """A participant's part in shared content was added, updated or deleted.

    `direction` is a MediaDirectionType, "" for DataCollaboration.
    """

    conversation_id: str
    modality: str
    uri: str
    name: str = attrs.field(repr=False)
    local: bool
    change: str
    direction: str = ""
    source_id: str = ""


@attrs.frozen(slots=True)
class ContentOffered:
    """The offer to view a screen was started or completed, as one of its two sides sees it.

    `direction` is Outgoing for who shares.  `state` is that of the view.  `session` says that the
    application is in a call over IP; `reason` is code, subcode and message of an offer that came to
    nothing.
    """

    change: str
    id: str
    conversation_id: str
    direction: str
    operation_id: str = ""
    offer: str = attrs.field(repr=False, default="")
    answer: str = attrs.field(repr=False, default="")
    state: str = "Offered"
    session: bool = False
    reason: tuple[str, str, str] | None = None
