"""The conformance command against a front end of its own, over HTTPS."""

from twisted.trial.unittest import TestCase

from tests.conformance.inventory import take
from tests.conformance.page import FILE, with_tables
from tests.conformance.program import judge_own
from tests.conformance.report import undeclared
from tests.conformance.sightings import of_record


class ProgramTests(TestCase):
    """`python -m tests.conformance`."""

    timeout = 900
    maxDiff = None

    async def test_own(self) -> None:
        """Every script plays to its end in both forms, nothing is other than documented, and
        docs/conformance.md says what was seen."""
        record = await judge_own()
        self.assertEqual(record.halts, [])
        self.assertEqual(sorted(record.mismatches), [])
        inventory = take(record.checker.catalogue)
        sightings = of_record(record, inventory)
        self.assertEqual(list(undeclared(inventory, sightings)), [])
        page = FILE.read_text(encoding="utf-8")
        seen = with_tables(page, inventory, sightings)
        self.assertEqual(page.splitlines(), seen.splitlines(), "run: tox -e conformance")
