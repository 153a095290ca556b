"""The agenda: what happens later."""

import weakref

from twisted.trial.unittest import TestCase

from mobility.domain.agenda import MAX_CANCELLED, Action, Agenda
from tests.domain.doubles import done, running


class AgendaTests(TestCase):
    """Appointments come due once, in order, unless they are cancelled."""

    def setUp(self) -> None:
        self.agenda = Agenda()
        self.happened: list[str] = []

    def action(self, name: str) -> Action:
        async def happen(now: float) -> None:
            self.happened.append(f"{name} at {now:g}")

        return happen

    def run_until(self, now: float) -> None:
        for action in self.agenda.due(now):
            done(running(action(now)))

    def test_order(self) -> None:
        """Earlier ones come first; those of the same time in the order they were made."""
        for at, name in ((3, "c"), (1, "a"), (2, "b1"), (2, "b2"), (9, "z")):
            self.agenda.at(at, self.action(name))
        self.run_until(3)
        self.assertEqual(self.happened, ["a at 3", "b1 at 3", "b2 at 3", "c at 3"])
        self.assertEqual(len(self.agenda), 1)

    def test_once(self) -> None:
        """What was due is not due again, and nothing is due before its time."""
        self.agenda.at(5, self.action("a"))
        self.run_until(4.999)
        self.assertEqual(self.happened, [])
        self.run_until(5)
        self.run_until(6)
        self.assertEqual(self.happened, ["a at 5"])

    def test_cancel(self) -> None:
        """A cancelled appointment never happens; cancelling again or too late does nothing."""
        first = self.agenda.at(1, self.action("a"))
        second = self.agenda.at(1, self.action("b"))
        first.cancel()
        first.cancel()
        self.assertEqual(len(self.agenda), 1)
        self.run_until(1)
        second.cancel()
        self.assertEqual(self.happened, ["b at 1"])
        self.assertEqual(len(self.agenda), 0)

    def test_cancelled_ones_are_forgotten(self) -> None:
        """However many are cancelled before their time, only a bounded number is kept."""
        made = []
        for _ in range(5 * MAX_CANCELLED):
            appointment = self.agenda.at(1e9, self.action("never"))
            made.append(weakref.ref(appointment))
            appointment.cancel()
        del appointment
        kept = sum(reference() is not None for reference in made)
        self.assertLessEqual(kept, MAX_CANCELLED + 1)
        self.assertEqual(len(self.agenda), 0)

    def test_forgetting_keeps_the_others(self) -> None:
        """What stands keeps its time and order when the cancelled ones are forgotten."""
        for number in range(10):
            self.agenda.at(number, self.action(str(number)))
        for _ in range(2 * MAX_CANCELLED):
            self.agenda.at(5, self.action("never")).cancel()
        self.assertEqual(len(self.agenda), 10)
        self.run_until(20)
        self.assertEqual(self.happened, [f"{number} at 20" for number in range(10)])
