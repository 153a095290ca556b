"""What becomes of the past: conversations that are over, and logs of them that are old.

A leftover names a conversation that is over.  Its record, participants and legs are of no use any
more.  Its messages stay while a user has a log of it, and while an entry of a stream that is not
confirmed names them.  Such entries are found by reading them all, but only when there are messages
without a log: an index would cost each message something, and they are few.
"""

from collections.abc import Sequence
from sqlite3 import Connection, Cursor

import attrs
from sqlalchemy import Select, Table, bindparam, delete, exists, func, literal_column, select

from mobility.domain.records import Call, ConversationLog, Invitation, Leftover
from mobility.store import tables
from mobility.store.plan import Memory
from mobility.store.statements import FORMS, compiled
from mobility.store.transactor import Operation

BATCH = 100
"""Leftovers, or logs, dealt with in one transaction (our choice: some milliseconds)."""

MESSAGES = 1_000
"""Messages of one conversation deleted in one transaction (our choice, as above)."""

OVER_LIFE_S = 3_600.0
"""For how long an invitation or a call is kept that is over (our choice: memory has those of
conversations that go on)."""

_logs = tables.conversation_logs.columns
_entries = tables.stream_entries.columns
_messages = tables.messages.columns
_conversations = tables.conversations.columns
_invitations = tables.invitations.columns
_calls = tables.calls.columns
_leftovers = tables.leftovers.columns

_goes_on = exists().where(
    _conversations.id == _leftovers.conversation_id,
    _conversations.state == literal_column("'Active'"),
)

LEFTOVERS = compiled(
    select(
        _leftovers.conversation_id,
        exists().where(_logs.conversation_id == _leftovers.conversation_id),
    )
    .where(_leftovers.conversation_id > bindparam("after"), ~_goes_on)
    .order_by(_leftovers.conversation_id)
    .limit(bindparam("limit"))
    .offset(literal_column("0")),
    "after",
    "limit",
)
"""Leftovers, and whether anybody has a log of them."""

TOLD_OF = compiled(
    select(_entries.conversation_id).where(_entries.conversation_id.is_not(None)).distinct()
)
"""The conversations of which entries of streams name messages."""

LOGGED = compiled(
    select(exists().where(_logs.conversation_id == bindparam("conversation"))), "conversation"
)

OLD_LOGS = compiled(
    select(_logs.user_uri, _logs.id, _logs.conversation_id)
    .where(_logs.created_at <= bindparam("time"))
    .limit(bindparam("limit"))
    .offset(literal_column("0")),
    "time",
    "limit",
)

FULL_HISTORIES = compiled(
    select(_logs.user_uri).group_by(_logs.user_uri).having(func.count() > bindparam("most")),
    "most",
)
"""The users with too many logs."""

LOGS_TOO_MANY = compiled(
    select(_logs.user_uri, _logs.id, _logs.conversation_id)
    .where(_logs.user_uri == bindparam("user"))
    .order_by(_logs.created_at.desc(), _logs.id)
    .limit(bindparam("limit"))
    .offset(bindparam("most")),
    "user",
    "limit",
    "most",
)
"""The oldest logs of a user, without the latest `most`."""


def _first(keys: Select[tuple[str]]) -> str:
    return compiled(keys.limit(bindparam("limit")).offset(literal_column("0")), "time", "limit")


OVER = (
    (
        _first(
            select(_invitations.id).where(
                _invitations.expires_at <= bindparam("time"),
                _invitations.state != literal_column("'Connecting'"),
            )
        ),
        FORMS[Invitation].remove,
    ),
    (
        _first(
            select(_calls.id).where(
                _calls.state == literal_column("'Ended'"), _calls.ended_at <= bindparam("time")
            )
        ),
        FORMS[Call].remove,
    ),
)
"""SQL that finds invitations, and calls, whose time was up some time ago, and that removes one."""


