"""Memory of an idle session over TLS: what the server's proportional set size grows by."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.client import Connection, request_bytes
from benchmarks.front_end import FrontEnd, Person
from benchmarks.report import Effort, Result
from benchmarks.server import Server, bound
from benchmarks.sessions import join, settle
from benchmarks.ucwa import Session

MOST_BYTES = 45_000
COUNTS = (1_000, 5_000)
QUICK_COUNTS = (200, 1_000)

WARM = 50
"""Sessions before the first measurement: they pay for what is made only once."""

SETTLE_S = 2.0
"""After starting, or after the last request was parked."""


async def park(server: Server, front_end: FrontEnd, counts: Sequence[int]) -> list[float]:
    """What a parked request costs the bound, in bytes, at each of `counts`."""
    connections: list[Connection] = []

    async def filled(count: int) -> int:
        while len(connections) < count:
            connection = await Connection.open(server.port, front_end.tls)
            connection.request(request_bytes("GET", "/park"))
            connections.append(connection)
        await asyncio.sleep(SETTLE_S)
        return server.pss_bytes()

    before = await filled(WARM)
    found = [(await filled(WARM + count) - before) / count for count in counts]
    for connection in connections:
        connection.close()
    return found


async def idle(front_end: FrontEnd, people: Sequence[Person], counts: Sequence[int]) -> list[float]:
    """What an idle session costs the running front end, in bytes, at each of `counts`."""
    sessions: list[Session] = []

    async def filled(count: int) -> int:
        sessions.extend(await join(front_end, people, len(sessions), count))
        await settle(front_end, sessions)
        return front_end.server.pss_bytes()

    before = await filled(WARM)
    found = [(await filled(WARM + count) - before) / count for count in counts]
    await asyncio.gather(*(session.stop() for session in sessions))
    return found


async def empty_bytes(front_end: FrontEnd) -> int:
    """What the front end takes before anybody connects."""
    with front_end.server as server:
        await asyncio.sleep(SETTLE_S)
        return server.pss_bytes()


def run(front_end: FrontEnd, directory: Path, effort: Effort) -> Iterator[Result]:
    """A session is its user and token, which are in memory from the start, and all the rest."""
    counts = QUICK_COUNTS if effort.quick else COUNTS
    with bound("json_site", front_end.certificate, directory) as site:
        bare = asyncio.run(park(site, front_end, counts))
    empty = asyncio.run(empty_bytes(front_end))
    people = front_end.prepare(WARM + counts[-1], signed_in=True)
    of_person = (asyncio.run(empty_bytes(front_end)) - empty) / len(people)
    with front_end.server:
        sessions = asyncio.run(idle(front_end, people, counts))
    for count, of_request, of_session in zip(counts, bare, sessions, strict=True):
        total = of_person + of_session
        yield Result(
            f"idle session, {count:,} of them",
            f"{of_request:,.0f} B",
            f"{total:,.0f} B",
            f"{total / of_request:.2f}",
            f"<= {MOST_BYTES:,} B",
            total <= MOST_BYTES,
        )
