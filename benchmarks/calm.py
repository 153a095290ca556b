"""Messages between people who are there, while the way of their notifications fails.

One front end and one clearing house live through all of it, under a load that never pauses; what
fails changes while they run.  Some people are notified on their phones of every message, and others
have no phone: it is their messages that are measured.
"""

import asyncio
import gc
import random
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
from benchmarks.intervals import Quantile
from benchmarks.push import ORGANISATION, Doubles
from benchmarks.report import Effort, Result
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

BASELINES = 4
"""Windows without a fault in each cycle of all faults: what all are compared with is to be known
as well as all of them together."""

LEAD_S = 0.3
"""Of each window, not counted: what was under way when the fault began."""

SETTLE_S = 1.2
"""After a fault: what has waited is sent and told, and breakers close."""

CONFIDENCE, CONFIDENCE_OF_MANY = 0.95, 0.99
"""Of the intervals of each side, and of those of single faults, of which there are many."""

LEAST_WINDOWS = 4
"""Of fewer windows than these nothing is said with confidence."""

NICE = ("nice", "-n", "19")
"""Clearing house, switchboard and doubles share the generator's core, and give way to it."""

HOUSE_FAULTS = ("down", "slow", "tls", "429")
APNS_FAULTS = ("down", "slow", "tls", "429", "410")
HOUSE, APNS = "clearing house", "APNs"
NAMES = {"tls": "TLS failure"}
NONE = ""

PUSH = """
[push]
clearing_house = "https://localhost:{port}"
certificate = "{place}/{name}.pem"
key = "{place}/{name}.key"
ca = "{place}/ca.pem"
grace_s = 0.0
retry_base_s = 0.1
retry_max_s = 1.0
timeout_s = 2.0
"""
"""Tried again far more often than by default."""


@attrs.frozen(slots=True)
class Arrived:
    """One message: when it was due (`time.perf_counter`), how much later it arrived, and the
    processor time that the front end used between its POST and its arrival, all in seconds."""

    due: float
    late_s: float
    cpu_s: float


@attrs.define(slots=True)
class Seen:
    """What is known of one condition: its messages by windows of time."""

    windows: list[list[Arrived]] = attrs.Factory(list)
    messages: int = 0
    cpu_s: float = 0.0
    """Of the front end, for all of them."""

    @property
    def message_ms(self) -> float:
        """Processor time of the front end for a measured message, and for what goes on beside."""
        return self.cpu_s / max(1, self.messages) * 1_000

    @property
    def by_clock(self) -> list[list[float]]:
        return [[one.late_s for one in some] for some in self.windows]

    @property
    def by_processor(self) -> list[list[float]]:
        return [[one.cpu_s for one in some] for some in self.windows]


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
) -> dict[str, Seen]:
    """In each cycle every fault once, in an order of chance, and BASELINES windows without."""
    cycles = 1 if effort.quick else effort.turns
    window_s = effort.seconds / 2
    found = {name: Seen() for name in (NONE, *faults)}
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
        await load.last(window_s + SETTLE_S)
        for _ in range(cycles):
            order = [*faults, *[NONE] * BASELINES]
            chance.shuffle(order)
            for name in order:
                fail = faults.get(name)
                if fail is not None:
                    fail(True)
                    await load.last(LEAD_S)
                await _window(front_end, load, found[name], window_s)
                if fail is not None:
                    fail(False)
                    await load.last(SETTLE_S)
        await asyncio.gather(load.stop(), other.stop())
    finally:
        gc.enable()
    for pair in (*pairs, *notified):
        for party in pair:
            await party.stop()
    return found


async def _window(front_end: FrontEnd, load: Load, seen: Seen, seconds: float) -> None:
    """Watch for so long, and a little longer for what is on its way."""
    cpu_s, number = front_end.server.cpu_s(), len(load.found)
    await load.last(seconds)
    seen.cpu_s += front_end.server.cpu_s() - cpu_s
    seen.messages += len(load.found) - number
    seen.windows.append(load.found[number:])


def _results(found: dict[str, Seen]) -> Iterator[Result]:
    """All faults of each side together, which are judged; then each for itself."""
    calm = found.pop(NONE)
    before = Lateness(calm)
    for side in (HOUSE, APNS):
        faults = [seen for name, seen in found.items() if name.startswith(side)]
        together = Seen([some for one in faults for some in one.windows])
        yield before.judged(f"calm: p99 at {OFFERED_PER_S:.0f}/s, {side} fails", together)
    for name, seen in found.items():
        yield before.suspected(f"calm: p99, {name}", seen)
    for name, seen in found.items():
        yield Result(
            f"calm: all processor time a message, {name}",
            f"{calm.message_ms:.2f} ms",
            f"{seen.message_ms:.2f} ms",
            f"{seen.message_ms / calm.message_ms:.2f}",
        )


class Lateness:
    """The p99 without a fault, by the processor's time and by the clock."""

    def __init__(self, calm: Seen) -> None:
        self._processor = Quantile(calm.by_processor, Q)
        self._clock = Quantile(calm.by_clock, Q)

    def judged(self, what: str, seen: Seen) -> Result:
        """Reached when the whole interval of the ratio keeps to MOST_RATIO by the processor's time,
        and that by the clock does not lie above it; missed when one of both lies above; else
        undecided."""
        result, most, least = self._compared(what, seen, CONFIDENCE)
        missed = least > MOST_RATIO
        return attrs.evolve(
            result,
            goal=f"<= {MOST_RATIO:.2f}",
            reached=most <= MOST_RATIO and not missed,
            undecided=most > MOST_RATIO and not missed,
        )

    def suspected(self, what: str, seen: Seen) -> Result:
        """Of one fault there is too little to be sure of little: it has a goal, and has missed it,
        when one of the intervals lies above MOST_RATIO."""
        result, _, least = self._compared(what, seen, CONFIDENCE_OF_MANY)
        if least <= MOST_RATIO:
            return result
        return attrs.evolve(result, goal=f"<= {MOST_RATIO:.2f}", reached=False)

    def _compared(self, what: str, seen: Seen, confidence: float) -> tuple[Result, float, float]:
        """The line, the upper end by the processor's time, and the higher of the lower ends."""
        processor, clock = Quantile(seen.by_processor, Q), Quantile(seen.by_clock, Q)
        ratio, least, most = processor.over(self._processor, confidence)
        by_clock, least_by_clock, most_by_clock = clock.over(self._clock, confidence)
        known = processor.windows >= LEAST_WINDOWS
        line = Result(
            what,
            f"{_ms(self._processor)}, clock {_ms(self._clock)}",
            f"{_ms(processor)}, clock {_ms(clock)}",
            f"{ratio:.2f} ({least:.2f} to {most:.2f}), "
            f"clock {by_clock:.2f} ({least_by_clock:.2f} to {most_by_clock:.2f})"
            if known
            else f"{ratio:.2f}, clock {by_clock:.2f}",
        )
        return line, most, max(least, least_by_clock) if known else 0.0


def _ms(found: Quantile) -> str:
    return f"{found.value * 1_000:.2f} ms"
