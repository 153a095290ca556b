"""What providers do wrong, and what a clearing house makes of it."""

import time
from typing import Any

from twisted.internet.task import Clock

from mobility.push import wire
from mobility.push.wire import Result
from mobility.push_doubles.apns import Reply
from mobility.push_doubles.fcm import fault
from mobility.push_doubles.pages import Page
from tests.clearing_house.running import TOKEN, RunningCase, device, push, short_lived, until


class ApnsFaults(RunningCase):
    async def test_down(self) -> None:
        """While Apple cannot be reached pushes wait, and go once it can, each once."""
        await self.fate(push(device()))
        await self.providers.stop_one("apns")
        sent = [push(device(token=f"{number + 1:064x}")) for number in range(20)]
        await self.sender.send(sent)
        log = self.running.house
        await until(
            lambda: log.destinations["apns:org.example.mobility"].breaker.state == "open",
            "the breaker opens",
        )
        self.assertEqual(len(self.providers.apns.received), 1)
        await self.providers.start_one("apns")
        verdicts = await self.verdicts(21)
        self.assertEqual({one.outcome for one in verdicts}, {"delivered"})
        ids = [one.id for one in self.providers.apns.received[1:]]
        self.assertEqual(sorted(ids), sorted(one.id for one in sent))

    async def test_others_go_on(self) -> None:
        """Apple's being down delays nothing for Google."""
        await self.providers.stop_one("apns")
        await self.sender.send([push(device(token=f"{n + 1:064x}")) for n in range(50)])
        verdict = await self.fate(push(device("fcm")))
        self.assertEqual(verdict.outcome, "delivered")
        self.assertEqual(self.providers.apns.received, [])

    async def test_tls_failure(self) -> None:
        """A handshake that fails is a provider that is down."""
        self.providers.tls["apns"].broken = True
        self.providers.apns.drop()
        sent = push(device())
        await self.sender.send([sent])
        destination = "apns:org.example.mobility"
        await until(
            lambda: self.running.house.destinations[destination].last_trouble is not None,
            "the trouble is noted",
        )
        self.providers.tls["apns"].broken = False
        (verdict,) = await self.verdicts(1)
        self.assertEqual((verdict.id, verdict.outcome), (sent.id, "delivered"))

    async def test_expiry(self) -> None:
        """A push that cannot be sent in its time is told to have expired, and is not sent later."""
        await self.providers.stop_one("apns")
        await self.sender.send([short_lived(device())])
        await self.let_expire("apns:org.example.mobility", "cannot connect: ")
        (verdict,) = await self.verdicts(1)
        self.assertEqual(verdict.outcome, "expired")
        self.ahead_s = 0.0
        await self.providers.start_one("apns")
        await self.fate(push(device()))
        self.assertEqual(len(self.providers.apns.received), 1)

    async def test_bad_requests(self) -> None:
        """Each 400 ends the push; only those that mean the token make it dead."""
        reasons = {
            "BadDeviceToken": "dead",
            "DeviceTokenNotForTopic": "dead",
            "BadTopic": "failed",
            "BadPriority": "failed",
            "BadExpirationDate": "failed",
            "BadCollapseId": "failed",
            "BadMessageId": "failed",
            "MissingTopic": "failed",
            "PayloadEmpty": "failed",
            "TopicDisallowed": "failed",
            "InvalidPushType": "failed",
            "SomethingNew": "failed",
        }
        for number, (reason, outcome) in enumerate(reasons.items()):
            self.providers.apns.decide = lambda _, reason=reason: Reply(400, reason)
            verdict = await self.fate(push(device(token=f"{number + 1:064x}")))
            self.assertEqual((verdict.outcome, verdict.status), (outcome, f"400 {reason}"))

    async def test_strange_words(self) -> None:
        """Words of a provider that nothing can store keep no verdict back."""
        for words, status in (("a\n\u202e", "400 a??"), ("\ud800", "400")):  # the last is no JSON
            self.providers.apns.decide = lambda _, words=words: Reply(400, words)
            verdict = await self.fate(push(device()))
            self.assertEqual((verdict.outcome, verdict.status), ("failed", status))

    async def test_dead_token_once(self) -> None:
        """A dead token is told once with Apple's time, and what follows is refused at the door."""
        since = int(time.time()) - 600
        self.providers.apns.decide = lambda _: Reply(410, "Unregistered", since * 1000 + 5)
        sent = [push(device()) for _ in range(5)]
        await self.sender.send(sent)
        verdicts = await self.verdicts(5)
        dead = [one for one in verdicts if one.outcome == "dead"]
        self.assertEqual([(one.token_field, one.dead_since) for one in dead], [("token", since)])
        self.assertEqual(dead[0].status, "410 Unregistered")
        others = [(one.outcome, one.reason) for one in verdicts if one.outcome != "dead"]
        self.assertEqual(others, [("failed", "dead_token")] * 4)
        later = push(device())
        self.assertEqual(
            await self.sender.send([later]), [Result(later.id, "rejected", "dead_token")]
        )

    async def test_renewed_token(self) -> None:
        """A token that the application gave again after it died is tried again."""
        since = int(time.time()) - 600
        self.providers.apns.decide = lambda _: Reply(410, "Unregistered", since * 1000)
        await self.fate(push(device(registered=since - 50)))
        self.providers.apns.decide = lambda _: None
        verdict = await self.fate(push(device(registered=since + 50)))
        self.assertEqual(verdict.outcome, "delivered")

    async def test_no_token_of_theirs(self) -> None:
        """What can be no token of Apple's is dead without asking them, and nothing is left of
        the push."""
        verdict = await self.fate(push(device(token="no token")))
        self.assertEqual(
            (verdict.outcome, verdict.token_field, verdict.status),
            ("dead", "token", "the token is no hexadecimal number"),
        )
        verdict = await self.fate(push(device(token="no token", voip_token="none"), "call"))
        self.assertEqual((verdict.outcome, verdict.token_field), ("dead", "voip_token"))
        self.assertEqual(self.running.house.queued, 0)

    async def test_too_many_requests(self) -> None:
        """A device that gets too many is asked again later, and others meanwhile."""
        received, refused = self.providers.apns.received, []

        def decide(one: Any) -> Reply | None:
            if one.token != TOKEN or received:
                return None
            refused.append(one.headers["apns-id"])
            return Reply(429, "TooManyRequests", headers=(("retry-after", "1"),))

        self.providers.apns.decide = decide
        slow = push(device())
        await self.sender.send([slow])
        await until(lambda: refused, "it is refused")
        other = push(device(token="ef" * 32))
        await self.sender.send([other])
        first, second = await self.verdicts(2)
        self.assertEqual((first.id, second.id), (other.id, slow.id))
        self.assertEqual({*refused, received[-1].headers["apns-id"]}, {refused[0]})

    async def test_same_id_at_retry(self) -> None:
        """A retry carries the apns-id of the first try."""
        seen = []
        answers = [Reply(503, "ServiceUnavailable", headers=(("retry-after", "0"),))] * 2

        def decide(one: object) -> Reply | None:
            seen.append(one.headers["apns-id"])  # type: ignore[attr-defined]
            return answers.pop() if answers else None

        self.providers.apns.decide = decide
        verdict = await self.fate(push(device()))
        self.assertEqual(verdict.outcome, "delivered")
        self.assertEqual(len(seen), 3)
        self.assertEqual(len(set(seen)), 1)

    async def test_goaway(self) -> None:
        """After GOAWAY the connection is left, and what it had not seen goes over a new one."""
        await self.fate(push(device()))
        self.providers.apns.delay_s = 0.3
        sent = [push(device(token=f"{n + 1:064x}")) for n in range(10)]
        await self.sender.send(sent)
        await until(lambda: self.providers.apns.requests >= 5, "requests are under way")
        self.providers.apns.goaway("Shutdown")
        await self.sender.send([push(device(token="ef" * 32))])
        verdicts = await self.verdicts(12)
        self.assertEqual({one.outcome for one in verdicts}, {"delivered"})
        self.assertEqual(len(self.providers.apns.received), 12)
        self.assertEqual(self.providers.apns.connected, 2)
        closed = self.logged("clearing.apns_closed")
        self.assertIn("Shutdown", closed[0]["reason"])

    async def test_stream_limit(self) -> None:
        """Before it is authenticated one stream is open, and never more than Apple allows."""
        self.providers.apns.streams_after = 3
        self.providers.apns.delay_s = 0.02
        sent = [push(device(token=f"{n + 1:064x}")) for n in range(30)]
        await self.sender.send(sent)
        await self.verdicts(30)
        self.assertLessEqual(self.providers.apns.most_streams, 3)

    async def test_expired_provider_token(self) -> None:
        """A credential that is refused is retried when it may be, and the token is kept."""
        answers = [Reply(403, "InvalidProviderToken")]
        self.providers.apns.decide = lambda _: answers.pop() if answers else None
        verdict = await self.fate(push(device()))
        self.assertEqual(verdict.outcome, "delivered")
        self.assertEqual(len(self.providers.apns.token_changes), 1)

    async def test_too_large(self) -> None:
        """413 is told as what it is."""
        self.providers.apns.decide = lambda _: Reply(413, "PayloadTooLarge")
        verdict = await self.fate(push(device()))
        self.assertEqual((verdict.outcome, verdict.reason), ("failed", "payload_too_large"))

    async def test_withdrawn(self) -> None:
        """A call that was given up before it could be sent is not sent."""
        await self.fate(push(device()))
        await self.providers.stop_one("apns")
        other = [push(device(token=f"{n + 1:064x}")) for n in range(6)]
        await self.sender.send(other)
        house = self.running.house
        await until(
            lambda: house.destinations["apns:org.example.mobility"].breaker.state == "open",
            "the breaker opens",
        )
        call = push(device(), "call", collapse_key="call-1")
        await self.sender.send([call])
        await self.sender.send([push(device(), "withdraw", collapse_key="call-1")])
        await self.providers.start_one("apns")
        verdicts = {one.id: one for one in await self.verdicts(9)}
        self.assertEqual(
            (verdicts[call.id].outcome, verdicts[call.id].reason), ("expired", "withdrawn")
        )
        self.assertNotIn(call.id, [one.id for one in self.providers.apns.received])

    async def test_calls_first(self) -> None:
        """What has waited goes out with calls before messages before badges."""
        await self.fate(push(device()))
        await self.providers.stop_one("apns")
        await self.sender.send([push(device(token=f"{n + 1:064x}")) for n in range(6)])
        house = self.running.house
        await until(
            lambda: house.destinations["apns:org.example.mobility"].breaker.state == "open",
            "the breaker opens",
        )
        sent = {
            kind: push(device(token=f"{number + 100:064x}"), kind, badge=1)
            for number, kind in enumerate(("badge", "message", "call"))
        }
        await self.sender.send(sent.values())
        self.providers.apns.streams_after = 1
        await self.providers.start_one("apns")
        await self.verdicts(10)
        order = [one.id for one in self.providers.apns.received]
        self.assertLess(order.index(sent["call"].id), order.index(sent["message"].id))
        self.assertLess(order.index(sent["message"].id), order.index(sent["badge"].id))


