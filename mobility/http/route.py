"""Route declarations: what an adapter offers and the pipeline serves.

Authorisation, body kind and parking are part of the declaration, so none can be forgotten.
"""

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from mobility.http.message import Request, Response

Answer = Response | Deferred[Response] | Coroutine[Any, Any, Response]
Handler = Callable[[Request], Answer]

JSON_BODY_BYTES = 1024 * 1024
"""The largest body of an ordinary route: 1 MiB (our choice; batches of 100 parts fit)."""


class Authorisation(Enum):
    """Who may call a route."""

    NONE = "none"
    BEARER = "bearer"
    """`Authorization: Bearer cwt=...`; without it 401 with the challenge."""
    OWN = "own"
    """The handler asks `mobility.auth` itself (Autodiscover's user resource, photos, operator)."""


@attrs.frozen(slots=True)
class Route:
    """One method on one path.

    `name` is the rel (or another short name) for the access line; `path` has `{name}` segments and
    is matched without case and with doubled slashes folded; `plain` says whether plain HTTP
    listeners serve it too; `sites` on which web sites it exists; `may_park` that it may stay
    unanswered for long (P-GET): a disconnect then cancels it, and it is released at drain.
    """

    name: str
    method: str
    path: str
    handler: Handler
    authorisation: Authorisation = Authorisation.BEARER
    sites: frozenset[str] = frozenset({"internal", "external"})
    plain: bool = False
    may_park: bool = False
    max_body_bytes: int = JSON_BODY_BYTES
