"""A clearing house in operation: who may speak to it, restarts, reloads, health, metrics."""

import time

import msgspec
from twisted.internet.defer import Deferred
from twisted.web.client import ResponseFailed

from mobility.push import wire
from mobility.push.wire_json import encode_batches
from mobility.push_doubles.apns import Reply
from mobility.push_doubles.providers import APP
from mobility.push_doubles.sender import Refused
from tests.clearing_house.running import ORGANISATION, RunningCase, device, push, until


class FederationTests(RunningCase):
    async def test_no_certificate(self) -> None:
        """Without a client certificate there is no connection."""
        stranger = self.sender_as(None)
        with self.assertRaises(ResponseFailed):
            await stranger.health()

    async def test_unknown_certificate(self) -> None:
        """A certificate that no organisation has is told so."""
        stranger = self.sender_as("server")
        for ask in (stranger.health(), stranger.verdicts(), stranger.send([push(device())])):
            with self.assertRaises(Refused) as caught:
                await ask
            self.assertEqual(caught.exception.status, 403)
            self.assertIn(b"UnknownOrganisation", caught.exception.body)

    async def test_each_its_own(self) -> None:
        """An organisation sees its own verdicts only, and may use an id that another has used."""
        other = self.sender_as("other.example.test")
        sent = push(device())
        await self.fate(sent)
        (result,) = await other.send([sent])
        self.assertEqual(result.outcome, "accepted")
        found = (await other.verdicts(0, 20)).verdicts
        self.assertEqual([one.id for one in found], [sent.id])
        self.assertEqual(len((await self.sender.verdicts(0)).verdicts), 1)

    async def test_unknown_version(self) -> None:
        """Another version of the format is refused by its name, in the path and in the body."""
        ((body, _),) = encode_batches([push(device())])
        for path, sent in (
            ("/push/v2/notifications", body),
            (wire.NOTIFICATIONS_PATH, body.replace(b'"version":1', b'"version":2')),
        ):
            with self.assertRaises(Refused) as caught:
                await self.sender.ask("POST", path, sent)
            self.assertEqual(caught.exception.status, 400)
            self.assertEqual(
                msgspec.json.decode(caught.exception.body)["subcode"], "UnknownVersion"
            )

    async def test_bad_requests(self) -> None:
        """What cannot be read gets an error, and what is too large is not read."""
        for method, path, body, status in (
            ("POST", wire.NOTIFICATIONS_PATH, b"{", 400),
            ("POST", wire.NOTIFICATIONS_PATH, b'{"version":1,"notifications":{}}', 400),
            ("POST", wire.NOTIFICATIONS_PATH, b" " * (wire.BATCH_BYTES + 1), 413),
            ("GET", wire.VERDICTS_PATH + "?after=x", None, 400),
            ("GET", wire.VERDICTS_PATH + "?wait=26", None, 400),
            ("GET", wire.VERDICTS_PATH + "?after=-1", None, 400),
            ("DELETE", wire.VERDICTS_PATH, None, 405),
            ("GET", "/healthz", None, 404),
        ):
            with self.assertRaises(Refused) as caught:
                await self.sender.ask(method, path, body)
            self.assertEqual(caught.exception.status, status, path)

    async def test_confirmed(self) -> None:
        """`after` confirms what came before it, and only with this store's own stream."""
        await self.sender.send([push(device()) for _ in range(3)])
        await until(lambda: len(self.providers.apns.received) == 3, "all are sent")
        await until(lambda: not self.running.house.queued, "all are told")
        page = await self.sender.verdicts(0, 20)
        while len(page.verdicts) < 3:
            page = await self.sender.verdicts()
        self.assertEqual([one.sequence for one in page.verdicts], [1, 2, 3])
        self.assertEqual(len((await self.sender.verdicts(2, 0, "another")).verdicts), 3)
        again = await self.sender.verdicts(2, 0, page.stream)
        self.assertEqual([one.sequence for one in again.verdicts], [3])
        self.assertEqual(len((await self.sender.verdicts()).verdicts), 1)

    async def test_readers(self) -> None:
        """Each front end of an organisation hears each verdict, however far the others are."""
        sent = [push(device()) for _ in range(3)]
        await self.sender.verdicts(reader="fe2.example.test")
        await self.sender.send(sent)
        await until(lambda: not self.running.house.queued, "all are told")
        ids = [one.id for one in sent]
        first = await self.sender.verdicts(0, 25, reader="fe1.example.test")
        while len(first.verdicts) < 3:
            first = await self.sender.verdicts(0, 1, reader="fe1.example.test")
        self.assertEqual([one.id for one in first.verdicts], ids)
        rest = await self.sender.verdicts(3, 0, first.stream, "fe1.example.test")
        self.assertEqual(rest.verdicts, ())
        second = await self.sender.verdicts(1, 0, first.stream, "fe2.example.test")
        self.assertEqual([one.id for one in second.verdicts], ids[1:])
        await self.sender.verdicts(3, 0, first.stream, "fe2.example.test")
        gone = await self.sender.verdicts(0, 0, reader="fe3.example.test")
        self.assertEqual(gone.verdicts, ())

    async def test_set_back(self) -> None:
        """A front end that has heard more than the store ever said, because that was set back to an
        older copy, misses nothing: verdicts are numbered on from what it has heard."""
        sent = [push(device()) for _ in range(3)]
        await self.sender.send(sent)
        await until(lambda: len(self.providers.apns.received) == 3, "all are sent")
        await until(lambda: not self.running.house.queued, "all are told")
        page = await self.sender.verdicts(0, 0)
        while len(page.verdicts) < 3:
            page = await self.sender.verdicts()
        page = await self.sender.verdicts(500, 0, page.stream)
        self.assertEqual([one.sequence for one in page.verdicts], [501, 502, 503])
        self.assertEqual([one.id for one in page.verdicts], [one.id for one in sent])
        await self.sender.send([push(device())])
        page = await self.sender.verdicts(503, 25, page.stream)
        self.assertEqual([one.sequence for one in page.verdicts], [504])
        page = await self.sender.verdicts(2**53, 0, page.stream)
        self.assertEqual([one.sequence for one in page.verdicts], [504])

    async def test_long_poll(self) -> None:
        """A poll waits for news, and a stop answers it."""
        waiting = Deferred.fromCoroutine(self.sender.verdicts(0, 25))
        poster = self.sender_as("fe.example.test")
        sent = push(device())
        await poster.send([sent])
        self.assertEqual([one.id for one in (await waiting).verdicts], [sent.id])
        waiting = Deferred.fromCoroutine(self.sender.verdicts(1, 25))
        await until(lambda: self.running.verdicts.waiting, "the poll waits")
        await self.stop()
        self.assertEqual((await waiting).verdicts, ())

    async def test_poll_given_up(self) -> None:
        """A client that goes away waits no longer."""
        waiting = Deferred.fromCoroutine(self.sender.verdicts(0, 25))
        await until(lambda: self.running.verdicts.waiting, "the poll waits")
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        await until(lambda: not self.running.verdicts.waiting, "nobody waits")

    async def test_health(self) -> None:
        """Each provider is tried, and the credential that is refused is named."""
        health = await self.sender.health()
        self.assertEqual(health.organisation, "fe.example.test")
        states = {one.platform: one.state for one in health.providers}
        platforms = ("apns", "fcm", "webpush", "unifiedpush", "wns")
        self.assertEqual(states, dict.fromkeys(platforms, "ok"))
        self.assertTrue(all(one.checked_at for one in health.providers))

    async def test_failing(self) -> None:
        """What went wrong with a push is told at once, though the credential was tried well a
        moment ago and the breaker has not opened."""
        await self.sender.health()
        await self.providers.stop_one("apns")
        await self.sender.send([push(device())])
        await until(
            lambda: self.running.house.destinations[f"apns:{APP}"].last_trouble, "a push fails"
        )
        health = await self.sender.health()
        (apns,) = [one for one in health.providers if one.platform == "apns"]
        self.assertEqual(apns.state, "failing")
        self.assertIn("cannot connect", apns.reason)

    async def test_metrics(self) -> None:
        """What operators ask is in the metrics."""
        await self.fate(push(device()))
        await self.sender.send([push(device("wns", endpoint="https://example.org/"))])
        text = self.running.metrics.text().decode()
        for line in (
            'mobility_clearing_accepted_total{kind="message",organisation="fe.example.test",'
            'platform="apns"} 1.0',
            'mobility_clearing_sent_total{outcome="delivered",platform="apns",reason=""} 1.0',
            'mobility_clearing_refused_total{organisation="fe.example.test",outcome="rejected",'
            'reason="endpoint_not_allowed"} 1.0',
            'mobility_clearing_answers_total{platform="apns",status="200"} 1.0',
            'mobility_clearing_queued{app="org.example.mobility",platform="apns"} 0.0',
            'mobility_clearing_latency_seconds_count{kind="message",platform="apns"} 1.0',
        ):
            self.assertIn(line, text)


