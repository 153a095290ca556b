"""docs/checks.md against the catalogue of rules."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.check.catalogue import RULES
from mobility.check.findings import PARTS

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"


class ChecksPageTests(SynchronousTestCase):
    """The tables of findings."""

    def test_findings(self) -> None:
        """Each part has a section, with one line for each of its findings, word for word."""
        sections = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
        self.assertEqual(list(PARTS), [section.partition("\n")[0] for section in sections])
        for part, section in zip(PARTS, sections, strict=True):
            lines = [line for line in section.splitlines() if line.startswith("| `")]
            expected = [
                f"| `{rule.id}` | {rule.severity.value} | {rule.fault} | {rule.why} "
                f"| {rule.remedy} |"
                for rule in RULES.values()
                if rule.part == part
            ]
            with self.subTest(part=part):
                self.assertEqual(expected, lines)
