"""The service behind Chromium's `pushManager`, which holds a connection to each browser.

Chromium asks three things of it, each at a place that a switch names: a device's identity
(`--gcm-checkin-url`), a token for each subscription (`--gcm-registration-url`) and a TLS connection
on which messages come (`--gcm-mcs-endpoint`).  The formats are those of Chromium's own sources
(google_apis/gcm/protocol/checkin.proto, mcs.proto and engine/), as much of them as one browser
without an account needs.  A message is what a push service was given, encrypted: the browser alone
has the keys.
"""

import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import attrs
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from mobility.push_doubles.listening import ServerTls, listen
from mobility.push_doubles.pages import Asked, Page, WebDouble
from mobility.push_doubles.web_push import PushServiceDouble, Subscriber, WebMessage

VERSION = 41
"""Of the connection's protocol, the first byte each way."""

PING, PONG, LOGIN, LOGGED_IN, CLOSE, DATA = 0, 1, 2, 3, 4, 8
"""Tags of the frames that a browser sends or gets."""

FRAME_BYTES = 64 * 1024


# -- Protocol Buffers, as far as they are needed here ------------------------------------------


def varint(number: int) -> bytes:
    """A number of any size in groups of seven bits."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where it ends.  Raises IndexError where it is not whole."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def field(number: int, value: int | str | bytes) -> bytes:
    """A varint, or a text or message with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fixed64(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + value.to_bytes(8, "little")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field, of one that repeats each."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value: int | bytes
            value, at = read_varint(data, at)
        else:
            if kind == 2:
                length, at = read_varint(data, at)
            else:
                length = {1: 8, 5: 4}[kind]
            value = data[at : at + length]
            at += length
        yield key >> 3, value


# -- who subscribes ----------------------------------------------------------------------------


@attrs.frozen(slots=True)
class Registration:
    """A subscription of a page: its application, and the VAPID key that it is restricted to."""

    category: str
    subtype: str
    key: str


class Registrar(WebDouble):
    """Gives devices their identity and subscriptions their tokens."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.devices: dict[str, str] = {}
        """The secret of each device."""
        self.registrations: dict[str, Registration] = {}
        """By token."""

    def answer(self, asked: Asked) -> Page:
        self.requests += 1
        if asked.path == "/checkin":
            return self._check_in()
        if asked.path == "/register":
            return self._register(asked)
        return Page(404)

    def _check_in(self) -> Page:
        device, secret = (secrets.randbits(62) | 1 for _ in range(2))
        self.devices[str(device)] = str(secret)
        body = (
            field(1, 1)
            + field(3, int(time.time() * 1000))
            + fixed64(7, device)
            + fixed64(8, secret)
            + field(11, "1")
        )
        return Page(200, body, (("Content-Type", "application/x-protobuffer"),))

    def _register(self, asked: Asked) -> Page:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        device, _, secret = (
            asked.headers.get("authorization", "").removeprefix("AidLogin ").partition(":")
        )
        if self.devices.get(device) != secret:
            return Page(401)
        token = secrets.token_urlsafe(24)
        self.registrations[token] = Registration(
            form["app"], form.get("X-subtype", ""), form["sender"]
        )
        return Page(200, f"token={token}".encode(), (("Content-Type", "text/plain"),))


# -- the connection ----------------------------------------------------------------------------


class BrowserConnection(Protocol):
    """The service's end of a browser's connection."""

    def __init__(self, service: "MessageService") -> None:
        self._service = service
        self._data = b""
        self._greeted = False
        self._logged_in = False

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > FRAME_BYTES:
            self._end()
        if not self._greeted and self._data:
            self._greeted = True
            self._data = self._data[1:]
        while self._data:
            try:
                length, at = read_varint(self._data, 1)
            except IndexError:
                return
            if len(self._data) < at + length:
                return
            tag, frame = self._data[0], self._data[at : at + length]
            self._data = self._data[at + length :]
            self._take(tag, frame)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._service.gone(self)

    def _take(self, tag: int, frame: bytes) -> None:
        if tag == LOGIN and not self._logged_in:
            told: dict[int, list[Any]] = {}
            for number, value in fields(frame):
                told.setdefault(number, []).append(value)
            user, token = (told[number][0].decode() for number in (3, 5))
            if self._service.registrar.devices.get(user) != token:
                self._end()
                return
            self._logged_in = True
            self._write(bytes([VERSION]))
            answer = field(1, told[1][0]) + field(2, user) + field(8, int(time.time() * 1000))
            self.send(LOGGED_IN, answer)
            self._service.came(self, [one.decode() for one in told.get(10, ())])
        elif tag == PING:
            self.send(PONG, b"")
        elif tag == CLOSE:
            self._end()

    def send(self, tag: int, frame: bytes) -> None:
        self._write(bytes([tag]) + varint(len(frame)) + frame)

    def _write(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def _end(self) -> None:
        transport: Any = self.transport
        transport.loseConnection()


class MessageService(Factory):
    """The connections of a browser; `deliver` sends to it, now or once it is there.

    At each login the browser names the messages that it has, and gets the others again.
    """

    noisy = False

    def __init__(self, registrar: Registrar) -> None:
        self.registrar = registrar
        self._connected: list[BrowserConnection] = []
        self._sent: dict[str, bytes] = {}
        """By the id under which the browser confirms it."""

    def buildProtocol(self, addr: object) -> BrowserConnection:
        return BrowserConnection(self)

    def came(self, connection: BrowserConnection, received: list[str]) -> None:
        """A browser has logged in, which has `received` these messages."""
        self._connected.append(connection)
        for one in received:
            self._sent.pop(one, None)
        for frame in self._sent.values():
            connection.send(DATA, frame)

    def gone(self, connection: BrowserConnection) -> None:
        if connection in self._connected:
            self._connected.remove(connection)

    def deliver(self, registration: Registration, body: bytes) -> None:
        """Send a message that is encrypted with aes128gcm."""
        told = {"content-encoding": "aes128gcm"}
        if registration.subtype:
            told["subtype"] = registration.subtype
        identifier = secrets.token_hex(8)
        frame = self._sent[identifier] = b"".join(
            (
                field(2, identifier),
                field(3, registration.key),
                field(5, registration.category),
                *(field(7, field(1, name) + field(2, value)) for name, value in told.items()),
                field(9, identifier),
                field(17, 60),
                field(18, int(time.time() * 1000)),
                field(21, body),
            )
        )
        for connection in self._connected:
            connection.send(DATA, frame)


class BrowserPushService(PushServiceDouble):
    """A push service (RFC 8030) that hands what it gets to a browser, and cannot read it."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.registrar = Registrar(clock)
        self.messages = MessageService(self.registrar)
        self._registrations: dict[str, Registration] = {}
        self._port = 0

    async def start(self, test: Any, reactor: Any, identity: Any) -> None:
        """Listen until the test ends."""
        for double in (self, self.registrar):
            port = await listen(reactor, double.factory, ServerTls(identity, b"http/1.1"), 0)
            double.port = port.getHost().port
            test.addCleanup(port.stopListening)
        port = await listen(reactor, self.messages, ServerTls(identity, b"none"), 0)
        self._port = port.getHost().port
        test.addCleanup(port.stopListening)

    @property
    def switches(self) -> tuple[str, ...]:
        """What leads Chromium here."""
        return (
            f"--gcm-checkin-url={self.registrar.url}/checkin",
            f"--gcm-registration-url={self.registrar.url}/register",
            f"--gcm-mcs-endpoint=https://localhost:{self._port}",
        )

    def endpoint_of(self, endpoint: str) -> str:
        """Where the subscription that Chromium gives a page is served here.

        Chromium names Google's host, whatever the switches say; the token in it is ours.
        """
        token = endpoint.rpartition("/")[2]
        registration = self.registrar.registrations[token]
        subscriber = self.subscribe(keys=False)
        self._registrations[subscriber.path] = registration
        return subscriber.endpoint

    def _read(self, asked: Asked, subscriber: Subscriber) -> WebMessage:
        if asked.headers.get("content-encoding") != "aes128gcm":
            raise ValueError("bad Content-Encoding")
        self.messages.deliver(self._registrations[subscriber.path], asked.body)
        return WebMessage({}, "", asked.headers, asked.body)
