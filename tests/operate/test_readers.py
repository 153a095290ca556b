"""Connections that are watched together, over pairs of sockets and without a reactor."""

import resource
import socket
from collections.abc import Callable
from functools import partial

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mobility.operate.gathering import GatheringServer, TurnEnd
from mobility.operate.readers import CLOSED, Readers
from tests.operate.test_gathering import Watching


class Hearing(Protocol):
    """Remembers what came and how it ended; what `then` is does is done with each piece."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.reasons: list[type[BaseException]] = []
        self.then: Callable[[], object] = tuple

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        self.then()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reasons.append(reason.type)


@implementer(IHalfCloseableProtocol)
class HalfClosing(Hearing):
    """Goes on when the peer writes no more."""

    def readConnectionLost(self) -> None:
        self.heard.append(b"no more")

    def writeConnectionLost(self) -> None:
        """Nothing."""


class FailsAtEnd(Hearing):
    """Raises when the connection is over."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        raise ZeroDivisionError


class ReadersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor, self.clock = Watching(), Clock()
        self.readers = Readers(self.reactor)

    def connect(
        self, hearing: Hearing, pair: tuple[socket.socket, socket.socket] | None = None
    ) -> tuple[GatheringServer, socket.socket]:
        """A connection that is read, and the socket of its peer."""
        own, peer = pair or socket.socketpair()
        self.addCleanup(own.close)
        self.addCleanup(peer.close)
        connection = GatheringServer(
            own,
            hearing,
            ("127.0.0.1", 1),
            None,
            0,
            self.reactor,
            turn_end=TurnEnd(self.clock),
            readers=self.readers,
        )
        hearing.makeConnection(connection)
        self.addCleanup(self.readers.discard, connection)
        return connection, peer

    def test_read_together(self) -> None:
        """The reactor watches one descriptor, and what came to any connection is read at once."""
        first, second = Hearing(), Hearing()
        (_, one), (_, other) = self.connect(first), self.connect(second)
        self.assertEqual(self.reactor.readers, {self.readers})
        one.send(b"one")
        other.send(b"other")
        self.readers.doRead()
        self.assertEqual((first.heard, second.heard), ([b"one"], [b"other"]))
        self.readers.doRead()
        self.assertEqual((first.heard, second.heard), ([b"one"], [b"other"]))

    def test_paused(self) -> None:
        """A connection that is paused is not read until it goes on."""
        hearing = Hearing()
        connection, peer = self.connect(hearing)
        connection.pauseProducing()
        peer.send(b"one")
        self.readers.doRead()
        self.assertEqual((hearing.heard, self.reactor.readers), ([], set()))
        connection.resumeProducing()
        self.readers.doRead()
        self.assertEqual(hearing.heard, [b"one"])

    def test_closed(self) -> None:
        """A peer that closes ends its connection alone, and the last one leaves nothing behind."""
        first, second = Hearing(), Hearing()
        (_, one), (_, other) = self.connect(first), self.connect(second)
        one.close()
        self.readers.doRead()
        self.assertEqual((first.reasons, second.reasons), ([ConnectionDone], []))
        self.assertEqual(len(self.readers), 1)
        other.close()
        self.readers.doRead()
        self.assertEqual(second.reasons, [ConnectionDone])
        self.assertEqual((self.readers.fileno(), self.reactor.readers), (CLOSED, set()))

    def test_half_closed(self) -> None:
        """Who can be told that the peer writes no more is told so, and goes on."""
        hearing = HalfClosing()
        connection, peer = self.connect(hearing)
        peer.shutdown(socket.SHUT_WR)
        self.readers.doRead()
        self.assertEqual((hearing.heard, hearing.reasons), ([b"no more"], []))
        connection.write(b"still here")
        self.clock.advance(0)
        self.assertEqual(peer.recv(100), b"still here")

    def test_fault(self) -> None:
        """A protocol that raises loses its connection, which is logged; others are read."""
        first, second = Hearing(), Hearing()
        (_, one), (_, other) = self.connect(first), self.connect(second)

        def fail() -> None:
            raise ZeroDivisionError

        first.then = fail
        one.send(b"one")
        other.send(b"other")
        self.readers.doRead()
        self.assertEqual((first.reasons, second.heard), ([ZeroDivisionError], [b"other"]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_fault_at_the_end(self) -> None:
        """A protocol that raises when it hears that its connection is over has it logged, and
        costs no other connection anything: not in operation, and not when the reactor stops."""
        ends: list[Callable[[socket.socket], object]] = [
            lambda peer: (peer.close(), self.readers.doRead()),
            lambda _: self.readers.connectionLost(Failure(ConnectionDone())),
        ]
        for end in ends:
            failing, other = FailsAtEnd(), Hearing()
            (_, one), (_, two) = self.connect(failing), self.connect(other)
            end(one)
            self.assertEqual(failing.reasons, [ConnectionDone])
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            if not other.reasons:
                two.send(b"two")
                self.readers.doRead()
                self.assertEqual((other.heard, other.reasons), ([b"two"], []))
                two.close()
                self.readers.doRead()
            self.assertEqual(other.reasons, [ConnectionDone])
            self.assertEqual((len(self.readers), self.reactor.readers), (0, set()))

    def test_reset(self) -> None:
        """A connection that its peer resets is lost; one that is paused meanwhile hears it when it
        goes on."""
        for paused in (False, True):
            with self.subTest(paused=paused):
                hearing = Hearing()
                connection, peer = self.connect(hearing)
                if paused:
                    connection.pauseProducing()
                connection.socket.send(b"never read")
                peer.close()
                self.readers.doRead()
                if paused:
                    self.assertEqual(hearing.reasons, [])
                    connection.resumeProducing()
                    self.readers.doRead()
                self.assertEqual(hearing.reasons, [ConnectionLost])

    def test_descriptor_again(self) -> None:
        """A connection that comes by the descriptor of one that has ended in the same turn is read
        as itself."""
        first, second = Hearing(), Hearing()
        connection, peer = self.connect(first)
        descriptor = connection.fileno()
        later: list[socket.socket] = []
        again: list[int] = []

        def replace() -> None:
            own = connection.socket
            connection.connectionLost(Failure(ConnectionDone()))
            own.close()
            new, other = self.connect(second)
            again.append(new.fileno())
            later.append(other)

        first.then = replace
        peer.send(b"one")
        self.readers.doRead()
        later[0].send(b"two")
        self.readers.doRead()
        self.assertEqual((first.heard, second.heard), ([b"one"], [b"two"]))
        self.assertEqual(again, [descriptor])

    def test_no_set(self) -> None:
        """Where no set can be had, because the process may open nothing more, the reactor reads
        the connection itself, and no more when it is paused or over."""
        hearing = Hearing()
        own, peer = socket.socketpair()
        for one in (own, peer):
            self.addCleanup(one.close)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            connection, peer = self.connect(hearing, (own, peer))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual((len(self.readers), self.reactor.readers), (1, {connection}))
        connection.startReading()
        self.assertEqual((len(self.readers), self.reactor.readers), (1, {connection}))
        peer.send(b"one")
        connection.doRead()
        self.assertEqual(hearing.heard, [b"one"])
        connection.pauseProducing()
        self.assertEqual((len(self.readers), self.reactor.readers), (0, set()))
        connection.resumeProducing()
        self.assertEqual((len(self.readers), self.reactor.readers), (1, {self.readers}))

    def test_closes_another(self) -> None:
        """A connection that another one has closed in the same turn is not read any more."""
        hearings = Hearing(), Hearing()
        connections = [self.connect(one) for one in hearings]
        for (connection, _), other in zip(connections[::-1], hearings, strict=True):
            other.then = partial(connection.connectionLost, connectionDone)
        for _, peer in connections:
            peer.send(b"x")
        self.readers.doRead()
        self.assertEqual(sum(len(one.heard) for one in hearings), 1)

    def test_stop(self) -> None:
        """When the reactor stops, so do all connections."""
        hearing = Hearing()
        self.connect(hearing)
        self.readers.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(hearing.reasons, [ConnectionDone])
        self.assertEqual(self.reactor.readers, set())
