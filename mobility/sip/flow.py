"""A flow: the way to and from one peer (RFC 5626), and how much of it one peer may use."""

from typing import Protocol

import attrs


class Flow(Protocol):
    """What the core knows of a connection, or of a peer of a datagram socket.

    `transport` is as in Via: UDP, TCP or TLS.  `names` are those of the peer's verified
    certificate, none without one.  `source` is the peer's address and port, `local` where this
    element can be reached from there: what Via and Contact say.
    """

    reliable: bool
    secure: bool
    transport: str
    listener: str
    names: frozenset[str]
    source: tuple[str, int]
    allowance: "Allowance"

    @property
    def local(self) -> tuple[str, int]: ...

    def send(self, data: bytes) -> bool:
        """Send the bytes of a message.  False when that is impossible by now."""

    def close(self) -> None:
        """Send what is left and close; a datagram socket goes on."""


def sent_by(flow: Flow) -> str:
    """Where this element is reached over a flow, as Via says it: host and port."""
    host, port = flow.local
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def contact_over(flow: Flow) -> str:
    """The URI at which this element is reached over a flow, as Contact says it."""
    return f"sip:{sent_by(flow)};transport={flow.transport.lower()}"


@attrs.define(slots=True)
class Allowance:
    """Requests a peer may send: `rate` a second in the long run, `burst` at once (a token bucket).

    Rate 0 is no limit.
    """

    rate: float
    burst: float
    _left: float = attrs.field(init=False)
    _at: float = attrs.field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self._left = self.burst

    def take(self, now: float) -> bool:
        """Whether one more request may come at `now` (seconds of any clock that goes on)."""
        if not self.rate:
            return True
        left = self._left + (now - self._at) * self.rate
        if left > self.burst:
            left = self.burst
        self._at = now
        may = left >= 1
        self._left = left - 1 if may else left
        return may