class RefusedCredential(RunningCase):
    def prepare(self) -> None:
        self.providers.apns.decide = lambda _: None
        self.providers.apns._key_id = "ANOTHER"

    async def test_refused(self) -> None:
        """A key that Apple does not know is seen at the start, pushes wait, and a new key sends
        them without a restart."""
        health = await self.sender.health()
        apns = next(one for one in health.providers if one.platform == "apns")
        self.assertEqual((apns.state, apns.reason), ("refused", "403 InvalidProviderToken"))
        sent = push(device())
        await self.sender.send([sent])
        await until(
            lambda: self.running.house.destinations["apns:org.example.mobility"].last_trouble,
            "Apple refuses",
        )
        self.config.write_text(self.config.read_text().replace("KEY1234567", "ANOTHER"))
        self.running.reload()
        (verdict,) = await self.verdicts(1)
        self.assertEqual((verdict.id, verdict.outcome), (sent.id, "delivered"))
        health = await self.sender.health()
        apns = next(one for one in health.providers if one.platform == "apns")
        self.assertEqual(apns.state, "ok")

    async def test_bad_reload(self) -> None:
        """A configuration with a fault changes nothing, and says so."""
        self.config.write_text(self.config.read_text() + "\n[surprise]\n")
        self.running.reload()
        (line,) = self.logged("clearing.reload_failed")
        self.assertIn("surprise: is not a key", line["reason"])
        verdict = await self.fate(push(device("fcm")))
        self.assertEqual(verdict.outcome, "delivered")

    async def test_endpoint_removed(self) -> None:
        """What waits for an endpoint that is not allowed any more is not sent there."""
        providers = self.providers
        await providers.stop_one("web_push")
        await providers.stop_one("wns")
        one = providers.web_push.subscribe()
        web = device("webpush", endpoint=one.endpoint, p256dh=one.p256dh, auth=one.auth)
        sent = [push(web), push(device("wns", endpoint=providers.wns.channel()))]
        results = await self.sender.send(sent)
        self.assertEqual([one.outcome for one in results], ["accepted"] * 2)
        allowed = self.config.read_text().replace('["localhost"]', '["push.example.test"]')
        self.config.write_text(allowed)
        self.running.reload()
        verdicts = await self.verdicts(2)
        self.assertEqual(
            {(one.outcome, one.reason) for one in verdicts}, {("failed", "endpoint_not_allowed")}
        )

    async def test_app_removed(self) -> None:
        """What waits for an app that is served no more is told so."""
        sent = push(device())
        await self.sender.send([sent])
        before, _, after = self.config.read_text().partition("[[apns]]")
        self.config.write_text(before + after[after.index("[[fcm]]") :])
        self.running.reload()
        (verdict,) = await self.verdicts(1)
        self.assertEqual(
            (verdict.id, verdict.outcome, verdict.reason),
            (sent.id, "failed", "platform_not_served"),
        )
        (result,) = await self.sender.send([push(device())])
        self.assertEqual(result.reason, "platform_not_served")


