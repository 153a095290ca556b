"""A front end as a clearing house sees it: posts pushes, polls for verdicts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.web.client import Agent, HTTPConnectionPool, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from mobility.clearing_house.web import Body
from mobility.push import wire
from mobility.push.wire import Health, Notification, Result, VerdictPage
from mobility.push.wire_json import (
    decode_health,
    decode_results,
    decode_verdicts,
    encode_batches,
)


class Refused(Exception):
    """The clearing house answered with another status than 200."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


@implementer(IPolicyForHTTPS)
class _ShowsCertificate:
    def __init__(self, ca: Path, identity: Path | None) -> None:
        self._trust = trustRootFromCertificates([Certificate.loadPEM(ca.read_bytes())])
        self._own = None
        if identity is not None:
            pem = identity.read_bytes() + identity.with_suffix(".key").read_bytes()
            self._own = PrivateCertificate.loadPEM(pem)

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:  # noqa: ARG002
        return optionsForClientTLS(hostname.decode(), self._trust, self._own)


class Sender:
    """Speaks to the clearing house at `https://localhost:PORT` as the owner of `identity`."""

    def __init__(self, reactor: Any, port: int, ca: Path, identity: Path | None) -> None:
        self.url = f"https://localhost:{port}"
        self._pool = HTTPConnectionPool(reactor, persistent=True)
        self._agent = Agent(reactor, _ShowsCertificate(ca, identity), pool=self._pool)

    async def send(self, notifications: Iterable[Notification]) -> list[Result]:
        """The results of all batches."""
        results: list[Result] = []
        for body, _ in encode_batches(notifications):
            results += decode_results(await self.ask("POST", wire.NOTIFICATIONS_PATH, body))
        return results

    async def verdicts(
        self, after: int = 0, wait_s: int = 0, stream: str = "", reader: str = ""
    ) -> VerdictPage:
        path = f"{wire.VERDICTS_PATH}?after={after}&wait={wait_s}&stream={stream}&reader={reader}"
        return decode_verdicts(await self.ask("GET", path))

    async def health(self) -> Health:
        return decode_health(await self.ask("GET", wire.HEALTH_PATH))

    async def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The body of an answer.  Raises Refused for another status than 200."""
        headers = Headers({"Content-Type": [wire.CONTENT_TYPE]} if body is not None else {})
        producer = None if body is None else Body(body)
        url = (self.url + path).encode()
        response = await self._agent.request(method.encode(), url, headers, producer)
        data = await readBody(response)
        if response.code != 200:
            raise Refused(response.code, data)
        return data

    def close(self) -> Any:
        return self._pool.closeCachedConnections()
