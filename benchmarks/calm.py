"""Messages between people who are there, while the clearing house for everybody's phones fails."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.front_end import FrontEnd
from benchmarks.im import OFFERED_PER_S, PAIRS, latencies, ucwa_pairs
from benchmarks.report import Effort, Result, quantile
from benchmarks.server import free_port
from benchmarks.waking import subscription
from mobility import pki
from mobility.domain.ledger import Unit
from mobility.domain.records import PushSwitch
from mobility.pki import Identity

MOST_RATIO = 1.10
"""Of the p99 while the clearing house fails to that while it takes everything."""

WINDOWS = 4
WINDOW_S = 2.0
"""So many short ones in a turn: whatever else the machine does disturbs some and leaves others."""

NAME = "fe.bench.example"
SLOW_S = 60.0
"""Longer than a front end waits for an answer."""

UP, DOWN, SLOW, NO_TLS, BUSY = "up", "down", "slow", "TLS failure", "429"
FAULTS = (DOWN, SLOW, NO_TLS, BUSY)

PUSH = """
[push]
clearing_house = "https://localhost:{port}"
certificate = "{place}/fe.pem"
key = "{place}/fe.key"
ca = "{place}/ca.pem"
grace_s = 0.0
retry_base_s = 0.1
retry_max_s = 1.0
timeout_s = 2.0
"""


class House:
    """Takes every notification, or fails as `mode` says."""

    def __init__(self, port: int, good: ssl.SSLContext, foreign: ssl.SSLContext) -> None:
        self._port = port
        self._contexts = {False: good, True: foreign}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.mode = UP
        self.asked = 0

    async def turn(self, mode: str) -> None:
        """Be so from now on; what was connected is not any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            writer.transport.abort()
        self.mode = mode
        if mode != DOWN:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self._port, ssl=self._contexts[mode == NO_TLS]
            )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(
                    line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line
                )
                body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                self.asked += 1
                if self.mode == SLOW:
                    await asyncio.sleep(SLOW_S)
                writer.write(await self._answer(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        if self.mode == BUSY:
            return b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n"
        if head.startswith(b"GET"):
            await asyncio.sleep(1.0)
            found: dict[str, object] = {"version": 1, "stream": "s", "verdicts": []}
        else:
            told = json.loads(body)["notifications"]
            results = [{"id": one["id"], "outcome": "accepted"} for one in told]
            found = {"version": 1, "results": results}
        data = json.dumps(found).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data


def _context(identity: Identity, place: Path, name: str, authority: Identity) -> ssl.SSLContext:
    (place / f"{name}.pem").write_bytes(identity.certificate_pem)
    (place / f"{name}.key").write_bytes(identity.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / f"{name}.pem", place / f"{name}.key")
    context.load_verify_locations(cadata=authority.certificate_pem.decode())
    return context


def run(front_end: FrontEnd, directory: Path, effort: Effort) -> Iterator[Result]:
    """The p99 of short windows by turns, with the clearing house up and with each fault.

    Of the windows of each the one counts that was disturbed least.
    """
    people = front_end.prepare(2 * PAIRS, signed_in=False)
    place = directory / "house"
    place.mkdir()
    now = datetime.now(UTC)
    authority, stranger = (pki.certificate_authority(name, now) for name in ("house", "stranger"))
    server = pki.server_certificate(authority, ["localhost"], now)
    foreign = pki.server_certificate(stranger, ["localhost"], now)
    (place / "ca.pem").write_bytes(authority.certificate_pem)
    client = pki.peer_certificate(authority, NAME, now)
    (place / "fe.pem").write_bytes(client.certificate_pem)
    (place / "fe.key").write_bytes(client.key_pem)
    port = free_port()
    config = front_end.config.source
    config.write_text(config.read_text() + PUSH.format(port=port, place=place))
    unit = Unit()
    unit.save(PushSwitch("global", "apns", True))
    for number, person in enumerate(people):
        unit.save(subscription(person.uri, number, "org.example.app"))
    front_end.store(unit)
    house = House(
        port,
        _context(server, place, "server", authority),
        _context(foreign, place, "foreign", authority),
    )

    async def measure() -> dict[str, list[tuple[float, float]]]:
        """For each fault the p99 without and with it, in seconds, of each turn."""
        found: dict[str, list[tuple[float, float]]] = {fault: [] for fault in FAULTS}
        await house.turn(UP)
        pairs = await ucwa_pairs(front_end, people)
        await latencies(pairs, effort.seconds)
        for _ in range(effort.turns * WINDOWS):
            for fault in FAULTS:
                p99 = []
                for mode in (UP, fault):
                    await house.turn(mode)
                    p99.append(quantile(await latencies(pairs, WINDOW_S), 0.99))
                found[fault].append((p99[0], p99[1]))
        for pair in pairs:
            for party in pair:
                await party.stop()
        await house.turn(DOWN)
        return found

    with front_end.server:
        found = asyncio.run(measure())
    for fault, turns in found.items():
        good_s, bad_s = (min(found_s) for found_s in zip(*turns, strict=True))
        ratio = bad_s / good_s
        yield Result(
            f"IM at {OFFERED_PER_S:.0f}/s, p99, clearing house {fault}",
            f"{good_s * 1000:.1f} ms",
            f"{bad_s * 1000:.1f} ms",
            f"{ratio:.2f}",
            f"<= {MOST_RATIO:.2f}",
            ratio <= MOST_RATIO,
        )