class RemovedApp(RunningCase):
    async def test_under_way(self) -> None:
        """What is under way when its app is served no more has one verdict all the same."""
        self.providers.apns.delay_s = 1.0
        sent = push(device())
        await self.sender.send([sent])
        await until(lambda: self.providers.apns.received, "it is under way")
        before, _, after = self.config.read_text().partition("[[apns]]")
        self.config.write_text(before + after[after.index("[[fcm]]") :])
        self.running.reload()
        await until(lambda: self.providers.apns.connections == [], "the connection ends")
        found = await self.verdicts(1)
        self.assertEqual([one.id for one in found], [sent.id])
        self.assertEqual(self.running.house.queued, 0)


class ReloadTests(RunningCase):
    async def test_while_pushes_flow(self) -> None:
        """Credentials that are loaded anew while a provider is slow to give a token cost no push
        anything: it goes at once with the new ones, and nothing is held against the provider."""
        self.providers.fcm.delay_s = 0.3
        self.providers.wns.delay_s = 0.3
        sent = []
        for _ in range(4):
            self.running.reload()
            some = [push(device("fcm", token=f"token-{len(sent) + n}")) for n in range(10)]
            some += [push(device("wns", endpoint=self.providers.wns.channel())) for _ in range(5)]
            await self.sender.send(some)
            sent += some
            await until(
                lambda: all(
                    self.running.house.destinations[f"{name}:{APP}"].under_way
                    for name in ("fcm", "wns")
                ),
                "pushes are under way",
            )
        self.running.reload()
        verdicts = {one.id: one.outcome for one in await self.verdicts(len(sent))}
        self.assertEqual(verdicts, dict.fromkeys((one.id for one in sent), "delivered"))
        self.assertEqual(len(self.providers.fcm.received), 40)
        self.assertEqual(self.logged("clearing.breaker_opened"), [])
        waits = {line["wait_s"] for line in self.logged("clearing.retry")}
        self.assertLessEqual(waits, {0.0})

    async def test_restart_needed(self) -> None:
        """Settings that count only from the next start are named, each time the file is read and
        as long as it differs; everything else is taken, and what runs goes on."""
        before = self.config.read_text()
        text = before.replace('data_dir = "data"', 'data_dir = "elsewhere"').replace(
            "tcp:0:interface", "tcp:1:interface"
        )
        self.config.write_text(text.replace(f'["{ORGANISATION}"]', '["nobody.example.test"]'))
        self.running.reload()
        (line,) = self.logged("clearing.restart_needed")
        keys = ["data_dir", "federation.endpoint", "operator.endpoint", "queue.path"]
        self.assertEqual(line["keys"], keys)
        with self.assertRaises(Refused) as refusal:
            await self.sender.send([push(device())])
        self.assertEqual(refusal.exception.status, 403)
        self.config.write_text(
            f'{before}\n[sip]\nendpoint = "tcp:0"\ndomain = "push.example.test"\n'
        )
        self.running.reload()
        self.assertEqual(
            self.logged("clearing.restart_needed")[-1]["keys"], ["sip.domain", "sip.endpoint"]
        )
        self.assertEqual((await self.fate(push(device()))).outcome, "delivered")
        self.config.write_text(before)
        self.running.reload()
        self.assertEqual(len(self.logged("clearing.restart_needed")), 2)

    async def test_bounds(self) -> None:
        """How much may wait, and whether there are access lines, is taken."""
        self.config.write_text(
            f"{self.config.read_text()}\n[queue]\nmax_queued = 1\n[log]\naccess = false\n"
        )
        self.running.reload()
        lines = len(self.logged("http.request"))
        results = await self.sender.send([push(device()), push(device())])
        self.assertEqual([one.outcome for one in results], ["accepted", "retry"])
        self.assertEqual(results[1].reason, "queue_full")
        await self.verdicts(1)
        self.assertEqual(len(self.logged("http.request")), lines)
        self.assertEqual(self.logged("clearing.restart_needed"), [])


