"""Looking at this machine."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.check.machine import file_system, look

MOUNTS = """\
overlay / overlay rw 0 0
/dev/sda1 /var ext4 rw 0 0
server:/export /var/lib/my\\040data nfs4 rw 0 0
odd
"""


class MachineTests(SynchronousTestCase):
    """What is seen."""

    def test_this_one(self) -> None:
        """Versions and limits of this process are told, and the data directory need not be
        there."""
        seen = look(Path(self.mktemp()) / "not" / "there")
        self.assertGreaterEqual(seen.python, (3, 11))
        self.assertGreaterEqual(seen.openssl, (1, 1))
        self.assertGreaterEqual(seen.twisted, (24, 10))
        self.assertGreater(seen.descriptors, 0)
        self.assertTrue(seen.epoll)
        self.assertIsInstance(seen.free_bytes, int)

    def test_file_systems(self) -> None:
        """The mount that is nearest above a directory counts."""
        for place, kind in (
            ("/var/lib/my data/db", "nfs4"),
            ("/var/lib/other", "ext4"),
            ("/home", "overlay"),
            ("/variable", "overlay"),
        ):
            self.assertEqual(kind, file_system(Path(place), MOUNTS))
        self.assertEqual("", file_system(Path("/home"), ""))

    def test_permissions(self) -> None:
        """Files that others may read are told, unless others cannot get into the directory."""
        directory = Path(self.mktemp())
        directory.mkdir()
        directory.chmod(0o755)  # whatever the umask
        for name, mode in (("open", 0o644), ("closed", 0o600)):
            (directory / name).touch()
            (directory / name).chmod(mode)
        self.assertEqual(("open",), look(directory).readable_by_others)
        directory.chmod(0o700)
        self.assertEqual((), look(directory).readable_by_others)
