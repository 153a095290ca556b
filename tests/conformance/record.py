"""What was seen on the wire: which operations and events, in which scenario and form."""

from collections import defaultdict
from collections.abc import Iterable

import attrs

from tests.conformance.checker import Checker, is_extension
from tests.conformance.exchange import Exchange
from tests.conformance.shown import Form, ShapeError, Shown, read_events

OperationKey = tuple[str, str]
"""Rel and method."""

EventKey = tuple[str, str, str]
"""Rel of the page, rel of what the event is about, and type."""


@attrs.frozen(order=True)
class Mismatch:
    """Something that is not as documented, where it was seen first."""

    scenario: str
    form: str
    where: str
    complaint: str


@attrs.frozen(order=True)
class Halt:
    """A scenario that could not go on, and why."""

    scenario: str
    form: str
    reason: str
    fault: bool
    """Whether the server should have let it go on."""


@attrs.define
class Record:
    """Everything a run has seen.  `scenario` is the one that plays."""

    checker: Checker
    scenario: str = ""
    operations: dict[Form, defaultdict[OperationKey, set[str]]] = attrs.Factory(
        lambda: {form: defaultdict(set) for form in Form}
    )
    events: dict[Form, defaultdict[EventKey, set[str]]] = attrs.Factory(
        lambda: {form: defaultdict(set) for form in Form}
    )
    resources: dict[Form, defaultdict[str, set[str]]] = attrs.Factory(
        lambda: {form: defaultdict(set) for form in Form}
    )
    mismatches: set[Mismatch] = attrs.Factory(set)
    halts: list[Halt] = attrs.Factory(list)
    extensions: set[str] = attrs.Factory(set)
    """What the server adds of its own, one sentence each."""
    exchanges: int = 0

    def saw(self, exchange: Exchange) -> None:
        """An answer came: judge it, and remember what it shows to exist."""
        self.exchanges += 1
        where = f"{exchange.method} {exchange.rel}"
        self.complain(exchange.form, where, self.checker.answer(exchange))
        if exchange.status not in self.checker.successes(exchange.rel, exchange.method):
            return
        self._operation(exchange, exchange.rel)
        if exchange.rel == "events":
            self._events(exchange)
            return
        try:
            shown = self.checker.document(exchange)
        except ShapeError:
            return
        if shown is not None:
            if exchange.method == "GET":
                self._operation(exchange, shown.rel)
            self._resources(exchange.form, shown)

    def complain(self, form: Form, where: str, complaints: Iterable[str]) -> None:
        """Remember complaints, each once for a scenario."""
        for complaint in complaints:
            self.mismatches.add(Mismatch(self.scenario, form.name, where, complaint))

    def halted(self, form: Form, reason: str, *, fault: bool = True) -> None:
        """The scenario ends here."""
        self.halts.append(Halt(self.scenario, form.name, reason, fault))

    def _operation(self, exchange: Exchange, rel: str) -> None:
        self.operations[exchange.form][rel, exchange.method].add(self.scenario)

    def _events(self, exchange: Exchange) -> None:
        try:
            batch = read_events(exchange.body, exchange.form)
        except ShapeError:
            return
        for event in batch.events:
            for fact in self.checker.facts(event):
                self.events[exchange.form][fact.key].add(self.scenario)
            for shown in event.shown.values():
                self._resources(exchange.form, shown)

    def _resources(self, form: Form, shown: Shown) -> None:
        for one in shown.resources():
            self.resources[form][one.rel].add(self.scenario)
            self.extensions |= {
                f"{one.rel} links to {rel}" for rel in filter(is_extension, one.links)
            }
