"""Connections that are watched together, over pairs of sockets and without a reactor."""

import socket
from collections.abc import Callable
from functools import partial

from twisted.internet.error import ConnectionDone
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


class ReadersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor, self.clock = Watching(), Clock()
        self.readers = Readers(self.reactor)

    def connect(self, hearing: Hearing) -> tuple[GatheringServer, socket.socket]:
        """A connection that is read, and the socket of its peer."""
        own, peer = socket.socketpair()
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
