"""The multipart bodies of `batch` (UCWA "Batching requests")."""

import re
from collections.abc import Iterator, Sequence

import attrs

from tests.conformance.shown import ShapeError
from tests.conformance.wire import Answer

BOUNDARY = "conformance-7f3a"

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)


@attrs.frozen
class Part:
    """A request within a batch."""

    method: str
    href: str
    accept: str
    content_type: str = ""
    body: bytes = b""

    def written(self) -> bytes:
        lines = [f"{self.method} {self.href} HTTP/1.1", f"Accept: {self.accept}"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def batch_body(parts: Sequence[Part]) -> tuple[str, bytes]:
    """Content-Type and body of a batch."""
    head = f"--{BOUNDARY}\r\nContent-Type: application/http; msgtype=request\r\n\r\n".encode()
    body = b"".join(head + part.written() + b"\r\n" for part in parts)
    content_type = f"multipart/batching;boundary={BOUNDARY}"
    return content_type, body + f"--{BOUNDARY}--\r\n".encode()


def answers(content_type: str, body: bytes) -> Iterator[Answer]:
    """The answers within the answer to a batch, in order.  Raises ShapeError."""
    found = _BOUNDARY.search(content_type)
    if not content_type.startswith("multipart/batching") or found is None:
        raise ShapeError(f"is {content_type!r}")
    delimiter = b"--" + (found[1] or found[2]).encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise ShapeError("has no end")
    for piece in pieces[1:-1]:
        head, _, answer = piece.partition(b"\r\n\r\n")
        if b"application/http; msgtype=response" not in head:
            raise ShapeError(f"has a part with the head {head!r}")
        yield _answer(answer)


def _answer(text: bytes) -> Answer:
    head, _, body = text.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    words = status.split(" ")
    if words[0] != "HTTP/1.1" or len(words) < 2 or not words[1].isdigit():
        raise ShapeError(f"has a part with the status line {status!r}")
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(int(words[1]), {name.lower(): text for name, text in headers.items()}, body)
