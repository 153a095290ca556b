"""What a handler takes and gives: `Request` and `Response`, and nothing of the channel.

A handler never sees the connection.  It gets a `Request`, returns a `Response` (or an awaitable
or Deferred of one), and may raise `mobility.errors.Answerable`, which the pipeline renders.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

Document = dict[str, Any]
"""A resource in UCWA's JSON shape: properties, `rel`, `_links`, `_embedded`; dates as `Instant`."""


class Caller(Protocol):
    """Who sent a request, as `mobility.auth` found it; handlers of each adapter know its type."""

    @property
    def user_uri(self) -> str: ...


class Instant:
    """A point in time in a document: `/Date(ms)/` in JSON, ISO 8601 in XML.

    No attrs class, because msgspec would write that as an object of its fields.
    """

    __slots__ = ("epoch_s",)

    def __init__(self, epoch_s: float) -> None:
        self.epoch_s = epoch_s

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instant) and other.epoch_s == self.epoch_s

    def __hash__(self) -> int:
        return hash(self.epoch_s)

    def __repr__(self) -> str:
        return f"Instant({self.epoch_s!r})"


@attrs.frozen(slots=True)
class Media:
    """What the client wants back.

    `content_type` is the spelling it asked for (with `; charset=utf-8` added when sent),
    `xml` whether documents are rendered as XML, `gzip` whether it accepts gzip.
    """

    content_type: str
    xml: bool = False
    gzip: bool = False


@attrs.frozen(slots=True)
class Site:
    """The web site a listener serves (Set-CsWebServer): what `AccessLocation` depends on.

    `name` is "internal", "external" or "operator"; `secure` is false for plain HTTP.
    """

    name: str
    secure: bool


@attrs.define(slots=True)
class Request:
    """One request, already within the limits of `mobility.http.limits`.

    `path` is the decoded path with doubled slashes folded; `query` maps each name, folded to lower
    case, to its last value, and `raw_query` is what stood after the `?`; `headers` maps lower-case
    names to values (repeated ones joined by ", "); `path_parameters` holds the matched `{names}`;
    `client_address` is the real client's (DESIGN decision 11); `now` is the epoch time in seconds
    at which it was read; `body` is at most the route's `max_body_bytes`.
    """

    id: str
    site: Site
    method: str
    path: str
    query: Mapping[str, str]
    raw_query: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    client_address: str
    now: float
    media: Media
    path_parameters: dict[str, str] = attrs.Factory(dict)
    certificate_names: frozenset[str] = frozenset()
    """Host names in the client's certificate, on a listener that asks for one and is to tell."""
    caller: Caller | None = None
    on_disconnect: Callable[[], None] | None = None
    """Set by the handler of a route that may park; called at most once, when the client goes away
    before it is answered.  Never called for other routes.  Once such a handler has returned an
    unfired Deferred, `headers`, `query`, `raw_query` and `body` are emptied to save memory."""


@attrs.define(slots=True)
class Response:
    """One answer.

    Exactly one of `document` (rendered in the client's media type by the pipeline), `body` (sent as
    it is, with `content_type`) or neither (an empty body, then truly empty: no Content-Type).
    `headers` may repeat a name.
    """

    status: int = 200
    document: Document | None = None
    body: bytes | None = None
    content_type: str | None = None
    headers: list[tuple[str, str]] = attrs.Factory(list)
