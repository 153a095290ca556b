"""What is served, as tables for docs/conformance.md, made of the declarations alone.

`python -m mobility.ucwa.conformance` prints the tables; with a file name it writes them over the
marked block of that file.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mobility.http.route import JSON_BODY_BYTES
from mobility.ucwa.declaration import Operation, Resource
from mobility.ucwa.resources import RESOURCES

BEGIN = "<!-- conformance: begin -->"
END = "<!-- conformance: end -->"

OPERATION_COLUMNS = (
    "rel",
    "revision",
    "path",
    "method",
    "success",
    "parameters",
    "refusals",
    "remarks",
)
EVENT_COLUMNS = ("rel", "type", "sender", "priority", "in")


def tables(resources: Sequence[Resource] = RESOURCES) -> str:
    """The tables of operations and of events, one line each, in the order of declaration."""
    return (
        "## Operations\n\n"
        f"{_table(OPERATION_COLUMNS, _operations(resources))}\n"
        "## Events\n\n"
        f"{_table(EVENT_COLUMNS, _events(resources))}"
    )


def with_tables(document: str) -> str:
    """`document` with the marked block replaced.  Raises ValueError when it has no such block."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the document has no {BEGIN} ... {END}")
    return f"{before}{begin}\n\n{tables()}\n{end}{after}"


def _operations(resources: Iterable[Resource]) -> Iterator[tuple[str, ...]]:
    for resource in resources:
        for operation in resource.operations:
            yield (
                _code(resource.rel),
                str(resource.revision),
                _codes(path or "." for path in (resource.path, *resource.aliases)),
                operation.method,
                ", ".join(str(status) for status in operation.success),
                _codes(operation.parameters),
                _codes(" ".join(filter(None, refusal)) for refusal in operation.refusals),
                "; ".join(_remarks(resource, operation)),
            )


def _remarks(resource: Resource, operation: Operation) -> Iterator[str]:
    if operation.repeat is not None:
        yield "Idempotency-Key"
    if operation.may_park:
        yield "may wait"
    if resource.own_authorisation:
        yield "also by cookie"
    if operation.max_body_bytes != JSON_BODY_BYTES:
        yield f"body up to {operation.max_body_bytes} bytes"


def _events(resources: Iterable[Resource]) -> Iterator[tuple[str, ...]]:
    for resource in resources:
        for event in resource.events:
            yield (
                _code(resource.rel),
                event.type,
                _code(event.sender),
                event.priority.name.lower(),
                _code(event.within) if event.within else "",
            )


def _code(text: str) -> str:
    return f"`{text}`"


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(_code(text) for text in texts)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main(arguments: list[str]) -> None:
    if not arguments:
        sys.stdout.write(tables())
        return
    file = Path(arguments[0])
    file.write_text(with_tables(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
