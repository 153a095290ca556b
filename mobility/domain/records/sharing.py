"""What is shared in conversations: a screen or a program, and documents to work on together."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class SharedContent:
    """What goes on in one modality of a conversation, ApplicationSharing or DataCollaboration.

    `device_id` and `user_uri` say who began it; of a screen that is who shows it.  `id` is another
    one with every new offer.  `offer` is the session description (SDP) of who shows a screen and
    `streams` what that says of each stream (`mobility.domain.descriptions`); `source_id` names the
    source for media stacks.  `content` is a data URI for whoever takes part, "" without one.
    """

    KEY: ClassVar = ("conversation_id", "modality")
    conversation_id: str
    modality: str
    id: str
    device_id: str
    user_uri: str
    started_at: float
    state: str = "Connected"
    operation_id: str = ""
    source_id: str = ""
    offer: str = attrs.field(repr=False, default="")
    streams: str = ""
    content: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class ContentView:
    """What one device has to do with what is shared, beside the one that shows its screen.

    `state` is one of `mobility.domain.content_states.VIEW`.  `id` names the offer that the device
    got of `content_id`, `answer` is its answer (SDP), and `reason` the subcode with which the
    offer was dismissed.
    """

    KEY: ClassVar = ("id",)
    id: str
    content_id: str
    conversation_id: str
    modality: str
    device_id: str
    user_uri: str
    state: str
    answer: str = attrs.field(repr=False, default="")
    reason: str = ""
