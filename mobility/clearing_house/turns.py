"""Whose push is next: organisations take turns, so that one with many delays no other's few."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import islice
from typing import Generic, Protocol, TypeVar


class _Owned(Protocol):
    """What belongs to an organisation."""

    organisation: str


T = TypeVar("T", bound=_Owned)


class Turns(Generic[T]):
    """A queue in which each organisation keeps its own order and waits only for its turn."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[T]] = OrderedDict()
        """What waits, by organisation, whose turn it is first; nobody has nothing."""

    def __bool__(self) -> bool:
        return bool(self._of)

    def append(self, one: T) -> None:
        """Behind all others of its organisation."""
        self._queue(one).append(one)

    def appendleft(self, one: T) -> None:
        """Before all others of its organisation."""
        self._queue(one).appendleft(one)

    def put_back(self, one: T) -> None:
        """It was taken just now, and is the first again."""
        self.appendleft(one)
        self._of.move_to_end(one.organisation, last=False)

    def popleft(self) -> T:
        """The first of the organisation whose turn it is.  Raises IndexError."""
        for organisation, queue in self._of.items():
            one = queue.popleft()
            if queue:
                self._of.move_to_end(organisation)
            else:
                del self._of[organisation]
            return one
        raise IndexError("nothing waits")

    def first(self, number: int) -> list[T]:
        """So many of the next ones, in their order."""
        return list(islice(self._next(), number))

    def _next(self) -> Iterator[T]:
        queues = [iter(queue) for queue in self._of.values()]
        while queues:
            left = []
            for queue in queues:
                one = next(queue, None)
                if one is not None:
                    yield one
                    left.append(queue)
            queues = left

    def _queue(self, one: T) -> deque[T]:
        queue = self._of.get(one.organisation)
        if queue is None:
            queue = self._of[one.organisation] = deque()
        return queue
