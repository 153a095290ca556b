"""The voice routing of the deployment page, set up as it is written there."""

import shlex
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop.front_end_process import FrontEndProcess
from tests.interop.shell_examples import Example, examples, played, section


class VoicePagesTests(TestCase):
    """A front end with the demo users, and a shell with the `mobility` command."""

    timeout = 120
    maxDiff = None

    async def test_worked_example(self) -> None:
        """Every command of the worked example, and of the page about operations after it, prints
        what is shown."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        process = FrontEndProcess(directory / "d")
        process.start()
        self.addCleanup(process.kill)
        await process.ready()
        command = f"{shlex.quote(sys.executable)} -m mobility.cli"
        begin = Example(
            f"export MOBILITY_CONFIG={shlex.quote(str(process.config))}\n"
            f'mobility() {{ {command} "$@"; }}\n'
        )
        worked = [*examples(section("deployment.md", "Voice routing"), {})]
        operations = section("operations.md", "Commands")
        operations = operations[operations.index("### Voice") : operations.index("### Status")]
        found = [*worked, *examples(operations, {})]
        self.assertGreaterEqual(len(found), 18)
        for ran in await played([begin, *found], directory):
            self.assertTrue(ran.as_shown, f"{ran.example.command}\n{ran.status}\n{ran.printed}")
        await process.logged("voice.granted")
        await process.logged("voice.changed", kind="dial-plans", name="site:Redmond")
        self.assertEqual(process.events("http.failure"), [])
