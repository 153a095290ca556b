"""An instant message from its POST to the recipient's parked request: TLS, durable commit."""

import asyncio
import json
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import attrs

from benchmarks.client import Connection, request_bytes
from benchmarks.front_end import FrontEnd, Person
from benchmarks.report import Effort, Result, by_turns, quantile
from benchmarks.server import Server, bound
from benchmarks.ucwa import Event, Session, expect, sign_in

LEAST_RATIO = 0.70
PAIRS = 16

OFFERED_PER_S = 200.0
"""Messages a second for the latencies: far from what either server could take."""

TEXT = "hello, a typical short chat line from the load generator"

STRAGGLER_S = 30.0
"""How much longer than its window a run may take."""


class Party(Protocol):
    """One end of a conversation, which has an event request with the server all the time."""

    async def send(self, text: str) -> None:
        """Give a message to the server; it is durable when this returns."""
        ...

    def arrival(self) -> asyncio.Future[float]:
        """When the next message comes (`time.perf_counter`)."""
        ...

    async def stop(self) -> None: ...


@attrs.define(eq=False)
class Arrivals:
    """Whoever waits for the next message of one party."""

    _next: asyncio.Future[float] | None = None

    def next(self) -> asyncio.Future[float]:
        self._next = asyncio.get_running_loop().create_future()
        return self._next

    def came(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_result(time.perf_counter())


class RelayParty:
    """A mailbox of the bound, and the mailbox of its peer."""

    def __init__(self, name: str, peer: str, events: Connection, sending: Connection) -> None:
        self._arrivals = Arrivals()
        self._sending = sending
        self._target = f"/send/{peer}"
        self._listening = asyncio.create_task(self._listen(events, f"/events/{name}"))

    @classmethod
    async def join(cls, server: Server, tls: ssl.SSLContext, name: str, peer: str) -> "RelayParty":
        events = await Connection.open(server.port, tls)
        return cls(name, peer, events, await Connection.open(server.port, tls))

    def arrival(self) -> asyncio.Future[float]:
        return self._arrivals.next()

    async def send(self, text: str) -> None:
        body = json.dumps({"text": text}).encode()
        data = request_bytes("POST", self._target, "", body, "application/json")
        expect(await self._sending.request(data), 201, self._target)

    async def _listen(self, events: Connection, target: str) -> None:
        while True:
            answer = expect(await events.request(request_bytes("GET", target)), 200, target)
            document = answer.json()
            target = document["_links"]["next"]["href"]
            for _ in document["messages"]:
                self._arrivals.came()

    async def stop(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._sending.close()


class UcwaParty:
    """An application in a connected conversation.  `invited` and `connected` fire on the way."""

    def __init__(self, session: Session, sending: Connection) -> None:
        self._arrivals = Arrivals()
        self._session = session
        self._sending = sending
        loop = asyncio.get_running_loop()
        self.invited: asyncio.Future[str] = loop.create_future()
        """The `accept` link of an invitation."""
        self.connected: asyncio.Future[str] = loop.create_future()
        """The `sendMessage` link of the conversation."""
        session.on_event = self._heard

    @classmethod
    async def sign_in(cls, front_end: FrontEnd, person: Person) -> "UcwaParty":
        """A user signs in with its password, becomes available and listens."""
        session = Session(person, front_end.server.port, front_end.tls)
        sending = await session.connect()
        session.person = attrs.evolve(person, token=await sign_in(sending, person))
        await session.register(sending)
        session.listen(await session.connect())
        return cls(session, sending)

    async def converse(self, other: "UcwaParty") -> None:
        """Invite the other, who accepts."""
        session, peer = self._session, other._session
        invitation = {"to": peer.person.uri, "operationId": "bench", "subject": "Benchmark"}
        await session.post(self._sending, session.links["startMessaging"], invitation, 201)
        await peer.post(other._sending, await other.invited, {}, 204)
        await asyncio.gather(self.connected, other.connected)

    def arrival(self) -> asyncio.Future[float]:
        return self._arrivals.next()

    async def send(self, text: str) -> None:
        await self._session.send(self._sending, self.connected.result(), text)

    async def stop(self) -> None:
        await self._session.stop()
        self._sending.close()

    def _heard(self, event: Event) -> None:
        rel = event["link"]["rel"]
        resource = event.get("_embedded", {}).get(rel, {})
        links = resource.get("_links", {})
        if rel == "message" and resource["direction"] == "Incoming":
            self._arrivals.came()
        elif rel == "messagingInvitation" and "accept" in links and not self.invited.done():
            self.invited.set_result(links["accept"]["href"])
        elif rel == "messaging" and "sendMessage" in links and not self.connected.done():
            self.connected.set_result(links["sendMessage"]["href"])


Pair = tuple[Party, Party]


async def relay_pairs(server: Server, tls: ssl.SSLContext) -> list[Pair]:
    return [
        (
            await RelayParty.join(server, tls, f"a{number}", f"b{number}"),
            await RelayParty.join(server, tls, f"b{number}", f"a{number}"),
        )
        for number in range(PAIRS)
    ]


async def ucwa_pairs(front_end: FrontEnd, people: Sequence[Person]) -> list[Pair]:
    parties = [await UcwaParty.sign_in(front_end, person) for person in people]
    pairs = list(zip(parties[::2], parties[1::2], strict=True))
    await asyncio.gather(*(caller.converse(callee) for caller, callee in pairs))
    return [(caller, callee) for caller, callee in pairs]


async def closed_loop(pair: Pair, until: float) -> list[float]:
    """One message after another; how long each took from the POST to its arrival, in seconds."""
    sender, receiver = pair
    latencies = []
    while (began := time.perf_counter()) < until:
        arrival = receiver.arrival()
        await sender.send(TEXT)
        latencies.append(await arrival - began)
    return latencies


async def open_loop(pair: Pair, first: float, until: float, interval_s: float) -> list[float]:
    """A message every `interval_s`; how long each took from the moment it was due."""
    sender, receiver = pair
    latencies = []
    due = first
    while due < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        arrival = receiver.arrival()
        await sender.send(TEXT)
        latencies.append(await arrival - due)
        due += interval_s
    return latencies


async def rate(server: Server, pairs: Sequence[Pair], seconds: float) -> float:
    """Messages that arrived for each second of the server's processor time, all pairs busy."""
    before = server.cpu_s()
    until = time.perf_counter() + seconds
    async with asyncio.timeout(seconds + STRAGGLER_S):
        latencies = await asyncio.gather(*(closed_loop(pair, until) for pair in pairs))
    return sum(map(len, latencies)) / (server.cpu_s() - before)


async def latencies(pairs: Sequence[Pair], seconds: float) -> list[float]:
    """Seconds from send to arrival at OFFERED_PER_S, the pairs evenly spread in time."""
    began = time.perf_counter()
    interval_s = len(pairs) / OFFERED_PER_S
    async with asyncio.timeout(seconds + STRAGGLER_S):
        found = await asyncio.gather(
            *(
                open_loop(pair, began + at / OFFERED_PER_S, began + seconds, interval_s)
                for at, pair in enumerate(pairs)
            )
        )
    return [one for of_pair in found for one in of_pair]


async def measure(
    relay: Server, front_end: FrontEnd, people: Sequence[Person], effort: Effort
) -> list[Result]:
    """Bound and front end by turns, after one that does not count."""
    seconds = effort.seconds
    bare = await relay_pairs(relay, front_end.tls)
    real = await ucwa_pairs(front_end, people)
    rates = [
        (await rate(relay, bare, seconds), await rate(front_end.server, real, seconds))
        for _ in range(effort.turns + 1)
    ][1:]
    bare_s, real_s = await latencies(bare, seconds), await latencies(real, seconds)
    for pair in (*bare, *real):
        for party in pair:
            await party.stop()
    return [
        by_turns(
            f"IM, {PAIRS} pairs",
            "/cpu-s",
            [b for b, _ in rates],
            [p for _, p in rates],
            LEAST_RATIO,
        ),
        Result(f"IM at {OFFERED_PER_S:.0f}/s, p50 / p99", _spread(bare_s), _spread(real_s)),
    ]


def _spread(found: Sequence[float]) -> str:
    return f"{quantile(found, 0.5) * 1000:.1f} / {quantile(found, 0.99) * 1000:.1f} ms"


def run(front_end: FrontEnd, directory: Path, effort: Effort) -> Iterator[Result]:
    """The ratio of the rates, and the latencies at a fixed rate."""
    people = front_end.prepare(2 * PAIRS, signed_in=False)
    relay = bound("im_relay", front_end.certificate, directory, str(directory / "relay.sqlite"))
    with relay, front_end.server:
        yield from asyncio.run(measure(relay, front_end, people, effort))
