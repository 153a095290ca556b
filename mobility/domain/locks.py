"""One lock a key, made when asked for and forgotten when nobody holds it."""

from weakref import WeakValueDictionary

from twisted.internet.defer import DeferredLock


class Locks:
    """Decisions about one aggregate wait for one another; `async with locks.of(key):`."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, DeferredLock] = WeakValueDictionary()

    def of(self, key: str) -> DeferredLock:
        """The lock of `key`; keep a reference while using it."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = DeferredLock()
        return lock
