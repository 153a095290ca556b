"""Many idle sessions: each an application with ten contacts watched and a parked event request."""

import asyncio
from collections.abc import Sequence

from benchmarks.client import UnexpectedAnswer
from benchmarks.front_end import FrontEnd, Person
from benchmarks.ucwa import Session

CONTACTS = 10
AT_ONCE = 20
"""Sessions that are set up at the same time."""

QUIET_S = 7.0
"""With no answer for so long nothing is on its way: presence is held back for 5 s (UCWA rel
`events`, medium)."""

SETTLED_WITHIN_S = 120.0


async def settle(front_end: FrontEnd, sessions: Sequence[Session]) -> None:
    """Wait until every session is parked and nothing more comes."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        answers = -1
        while answers != (answers := sum(session.answers for session in sessions)):
            await asyncio.sleep(QUIET_S)
    parked = await front_end.parked()
    if parked != len(sessions):
        raise UnexpectedAnswer(f"{parked} of {len(sessions)} sessions are parked")


async def join(
    front_end: FrontEnd, people: Sequence[Person], first: int, end: int
) -> list[Session]:
    """Sessions for `people[first:end]`, each of which watches those who come next in the circle."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(at: int) -> Session:
        session = Session(people[at], front_end.server.port, front_end.tls)
        watched = [people[(at + step) % len(people)].uri for step in range(1, CONTACTS + 1)]
        async with places:
            connection = await session.connect()
            await session.register(connection)
            await session.subscribe(connection, watched)
            session.listen(connection)
        return session

    return list(await asyncio.gather(*(one(at) for at in range(first, end))))
