"""Quotas: of one device, which stops no other, and of all, for which the provider is left alone."""

from collections.abc import Callable, Sequence

import attrs
import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.breaker import FAILURES, MOST_WAIT_S
from mobility.clearing_house.destination import Destination, Entry
from mobility.clearing_house.fcm import QUOTA_S, read_fault
from mobility.clearing_house.outcome import (
    DELIVERED,
    QUOTA,
    QUOTA_OF_ALL,
    Job,
    Outcome,
    retry,
)
from mobility.push.wire import Device, Notification
from mobility.push_doubles.fcm import fault
from mobility.testing import MemoryLog
from tests.clearing_house.running import RunningCase, device, push, until

HOUR_S = 3_600.0
TAKEN = Outcome(DELIVERED, "200")
OVER = retry("429 QUOTA_EXCEEDED", QUOTA, least_wait_s=QUOTA_S)


class Scripted:
    """A provider that answers at once what `say` says of the token of a push."""

    room = 1_000

    def __init__(self, say: Callable[[str], Outcome]) -> None:
        self.say = say
        self.tokens: list[str] = []

    async def deliver(self, job: Job) -> Outcome:
        token = job.notification.device.token
        self.tokens.append(token)
        return self.say(token)

    async def probe(self) -> Outcome:
        return TAKEN

    async def close(self, *, now: bool) -> None:
        """It has nothing open."""


class Desk:
    """The office of a destination that remembers what ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []

    def told(self, destination: str, entry: Entry, outcome: Outcome, ms: float) -> None:
        self.ended.append((entry.id, outcome.outcome))

    def load(self, entries: Sequence[Entry]) -> Deferred[None]:
        return succeed(None)


class QuotaTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.desk = Desk()
        self.log = MemoryLog()
        self.provider = Scripted(lambda _: TAKEN)
        self.destination = Destination(
            "fcm:app",
            self.provider,
            self.desk,
            self.clock,
            self.clock.seconds,
            self.log,
            lambda: 0.0,
        )
        self.addCleanup(self.destination.close)
        self.rows = 0

    def queue(self, number: int, kind: str = "message") -> None:
        """One push to the device of that number."""
        self.rows += 1
        told = Notification(
            id=str(self.rows),
            device=Device(platform="fcm", app_id="app", token=str(number)),
            kind=kind,
            expires=1_000_000,
        )
        entry = Entry(self.rows, "o", told.id, kind, 0, 1_000_000, number, 0, told)
        self.destination.add(entry)
        self.destination.pump()

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1.0)

    def test_one_device(self) -> None:
        """One device's quota stops no other, however often it is tried, and waits grow."""
        self.provider.say = lambda token: OVER if token == "1" else TAKEN
        for kind in ("call", "message", "badge"):
            self.queue(1, kind)
        self.pass_time(HOUR_S)
        self.assertEqual(self.destination.breaker.state, "closed")
        tries = len(self.provider.tokens)
        self.assertTrue(3 * 10 < tries < 3 * HOUR_S / 60, tries)
        self.queue(2)
        self.assertEqual(self.desk.ended, [("4", "delivered")])

    def test_all(self) -> None:
        """When it is applied to one device after the other it is everybody's: the provider is left
        alone, for a minute at least and then for longer, one push tries it, and all go then."""
        self.provider.say = lambda _: OVER
        for number in range(40):
            self.queue(number)
        self.assertEqual(len(self.provider.tokens), FAILURES)
        opened = [fields for event, fields in self.log.events if "opened" in event]
        self.assertEqual([one["status"] for one in opened], ["429 QUOTA_EXCEEDED"])
        self.pass_time(59.0)
        self.assertEqual(len(self.provider.tokens), FAILURES)
        self.pass_time(2.0)
        self.assertEqual(len(self.provider.tokens), FAILURES + 1)
        self.pass_time(90.0)
        self.assertEqual(len(self.provider.tokens), FAILURES + 1, "it waits for longer now")
        self.provider.say = lambda _: TAKEN
        self.pass_time(2 * MOST_WAIT_S)
        self.assertEqual(len(self.desk.ended), 40)
        self.assertEqual(self.destination.breaker.state, "closed")

    def test_between(self) -> None:
        """What is taken between shows that it is not everybody's."""
        self.provider.say = lambda token: OVER if int(token) % 2 else TAKEN
        for number in range(40):
            self.queue(number)
        self.assertEqual(self.destination.breaker.state, "closed")
        self.assertEqual(len(self.desk.ended), 20)

    def test_said(self) -> None:
        """A provider that says that it is everybody's is left alone at once, as long as it says."""
        self.provider.say = lambda _: retry("429", QUOTA_OF_ALL, 7.0)
        self.queue(1)
        self.queue(2)
        self.assertEqual(self.provider.tokens, ["1"])
        self.provider.say = lambda _: TAKEN
        self.pass_time(8.0)
        self.assertEqual(len(self.desk.ended), 2)


class FaultTests(SynchronousTestCase):
    """What the body of a 429 of FCM says of whose quota it is."""

    def projects(self, *details: object) -> bool:
        error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}
        return read_fault(msgspec.json.encode({"error": error})).projects

    def test_whose(self) -> None:
        """It is the project's where a QuotaFailure names a project, or Google's own count of
        requests has none left; what FCM counts may be one device's."""
        rpc, fcm = "type.googleapis.com/google.rpc.", "type.googleapis.com/google.firebase.fcm.v1."
        own = {"@type": f"{fcm}FcmError", "errorCode": "QUOTA_EXCEEDED"}
        info = {"@type": f"{rpc}ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}
        named = {"@type": f"{rpc}QuotaFailure", "violations": [{"subject": "project:7"}]}
        other = {"@type": f"{rpc}QuotaFailure", "violations": [{"subject": "device:7"}, {}]}
        for details, expected in (
            ((), False),
            ((own,), False),
            ((own, info), False),
            ((own, other), False),
            ((info,), True),
            ((own, named), True),
            (({**info, "reason": "OTHER"},), False),
        ):
            self.assertEqual(self.projects(*details), expected, details)

    def test_nonsense(self) -> None:
        """A body that is not as it should be says nothing."""
        rpc = "type.googleapis.com/google.rpc."
        for detail in (
            {"@type": f"{rpc}QuotaFailure", "violations": 7},
            {"@type": f"{rpc}QuotaFailure", "violations": ["project:7"]},
            {"@type": f"{rpc}ErrorInfo", "reason": ["RATE_LIMIT_EXCEEDED"]},
        ):
            self.assertFalse(self.projects(detail), detail)


class RunningQuotaTests(RunningCase):
    """A clearing house before Google's double."""

    async def test_project(self) -> None:
        """While the project's quota is used up its pushes wait and its health says why, though
        Google takes the credential; other providers are asked as ever."""
        refusal = attrs.evolve(fault(429, "QUOTA_EXCEEDED"), headers=(("Retry-After", "900"),))
        self.providers.fcm.decide = lambda _: refusal
        sent = [push(device("fcm", token=f"{n:040d}")) for n in range(FAILURES)]
        await self.sender.send(sent)
        breaker = self.running.house.destinations["fcm:org.example.mobility"].breaker
        await until(lambda: breaker.state == "open", "it is left alone")
        self.providers.fcm.decide = lambda _: None
        health = await self.sender.health()
        (fcm,) = [one for one in health.providers if one.platform == "fcm"]
        self.assertEqual((fcm.state, fcm.reason), ("failing", "429 QUOTA_EXCEEDED"))
        self.assertEqual((await self.fate(push(device()))).outcome, "delivered")
        self.assertEqual(breaker.state, "open")
