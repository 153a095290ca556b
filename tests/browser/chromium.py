"""A headless Chromium of a test's own, with an empty profile and one more trusted authority.

Selenium blocks, so every call to it runs in a thread.
"""

import os
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.child import program, run

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCRIPT_TIMEOUT_S = 60


class Chromium:
    """`start` it before use; it ends with the test.  `arguments` are more of its switches."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self._arguments = arguments
        self._home = directory.absolute()
        self._driver: Chrome | None = None

    async def start(self, test: TestCase, ca: Path) -> None:
        """Start a browser that trusts the authority in `ca`."""
        chromium = program("chromium", "chromium")
        driver = program("chromedriver", "chromium-driver")
        certutil = program("certutil", "libnss3-tools")
        database = self._home / ".pki" / "nssdb"
        database.mkdir(parents=True)
        where = ("-d", f"sql:{database}")
        for step in (
            ("-N", "--empty-password"),
            ("-A", "-n", "test authority", "-t", "C,,", "-i", str(ca)),
        ):
            outcome = await run([certutil, *where, *step])
            if outcome.status != 0:
                raise RuntimeError(f"certutil: {outcome.err}")
        options = ChromeOptions()
        options.binary_location = chromium
        for argument in (*ARGUMENTS, *self._arguments, f"--user-data-dir={self._home / 'profile'}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(driver, env={**os.environ, "HOME": str(self._home)})
        self._driver = await deferToThread(Chrome, options=options, service=service)
        test.addCleanup(deferToThread, self._driver.quit)
        await deferToThread(self._driver.set_script_timeout, SCRIPT_TIMEOUT_S)

    async def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        await deferToThread(self._running.get, url)

    async def call(self, function: str, *arguments: Any) -> Any:
        """What the promise of `function(...arguments)` on the page gives.

        A promise that is rejected gives the text of its error, as {"rejected": text}.
        """
        script = f"""
            const done = arguments[arguments.length - 1];
            const given = Array.from(arguments).slice(0, -1);
            ({function})(...given).then(done, (error) => done({{rejected: String(error)}}));
        """
        return await deferToThread(self._running.execute_async_script, script, *arguments)

    async def device(self, width: int, height: int, *, dark: bool = False) -> None:
        """Show pages as on a screen of so many pixels, of which a narrow one is a phone's."""
        metrics = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": width < 600,
        }
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        for command, arguments in (
            ("Emulation.setDeviceMetricsOverride", metrics),
            ("Emulation.setEmulatedMedia", {"features": [scheme]}),
        ):
            await deferToThread(self._running.execute_cdp_cmd, command, arguments)

    async def console(self) -> list[str]:
        """What the pages wrote to the console since the last call."""
        entries = await deferToThread(self._running.get_log, "browser")
        return [entry["message"] for entry in entries]

    async def picture(self, file: Path) -> None:
        """Save a screenshot."""
        await deferToThread(self._running.save_screenshot, str(file))

    @property
    def driver(self) -> Chrome:
        """ChromeDriver's own interface, which blocks.  Raises RuntimeError before `start`."""
        return self._running

    @property
    def _running(self) -> Chrome:
        if self._driver is None:
            raise RuntimeError("the browser is not started")
        return self._driver
