"""Connections to servers that are not what they should be, on loopback."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor, ssl
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from mobility import pki
from mobility.check.connections import (
    MAX_BODY_BYTES,
    TLS_FAILED,
    Reply,
    Target,
    connect,
    fetch,
    handshake,
    is_found,
    trusting,
)
from mobility.check.session import Session, hold_session, judge_session
from mobility.planning.deployment import Place


class Says(Protocol):
    """Says something when a connection opens or something comes, and goes on or not."""

    def __init__(self, text: bytes, *, close: bool) -> None:
        self._text = text
        self._close = close

    def dataReceived(self, data: bytes) -> None:
        self.factory.heard += data
        self.transport.write(self._text)
        if self._close:
            self.transport.loseConnection()


class ConnectionTests(TestCase):
    """Each way of connecting comes to an end, and says why."""

    timeout = 300

    def listen(self, text: bytes = b"", *, close: bool = False) -> Target:
        """A server that says this; what it hears is kept in `self.factory.heard`."""
        self.factory = Factory()
        self.factory.heard = b""
        self.factory.protocol = lambda: Says(text, close=close)
        self.port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        return Target("127.0.0.1", self.port.getHost().port, "web.example.com")

    async def fetched(self, text: bytes, *, close: bool = True, **more: Any) -> Reply:
        target = self.listen(text, close=close)
        return await deferToThread(fetch, target, "/", tls=False, **more)

    async def test_answers_that_are_none(self) -> None:
        """What is no HTTP is a failure, not an exception."""
        for text in (
            b"",
            b"SSH-2.0-x\r\n",
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ):
            with self.subTest(text=text[:40]):
                reply = await self.fetched(text)
                self.assertNotEqual("", reply.failure)

    async def test_silence(self) -> None:
        """A server that says nothing is left after a while."""
        reply = await self.fetched(b"", close=False, timeout_s=0.1)
        self.assertEqual("no answer in time", reply.failure)
        target = self.listen()
        shown = await deferToThread(handshake, target, timeout_s=0.1)
        self.assertEqual("no answer in time", shown.failure)

    async def test_drops(self) -> None:
        """A server that goes on a byte at a time is left after a while, too."""

        class Drips(Protocol):
            def connectionMade(self) -> None:
                self.call = LoopingCall(self.transport.write, b"H")
                self.call.start(0.01)

            def connectionLost(self, reason: object) -> None:
                self.call.stop()

        port = reactor.listenTCP(0, Factory.forProtocol(Drips), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        target = Target("127.0.0.1", port.getHost().port, "web.example.com")
        reply = await deferToThread(fetch, target, "/", tls=False, timeout_s=0.1)
        self.assertEqual("no answer in time", reply.failure)

    async def test_long_answers(self) -> None:
        """Of an answer without an end only so much is read."""
        reply = await self.fetched(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY_BYTES + 10))
        self.assertEqual((200, MAX_BODY_BYTES), (reply.status, len(reply.body)))

    async def test_the_request(self) -> None:
        """The Host header is the name that is asked for, with the port where it is unusual."""
        await self.fetched(b"HTTP/1.1 204 No Content\r\n\r\n", headers={"Origin": "https://x"})
        heard = self.factory.heard.decode()
        port = self.port.getHost().port
        self.assertEqual(1, heard.count("Host:"))
        self.assertIn(f"\r\nHost: web.example.com:{port}\r\n", heard)
        self.assertIn("\r\nOrigin: https://x\r\n", heard)

    async def test_proxy_header(self) -> None:
        """A listener behind HAProxy is spoken to as HAProxy would."""
        target = self.listen(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        behind = Target(target.address, target.port, target.name, proxy_header=True)
        await deferToThread(fetch, behind, "/", tls=False)
        self.assertTrue(self.factory.heard.startswith(b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"))

    async def test_no_tls(self) -> None:
        """A server without TLS fails the handshake, whichever is tried."""
        target = self.listen(b"HTTP/1.1 400 Bad Request\r\n\r\n", close=True)
        self.assertEqual(TLS_FAILED, (await deferToThread(handshake, target)).failure)
        self.assertEqual(TLS_FAILED, (await deferToThread(fetch, target, "/")).failure)

    async def test_nobody(self) -> None:
        """A port that nobody listens on is refused, and a name that is none is not found."""
        target = self.listen()
        self.assertEqual("", await deferToThread(connect, target))
        await self.port.stopListening()
        self.assertEqual("Connection refused", await deferToThread(connect, target))
        self.assertFalse(await deferToThread(is_found, "a..b"))
        self.assertFalse(await deferToThread(is_found, "nobody.invalid"))
        self.assertTrue(await deferToThread(is_found, "localhost"))


class Answers(Resource):
    """A web service made of functions by path."""

    isLeaf = True

    def __init__(self, pages: dict[str, Callable[[Any], object]]) -> None:
        super().__init__()
        self.pages = pages
        self.asked: list[tuple[str, str, str]] = []

    def render(self, request: Any) -> bytes:
        path = request.path.decode()
        token = request.getHeader("Authorization") or ""
        self.asked.append((request.method.decode(), path, token))
        if path not in self.pages:
            request.setResponseCode(404)
            return b""
        return json.dumps(self.pages[path](request)).encode()


class TlsTests(TestCase):
    """TLS servers, and who is told a password."""

    timeout = 300

    def setUp(self) -> None:
        now = datetime.now(UTC)
        self.authority = pki.certificate_authority("test CA", now)
        server = pki.server_certificate(self.authority, ["web.example.com"], now)
        self.leaf = server.certificate
        own = ssl.PrivateCertificate.loadPEM(server.certificate_pem + server.key_pem)
        self.service = Answers({})
        port = reactor.listenSSL(0, Site(self.service), own.options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.target = Target("127.0.0.1", port.getHost().port, "web.example.com")
        self.place = Place("web.example.com", self.target.port)

    async def test_chain(self) -> None:
        """A handshake shows the chain, and the newest version; old versions are told apart."""
        shown = await deferToThread(handshake, self.target)
        self.assertEqual(((self.leaf,), "TLSv1.3"), (shown.chain, shown.version))
        old = await deferToThread(
            handshake, self.target, oldest=SSL.TLS1_VERSION, newest=SSL.TLS1_1_VERSION
        )
        self.assertNotEqual("", old.failure)

    async def session(self, authority: pki.Identity | None = None) -> Session:
        trust = trusting((authority or self.authority).certificate_pem)
        return await deferToThread(
            hold_session, self.place, "127.0.0.1", "alice@example.com", "secret", 0.0, trust
        )

    async def test_no_password_for_strangers(self) -> None:
        """A server that is not trusted is sent nothing at all."""
        other = pki.certificate_authority("other CA", datetime.now(UTC))
        session = await self.session(other)
        self.assertIn("its certificate is refused", session.failure)
        self.assertEqual([], self.service.asked)

    async def test_no_password_elsewhere(self) -> None:
        """A link to another host is not followed, with a password least of all."""

        def challenge(request: Any) -> object:
            request.setResponseCode(401)
            away = 'MsRtcOAuth href="https://elsewhere.example/token",grant_type="password"'
            request.setHeader("WWW-Authenticate", away)
            return {}

        self.service.pages = {
            "/": lambda _: {"_links": {"user": {"href": "/user"}}},
            "/user": challenge,
        }
        session = await self.session()
        self.assertEqual("getting a token: it leads to elsewhere.example", session.failure)
        self.assertNotIn("secret", repr(session))

    async def test_answers_that_are_none(self) -> None:
        """Each step says what it did not get."""
        good: dict[str, Callable[[Any], object]] = {
            "/": lambda _: {"_links": {"user": {"href": f"{self.place.url}/user"}}}
        }
        for pages, failure in (
            ({}, "discovery: status 404"),
            ({"/": lambda _: [1]}, "discovery: the answer is no JSON"),
            ({"/": lambda _: {"_links": 3}}, "an answer has no link user"),
            ({**good, "/user": lambda _: {}}, "the challenge to sign in: status 200"),
        ):
            with self.subTest(failure=failure):
                self.service.pages = pages
                self.assertTrue((await self.session()).failure.startswith(failure))

    async def test_homed_elsewhere(self) -> None:
        """A user whose home is another pool is no fault, and its token is not taken there."""

        def user(request: Any) -> object:
            if request.getHeader("Authorization"):
                return {"_links": {"redirect": {"href": "https://web2.example.com/root"}}}
            request.setResponseCode(401)
            here = f'MsRtcOAuth href="{self.place.url}/token",grant_type="password"'
            request.setHeader("WWW-Authenticate", here)
            return {}

        self.service.pages = {
            "/": lambda _: {"_links": {"user": {"href": "/user"}}},
            "/user": user,
            "/token": lambda _: {"access_token": "cwt=x"},
        }
        session = await self.session()
        self.assertEqual(("web2.example.com", ""), (session.elsewhere, session.failure))
        self.assertEqual([], list(judge_session(self.place, session)))
        self.assertEqual(("GET", "/user", "Bearer cwt=x"), self.service.asked[-1])
