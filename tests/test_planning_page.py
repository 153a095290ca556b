"""docs/planning.md: each row of the guide has an answer, and what an answer names exists."""

import re
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.mobility_policy import MobilityPolicy
from mobility.domain.setting_rules import shown_names
from tests.named_things import (
    DOCS,
    LINK,
    QUOTED,
    broken_links,
    commands,
    problem_of,
    settings,
)

PAGE = "planning.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
FINDINGS = set(
    re.findall(r"^\| `([a-z]+\.[a-z0-9-]+)` \|", (DOCS / "checks.md").read_text("utf-8"), re.M)
)

SECTIONS = (
    "What mobile users get",
    "Components",
    "Supported topologies",
    "Technical requirements",
    "DNS",
    "Ports and firewall",
    "Certificates",
    "Operating system and web server",
    "Load balancers",
    "Reverse proxy",
    "What you need",
)
"""The sections of the guide, in its order, with how many things it asks for in each at least."""

ASKED = (14, 6, 3, 1, 20, 2, 4, 1, 2, 2, 14)

PARAMETERS = {
    "EnableMobility": True,
    "EnableOutsideVoice": True,
    "EnableIPAudioVideo": True,
    "RequireWiFiForIPAudio": False,
    "RequireWiFiForIPVideo": False,
}
"""The features of the guide's table, with its defaults."""


def sections() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each section that has a table, and its rows: what is asked, what answers it."""
    for part in re.split(r"^##+ ", TEXT, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        lines = [line for line in rest.splitlines() if line.startswith("| ")][1:]
        rows = [tuple(cell.strip() for cell in line.strip("| ").split(" | ", 1)) for line in lines]
        yield title, [(row[0], row[1]) for row in rows]


def names(answer: str) -> list[str]:
    """What an answer names: what is quoted, and pages."""
    return [*QUOTED.findall(answer), *(page for page, _ in LINK.findall(answer))]


class PlanningPageTests(SynchronousTestCase):
    """The page."""

    def test_sections(self) -> None:
        """Every section of the guide is there, in order, with all that it asks for."""
        found = list(sections())
        self.assertEqual(list(SECTIONS), [title for title, _ in found])
        for (title, rows), least in zip(found, ASKED, strict=True):
            self.assertGreaterEqual(len(rows), least, title)

    def test_each_row_is_answered(self) -> None:
        """Each row names a setting, a check, a command or a page."""
        for title, rows in sections():
            for asked, answer in rows:
                self.assertTrue(names(answer), f"{title}: {asked}")

    def test_commands(self) -> None:
        """Each command exists, with its options."""
        found = list(commands(TEXT))
        self.assertGreater(len(found), 40)
        self.assertEqual([], [problem for line in found if (problem := problem_of(line))])

    def test_what_is_quoted(self) -> None:
        """Whatever else is quoted is a key of the configuration, a finding of a check, or a
        parameter of mobility policies."""
        known = {*settings(), *FINDINGS, *shown_names(MobilityPolicy).values()}
        allowed = {"internal", "external", "[[listen]]", "mobility check"}
        self.assertGreater(len(FINDINGS), 50)
        for title, rows in sections():
            for asked, answer in rows:
                for quoted in QUOTED.findall(answer):
                    if not quoted.startswith("mobility ") and quoted not in allowed:
                        self.assertIn(quoted, known, f"{title}: {asked}")

    def test_features(self) -> None:
        """The parameters of the guide's table are on the page and have its defaults."""
        policy = MobilityPolicy("global")
        fields = {label: field for field, label in shown_names(MobilityPolicy).items()}
        for parameter, default in PARAMETERS.items():
            self.assertIn(f"`{parameter}` ({default})", TEXT)
            self.assertEqual(default, getattr(policy, fields[parameter]))

    def test_links(self) -> None:
        """Each link leads somewhere."""
        self.assertEqual([], broken_links(PAGE, TEXT))
