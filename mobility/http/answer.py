"""From a `Response` to the bytes of an HTTP/1.1 answer: rendering, compression, headers."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate
from http import HTTPStatus

from mobility.http.message import Media, Response, Site
from mobility.http.negotiation import JSON, XML
from mobility.http.render import encode

TRANSPORT_SECURITY_S = 31_536_000
"""max-age of Strict-Transport-Security (RFC 6797): a year."""

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}
BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body (RFC 9110 section 6.4.1)."""

_COMPRESSIBLE = ("text/", "application/json", "application/xml", "application/vnd.")
_WINDOW_BITS = (9, 15)
"""The least and the largest that zlib has for the window; 16 more ask for the gzip format."""


class AnswerWriter:
    """Writes the answers of one site.

    `server_fqdn` is the front end's name, "" for what is none; `epoch` gives the time of the Date
    header.
    """

    def __init__(self, site: Site, server_fqdn: str, epoch: Callable[[], float]) -> None:
        self._epoch = epoch
        self._second = -1
        self._date = ""
        self._fixed = "Server: mobility\r\nX-Content-Type-Options: nosniff\r\n"
        if server_fqdn:
            self._fixed += f"X-MS-Server-Fqdn: {server_fqdn}\r\n"
        if site.secure:
            self._fixed += f"Strict-Transport-Security: max-age={TRANSPORT_SECURITY_S}\r\n"

    def write(
        self,
        response: Response,
        media: Media,
        *,
        head_only: bool = False,
        keep_alive: bool = True,
        minor_version: int = 1,
        more_headers: Iterable[tuple[str, str]] = (),
    ) -> bytes:
        """The whole answer; the response itself stays as it is.

        Raises ValueError if a header holds a line break or is not Latin-1, and TypeError if the
        document holds what cannot be rendered: both are faults of a handler.
        """
        status = response.status
        headers = [*response.headers, *more_headers]
        body, content_type = body_of(response, media)
        if body and content_type.startswith(_COMPRESSIBLE):
            headers.append(("Vary", "Accept-Encoding"))
            if media.gzip:
                headers.append(("Content-Encoding", "gzip"))
                body = _gzip(body)
        if content_type:
            headers.append(("Content-Type", content_type))
        if status not in BODILESS:
            headers.append(("Content-Length", str(len(body))))
        for name, _ in headers:
            if name.lower() == "cache-control":
                break
        else:
            headers.append(("Cache-Control", "no-cache"))
        if not keep_alive:
            headers.append(("Connection", "close"))
        elif minor_version == 0:
            headers.append(("Connection", "keep-alive"))
        lines = field_lines(headers)
        head = (f"{_STATUS_LINES[status]}Date: {self._now()}\r\n{self._fixed}{lines}\r\n").encode(
            "latin-1"
        )
        return head if head_only else head + body

    def _now(self) -> str:
        second = int(self._epoch())
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True)
        return self._date


def field_lines(headers: Sequence[tuple[str, str]]) -> str:
    """The field lines of a head; raises ValueError if one holds a line break."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a header of the response holds a line break")
    return lines


def body_of(response: Response, media: Media) -> tuple[bytes, str]:
    """The body and its Content-Type, both empty when there is none.

    An error is plain JSON or XML even for a client that spells the vendor's type: by these two
    Content-Types clients know that an error comes from UCWA.
    """
    if response.status in BODILESS:
        return b"", ""
    if response.document is not None:
        spelling = response.content_type or media.content_type
        if response.status >= 400:
            spelling = XML if media.xml else JSON
        return encode(response.document, media), spelling + "; charset=utf-8"
    if response.body is not None:
        return response.body, response.content_type or "application/octet-stream"
    return b"", ""


def _gzip(body: bytes) -> bytes:
    """Every body is compressed for who takes it, as the vendor's servers do: a deployed client
    unpacks whatever it gets.  With a window for the body alone, a small one takes 5 us, not 50."""
    least, most = _WINDOW_BITS
    window = min(max(len(body).bit_length(), least), most)
    compressor = zlib.compressobj(1, zlib.DEFLATED, 16 + window, window - 7)
    return compressor.compress(body) + compressor.flush()
