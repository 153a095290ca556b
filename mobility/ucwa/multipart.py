"""Reader and writer of `multipart/batching` (UCWA "Batching requests"; RFC 2046 section 5.1).

Sans-IO: bytes in, bytes out, in time linear in their length.  What deployed clients get wrong is
read as they mean it: line ends of LF alone, a part without the empty line after its headers, a last
delimiter without its two dashes (as on the page "Grouping requests in a batch"), text before the
first delimiter and after the last, wrong Content-Length headers of parts, a request without Host,
and the sample client's `Data:` header, which carries the body of a POST.
"""

import re
from collections.abc import Iterable, Iterator

from mobility.errors import PeerFault
from mobility.http.errors import ProtocolFault, malformed
from mobility.http.head import CHUNKED, Head, read_head
from mobility.http.limits import HEADER_BYTES

MEDIA_TYPE = "multipart/batching"
REQUEST_TYPE = b"application/http; msgtype=request"
RESPONSE_TYPE = b"application/http; msgtype=response"
"""Spelt as the sample client looks for it."""

BOUNDARY_CHARACTERS = 70
"""RFC 2046 section 5.1.1."""

_PARAMETER = re.compile(r'[ \t]*;[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"([^"\\]*)"|([^\s;"]*))')
_BOUNDARY = re.compile(rf"[ -~]{{0,{BOUNDARY_CHARACTERS - 1}}}[!-~]")
_REQUEST_LINE = re.compile(rb"[A-Za-z-]+ [!-~]+ HTTP/")
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_IDENTITY = frozenset({b"", b"7bit", b"8bit", b"binary"})
"""Transfer encodings that change nothing (RFC 2045 section 6.2)."""


def boundary_of(content_type: str) -> str:
    """The boundary that a Content-Type names, in quotes or without.

    Raises `PeerFault`: 415 for another media type, 400 without a usable boundary.
    """
    media_type, semicolon, _ = content_type.partition(";")
    if media_type.strip().lower() != MEDIA_TYPE:
        raise PeerFault("UnsupportedMediaType", None, f"A batch is of the type {MEDIA_TYPE}.")
    position = len(media_type)
    while semicolon and (parameter := _PARAMETER.match(content_type, position)) is not None:
        name, quoted, bare = parameter.groups()
        if name.lower() == "boundary":
            boundary = bare if quoted is None else quoted
            if _BOUNDARY.fullmatch(boundary):
                return boundary
            break
        position = parameter.end()
    raise _unreadable("The Content-Type names no usable boundary.")


def read_parts(body: bytes, boundary: str) -> Iterator[bytes]:
    """The parts one by one, each with its headers, so that who counts can stop early.

    Raises `PeerFault` (400) at the end of a body whose last delimiter is missing.
    """
    delimiter = b"\n--" + boundary.encode("ascii")
    text = b"\n" + body
    start: int | None = None
    found = text.find(delimiter)
    while found >= 0:
        after = found + len(delimiter)
        line_end = text.find(b"\n", after)
        if line_end < 0:
            line_end = len(text)
        rest_of_line = text[after:line_end].strip(b" \t\r")
        if rest_of_line in (b"", b"--"):
            if start is not None:
                yield text[start:found].removesuffix(b"\r")
            if rest_of_line:
                return
            start = line_end + 1
        found = text.find(delimiter, line_end)
    if start is None or text[start:].strip(b" \t\r\n"):
        raise _unreadable("The body does not end with its boundary.")


def read_request(part: bytes, host: str) -> tuple[Head, bytes]:
    """The request in a part: its head and its body.

    The part ends where the delimiter stands; a Content-Length of the request itself may only leave
    out line ends before it.  `host` stands for whatever Host the request names.  Raises
    `PeerFault`: 400 for what is no request, 415 for another type of part, 431 for a head over
    `HEADER_BYTES` or with too many fields.
    """
    message = part[_end_of_part_headers(part) :].lstrip(b"\r\n")
    empty_line = _EMPTY_LINE.search(message)
    if empty_line is None:
        lines, body = message, b""
    else:
        lines, body = message[: empty_line.start()], message[empty_line.end() :]
    request_line, *field_lines = lines.split(b"\n")
    kept = [request_line, b"Host: " + host.encode("latin-1")]
    data = b""
    for line in field_lines:
        name = line[:5].lower()
        if name == b"data:":
            data = line[5:].strip()
        elif name != b"host:":
            kept.append(line)
    strict = b"\r\n".join(line.removesuffix(b"\r") for line in kept).rstrip() + b"\r\n\r\n"
    if len(strict) > HEADER_BYTES:
        raise ProtocolFault(431, "EntityTooLarge", f"The head has more than {HEADER_BYTES} bytes.")
    head = read_head(strict)
    return head, _measured(head, body) or data


def _end_of_part_headers(part: bytes) -> int:
    """Where the part's own headers end: after an empty line, or before the request line."""
    position = 0
    while position < len(part):
        line_end = part.find(b"\n", position)
        if line_end < 0:
            line_end = len(part)
        line = part[position:line_end].removesuffix(b"\r")
        if not line or _REQUEST_LINE.match(line):
            return position
        _check_part_header(line)
        position = line_end + 1
    raise _unreadable("The part holds no request.")


def _check_part_header(line: bytes) -> None:
    if line[:1] in (b" ", b"\t"):
        return
    name, colon, value = line.lower().partition(b":")
    name = name.strip()
    if not name or not colon:
        raise _unreadable("A header of the part cannot be read.")
    if name == b"content-type" and value.partition(b";")[0].strip() != b"application/http":
        raise PeerFault("UnsupportedMediaType", None, "A part is of the type application/http.")
    if name == b"content-transfer-encoding" and value.strip() not in _IDENTITY:
        raise _unreadable("A part's Content-Transfer-Encoding is 7bit, 8bit or binary.")


def _measured(head: Head, body: bytes) -> bytes:
    """The body as its Content-Length measures it; one of line ends alone is none."""
    if head.length == CHUNKED:
        raise malformed("A request in a batch has no Transfer-Encoding.")
    length = head.length if "content-length" in head.headers else len(body)
    if length > len(body) or body[length:].strip(b"\r\n"):
        raise malformed("The Content-Length is not the length of the body.")
    return body[:length] if body.strip(b"\r\n") else b""


def write_parts(messages: Iterable[bytes], boundary: str, part_type: bytes) -> bytes:
    """The body that holds `messages`, none of which has a line that begins with the boundary."""
    delimiter = b"--" + boundary.encode("ascii")
    pieces: list[bytes] = []
    for message in messages:
        pieces += (delimiter, b"\r\nContent-Type: ", part_type, b"\r\n\r\n", message, b"\r\n")
    pieces += (delimiter, b"--\r\n")
    return b"".join(pieces)


def _unreadable(message: str) -> PeerFault:
    return PeerFault("BadRequest", "DeserializationFailure", message)
