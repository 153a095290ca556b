"""What is read from the store while it serves, and what is forgotten.

Reading goes on beside the writer (SQLite's write-ahead log), on connections and threads of its
own; every call is one hop to a thread and back.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import Empty, LifoQueue
from sqlite3 import Connection
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import and_, bindparam, func, literal_column, select
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mobility.domain.facts import decode
from mobility.domain.ledger import Entry, HistoryCounts
from mobility.domain.records import (
    Contact,
    ConversationLog,
    Group,
    Message,
    Photo,
    PushNotice,
    Receipt,
)
from mobility.errors import Unavailable
from mobility.store import history, housekeeping, retention, tables
from mobility.store.connection import connect_reader, is_fault
from mobility.store.statements import FORMS, Row, compiled
from mobility.store.transactor import Operation
from mobility.store.writer import SqliteLedger
from mobility.store.writer_thread import RETRY_AFTER_S

READERS = 2
"""Threads that read: reading is short, and the processor is the reactor's first."""

RECEIPT_LIFE_S = 86_400.0
"""For how long a repeated POST is known by its Idempotency-Key: a day, longer than any client
goes on trying the same request."""

CALL_REPORT_LIFE_S = 30 * 86_400.0
"""For how long what clients report of calls is kept (our choice: a month, to find a pattern)."""

MAX_NOTICES = 1_000
"""Notifications about one conversation that are read at once (our choice: the latest days of it,
for some devices)."""

T = TypeVar("T")

_entries = tables.stream_entries.columns
_messages = tables.messages.columns
_groups = tables.contact_groups.columns
_contacts = tables.contacts.columns
_receipts = tables.receipts.columns
_photos = tables.photos.columns
_notices = tables.push_notices.columns

ENTRIES = compiled(
    select(_entries.position, _entries.kind, _entries.data, *tables.messages.columns)
    .select_from(
        tables.stream_entries.outerjoin(
            tables.messages,
            and_(
                _messages.conversation_id == _entries.conversation_id,
                _messages.number == _entries.message_number,
            ),
        )
    )
    .where(_entries.stream_id == bindparam("stream"), _entries.position > bindparam("after"))
    .order_by(_entries.position)
    .limit(bindparam("limit"))
    .offset(literal_column("0")),
    "stream",
    "after",
    "limit",
)

MESSAGE = compiled(
    select(*tables.messages.columns).where(
        _messages.conversation_id == bindparam("conversation"),
        _messages.number == bindparam("message"),
    ),
    "conversation",
    "message",
)

GROUPS = compiled(
    select(*tables.contact_groups.columns)
    .where(_groups.owner_uri == bindparam("owner"))
    .order_by(_groups.id),
    "owner",
)

CONTACTS = compiled(
    select(*tables.contacts.columns)
    .where(_contacts.owner_uri == bindparam("owner"))
    .order_by(_contacts.group_id, _contacts.uri),
    "owner",
)

CONTACTS_NAMING = compiled(
    select(*tables.contacts.columns).where(_contacts.uri == bindparam("named")), "named"
)

RECEIPTS = compiled(
    select(*tables.receipts.columns).where(_receipts.user_uri == bindparam("user")), "user"
)

RECEIPT = compiled(
    select(*tables.receipts.columns).where(
        _receipts.user_uri == bindparam("user"), _receipts.key == bindparam("the_key")
    ),
    "user",
    "the_key",
)

PHOTO = compiled(
    select(*tables.photos.columns).where(_photos.user_uri == bindparam("user")), "user"
)

NOTICES = compiled(
    select(*tables.push_notices.columns)
    .where(_notices.conversation_id == bindparam("conversation"))
    .order_by(_notices.created_at.desc(), _notices.id)
    .limit(bindparam("limit"))
    .offset(literal_column("0")),
    "conversation",
    "limit",
)

NOTICE = compiled(
    select(*tables.push_notices.columns).where(_notices.id == bindparam("notice")), "notice"
)

PLACE = compiled(
    select(func.min(_entries.position)).where(
        _entries.stream_id == bindparam("stream"),
        _entries.conversation_id == bindparam("conversation"),
        _entries.message_number == bindparam("message"),
    ),
    "stream",
    "conversation",
    "message",
)


