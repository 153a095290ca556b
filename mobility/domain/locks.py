"""One lock a key, made when asked for and forgotten when nobody holds it."""

from collections import deque
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred


class Lock:
    """Held by one decision at a time, in the order in which they asked: `async with lock:`.

    It is handed over in a loop, not (as by DeferredLock) inside the release: whoever gets it goes
    on, beyond its `async with` too, until it waits for something; then the next one does.  So
    order is kept after the lock as well, and many that wait need no deep stack.
    """

    def __init__(self) -> None:
        self.locked = False
        self._waiting: deque[Deferred[None]] = deque()
        self._handing_over = False

    @property
    def busy(self) -> bool:
        """Whether whoever asks now would have to wait."""
        return self.locked or bool(self._waiting)

    async def __aenter__(self) -> None:
        if self.busy:
            turn: Deferred[None] = Deferred(self._waiting.remove)
            self._waiting.append(turn)
            await turn
        self.locked = True

    async def __aexit__(self, *raised: object) -> None:
        self.locked = False
        if self._handing_over:
            return
        self._handing_over = True
        try:
            while self._waiting and not self.locked:
                self.locked = True
                self._waiting.popleft().callback(None)
        finally:
            self._handing_over = False


class Locks:
    """Decisions about one aggregate wait for one another; `async with locks.of(key):`."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, Lock] = WeakValueDictionary()

    def held(self, key: str) -> Lock | None:
        """The lock of `key` if somebody holds it or waits for it."""
        lock = self._locks.get(key)
        return lock if lock is not None and lock.busy else None

    def of(self, key: str) -> Lock:
        """The lock of `key`; keep a reference while using it."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = Lock()
        return lock
