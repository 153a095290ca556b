"""The federation format between a front end and a clearing house."""

from typing import Any

import attrs
import msgspec
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.push import wire, wire_json

WORD = st.text(min_size=1, max_size=20)
DEVICES = st.one_of(
    st.builds(wire.Device, platform=st.just("apns"), app_id=WORD, token=WORD, voip_token=WORD),
    st.builds(wire.Device, platform=st.just("fcm"), app_id=WORD, token=WORD, registered=st.just(7)),
    st.builds(
        wire.Device, platform=st.just("webpush"), app_id=WORD, endpoint=WORD, p256dh=WORD, auth=WORD
    ),
    st.builds(
        wire.Device, platform=st.sampled_from(["unifiedpush", "wns"]), app_id=WORD, endpoint=WORD
    ),
)
NOTIFICATIONS = st.builds(
    wire.Notification,
    id=WORD,
    device=DEVICES,
    kind=st.sampled_from(wire.KINDS),
    expires=st.integers(0, 2**40),
    collapse_key=st.text(max_size=20),
    title=st.text(max_size=30),
    body=st.text(max_size=60),
    badge=st.none() | st.integers(0, 999),
    thread=st.text(max_size=20),
    trace=st.text(max_size=20),
)
ONE = wire.Notification(
    id="n1",
    device=wire.Device(platform="apns", app_id="org.example.app", token="00ff"),
    kind="message",
    expires=1_800_000_000,
    title="Alice",
    badge=0,
)


def changed(**values: Any) -> dict[str, Any]:
    """The document of `ONE` with other values."""
    return wire_json.notification_document(ONE) | values


class RequestTests(SynchronousTestCase):
    @given(st.lists(NOTIFICATIONS, max_size=5))
    def test_round_trip(self, notifications: list[wire.Notification]) -> None:
        """What is written is read."""
        read = [
            one
            for body, _ in wire_json.encode_batches(notifications)
            for one in wire_json.decode_request(body)[1]
        ]
        self.assertEqual(read, notifications)

    def test_batches(self) -> None:
        """A batch keeps within both bounds: its items and its bytes."""
        bodies = list(wire_json.encode_batches([ONE] * 250))
        self.assertEqual([count for _, count in bodies], [100, 100, 50])
        large = attrs.evolve(ONE, body="\U0001f600" * wire.BODY_CHARACTERS)
        bodies = list(wire_json.encode_batches([large] * 100))
        self.assertEqual(sum(count for _, count in bodies), 100)
        self.assertTrue(all(len(body) <= wire.BATCH_BYTES for body, _ in bodies))

    def test_one_bad_item(self) -> None:
        """What cannot be read is rejected alone, with the reason."""
        body = msgspec.json.encode(
            {"version": 1, "notifications": [changed(), changed(kind="typing"), 7]}
        )
        good, bad, worse = wire_json.decode_request(body)[1]
        self.assertEqual(good, ONE)
        self.assertEqual(
            bad,
            wire.Result(
                "n1",
                "rejected",
                "malformed: kind is not one of " + ", ".join(wire.KINDS),
            ),
        )
        self.assertEqual(worse, wire.Result("", "rejected", "malformed: must be an object"))

    def test_bad_fields(self) -> None:
        """Each field is bounded and of its type."""
        device = changed()["device"]
        for values, said in (
            ({"id": ""}, "id must not be empty"),
            ({"id": "x" * 65}, "id is longer than 64 characters"),
            ({"id": 7}, "id must be a string"),
            ({"expires": "soon"}, "expires must be a whole number"),
            ({"expires": True}, "expires must be a whole number"),
            ({"badge": -1}, "badge must be from 0 to 99999"),
            ({"content": []}, "content must be an object"),
            ({"content": {"body": "x" * 4097}}, "body is longer than 4096 characters"),
            ({"device": None}, "device must be an object"),
            ({"device": device | {"platform": "pager"}}, "device.platform is not one of"),
            ({"device": device | {"token": ""}}, "device.token is missing"),
            ({"device": device | {"platform": "webpush"}}, "device.endpoint is missing"),
            (
                {"device": device | {"platform": "webpush", "endpoint": "https://p.example/1"}},
                "device.p256dh and device.auth are missing",
            ),
        ):
            with self.assertRaises(wire.ItemFault) as caught:
                wire_json.read_notification(changed(**values))
            self.assertTrue(str(caught.exception).startswith(said), caught.exception)

    def test_shut_down(self) -> None:
        """Windows Phone's own service is refused by its name."""
        document = changed()
        document["device"]["platform"] = "mpns"
        body = msgspec.json.encode({"version": 1, "notifications": [document]})
        self.assertEqual(
            wire_json.decode_request(body)[1], [wire.Result("n1", "rejected", "mpns_shut_down")]
        )

    def test_more_fields(self) -> None:
        """A later version may add fields that this one does not know."""
        self.assertEqual(wire_json.read_notification(changed(sound="bell")), ONE)

    def test_wrong_wholes(self) -> None:
        """What is no message of this version gets an error that says so."""
        for body, subcode in (
            (b"", "Malformed"),
            (b"[]", "Malformed"),
            (b"\xff", "Malformed"),
            (b"[" * 100_000, "Malformed"),
            (b"{}", "UnknownVersion"),
            (b'{"version":2,"notifications":[]}', "UnknownVersion"),
            (b'{"version":1}', "Malformed"),
            (b'{"version":1,"notifications":[' + b"1," * 100 + b"1]}", "TooMany"),
            (b" " * (wire.BATCH_BYTES + 1), "TooMany"),
        ):
            with self.assertRaises(wire.WireFault) as caught:
                wire_json.decode_request(body)
            self.assertEqual(caught.exception.subcode, subcode)

    @given(st.binary(max_size=200))
    def test_any_bytes(self, body: bytes) -> None:
        """No input raises anything else."""
        for decode in (
            wire_json.decode_request,
            wire_json.decode_results,
            wire_json.decode_verdicts,
            wire_json.decode_health,
        ):
            with self.assertRaises(wire.WireFault):
                decode(body)

    def test_secrets(self) -> None:
        """Tokens and texts do not show in a repr, which may stand in a traceback."""
        device = wire.Device("webpush", "app", "TOKEN", "VOIP", "ENDPOINT", "KEY", "AUTH")
        shown = repr(attrs.evolve(ONE, device=device, title="TITLE", body="BODY"))
        for secret in ("TOKEN", "VOIP", "ENDPOINT", "KEY", "AUTH", "TITLE", "BODY"):
            self.assertNotIn(secret, shown)


