"""The factory of one listener: what its channels need, and the state they share."""

import os
import time
from collections.abc import Callable, Iterable
from itertools import count

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime
from zope.interface import implementer

from mobility.config import WebConfig
from mobility.errors import Answerable, Refusal, Unavailable
from mobility.events import EventLog
from mobility.http.answer import AnswerWriter
from mobility.http.channel import HttpChannel
from mobility.http.client_certificates import ClientCertificates
from mobility.http.connections import Connections
from mobility.http.crossdomain import CrossDomain
from mobility.http.errors import error_response
from mobility.http.exchange import Answered, HttpExchange
from mobility.http.head import Head
from mobility.http.message import Media, Request, Response, Site
from mobility.http.negotiation import JSON, negotiate
from mobility.http.passing import PassingExchange
from mobility.http.proxies import Proxies
from mobility.http.route import Route
from mobility.http.service import Authenticate, Plan, RequestService
from mobility.http.subtree import Subtree
from mobility.http.target import EMPTY

_FULL = "The service takes no more requests at present."
_CROWDED = "There are too many connections with your certificate."
_NO_MEDIA = Media(JSON)

CROWDED_RETRY_S = 5
"""When a client with too many connections may come again (our choice)."""


@implementer(IProtocolFactory)
class HttpSite:
    """Serves `routes` as `site` on one listener.

    `authenticate` finds the caller of BEARER routes; `pseudonym` turns a user's URI into what the
    access line may hold; `subtrees` are directories that are answered as a whole; `epoch` is the
    time of day, `clock` what waits are measured with; `certificates` tells clients apart where they
    show a certificate.
    """

    noisy = False

    def __init__(
        self,
        site: Site,
        routes: Iterable[Route],
        *,
        listener: str,
        web: WebConfig,
        server_fqdn: str,
        authenticate: Authenticate,
        pseudonym: Callable[[str], str],
        log: EventLog,
        clock: IReactorTime,
        connections: Connections,
        epoch: Callable[[], float] = time.time,
        subtrees: Iterable[Subtree] = (),
        certificates: ClientCertificates | None = None,
    ) -> None:
        self.site = site
        self._certificates = certificates
        self.header_timeout_s = web.header_timeout_s
        self.body_timeout_s = web.body_timeout_s
        self.keep_alive_timeout_s = web.keep_alive_timeout_s
        self._cross_domain = CrossDomain(
            (web.internal_url, web.external_url), web.cross_domain_origins, server_fqdn
        )
        self.service = RequestService(
            site,
            routes,
            authenticate=authenticate,
            cross_domain=self._cross_domain,
            log=log,
            subtrees=subtrees,
        )
        self.now = self.clock_s = clock.seconds
        self._clock = clock
        self._epoch = epoch
        self._listener = listener
        self._pseudonym = pseudonym
        self._log = log
        self._connections = connections
        self._proxies = Proxies(web.trusted_proxies)
        self._writer = AnswerWriter(site, server_fqdn, epoch)
        self._prefix = os.urandom(4).hex()
        self._count = count(1)
        self._in_flight = 0
        self._drained: Deferred[None] | None = None

    # -- IProtocolFactory --------------------------------------------------------------------

    def buildProtocol(self, addr: object) -> IProtocol | None:  # noqa: ARG002  # asked of the transport, which may sit behind a PROXY header
        room = self._connections.room(self.site.name)
        if room is None:
            return None
        channel = HttpChannel(self, surplus=not room)
        self._connections.add(channel)
        return channel

    def doStart(self) -> None:
        """Nothing to do: `connections` sweeps while there are any."""

    def doStop(self) -> None:
        """Nothing to do: channels end with their connections."""

    # -- stopping ----------------------------------------------------------------------------

    def drain(self) -> Deferred[None]:
        """Refuse new requests (503), close what is idle, and fire when none is in flight.

        Whoever parked requests answers them; every answer from now on closes its connection.
        """
        if self._drained is None:
            self._drained = Deferred()
            for channel in self._connections:
                if channel.serves(self) and channel.idle:
                    channel.close()
            self._check_drained()
        return self._drained

    @property
    def draining(self) -> bool:
        return self._drained is not None

    def _check_drained(self) -> None:
        if self._drained is not None and not self._in_flight and not self._drained.called:
            self._drained.callback(None)

    # -- what channels ask (mobility.http.channel.Server) ------------------------------------

    def soon(self, channel: HttpChannel) -> None:
        self._clock.callLater(0, channel.proceed)

    def begin(self, channel: HttpChannel, head: Head) -> HttpExchange | PassingExchange:
        headers = head.headers
        path, _, raw_query = head.target.partition("?")
        request = Request(
            id=self._next_id(),
            site=self.site,
            method=head.method,
            path=path,
            query=EMPTY,
            raw_query=raw_query,
            headers=headers,
            body=b"",
            client_address=self._proxies.client_address(self._peer(channel), headers),
            now=self._epoch(),
            media=negotiate(
                JSON if self.site.name == "operator" else headers.get("accept", ""),
                headers.get("accept-encoding", ""),
            ),
        )
        refused: Answerable | None = None
        if channel.surplus or self.draining:
            refused = Unavailable(_FULL)
        elif self._certificates is not None:
            request.certificate_names, crowded = self._certificates.names(channel)
            if crowded:
                refused = Refusal("TooManyRequests", None, _CROWDED, retry_after_s=CROWDED_RETRY_S)
        plan = self.service.plan(request) if refused is None else Plan(fault=refused)
        self._in_flight += 1
        if plan.passage is not None:
            return PassingExchange(
                self,
                channel,
                request,
                plan.name,
                plan.passage,
                keep_alive=head.keep_alive,
                minor_version=head.minor_version,
            )
        return HttpExchange(
            self,
            channel,
            request,
            plan,
            keep_alive=head.keep_alive and refused is None,
            minor_version=head.minor_version,
        )

    def refusal(self, channel: HttpChannel, fault: Answerable) -> bytes:
        request_id = self._next_id()
        data = self._writer.write(error_response(fault, request_id), _NO_MEDIA, keep_alive=False)
        self._access(
            request_id, "-", "-", "-", fault.status, len(data), 0.0, 0.0, self._peer(channel)[0]
        )
        return data

    def closed(self, channel: HttpChannel) -> None:
        self._connections.discard(channel)
        if self._certificates is not None:
            self._certificates.gone(channel)

    # -- what exchanges ask (mobility.http.exchange.Office) ----------------------------------

    def write(
        self,
        response: Response,
        media: Media,
        origin: str,
        *,
        head_only: bool,
        keep_alive: bool,
        minor_version: int,
    ) -> bytes:
        """The bytes of an answer, readable for the page of `origin` ("" for none)."""
        return self._writer.write(
            response,
            media,
            head_only=head_only,
            keep_alive=keep_alive,
            minor_version=minor_version,
            more_headers=self._cross_domain.answer_headers(origin) if origin else (),
        )

    def ended(
        self, exchange: Answered, status: int, sent: int, ms: float, parked_ms: float
    ) -> None:
        """An exchange is over: write its access line."""
        request = exchange.request
        caller = request.caller
        self._access(
            request.id,
            exchange.route_name,
            request.method,
            "-" if caller is None else self._pseudonym(caller.user_uri),
            status,
            sent,
            ms,
            parked_ms,
            request.client_address,
        )
        self._in_flight -= 1
        self._check_drained()

    def _access(
        self,
        request_id: str,
        route: str,
        method: str,
        user: str,
        status: int,
        sent: int,
        ms: float,
        parked_ms: float,
        address: str,
    ) -> None:
        self._log.access(
            "http.request",
            {
                "id": request_id,
                "listener": self._listener,
                "route": route,
                "method": method,
                "user": user,
                "status": status,
                "bytes": sent,
                "ms": round(ms, 3),
                "parked_ms": round(parked_ms, 3),
                "address": address,
            },
        )

    def _next_id(self) -> str:
        return f"{self._prefix}{next(self._count):x}"

    def _peer(self, channel: HttpChannel) -> tuple[str, bool]:
        """Asked once, and not before the first request: behind a PROXY header it is not known."""
        if channel.peer is None:
            transport = channel.transport
            channel.peer = self._proxies.peer(None if transport is None else transport.getPeer())
        return channel.peer
