"""Connections that send what a turn of the reactor has written to them when it ends.

Twisted's own wait until the reactor has seen that the socket is writable: two changes of what the
kernel is asked to watch, and one more event, for each answer, while a socket to which nothing is
waiting to be sent nearly always takes it at once.  To send at the end of the turn costs less than
within it: what was read from several connections is worked through without the kernel in between.
"""

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.tcp import Server
from twisted.python import log

from mobility.operate.readers import Readers

MAX_GATHERED_BYTES = 65_536
"""What a connection keeps for the end of the turn (our choice, as Twisted's `bufferSize`: from
then on producers hear that they write more than the socket takes)."""


class TurnEnd:
    """Lets connections send when the turn of the reactor ends."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._waiting: list[Callable[[], None]] = []

    def call(self, send: Callable[[], None]) -> None:
        """Call `send` then."""
        if not self._waiting:
            self._reactor.callLater(0, self._end)
        self._waiting.append(send)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, []
        for send in waiting:
            try:
                send()
            except Exception:  # a producer that cannot be paused: the others send all the same
                log.err()


class GatheringServer(Server):
    """An accepted connection.

    With `turn_end` given it is the `transport` of a `twisted.internet.tcp.Port`.
    """

    def __init__(self, *arguments: Any, turn_end: TurnEnd, readers: Readers) -> None:
        self._readers = readers
        self._turn_end = turn_end
        super().__init__(*arguments)
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._waits = False
        """Whether the reactor tells when the socket is writable; until then all is kept by
        Twisted."""

    def startReading(self) -> None:
        self._readers.add(self)

    def stopReading(self) -> None:
        self._readers.discard(self)

    def write(self, data: bytes) -> None:
        if not self.connected or (self._waits and not self._gathered):
            super().write(data)
            return
        if not self._gathered:
            self._turn_end.call(self._send)
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes > MAX_GATHERED_BYTES:
            self._send()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        self.write(b"".join(iovec))

    def doWrite(self) -> Any:
        """The reactor's, when it is told to watch: to close after what was written, perhaps."""
        if self._gathered:
            super().write(self._taken())
        return super().doWrite()

    def startWriting(self) -> None:
        self._waits = True
        super().startWriting()

    def stopWriting(self) -> None:
        self._waits = False
        super().stopWriting()

    def _send(self) -> None:
        """Send what the socket takes; the rest is Twisted's, and so is an error, which it meets
        again."""
        data = self._taken()
        if data and self.connected:
            sent = 0
            if not self._waits:
                try:
                    sent = self.socket.send(data)
                except OSError:
                    pass
            if sent < len(data):
                super().write(data[sent:])

    def _taken(self) -> bytes:
        gathered, self._gathered = self._gathered, []
        self._gathered_bytes = 0
        return gathered[0] if len(gathered) == 1 else b"".join(gathered)
