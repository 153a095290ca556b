"""HTTP/1.1 requests to providers: keep-alive, bounded, and with one kind of trouble."""

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from mobility.clearing_house.endpoints import EndpointRefused
from mobility.clearing_house.reasons import reason_of
from mobility.push.answers import BodyTooLong, read_body, within

ANSWER_S = 30.0
"""For a whole answer (our choice)."""

BODY_BYTES = 64 * 1024
"""Of an answer; the rest is not read (our choice: a provider's error is below 4 KiB)."""

CONNECTIONS_A_HOST = 20
"""Kept open to one host, and requests to one host at once (our choice)."""

USER_AGENT = "mobility-push"


class Unreachable(Exception):
    """No answer came: no connection, bad TLS, too slow, or cut.

    `unsent` when that is our own doing, and says nothing of the other end.
    """

    def __init__(self, reason: str, *, unsent: bool = False) -> None:
        super().__init__(reason)
        self.unsent = unsent


@attrs.frozen(slots=True)
class WebAnswer:
    """`headers` have lower-case names; of a repeated one the last."""

    status: int
    headers: dict[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    @property
    def retry_after(self) -> str | None:
        return self.headers.get("retry-after")


@implementer(IBodyProducer)
class Body:
    """The whole body at once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._data)
        return defer.succeed(None)

    def pauseProducing(self) -> None:
        """It is written already."""

    def resumeProducing(self) -> None:
        """It is written already."""

    def stopProducing(self) -> None:
        """It is written already."""


class _Pool(HTTPConnectionPool):
    """Connections that are kept, and can be given up host by host."""

    def forget(self, url: str) -> None:
        """Cut what is idle to a host that has not answered: what came over the same network at the
        same time may be as dead, and each would cost a push its whole time to show it."""
        parts = urlsplit(url)
        key = (b"https", (parts.hostname or "").encode("ascii"), parts.port or 443)
        for connection in self._connections.pop(key, ()):
            self._timeouts.pop(connection).cancel()
            connection.transport.abortConnection()


class WebClient:
    """Posts to providers over kept connections; an answer has `answer_s` to come."""

    def __init__(
        self, reactor: Any, endpoints: IAgentEndpointFactory, answer_s: float = ANSWER_S
    ) -> None:
        self._reactor = reactor
        self._answer_s = answer_s
        self._pool = _Pool(reactor, persistent=True)
        self._pool.maxPersistentPerHost = CONNECTIONS_A_HOST
        self._pool.retryAutomatically = False
        self._pool._factory.noisy = False
        self._asking: set[Deferred[WebAnswer]] = set()
        self._closed = False
        self._agent = Agent.usingEndpointFactory(reactor, endpoints, self._pool)

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> WebAnswer:
        """Raises Unreachable, and EndpointRefused for what may not be connected to."""
        fields = Headers({"User-Agent": [USER_AGENT]})
        for name, value in headers:
            fields.addRawHeader(name, value)
        if self._closed:
            raise Unreachable("its settings were replaced, or it is stopping", unsent=True)
        asking: Deferred[WebAnswer] = Deferred.fromCoroutine(self._ask(url, fields, body))
        self._asking.add(asking)
        within(asking, self._answer_s, cast(IReactorTime, self._reactor))
        try:
            return await asking
        except EndpointRefused:
            raise
        except defer.TimeoutError as error:
            self._pool.forget(url)
            raise Unreachable(f"no answer in {self._answer_s:g} s") from error
        except Exception as error:  # Twisted has dozens, and OpenSSL its own
            raise Unreachable(reason_of(error)) from error
        finally:
            self._asking.discard(asking)
            if self._closed and not self._asking:
                self._pool.closeCachedConnections()

    async def _ask(self, url: str, headers: Headers, body: bytes) -> WebAnswer:
        response = cast(
            IResponse,
            await self._agent.request(b"POST", url.encode("ascii"), headers, Body(body)),
        )
        try:
            data = await read_body(response, BODY_BYTES)
        except BodyTooLong as error:
            data = error.beginning
        fields = {
            name.decode("latin-1").lower(): values[-1].decode("latin-1")
            for name, values in response.headers.getAllRawHeaders()
        }
        return WebAnswer(response.code, fields, data)

    async def close(self, *, now: bool) -> None:
        """Take nothing more and close every connection: `now`, or once its answer has come."""
        self._closed = True
        self._pool.cachedConnectionTimeout = 1
        if now:
            for asking in list(self._asking):
                asking.cancel()
        await self._pool.closeCachedConnections()
