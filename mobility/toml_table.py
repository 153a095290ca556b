"""Reading one table of a TOML file so that every fault names file, dotted key, value and rule."""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar, cast

import attrs

from mobility.errors import OperatorFault

T = TypeVar("T")

_RANGE = "range"
_CHOICES = "choices"
_INDEX = re.compile(r"\[\d+\]")
"""Which table of an array is meant, in a dotted key; the file itself has no such thing."""

_SHOWN_CHARACTERS = 80
"""How much of a wrong value a message quotes."""


def between(default: T, least: T, most: T) -> T:
    """A field of a settings record whose value must lie from `least` to `most`."""
    return attrs.field(default=default, metadata={_RANGE: (least, most)})


def one_of(default: str, *others: str) -> str:
    """A field of a settings record that takes one of a few words."""
    return attrs.field(default=default, metadata={_CHOICES: (default, *others)})


def read_toml(file: Path) -> dict[str, object]:
    """What a configuration file says, not yet checked.  Raises OperatorFault."""
    try:
        return tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        reason = error.strerror or str(error)
        raise OperatorFault(str(file), f"the configuration cannot be read: {reason}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OperatorFault(str(file), f"is no TOML: {error}") from error


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_string_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: dict[object, tuple[str, Any]] = {
    str: ("must be a string", lambda value: isinstance(value, str)),
    bool: ("must be true or false", lambda value: isinstance(value, bool)),
    int: ("must be a whole number", lambda value: _is_number(value) and isinstance(value, int)),
    float: ("must be a number", _is_number),
    Path: ("must be a file name", lambda value: isinstance(value, str) and value != ""),
    tuple[str, ...]: ("must be a list of strings", _is_strings),
    dict[str, str]: ("must be a table of strings", _is_string_table),
}
"""Type of a field to the rule its TOML value must keep, and the test of it."""


def _is_bare(key: str) -> bool:
    """Whether TOML lets the key stand without quotes (TOML 1.0 "Keys")."""
    return key != "" and key.isascii() and all(c.isalnum() or c in "-_" for c in key)


class Table:
    """One table of a file, read key by key.

    `file` is the file's own path: relative paths in the table start at its directory.  `key` is
    the dotted key of the table, "" for the top level.  Every method raises `OperatorFault`.
    """

    def __init__(self, file: Path, values: dict[str, Any], key: str = "") -> None:
        self.file = file
        self.key = key
        self._values = values
        self._known: list[str] = []

    def dotted(self, name: str) -> str:
        """The dotted key of `name` in this table."""
        shown = name if _is_bare(name) else repr(name)
        return f"{self.key}.{shown}" if self.key else shown

    def fault(self, name: str, rule: str) -> OperatorFault:
        """A fault at `name`, with its value when it has one: "is VALUE, RULE"."""
        if name in self._values:
            shown = repr(self._values[name])
            if len(shown) > _SHOWN_CHARACTERS:
                shown = shown[:_SHOWN_CHARACTERS] + "..."
            rule = f"is {shown}, {rule}"
        return OperatorFault(str(self.file), rule, self.dotted(name))

    def read(self, name: str, kind: type[T] | GenericAlias, default: object = attrs.NOTHING) -> Any:
        """The value of `name` as a `kind` (a key of the table of kinds), or `default`.

        Without a default the key must be there.
        """
        self._known.append(name)
        if name not in self._values:
            if default is attrs.NOTHING:
                raise self.fault(name, "is missing")
            return default
        value = self._values[name]
        rule, fits = _KINDS[kind]
        if not fits(value):
            raise self.fault(name, rule)
        if kind is Path:
            return self.file.parent / value
        if kind is float:
            return float(value)
        return tuple(value) if isinstance(value, list) else value

    def table(self, name: str) -> "Table":
        """The table below `name`; an empty one when it is not there."""
        self._known.append(name)
        value = self._values.get(name, {})
        if not isinstance(value, dict):
            raise self.fault(name, f"must be a table, [{_written(self.dotted(name))}]")
        return Table(self.file, value, self.dotted(name))

    def tables(self, name: str) -> list["Table"]:
        """The tables of the array `[[name]]`."""
        self._known.append(name)
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            written = _written(self.dotted(name))
            raise self.fault(name, f"must be an array of tables, [[{written}]]")
        return [
            Table(self.file, item, f"{self.dotted(name)}[{number}]")
            for number, item in enumerate(value)
        ]

    def record(self, cls: type[T], **given: object) -> T:
        """An attrs record whose fields are the keys of this table; `given` fields are not read.

        A field's `between` range and `one_of` choices are checked; keys that are no field are
        faults.
        """
        values = dict(given)
        for field in attrs.fields(cast(Any, cls)):
            if field.name not in given:
                values[field.name] = self._field(field)
        self.finish()
        return cls(**values)

    def _field(self, field: "attrs.Attribute[Any]") -> object:
        default: Any = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
            default = default.factory()
        value = self.read(field.name, cast(Any, field.type), default)
        if _RANGE in field.metadata:
            least, most = field.metadata[_RANGE]
            if not least <= value <= most:
                raise self.fault(field.name, f"must be from {least} to {most}")
        if _CHOICES in field.metadata and value not in field.metadata[_CHOICES]:
            choices = field.metadata[_CHOICES]
            near = get_close_matches(str(value).lower(), [one.lower() for one in choices], n=1)
            meant = next((one for one in choices if near and one.lower() == near[0]), "")
            hint = f"; is {meant} meant?" if meant else ""
            raise self.fault(field.name, f"must be {' or '.join(choices)}{hint}")
        return value

    def finish(self) -> None:
        """Refuse keys that nothing has read, with the nearest name that could be meant."""
        for name in self._values:
            if name not in self._known:
                near = get_close_matches(name, self._known, n=1)
                hint = f"; is {near[0]} meant?" if near else ""
                raise OperatorFault(
                    str(self.file), f"is not a key this program knows{hint}", self.dotted(name)
                )


def _written(dotted: str) -> str:
    """A dotted key as the file has it."""
    return _INDEX.sub("", dotted)
