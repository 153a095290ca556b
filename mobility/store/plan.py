"""What a batch of units of work comes to: the rows to write, gathered table by table.

The rows of many units go to the driver in one `executemany` a statement, which changes the order
among them.  So only units that touch different rows are gathered; one that touches a row of a
unit before it makes the plan write what it has first.  (That is rare: decisions about one thing
wait for one another.)  Streams are the exception that matters: entries are always given to the end,
so the positions of many units are gathered without harm.  Thus a batch leaves the store as if its
units had been committed one after another.

Within a unit removals come first, then saves and presences, then streams are opened, entries
appended and streams dropped; the last effect on a row counts.
"""

from sqlite3 import Cursor
from typing import Any

import attrs

from mobility.domain.facts import Fact, encode
from mobility.domain.ledger import Committed, Conflict, Entry, Unit
from mobility.domain.records import Presence, Record
from mobility.store import statements
from mobility.store.statements import FORMS, Form, Row
from mobility.store.tables import PRESENCE_COUNTER

NUMBERS = ("presence_number", "note_number", "location_number", "media_number")
"""The fields of Presence that the presence counter fills."""

Numbers = tuple[int, ...]
"""The stored `NUMBERS` of one presence row."""

_UNNUMBERED: Numbers = (0, 0, 0, 0)


class Stale(Exception):
    """The store is not as the writer remembers it."""


@attrs.define(slots=True)
class Memory:
    """What the writer knows of the store without asking: it alone changes these."""

    heads: dict[str, int] = attrs.Factory(dict)
    """The last position of each stream."""
    presence_number: int = 0
    numbers: dict[str, Numbers] = attrs.Factory(dict)
    """The numbers of each presence row."""


@attrs.define(slots=True)
class _Rows:
    """The last effect on each row of one table, by the record's key; None removes it."""

    form: Form
    effects: dict[Any, Any] = attrs.Factory(dict)
    guards: dict[Any, int] = attrs.Factory(dict)
    """The version that must be stored under the key (0: none) before the effect."""


@attrs.define(slots=True)
class _Stream:
    """A stream as it is stored (`before`, None: not at all) and as it will be (`head`)."""

    before: int | None
    head: int | None
    emptied: bool = False
    """What is stored under this id goes, even if the stream is opened again."""
    appended: list[Row] = attrs.Factory(list)


