"""The four transaction machines (RFC 3261 section 17, with RFC 6026), as tables.

Sans-IO: a machine is told what happened and calls its `Port` for what is to be sent, timed or
handed on.  What a table does not list, the standard has the machine ignore.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

import attrs

from mobility.sip.message import Request, Response

T1_S = 0.5
"""Round-trip estimate (RFC 3261 table 4)."""
T2_S = 4.0
"""The longest interval between retransmissions of non-INVITE requests and INVITE responses."""
T4_S = 5.0
"""How long a message stays in the network."""
LIFETIME_S = 64 * T1_S
"""Timers B, F, H, J, L and M."""
TIMER_D_S = 32.0
"""Above 32 s for unreliable transports."""


class State(Enum):
    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    ACCEPTED = "Accepted"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    TERMINATED = "Terminated"

    __hash__ = object.__hash__  # by identity: that of Enum costs a tenth of a transaction


class Event(Enum):
    """What happens: a message from either side by its kind, a timer, or a broken transport."""

    REQUEST = "request again"
    ACK = "ACK"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    RETRANSMIT = "timer A, E or G"
    TIMEOUT = "timer B, F or H"
    LINGER = "timer D, I, J, K, L or M"
    UNSENT = "transport error"

    __hash__ = object.__hash__


class Port(Protocol):
    """What a machine needs of the world."""

    def send(self, transaction: "Transaction", message: Request | Response) -> None:
        """Put a message on the wire; a failure is told as Event.UNSENT, later."""

    def start(self, transaction: "Transaction", timer: Event, seconds: float) -> None:
        """Tell the machine `timer` after so long; at most one of a kind runs."""

    def stop(self, transaction: "Transaction", timer: Event) -> None:
        """Do not."""

    def deliver(self, transaction: "Transaction", message: Request | Response) -> None:
        """Hand a message to the transaction's user."""

    def fail(self, transaction: "Transaction", event: Event) -> None:
        """Tell the user that no answer or ACK will come: Event.TIMEOUT or Event.UNSENT."""

    def end(self, transaction: "Transaction") -> None:
        """The machine is done: it can be forgotten, and its timers with it."""


Action = Callable[["Transaction", Any], None]
Table = Mapping[tuple[State, Event], tuple[State, tuple[Action, ...]]]


@attrs.define(slots=True, eq=False)
class Transaction:
    """One machine.  `latest` is the last message it sent.

    `request` is what began it, `reliable` whether its transport is.  `user` is its user's own, and
    `key`, `flow` and `timers` are its port's.
    """

    table: Table = attrs.field(repr=False)
    state: State
    request: Request
    reliable: bool
    port: Port = attrs.field(repr=False)
    latest: Request | Response | None = attrs.field(default=None, repr=False)
    interval_s: float = T1_S
    user: Any = attrs.field(default=None, repr=False)
    key: Any = attrs.field(default=None, repr=False)
    flow: Any = attrs.field(default=None, repr=False)
    timers: Any = attrs.field(default=None, repr=False)

    def feed(self, event: Event, message: Request | Response | None = None) -> None:
        """Something happened."""
        step = self.table.get((self.state, event))
        if step is None:
            return
        self.state, actions = step
        for action in actions:
            action(self, message)

    def begin(self) -> None:
        """A client transaction sends its request."""
        if not self.reliable:
            self.port.start(self, Event.RETRANSMIT, self.interval_s)
        self.port.start(self, Event.TIMEOUT, LIFETIME_S)
        _send(self, self.request)

    def respond(self, response: Response) -> None:
        """The user of a server transaction answers."""
        step = self.table.get((self.state, event_of(response)))
        if step is not None:
            self.state, actions = step
            for action in actions:
                action(self, response)

    def give_up(self) -> None:
        """The user of a client transaction waits for nothing any more."""
        if self.state is not State.TERMINATED:
            self.state = State.TERMINATED
            self.port.end(self)


