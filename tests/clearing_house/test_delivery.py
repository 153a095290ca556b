"""Pushes of every platform go from an organisation's front end to a strict double, and back."""

import json
import time

import attrs

from mobility.push import wire
from mobility.push.wire import Device, Result
from mobility.push.wire_json import decode_results, encode_batches
from tests.clearing_house.running import TOKEN, VOIP, RunningCase, device, push


class DeliveryTests(RunningCase):
    async def test_apns(self) -> None:
        """A message goes to Apple as an alert, and Apple's word comes back."""
        sent = push(device(), title="Alice", body="Hello", badge=3, collapse_key="c1", thread="t1")
        verdict = await self.fate(sent)
        self.assertEqual((verdict.outcome, verdict.status), ("delivered", "200"))
        (one,) = self.providers.apns.received
        self.assertEqual(one.token, TOKEN)
        self.assertEqual(one.headers["apns-push-type"], "alert")
        self.assertEqual(one.headers["apns-collapse-id"], "c1")
        self.assertEqual(one.headers["apns-expiration"], str(sent.expires))
        self.assertEqual(one.payload["aps"]["alert"], {"title": "Alice", "body": "Hello"})
        self.assertEqual(one.payload["aps"]["badge"], 3)
        self.assertEqual(one.id, sent.id)

    async def test_apns_call(self) -> None:
        """A call goes to the PushKit token with the VoIP topic, and rings no longer than asked."""
        verdict = await self.fate(push(device(voip_token=VOIP), "call", title="Alice"))
        self.assertEqual(verdict.outcome, "delivered")
        (one,) = self.providers.apns.received
        self.assertEqual(one.token, VOIP)
        self.assertEqual(one.headers["apns-push-type"], "voip")
        self.assertEqual(one.headers["apns-topic"], "org.example.mobility.voip")

    async def test_fcm(self) -> None:
        """A message goes to FCM as data of strings, with an access token that Google gave."""
        sent = push(device("fcm"), title="Alice", body="Hello", badge=3)
        verdict = await self.fate(sent)
        self.assertEqual((verdict.outcome, verdict.status), ("delivered", "200"))
        (one,) = self.providers.fcm.received
        self.assertEqual(one.id, sent.id)
        self.assertEqual((one.data["title"], one.data["badge"]), ("Alice", "3"))
        self.assertEqual(self.providers.fcm.tokens_given, 1)

    async def test_web_push(self) -> None:
        """A subscriber decrypts what the push service could not read."""
        subscriber = self.providers.web_push.subscribe()
        to = device(
            "webpush",
            endpoint=subscriber.endpoint,
            p256dh=subscriber.p256dh,
            auth=subscriber.auth,
        )
        sent = push(to, title="Alice", body="Grüße 👋", collapse_key="c1")
        verdict = await self.fate(sent)
        self.assertEqual((verdict.outcome, verdict.status), ("delivered", "201"))
        (message,) = subscriber.messages
        self.assertEqual(message.id, sent.id)
        self.assertEqual(message.payload["body"], "Grüße 👋")
        self.assertNotIn(b"Alice", message.body)
        self.assertEqual(len(message.headers["topic"]), 32)

    async def test_unified_push(self) -> None:
        """With keys it is encrypted; without, it travels readable and holds no text."""
        with_keys = self.providers.web_push.subscribe()
        without = self.providers.web_push.subscribe(keys=False)
        for subscriber, title in ((with_keys, "Alice"), (without, None)):
            to = device(
                "unifiedpush",
                endpoint=subscriber.endpoint,
                p256dh=subscriber.p256dh,
                auth=subscriber.auth,
            )
            verdict = await self.fate(push(to, title="Alice", body="Hello"))
            self.assertEqual(verdict.outcome, "delivered")
            (message,) = subscriber.messages
            self.assertEqual(message.payload.get("title"), title)

    async def test_wns(self) -> None:
        """A message with text goes to Windows as a toast, one without as raw data."""
        channel = self.providers.wns.channel()
        toast = push(device("wns", endpoint=channel), title="Alice & Bob", body="<b>")
        raw = push(device("wns", endpoint=channel))
        for sent in (toast, raw):
            self.assertEqual((await self.fate(sent)).outcome, "delivered")
        kinds = [(one.kind, one.id) for one in self.providers.wns.received]
        self.assertEqual(kinds, [("wns/toast", toast.id), ("wns/raw", raw.id)])

    async def test_every_kind(self) -> None:
        """Each kind has a form that each double takes."""
        subscriber = self.providers.web_push.subscribe()
        devices = [
            device(voip_token=VOIP),
            device("fcm"),
            device("wns", endpoint=self.providers.wns.channel()),
            device(
                "webpush",
                endpoint=subscriber.endpoint,
                p256dh=subscriber.p256dh,
                auth=subscriber.auth,
            ),
        ]
        kinds = ("call", "message", "missedCall", "voicemail", "meeting", "badge", "withdraw")
        sent = [
            push(to, kind, badge=1, title=title, thread="t")
            for to in devices
            for kind in kinds
            for title in ("", "Alice")
        ]
        results = await self.sender.send(sent)
        self.assertEqual({one.outcome for one in results}, {"accepted"})
        verdicts = await self.verdicts(len(sent))
        wrong = [v for v in verdicts if v.outcome != "delivered" and v.reason != "superseded"]
        self.assertEqual(wrong, [])

    async def test_large(self) -> None:
        """What is too large for a provider is trimmed, and arrives."""
        subscriber = self.providers.web_push.subscribe()
        channel = self.providers.wns.channel()
        text = "👩‍👩‍👧 " * 680
        for to in (
            device(),
            device(voip_token=VOIP),
            device("fcm"),
            device("wns", endpoint=channel),
            device(
                "webpush",
                endpoint=subscriber.endpoint,
                p256dh=subscriber.p256dh,
                auth=subscriber.auth,
            ),
        ):
            for kind in ("message", "call"):
                sent = push(to, kind, title="t" * 256, body=text)
                self.assertEqual((await self.fate(sent)).outcome, "delivered", to.platform)

    async def test_duplicate(self) -> None:
        """An id that was accepted is never sent again, whatever became of it."""
        sent = push(device())
        await self.fate(sent)
        self.assertEqual(
            await self.sender.send([sent, sent]),
            [Result(sent.id, "duplicate"), Result(sent.id, "duplicate")],
        )
        self.assertEqual(len(self.providers.apns.received), 1)

    async def test_twice_in_one_request(self) -> None:
        """The second of two with one id is a duplicate."""
        sent = push(device())
        self.assertEqual(
            [one.outcome for one in await self.sender.send([sent, sent])],
            ["accepted", "duplicate"],
        )

    async def test_rejected(self) -> None:
        """What may not be sent is rejected with the reason."""
        good = push(device())
        endpoint = self.providers.web_push.subscribe().endpoint
        for changed, reason in (
            (attrs.evolve(good, expires=int(time.time()) - 5), "already_expired"),
            (
                attrs.evolve(good, device=Device("apns", "com.other.app", TOKEN)),
                "app_not_allowed",
            ),
            (
                attrs.evolve(good, device=Device("apns", "org.example.else", TOKEN)),
                "platform_not_served",
            ),
            (
                attrs.evolve(
                    good,
                    device=device(
                        "webpush", endpoint="https://elsewhere.example/1", p256dh="a", auth="b"
                    ),
                ),
                "endpoint_not_allowed: the endpoint's host is not on the allow list",
            ),
            (
                attrs.evolve(
                    good,
                    device=device("unifiedpush", endpoint=endpoint.replace("https", "http")),
                ),
                "endpoint_not_allowed: the endpoint must begin with https:// and a host",
            ),
        ):
            self.assertEqual(
                await self.sender.send([changed]), [Result(good.id, "rejected", reason)]
            )

    async def test_clock_skew(self) -> None:
        """A sender whose clock is wrong says what time it has, and its expiry holds."""
        late = int(time.time()) - 3_600
        sent = push(device(), expires=late + 60)
        ((body, _),) = encode_batches([sent], now=late)
        (result,) = decode_results(await self.sender.ask("POST", wire.NOTIFICATIONS_PATH, body))
        self.assertEqual(result.outcome, "accepted")
        await self.verdicts(1)
        (one,) = self.providers.apns.received
        left_s = int(one.headers["apns-expiration"]) - time.time()
        self.assertTrue(-600 < left_s < 600, left_s)

    async def test_far_expiry(self) -> None:
        """Nobody keeps a push for longer than four weeks, whatever it says."""
        sent = push(device("fcm"), expires=int(time.time()) + 10 * 365 * 86_400)
        self.assertEqual((await self.fate(sent)).outcome, "delivered")
        ttl = self.providers.fcm.received[0].message["android"]["ttl"]
        self.assertLessEqual(int(ttl.removesuffix("s")), wire.MAX_LIFE_S)

    async def test_log(self) -> None:
        """Each hop leaves a line with the push's id, and none holds a token or a text."""
        sent = push(device(), title="SECRET TITLE", body="SECRET BODY", trace="trace-7")
        await self.fate(sent)
        self.running.flush()
        text = (self.directory / "log").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        hops = [line["event"] for line in lines if line.get("id") == sent.id]
        self.assertEqual(hops, ["clearing.accepted", "clearing.sent"])
        self.assertEqual(
            {line["trace"] for line in lines if line.get("id") == sent.id}, {"trace-7"}
        )
        for secret in (TOKEN, "SECRET"):
            self.assertNotIn(secret, text)
