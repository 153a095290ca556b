"""Messages between people who are there, while the way of their notifications fails.

One front end and one clearing house live through all of it, under a load that never pauses; what
fails changes while they run.  Some people are notified on their phones of every message, and others
have no phone: it is their messages that are measured.
"""

import asyncio
import gc
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import attrs

from benchmarks.front_end import FrontEnd, Person
from benchmarks.im import PAIRS, STRAGGLER_S, TEXT, Pair, ucwa_pairs
from benchmarks.intervals import LEAST_PAIRS, Ratio, ratio_of
from benchmarks.push import ORGANISATION, Doubles
from benchmarks.report import Effort, Result, quantile
from benchmarks.server import GENERATOR_CORE, Server, free_port
from benchmarks.waking import subscription
from mobility import pki
from mobility.domain.ledger import Unit
from mobility.domain.records import PushSwitch

MOST_RATIO = 1.10
"""Of the p99 under a fault to that without one."""

OFFERED_PER_S = 100.0
NOTIFIED_PER_S = 20.0
"""Messages a second between those without and those with phones; together a quarter of what the
front end could take."""

NOTIFIED_PAIRS = 8

Q = 0.99

HALF = 0.5

WINDOW_S = 3.0
"""How long a fault is watched, and, just before or after, that there is none."""

LEAD_S = 0.3
"""Of each window, not counted: what was under way when the fault began."""

SETTLE_S = 3.0
"""After a fault: what has waited is sent and told, and breakers close."""

CYCLE_S = 4.0
"""For so many of `Effort.seconds`, in each turn, all faults are watched once."""

CONFIDENCE, CONFIDENCE_OF_MANY = 0.95, 0.99
"""Of the intervals of each side, and of those of single faults, of which there are many."""

NICE = ("nice", "-n", "19")
"""Clearing house, switchboard and doubles share the generator's core, and give way to it."""

HOUSE_FAULTS = ("down", "slow", "tls", "429")
APNS_FAULTS = ("down", "slow", "tls", "429", "410")
HOUSE, APNS = "clearing house", "APNs"
NAMES = {"tls": "TLS failure"}

PUSH = """
[push]
clearing_house = "https://localhost:{port}"
certificate = "{place}/{name}.pem"
key = "{place}/{name}.key"
ca = "{place}/ca.pem"
grace_s = 0.0
retry_max_s = 2.0
timeout_s = 2.0
"""
"""Tried again as soon as by default, and never much later."""


@attrs.frozen(slots=True)
class Arrived:
    """One message: when it was due (`time.perf_counter`), how much later it arrived, and the
    processor time that the front end used between its POST and its arrival, all in seconds."""

    due: float
    late_s: float
    cpu_s: float


@attrs.define(slots=True)
class Window:
    """What was seen in one window; `cpu_s` is all processor time of the front end in it."""

    found: list[Arrived]
    cpu_s: float

    @property
    def clock_s(self) -> float:
        """The p99 by the clock."""
        return quantile([one.late_s for one in self.found], Q)

    @property
    def processor_s(self) -> float:
        """The p99 by the processor's time."""
        return quantile([one.cpu_s for one in self.found], Q)

    @property
    def message_s(self) -> float:
        """Processor time of the front end for a measured message, and for what goes on beside."""
        return self.cpu_s / max(1, len(self.found))


Pairs = list[tuple[Window, Window]]
"""Windows with a fault, and without one beside them."""