def event_of(response: Response) -> Event:
    """Which kind a response is."""
    if response.status < 200:
        return Event.PROVISIONAL
    return Event.SUCCESS if response.status < 300 else Event.FAILURE


def _send(transaction: Transaction, message: Request | Response) -> None:
    transaction.latest = message
    transaction.port.send(transaction, message)


def _send_again(transaction: Transaction, _: object) -> None:
    if transaction.latest is not None:
        transaction.port.send(transaction, transaction.latest)


def _repeat(transaction: Transaction, _: object) -> None:
    """Timer A: send again, and wait twice as long (RFC 3261 section 17.1.1.2)."""
    _send_again(transaction, None)
    transaction.interval_s *= 2
    transaction.port.start(transaction, Event.RETRANSMIT, transaction.interval_s)


def _repeat_slower(transaction: Transaction, _: object) -> None:
    """Timers E and G: likewise, but T2 at most."""
    _send_again(transaction, None)
    transaction.interval_s = min(transaction.interval_s * 2, T2_S)
    transaction.port.start(transaction, Event.RETRANSMIT, transaction.interval_s)


def _repeat_at_most(transaction: Transaction, _: object) -> None:
    """Timer E once a provisional response has come: every T2."""
    _send_again(transaction, None)
    transaction.port.start(transaction, Event.RETRANSMIT, T2_S)


def _start_repeating(transaction: Transaction, _: object) -> None:
    if not transaction.reliable:
        transaction.port.start(transaction, Event.RETRANSMIT, transaction.interval_s)


def _stop_repeating(transaction: Transaction, _: object) -> None:
    transaction.port.stop(transaction, Event.RETRANSMIT)


def _start_timeout(transaction: Transaction, _: object) -> None:
    transaction.port.start(transaction, Event.TIMEOUT, LIFETIME_S)


def _stop_timeout(transaction: Transaction, _: object) -> None:
    transaction.port.stop(transaction, Event.TIMEOUT)


def _linger(seconds: float) -> Action:
    """Wait for what may still come; over a reliable transport nothing will."""

    def linger(transaction: Transaction, _: object) -> None:
        if transaction.reliable:
            transaction.feed(Event.LINGER)
        else:
            transaction.port.start(transaction, Event.LINGER, seconds)

    return linger


def _linger_always(transaction: Transaction, _: object) -> None:
    """Timers L and M: also over a reliable transport, since 2xx comes end to end (RFC 6026)."""
    transaction.port.start(transaction, Event.LINGER, LIFETIME_S)


def _deliver(transaction: Transaction, message: Request | Response) -> None:
    transaction.port.deliver(transaction, message)


def _acknowledge(transaction: Transaction, message: Response) -> None:
    """The ACK of a failure is the transaction's own (RFC 3261 section 17.1.1.3)."""
    transaction.port.send(transaction, acknowledgement(transaction.request, message))


def _timed_out(transaction: Transaction, _: object) -> None:
    transaction.port.fail(transaction, Event.TIMEOUT)


def _unsent(transaction: Transaction, _: object) -> None:
    transaction.port.fail(transaction, Event.UNSENT)


def _end(transaction: Transaction, _: object) -> None:
    transaction.port.end(transaction)


_linger_d = _linger(TIMER_D_S)
_linger_k = _linger_i = _linger(T4_S)
_linger_j = _linger(LIFETIME_S)

_GIVEN_UP = (State.TERMINATED, (_timed_out, _end))
_BROKEN = (State.TERMINATED, (_unsent, _end))
_DONE = (State.TERMINATED, (_end,))