class QueueTests(RunningCase):
    more_config = "\n[queue]\nbodies_in_memory = 5\nmax_queued = 300\n"

    async def test_restart(self) -> None:
        """What waits when the clearing house stops is sent after its start, once each."""
        await self.providers.stop_one("apns")
        sent = [push(device(token=f"{n + 1:064x}"), title=f"t{n}") for n in range(250)]
        await self.sender.send(sent)
        await self.stop()
        await self.providers.start_one("apns")
        await self.start()
        await self.verdicts(250)
        received = {one.id: one.payload["aps"]["alert"] for one in self.providers.apns.received}
        self.assertEqual(len(self.providers.apns.received), 250)
        self.assertEqual(received, {one.id: {"title": one.title} for one in sent})
        (line,) = [one for one in self.logged("clearing.resumed") if one["waiting"]]
        self.assertEqual(line["waiting"], 250)

    async def test_full(self) -> None:
        """A full queue says so, and takes more once there is room."""
        await self.providers.stop_one("apns")
        sent = [push(device(token=f"{n + 1:064x}")) for n in range(310)]
        outcomes = [one.outcome for one in await self.sender.send(sent)]
        self.assertEqual(outcomes, ["accepted"] * 300 + ["retry"] * 10)
        await self.providers.start_one("apns")
        await self.verdicts(300)
        self.assertEqual((await self.fate(sent[-1])).outcome, "delivered")

    async def test_in_order(self) -> None:
        """Pushes to one device arrive in the order in which they were accepted."""
        slow = [0.2, 0.0, 0.1, 0.0]

        def decide(_: object) -> Reply | None:
            self.providers.apns.delay_s = slow[0]
            slow.append(slow.pop(0))
            return None

        self.providers.apns.decide = decide
        sent = [push(device(), collapse_key="c") for _ in range(12)]
        await self.sender.send(sent)
        await self.verdicts(12)
        self.assertEqual([one.id for one in self.providers.apns.received], [one.id for one in sent])

    async def test_badges(self) -> None:
        """Of badges that wait for one device the newest goes."""
        await self.providers.stop_one("apns")
        sent = [push(device(), "badge", badge=n) for n in range(4)]
        await self.sender.send(sent)
        await self.providers.start_one("apns")
        verdicts = {one.id: one for one in await self.verdicts(4)}
        self.assertEqual(verdicts[sent[-1].id].outcome, "delivered")
        reasons = {verdicts[one.id].reason for one in sent[:-1]}
        self.assertEqual(reasons, {"superseded"})


class QuotaTests(RunningCase):
    def prepare(self) -> None:
        self.more_config = """
[[organisation]]
name = "small"
certificate_names = ["small.example.test"]
apps = ["org.example.*"]
pushes_per_s = 1.0
burst = 3
max_queued = 100
"""

    async def test_quota(self) -> None:
        """An organisation over its quota is told when to come again."""
        organisation = self.running.organisations.named("small")
        assert organisation is not None
        sent = [push(device(token=f"{n + 1:064x}")) for n in range(5)]
        results = await self.running.intake.take(organisation, sent)
        self.assertEqual([one.outcome for one in results[:3]], ["accepted"] * 3)
        self.assertEqual((results[4].outcome, results[4].reason), ("retry", "quota"))
        self.assertGreaterEqual(results[4].retry_after_s or 0, 1)
        began = time.monotonic()
        await until(lambda: organisation.wait_s() == 0, "the quota fills")
        self.assertLess(time.monotonic() - began, 60)
