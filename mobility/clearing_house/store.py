"""What the clearing house keeps on disk, so that nothing accepted is lost when it is killed.

    push        a row for each id that was accepted, until its expiry is over: while `state` is 0 it
                waits to be sent, after that it only makes a repeated id a duplicate
    verdict     what is to be told to an organisation, until all of its readers have confirmed it
    reader      the front ends that hear its verdicts, and how far each has
    counter     the last verdict number of each organisation
    dead_token  tokens that a provider has called dead, as hashes, so that each is told once
    meta        the name of this store's verdict stream

One SQLite file in WAL mode.  All writes go through `mobility.clearing_house.writer`, many in one
transaction, and nobody is answered before it is committed.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from mobility.errors import OperatorFault
from mobility.push.wire import VERDICTS_PAGE, Verdict
from mobility.store.connection import connect_reader, connect_writer, startup_faults

SCHEMA_VERSION = 2
READER = """CREATE TABLE reader (
        organisation TEXT NOT NULL,
        name TEXT NOT NULL,
        after INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (organisation, name)
    ) WITHOUT ROWID"""
"""The table of version 2."""

SCHEMA = (
    READER,
    """CREATE TABLE push (
        row INTEGER PRIMARY KEY,
        organisation TEXT NOT NULL,
        id TEXT NOT NULL,
        state INTEGER NOT NULL DEFAULT 0,
        destination TEXT NOT NULL,
        kind TEXT NOT NULL,
        device INTEGER NOT NULL,
        collapse INTEGER NOT NULL,
        accepted_at INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        body BLOB
    )""",
    "CREATE UNIQUE INDEX push_id ON push (organisation, id)",
    "CREATE INDEX push_waiting ON push (row) WHERE state = 0",
    "CREATE INDEX push_done ON push (expires) WHERE state = 1",
    """CREATE TABLE verdict (
        organisation TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        id TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        status TEXT NOT NULL,
        at INTEGER NOT NULL,
        token_field TEXT NOT NULL,
        dead_since INTEGER NOT NULL,
        trace TEXT NOT NULL,
        PRIMARY KEY (organisation, sequence)
    ) WITHOUT ROWID""",
    """CREATE TABLE counter (
        organisation TEXT PRIMARY KEY,
        sequence INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE dead_token (
        token BLOB PRIMARY KEY,
        since INTEGER NOT NULL,
        told_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX dead_token_age ON dead_token (told_at)",
    "CREATE TABLE meta (stream TEXT NOT NULL)",
)

KEEP_DONE_S = 3_600
"""An id is remembered so long after its expiry; then a repetition is refused as expired."""

KEEP_VERDICTS_S = 30 * 86_400
"""A verdict that nobody fetches is dropped after this (our choice)."""

KEEP_DEAD_S = 400 * 86_400
"""A dead token is remembered for so long (our choice: longer than any binding lives)."""

MOST_SEQUENCE = 2**53
"""The last number of a verdict that the federation format can say."""

KEEP_READERS_S = 7 * 86_400
"""A reader that has not asked for so long is not waited for (our choice: a front end that is away
for a week)."""

READERS = 100
"""Of one organisation (our choice); of more the others are not waited for."""

SWEEP_ROWS = 5_000
"""Rows that one sweep deletes from a table at most, so that the writer is not held for long."""


@attrs.define(slots=True)
class Row:
    """A push that is to be stored.

    `device` and `collapse` are hashes of 64 bits, 0 for no collapse key; `token` is the hash of the
    token it will go to, which was `registered` then; `body` is its JSON.
    """

    organisation: str
    id: str
    destination: str
    kind: str
    device: int
    collapse: int
    accepted_at: int
    expires: int
    token: bytes
    registered: int
    body: bytes = attrs.field(repr=False)


@attrs.define(slots=True)
class Finding:
    """The end of a push: its row, whose it was, and what to say of it.

    `dead_token` is the hash of a token that died, which was `registered` then; its death is told
    only if it was not told since.
    """

    row: int
    organisation: str
    verdict: Verdict
    dead_token: bytes | None = None
    registered: int = 0


def open_store(path: Path, synchronous: str) -> tuple[sqlite3.Connection, str]:
    """The writing connection and the name of the verdict stream; a new file gets its tables.

    Raises OperatorFault.
    """
    with startup_faults(path):
        path.touch(mode=0o600, exist_ok=True)
        connection = connect_writer(path, synchronous)
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            connection.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute("INSERT INTO meta VALUES (?)", (secrets.token_hex(8),))
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        elif found == 1:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(READER)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        elif found != SCHEMA_VERSION:
            connection.close()
            rule = f"has version {found} of the schema, and this program knows {SCHEMA_VERSION}"
            raise OperatorFault(str(path), rule)
        return connection, str(connection.execute("SELECT stream FROM meta").fetchone()[0])


# -- in the writer's transaction -------------------------------------------------------------

_INSERT = (
    "INSERT INTO push (organisation, id, destination, kind, device, collapse, accepted_at,"
    " expires, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (organisation, id) DO NOTHING"
)
_DEAD = "SELECT since FROM dead_token WHERE token = ?"


KNOWN, BURIED = 0, -1
"""In place of a row's number: its id is known, its token is dead."""


def insert(cursor: sqlite3.Cursor, rows: Sequence[Row]) -> list[int]:
    """The number of each row, or KNOWN or BURIED."""
    numbers = []
    for row in rows:
        since = dead_since(cursor, row.token)
        if since is not None and row.registered <= since:
            numbers.append(BURIED)
            continue
        cursor.execute(
            _INSERT,
            (
                row.organisation,
                row.id,
                row.destination,
                row.kind,
                row.device,
                row.collapse,
                row.accepted_at,
                row.expires,
                row.body,
            ),
        )
        numbers.append((cursor.lastrowid or KNOWN) if cursor.rowcount > 0 else KNOWN)
    return numbers


def dead_since(cursor: sqlite3.Cursor, token: bytes) -> int | None:
    """Since when a token is known to be dead, None when it is not."""
    found = cursor.execute(_DEAD, (token,)).fetchone()
    return None if found is None else int(found[0])


def finish(cursor: sqlite3.Cursor, findings: Sequence[Finding]) -> None:
    """End pushes and number their verdicts; a dead token that was told before is just a failure."""
    done, verdicts = [], []
    numbers: dict[str, int] = {}
    for finding in findings:
        verdict = finding.verdict
        if finding.dead_token is not None:
            verdict = _bury(cursor, finding.dead_token, finding.registered, verdict)
        number = numbers.get(finding.organisation)
        if number is None:
            found = cursor.execute(
                "SELECT sequence FROM counter WHERE organisation = ?", (finding.organisation,)
            ).fetchone()
            number = 0 if found is None else int(found[0])
        numbers[finding.organisation] = number + 1
        done.append((finding.row,))
        verdicts.append(
            (
                finding.organisation,
                number + 1,
                verdict.id,
                verdict.outcome,
                verdict.reason,
                verdict.status,
                verdict.at,
                verdict.token_field,
                verdict.dead_since,
                verdict.trace,
            )
        )
    cursor.executemany("UPDATE push SET state = 1, body = NULL WHERE row = ?", done)
    cursor.executemany("INSERT INTO verdict VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", verdicts)
    cursor.executemany(
        "INSERT INTO counter VALUES (?, ?)"
        " ON CONFLICT (organisation) DO UPDATE SET sequence = excluded.sequence",
        list(numbers.items()),
    )


def _bury(cursor: sqlite3.Cursor, token: bytes, registered: int, verdict: Verdict) -> Verdict:
    """Remember a dead token; the verdict is `dead` only for who is the first to say so."""
    known = dead_since(cursor, token)
    if known is not None and registered <= known:
        return attrs.evolve(
            verdict, outcome="failed", reason="dead_token", token_field="", dead_since=0
        )
    cursor.execute(
        "INSERT INTO dead_token VALUES (?, ?, ?)"
        " ON CONFLICT (token) DO UPDATE SET since = excluded.since, told_at = excluded.told_at",
        (token, verdict.dead_since, verdict.at),
    )
    return verdict


_READ = (
    "INSERT INTO reader SELECT ?1, ?2, ?3, ?4 WHERE"
    " (SELECT count(*) FROM reader WHERE organisation = ?1 AND name != ?2) < ?5"
    " ON CONFLICT (organisation, name) DO UPDATE SET after = excluded.after, at = excluded.at"
)


def page(
    cursor: sqlite3.Cursor, organisation: str, reader: str, after: int, now: int
) -> tuple[Verdict, ...]:
    """The verdicts after `after`, up to which `reader` has heard them; those that all readers of
    the organisation have heard are dropped.

    Who has heard of more verdicts than there ever were has heard them of this store before it was
    set back to an older copy: they are numbered on from there, so that none of the new ones is
    taken for one that was heard.
    """
    found = cursor.execute(
        "SELECT sequence FROM counter WHERE organisation = ?", (organisation,)
    ).fetchone()
    last = 0 if found is None else int(found[0])
    if after > last:
        if last + after <= MOST_SEQUENCE:
            _number_on(cursor, organisation, after, last)
        else:
            after = 0
    cursor.execute(_READ, (organisation, reader, after, now, READERS))
    cursor.execute(
        "DELETE FROM verdict WHERE organisation = ? AND sequence <="
        " (SELECT min(after) FROM reader WHERE organisation = ?)",
        (organisation, organisation),
    )
    cursor.execute(
        "SELECT sequence, id, outcome, reason, status, at, token_field, dead_since, trace"
        " FROM verdict WHERE organisation = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        (organisation, after, VERDICTS_PAGE),
    )
    return tuple(Verdict(*found) for found in cursor.fetchall())


def _number_on(cursor: sqlite3.Cursor, organisation: str, after: int, last: int) -> None:
    """Number an organisation's verdicts, `last` at most, and those to come as if `after` had been
    before them."""
    cursor.execute(
        "UPDATE verdict SET sequence = sequence + ? WHERE organisation = ?", (after, organisation)
    )
    cursor.execute(
        "INSERT INTO counter VALUES (?, ?)"
        " ON CONFLICT (organisation) DO UPDATE SET sequence = excluded.sequence",
        (organisation, last + after),
    )


def sweep(cursor: sqlite3.Cursor, now: int) -> int:
    """Delete what has had its time; how many rows."""
    deleted = 0
    for statement, before in (
        (
            "DELETE FROM push WHERE row IN"
            " (SELECT row FROM push WHERE state = 1 AND expires < ? LIMIT ?)",
            now - KEEP_DONE_S,
        ),
        (
            "DELETE FROM verdict WHERE (organisation, sequence) IN"
            " (SELECT organisation, sequence FROM verdict WHERE at < ? LIMIT ?)",
            now - KEEP_VERDICTS_S,
        ),
        (
            "DELETE FROM dead_token WHERE token IN"
            " (SELECT token FROM dead_token WHERE told_at < ? LIMIT ?)",
            now - KEEP_DEAD_S,
        ),
        (
            "DELETE FROM reader WHERE (organisation, name) IN"
            " (SELECT organisation, name FROM reader WHERE at < ? LIMIT ?)",
            now - KEEP_READERS_S,
        ),
    ):
        cursor.execute(statement, (before, SWEEP_ROWS))
        deleted += cursor.rowcount
    return deleted


# -- reading, by another connection ----------------------------------------------------------


@attrs.define(slots=True)
class Waiting:
    """A push that waits, as the queue remembers it: without its body."""

    row: int
    organisation: str
    id: str
    destination: str
    kind: str
    device: int
    collapse: int
    accepted_at: int
    expires: int


class Reader:
    """Reads what is committed; in a thread of its own or, before the reactor runs, anywhere."""

    def __init__(self, path: Path) -> None:
        self._connection = connect_reader(path)

    def waiting(self) -> Iterator[Waiting]:
        """Every push that waits, the oldest first."""
        cursor = self._connection.execute(
            "SELECT row, organisation, id, destination, kind, device, collapse, accepted_at,"
            " expires FROM push WHERE state = 0 ORDER BY row"
        )
        for found in cursor:
            yield Waiting(*found)

    def bodies(self, rows: Sequence[int]) -> dict[int, bytes]:
        """The bodies of these rows; those that are done have none.  No more of them than SQLite
        takes parameters (32,766)."""
        marks = ",".join("?" * len(rows))
        found = self._connection.execute(
            f"SELECT row, body FROM push WHERE row IN ({marks}) AND body IS NOT NULL",  # noqa: S608
            list(rows),
        )
        return dict(found.fetchall())

    def places(self, organisation: str, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Row and destination of those pushes of an organisation that are known by their ids.

        No more of them than SQLite takes parameters."""
        marks = ",".join("?" * len(ids))
        found = self._connection.execute(
            "SELECT id, row, destination FROM push"  # noqa: S608
            f" WHERE organisation = ? AND id IN ({marks})",
            [organisation, *ids],
        )
        return {one: (row, where) for one, row, where in found.fetchall()}

    def close(self) -> None:
        self._connection.close()
