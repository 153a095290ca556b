"""One message in a meeting of 250, all of whom have a parked event request."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.client import Connection, request_bytes
from benchmarks.fanout import PARKED_AFTER_S, TOLD_WITHIN_S
from benchmarks.front_end import FrontEnd, Person
from benchmarks.report import Effort, Result
from benchmarks.sessions import AT_ONCE, settle
from benchmarks.ucwa import Event, Session, expect

PEOPLE = 250
"""As many as a meeting may have unless the configuration says otherwise."""

MOST_RELEASE_S = 0.10
TEXT = "hello, a typical short chat line from the load generator"


class Crowd:
    """Everybody in the meeting; they ask for more events only while `asking` is set."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self._asking = asyncio.Event()
        self._asking.set()
        self._told = 0
        self._expected = 0
        self._all_told = asyncio.Event()
        self._sessions: list[Session] = []
        self._speaker: Connection | None = None
        self._messages = ""

    async def gather(self, people: Sequence[Person]) -> None:
        """The first opens a meeting, and the others come into it and its messages."""
        self._speaker, meeting_uri = await self._join(people[0], "adhoc")
        places = asyncio.Semaphore(AT_ONCE)

        async def one(person: Person) -> None:
            async with places:
                (await self._join(person, meeting_uri))[0].close()

        await asyncio.gather(*map(one, people[1:]))
        await settle(self._front_end, self._sessions)

    async def _join(self, person: Person, meeting_uri: str) -> tuple[Connection, str]:
        """A session that takes part; its connection for requests, and the meeting's URI."""
        session = Session(person, self._front_end.server.port, self._front_end.tls, self._asking)
        connection = await session.connect()
        await session.register(connection)
        wanted = {"operationId": "bench", "onlineMeetingUri": meeting_uri}
        await session.post(connection, session.links["joinOnlineMeeting"], wanted, 201)
        listed = await self._get(session, connection, session.links["conversations"])
        conversation = listed["_links"]["conversation"][0]["href"]
        meeting = await self._get(session, connection, f"{conversation}/onlineMeeting")
        messaging = await self._get(session, connection, f"{conversation}/messaging")
        await session.post(connection, messaging["_links"]["addMessaging"]["href"], {}, 201)
        if not self._messages:
            messaging = await self._get(session, connection, f"{conversation}/messaging")
            self._messages = messaging["_links"]["sendMessage"]["href"]
        session.on_event = self._heard
        session.listen(await session.connect())
        self._sessions.append(session)
        return connection, meeting["onlineMeetingUri"]

    async def _get(self, session: Session, connection: Connection, href: str) -> Event:
        request = request_bytes("GET", href, session.person.token)
        found: Event = expect(await connection.request(request), 200, href).json()
        return found

    def _heard(self, event: Event) -> None:
        if event["link"]["rel"] != "message":
            return
        if event["_embedded"]["message"]["direction"] == "Incoming":
            self._told += 1
            if self._told == self._expected:
                self._all_told.set()

    async def message(self) -> float:
        """Processor seconds of the server from one message's POST to its last arrival."""
        if self._speaker is None:
            raise RuntimeError("nobody is there yet")
        self._asking.clear()
        self._told, self._expected = 0, len(self._sessions) - 1
        self._all_told.clear()
        began_s = self._front_end.server.cpu_s()
        await self._sessions[0].send(self._speaker, self._messages, TEXT)
        async with asyncio.timeout(TOLD_WITHIN_S):
            await self._all_told.wait()
        spent_s = self._front_end.server.cpu_s() - began_s
        self._asking.set()
        await asyncio.sleep(PARKED_AFTER_S)
        return spent_s

    async def leave(self) -> None:
        await asyncio.gather(*(session.stop() for session in self._sessions))
        if self._speaker is not None:
            self._speaker.close()


async def measure(front_end: FrontEnd, people: Sequence[Person], turns: int) -> list[float]:
    """What messages cost, after one that does not count."""
    crowd = Crowd(front_end)
    await crowd.gather(people)
    costs = [await crowd.message() for _ in range(turns + 1)][1:]
    await crowd.leave()
    return costs


def run(front_end: FrontEnd, _directory: Path, effort: Effort) -> Iterator[Result]:
    """What a message costs that many read: the median over the turns."""
    people = front_end.prepare(PEOPLE, signed_in=True)
    with front_end.server:
        spent_s = median(asyncio.run(measure(front_end, people, effort.turns)))
    yield Result(
        f"a message to {PEOPLE} people",
        "",
        f"{spent_s:.3f} cpu-s",
        "",
        f"<= {MOST_RELEASE_S:.2f} s",
        spent_s <= MOST_RELEASE_S,
    )
    yield Result("- for each of them", "", f"{spent_s / PEOPLE * 1e6:.0f} cpu-us")
