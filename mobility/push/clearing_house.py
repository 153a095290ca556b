"""The client of a clearing house: mutual TLS, one pool of connections, the federation format."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
from cryptography import x509
from OpenSSL.crypto import X509
from treq.client import HTTPClient
from twisted.internet import defer, ssl
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from mobility.auth.own_certificate import UnusableCertificate, own_certificate
from mobility.errors import MobilityError, OperatorFault
from mobility.push.answers import BodyTooLong, read_body, retry_after, within
from mobility.push.wire import (
    ANSWER_BYTES,
    CONTENT_TYPE,
    HEALTH_PATH,
    MAX_WAIT_S,
    NOTIFICATIONS_PATH,
    VERDICTS_PATH,
    WHEREABOUTS_PATH,
    Health,
    Notification,
    Result,
    VerdictPage,
    Whereabouts,
    WireFault,
)
from mobility.push.wire_json import (
    decode_health,
    decode_results,
    decode_verdicts,
    decode_whereabouts,
    encode_batches,
    encode_ids,
)
from mobility.reactor import IReactor

IDLE_S = 120
"""How long an idle connection is kept (our choice: longer than the poll for verdicts lasts)."""

MOST_ASKED = 50
"""About how many notifications is asked at once (our choice: as many as one SIP MESSAGE holds)."""

MARGIN_S = 10.0
"""How much longer than it asks the house to wait a poll for verdicts waits (our choice)."""


class HouseFailed(MobilityError):
    """A request to the clearing house came to nothing.

    `retry_after_s` is what it asked to wait, 0 when it did not say.
    """

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class ClearingHouse(Protocol):
    """Where notifications are handed over, and verdicts are heard.  All raise HouseFailed."""

    @property
    def name(self) -> str: ...

    async def deliver(self, notifications: list[Notification]) -> list[Result]:
        """Hand over notifications; a result for each, in their order."""
        ...

    async def verdicts(self, stream: str, after: int) -> VerdictPage:
        """What providers have said since; waits for it a while."""
        ...

    async def health(self) -> Health: ...

    async def whereabouts(self, ids: Sequence[str]) -> list[Whereabouts]:
        """Where notifications are that it has taken, MOST_ASKED at most."""
        ...


@implementer(IPolicyForHTTPS)
class MutualTls:
    """Shows our certificate, and checks that of the clearing house and the name in it (RFC 6125).

    The files are read when a connection is opened, so that new ones count from then on.
    """

    def __init__(self, certificate: str, key: str, ca: str) -> None:
        self._certificate = certificate
        self._key = key
        self._ca = ca

    def check(self, where: str) -> None:
        """Raises OperatorFault for files that cannot be used."""
        for setting, name in (
            ("push.certificate", self._certificate),
            ("push.key", self._key),
            ("push.ca", self._ca),
        ):
            try:
                if name:
                    Path(name).read_bytes()
            except OSError as error:
                reason = f"{name} cannot be read: {error.strerror}"
                raise OperatorFault(where, reason, setting) from error
        try:
            self._own()
        except UnusableCertificate as error:
            name = self._certificate if error.part == "certificate" else self._key
            raise OperatorFault(where, f"{name} {error.rule}", f"push.{error.part}") from error
        try:
            self._roots()
        except ValueError as error:
            raise OperatorFault(where, f"{self._ca} holds no PEM certificate", "push.ca") from error

    def creatorForNetloc(
        self,
        hostname: bytes,
        port: int,  # noqa: ARG002  # the interface's
    ) -> IOpenSSLClientConnectionCreator:
        """The TLS side of a connection to a host."""
        chain = self._shown()[1:]  # who has signed ours may be unknown to the house
        return ssl.optionsForClientTLS(
            hostname.decode("ascii"),
            trustRoot=self._roots(),
            clientCertificate=self._own(),
            extraCertificateOptions={
                "extraCertChain": [X509.from_cryptography(one) for one in chain]
            },
        )

    @property
    def not_after(self) -> datetime | None:
        """When our certificate ends, None while its file cannot be read."""
        try:
            return self._shown()[0].not_valid_after_utc
        except (OSError, ValueError):
            return None

    def _shown(self) -> list[x509.Certificate]:
        """Ours and those of who has signed it.  Raises OSError and ValueError."""
        return x509.load_pem_x509_certificates(Path(self._certificate).read_bytes())

    def _own(self) -> ssl.PrivateCertificate:
        """Raises UnusableCertificate and OSError."""
        return own_certificate(Path(self._certificate).read_bytes(), Path(self._key).read_bytes())

    def _roots(self) -> Any:
        if not self._ca:
            return ssl.platformTrust()
        found = x509.load_pem_x509_certificates(Path(self._ca).read_bytes())
        certificate: Any = ssl.Certificate
        roots = [certificate(X509.from_cryptography(one)) for one in found]
        return ssl.trustRootFromCertificates(roots)


class HttpsClearingHouse:
    """A clearing house at an https URL.

    `reader` is who hears its verdicts, among several front ends of one organisation.
    """

    def __init__(
        self,
        url: str,
        policy: IPolicyForHTTPS,
        reactor: IReactor,
        *,
        timeout_s: float,
        connections: int,
        reader: str = "",
    ) -> None:
        self._reader = reader
        pool = HTTPConnectionPool(reactor, persistent=True)
        pool.maxPersistentPerHost = connections
        pool.cachedConnectionTimeout = IDLE_S
        pool.retryAutomatically = False
        self._pool = pool
        self._clock = reactor
        self._url = url
        self._timeout_s = timeout_s
        self.ahead_s = 0.0
        """How far its clock was ahead of ours when it answered last, as far as it said."""
        self._http = HTTPClient(Agent(reactor, policy, connectTimeout=timeout_s, pool=pool))

    @property
    def name(self) -> str:
        return self._url

    async def deliver(self, notifications: list[Notification]) -> list[Result]:
        results: list[Result] = []
        for body, count in encode_batches(notifications, time.time()):
            try:
                answer = await self._ask("POST", NOTIFICATIONS_PATH, self._timeout_s, body)
                found = decode_results(answer)
            except WireFault as fault:
                raise HouseFailed(f"its answer cannot be read: {fault.message}") from fault
            if len(found) != count:
                raise HouseFailed(f"it answered {len(found)} results for {count} notifications")
            results += found
        return results

    async def verdicts(self, stream: str, after: int) -> VerdictPage:
        wanted = {"after": after, "stream": stream, "wait": int(MAX_WAIT_S)}
        query = urlencode({**wanted, "reader": self._reader})
        answer = await self._ask("GET", f"{VERDICTS_PATH}?{query}", MAX_WAIT_S + MARGIN_S)
        try:
            return decode_verdicts(answer)
        except WireFault as fault:
            raise HouseFailed(f"its answer cannot be read: {fault.message}") from fault

    async def health(self) -> Health:
        try:
            return decode_health(await self._ask("GET", HEALTH_PATH, self._timeout_s))
        except WireFault as fault:
            raise HouseFailed(f"its answer cannot be read: {fault.message}") from fault

    async def whereabouts(self, ids: Sequence[str]) -> list[Whereabouts]:
        try:
            return decode_whereabouts(
                await self._ask("POST", WHEREABOUTS_PATH, self._timeout_s, encode_ids(ids))
            )
        except WireFault as fault:
            raise HouseFailed(f"its answer cannot be read: {fault.message}") from fault

    def close(self) -> Deferred[None]:
        """Close the connections that are open."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    async def _ask(
        self, method: str, path: str, timeout_s: float, body: bytes | None = None
    ) -> bytes:
        headers = Headers({"Accept": [CONTENT_TYPE]})
        if body is not None:
            headers.setRawHeaders("Content-Type", [CONTENT_TYPE])
        exchange = ensureDeferred(self._exchange(method, path, headers, body))
        within(exchange, timeout_s, self._clock)
        try:
            response, content = await exchange
        except HouseFailed:
            raise
        except defer.TimeoutError as error:
            # connections that are idle may be as dead, and each would cost a batch its whole time
            self._pool.closeCachedConnections()
            raise HouseFailed(_reason(error)) from error
        except Exception as error:  # refused, broken, a name that does not fit, too slow
            raise HouseFailed(_reason(error)) from error
        self.ahead_s = _ahead_s(response.headers.getRawHeaders("Date"))
        if response.code != 200:
            values = response.headers.getRawHeaders("Retry-After") or [None]
            wait_s = retry_after(values[-1], time.time()) or 0.0
            said = f"it answered {response.code} {_subcode(content)}".strip()
            raise HouseFailed(said, wait_s)
        return content

    async def _exchange(
        self, method: str, path: str, headers: Headers, body: bytes | None
    ) -> tuple[Any, bytes]:
        """The answer to a request, with its body."""
        url = self._url + path
        response = await self._http.request(method, url, headers=headers, data=body)
        return response, await _content(response)


async def _content(response: Any) -> bytes:
    """The body, as long as it is not too long."""
    try:
        return await read_body(response, ANSWER_BYTES)
    except BodyTooLong as error:
        raise HouseFailed("its answer is too long") from error


def _ahead_s(dates: list[str] | None) -> float:
    """How far ahead of our clock that of a Date field is (RFC 9110 section 6.6.1)."""
    try:
        when = parsedate_to_datetime(dates[-1]) if dates else None
        if when is None:
            return 0.0
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _subcode(content: bytes) -> str:
    """What an error says of itself in one word, "" where it says nothing that can be read."""
    try:
        found = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    word = found.get("subcode") or found.get("code")
    is_one = isinstance(word, str) and word.isascii() and word.isalnum() and len(word) <= 64
    return str(word) if is_one else ""


def _reason(error: Exception) -> str:
    """What kept us from an answer, without what a peer may have put into it."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        error = reasons[0].value
    text = str(error)
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
