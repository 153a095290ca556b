"""The core of the user agent (RFC 3261 sections 8 and 12): what is done with requests.

It checks what came, answers what needs nobody's decision (OPTIONS, CANCEL, what is malformed or
not understood), finds the dialog of a request within one, and hands the rest to the method's
handler.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol
from weakref import WeakValueDictionary

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mobility.auth.peer_names import is_address
from mobility.errors import Refusal, Unavailable
from mobility.events import Catalogue, EventLog
from mobility.sip.dialog import (
    Dialog,
    DialogId,
    Entropy,
    OutOfOrder,
    dialog_id_of,
    new_branch,
    new_tag,
)
from mobility.sip.flow import Flow
from mobility.sip.framing import Frame, Unframeable
from mobility.sip.grammar import Malformed
from mobility.sip.headers import Via
from mobility.sip.limits import BUSY_RETRY_S
from mobility.sip.message import Request, Response, WrongVersion, parse, salvage
from mobility.sip.refusal import SipRefusal
from mobility.sip.timers import Timers
from mobility.sip.transaction import Event, Transaction
from mobility.sip.transactions import Timer, Transactions
from mobility.sip.uri import UnknownScheme
from mobility.sip.validation import MethodMismatch, check

EVENTS: Catalogue = {
    "sip.request": {
        "id": "of the request, unique while the process runs",
        "listener": "the listener's name",
        "method": "of the request, cut to 32 characters",
        "status": "of the final response",
        "peer": "the name in the peer's certificate, or its address",
        "call": "Call-ID, cut to 64 characters",
        "ms": "from the request to its final response",
    },
    "sip.malformed": {
        "listener": "the listener's name",
        "peer": "the name in the peer's certificate, or its address",
        "reason": "what is wrong with it",
        "status": "how it was answered, 0 for not at all",
    },
    "sip.failed": {
        "method": "of the request that could not be served",
        "failure": "the traceback",
    },
}

SUPPORTED = (
    "100rel",
    "eventlist",
    "gruu",
    "norefersub",
    "outbound",
    "path",
    "recipient-list-subscribe",
    "replaces",
    "timer",
)
"""Extensions that a peer may require of us."""

_SUPPORTED = ", ".join(SUPPORTED)

MAX_CALL_ID_SHOWN = 64
MAX_METHOD_SHOWN = 32

Handler = Callable[["Incoming"], Awaitable[None] | None]


class Conversant(Protocol):
    """Who has a dialog: an IM session, a call leg, a subscription."""

    dialog: Dialog

    def requested(self, incoming: "Incoming") -> Awaitable[None] | None:
        """A request within the dialog came, in order."""

    def acknowledged(self, ack: Request) -> None:
        """The ACK of a 2xx."""


class Asker(Protocol):
    """Who has sent a request (the `user` of a client transaction)."""

    def responded(self, transaction: Transaction, response: Response) -> None: ...

    def failed(self, transaction: Transaction, event: Event) -> None: ...


@attrs.define(slots=True, eq=False)
class Incoming:
    """A request on its way through a handler.

    `cancelled` is called when a CANCEL comes before the final response, `lost` when that cannot
    be delivered or its ACK does not come.
    """

    core: "Core" = attrs.field(repr=False)
    transaction: Transaction
    request: Request
    flow: Flow
    began_at: float
    tag: str = ""
    cancelled: Callable[[Request], None] | None = None
    lost: Callable[[Event], None] | None = None
    answered: bool = False

    def respond(
        self,
        status: int,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        reason: str = "",
    ) -> Response:
        """Answer; `fields` are further header fields."""
        response = self.response(status, reason)
        taken = response.fields
        for name, value in fields:
            taken[name] = [*taken[name], value] if name in taken else [value]
        response.body = body
        self.send(response)
        return response

    def response(self, status: int, reason: str = "") -> Response:
        """An answer that is still to be sent."""
        if status > 100 and not self.tag:
            self.tag = self.core.new_tag()
        return self.request.respond(status, self.tag, reason)

    def send(self, response: Response) -> None:
        """Answer with a response that was made already."""
        self.transaction.respond(response)
        if response.status >= 200 and not self.answered:
            self.answered = True
            self.core.log_answer(self, response.status)

    def failed(self, transaction: Transaction, event: Event) -> None:  # noqa: ARG002
        """What was answered did not arrive."""
        if self.lost is not None:
            self.lost(event)


class Core:
    """What all listeners of the SIP side have in common.  It is the User of the transactions."""

    def __init__(self, clock: IReactorTime, log: EventLog, entropy: Entropy) -> None:
        self._clock = clock
        self._log = log
        self.now = clock.seconds
        """Seconds on the clock of timers."""
        self.entropy = entropy
        self._numbers = 0
        self._timers = Timers(clock)
        self.transactions = Transactions(self, self._timers.later)
        self._handlers: dict[str, Handler] = {}
        self._within: set[str] = set()
        self.allow = ""
        """The value of Allow."""
        self.offers: dict[str, str] = {}
        """Further header fields that say what can be done, as Allow-Events and Accept."""
        self.serve("OPTIONS", self.options)
        self.serve("CANCEL", self._cancel)
        self.dialogs: dict[DialogId, Conversant] = {}
        self._invited: WeakValueDictionary[tuple[str, str, str, int], Incoming]
        self._invited = WeakValueDictionary()
        """The INVITEs out of dialogs that are served."""
        self.departures: list[Callable[[Flow], None]] = []
        """Told of each connection that is gone."""

    def new_tag(self) -> str:
        return new_tag(self.entropy)

    def stop(self) -> None:
        """Let no transaction wait for anything any more."""
        self._timers.stop()

    def new_branch(self) -> str:
        return new_branch(self.entropy)

    def later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call `action` after so long."""
        return self._clock.callLater(seconds, action)

    def between(self, least: float, most: float) -> float:
        """A random number in this range, in steps of a hundredth (RFC 3261 section 14.1)."""
        steps = int.from_bytes(self.entropy(2), "big") % (round((most - least) * 100) + 1)
        return least + steps / 100

    def serve(self, method: str, handler: Handler) -> None:
        """Let `handler` serve a method."""
        self._handlers[method] = handler
        self._allow()

    def serve_within(self, *methods: str) -> None:
        """These methods are served within dialogs, by those who have them."""
        self._within |= {*methods}
        self._allow()

    def _allow(self) -> None:
        self.allow = ", ".join(sorted({*self._handlers, *self._within, "ACK"}))

    # -- what comes ------------------------------------------------------------------------------

    def frame(self, frame: Frame, flow: Flow) -> None:
        """A message came on a flow."""
        try:
            message = parse(frame.head, frame.body)
            check(message)
        except Malformed as error:
            self._refuse_malformed(frame.head, flow, self._status_of(error), str(error))
            return
        if isinstance(message, Request):
            _mark_source(message, flow)
            self.transactions.receive_request(message, flow)
        else:
            self.transactions.receive_response(message, flow)

    def fault(self, fault: Unframeable, flow: Flow) -> None:
        """A stream cannot be read on."""
        self._refuse_malformed(fault.head, flow, fault.status, str(fault))

    def broken(self, flow: Flow) -> None:
        """A connection is gone."""
        self.transactions.broken(flow)
        for told in self.departures:
            told(flow)

    def _refuse_malformed(self, head: bytes, flow: Flow, status: int, why: str) -> None:
        request = salvage(head)
        if request is None or request.method == "ACK":
            status = 0
        else:
            response = request.respond(status, self.new_tag())
            response.reason += f": {why}"
            flow.send(bytes(response))
        self._log.emit(
            "sip.malformed",
            listener=flow.listener,
            peer=peer_of(flow),
            reason=why,
            status=status,
        )

    # -- transactions' user ----------------------------------------------------------------------

    def requested(self, transaction: Transaction, request: Request, flow: Flow) -> None:
        now = self.now()
        incoming = transaction.user = Incoming(self, transaction, request, flow, now)
        if not flow.allowance.take(now):
            incoming.respond(503, [("Retry-After", str(BUSY_RETRY_S))])
            return
        if request.method == "INVITE":
            transaction.respond(request.respond(100))
        try:
            answer = self._handler(incoming)(incoming)
        except Exception:  # whatever a handler raises is answered and logged
            self._fail(Failure(), incoming)
            return
        if answer is not None:
            self.follow(incoming, answer)

    def follow(self, incoming: Incoming, answer: Awaitable[None]) -> None:
        """Let `answer` answer a request, later; what it raises is answered and logged."""
        Deferred.fromCoroutine(_awaited(answer)).addErrback(self._fail, incoming)

    def acknowledged(self, request: Request, flow: Flow) -> None:  # noqa: ARG002  # a User
        conversant = self.dialogs.get(dialog_id_of(request))
        if conversant is not None:
            conversant.acknowledged(request)

    def responded(self, transaction: Transaction, response: Response) -> None:
        asker: Asker | None = transaction.user
        if asker is not None:
            asker.responded(transaction, response)

    def failed(self, transaction: Transaction, event: Event) -> None:
        asker: Asker | Incoming | None = transaction.user
        if asker is not None:
            asker.failed(transaction, event)

    def stray(self, response: Response, flow: Flow) -> None:
        """A response that nobody waits for is dropped (RFC 3261 section 18.1.2)."""

    # -- what is answered here ------------------------------------------------------------------

    def _handler(self, incoming: Incoming) -> Handler:
        """Who serves the request.  Raises SipRefusal and Malformed."""
        request = incoming.request
        handler = self._handlers.get(request.method)
        if handler is None and request.method not in _DIALOG_METHODS:
            known = request.method in _KNOWN_METHODS
            raise SipRefusal(405 if known else 501, fields={"Allow": [self.allow]})
        if "Require" in request.fields and request.method != "CANCEL":
            self._check_extensions(request)
        if not request.to.parameters.get("tag"):
            if handler is None:
                raise SipRefusal(481)
            if request.method == "INVITE":
                self._check_merged(incoming)
            return handler
        if request.method == "CANCEL":
            return self._cancel
        conversant = self.dialogs.get(dialog_id_of(request))
        if conversant is None:
            if request.method in _ANYWHERE and handler:
                return handler  # they need no dialog, whatever tag they carry
            raise SipRefusal(481)
        conversant.dialog.check(request)
        return conversant.requested

    def _check_merged(self, incoming: Incoming) -> None:
        """482 for an INVITE that has come already, by another way that a proxy has forked it (RFC
        3261 section 8.2.2.2), and waits for its answer.

        One that was forked to several people here is one for each.
        """
        request = incoming.request
        key = request.uri, request.call_id, request.from_.tag, request.cseq.number
        before = self._invited.get(key)
        if before is not None and not before.answered:
            raise SipRefusal(482)
        self._invited[key] = incoming

    def _check_extensions(self, request: Request) -> None:
        """420 for what the peer requires and we lack (RFC 3261 section 8.2.2.3)."""
        lacking = sorted(request.tokens("Require") - set(SUPPORTED))
        if lacking:
            raise SipRefusal(420, fields={"Unsupported": [", ".join(lacking)]})

    def _status_of(self, error: Malformed) -> int:
        """How a malformed request is answered; one of an unknown method is that above all."""
        if isinstance(error, WrongVersion):
            return 505
        if isinstance(error, MethodMismatch):
            known = error.method in self._handlers or error.method in _KNOWN_METHODS
            return 400 if known or error.method == "ACK" else 501
        return 416 if isinstance(error, UnknownScheme) else 400

    def options(self, incoming: Incoming) -> None:
        """What we can do (RFC 3261 section 11.2)."""
        response = incoming.response(200)
        fields = response.fields
        fields["Allow"], fields["Supported"] = [self.allow], [_SUPPORTED]
        for name, value in self.offers.items():
            fields[name] = [value]
        incoming.send(response)

    def _cancel(self, incoming: Incoming) -> None:
        """RFC 3261 section 9.2."""
        invited = self.transactions.cancelled(incoming.request)
        if invited is None:
            incoming.respond(481)
            return
        incoming.respond(200)
        invitation = invited.user
        if isinstance(invitation, Incoming) and not invitation.answered:
            if invitation.cancelled is not None:
                invitation.cancelled(incoming.request)
            if not invitation.answered:
                invitation.respond(487)

    def _fail(self, failure: Failure, incoming: Incoming) -> None:
        """Answer what a handler raised."""
        error = failure.value
        if isinstance(error, SipRefusal):
            refusal = error
        elif isinstance(error, UnknownScheme):
            refusal = SipRefusal(416)
        elif isinstance(error, OutOfOrder):
            refusal = SipRefusal(500, "Out Of Order")
        elif isinstance(error, Malformed):
            refusal = SipRefusal(400, f"Bad Request: {error}")
        elif isinstance(error, Unavailable):
            refusal = SipRefusal(503, fields={"Retry-After": [str(BUSY_RETRY_S)]})
        elif isinstance(error, Refusal):
            refusal = SipRefusal(error.status)
        else:
            self._log.failure(
                "sip.failed", failure, method=incoming.request.method[:MAX_METHOD_SHOWN]
            )
            refusal = SipRefusal(500)
        if not incoming.answered:
            incoming.tag = incoming.tag or self.new_tag()
            incoming.send(refusal.response(incoming.request, incoming.tag))

    def log_answer(self, incoming: Incoming, status: int) -> None:
        """One line for a request that was answered for good."""
        self._numbers += 1
        flow, request = incoming.flow, incoming.request
        self._log.access(
            "sip.request",
            {
                "id": self._numbers,
                "listener": flow.listener,
                "method": request.method[:MAX_METHOD_SHOWN],
                "status": status,
                "peer": peer_of(flow),
                "call": request.fields["Call-ID"][0][:MAX_CALL_ID_SHOWN],
                "ms": milliseconds(self.now() - incoming.began_at),
            },
        )


