"""The SIP ports of a front end, as plain sockets meet them."""

import random
import socket
import ssl
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.front_end_process import FrontEndProcess
from tests.sip.samples import OPTIONS

MALFORMED = 5_000
"""How many broken messages are sent over each transport."""

WAIT_S = 120.0
"""How long an answer is waited for."""

TCP = """
[[sip.listen]]
name = "plain"
endpoint = "tcp:{}:interface=127.0.0.1"
transport = "tcp"
"""


class Caller:
    """A connection that sends messages and reads answers, in a thread."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.socket = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        self.buffer = b""

    def ask(self, data: bytes) -> bytes:
        """The next answer after `data`, b"" when the connection ends."""
        try:
            self.socket.sendall(data)
        except ConnectionError:
            return b""
        return self.read()

    def read(self) -> bytes:
        while b"\r\n\r\n" not in self.buffer:
            try:
                came = self.socket.recv(65_536)
            except (ConnectionError, ssl.SSLError):
                came = b""
            if not came:
                return b""
            self.buffer += came
        answer, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return answer

    def close(self) -> None:
        self.socket.close()


def options(number: int) -> bytes:
    """An OPTIONS of its own transaction."""
    return OPTIONS.replace(b"-1-77", b"-%d" % number)


def spoiled(source: random.Random) -> bytes:
    """An OPTIONS that is broken somewhere before its Content-Length, which says where it ends."""
    whole = options(0)
    end = whole.index(b"Content-Length")
    head = bytearray(whole[:end])
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(head))
        kind = source.randrange(3)
        if kind == 0:
            head[at] = source.randrange(256)
        elif kind == 1:
            del head[at : at + source.randint(1, 20)]
        else:
            head[at:at] = bytes(source.choices(b'\0\r\n\t ;,:<>"@\xffA', k=source.randint(1, 10)))
    return bytes(head) + whole[end:]


def torment(port: int, context: ssl.SSLContext | None, count: int) -> int:
    """Send broken messages, each followed by a good one that must be answered; how many were."""
    source = random.Random(4475)
    caller, answered = Caller(port, context), 0
    for number in range(1, count + 1):
        wanted = b"branch=z9hG4bK-%d" % number
        answer = caller.ask(spoiled(source) + options(number))
        while answer and wanted not in answer:
            answer = caller.read()
        if not answer:  # the broken one could not even be framed
            caller.close()
            caller = Caller(port, context)
            answer = caller.ask(options(number))
        answered += answer.startswith(b"SIP/2.0 200") and wanted in answer
    caller.close()
    return answered


class ListenerTests(TestCase):
    """5088 and 5089 with TLS, and one without."""

    timeout = 300

    async def start(self, *, demanding: int = 0) -> None:
        """Start it; the listener of the port `demanding` demands a certificate."""
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.plain = self.process.port(5090)
        if demanding:
            tls = f'endpoint = "tcp:{self.process.port(demanding)}:interface=127.0.0.1"'
            text = self.process.config.read_text()
            before, _, after = text.partition(tls)
            after = after.replace('"request"', '"require"', 1)
            self.process.config.write_text(f"{before}{tls}{after}")
        with self.process.config.open("a") as config:
            config.write(TCP.format(self.plain))
        await self.process.run_for(self)

    def context(self, *, certificate: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.process.ca))
        if certificate:
            context.load_cert_chain(self.process.directory / "tls" / "peer.pem")
        return context

    async def test_options(self) -> None:
        """A peer with a certificate and one without are answered on both ports, and the log names
        the one with."""
        await self.start()
        for standard in (5088, 5089):
            for certificate in (True, False):
                context = self.context(certificate=certificate)
                caller = Caller(self.process.port(standard), context)
                answer = await deferToThread(caller.ask, OPTIONS)
                self.assertTrue(answer.startswith(b"SIP/2.0 200 OK"), answer)
                caller.close()
        peers = [line["peer"] for line in await self.process.logged_times(4, "sip.request")]
        self.assertEqual(sorted(set(peers)), ["127.0.0.1", "sip.example.test"])

    async def test_required_certificate(self) -> None:
        """Where a certificate is demanded, nobody is answered without one."""
        await self.start(demanding=5089)
        without = Caller(self.process.port(5089), self.context())
        self.assertEqual(await deferToThread(without.ask, OPTIONS), b"")
        caller = Caller(self.process.port(5089), self.context(certificate=True))
        answer = await deferToThread(caller.ask, OPTIONS)
        self.assertTrue(answer.startswith(b"SIP/2.0 200 OK"), answer)
        caller.close()

    async def test_torment(self) -> None:
        """After each of thousands of broken messages the next good one is answered, over TCP and
        TLS, and nothing in the log is a failure."""
        await self.start()
        for port, context in (
            (self.plain, None),
            (self.process.port(5089), self.context()),
        ):
            answered = await deferToThread(torment, port, context, MALFORMED)
            self.assertEqual(answered, MALFORMED)
        self.assertEqual(self.process.events("sip.failed"), [])
        self.assertEqual(self.process.events("twisted.failure"), [])
