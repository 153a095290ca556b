"""A push on its way into a real service worker, without anything of Google's.

The page subscribes with `pushManager`, as any page does; switches of Chromium name a service of our
own behind it (`tests.browser.message_service`).  A clearing house encrypts for the keys that the
browser has made, our push service takes what it sends and hands it on unread, and the browser
decrypts it and wakes the service worker.
"""

import time
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from mobility.push.wire import Device, Notification
from mobility.push_doubles.providers import APP
from tests.browser.chromium import Chromium
from tests.browser.message_service import BrowserPushService
from tests.clearing_house.running import WAIT_S, RunningCase, push

LOOK_S = 0.5
"""How often the browser is asked what it shows."""

AGAIN_S = 10.0
"""What is not shown by then is pushed again."""

PAGE = b"""<!DOCTYPE html>
<title>An app that is pushed to</title>
<script>
  const subscribed = async (key) => {
    await navigator.serviceWorker.register("/worker.js");
    const registration = await navigator.serviceWorker.ready;
    const options = {userVisibleOnly: true, applicationServerKey: key};
    return (await registration.pushManager.subscribe(options)).toJSON();
  };
  const shown = async () => {
    const registration = await navigator.serviceWorker.ready;
    const found = await registration.getNotifications();
    return found.map(({title, body, tag}) => ({title, body, tag}));
  };
</script>
"""


def worker() -> bytes:
    """The service worker of the documentation."""
    page = Path(__file__).parents[2] / "docs" / "push.md"
    return page.read_text().partition("```javascript\n")[2].partition("```")[0].encode()


class PushTests(RunningCase):
    """Pushes that a page's service worker shows."""

    async def subscribe(self) -> Device:
        """Open the page and subscribe it; the device that it is to a clearing house."""
        root = Resource()
        root.putChild(b"", Data(PAGE, "text/html"))
        root.putChild(b"worker.js", Data(worker(), "text/javascript"))
        port = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        origin = f"http://localhost:{port.getHost().port}"
        self.service_of_browser = BrowserPushService(reactor)
        await self.service_of_browser.start(self, reactor, self.providers._identity)
        chromium = Chromium(Path(self.mktemp()), *self.service_of_browser.switches)
        await chromium.start(self, self.directory / "ca.pem")
        granted = {"origin": origin, "permissions": ["notifications"]}
        await deferToThread(chromium.driver.execute_cdp_cmd, "Browser.grantPermissions", granted)
        await chromium.open(f"{origin}/")
        found = await chromium.call("subscribed", self.providers.vapid.public_key)
        self.assertIn("endpoint", found)
        self.chromium = chromium
        return Device(
            "webpush",
            APP,
            endpoint=self.service_of_browser.endpoint_of(found["endpoint"]),
            p256dh=found["keys"]["p256dh"],
            auth=found["keys"]["auth"],
        )

    async def pushed(self, notification: Notification, expected: list[Any]) -> None:
        """Push it until just these notifications are shown.

        Now and then Chromium forgets a notification when it is asked which ones are shown while it
        is about to show it, so it is asked seldom, and pushed again.
        """
        deadline = time.monotonic() + WAIT_S
        found: Any = None
        again_at, number = 0.0, 0
        while found != expected and time.monotonic() < deadline:
            if again_at <= time.monotonic():
                number += 1
                again_at = time.monotonic() + AGAIN_S
                one = attrs.evolve(notification, id=f"{notification.id}-{number}")
                verdict = await self.fate(one)
                self.assertEqual((verdict.outcome, verdict.status), ("delivered", "201"))
            await deferLater(reactor, LOOK_S)
            found = await self.chromium.call("shown")
        self.assertEqual(found, expected)

    async def test_service_worker(self) -> None:
        """The documented service worker shows a message, replaces it by the next of its
        conversation, and takes it away when it is read or withdrawn; long texts are read whole."""
        device = await self.subscribe()
        long = "x" * 3_000 + " 👋"
        for kind, title, body, expected in (
            ("message", "Alice", "Grüße 👋", [{"body": "Grüße 👋"}]),
            ("message", "Alice", long, [{"body": long}]),
            ("badge", "", "", []),
            ("message", "", "", [{"title": "New message", "body": ""}]),
            ("withdraw", "", "", []),
        ):
            shown = [{"title": "Alice", "tag": "c-7", **one} for one in expected]
            sent = push(device, kind, title=title, body=body, collapse_key="c-7")
            await self.pushed(sent, shown)
