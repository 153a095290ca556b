"""The lines the benchmarks print: measurements, ratios and the verdict."""

import statistics
from collections.abc import Sequence

import attrs


@attrs.frozen(slots=True)
class Effort:
    """How long to measure: `turns` of `seconds` each, and with fewer clients when `quick`."""

    seconds: float
    turns: int
    quick: bool


@attrs.frozen(slots=True)
class Result:
    """One line: what was measured, the figures, and the goal it was to reach ("" for none)."""

    what: str
    bound: str
    project: str
    ratio: str = ""
    goal: str = ""
    reached: bool = True
    undecided: bool = False
    """The measurement tells neither that the goal was reached nor that it was missed."""


def by_turns(
    what: str, unit: str, bound: Sequence[float], project: Sequence[float], least: float
) -> Result:
    """Rates that were taken by turns: the median of the ratios of each turn against `least`."""
    ratio = _ratio(bound, project)
    return attrs.evolve(
        beside(what, unit, bound, project), goal=f">= {least:.2f}", reached=ratio >= least
    )


def beside(what: str, unit: str, other: Sequence[float], project: Sequence[float]) -> Result:
    """Rates of another program and of this one that were taken by turns, without a goal."""
    return Result(
        what,
        f"{statistics.median(other):,.0f} {unit}",
        f"{statistics.median(project):,.0f} {unit}",
        f"{_ratio(other, project):.2f}",
    )


def _ratio(other: Sequence[float], project: Sequence[float]) -> float:
    """The median of the ratios of each turn."""
    return statistics.median(p / o for o, p in zip(other, project, strict=True))


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which a part `q` of `values` lies; nan for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


def table(results: Sequence[Result]) -> str:
    """The results in columns."""
    rows = [("measured", "bound", "front end", "ratio", "goal", "")]
    rows += [
        (r.what, r.bound, r.project, r.ratio, r.goal, _word(r) if r.goal else "") for r in results
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def verdict(results: Sequence[Result]) -> str:
    """One line: every goal reached, or which were missed."""
    goals = [result for result in results if result.goal]
    missed = [result.what for result in goals if not result.reached and not result.undecided]
    undecided = [result.what for result in goals if result.undecided]
    if missed:
        return f"MISSED: {'; '.join(missed)}"
    if undecided:
        return f"UNDECIDED: {'; '.join(undecided)}"
    return f"REACHED: all {len(goals)} goals" if goals else "DONE: nothing here has a goal"


def _word(result: Result) -> str:
    if result.undecided:
        return "undecided"
    return "reached" if result.reached else "MISSED"