INVITE_CLIENT: Table = {
    (State.CALLING, Event.RETRANSMIT): (State.CALLING, (_repeat,)),
    (State.CALLING, Event.TIMEOUT): _GIVEN_UP,
    (State.CALLING, Event.UNSENT): _BROKEN,
    (State.CALLING, Event.PROVISIONAL): (
        State.PROCEEDING,
        (_stop_repeating, _stop_timeout, _deliver),
    ),
    (State.CALLING, Event.SUCCESS): (
        State.ACCEPTED,
        (_stop_repeating, _stop_timeout, _linger_always, _deliver),
    ),
    (State.CALLING, Event.FAILURE): (
        State.COMPLETED,
        (_stop_repeating, _stop_timeout, _acknowledge, _deliver, _linger_d),
    ),
    (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, (_deliver,)),
    (State.PROCEEDING, Event.SUCCESS): (State.ACCEPTED, (_linger_always, _deliver)),
    (State.PROCEEDING, Event.FAILURE): (
        State.COMPLETED,
        (_acknowledge, _deliver, _linger_d),
    ),
    (State.ACCEPTED, Event.SUCCESS): (State.ACCEPTED, (_deliver,)),
    (State.ACCEPTED, Event.LINGER): _DONE,
    (State.COMPLETED, Event.FAILURE): (State.COMPLETED, (_acknowledge,)),
    (State.COMPLETED, Event.LINGER): _DONE,
    (State.COMPLETED, Event.UNSENT): _BROKEN,
}
"""RFC 3261 figure 5 as RFC 6026 section 8.4 corrects it."""

NON_INVITE_CLIENT: Table = {
    (State.TRYING, Event.RETRANSMIT): (State.TRYING, (_repeat_slower,)),
    (State.TRYING, Event.TIMEOUT): _GIVEN_UP,
    (State.TRYING, Event.UNSENT): _BROKEN,
    (State.TRYING, Event.PROVISIONAL): (State.PROCEEDING, (_deliver,)),
    (State.TRYING, Event.SUCCESS): (
        State.COMPLETED,
        (_stop_repeating, _stop_timeout, _deliver, _linger_k),
    ),
    (State.TRYING, Event.FAILURE): (
        State.COMPLETED,
        (_stop_repeating, _stop_timeout, _deliver, _linger_k),
    ),
    (State.PROCEEDING, Event.RETRANSMIT): (State.PROCEEDING, (_repeat_at_most,)),
    (State.PROCEEDING, Event.TIMEOUT): _GIVEN_UP,
    (State.PROCEEDING, Event.UNSENT): _BROKEN,
    (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, (_deliver,)),
    (State.PROCEEDING, Event.SUCCESS): (
        State.COMPLETED,
        (_stop_repeating, _stop_timeout, _deliver, _linger_k),
    ),
    (State.PROCEEDING, Event.FAILURE): (
        State.COMPLETED,
        (_stop_repeating, _stop_timeout, _deliver, _linger_k),
    ),
    (State.COMPLETED, Event.LINGER): _DONE,
}
"""RFC 3261 figure 6."""

INVITE_SERVER: Table = {
    (State.PROCEEDING, Event.REQUEST): (State.PROCEEDING, (_send_again,)),
    (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, (_send,)),
    (State.PROCEEDING, Event.SUCCESS): (State.ACCEPTED, (_send, _linger_always)),
    (State.PROCEEDING, Event.FAILURE): (
        State.COMPLETED,
        (_send, _start_repeating, _start_timeout),
    ),
    (State.PROCEEDING, Event.UNSENT): _BROKEN,
    (State.ACCEPTED, Event.SUCCESS): (State.ACCEPTED, (_send,)),
    (State.ACCEPTED, Event.ACK): (State.ACCEPTED, (_deliver,)),
    (State.ACCEPTED, Event.LINGER): _DONE,
    (State.COMPLETED, Event.REQUEST): (State.COMPLETED, (_send_again,)),
    (State.COMPLETED, Event.RETRANSMIT): (State.COMPLETED, (_repeat_slower,)),
    (State.COMPLETED, Event.ACK): (
        State.CONFIRMED,
        (_stop_repeating, _stop_timeout, _linger_i),
    ),
    (State.COMPLETED, Event.TIMEOUT): _GIVEN_UP,
    (State.COMPLETED, Event.UNSENT): _BROKEN,
    (State.CONFIRMED, Event.LINGER): _DONE,
}
"""RFC 3261 figure 7 as RFC 6026 section 8.5 corrects it.  A broken transport does not end an
accepted one: the 2xx may be sent anew over another."""

