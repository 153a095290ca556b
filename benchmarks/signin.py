"""Sign-in with a password: argon2 is most of it, so there is no bound to compare it with."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

from benchmarks.client import Connection
from benchmarks.front_end import FrontEnd, Person
from benchmarks.report import Effort, Result
from benchmarks.ucwa import sign_in

CLIENTS = 8
USERS = 64


async def measure(front_end: FrontEnd, people: Sequence[Person], seconds: float) -> Result:
    """Sign-ins a second, by the clock and by the server's processor."""
    turn = cycle(people)
    server = front_end.server

    async def client(until: float) -> int:
        connection = await Connection.open(server.port, front_end.tls)
        done = 0
        while time.perf_counter() < until:
            await sign_in(connection, next(turn))
            done += 1
        connection.close()
        return done

    began, before = time.perf_counter(), server.cpu_s()
    done = sum(await asyncio.gather(*(client(began + seconds) for _ in range(CLIENTS))))
    wall_s, cpu_s = time.perf_counter() - began, server.cpu_s() - before
    return Result(
        f"sign-in, {CLIENTS} clients", "", f"{done / wall_s:.1f} /s, {done / cpu_s:.1f} /cpu-s"
    )


def run(front_end: FrontEnd, _directory: Path, effort: Effort) -> Iterator[Result]:
    """How many sign-ins the front end takes."""
    people = front_end.prepare(USERS, signed_in=False)
    with front_end.server:
        yield asyncio.run(measure(front_end, people, effort.seconds))
