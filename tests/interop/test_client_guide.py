"""The pages' sessions with curl, run as they are written against a front end of the quick start."""

from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.interop.child import program
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.shell_examples import Example, Ran, examples, played, section

SESSION = "A session with curl"

PORT = "14443"
"""That of the external web site in the pages."""


class SessionTests(TestCase):
    """A front end in the directory `d`, and a shell in the directory above."""

    timeout = 300
    maxDiff = None

    async def setUp(self) -> None:
        program("curl", "curl")
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.process = FrontEndProcess(self.directory / "d")
        self.places = {PORT: str(self.process.port(4443))}
        await self.process.run_for(self)

    async def check(self, found: Sequence[Example], least: int) -> None:
        """All examples, of which there are at least so many, print what the page shows."""
        self.assertGreaterEqual(len(found), least)
        for ran in await played(found, self.directory):
            self.assertTrue(ran.as_shown, f"{ran.example.command}\n{ran.status}\n{ran.printed}")
        self.assertEqual(self.process.events("http.failure"), [])

    async def test_client_guide(self) -> None:
        """The session of the client guide goes as it is shown there, and what a page of a strange
        origin gets is as shown."""
        text = "".join(section("client-guide.md", part) for part in (SESSION, "Web pages"))
        await self.check([*examples(text, self.places)], 40)

    async def test_quick_start(self) -> None:
        """What follows the start of the front end on the quick start page goes as shown."""
        headings = ("Discover", "Sign in", "Invite", "Follow the event channel", "Sign out")
        text = "".join(section("quick-start.md", heading) for heading in headings)
        await self.check([*examples(text, self.places)], 20)


class ComparisonTests(SynchronousTestCase):
    """What counts as printed as shown."""

    PAGE = (
        "```console\n$ one \\\n>  two\nthree 4\n$ five\n```\n```sh\nsix\n```\n```bash\nseven\n```\n"
    )

    def test_examples(self) -> None:
        """Commands are what follows a prompt, and whole bash blocks; other blocks are none."""
        self.assertEqual(
            list(examples(self.PAGE, {"seven": "eight"})),
            [Example("one \\\n two", "three 4"), Example("five"), Example("eight\n")],
        )
        with self.assertRaises(ValueError):
            list(examples(self.PAGE, {"nine": "ten"}))

    def test_as_shown(self) -> None:
        """Ids, tokens, times and spaces may differ; numbers, words, order and status may not."""
        shown = Example("x", '{"id":"0123456789ab", ..., "at":"Date(17)","n":5}')
        good = '{"id":"ba9876543210","more":[1,2],\n "at": "Date(18)", "n": 5}'
        self.assertTrue(Ran(shown, good, 0).as_shown)
        self.assertFalse(Ran(shown, good, 1).as_shown)
        for bad in (good.replace("5", "6"), good.replace("at", "to"), good + "more", ""):
            self.assertFalse(Ran(shown, bad, 0).as_shown, bad)