def _of_conversation(table: Table, column: str = "conversation_id") -> str:
    found = table.columns[column] == bindparam("conversation")
    return compiled(delete(table).where(found), "conversation")


FORGET_CONVERSATION = (
    _of_conversation(tables.conversations, "id"),
    _of_conversation(tables.legs),
    _of_conversation(tables.participants),
    _of_conversation(tables.read_marks),
    _of_conversation(tables.disposition_requests),
    _of_conversation(tables.delivery_marks),
)

FORGET_MESSAGES = compiled(
    delete(tables.messages).where(
        _messages.conversation_id == bindparam("conversation"),
        _messages.number.in_(
            select(_messages.number)
            .where(_messages.conversation_id == bindparam("the_same"))
            .limit(bindparam("limit"))
            .offset(literal_column("0"))
        ),
    ),
    "conversation",
    "the_same",
    "limit",
)


@attrs.frozen(slots=True)
class Leftovers:
    """Some leftovers in the order of their ids.

    The messages of those in `told_of` are still named by a stream.
    """

    ids: Sequence[str]
    told_of: frozenset[str]


def read_leftovers(connection: Connection, after: str) -> Leftovers:
    """The first leftovers with an id above `after`, at most BATCH.

    What is read here stays true: after the end of a conversation nothing names its messages anew.
    """
    rows = connection.execute(LEFTOVERS, (after, BATCH)).fetchall()
    told_of: frozenset[str] = frozenset()
    if any(not logged for _, logged in rows):
        told_of = frozenset(name for (name,) in connection.execute(TOLD_OF))
    return Leftovers([name for name, _ in rows], told_of)


def purge_leftovers(found: Leftovers) -> Operation[int]:
    """Delete what is of no use of some conversations; how many rows there were.

    One whose messages are still needed by a stream remains a leftover.  So does one with more than
    MESSAGES; then that many rows at least were deleted, and there may be more.
    """

    def operation(cursor: Cursor, _memory: Memory) -> int:
        purged = 0
        for name in found.ids:
            for statement in FORGET_CONVERSATION:
                purged += cursor.execute(statement, (name,)).rowcount
            ((logged,),) = cursor.execute(LOGGED, (name,))
            if not logged:
                if name in found.told_of:
                    continue
                deleted = cursor.execute(FORGET_MESSAGES, (name, name, MESSAGES)).rowcount
                purged += deleted
                if deleted == MESSAGES:
                    continue
            cursor.execute(FORMS[Leftover].remove, (name,))
        return purged

    return operation


def purge_old_logs(time: float) -> Operation[int]:
    """Delete at most BATCH logs that are not younger than `time`; how many there were."""

    def operation(cursor: Cursor, _memory: Memory) -> int:
        return _forget_logs(cursor, cursor.execute(OLD_LOGS, (time, BATCH)).fetchall())

    return operation


def purge_logs_of(user_uri: str, most: int) -> Operation[int]:
    """Delete at most BATCH of the logs that a user has beyond the latest `most`."""

    def operation(cursor: Cursor, _memory: Memory) -> int:
        rows = cursor.execute(LOGS_TOO_MANY, (user_uri, BATCH, most)).fetchall()
        return _forget_logs(cursor, rows)

    return operation


def purge_over(kind: tuple[str, str], time: float) -> Operation[int]:
    """Delete at most BATCH of what one pair of OVER finds; how many there were."""
    find, remove = kind

    def operation(cursor: Cursor, _memory: Memory) -> int:
        rows = cursor.execute(find, (time, BATCH)).fetchall()
        cursor.executemany(remove, rows)
        return len(rows)

    return operation


def _forget_logs(cursor: Cursor, rows: Sequence[tuple[str, str, str]]) -> int:
    """Delete logs, given as user, id and conversation, which becomes a leftover."""
    cursor.executemany(FORMS[ConversationLog].remove, [row[:2] for row in rows])
    cursor.executemany(FORMS[Leftover].save, [row[2:] for row in rows])
    return len(rows)
