"""A lean HTTP/1.1 client over TLS: one request at a time on a connection that is kept."""

import asyncio
import json
import re
import ssl
from pathlib import Path
from typing import Any, NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"


class Answer(NamedTuple):
    """Status, head with the status line, and body."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class UnexpectedAnswer(Exception):
    """The server did not answer as the benchmark needs it."""


def read_answer(received: bytes) -> tuple[Answer, bytes] | None:
    """The first whole answer in `received` and what follows it, or None."""
    head_end = received.find(b"\r\n\r\n") + 4
    if head_end < 4:
        return None
    head = received[: head_end - 2]
    status = int(head[9:12])
    length = _LENGTH.search(head)
    if length is not None:
        end = head_end + int(length[1])
        if len(received) < end:
            return None
        return Answer(status, head, received[head_end:end]), received[end:]
    if _CHUNKED.search(head):
        last = received.find(_LAST_CHUNK, head_end)
        if last < 0:
            return None
        body = _joined_chunks(received[head_end:last])
        return Answer(status, head, body), received[last + len(_LAST_CHUNK) :]
    return Answer(status, head, b""), received[head_end:]


def _joined_chunks(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body += data[:length]
        data = data[length + 2 :]
    return body


def request_bytes(
    method: str, target: str, token: str = "", body: bytes = b"", content_type: str = ""
) -> bytes:
    """A whole request; `token` is a bearer token."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """A connection to 127.0.0.1; a request fails with ConnectionError when it is lost."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext) -> "Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            cls, "127.0.0.1", port, ssl=tls, server_hostname="127.0.0.1"
        )
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream socket

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        found = read_answer(self._received)
        if found is not None:
            answer, self._received = found
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(str(exc or "closed by the server")))

    def request(self, data: bytes) -> asyncio.Future[Answer]:
        """Send what `request_bytes` made; the answer comes later."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self._transport is None:
            self._waiting.set_exception(ConnectionError("closed by the server"))
        else:
            self._transport.write(data)
        return self._waiting

    def close(self) -> None:
        """Hang up; nobody waits for the answer any more."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._transport is not None:
            self._transport.abort()


def trusting(ca_file: Path) -> ssl.SSLContext:
    """TLS that trusts one authority only; server certificates must name 127.0.0.1."""
    return ssl.create_default_context(cafile=str(ca_file))
