"""One connection: bytes in, one request at a time to the pipeline, answers out in order.

    HANDSHAKE --> OPENED --> HEAD --> [BODY] --> ANSWERING --> [SENDING] --> IDLE --> HEAD ...
                                any, with an answer that closes --> [LINGERING] --> CLOSING

A request is handed on when its head is read (so that it can be refused before its body comes) and
run when its body is whole.  While it is answered, what the peer pipelines is held back.  Every
phase that waits for the peer has a `deadline`, which `mobility.http.connections` looks at.
"""

from enum import Enum
from math import inf
from typing import Protocol, cast

from twisted.internet.interfaces import (
    IHandshakeListener,
    IProtocol,
    IPushProducer,
    ISSLTransport,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.errors import Answerable, PeerFault
from mobility.http.body_reader import BodyReader, ChunkedBody, SizedBody
from mobility.http.errors import ProtocolFault
from mobility.http.head import CHUNKED, Head, head_end, read_head
from mobility.http.limits import (
    BODY_BYTES_PER_S,
    HANDSHAKE_S,
    LINGER_S,
    PIPELINED_BYTES,
    PIPELINED_REQUESTS,
    REFUSED_BODY_BYTES,
    SEND_PIECE_BYTES,
    SEND_STALL_S,
)
from mobility.http.ports import Exchange, Transport

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Phase(Enum):
    """Where a connection is; see the module."""

    HANDSHAKE = "handshake"
    OPENED = "opened"
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    ANSWERING = "answering"
    SENDING = "sending"
    LINGERING = "lingering"
    CLOSING = "closing"
    CLOSED = "closed"


_READING = frozenset({Phase.OPENED, Phase.IDLE, Phase.HEAD, Phase.BODY})


class Server(Protocol):
    """What a channel asks of the site it serves."""

    header_timeout_s: float
    body_timeout_s: float
    keep_alive_timeout_s: float

    def now(self) -> float:
        """Seconds on the clock of the deadlines."""
        ...

    def soon(self, channel: "HttpChannel") -> None:
        """Call `channel.proceed` in the next turn of the reactor."""
        ...

    def begin(self, channel: "HttpChannel", head: Head) -> Exchange: ...

    def refusal(self, channel: "HttpChannel", fault: Answerable) -> bytes:
        """The whole answer to something that is no request; it is logged here."""
        ...

    def closed(self, channel: "HttpChannel") -> None: ...


@implementer(IProtocol, IPushProducer, IHandshakeListener)
class HttpChannel:
    """A server connection that speaks HTTP/1.1.

    `deadline` is the time (of `Server.now`) after which `expire` is to be called; `peer` is what
    the pipeline remembers about the other end; `surplus` marks a connection over the configured
    number, which is told so and closed.
    """

    __slots__ = (
        "_blocked",
        "_body",
        "_closes",
        "_exchange",
        "_held",
        "_input",
        "_paused",
        "_phase",
        "_reading",
        "_scanned",
        "_server",
        "_since",
        "_transport",
        "_unsent",
        "deadline",
        "peer",
        "surplus",
    )

    def __init__(self, server: Server, surplus: bool = False) -> None:
        self._server = server
        self.surplus = surplus
        self.deadline = inf
        self.peer: tuple[str, bool] | None = None
        self._transport: Transport | None = None
        self._phase = Phase.OPENED
        self._exchange: Exchange | None = None
        self._body: BodyReader | None = None
        self._input: bytes | bytearray = b""
        self._scanned = 0
        self._since = 0.0
        self._unsent: memoryview | None = None
        self._blocked = False
        self._held = False
        self._closes = False
        self._paused = False
        self._reading = False

    # -- the transport's calls ---------------------------------------------------------------

    def makeConnection(self, transport: ITransport) -> None:
        # Stream transports have more methods than their common interface says.
        self._transport = cast(Transport, transport)
        self.connectionMade()

    def connectionMade(self) -> None:
        transport = self._transport
        if transport is None:
            return
        # TLS says it is TCP also over a UNIX socket, so the interface does not tell.
        set_no_delay = getattr(transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)
        transport.registerProducer(self, True)
        if ISSLTransport.providedBy(transport):
            self._enter(Phase.HANDSHAKE, HANDSHAKE_S)
        else:
            self._enter(Phase.OPENED, self._server.header_timeout_s)

    def handshakeCompleted(self) -> None:
        if self._phase is Phase.HANDSHAKE:
            self._enter(Phase.OPENED, self._server.header_timeout_s)

    def dataReceived(self, data: bytes) -> None:
        phase = self._phase
        if phase is Phase.LINGERING or phase is Phase.CLOSING or phase is Phase.CLOSED:
            return
        held = self._input
        if not held:
            self._input = data
        elif isinstance(held, bytearray):
            held += data
        else:
            self._input = bytearray(held) + data
        if phase is Phase.ANSWERING or phase is Phase.SENDING or self._blocked or self._held:
            if len(self._input) > PIPELINED_BYTES:
                self._pause()
        else:
            self.proceed()

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002  # IProtocol's signature
        exchange = self._exchange
        self._phase = Phase.CLOSED
        self.deadline = inf
        self._exchange = self._body = self._transport = self._unsent = None
        self._input = b""
        self._server.closed(self)
        if exchange is not None:
            exchange.disconnected()

    def pauseProducing(self) -> None:
        """The transport holds enough unsent bytes."""
        self._blocked = True
        if self._phase is Phase.IDLE:
            self._enter(Phase.SENDING, SEND_STALL_S)
        elif self._exchange is not None and self._exchange.passing:
            self.deadline = self._server.now() + SEND_STALL_S
            self._exchange.blocked()

    def resumeProducing(self) -> None:
        """The peer has read what the transport held."""
        self._blocked = False
        if self._phase is Phase.SENDING:
            self._send_on()
        elif self._exchange is not None and self._exchange.passing:
            self._wait_for_body()
            self._exchange.unblocked()
        if self._input or self._paused:
            self.proceed()

    def stopProducing(self) -> None:
        """The connection is lost; `connectionLost` does the rest."""

    # -- the pipeline's calls ----------------------------------------------------------------

    @property
    def transport(self) -> Transport | None:
        """None once the connection is lost."""
        return self._transport

    def serves(self, server: Server) -> bool:
        """Whether this is a connection to `server`."""
        return self._server is server

    @property
    def idle(self) -> bool:
        """Whether no request is under way, not even a partial one."""
        return self._phase in (Phase.HANDSHAKE, Phase.OPENED, Phase.IDLE)

    def send(self, data: bytes, keep_alive: bool) -> None:
        """Send the whole answer to the current request, and close after it unless `keep_alive`."""
        if self._transport is None:
            return
        cut_short = self._phase is Phase.BODY or self._phase is Phase.HEAD
        self._exchange = self._body = None
        self._held = False
        self._closes = not keep_alive
        if cut_short:
            self._input = b""
            self._transport.write(data)
            self._enter(Phase.LINGERING, LINGER_S)
            return
        self._unsent = memoryview(data) if len(data) > SEND_PIECE_BYTES else None
        if self._unsent is None:
            self._transport.write(data)
        self._send_on()
        if self._phase is Phase.IDLE and (self._input or self._paused) and not self._reading:
            self.proceed()

    def send_part(self, data: bytes) -> None:
        """Send a part of the answer to a request that is passed on; `send` ends it."""
        if self._transport is not None:
            self._transport.write(data)

    def hold(self) -> None:
        """Read no more of the body until `release`: whoever takes it is behind."""
        if not self._held:
            self._held = True
            self.deadline = inf
            self._pause()

    def release(self) -> None:
        """Read on after `hold`."""
        if self._held:
            self._held = False
            self._since = self._server.now()
            self._wait_for_body()
            self.proceed()

    def abort(self) -> None:
        """Cut the connection: what was sent of the answer cannot be completed."""
        if self._transport is not None:
            self.deadline = inf
            self._transport.abortConnection()

    def close(self) -> None:
        """Close in good order, or abort if the peer has not let go after `SEND_STALL_S`."""
        if self._transport is not None and self._phase is not Phase.CLOSING:
            self._input = b""
            self._transport.unregisterProducer()
            self._enter(Phase.CLOSING, SEND_STALL_S)
            self._transport.loseConnection()

    def expire(self) -> None:
        """The deadline is over: answer 408 if a request has begun, and close."""
        if self._transport is None:
            return
        late = PeerFault("ClientTimeout", None, "The request did not come in time.")
        if self._phase is Phase.HEAD:
            self._refuse(late)
        elif self._phase is Phase.BODY and self._exchange is not None and not self._blocked:
            self._exchange.refuse(late)
        elif self._phase in (Phase.OPENED, Phase.IDLE, Phase.LINGERING):
            self.close()
        else:
            self.abort()

    # -- reading -----------------------------------------------------------------------------

    def proceed(self) -> None:
        """Read and run what has come, until a request waits for its answer."""
        if self._reading:
            return
        self._reading = True
        served = 0
        try:
            while self._input and self._phase in _READING and not (self._blocked or self._held):
                if served == PIPELINED_REQUESTS:
                    self._server.soon(self)
                    return
                served += 1
                if not (self._read_body() if self._body is not None else self._read_head()):
                    break
        finally:
            self._reading = False
        if self._paused and not self._held and self._phase in _READING and self._transport:
            self._paused = False
            self._transport.resumeProducing()

    def _read_head(self) -> bool:
        """Whether a whole head was there and has been dealt with."""
        received = self._input
        try:
            end = head_end(received, self._scanned)
            if end == 0:
                self._scanned = len(received)
                if self._phase is Phase.IDLE and len(received) > 2:
                    self._enter(Phase.HEAD, self._server.header_timeout_s)
                elif self._phase is Phase.OPENED:
                    self._phase = Phase.HEAD
                return False
            self._scanned = 0
            start = 2 if received.startswith(b"\r\n") else 0
            head = read_head(bytes(received[start:end]))
        except ProtocolFault as fault:
            self._refuse(fault)
            return False
        self._input = bytes(received[end:])
        self._begin(head)
        return True

    def _begin(self, head: Head) -> None:
        exchange = self._exchange = self._server.begin(self, head)
        if head.length == 0:
            self._phase = Phase.ANSWERING
            self.deadline = inf
            if exchange.passing:
                exchange.start()
            exchange.run(b"")
            return
        self._since = self._server.now()
        self._enter(Phase.BODY, self._server.body_timeout_s)
        if exchange.settled and (
            head.expects_continue or not 0 < head.length <= REFUSED_BODY_BYTES
        ):
            exchange.decline()
            return
        try:
            if head.length == CHUNKED:
                self._body = ChunkedBody(exchange.body_limit)
            else:
                self._body = SizedBody(head.length, exchange.body_limit)
        except ProtocolFault as fault:
            exchange.refuse(fault)
            return
        if head.expects_continue and not self._input and self._transport is not None:
            self._transport.write(_CONTINUE)
        if exchange.passing:
            exchange.start()

    def _read_body(self) -> bool:
        body, exchange = self._body, self._exchange
        if body is None or exchange is None:
            return False
        data, self._input = bytes(self._input), b""
        try:
            rest = body.feed(data)
        except ProtocolFault as fault:
            if fault.status == 400:
                self._phase = Phase.ANSWERING
            exchange.refuse(fault)
            return False
        if exchange.passing:
            exchange.passed(body.take())
            if self._exchange is not exchange:  # answered meanwhile
                return False
        if rest is None:
            if not self._held:
                self._wait_for_body()
            return False
        self._input = rest
        self._body = None
        self._held = False
        self._phase = Phase.ANSWERING
        self.deadline = inf
        exchange.run(body.body())
        return True

    def _wait_for_body(self) -> None:
        """The peer has its time to send on; none is running while it waits for an answer."""
        body = self._body
        received = 0 if body is None else body.received / BODY_BYTES_PER_S
        self.deadline = (
            inf
            if body is None or self._held
            else self._since + self._server.body_timeout_s + received
        )

    def _refuse(self, fault: Answerable) -> None:
        """Answer to what is no request; what is malformed is closed at once, the rest lingers."""
        self._input = b""
        self._phase = Phase.ANSWERING if fault.status == 400 else Phase.HEAD
        self.send(self._server.refusal(self, fault), keep_alive=False)

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pauseProducing()

    # -- writing -----------------------------------------------------------------------------

    def _send_on(self) -> None:
        """Hand on the unsent pieces until the transport has enough; then the request is over."""
        transport = self._transport
        if transport is None:
            return
        unsent = self._unsent
        while unsent is not None and not self._blocked:
            transport.write(bytes(unsent[:SEND_PIECE_BYTES]))
            unsent = unsent[SEND_PIECE_BYTES:] if len(unsent) > SEND_PIECE_BYTES else None
        self._unsent = unsent
        if self._blocked:
            self._enter(Phase.SENDING, SEND_STALL_S)
        elif self._closes:
            self.close()
        else:
            self._enter(Phase.IDLE, self._server.keep_alive_timeout_s)

    def _enter(self, phase: Phase, wait_s: float) -> None:
        self._phase = phase
        self.deadline = self._server.now() + wait_s
