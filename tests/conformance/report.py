"""What a run says at its end."""

from collections.abc import Iterator

from tests.conformance import differences
from tests.conformance.coverage import Coverage
from tests.conformance.inventory import Inventory
from tests.conformance.record import Record
from tests.conformance.shown import Form
from tests.conformance.sightings import Sightings, of_record

COLUMNS = ("area", "resources", "operations JSON", "XML", "events", "absent")

GOALS: tuple[tuple[str, frozenset[str] | None], ...] = (
    (", ".join(sorted(differences.GOAL_AREAS)), differences.GOAL_AREAS),
    ("the whole reference", None),
)
"""What is to be complete: a name, and areas (None is all)."""


def lines(record: Record, inventory: Inventory, *, declared: bool) -> Iterator[str]:
    """The table, what was wrong, and the last line.

    `declared` tells whether the server's declarations are known; resources that were only seen
    count otherwise, and there are no goals.
    """
    sightings = of_record(record, inventory)
    yield from table(inventory, sightings, declared=declared)
    yield from _findings(record, inventory, sightings, declared=declared)
    if declared:
        yield from _missed(inventory, sightings)
    yield from _of_goals(inventory, sightings, declared=declared)
    yield last_line(record, inventory, declared=declared)


def last_line(record: Record, inventory: Inventory, *, declared: bool) -> str:
    """One line that says it all."""
    sightings = of_record(record, inventory)
    return _whole(inventory, sightings, len(record.mismatches), declared=declared)


def failed(record: Record, inventory: Inventory, *, declared: bool) -> bool:
    """Whether the run has found something wrong, or missed a goal if these count."""
    if record.wrong:
        return True
    return declared and any(_missed(inventory, of_record(record, inventory)))


def summary(inventory: Inventory, sightings: Sightings) -> Iterator[str]:
    """The table and the goals, for a run without mismatches."""
    yield from table(inventory, sightings, declared=True)
    yield from _of_goals(inventory, sightings, declared=True)
    yield _whole(inventory, sightings, 0, declared=True)


def table(inventory: Inventory, sightings: Sightings, *, declared: bool) -> Iterator[str]:
    """One line for each area."""
    of_areas = ((area, Coverage(inventory, sightings, [area])) for area in inventory.areas)
    rows = [COLUMNS, *(_row(area, coverage, declared=declared) for area, coverage in of_areas)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(area: str, coverage: Coverage, *, declared: bool) -> tuple[str, ...]:
    return (
        area,
        str(coverage.resources if declared else coverage.shown),
        *(str(coverage.operations(form)) for form in Form),
        str(coverage.events),
        str(coverage.absent),
    )


def _of_goals(inventory: Inventory, sightings: Sightings, *, declared: bool) -> Iterator[str]:
    for name, areas in GOALS:
        if areas is not None:
            shares = _shares(Coverage(inventory, sightings, areas), declared=declared)
            yield f"{name}: {shares}"


def _whole(inventory: Inventory, sightings: Sightings, mismatches: int, *, declared: bool) -> str:
    shares = _shares(Coverage(inventory, sightings), declared=declared)
    return f"conformance: {shares}, mismatches {mismatches}"


def _shares(coverage: Coverage, *, declared: bool) -> str:
    resources = f"{coverage.resources} declared" if declared else f"{coverage.shown} seen"
    return (
        f"resources {resources}, "
        f"operations JSON {coverage.operations(Form.JSON).percent} "
        f"XML {coverage.operations(Form.XML).percent}, "
        f"events {coverage.events}"
    )


def _missed(inventory: Inventory, sightings: Sightings) -> Iterator[str]:
    for name, areas in GOALS:
        for goal in Coverage(inventory, sightings, areas).missed:
            yield f"goal missed: {name}: {goal}"


def _findings(
    record: Record, inventory: Inventory, sightings: Sightings, *, declared: bool
) -> Iterator[str]:
    for halt in record.halts:
        kind = "stopped" if halt.fault else "not played"
        yield f"{kind}: {halt.scenario} ({halt.form}): {halt.reason}"
    for extension in sorted(record.extensions):
        yield f"extension: {extension}"
    for page, about, kind in _unasked(record):
        yield f"came unasked, and does not count: {about} {kind} of {page}"
    if declared:
        for name in undeclared(inventory, sightings):
            yield f"seen, though not declared: {name}"
    for found in sorted(record.mismatches):
        yield f"mismatch: {found.scenario} ({found.form}): {found.where}: {found.complaint}"


def undeclared(inventory: Inventory, sightings: Sightings) -> Iterator[str]:
    """What was seen though nothing declares it, or though it is said to be absent."""
    for item in inventory.items:
        if sightings.anywhere(item) and (item.absent or not item.declared):
            yield " ".join(item.key)


def _unasked(record: Record) -> list[tuple[str, str, str]]:
    heard = {key for form in Form for key in record.events[form]}
    return sorted(record.unasked - heard)
