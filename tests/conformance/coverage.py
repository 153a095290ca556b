"""How much of the reference a run has seen: what is declared, and what came over the wire."""

from collections.abc import Iterable

import attrs

from mobility.ucwa.resources import RESOURCES
from tests.conformance import differences
from tests.conformance.catalogue import Catalogue, EventFact, Operation, Page
from tests.conformance.record import Record
from tests.conformance.shown import Form

OPERATIONS_GOAL = {Form.JSON: 0.95, Form.XML: 0.90}
"""The share of the operations that is to be seen in each form."""


def declared() -> frozenset[str]:
    """The rels that the server declares, or serves above the tree or under another's name."""
    own = {resource.rel for resource in RESOURCES} | differences.ABOVE_THE_TREE
    names = {name for name, rel in differences.LINK_NAMES.items() if rel in own}
    return frozenset(own | names)


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
    """Shares of the pages of some areas."""

    def __init__(self, catalogue: Catalogue, record: Record, areas: Iterable[str]) -> None:
        self._record = record
        pages = catalogue.of_areas(frozenset(areas))
        self.pages = [page for page in pages if page.rel not in differences.ABSENT_RESOURCES]

    @property
    def resources(self) -> Share:
        """Rels that are declared."""
        served = declared()
        return Share(sum(page.rel in served for page in self.pages), len(self.pages))

    @property
    def shown(self) -> Share:
        """Rels of which something was seen, in one form at least."""
        return Share(sum(self._is_seen(page) for page in self.pages), len(self.pages))

    def operations(self, form: Form) -> Share:
        """Operations that succeeded in a form."""
        wanted = self.wanted_operations
        seen = self._record.operations[form]
        return Share(sum(one.key in seen for one in wanted), len(wanted))

    @property
    def events(self) -> Share:
        """Events that came in both forms."""
        wanted = self.wanted_events
        both = [self._record.events[form] for form in Form]
        return Share(sum(all(one.key in seen for seen in both) for one in wanted), len(wanted))

    @property
    def wanted_operations(self) -> list[Operation]:
        """Those that are not absent on purpose."""
        return [
            operation
            for page in self.pages
            for operation in page.operations.values()
            if operation.key not in differences.ABSENT_OPERATIONS
        ]

    @property
    def wanted_events(self) -> list[EventFact]:
        """Likewise."""
        return [
            event
            for page in self.pages
            for event in page.events
            if event.key not in differences.ABSENT_EVENTS
        ]

    @property
    def missed(self) -> list[str]:
        """The goals that are not reached, one sentence each."""
        found = []
        if self.resources.ratio < 1:
            absent = sorted({page.rel for page in self.pages} - declared())
            found.append(f"not declared: {', '.join(absent)}")
        for form, goal in OPERATIONS_GOAL.items():
            share = self.operations(form)
            if share.ratio < goal:
                found.append(f"{form.name} operations {share.percent}, not {goal:.0%}")
        if self.events.ratio < 1:
            found.append(f"events {self.events}")
        return found

    def _is_seen(self, page: Page) -> bool:
        record = self._record
        return any(
            page.rel in record.resources[form]
            or any(one.key in record.operations[form] for one in page.operations.values())
            for form in Form
        )
