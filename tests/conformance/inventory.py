"""Everything there is to see: the reference's resources, operations and events, one by one, and
what the server declares of each.

Items of the server's own, which no page describes, are among them.
"""

from collections.abc import Iterator, Sequence

import attrs

from mobility.ucwa.declaration import Event, Operation, Resource
from mobility.ucwa.resources import RESOURCES
from tests.conformance import differences
from tests.conformance.catalogue import Catalogue, EventFact, Revision
from tests.conformance.checker import is_extension

Key = tuple[str, ...]
"""What an item is known by: its kind, then names."""

OWN_AREA = "extensions"
"""The area of what is in no page."""


@attrs.frozen
class ResourceItem:
    """A page, which describes one revision of a rel."""

    page: str
    rel: str
    revision: int
    area: str
    declared: bool
    absent: str
    """Why it is not there on purpose, else empty."""

    @property
    def key(self) -> Key:
        return "resource", self.page


@attrs.frozen
class OperationItem:
    """A method of a page, succeeding with one of `success`; `declared` is what declares it."""

    page: str
    rel: str
    method: str
    success: frozenset[int]
    area: str
    declared: bool
    absent: str
    served: tuple[Resource, Operation] | None
    """Its declaration; None above the tree, and for names of links."""

    @property
    def key(self) -> Key:
        return "operation", self.page, self.method


@attrs.frozen
class EventItem:
    """An event: the page that lists it, what it is about, and its type."""

    page: str
    about: str
    type: str
    area: str
    declared: bool
    absent: str
    served: Event | None

    @property
    def key(self) -> Key:
        return "event", self.page, self.about, self.type


Item = ResourceItem | OperationItem | EventItem


@attrs.frozen
class Inventory:
    """All items, in the order of the document."""

    resources: tuple[ResourceItem, ...]
    operations: tuple[OperationItem, ...]
    events: tuple[EventItem, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """All of them."""
        return *self.resources, *self.operations, *self.events

    @property
    def areas(self) -> list[str]:
        """The areas by name, that of the server's own last."""
        found = {one.area for one in self.resources}
        return sorted(found, key=lambda area: (area == OWN_AREA, area))


def take(catalogue: Catalogue, resources: Sequence[Resource] = RESOURCES) -> Inventory:
    """The inventory of a catalogue, as a server with these resources declares it."""
    taker = _Taker(catalogue, resources)
    return Inventory(
        tuple(sorted(taker.resources(), key=lambda one: (one.rel, one.revision))),
        tuple(sorted(taker.operations(), key=lambda one: (one.page, one.method))),
        tuple(sorted(taker.events(), key=lambda one: one.key)),
    )


class _Taker:
    def __init__(self, catalogue: Catalogue, resources: Sequence[Resource]) -> None:
        self._catalogue = catalogue
        self._resources = resources
        self._revisions: dict[str, int] = {}
        for one in resources:
            self._revisions[one.rel] = max(one.revision, self._revisions.get(one.rel, 0))
        self._events = {key: event for one in resources for key, event in one.events_by_key.items()}

    def resources(self) -> Iterator[ResourceItem]:
        for page in self._catalogue.revisions:
            yield ResourceItem(
                page.page,
                page.rel,
                page.revision,
                page.area,
                self._is_declared(page),
                differences.ABSENT_RESOURCES.get(page.rel, ""),
            )
        for rel, revision in self._revisions.items():
            if rel not in self._catalogue.pages:
                yield ResourceItem(rel, rel, revision, OWN_AREA, declared=True, absent="")

    def operations(self) -> Iterator[OperationItem]:
        known = set()
        for page in self._catalogue.revisions:
            for method, success in page.success.items():
                known.add((page.rel, method))
                yield self._operation(page, method, success)
        for resource in self._resources:
            for operation in resource.operations:
                if (resource.rel, operation.method) not in known:
                    yield OperationItem(
                        resource.rel,
                        resource.rel,
                        operation.method,
                        frozenset(operation.success),
                        self._area(resource.rel),
                        declared=True,
                        absent="",
                        served=(resource, operation),
                    )

    def _operation(self, page: Revision, method: str, success: frozenset[int]) -> OperationItem:
        rel = differences.LINK_NAMES.get(page.rel, page.rel)
        served = self._served(rel, method)
        outside = rel in differences.ABOVE_THE_TREE
        more = differences.SUCCESS.get((page.rel, method), frozenset())
        if method == "OPTIONS":
            more |= differences.SUCCESS_ANYWHERE
        absent = differences.ABSENT_RESOURCES.get(page.rel, "")
        return OperationItem(
            page.page,
            page.rel,
            method,
            success | more,
            page.area,
            self._is_declared(page) and (outside or served is not None),
            differences.ABSENT_OPERATIONS.get((page.rel, method), absent),
            served if self._is_declared(page) else None,
        )

    def events(self) -> Iterator[EventItem]:
        known = set()
        for fact in self._catalogue.events:
            served = self._told(fact)
            if served is not None:
                known.add(served)
            yield EventItem(
                fact.page,
                fact.resource,
                fact.type,
                self._area(fact.page),
                served is not None,
                differences.ABSENT_EVENTS.get(fact.key, self._absent(fact)),
                self._events[served] if served else None,
            )
        for rel, kind in set(self._events) - known:
            about = differences.EVENT_TARGETS.get(rel, rel)
            event = self._events[rel, kind]
            yield EventItem(rel, about, kind, self._area(rel), True, "", event)

    def _absent(self, fact: EventFact) -> str:
        absent = differences.ABSENT_RESOURCES
        return absent.get(fact.page, absent.get(fact.resource, ""))

    def _told(self, fact: EventFact) -> tuple[str, str] | None:
        """Subject and type of the declaration of an event.

        A collection's events are about what enters and leaves it.
        """
        subject = f"{fact.page} {fact.resource}", fact.type
        if subject in self._events:
            return subject
        for rel in (differences.LINK_NAMES.get(fact.page, fact.page), fact.page, fact.resource):
            about = differences.EVENT_TARGETS.get(rel, rel)
            if (rel, fact.type) in self._events and about == fact.resource:
                return rel, fact.type
        return None

    def _served(self, rel: str, method: str) -> tuple[Resource, Operation] | None:
        for resource in self._resources:
            if resource.rel == rel:
                for operation in resource.operations:
                    if operation.method == method:
                        return resource, operation
        return None

    def _is_declared(self, page: Revision) -> bool:
        if page.rel in differences.ABOVE_THE_TREE:
            return True
        rel = differences.LINK_NAMES.get(page.rel, page.rel)
        if rel != page.rel:
            return rel in self._revisions
        return page.revision <= self._revisions.get(rel, 0)

    def _area(self, rel: str) -> str:
        if is_extension(rel) or rel not in self._catalogue.pages:
            return OWN_AREA
        return self._catalogue.pages[rel].area
