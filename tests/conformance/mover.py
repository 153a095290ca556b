"""How a clocked front end is told to move its time on, over a UNIX socket.

Each line is a number of seconds to move on by.  The answer is an empty line, once everything that
became due by it has been begun.
"""

from pathlib import Path
from typing import Protocol

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure


class Movable(Protocol):
    """A clock that runs ahead of the real one."""

    ahead_s: float


class Told(LineReceiver):
    """The side of the front end."""

    delimiter = b"\n"

    def __init__(self, clock: Movable) -> None:
        self._clock = clock

    def lineReceived(self, line: bytes) -> None:
        self._clock.ahead_s += float(line)
        # What has become due runs in the next turn, what that has begun in the one after.
        reactor.callLater(0, reactor.callLater, 0, self.sendLine, b"")


class Telling(LineReceiver):
    """The side of the program that tells."""

    delimiter = b"\n"

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] = []
        self._closed: Deferred[None] = Deferred()

    def move_on(self, seconds: float) -> Deferred[None]:
        """Move the time of the other side on; when that has happened."""
        self._waiting.append(Deferred())
        self.sendLine(str(seconds).encode("ascii"))
        return self._waiting[-1]

    def lineReceived(self, line: bytes) -> None:
        self._waiting.pop(0).callback(None)

    def hang_up(self) -> Deferred[None]:
        """Close the connection; when that is done."""
        self.transport.loseConnection()
        return self._closed

    def connectionLost(self, reason: Failure) -> None:
        self._closed.callback(None)


def listen(clock: Movable, path: str) -> None:
    """Be told on the socket `path` as soon as the reactor runs."""
    factory = Factory.forProtocol(lambda: Told(clock))
    reactor.callWhenRunning(reactor.listenUNIX, path, factory)


async def connect(path: Path) -> Telling:
    """Reach a front end that listens."""
    return await connectProtocol(UNIXClientEndpoint(reactor, str(path)), Telling())
