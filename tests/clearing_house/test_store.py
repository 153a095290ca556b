"""The store of the clearing house: earlier versions, and who hears verdicts."""

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house import store
from mobility.errors import OperatorFault
from mobility.push.wire import Verdict

DAY_S = 86_400


class StoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def opened(self) -> sqlite3.Connection:
        connection, _ = store.open_store(self.path, "FULL")
        self.addCleanup(connection.close)
        return connection

    def tell(self, cursor: sqlite3.Cursor, number: int) -> None:
        """So many verdicts for `o`."""
        for one in range(number):
            verdict = Verdict(0, f"p{one}", "delivered", "", "200", 5)
            store.finish(cursor, [store.Finding(one, "o", verdict)])

    def heard(self, cursor: sqlite3.Cursor, reader: str, after: int, now: int = 0) -> list[int]:
        return [one.sequence for one in store.page(cursor, "o", reader, after, now)]

    def test_version_1(self) -> None:
        """A store of the version before has its verdicts still, and hears readers."""
        connection = self.opened()
        self.tell(connection.cursor(), 2)
        connection.execute("DROP TABLE reader")
        connection.execute("PRAGMA user_version = 1")
        connection.close()
        cursor = self.opened().cursor()
        self.assertEqual(self.heard(cursor, "a", 1), [2])
        self.assertEqual(self.opened().execute("PRAGMA user_version").fetchone(), (2,))

    def test_later_version(self) -> None:
        """A store of a later version is left alone."""
        self.opened().execute("PRAGMA user_version = 3")
        self.assertRaises(OperatorFault, store.open_store, self.path, "FULL")

    def test_reader_away(self) -> None:
        """A reader that is away is waited for a week, and not longer."""
        cursor = self.opened().cursor()
        self.tell(cursor, 3)
        self.assertEqual(self.heard(cursor, "a", 0), [1, 2, 3])
        self.assertEqual(self.heard(cursor, "b", 3, 6 * DAY_S), [])
        store.sweep(cursor, 6 * DAY_S)
        self.assertEqual(self.heard(cursor, "c", 0, 6 * DAY_S), [1, 2, 3])
        self.assertEqual(self.heard(cursor, "c", 3, 6 * DAY_S), [])
        store.sweep(cursor, 8 * DAY_S)
        self.assertEqual(self.heard(cursor, "b", 3, 8 * DAY_S), [])
        self.assertEqual(self.heard(cursor, "d", 0, 8 * DAY_S), [])

    def test_readers_bounded(self) -> None:
        """Of more readers than there may be the others hear, and are not waited for."""
        cursor = self.opened().cursor()
        self.tell(cursor, 2)
        for number in range(store.READERS):
            self.heard(cursor, f"r{number}", 1)
        self.assertEqual(self.heard(cursor, "another", 0), [2])
        for number in range(store.READERS):
            self.heard(cursor, f"r{number}", 2)
        self.assertEqual(self.heard(cursor, "another", 0), [])
        (count,) = cursor.execute("SELECT count(*) FROM reader").fetchone()
        self.assertEqual(count, store.READERS)
