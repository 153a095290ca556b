"""Requests of ours: the user agent client (RFC 3261 sections 8.1, 9.1 and 13.2; RFC 3263).

A request is made without a Via, by `Client.request` out of dialogs and by `Dialog.request` within
one.  `Client.send` gives it to one way after the other (`mobility.sip.routing.Way`: a connection
that is there, or a target) until one answers:

- Each try is a transaction of its own, with all its timers and, over UDP, its retransmissions.  The
  next way is tried on 503, unless it leads to the same place, on a transport error, and when
  nothing was heard for `ATTEMPT_S` while there is a next one, but for INVITE and UPDATE within
  dialogs.  If all are in vain a 503 that was heard is the answer.
- Where the ways are the flows of one phone, the next one is tried on 408 and 430 instead of 503,
  and the request is then addressed to that (RFC 5626 section 5.3).
- `on_response` is called with each provisional response but 100, and with the final one.  Where
  there is none it is called with one made here: 408 for silence, 503 where nobody could be
  reached (RFC 3261 section 8.1.3.1), 487 for what was cancelled first; it was not `heard`, and
  `Sending.local` is true then.  It is called later than `send` returns, or before, and must not
  raise.
- An INVITE may be answered by several 2xx, and by the same one again: each calls `on_response`, and
  each time the caller sends the ACK (`Dialog.acknowledge`) with `Client.pass_on`.  The ACK of
  another final response is the transaction's.  `Client.hang_up` ends a 2xx that nobody wants.
- A 401 or 407 of a server at which we have an account (`mobility.sip.accounts`) is answered: the
  request is sent again over the same flow, and `request` then has the next CSeq and the
  credentials, which the ACK of an INVITE takes over.
- A 3xx of a server that a route or a gateway led to (`follows`) leads on, as far as
  `mobility.sip.redirects` lets it; `request` then has the next CSeq and the new Request-URI.
- `Sending.cancel` ends an INVITE; the CANCEL goes out when a provisional response has come.  What
  rings, rings for ever without it.

For a request within a dialog: `client.send(request, ways_of(request, flow), on_response)`, where
`flow` is the one the other side was last heard on.  For a registered phone:
`registrar.ways(request, phone)` gives the ways.
"""

import os
from collections.abc import Callable, Sequence, Set

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mobility.events import Catalogue, EventLog
from mobility.sip.accounts import Accounts, credentials_of
from mobility.sip.core import (
    MAX_CALL_ID_SHOWN,
    MAX_METHOD_SHOWN,
    Core,
    milliseconds,
    peer_of,
)
from mobility.sip.dialog import Dialog, Entropy, dialog_id_from, new_tag
from mobility.sip.flow import Flow, contact_over, sent_by
from mobility.sip.grammar import Malformed
from mobility.sip.headers import MAX_CSEQ, NameAddr
from mobility.sip.limits import MAX_WAYS
from mobility.sip.locating import Locator, Unreachable
from mobility.sip.message import Request, Response
from mobility.sip.outgoing import Outgoing
from mobility.sip.redirects import Redirection, Redirects
from mobility.sip.relay import Relay
from mobility.sip.routing import Hop, PhoneFlow, Target, Way, ways_of
from mobility.sip.sending import Attempt, OnResponse, Sending, Settled
from mobility.sip.transaction import LIFETIME_S

EVENTS: Catalogue = {
    "sip.sent": {
        "method": "of the request",
        "status": "of the final response, ours if nobody answered",
        "peer": "who was asked last: the name in its certificate, or its address",
        "call": "Call-ID, cut to 64 characters",
        "tries": "how many ways were tried",
        "ms": "from the request to its final response",
    },
    "sip.too_large": {
        "method": "of the request",
        "peer": "where it was to go by UDP",
        "bytes": "its size",
    },
    "sip.large_datagram": {
        "method": "of the request, which should have gone over TCP and could not",
        "peer": "where it went by UDP",
        "bytes": "its size",
    },
}

MAX_DATAGRAM_BYTES = 1_300
"""A larger request goes over TCP (RFC 3261 section 18.1.1).  Where TCP cannot be a MESSAGE does not
go at all (RFC 3428 section 8), and others go by UDP after all, which the log says."""

VIA_BYTES = 128
"""What a Via of ours has at most, host names aside (our choice)."""

_FLOW_FAILED = frozenset({408, 430})
"""Upon which a phone is tried over the next of its flows (RFC 5626 section 5.3)."""

