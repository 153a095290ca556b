"""The facts of the reference pages (OfficeDev/skype-docs, `Skype/UCWA`), ready to be asked.

A rel may have several pages, one a revision (`group`, `group2`).  A server shows the newest
revision it has, so a document is held against all pages of its rel together.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs

FILE = Path(__file__).parent.parent / "ucwa" / "data" / "catalogue.json"

DATA_LINK = "link (data: URI under _links)"
"""The type of a property that is a `data:` link on the wire."""


@attrs.frozen
class Property:
    """A documented property; `json_type` is string, number, boolean, date, or "" if unsaid."""

    name: str
    json_type: str
    array: bool
    values: frozenset[str]
    """What it may be, if it is an enumeration; else empty."""
    max_length: int | None


@attrs.frozen
class Operation:
    """A documented method of a rel.  `success` are its status codes."""

    rel: str
    method: str
    success: frozenset[int]
    errors: frozenset[tuple[str, str]]
    """Its own errors as (code, subcode), beyond those of every operation."""

    @property
    def key(self) -> tuple[str, str]:
        return self.rel, self.method


@attrs.frozen
class EventFact:
    """A documented event: `page` is the rel whose page lists it, `resource` what it is about.

    `within` are the rels of the `in` link, empty when the page names none.
    """

    page: str
    resource: str
    type: str
    sender: str
    priority: str
    """High, Medium or Low; what only a task page shows counts as High."""
    within: frozenset[str]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.page, self.resource, self.type


@attrs.frozen
class Page:
    """All that is documented of a rel, in all its revisions."""

    rel: str
    area: str
    revision: int
    link_to: str
    etag: bool
    properties: Mapping[str, Property]
    links: Mapping[str, bool]
    """The rels of its links; whether there may be many."""
    embedded: Mapping[str, bool]
    operations: Mapping[str, Operation]
    events: tuple[EventFact, ...]


@attrs.frozen
class Revision:
    """A page by itself: one revision of a rel, and the status codes its methods succeed with."""

    page: str
    rel: str
    revision: int
    area: str
    success: Mapping[str, frozenset[int]]


class Catalogue:
    """Every page, and what is true of all of them."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        self.enumerations: Mapping[str, frozenset[str]] = {
            name: frozenset(values) for name, values in facts["enumerations"].items()
        }
        by_rel: dict[str, list[Mapping[str, Any]]] = {}
        for one in facts["resources"]:
            by_rel.setdefault(one["rel"], []).append(one)
        self.pages = {rel: self._page(rel, revisions) for rel, revisions in by_rel.items()}
        self._add_events_of_task_pages()
        self.revisions = tuple(map(_revision, facts["resources"]))

    @classmethod
    def load(cls) -> "Catalogue":
        return cls(json.loads(FILE.read_text(encoding="utf-8")))

    @cached_property
    def status_of_code(self) -> Mapping[str, int]:
        """Error code to HTTP status."""
        return {one["code"]: one["http"] for one in self._facts["errors"]["http_codes"]}

    @cached_property
    def codes(self) -> frozenset[str]:
        return frozenset(self._facts["errors"]["codes"]) | frozenset(self.status_of_code)

    @cached_property
    def subcodes(self) -> frozenset[str]:
        return frozenset(self._facts["errors"]["subcodes"])

    @property
    def events(self) -> tuple[EventFact, ...]:
        """The events of all pages."""
        return tuple(event for page in self.pages.values() for event in page.events)

    def _add_events_of_task_pages(self) -> None:
        """Give a rel the events that only task pages show."""
        known = {(one.resource, one.type, one.sender) for one in self.events}
        for fact in self._facts["events_of_task_pages"]:
            event = _event(fact["resource"], fact)
            if (event.resource, event.type, event.sender) not in known:
                page = self.pages[event.page]
                self.pages[event.page] = attrs.evolve(page, events=(*page.events, event))

    def is_urgent(self, rel: str, kind: str) -> bool:
        """Whether an event of this rel and type is sent at once."""
        found = {one.priority for one in self.events if (one.resource, one.type) == (rel, kind)}
        return found == {"High"}

    def of_areas(self, areas: frozenset[str]) -> Iterator[Page]:
        """The pages of these areas, by area and rel."""
        chosen = (page for page in self.pages.values() if page.area in areas)
        return iter(sorted(chosen, key=lambda page: (page.area, page.rel)))

    def _page(self, rel: str, revisions: list[Mapping[str, Any]]) -> Page:
        """Pages of one rel laid over one another, the newest last."""
        ordered = sorted(revisions, key=lambda one: one["revision"])
        properties: dict[str, Property] = {}
        links: dict[str, bool] = {}
        embedded: dict[str, bool] = {}
        operations: dict[str, Operation] = {}
        events: dict[tuple[str, str, str], EventFact] = {}
        for one in ordered:
            for name, fact in one["properties"].items():
                properties[name] = self._property(name, fact)
            links |= {name: fact.get("many", False) for name, fact in one["links"].items()}
            embedded |= {name: fact.get("many", False) for name, fact in one["embedded"].items()}
            for fact in one["operations"]:
                if fact["success"]:
                    operation = _operation(rel, fact, operations.get(fact["method"]))
                    operations[operation.method] = operation
            for fact in one["events"]:
                event = _event(rel, fact)
                events[event.key] = event
        newest = ordered[-1]
        return Page(
            rel,
            newest["area"],
            newest["revision"],
            newest["link_to"] or "",
            newest["etag"],
            properties,
            links,
            embedded,
            operations,
            tuple(events.values()),
        )

    def _property(self, name: str, fact: Mapping[str, Any]) -> Property:
        return Property(
            name,
            fact.get("json_type", ""),
            fact.get("array", False),
            self.enumerations.get(fact.get("enum", ""), frozenset()),
            fact.get("max_length"),
        )


def _revision(one: Mapping[str, Any]) -> Revision:
    success = {
        operation["method"]: frozenset(operation["success"])
        for operation in one["operations"]
        if operation["success"]
    }
    return Revision(one["page"], one["rel"], one["revision"], one["area"], success)


def _operation(rel: str, fact: Mapping[str, Any], older: Operation | None) -> Operation:
    """The operation; a server of the older revision answers as that says."""
    success = frozenset(fact["success"])
    errors = frozenset((code, subcode) for code, subcode in fact["errors"])
    if older is not None:
        success, errors = success | older.success, errors | older.errors
    return Operation(rel, fact["method"], success, errors)


def _event(page: str, fact: Mapping[str, Any]) -> EventFact:
    within = frozenset(fact.get("in", ()))
    priority = fact.get("priority", "High")
    return EventFact(page, fact["resource"], fact["type"], fact["sender"], priority, within)
