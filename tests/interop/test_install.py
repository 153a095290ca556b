"""The first command of the README, on a copy of the source: install, and see it work."""

import shutil
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop.child import Outcome, cannot_run, run

SOURCE = Path(__file__).parents[2]
PARTS = ("LICENSE", "README.md", "mobility", "pyproject.toml", "setup.cfg", "twisted")


class InstallTests(TestCase):
    """An editable install in a new virtual environment."""

    timeout = 600

    async def test_the_demonstration_runs(self) -> None:
        """`mobility demo --once` ends with 0 after every step, and twistd finds the plugin from
        any directory."""
        copy, environment = (Path(self.mktemp()).absolute() for _ in range(2))
        copy.mkdir()
        for part in PARTS:
            if (SOURCE / part).is_dir():
                shutil.copytree(SOURCE / part, copy / part)
            else:
                shutil.copy(SOURCE / part, copy)
        made = await self.clean(sys.executable, "-m", "venv", str(environment))
        self.assertEqual(made.status, 0, made.err)
        programs = environment / "bin"
        installed = await self.clean(str(programs / "pip"), "install", "-q", "-e", str(copy))
        if installed.status != 0:
            cannot_run(f"pip cannot install: {installed.err}")

        demo = await self.clean(str(programs / "mobility"), "demo", "--once")
        self.assertEqual(demo.status, 0, demo)
        self.assertIn("alice signs out", demo.out)
        listed = await self.clean(str(programs / "twistd"), "--help")
        self.assertRegex(listed.out, r"(?m)^ +mobility +\S")

    async def clean(self, *command: str) -> Outcome:
        """Run a command in an empty directory, without what a test runner adds to the path."""
        directory = Path(self.mktemp())
        directory.mkdir()
        return await run(["/usr/bin/env", "-u", "PYTHONPATH", *command], directory)
