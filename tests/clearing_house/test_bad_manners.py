"""Providers that cut, drag, redirect or limit what they are asked, and clocks that differ."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.clearing_house.bearer import AccessTokens, NoToken
from mobility.clearing_house.endpoints import EndpointRefused, Tls, TlsEndpoints
from mobility.clearing_house.web import Unreachable, WebAnswer, WebClient
from mobility.push import wire
from mobility.push.wire import Device
from mobility.push.wire_json import decode_results, encode_batches
from mobility.push_doubles.apns import Reply
from mobility.push_doubles.fcm import fault
from mobility.push_doubles.listening import ServerTls, listen
from mobility.push_doubles.pages import Page
from mobility.push_doubles.providers import Providers
from tests.clearing_house.running import RunningCase, device, push, until
from tests.push.test_clearing_house import arrived

reactor: Any = _reactor
APNS = "apns:org.example.mobility"


class Rude(Protocol):
    """Says the same to every request, and hangs up or does not."""

    factory: Any

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        if self not in self.factory.made:
            self.factory.made.append(self)
        transport.write(self.factory.words)
        if self.factory.hangs_up:
            transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.lost += 1


class WebTests(TestCase):
    """Requests over TLS to a server that does not behave."""

    timeout = 120

    async def client(self, words: bytes, *, hangs_up: bool = False, answer_s: float) -> WebClient:
        """A client, and a server at `url` that says `words` to it."""
        directory = Path(self.mktemp())
        directory.mkdir()
        providers = Providers(directory, reactor)
        providers.write_config("fe.example.test", federation_port=0, operator_port=0)
        self.factory: Any = Factory.forProtocol(Rude)
        self.factory.words, self.factory.hangs_up, self.factory.lost = words, hangs_up, 0
        self.factory.made = []
        tls = ServerTls(providers._identity, b"http/1.1")
        port = await listen(reactor, self.factory, tls, 0)
        self.addCleanup(port.stopListening)
        self.url = f"https://localhost:{port.getHost().port}/"
        trust = Tls(directory / "ca.pem", "w", "k")
        client = WebClient(reactor, TlsEndpoints(reactor, trust, private=True), answer_s)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close(now=True)))
        return client

    async def ask(self, words: bytes, *, hangs_up: bool) -> WebAnswer:
        client = await self.client(words, hangs_up=hangs_up, answer_s=60.0)
        return await client.post(self.url, (), b"{}")

    async def test_cut(self) -> None:
        """An answer that is cut in its head or body is none."""
        for words in (
            b"",
            b"HTTP/1.1 20",
            b"HTTP/1.1 201 Created\r\nContent-Le",
            b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{",
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            b"nonsense\r\n\r\n",
        ):
            with self.assertRaises(Unreachable, msg=words):
                await self.ask(words, hangs_up=True)

    async def test_slow(self) -> None:
        """Whoever sends a piece of an answer and no more is left, and so is its connection."""
        for words in (
            b"HTTP/1.1 201 Created\r\nContent-Le",
            b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{",
        ):
            client = await self.client(words, answer_s=60.0)
            client._reactor = clock = Clock()
            asking = Deferred.fromCoroutine(client.post(self.url, (), b"{}"))
            await until(lambda: self.factory.made, "it is asked")
            await arrived()
            clock.advance(60.0)
            with self.assertRaises(Unreachable):
                await asking
            await until(lambda: self.factory.lost, "the connection is over")

    async def test_silent_network(self) -> None:
        """When one connection to a host says nothing any more, those that are idle are cut too."""
        answer = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
        client = await self.client(b"", answer_s=60.0)
        two = [Deferred.fromCoroutine(client.post(self.url, (), b"{}")) for _ in range(2)]
        await until(lambda: len(self.factory.made) == 2, "both have asked")
        for one in self.factory.made:
            one.transport.write(answer)
        for asking in two:
            await asking
        client._answer_s = 0.5
        with self.assertRaises(Unreachable):
            await client.post(self.url, (), b"{}")
        await until(lambda: self.factory.lost == 2, "both are cut")

    async def test_endless(self) -> None:
        """Of an answer that is too long the beginning counts, and its connection is cut."""
        words = b"HTTP/1.1 410 Gone\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100_000
        answer = await self.ask(words, hangs_up=False)
        self.assertEqual((answer.status, len(answer.body)), (410, 64 * 1024))
        await until(lambda: self.factory.lost, "the connection is over")


class AccessTokenTests(SynchronousTestCase):
    """Whoever waits for an access token hears, whatever goes wrong."""

    def setUp(self) -> None:
        self.answers: list[Deferred[WebAnswer]] = []

        def fetch() -> Deferred[WebAnswer]:
            self.answers.append(Deferred())
            return self.answers[-1]

        self.tokens = AccessTokens(fetch, Clock().seconds)

    def ask(self) -> Deferred[str]:
        return Deferred.fromCoroutine(self.tokens.current())

    def fails(self, error: Exception) -> None:
        """Two wait, the request fails, and the third asks anew."""
        first, second = self.ask(), self.ask()
        self.answers[0].errback(error)
        self.failureResultOf(first)
        self.failureResultOf(second, NoToken)
        third = self.ask()
        self.answers[1].callback(WebAnswer(200, {}, b'{"access_token": "t", "expires_in": 3600}'))
        self.assertEqual(self.successResultOf(third), "t")

    def test_refused_address(self) -> None:
        """A token endpoint that leads to a private address is no credential now."""
        self.fails(EndpointRefused("the endpoint's name leads to a private address"))

    def test_bug(self) -> None:
        """Our own faults are no reason to wait for ever either."""
        self.fails(ZeroDivisionError())


class StreamTests(RunningCase):
    """What APNs says of how many streams it takes."""

    def prepare(self) -> None:
        self.providers.apns.streams_before = 0

    async def test_none_then_one(self) -> None:
        """While no stream is allowed pushes wait on the one connection, and go once one is."""
        sent = [push(device(token=f"{number + 1:064x}")) for number in range(5)]
        await self.sender.send(sent)
        apns = self.providers.apns
        await until(lambda: apns.connections, "it connects")
        destination = self.running.house.destinations[APNS]
        await until(lambda: not destination.under_way and destination.entries, "they wait")
        self.assertEqual((apns.requests, destination.breaker.state), (0, "closed"))
        apns.streams_after = 1
        apns.connections[0].allow(1)
        verdicts = await self.verdicts(5)
        self.assertEqual({one.outcome for one in verdicts}, {"delivered"})
        self.assertEqual((apns.connected, apns.most_streams), (1, 1))


class FirstStreamTests(RunningCase):
    """A connection that was just made has one stream, which a push and a question both want."""

    async def test_together(self) -> None:
        """The credential is tried while a push is sent: each gets its turn on one connection."""
        apns = self.providers.apns
        apns.drop()
        apns.streams_after = 1
        apns.delay_s = 0.1
        house = self.running.house
        app = house.apps["apns", "org.example.mobility"]
        provider = house.probed(app)
        await self.sender.send([push(device())])
        outcome = await provider.probe()
        self.assertEqual(outcome.outcome, "delivered")
        (verdict,) = await self.verdicts(1)
        self.assertEqual(verdict.outcome, "delivered")
        self.assertEqual(apns.most_streams, 1)
        self.assertNotIn("cannot be used any more", str(self.logged("clearing.apns_closed")))


class ClockTests(RunningCase):
    """A front end whose clock is an hour behind or ahead."""

    async def test_death_without_time(self) -> None:
        """A token of which the provider names no time is dead as of when it was given, by the
        clock of who has given it, and given again later it is tried again."""
        for number, hours in enumerate((-1, 1)):
            given = int(time.time()) + hours * 3_600
            to = device("fcm", token=f"token-{number}", registered=given)
            self.providers.fcm.decide = lambda _: fault(404, "UNREGISTERED")
            verdict = await self.fate(push(to))
            self.assertEqual((verdict.outcome, verdict.dead_since), ("dead", given + 1))
            (again,) = await self.sender.send([push(to)])
            self.assertEqual((again.outcome, again.reason), ("rejected", "dead_token"))
            self.providers.fcm.decide = lambda _: None
            renewed = device("fcm", token=f"token-{number}", registered=given + 10)
            self.assertEqual((await self.fate(push(renewed))).outcome, "delivered")

    async def test_death_before_it_was_given(self) -> None:
        """A 410 about the time before a token was given leaves the token alone: its verdict says
        so, and what is sent to it is asked about again."""
        since = int(time.time()) - 600
        self.providers.apns.decide = lambda _: Reply(410, "Unregistered", since * 1_000)
        to = device(registered=since + 300)
        for _ in range(2):
            verdict = await self.fate(push(to))
            self.assertEqual((verdict.outcome, verdict.dead_since), ("dead", since))
        self.providers.apns.decide = lambda _: None
        self.assertEqual((await self.fate(push(to))).outcome, "delivered")

    async def send(self, to: Device, ahead_s: int) -> str:
        """The id of a push of a front end whose clock is so far ahead."""
        sent = push(to)
        ((body, _),) = encode_batches([sent], now=time.time() + ahead_s)
        (result,) = decode_results(await self.sender.ask("POST", wire.NOTIFICATIONS_PATH, body))
        self.assertEqual(result.outcome, "accepted")
        return sent.id

    async def test_death_by_the_sender_s_clock(self) -> None:
        """The time that Apple names is told by the sender's clock: a token that died after it was
        given is dead, and one that was given again after that is asked about again, whichever way
        the sender's clock is wrong."""
        died = int(time.time()) - 600
        self.providers.apns.decide = lambda _: Reply(410, "Unregistered", died * 1_000)
        for number, ahead_s in enumerate((-900, 900), 1):
            before = device(token=f"{number:064x}", registered=died - 300 + ahead_s)
            verdict = await self.verdict_on(await self.send(before, ahead_s))
            self.assertEqual(verdict.outcome, "dead")
            self.assertLess(abs(verdict.dead_since - died - ahead_s), 60)
            (again,) = await self.sender.send([push(before)])
            self.assertEqual(again.reason, "dead_token")
            after = attrs.evolve(before, registered=died + 300 + ahead_s)
            for _ in range(2):
                verdict = await self.verdict_on(await self.send(after, ahead_s))
                self.assertEqual(verdict.outcome, "dead")
                self.assertLess(verdict.dead_since, after.registered)

    async def test_clock_over_a_restart(self) -> None:
        """How far the sender's clock was off is known of what waits over a restart."""
        died = int(time.time()) - 600
        await self.providers.stop_one("apns")
        await self.send(device(registered=died + 600), 900)
        await self.stop()
        self.providers.apns.decide = lambda _: Reply(410, "Unregistered", died * 1_000)
        await self.providers.start_one("apns")
        await self.start()
        (verdict,) = await self.verdicts(1)
        self.assertEqual(verdict.outcome, "dead")
        self.assertLess(abs(verdict.dead_since - died - 900), 60)


class RedirectTests(RunningCase):
    """A push service that sends us elsewhere."""

    async def test_not_followed(self) -> None:
        """A redirect is no delivery, is not followed, and the token is kept."""
        fcm = self.providers.fcm
        await until(lambda: fcm.requests == 2, "its credential is tried")
        elsewhere = f"https://localhost:{fcm.port}/"
        for status in (301, 302, 303, 307, 308):
            subscriber = self.providers.web_push.subscribe()
            page = Page(status, headers=(("Location", elsewhere),))
            decide: Callable[[object], Page] = lambda _, page=page: page  # type: ignore[misc]  # noqa: E731
            self.providers.web_push.decide = decide
            to = Device(
                "webpush",
                "org.example.mobility",
                endpoint=subscriber.endpoint,
                p256dh=subscriber.p256dh,
                auth=subscriber.auth,
            )
            verdict = await self.fate(push(to))
            self.assertEqual((verdict.outcome, verdict.status), ("failed", str(status)))
        self.assertEqual(fcm.requests, 2)
