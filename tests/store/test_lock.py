"""One process at a time uses a database."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import OperatorFault
from mobility.store.lock import exclusive_lock


class LockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_second_is_refused(self) -> None:
        """While the lock is held nobody else gets it, and is told which database is in use."""
        with exclusive_lock(self.path):
            fault = self.assertRaises(OperatorFault, exclusive_lock, self.path)
        self.assertEqual(str(fault), f"{self.path}: the database is in use by another process")

    def test_free_after_release(self) -> None:
        """A released lock can be taken again, and releasing twice does no harm."""
        lock = exclusive_lock(self.path)
        lock.release()
        lock.release()
        exclusive_lock(self.path).release()

    def test_missing_directory(self) -> None:
        """A lock that cannot be made is the operator's fault."""
        fault = self.assertRaises(OperatorFault, exclusive_lock, self.path / "missing" / "db")
        self.assertIn("No such file or directory", str(fault))
