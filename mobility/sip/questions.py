"""Questions that are asked by a MESSAGE and answered by another one (RFC 3428).

A success of MESSAGE has no body, so whoever is asked answers with a request of its own, with the
question's Call-ID in In-Reply-To (RFC 3261 section 20.21).  An answer counts when it comes over the
connection that the question left by, or over one whose peer has proven the same name.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import attrs
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.defer import TimeoutError as DeferTimeout

from mobility.events import EventLog
from mobility.sip.client import Client
from mobility.sip.core import Core, Handler, Incoming
from mobility.sip.flow import Flow
from mobility.sip.locating import Locator, Unreachable
from mobility.sip.message import Request, Response
from mobility.sip.outgoing import Outgoing
from mobility.sip.refusal import SipRefusal
from mobility.sip.routing import Hop, Target

MAX_OPEN = 1_000
"""Questions at once (our choice: a few for each request to a clearing house)."""

MAX_REASON = 120
"""Characters of a peer's reason phrase that are told on (our choice)."""


class Unanswered(Exception):
    """No answer came.  `hop` is where it ended: "address", "connection", "answer" or "reply".

    `status` is that of the final response, 0 without one; `retry_after_s` what it asked to wait.
    """

    def __init__(self, hop: str, reason: str, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.hop = hop
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s


@attrs.frozen(slots=True)
class Question:
    """What is asked: from and to whom (URIs), and by which targets that is reached."""

    from_uri: str
    to_uri: str
    targets: Sequence[Target]
    media_type: str
    body: bytes = attrs.field(repr=False)


@attrs.define(slots=True, eq=False)
class _Open:
    """A question on its way; `name` is that of the hop that was asked."""

    name: str
    flow: Flow
    answer: Deferred[bytes] = attrs.Factory(Deferred)


class Questions:
    """Asks, and hears the answers among the MESSAGE requests that come."""

    def __init__(self, core: Core, client: Client, outgoing: Outgoing, locator: Locator) -> None:
        self._client = client
        self._outgoing = outgoing
        self._locator = locator
        self._open: dict[str, _Open] = {}
        core.departures.append(self._broken)

    def __len__(self) -> int:
        return len(self._open)

    def before(self, handler: Handler) -> Handler:
        """A handler of MESSAGE that takes answers, and leaves everything else to `handler`."""

        def message(incoming: Incoming) -> Awaitable[None] | None:
            return None if self._open and self._heard(incoming) else handler(incoming)

        return message

    async def ask(self, question: Question, timeout_s: float) -> bytes:
        """The body of the answer.  Raises Unanswered."""
        if len(self._open) >= MAX_OPEN:
            raise Unanswered("answer", "too many questions are open")
        asking = ensureDeferred(self._ask(question))
        asking.addTimeout(timeout_s, self._client.clock)
        try:
            return await asking
        except DeferTimeout as error:
            raise Unanswered("reply", f"no answer came within {timeout_s:g} s") from error

    async def _ask(self, question: Question) -> bytes:
        last = Unanswered("address", "there is nowhere to send it")
        for target in question.targets:
            try:
                hops = await self._locator.hops(target)
            except Unreachable as error:
                last = Unanswered("address", str(error))
                continue
            for hop in hops:
                try:
                    return await self._ask_at(question, hop)
                except Unanswered as failed:
                    if failed.hop != "connection" and failed.status != 503:
                        raise
                    last = failed
        raise last

    async def _ask_at(self, question: Question, hop: Hop) -> bytes:
        where = f"{hop.name} ({hop.address}:{hop.port})"
        try:
            flow = await self._outgoing.flow(hop)
        except Unreachable as error:
            raise Unanswered("connection", f"{where}: {error}") from error
        request = message(
            self._client, question.from_uri, question.to_uri, question.media_type, question.body
        )
        one = self._open[request.call_id] = _Open(hop.name, flow)
        try:
            response = await self._client.ask(request, [flow])
            if not response.heard:
                raise _unheard(where, response, self._outgoing.end_of(hop))
            if response.status >= 300:
                raise _refused(where, response)
            body = await one.answer
        finally:
            self._open.pop(request.call_id, None)
        if not body:
            raise Unanswered("reply", f"{where} closed the connection before it answered")
        return body

    def _heard(self, incoming: Incoming) -> bool:
        """Whether a MESSAGE is the answer to a question."""
        for call_id in incoming.request.values("In-Reply-To"):
            one = self._open.get(call_id)
            flow = incoming.flow
            if one is not None and (flow is one.flow or one.name in flow.names):
                del self._open[call_id]
                incoming.respond(200)
                one.answer.callback(incoming.request.body)
                return True
        return False

    def _broken(self, flow: Flow) -> None:
        for call_id, one in list(self._open.items()):
            if one.flow is flow:
                del self._open[call_id]
                one.answer.callback(b"")


def message(client: Client, from_uri: str, to_uri: str, media_type: str, body: bytes) -> Request:
    """A MESSAGE with this body."""
    request = client.request_as(
        "MESSAGE", to_uri, f"<{from_uri}>;tag={client.new_tag()}", f"<{to_uri}>", body
    )
    request.set("Content-Type", media_type)
    return request


def is_of_type(request: Request, media_type: str) -> bool:
    """Whether a request's body is of a media type, whatever parameters it has."""
    found = request.first("Content-Type") or ""
    return found.partition(";")[0].strip().lower() == media_type


class Answering:
    """The other side: serves MESSAGE requests that are questions, and answers them.

    `accepts` looks at a question: it raises SipRefusal for what is refused at once, and else gives
    what will be answered.
    """

    def __init__(
        self,
        core: Core,
        client: Client,
        accepts: Callable[[Incoming], Awaitable[bytes]],
        media_type: str,
        log: EventLog,
    ) -> None:
        self._log = log
        self._client = client
        self._accepts = accepts
        self._media_type = media_type
        self._under_way = 0
        core.serve("MESSAGE", self.message)
        core.offers["Accept"] = media_type

    @property
    def under_way(self) -> int:
        """How many questions wait for their answers."""
        return self._under_way

    def message(self, incoming: Incoming) -> None:
        """A MESSAGE came.  Raises SipRefusal and Malformed."""
        request = incoming.request
        if not is_of_type(request, self._media_type):
            raise SipRefusal(415, fields={"Accept": [self._media_type]})
        if self._under_way >= MAX_OPEN:
            raise SipRefusal(503, fields={"Retry-After": ["5"]})
        to_uri = request.from_.sip.aor
        answer = self._accepts(incoming)
        incoming.respond(200)
        self._under_way += 1
        sending = ensureDeferred(self._answer(incoming, to_uri, answer))
        sending.addErrback(
            lambda failure: self._log.failure("sip.failed", failure, method="MESSAGE")
        )

    async def _answer(self, incoming: Incoming, to_uri: str, answer: Awaitable[bytes]) -> None:
        try:
            body = await answer
        finally:
            self._under_way -= 1
        request = message(self._client, incoming.request.to.sip.aor, to_uri, self._media_type, body)
        request.set("In-Reply-To", incoming.request.call_id)
        self._client.send(request, [incoming.flow], _nothing)


def _unheard(where: str, response: Response, end: str) -> Unanswered:
    """Nobody has answered: not in time, or the connection has ended before."""
    if response.status == 408:
        return Unanswered("answer", f"{where} answers nothing", response.status)
    told = f"{where} closed the connection before it answered"
    return Unanswered("connection", f"{told}: {end}" if end else told, response.status)


def _refused(where: str, response: Response) -> Unanswered:
    words = "".join(one for one in response.reason[:MAX_REASON] if one.isprintable())
    warning = (response.first("Warning") or "")[:MAX_REASON]
    told = f"{response.status} {words}".strip()
    if warning and warning.isprintable():
        told += f" ({warning})"
    after = (response.first("Retry-After") or "").partition("(")[0].partition(";")[0].strip()
    wait_s = min(float(after), 3_600.0) if after.isascii() and after.isdigit() else 0.0
    return Unanswered("answer", f"{where} answered {told}", response.status, wait_s)


def _nothing(response: Response) -> None:
    """Whoever does not take an answer asks again."""


def targets(hosts: Iterable[tuple[str, int]]) -> list[Target]:
    """Hosts and ports that are reached over TLS, each by its own name."""
    return [Target(host.lower(), port, "TLS") for host, port in hosts]
