"""docs/migration.md: each cmdlet has its row, and what a row names exists."""

import re

from twisted.trial.unittest import SynchronousTestCase

from mobility.operate.ports import STANDARD_PORTS
from mobility.skype.objects import CMDLETS
from tests.named_things import DOCS, QUOTED, broken_links, commands, problem_of, settings

PAGE = "migration.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")

NAMED_IN_GUIDES = ("New-CsMobilityPolicy",)
"""Cmdlets that the planning guide of the old server names."""

PLANNING = (
    "Set-CsMobilityPolicy",
    "Get-CsMobilityPolicy",
    "Grant-CsMobilityPolicy",
    "Remove-CsMobilityPolicy",
    "Set-CsPushNotificationConfiguration",
    "Set-CsWebServer",
    "Set-CsWebServiceConfiguration",
    "Set-CsMcxConfiguration",
    "Grant-CsVoicePolicy",
    "Set-CsPstnUsage",
    "New-CsVoiceRoute",
    "New-CsHostingProvider",
    "Request-CsCertificate",
    "Test-CsMcxPushNotification",
)
"""Cmdlets that do what it asks for without naming one: push, ports, policies, certificates."""

PARAMETERS = {
    "UcwaSipExternalListeningPort": 5088,
    "UcwaSipPrimaryListeningPort": 5089,
}
"""Parameters of Set-CsWebServer that it names, with the port that each is by default."""

CMDLET = re.compile(r"[A-Z][a-z]+-Cs[A-Za-z0-9]+")


def cmdlet_rows() -> dict[str, str]:
    """Each cmdlet of the first column, to what stands beside it."""
    found: dict[str, str] = {}
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 4 and CMDLET.search(cells[1]):
            found.update(dict.fromkeys(CMDLET.findall(cells[1]), cells[2]))
    return found


class MigrationPageTests(SynchronousTestCase):
    """The page."""

    def test_each_cmdlet(self) -> None:
        """Every cmdlet that the planning guide names, or needs, has a row with something beside."""
        rows = cmdlet_rows()
        for cmdlet in (*NAMED_IN_GUIDES, *PLANNING):
            self.assertTrue(rows.get(cmdlet), cmdlet)

    def test_cmdlets_taken_over(self) -> None:
        """The cmdlets whose objects are taken over are those that the page exports."""
        exported = set(re.findall(r"^(Get-Cs[A-Za-z]+).*Export-Clixml", TEXT, re.MULTILINE))
        self.assertEqual(set(CMDLETS), exported)

    def test_commands(self) -> None:
        """Each command line that the page quotes is one, with its options."""
        found = list(commands(TEXT))
        self.assertGreater(len(found), 25)
        self.assertEqual([], [problem for line in found if (problem := problem_of(line))])

    def test_settings(self) -> None:
        """Each setting beside a cmdlet is a key of the configuration."""
        known = settings()
        for cmdlet, beside in cmdlet_rows().items():
            for quoted in QUOTED.findall(beside):
                if re.fullmatch(r"[a-z_]+\.[a-z_.]+", quoted):
                    self.assertIn(quoted, known, cmdlet)

    def test_ports(self) -> None:
        """The two SIP ports of the old server have the same numbers here, and a row."""
        for parameter, port in PARAMETERS.items():
            self.assertIn(f"`{parameter}` ({port})", cmdlet_rows()["Set-CsWebServer"])
            self.assertIn(port, STANDARD_PORTS)

    def test_links(self) -> None:
        """Each link leads somewhere."""
        self.assertEqual([], broken_links(PAGE, TEXT))
