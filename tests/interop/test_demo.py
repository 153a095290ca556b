"""The scenes of `mobility demo`, each on a front end of its own."""

import sys

from twisted.trial.unittest import TestCase

from mobility.commands.demo import SCENES
from tests.interop.child import program, run
from tests.interop.front_end_process import free_offset


class SceneTests(TestCase):
    """`mobility demo --scene NAME --once`."""

    timeout = 300

    async def test_scenes(self) -> None:
        """Every step of every scene works, and each says what it did."""
        program("baresip", "baresip-core")
        for scene in SCENES:
            command = [sys.executable, "-m", "mobility.cli", "demo", "--scene", scene, "--once"]
            outcome = await run([*command, f"--port-offset={free_offset()}"])
            self.assertEqual(outcome.status, 0, (scene, outcome.out, outcome.err))
            self.assertTrue(outcome.out.rstrip().endswith("Every step worked."), outcome.out)
            self.assertIn("alice signs out", outcome.out)
