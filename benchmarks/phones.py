"""SIP phones for load: they register, write to one another, and answer what comes."""

import hashlib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence

from benchmarks.client import UnexpectedAnswer
from benchmarks.front_end import PASSWORD, SIP_DOMAIN
from benchmarks.load import Load, Take
from benchmarks.server import Server

TEXT = b"hello, a typical short chat line from the load generator"

_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d+)", re.IGNORECASE)
_KEPT = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq):.*\r\n", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(r'(\w+)="?([^",]*)"?')


class Phone:
    """A user's phone over one connection."""

    def __init__(self, user: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.user = user
        self.transport = "TCP" if tls is None else "TLS"
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname="127.0.0.1")
        self.connection = connection
        self._number = connection.getsockname()[1]

    def register(self) -> None:
        """Register with digest where that is asked for (MD5, RFC 7616)."""
        answer = self._ask(1, "")
        if answer.startswith(b"SIP/2.0 401 "):
            challenges = re.findall(rb"WWW-Authenticate: Digest (.*)\r\n", answer)
            said = next(one.decode() for one in challenges if b"MD5" in one)
            answer = self._ask(2, self._credentials(dict(_PARAMETER.findall(said))))
        if not answer.startswith(b"SIP/2.0 200 "):
            raise UnexpectedAnswer(repr(answer[:300]))

    def close(self) -> None:
        self.connection.close()

    def _ask(self, number: int, credentials: str) -> bytes:
        self.connection.sendall(
            (
                f"REGISTER sip:{SIP_DOMAIN} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.transport} 127.0.0.1;"
                f"branch=z9hG4bK-{self._number}-{number}\r\n"
                "Max-Forwards: 70\r\n"
                f"From: <sip:{self.user}@{SIP_DOMAIN}>;tag=r{self.user}\r\n"
                f"To: <sip:{self.user}@{SIP_DOMAIN}>\r\n"
                f"Call-ID: r{self._number}@load\r\n"
                f"CSeq: {number} REGISTER\r\n"
                f"Contact: <sip:{self.user}@127.0.0.1:9;transport={self.transport.lower()}>\r\n"
                f"{credentials}"
                "Content-Length: 0\r\n\r\n"
            ).encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = self.connection.recv(65536)
            if not data:
                raise UnexpectedAnswer("the server closed a connection")
            answer += data
        return answer

    def _credentials(self, said: dict[str, str]) -> str:
        uri, count, own = f"sip:{SIP_DOMAIN}", "00000001", "bench"
        first = _md5(f"{self.user}:{said['realm']}:{PASSWORD}")
        second = _md5(f"REGISTER:{uri}")
        response = _md5(f"{first}:{said['nonce']}:{count}:{own}:auth:{second}")
        return (
            f'Authorization: Digest username="{self.user}", realm="{said["realm"]}", '
            f'nonce="{said["nonce"]}", uri="{uri}", algorithm=MD5, qop=auth, nc={count}, '
            f'cnonce="{own}", response="{response}"\r\n'
        )


def messages(sender: Phone, to: str) -> Iterator[bytes]:
    """MESSAGE requests of one phone without end."""
    sequence = 0
    while True:
        sequence += 1
        yield (
            f"MESSAGE sip:{to}@{SIP_DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/{sender.transport} 127.0.0.1;"
            f"branch=z9hG4bK-{sender.user}-{to}-{sequence};rport\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:{sender.user}@{SIP_DOMAIN}>;tag=m{sequence}\r\n"
            f"To: <sip:{to}@{SIP_DOMAIN}>\r\n"
            f"Call-ID: m{sender.user}-{to}-{sequence}@load\r\n"
            f"CSeq: {sequence} MESSAGE\r\n"
            "Content-Type: text/plain\r\n"
            f"Content-Length: {len(TEXT)}\r\n\r\n"
        ).encode() + TEXT


def taker(status: int) -> Take:
    """Takes answers without a body that have this status."""
    start = b"SIP/2.0 %d " % status

    def take(received: bytes) -> bytes | None:
        head, end, rest = received.partition(b"\r\n\r\n")
        if not end:
            return None
        if not head.startswith(start):
            raise UnexpectedAnswer(repr(head[:300]))
        return rest

    return take


class Writing(Load):
    """Phones that write without end, each the next message once the last one was answered.

    `receivers` answer 200 to all that comes to them.
    """

    def __init__(
        self,
        server: Server,
        pairs: Sequence[tuple[Phone, str]],
        receivers: Sequence[Phone] = (),
        status: int = 200,
    ) -> None:
        super().__init__(server, 0, None, (), taker(status))
        self._receivers: dict[int, socket.socket] = {}
        for sender, to in pairs:
            number = self._watch(sender)
            self._sockets[number] = sender.connection
            self._requests[number] = messages(sender, to)
        for receiver in receivers:
            self._receivers[self._watch(receiver)] = receiver.connection

    def _watch(self, phone: Phone) -> int:
        connection = phone.connection
        connection.setblocking(False)
        number = connection.fileno()
        self._received[number] = b""
        self._poll.register(number, 1)  # EPOLLIN
        return number

    def _answered(self, number: int) -> bool:
        receiver = self._receivers.get(number)
        if receiver is None:
            return super()._answered(number)
        try:
            data = receiver.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        if not data:
            raise UnexpectedAnswer("the server closed a connection")
        buffer, answers = self._received[number] + data, []
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(buffer, 0, end + 2)
            stop = end + 4 + (int(length[1]) if length else 0)
            if stop > len(buffer):
                break
            kept = b"".join(_KEPT.findall(buffer[: end + 2]))
            answers.append(b"SIP/2.0 200 OK\r\n" + kept + b"Content-Length: 0\r\n\r\n")
            buffer = buffer[stop:]
        self._received[number] = buffer
        if answers:
            receiver.send(b"".join(answers))
        return False


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
