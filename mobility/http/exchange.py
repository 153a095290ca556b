"""One request on one connection, from its head to its access line."""

from typing import Protocol

from mobility.errors import Answerable
from mobility.events import Catalogue
from mobility.http.channel import HttpChannel
from mobility.http.errors import error_response
from mobility.http.message import Media, Request, Response
from mobility.http.service import Plan, RequestService
from mobility.http.target import EMPTY

EVENTS: Catalogue = {
    "http.request": {
        "id": "the request id",
        "listener": "the listener's name",
        "route": "the route's name, - for none",
        "method": "the method, - for what is no request",
        "user": "the caller's pseudonym, at a clearing house the organisation, - for none",
        "status": "the status sent; 499 if the client went away before there was one",
        "bytes": "bytes sent, head included; 0 if the client had gone",
        "ms": "milliseconds from the head to the answer",
        "parked_ms": "of these, how many the request was parked",
        "address": "the client's address",
    },
}

CLIENT_GONE = 499
"""Not sent, only logged: nginx's status for a client that closed before it was answered."""


class Office(Protocol):
    """What an exchange asks of its site."""

    service: RequestService

    def clock_s(self) -> float: ...

    @property
    def draining(self) -> bool:
        """Whether every answer closes its connection."""
        ...

    def write(
        self,
        response: Response,
        media: Media,
        origin: str,
        *,
        head_only: bool,
        keep_alive: bool,
        minor_version: int,
    ) -> bytes: ...

    def ended(
        self, exchange: "Answered", status: int, sent: int, ms: float, parked_ms: float
    ) -> None: ...


class Answered(Protocol):
    """What the access line tells of an exchange."""

    request: Request

    @property
    def route_name(self) -> str: ...


class HttpExchange:
    """Answers once: by its handler, by what was found before, or not at all when the client went.

    It is `settled` when it will be answered so whatever its body.
    """

    __slots__ = (
        "_began",
        "_channel",
        "_head_only",
        "_keep_alive",
        "_minor_version",
        "_origin",
        "_over",
        "_parked_at",
        "_plan",
        "_running",
        "_site",
        "request",
    )

    passing = False

    def __init__(
        self,
        site: Office,
        channel: HttpChannel,
        request: Request,
        plan: Plan,
        *,
        keep_alive: bool,
        minor_version: int,
    ) -> None:
        self._site = site
        self._channel = channel
        self._plan = plan
        self._origin = request.headers.get("origin", "")
        self._head_only = request.method == "HEAD"
        self._keep_alive = keep_alive
        self._minor_version = minor_version
        self._began = site.clock_s()
        self._parked_at: float | None = None
        self._running = False
        self._over = False
        self.request = request

    @property
    def route_name(self) -> str:
        return self._plan.name

    @property
    def body_limit(self) -> int:
        return self._plan.body_limit

    @property
    def settled(self) -> bool:
        return self._plan.fault is not None or self._plan.response is not None

    def start(self) -> None:
        """Nothing is passed on."""

    def passed(self, data: bytes) -> None:
        """Nothing is passed on."""

    def blocked(self) -> None:
        """An answer is sent as a whole."""

    def unblocked(self) -> None:
        """An answer is sent as a whole."""

    def decline(self) -> None:
        self._keep_alive = False
        self.run(b"")

    def run(self, body: bytes) -> None:
        self._running = True
        self.request.body = body
        answer = self._site.service.run(self.request, self._plan)
        if isinstance(answer, Response):
            self._answer(answer)
            return
        answer.addCallback(self._answer)
        if not self._over and self._plan.may_park:
            self._park()

    def refuse(self, fault: Answerable) -> None:
        self._keep_alive = False
        self._answer(error_response(fault, self.request.id))

    def disconnected(self) -> None:
        """A parked GET is over; a request that never was whole too; any other runs to its end."""
        if self._over or (self._running and not self._plan.may_park):
            return
        self._over = True
        released, self.request.on_disconnect = self.request.on_disconnect, None
        if released is not None:
            try:
                released()
            except Exception as error:
                self._site.service.failed(error, self.request, self._plan)
        self._end(CLIENT_GONE, 0)

    def _park(self) -> None:
        """Free what a waiting request no longer needs: thousands may wait at once."""
        self._parked_at = self._site.clock_s()
        request = self.request
        request.headers = request.query = EMPTY
        request.raw_query = ""
        request.body = b""

    def _answer(self, response: Response) -> None:
        if self._over:
            return
        self._over = True
        self.request.on_disconnect = None
        self._keep_alive = self._keep_alive and not self._site.draining
        try:
            data = self._written(response)
        except Exception as error:
            response = self._site.service.failed(error, self.request, self._plan)
            data = self._written(response)
        connected = self._channel.transport is not None
        self._channel.send(data, self._keep_alive)
        self._end(response.status, len(data) if connected else 0)

    def _written(self, response: Response) -> bytes:
        return self._site.write(
            response,
            self.request.media,
            self._origin,
            head_only=self._head_only,
            keep_alive=self._keep_alive,
            minor_version=self._minor_version,
        )

    def _end(self, status: int, sent: int) -> None:
        now = self._site.clock_s()
        parked = 0.0 if self._parked_at is None else now - self._parked_at
        self._site.ended(self, status, sent, (now - self._began) * 1000, parked * 1000)