class WebFaults(RunningCase):
    async def test_fcm_tokens(self) -> None:
        """A token is dropped for UNREGISTERED and for what FCM says is no token, and for nothing
        else."""
        not_valid = "The registration token is not a valid FCM registration token"
        answers = [
            (fault(404, "UNREGISTERED"), "dead"),
            (fault(404, "NOT_FOUND", typed=False), "failed"),
            (fault(400, "INVALID_ARGUMENT"), "dead"),
            (fault(400, "INVALID_ARGUMENT", not_valid, typed=False), "dead"),
            (fault(400, "INVALID_ARGUMENT", not_valid, field="message.token"), "dead"),
            (fault(400, "INVALID_ARGUMENT", typed=False, field="message.data"), "failed"),
            (fault(400, "INVALID_ARGUMENT", field="message.android.ttl"), "failed"),
            (fault(400, "INVALID_ARGUMENT", "Android message is too big"), "failed"),
            (fault(403, "SENDER_ID_MISMATCH"), "failed"),
            (fault(401, "THIRD_PARTY_AUTH_ERROR"), "failed"),
            (Page(400, b"<html>"), "failed"),
        ]
        for number, (answer, outcome) in enumerate(answers):
            self.providers.fcm.decide = lambda _, answer=answer: answer
            verdict = await self.fate(push(device("fcm", token=f"token-{number}")))
            self.assertEqual(verdict.outcome, outcome, f"answer {number}")

    async def test_fcm_access_token(self) -> None:
        """An access token that Google takes back is replaced."""
        await self.fate(push(device("fcm")))
        self.providers.fcm.revoke()
        verdict = await self.fate(push(device("fcm")))
        self.assertEqual(verdict.outcome, "delivered")
        self.assertEqual(self.providers.fcm.tokens_given, 2)

    async def test_fcm_unavailable(self) -> None:
        """503 and 500 are tried again."""
        answers = [
            Page(503, headers=(("Retry-After", "0"),)),
            fault(500, "INTERNAL"),
        ]
        self.providers.fcm.decide = lambda _: answers.pop() if answers else None
        verdict = await self.fate(push(device("fcm")))
        self.assertEqual(verdict.outcome, "delivered")

    async def test_fcm_quota(self) -> None:
        """429 is waited out for a minute at least, past which a call need not ring."""
        self.providers.fcm.decide = lambda _: fault(429, "QUOTA_EXCEEDED")
        verdict = await self.fate(push(device("fcm"), "call", expires=int(time.time()) + 40))
        self.assertEqual((verdict.outcome, verdict.status), ("expired", "429 QUOTA_EXCEEDED"))

    async def test_web_push(self) -> None:
        """404 and 410 mean that the subscription is gone; the rest does not."""
        for status, outcome in (
            (404, "dead"),
            (410, "dead"),
            (400, "failed"),
            (403, "failed"),
            (413, "failed"),
        ):
            subscriber = self.providers.web_push.subscribe()
            self.providers.web_push.decide = lambda _, status=status: Page(status)
            to = device(
                "webpush",
                endpoint=subscriber.endpoint,
                p256dh=subscriber.p256dh,
                auth=subscriber.auth,
            )
            verdict = await self.fate(push(to))
            self.assertEqual((verdict.outcome, verdict.status), (outcome, str(status)))
            self.assertEqual(verdict.token_field, "endpoint" if outcome == "dead" else "")

    async def test_web_push_later(self) -> None:
        """429 and 503 are tried again when the service says."""
        subscriber = self.providers.web_push.subscribe()
        answers = [Page(429, headers=(("Retry-After", "1"),)), Page(503)]
        self.providers.web_push.decide = lambda _: answers.pop() if answers else None
        to = device(
            "webpush",
            endpoint=subscriber.endpoint,
            p256dh=subscriber.p256dh,
            auth=subscriber.auth,
        )
        verdict = await self.fate(push(to))
        self.assertEqual(verdict.outcome, "delivered")

    async def test_bad_keys(self) -> None:
        """A subscription whose keys are no keys is dead."""
        endpoint = self.providers.web_push.subscribe().endpoint
        for p256dh, secret in (("AAAA", "AAAA"), ("?", "!"), ("B" * 87, "A" * 22)):
            to = device("webpush", endpoint=endpoint + p256dh[:1], p256dh=p256dh, auth=secret)
            verdict = await self.fate(push(to))
            self.assertEqual(verdict.outcome, "dead")

    async def test_wns(self) -> None:
        """Each answer of Windows is taken as it is meant."""
        for status, headers, outcome in (
            (404, (), "dead"),
            (410, (), "dead"),
            (403, (), "failed"),
            (413, (), "failed"),
            (200, (("X-WNS-Status", "dropped"),), "failed"),
        ):
            page = Page(status, headers=headers)
            self.providers.wns.decide = lambda _, page=page: page
            channel = self.providers.wns.channel()
            verdict = await self.fate(push(device("wns", endpoint=channel)))
            self.assertEqual(verdict.outcome, outcome, status)

    async def test_wns_many_words(self) -> None:
        """A provider that says much about a dead channel keeps no verdict back."""
        many = (("X-WNS-Error-Description", "gone " * 200),)
        self.providers.wns.decide = lambda _: Page(410, headers=many)
        verdict = await self.fate(push(device("wns", endpoint=self.providers.wns.channel())))
        self.assertEqual((verdict.outcome, len(verdict.status)), ("dead", 120))

    async def test_wns_again(self) -> None:
        """Throttling is waited out, and a token that Entra took back is replaced."""
        pages = [Page(406), Page(200, headers=(("X-WNS-Status", "channelthrottled"),))]
        self.providers.wns.decide = lambda _: pages.pop() if pages else None
        to = device("wns", endpoint=self.providers.wns.channel())
        self.assertEqual((await self.fate(push(to))).outcome, "delivered")
        self.providers.wns.revoke()
        self.assertEqual((await self.fate(push(to))).outcome, "delivered")

    async def test_slow(self) -> None:
        """A service that is slow delays its own pushes and no others."""
        web_push, clock = self.providers.web_push, Clock()
        web_push.clock, web_push.delay_s = clock, 3.0
        subscriber = web_push.subscribe()
        to = device(
            "webpush",
            endpoint=subscriber.endpoint,
            p256dh=subscriber.p256dh,
            auth=subscriber.auth,
        )
        slow, fast = push(to), push(device("fcm"))
        await self.sender.send([slow])
        await until(clock.getDelayedCalls, "it is asked")
        self.assertEqual((await self.fate(fast)).outcome, "delivered")
        clock.advance(3.0)
        first, second = await self.verdicts(2)
        self.assertEqual((first.id, second.id), (fast.id, slow.id))

    async def test_every_reason_is_named(self) -> None:
        """What a result or verdict gives as its reason is in the table of reasons."""
        await self.fate(push(device()))
        for verdict in (await self.sender.verdicts(0)).verdicts:
            self.assertIn(verdict.reason, {"", *wire.REASONS})
