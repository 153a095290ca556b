"""Whatever is sent to a clearing house, it answers with an error of its own, and serves others."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet import reactor

from mobility.clearing_house.routes import CONNECTIONS
from mobility.pki import Identity, certificate_authority, peer_certificate
from mobility.push import wire
from mobility.push.wire_json import notification_document
from tests.clearing_house.raw import Raw, connect
from tests.clearing_house.running import ORGANISATION, RunningCase, device, push

HEAD = f"POST {wire.NOTIFICATIONS_PATH} HTTP/1.1\r\nHost: localhost\r\n".encode()
JSON = b"Content-Type: application/json\r\n"
POLL = f"GET {wire.VERDICTS_PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(body: bytes | dict[str, Any], fields: bytes = JSON) -> bytes:
    """A request with a body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HEAD + fields + b"Content-Length: %d\r\n\r\n" % len(data) + data


def batch(*items: Any, **more: Any) -> dict[str, Any]:
    return {"version": 1, "notifications": list(items), **more}


def item(**more: Any) -> dict[str, Any]:
    """A push that is taken, but for what `more` says."""
    return {**notification_document(push(device())), **more}


class HostileCase(RunningCase):
    async def open(self, name: str | None = ORGANISATION) -> Raw:
        identity = None if name is None else self.directory / f"{name}.pem"
        raw = await connect(reactor, self.port, self.directory / "ca.pem", identity)
        self.addCleanup(raw.close)
        return raw

    async def answer(self, data: bytes, name: str | None = ORGANISATION) -> tuple[int, Any]:
        """Status and document of the answer to one request on a connection of its own."""
        raw = await self.open(name)
        found = await raw.ask(data)
        self.assertEqual(len(found), 1, f"{data[:80]!r}: {raw.received[:80]!r} {raw.lost}")
        raw.close()
        status, body = found[0]
        return status, json.loads(body)

    async def assert_served(self) -> None:
        """Nothing has failed inside, and who behaves is served."""
        self.assertEqual(self.logged("http.failure"), [])
        (result,) = await self.sender.send([push(device())])
        self.assertEqual(result.outcome, "accepted")


