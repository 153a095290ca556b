"""The scenes of `mobility demo`, each on a front end of its own."""

import os
import signal
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.commands.demo import SCENES
from tests.interop.child import RETRY_S, Child, program, run
from tests.interop.front_end_process import free_offset


class SceneTests(TestCase):
    """`mobility demo --scene NAME --once`."""

    timeout = 900

    async def test_scenes(self) -> None:
        """Every step of every scene works, and each says what it did."""
        program("baresip", "baresip-core")
        for scene in SCENES:
            command = [sys.executable, "-m", "mobility.cli", "demo", "--scene", scene, "--once"]
            outcome = await run([*command, f"--port-offset={free_offset()}"])
            self.assertEqual(outcome.status, 0, (scene, outcome.out, outcome.err))
            self.assertTrue(outcome.out.rstrip().endswith("Every step worked."), outcome.out)
            self.assertIn("alice signs out", outcome.out)


class InterruptTests(TestCase):
    """Ctrl-C in the middle of a scene."""

    timeout = 300

    async def test_interrupted(self) -> None:
        """It ends the scene and the front end with one line, and leaves nothing behind."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        arguments = [sys.executable, "-m", "mobility.cli", "demo", "--once"]
        in_own_group = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])"
        variables = ["/usr/bin/env", f"TMPDIR={directory}", "PYTHONUNBUFFERED=1"]
        child = Child(
            [
                *variables,
                sys.executable,
                "-c",
                in_own_group,
                *arguments,
                f"--port-offset={free_offset()}",
            ],
            directory,
        )
        self.addCleanup(child.stop, signal.SIGKILL)
        while b"alice@example.test becomes available" not in child.out and child.status is None:
            await deferLater(reactor, RETRY_S)
        os.killpg(child.pid, signal.SIGINT)  # as the terminal does
        self.assertEqual(await child.end(), 1, child.err)
        self.assertTrue(child.out.endswith(b"Interrupted.\n"), child.out)
        self.assertEqual(b"", child.err)
        self.assertEqual([], list(directory.glob("mobility-demo-*")))
