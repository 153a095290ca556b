"""What a run remembers, and how it is called."""

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.__main__ import parse
from tests.conformance.catalogue import Catalogue
from tests.conformance.checker import Checker
from tests.conformance.coverage import Coverage
from tests.conformance.exchange import Exchange
from tests.conformance.inventory import take
from tests.conformance.record import Record
from tests.conformance.shown import Form, Told
from tests.conformance.sightings import of_record


class RecordTests(SynchronousTestCase):
    """`Record`."""

    def setUp(self) -> None:
        self.record = Record(Checker(Catalogue.load()))
        self.record.begin("test")

    def saw(self, status: int, body: bytes) -> None:
        headers = {"content-type": "application/json", "x-ms-ucwaversion": "1"}
        self.record.saw(Exchange(Form.JSON, "GET", "me", status, headers, body))

    def test_success(self) -> None:
        """An operation counts when it succeeded, in the form in which it did."""
        self.saw(200, b'{"rel": "me", "_links": {"self": {"href": "/me"}}}')
        self.record.begin("later")
        self.saw(200, b'{"rel": "me", "_links": {"self": {"href": "/me"}}}')
        self.assertEqual(self.record.operations[Form.JSON], {("me", "GET", 200): "test"})
        self.assertEqual(self.record.resources[Form.JSON], {"me": "test"})
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

    def test_event(self) -> None:
        """An event counts when a script waited for it, as each documented event that it is."""
        event = Told("people", "/people", "added", "contact", "/bob", "group", "", None, {})
        self.record.passed(event)
        self.assertEqual(self.record.events[Form.JSON], {})
        self.record.heard(Form.JSON, event)
        found = self.record.events[Form.JSON]
        self.assertEqual(found["group", "contact", "added"], "test")
        self.assertNotIn(("subscribedContacts", "contact", "added"), found)

    def test_undocumented_event(self) -> None:
        """An event that no page lists counts as one of its own rel."""
        event = Told("me", "/me", "added", "hat", "/hat", "", "", None, {})
        self.record.heard(Form.XML, event)
        self.assertEqual(self.record.events[Form.XML], {("hat", "hat", "added"): "test"})


class SightingTests(SynchronousTestCase):
    """`of_record`."""

    def setUp(self) -> None:
        self.record = Record(Checker(Catalogue.load()))
        self.inventory = take(self.record.checker.catalogue)

    def saw(self, scenario: str, status: int) -> None:
        self.record.begin(scenario)
        headers = {"x-ms-ucwaversion": "1"}
        self.record.saw(Exchange(Form.XML, "POST", "makeMeAvailable", status, headers, b""))

    def test_revisions(self) -> None:
        """Revisions that succeed with different codes are seen apart."""
        self.saw("newer", 201)
        found = of_record(self.record, self.inventory)
        newer = [("operation", "makeMeAvailable2", "POST"), ("resource", "makeMeAvailable2")]
        self.assertEqual(found.first, {(key, Form.XML): "newer" for key in newer})
        self.saw("older", 204)
        older = of_record(self.record, self.inventory).first
        self.assertEqual(older[("resource", "makeMeAvailable"), Form.XML], "older")

    def test_first(self) -> None:
        """A resource is seen by the script that was played first, whatever it showed."""
        self.record.begin("first")
        self.record.resources[Form.JSON]["me"] = "second"
        self.record.begin("second")
        self.record.operations[Form.JSON]["me", "GET", 200] = "first"
        found = of_record(self.record, self.inventory).first
        self.assertEqual(found[("resource", "me"), Form.JSON], "first")

    def test_shares(self) -> None:
        """What is seen counts for its area; an event must be seen in both forms."""
        self.saw("script", 204)
        self.record.events[Form.JSON]["note", "note", "updated"] = "script"
        coverage = Coverage(self.inventory, of_record(self.record, self.inventory), ["me"])
        self.assertEqual(coverage.operations(Form.XML).part, 1)
        self.assertEqual(coverage.operations(Form.JSON).part, 0)
        self.assertEqual(coverage.events.part, 0)
        self.record.events[Form.XML]["note", "note", "updated"] = "script"
        coverage = Coverage(self.inventory, of_record(self.record, self.inventory), ["me"])
        self.assertEqual(coverage.events.part, 1)
        self.assertTrue(any("events" in goal for goal in coverage.missed))


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
