"""Tests of `mobility.auth.turns`."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.turns import RETRY_AFTER_S, Turns
from mobility.errors import Unavailable


class TurnsTests(SynchronousTestCase):
    """`Turns`."""

    def setUp(self) -> None:
        self.turns = Turns(2, max_waiting=3)
        self.begun: list[str] = []
        self.gates: dict[str, Deferred[None]] = {}

    def take(self, name: str) -> Deferred[None]:
        """Take a turn that lasts until `end`."""
        self.gates[name] = Deferred()

        async def body() -> None:
            async with self.turns.turn():
                self.begun.append(name)
                await self.gates[name]

        return Deferred.fromCoroutine(body())

    def end(self, name: str) -> None:
        self.gates[name].callback(None)

    def test_so_many_run_as_there_are_places(self) -> None:
        """Others begin in the order they came, as places become free."""
        for name in "abcd":
            self.take(name)
        self.assertEqual(self.begun, ["a", "b"])
        self.end("b")
        self.assertEqual(self.begun, ["a", "b", "c"])
        self.end("a")
        self.assertEqual(self.begun, ["a", "b", "c", "d"])

    def test_a_turn_that_fails_frees_its_place(self) -> None:
        """An exception in the body goes on to its caller and lets the next one begin."""
        turns = [self.take(name) for name in "abc"]
        self.gates["a"].errback(ValueError())
        self.failureResultOf(turns[0], ValueError)
        self.assertEqual(self.begun, ["a", "b", "c"])

    def test_too_many_waiting_are_sent_away(self) -> None:
        """Above `max_waiting` a turn is refused with Retry-After, and works again later."""
        for name in "abcde":
            self.take(name)
        fault = self.failureResultOf(self.take("f"), Unavailable).value
        self.assertEqual(fault.retry_after_s, RETRY_AFTER_S)
        self.end("a")
        self.assertNoResult(self.take("g"))

    def test_who_gives_up_waiting_loses_nothing_of_others(self) -> None:
        """A cancelled turn leaves the queue; its place goes to the next."""
        turns = [self.take(name) for name in "abcd"]
        turns[2].addErrback(lambda _: None).cancel()
        self.end("a")
        self.assertEqual(self.begun, ["a", "b", "d"])

    def test_a_long_queue_of_short_turns_does_not_nest(self) -> None:
        """Thousands of turns that end at once run one after another on a flat stack."""
        turns = Turns(1, max_waiting=10_000)
        gate: Deferred[None] = Deferred()

        async def body(until: Deferred[None] | None) -> None:
            async with turns.turn():
                if until is not None:
                    await until

        first = Deferred.fromCoroutine(body(gate))
        others = [Deferred.fromCoroutine(body(None)) for _ in range(10_000)]
        gate.callback(None)
        for turn in (first, *others):
            self.successResultOf(turn)

    def test_closing_ends_the_queue_but_not_what_runs(self) -> None:
        """Who waits or comes is sent away; it is closed when the last running turn has ended."""
        turns = [self.take(name) for name in "abc"]
        closed = self.turns.close()
        self.failureResultOf(turns[2], Unavailable)
        self.failureResultOf(self.take("d"), Unavailable)
        self.end("a")
        self.assertNoResult(closed)
        self.end("b")
        self.successResultOf(closed)
        self.assertEqual(self.begun, ["a", "b"])

    def test_an_idle_queue_closes_at_once(self) -> None:
        """Nothing has to be waited for."""
        self.successResultOf(self.turns.close())
