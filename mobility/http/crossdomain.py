"""Which web origins may use the service (UCWA "Cross-domain IFrame", Fetch standard CORS).

Our own URLs and the configured CrossDomainAuthorizationList are allowed.  A request from the XFrame
has our own origin in `Origin` and the page's in `X-Ms-Origin`; a page that speaks to us directly
has its own in `Origin` and needs the CORS answer headers.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from mobility.http.errors import CrossDomainRefused
from mobility.http.message import Response

Headers = list[tuple[str, str]]

PREFLIGHT_S = 3600
"""How long a browser may remember a preflight."""

_ALLOWED_HEADERS = (
    "Accept, Authorization, Cache-Control, Client-Request-Id, Content-Type, Idempotency-Key, "
    "If-Match, If-None-Match, X-Ms-Origin, X-MS-RequiresMinResourceVersion, X-Requested-With"
)
_EXPOSED = (
    "Access-Control-Expose-Headers",
    "ETag, Location, Retry-After, WWW-Authenticate, X-Ms-diagnostics, X-MS-Server-Fqdn, "
    "X-MS-UcwaVersion",
)
_FIELD_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1024}")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_of(url: str) -> str:
    """The origin (`scheme://host[:port]`, lower case, without a default port) of a URL."""
    parts = urlsplit(url)
    return _normal(f"{parts.scheme}://{parts.netloc}")


def _normal(origin: str) -> str:
    origin = origin.lower().rstrip("/")
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], " "))


class CrossDomain:
    """The allow list.  `own_urls` are ours; `allowed` are origins, or "*" for any."""

    def __init__(self, own_urls: Iterable[str], allowed: Iterable[str], server_fqdn: str) -> None:
        listed = set(allowed)
        self._any = "*" in listed
        self._allowed = {origin_of(url) for url in own_urls} | {
            _normal(origin) for origin in listed - {"*"}
        }
        self._server_fqdn = server_fqdn

    def admit(self, headers: Mapping[str, str]) -> str:
        """Check a request; its `Origin` if it needs the CORS answer headers, else "".

        Raises `CrossDomainRefused` if `Origin` or `X-Ms-Origin` is not allowed.
        """
        origin = headers.get("origin", "")
        for claimed in (origin, headers.get("x-ms-origin", "")):
            if claimed and not self._any and _normal(claimed) not in self._allowed:
                raise CrossDomainRefused(self._server_fqdn)
        return origin

    def answer_headers(self, origin: str) -> Headers:
        """What lets a page of an admitted `origin` read an answer.

        An origin that is only allowed by "*" is not allowed to use a user's cookies; one that was
        refused gets nothing.
        """
        if _normal(origin) in self._allowed:
            return [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Credentials", "true"),
                ("Vary", "Origin"),
                _EXPOSED,
            ]
        if self._any:
            return [("Access-Control-Allow-Origin", "*"), _EXPOSED]
        return []

    def preflight(
        self, origin: str, methods: Sequence[str], headers: Mapping[str, str]
    ) -> Response:
        """The answer to OPTIONS: `Allow`, and for an admitted origin what it may send."""
        answer: Headers = [("Allow", ", ".join(methods))]
        if origin:
            wanted = headers.get("access-control-request-headers", "")
            if not _FIELD_NAMES.fullmatch(wanted):
                wanted = _ALLOWED_HEADERS
            answer += [
                ("Access-Control-Allow-Methods", ", ".join(methods)),
                ("Access-Control-Allow-Headers", wanted),
                ("Access-Control-Max-Age", str(PREFLIGHT_S)),
            ]
        return Response(204, headers=answer)
