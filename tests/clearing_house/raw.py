"""Bytes to a clearing house as nobody's HTTP client would send them."""

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure

ANSWER = b"HTTP/1.1 "


class Raw(Protocol):
    """One TLS connection; `received` is what came, `lost` why it ended."""

    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None
        self._waiting: list[tuple[int, Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason
        self._look()

    def _look(self) -> None:
        for one in list(self._waiting):
            wanted, waiter = one
            if self.lost is not None or len(self.answers()) >= wanted:
                self._waiting.remove(one)
                waiter.callback(None)

    def answers(self) -> list[tuple[int, bytes]]:
        """Status and body of each whole answer."""
        found, rest = [], self.received
        while rest.startswith(ANSWER):
            head, split, rest = rest.partition(b"\r\n\r\n")
            if not split:
                break
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                break
            found.append((int(head[9:12]), rest[:length]))
            rest = rest[length:]
        return found

    async def ask(self, data: bytes, number: int = 1) -> list[tuple[int, bytes]]:
        """The answers to `data`, as soon as there are `number` or the connection has ended."""
        transport: Any = self.transport
        transport.write(data)
        waiter: Deferred[None] = Deferred()
        self._waiting.append((number, waiter))
        self._look()
        await waiter
        return self.answers()

    def close(self) -> None:
        transport: Any = self.transport
        if transport is not None and self.lost is None:
            transport.abortConnection()


async def connect(
    reactor: Any, port: int, ca: Path, identity: Path | None, host: str = "localhost"
) -> Raw:
    """A connection to this machine, whose certificate must name `host`, with a client certificate
    or without."""
    own = None
    if identity is not None:
        pem = identity.read_bytes() + identity.with_suffix(".key").read_bytes()
        own = PrivateCertificate.loadPEM(pem)
    trust = trustRootFromCertificates([Certificate.loadPEM(ca.read_bytes())])
    tls = optionsForClientTLS(host, trust, own)
    endpoint = wrapClientTLS(tls, TCP4ClientEndpoint(reactor, "127.0.0.1", port))
    raw: Raw = await connectProtocol(endpoint, Raw())
    return raw
