"""The conformance command against a front end of its own, over HTTPS."""

from twisted.trial.unittest import TestCase

from tests.conformance.program import judge_own


class ProgramTests(TestCase):
    """`python -m tests.conformance`."""

    timeout = 120

    async def test_own(self) -> None:
        """Every script plays to its end in both forms, and nothing is other than documented."""
        record = await judge_own()
        self.assertEqual(record.halts, [])
        self.assertEqual(sorted(record.mismatches), [])
