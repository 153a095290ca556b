"""Authenticated GET of one's own presence over TLS, against a JSON resource of twisted.web."""

import asyncio
import select
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.client import UnexpectedAnswer, read_answer, request_bytes
from benchmarks.front_end import FrontEnd, Person
from benchmarks.report import Effort, Result, by_turns
from benchmarks.server import Server, bound
from benchmarks.ucwa import Session

LEAST_RATIO = 0.80
USERS = 8
CONNECTIONS = 32


class Load:
    """Connections that are always waiting for an answer: each sends its request again at once."""

    def __init__(self, server: Server, tls: ssl.SSLContext, requests: Sequence[bytes]) -> None:
        self._server = server
        self._sockets: dict[int, ssl.SSLSocket] = {}
        self._requests: dict[int, bytes] = {}
        self._received: dict[int, bytes] = {}
        self._poll = select.epoll()
        for request in requests:
            plain = socket.create_connection(("127.0.0.1", server.port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secured = tls.wrap_socket(plain, server_hostname="127.0.0.1")
            secured.setblocking(False)
            number = secured.fileno()
            self._sockets[number], self._requests[number] = secured, request
            self._received[number] = b""
            self._poll.register(number, select.EPOLLIN)

    def close(self) -> None:
        self._poll.close()
        for connection in self._sockets.values():
            connection.close()

    def run(self, seconds: float) -> float:
        """Answers in `seconds` for each second of the server's processor time."""
        for number, connection in self._sockets.items():
            connection.send(self._requests[number])
        began, before = time.monotonic(), self._server.cpu_s()
        answers = 0
        while time.monotonic() - began < seconds:
            for number, _ in self._poll.poll(1.0):
                if self._answered(number):
                    answers += 1
                    self._sockets[number].send(self._requests[number])
        rate = answers / (self._server.cpu_s() - before)
        self._settle()
        return rate

    def _settle(self) -> None:
        """Take the answers that are still to come."""
        waiting = set(self._sockets)
        while waiting:
            waiting -= {number for number, _ in self._poll.poll(1.0) if self._answered(number)}

    def _answered(self, number: int) -> bool:
        """Take what has come on a connection; whether that makes an answer whole."""
        try:
            data = self._sockets[number].recv(65536)
        except ssl.SSLWantReadError:
            return False
        if not data:
            raise UnexpectedAnswer("the server closed a connection")
        found = read_answer(self._received[number] + data)
        if found is None:
            self._received[number] += data
            return False
        answer, self._received[number] = found
        if answer.status != 200:
            raise UnexpectedAnswer(f"{answer.status}: {answer.body[:300]!r}")
        return True


async def presence_requests(front_end: FrontEnd, people: Sequence[Person]) -> list[bytes]:
    """For each person an application, and the request for its presence."""
    requests = []
    for person in people:
        session = Session(person, front_end.server.port, front_end.tls)
        with closing(await session.connect()) as connection:
            await session.register(connection)
        requests.append(request_bytes("GET", session.links["presence"], person.token))
    return requests


def run(front_end: FrontEnd, directory: Path, effort: Effort) -> Iterator[Result]:
    """Bound and front end by turns, after one that does not count."""
    people = front_end.prepare(USERS, signed_in=True)
    hello = request_bytes("GET", "/hello")
    with bound("json_site", front_end.certificate, directory) as site, front_end.server:
        requests = asyncio.run(presence_requests(front_end, people))
        with (
            closing(Load(site, front_end.tls, [hello] * CONNECTIONS)) as bare,
            closing(
                Load(front_end.server, front_end.tls, requests * (CONNECTIONS // USERS))
            ) as real,
        ):
            rates = [
                (bare.run(effort.seconds), real.run(effort.seconds))
                for _ in range(effort.turns + 1)
            ][1:]
    yield by_turns(
        "GET me/presence", "/cpu-s", [b for b, _ in rates], [p for _, p in rates], LEAST_RATIO
    )
