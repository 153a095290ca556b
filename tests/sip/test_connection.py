"""Connections and datagram sockets, in memory."""

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.connection import PONG, SipConnection
from mobility.sip.core import Core
from mobility.sip.framing import MAX_MESSAGE_BYTES
from mobility.sip.limits import IDLE_S, MAX_UNSENT_BYTES, MESSAGE_S, SWEEP_S
from mobility.sip.server import MAX_DATAGRAM_PEERS, ConnectionTable, SipDatagrams, SipServer
from mobility.testing import MemoryLog
from tests.sip.garbage import left_by
from tests.sip.samples import OPTIONS


class Pipe(StringTransport):
    """A transport that can be cut."""

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class ServerTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.core = Core(self.clock, self.log, lambda size: b"\1" * size)
        self.table = ConnectionTable(self.clock, 2)
        self.server = SipServer(
            "primary",
            self.core,
            self.table,
            self.clock,
            secure=False,
            requests_per_s=0,
            burst=1,
        )

    def connect(self) -> tuple[SipConnection, Pipe]:
        connection, pipe = self.server.buildProtocol(None), Pipe()
        assert connection is not None
        pipe.protocol = connection
        connection.makeConnection(pipe)
        return connection, pipe


class ConnectionTests(ServerTestCase):
    def test_answers_in_one_write(self) -> None:
        """What comes together is answered together."""
        connection, pipe = self.connect()
        writes: list[bytes] = []
        pipe.write = writes.append
        connection.dataReceived(OPTIONS * 3)
        self.assertEqual([one.count(b"SIP/2.0 200") for one in writes], [3])

    def test_nothing_left(self) -> None:
        """A request that was answered leaves nothing that only the garbage collector frees."""
        connection, _ = self.connect()
        connection.dataReceived(OPTIONS)
        self.assertEqual(left_by(lambda: connection.dataReceived(OPTIONS * 3)), set())

    def test_ping(self) -> None:
        """A ping is answered (RFC 5626)."""
        connection, pipe = self.connect()
        connection.dataReceived(b"\r\n\r\n")
        self.assertEqual(pipe.value(), PONG)

    def test_wrong_length(self) -> None:
        """A Content-Length that cannot be believed is answered 400 and closes."""
        connection, pipe = self.connect()
        connection.dataReceived(OPTIONS + OPTIONS.replace(b"Length: 0", b"Length: nought"))
        self.assertEqual(pipe.value().count(b"SIP/2.0 200"), 1)
        self.assertEqual(pipe.value().count(b"SIP/2.0 400"), 1)
        self.assertTrue(pipe.disconnecting)

    def test_too_large(self) -> None:
        """A message over 64 KiB is answered 513 and closes before its body is read."""
        connection, pipe = self.connect()
        connection.dataReceived(OPTIONS.replace(b"Length: 0", b"Length: %d" % MAX_MESSAGE_BYTES))
        self.assertIn(b"SIP/2.0 513", pipe.value())
        self.assertTrue(pipe.disconnecting)

    def test_slow(self) -> None:
        """A message that does not become whole ends the connection; drops of it gain no time."""
        slow, pipe = self.connect()
        slow.dataReceived(b"OPTIONS ")
        for _ in range(int(MESSAGE_S / SWEEP_S) + 1):
            slow.dataReceived(b"x")
            self.clock.advance(SWEEP_S)
        self.assertTrue(pipe.aborted)

    def test_idle(self) -> None:
        """A connection on which nothing comes is cut; pings keep it."""
        idle, pipe = self.connect()
        pinging, other = self.connect()
        for _ in range(int(IDLE_S / 100) + 1):
            pinging.dataReceived(b"\r\n\r\n")
            self.clock.pump([SWEEP_S] * 20)
        self.assertTrue(pipe.disconnecting)
        self.assertFalse(other.disconnecting)
        self.assertLess(idle.deadline, self.clock.seconds())

    def test_full(self) -> None:
        """A connection above the limit has no protocol, one that is made meanwhile is cut at once,
        and one that closes makes room."""
        first, _ = self.connect()
        late, pipe = self.server.buildProtocol(None), Pipe()
        assert late is not None
        self.connect()
        late.makeConnection(pipe)
        self.assertTrue(pipe.aborted)
        self.assertIsNone(self.server.buildProtocol(None))
        first.connectionLost(Failure(ConnectionDone()))
        _, next_one = self.connect()
        self.assertFalse(next_one.disconnecting)

    def test_peer_that_does_not_read(self) -> None:
        """What waits for a peer is bounded."""
        connection, pipe = self.connect()
        connection.pauseProducing()
        for _ in range(MAX_UNSENT_BYTES // 1000 + 2):
            connection.send(b"x" * 1000)
        self.assertTrue(pipe.aborted)

    def test_gone(self) -> None:
        """Nothing can be sent on a connection that is gone."""
        connection, _ = self.connect()
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(connection.send(b"x"))
        self.assertEqual((len(self.table), self.clock.getDelayedCalls()), (0, []))


class DatagramTests(ServerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.socket = SipDatagrams("phones", self.core, requests_per_s=0, burst=1)
        self.socket.transport = self

    def write(self, data: bytes, target: tuple[str, int]) -> None:
        """The transport's."""
        self.sent.append((data, target))

    def test_answer(self) -> None:
        """A datagram is answered to where it came from, a ping too."""
        self.socket.datagramReceived(OPTIONS, ("192.0.2.1", 5060))
        self.socket.datagramReceived(b"\r\n\r\n", ("192.0.2.2", 5060))
        (answer, one), (pong, other) = self.sent
        self.assertTrue(answer.startswith(b"SIP/2.0 200"))
        self.assertEqual((one[0], pong, other[0]), ("192.0.2.1", PONG, "192.0.2.2"))

    def test_too_short(self) -> None:
        """A datagram that lacks bytes is answered 400."""
        self.socket.datagramReceived(
            OPTIONS.replace(b"Length: 0", b"Length: 9"), ("192.0.2.1", 5060)
        )
        self.assertTrue(self.sent[0][0].startswith(b"SIP/2.0 400"))

    def test_peers_are_bounded(self) -> None:
        """Only so many peers are remembered."""
        for port in range(MAX_DATAGRAM_PEERS + 5):
            self.socket.peer(("192.0.2.1", port))
        self.assertEqual(len(self.socket._peers), MAX_DATAGRAM_PEERS)
