"""Where a request's body ends: by its length or by its chunks (RFC 9112 sections 6 and 7).

Sans-IO: a reader takes what came, says what is left over once the body is whole (None before), and
keeps no more than its limit.  llhttp cannot say where in its input a message ended, so chunks are
read here.
"""

import re
from typing import Protocol

from mobility.http.errors import ProtocolFault, malformed, too_large
from mobility.http.limits import CHUNK_LINE_BYTES, TRAILER_BYTES

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")


class BodyReader(Protocol):
    """Reads one body; `received` counts the bytes taken, framing included."""

    received: int

    def feed(self, data: bytes) -> bytes | None:
        """Take `data`; what follows the body once it is whole, None while it is not.

        Raises `ProtocolFault`: 400 for bad framing, 413 over the limit, 431 for long trailers.
        """
        ...

    def body(self) -> bytes: ...

    def take(self) -> bytes:
        """What has come since the last `take`; it is kept no longer."""
        ...


class SizedBody:
    """A body of `length` bytes."""

    __slots__ = ("_data", "_length", "received")

    def __init__(self, length: int, limit: int) -> None:
        if length > limit:
            raise too_large(f"The body is larger than {limit} bytes.")
        self._length = length
        self._data = bytearray()
        self.received = 0

    def feed(self, data: bytes) -> bytes | None:
        missing = self._length - self.received
        if len(data) < missing:
            self._data += data
            self.received += len(data)
            return None
        self._data += data[:missing]
        self.received = self._length
        return data[missing:]

    def body(self) -> bytes:
        return bytes(self._data)

    def take(self) -> bytes:
        taken, self._data = bytes(self._data), bytearray()
        return taken


class ChunkedBody:
    """A body in chunks, of at most `limit` bytes; extensions and trailers are dropped."""

    __slots__ = ("_body", "_limit", "_line", "_missing", "_trailer", "_trailing", "received")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._body = bytearray()
        self._line = b""
        self._missing = 0
        self._trailing = False
        self._trailer = 0
        self.received = 0

    def feed(self, data: bytes) -> bytes | None:
        self.received += len(data)
        at = 0
        end = len(data)
        while at < end:
            if self._missing > 2:
                piece = min(self._missing - 2, end - at)
                self._body += data[at : at + piece]
                self._missing -= piece
                at += piece
            elif self._missing:
                if data[at] != b"\n\r"[self._missing - 1]:
                    raise malformed("A chunk does not end with CRLF.")
                self._missing -= 1
                at += 1
            else:
                line_end = data.find(b"\n", at)
                stop = end if line_end < 0 else line_end + 1
                if self._take_line(data[at:stop]):
                    self.received -= end - stop
                    return data[stop:]
                at = stop
        return None

    def body(self) -> bytes:
        return bytes(self._body)

    def take(self) -> bytes:
        taken, self._body = bytes(self._body), bytearray()
        return taken

    def _take_line(self, piece: bytes) -> bool:
        """Add to the current line; true when it was the empty line that ends the body."""
        longest = TRAILER_BYTES if self._trailing else CHUNK_LINE_BYTES
        line = self._line + piece
        if len(line) + self._trailer > longest:
            if self._trailing:
                raise ProtocolFault(431, "EntityTooLarge", "The trailers are too large.")
            raise malformed("A chunk's size line is too long.")
        if not line.endswith(b"\n"):
            self._line = line
            return False
        self._line = b""
        if not line.endswith(b"\r\n"):
            raise malformed("A line of a chunked body does not end with CRLF.")
        if self._trailing:
            return self._take_trailer(line)
        self._take_size(line[:-2])
        return False

    def _take_size(self, line: bytes) -> None:
        found = _CHUNK_LINE.fullmatch(line)
        if found is None:
            raise malformed("A chunk's size cannot be read.")
        size = int(found[1], 16)
        if size == 0:
            self._trailing = True
        elif len(self._body) + size > self._limit:
            raise too_large(f"The body is larger than {self._limit} bytes.")
        else:
            self._missing = size + 2

    def _take_trailer(self, line: bytes) -> bool:
        if line == b"\r\n":
            return True
        if not _TRAILER_LINE.fullmatch(line[:-2]):
            raise malformed("A trailer line cannot be read.")
        self._trailer += len(line)
        return False
