"""The SQL of the writer, compiled once from SQLAlchemy Core into text for the `sqlite3` driver.

Every statement takes positional parameters, so that one `executemany` with a list of tuples does
the work of a whole batch.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import attrs
from sqlalchemy import Boolean, bindparam, delete, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement

from mobility.domain.records import Record
from mobility.store import tables

_DIALECT = sqlite.dialect(paramstyle="qmark")

Row = tuple[Any, ...]
"""The values of one execution, or of one row."""


def compiled(statement: ClauseElement, *parameters: str) -> str:
    """SQL text whose question marks stand for `parameters`, in this order."""
    form = statement.compile(
        dialect=_DIALECT, compile_kwargs={"render_postcompile": True}, column_keys=parameters
    )
    if tuple(form.positiontup or ()) != parameters:  # type: ignore[attr-defined]  # SQLCompiler's
        raise ValueError(f"{form} takes {form.positiontup}, not {parameters}")  # type: ignore[attr-defined]
    return str(form)


@attrs.frozen(slots=True)
class Form:
    """How records of one class are stored and read.

    `row` gives the values of all columns, `key` what identifies a record among its class, and
    `key_row` the parameters that find its row.
    """

    save: str
    """Parameters: all columns."""
    remove: str
    """Parameters: the key."""
    insert: str
    """Stores only where no row has this key.  Parameters: all columns."""
    replace: str
    """Stores only over a given version ("" for a class without versions).  Parameters: all columns,
    the key, the version to be replaced."""
    row: Callable[[Any], Row]
    key: Callable[[Any], Any]
    key_row: Callable[[Any], Row]
    """From what `key` gives."""
    read: Callable[[Row], Any]

    @property
    def versioned(self) -> bool:
        return bool(self.replace)


def _form(record_class: type[Any]) -> Form:
    table = tables.TABLE_OF[record_class]
    names = tuple(column.name for column in table.columns)
    key = tuple(column.name for column in table.primary_key.columns)
    others = tuple(name for name in names if name not in key)
    insert = sqlite.insert(table)
    if others:
        excluded = {name: insert.excluded[name] for name in others}
        save = insert.on_conflict_do_update(index_elements=key, set_=excluded)
    else:
        save = insert.on_conflict_do_nothing(index_elements=key)
    found = [table.columns[name] == bindparam(f"the_{name}") for name in key]
    the_key = tuple(f"the_{name}" for name in key)
    replace = ""
    if "version" in names:
        replaced = update(table).where(*found, table.columns["version"] == bindparam("before"))
        replace = compiled(replaced, *names, *the_key, "before")
    return Form(
        save=compiled(save, *names),
        remove=compiled(delete(table).where(*found), *the_key),
        insert=compiled(insert.on_conflict_do_nothing(index_elements=key), *names),
        replace=replace,
        row=_only(names[0]) if len(names) == 1 else attrgetter(*names),
        key=attrgetter(*key),
        key_row=_single if len(key) == 1 else tuple,
        read=_reader(record_class),
    )


def _only(name: str) -> Callable[[Any], Row]:
    """The row of a record with one field."""
    field = attrgetter(name)
    return lambda record: (field(record),)


def _single(key: object) -> Row:
    return (key,)


def _reader(record_class: type[Any]) -> Callable[[Row], Any]:
    """A function from a row to its record; SQLite gives booleans back as numbers."""
    columns = tables.TABLE_OF[record_class].columns
    booleans = [at for at, column in enumerate(columns) if isinstance(column.type, Boolean)]
    if not booleans:
        return lambda row: record_class(*row)

    def read(row: Row) -> Any:
        values = list(row)
        for at in booleans:
            values[at] = bool(values[at])
        return record_class(*values)

    return read


FORMS: dict[type[Record], Form] = {kind: _form(kind) for kind in tables.TABLE_OF}

_streams = tables.streams.columns
_entries = tables.stream_entries.columns
_counters = tables.counters.columns

OPEN_STREAM = compiled(sqlite.insert(tables.streams), "id", "base", "head")

ADVANCE_STREAM = compiled(
    update(tables.streams)
    .values(head=bindparam("head"))
    .where(_streams.id == bindparam("stream"), _streams.head == bindparam("before")),
    "head",
    "stream",
    "before",
)
"""The row is locked by this on PostgreSQL; the old head guards the positions given meanwhile."""

DROP_STREAM = compiled(delete(tables.streams).where(_streams.id == bindparam("stream")), "stream")

DROP_ENTRIES = compiled(
    delete(tables.stream_entries).where(_entries.stream_id == bindparam("stream")), "stream"
)

APPEND_ENTRY = compiled(sqlite.insert(tables.stream_entries), *(column.name for column in _entries))

TRIM_STREAM = compiled(
    update(tables.streams)
    .values(base=bindparam("base"))
    .where(_streams.id == bindparam("stream"), _streams.base < bindparam("upto")),
    "base",
    "stream",
    "upto",
)

TRIM_ENTRIES = compiled(
    delete(tables.stream_entries).where(
        _entries.stream_id == bindparam("stream"), _entries.position <= bindparam("upto")
    ),
    "stream",
    "upto",
)

COUNT = compiled(
    update(tables.counters)
    .values(value=bindparam("value"))
    .where(_counters.name == bindparam("counter"), _counters.value == bindparam("before")),
    "value",
    "counter",
    "before",
)

HEADS = compiled(select(_streams.id, _streams.head))

COUNTER = compiled(select(_counters.value).where(_counters.name == bindparam("counter")), "counter")

_presences = tables.presences.columns

PRESENCE_NUMBERS = compiled(
    select(
        _presences.user_uri,
        _presences.presence_number,
        _presences.note_number,
        _presences.location_number,
        _presences.media_number,
    )
)
