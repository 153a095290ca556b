"""A crash: the server is killed and started again, and every client comes back at once."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.front_end import FrontEnd, Person
from benchmarks.report import Effort, Result
from benchmarks.sessions import join, settle

CLIENTS = 5_000
QUICK_CLIENTS = 500

LOOK_S = 0.2
"""How often the server is asked how many are parked."""

BACK_WITHIN_S = 120.0


async def measure(front_end: FrontEnd, people: Sequence[Person]) -> Result:
    """Seconds from the start of the new process until all are parked, and what it used of them."""
    server = front_end.server
    sessions = await join(front_end, people, 0, len(people))
    await settle(front_end, sessions)
    server.kill()
    began = time.perf_counter()
    await asyncio.to_thread(server.start)
    async with asyncio.timeout(BACK_WITHIN_S):
        while await front_end.parked() < len(sessions):
            await asyncio.sleep(LOOK_S)
    parked_s, cpu_s = time.perf_counter() - began, server.cpu_s()
    await asyncio.gather(*(session.stop() for session in sessions))
    return Result(
        f"{len(sessions):,} clients back after kill -9",
        "",
        f"all parked in {parked_s:.1f} s ({cpu_s:.1f} cpu-s)",
    )


def run(front_end: FrontEnd, _directory: Path, effort: Effort) -> Iterator[Result]:
    """The time until the service is whole again."""
    people = front_end.prepare(QUICK_CLIENTS if effort.quick else CLIENTS, signed_in=True)
    with front_end.server:
        yield asyncio.run(measure(front_end, people))
