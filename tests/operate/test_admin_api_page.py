"""docs/admin-api.md against the program: every route, and a command for each."""

from pathlib import Path

import click
from twisted.trial.unittest import TestCase

from mobility.administration import administration_routes
from mobility.cli import COMMANDS, program
from mobility.operate import directory, status
from mobility.operate.access import OperatorAccess
from tests.ucwa.service import Service

PAGE = Path(__file__).parent.parent.parent / "docs" / "admin-api.md"
RUNNING = {("GET", status.PATH), ("POST", directory.PATH)}
"""What only a front end that runs has."""

ALONE = {"init", "csr", "dns-plan", "proxy-config", "firewall", "check", "demo"}
"""Commands that ask nobody."""


def rows() -> list[tuple[str, str, str]]:
    """Method, path and command of each line of the page's tables."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip().strip("`") for cell in line.split("|")] for line in lines]
    return [(row[1], row[2], row[3]) for row in cells if row[2:3] and row[2].startswith("/")]


class AdminApiPageTests(TestCase):
    async def test_routes(self) -> None:
        """The page has every route of the API once, and no other."""
        service = Service(self.mktemp())
        self.addCleanup(service.stop)
        access = OperatorAccess("k" * 43)
        routes = administration_routes(
            service.front_end, service.config, access, service.log, lambda uri: uri
        )
        served = sorted({(route.method, route.path) for route in routes} | RUNNING)
        self.assertEqual(served, sorted((method, path) for method, path, _ in rows()))

    def test_commands(self) -> None:
        """Each route has a command that there is."""
        for _, path, words in rows():
            command: click.Command = program
            for word in words.split():
                self.assertIsInstance(command, click.Group, path)
                group = command
                assert isinstance(group, click.Group)
                found = group.get_command(click.Context(group), word)
                self.assertIsNotNone(found, f"{path}: {words}")
                assert found is not None
                command = found

    def test_every_command(self) -> None:
        """Each command is that of a route, or said to ask nobody."""
        named = {words.split()[0] for _, _, words in rows()}
        self.assertEqual(set(COMMANDS), named | ALONE)
