"""Voice routing and mobility policy, set up as the pages have it."""

import shlex
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop.front_end_process import FrontEndProcess
from tests.interop.shell_examples import Example, examples, played, section

MEETINGS = """
[[meetings.dial_in]]
name = "Redmond"
number = "+14255550100"

[meetings.mixer]
uri = "sip:conf-{id}@mixer.example.test"
probe_s = 0
"""


class VoicePagesTests(TestCase):
    """A front end with the demo users, and a shell with the `mobility` command."""

    timeout = 300
    maxDiff = None

    async def test_mobility_policy(self) -> None:
        """What the page about operations says of mobility policies prints what is shown."""
        operations = section("operations.md", "Commands")
        start = operations.index("### Mobility policy")
        found = [*examples(operations[start : operations.index("### ", start + 4)], {})]
        self.assertEqual(4, len(found))
        process, begin = await self.begun()
        for ran in await played([begin, *found], process.directory.parent):
            self.assertTrue(ran.as_shown, f"{ran.example.command}\n{ran.status}\n{ran.printed}")
        await process.logged("mobility.granted")
        await process.logged("mobility.changed", name="tag:Sales")

    async def begun(self) -> tuple[FrontEndProcess, Example]:
        """A front end that runs, and how a shell comes to know the command for it."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        process = FrontEndProcess(directory / "d")
        with process.config.open("a", encoding="utf-8") as file:
            file.write(MEETINGS)
        process.start()
        self.addCleanup(process.kill)
        await process.ready()
        command = f"{shlex.quote(sys.executable)} -m mobility.cli"
        begin = Example(
            f"export MOBILITY_CONFIG={shlex.quote(str(process.config))}\n"
            f'mobility() {{ {command} "$@"; }}\n'
        )
        return process, begin

    async def test_worked_example(self) -> None:
        """Every command of the worked example, and of the page about operations after it, prints
        what is shown."""
        process, begin = await self.begun()
        worked = [*examples(section("deployment.md", "Voice routing"), {})]
        operations = section("operations.md", "Commands")
        operations = operations[operations.index("### Voice") : operations.index("### Status")]
        found = [*worked, *examples(operations, {})]
        self.assertGreaterEqual(len(found), 18)
        for ran in await played([begin, *found], process.directory.parent):
            self.assertTrue(ran.as_shown, f"{ran.example.command}\n{ran.status}\n{ran.printed}")
        await process.logged("voice.granted")
        await process.logged("voice.changed", kind="dial-plans", name="site:Redmond")
        self.assertEqual(process.events("http.failure"), [])