class FramingTests(HostileCase):
    async def test_no_front_end(self) -> None:
        """A clearing house does not name itself as a front end, nor leave the name empty."""
        raw = await self.open()
        await raw.ask(f"GET {wire.VERDICTS_PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = raw.received.partition(b"\r\n\r\n")[0].lower()
        self.assertIn(b"server: mobility\r\n", head)
        self.assertNotIn(b"x-ms-server-fqdn", head)

    async def test_framing(self) -> None:
        """A request that breaks HTTP or a bound of it gets the status for it, in JSON."""
        chunked = HEAD + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
        health = f"GET {wire.HEALTH_PATH} HTTP/1.1\r\n".encode()
        for data, status in (
            (chunked + b"zz\r\n", 400),
            (chunked + b"-1\r\n", 400),
            (chunked + b"ffffffffffffffff\r\n", 400),
            (chunked + b"3\r\nabcX", 400),
            (chunked + b"1;" + b"a" * 300 + b"\r\n", 400),
            (chunked + b"0\r\nno trailer\r\n\r\n", 400),
            (chunked + b"0\r\n" + b"A: b\r\n" * 2_000, 431),
            (chunked + b"200000\r\n", 413),
            (HEAD + JSON + b"Content-Length: 1048577\r\n\r\n", 413),
            (HEAD + JSON + b"Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n", 413),
            (HEAD + JSON + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
            (
                HEAD + JSON + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400,
            ),
            (HEAD + JSON + b"Content-Length: +5\r\n\r\nhello", 400),
            (HEAD + JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
            (health + b"A: b\r\n" * 101 + b"\r\n", 431),
            (health + b"A: " + b"b" * 70_000, 431),
            (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
            (health + b"Host: a\r\n b\r\n\r\n", 400),
            (health + b"\r\n", 400),
            (bytes(range(256)), 400),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ):
            found, document = await self.answer(data)
            self.assertEqual(found, status, data[:120])
            self.assertTrue(document["code"] and document["message"], document)
        await self.assert_served()

    async def test_pipelined(self) -> None:
        """Requests in a row are answered in their order, up to one that cannot be read."""
        raw = await self.open()
        first, last = item(), item()
        data = post(batch(first)) + POLL + post(batch(last)) + b"?\r\n\r\n" + post(batch(item()))
        found = await raw.ask(data, 5)
        self.assertEqual([status for status, _ in found], [200, 200, 200, 400])
        named = [json.loads(found[at][1])["results"][0]["id"] for at in (0, 2)]
        self.assertEqual(named, [first["id"], last["id"]])
        await self.assert_served()


class ContentTests(HostileCase):
    async def test_whole(self) -> None:
        """A body that is no batch is refused as a whole, and says why."""
        many = [item() for _ in range(wire.BATCH_ITEMS + 1)]
        for body, subcode in (
            (b"", "Malformed"),
            (b"[]", "Malformed"),
            (b"null", "Malformed"),
            (b"\xff\xfe{\0}\0", "Malformed"),
            (b'{"version":1,"now":NaN,"notifications":[]}', "Malformed"),
            (b'{"version":1,"now":1e999,"notifications":[]}', "Malformed"),
            (b'{"version":1,"now":1.5,"notifications":[]}', "Malformed"),
            (b'{"version":1,"now":%s,"notifications":[]}' % (b"9" * 5_000), "Malformed"),
            (b'{"version":1,"notifications":["\\ud800"]}', "Malformed"),
            (b'{"version":1,"notifications":' + b"[" * 100_000, "Malformed"),
            (b'{"version":1,"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "Malformed"),
            (b'{"version":true,"notifications":[]}', "UnknownVersion"),
            (b'{"version":1.0,"notifications":[]}', "UnknownVersion"),
            (b'{"version":1,"version":2,"notifications":[]}', "UnknownVersion"),
            (json.dumps(batch(*many)).encode(), "TooMany"),
        ):
            status, document = await self.answer(post(body))
            self.assertEqual((status, document["subcode"]), (400, subcode), body[:80])
        await self.assert_served()

    async def test_media_types(self) -> None:
        """A body that says it is something else than JSON in UTF-8 is not read."""
        for named, status in (
            ("application/json", 200),
            ('application/JSON; charset="UTF-8"', 200),
            ("application/json; charset=utf-16", 415),
            ("application/xml", 415),
            ("text/plain", 415),
            ("multipart/form-data; boundary=x", 415),
        ):
            data = post(batch(item()), f"Content-Type: {named}\r\n".encode())
            self.assertEqual((await self.answer(data))[0], status, named)

    async def test_one_of_a_batch(self) -> None:
        """What is wrong with one notification is told of it alone; the others are taken."""
        to = notification_document(push(device()))["device"]
        wrong = (
            7,
            [],
            item(id=""),
            item(id="x" * 65),
            item(id=5),
            item(kind="party"),
            item(expires=-1),
            item(expires=2**64),
            item(expires="soon"),
            item(badge=True),
            item(badge=100_000),
            item(content=[]),
            item(content={"title": "x" * 257}),
            item(device=None),
            item(device={**to, "platform": "mpns"}),
            item(device={**to, "token": ""}),
            item(device={**to, "appId": "com.stranger"}),
            item(device={**to, "appId": "org.example.unknown"}),
            item(expires=1),
        )
        good = item()
        status, document = await self.answer(post(batch(*wrong, good, good)))
        self.assertEqual(status, 200)
        outcomes = [one["outcome"] for one in document["results"]]
        self.assertEqual(outcomes, ["rejected"] * len(wrong) + ["accepted", "duplicate"])
        self.assertTrue(all(one["reason"] for one in document["results"][: len(wrong)]))
        reasons = [one["reason"] for one in document["results"][-7:-2]]
        self.assertEqual(
            reasons,
            [
                "mpns_shut_down",
                "malformed: device.token is missing",
                "app_not_allowed",
                "platform_not_served",
                "already_expired",
            ],
        )
        status, document = await self.answer(post(batch(good)))
        self.assertEqual(document["results"][0]["outcome"], "duplicate")

    async def test_strange_texts(self) -> None:
        """Keys and tokens that no header field and no path could carry harm nobody: a token that
        is none is dead, and the rest is delivered."""
        keys = (" ", " c ", "c\r\nx: y", "\0", "é" * 64, "👋" * 64, '"\\/', "\u202e")
        sent = [
            push(device(token=f"{n + 1:064x}"), collapse_key=key, thread=key, trace=key, title=key)
            for n, key in enumerate(keys)
        ]
        tokens = ("../../3/device/x", "ab\r\nx: y", "é" * 64)
        sent += [push(device(token=token)) for token in tokens]
        await self.sender.send(sent)
        verdicts = {one.id: one.outcome for one in await self.verdicts(len(sent))}
        outcomes = [verdicts[one.id] for one in sent]
        self.assertEqual(outcomes, ["delivered"] * len(keys) + ["dead"] * len(tokens))
        self.assertEqual(self.logged("clearing.apns_closed"), [])


class CertificateTests(HostileCase):
    more_config = """
[[organisation]]
name = "small"
certificate_names = ["small.example.test"]
apps = ["org.example.*"]
pushes_per_s = 0.001
burst = 3
"""

    def prepare(self) -> None:
        authority, now = self.providers.authority, datetime.now(UTC)
        stranger = certificate_authority("A stranger", now)
        # the authority is as old as this process: what has expired is signed as if it were older
        for name, signer, at in (
            ("small.example.test", authority, now),
            ("nobody.example.test", authority, now),
            ("expired", authority, now - timedelta(days=800)),
            ("not-yet", authority, now + timedelta(days=8)),
            ("untrusted", stranger, now),
        ):
            host = name if "." in name else ORGANISATION
            self.write(name, peer_certificate(signer, host, at))

    def write(self, name: str, identity: Identity) -> None:
        self.providers._write_identity(name, identity)

    async def test_no_good_certificate(self) -> None:
        """With a certificate that has expired, is not good yet or is signed by a stranger, and
        without any, there is no answer at all."""
        for name in ("expired", "not-yet", "untrusted", None):
            raw = await self.open(name)
            self.assertEqual(await raw.ask(POLL), [], name)
            self.assertIsNotNone(raw.lost)
        await self.assert_served()

    async def test_nobody(self) -> None:
        """Of a request with nobody's certificate the body is not waited for."""
        data = HEAD + JSON + b"Content-Length: 1000000\r\n\r\n"
        status, document = await self.answer(data, "nobody.example.test")
        self.assertEqual((status, document["subcode"]), (403, "UnknownOrganisation"))

    async def test_quota(self) -> None:
        """Over its quota an organisation is told of each push when to come again; others are not
        touched, and the access line says whose request it was."""
        sent = [item() for _ in range(5)]
        _, document = await self.answer(post(batch(*sent)), "small.example.test")
        results = document["results"]
        outcomes = [one["outcome"] for one in results]
        self.assertEqual(outcomes, ["accepted"] * 3 + ["retry"] * 2)
        self.assertEqual(results[4]["reason"], "quota")
        self.assertGreaterEqual(results[4]["retryAfterS"], 1)
        await self.assert_served()
        users = [line["user"] for line in self.logged("http.request")]
        self.assertEqual(users, ["small", ORGANISATION])

    async def test_crowded(self) -> None:
        """One client may have so many connections and no more, so others always find one."""
        waiting = []
        for _ in range(CONNECTIONS):
            waiting.append(await self.open())
            self.assertEqual((await waiting[-1].ask(POLL))[0][0], 200)  # before it is cut as silent
        status, document = await self.answer(POLL)
        self.assertEqual((status, document["code"]), (429, "TooManyRequests"))
        self.assertEqual((await self.answer(POLL, "other.example.test"))[0], 200)
        waiting[0].close()
        end = time.monotonic() + 60
        while (await self.answer(POLL))[0] != 200:
            self.assertLess(time.monotonic(), end)
