"""One user's change of presence, and the parked event requests of 500 others who watch."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median

import attrs

from benchmarks.client import Connection
from benchmarks.front_end import FrontEnd, Person
from benchmarks.report import Effort, Result
from benchmarks.sessions import AT_ONCE, settle
from benchmarks.ucwa import Event, Session

WATCHERS = 500
MOST_RELEASE_S = 0.15
MOST_QUEUEING_S = 0.001

AUTHORS = 3

TOLD_WITHIN_S = 30.0

PARKED_AFTER_S = 1.5
"""When all next requests have certainly been read."""

AVAILABILITIES = ("Busy", "Online")


@attrs.frozen(slots=True)
class Cost:
    """Processor seconds of the server for one watched change.

    `queueing_s`: until it is acknowledged, less what the same costs for a change nobody watches;
    `telling_s`: from there until the last answer is written; `asking_s`: for reading and parking
    the next event requests.
    """

    queueing_s: float
    telling_s: float
    asking_s: float


class Author:
    """A user who changes presence, in an application that asks for no events."""

    def __init__(self, session: Session, connection: Connection) -> None:
        self._session = session
        self._connection = connection
        self._next = cycle(AVAILABILITIES)

    @classmethod
    async def register(cls, front_end: FrontEnd, person: Person) -> "Author":
        session = Session(person, front_end.server.port, front_end.tls)
        connection = await session.connect()
        await session.register(connection)
        return cls(session, connection)

    async def change(self) -> None:
        """Show another availability than before; it is stored when this returns."""
        body = {"availability": next(self._next)}
        await self._session.post(self._connection, self._session.links["presence"], body, 204)

    def close(self) -> None:
        self._connection.close()


class Audience:
    """Everybody who watches one user; they ask for more events only while `asking` is set."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.asking = asyncio.Event()
        self.asking.set()
        self._told = 0
        self._all_told = asyncio.Event()

    async def join(self, front_end: FrontEnd, people: Sequence[Person], uri: str) -> None:
        """`people` watch `uri`, each in an application of its own."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(person: Person) -> Session:
            session = Session(person, front_end.server.port, front_end.tls, self.asking)
            async with places:
                connection = await session.connect()
                await session.register(connection)
                await session.subscribe(connection, [uri])
                session.on_event = self._heard
                session.listen(connection)
            return session

        self.sessions = list(await asyncio.gather(*map(one, people)))
        await settle(front_end, self.sessions)

    def _heard(self, event: Event) -> None:
        if event["link"]["rel"] == "contactPresence":
            self._told += 1
            if self._told == len(self.sessions):
                self._all_told.set()

    def expect(self) -> None:
        """Everybody is to hear of one change, and to ask for nothing after it."""
        self.asking.clear()
        self._told = 0
        self._all_told.clear()

    async def told(self) -> None:
        """Wait until everybody has heard."""
        async with asyncio.timeout(TOLD_WITHIN_S):
            await self._all_told.wait()

    async def leave(self) -> None:
        await asyncio.gather(*(session.stop() for session in self.sessions))


async def cost(front_end: FrontEnd, authors: Sequence[Author], audience: Audience) -> Cost:
    """One turn of changes: a first one, one that nobody watches, and one that the audience does."""
    cpu_s = front_end.server.cpu_s
    first, unwatched, watched = authors
    audience.expect()
    await first.change()
    began_s = cpu_s()
    await unwatched.change()
    unwatched_s = cpu_s()
    await watched.change()
    queued_s = cpu_s()
    await audience.told()
    told_s = cpu_s()
    audience.asking.set()
    await asyncio.sleep(PARKED_AFTER_S)
    return Cost(
        queueing_s=(queued_s - unwatched_s) - (unwatched_s - began_s),
        telling_s=told_s - queued_s,
        asking_s=cpu_s() - told_s,
    )


async def measure(front_end: FrontEnd, people: Sequence[Person], turns: int) -> list[Cost]:
    """The last of the AUTHORS is watched by all who follow; after one turn that does not count."""
    authors = [await Author.register(front_end, person) for person in people[:AUTHORS]]
    audience = Audience()
    await audience.join(front_end, people[AUTHORS:], people[AUTHORS - 1].uri)
    costs = [await cost(front_end, authors, audience) for _ in range(turns + 1)][1:]
    await audience.leave()
    for author in authors:
        author.close()
    return costs


def run(front_end: FrontEnd, _directory: Path, effort: Effort) -> Iterator[Result]:
    """What a change costs that many hear of: medians over the turns."""
    people = front_end.prepare(AUTHORS + WATCHERS, signed_in=True)
    with front_end.server:
        costs = asyncio.run(measure(front_end, people, effort.turns))
    release_s = median(cost.queueing_s + cost.telling_s for cost in costs)
    queueing_s = median(cost.queueing_s for cost in costs)
    asking_s = median(cost.asking_s for cost in costs)
    yield Result(
        f"presence to {WATCHERS} watchers",
        "",
        f"{release_s:.3f} cpu-s",
        "",
        f"<= {MOST_RELEASE_S:.2f} s",
        release_s <= MOST_RELEASE_S,
    )
    yield Result(
        "- queueing it for them",
        "",
        f"{queueing_s * 1000:.2f} cpu-ms",
        "",
        f"<= {MOST_QUEUEING_S * 1000:.2f} ms",
        queueing_s <= MOST_QUEUEING_S,
    )
    yield Result("- their next event requests", "", f"{asking_s:.3f} cpu-s")
