"""Trying out the settings."""

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.check import Report, check_server
from mobility.testing import MemoryLog
from tests.directory.doubles import SECRET, SETTINGS, MemoryServers, person, settings
from tests.directory.test_connection import started

URL = SETTINGS.servers[1]


class CheckServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryServers(self.clock)
        self.password = Path(self.mktemp())
        self.password.write_text(SECRET)
        os.chmod(self.password, 0o600)

    def report(self, **changes: object) -> Report:
        return self.successResultOf(
            started(
                check_server(
                    settings(bind_password_file=self.password, **changes),
                    URL,
                    ("example.test",),
                    self.memory,
                    self.clock.seconds,
                    MemoryLog(),
                )
            )
        )

    def test_good(self) -> None:
        """It counts who would be replicated, and names the first entries that would not."""
        self.memory.two.entries = [
            person("ann"),
            person("ben", pwdAccountLockedTime="000001010000Z"),
            person("cat", mail=""),
            person("dan", mail="dan@mail.test"),
            person("eve", mail="ann@example.test"),
        ]
        self.assertEqual(
            self.report(group_base="ou=groups"),
            Report(
                URL,
                users=2,
                disabled=1,
                without_address=2,
                first_without_address=person("cat")[0],
                twice=1,
                first_twice=person("eve")[0],
                groups=5,
            ),
        )
        self.assertEqual(self.memory.two.open, [])
        self.assertEqual(self.memory.one.connections, [])

    def test_nobody(self) -> None:
        """A search that finds nobody is a problem."""
        self.assertIn("no user below", self.report().problem)

    def test_away(self) -> None:
        """So is a server that cannot be reached, or does not let the service in."""
        self.memory.two.up = False
        self.assertIn("cannot be reached", self.report().problem)
        self.memory.two.up = True
        self.memory.two.passwords.clear()
        self.assertIn("was refused: result 49 invalidCredentials", self.report().problem)
