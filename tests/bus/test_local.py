"""The bus of a single front end."""

from twisted.trial.unittest import TestCase

from mobility.bus.local import LocalBus
from mobility.domain.ledger import Committed
from mobility.testing import MemoryLog


class LocalBusTests(TestCase):
    """Every listener hears of every committed unit."""

    def setUp(self) -> None:
        self.log = MemoryLog()
        self.bus = LocalBus(self.log)
        self.heard: list[tuple[str, Committed]] = []

    def test_order(self) -> None:
        """Listeners are called in the order of their subscription, once for each unit."""
        self.bus.subscribe("first", lambda unit: self.heard.append(("first", unit)))
        self.bus.subscribe("second", lambda unit: self.heard.append(("second", unit)))
        one, two = Committed([], []), Committed([], [], ("1",))
        self.bus.publish(one)
        self.bus.publish(two)
        self.assertEqual(
            self.heard, [("first", one), ("second", one), ("first", two), ("second", two)]
        )

    def test_failing_listener(self) -> None:
        """A listener that raises is logged with its name, and the others hear of the fact."""

        def fail(committed: Committed) -> None:
            raise ValueError("broken")

        self.bus.subscribe("broken", fail)
        self.bus.subscribe("whole", lambda unit: self.heard.append(("whole", unit)))
        unit = Committed([], [])
        self.bus.publish(unit)
        self.bus.publish(unit)
        self.assertEqual(self.heard, [("whole", unit)] * 2)
        failures = self.log.named("bus.listener_failed")
        self.assertEqual([fields["listener"] for fields in failures], ["broken"] * 2)
        self.assertIsInstance(failures[0]["failure"], ValueError)

    def test_nobody(self) -> None:
        """Without listeners nothing happens and nothing is logged."""
        self.bus.publish(Committed([], []))
        self.assertEqual(self.log.events, [])
