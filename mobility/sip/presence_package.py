"""The presence event package (RFC 3856): what watchers see of users."""

from collections.abc import Callable

from mobility.domain.ledger import Committed
from mobility.domain.presence import PresenceBook
from mobility.domain.privacy import Privacy, seen_presence
from mobility.sip.identity import Identity, Sender
from mobility.sip.notifications import Notifications
from mobility.sip.pidf import CONTENT_TYPE
from mobility.sip.presence_mapping import document_of
from mobility.sip.refusal import SipRefusal

PRESENCE = "presence"

INTERVAL_S = 5.0
"""RFC 3856 section 6.10."""


class PresencePackage:
    """Watchers see through the privacy relationships that users have given them.

    Who is blocked sees somebody who is offline, as RFC 5025 has it of polite blocking.
    """

    name = PRESENCE
    kind = CONTENT_TYPE
    interval_s = INTERVAL_S
    listed = True

    def __init__(
        self,
        identity: Identity,
        presence: PresenceBook,
        privacy: Privacy,
        elsewhere: Callable[[str], bool],
    ) -> None:
        """`elsewhere` says of a URI of another domain whether its presence can be had."""
        self._identity = identity
        self._presence = presence
        self._privacy = privacy
        self._elsewhere = elsewhere

    def check(self, uri: str, sender: Sender) -> None:
        """404 for who is no user here; other domains' people are for users of this one only."""
        if self._identity.is_there(uri):
            return
        if sender.trusted or not self._elsewhere(uri):
            raise SipRefusal(404)

    def body(self, uri: str, watcher: str, version: int) -> bytes:  # noqa: ARG002  # a Package
        seen = seen_presence(self._presence.of(uri), self._privacy.sight(uri, watcher))
        return bytes(document_of(uri, seen))


class PresenceNews:
    """Tells watchers what has changed."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    def committed(self, committed: Committed) -> None:
        """A unit of work was stored (a bus listener)."""
        for presence in committed.presences:
            self._notifications.changed(PRESENCE, presence.user_uri)

    def seen_anew(self, owner_uri: str, watcher_uri: str) -> None:
        """What somebody may see of a user is more or less than before."""
        self._notifications.changed_for(PRESENCE, owner_uri, watcher_uri)
