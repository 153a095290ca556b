"""What each provider is sent for a notification."""

import json
from xml.etree import ElementTree

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house import payloads
from mobility.push.wire import KINDS, Device, Notification

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=3_000)
PUSHES = st.builds(
    Notification,
    id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64),
    device=st.just(
        Device("apns", "app", "ab", voip_token="cd", endpoint="https://p.example/1", p256dh="k")
    ),
    kind=st.sampled_from(KINDS),
    expires=st.integers(0, 2**33),
    collapse_key=st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
    title=st.text(st.characters(exclude_categories=["Cs"]), max_size=256),
    body=TEXT,
    badge=st.none() | st.integers(0, 99_999),
    thread=st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
)


class SizeTests(SynchronousTestCase):
    @given(PUSHES)
    def test_bounds(self, push: Notification) -> None:
        """Whatever a push says, each provider is sent something that it takes."""
        one = payloads.apns(push, "app", "id")
        assert one is not None
        voip = dict(one.headers)["apns-push-type"] == "voip"
        self.assertLessEqual(len(one.body), 5_120 if voip else 4_096)
        self.assertEqual(json.loads(one.body)["mobility"]["id"], push.id)
        collapse = dict(one.headers).get("apns-collapse-id", "")
        self.assertTrue(len(collapse) <= 64 and collapse.isascii() and collapse.isprintable())

        message = json.loads(payloads.fcm(push, 0.0))["message"]
        data = json.dumps(message["data"], ensure_ascii=False, separators=(",", ":"))
        self.assertLessEqual(len(data.encode()), 4_096)
        self.assertTrue(all(isinstance(value, str) for value in message["data"].values()))

        self.assertLessEqual(len(payloads.web_push(push)), 3_993)
        toast = payloads.wns(push, 0.0)
        self.assertLessEqual(len(toast.body), 5_000)
        if dict(toast.headers)["Content-Type"] == "text/xml":
            ElementTree.fromstring(toast.body)


class FormTests(SynchronousTestCase):
    def setUp(self) -> None:
        device = Device("apns", "app", "ab", voip_token="cd")
        self.push = Notification("i", device, "message", 100, "c", "Alice", "Hi", 2, "t", "x")

    def made(self, **changes: object) -> tuple[dict[str, str], dict[str, object], str]:
        made = payloads.apns(attrs.evolve(self.push, **changes), "app", "id")
        assert made is not None
        return dict(made.headers), json.loads(made.body), made.token_field

    def test_alert(self) -> None:
        """A message is an alert with its badge, thread and collapse key."""
        headers, body, token = self.made()
        self.assertEqual(token, "token")
        self.assertEqual(headers["apns-priority"], "10")
        self.assertEqual(
            body["aps"],
            {
                "badge": 2,
                "alert": {"title": "Alice", "body": "Hi"},
                "sound": "default",
                "mutable-content": 1,
                "thread-id": "t",
            },
        )
        self.assertEqual(
            body["mobility"],
            {"id": "i", "kind": "message", "collapse": "c", "thread": "t", "trace": "x"},
        )

    def test_wake_only(self) -> None:
        """Without texts the app's own words are shown."""
        _, body, _ = self.made(title="", body="")
        self.assertEqual(body["aps"]["alert"], {"loc-key": "push.message"})  # type: ignore[index]

    def test_badge(self) -> None:
        """A badge alone makes no sound and is no hurry."""
        headers, body, _ = self.made(kind="badge")
        self.assertEqual((headers["apns-priority"], body["aps"]), ("5", {"badge": 2}))

    def test_withdraw(self) -> None:
        """A withdrawal works in the background, where neither badge nor alert may be."""
        headers, body, token = self.made(kind="withdraw")
        self.assertEqual(
            (headers["apns-push-type"], headers["apns-priority"], token),
            ("background", "5", "token"),
        )
        self.assertEqual(body["aps"], {"content-available": 1})

    def test_call(self) -> None:
        """A call goes to the PushKit token, and without one it is a loud alert."""
        headers, _, token = self.made(kind="call")
        self.assertEqual(
            (headers["apns-push-type"], headers["apns-topic"], token),
            ("voip", "app.voip", "voip_token"),
        )
        headers, body, _ = self.made(kind="call", device=Device("apns", "app", "ab"))
        self.assertEqual(headers["apns-push-type"], "alert")
        self.assertEqual(body["aps"]["interruption-level"], "time-sensitive")  # type: ignore[index]

    def test_no_token(self) -> None:
        """A PushKit token alone carries calls and their withdrawals only."""
        device = Device("apns", "app", voip_token="cd")
        for kind in KINDS:
            made = payloads.apns(attrs.evolve(self.push, kind=kind, device=device), "app", "id")
            self.assertEqual(made is not None, kind in ("call", "withdraw"), kind)

    def test_identifier(self) -> None:
        """The apns-id of a push is its own and the same each time."""
        one = payloads.apns_id("o", "1")
        self.assertEqual(one, payloads.apns_id("o", "1"))
        self.assertEqual(len({one, payloads.apns_id("o", "2"), payloads.apns_id("p", "1")}), 3)

    def test_fcm_collapse(self) -> None:
        """FCM keeps four collapse keys, so only what wakes collapses there, by its kind."""
        for kind, title, key in (
            ("message", "", "wake"),
            ("message", "Alice", None),
            ("badge", "", "badge"),
            ("call", "", None),
        ):
            push = attrs.evolve(self.push, kind=kind, title=title, body="")
            android = json.loads(payloads.fcm(push, 40.0))["message"]["android"]
            self.assertEqual(android.get("collapse_key"), key)
            self.assertEqual(android["ttl"], "60s")

    def test_readable(self) -> None:
        """What a server could read has no texts."""
        self.assertNotIn(b"Alice", payloads.web_push(self.push, readable=True))
        self.assertIn(b"Alice", payloads.web_push(self.push))

    def test_topics(self) -> None:
        """Topics and tags have the form and size that are allowed, and tell nothing."""
        self.assertEqual(payloads.topic_of("d", "", 32), "")
        topic = payloads.topic_of("d", "conversation with Alice", 32)
        self.assertEqual(len(topic), 32)
        self.assertNotEqual(topic, payloads.topic_of("e", "conversation with Alice", 32))
        self.assertEqual(len(payloads.topic_of("d", "c", 16)), 16)
