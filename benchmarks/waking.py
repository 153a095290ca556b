"""What waking devices costs a front end: queueing with a message, handing over, a long queue."""

import asyncio
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.front_end import FrontEnd, Person
from benchmarks.im import PAIRS, rate, ucwa_pairs
from benchmarks.push import ORGANISATION, Doubles
from benchmarks.report import Effort, Result
from benchmarks.server import Server, free_port
from mobility.domain.ledger import Unit
from mobility.domain.records import PushNotice, PushSubscription, PushSwitch

LEAST_RATE = 1_000.0
"""Notifications for each second of processor time of the front end."""

MOST_ENQUEUE_MS = 0.2
MOST_QUEUED_BYTES = 150 * 1024 * 1024
QUEUED = 100_000
HANDED_OVER = 20_000
QUICKLY = 10
"""A quick run has a tenth of them."""

LEAD_S = 8.0
"""After this the notifications that a front end finds at its start are due: it has started."""

QUIET_S = 2.0

PUSH = """
[push]
clearing_house = "https://localhost:{port}"
certificate = "{place}/{name}.pem"
key = "{place}/{name}.key"
ca = "{place}/ca.pem"
"""


def subscription(uri: str, number: int, app: str) -> PushSubscription:
    now = time.time()
    token = f"{number + 1:064x}"
    return PushSubscription(uri, "device", "apns", app, token, now, now, now + 86_400)


def notices(people: Sequence[Person], count: int, due_at: float) -> Iterator[PushNotice]:
    """So many that are due then, each about a conversation of its own."""
    now = time.time()
    for number in range(count):
        conversation = secrets.token_hex(8)
        yield PushNotice(
            id=secrets.token_hex(16),
            user_uri=people[number % len(people)].uri,
            subscription_id="device",
            kind="message",
            topic=f"c-{conversation}",
            cause=conversation,
            created_at=now,
            due_at=due_at,
            expires_at=now + 86_400,
            changed_at=now,
            conversation_id=conversation,
            first=1,
            number=1,
            from_uri=people[0].uri,
            rule="message at once",
        )


def run(front_end: FrontEnd, directory: Path, effort: Effort) -> Iterator[Result]:
    """Enqueueing first, then the rate of handing over, then the memory of a queue."""
    everybody = front_end.prepare(4 * PAIRS, signed_in=False)
    people, others = everybody[: 2 * PAIRS], everybody[2 * PAIRS :]
    yield _enqueue(front_end, {False: others, True: people}, effort)
    port = free_port()
    place = directory / "doubles"
    ports = ("--federation-port", str(port), "--operator-port", str(free_port()))
    with Doubles(place, *ports, "--count-only") as doubles:
        app = doubles.ready["app"]
        config = front_end.config.source
        text = PUSH.format(port=port, place=place, name=ORGANISATION)
        config.write_text(config.read_text() + text)
        devices = Unit()
        for number, person in enumerate(people):
            devices.save(subscription(person.uri, number, app))
        front_end.store(devices)
        command = [str(Path(sys.executable).with_name("twistd")), "-n", f"--pidfile={place}/pid"]
        command += ["mobility-push", "--config", str(place / "clearing-house.toml")]
        house = Server(command, port, directory / "house.log")
        count = HANDED_OVER // (QUICKLY if effort.quick else 1)
        with house:
            yield _hand_over(front_end, people, doubles, count)
    yield _memory(front_end, people, effort)


def _enqueue(front_end: FrontEnd, people: dict[bool, Sequence[Person]], effort: Effort) -> Result:
    """Processor time of a message to somebody with a device beside one to somebody without.

    Both are measured by turns in one process: two processes differ by more than the goal on a
    machine that others use as well.  Of the turns of each the one counts that was disturbed least.
    """
    unit = Unit()
    unit.save(PushSwitch("global", "apns", True))
    for number, person in enumerate(people[True]):
        unit.save(subscription(person.uri, number, "org.example.app"))
    front_end.store(unit)
    with front_end.server:
        rates = asyncio.run(_rates(front_end, people, effort))
    per_message_ms = {woken: 1_000 / max(found) for woken, found in rates.items()}
    added = per_message_ms[True] - per_message_ms[False]
    return Result(
        "waking: enqueue, added to a message",
        f"{per_message_ms[False]:.3f} ms",
        f"{per_message_ms[True]:.3f} ms",
        f"+{added:.3f} ms",
        f"<= {MOST_ENQUEUE_MS} ms",
        added <= MOST_ENQUEUE_MS,
    )


async def _rates(
    front_end: FrontEnd, people: dict[bool, Sequence[Person]], effort: Effort
) -> dict[bool, list[float]]:
    """Messages for each second of processor time, of those without devices and those with."""
    pairs = {woken: await ucwa_pairs(front_end, some) for woken, some in people.items()}
    found: dict[bool, list[float]] = {woken: [] for woken in pairs}
    for turn in range(effort.turns + 1):
        for woken, some in pairs.items():
            measured = await rate(front_end.server, some, effort.seconds)
            if turn:
                found[woken].append(measured)
    for some in pairs.values():
        for pair in some:
            for party in pair:
                await party.stop()
    return found


def _hand_over(
    front_end: FrontEnd, people: Sequence[Person], doubles: Doubles, count: int
) -> Result:
    """Notifications that APNs has taken for each second of the front end's processor time."""
    unit = Unit()
    due_at = time.time() + LEAD_S
    unit.save(*notices(people, count, due_at))
    front_end.store(unit)
    with front_end.server:
        time.sleep(max(0.0, due_at - 1.0 - time.time()))
        before, had = front_end.server.cpu_s(), doubles.taken
        doubles.wait_for(had + count)
        time.sleep(QUIET_S)  # the verdicts are heard
        used = front_end.server.cpu_s() - before
    rate_found = count / used
    return Result(
        f"waking: {count:,} through a clearing house to APNs",
        "",
        f"{rate_found:,.0f} /cpu-s",
        "",
        f">= {LEAST_RATE:,.0f}",
        rate_found >= LEAST_RATE,
    )


def _memory(front_end: FrontEnd, people: Sequence[Person], effort: Effort) -> Result:
    """What a queue costs while there is no clearing house."""
    count = QUEUED // (QUICKLY if effort.quick else 1)
    with front_end.server:
        time.sleep(QUIET_S)
        before = front_end.server.pss_bytes()
    unit = Unit()
    unit.save(*notices(people, count, time.time() + 3_600))
    front_end.store(unit)
    with front_end.server:
        time.sleep(QUIET_S)
        used = front_end.server.pss_bytes() - before
    goal = MOST_QUEUED_BYTES * count / QUEUED
    return Result(
        f"waking: memory of {count:,} queued",
        "",
        f"{used / 1024 / 1024:,.1f} MiB",
        "",
        f"<= {goal / 1024 / 1024:,.0f} MiB",
        used <= goal,
    )
