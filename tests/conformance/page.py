"""docs/conformance.md: the tables of what is declared and what was seen, written and read back.

The declarations and the scripts meet here.  A whole run writes the tables anew; when only the
declarations have changed, they are written with what an earlier run saw, which stands in them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mobility.http.route import JSON_BODY_BYTES
from mobility.ucwa.declaration import Operation, Resource
from tests.conformance import report
from tests.conformance.inventory import (
    OWN_AREA,
    EventItem,
    Inventory,
    Item,
    Key,
    OperationItem,
    ResourceItem,
)
from tests.conformance.shown import Form
from tests.conformance.sightings import Sightings

FILE = Path(__file__).parent.parent.parent / "docs" / "conformance.md"

BEGIN = "<!-- conformance: begin -->"
END = "<!-- conformance: end -->"

RESOURCES = ("resource", "rel", "revision", "seen")
OPERATIONS = (
    "resource",
    "method",
    "path",
    "success",
    "parameters",
    "refusals",
    "remarks",
    "seen",
)
EVENTS = ("listed by", "about", "type", "sender", "priority", "in", "seen")

KINDS = {RESOURCES: ("resource", 1), OPERATIONS: ("operation", 2), EVENTS: ("event", 3)}
"""The columns of a table, to the kind of its items and how many cells name one."""

_SEEN = re.compile(r"by \*([^*]+)\*(?: in (JSON|XML)(?: only|, by \*([^*]+)\* in XML))?")


def with_tables(document: str, inventory: Inventory, sightings: Sightings) -> str:
    """`document` with its marked block replaced.  Raises ValueError when it has no such block."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.rpartition(END)
    if not end:
        raise ValueError(f"the document has no {BEGIN} ... {END}")
    return f"{before}{begin}\n\n{tables(inventory, sightings)}\n{end}{after}"


def tables(inventory: Inventory, sightings: Sightings) -> str:
    """The summary, then the tables of each area."""
    summary = "".join(f"    {line}\n" for line in report.summary(inventory, sightings))
    parts = (_area(area, inventory, sightings) for area in inventory.areas)
    return f"## Summary\n\n{summary}\n" + "\n".join(parts)


def sightings_of(document: str) -> Sightings:
    """What the tables of a document say was seen.

    Lines that belong to no table are passed over, so a document that Git has merged with conflicts
    can be read too.
    """
    found: dict[tuple[Key, Form], str] = {}
    kind, names = "", 0
    for line in document.splitlines():
        cells = tuple(line.removeprefix("| ").removesuffix(" |").split(" | "))
        if cells in KINDS:
            kind, names = KINDS[cells]
        elif line.startswith("| `"):
            key = kind, *(cell.strip("`") for cell in cells[:names])
            for form, script in _read(cells[-1]):
                found[key, form] = script
    return Sightings(found)


def _read(cell: str) -> Iterator[tuple[Form, str]]:
    seen = _SEEN.fullmatch(cell)
    if seen is None:
        return
    first, form, second = seen.groups()
    if form is None:
        yield from ((one, first) for one in Form)
    else:
        yield Form[form], first
    if second:
        yield Form.XML, second


def seen(item: Item, declared: bool, sightings: Sightings) -> str:
    """The last cell of an item."""
    by = {form: sightings.by(item, form) for form in Form}
    if item.absent:
        return f"deliberately absent because {item.absent}"
    if not any(by.values()):
        return "declared, not exercised" if declared else "not declared"
    if by[Form.JSON] == by[Form.XML]:
        return f"by *{by[Form.JSON]}*"
    if all(by.values()):
        return f"by *{by[Form.JSON]}* in JSON, by *{by[Form.XML]}* in XML"
    (form,) = (form for form, script in by.items() if script)
    return f"by *{by[form]}* in {form.name} only"


def _area(area: str, inventory: Inventory, sightings: Sightings) -> str:
    title = "Extensions" if area == OWN_AREA else area.capitalize()
    tables = (
        _table(RESOURCES, (_resource(one, sightings) for one in _of(inventory.resources, area))),
        _table(OPERATIONS, (_operation(one, sightings) for one in _of(inventory.operations, area))),
        _table(EVENTS, (_event(one, sightings) for one in _of(inventory.events, area))),
    )
    return f"## {title}\n\n" + "\n".join(filter(None, tables))


def _of(items: Iterable[Item], area: str) -> list[Item]:
    return [one for one in items if one.area == area]


def _resource(item: ResourceItem, sightings: Sightings) -> tuple[str, ...]:
    return (
        _code(item.page),
        _code(item.rel),
        str(item.revision),
        seen(item, item.declared, sightings),
    )


def _operation(item: OperationItem, sightings: Sightings) -> tuple[str, ...]:
    return (
        _code(item.page),
        item.method,
        *(_declared(*item.served) if item.served else ("", "", "", "", "")),
        seen(item, item.declared, sightings),
    )


def _declared(resource: Resource, operation: Operation) -> tuple[str, ...]:
    return (
        _codes(path or "." for path in (resource.path, *resource.aliases)),
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


def _event(item: EventItem, sightings: Sightings) -> tuple[str, ...]:
    told = item.served
    return (
        _code(item.page),
        _code(item.about),
        item.type,
        _code(told.sender) if told else "",
        told.priority.name.lower() if told else "",
        _code(told.within) if told and told.within else "",
        seen(item, item.declared, sightings),
    )


def _code(text: str) -> str:
    return f"`{text}`"


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(_code(text) for text in texts)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    if len(lines) == 2:
        return ""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
