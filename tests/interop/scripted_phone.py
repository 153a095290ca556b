"""A SIP phone over TCP that says what a test tells it to, message by message."""

import hashlib
import re
import secrets
from collections.abc import Callable

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater

from tests.interop.child import RETRY_S
from tests.interop.front_end_process import PASSWORD

WAIT_S = 120.0
"""How long a message is waited for."""


class Heard:
    """A message that came: its first line, header fields by their names in lower case, and body."""

    def __init__(self, head: str, body: str) -> None:
        self.first, *lines = head.split("\r\n")
        self.fields: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.fields.setdefault(name.strip().lower(), []).append(value.strip())
        self.body = body

    def __getitem__(self, name: str) -> str:
        return self.fields[name][0]

    @property
    def method(self) -> str:
        """Of a request; "SIP/2.0" for a response."""
        return self.first.partition(" ")[0]

    @property
    def status(self) -> int:
        return int(self.first.split()[1])


class Connection(Protocol):
    """One connection; `heard` are the messages that came and were not taken yet."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while True:
            self._data = self._data.lstrip(b"\r\n")
            head, end, rest = self._data.partition(b"\r\n\r\n")
            found = re.search(rb"(?im)^content-length: *(\d+)", head)
            size = int(found.group(1)) if found else 0
            if not end or len(rest) < size:
                return
            self.heard.append(Heard(head.decode(), rest[:size].decode()))
            self._data = rest[size:]


class ScriptedPhone:
    """The phone of `user`, whose Contact is one at which nobody listens, with `parameters` of its
    URI, and which says `about` it what else it is."""

    def __init__(
        self, user: str, port: int, contact_port: int, parameters: str = "", about: str = ""
    ) -> None:
        self.user = user
        self.tag = secrets.token_hex(4)
        self._contact = f"<sip:{user}@127.0.0.1:{contact_port};transport=tcp{parameters}>"
        self._about = about
        self._port = port
        self._call_id = secrets.token_hex(8)
        self._number = 0
        self._connection = Connection()

    async def connect(self) -> None:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self._port)
        self._connection = await connectProtocol(endpoint, Connection())

    def sleep(self) -> None:
        """The connection is gone; the registration stays."""
        self._connection.transport.abortConnection()

    @property
    def unheard(self) -> list[str]:
        """The methods of what has come and was not waited for."""
        return [one.method for one in self._connection.heard]

    async def hears(self, method: str) -> Heard:
        """Wait for the next request with this method."""
        return await self._next(lambda one: one.method == method)

    async def _next(self, wanted: Callable[[Heard], bool]) -> Heard:
        connection, until = self._connection, reactor.seconds() + WAIT_S
        while not (found := [one for one in connection.heard if wanted(one)]):
            if reactor.seconds() > until:
                raise RuntimeError(f"waited in vain, and heard {self.unheard}")
            await deferLater(reactor, RETRY_S)
        connection.heard.remove(found[0])
        return found[0]

    async def register(self) -> Heard:
        """Register, with the password; the 200."""
        await self.connect()
        refused = await self._register()
        return await self._register(self._credentials(refused))

    async def sign_out(self) -> None:
        """Register no more."""
        refused = await self._register(expires_s=0)
        await self._register(self._credentials(refused), expires_s=0)
        self.sleep()

    async def _register(self, *lines: str, expires_s: int = 600) -> Heard:
        self._number += 1
        number = self._number
        text = "\r\n".join(
            (
                "REGISTER sip:example.test SIP/2.0",
                f"Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{secrets.token_hex(8)};rport",
                f"From: <sip:{self.user}@example.test>;tag={self.tag}",
                f"To: <sip:{self.user}@example.test>",
                f"Call-ID: {self._call_id}",
                f"CSeq: {number} REGISTER",
                f"Contact: {self._contact}{self._about}",
                f"Expires: {expires_s}",
                "Max-Forwards: 70",
                *lines,
                "Content-Length: 0",
            )
        )
        self._connection.transport.write(f"{text}\r\n\r\n".encode())
        return await self._next(
            lambda one: one.method == "SIP/2.0" and one["cseq"] == f"{number} REGISTER"
        )

    def _credentials(self, refused: Heard) -> str:
        challenge = next(
            one for one in refused.fields["www-authenticate"] if "algorithm=MD5" in one
        )
        given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm, nonce, uri, cnonce = given["realm"], given["nonce"], "sip:example.test", "c"
        ha1 = _md5(f"{self.user}:{realm}:{PASSWORD}")
        ha2 = _md5(f"REGISTER:{uri}")
        response = _md5(f"{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")
        return (
            f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", '
            f'uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc=00000001, '
            f'cnonce="{cnonce}"'
        )

    def refer(self, invite: Heard, to_uri: str) -> None:
        """Send who has called on to somebody else (RFC 3515)."""
        self._number += 1
        text = "\r\n".join(
            (
                f"REFER {invite['contact'].partition('<')[2].partition('>')[0]} SIP/2.0",
                f"Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{secrets.token_hex(8)};rport",
                f"From: {invite['to']};tag={self.tag}",
                f"To: {invite['from']}",
                f"Call-ID: {invite['call-id']}",
                f"CSeq: {self._number} REFER",
                f"Contact: {self._contact}",
                f"Refer-To: <{to_uri}>",
                "Max-Forwards: 70",
                "Content-Length: 0",
            )
        )
        self._connection.transport.write(f"{text}\r\n\r\n".encode())

    def answer(self, asked: Heard, status: int, reason: str, body: str = "") -> None:
        """Answer a request."""
        to = asked["to"] if "tag=" in asked["to"] else f"{asked['to']};tag={self.tag}"
        kind = ["Content-Type: application/sdp"] if body else []
        text = "\r\n".join(
            (
                f"SIP/2.0 {status} {reason}",
                *(f"Via: {value}" for value in asked.fields["via"]),
                f"From: {asked['from']}",
                f"To: {to}",
                f"Call-ID: {asked['call-id']}",
                f"CSeq: {asked['cseq']}",
                f"Contact: {self._contact}",
                *kind,
                f"Content-Length: {len(body)}",
            )
        )
        self._connection.transport.write(f"{text}\r\n\r\n{body}".encode())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # what Digest asks for
