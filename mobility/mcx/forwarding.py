"""Passing the directory /Mcx/ on to a legacy pool that still has the service.

Requests and answers stream through: a piece is read when the other side has taken the one before.
Each request has a connection of its own to the pool, since IIS may have authenticated a connection
(Negotiate, NTLM) and the next request may be somebody else's.
"""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlsplit

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IResponse

from mobility.config.mcx import McxConfig
from mobility.domain.legacy_clients import LegacyClients
from mobility.http.message import Request, Response
from mobility.http.subtree import Passage, Way
from mobility.mcx.bodies import RequestBody, ResponseBody
from mobility.mcx.pool import LegacyPool
from mobility.mcx.retired import plain
from mobility.reactor import IReactor

HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields of one connection (RFC 9110 section 7.6.1); those that Connection names are others."""

NOT_PASSED = frozenset({"CONNECT", "TRACE"})
"""Methods that are about the connection, or show a client what proxies added."""

SEGMENT_SAFE = "!$&'()*+,;=:@~"
"""What a path segment may hold as it is (RFC 3986 section 3.3)."""

RETRY_AFTER_S = 5


def agent(settings: McxConfig, trust: object, reactor: IReactor) -> IAgent:
    """What makes requests of the pool: its certificate and name are checked against `trust`."""
    policy = BrowserLikePolicyForHTTPS(trustRoot=trust)  # type: ignore[no-untyped-call]  # upstream has no types
    pool = HTTPConnectionPool(reactor, persistent=False)  # type: ignore[no-untyped-call]  # upstream has no types
    made: IAgent = Agent(  # type: ignore[no-untyped-call]  # upstream has no types
        reactor, policy, connectTimeout=settings.connect_timeout_s, pool=pool
    )
    return made


class Forwarding:
    """Takes what enters the directory to the pool."""

    def __init__(
        self,
        settings: McxConfig,
        server_fqdn: str,
        clients: LegacyClients,
        pool: LegacyPool,
        made: IAgent,
        clock: IReactorTime,
    ) -> None:
        self.settings = settings
        self.server_fqdn = server_fqdn
        self.pool = pool
        self.agent = made
        self.clock = clock
        self.host = urlsplit(settings.forward_to).netloc
        self._clients = clients
        self._under_way: set[Forwarded] = set()

    def __len__(self) -> int:
        """Requests under way."""
        return len(self._under_way)

    def enter(self, request: Request, segments: Sequence[str]) -> Response | Passage:
        """Count a request, and take it on unless it must not be."""
        self._clients.count(request.headers.get("user-agent", ""), request.now)
        if request.method in NOT_PASSED:
            return plain(405, b"This method is not passed on.\n", ("Allow", "GET, HEAD, POST"))
        if any(set(one) & {"/", "\\"} or one in (".", "..") for one in segments):
            return plain(404, b"There is no such resource.\n")
        if self.server_fqdn.lower() in _vias(request.headers):
            return plain(508, b"This request has been here before.\n")
        if len(self._under_way) >= self.settings.max_requests:
            retry = ("Retry-After", str(RETRY_AFTER_S))
            return plain(503, b"Too many requests are under way.\n", retry)
        path = "/".join(quote(one, safe=SEGMENT_SAFE) for one in segments)
        query = f"?{request.raw_query}" if request.raw_query else ""
        forwarded = Forwarded(self, request, f"{self.settings.forward_to}/{path}{query}")
        self._under_way.add(forwarded)
        return forwarded

    def left(self, forwarded: "Forwarded") -> None:
        """It is over."""
        self._under_way.discard(forwarded)

    def drain(self) -> None:
        """The front end stops: who waits for the pool with nothing to lose may ask elsewhere."""
        for forwarded in tuple(self._under_way):
            forwarded.drain()

    def request_headers(self, request: Request) -> Headers:
        """The fields that the pool is sent."""
        headers = Headers()
        for name, value in end_to_end(request.headers).items():
            if name not in ("content-length", "host", "via", "x-forwarded-for"):
                headers.addRawHeader(name.encode("latin-1"), value.encode("latin-1"))
        host = request.headers.get("host", "") if self.settings.keep_host else ""
        headers.addRawHeader("Host", host or self.host)
        before = [request.headers[name] for name in ("via",) if name in request.headers]
        headers.addRawHeader("Via", ", ".join((*before, f"1.1 {self.server_fqdn}")))
        headers.addRawHeader("X-Forwarded-For", request.client_address)
        headers.addRawHeader("X-Forwarded-Proto", "https" if request.site.secure else "http")
        return headers

    def response_headers(self, headers: Headers) -> list[tuple[str, str]]:
        """The fields that the client is sent."""
        kept = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in headers.getAllRawHeaders()
            for value in values
            if name.decode("latin-1").lower() not in HOP_BY_HOP | {"content-length"}
        ]
        return [*kept, ("Via", f"1.1 {self.server_fqdn}")]


class Forwarded:
    """One request on its way to the pool and its answer on the way back (`Passage`)."""

    def __init__(self, forwarding: Forwarding, request: Request, url: str) -> None:
        self._forwarding = forwarding
        self._request = request
        self._url = url
        self._way: Way | None = None
        self._body: RequestBody | None = None
        self._answer: ResponseBody | None = None
        self._cancel: Callable[[], None] | None = None
        self._silence: IDelayedCall | None = None
        self._held = False
        self._over = False

    # -- what the connection says (Passage) ---------------------------------------------------

    def start(self, way: Way) -> None:
        self._way = way
        forwarding, request = self._forwarding, self._request
        length = _length(request.headers)
        if length:
            self._body = RequestBody(length, way)
        asked = forwarding.agent.request(
            request.method.encode("ascii"),
            self._url.encode("latin-1"),
            forwarding.request_headers(request),
            self._body,
        )
        self._cancel = asked.cancel
        self._listen()
        asked.addCallbacks(self._answered, self._failed)

    def received(self, data: bytes) -> None:
        if self._body is not None:
            self._listen()
            self._body.give(data)

    def ended(self) -> None:
        if self._body is not None:
            self._listen()
            self._body.end()

    def hold(self) -> None:
        self._held = True
        self._rest()
        if self._answer is not None:
            self._answer.pause()

    def resume(self) -> None:
        self._held = False
        if not self._over:
            self._listen()
        if self._answer is not None:
            self._answer.resume()

    def gone(self) -> None:
        self._end()

    def drain(self) -> None:
        """A GET that the pool has not answered loses nothing by being asked again elsewhere."""
        if self._answer is None and self._request.method in ("GET", "HEAD") and self._way:
            retry = ("Retry-After", str(RETRY_AFTER_S))
            self._refuse(plain(503, b"The service is stopping.\n", retry))

    # -- what the pool says -------------------------------------------------------------------

    def _answered(self, response: IResponse) -> None:
        if self._over or self._way is None:
            return
        self._forwarding.pool.answered(response.code)
        self._answer = ResponseBody(self._piece, self._whole, self._broken)
        length = None if response.length is UNKNOWN_LENGTH else int(response.length)
        if self._request.method == "HEAD":
            length = None  # Agent does not tell what it would have been
        fields = self._forwarding.response_headers(response.headers)
        phrase = response.phrase.decode("latin-1")
        self._way.begin(response.code, phrase, fields, length)
        self._listen()
        response.deliverBody(self._answer)  # type: ignore[no-untyped-call]  # upstream has no types
        if self._held:
            self._answer.pause()

    def _failed(self, failure: Failure) -> None:
        problem = failure.value
        if self._over or problem is None or isinstance(problem, CancelledError):
            return
        self._forwarding.pool.failed(problem)
        self._refuse(plain(502, b"The legacy pool cannot be reached.\n"))

    def _piece(self, data: bytes) -> None:
        if not self._over and self._way is not None:
            self._listen()
            self._way.write(data)

    def _whole(self) -> None:
        if not self._over and self._way is not None:
            self._answer = None
            self._end()
            self._way.finish()

    def _broken(self) -> None:
        if not self._over and self._way is not None:
            self._answer = None
            self._end()
            self._way.cut()

    # -- time ---------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Something happened; the pool may be silent for so long from now on."""
        self._rest()
        if not self._held:
            settings = self._forwarding.settings
            self._silence = self._forwarding.clock.callLater(
                settings.response_timeout_s, self._silent
            )

    def _rest(self) -> None:
        silence, self._silence = self._silence, None
        if silence is not None:
            silence.cancel()

    def _silent(self) -> None:
        self._silence = None
        way = self._way
        if self._answer is None:
            self._refuse(plain(504, b"The legacy pool does not answer.\n"))
        elif way is not None:
            self._end()
            way.cut()

    def _refuse(self, response: Response) -> None:
        way = self._way
        self._end()
        if way is not None:
            way.answer(response)

    def _end(self) -> None:
        """Let go of the pool's side; nothing is told to the client any more."""
        if self._over:
            return
        self._over = True
        self._rest()
        self._forwarding.left(self)
        if self._answer is not None:
            self._answer.stop()
        elif self._cancel is not None:
            self._cancel()


def end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    """The fields of a request that are not about its connection."""
    dropped = HOP_BY_HOP | _named([headers.get("connection", "")])
    return {name: value for name, value in headers.items() if name not in dropped}


def _named(values: Sequence[str]) -> set[str]:
    return {name.strip().lower() for value in values for name in value.split(",")} - {""}


def _vias(headers: Mapping[str, str]) -> set[str]:
    """Who a request has been received by (RFC 9110 section 7.6.3)."""
    elements = (one.split() for one in headers.get("via", "").lower().split(","))
    return {words[1] for words in elements if len(words) > 1}


def _length(headers: Mapping[str, str]) -> int | object:
    """The length of a request's body: 0 for none, UNKNOWN_LENGTH for chunks."""
    if "transfer-encoding" in headers:
        return UNKNOWN_LENGTH
    return int(headers.get("content-length", "0"))
