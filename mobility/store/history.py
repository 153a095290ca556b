"""The SQL that reads the history of users.

A user has a bounded number of logs, so those of one user are found by the primary key and sorted.
"""

from sqlite3 import Connection

from sqlalchemy import Select, bindparam, func, literal_column, select

from mobility.domain.history import MISSED
from mobility.domain.ledger import HistoryCounts
from mobility.domain.records import ConversationLog
from mobility.store import tables
from mobility.store.statements import FORMS, compiled

_logs = tables.conversation_logs.columns
_messages = tables.messages.columns
_voicemails = tables.voicemail_counts.columns

_of_user = select(*tables.conversation_logs.columns).where(_logs.user_uri == bindparam("user"))
_unread = _logs.read.is_(False)


def _latest(query: "Select[tuple[object, ...]]") -> str:
    newest = query.order_by(_logs.created_at.desc(), _logs.id)
    return compiled(newest.limit(bindparam("limit")).offset(literal_column("0")), "user", "limit")


LOGS = _latest(_of_user)
UNREAD_LOGS = _latest(_of_user.where(_unread))

LOG = compiled(_of_user.where(_logs.id == bindparam("log")), "user", "log")

LOGS_OF_CONVERSATION = compiled(
    select(*tables.conversation_logs.columns)
    .where(_logs.conversation_id == bindparam("conversation"), _logs.user_uri == bindparam("user"))
    .order_by(_logs.created_at),
    "conversation",
    "user",
)

MESSAGES = compiled(
    select(*tables.messages.columns)
    .where(
        _messages.conversation_id == bindparam("conversation"),
        _messages.number > bindparam("after"),
        _messages.number <= bindparam("last"),
    )
    .order_by(_messages.number),
    "conversation",
    "after",
    "last",
)

_missed = _logs.status == literal_column(f"'{MISSED}'")
_messages_unread = func.sum(_logs.last_message - _logs.read_message).filter(_unread)

COUNTS = compiled(
    select(
        func.count(),
        func.count().filter(_missed),
        func.count().filter(_missed, _unread),
        func.coalesce(_messages_unread, literal_column("0")),
        func.count().filter(_unread, _logs.last_message == _logs.after_message),
    ).where(_logs.user_uri == bindparam("user")),
    "user",
)

VOICEMAILS = compiled(
    select(_voicemails.total, _voicemails.unread).where(_voicemails.user_uri == bindparam("user")),
    "user",
)


def read_logs(connection: Connection, statement: str, *parameters: object) -> list[ConversationLog]:
    """The logs that one of the statements above finds."""
    return [FORMS[ConversationLog].read(row) for row in connection.execute(statement, parameters)]


def read_counts(connection: Connection, user_uri: str) -> HistoryCounts:
    """How much of what a user has in the history."""
    counts = connection.execute(COUNTS, (user_uri,)).fetchone()
    voicemails = connection.execute(VOICEMAILS, (user_uri,)).fetchone() or (0, 0)
    return HistoryCounts(*counts, *voicemails)
