"""One stream connection: bytes in, frames to the core, messages out.

Whatever a read makes the core send to the same peer goes out in one write.
"""

from typing import Protocol, cast

from OpenSSL.crypto import X509
from twisted.internet.interfaces import (
    IHandshakeListener,
    IProtocol,
    IPushProducer,
    ISSLTransport,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.sip.flow import Allowance
from mobility.sip.framing import Frame, Framer, Unframeable
from mobility.sip.limits import CLOSING_S, HANDSHAKE_S, IDLE_S, MAX_UNSENT_BYTES, MESSAGE_S

PONG = b"\r\n"
"""The answer to a ping (RFC 5626 section 3.5.1)."""


class Server(Protocol):
    """What a connection asks of the listener it came through, or of who opened it."""

    def now(self) -> float:
        """Seconds on the clock of the deadlines."""

    def opened(self, connection: "SipConnection") -> bool:
        """Whether the connection may stay."""

    def names_of(self, certificate: X509 | None) -> frozenset[str]:
        """The names of a verified certificate."""

    def frame(self, frame: Frame, connection: "SipConnection") -> None:
        """A message came."""

    def fault(self, connection: "SipConnection", fault: Unframeable) -> None:
        """Nothing more can be read; the connection closes after this."""

    def ready(self, connection: "SipConnection") -> None:
        """It can be used: its handshake, if it has one, is over."""

    def closed(self, connection: "SipConnection", reason: Failure) -> None:
        """It is gone."""


@implementer(IProtocol, IHandshakeListener, IPushProducer)
class SipConnection:
    """A Flow over TCP or TLS.  `deadline` is when `expire` is to be called (`Server.now`)."""

    __slots__ = (
        "_corked",
        "_framer",
        "_paused",
        "_server",
        "_transport",
        "_unsent",
        "_waits",
        "allowance",
        "deadline",
        "listener",
        "local",
        "names",
        "secure",
        "source",
        "transport",
    )
    reliable = True

    def __init__(
        self, server: Server, listener: str, allowance: Allowance, *, secure: bool
    ) -> None:
        self._server = server
        self._framer = Framer()
        self._corked: list[bytes] | None = None
        self._transport: ITransport | None = None
        self._paused = False
        self._unsent = 0
        self._waits = False
        self.allowance = allowance
        self.listener = listener
        self.secure = secure
        self.transport = "TLS" if secure else "TCP"
        self.names: frozenset[str] = frozenset()
        self.source = ("", 0)
        self.local = ("", 0)
        self.deadline = 0.0

    # -- Twisted's side -------------------------------------------------------------------------

    def makeConnection(self, transport: ITransport) -> None:
        self._transport = transport
        peer = transport.getPeer()
        self.source = (getattr(peer, "host", ""), getattr(peer, "port", 0))
        own = transport.getHost()
        self.local = (getattr(own, "host", ""), getattr(own, "port", 0))
        self.deadline = self._server.now() + (HANDSHAKE_S if self.secure else IDLE_S)
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        if not self._server.opened(self):
            self.abort()
            return
        transport.registerProducer(self, True)  # type: ignore[attr-defined]  # ITCPTransport
        if not self.secure:
            self._server.ready(self)

    def connectionMade(self) -> None:
        """IProtocol's other way to say that the transport is there."""

    def handshakeCompleted(self) -> None:
        """TLS is there: remember who the peer has proven to be."""
        transport = cast(ISSLTransport, self._transport)
        self.names = self._server.names_of(cast(X509 | None, transport.getPeerCertificate()))
        self.deadline = self._server.now() + IDLE_S
        self._server.ready(self)

    def dataReceived(self, data: bytes) -> None:
        frames, fault = self._framer.receive(data)
        self._corked = []
        try:
            for frame in frames:
                if isinstance(frame, Frame):
                    self._server.frame(frame, self)
                else:
                    self.send(PONG)
            if fault is not None:
                self._server.fault(self, fault)
        finally:
            corked, self._corked = self._corked, None
            if corked and self._transport is not None:
                self._write(corked[0] if len(corked) == 1 else b"".join(corked))
        waits = self._framer.waits
        waited, self._waits = self._waits, waits
        if fault is not None:
            self.close()
        elif not waits:
            self.deadline = self._server.now() + IDLE_S
        elif frames or not waited:
            self.deadline = self._server.now() + MESSAGE_S

    def connectionLost(self, reason: Failure) -> None:
        if self._transport is not None:
            self._transport = None
            self._server.closed(self, reason)

    def pauseProducing(self) -> None:
        """The peer reads more slowly than we write."""
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused, self._unsent = False, 0

    def stopProducing(self) -> None:
        """The transport will write no more; connectionLost follows."""

    # -- the core's side ------------------------------------------------------------------------

    def send(self, data: bytes) -> bool:
        if self._transport is None:
            return False
        if self._corked is not None:
            self._corked.append(data)
            return True
        return self._write(data)

    def close(self) -> None:
        if self._transport is not None:
            self.deadline = self._server.now() + CLOSING_S
            self._transport.unregisterProducer()  # type: ignore[attr-defined]  # TLS waits for it
            self._transport.loseConnection()

    def abort(self) -> None:
        """Close without sending what is left."""
        if self._transport is not None:
            self._transport.abortConnection()  # type: ignore[attr-defined]  # ITCPTransport

    def expire(self) -> None:
        """The deadline is over."""
        self.abort()

    def _write(self, data: bytes) -> bool:
        transport = self._transport
        if transport is None:
            return False
        if self._paused:
            self._unsent += len(data)
            if self._unsent > MAX_UNSENT_BYTES:
                self.abort()
                return False
        transport.write(data)
        return True
