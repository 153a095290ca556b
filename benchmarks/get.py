"""Authenticated GET of one's own presence over TLS, against a JSON resource of twisted.web."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import repeat
from pathlib import Path

from benchmarks.client import UnexpectedAnswer, read_answer, request_bytes
from benchmarks.front_end import FrontEnd, Person
from benchmarks.load import Load
from benchmarks.report import Effort, Result, by_turns
from benchmarks.server import bound
from benchmarks.ucwa import Session

LEAST_RATIO = 0.80
USERS = 8
CONNECTIONS = 32


def take(received: bytes) -> bytes | None:
    """What follows an answer, which must be 200."""
    found = read_answer(received)
    if found is None:
        return None
    answer, rest = found
    if answer.status != 200:
        raise UnexpectedAnswer(f"{answer.status}: {answer.body[:300]!r}")
    return rest


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
        server = front_end.server
        asked = asyncio.run(presence_requests(front_end, people)) * (CONNECTIONS // USERS)
        with (
            closing(
                Load(site, site.port, front_end.tls, [repeat(hello)] * CONNECTIONS, take)
            ) as bare,
            closing(
                Load(server, server.port, front_end.tls, list(map(repeat, asked)), take)
            ) as real,
        ):
            rates = [
                (bare.run(effort.seconds), real.run(effort.seconds))
                for _ in range(effort.turns + 1)
            ][1:]
    yield by_turns(
        "GET me/presence", "/cpu-s", [b for b, _ in rates], [p for _, p in rates], LEAST_RATIO
    )
