"""Messages are cut out of streams and datagrams."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.framing import (
    MAX_HEAD_BYTES,
    MAX_MESSAGE_BYTES,
    Frame,
    Framer,
    Ping,
    Unframeable,
    datagram,
)
from tests.sip.samples import OPTIONS


def message(body: bytes) -> bytes:
    return b"MESSAGE sip:a@b SIP/2.0\r\nl: %d\r\n\r\n%s" % (len(body), body)


class StreamTests(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=30), max_size=4), st.lists(st.integers(1, 40)))
    def test_any_pieces(self, bodies: list[bytes], lengths: list[int]) -> None:
        """However a stream is cut, the same messages come out of it."""
        stream = b"".join(map(message, bodies))
        framer = Framer()
        frames: list[Frame | Ping] = []
        at = 0
        for length in [*lengths, len(stream)]:
            came, fault = framer.receive(stream[at : at + length])
            self.assertIsNone(fault)
            frames += came
            at += length
        self.assertEqual([one.body for one in frames if isinstance(one, Frame)], bodies)
        self.assertFalse(framer.waits)

    def test_every_cut(self) -> None:
        """A message that comes in two pieces is whole after the second."""
        for cut in range(1, len(OPTIONS)):
            framer = Framer()
            first, _ = framer.receive(OPTIONS[:cut])
            second, fault = framer.receive(OPTIONS[cut:])
            self.assertEqual((first, len(second), fault), ([], 1, None), cut)

    def test_pings(self) -> None:
        """Two empty lines are a ping; one, before a message, is nothing."""
        framer = Framer()
        frames, _ = framer.receive(b"\r\n" + OPTIONS + b"\r\n\r\n" + OPTIONS)
        self.assertEqual([type(one) for one in frames], [Frame, Ping, Frame])
        self.assertEqual(framer.receive(b"\r\n")[0], [])
        self.assertEqual(framer.receive(b"\r\n")[0], [Ping()])

    def test_no_length(self) -> None:
        """A message without Content-Length has no body."""
        frames, _ = Framer().receive(b"OPTIONS sip:a@b SIP/2.0\r\nA: b\r\n\r\n")
        self.assertEqual(frames, [Frame(b"OPTIONS sip:a@b SIP/2.0\r\nA: b", b"")])

    def test_wrong_length(self) -> None:
        """A Content-Length that cannot be believed ends the stream, after what came before."""
        for lines, status in (
            (b"l: x", 400),
            (b"l: -1", 400),
            (b"l:", 400),
            (b"l: 1\r\nContent-Length: 2", 400),
            (b"l: %d" % MAX_MESSAGE_BYTES, 513),
            (b"l: 99999999999", 400),
        ):
            wrong = b"OPTIONS sip:a@b SIP/2.0\r\n" + lines + b"\r\n\r\n"
            frames, fault = Framer().receive(OPTIONS + wrong)
            self.assertEqual(len(frames), 1, lines)
            self.assertIsNotNone(fault, lines)
            if fault is not None:
                self.assertEqual(fault.status, status, lines)

    def test_bounds(self) -> None:
        """The largest message passes; a byte more does not, and no more is held."""
        room = MAX_MESSAGE_BYTES - len(b"A b SIP/2.0\r\nl: 65500\r\n\r\n")
        largest = b"A b SIP/2.0\r\nl: %d\r\n\r\n" % room + b"x" * room
        frames, fault = Framer().receive(largest)
        self.assertEqual((len(frames), fault), (1, None))
        _, fault = Framer().receive(b"A b SIP/2.0\r\nl: %d\r\n\r\n" % (room + 1))
        self.assertEqual(fault is not None and fault.status, 513)
        _, fault = Framer().receive(b"x" * (MAX_HEAD_BYTES + 1))
        self.assertEqual(fault is not None and fault.status, 513)

    @given(st.lists(st.binary(max_size=50)))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """Whatever comes, there are frames or one fault."""
        framer = Framer()
        for piece in pieces:
            _, fault = framer.receive(piece)
            if fault is not None:
                break


class DatagramTests(SynchronousTestCase):
    def test_message(self) -> None:
        """A datagram is a message; bytes beyond its length are dropped."""
        self.assertEqual(datagram(message(b"hi") + b"more"), datagram(message(b"hi")))
        self.assertEqual(datagram(b"A b C\r\nX: y\r\n\r\nbody"), Frame(b"A b C\r\nX: y", b"body"))

    def test_empty(self) -> None:
        """Empty lines are a ping or nothing."""
        self.assertEqual(datagram(b"\r\n\r\n"), Ping())
        self.assertIsNone(datagram(b"\r\n"))
        self.assertIsNone(datagram(b""))

    def test_too_short(self) -> None:
        """A body that lacks bytes is refused."""
        with self.assertRaises(Unframeable):
            datagram(message(b"hello")[:-1])
