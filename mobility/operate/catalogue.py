"""Every event the log can hold: the catalogue gathered from the rooms, as a table for operators.

`python -m mobility.operate.catalogue` prints the table; with a file name it writes the table over
the marked block of that file (docs/operations.md).
"""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import attrs

from mobility.events import Catalogue

PACKAGE = Path(__file__).parent.parent
BEGIN = "<!-- events: begin -->"
END = "<!-- events: end -->"
COMMON = {"time": "when, ISO 8601 in UTC with milliseconds", "event": "the event's name"}
"""Fields of every line."""


@attrs.frozen(slots=True)
class Emission:
    """One place in the code that writes an event: names of its fields, None for `**` ones."""

    place: str
    event: str | None
    fields: tuple[str | None, ...]


def gather() -> Catalogue:
    """The union of each module's `EVENTS`.  Raises ValueError when two declare the same event."""
    found: Catalogue = {}
    for file, tree in _modules():
        if any("EVENTS" in _assigned(node) for node in tree.body):
            events: Catalogue = import_module(_module_name(file)).EVENTS
            twice = found.keys() & events.keys()
            if twice:
                raise ValueError(f"{file} declares {sorted(twice)}, which another module does")
            found.update(events)
    return dict(sorted(found.items()))


def emissions() -> Iterator[Emission]:
    """Every call of `emit`, `access` or `failure` on a log in the package's source."""
    for file, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _is_log_call(node.func):
                name = node.args[0] if node.args else None
                yield Emission(
                    f"{file.relative_to(PACKAGE)}:{node.lineno}",
                    name.value
                    if isinstance(name, ast.Constant) and isinstance(name.value, str)
                    else None,
                    _fields(node),
                )


def table() -> str:
    """The catalogue as a Markdown table, one line an event and field."""
    lines = ["| event | field | meaning |", "|---|---|---|"]
    for event, fields in gather().items():
        shown = f"`{event}`"
        for field, meaning in (fields or {"": ""}).items():
            lines.append(f"| {shown} | {f'`{field}`' if field else ''} | {meaning} |")
            shown = ""
    return "\n".join(lines) + "\n"


def with_table(document: str) -> str:
    """`document` with the marked block replaced.  Raises ValueError when it has no such block."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the document has no {BEGIN} ... {END}")
    return f"{before}{begin}\n{table()}{end}{after}"


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def _module_name(file: Path) -> str:
    return ".".join((PACKAGE.name, *file.relative_to(PACKAGE).with_suffix("").parts))


def _assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else ""


def _fields(call: ast.Call) -> tuple[str | None, ...]:
    called = _called(call.func)
    if called == "access":
        given = call.args[1] if len(call.args) > 1 else None
        keys = given.keys if isinstance(given, ast.Dict) else [None]
        return tuple(
            key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
            for key in keys
        )
    named = tuple(keyword.arg for keyword in call.keywords)
    return (*named, "failure") if called == "failure" else named


def _is_log_call(function: ast.expr) -> bool:
    """Whether it is `log.emit`, `self._log.failure` and the like."""
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr not in ("emit", "access", "failure"):
        return False
    owner = function.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return name.strip("_") == "log"


def main(arguments: list[str]) -> None:
    if not arguments:
        sys.stdout.write(table())
        return
    file = Path(arguments[0])
    file.write_text(with_table(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
