"""When a destination tries again what it has tried in vain."""

import random
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.destination import HURRIES, Destination, Entry
from mobility.clearing_house.outcome import CREDENTIAL, DELIVERED, Job, Outcome, retry
from mobility.push.wire import Device, Notification
from mobility.testing import MemoryLog

DOWN, GOOD = retry("503"), Outcome(DELIVERED, "200")
REFUSED = retry("403 InvalidProviderToken", CREDENTIAL)


ANSWER_S = 0.01


class Line:
    """A provider, and the rest of the clearing house around its destination."""

    room = 1_000

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.answer: Callable[[str], Outcome] = lambda _: GOOD
        self.asked: list[str] = []
        self.delivered: list[str] = []

    async def deliver(self, job: Job) -> Outcome:
        self.asked.append(job.notification.id)
        await deferLater(self.clock, ANSWER_S)  # type: ignore[arg-type]
        return self.answer(job.notification.id)

    async def probe(self) -> Outcome:
        return GOOD

    async def close(self, *, now: bool) -> None:
        pass

    def told(self, destination: str, entry: Entry, outcome: Outcome, ms: float) -> None:
        if outcome.outcome == DELIVERED:
            self.delivered.append(entry.id)

    def load(self, entries: Sequence[Entry]) -> Deferred[None]:
        return succeed(None)


class AgainTests(SynchronousTestCase):
    """Without jitter, so that the waits are 1 s, 2 s, 4 s and so on."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.line = Line(self.clock)
        self.chance: Callable[[], float] = lambda: 1.0
        self.destination = Destination(
            "apns:x",
            self.line,
            self.line,
            self.clock,
            self.clock.seconds,
            MemoryLog(),
            lambda: self.chance(),
        )
        self.addCleanup(self.destination.close)
        self.rows = 0

    def send(self, *ids: str, kind: str = "message") -> None:
        """Each for a device of its own."""
        for one in ids:
            self.rows += 1
            device = Device("apns", "x", token=f"{self.rows:064x}")
            push = Notification(id=one, device=device, kind=kind, expires=1_000_000)
            self.destination.add(
                Entry(self.rows, "org", one, kind, 0, 1_000_000, self.rows, 0, push)
            )
        self.destination.pump()

    def advance(self, seconds: float) -> None:
        self.clock.pump([ANSWER_S] * round(seconds / ANSWER_S))

    def test_call_first(self) -> None:
        """A call that was tried while its provider was down goes before the messages that were
        not, as soon as one of them shows that it is back."""
        self.line.answer = lambda _: DOWN
        self.send("call", kind="call")
        self.advance(15.5)
        self.assertEqual(self.line.asked, ["call"] * 5)
        self.assertEqual(self.destination.breaker.state, "open")
        self.send("m1", "m2", "m3")
        self.line.answer = lambda _: GOOD
        self.advance(1)
        self.assertEqual(self.line.delivered, ["m1", "call", "m2", "m3"])

    def test_order(self) -> None:
        """What goes again together goes in the order in which it came."""
        self.line.answer = lambda _: DOWN
        self.send("m1", "m2", "m3", "m4", "m5")
        self.advance(0.5)
        self.line.answer = lambda _: GOOD
        self.advance(1)
        self.assertEqual(self.line.delivered, ["m1", "m2", "m3", "m4", "m5"])

    def test_mended(self) -> None:
        """Once its credential was mended a push goes at once, however long it was to wait."""
        self.line.answer = lambda _: REFUSED
        self.send("m1")
        self.advance(35)
        asked = len(self.line.asked)
        self.line.answer = lambda _: GOOD
        self.destination.mended()
        self.advance(0.1)
        self.assertEqual(self.line.delivered, ["m1"])
        self.assertEqual(len(self.line.asked), asked + 1)

    def test_named_time(self) -> None:
        """What the provider has named a time for waits for that, whoever else is taken."""
        self.line.answer = lambda _: retry("503", retry_after_s=20.0)
        self.send("m1", "m2", "m3", "m4", "m5")
        self.advance(0.5)
        self.line.answer = lambda _: GOOD
        self.destination.mended()
        self.send("m6")
        self.advance(19)
        self.assertEqual(self.line.delivered, ["m6"])
        self.advance(5)
        self.assertEqual(len(self.line.delivered), 6)

    def test_never_taken(self) -> None:
        """One that a provider always fails at goes sooner a few times only, and then waits as long
        as it must: the others go on."""
        self.chance = random.Random(1).random
        self.line.answer = lambda one: REFUSED if one == "bad" else GOOD
        self.send("bad")
        for number in range(60):
            self.send(f"m{number}")
            self.advance(1)
        self.assertGreater(len(self.line.delivered), 50)
        doubling = 7  # from 0.5 s on, with jitter
        self.assertLessEqual(self.line.asked.count("bad"), doubling + HURRIES)
