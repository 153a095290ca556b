"""Key files and pseudonyms."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import OperatorFault
from mobility.operate.keys import pseudonyms, read_key, read_or_make_key


class KeyFileTests(SynchronousTestCase):
    """The files that hold this front end's secrets."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp())

    def rule(self) -> str:
        return self.assertRaises(OperatorFault, read_key, self.file).rule

    def test_made_once(self) -> None:
        """The first use makes a random key of 256 bits, for its owner alone; later ones read it."""
        key = read_or_make_key(self.file)
        self.assertEqual(43, len(key))
        self.assertEqual(0o600, self.file.stat().st_mode & 0o777)
        self.assertEqual(key, read_or_make_key(self.file))
        self.assertEqual(key, read_key(self.file))

    def test_readable_by_others(self) -> None:
        """A key that others may read is refused."""
        read_or_make_key(self.file)
        self.file.chmod(0o640)
        self.assertIn("has mode 0640", self.rule())

    def test_short(self) -> None:
        """A key that is too short to be a secret is refused, and never shown."""
        self.file.write_text("abc\n")
        self.file.chmod(0o600)
        self.assertIn("32 characters or more", self.rule())
        self.assertNotIn("abc", self.rule())

    def test_unreadable(self) -> None:
        """So is one that is missing, or no text."""
        self.assertIn("No such file", self.rule())
        self.file.write_bytes(b"\xff" * 40)
        self.file.chmod(0o600)
        self.assertIn("not ASCII", self.rule())

    def test_unwritable(self) -> None:
        """A directory that does not exist is named."""
        fault = self.assertRaises(OperatorFault, read_or_make_key, self.file / "x")
        self.assertIn("cannot be written", fault.rule)


class PseudonymTests(SynchronousTestCase):
    """Names for users in the log."""

    def test_joins(self) -> None:
        """The same user has the same pseudonym under one key, and another under another."""
        one, other = pseudonyms("k" * 43), pseudonyms("l" * 43)
        self.assertEqual(one("sip:a@example.test"), one("sip:a@example.test"))
        self.assertNotEqual(one("sip:a@example.test"), one("sip:b@example.test"))
        self.assertNotEqual(one("sip:a@example.test"), other("sip:a@example.test"))

    def test_shape(self) -> None:
        """It is 12 hex digits, for any text."""
        for text in ("", "sip:a@example.test", "\ud800", "x" * 100_000):
            self.assertRegex(pseudonyms("k")(text), "^[0-9a-f]{12}$")
