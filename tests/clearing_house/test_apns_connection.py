"""One connection to Apple's push service in memory: silence, leave-taking, provider tokens."""

from typing import Any

import h2.config
import h2.connection
import h2.events
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.apns import ANSWER_S, PING_S, SILENCE_S, Apns
from mobility.clearing_house.outcome import DELIVERED, RETRY, Job, Outcome
from mobility.clearing_house.signing import APNS_TOKEN_S, ApnsTokens
from mobility.push.wire import Device, Notification

KEY = ec.generate_private_key(ec.SECP256R1())


class NoLog:
    """Nobody reads it."""

    def emit(self, event: str, /, **fields: object) -> None: ...

    def access(self, event: str, fields: dict[str, Any], /) -> None: ...

    def failure(self, event: str, failure: object, /, **fields: object) -> None: ...


class Transport(StringTransport):
    """Says whether it was cut off."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Server:
    """Apple's end of one connection; `reads` may be turned off."""

    def __init__(self, factory: IProtocolFactory) -> None:
        self.transport = Transport()
        self.protocol: Any = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.h2.initiate_connection()
        self.streams: list[int] = []
        self.signed: list[str] = []
        self.pings = 0

    def turn(self) -> None:
        """Read what came and say what is to be said."""
        for _ in range(3):
            for event in self.h2.receive_data(self.transport.value()):
                if isinstance(event, h2.events.RequestReceived):
                    self.streams.append(event.stream_id or 0)
                    fields = {str(name): str(value) for name, value in event.headers or ()}
                    self.signed.append(fields["authorization"])
                elif isinstance(event, h2.events.PingReceived):
                    self.pings += 1
            self.transport.clear()
            if data := self.h2.data_to_send():
                self.protocol.dataReceived(data)

    def answer(self, status: str, body: bytes = b"") -> None:
        """Answer the oldest request."""
        stream = self.streams.pop(0)
        self.h2.send_headers(stream, [(":status", status)], end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.turn()


class ConnectionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(APNS_TOKEN_S * 1_000)
        self.servers: list[Server] = []
        self.connecting: list[tuple[IProtocolFactory, Deferred[Any]]] = []
        self.tokens = ApnsTokens("TEAM", "KEY", KEY)
        self.apns = Apns(
            "org.example.mobility",
            "push.example.test",
            self.tokens,
            lambda: self,  # type: ignore[arg-type,return-value]
            self.clock,
            NoLog(),
            epoch=self.clock.seconds,
        )

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """As an endpoint does."""
        self.connecting.append((factory, Deferred()))
        return self.connecting[-1][1]

    def connected(self) -> Server:
        """The connection is made."""
        factory, made = self.connecting.pop(0)
        server = Server(factory)
        self.servers.append(server)
        made.callback(server.protocol)
        server.turn()
        self.clock.advance(0)
        server.turn()
        return server

    def push(self) -> Deferred[Outcome]:
        device = Device(platform="apns", app_id="org.example.mobility", token="ab" * 32)
        one = Notification(device=device, kind="call", id="1", expires=2**40)
        sent = Deferred.fromCoroutine(self.apns.deliver(Job("o", one, 0)))
        self.clock.advance(0)
        return sent


class SilenceTests(ConnectionCase):
    def test_dropped(self) -> None:
        """A connection over which nothing comes back is cut soon, and the push is to be tried
        again: it must not ring out."""
        sent = self.push()
        server = self.connected()
        server.answer("200")
        self.assertEqual(self.successResultOf(sent).outcome, DELIVERED)
        self.clock.advance(PING_S / 2)
        sent = self.push()
        self.clock.advance(SILENCE_S)
        self.assertNoResult(sent)
        self.clock.advance(SILENCE_S)
        self.assertTrue(server.transport.aborted)
        server.protocol.connectionLost()
        outcome = self.successResultOf(sent)
        self.assertEqual((outcome.outcome, outcome.unseen), (RETRY, False))
        self.assertEqual(outcome.status, "the server is silent")
        again = self.push()
        self.connected().answer("200")
        self.assertEqual(self.successResultOf(again).outcome, DELIVERED)

    def test_slow(self) -> None:
        """A server that gives signs of life has its time to answer, and its connection stays."""
        sent = self.push()
        server = self.connected()
        waited = 0.0
        while waited + SILENCE_S < ANSWER_S:
            self.clock.advance(SILENCE_S)
            waited += SILENCE_S
            server.turn()
        self.assertGreater(server.pings, 1)
        self.assertNoResult(sent)
        server.answer("200")
        self.assertEqual(self.successResultOf(sent).outcome, DELIVERED)
        self.assertFalse(server.transport.disconnecting)

    def test_idle(self) -> None:
        """A connection without requests is asked seldom, and cut if it does not answer then."""
        sent = self.push()
        server = self.connected()
        server.answer("200")
        self.successResultOf(sent)
        pings = server.pings
        self.clock.advance(SILENCE_S * 2)
        server.turn()
        self.assertEqual(server.pings, pings)
        self.clock.advance(PING_S)
        self.clock.advance(ANSWER_S)
        self.assertTrue(server.transport.aborted)

    def test_no_leave(self) -> None:
        """A server that does not take leave when we do is cut off."""
        sent = self.push()
        server = self.connected()
        server.answer("200")
        self.successResultOf(sent)
        closing = Deferred.fromCoroutine(self.apns.close(now=True))
        self.assertTrue(server.transport.disconnecting)
        self.assertFalse(server.transport.aborted)
        self.clock.advance(SILENCE_S)
        self.assertTrue(server.transport.aborted)
        server.protocol.connectionLost()
        self.successResultOf(closing)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RetiringTests(ConnectionCase):
    def test_while_connecting(self) -> None:
        """Settings that are replaced while it connects leave no connection behind: what waited for
        it is answered first."""
        sent = self.push()
        self.successResultOf(Deferred.fromCoroutine(self.apns.close(now=False)))
        server = self.connected()
        self.assertFalse(server.transport.disconnecting)
        server.answer("200")
        self.assertEqual(self.successResultOf(sent).outcome, DELIVERED)
        self.assertTrue(server.transport.disconnecting)

    def test_last_one_too_late(self) -> None:
        """A connection that is to end ends also when its last answer never comes."""
        sent = self.push()
        server = self.connected()
        self.successResultOf(Deferred.fromCoroutine(self.apns.close(now=False)))
        for _ in range(int(ANSWER_S / SILENCE_S)):
            self.clock.advance(SILENCE_S)
            server.turn()
        self.assertEqual(self.successResultOf(sent).outcome, RETRY)
        self.assertTrue(server.transport.disconnecting)


class TokenTests(ConnectionCase):
    def test_expired_for_many(self) -> None:
        """Where Apple finds the token of many requests too old, all of them go again at once with
        one new token, and nothing is held against the credential."""
        self.clock.advance(APNS_TOKEN_S - 1)
        first = self.push()
        server = self.connected()
        server.answer("200")
        self.successResultOf(first)
        sent = [self.push() for _ in range(3)]
        server.turn()
        for _ in sent:
            server.answer("403", b'{"reason":"ExpiredProviderToken"}')
        outcomes = [self.successResultOf(one) for one in sent]
        self.assertEqual([one.unseen for one in outcomes], [True] * 3)
        self.push().addErrback(lambda _: None)
        server.turn()
        self.assertEqual(len(set(server.signed)), 2)
        # one that was made just now is not too old: it is the credential, or a clock, that is wrong
        server.answer("403", b'{"reason":"ExpiredProviderToken"}')
        self.assertFalse(self.tokens.renew(self.clock.seconds()))
