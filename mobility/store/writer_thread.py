"""A writer thread: work in, one transaction and one fsync for all that waits.

    reactor            give(work) ... give(work)                fire each Deferred
                            |              |                         ^
    end of its turn         +----> list ---+                         |
                                     |                               | one callFromThread
    queue                            v                               | a batch
    writer thread      take all that wait (at most BATCH_WORKS) -> one transaction

What is given in one turn of the reactor is handed over together, and while one batch is being
written the next one gathers: a busy service makes batches larger and not the wait longer.  Order
is that of what was given: in the store and of the answers.
"""

from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail

from mobility.errors import Unavailable
from mobility.reactor import IReactor
from mobility.store.connection import StoreFault

QUEUE_WORKS = 10_000
"""How much may wait for the writer; about a second of work on a slow disk.  More is refused."""

BATCH_WORKS = 256
"""No more is taken into one transaction once it has this much: enough to make the fsync cheap,
and little enough that telling of it does not hold the reactor for long."""

PROBE_INTERVAL_S = 1.0
"""How often a store that cannot be written is tried again when nobody asks it to write."""

RETRY_AFTER_S = 5
"""What a refused peer is told to wait."""


@attrs.define(slots=True, eq=False)
class Work:
    """What is to be written, and who waits for it."""

    deferred: Deferred[Any]


W = TypeVar("W", bound=Work)


class WriterThread(Generic[W]):
    """Writes in a thread of this name, in the order given, what a subclass knows how to write.

    `start` must be called in the process that uses it (threads do not survive a fork) and `stop`
    before that ends.
    """

    def __init__(
        self, name: str, reactor: IReactor, probe_interval_s: float = PROBE_INTERVAL_S
    ) -> None:
        self._name = name
        self._reactor = reactor
        self._probe_interval_s = probe_interval_s
        self._given: list[W] = []
        """In this turn of the reactor."""
        self._queue: SimpleQueue[list[W] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._stopped: Deferred[None] | None = None
        self.waiting = 0
        """How much was given and not answered."""
        self.available = True
        """False from a fault of the store until it takes something again."""

    def start(self) -> None:
        self._thread = Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> Deferred[None]:
        """Finish what waits and close the store; what is given later is refused."""
        if self._stopped is None:
            self._stopped = Deferred()
            if self._thread is None:
                self.start()
            self._hand_over()
            self._queue.put(None)
        waiter: Deferred[None] = Deferred()
        self._stopped.chainDeferred(waiter)
        return waiter

    def give(self, work: W) -> Deferred[Any]:
        """Have it written; the answer comes when it is durable.

        Fails with Unavailable when the store cannot take it or QUEUE_WORKS are waiting, and with
        its own error.  Then nothing of it is stored.
        """
        if self._stopped is not None:
            return fail(Unavailable("The service is stopping.", RETRY_AFTER_S))
        if self.waiting >= QUEUE_WORKS:
            return fail(Unavailable("Too much is waiting to be stored.", RETRY_AFTER_S))
        self.waiting += 1
        if not self._given:
            self._reactor.callLater(0, self._hand_over)
        self._given.append(work)
        return work.deferred

    def _hand_over(self) -> None:
        """The turn of the reactor is over: what it gave goes to the writer."""
        given, self._given = self._given, []
        for start in range(0, len(given), BATCH_WORKS):
            self._queue.put(given[start : start + BATCH_WORKS])

    def _deliver(self, results: Sequence[tuple[W, Any]], fault: str) -> None:
        """In the reactor: say what became of each work, in order."""
        if self.available is bool(fault):
            self.available = not fault
            self._changed(fault)
        self.waiting -= len(results)
        for work, outcome in results:
            if isinstance(outcome, Exception):
                work.deferred.errback(outcome)
            else:
                self._stored(work, outcome)
                work.deferred.callback(outcome)

    def _finish(self) -> None:
        if self._thread is not None:
            self._thread.join()
        if self._stopped is not None:
            self._stopped.callback(None)

    # -- for subclasses, in the reactor ----------------------------------------------------------

    def _changed(self, fault: str) -> None:
        """The store has become unavailable for this reason, or available again where it is ""."""

    def _stored(self, work: W, outcome: Any) -> None:
        """It is durable, and who waits for it is not told yet.  Must not raise."""

    # -- for subclasses, in the writer thread ----------------------------------------------------

    def _outcomes(self, works: Sequence[W]) -> Iterator[Any]:
        """Write them: the result of each in turn, or the exception that is its own error.

        Nothing is given when a store that could not be written is to be probed.  Raises StoreFault
        where the store cannot take the next of them; then they are refused from there on.
        """
        raise NotImplementedError

    def _close(self) -> None:
        """Everything is written: let go of the store."""
        raise NotImplementedError

    # -- the writer thread -----------------------------------------------------------------------

    def _work(self) -> None:
        writable, stopping = True, False
        while not stopping:
            works, stopping = self._gather(writable)
            if works or not stopping:
                writable = self._write(works)
        self._close()
        self._reactor.callFromThread(self._finish)

    def _gather(self, writable: bool) -> tuple[list[W], bool]:
        """What waits, and whether to stop then; nothing when it is time to probe the store."""
        works: list[W] = []
        try:
            given = self._queue.get(timeout=None if writable else self._probe_interval_s)
            while given is not None:
                works += given
                if len(works) >= BATCH_WORKS:
                    return works, False
                given = self._queue.get_nowait()
        except Empty:
            return works, False
        return works, True

    def _write(self, works: Sequence[W]) -> bool:
        """Write what was gathered and tell the reactor; whether the store could be written."""
        outcomes: list[Any] = []
        fault = ""
        try:
            for outcome in self._outcomes(works):
                outcomes.append(outcome)
        except StoreFault as error:
            fault = error.reason
            for _ in works[len(outcomes) :]:
                refusal = Unavailable("The store cannot be written now.", RETRY_AFTER_S)
                outcomes.append(refusal)
        results = list(zip(works, outcomes, strict=True))
        self._reactor.callFromThread(self._deliver, results, fault)
        return not fault