_REACHED = frozenset({"INVITE", "NOTIFY", "REFER", "SUBSCRIBE", "UPDATE"})
"""Requests that say at which Contact their sender is reached; who gives none gets that of the
connection they leave by."""


Onward = Callable[[Request, Sequence[Way]], Sequence[Way]]
"""The ways of a request, which it may address anew."""


def _as_given(request: Request, ways: Sequence[Way]) -> Sequence[Way]:  # noqa: ARG001
    return ways


class Client:
    """Sends requests."""

    def __init__(
        self,
        core: Core,
        outgoing: Outgoing,
        locator: Locator,
        clock: IReactorTime,
        log: EventLog,
        entropy: Entropy = os.urandom,
        accounts: Accounts | None = None,
        redirects: Redirects | None = None,
    ) -> None:
        """Without `accounts` no challenge is answered, without `redirects` none is followed."""
        self.core = core
        self.accounts = accounts
        self.onward: Onward = _as_given
        """Sees to requests whose URI does not say where their receiver is."""
        self._redirects = redirects
        self.clock = clock
        self._outgoing = outgoing
        self._locator = locator
        self._log = log
        self._entropy = entropy

    def new_tag(self) -> str:
        return new_tag(self._entropy)

    def request(
        self, method: str, uri: str, from_: NameAddr, to: NameAddr, body: bytes = b""
    ) -> Request:
        """A request that is in no dialog; `from_` gets a tag if it has none."""
        own = str(from_) if from_.tag else f"{from_};tag={self.new_tag()}"
        return self.request_as(method, uri, own, str(to), body)

    def request_as(self, method: str, uri: str, from_: str, to: str, body: bytes = b"") -> Request:
        """The same, of the texts of From, with its tag, and To."""
        fields = {
            "Max-Forwards": ["70"],
            "From": [from_],
            "To": [to],
            "Call-ID": [self._entropy(16).hex()],
            "CSeq": [f"1 {method}"],
        }
        return Request(fields=fields, body=body, method=method, uri=uri)

    def send(
        self,
        request: Request,
        ways: Sequence[Way],
        on_response: OnResponse,
        *,
        follows: bool = False,
    ) -> Sending:
        """Send a request without a Via (see the module); `follows` says that it may be redirected,
        which is for those out of dialogs."""
        ways = self.onward(request, ways)
        sending = Sending(self, request, on_response, self.clock.seconds())
        if follows:
            sending.redirection = Redirection(ways)
        if len(ways) > 1 and isinstance(ways[0], PhoneFlow):
            sending.next_on = _FLOW_FAILED
        sending.plain = request
        way = ways[0] if len(ways) == 1 else None  # what most requests have
        if way is None or isinstance(way, Target | PhoneFlow) or _is_too_large(request, way):
            self._begin(sending, request, ways)
        else:
            self._attempt(sending, request, way, sending.settled, more=False)
        return sending

    def relay(self, request: Request, ways: Sequence[Way], on_response: OnResponse) -> None:
        """Send a request that somebody else has made, still without a Via of ours.

        It is as with `send`, but for what only requests of our own have: nobody's challenge is
        answered over the one connection that leads to a phone.
        """
        way = ways[0] if len(ways) == 1 else None
        if way is None or isinstance(way, Target | PhoneFlow) or _is_too_large(request, way):
            self.send(request, ways, on_response)
            return
        branch = self.core.new_branch()
        request.fields = {"Via": [_via(way, branch)], **request.fields}
        relay = Relay(self, request, way, on_response, self.clock.seconds())
        self.core.transactions.request(request, way, relay, branch)

    def unheard(self, request: Request, status: int) -> Response:
        """A response that nobody has sent."""
        response = request.respond(status, self.new_tag())
        response.heard = False
        return response

    def _begin(self, sending: Sending, request: Request, ways: Sequence[Way]) -> None:
        trying = Deferred.fromCoroutine(self._try(sending, request, list(ways[:MAX_WAYS])))
        trying.addErrback(self._failed, sending)

    def _failed(self, failure: Failure, sending: Sending) -> None:
        """A fault of ours: it is told, and whoever waits for an answer gets one."""
        self._log.failure("sip.failed", failure, method="send")
        sending.finish(sending.made(500))

    def redirected(self, sending: Sending, response: Response) -> bool:
        """Whether a request that was answered so is sent on to another URI."""
        redirection, plain = sending.redirection, sending.plain
        if redirection is None or self._redirects is None or sending.cancelled is not None:
            return False
        onward = self._redirects.next(redirection, plain, response)
        if onward is None or not self.number_again(plain):
            return False
        uri, ways = onward
        plain.uri = str(uri)
        self._begin(sending, plain, ways)
        return True

    async def ask(
        self, request: Request, ways: Sequence[Way], *, follows: bool = False
    ) -> Response:
        """The final response to a request that is no INVITE."""
        answered: Deferred[Response] = Deferred()

        def answer(response: Response) -> None:
            if response.is_final:
                answered.callback(response)

        self.send(request, ways, answer, follows=follows)
        return await answered

    def pass_on(self, request: Request, ways: Sequence[Way]) -> None:
        """Send an ACK, which has no transaction, over the first way that there is."""
        ways = self.onward(request, ways)
        passing = Deferred.fromCoroutine(self._pass_on(request, list(ways[:MAX_WAYS])))
        passing.addErrback(lambda failure: self._log.failure("sip.failed", failure, method="ACK"))

    def hang_up(self, invite: Request, response: Response, flow: Flow | None) -> None:
        """Acknowledge a 2xx to an INVITE that nobody wants, and end its dialog.

        `invite` and `flow` are those of the Sending.
        """
        try:
            dialog = Dialog.calling(invite, response, secure=False)
            ack = dialog.acknowledge(invite.cseq.number)
            for name, value in credentials_of(invite):
                ack.add(name, value)
            bye = dialog.request("BYE")
            self.pass_on(ack, ways_of(ack, flow))
            self.send(bye, ways_of(bye, flow), _nothing)
        except Malformed:
            return  # whoever answers so hears nothing, and gives up by itself

    # -- one way after the other ------------------------------------------------------------------

    async def _try(self, sending: Sending, request: Request, ways: list[Way]) -> None:
        deadline = self.clock.seconds() + LIFETIME_S
        last: Response | None = None
        unavailable: set[tuple[str, int]] = set()
        for number, one in enumerate(ways):
            way = one.address(request) if isinstance(one, PhoneFlow) else one
            if way is None:
                continue
            hops = await self._hops(way, request)
            if request.method == "MESSAGE":
                fitting = [hop for hop in hops if not self._is_too_large(request, hop)]
                sending.too_large |= len(fitting) < len(hops)
                hops = fitting
            for place, hop in enumerate(hops):
                if self.clock.seconds() >= deadline:
                    break
                if _is_at(hop, unavailable, request):
                    continue
                flow = await self._flow(hop, way)
                if sending.finished or (last is not None and sending.cancelled is not None):
                    break
                if flow is not None:
                    more = place + 1 < len(hops) or number + 1 < len(ways)
                    more = more and not _has_one_answer(request)
                    done: Deferred[Response | None] = Deferred()
                    self._attempt(sending, request, flow, done.callback, more=more)
                    answer = await done
                    if answer is None:
                        return
                    if answer.heard and answer.status == 503:
                        unavailable.add(flow.source)
                    if answer.heard or last is None or not last.heard:
                        last = answer
                    again = isinstance(one, PhoneFlow) and not answer.heard and one.moved(flow)
                    if again and len(ways) < MAX_WAYS:  # the phone has come back over another
                        ways.insert(number + 1, one)
        sending.finish(last or sending.made(513 if sending.too_large else 503))

    async def _hops(self, way: Flow | Target, request: Request) -> Sequence[Hop | Flow]:
        """What a way stands for; large requests try TCP before UDP, at the same port."""
        if not isinstance(way, Target):
            if not _is_too_large(request, way):
                return [way]
            host, port = way.source
            return [Hop("TCP", host, port, host), way]
        try:
            hops = await self._locator.hops(way)
        except Unreachable:
            return []
        if _size(request) <= MAX_DATAGRAM_BYTES:
            return hops
        over_tcp = [attrs.evolve(hop, transport="TCP") for hop in hops if hop.transport == "UDP"]
        return [*over_tcp, *hops]

    def _is_too_large(self, request: Request, hop: Hop | Flow) -> bool:
        """Whether a MESSAGE does not fit into a datagram, which the log says."""
        if hop.transport != "UDP" or _size(request) <= MAX_DATAGRAM_BYTES:
            return False
        peer = hop.address if isinstance(hop, Hop) else hop.source[0]
        size = _size(request)
        self._log.emit("sip.too_large", method=request.method, peer=peer, bytes=size)
        return True

    async def _flow(self, hop: Hop | Flow, way: Flow | Target) -> Flow | None:
        if not isinstance(hop, Hop):
            return hop
        try:
            flow = await self._outgoing.flow(hop)
        except Unreachable:
            return None
        if self.accounts is not None and isinstance(way, Target):
            self.accounts.reached(way, flow)
        return flow

    def _attempt(
        self, sending: Sending, request: Request, flow: Flow, settled: Settled, *, more: bool
    ) -> None:
        """One try."""
        if self.accounts is not None:
            self.accounts.prove(request, flow)
        if flow.transport == "UDP" and request.method != "MESSAGE":
            size, peer = _size(request), flow.source[0]
            if size > MAX_DATAGRAM_BYTES:
                method = request.method[:MAX_METHOD_SHOWN]
                self._log.emit("sip.large_datagram", method=method, peer=peer, bytes=size)
        self.begin(Attempt(sending, request, flow, settled), more=more)

    def begin(self, attempt: Attempt, *, more: bool) -> None:
        """Send the request of an attempt."""
        sending, flow = attempt.sending, attempt.flow
        attempt.branch = self.core.new_branch()
        sending.request = attempt.request = self._with_via(attempt.plain, flow, attempt.branch)
        sending.flow, sending.local, sending.attempt = flow, False, attempt
        sending.tries += 1
        attempt.begin(more=more)

    def number_again(self, request: Request) -> bool:
        """Give a request that is sent again the next number of its dialog, if there is one left."""
        number = request.cseq.number
        conversant = self.core.dialogs.get(dialog_id_from(request))
        if conversant is not None:
            number = max(number, conversant.dialog.local_number or 0)
        if number >= MAX_CSEQ:
            return False
        request.renumber(number + 1)
        if conversant is not None:
            conversant.dialog.local_number = number + 1
        return True

    def _with_via(self, request: Request, flow: Flow, branch: str) -> Request:
        fields = {"Via": [_via(flow, branch)], **request.fields}
        if request.method in _REACHED and "Contact" not in fields:
            fields["Contact"] = [f"<{contact_over(flow)}>"]
        return Request(fields, request.body, request.method, request.uri)

    async def _pass_on(self, request: Request, ways: list[Way]) -> None:
        for one in ways:
            way = one.address(request) if isinstance(one, PhoneFlow) else one
            if way is None:
                continue
            for hop in await self._hops(way, request):
                flow = await self._flow(hop, way)
                branch = self.core.new_branch()
                if flow is not None and flow.send(bytes(self._with_via(request, flow, branch))):
                    return

    def log_sent(self, sending: Sending | Relay, response: Response) -> None:
        """One line for a request of ours that has been answered."""
        self._log.access(
            "sip.sent",
            {
                "method": sending.request.method[:MAX_METHOD_SHOWN],
                "status": response.status,
                "peer": "" if sending.flow is None else peer_of(sending.flow),
                "call": sending.request.fields["Call-ID"][0][:MAX_CALL_ID_SHOWN],
                "tries": sending.tries,
                "ms": milliseconds(self.clock.seconds() - sending.began_at),
            },
        )


