"""What a run remembers, and how it is called."""

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.__main__ import parse
from tests.conformance.catalogue import Catalogue
from tests.conformance.checker import Checker
from tests.conformance.exchange import Exchange
from tests.conformance.record import Record
from tests.conformance.shown import Form


class RecordTests(SynchronousTestCase):
    """`Record`."""

    def setUp(self) -> None:
        self.record = Record(Checker(Catalogue.load()))
        self.record.scenario = "test"

    def saw(self, status: int, body: bytes) -> None:
        headers = {"content-type": "application/json", "x-ms-ucwaversion": "1"}
        self.record.saw(Exchange(Form.JSON, "GET", "me", status, headers, body))

    def test_success(self) -> None:
        """An operation counts when it succeeded, in the form in which it did."""
        self.saw(200, b'{"rel": "me", "_links": {"self": {"href": "/me"}}}')
        self.assertEqual(self.record.operations[Form.JSON], {("me", "GET"): {"test"}})
        self.assertEqual(self.record.operations[Form.XML], {})
        self.assertEqual(self.record.mismatches, set())

    def test_refusal(self) -> None:
        """A refused operation does not count."""
        self.saw(404, b'{"code": "NotFound"}')
        self.assertEqual(self.record.operations[Form.JSON], {})
        self.assertEqual(self.record.mismatches, set())

    def test_mismatch(self) -> None:
        """What is wrong is told once for a script, however often it comes."""
        for _ in range(2):
            self.saw(200, b'{"rel": "me", "colour": "red", "_links": {"self": {"href": "/me"}}}')
        (found,) = self.record.mismatches
        self.assertEqual((found.scenario, found.where), ("test", "GET me"))


class OptionTests(SynchronousTestCase):
    """The command line."""

    def test_users(self) -> None:
        """A user's password is the first line of a file."""
        file = self.mktemp()
        with open(file, "w") as passwords:
            passwords.write("correct horse\n")
        options = parse(["--base-url", "https://x.test/", "--user", f"a@x.test:{file}"])
        (account,) = options.users
        self.assertEqual((account.uri, account.password), ("sip:a@x.test", "correct horse"))

    def test_wrong(self) -> None:
        """A server without users, a user without a server, and a missing file end with status 2."""
        for arguments in (
            ["--base-url", "https://x.test/"],
            ["--user", "a@x.test"],
            ["--base-url", "https://x.test/", "--user", "a@x.test:/nowhere/at/all"],
        ):
            with self.assertRaises(SystemExit) as ended:
                parse(arguments)
            self.assertEqual(ended.exception.code, 2)
