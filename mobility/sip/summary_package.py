"""The message-summary event package (RFC 3842): which voicemails wait for a user."""

from mobility.domain.records import VoicemailCount
from mobility.domain.voicemail import Voicemail
from mobility.sip.identity import Identity, Sender
from mobility.sip.message_summary import CONTENT_TYPE, MessageSummary
from mobility.sip.notifications import Notifications
from mobility.sip.refusal import SipRefusal

MESSAGE_SUMMARY = "message-summary"

INTERVAL_S = 1.0
"""RFC 3842 section 3.9 has no number; one a second is what it has of floods."""


class SummaryPackage:
    """Users, and peers that speak for them, learn what waits in their own mailboxes."""

    name = MESSAGE_SUMMARY
    kind = CONTENT_TYPE
    interval_s = INTERVAL_S
    listed = False

    def __init__(self, identity: Identity, voicemail: Voicemail) -> None:
        self._identity = identity
        self._voicemail = voicemail

    def check(self, uri: str, sender: Sender) -> None:
        if not self._identity.is_there(uri):
            raise SipRefusal(404)
        if not sender.trusted and sender.uri != uri:
            raise SipRefusal(403, "Forbidden: another user's mailbox")

    def body(self, uri: str, watcher: str, version: int) -> bytes:  # noqa: ARG002  # a Package
        count = self._voicemail.of(uri)
        new = count.unread
        return bytes(MessageSummary(new > 0, new, count.total - new, account=uri))


class SummaryNews:
    """Tells a user's phones what has changed."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    def counted(self, count: VoicemailCount) -> None:
        self._notifications.changed(MESSAGE_SUMMARY, count.user_uri)