NON_INVITE_SERVER: Table = {
    (State.TRYING, Event.PROVISIONAL): (State.PROCEEDING, (_send,)),
    (State.TRYING, Event.SUCCESS): (State.COMPLETED, (_send, _linger_j)),
    (State.TRYING, Event.FAILURE): (State.COMPLETED, (_send, _linger_j)),
    (State.PROCEEDING, Event.REQUEST): (State.PROCEEDING, (_send_again,)),
    (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, (_send,)),
    (State.PROCEEDING, Event.SUCCESS): (State.COMPLETED, (_send, _linger_j)),
    (State.PROCEEDING, Event.FAILURE): (State.COMPLETED, (_send, _linger_j)),
    (State.PROCEEDING, Event.UNSENT): _BROKEN,
    (State.COMPLETED, Event.REQUEST): (State.COMPLETED, (_send_again,)),
    (State.COMPLETED, Event.LINGER): _DONE,
    (State.COMPLETED, Event.UNSENT): _BROKEN,
}
"""RFC 3261 figure 8."""


def _without_waiting(table: Table, *idle: Action) -> Table:
    """The table of the same machine over a reliable transport: Timers J and K are zero there, and
    nothing is sent again, so that the final response ends it at once, and with it its timers
    (`idle` are actions that this makes needless)."""
    return {
        when: (
            (State.TERMINATED, (*(one for one in actions[:-1] if one not in idle), _end))
            if actions and actions[-1] in (_linger_j, _linger_k)
            else (state, actions)
        )
        for when, (state, actions) in table.items()
    }


RELIABLE_CLIENT = _without_waiting(NON_INVITE_CLIENT, _stop_repeating, _stop_timeout)
RELIABLE_SERVER = _without_waiting(NON_INVITE_SERVER)


def client(request: Request, *, reliable: bool, port: Port, user: object = None) -> Transaction:
    """A client transaction, about to `begin`."""
    if request.method == "INVITE":
        return Transaction(INVITE_CLIENT, State.CALLING, request, reliable, port, user=user)
    table = RELIABLE_CLIENT if reliable else NON_INVITE_CLIENT
    return Transaction(table, State.TRYING, request, reliable, port, user=user)


def server(request: Request, *, reliable: bool, port: Port) -> Transaction:
    """A server transaction for a request that has just come."""
    if request.method == "INVITE":
        return Transaction(INVITE_SERVER, State.PROCEEDING, request, reliable, port)
    table = RELIABLE_SERVER if reliable else NON_INVITE_SERVER
    return Transaction(table, State.TRYING, request, reliable, port)


def acknowledgement(invite: Request, response: Response) -> Request:
    """The ACK of a failure response (RFC 3261 section 17.1.1.3)."""
    return _companion(invite, "ACK", response.fields.get("To", []))


def cancellation(invite: Request) -> Request:
    """The CANCEL of an INVITE (RFC 3261 section 9.1); Reason is the caller's to add."""
    return _companion(invite, "CANCEL", invite.fields["To"])


def _companion(invite: Request, method: str, to: list[str]) -> Request:
    """What goes the way of the INVITE, hop by hop."""
    fields = {
        "Via": [str(invite.via)],
        "Max-Forwards": ["70"],
        "From": invite.fields["From"][:],
        "To": to[:],
        "Call-ID": invite.fields["Call-ID"][:],
        "CSeq": [f"{invite.cseq.number} {method}"],
    }
    if "Route" in invite.fields:
        fields["Route"] = invite.fields["Route"][:]
    return Request(fields=fields, method=method, uri=invite.uri)
