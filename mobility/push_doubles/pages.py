"""What the HTTP/1.1 doubles share: one resource that hands each request to a function."""

import json
from typing import Any
from weakref import WeakSet

import attrs
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site


@attrs.frozen(slots=True)
class Asked:
    """A request: `headers` have lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@attrs.frozen(slots=True)
class Page:
    """An answer; `status` 0 means none at all."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def json_page(status: int, content: object, *headers: tuple[str, str]) -> Page:
    fields = (("Content-Type", "application/json"), *headers)
    return Page(status, json.dumps(content).encode(), fields)


class _Everything(Resource):
    isLeaf = True

    def __init__(self, double: "WebDouble") -> None:
        super().__init__()
        self._double = double

    def render(self, request: Request) -> Any:
        headers = {
            name.decode("latin-1").lower(): values[-1].decode("latin-1")
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        content = request.content
        body = b"" if content is None else content.read()
        asked = Asked(request.method.decode(), request.path.decode("latin-1"), headers, body)
        page = self._double.answer(asked)
        if not page.status:
            return NOT_DONE_YET
        request.setResponseCode(page.status)
        for name, value in page.headers:
            request.responseHeaders.setRawHeaders(name, [value])
        if self._double.delay_s:
            self._double.clock.callLater(self._double.delay_s, _finish, request, page.body)
            return NOT_DONE_YET
        return page.body


def _finish(request: Request, body: bytes) -> None:
    if not getattr(request, "_disconnected", False):
        request.write(body)
        request.finish()


class _Site(Site):
    """Knows who is connected."""

    def __init__(self, resource: Resource, channels: "WeakSet[Any]") -> None:
        super().__init__(resource)
        self._open = channels

    def buildProtocol(self, addr: IAddress | None) -> Any:
        channel = super().buildProtocol(addr)
        self._open.add(channel)
        return channel


class WebDouble:
    """A web server; `answer` is for its kinds to write."""

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.delay_s = 0.0
        self.keep = True
        """Whether what it takes is kept in `received`."""
        self.requests = 0
        self._connected: WeakSet[Any] = WeakSet()
        self.port = 0
        """Where it listens, once it does."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def factory(self) -> Site:
        site = _Site(_Everything(self), self._connected)
        site.noisy = False
        site.displayTracebacks = False
        return site

    def drop(self) -> None:
        """Cut every connection."""
        for channel in list(self._connected):
            transport = channel._channel.transport
            if transport is not None:
                transport.abortConnection()

    def answer(self, asked: Asked) -> Page:
        raise NotImplementedError(asked)