class Switchboard:
    """`benchmarks.switchboard` as a child."""

    def __init__(self, *arguments: str) -> None:
        command = [*NICE, sys.executable, "-m", "benchmarks.switchboard", *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Switchboard":
        self.turn("up")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    def turn(self, mode: str) -> None:
        """Be so; it is when this returns."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the switchboard does not run")
        self._process.stdin.write(f"{mode}\n")
        self._process.stdin.flush()
        if self._process.stdout.readline().strip() != mode:
            raise RuntimeError("the switchboard has ended")


class Load:
    """Messages of all pairs, evenly spread in time, until it is stopped."""

    def __init__(self, pairs: Sequence[Pair], per_s: float, server: Server) -> None:
        self._pairs = pairs
        self._per_s = per_s
        self._server = server
        self._stopped = False
        self._running: asyncio.Future[list[None]] | None = None
        self.found: list[Arrived] = []

    def start(self) -> None:
        began = time.perf_counter()
        self._running = asyncio.gather(
            *(self._send(pair, began + at / self._per_s) for at, pair in enumerate(self._pairs))
        )

    async def stop(self) -> None:
        """Raises what went wrong with it."""
        self._stopped = True
        if self._running is not None:
            async with asyncio.timeout(STRAGGLER_S):
                await self._running

    async def last(self, seconds: float) -> None:
        """Let it go on for so long.  Raises what went wrong with it."""
        if self._running is None:
            raise RuntimeError("nothing is sent")
        await asyncio.wait([self._running], timeout=seconds)
        if self._running.done():
            self._running.result()

    async def _send(self, pair: Pair, due: float) -> None:
        sender, receiver = pair
        while not self._stopped:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            arrival = receiver.arrival()
            cpu_s = self._server.cpu_s()
            await sender.send(TEXT)
            at = await arrival
            self.found.append(Arrived(due, at - due, self._server.cpu_s() - cpu_s))
            due += len(self._pairs) / self._per_s


def run(front_end: FrontEnd, directory: Path, effort: Effort) -> Iterator[Result]:
    """The p99 under each fault beside that without one, and the processor time of a message."""
    everybody = front_end.prepare(2 * (PAIRS + NOTIFIED_PAIRS), signed_in=False)
    people, notified = everybody[: 2 * PAIRS], everybody[2 * PAIRS :]
    place = directory / "doubles"
    port, house_port = free_port(), free_port()
    ports = ("--federation-port", str(house_port), "--operator-port", str(free_port()))
    with Doubles(place, *ports, "--count-only", prefix=NICE) as doubles:
        _prepare(front_end, notified, port, place, doubles.ready["app"])
        command = [*NICE, str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile="]
        command += ["mobility-push", "--config", str(place / "clearing-house.toml")]
        log = directory / "house.log"
        good, foreign = _identities(place)
        with (
            Server(command, house_port, log, core=GENERATOR_CORE),
            Switchboard(str(port), str(house_port), str(good), str(foreign)) as board,
            front_end.server,
        ):
            faults: dict[str, Callable[[bool], None]] = {}
            for mode in HOUSE_FAULTS:
                faults[f"{HOUSE} {NAMES.get(mode, mode)}"] = _switch(board.turn, mode)
            for mode in APNS_FAULTS:
                told = lambda mode: doubles.tell(f"apns {mode}")  # noqa: E731
                faults[f"{APNS} {NAMES.get(mode, mode)}"] = _switch(told, mode)
            found = asyncio.run(_measure(front_end, (people, notified), faults, effort))
    yield from _results(found)


def _switch(turn: Callable[[str], None], mode: str) -> Callable[[bool], None]:
    return lambda fails: turn(mode if fails else "up")


def _prepare(
    front_end: FrontEnd, people: Sequence[Person], port: int, place: Path, app: str
) -> None:
    config = front_end.config.source
    config.write_text(config.read_text() + PUSH.format(port=port, place=place, name=ORGANISATION))
    unit = Unit()
    unit.save(PushSwitch("global", "apns", True))
    for number, person in enumerate(people):
        unit.save(subscription(person.uri, number, app))
    front_end.store(unit)


def _identities(place: Path) -> tuple[Path, Path]:
    """The clearing house's own certificate with its key, and one of a foreign authority."""
    now = datetime.now(UTC)
    stranger = pki.server_certificate(
        pki.certificate_authority("stranger", now), ["localhost"], now
    )
    good, foreign = place / "good.pem", place / "foreign.pem"
    good.write_bytes((place / "server.key").read_bytes() + (place / "server.pem").read_bytes())
    foreign.write_bytes(stranger.key_pem + stranger.certificate_pem)
    return good, foreign


async def _measure(
    front_end: FrontEnd,
    people: tuple[Sequence[Person], Sequence[Person]],
    faults: dict[str, Callable[[bool], None]],
    effort: Effort,
) -> dict[str, Pairs]:
    """In each cycle every fault once, in an order of chance, before or after a window without."""
    cycles = 1 if effort.quick else max(1, round(effort.turns * effort.seconds / CYCLE_S))
    found: dict[str, Pairs] = {name: [] for name in faults}
    chance = random.Random(1)  # no secret
    pairs, notified = [await ucwa_pairs(front_end, some) for some in people]
    load = Load(pairs, OFFERED_PER_S, front_end.server)
    other = Load(notified, NOTIFIED_PER_S, front_end.server)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        load.start()
        other.start()
        await load.last(WINDOW_S + SETTLE_S)
        for _ in range(cycles):
            for name in chance.sample(list(faults), len(faults)):
                first = [await _window(front_end, load)] if chance.random() < HALF else []
                faults[name](True)
                failing = await _window(front_end, load)
                faults[name](False)
                await load.last(SETTLE_S)
                calm = first.pop() if first else await _window(front_end, load)
                found[name].append((failing, calm))
        await asyncio.gather(load.stop(), other.stop())
    finally:
        gc.enable()
    for pair in (*pairs, *notified):
        for party in pair:
            await party.stop()
    return found


async def _window(front_end: FrontEnd, load: Load) -> Window:
    await load.last(LEAD_S)
    cpu_s, number = front_end.server.cpu_s(), len(load.found)
    await load.last(WINDOW_S)
    return Window(load.found[number:], front_end.server.cpu_s() - cpu_s)


def _results(found: dict[str, Pairs]) -> Iterator[Result]:
    """All faults of each side together, which are judged; then each for itself."""
    for side in (HOUSE, APNS):
        pairs = [pair for name, some in found.items() if name.startswith(side) for pair in some]
        yield _judged(f"calm: p99 at {OFFERED_PER_S:.0f}/s, {side} fails", pairs)
    for name, pairs in found.items():
        yield _suspected(f"calm: p99, {name}", pairs)
    for name, pairs in found.items():
        yield _compared(
            f"calm: all processor time a message, {name}",
            pairs,
            (lambda window: window.message_s,),
            CONFIDENCE,
        )[0]


def _judged(what: str, pairs: Pairs) -> Result:
    """Reached when the whole interval of the ratio keeps to MOST_RATIO by the processor's time, and
    that by the clock does not lie above it; missed when one of both lies above; else undecided."""
    result, *ratios = _compared(what, pairs, LATENESS, CONFIDENCE)
    known = bool(ratios)
    missed = any(ratio.least > MOST_RATIO for ratio in ratios)
    kept = known and ratios[0].most <= MOST_RATIO
    return attrs.evolve(
        result,
        goal=f"<= {MOST_RATIO:.2f}",
        reached=kept and not missed,
        undecided=not kept and not missed,
    )


def _suspected(what: str, pairs: Pairs) -> Result:
    """Of one fault there is too little to be sure of little: it has a goal, and has missed it, when
    one of the intervals lies above MOST_RATIO."""
    result, *ratios = _compared(what, pairs, LATENESS, CONFIDENCE_OF_MANY)
    if all(ratio.least <= MOST_RATIO for ratio in ratios):
        return result
    return attrs.evolve(result, goal=f"<= {MOST_RATIO:.2f}", reached=False)


Figure = Callable[[Window], float]

LATENESS: tuple[Figure, ...] = (
    lambda window: window.processor_s,
    lambda window: window.clock_s,
)


def _compared(
    what: str, pairs: Pairs, figures: Sequence[Figure], confidence: float
) -> tuple[Result, *tuple[Ratio, ...]]:
    """The line, and a ratio by each figure (none where there are too few pairs)."""
    by_figure = [[(figure(one), figure(other)) for one, other in pairs] for figure in figures]
    failing, calm = (
        ", clock ".join(
            f"{statistics.median(pair[at] for pair in some) * 1_000:.2f} ms" for some in by_figure
        )
        for at in (0, 1)
    )
    if len(pairs) < LEAST_PAIRS:
        return (Result(what, calm, failing),)
    ratios = [ratio_of(some, confidence) for some in by_figure]
    return (Result(what, calm, failing, ", clock ".join(map(str, ratios))), *ratios)
