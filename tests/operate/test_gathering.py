"""Connections that send at the end of the turn, over a pair of sockets and without a reactor."""

import socket

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer, IReactorFDSet
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mobility.operate.gathering import MAX_GATHERED_BYTES, GatheringServer, TurnEnd
from mobility.operate.readers import Readers


@implementer(IReactorFDSet)
class Watching:
    """A reactor that only remembers what is to be watched."""

    def __init__(self) -> None:
        self.readers: set[object] = set()
        self.writers: set[object] = set()
        self.addReader = self.readers.add
        self.removeReader = self.readers.discard
        self.addWriter = self.writers.add
        self.removeWriter = self.writers.discard

    def removeAll(self) -> list[object]:
        return []

    def getReaders(self) -> list[object]:
        return list(self.readers)

    def getWriters(self) -> list[object]:
        return list(self.writers)


@implementer(IPushProducer)
class StubProducer:
    """Remembers that it was paused."""

    def __init__(self, paused: list[bool]) -> None:
        self._paused = paused

    def pauseProducing(self) -> None:
        self._paused.append(True)

    def resumeProducing(self) -> None:
        """Nothing."""

    def stopProducing(self) -> None:
        """Nothing."""


class GatheringServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        own, self.peer = socket.socketpair()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        self.peer.setblocking(False)
        self.addCleanup(self.peer.close)
        self.addCleanup(own.close)
        self.reactor, self.clock = Watching(), Clock()
        self.transport = GatheringServer(
            own,
            Protocol(),
            ("127.0.0.1", 1),
            None,
            0,
            self.reactor,
            turn_end=TurnEnd(self.clock),
            readers=Readers(self.reactor),
        )

    def received(self) -> bytes:
        """What the peer can read now."""
        data = b""
        while True:
            try:
                piece = self.peer.recv(65_536)
            except BlockingIOError:
                return data
            if not piece:
                return data
            data += piece

    def turn(self) -> None:
        """The turn of the reactor ends."""
        self.clock.advance(0)

    def test_turn(self) -> None:
        """What a turn has written is sent when it ends, and nothing is watched for it."""
        self.transport.write(b"one")
        self.transport.write(b"two")
        self.assertEqual(self.received(), b"")
        self.turn()
        self.assertEqual(self.received(), b"onetwo")
        self.assertEqual((self.reactor.writers, self.clock.getDelayedCalls()), (set(), []))
        self.transport.write(b"three")
        self.turn()
        self.assertEqual(self.received(), b"three")

    def test_in_order(self) -> None:
        """What the socket does not take is sent when it does, before what is written later."""
        text = b"".join(b"%07d." % number for number in range(100_000))
        self.transport.write(b"begin ")
        self.transport.write(text)
        self.transport.write(b" the end")
        self.turn()
        self.assertEqual(self.reactor.writers, {self.transport})
        data = self.received()
        while self.reactor.writers:
            self.assertIsNone(self.transport.doWrite())
            data += self.received()
        self.assertEqual(data, b"begin " + text + b" the end")
        self.transport.write(b", and more")
        self.turn()
        self.assertEqual(self.received(), b", and more")

    def test_sequence(self) -> None:
        """What is written as a sequence comes after what was written before."""
        self.transport.write(b"one ")
        self.transport.writeSequence([b"two ", b"three"])
        self.transport.write(b" four")
        self.turn()
        self.assertEqual(self.received(), b"one two three four")

    def test_fault(self) -> None:
        """One that cannot send is logged, and the others of its turn send all the same."""
        turn_end, sent = TurnEnd(self.clock), []

        def fail() -> None:
            raise ZeroDivisionError

        turn_end.call(fail)
        turn_end.call(lambda: sent.append(True))
        self.turn()
        self.assertEqual(sent, [True])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_producer(self) -> None:
        """A producer that writes more than the socket takes is paused before the turn ends."""
        paused: list[bool] = []
        producer = StubProducer(paused)
        self.transport.registerProducer(producer, True)
        written = 0
        while not paused and written < 100 * MAX_GATHERED_BYTES:
            self.transport.write(b"x" * 10_000)
            written += 10_000
        self.assertEqual(paused, [True])

    def test_gone(self) -> None:
        """A peer that is gone ends the connection in the reactor, not in `write`."""
        self.peer.close()
        self.transport.write(b"one")
        self.turn()
        self.assertEqual(self.reactor.writers, {self.transport})
        self.assertIsInstance(self.transport.doWrite(), Exception)

    def test_closes_after(self) -> None:
        """A connection closes after what was written, also if the turn has not ended before."""
        for turns in (0, 1):
            with self.subTest(turns=turns):
                self.setUp()
                self.transport.write(b"x" * 50_000)
                for _ in range(turns):
                    self.turn()
                self.transport.loseConnection()
                data, ended = b"", None
                while ended is None:
                    ended = self.transport.doWrite()
                    data += self.received()
                self.assertEqual(len(data), 50_000)

    def test_after_close(self) -> None:
        """What is written after the connection was told to close stays behind what was before."""
        self.transport.write(b"one ")
        self.transport.loseConnection()
        self.transport.write(b"two")
        self.assertIsInstance(self.transport.doWrite(), Exception)
        self.assertEqual(self.received(), b"one two")

    def test_over(self) -> None:
        """What is written to a connection that is over is dropped."""
        self.transport.write(b"one")
        self.transport.connectionLost(Failure(ConnectionDone()))
        self.transport.write(b"two")
        self.turn()
        self.assertEqual(self.received(), b"")