def _is_at(hop: Hop | Flow, sources: Set[tuple[str, int]], request: Request) -> bool:
    """Whether a hop leads to where one of these is: within a dialog, whatever the port, since who
    has called over a connection is reached at another one."""
    address, port = (hop.address, hop.port) if isinstance(hop, Hop) else hop.source
    if "tag" in request.to.parameters:
        return any(known == address for known, _ in sources)
    return (address, port) in sources


def _via(flow: Flow, branch: str) -> str:
    return f"SIP/2.0/{flow.transport} {sent_by(flow)};branch={branch};rport"


def _has_one_answer(request: Request) -> bool:
    """Whether a request must not be tried again while one that was sent may be answered: one that
    offers within a dialog, where the next try has the same number, and what is given up is not
    undone without the call."""
    return request.method in ("INVITE", "UPDATE") and "tag" in request.to.parameters


def _size(request: Request) -> int:
    """Bytes of a request with its Via."""
    return len(bytes(request)) + VIA_BYTES


def _is_too_large(request: Request, flow: Flow) -> bool:
    """Whether a MESSAGE has to go otherwise than by UDP; other requests find phones behind NAT over
    nothing else."""
    if flow.transport != "UDP" or request.method != "MESSAGE":
        return False
    return _size(request) > MAX_DATAGRAM_BYTES


def _nothing(response: Response) -> None:
    """Nobody waits for it."""
