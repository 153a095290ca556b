"""Bringing the database file to the schema of this version, with Alembic.

The migrations are part of the package (`mobility/store/migrations`) and run at start, each
upgrade in one transaction.  Alembic is driven from here and never from a configuration file, so
it leaves logging alone.
"""

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.pool import NullPool

from mobility.errors import OperatorFault
from mobility.store.connection import reason, startup_faults
from mobility.store.lock import lock_of, remember, remembered

PRIVATE = 0o600
"""The mode of the database and its copies: they hold password hashes and messages."""


MIGRATIONS = "mobility.store:migrations"
"""Where the migrations are, as Alembic names a directory of a package."""


@attrs.frozen(slots=True)
class Migration:
    """What `migrate` did: revisions before ("" for none) and after, and the copy it kept."""

    before: str
    after: str
    backup: Path | None = None


def migrate(path: Path, migrations: str = MIGRATIONS) -> Migration:
    """Create the database at `path`, or bring it to the schema of this version.

    A new file has mode 0600.  Before an existing database is changed a copy is kept beside it,
    named `<name>.backup-<old revision>-<UTC time>`.  Blocks; for the time before the reactor runs.

    Raises OperatorFault if the file cannot be used, holds something else, was written by a newer
    version, or is empty or gone although there was a database; then nothing of it is changed.
    """
    with startup_faults(path):
        _check_there(path)
        _create(path)
        engine = _engine(path)
        try:
            done = _migrate(path, engine, migrations)
        finally:
            engine.dispose()
        remember(path, done.after)
        return done


def _check_there(path: Path) -> None:
    """An empty database, beside which there is what only one with content leaves, was lost."""
    try:
        if path.stat().st_size:
            return
        state = "is empty"
    except FileNotFoundError:
        state = "is not there"
    wal = path.with_name(f"{path.name}-wal")
    if schema := remembered(path):
        trace = f"{lock_of(path).name} says that it had the schema {schema}"
    elif wal.exists() and wal.stat().st_size:
        trace = f"{wal.name} holds changes to it"
    else:
        return
    raise OperatorFault(
        str(path),
        f"the database {state}, but {trace}: put a copy of it back, "
        f"or begin anew by removing every file {path.name}*",
    )


def _migrate(path: Path, engine: Engine, migrations: str) -> Migration:
    config = Config()
    config.set_main_option("script_location", migrations)
    script = ScriptDirectory.from_config(config)
    newest = script.get_current_head() or ""
    with engine.connect() as connection:
        before = _revision(path, connection, script)
    if before == newest:
        return Migration(before, newest)
    backup = _back_up(path, before) if before else None
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return Migration(before, newest, backup)


def _revision(path: Path, connection: Connection, script: ScriptDirectory) -> str:
    """The revision the database is at, "" when it is empty."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        if inspect(connection).get_table_names():
            raise OperatorFault(str(path), "this is a database of something else")
        return ""
    try:
        script.get_revision(revision)
    except CommandError as error:
        raise OperatorFault(
            str(path),
            f"the schema {revision} is newer than this version of mobility knows; "
            "run the version that wrote it, or restore a backup",
        ) from error
    return revision


def _create(path: Path) -> None:
    """Make an empty private file unless there is a file."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
    except FileExistsError:
        pass


def _back_up(path: Path, revision: str) -> Path:
    """The copy, whole: it has its name when it is finished, and not before."""
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    backup = path.with_name(f"{path.name}.backup-{revision}-{time}")
    unfinished = path.with_name(f"{path.name}.unfinished-backup")
    unfinished.unlink(missing_ok=True)
    _create(unfinished)
    try:
        source, target = sqlite3.connect(path), sqlite3.connect(unfinished)
        try:
            source.backup(target)
        finally:
            target.close()
            source.close()
    except sqlite3.Error as error:
        unfinished.unlink()
        raise OperatorFault(
            str(backup), f"the copy to keep before migrating cannot be made ({reason(error)})"
        ) from error
    unfinished.rename(backup)
    return backup


def _engine(path: Path) -> Engine:
    """An engine whose transactions hold the statements that change tables, too."""
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    event.listen(engine, "connect", _by_hand)
    event.listen(engine, "begin", _begin)
    return engine


def _by_hand(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