class _ReadingThread(Thread):
    """One that a dead disk can hold, but that does not hold the end of the process."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords, daemon=True)


class SqliteArchive:
    """The archive of one front end; all calls fail with `Unavailable` when the file cannot be
    read, and those that forget something when it cannot be written."""

    def __init__(self, path: Path, ledger: SqliteLedger, *, reactor: IReactorFromThreads) -> None:
        self._path = path
        self._ledger = ledger
        self._reactor = reactor
        self._threads = ThreadPool(minthreads=0, maxthreads=READERS, name="mobility-store-reader")
        self._threads.threadFactory = _ReadingThread
        self._idle: LifoQueue[Connection] = LifoQueue()
        self._stopping = False

    def start(self) -> None:
        self._threads.start()

    def stop(self) -> Deferred[None]:
        """Wait, in a thread of its own, for the reads under way, and close the connections."""
        self._stopping = True
        stopped: Deferred[None] = Deferred()

        def close() -> None:
            if self._threads.started:
                self._threads.stop()
            while not self._idle.empty():
                self._idle.get_nowait().close()
            self._reactor.callFromThread(stopped.callback, None)

        _ReadingThread(target=close, name="mobility-store-reader-stop").start()
        return stopped

    def entries(self, stream_id: str, after: int, limit: int) -> Deferred[Sequence[Entry]]:
        """At most `limit` entries of a stream with positions above `after`, in order.

        An entry has its message with the body if it names one.  A stream that does not exist has
        none.
        """

        def read(connection: Connection) -> Sequence[Entry]:
            rows = connection.execute(ENTRIES, (stream_id, after, limit))
            return [_entry(stream_id, row) for row in rows]

        return self._read(read)

    def message(self, conversation_id: str, number: int) -> Deferred[Message | None]:
        """One message with its body, or None."""

        def read(connection: Connection) -> Message | None:
            row = connection.execute(MESSAGE, (conversation_id, number)).fetchone()
            return None if row is None else FORMS[Message].read(row)

        return self._read(read)

    def messages(self, conversation_id: str, after: int, last: int) -> Deferred[Sequence[Message]]:
        """The messages of a conversation after one number up to and with another, in order."""

        def read(connection: Connection) -> Sequence[Message]:
            rows = connection.execute(history.MESSAGES, (conversation_id, after, last))
            return [FORMS[Message].read(row) for row in rows]

        return self._read(read)

    def conversation_logs(
        self, user_uri: str, limit: int, *, unread: bool = False
    ) -> Deferred[Sequence[ConversationLog]]:
        """The latest logs of a user, or of those with anything unread, newest first."""
        statement = history.UNREAD_LOGS if unread else history.LOGS
        return self._read(lambda found: history.read_logs(found, statement, user_uri, limit))

    def conversation_log(self, user_uri: str, log_id: str) -> Deferred[ConversationLog | None]:
        """One log of a user, or None."""

        def read(connection: Connection) -> ConversationLog | None:
            return next(iter(history.read_logs(connection, history.LOG, user_uri, log_id)), None)

        return self._read(read)

    def logs_of_conversation(
        self, user_uri: str, conversation_id: str
    ) -> Deferred[Sequence[ConversationLog]]:
        """What a user has of one conversation, oldest first."""
        return self._read(
            lambda found: history.read_logs(
                found, history.LOGS_OF_CONVERSATION, conversation_id, user_uri
            )
        )

    def history_counts(self, user_uri: str) -> Deferred[HistoryCounts]:
        """How much of what a user has in the history."""
        return self._read(lambda found: history.read_counts(found, user_uri))

    def contacts(self, owner_uri: str) -> Deferred[tuple[Sequence[Group], Sequence[Contact]]]:
        """A user's groups in the order of their ids, and the contacts in them."""

        def read(connection: Connection) -> tuple[Sequence[Group], Sequence[Contact]]:
            connection.execute("BEGIN")
            try:
                groups = connection.execute(GROUPS, (owner_uri,)).fetchall()
                contacts = connection.execute(CONTACTS, (owner_uri,)).fetchall()
            finally:
                connection.execute("COMMIT")
            return [Group(*row) for row in groups], [Contact(*row) for row in contacts]

        return self._read(read)

    def contacts_naming(self, uri: str) -> Deferred[Sequence[Contact]]:
        """The entries of all contact lists that are about a user.

        No index helps, since this is asked for only when a user is removed.
        """

        def read(connection: Connection) -> Sequence[Contact]:
            return [Contact(*row) for row in connection.execute(CONTACTS_NAMING, (uri,))]

        return self._read(read)

    def receipts(self, user_uri: str) -> Deferred[Sequence[Receipt]]:
        """What all POSTs with an Idempotency-Key of a user did."""

        def read(connection: Connection) -> Sequence[Receipt]:
            return [Receipt(*row) for row in connection.execute(RECEIPTS, (user_uri,))]

        return self._read(read)

    def receipt(self, user_uri: str, key: str) -> Deferred[Receipt | None]:
        """What the POST with this Idempotency-Key of this user did, or None."""

        def read(connection: Connection) -> Receipt | None:
            row = connection.execute(RECEIPT, (user_uri, key)).fetchone()
            return None if row is None else Receipt(*row)

        return self._read(read)

    def photo(self, user_uri: str) -> Deferred[Photo | None]:
        """A user's photo, or None."""

        def read(connection: Connection) -> Photo | None:
            row = connection.execute(PHOTO, (user_uri,)).fetchone()
            return None if row is None else Photo(*row)

        return self._read(read)

    def push_notices(self, conversation_id: str) -> Deferred[Sequence[PushNotice]]:
        """The notifications about messages of a conversation, those that are over too, newest
        first and at most MAX_NOTICES."""

        def read(connection: Connection) -> Sequence[PushNotice]:
            rows = connection.execute(NOTICES, (conversation_id, MAX_NOTICES))
            return [PushNotice(*row) for row in rows]

        return self._read(read)

    def place_of(self, stream_id: str, message: Message) -> Deferred[int | None]:
        """The position at which a stream tells of a message first, None if it does not."""
        key = stream_id, message.conversation_id, message.number

        def read(connection: Connection) -> int | None:
            found: int | None = connection.execute(PLACE, key).fetchone()[0]
            return found

        return self._read(read)

    def push_notice(self, notice_id: str) -> Deferred[PushNotice | None]:
        """One notification, also if it is over, or None."""

        def read(connection: Connection) -> PushNotice | None:
            row = connection.execute(NOTICE, (notice_id,)).fetchone()
            return None if row is None else PushNotice(*row)

        return self._read(read)

    def trim(self, upto: dict[str, int]) -> Deferred[None]:
        """Forget the entries of each stream up to and with the given position.

        A position beyond the end of the stream means its end; streams that do not exist are
        passed over.
        """
        return Deferred.fromCoroutine(self._trim(sorted(upto.items())))

    async def _trim(self, upto: Sequence[tuple[str, int]]) -> None:
        for start in range(0, len(upto), housekeeping.TRIM_STREAMS):
            some = upto[start : start + housekeeping.TRIM_STREAMS]
            await self._ledger.run(housekeeping.trim(some))

    def purge(self, now: float, receipt_life_s: float = RECEIPT_LIFE_S) -> Deferred[int]:
        """Forget the tokens that have expired at `now`, receipts older than `receipt_life_s`, and
        old reports on calls; how many rows there were."""
        return Deferred.fromCoroutine(self._purge(now, receipt_life_s))

    async def _purge(self, now: float, receipt_life_s: float) -> int:
        purged = 0
        for kind, time in (
            (housekeeping.EXPIRED_TOKENS, now),
            (housekeeping.OLD_RECEIPTS, now - receipt_life_s),
            (housekeeping.OLD_CALL_REPORTS, now - CALL_REPORT_LIFE_S),
        ):
            more = True
            while more:
                rows = await self._ledger.run(housekeeping.purge(kind, time))
                purged += rows
                more = rows == housekeeping.PURGE_ROWS
        return purged

    def purge_history(self, now: float, keep_s: float, per_user: int) -> Deferred[int]:
        """Forget logs older than `keep_s`, those of a user beyond the latest `per_user`, and what
        nobody needs of conversations and invitations that are over; how many rows there were."""
        return Deferred.fromCoroutine(self._purge_history(now, keep_s, per_user))

    def purge_notices(self, upto: float) -> Deferred[int]:
        """Forget the notifications that were over by then; how many there were."""
        return Deferred.fromCoroutine(self._purge_notices(upto))

    async def _purge_notices(self, upto: float) -> int:
        purged, rows = 0, housekeeping.PURGE_ROWS
        while rows == housekeeping.PURGE_ROWS:
            rows = await self._ledger.run(housekeeping.purge(housekeeping.OLD_NOTICES, upto))
            purged += rows
        return purged

    async def _purge_history(self, now: float, keep_s: float, per_user: int) -> int:
        purged = await self._repeat(retention.purge_old_logs(now - keep_s))
        for user_uri in await self._read(
            lambda found: [uri for (uri,) in found.execute(retention.FULL_HISTORIES, (per_user,))]
        ):
            purged += await self._repeat(retention.purge_logs_of(user_uri, per_user))
        for kind in retention.OVER:
            purged += await self._repeat(retention.purge_over(kind, now - retention.OVER_LIFE_S))
        after, more = "", True
        while more:
            found = await self._read(partial(retention.read_leftovers, after=after))
            if found.ids:
                rows = retention.MESSAGES
                while rows >= retention.MESSAGES:
                    rows = await self._ledger.run(retention.purge_leftovers(found))
                    purged += rows
                after = found.ids[-1]
            more = len(found.ids) == retention.BATCH
        return purged

    async def _repeat(self, operation: Operation[int]) -> int:
        """Do an operation that deletes a batch until a batch is not full."""
        purged, rows = 0, retention.BATCH
        while rows == retention.BATCH:
            rows = await self._ledger.run(operation)
            purged += rows
        return purged

    def _read(self, work: Callable[[Connection], T]) -> Deferred[T]:
        if self._stopping:
            return fail(Unavailable("The service is stopping.", RETRY_AFTER_S))
        return deferToThreadPool(self._reactor, self._threads, self._with_connection, work)

    def _with_connection(self, work: Callable[[Connection], T]) -> T:
        """In a reading thread: do `work` on an idle connection, which is kept if all went well."""
        connection = None
        try:
            connection = self._take()
            result = work(connection)
        except Exception as error:
            if connection is not None:
                connection.close()
            if is_fault(error):
                raise Unavailable("The store cannot be read now.", RETRY_AFTER_S) from error
            raise
        self._idle.put(connection)
        return result

    def _take(self) -> Connection:
        try:
            return self._idle.get_nowait()
        except Empty:
            return connect_reader(self._path)


def _entry(stream_id: str, row: Row) -> Entry:
    position, kind, data, *of_message = row
    message = None if of_message[0] is None else FORMS[Message].read(tuple(of_message))
    return Entry(stream_id, decode(kind, data), message, position)
