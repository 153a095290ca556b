"""The database file is created, migrated with a copy kept, or refused."""

import logging
import shutil
import sqlite3
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import OperatorFault
from mobility.store.lock import exclusive_lock
from mobility.store.schema import Migration, migrate
from mobility.store.tables import metadata
from tests.store.doubles import HEAD, MIGRATIONS

ADD_COLUMN = f"""
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{HEAD}"


def upgrade() -> None:
    op.add_column("users", sa.Column("nickname", sa.Text()))
"""

FAIL_HALFWAY = ADD_COLUMN + '    op.execute("INSERT INTO nowhere VALUES (1)")\n'


class MigrateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / "mobility.db"

    def later_version(self, migration: str) -> str:
        """The migrations of this version and one more."""
        later = self.directory / "later"
        shutil.copytree(MIGRATIONS, later)
        (later / "versions" / "9999_later.py").write_text(migration)
        return str(later.absolute())

    def columns_of_users(self, path: Path) -> set[str]:
        connection = sqlite3.connect(path)
        try:
            return {row[1] for row in connection.execute("PRAGMA table_info(users)")}
        finally:
            connection.close()

    def test_new_database(self) -> None:
        """A new database is private to its owner and needs no copy."""
        self.assertEqual(migrate(self.path), Migration("", HEAD))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(list(self.directory.glob("*backup*")), [])

    def test_lost(self) -> None:
        """A database that is empty or gone, though there was one, is not taken for a new one; what
        is left of it stays as it is, and a copy that is put back is used."""
        migrate(self.path)
        copy = self.path.read_bytes()
        for lose, told in (
            (lambda: self.path.write_bytes(b""), "is empty"),
            (self.path.unlink, "is not there"),
        ):
            lose()
            fault = self.assertRaises(OperatorFault, migrate, self.path)
            self.assertIn(told, fault.rule)
            self.assertIn(f"the schema {HEAD}", fault.rule)
        self.assertFalse(self.path.exists())
        self.path.write_bytes(copy)
        self.assertEqual(migrate(self.path), Migration(HEAD, HEAD))

    def test_lost_before_it_was_remembered(self) -> None:
        """So it is when a write-ahead log is left; SQLite would delete that."""
        self.path.write_bytes(b"")
        log = self.path.with_name("mobility.db-wal")
        log.write_bytes(b"changes")
        fault = self.assertRaises(OperatorFault, migrate, self.path)
        self.assertIn("mobility.db-wal holds changes", fault.rule)
        self.assertEqual(b"changes", log.read_bytes())

    def test_begun(self) -> None:
        """An empty file of a process that was killed before it made the tables is a new database,
        and so is what everything was removed of."""
        self.path.write_bytes(b"")
        with exclusive_lock(self.path):
            self.assertEqual(migrate(self.path), Migration("", HEAD))
        for file in self.directory.glob("mobility.db*"):
            file.unlink()
        self.assertEqual(migrate(self.path), Migration("", HEAD))

    def test_migrations_make_the_tables(self) -> None:
        """What the migrations make is what the code's tables say, down to the indexes."""
        migrate(self.path)
        engine = create_engine(f"sqlite:///{self.path}")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection)
            self.assertEqual(compare_metadata(context, metadata), [])
        engine.dispose()

    def test_without_rowid(self) -> None:
        """The migrations keep the tables without row ids that the code declares so."""
        migrate(self.path)
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        for name, table in metadata.tables.items():
            (sql,) = connection.execute(
                "SELECT sql FROM sqlite_master WHERE name = ?", (name,)
            ).fetchone()
            declared = table.dialect_options["sqlite"]["with_rowid"] is False
            self.assertEqual("WITHOUT ROWID" in sql, declared, name)

    def test_current_database_is_left_alone(self) -> None:
        """Starting again changes nothing and copies nothing."""
        migrate(self.path)
        before = self.path.read_bytes()
        self.assertEqual(migrate(self.path), Migration(HEAD, HEAD))
        self.assertEqual(self.path.read_bytes(), before)
        self.assertEqual(list(self.directory.glob("*backup*")), [])

    def test_copy_before_a_change(self) -> None:
        """An older database is copied, privately, before it is migrated."""
        migrate(self.path)
        done = migrate(self.path, self.later_version(ADD_COLUMN))
        self.assertEqual((done.before, done.after), (HEAD, "9999"))
        self.assertIn("nickname", self.columns_of_users(self.path))
        assert done.backup is not None
        self.assertRegex(done.backup.name, rf"^mobility\.db\.backup-{HEAD}-\d{{8}}T\d{{6}}Z$")
        self.assertNotIn("nickname", self.columns_of_users(done.backup))
        self.assertEqual(done.backup.stat().st_mode & 0o777, 0o600)

    def test_interrupted_copy(self) -> None:
        """A copy that was interrupted never has the name of a finished one, and is begun anew."""
        migrate(self.path)
        unfinished = self.directory / "mobility.db.unfinished-backup"
        unfinished.write_bytes(b"half of a copy")
        done = migrate(self.path, self.later_version(ADD_COLUMN))
        assert done.backup is not None
        self.assertIn("uri", self.columns_of_users(done.backup))
        self.assertFalse(unfinished.exists())

    def test_failed_migration_changes_nothing(self) -> None:
        """A migration that fails halfway leaves the old schema, and one line for the operator."""
        migrate(self.path)
        later = self.later_version(FAIL_HALFWAY)
        self.assertRaises(OperatorFault, migrate, self.path, later)
        self.assertNotIn("nickname", self.columns_of_users(self.path))
        self.assertEqual(migrate(self.path), Migration(HEAD, HEAD))

    def test_newer_schema_is_refused(self) -> None:
        """A database of a newer version is refused by file and revision, and not touched."""
        migrate(self.path)
        migrate(self.path, self.later_version(ADD_COLUMN))
        before = self.path.read_bytes()
        fault = self.assertRaises(OperatorFault, migrate, self.path)
        self.assertIn(str(self.path), str(fault))
        self.assertIn("9999 is newer", str(fault))
        self.assertEqual(self.path.read_bytes(), before)

    def test_foreign_database_is_refused(self) -> None:
        """A database with somebody else's tables is not taken over."""
        connection = sqlite3.connect(self.path)
        connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        fault = self.assertRaises(OperatorFault, migrate, self.path)
        self.assertIn("something else", str(fault))

    def test_no_database_at_all(self) -> None:
        """A file that is no database is refused and stays as it is."""
        self.path.write_text("name = value\n" * 200)
        fault = self.assertRaises(OperatorFault, migrate, self.path)
        self.assertIn("(SQLITE_NOTADB); it is damaged, or no database at all", str(fault))
        self.assertEqual(self.path.read_text(), "name = value\n" * 200)

    def test_damaged(self) -> None:
        """A database whose pages are gone is refused, with what there is to do."""
        migrate(self.path)
        with self.path.open("r+b") as file:
            file.truncate(20_000)
        fault = self.assertRaises(OperatorFault, migrate, self.path)
        self.assertIn("(SQLITE_CORRUPT); it is damaged", str(fault))
        self.assertEqual(self.path.stat().st_size, 20_000)

    def test_missing_directory(self) -> None:
        """A database in a directory that does not exist is the operator's to mend."""
        missing = self.directory / "missing" / "mobility.db"
        fault = self.assertRaises(OperatorFault, migrate, missing)
        self.assertIn("No such file or directory", str(fault))

    def test_odd_path(self) -> None:
        """Characters that mean something in URLs mean nothing in a path."""
        odd = self.directory / "50%? #1.db"
        migrate(odd)
        self.assertTrue(odd.stat().st_size)
        self.assertEqual(migrate(odd), Migration(HEAD, HEAD))

    def test_logging_is_left_alone(self) -> None:
        """Migrating neither adds log handlers nor changes or disables loggers."""
        other = logging.getLogger("somebody.else")
        before = (logging.root.handlers[:], logging.root.level, other.disabled)
        migrate(self.path)
        self.assertEqual((logging.root.handlers, logging.root.level, other.disabled), before)
