"""How much of the reference a run has seen: what is declared, and what came over the wire."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import attrs

from tests.conformance.inventory import OWN_AREA, Inventory, Item
from tests.conformance.shown import Form
from tests.conformance.sightings import Sightings

T = TypeVar("T", bound=Item)

OPERATIONS_GOAL = {Form.JSON: 0.95, Form.XML: 0.90}
"""The share of the operations that is to be seen in each form."""


@attrs.frozen
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def ratio(self) -> float:
        return self.part / self.whole if self.whole else 1.0

    def __str__(self) -> str:
        return f"{self.part}/{self.whole}"

    @property
    def percent(self) -> str:
        return f"{self} ({100 * self.ratio:.1f} %)"


class Coverage:
    """Shares of the items of some areas; what is absent on purpose is in none."""

    def __init__(
        self, inventory: Inventory, sightings: Sightings, areas: Iterable[str] | None = None
    ) -> None:
        """`areas` None is the whole reference, without what is the server's own."""
        whole = set(inventory.areas) - {OWN_AREA}
        chosen = whole if areas is None else frozenset(areas)
        self._sightings = sightings
        self._resources = [one for one in inventory.resources if one.area in chosen]
        self._operations = [one for one in inventory.operations if one.area in chosen]
        self._events = [one for one in inventory.events if one.area in chosen]

    @property
    def resources(self) -> Share:
        """Pages that are declared."""
        there = _there(self._resources)
        return Share(sum(one.declared for one in there), len(there))

    @property
    def shown(self) -> Share:
        """Pages of which something was seen, in one form at least."""
        there = _there(self._resources)
        return Share(sum(map(self._sightings.anywhere, there)), len(there))

    def operations(self, form: Form) -> Share:
        """Operations that succeeded in a form."""
        there = _there(self._operations)
        return Share(sum(bool(self._sightings.by(one, form)) for one in there), len(there))

    @property
    def events(self) -> Share:
        """Events that came in both forms."""
        there = _there(self._events)
        return Share(sum(map(self._sightings.everywhere, there)), len(there))

    @property
    def absent(self) -> int:
        """How many items are absent on purpose."""
        items: list[Item] = [*self._resources, *self._operations, *self._events]
        return sum(bool(one.absent) for one in items)

    @property
    def missed(self) -> list[str]:
        """The goals that are not reached, one sentence each."""
        found = []
        if self.resources.ratio < 1:
            absent = [one.page for one in _there(self._resources) if not one.declared]
            found.append(f"not declared: {', '.join(absent)}")
        for form, goal in OPERATIONS_GOAL.items():
            share = self.operations(form)
            if share.ratio < goal:
                found.append(f"{form.name} operations {share.percent}, not {goal:.0%}")
        if self.events.ratio < 1:
            missing = [
                f"{one.about} {one.type} of {one.page}"
                for one in _there(self._events)
                if not self._sightings.everywhere(one)
            ]
            found.append(f"events {self.events}, not {', '.join(missing)}")
        return found


def _there(items: Sequence[T]) -> list[T]:
    return [one for one in items if not one.absent]
