"""What notifications say: nothing, who it is, or the text too, as the operator allows."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.push_rules import (
    BADGE,
    CALL,
    MEETING,
    MESSAGE,
    MISSED_CALL,
    TEST,
    VOICEMAIL,
    WITHDRAWAL,
)
from mobility.domain.records import PushNotice, PushSubscription
from mobility.push.content import SENDER, TEXT, WAKE, notification

DEVICE = PushSubscription("sip:bob@example.test", "1", "fcm", "app", "t" * 40, 0.0, 5.0, 1e12)
LOUD = (CALL, MEETING, MESSAGE, MISSED_CALL, VOICEMAIL)


class ContentTests(SynchronousTestCase):
    """Alice writes "Lunch?", or calls."""

    def said(
        self, kind: str, content: str, text: str = "Lunch?", sender: str = "Alice"
    ) -> tuple[str, str]:
        """Title and body of a notification of this kind."""
        notice = PushNotice(
            id="n1",
            user_uri=DEVICE.user_uri,
            subscription_id=DEVICE.id,
            kind=kind,
            topic="c-7",
            cause="7",
            created_at=10.0,
            due_at=10.0,
            expires_at=100.0,
            changed_at=10.0,
            from_uri="sip:alice@example.test",
        )
        text = text if kind == MESSAGE else ""
        told = notification(notice, DEVICE, content=content, badge=1, sender=sender, text=text)
        self.assertEqual((told.id, told.expires, told.badge), ("n1", 100, 1))
        self.assertNotIn("sip:", f"{told.title}{told.body}{told.collapse_key}{told.thread}")
        return told.title, told.body

    def test_wake(self) -> None:
        """By default a notification says neither who it is nor what, whatever happened."""
        for kind in LOUD:
            self.assertEqual(self.said(kind, WAKE), ("", ""), kind)

    def test_sender(self) -> None:
        """With "sender" it says who it is and what happened, but not what was written."""
        said = {kind: self.said(kind, SENDER) for kind in LOUD}
        self.assertEqual({title for title, _ in said.values()}, {"Alice"})
        self.assertEqual(said[MESSAGE][1], "")
        self.assertEqual(said[MISSED_CALL][1], "Missed call")
        self.assertEqual(said[CALL][1], "Incoming call")

    def test_text(self) -> None:
        """With "text" it says what was written too."""
        self.assertEqual(self.said(MESSAGE, TEXT), ("Alice", "Lunch?"))
        self.assertEqual(self.said(VOICEMAIL, TEXT), ("Alice", "New voicemail"))

    def test_long(self) -> None:
        """What is longer than a notification may be ends with an ellipsis, after a whole sign."""
        thumb = "\U0001f44d\U0001f3fd"
        title, body = self.said(MESSAGE, TEXT, "x" * 4_095 + thumb, "y" * 255 + thumb)
        self.assertEqual(body, "x" * 4_095 + "…")
        self.assertEqual(title, "y" * 255 + "…")

    def test_silent(self) -> None:
        """What takes something off the screen never says anything."""
        for kind in (BADGE, WITHDRAWAL):
            for content in (WAKE, SENDER, TEXT):
                self.assertEqual(self.said(kind, content), ("", ""), (kind, content))

    def test_test(self) -> None:
        """An operator's test says that it is one, however little else may be said."""
        self.assertEqual(self.said(TEST, WAKE)[1], "Test notification")
