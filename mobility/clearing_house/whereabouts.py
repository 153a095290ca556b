"""Where pushes are that have no verdict yet, for who asks why nothing arrives."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from mobility.clearing_house import store
from mobility.clearing_house.destination import Destination
from mobility.push.wire import TOLD, UNKNOWN, Whereabouts

T = TypeVar("T")

Read = Callable[[Callable[[store.Reader], T]], Awaitable[T]]
"""Reads the store in a thread."""


class Tracer:
    """Finds pushes of an organisation by their ids."""

    def __init__(
        self,
        read: Read[dict[str, tuple[int, str]]],
        destinations: Mapping[str, Destination],
    ) -> None:
        self._read = read
        self._destinations = destinations

    async def find(self, organisation: str, ids: Sequence[str]) -> list[Whereabouts]:
        """Where each is, in the order of `ids`."""
        places = await self._read(lambda reader: reader.places(organisation, ids))
        return [self._at(one, places.get(one)) for one in ids]

    def _at(self, push_id: str, place: tuple[int, str] | None) -> Whereabouts:
        if place is None:
            return Whereabouts(push_id, UNKNOWN)
        row, name = place
        destination = self._destinations.get(name)
        entry = None if destination is None else destination.entries.get(row)
        if destination is None or entry is None:
            return Whereabouts(push_id, TOLD)  # its verdict is being stored, if it is not yet
        return destination.whereabouts(entry)
