"""The page of a join URL in a real browser."""

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mobility.demo import Person
from tests.browser.chromium import Chromium
from tests.interop.front_end_process import PASSWORD, FrontEndProcess

PHONE = (360, 740)
DESKTOP = (1280, 900)

SUBJECT = (
    "</title></style><script>document.title = 1</script><img src=/x onerror='document.title = 2'>"
    ' Plans <b>for</b> & "next" year ' + "unbroken" * 12
)

LOOK = """async () => {
    const luminance = (color) => {
        const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return color === "rgba(0, 0, 0, 0)" ? ground(element.parentElement) : color;
    };
    const contrast = (element) => {
        const [a, b] = [getComputedStyle(element).color, ground(element)].map(luminance);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    return {
        title: document.title,
        heading: document.querySelector("h1").textContent,
        buttons: Array.from(document.querySelectorAll("a.button"), (link) => ({
            name: link.textContent,
            href: link.href,
            height: link.getBoundingClientRect().height,
        })),
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        contrast: Math.min(...Array.from(
            document.querySelectorAll("h1, p, a, summary"), contrast)),
        resources: performance.getEntriesByType("resource").map((entry) => entry.name)
            .filter((name) => !name.endsWith("/favicon.ico")),
    };
}"""
"""What a person would see of the page."""

TAB = """async () => {
    const reached = [];
    for (const element of document.querySelectorAll("a, summary")) {
        element.focus();
        reached.push(document.activeElement === element);
    }
    return reached;
}"""


class JoinPageTests(TestCase):
    """A meeting's page, on a phone and on a desk, by day and by night."""

    timeout = 300

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.process.start()
        self.addCleanup(self.process.child.stop)
        self.chromium = Chromium(Path(self.mktemp()))
        await self.chromium.start(self, self.process.ca)
        await self.process.ready()

    async def schedule(self, **values: object) -> str:
        """The join URL of a new meeting of Alice's."""
        alice = Person(self.process.client(self), reactor, "alice@example.test")
        token_url = await alice.discover(self.process.external)
        await alice.sign_in(token_url, PASSWORD)
        await alice.create_application("tests")
        meeting = await alice.post("myOnlineMeetings", {"subject": SUBJECT, **values}, expect=201)
        return str(meeting["joinUrl"])

    async def look(self, size: tuple[int, int], *, dark: bool) -> Any:
        await self.chromium.device(*size, dark=dark)
        return await self.chromium.call(LOOK)

    async def test_page(self) -> None:
        """It shows subject and ways in, fits, can be read and used by keyboard, loads nothing."""
        url = await self.schedule(accessLevel="Everyone")
        await self.chromium.open(url)
        for size in (PHONE, DESKTOP):
            for dark in (False, True):
                seen = await self.look(size, dark=dark)
                name = f"join-page-{size[0]}-{'dark' if dark else 'light'}.png"
                await self.chromium.picture(Path(name).absolute())
                self.assertEqual([seen["title"], seen["heading"]], [SUBJECT, SUBJECT])
                self.assertEqual(
                    [button["name"] for button in seen["buttons"]],
                    ["Join with your account", "Join as a guest"],
                )
                for button in seen["buttons"]:
                    self.assertGreaterEqual(button["height"], 44, button)
                self.assertLessEqual(seen["overflow"], 0)
                self.assertGreaterEqual(seen["contrast"], 4.5)
                self.assertEqual(seen["resources"], [])
        self.assertTrue(seen["buttons"][0]["href"].startswith("conf:sip:alice@example.test;gruu"))
        self.assertTrue(seen["buttons"][1]["href"].startswith("lync15:confjoin?url=https%3A"))
        self.assertEqual(set(await self.chromium.call(TAB)), {True})
        self.assertEqual([line for line in await self.chromium.console() if "Security" in line], [])

    async def test_gone(self) -> None:
        """Without such a meeting there is a page that says so."""
        await self.chromium.open(f"{self.process.external}/meet/alice/0123456789ABCDEF")
        seen = await self.look(PHONE, dark=False)
        self.assertEqual(seen["heading"], "There is no such meeting")
        self.assertEqual(seen["buttons"], [])
