"""One lock a key."""

import gc

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.locks import Locks
from tests.domain.doubles import running


class LocksTests(TestCase):
    """Holders of one key wait for one another, in order; keys do not."""

    def setUp(self) -> None:
        self.locks = Locks()
        self.steps: list[str] = []

    async def hold(self, name: str, until: Deferred[None] | None = None, key: str = "k") -> None:
        async with self.locks.of(key):
            self.steps.append(f"{name} in")
            if until is not None:
                await until
        self.steps.append(f"{name} out")

    def test_exclusion(self) -> None:
        """The second enters when the first has left."""
        gate: Deferred[None] = Deferred()
        running(self.hold("a", gate))
        second = running(self.hold("b"))
        self.assertEqual(self.steps, ["a in"])
        gate.callback(None)
        self.successResultOf(second)
        self.assertEqual(sorted(self.steps), ["a in", "a out", "b in", "b out"])
        self.assertLess(self.steps.index("a in"), self.steps.index("b in"))

    def test_keys(self) -> None:
        """Another key is not waited for."""
        gate: Deferred[None] = Deferred()
        first = running(self.hold("a", gate))
        self.successResultOf(running(self.hold("b", key="other")))
        gate.callback(None)
        self.successResultOf(first)

    def test_order_beyond_the_lock(self) -> None:
        """Those who waited go on in the order in which they came, also after they have left."""
        gate: Deferred[None] = Deferred()
        running(self.hold("holder", gate))
        for number in range(5):
            running(self.hold(str(number)))
        gate.callback(None)
        waited = [step for step in self.steps if "holder" not in step]
        self.assertEqual(
            waited, [f"{number} {way}" for number in range(5) for way in ("in", "out")]
        )

    def test_many_wait(self) -> None:
        """Thousands may wait and leave at once."""
        gate: Deferred[None] = Deferred()
        running(self.hold("holder", gate))
        waiting = [running(self.hold(str(number))) for number in range(3000)]
        gate.callback(None)
        for one in waiting:
            self.successResultOf(one)

    def test_failure_leaves_the_lock(self) -> None:
        """Who fails inside has left, and the next one enters."""

        async def fail() -> None:
            async with self.locks.of("k"):
                await gate
                raise ValueError("inside")

        gate: Deferred[None] = Deferred()
        failing = running(fail())
        waiting = running(self.hold("b"))
        gate.callback(None)
        self.failureResultOf(failing, ValueError)
        self.successResultOf(waiting)
        self.successResultOf(running(self.hold("c")))

    def test_cancelled_waiter(self) -> None:
        """Who gives up waiting does not get the lock, and the next one does."""
        gate: Deferred[None] = Deferred()
        running(self.hold("a", gate))
        second = running(self.hold("b"))
        third = running(self.hold("c"))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        gate.callback(None)
        self.successResultOf(third)
        self.assertNotIn("b in", self.steps)

    def test_asked_again(self) -> None:
        """Who asks again while others wait comes after them."""

        async def twice(name: str) -> None:
            await self.hold(name)
            await self.hold(name + " again")

        gate: Deferred[None] = Deferred()
        running(self.hold("holder", gate))
        running(twice("a"))
        running(self.hold("b"))
        gate.callback(None)
        entered = [step for step in self.steps if step.endswith(" in")]
        self.assertEqual(entered, ["holder in", "a in", "b in", "a again in"])

    def test_forgotten(self) -> None:
        """A lock that nobody holds is forgotten."""
        self.successResultOf(running(self.hold("a")))
        gc.collect()
        self.assertEqual(len(self.locks._locks), 0)
