"""A request that a `Passage` takes elsewhere, on its way between connection and passage."""

from http import HTTPStatus

from mobility.errors import Answerable
from mobility.http.answer import BODILESS, field_lines
from mobility.http.channel import HttpChannel
from mobility.http.errors import error_response
from mobility.http.exchange import CLIENT_GONE, Office
from mobility.http.message import Request, Response
from mobility.http.subtree import Headers, Passage

PASSED_BODY_BYTES = 1 << 62
"""No bound: nothing of a body that is passed on is kept."""

_LAST_CHUNK = b"0\r\n\r\n"


class PassingExchange:
    """A request that is passed on, from its head to its access line (`channel.Exchange`)."""

    __slots__ = (
        "_began",
        "_channel",
        "_chunked",
        "_head_only",
        "_headed",
        "_keep_alive",
        "_minor_version",
        "_over",
        "_passage",
        "_sent",
        "_site",
        "_status",
        "request",
        "route_name",
    )

    body_limit = PASSED_BODY_BYTES
    passing = True
    settled = False

    def __init__(
        self,
        site: Office,
        channel: HttpChannel,
        request: Request,
        name: str,
        passage: Passage,
        *,
        keep_alive: bool,
        minor_version: int,
    ) -> None:
        self._site = site
        self._channel = channel
        self._passage = passage
        self._head_only = request.method == "HEAD"
        self._keep_alive = keep_alive
        self._minor_version = minor_version
        self._began = site.clock_s()
        self._headed = False
        self._chunked = False
        self._over = False
        self._status = 0
        self._sent = 0
        self.request = request
        self.route_name = name

    # -- the channel's calls -----------------------------------------------------------------

    def start(self) -> None:
        self._passage.start(self)

    def passed(self, data: bytes) -> None:
        if data and not self._over:
            self._passage.received(data)

    def run(self, body: bytes) -> None:  # noqa: ARG002  # it has been passed on
        if not self._over:
            self._passage.ended()

    def decline(self) -> None:
        """Nothing is known before the body."""

    def refuse(self, fault: Answerable) -> None:
        """The request broke off: its framing is wrong, or it did not come in time."""
        if self._over:
            return
        self._passage.gone()
        self._keep_alive = False
        if self._headed:
            self.cut()
        else:
            self.answer(error_response(fault, self.request.id))

    def blocked(self) -> None:
        if not self._over:
            self._passage.hold()

    def unblocked(self) -> None:
        if not self._over:
            self._passage.resume()

    def disconnected(self) -> None:
        if not self._over:
            self._over = True
            self._passage.gone()
            self._end(self._status or CLIENT_GONE)

    # -- the passage's calls (Way) -----------------------------------------------------------

    def answer(self, response: Response) -> None:
        if self._over:
            return
        self._over = True
        self._keep_alive = self._keep_alive and not self._site.draining
        data = self._site.write(
            response,
            self.request.media,
            "",
            head_only=self._head_only,
            keep_alive=self._keep_alive,
            minor_version=self._minor_version,
        )
        self._sent += len(data)
        self._channel.send(data, self._keep_alive)
        self._end(response.status)

    def begin(self, status: int, reason: str, headers: Headers, length: int | None) -> None:
        if self._over:
            return
        fields = list(headers)
        bodiless = self._head_only or status in BODILESS
        if length is not None:
            if status != 204:  # RFC 9110 section 8.6
                fields.append(("Content-Length", str(length)))
        elif not bodiless:
            self._chunked = self._minor_version > 0
            if self._chunked:
                fields.append(("Transfer-Encoding", "chunked"))
            else:
                self._keep_alive = False
        self._keep_alive = self._keep_alive and not self._site.draining
        if not self._keep_alive:
            fields.append(("Connection", "close"))
        elif self._minor_version == 0:
            fields.append(("Connection", "keep-alive"))
        self._headed = True
        self._status = status
        head = f"HTTP/1.1 {status} {reason or _phrase(status)}\r\n{field_lines(fields)}\r\n"
        self._send(head.encode("latin-1"))

    def write(self, data: bytes) -> None:
        if self._over or not data:
            return
        self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def finish(self) -> None:
        if self._over:
            return
        self._over = True
        data = _LAST_CHUNK if self._chunked else b""
        self._sent += len(data)
        self._channel.send(data, self._keep_alive)
        self._end(self._status)

    def cut(self) -> None:
        if not self._over:
            self._over = True
            self._channel.abort()
            self._end(self._status or CLIENT_GONE)

    def hold(self) -> None:
        if not self._over:
            self._channel.hold()

    def resume(self) -> None:
        if not self._over:
            self._channel.release()

    def _send(self, data: bytes) -> None:
        self._sent += len(data)
        self._channel.send_part(data)

    def _end(self, status: int) -> None:
        ms = (self._site.clock_s() - self._began) * 1000
        # What is passed on may wait as long as whoever answers it likes: it says nothing of us.
        self._site.ended(self, status, self._sent, ms, ms)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
