"""The HTTP/2 client, joined in memory to a server that is h2 alone."""

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.http2 import Answer, Http2Client, Unanswered

STREAMS = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
WINDOW = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE


class Pair:
    """A client and a server, and what passes between them."""

    def __init__(self, streams: int = 100, window: int = 65_535) -> None:
        self.client = Http2Client("push.example.test")
        self.server = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.server.local_settings = h2.settings.Settings(
            client=False, initial_values={STREAMS: streams, WINDOW: window}
        )
        self.server.initiate_connection()
        self.bodies: dict[int, bytes] = {}
        self.ended: list[int] = []
        self.fates: list[Answer | Unanswered] = []
        self.exchange()

    def exchange(self) -> None:
        """Let everything arrive that is on its way."""
        for _ in range(20):
            for event in self.server.receive_data(self.client.unsent_bytes()):
                if isinstance(event, h2.events.DataReceived):
                    stream = event.stream_id or 0
                    self.bodies[stream] = self.bodies.get(stream, b"") + (event.data or b"")
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.append(event.stream_id or 0)
            self.client.receive(self.server.data_to_send())

    def ask(self, body: bytes = b"{}") -> int:
        return self.client.request("/3/device/ab", [("apns-topic", "t")], body, self.fates.append)

    def goaway(self, last: int, said: bytes = b'{"reason":"Shutdown"}') -> bytes:
        frame = last.to_bytes(4, "big") + bytes(4) + said
        return len(frame).to_bytes(3, "big") + b"\x07\x00" + bytes(4) + frame


