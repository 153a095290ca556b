"""Messages out of a byte stream (RFC 3261 section 18.3), and keep-alives (RFC 5626 section 3.5.1).

Sans-IO and bounded: at most one message's bytes are held.  The empty lines between messages are
either a ping (two of them) or nothing.
"""

import re

import attrs

from mobility.sip.grammar import Malformed

MAX_MESSAGE_BYTES = 65_536
"""Of a whole message; a larger one is answered 513 (the bound that is asked for)."""

MAX_HEAD_BYTES = 32_768
"""Of its start line and header fields (our choice: half of a message)."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", re.IGNORECASE)
"""With what it holds on folded lines."""
_lengths = _LENGTH.findall
_NO_BODY = [b" 0"]
"""What most messages have of it."""


class Unframeable(Malformed):
    """Where the next message begins cannot be known: answer `status` and close.

    `head` is what has come of the message's head, so that the answer can be addressed.
    """

    def __init__(self, status: int, why: str, head: bytes) -> None:
        super().__init__(why)
        self.status = status
        self.head = head


@attrs.define(slots=True)
class Frame:
    """The bytes of one message: `head` without its empty line, and the body."""

    head: bytes
    body: bytes


@attrs.frozen(slots=True)
class Ping:
    """Two empty lines: the peer wants one back."""


def content_length(head: bytes) -> int | None:
    """The Content-Length of a head, None without one.

    Raises Unframeable for one that is no number, too large, or not the same twice.
    """
    found = _lengths(head)
    if found == _NO_BODY:
        return 0
    if not found:
        return None
    if len(found) > 1:
        raise Unframeable(400, "more than one Content-Length", head)
    text = found[0].strip(b" \t\r\n")
    if not (0 < len(text) <= 10 and text.isdigit()):
        raise Unframeable(400, "a Content-Length that is no number", head)
    length = int(text)
    if len(head) + len(_END) + length > MAX_MESSAGE_BYTES:
        raise Unframeable(513, "a message that is too large", head)
    return length


class Framer:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._buffer = b""
        self._searched = 0
        self._head = b""
        self._wanted = -1
        self.waits = False
        """Whether a message has begun and not ended."""

    def receive(self, data: bytes) -> tuple[list[Frame | Ping], Unframeable | None]:
        """What `data` completes, and if the stream cannot be read on, why."""
        if not self._buffer and self._wanted < 0:
            frame = _whole(data)
            if frame is not None:
                return [frame], None
        buffer = self._buffer + data if self._buffer else data
        frames: list[Frame | Ping] = []
        at = 0
        fault: Unframeable | None = None
        while True:
            if self._wanted < 0:
                if buffer.startswith(b"\r\n", at):
                    at = _after_empty_lines(buffer, at, frames)
                end = buffer.find(_END, max(at, self._searched))
                if end < 0:
                    if len(buffer) - at > MAX_HEAD_BYTES:
                        fault = Unframeable(513, "a head that is too large", buffer[at:])
                    break
                self._searched = 0
                self._head = buffer[at:end].lstrip(b"\r\n")  # half of an empty line
                at = end + 4
                if len(self._head) > MAX_HEAD_BYTES:
                    fault = Unframeable(513, "a head that is too large", self._head)
                    break
                try:
                    length = content_length(self._head)
                except Unframeable as error:
                    fault = error
                    break
                if length is None:  # RFC 3261 section 18.3: a stream must have it
                    length = 0
                self._wanted = length
            if len(buffer) - at < self._wanted:
                break
            frames.append(Frame(self._head, buffer[at : at + self._wanted]))
            at += self._wanted
            self._wanted = -1
        self._buffer = buffer[at:]
        if self._buffer and self._wanted < 0:
            self._searched = max(0, len(self._buffer) - 3)
        self.waits = self._wanted >= 0 or self._buffer.strip(b"\r\n") != b""
        return frames, fault


def _whole(data: bytes) -> Frame | None:
    """The one message that nearly every read is; None for anything else."""
    end = data.find(_END)
    if not 0 < end <= MAX_HEAD_BYTES or data[0] in _END:
        return None
    head = data[:end]
    try:
        length = content_length(head) or 0
    except Unframeable:
        return None  # whoever reads it step by step finds the same
    start = end + len(_END)
    return Frame(head, data[start:]) if len(data) == start + length else None


def _after_empty_lines(buffer: bytes, at: int, frames: list[Frame | Ping]) -> int:
    """Where the empty lines at `at` end; pings among them are added to `frames`."""
    while buffer.startswith(_END, at):
        frames.append(Ping())
        at += 4
    while buffer.startswith(b"\r\n", at) and not buffer.startswith(_END, at):
        if len(buffer) - at < 4:
            break  # it may become a ping
        at += 2
    return at


def datagram(data: bytes) -> Frame | Ping | None:
    """The message in a datagram; None for nothing but empty lines (RFC 3261 section 18.3).

    Bytes beyond Content-Length are dropped.  Raises Unframeable, also when there are too few.
    """
    if not data.strip(b"\r\n"):
        return Ping() if data.startswith(_END) else None
    data = data.lstrip(b"\r\n")
    if len(data) > MAX_MESSAGE_BYTES:
        raise Unframeable(513, "a message that is too large", data[:MAX_HEAD_BYTES])
    head, end, body = data.partition(_END)
    if not end:
        head, body = head.removesuffix(b"\r\n"), b""
    length = content_length(head)
    if length is not None:
        if length > len(body):
            raise Unframeable(400, "a body that is shorter than its Content-Length", head)
        body = body[:length]
    return Frame(head, body)
