"""Pushes through a clearing house to a double of APNs: taken, stored, sent, answered, told."""

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from benchmarks.client import UnexpectedAnswer
from benchmarks.front_end import FrontEnd
from benchmarks.load import Load
from benchmarks.report import Effort, Result
from benchmarks.server import GENERATOR_CORE, Server, free_port
from mobility.push.wire import Device, Notification
from mobility.push.wire_json import encode_batches

LEAST_RATE = 1_000.0
"""Pushes for each second of processor time of the clearing house."""

MOST_QUEUED_BYTES = 150 * 1024 * 1024
QUEUED = 100_000
MAY_QUEUE = f"pushes_per_s = 0.0\nmax_queued = {4 * QUEUED}"
"""Of the organisation: half of it may wait for one provider, and a run ends a little late."""

ORGANISATION = "fe.example.test"
BATCH = 50
CONNECTIONS = 4
WAIT_S = 120.0


class Doubles:
    """The doubles of the providers, as a process of their own on the generator's core."""

    def __init__(self, directory: Path, *more: str, prefix: Sequence[str] = ()) -> None:
        command = [*prefix, sys.executable, "-m", "mobility.push_doubles", str(directory), *more]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.sched_setaffinity(self._process.pid, {GENERATOR_CORE})
        self._lines: Queue[str] = Queue()
        Thread(target=self._read, daemon=True).start()
        self.ready = json.loads(self._lines.get(timeout=WAIT_S))
        self.pid = self._process.pid
        self.taken = 0

    def __enter__(self) -> "Doubles":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(WAIT_S)

    def tell(self, command: str) -> None:
        """Make a provider fail or well again (`mobility.push_doubles.commands`)."""
        if self._process.stdin is not None:
            self._process.stdin.write(command.encode() + b"\n")
            self._process.stdin.flush()

    def wait_for(self, taken: int) -> None:
        """Until APNs has taken so many.  Raises UnexpectedAnswer when it does not come to it."""
        deadline = time.monotonic() + WAIT_S
        while self.taken < taken:
            try:
                self.taken = json.loads(self._lines.get(timeout=1.0)).get("taken", self.taken)
            except Empty:
                if time.monotonic() > deadline:
                    raise UnexpectedAnswer(f"{self.taken} of {taken} pushes came") from None

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line.decode())


def batches(app: str, name: str, text: str = "Hello there, how are you?") -> Iterator[bytes]:
    """Requests without end, of BATCH messages to as many devices."""
    number = 0
    while True:
        items = []
        for _ in range(BATCH):
            number += 1
            device = Device("apns", app, f"{number % 5_000 + 1:064x}")
            items.append(
                Notification(
                    id=f"{name}-{number}",
                    device=device,
                    kind="message",
                    expires=int(time.time()) + 86_400,
                    collapse_key=f"c{number % 50_000}",
                    title="Alice Adams",
                    body=text,
                    badge=1,
                    thread="conversation-1",
                    trace=f"t{number}",
                )
            )
        ((body, _),) = encode_batches(items)
        head = (
            "POST /push/v1/notifications HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def take(received: bytes) -> bytes | None:
    """What follows an answer in which every push was accepted."""
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    if len(rest) < length:
        return None
    if rest[:length].count(b'"accepted"') != BATCH:
        raise UnexpectedAnswer(repr(received[:300]))
    return rest[length:]


def run(front_end: FrontEnd, directory: Path, effort: Effort) -> Iterator[Result]:  # noqa: ARG001
    """The rate by turns, after one that does not count, then the memory of a queue."""
    port = free_port()
    ports = ("--federation-port", str(port), "--operator-port", str(free_port()))
    place = directory / "push"
    with Doubles(place, *ports, "--count-only") as doubles:
        app = doubles.ready["app"]
        config = place / "clearing-house.toml"
        text = config.read_text()
        config.write_text(text.replace("pushes_per_s = 0.0", MAY_QUEUE, 1))
        tls = ssl.create_default_context(cafile=str(place / "ca.pem"))
        tls.check_hostname = False
        tls.load_cert_chain(place / f"{ORGANISATION}.pem", place / f"{ORGANISATION}.key")
        command = [str(Path(sys.executable).with_name("twistd")), "-n", f"--pidfile={place}/pid"]
        command += ["mobility-push", "--config", str(config)]
        server = Server(command, port, directory / "push.log")
        with server:
            rates = [
                _turn(server, port, tls, doubles, app, number, effort.seconds)
                for number in range(effort.turns + 1)
            ][1:]
        rate = sorted(rates)[len(rates) // 2]
        yield Result(
            "push: a clearing house to APNs",
            "",
            f"{rate:,.0f} /cpu-s",
            "",
            f">= {LEAST_RATE:,.0f}",
            rate >= LEAST_RATE,
        )
    yield _memory(server, port, tls, app, effort)


def _turn(
    server: Server,
    port: int,
    tls: ssl.SSLContext,
    doubles: Doubles,
    app: str,
    number: int,
    seconds: float,
) -> float:
    """Pushes that APNs has taken for each second of the clearing house's processor time."""
    asked = [batches(app, f"turn{number}-{one}") for one in range(CONNECTIONS)]
    load = Load(server, port, tls, asked, take)
    before, had = server.cpu_s(), doubles.taken
    load.run(seconds)
    load.close()
    doubles.wait_for(had + load.answers * BATCH)
    return (doubles.taken - had) / (server.cpu_s() - before)


def _memory(server: Server, port: int, tls: ssl.SSLContext, app: str, effort: Effort) -> Result:
    """What a queue costs that cannot be sent: APNs is down."""
    number = 10_000 if effort.quick else QUEUED
    with server:
        before = server.pss_bytes()
        asked = [batches(app, f"memory-{one}") for one in range(CONNECTIONS)]
        load = Load(server, port, tls, asked, take)
        while load.answers * BATCH < number:
            load.run(0.5)
        used = (server.pss_bytes() - before) * number / (load.answers * BATCH)
        load.close()
    goal = MOST_QUEUED_BYTES * number / QUEUED
    return Result(
        f"push: memory of {number:,} queued",
        "",
        f"{used / 1024 / 1024:,.1f} MiB",
        "",
        f"<= {goal / 1024 / 1024:,.0f} MiB",
        used <= goal,
    )
