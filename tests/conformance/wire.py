"""HTTPS as the scripts use it."""

from collections.abc import Mapping
from pathlib import Path

import attrs
from treq.client import HTTPClient
from twisted.internet import reactor, ssl
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

from tests.conformance.shown import MAX_BODY_BYTES


@attrs.frozen
class Answer:
    """An answer; header names are in lower case, several values joined with a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerTooLong(Exception):
    """The server answers with more than the client reads."""


class Wire:
    """Connections to servers whose certificates are signed by `ca_file`, or by the system's
    authorities without one."""

    def __init__(self, ca_file: Path | None) -> None:
        trust = None
        if ca_file is not None:
            authority = ssl.Certificate.loadPEM(ca_file.read_bytes())
            trust = ssl.trustRootFromCertificates([authority])
        self._pool = HTTPConnectionPool(reactor)
        policy = BrowserLikePolicyForHTTPS(trust)
        self._http = HTTPClient(Agent(reactor, policy, pool=self._pool))

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """One request.  Raises AnswerTooLong, or what Twisted's client raises."""
        response = await self._http.request(
            method, url, headers=dict(headers), data=body or None, allow_redirects=False
        )
        chunks: list[bytes] = []
        length = 0

        def collect(chunk: bytes) -> None:
            nonlocal length
            length += len(chunk)
            if length > MAX_BODY_BYTES:
                raise AnswerTooLong(url)
            chunks.append(chunk)

        await response.collect(collect)
        lines = response.headers.getAllRawHeaders()
        found = {
            name.decode("latin-1").lower(): b", ".join(values).decode("latin-1")
            for name, values in lines
        }
        return Answer(response.code, found, b"".join(chunks))

    async def hang_up(self) -> None:
        """Close the connections that nobody uses."""
        await self._pool.closeCachedConnections()