_ANYWHERE = frozenset({"MESSAGE", "NOTIFY", "OPTIONS", "PUBLISH", "REGISTER"})
"""Methods that make no dialog, and NOTIFY, which may come before the answer that makes one."""

_DIALOG_METHODS = frozenset({"BYE", "INFO", "NOTIFY", "PRACK", "REFER", "UPDATE"})
"""Methods that belong into dialogs: outside of one they are 481."""

_KNOWN_METHODS = _DIALOG_METHODS | {"INVITE", "MESSAGE", "PUBLISH", "REGISTER", "SUBSCRIBE"}


def milliseconds(seconds: float) -> float:
    """A duration as log lines say it, to the microsecond."""
    return int(seconds * 1_000_000) / 1000


def peer_of(flow: Flow) -> str:
    """Who is at the other end, for the log: the first name of its certificate that is no address
    where it has one, else its address."""
    if not flow.names:
        return flow.source[0]
    return min(flow.names, key=lambda name: (is_address(name), name))


def _mark_source(request: Request, flow: Flow) -> None:
    """Say in the topmost Via where the request came from (RFC 3261 section 18.2.1, RFC 3581)."""
    host, port = flow.source
    line = request.fields["Via"][0]
    via = request.via
    if line.endswith(";rport") and "," not in line and "received" not in via.parameters:
        # as nearly every peer sends it
        request.fields["Via"][0] = f"{line}={port};received={host}"
        return
    wants_port = "rport" in via.parameters
    if via.host.strip("[]") == host and not wants_port:
        return
    found: dict[str, str | None] = {**via.parameters, "received": host}
    if wants_port:
        found["rport"] = str(port)
    request.replace_via(Via(via.transport, via.host, via.port, found))


async def _awaited(answer: Awaitable[None]) -> None:
    await answer
