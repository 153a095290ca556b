"""What is asked of who brings messages to people who have no application, and what that brings in.

A message may come with a wish: its sender wants to hear what becomes of it (RFC 5438).
"""

from collections.abc import Awaitable
from enum import Enum
from typing import Protocol

import attrs

from mobility.domain.facts import Reason
from mobility.domain.messaging import Text
from mobility.domain.outcomes import Outcome
from mobility.domain.records import DispositionRequest


class Received(Enum):
    """What became of a message that was taken: shown at once, or kept until somebody looks."""

    SHOWN = "shown"
    KEPT = "kept"


class Rung(Enum):
    """What became of an invitation to a session: it rings, was answered already (the other one
    writes, too), or reaches nobody, and its text was kept as missed."""

    RINGS = "rings"
    ANSWERED = "answered"
    NOBODY = "nobody"


class Disposition(Enum):
    """What somebody is told of a message of his own (RFC 5438 section 3)."""

    DELIVERED = "delivered"
    DISPLAYED = "displayed"
    FAILED = "failed"


@attrs.frozen(slots=True)
class Wish:
    """What the sender of a message wants to hear of, and the message's own id, time and first
    recipient, which the notifications repeat."""

    message_id: str
    sent_at: str = ""
    original_to: str = ""
    delivery: bool = False
    display: bool = False


@attrs.frozen(slots=True)
class Page:
    """One message from one person to another.

    `id` is the same when the message is brought `again` after a restart, "" where it is not known.
    """

    from_uri: str
    from_name: str
    to_uri: str
    sent_at: float
    text: Text = attrs.field(repr=False)
    id: str = ""
    again: bool = False
    wish: Wish | None = None


class Carrier(Protocol):
    """Takes messages to people who have no application."""

    def leads_to(self, uri: str) -> bool:
        """Whether there is a phone of the user, or a way to somebody elsewhere."""

    def carry(self, page: Page) -> Awaitable[Outcome | Received]:
        """What became of the message that was taken at the other end, else how the attempt ended.

        KEPT is also what becomes of one of whose delivery a notification will tell.
        """

    def show_typing(self, from_uri: str, to_uri: str, *, typing: bool) -> None:
        """Somebody types or has stopped."""

    def begin(self, from_uri: str, from_name: str, to_uri: str) -> Awaitable[Outcome | None]:
        """A conversation begins without a message: None once it is accepted at the other end, or
        where nobody is asked there."""

    def answered(self, from_uri: str, to_uri: str, reason: Reason | None) -> None:
        """The invitation of a session (`Correspondence.ring`) was accepted by `from_uri`, or was
        not, and why."""

    def part(self, from_uri: str, to_uri: str) -> None:
        """The conversation is over for `to_uri`."""

    def notify(self, request: DispositionRequest, disposition: Disposition) -> Awaitable[None]:
        """Tell the sender of a message what has become of it."""
