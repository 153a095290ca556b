"""An import that is killed, over the real command and store."""

import json
import signal
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.transfer.document import FORMAT, VERSION
from tests.interop.child import RETRY_S, Child
from tests.interop.front_end_process import command, free_offset

USERS = 6_000
"""So many that their transaction is more than SQLite keeps in memory."""


ENOUGH = 100_000
"""Bytes of the journal that say that rows are being written."""


class KilledImportTests(TestCase):
    """`kill -9` while a configuration is taken in."""

    timeout = 300

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        made = command("init", str(self.directory), f"--port-offset={free_offset()}")
        self.assertEqual(0, made.returncode, made.stderr)
        self.config = str(self.directory / "mobility.toml")
        self.file = self.directory / "all.json"
        users = [
            {"uri": f"sip:user{number}@example.test", "name": f"User {number}", "title": "x" * 200}
            for number in range(USERS)
        ]
        usages = [{"name": "Local"}]
        sections = {"users": users, "pstn_usages": usages}
        document = {"format": FORMAT, "version": VERSION, "sections": sections}
        self.file.write_text(json.dumps(document))

    def counts(self) -> tuple[int, int]:
        """How many users and usages there are."""
        result = command("export", "-", "--config", self.config)
        self.assertEqual(0, result.returncode, result.stderr)
        sections = json.loads(result.stdout)["sections"]
        return len(sections["users"]), len(sections["pstn_usages"])

    def journal_bytes(self) -> int:
        """How long the journal is; the store takes it away whenever its last connection closes."""
        try:
            return (self.directory / "data" / "mobility.sqlite-wal").stat().st_size
        except FileNotFoundError:
            return 0

    async def test_killed(self) -> None:
        """Killed while its rows are being written, it leaves all of the configuration or nothing,
        and can simply be run again."""
        arguments = ("-m", "mobility.cli", "import", str(self.file), "--config", self.config)
        child = Child((sys.executable, *arguments), self.directory)
        self.addCleanup(child.stop, signal.SIGKILL)
        while child.status is None and self.journal_bytes() <= ENOUGH:
            await deferLater(reactor, RETRY_S / 10)
        await child.stop(signal.SIGKILL)
        self.assertIn(self.counts(), ((0, 0), (USERS, 1)))
        again = command("import", str(self.file), "--config", self.config)
        self.assertEqual(0, again.returncode, again.stderr)
        self.assertEqual((USERS, 1), self.counts())
