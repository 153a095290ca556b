"""Connections that send at once, over a pair of sockets and without a reactor."""

import socket

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mobility.operate.prompt import PromptServer


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


class PromptServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        own, self.peer = socket.socketpair()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        self.peer.setblocking(False)
        self.addCleanup(self.peer.close)
        self.addCleanup(own.close)
        self.reactor = Watching()
        self.transport = PromptServer(own, Protocol(), ("127.0.0.1", 1), None, 0, self.reactor)

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

    def test_at_once(self) -> None:
        """What is written has been sent when `write` returns, and nothing is watched for it."""
        self.transport.write(b"one")
        self.transport.write(b"two")
        self.assertEqual(self.received(), b"onetwo")
        self.assertEqual(self.reactor.writers, set())

    def test_in_order(self) -> None:
        """What the socket does not take is sent when it does, before what is written later."""
        text = b"".join(b"%07d." % number for number in range(100_000))
        self.transport.write(text)
        self.transport.write(b"the end")
        self.assertEqual(self.reactor.writers, {self.transport})
        data = self.received()
        while self.reactor.writers:
            self.assertIsNone(self.transport.doWrite())
            data += self.received()
        self.assertEqual(data, text + b"the end")
        self.transport.write(b", and more")
        self.assertEqual(self.received(), b", and more")

    def test_gone(self) -> None:
        """A peer that is gone ends the connection in the reactor, not in `write`."""
        self.peer.close()
        self.transport.write(b"one")
        self.assertEqual(self.reactor.writers, {self.transport})
        self.assertIsInstance(self.transport.doWrite(), Exception)

    def test_closes_after(self) -> None:
        """A connection closes after what was written."""
        self.transport.write(b"x" * 100_000)
        self.transport.loseConnection()
        data, ended = b"", None
        while ended is None:
            data += self.received()
            ended = self.transport.doWrite()
        self.assertEqual(len(data + self.received()), 100_000)

    def test_over(self) -> None:
        """What is written to a connection that is over is dropped."""
        self.transport.connectionLost(Failure(ConnectionDone()))
        self.transport.write(b"one")
        self.assertEqual(self.received(), b"")
