"""One HTTP/2 connection as a client, without input or output: requests out, answers in.

`h2` keeps the protocol; this adds what a client of a busy server needs around it: how many
requests may be under way now, bodies that wait for the window, which requests a server that says
GOAWAY has not seen, and bounds for what it may send.
"""

from collections.abc import Callable
from typing import cast

import attrs
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from hpack import NeverIndexedHeaderTuple

MOST_STREAMS = 500
"""Requests under way at once, whatever the server allows (our choice)."""

BODY_BYTES = 64 * 1024
"""Of an answer; more ends its request (our choice: a provider's error is below 1 KiB)."""

HEADER_LIST_BYTES = 16 * 1024

FRAME_HEAD_BYTES = 9
FRAME_BYTES = 16_384
"""The largest frame that a server may send us, the default of RFC 9113 section 4.2."""

GOAWAY = 7
"""The frame's type.  `h2` takes it as the end of everything (it refuses the answers that a server
still owes), so it is read here and `h2` never sees it."""


@attrs.define(slots=True, eq=False)
class Answer:
    """What came for one request: `headers` have lower-case names."""

    status: int = 0
    headers: dict[str, str] = attrs.Factory(dict)
    body: bytes = b""


@attrs.frozen(slots=True)
class Unanswered:
    """A request ended without an answer.

    `unseen` means that the server has not acted on it, so that it may be sent again at once.
    """

    reason: str
    unseen: bool


Hear = Callable[[Answer | Unanswered], None]


@attrs.define(slots=True, eq=False)
class _Stream:
    hear: Hear
    unsent: bytes
    answer: Answer = attrs.Factory(Answer)


