"""What a run saw of an inventory: by item and form, the first script that showed it."""

from collections.abc import Mapping

import attrs

from tests.conformance.inventory import EventItem, Inventory, Item, Key, OperationItem
from tests.conformance.record import Record
from tests.conformance.shown import Form


@attrs.frozen
class Sightings:
    """By key and form the name of a script."""

    first: Mapping[tuple[Key, Form], str]

    def by(self, item: Item, form: Form) -> str:
        """The script that showed an item in a form, "" if none did."""
        return self.first.get((item.key, form), "")

    def anywhere(self, item: Item) -> bool:
        return any(self.by(item, form) for form in Form)

    def everywhere(self, item: Item) -> bool:
        return all(self.by(item, form) for form in Form)


def of_record(record: Record, inventory: Inventory) -> Sightings:
    """What is in a record.

    An operation was seen when it succeeded with a status code of its page; an event when a script
    that waited for it got it; a resource when it was shown, or something of its page was seen.
    """
    found: dict[tuple[Key, Form], str] = {}
    for form in Form:
        finder = _Finder(record, form)
        for resource in inventory.resources:
            finder.note(resource.page, record.resources[form].get(resource.rel))
        for operation in inventory.operations:
            found[operation.key, form] = finder.operation(operation)
        for event in inventory.events:
            found[event.key, form] = finder.event(event)
        for resource in inventory.resources:
            found[resource.key, form] = finder.pages.get(resource.page, "")
    return Sightings({key: name for key, name in found.items() if name})


class _Finder:
    """Finds the first scripts of one form, and notes what they say of the pages."""

    def __init__(self, record: Record, form: Form) -> None:
        self.pages: dict[str, str] = {}
        self._operations = record.operations[form]
        self._events = record.events[form]
        self._order = {name: number for number, name in enumerate(record.played)}

    def note(self, page: str, *names: str | None) -> str:
        """The first of these scripts, "" without any; the page was seen with it."""
        chosen = self._first(*names)
        self.pages[page] = self._first(chosen, self.pages.get(page))
        return chosen

    def _first(self, *names: str | None) -> str:
        there = filter(None, names)
        return min(there, key=lambda name: self._order.get(name, 0), default="")

    def operation(self, item: OperationItem) -> str:
        keys = [(item.rel, item.method, status) for status in item.success]
        return self.note(item.page, *map(self._operations.get, keys))

    def event(self, item: EventItem) -> str:
        return self.note(item.page, self._events.get((item.page, item.about, item.type)))
