"""A double of Apple's push service: HTTP/2 on h2's server side, as strict as the original."""

import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, cast

import attrs
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

TOKEN = re.compile(r"[0-9a-f]{2,200}")
TOKEN_LIFE_S = 3_600
TOKEN_LEAST_S = 1_200
"""How often a provider may change its token."""

PUSH_TYPES = frozenset(
    {"alert", "background", "voip", "location", "complication", "fileprovider", "mdm"}
)
STREAMS = 1_000
"""What Apple allows once the connection is authenticated; before that it is 1."""


@attrs.define(slots=True, eq=False)
class ApnsPush:
    """One request that was taken."""

    token: str
    headers: dict[str, str]
    payload: dict[str, Any]
    connection: int

    @property
    def id(self) -> str:
        """The id by which the app shows it once."""
        return str(self.payload.get("mobility", {}).get("id", ""))


@attrs.frozen(slots=True)
class Reply:
    """What to answer in place of 200: `reason` and `timestamp` (ms) as Apple names them.

    `headers` are more header fields; `status` 0 means no answer at all.
    """

    status: int
    reason: str = ""
    timestamp: int = 0
    headers: tuple[tuple[str, str], ...] = ()


class ApnsDouble:
    """Takes pushes for one app.

    `key` is the public half of the provider's key.  `decide` may answer for a request that is
    right; `received` are those that were answered 200, `requests` counts all.
    """

    def __init__(
        self,
        bundle_id: str,
        team_id: str,
        key_id: str,
        key: ec.EllipticCurvePublicKey,
        clock: IReactorTime,
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self.decide: Callable[[ApnsPush], Reply | None] = lambda _: None
        self.on_push: Callable[[ApnsPush], None] = lambda _: None
        self.received: list[ApnsPush] = []
        self.refused: list[Reply] = []
        self.requests = 0
        self.connections: list[ApnsServer] = []
        self.connected = 0
        self.most_streams = 0
        """The most streams that were open at once."""
        self.streams_before = 1
        self.streams_after = STREAMS
        self.delay_s = 0.0
        self.keep = True
        self.clock = clock
        self._bundle_id = bundle_id
        self._team_id = team_id
        self._key_id = key_id
        self._key = key
        self._epoch = epoch
        self._tokens: dict[str, float] = {}
        self.token_changes: list[float] = []
        """When another provider token was first seen."""

    @property
    def factory(self) -> Factory:
        factory: Any = cast(Any, Factory).forProtocol(lambda: ApnsServer(self))
        factory.noisy = False
        return cast(Factory, factory)

    def goaway(self, reason: str, *, last_seen: bool = True) -> None:
        """Say GOAWAY on every connection; without `last_seen` nothing under way was seen."""
        for one in list(self.connections):
            one.goaway(reason, last_seen=last_seen)

    def drop(self) -> None:
        """Cut every connection."""
        for one in list(self.connections):
            cast(Any, one.transport).abortConnection()

    def answer(self, server: "ApnsServer", headers: dict[str, str], body: bytes) -> Reply:
        """Judge a request as Apple does."""
        self.requests += 1
        reply = self._authentication(headers) or self._shape(headers, body)
        if reply is None:
            push = ApnsPush(
                headers[":path"].removeprefix("/3/device/"),
                headers,
                json.loads(body),
                server.number,
            )
            reply = self.decide(push)
            if reply is None:
                if self.keep:
                    self.received.append(push)
                self.on_push(push)
                return Reply(200)
        self.refused.append(reply)
        return reply

    def _authentication(self, headers: dict[str, str]) -> Reply | None:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            return Reply(403, "MissingProviderToken")
        now = self._epoch()
        if token in self._tokens:
            issued = self._tokens[token]
        else:
            try:
                if jwt.get_unverified_header(token).get("kid") != self._key_id:
                    return Reply(403, "InvalidProviderToken")
                claims = jwt.decode(token, self._key, ["ES256"], options={"verify_iat": False})
            except jwt.PyJWTError:
                return Reply(403, "InvalidProviderToken")
            if claims.get("iss") != self._team_id or not isinstance(claims.get("iat"), int):
                return Reply(403, "InvalidProviderToken")
            updates = self.token_changes[1:]  # the first is none
            if updates and now - updates[-1] < TOKEN_LEAST_S:
                return Reply(429, "TooManyProviderTokenUpdates")
            self.token_changes.append(now)
            issued = self._tokens[token] = claims["iat"]
        if not -TOKEN_LIFE_S <= now - issued <= TOKEN_LIFE_S:
            return Reply(403, "ExpiredProviderToken")
        return None

    def _shape(self, headers: dict[str, str], body: bytes) -> Reply | None:
        if headers.get(":method") != "POST":
            return Reply(405, "MethodNotAllowed")
        path = headers.get(":path", "")
        if not path.startswith("/3/device/"):
            return Reply(404, "BadPath")
        for reason, wrong in self._faults(headers, body):
            if wrong:
                return Reply(413 if reason == "PayloadTooLarge" else 400, reason)
        return None

    def _faults(self, headers: dict[str, str], body: bytes) -> list[tuple[str, bool]]:
        """Each reason of a 400, and whether it applies."""
        topic, kind = headers.get("apns-topic", ""), headers.get("apns-push-type", "")
        voip = kind == "voip"
        token = headers[":path"].removeprefix("/3/device/")
        priority = headers.get("apns-priority", "10")
        expiration = headers.get("apns-expiration", "0")
        return [
            ("MissingDeviceToken", not token),
            ("BadDeviceToken", TOKEN.fullmatch(token) is None or not token.strip("0")),
            ("MissingTopic", not topic),
            ("InvalidPushType", kind not in PUSH_TYPES),
            ("BadTopic", topic != (f"{self._bundle_id}.voip" if voip else self._bundle_id)),
            ("BadPriority", priority not in ("1", "5", "10")),
            ("BadPriority", kind == "background" and priority != "5"),
            ("BadExpirationDate", not expiration.isdigit()),
            ("BadMessageId", not _is_uuid(headers.get("apns-id"))),
            ("BadCollapseId", len(headers.get("apns-collapse-id", "").encode()) > 64),
            ("PayloadEmpty", not body),
            ("PayloadTooLarge", len(body) > (5_120 if voip else 4_096)),
            ("BadPayload", not _is_payload(body, kind)),
        ]


class ApnsServer(Protocol):
    """One connection to a double."""

    def __init__(self, double: ApnsDouble) -> None:
        self._double = double
        double.connected += 1
        self.number = double.connected
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._last = 0
        self._last_taken: int | None = None
        """The last request that is looked at, once GOAWAY has said so (RFC 9113 section 6.8)."""
        self._authenticated = False
        self._open = 0

    def connectionMade(self) -> None:
        if getattr(self.transport, "negotiatedProtocol", b"h2") not in (b"h2", None):
            self.transport.loseConnection()  # type: ignore[union-attr]
            return
        self._double.connections.append(self)
        maximum = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
        self._h2.local_settings = h2.settings.Settings(
            client=False, initial_values={maximum: self._double.streams_before}
        )
        self._h2.initiate_connection()
        self._flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        if self in self._double.connections:
            self._double.connections.remove(self)

    def dataReceived(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self._flush()
            self.transport.loseConnection()  # type: ignore[union-attr]
            return
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                stream = event.stream_id or 0
                if self._last_taken is not None and stream > self._last_taken:
                    continue
                self._last = max(self._last, stream)
                self._open += 1
                self._double.most_streams = max(self._double.most_streams, self._open)
                fields = {str(name): str(value) for name, value in event.headers or ()}
                self._requests[stream] = (fields, bytearray())
            elif isinstance(event, h2.events.DataReceived):
                stream = event.stream_id or 0
                if stream in self._requests:
                    self._requests[stream][1].extend(event.data or b"")
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            elif isinstance(event, h2.events.StreamEnded):
                self._ended(event.stream_id or 0)
            elif isinstance(event, h2.events.StreamReset):
                self._open -= self._requests.pop(event.stream_id or 0, None) is not None
        self._flush()

    def allow(self, streams: int) -> None:
        """Say that so many streams may be open at once."""
        try:
            self._h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: streams})
        except h2.exceptions.ProtocolError:  # the client has said good-bye
            return
        self._flush()

    def goaway(self, reason: str, *, last_seen: bool) -> None:
        said = json.dumps({"reason": reason, "timestamp": int(time.time() * 1000)}).encode()
        if self._last_taken is None:
            self._last_taken = self._last
        last = self._last_taken if last_seen else 0
        frame = last.to_bytes(4, "big") + (0).to_bytes(4, "big") + said
        self._flush()
        # h2 would end the connection with its own GOAWAY, and Apple goes on to answer
        head = len(frame).to_bytes(3, "big") + b"\x07\x00" + bytes(4)
        self.transport.write(head + frame)  # type: ignore[union-attr]

    def _ended(self, stream: int) -> None:
        headers, body = self._requests.pop(stream, ({}, bytearray()))
        if not headers:
            return
        reply = self._double.answer(self, headers, bytes(body))
        if not self._authenticated and reply.status != 403:
            self._authenticated = True
            self.allow(self._double.streams_after)
        if not reply.status:
            return
        if self._double.delay_s:
            self._double.clock.callLater(self._double.delay_s, self._reply, stream, headers, reply)
        else:
            self._reply(stream, headers, reply)

    def _reply(self, stream: int, headers: dict[str, str], reply: Reply) -> None:
        body = b""
        if reply.status != 200:
            found: dict[str, Any] = {"reason": reply.reason}
            if reply.timestamp:
                found["timestamp"] = reply.timestamp
            body = json.dumps(found).encode()
        fields = [(":status", str(reply.status)), ("apns-id", headers.get("apns-id", ""))]
        fields += reply.headers
        try:
            self._h2.send_headers(stream, fields, end_stream=not body)
            if body:
                self._h2.send_data(stream, body, end_stream=True)
        except h2.exceptions.ProtocolError:  # the client has given the request up
            return
        self._open -= 1
        self._flush()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self.transport is not None:
            self.transport.write(data)


def _is_uuid(text: str | None) -> bool:
    if text is None:
        return True
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_payload(body: bytes, kind: str) -> bool:
    try:
        found = json.loads(body)
    except ValueError:
        return False
    if not isinstance(found, dict) or not isinstance(found.get("aps"), dict):
        return False
    if kind == "background":
        aps = found["aps"]
        return aps.get("content-available") == 1 and not aps.keys() & {"alert", "badge", "sound"}
    return True
