"""The writer thread: batches, order, faults and the end."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.domain.ledger import Committed, Conflict, Unit
from mobility.errors import Unavailable
from mobility.store.schema import migrate
from mobility.store.writer import EVENTS, SqliteLedger
from mobility.store.writer_thread import BATCH_WORKS, QUEUE_WORKS
from tests.store import committing
from tests.store.doubles import (
    Disk,
    StoreCase,
    appending,
    conversation,
    message,
    opening,
    positions,
    saving,
)


@implementer(IReactorFromThreads)
class CountingReactor:
    """The real reactor, and how often a thread has called it."""

    def __init__(self) -> None:
        self.calls = 0

    def callFromThread(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.calls += 1
        reactor.callFromThread(call, *args, **kwargs)

    def callLater(self, delay_s: float, call: Callable[..., Any], *args: Any) -> None:
        reactor.callLater(delay_s, call, *args)


class CommitTests(StoreCase):
    async def test_durable_when_answered(self) -> None:
        """When a commit answers, another process reads what it stored."""
        store = self.open()
        await store.ledger.commit(opening("a"))
        unit = appending("a")
        unit.save(message(body="Hello"))
        committed = await store.ledger.commit(unit)
        self.assertEqual(positions(committed), [("a", 1)])
        self.assertEqual(self.rows("SELECT body FROM messages"), [("Hello",)])
        self.assertEqual(self.rows("SELECT position, kind FROM stream_entries"), [(1, "MeChanged")])

    async def test_published_before_answered_in_order(self) -> None:
        """Units are published in the order they were given, each before its own answer."""
        order: list[Any] = []
        store = self.open(order.append)

        def answered(committed: Committed) -> None:
            order.append(("answered", committed))

        units = [opening("a"), *(appending("a") for _ in range(20))]
        await gatherResults([store.ledger.commit(unit).addCallback(answered) for unit in units])
        published = [item for item in order if isinstance(item, Committed)]
        self.assertEqual([c.entries[0].position for c in published[1:]], list(range(1, 21)))
        self.assertEqual(order, [item for c in published for item in (c, ("answered", c))])

    async def test_one_transaction_for_all_that_wait(self) -> None:
        """What waits when the writer is free is one transaction and one call of the reactor, up to
        the bound of a batch."""
        migrate(self.path)
        counting = CountingReactor()
        ledger = SqliteLedger(
            Disk(self.path).connect, reactor=counting, publish=self.published.append, log=self.log
        )
        units = [opening("a"), *(appending("a") for _ in range(BATCH_WORKS + 9))]
        answers = [ledger.commit(unit) for unit in units]
        ledger.start()
        await gatherResults(answers)
        self.assertEqual((ledger.commits, counting.calls, ledger.waiting), (2, 2, 0))
        self.assertEqual(ledger.units, BATCH_WORKS + 10)
        await ledger.stop()

    async def test_refused_unit_is_not_published(self) -> None:
        """A conflict fails its own unit, which the bus never hears of."""
        store = self.open()
        first = store.ledger.commit(saving(conversation(1)))
        second = store.ledger.commit(saving(conversation(1)))
        third = store.ledger.commit(saving(conversation(2)))
        await first
        await self.assertFailure(second, Conflict)
        await third
        self.assertEqual(len(self.published), 2)
        self.assertTrue(store.ledger.available)

    async def test_malformed_unit(self) -> None:
        """A malformed unit fails alone, and the store stays available."""
        store = self.open()
        malformed = store.ledger.commit(saving("no record"))
        good = store.ledger.commit(saving(message()))
        await self.assertFailure(malformed, KeyError)
        await good
        self.assertTrue(store.ledger.available)
        self.assertEqual(self.log.names, ["store.migrated"])

    async def test_empty_unit(self) -> None:
        """A unit without effects commits."""
        committed = await self.open().ledger.commit(Unit())
        self.assertEqual(committed, Committed([], [], ()))

    async def test_failing_bus(self) -> None:
        """A bus that raises is logged; the unit is stored and answered, and so is the next."""

        def publish(_: Committed) -> None:
            raise RuntimeError("the bus")

        store = self.open(publish)
        await gatherResults([store.ledger.commit(saving(message(n))) for n in (1, 2)])
        self.assertEqual(self.rows("SELECT count(*) FROM messages"), [(2,)])
        self.assertEqual(self.log.names[1:], ["store.publish_failed"] * 2)

    async def test_operation_in_its_turn(self) -> None:
        """An operation sees the units given before it and not those after; its error is its own."""
        ledger = self.open().ledger

        def count(cursor: Any, _: Any) -> int:
            return int(cursor.execute("SELECT count(*) FROM messages").fetchone()[0])

        def fail(cursor: Any, _: Any) -> None:
            cursor.execute("DELETE FROM messages")
            raise RuntimeError("operation")

        before = ledger.commit(saving(message(1)))
        counted, failed = ledger.run(count), ledger.run(fail)
        after = ledger.commit(saving(message(2)))
        self.assertEqual(await counted, 1)
        await self.assertFailure(failed, RuntimeError)
        await gatherResults([before, after])
        self.assertEqual(self.rows("SELECT count(*) FROM messages"), [(2,)])


class BoundTests(StoreCase):
    async def test_queue_bound(self) -> None:
        """When QUEUE_WORKS wait the next is refused at once; what waits is still stored."""
        migrate(self.path)
        ledger = SqliteLedger(
            Disk(self.path).connect,
            reactor=reactor,
            publish=self.published.append,
            log=self.log,
        )
        answers = [ledger.commit(Unit()) for _ in range(QUEUE_WORKS)]
        refusal = self.failureResultOf(ledger.commit(saving(message())), Unavailable)
        self.assertEqual((refusal.value.status, refusal.value.retry_after_s), (503, 5))
        self.assertEqual(ledger.waiting, QUEUE_WORKS)
        ledger.start()
        await gatherResults(answers)
        await ledger.commit(saving(message()))
        self.assertEqual(ledger.units, QUEUE_WORKS + 1)
        await ledger.stop()


class FaultTests(StoreCase):
    async def test_full_disk(self) -> None:
        """On a full disk every unit is refused with 503 and nothing of it is stored; when there is
        room again the next is taken, without a restart and without a gap."""
        disk = Disk(self.path)
        ledger = self.open_on(disk, probe_interval_s=60)
        await ledger.commit(opening("a"))
        await ledger.commit(appending("a"))
        disk.fill()
        answers = [ledger.commit(self.large(number)) for number in range(1, 4)]
        for answer in answers:
            refusal = await self.assertFailure(answer, Unavailable)
            self.assertEqual((refusal.status, refusal.retry_after_s), (503, 5))
            self.assertFalse(ledger.available)
        self.assertEqual(self.rows("SELECT count(*) FROM messages"), [(0,)])
        self.assertEqual(len(self.published), 2)
        disk.mend()
        committed = await ledger.commit(self.large(4))
        self.assertEqual(positions(committed), [("a", 2)])
        self.assertTrue(ledger.available)
        self.assertEqual(self.rows("SELECT number FROM messages"), [(4,)])
        self.assertEqual(self.rows("SELECT position FROM stream_entries"), [(1,), (2,)])

    def large(self, number: int) -> Unit:
        """An entry with a message that needs new pages."""
        unit = appending("a")
        unit.save(message(number, body="x" * 100_000))
        return unit

    async def test_read_only_disk(self) -> None:
        """A store that cannot be written is tried again on its own, and the log tells of its
        going and its coming back once each."""
        disk = Disk(self.path)
        ledger = self.open_on(disk, probe_interval_s=0.01)
        await ledger.commit(opening("a"))
        self.assertIs(ledger.failed_at, None)
        disk.protect()
        for _ in range(3):
            await self.assertFailure(ledger.commit(appending("a")), Unavailable)
        self.assertFalse(ledger.available)
        self.assertIsNot(ledger.failed_at, None)
        self.assertEqual(self.log.events, [("store.unavailable", {"reason": "SQLITE_READONLY"})])
        recovered = self.log.heard("store.recovered")
        disk.mend()
        await recovered
        self.assertTrue(ledger.available)
        self.assertEqual(self.log.names, ["store.unavailable", "store.recovered"])
        for event, fields in self.log.events:
            self.assertEqual(set(fields), set(EVENTS[event]))
        self.assertEqual(positions(await ledger.commit(appending("a"))), [("a", 1)])

    async def test_operation_during_a_fault(self) -> None:
        """An operation is refused like a unit, and so is all that waits behind a fault."""
        disk = Disk(self.path)
        ledger = self.open_on(disk, probe_interval_s=60)
        await ledger.commit(opening("a"))
        disk.protect()
        operation = ledger.run(lambda cursor, _: cursor.execute("DELETE FROM streams"))
        answers = [operation, ledger.commit(appending("a"))]
        for answer in answers:
            await self.assertFailure(answer, Unavailable)
        self.assertEqual(self.rows("SELECT id FROM streams"), [("a",)])

    async def test_vanished_database(self) -> None:
        """A database that is not there is a fault: no empty one is put in its place."""
        disk = Disk(self.path)
        ledger = self.open_on(disk, probe_interval_s=60)
        self.path.rename(self.path.with_suffix(".away"))
        await self.assertFailure(ledger.commit(opening("a")), Unavailable)
        self.assertFalse(self.path.exists())
        self.path.with_suffix(".away").rename(self.path)
        await ledger.commit(opening("a"))


class StopTests(StoreCase):
    async def test_finishes_what_waits(self) -> None:
        """Stopping stores and answers all that was given before, and refuses what comes after."""
        ledger = self.open().ledger
        answers = [ledger.commit(opening("a")), *(ledger.commit(appending("a")) for _ in range(99))]
        stopped = ledger.stop()
        self.failureResultOf(ledger.commit(appending("a")), Unavailable)
        await stopped
        last = self.successResultOf(answers[-1])
        self.assertEqual(positions(last), [("a", 99)])
        self.assertEqual(self.rows("SELECT head FROM streams"), [(99,)])

    async def test_leaves_one_file(self) -> None:
        """After stopping everything is in the database file, and beside it that of the lock; the
        write-ahead log is gone."""
        store = self.open()
        await store.ledger.commit(opening("a"))
        self.assertGreater(store.stats().journal_bytes, 0)
        await store.stop()
        left = sorted(path.name for path in self.path.parent.iterdir())
        self.assertEqual(left, ["mobility.db", "mobility.db.lock"])
        self.assertEqual(self.rows("SELECT id FROM streams"), [("a",)])

    async def test_twice(self) -> None:
        """Whoever stops a second time waits for the same end."""
        store = self.open()
        await gatherResults([store.stop(), store.stop()])
        await store.stop()

    async def test_never_started(self) -> None:
        """A ledger that was never started still stores what it was given before it stops."""
        migrate(self.path)
        ledger = SqliteLedger(
            Disk(self.path).connect, reactor=reactor, publish=self.published.append, log=self.log
        )
        answer = ledger.commit(opening("a"))
        await ledger.stop()
        self.successResultOf(answer)


class RestartTests(StoreCase):
    async def test_positions_go_on(self) -> None:
        """After a restart streams go on where they were."""
        store = self.open()
        await store.ledger.commit(opening("a"))
        await store.ledger.commit(appending("a", "a"))
        await store.stop()
        again = self.open()
        self.assertEqual(positions(await again.ledger.commit(appending("a"))), [("a", 3)])


class Killed(ProcessProtocol):
    """Ends the process with SIGKILL once it has acknowledged `enough` commits."""

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.output = b""
        self.errors = b""
        self.ended: Deferred[None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.output += data
        if self.output.count(b"\n") >= self.enough:
            self.transport.signalProcess("KILL")

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        self.ended.errback(reason)

    def acknowledged(self) -> set[tuple[int, ...]]:
        """Number and position of each message, from whole lines."""
        lines = self.output[: self.output.rindex(b"\n")].split(b"\n")
        return {tuple(map(int, line.split())) for line in lines}


class KillTests(StoreCase):
    async def test_nothing_acknowledged_is_lost(self) -> None:
        """However often a process is killed between two instructions, what it acknowledged is
        stored, under the position it acknowledged, and positions have no gap."""
        root = str(Path(committing.__file__).parents[2])
        known: set[tuple[int, ...]] = set()
        for enough in (1, 37, 200):
            child = Killed(enough)
            arguments = [sys.executable, "-m", committing.__name__, str(self.path)]
            environment = {**os.environ, "PYTHONPATH": root}
            reactor.spawnProcess(child, sys.executable, arguments, env=environment)
            end = await self.assertFailure(child.ended, ProcessTerminated)
            self.assertEqual(end.signal, 9, child.errors)
            known |= child.acknowledged()
            store = self.open()
            entries = await store.archive.entries("a", 0, 1_000_000)
            await store.stop()
            self.assertEqual([e.position for e in entries], list(range(1, len(entries) + 1)))
            stored = {(entry.fact.number, entry.position) for entry in entries}
            self.assertEqual(known - stored, set())
            for entry in entries:
                number = entry.fact.number
                self.assertEqual(entry.message.body, f"Message {number}")
