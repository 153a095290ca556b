"""Connections that are always waiting for an answer: each sends its next request at once."""

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks.client import UnexpectedAnswer
from benchmarks.server import Server

Take = Callable[[bytes], bytes | None]
"""What follows the first whole answer in what was received, None while there is none; raises
UnexpectedAnswer for one that is not as it must be."""


class Load:
    """As many connections to `port` of a server as there are `requests`, each an endless supply.

    Without `tls` they are plain.
    """

    def __init__(
        self,
        server: Server,
        port: int,
        tls: ssl.SSLContext | None,
        requests: Sequence[Iterator[bytes]],
        take: Take,
    ) -> None:
        self._server = server
        self._take = take
        self._sockets: dict[int, socket.socket] = {}
        self._requests: dict[int, Iterator[bytes]] = {}
        self._received: dict[int, bytes] = {}
        self._poll = select.epoll()
        self.answers = 0
        """All that have come so far."""
        for request in requests:
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = tls.wrap_socket(connection, server_hostname="127.0.0.1")
            connection.setblocking(False)
            number = connection.fileno()
            self._sockets[number], self._requests[number] = connection, request
            self._received[number] = b""
            self._poll.register(number, select.EPOLLIN)

    def close(self) -> None:
        self._poll.close()
        for connection in self._sockets.values():
            connection.close()

    def run(self, seconds: float) -> float:
        """Answers in `seconds` for each second of the server's processor time."""
        for number in self._sockets:
            self._ask(number)
        began, before = time.monotonic(), self._server.cpu_s()
        answers = 0
        while time.monotonic() - began < seconds:
            for number, _ in self._poll.poll(1.0):
                if self._answered(number):
                    answers += 1
                    self._ask(number)
        rate = answers / (self._server.cpu_s() - before)
        self._settle()
        return rate

    def _ask(self, number: int) -> None:
        self._sockets[number].send(next(self._requests[number]))

    def _settle(self) -> None:
        """Take the answers that are still to come."""
        waiting = set(self._sockets)
        while waiting:
            waiting -= {number for number, _ in self._poll.poll(1.0) if self._answered(number)}

    def _answered(self, number: int) -> bool:
        """Take what has come on a connection; whether that makes an answer whole."""
        try:
            data = self._sockets[number].recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        if not data:
            raise UnexpectedAnswer("the server closed a connection")
        rest = self._take(self._received[number] + data)
        if rest is None:
            self._received[number] += data
            return False
        self._received[number] = rest
        self.answers += 1
        return True
