"""Public helpers for tests: a real `HttpSite` driven in memory, and a log that remembers.

    site = memory_site(routes, clock=clock)
    client = MemoryClient(site)
    response = await client.request("GET", "/path", headers={"Accept": "application/json"})

No socket and no reactor is involved; time is the `Clock` the site was built with.

`MemoryTelephones` is a telephone network that exists only in memory: it calls nobody, and does what
a test tells it to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer, ITransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.config import WebConfig
from mobility.domain.descriptions import Description
from mobility.domain.telephone import Happening, Hear, Order, TelephoneLeg
from mobility.domain.tones import Told, Tone
from mobility.domain.voice_objects import Gateway
from mobility.http.body_reader import BodyReader, ChunkedBody, SizedBody
from mobility.http.channel import HttpChannel
from mobility.http.connections import Connections
from mobility.http.errors import Unauthorised
from mobility.http.message import Caller, Request, Site
from mobility.http.route import Route
from mobility.http.site import HttpSite
from mobility.http.subtree import Subtree

CLIENT_ADDRESS = "192.0.2.1"
"""Where a `MemoryClient` connects from unless told otherwise (RFC 5737 TEST-NET-1)."""

WEB = WebConfig(
    internal_url="https://internal.example.test",
    external_url="https://external.example.test:4443",
)


@attrs.define(slots=True)
class MemoryLog:
    """An `EventLog` that keeps every event as (name, fields)."""

    events: list[tuple[str, dict[str, object]]] = attrs.Factory(list)

    def emit(self, event: str, /, **fields: object) -> None:
        self.events.append((event, fields))

    def access(self, event: str, fields: dict[str, Any], /) -> None:
        self.events.append((event, fields))

    def failure(self, event: str, failure: Failure | BaseException, /, **fields: object) -> None:
        self.events.append((event, {**fields, "failure": failure}))

    def named(self, event: str) -> list[dict[str, object]]:
        """The fields of each event of that name, in order."""
        return [fields for name, fields in self.events if name == event]


@attrs.frozen(slots=True)
class MemoryResponse:
    """An answer as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header, matched without case; None if it is absent."""
        return next(iter(self.header_lines(name)), None)

    def header_lines(self, name: str) -> list[str]:
        """Every value of a repeated header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


@implementer(ITransport)
class MemoryConnection:
    """A connection to a site: the transport of its channel, and the client's end of it.

    With `reading = False` the client takes nothing, and the transport asks the channel to pause
    once `buffer_bytes` are unsent, as a socket does; `read` takes what is there.
    """

    def __init__(
        self, site: HttpSite, address: str = CLIENT_ADDRESS, buffer_bytes: int = 65536
    ) -> None:
        self.reading = True
        self.received = b""
        self.writes = 0
        self.aborted = False
        self.paused = False
        self.on_change: Callable[[], None] | None = None
        self._address = IPv4Address("TCP", address, 40000)
        self._buffer_bytes = buffer_bytes
        self._unsent = b""
        self._closing = False
        self._producer: IPushProducer | None = None
        channel = site.buildProtocol(self._address)
        self.closed = self.refused = channel is None
        self._channel = channel if isinstance(channel, HttpChannel) else None
        if self._channel is not None:
            self._channel.makeConnection(self)

    # The client's end.

    def send(self, data: bytes) -> None:
        """What the client writes arrives at once, unless the connection is closed."""
        if self._channel is not None and not self.closed:
            self._channel.dataReceived(data)

    def read(self) -> None:
        """Take everything that is unsent, once."""
        self.received += self._unsent
        self._unsent = b""
        if self._producer is not None:
            self._producer.resumeProducing()
        if self._closing and not self._unsent:
            self._lost(ConnectionDone())
        self._changed()

    def disconnect(self) -> None:
        """The client goes away without a word."""
        self._lost(ConnectionLost())

    # The transport.

    def write(self, data: bytes) -> None:
        if self.closed or self._closing:
            return
        self.writes += 1
        if self.reading:
            self.received += data
            self._changed()
            return
        self._unsent += data
        if len(self._unsent) > self._buffer_bytes and self._producer is not None:
            self._producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self._closing = True
        if not self._unsent:
            self._lost(ConnectionDone())

    def abortConnection(self) -> None:
        self.aborted = True
        self._lost(ConnectionLost())

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        if not streaming:
            raise ValueError("only a streaming producer is known here")
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def getPeer(self) -> IPv4Address:
        return self._address

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 443)

    def _lost(self, reason: Exception) -> None:
        if self.closed:
            return
        self.closed = True
        if self._channel is not None:
            self._channel.connectionLost(Failure(reason))
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()


