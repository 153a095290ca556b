"""What an event package has to say for the subscriptions to it (RFC 6665 section 5)."""

from typing import Protocol

from mobility.sip.identity import Sender


class Package(Protocol):
    """An event package: what there is to be known of a resource.

    `kind` is the Content-Type of what is told, `interval_s` the shortest time between two
    notifications, `listed` whether lists of resources can be watched.
    """

    name: str
    kind: str
    interval_s: float
    listed: bool

    def check(self, uri: str, sender: Sender) -> None:
        """Whether `sender` may watch `uri`.  Raises SipRefusal if not, or if there is no such."""

    def body(self, uri: str, watcher: str, version: int) -> bytes:
        """What `watcher` is told of `uri` now; `version` counts from 0 in each subscription."""


class Partial(Protocol):
    """What one subscriber has been told, for a package that tells what has changed only.

    `untold` says that there is more to tell than went into the last notification.
    """

    @property
    def untold(self) -> bool: ...

    def begin(self) -> None:
        """A SUBSCRIBE came: everything is to be told."""

    def body(self, version: int) -> bytes:
        """What is told next."""
