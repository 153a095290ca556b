"""The transaction machines, with time in the test's hands."""

from collections.abc import Callable

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.message import Request, Response, parse
from mobility.sip.transaction import (
    INVITE_CLIENT,
    INVITE_SERVER,
    LIFETIME_S,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    RELIABLE_CLIENT,
    RELIABLE_SERVER,
    T1_S,
    T2_S,
    T4_S,
    TIMER_D_S,
    Event,
    State,
    Transaction,
    cancellation,
)
from mobility.sip.transactions import Transactions
from tests.sip.samples import made

TABLES = (
    INVITE_CLIENT,
    NON_INVITE_CLIENT,
    RELIABLE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_SERVER,
    RELIABLE_SERVER,
)


@attrs.define(eq=False)
class Wire:
    """A flow that remembers what was sent, until it is cut."""

    reliable: bool = True
    sent: list[Request | Response] = attrs.Factory(list)
    cut: bool = False

    def send(self, data: bytes) -> bool:
        head, _, body = data.partition(b"\r\n\r\n")
        self.sent.append(parse(head, body))
        return not self.cut

    @property
    def statuses(self) -> list[int | str]:
        return [one.status if isinstance(one, Response) else one.method for one in self.sent]


@attrs.define(eq=False)
class Told:
    """A user that remembers what it was told."""

    requests: list[Transaction] = attrs.Factory(list)
    acks: list[Request] = attrs.Factory(list)
    responses: list[int] = attrs.Factory(list)
    failures: list[Event] = attrs.Factory(list)
    strays: list[int] = attrs.Factory(list)

    def requested(self, transaction: Transaction, request: Request, flow: object) -> None:
        self.requests.append(transaction)

    def acknowledged(self, request: Request, flow: object) -> None:
        self.acks.append(request)

    def responded(self, transaction: Transaction, response: Response) -> None:
        self.responses.append(response.status)

    def failed(self, transaction: Transaction, event: Event) -> None:
        self.failures.append(event)

    def stray(self, response: Response, flow: object) -> None:
        self.strays.append(response.status)


class TransactionTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.clock = Clock()
        self.told = Told()
        self.layer = Transactions(self.told, self.clock.callLater)

    def serve(self, request: Request, wire: Wire) -> Transaction:
        """The server transaction that a request makes."""
        self.layer.receive_request(request, wire)
        return self.told.requests[-1]

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([*[0.1] * round(seconds * 10), 0.01])