class Plan:
    """Units on their way into the open transaction of `cursor`.

    Of no use after anything has raised; then the transaction (or savepoint) must be rolled back.
    """

    def __init__(self, cursor: Cursor, memory: Memory) -> None:
        self._cursor = cursor
        self._memory = memory
        self._tables: dict[type[Record], _Rows] = {}
        self._streams: dict[str, _Stream] = {}
        self._numbers: dict[str, Numbers] = {}
        self._presence_number = self._counted = memory.presence_number
        self._encoded: tuple[Fact | None, str, str] = None, "", ""
        self.written = 0
        """Rows written so far."""

    def add(self, unit: Unit) -> Committed:
        """Put a unit's effects after those of the units before.

        An entry for a stream that does not exist has no reader any more (its application ended
        while the decision was made): it is left out of what is stored and of the answer.

        Raises what `write` raises, Conflict if a version does not follow the one before it in the
        unit, and whatever a malformed unit causes.
        """
        if self._meets(unit):
            self.write()
        for record in unit.removes:
            self._remove(record)
        for record in unit.saves:
            if isinstance(record, Presence):
                self._present(record, ())
            else:
                self._save(record)
        presences = [self._present(presence, stamp) for presence, stamp in unit.presences]
        for stream_id in unit.opened_streams:
            self._open(stream_id)
        entries = [entry for entry in unit.entries if self._append(entry)]
        for stream_id in unit.dropped_streams:
            self._drop(stream_id)
        return Committed(entries, presences, tuple(unit.dropped_streams))

    def _meets(self, unit: Unit) -> bool:
        """Whether the unit touches a row, or ends a stream, that waits to be written."""
        for records in (unit.saves, unit.removes, [presence for presence, _ in unit.presences]):
            for record in records:
                rows = self._tables.get(type(record))
                if rows is not None and rows.form.key(record) in rows.effects:
                    return True
        return any(stream_id in self._streams for stream_id in unit.dropped_streams)

    def _rows(self, kind: type[Record]) -> _Rows:
        rows = self._tables.get(kind)
        if rows is None:
            rows = self._tables[kind] = _Rows(FORMS[kind])
        return rows

    def _save(self, record: Record) -> None:
        rows = self._rows(type(record))
        key = rows.form.key(record)
        if rows.form.versioned:
            self._guard(rows, key, record)
        rows.effects[key] = record

    def _guard(self, rows: _Rows, key: object, record: Any) -> None:
        if key not in rows.effects:
            rows.guards[key] = record.version - 1
            return
        before = rows.effects[key]
        if record.version != (0 if before is None else before.version) + 1:
            raise Conflict(f"version {record.version} of a {type(record).__name__} is not the next")

    def _remove(self, record: Record) -> None:
        rows = self._rows(type(record))
        key = rows.form.key(record)
        rows.effects[key] = None
        if isinstance(record, Presence):
            self._numbers[record.user_uri] = _UNNUMBERED

    def _present(self, presence: Presence, stamp: tuple[str, ...]) -> Presence:
        """Numbers that are not stamped stay as they are stored, whatever `presence` has."""
        uri = presence.user_uri
        numbers = self._numbers.get(uri) or self._memory.numbers.get(uri, _UNNUMBERED)
        if stamp:
            if not set(stamp) <= set(NUMBERS):
                raise ValueError(f"a presence is numbered by {NUMBERS}, not by {stamp}")
            self._presence_number += 1
            numbers = tuple(
                self._presence_number if name in stamp else number
                for name, number in zip(NUMBERS, numbers, strict=True)
            )
        self._numbers[uri] = numbers
        fields: dict[str, Any] = dict(zip(NUMBERS, numbers, strict=True))
        numbered = attrs.evolve(presence, **fields)
        self._save(numbered)
        return numbered

    def _stream(self, stream_id: str) -> _Stream:
        stream = self._streams.get(stream_id)
        if stream is None:
            head = self._memory.heads.get(stream_id)
            stream = self._streams[stream_id] = _Stream(head, head)
        return stream

    def _open(self, stream_id: str) -> None:
        stream = self._stream(stream_id)
        if stream.head is None:
            stream.head = 0

    def _append(self, entry: Entry) -> bool:
        stream = self._stream(entry.stream_id)
        if stream.head is None:
            return False
        position = stream.head = entry.position = stream.head + 1
        if entry.fact is not self._encoded[0]:  # one fact goes to many streams
            self._encoded = entry.fact, *encode(entry.fact)
        _, kind, data = self._encoded
        message = entry.message
        about = (None, None) if message is None else (message.conversation_id, message.number)
        stream.appended.append((entry.stream_id, position, kind, data, *about))
        return True

    def _drop(self, stream_id: str) -> None:
        stream = self._stream(stream_id)
        stream.head = None
        stream.emptied = stream.before is not None
        stream.appended.clear()

    def write(self) -> None:
        """Write what was added.

        Raises Conflict or Stale if a guard does not hold, and the driver's errors.
        """
        for rows in self._tables.values():
            self._write_rows(rows)
        self._tables.clear()
        self._write_streams()
        self._write_counter()

    def _write_rows(self, rows: _Rows) -> None:
        form, guards = rows.form, rows.guards
        saved: list[Row] = []
        removed: list[Row] = []
        inserted: list[Row] = []
        replaced: list[Row] = []
        for key, record in rows.effects.items():
            if record is None:
                removed.append(form.key_row(key))
            elif key not in guards:
                saved.append(form.row(record))
            elif guards[key] == 0:
                inserted.append(form.row(record))
            else:
                replaced.append((*form.row(record), *form.key_row(key), guards[key]))
        self._many(form.remove, removed)
        self._many(form.save, saved)
        kept = self._many(form.insert, inserted) + self._many(form.replace, replaced)
        if kept != len(inserted) + len(replaced):
            raise Conflict("another version is stored")

    def _write_streams(self) -> None:
        emptied: list[Row] = []
        opened: list[Row] = []
        advanced: list[Row] = []
        appended: list[Row] = []
        for stream_id, stream in sorted(self._streams.items()):  # the order in which they lock
            if stream.emptied:
                emptied.append((stream_id,))
            if stream.head is not None:
                if stream.emptied or stream.before is None:
                    opened.append((stream_id, 0, stream.head))
                elif stream.head > stream.before:
                    advanced.append((stream.head, stream_id, stream.before))
                appended += stream.appended
            self._streams[stream_id] = _Stream(stream.head, stream.head)
        self._many(statements.DROP_STREAM, emptied)
        self._many(statements.DROP_ENTRIES, emptied)
        self._many(statements.OPEN_STREAM, opened)
        if self._many(statements.ADVANCE_STREAM, advanced) != len(advanced):
            raise Stale("a stream has moved")
        self._many(statements.APPEND_ENTRY, appended)

    def _write_counter(self) -> None:
        if self._presence_number > self._counted:
            counted = [(self._presence_number, PRESENCE_COUNTER, self._counted)]
            if self._many(statements.COUNT, counted) != 1:
                raise Stale("the presence counter has moved")
            self._counted = self._presence_number

    def _many(self, statement: str, rows: list[Row]) -> int:
        """The number of rows that were changed."""
        if not rows:
            return 0
        self._cursor.executemany(statement, rows)
        self.written += self._cursor.rowcount
        return self._cursor.rowcount

    def remember(self) -> None:
        """Take what was written into the writer's memory; to be called after the transaction."""
        for stream_id, stream in self._streams.items():
            if stream.head is None:
                self._memory.heads.pop(stream_id, None)
            else:
                self._memory.heads[stream_id] = stream.head
        self._memory.presence_number = self._presence_number
        for uri, numbers in self._numbers.items():
            if numbers == _UNNUMBERED:
                self._memory.numbers.pop(uri, None)
            else:
                self._memory.numbers[uri] = numbers
