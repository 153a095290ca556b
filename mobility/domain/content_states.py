"""The state machines of shared content, beside those of `mobility.domain.states`."""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from mobility.domain.records import ContentView, SharedContent
from mobility.domain.states import Machine

SCREEN, DOCUMENTS = "ApplicationSharing", "DataCollaboration"
"""The modalities of shared content, as ConversationModalityType names them."""

DISCONNECTED, CONNECTED = "Disconnected", "Connected"
OFFERED, VIEWING, DISMISSED = "Offered", "Viewing", "Dismissed"


class Shared(StrEnum):
    """What happens to a modality of shared content."""

    BEGUN = "begun"
    OFFERED_ANEW = "offered anew"
    TAKEN_OVER = "taken over"
    ENDED = "ended"


CONTENT = Machine(
    "shared content",
    "UCWA CallState of applicationSharing and dataCollaboration.  One screen at a time is shared "
    "in a conversation: who begins while another one does takes over.",
    (DISCONNECTED,),
    {
        (DISCONNECTED, Shared.BEGUN): CONNECTED,
        (CONNECTED, Shared.OFFERED_ANEW): CONNECTED,
        (CONNECTED, Shared.TAKEN_OVER): CONNECTED,
        (CONNECTED, Shared.ENDED): DISCONNECTED,
    },
)


class Viewed(StrEnum):
    """What happens to a device's part in shared content."""

    ANSWERED = "answered"
    DISMISSED = "dismissed"
    LEFT = "left"


VIEW = Machine(
    "view",
    "A device's part in what somebody else shares.  It begins with an offer for a screen, and "
    "Viewing for who works on documents.  An offer stays open while the screen is shared; a new "
    "one takes its place when the screen is offered anew.",
    (OFFERED, VIEWING),
    {
        (OFFERED, Viewed.ANSWERED): VIEWING,
        (OFFERED, Viewed.DISMISSED): DISMISSED,
        (VIEWING, Viewed.LEFT): DISMISSED,
    },
)


def shared_state(content: SharedContent | None, event: Shared) -> str:
    """The state of a modality after `event`; None for one that is not used.  Raises
    IllegalTransition."""
    return CONTENT.after(content.state if content is not None else DISCONNECTED, event)


def view_after(view: ContentView, event: Viewed) -> ContentView:
    """The view after `event`.  Raises IllegalTransition."""
    return attrs.evolve(view, state=VIEW.after(view.state, event))


def modalities_of(
    contents: Mapping[str, SharedContent], views: Mapping[str, ContentView], device_id: str
) -> tuple[str, ...]:
    """The modalities of shared content in which a device takes part."""
    if not contents:
        return ()
    screen = contents.get(SCREEN)
    mine = {one.modality for one in views.values() if takes_part(one, device_id)}
    if screen is not None and screen.device_id == device_id:
        mine.add(SCREEN)
    return tuple(sorted(mine))


def takes_part(view: ContentView, device_id: str) -> bool:
    """Whether a view is this device's, and not just offered to it."""
    return view.device_id == device_id and view.state == VIEWING


MACHINES = (CONTENT, VIEW)
"""Every machine of this module, as the diagrams show them."""