class ServerTests(TransactionTestCase):
    def test_answer(self) -> None:
        """Over a stream, a request that is no INVITE is done once it is answered."""
        wire = Wire()
        transaction = self.serve(made(), wire)
        transaction.respond(made().respond(200, "a"))
        self.assertEqual(wire.statuses, [200])
        self.assertIs(transaction.state, State.TERMINATED)
        self.assertEqual((len(self.layer), self.clock.getDelayedCalls()), (0, []))

    def test_again(self) -> None:
        """Over datagrams the answer is sent again to a request that comes again (timer J)."""
        wire = Wire(reliable=False)
        self.serve(made(), wire).respond(made().respond(200, "a"))
        self.layer.receive_request(made(), wire)
        self.assertEqual(wire.statuses, [200, 200])
        self.clock.advance(LIFETIME_S)
        self.assertEqual(len(self.layer), 0)
        self.assertEqual(len(self.told.requests), 1)

    def test_again_before_the_answer(self) -> None:
        """A request that comes again while nothing was said is absorbed."""
        wire = Wire(reliable=False)
        self.serve(made(), wire)
        self.layer.receive_request(made(), wire)
        self.assertEqual((wire.statuses, len(self.told.requests)), ([], 1))

    def test_invite_failure(self) -> None:
        """A failure is repeated until its ACK comes (timers G and I)."""
        wire = Wire(reliable=False)
        invite = made("INVITE")
        self.serve(invite, wire).respond(invite.respond(486, "a"))
        self.pass_time(T1_S + 2 * T1_S + 4 * T1_S + T2_S)
        self.assertEqual(wire.statuses, [486] * 5)
        self.layer.receive_request(made("ACK"), wire)
        self.pass_time(T4_S)
        self.assertEqual((len(wire.sent), len(self.layer)), (5, 0))
        self.assertEqual(self.told.acks, [])

    def test_invite_failure_without_ack(self) -> None:
        """An ACK that never comes is told (timer H), over streams too."""
        for reliable in (True, False):
            self.begin()
            invite = made("INVITE")
            self.serve(invite, Wire(reliable)).respond(invite.respond(486, "a"))
            self.pass_time(LIFETIME_S)
            self.assertEqual(self.told.failures, [Event.TIMEOUT])
            self.assertEqual(len(self.layer), 0)

    def test_invite_success(self) -> None:
        """After a 2xx, INVITEs that come again are absorbed and ACKs handed on (RFC 6026)."""
        wire = Wire(reliable=False)
        invite = made("INVITE")
        transaction = self.serve(invite, wire)
        transaction.respond(invite.respond(180, "a"))
        transaction.respond(invite.respond(200, "a"))
        self.layer.receive_request(made("INVITE"), wire)
        self.layer.receive_request(made("ACK", branch="z9hG4bK2"), wire)
        self.assertEqual(wire.statuses, [180, 200])
        self.assertEqual(len(self.told.acks), 1)
        self.assertEqual(len(self.told.requests), 1)
        self.clock.advance(LIFETIME_S)
        self.assertEqual(len(self.layer), 0)

    def test_cancel(self) -> None:
        """A CANCEL is a request of its own that finds its INVITE."""
        wire = Wire()
        invited = self.serve(made("INVITE"), wire)
        cancel = cancellation(made("INVITE"))
        self.assertIsNot(self.serve(cancel, wire), invited)
        self.assertIs(self.layer.cancelled(cancel), invited)
        self.assertIsNone(self.layer.cancelled(made("CANCEL", branch="z9hG4bK9")))

    def test_old_branch(self) -> None:
        """Requests without a unique branch are told apart the old way."""
        wire = Wire(reliable=False)
        for branch in ("z9hG4bK", "1"):
            self.begin()
            self.serve(made(branch=branch), wire)
            self.layer.receive_request(made(branch=branch), wire)
            self.assertEqual(len(self.told.requests), 1)
            self.layer.receive_request(made(branch=branch, cseq=2), wire)
            self.assertEqual(len(self.told.requests), 2)

    def test_same_branch_of_another(self) -> None:
        """The same branch from another host is another request."""
        other = made()
        other.set("Via", "SIP/2.0/TLS elsewhere.example.test;branch=z9hG4bK1")
        self.serve(made(), Wire())
        self.serve(other, Wire())
        self.assertEqual(len(self.told.requests), 2)