class Http2Client:
    """Sans-IO: give it what comes with `receive`, send what `unsent_bytes` gives.

    `goaway` is the server's reason once it has said GOAWAY; then nothing more may be asked.
    """

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._connection = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._streams: dict[int, _Stream] = {}
        self._blocked: list[int] = []
        self._ready = False
        self.goaway: str | None = None
        self._last_seen = 2**31
        self._held = b""
        self._connection.local_settings.enable_push = 0
        self._connection.local_settings.max_header_list_size = HEADER_LIST_BYTES
        self._connection.initiate_connection()

    @property
    def under_way(self) -> int:
        return len(self._streams)

    @property
    def ready(self) -> bool:
        """Whether the server's settings have come."""
        return self._ready

    @property
    def room(self) -> int:
        """How many more requests may be sent now."""
        if self.goaway is not None or not self._ready:
            return 0
        most = min(MOST_STREAMS, self._connection.remote_settings.max_concurrent_streams)
        return max(0, most - len(self._streams)) if not self._blocked else 0

    def request(self, path: str, headers: list[tuple[str, str]], body: bytes, hear: Hear) -> int:
        """POST `body`; `hear` is called once.  The number is for `cancel`.

        Raises h2's NoAvailableStreamIDError when the connection has no number left.
        """
        stream_id = self._connection.get_next_available_stream_id()
        fields: list[tuple[str, str]] = [
            (":method", "POST"),
            (":scheme", "https"),
            cast(tuple[str, str], NeverIndexedHeaderTuple(":path", path)),
            (":authority", self._authority),
            *headers,
        ]
        self._connection.send_headers(stream_id, fields)
        self._streams[stream_id] = _Stream(hear, body)
        self._send(stream_id)
        return stream_id

    def cancel(self, stream_id: int, reason: str) -> None:
        """Give a request up: its `hear` is told."""
        if stream_id in self._streams:
            self._reset(stream_id)
            self._unanswered(stream_id, Unanswered(reason, unseen=False))

    def ping(self) -> None:
        self._connection.ping(b"mobility")

    def unsent_bytes(self) -> bytes:
        return self._connection.data_to_send()

    def receive(self, data: bytes) -> None:
        """Take what came.  Raises h2's ProtocolError when the server broke the protocol."""
        for event in self._connection.receive_data(self._without_goaway(data)):
            self._take(event)
        if self._blocked:
            blocked, self._blocked = self._blocked, []
            for stream_id in blocked:
                self._send(stream_id)

    def close(self, reason: str) -> None:
        """The connection is lost: every request is told."""
        for stream_id in list(self._streams):
            unseen = stream_id > self._last_seen
            self._unanswered(stream_id, Unanswered(reason, unseen))

    def farewell(self) -> None:
        """Tell the server that nothing more comes."""
        try:
            self._connection.close_connection()
        except h2.exceptions.ProtocolError:
            return

    def _send(self, stream_id: int) -> None:
        """Send of a body what the windows let through; the rest waits."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        connection = self._connection
        while stream.unsent:
            size = min(
                connection.local_flow_control_window(stream_id),
                connection.max_outbound_frame_size,
                len(stream.unsent),
            )
            if size <= 0:
                self._blocked.append(stream_id)
                return
            piece, stream.unsent = stream.unsent[:size], stream.unsent[size:]
            connection.send_data(stream_id, piece, end_stream=not stream.unsent)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self._headers(event)
        elif isinstance(event, h2.events.DataReceived):
            self._data(event)
        elif isinstance(event, h2.events.StreamEnded):
            self._ended(event.stream_id or 0)
        elif isinstance(event, h2.events.StreamReset):
            refused = event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
            reason = f"reset: {_name(event.error_code)}"
            self._unanswered(event.stream_id or 0, Unanswered(reason, unseen=refused))
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self._ready = True

    def _without_goaway(self, data: bytes) -> bytes:
        """The whole frames that are there; a frame that is too large is left for h2 to refuse."""
        data = self._held + data
        passed, start = b"", 0
        while len(data) - start >= FRAME_HEAD_BYTES:
            length = int.from_bytes(data[start : start + 3], "big")
            end = start + FRAME_HEAD_BYTES + length
            if length > FRAME_BYTES:
                self._held = b""
                return passed + data[start:]
            if len(data) < end:
                break
            if data[start + 3] == GOAWAY:
                self._terminated(data[start + FRAME_HEAD_BYTES : end])
            else:
                passed += data[start:end]
            start = end
        self._held = data[start:]
        return passed

    def _headers(self, event: h2.events.ResponseReceived) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if stream is None:
            return
        for name, value in event.headers or ():
            key, text = _text(name), _text(value)
            if key == ":status":
                stream.answer.status = int(text) if text.isascii() and text.isdigit() else 0
            else:
                stream.answer.headers[key] = text

    def _data(self, event: h2.events.DataReceived) -> None:
        stream_id, data = event.stream_id or 0, event.data or b""
        self._connection.acknowledge_received_data(event.flow_controlled_length or 0, stream_id)
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        stream.answer.body += data
        if len(stream.answer.body) > BODY_BYTES:
            self._reset(stream_id)
            self._unanswered(stream_id, Unanswered("the answer is too large", unseen=False))

    def _ended(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return
        if stream.unsent:  # answered before it was sent: the rest is not wanted
            self._blocked = [one for one in self._blocked if one != stream_id]
            self._reset(stream_id)
        stream.hear(stream.answer)

    def _terminated(self, frame: bytes) -> None:
        """RFC 9113 section 6.8: last stream, code and what the server says."""
        if len(frame) < 8:
            raise h2.exceptions.ProtocolError("GOAWAY is too short")
        code = int.from_bytes(frame[4:8], "big")
        said = frame[8:208].decode("utf-8", "replace")
        self.goaway = f"{_name(code)} {said}".strip()
        self._last_seen = int.from_bytes(frame[:4], "big") & 0x7FFFFFFF
        for stream_id in list(self._streams):
            if stream_id > self._last_seen:
                self._unanswered(stream_id, Unanswered("goaway", unseen=True))

    def _unanswered(self, stream_id: int, fate: Unanswered) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            self._blocked = [one for one in self._blocked if one != stream_id]
            stream.hear(fate)

    def _reset(self, stream_id: int) -> None:
        try:
            self._connection.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
        except h2.exceptions.ProtocolError:
            return


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _name(code: int | None) -> str:
    """The name of an error code (RFC 9113 section 7), or its number."""
    try:
        return h2.errors.ErrorCodes(code or 0).name
    except ValueError:
        return str(code)