class MemoryClient:
    """Sends requests to a site, each on its own connection."""

    def __init__(self, site: HttpSite, address: str = CLIENT_ADDRESS) -> None:
        self.site = site
        self.address = address

    def connect(self) -> MemoryConnection:
        """A bare connection, for tests of what goes over the wire."""
        return MemoryConnection(self.site, self.address)

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        json: object = None,
    ) -> Deferred[MemoryResponse]:
        """Send a request; fires with the answer, or fails with ConnectionLost without one.

        Cancel the Deferred to disconnect before the answer.  `json` is sent as
        `application/json` in place of `body`.
        """
        pairs = [*headers.items()] if isinstance(headers, Mapping) else [*headers]
        if json is not None:
            body = msgspec.json.encode(json)
            pairs.append(("Content-Type", "application/json"))
        if body:
            pairs.append(("Content-Length", str(len(body))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        head = f"{method} {target} HTTP/1.1\r\nHost: external.example.test\r\n{lines}\r\n"
        connection = self.connect()
        answer: Deferred[MemoryResponse] = Deferred(lambda _: connection.disconnect())

        def changed() -> None:
            responses = read_responses(connection.received, [method])
            if responses and not answer.called:
                answer.callback(responses[0])
                connection.disconnect()
            elif connection.closed and not answer.called:
                answer.errback(ConnectionLost())

        connection.on_change = changed
        connection.send(head.encode("latin-1") + body)
        if connection.refused:
            changed()
        return answer


def read_responses(data: bytes, methods: Sequence[str] = ()) -> list[MemoryResponse]:
    """The whole answers in `data`; `methods` are those of the requests, GET where not given.

    Interim answers (1xx) are left out.
    """
    responses: list[MemoryResponse] = []
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        status = int(status_line.split(" ")[1])
        headers = tuple((name, value) for name, _, value in (x.partition(": ") for x in lines))
        response = MemoryResponse(status, headers, b"")
        if status >= 200:
            method = methods[len(responses)] if len(responses) < len(methods) else "GET"
            length = 0 if method == "HEAD" else int(response.header("content-length") or 0)
            body: BodyReader = SizedBody(length, length)
            if response.header("transfer-encoding") == "chunked":
                body = ChunkedBody(len(rest))
            left = body.feed(rest)
            if left is None:
                break
            responses.append(attrs.evolve(response, body=body.body()))
            rest = left
        data = rest
    return responses


def refuse_everyone(request: Request) -> Caller:  # noqa: ARG001  # an `Authenticate`
    """An authenticator that knows nobody."""
    raise Unauthorised(["Bearer"])


def memory_site(
    routes: Iterable[Route],
    *,
    clock: Clock,
    site: Site = Site("external", secure=True),  # noqa: B008  # a frozen value
    web: WebConfig = WEB,
    authenticate: Callable[[Request], Caller] = refuse_everyone,
    log: MemoryLog | None = None,
    max_connections: int = 1000,
    connections: Connections | None = None,
    subtrees: Iterable[Subtree] = (),
) -> HttpSite:
    """A site in memory, named `memory`; a user's pseudonym is `~` and the URI.

    The time of day is the clock's.  `connections` are its own unless they are given.
    """
    return HttpSite(
        site,
        routes,
        listener="memory",
        web=web,
        server_fqdn="fe.example.test",
        authenticate=authenticate,
        pseudonym=lambda uri: f"~{uri}",
        log=log or MemoryLog(),
        clock=clock,
        connections=Connections(clock, max_connections) if connections is None else connections,
        epoch=clock.seconds,
        subtrees=subtrees,
    )


class MemoryTelephone:
    """One leg to a telephone that exists only in memory.

    The methods `rings`, `answers`, `is_busy`, `declines`, `cannot_be_reached` and `hangs_up` are
    what its owner does; the others are the port's (`mobility.domain.telephone.TelephoneLeg`).
    """

    def __init__(self, order: Order, hear: Hear) -> None:
        self.order = order
        self.state = "new"
        """new, ringing, answered or over."""
        self.elsewhere = False
        """Whether it was hung up because another device has answered."""
        self.held = False
        self.joined: MemoryTelephone | None = None
        self.offered: list[Description] = []
        """What was offered to it anew."""
        self.answers_got: list[Description | None] = []
        """The answers to its own new offers, None for a refusal."""
        self.description: Description | None = None
        self.own: Description | None = None
        """What it offers where nothing is offered to it."""
        self.connected: Description | None = None
        """The answer to an offer of its own."""
        self.tones: list[Tone] = []
        """The keys that it has heard beside the media."""
        self._hear = hear

    # What its owner does.

    def rings(self) -> None:
        self._happens(Happening.RINGING, "ringing")

    def answers(self, description: Description | None = None) -> None:
        """Pick it up; `description` answers an offer, or is one where there was none.

        An offer is answered with its own words unless told otherwise.
        """
        self.description = description or self.order.offer or self.own
        self._happens(Happening.ANSWERED, "answered")

    def is_busy(self) -> None:
        self._happens(Happening.BUSY, "over")

    def plays(self, description: Description) -> None:
        """Early media: an announcement before anybody picks up."""
        self.description = description
        self._happens(Happening.RINGING, "ringing")

    def offers(self, description: Description) -> None:
        """Its end holds, resumes or changes media."""
        self.description = description
        self._hear(Happening.OFFERED)

    def agrees(self, description: Description) -> None:
        """It answers what was offered anew."""
        self.description = description
        self._hear(Happening.AGREED)

    def disagrees(self) -> None:
        self._hear(Happening.DISAGREED)

    def declines(self) -> None:
        self._happens(Happening.DECLINED, "over")

    def is_not_known(self) -> None:
        self._happens(Happening.UNKNOWN, "over")

    def is_not_available(self) -> None:
        self._happens(Happening.UNAVAILABLE, "over")

    def is_not_answered(self) -> None:
        """The gateway gives up ringing."""
        self._happens(Happening.UNANSWERED, "over")

    def cannot_be_reached(self) -> None:
        self._happens(Happening.UNREACHABLE, "over")

    def hangs_up(self) -> None:
        self._happens(Happening.HUNG_UP, "over")

    def _happens(self, happening: Happening, state: str) -> None:
        if self.state != "over":
            self.state = state
            self._hear(happening)

    # The port.

    def hang_up(self, *, elsewhere: bool = False) -> None:
        self.state, self.elsewhere = "over", elsewhere

    def connect(self, answer: Description) -> None:
        self.connected = answer

    def hold(self) -> None:
        self.held = True

    def resume(self) -> None:
        self.held = False

    def offer(self, description: Description) -> None:
        self.offered.append(description)

    def answer(self, description: Description | None) -> None:
        self.answers_got.append(description)

    def press(self, tone: Tone, told: Told) -> None:
        self.tones.append(tone)
        told(True)

    def join(self, other: "TelephoneLeg") -> None:
        if not isinstance(other, MemoryTelephone):
            raise TypeError("a leg of another network")
        self.joined, other.joined = other, self


class MemoryTelephones:
    """A telephone network in memory, for tests: it places calls that go nowhere.

    `placed` are all legs in their order.  A number of which `behaviour` says nothing waits for the
    test; for the others it is one of answers, busy, declines, rings (on and on), unreachable, or
    hangs up (soon after it answered).  `later(seconds, action)` makes things happen in their time.
    `offers` says what a number offers to whom offers it nothing, None for nothing.  `away` are the
    names of gateways that take no calls.
    """

    def __init__(
        self,
        behaviour: Callable[[str], str] = lambda number: "",  # noqa: ARG005
        later: Callable[[float, Callable[[], None]], object] = lambda _, action: action(),
        offers: Callable[[str], Description | None] = lambda number: None,  # noqa: ARG005
    ) -> None:
        self._behaviour = behaviour
        self._offers = offers
        self._later = later
        self.placed: list[MemoryTelephone] = []
        self.away: set[str] = set()

    def is_away(self, gateway: Gateway) -> bool:
        return gateway.name in self.away

    def place(self, order: Order, hear: Hear) -> MemoryTelephone:
        telephone = MemoryTelephone(order, hear)
        telephone.own = self._offers(order.number)
        self.placed.append(telephone)
        for after_s, action in self._script(telephone):
            self._later(after_s, action)
        return telephone

    def to(self, number: str) -> MemoryTelephone:
        """The latest leg to a number.  Raises LookupError when there is none."""
        for telephone in reversed(self.placed):
            if telephone.order.number == number:
                return telephone
        raise LookupError(number)

    def _script(self, telephone: MemoryTelephone) -> list[tuple[float, Callable[[], None]]]:
        answers = (RING_S, telephone.answers)
        return {
            "": [],
            "answers": [(0.0, telephone.rings), answers],
            "busy": [(0.0, telephone.is_busy)],
            "declines": [(0.0, telephone.rings), (RING_S, telephone.declines)],
            "rings": [(0.0, telephone.rings)],
            "unreachable": [(0.0, telephone.cannot_be_reached)],
            "hangs up": [(0.0, telephone.rings), answers, (2 * RING_S, telephone.hangs_up)],
        }[self._behaviour(telephone.order.number)]


RING_S = 0.1
"""How long telephones in memory ring before somebody picks them up."""

BEHAVIOURS = ("answers", "answers", "busy", "declines", "rings", "unreachable", "hangs up")


def by_last_digit(number: str) -> str:
    """The behaviour of a number by its last digit: 0 and 1 answer, 2 is busy, 3 declines, 4 rings
    on, 5 cannot be reached, 6 hangs up, and the others answer."""
    digit = number[-1:]
    return BEHAVIOURS[int(digit)] if digit.isdigit() and int(digit) < len(BEHAVIOURS) else "answers"