class ClientTests(TransactionTestCase):
    def test_answer(self) -> None:
        """An answer is handed on once and ends the transaction (timer K)."""
        wire = Wire(reliable=False)
        self.layer.request(made(), wire)
        for _ in range(2):
            self.layer.receive_response(made().respond(200, "a"), wire)
        self.assertEqual(self.told.responses, [200])
        self.pass_time(T4_S)
        self.layer.receive_response(made().respond(200, "a"), wire)
        self.assertEqual((self.told.strays, len(self.layer)), ([200], 0))

    def test_repeats(self) -> None:
        """A request is sent again, ever slower, until it times out (timers E and F)."""
        wire = Wire(reliable=False)
        self.layer.request(made(), wire)
        self.pass_time(LIFETIME_S)
        self.assertEqual(len(wire.sent), 11)  # RFC 3261 section 17.1.2.2 counts them out
        self.assertEqual(self.told.failures, [Event.TIMEOUT])
        self.assertEqual((len(self.layer), self.clock.getDelayedCalls()), (0, []))

    def test_repeats_slowly(self) -> None:
        """Once something provisional has come, every four seconds."""
        wire = Wire(reliable=False)
        self.layer.request(made(), wire)
        self.layer.receive_response(made().respond(100), wire)
        self.pass_time(T1_S + 2 * T2_S)
        self.assertEqual(len(wire.sent), 4)

    def test_stream(self) -> None:
        """Over a stream nothing is sent twice."""
        wire = Wire()
        self.layer.request(made("INVITE"), wire)
        self.pass_time(LIFETIME_S)
        self.assertEqual(len(wire.sent), 1)
        self.assertEqual(self.told.failures, [Event.TIMEOUT])

    def test_invite_rings_long(self) -> None:
        """An INVITE that rings does not time out by itself."""
        wire = Wire(reliable=False)
        self.layer.request(made("INVITE"), wire)
        self.layer.receive_response(made("INVITE").respond(180, "a"), wire)
        self.pass_time(2 * LIFETIME_S)
        self.assertEqual((self.told.failures, wire.statuses), ([], ["INVITE"]))

    def test_invite_failure(self) -> None:
        """Each copy of a failure is acknowledged, and the first handed on (timer D)."""
        wire = Wire(reliable=False)
        self.layer.request(made("INVITE"), wire)
        for _ in range(3):
            self.layer.receive_response(made("INVITE").respond(486, "a"), wire)
        self.assertEqual(wire.statuses, ["INVITE", "ACK", "ACK", "ACK"])
        ack = wire.sent[-1]
        self.assertEqual(ack.to.tag, "a")
        self.assertEqual((ack.via.branch, str(ack.cseq)), ("z9hG4bK1", "1 ACK"))
        self.assertEqual(self.told.responses, [486])
        self.clock.advance(TIMER_D_S)
        self.assertEqual(len(self.layer), 0)

    def test_invite_forked(self) -> None:
        """Every 2xx is handed on for as long as more may come (timer M)."""
        wire = Wire()
        self.layer.request(made("INVITE"), wire)
        for tag in "ab":
            self.layer.receive_response(made("INVITE").respond(200, tag), wire)
        self.assertEqual((self.told.responses, wire.statuses), ([200, 200], ["INVITE"]))
        self.clock.advance(LIFETIME_S)
        self.layer.receive_response(made("INVITE").respond(200, "c"), wire)
        self.assertEqual(self.told.strays, [200])

    def test_cut(self) -> None:
        """A request that cannot be sent, or whose connection is cut, fails."""
        self.layer.request(made(), Wire(cut=True))
        self.clock.advance(0)
        wire = Wire()
        self.layer.request(made(branch="z9hG4bK2"), wire)
        self.layer.broken(wire)
        self.assertEqual(self.told.failures, [Event.UNSENT, Event.UNSENT])
        self.assertEqual((len(self.layer), self.clock.getDelayedCalls()), (0, []))


class AnyOrderTests(TransactionTestCase):
    """Whatever happens in whatever order, a machine ends, once, and leaves nothing behind."""

    def play(
        self, start: Callable[[Wire], Transaction], reliable: bool, steps: list[Event]
    ) -> None:
        self.begin()
        wire = Wire(reliable)
        transaction = start(wire)
        method = transaction.request.method
        answers = {Event.PROVISIONAL: 180, Event.SUCCESS: 200, Event.FAILURE: 486}
        for step in steps:
            message: Request | Response | None = None
            if step in answers:
                message = made(method).respond(answers[step], "a")
            elif step is Event.ACK:
                message = made("ACK")
            elif step is Event.REQUEST:
                message = made(method)
            transaction.feed(step, message)
        if transaction.table in (INVITE_SERVER, NON_INVITE_SERVER, RELIABLE_SERVER):
            transaction.respond(made(method).respond(500, "a"))
        elif transaction.table is INVITE_CLIENT:
            transaction.feed(Event.FAILURE, made(method).respond(500, "a"))
        for _ in range(3):
            self.pass_time(LIFETIME_S)
        self.assertIs(transaction.state, State.TERMINATED)
        self.assertEqual((len(self.layer), self.clock.getDelayedCalls()), (0, []))
        self.assertLessEqual(len(self.told.failures), 1)

    @given(st.booleans(), st.booleans(), st.lists(st.sampled_from(list(Event)), max_size=8))
    def test_server(self, invite: bool, reliable: bool, steps: list[Event]) -> None:
        method = "INVITE" if invite else "OPTIONS"
        self.play(lambda wire: self.serve(made(method), wire), reliable, steps)

    @given(st.booleans(), st.booleans(), st.lists(st.sampled_from(list(Event)), max_size=8))
    def test_client(self, invite: bool, reliable: bool, steps: list[Event]) -> None:
        method = "INVITE" if invite else "OPTIONS"
        self.play(lambda wire: self.layer.request(made(method), wire), reliable, steps)

    def test_tables(self) -> None:
        """No table leads out of the last state, and each ends in it."""
        for table in TABLES:
            self.assertFalse([state for state, _ in table if state is State.TERMINATED])
            self.assertIn(State.TERMINATED, {state for state, _ in table.values()})