class AnswerTests(SynchronousTestCase):
    def test_results(self) -> None:
        """Results come back as they were given."""
        results = [
            wire.Result("a", "accepted"),
            wire.Result("b", "retry", "quota", 30),
            wire.Result("", "rejected", "malformed: must be an object"),
        ]
        self.assertEqual(wire_json.decode_results(wire_json.encode_results(results)), results)

    def test_verdicts(self) -> None:
        """So do verdicts, with the stream they are numbered in."""
        page = wire.VerdictPage(
            "s1",
            (
                wire.Verdict(1, "a", "delivered", status="200", at=5, trace="t"),
                wire.Verdict(2, "b", "dead", "provider", "410 Unregistered", 6, "token", 4),
            ),
        )
        self.assertEqual(wire_json.decode_verdicts(wire_json.encode_verdicts(page)), page)

    def test_health(self) -> None:
        """So does the health of the providers."""
        health = wire.Health(
            "example",
            (wire.ProviderHealth("webpush", "app", "ok", "", "vapid", 12.5, 9, 3, 0.25),),
        )
        self.assertEqual(wire_json.decode_health(wire_json.encode_health(health)), health)

    def test_unbelievable(self) -> None:
        """An answer with one part that cannot be read is not believed at all."""
        for decode, body in (
            (wire_json.decode_results, b'{"version":1,"results":[{"id":"a","outcome":"maybe"}]}'),
            (wire_json.decode_verdicts, b'{"version":1,"stream":"s","verdicts":[{"sequence":0}]}'),
            (wire_json.decode_verdicts, b'{"version":1,"verdicts":[]}'),
            (wire_json.decode_health, b'{"version":1,"organisation":"o","providers":[[]]}'),
        ):
            with self.assertRaises(wire.WireFault) as caught:
                decode(body)
            self.assertEqual(caught.exception.subcode, "Malformed")
