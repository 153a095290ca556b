"""What was seen on the wire: which operations and events, in which scenario and form."""

from collections.abc import Iterable

import attrs

from tests.conformance.checker import Checker, is_extension
from tests.conformance.exchange import Exchange
from tests.conformance.shown import Form, ShapeError, Shown, Told, read_reason

OperationKey = tuple[str, str, int]
"""Rel, method and status code."""

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
    """Everything a run has seen.  `scenario` is the one that plays.

    Operations, events and resources are remembered with the first script that showed them.
    """

    checker: Checker
    scenario: str = ""
    operations: dict[Form, dict[OperationKey, str]] = attrs.Factory(
        lambda: {form: {} for form in Form}
    )
    events: dict[Form, dict[EventKey, str]] = attrs.Factory(lambda: {form: {} for form in Form})
    resources: dict[Form, dict[str, str]] = attrs.Factory(lambda: {form: {} for form in Form})
    unasked: set[EventKey] = attrs.Factory(set)
    """Events that came by the way: they are judged, and do not count until a script waits for
    them, because they may come late the next time."""
    mismatches: set[Mismatch] = attrs.Factory(set)
    halts: list[Halt] = attrs.Factory(list)
    played: list[str] = attrs.Factory(list)
    """The scripts by name, in the order in which they were played first."""
    extensions: set[str] = attrs.Factory(set)
    """What the server adds of its own, one sentence each."""
    exchanges: int = 0

    @property
    def wrong(self) -> bool:
        """Whether something was not as documented, or could not go on."""
        return bool(self.mismatches) or any(halt.fault for halt in self.halts)

    def begin(self, scenario: str) -> None:
        """A script begins."""
        self.scenario = scenario
        if scenario not in self.played:
            self.played.append(scenario)

    def saw(self, exchange: Exchange) -> None:
        """An answer came: judge it, and remember what it shows to exist."""
        self.exchanges += 1
        where = f"{exchange.method} {exchange.rel}"
        self.complain(exchange.form, where, self.checker.answer(exchange))
        if exchange.status not in self.checker.successes(exchange.rel, exchange.method):
            self._refused(exchange)
            return
        self._operation(exchange, exchange.rel)
        if exchange.rel == "events":
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

    def _refused(self, exchange: Exchange) -> None:
        """Errors are resources too (UCWA rel `reason`)."""
        try:
            read_reason(exchange.body, exchange.form)
        except ShapeError:
            return
        self.resources[exchange.form].setdefault("reason", self.scenario)

    def heard(self, form: Form, event: Told) -> None:
        """A script got an event that it waited for."""
        for key in self._keys(event):
            self.events[form].setdefault(key, self.scenario)
        for shown in event.shown.values():
            self._resources(form, shown)

    def passed(self, event: Told) -> None:
        """An event came."""
        self.unasked.update(self._keys(event))

    def _keys(self, event: Told) -> list[EventKey]:
        """The documented events that this is; itself, if it is on no page of its own."""
        found = [fact.key for fact in self.checker.facts(event)]
        return found or [(event.rel, event.rel, event.type)]

    def _operation(self, exchange: Exchange, rel: str) -> None:
        key = rel, exchange.method, exchange.status
        self.operations[exchange.form].setdefault(key, self.scenario)

    def _resources(self, form: Form, shown: Shown) -> None:
        for one in shown.resources():
            self.resources[form].setdefault(one.rel, self.scenario)
            self.extensions |= {
                f"{one.rel} links to {rel}" for rel in filter(is_extension, one.links)
            }
