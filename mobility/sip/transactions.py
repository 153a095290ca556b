"""Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3).

The layer owns the transactions of all transports and runs their timers; it is given the clock, the
randomness and the user.
"""

from collections.abc import Callable
from typing import Protocol

from mobility.sip import transaction as machines
from mobility.sip.flow import Flow
from mobility.sip.headers import MAGIC_COOKIE
from mobility.sip.message import Request, Response
from mobility.sip.transaction import Event, State, Transaction, event_of

MAX_TRANSACTIONS = 100_000
"""Transactions at once; a request beyond is answered 503 (our choice: about 200 MB of them)."""

ServerKey = tuple[str, str, int | None, str]
ClientKey = tuple[str, str]


class Timer(Protocol):
    """What `call_later` gives."""

    def cancel(self) -> object: ...


CallLater = Callable[[float, Callable[[], None]], Timer]


class User(Protocol):
    """The core: what transactions are for."""

    def requested(self, transaction: Transaction, request: Request, flow: Flow) -> None:
        """A request came that is none of a running transaction's."""

    def acknowledged(self, request: Request, flow: Flow) -> None:
        """An ACK of a 2xx came (RFC 3261 section 13.3.1.4)."""

    def responded(self, transaction: Transaction, response: Response) -> None:
        """A response to a request of ours came."""

    def failed(self, transaction: Transaction, event: Event) -> None:
        """No answer, or no ACK, will come."""

    def stray(self, response: Response, flow: Flow) -> None:
        """A response came to nothing we asked, such as another 2xx to an INVITE."""


class Transactions:
    """The transactions that run.  It is the Port of each of them."""

    def __init__(self, user: User, call_later: CallLater) -> None:
        self._user = user
        self._call_later = call_later
        self._servers: dict[ServerKey, Transaction] = {}
        self._clients: dict[ClientKey, Transaction] = {}
        self._of_flow: dict[Flow, set[Transaction]] = {}

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    # -- what comes from transports -------------------------------------------------------------

    def broken(self, flow: Flow) -> None:
        """The flow carries nothing any more."""
        for transaction in list(self._of_flow.get(flow, ())):
            transaction.feed(Event.UNSENT)

    def receive_response(self, response: Response, flow: Flow) -> None:
        """A checked response came (`mobility.sip.validation`)."""
        key = response.via.parameters.get("branch") or "", response.cseq.method
        transaction = self._clients.get(key)
        if transaction is None:
            self._user.stray(response, flow)
        else:
            transaction.feed(event_of(response), response)

    def receive_request(self, request: Request, flow: Flow) -> None:
        """A checked request came."""
        method = request.method
        key = _server_key(request, "INVITE" if method == "ACK" else method)
        transaction = self._servers.get(key)
        if transaction is not None:
            event = Event.ACK if method == "ACK" else Event.REQUEST
            transaction.feed(event, request)
            return
        if method == "ACK":
            self._user.acknowledged(request, flow)
            return
        if len(self._servers) + len(self._clients) >= MAX_TRANSACTIONS:
            busy = request.respond(503)
            busy.set("Retry-After", "10")
            flow.send(bytes(busy))
            return
        transaction = machines.server(request, reliable=flow.reliable, port=self)
        transaction.key, transaction.flow = key, flow
        self._servers[key] = transaction
        self._user.requested(transaction, request, flow)
        if transaction.state is not State.TERMINATED:
            self._of_flow.setdefault(flow, set()).add(transaction)

    def cancelled(self, cancel: Request) -> Transaction | None:
        """The INVITE that a CANCEL is about (RFC 3261 section 9.2)."""
        return self._servers.get(_server_key(cancel, "INVITE"))

    # -- what the user wants --------------------------------------------------------------------

    def request(
        self, request: Request, flow: Flow, user: object = None, branch: str = ""
    ) -> Transaction:
        """Send a request of ours, with a Via whose `branch` is unique, read there if not given."""
        transaction = machines.client(request, reliable=flow.reliable, port=self, user=user)
        key = branch or request.via.branch, request.method
        transaction.key, transaction.flow = key, flow
        self._clients[key] = transaction
        self._of_flow.setdefault(flow, set()).add(transaction)
        transaction.begin()
        return transaction

    # -- what transactions want (a Port) --------------------------------------------------------

    def send(self, transaction: Transaction, message: Request | Response) -> None:
        if not transaction.flow.send(message.__bytes__()):  # which bytes() only finds more slowly
            self.start(transaction, Event.UNSENT, 0.0)

    def start(self, transaction: Transaction, timer: Event, seconds: float) -> None:
        timers = transaction.timers
        if timers is None:
            timers = transaction.timers = {}
        elif timer in timers:
            timers[timer].cancel()

        def fire() -> None:
            transaction.timers.pop(timer, None)
            transaction.feed(timer)

        timers[timer] = self._call_later(seconds, fire)

    def stop(self, transaction: Transaction, timer: Event) -> None:
        started = transaction.timers.pop(timer, None) if transaction.timers else None
        if started is not None:
            started.cancel()

    def deliver(self, transaction: Transaction, message: Request | Response) -> None:
        if isinstance(message, Response):
            self._user.responded(transaction, message)
        else:
            self._user.acknowledged(message, transaction.flow)

    def fail(self, transaction: Transaction, event: Event) -> None:
        self._user.failed(transaction, event)

    def end(self, transaction: Transaction) -> None:
        if transaction.timers:
            for timer in transaction.timers.values():
                timer.cancel()
            transaction.timers = None
        flow, key = transaction.flow, transaction.key
        others = self._of_flow.get(flow)
        if others is not None:
            others.discard(transaction)
            if not others:
                del self._of_flow[flow]
        if len(key) == 2:
            self._clients.pop(key, None)
        else:
            self._servers.pop(key, None)
        transaction.user = None  # which has the transaction: memory is free at once without cycles


def _server_key(request: Request, method: str) -> ServerKey:
    """RFC 3261 section 17.2.3; without the magic cookie, the RFC 2543 way."""
    via = request.via
    branch = via.parameters.get("branch") or ""
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return branch, via.host, via.port, method
    old = (
        request.uri,
        request.from_.tag,
        request.call_id,
        str(request.cseq.number),
        str(via),
    )
    return "\0".join(old), "", None, method
