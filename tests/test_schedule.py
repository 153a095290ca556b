"""The services that hold the clock."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.domain.agenda import Agenda
from mobility.errors import Unavailable
from mobility.schedule import AGENDA_INTERVAL_S, RETRY_S, AgendaService, Recurring
from mobility.testing import MemoryLog


class AgendaServiceTests(TestCase):
    """Appointments are kept by the clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.agenda = Agenda()
        self.service = AgendaService(self.agenda, self.clock, self.clock.seconds, self.log)
        self.service.startService()
        self.happened: list[float] = []
        self.faults: list[Exception] = []

    async def act(self, now: float) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.happened.append(now)

    def pump(self, seconds: float) -> None:
        self.clock.pump([AGENDA_INTERVAL_S] * round(seconds / AGENDA_INTERVAL_S))

    def test_in_time(self) -> None:
        """An action runs once, when its time has come."""
        self.agenda.at(10, self.act)
        self.pump(10 - AGENDA_INTERVAL_S)
        self.assertEqual(self.happened, [])
        self.pump(20)
        self.assertEqual(self.happened, [10.0])

    def test_failure_is_logged_and_tried_again(self) -> None:
        """An action that fails is logged and runs again until it succeeds."""
        self.faults = [ValueError("once"), ValueError("twice")]
        self.agenda.at(1, self.act)
        self.pump(1 + 2 * RETRY_S)
        self.assertEqual(self.happened, [1 + 2 * RETRY_S])
        failures = self.log.named("schedule.failed")
        self.assertEqual(len(failures), 2)
        self.assertTrue(str(failures[0]["task"]).endswith("act"))
        self.pump(10 * RETRY_S)
        self.assertEqual(len(self.happened), 1)

    def test_unavailable_store(self) -> None:
        """What the store could not take runs again; the store itself logs its fault."""
        self.faults = [Unavailable("full")] * 3
        self.agenda.at(1, self.act)
        self.pump(1 + 3 * RETRY_S)
        self.assertEqual(len(self.happened), 1)
        self.assertEqual(self.log.events, [])

    def test_action_that_raises_at_once(self) -> None:
        """An action that is no coroutine and raises does not stop the clock."""
        faults = [ValueError("at once")]

        def act(now: float) -> Deferred[None]:
            if faults:
                raise faults.pop()
            return Deferred.fromCoroutine(self.act(now))

        self.agenda.at(1, act)
        self.agenda.at(1, self.act)
        self.pump(1)
        self.assertEqual(self.happened, [1.0])
        self.pump(RETRY_S)
        self.assertEqual(len(self.happened), 2)
        self.assertEqual(len(self.log.named("schedule.failed")), 1)

    def test_slow_action(self) -> None:
        """An action that takes long does not keep the others waiting."""
        gate: Deferred[None] = Deferred()

        async def wait(now: float) -> None:
            await gate
            self.happened.append(-1)

        self.agenda.at(1, wait)
        self.agenda.at(1, self.act)
        self.pump(2)
        self.assertEqual(self.happened, [1.0])
        gate.callback(None)
        self.assertEqual(self.happened, [1.0, -1])

    def test_stopped(self) -> None:
        """A stopped service leaves nothing on the clock, and can be stopped before it starts."""
        self.agenda.at(1, self.act)
        self.service.stopService()
        self.pump(5)
        self.assertEqual(self.happened, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        AgendaService(self.agenda, self.clock, self.clock.seconds, self.log).stopService()


class RecurringTests(TestCase):
    """One thing every so often."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.runs = 0

    def start(self, then: Callable[[], Deferred[None] | None] = lambda: None) -> Recurring:
        async def act() -> None:
            self.runs += 1
            waiting = then()
            if waiting is not None:
                await waiting

        service = Recurring("trim", 30.0, act, self.clock, self.log)
        service.startService()
        return service

    def test_interval(self) -> None:
        """It runs after each interval until the service stops."""
        service = self.start()
        self.assertEqual(self.runs, 0)
        self.clock.pump([30] * 3)
        self.assertEqual(self.runs, 3)
        service.stopService()
        self.clock.pump([30] * 3)
        self.assertEqual(self.runs, 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failure(self) -> None:
        """A failure is logged with the task's name, and the next run comes."""

        def fail() -> None:
            raise ValueError("broken")

        self.start(fail)
        self.clock.pump([30] * 2)
        self.assertEqual(self.runs, 2)
        self.assertEqual(
            [fields["task"] for fields in self.log.named("schedule.failed")], ["trim"] * 2
        )

    def test_one_at_a_time(self) -> None:
        """A run that takes longer than the interval is not overtaken by the next."""
        gates: list[Deferred[None]] = [Deferred(), Deferred()]
        self.start(lambda: gates[self.runs - 1])
        self.clock.pump([30] * 4)
        self.assertEqual(self.runs, 1)
        gates[0].callback(None)
        self.clock.pump([30])
        self.assertEqual(self.runs, 2)
