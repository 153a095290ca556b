"""Whether the value of a property is one of its documented type."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.conformance.catalogue import DATA_LINK, Property
from tests.conformance.shown import Form

_JSON_DATE = re.compile(r"/Date\(-?\d{1,16}\)/")


def complaints(fact: Property, value: Any, form: Form) -> Iterator[str]:
    """What is wrong with `value`, nothing if it is right."""
    if fact.json_type == DATA_LINK:
        yield "is a data link and stands among the properties"
        return
    if fact.array != isinstance(value, list):
        yield "is no list" if fact.array else "is a list"
        return
    for one in value if isinstance(value, list) else [value]:
        wrong = _one(fact, one, form)
        if wrong:
            yield wrong


def _one(fact: Property, value: Any, form: Form) -> str:
    right = _json(fact.json_type, value) if form is Form.JSON else _xml(fact.json_type, value)
    if not right:
        return f"is no {fact.json_type}: {value!r}"
    if fact.values and not (isinstance(value, str) and value in fact.values):
        return f"is none of its values: {value!r}"
    if fact.max_length is not None and isinstance(value, str) and len(value) > fact.max_length:
        return f"is longer than {fact.max_length} characters"
    return ""


def _json(kind: str, value: Any) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "date":
        return isinstance(value, str) and _JSON_DATE.fullmatch(value) is not None
    return True


def _xml(kind: str, value: Any) -> bool:
    if not isinstance(value, str):
        return not kind
    if kind == "boolean":
        return value in ("true", "false")
    try:
        if kind == "number":
            float(value)
        elif kind == "date":
            return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
    return True
