"""What changed in the history of the owner of a stream."""

import attrs


@attrs.frozen(slots=True)
class MissedItemsChanged:
    """The counts of what the owner has in the history, missed and unread, have changed."""


@attrs.frozen(slots=True)
class UnreadChanged:
    """What the owner has not read yet has changed: something was read, or there is something
    unread where nothing was."""