class ClientTests(SynchronousTestCase):
    def test_answer(self) -> None:
        """A request is answered with status, fields and body."""
        pair = Pair()
        stream = pair.ask(b"hello")
        pair.exchange()
        self.assertEqual(pair.bodies[stream], b"hello")
        pair.server.send_headers(stream, [(":status", "410"), ("apns-id", "x")])
        pair.server.send_data(stream, b"{}", end_stream=True)
        pair.exchange()
        (answer,) = pair.fates
        assert isinstance(answer, Answer)
        self.assertEqual((answer.status, answer.body), (410, b"{}"))
        self.assertEqual(answer.headers["apns-id"], "x")
        self.assertEqual(pair.client.under_way, 0)

    def test_room(self) -> None:
        """There is room for as many as the server allows, and none before it has said so."""
        self.assertEqual(Http2Client("x").room, 0)
        pair = Pair(streams=1)
        self.assertEqual(pair.client.room, 1)
        stream = pair.ask()
        pair.exchange()
        self.assertEqual(pair.client.room, 0)
        pair.server.update_settings({STREAMS: 10})
        pair.exchange()
        self.assertEqual(pair.client.room, 9)
        pair.server.send_headers(stream, [(":status", "200")], end_stream=True)
        pair.exchange()
        self.assertEqual(pair.client.room, 10)

    def test_fewer_streams(self) -> None:
        """A server that allows fewer than are under way gets no more until they are answered; one
        that allows none gets none until it allows some."""
        pair = Pair(streams=10)
        streams = [pair.ask() for _ in range(3)]
        pair.exchange()
        pair.server.update_settings({STREAMS: 1})
        pair.exchange()
        rooms = []
        for stream in streams:
            rooms.append(pair.client.room)
            pair.server.send_headers(stream, [(":status", "200")], end_stream=True)
            pair.exchange()
        self.assertEqual((rooms, pair.client.room), ([0, 0, 0], 1))
        for allowed in (0, 1):
            pair.server.update_settings({STREAMS: allowed})
            pair.exchange()
            self.assertEqual(pair.client.room, allowed)
        self.assertEqual(len(pair.fates), 3)

    def test_two_goodbyes(self) -> None:
        """A server may say first that it will go, and then what it has not seen (RFC 9113 section
        6.8)."""
        pair = Pair()
        seen, _ = pair.ask(), pair.ask()
        pair.exchange()
        pair.client.receive(pair.goaway(2**31 - 1))
        self.assertEqual((pair.fates, pair.client.room), ([], 0))
        pair.client.receive(pair.goaway(seen))
        self.assertEqual(pair.fates, [Unanswered("goaway", unseen=True)])

    def test_reset_after_answer(self) -> None:
        """A reset after the whole answer takes nothing back (RFC 9113 section 8.1)."""
        pair = Pair()
        stream = pair.ask()
        pair.exchange()
        pair.server.send_headers(stream, [(":status", "200")], end_stream=True)
        pair.exchange()
        pair.client.receive(b"\x00\x00\x04\x03\x00" + stream.to_bytes(4, "big") + bytes(4))
        (answer,) = pair.fates
        self.assertIsInstance(answer, Answer)

    def test_window(self) -> None:
        """A body waits for the window, and there is no room while one waits."""
        pair = Pair(window=10)
        stream = pair.ask(b"x" * 25)
        pair.exchange()
        self.assertEqual((len(pair.bodies[stream]), pair.client.room), (10, 0))
        for _ in range(2):
            pair.server.increment_flow_control_window(10, stream)
            pair.exchange()
        self.assertEqual((len(pair.bodies[stream]), pair.ended), (25, [stream]))
        self.assertEqual(pair.client.room, 99)

    def test_goaway(self) -> None:
        """What a server that says goodbye has not seen may go again; the rest is answered still."""
        pair = Pair()
        seen, unseen = pair.ask(), pair.ask()
        pair.exchange()
        pair.client.receive(pair.goaway(seen))
        self.assertEqual(pair.fates, [Unanswered("goaway", unseen=True)])
        self.assertEqual(pair.client.goaway, 'NO_ERROR {"reason":"Shutdown"}')
        self.assertEqual(pair.client.room, 0)
        pair.server.send_headers(seen, [(":status", "200")], end_stream=True)
        pair.exchange()
        self.assertEqual([type(one) for one in pair.fates], [Unanswered, Answer])
        self.assertNotEqual(unseen, seen)

    def test_resets(self) -> None:
        """A refused stream was not seen; another reset says nothing of that."""
        pair = Pair()
        for code, unseen in (
            (h2.errors.ErrorCodes.REFUSED_STREAM, True),
            (h2.errors.ErrorCodes.INTERNAL_ERROR, False),
        ):
            stream = pair.ask()
            pair.exchange()
            pair.server.reset_stream(stream, code)
            pair.exchange()
            fate = pair.fates.pop()
            self.assertEqual(fate, Unanswered(f"reset: {code.name}", unseen=unseen))

    def test_lost(self) -> None:
        """When the connection is lost, whoever waits is told."""
        pair = Pair()
        pair.ask()
        pair.client.close("ConnectionLost")
        self.assertEqual(pair.fates, [Unanswered("ConnectionLost", unseen=False)])

    def test_cancel(self) -> None:
        """A request that is given up is told once, and its late answer is dropped."""
        pair = Pair()
        stream = pair.ask()
        pair.exchange()
        pair.client.cancel(stream, "late")
        pair.server.send_headers(stream, [(":status", "200")], end_stream=True)
        pair.exchange()
        self.assertEqual(pair.fates, [Unanswered("late", unseen=False)])

    def test_large_answer(self) -> None:
        """An answer without end ends its request, not the connection."""
        pair = Pair()
        stream = pair.ask()
        pair.exchange()
        pair.server.send_headers(stream, [(":status", "200")])
        for _ in range(6):
            try:
                pair.server.send_data(stream, b"x" * 16_000)
            except h2.exceptions.StreamClosedError:
                break
            pair.exchange()
        self.assertEqual(pair.fates, [Unanswered("the answer is too large", unseen=False)])
        self.assertEqual(pair.client.room, 100)

    def test_bytewise(self) -> None:
        """However an answer is cut, it is the same."""
        pair = Pair()
        stream = pair.ask()
        pair.exchange()
        pair.server.send_headers(stream, [(":status", "200"), ("a", "b")])
        pair.server.send_data(stream, b"body", end_stream=True)
        for byte in pair.server.data_to_send() + pair.goaway(stream):
            pair.client.receive(bytes([byte]))
        (answer,) = pair.fates
        assert isinstance(answer, Answer)
        self.assertEqual((answer.status, answer.body), (200, b"body"))
        self.assertIsNotNone(pair.client.goaway)

    @given(st.binary(max_size=300))
    @settings(max_examples=200)
    def test_hostile_bytes(self, data: bytes) -> None:
        """Any bytes are taken or refused as a protocol error."""
        pair = Pair()
        pair.ask()
        try:
            pair.client.receive(data)
        except h2.exceptions.ProtocolError:
            pass
