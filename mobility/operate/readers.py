"""Accepted connections that are watched together: the reactor sees one descriptor for all of them.

The reactor wraps each event of each of its descriptors into a context for Twisted's old log, which
costs as much as reading the socket.  An epoll set is a descriptor itself, readable when one of its
own is (epoll(7)); the reactor watches that, and what is readable is read here in one go.  Where no
set can be had, each connection is the reactor's own.
"""

import select
import sys
from typing import Protocol, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableDescriptor,
    IReactorFDSet,
    IReadDescriptor,
)
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

CLOSED = -1
"""The descriptor of what has none any more."""


class Readable(Protocol):
    """A `twisted.internet.tcp.Connection`."""

    def fileno(self) -> int: ...

    def logPrefix(self) -> str: ...

    def doRead(self) -> Exception | None: ...

    def stopReading(self) -> None: ...

    def readConnectionLost(self, reason: Failure) -> None: ...

    def connectionLost(self, reason: Failure) -> None: ...


@implementer(IReadDescriptor)
class Readers:
    """The connections of a listener that are to be read.  The set exists while there are any."""

    def __init__(self, reactor: IReactorFDSet) -> None:
        self._reactor = reactor
        self._epoll: select.epoll | None = None
        self._connections: dict[int, Readable] = {}
        self._apart: set[Readable] = set()
        """Those that the reactor itself reads, because there was no set when they began."""

    def __len__(self) -> int:
        return len(self._connections) + len(self._apart)

    def add(self, connection: Readable) -> None:
        """Read it when something comes; also one that is read already."""
        descriptor = connection.fileno()
        if self._connections.get(descriptor) is connection or connection in self._apart:
            return
        if self._epoll is None:
            self._epoll = _epoll_set()
            if self._epoll is None:
                self._apart.add(connection)
                self._reactor.addReader(cast(IReadDescriptor, connection))
                return
            self._reactor.addReader(self)
        self._epoll.register(descriptor, select.EPOLLIN)
        self._connections[descriptor] = connection

    def discard(self, connection: Readable) -> None:
        """Do not read it; also one that is not read."""
        if connection in self._apart:
            self._apart.remove(connection)
            self._reactor.removeReader(cast(IReadDescriptor, connection))
            return
        descriptor = connection.fileno()
        if self._epoll is None or self._connections.get(descriptor) is not connection:
            return
        del self._connections[descriptor]
        self._epoll.unregister(descriptor)
        if not self._connections:
            self._reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None

    # -- the reactor's side ---------------------------------------------------------------------

    def fileno(self) -> int:
        return CLOSED if self._epoll is None else self._epoll.fileno()

    def logPrefix(self) -> str:
        return "readers"

    def doRead(self) -> None:
        """Read each connection that has something, or is at its end."""
        if self._epoll is None:
            return
        for descriptor, _ in self._epoll.poll(0, len(self._connections)):
            connection = self._connections.get(descriptor)
            if connection is None:
                continue  # one that was read before has closed it
            why: BaseException | None
            try:
                why = connection.doRead()
            except BaseException:  # as the reactor: it is logged and costs the connection
                why = sys.exc_info()[1]
                log.err()
            if why is not None:
                _end(connection, why)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops: so does everything that it has."""
        for connection in list(self._connections.values()):
            try:
                connection.connectionLost(reason)
            except Exception:  # as the reactor: it is logged, and the others hear it too
                log.err()


def _epoll_set() -> "select.epoll | None":
    """A new set; None where the kernel has no such thing, or the process may open no more."""
    try:
        return select.epoll()
    except (AttributeError, OSError):
        return None


def _end(connection: Readable, why: BaseException) -> None:
    """As the reactor tells a connection that it is over, or that the peer writes no more.

    What that raises is logged: from `doRead` it would end all connections."""
    connection.stopReading()
    reason = Failure(why)
    try:
        if isinstance(why, ConnectionDone) and IHalfCloseableDescriptor.providedBy(connection):
            connection.readConnectionLost(reason)
        else:
            connection.connectionLost(reason)
    except Exception:
        log.err()
