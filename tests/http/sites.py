"""The site the HTTP tests talk to: a few routes that show what reached them."""

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.config import WebConfig
from mobility.errors import Refusal
from mobility.http.errors import Unauthorised
from mobility.http.message import Caller, Instant, Request, Response, Site
from mobility.http.route import Authorisation, Route
from mobility.http.site import HttpSite
from mobility.testing import WEB, MemoryClient, MemoryLog, MemoryResponse, memory_site

ALLOWED = "https://app.example.test"
"""A web origin on the allow list of `Case`."""

GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
"""The start of a request with a body."""


@attrs.frozen
class Someone:
    """A caller."""

    user_uri: str


def authenticate(request: Request) -> Caller:
    """Knows one token."""
    if request.headers.get("authorization") != "Bearer cwt=good":
        raise Unauthorised(["Bearer one", "MsRtcOAuth two"], "Sign in.")
    return Someone("sip:alice@example.test")


class Handlers:
    """Handlers with a memory of what they saw."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.bodies: list[bytes] = []
        self.parked: list[Deferred[Response]] = []
        self.gone: list[str] = []

    def hello(self, request: Request) -> Response:
        self.seen.append(request)
        return Response(document={"rel": "hello", "path": request.path})

    def echo(self, request: Request) -> Response:
        self.seen.append(request)
        self.bodies.append(request.body)
        return Response(
            document={"rel": "echo", "size": len(request.body), "query": dict(request.query)}
        )

    def park(self, request: Request) -> Deferred[Response]:
        self.seen.append(request)
        request.on_disconnect = lambda: self.gone.append(request.id)
        return self._later()

    def slow(self, request: Request) -> Deferred[Response]:
        self.seen.append(request)
        return self._later()

    def _later(self) -> Deferred[Response]:
        later: Deferred[Response] = Deferred()
        self.parked.append(later)
        return later

    async def coroutine(self, request: Request) -> Response:
        later = await self._later()
        return Response(document={"rel": "coroutine", "after": later.status})

    def broken(self, request: Request) -> Response:
        raise RuntimeError("a secret of the implementation")

    def refused(self, request: Request) -> Response:
        raise Refusal("TooManyRequests", "LimitExceeded", "Not now.", retry_after_s=7)

    def empty(self, request: Request) -> Response:
        return Response(204)

    def created(self, request: Request) -> Response:
        return Response(201, headers=[("Location", "/made")])

    def large(self, request: Request) -> Response:
        return Response(body=b"x" * 300_000, content_type="image/jpeg")

    def long_text(self, request: Request) -> Response:
        return Response(document={"rel": "long", "text": "y" * 4000, "at": Instant(1.5)})

    def split(self, request: Request) -> Response:
        return Response(200, headers=[("X-Bad", "a\r\nSet-Cookie: b")])

    def routes(self) -> list[Route]:
        open_to_all = Authorisation.NONE
        return [
            Route("hello", "GET", "/hello", self.hello, open_to_all, plain=True),
            Route("echo", "POST", "/echo", self.echo, open_to_all),
            Route("small", "POST", "/small", self.echo, open_to_all, max_body_bytes=10),
            Route("park", "GET", "/park", self.park, open_to_all, may_park=True),
            Route("slow", "POST", "/slow", self.slow, open_to_all),
            Route("coroutine", "GET", "/coroutine", self.coroutine, open_to_all),
            Route("broken", "GET", "/broken", self.broken, open_to_all),
            Route("refused", "GET", "/refused", self.refused, open_to_all),
            Route("empty", "POST", "/empty", self.empty, open_to_all),
            Route("created", "POST", "/created", self.created, open_to_all),
            Route("large", "GET", "/large", self.large, open_to_all),
            Route("long", "GET", "/long", self.long_text, open_to_all),
            Route("split", "GET", "/split", self.split, open_to_all),
            Route("private", "GET", "/private/{name}", self.hello),
            Route("private", "POST", "/private/{name}", self.echo),
        ]


@attrs.define
class Stage:
    """A site with its clock, its log and its handlers."""

    clock: Clock
    log: MemoryLog
    handlers: Handlers
    site: HttpSite


def stage(
    web: WebConfig = WEB,
    site: Site = Site("external", secure=True),  # noqa: B008  # a frozen value
    max_connections: int = 1000,
) -> Stage:
    """A fresh site at epoch second 1,000,000."""
    clock, log, handlers = Clock(), MemoryLog(), Handlers()
    clock.advance(1_000_000)
    built = memory_site(
        handlers.routes(),
        clock=clock,
        site=site,
        web=web,
        authenticate=authenticate,
        log=log,
        max_connections=max_connections,
    )
    return Stage(clock, log, handlers, built)


class Case(SynchronousTestCase):
    """A client of a fresh site."""

    def setUp(self) -> None:
        self.web = attrs.evolve(
            WEB, cross_domain_origins=(ALLOWED,), trusted_proxies=("10.0.0.0/8", "192.0.2.1")
        )
        self.staged = stage(web=self.web)
        self.client = MemoryClient(self.staged.site)

    def ask(self, method: str, target: str, **more: object) -> MemoryResponse:
        return self.successResultOf(self.client.request(method, target, **more))  # type: ignore[arg-type]  # as given
