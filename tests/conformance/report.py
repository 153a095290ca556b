"""What a run says at its end."""

from collections.abc import Iterator

from tests.conformance import differences
from tests.conformance.coverage import Coverage
from tests.conformance.record import Record
from tests.conformance.shown import Form

COLUMNS = ("area", "resources", "operations JSON", "XML", "events")


def lines(record: Record, *, goals: bool) -> Iterator[str]:
    """The table, what was wrong, and the last line."""
    catalogue = record.checker.catalogue
    areas = sorted({page.area for page in catalogue.pages.values()})
    rows = [COLUMNS, *(_row(record, area, goals=goals) for area in areas)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from _findings(record)
    goal = Coverage(catalogue, record, differences.GOAL_AREAS)
    if goals:
        for goal_missed in goal.missed:
            yield f"goal missed: {goal_missed}"
    yield last_line(record, goal, goals=goals)


def last_line(record: Record, goal: Coverage, *, goals: bool) -> str:
    """One line that says it all, of the areas that are complete."""
    resources = f"{goal.resources} declared" if goals else f"{goal.shown} seen"
    return (
        f"conformance: resources {resources}, "
        f"operations JSON {goal.operations(Form.JSON).percent} "
        f"XML {goal.operations(Form.XML).percent}, "
        f"events {goal.events}, mismatches {len(record.mismatches)}"
    )


def failed(record: Record, *, goals: bool) -> bool:
    """Whether the run has found something wrong, or missed a goal if these count."""
    if record.mismatches or any(halt.fault for halt in record.halts):
        return True
    goal = Coverage(record.checker.catalogue, record, differences.GOAL_AREAS)
    return goals and bool(goal.missed)


def _row(record: Record, area: str, *, goals: bool) -> tuple[str, ...]:
    of_area = Coverage(record.checker.catalogue, record, [area])
    return (
        area,
        str(of_area.resources if goals else of_area.shown),
        *(str(of_area.operations(form)) for form in Form),
        str(of_area.events),
    )


def _findings(record: Record) -> Iterator[str]:
    for halt in record.halts:
        kind = "stopped" if halt.fault else "not played"
        yield f"{kind}: {halt.scenario} ({halt.form}): {halt.reason}"
    for extension in sorted(record.extensions):
        yield f"extension: {extension}"
    for found in sorted(record.mismatches):
        yield f"mismatch: {found.scenario} ({found.form}): {found.where}: {found.complaint}"
