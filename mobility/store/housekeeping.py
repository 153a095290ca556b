"""What is forgotten: trimmed entries, and rows that nobody can ask for any more.

Each function is an operation for the writer that deletes a bounded number of rows, so that units
of work get in between, and says how many it deleted.
"""

from collections.abc import Sequence
from sqlite3 import Cursor

from sqlalchemy import bindparam, literal_column, select

from mobility.domain.records import CallReport, PushNotice, Receipt, Record, Token
from mobility.store import statements, tables
from mobility.store.plan import Memory
from mobility.store.statements import FORMS, compiled
from mobility.store.transactor import Operation

TRIM_STREAMS = 100
"""Streams trimmed in one transaction."""

PURGE_ROWS = 1_000
"""Rows purged in one transaction."""


def trim(upto: Sequence[tuple[str, int]]) -> Operation[None]:
    """Forget the entries up to and with the given position of each stream, never beyond its end.

    `upto` has at most TRIM_STREAMS streams, in the order of their ids; those that do not exist are
    passed over.
    """

    def operation(cursor: Cursor, memory: Memory) -> None:
        reached = [
            (stream_id, min(position, memory.heads[stream_id]))
            for stream_id, position in upto
            if stream_id in memory.heads
        ]
        cursor.executemany(
            statements.TRIM_STREAM, [(base, stream_id, base) for stream_id, base in reached]
        )
        cursor.executemany(statements.TRIM_ENTRIES, reached)

    return operation


def _not_after(record_class: type[Record], time: str) -> tuple[str, str]:
    """SQL that finds the keys of rows whose `time` is not after its parameter, and removes one."""
    table = tables.TABLE_OF[record_class]
    old = select(*table.primary_key.columns).where(table.columns[time] <= bindparam("time"))
    return compiled(old, "time"), FORMS[record_class].remove


EXPIRED_TOKENS = _not_after(Token, "expires_at")
OLD_RECEIPTS = _not_after(Receipt, "created_at")
OLD_CALL_REPORTS = _not_after(CallReport, "created_at")

_notices = tables.push_notices.columns
OLD_NOTICES = (
    compiled(
        select(_notices.id).where(
            _notices.changed_at <= bindparam("time"), _notices.state == literal_column("'ended'")
        ),
        "time",
    ),
    FORMS[PushNotice].remove,
)


def purge(kind: tuple[str, str], time: float) -> Operation[int]:
    """Delete at most PURGE_ROWS rows of a kind named above; how many there were."""
    find, remove = kind

    def operation(cursor: Cursor, _memory: Memory) -> int:
        keys = cursor.execute(find, (time,)).fetchmany(PURGE_ROWS)
        cursor.executemany(remove, keys)
        return len(keys)

    return operation
