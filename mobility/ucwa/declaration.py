"""How a UCWA resource is declared: once, for routes, links, events, documents and tests.

A `Resource` names its rel, path, revision, operations and events as the reference pages do.  Each
operation's handler is a function of the `Ucwa` service and a `Call`, which the route has already
resolved to a live application of the caller.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.records import Receipt
from mobility.errors import Refusal
from mobility.http.message import Request
from mobility.http.route import JSON_BODY_BYTES, Answer
from mobility.ucwa.channel import Priority
from mobility.ucwa.hrefs import Hrefs

if TYPE_CHECKING:
    from mobility.ucwa.service import Ucwa


@attrs.define(slots=True)
class Call:
    """A request to a resource of one application.

    `receipt` is what the operation must store with its effect when the client sent an
    Idempotency-Key (its `resource_id` filled in), else None.
    """

    request: Request
    endpoint: Endpoint
    receipt: Receipt | None = None

    @property
    def hrefs(self) -> Hrefs:
        return Hrefs(self.endpoint.id, guest=self.endpoint.guest)

    @property
    def now(self) -> float:
        return self.request.now

    def parameter(self, name: str) -> str:
        """A `{name}` of the path."""
        return self.request.path_parameters[name]


NEWEST_REVISION = 2
"""The newest revision that any resource has (UCWA reference: pages named `group2` and the like)."""


def required_version(request: Request) -> float:
    """X-MS-RequiresMinResourceVersion (UCWA "Versioning"), 0 when the client does not care.

    Raises Refusal: 400 for what is no number.
    """
    wanted = request.headers.get("x-ms-requiresminresourceversion")
    if wanted is None:
        return 0.0
    whole, _, rest = wanted.strip().partition(".")
    if len(wanted) > 16 or not (whole + rest).isascii() or not (whole + rest).isdigit():
        raise Refusal("BadRequest", None, "X-MS-RequiresMinResourceVersion must be a number.")
    return float(wanted)


Handler = Callable[["Ucwa", Call], Answer]
Repeat = Callable[["Ucwa", Call, str], Answer]
"""Builds the first answer of an operation again, from the id of what it created."""


@attrs.frozen(slots=True)
class Event:
    """An event the resource raises: its type, the sender's rel and its priority.

    `within` is the rel of the `in` link, "" without one.  `about` is the rel of what comes into
    the resource or leaves it, "" for an event of the resource itself.
    """

    type: str
    sender: str
    priority: Priority
    within: str = ""
    about: str = ""


@attrs.frozen(slots=True)
class Operation:
    """One method of a resource.

    `success` are the documented status codes, `refusals` the (code, subcode) pairs it may answer
    beyond the generic ones.  An operation with `repeat` honours Idempotency-Key.
    """

    method: str
    handler: Handler
    success: tuple[int, ...] = (200,)
    refusals: tuple[tuple[str, str], ...] = ()
    parameters: tuple[str, ...] = ()
    repeat: Repeat | None = None
    may_park: bool = False
    max_body_bytes: int = JSON_BODY_BYTES


@attrs.frozen(slots=True)
class Resource:
    """One resource below an application.

    `path` is the task-page shape relative to the application ("" is the application itself);
    `aliases` are the reference-page shapes that lead to the same resource.
    """

    rel: str
    path: str
    operations: tuple[Operation, ...] = ()
    events: tuple[Event, ...] = ()
    revision: int = 1
    aliases: tuple[str, ...] = ()
    own_authorisation: bool = False
    """The handler authenticates by itself (photos, which browsers load with a cookie)."""

    @property
    def events_by_key(self) -> dict[tuple[str, str], Event]:
        """Each event under its subject and type; the subject is the rel, with that of what the
        event is about if it is something else."""
        return {(f"{self.rel} {one.about}".strip(), one.type): one for one in self.events}
