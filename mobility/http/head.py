"""The head of a request: the strict reading of request line and fields (RFC 9112).

llhttp (through httptools) reads the grammar; what it is lenient about, and everything that decides
where a message ends, is checked here, since two readings of one message are how requests are
smuggled (RFC 9112 section 11.2).
"""

import re

import attrs
import httptools

from mobility.http.errors import ProtocolFault, malformed
from mobility.http.limits import HEADER_BYTES, HEADER_FIELDS, REQUEST_LINE_BYTES

CHUNKED = -1
"""`Head.length` of a body that comes in chunks."""

_REQUEST_LINE = re.compile(rb"([A-Z-]+) ([\x21-\x7e]+) HTTP/1\.([01])\r\n")
_AUTHORITY = re.compile(r"[A-Za-z0-9._~%!$&'()*+;=:\[\]-]*")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)

_ONCE = frozenset(
    {
        "authorization",
        "content-length",
        "content-type",
        "host",
        "origin",
        "transfer-encoding",
        "x-ms-origin",
    }
)
"""Fields that say one thing only: repeated, they are refused."""

_COMMON = (
    "Accept Accept-Encoding Accept-Language Authorization Cache-Control Client-Request-Id "
    "Connection Content-Length Content-Type Cookie Expect Host If-Match If-None-Match Origin "
    "Pragma Referer Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Transfer-Encoding User-Agent "
    "X-Forwarded-For X-Ms-Origin X-Requested-With"
)
_NAMES = {
    spelling.encode(): name.lower() for name in _COMMON.split() for spelling in (name, name.lower())
}
"""Lower-case names of the usual fields, so that every request shares them."""


@attrs.define(slots=True)
class Head:
    """A request up to its body.

    `target` is origin-form (`/path?query`) or `*`; `length` is the size of the body in bytes or
    `CHUNKED`; `keep_alive` whether the peer lets the connection live on.
    """

    method: str
    target: str
    minor_version: int
    headers: dict[str, str]
    length: int
    keep_alive: bool
    expects_continue: bool


class _Fields:
    """Collects the fields llhttp finds; repeated ones are joined (RFC 9110 section 5.3)."""

    __slots__ = ("count", "fault", "values")

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.count = 0
        self.fault: ProtocolFault | None = None

    def on_header(self, raw_name: bytes, raw_value: bytes) -> None:
        name = _NAMES.get(raw_name) or raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1").strip(" \t")
        self.count += 1
        values = self.values
        if name not in values:
            values[name] = value
        elif name in _ONCE:
            self.fault = malformed(f"The field {name} is there more than once.")
        else:
            values[name] += ("; " if name == "cookie" else ", ") + value


def read_head(head: bytes) -> Head:
    """Read everything from the request line to the empty line, both included.

    Raises `ProtocolFault`: 400 for what is not HTTP/1.0 or 1.1, 431 for too many fields.
    """
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise malformed("The request line is not one of HTTP/1.0 or HTTP/1.1.")
    if b"\r\n " in head or b"\r\n\t" in head:
        raise malformed("A field line is folded.")
    fields = _Fields()
    parser = httptools.HttpRequestParser(fields)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # no other protocol is offered, so the request is served as HTTP (RFC 9110 7.8)
    except httptools.HttpParserError as error:
        raise malformed(f"The request head cannot be read: {error}.") from None
    if fields.fault is not None:
        raise fields.fault
    if fields.count > HEADER_FIELDS:
        raise ProtocolFault(431, "EntityTooLarge", f"There are more than {HEADER_FIELDS} fields.")
    headers = fields.values
    minor = 1 if line[3] == b"1" else 0
    _check_host(headers.get("host"), minor)
    return Head(
        line[1].decode(),
        _origin_form(line[2].decode(), headers),
        minor,
        headers,
        _body_length(headers, minor),
        _keeps_alive(headers.get("connection"), minor),
        minor == 1 and headers.get("expect", "").lower() == "100-continue",
    )


def _check_host(host: str | None, minor: int) -> None:
    if host is None:
        if minor == 1:
            raise malformed("An HTTP/1.1 request names its Host.")
    elif not _AUTHORITY.fullmatch(host):
        raise malformed("The Host cannot be read.")


def _origin_form(target: str, headers: dict[str, str]) -> str:
    """The target as a path with its query, or `*`; an absolute one also sets the Host."""
    if target[0] != "/" and target != "*":
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None or not _AUTHORITY.fullmatch(absolute[1]):
            raise malformed("The request target cannot be read.")
        headers["host"] = absolute[1]
        target = absolute[2]
        if not target.startswith("/"):
            target = "/" + target
    if "#" in target:
        raise malformed("The request target holds a fragment.")
    return target


def _body_length(headers: dict[str, str], minor: int) -> int:
    """RFC 9112 section 6.3, where anything with two readings is refused."""
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is not None:
        if length is not None or minor == 0 or coding.lower() != "chunked":
            raise malformed("Transfer-Encoding is only read as `chunked`, in HTTP/1.1, alone.")
        return CHUNKED
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit() and len(length) <= 18):
        raise malformed("Content-Length is not a number.")
    return int(length)


def _keeps_alive(connection: str | None, minor: int) -> bool:
    if connection is None:
        return minor == 1
    options = {option.strip() for option in connection.lower().split(",")}
    return "close" not in options and (minor == 1 or "keep-alive" in options)


def head_end(received: bytes | bytearray, scanned: int) -> int:
    """The index after the empty line that ends the head, or 0 while it has not come.

    One empty line before the request line is skipped (RFC 9112 section 2.2); the first `scanned`
    bytes were looked at before.  Raises `ProtocolFault`: 414, 431, or 400 for a bare LF.
    """
    start = 2 if received.startswith(b"\r\n") else 0
    line_end = received.find(b"\n", start, start + REQUEST_LINE_BYTES + 2)
    if line_end < 0:
        if len(received) - start > REQUEST_LINE_BYTES + 1:
            raise ProtocolFault(
                414, "EntityTooLarge", f"The request line is over {REQUEST_LINE_BYTES} bytes."
            )
        return 0
    fields = line_end + 1
    most = fields + HEADER_BYTES + 2
    end = received.find(b"\r\n\r\n", max(line_end - 1, scanned - 3), most)
    stop = most if end < 0 else end + 4
    fresh = max(start, scanned)
    breaks = received.count(b"\n", fresh, stop)
    if breaks != received.count(b"\r\n", max(fresh - 1, 0), stop):
        raise malformed("A line of the head does not end with CRLF.")
    if end >= 0:
        return end + 4
    if len(received) >= most:
        raise ProtocolFault(
            431, "EntityTooLarge", f"The header fields are over {HEADER_BYTES} bytes."
        )
    return 0
