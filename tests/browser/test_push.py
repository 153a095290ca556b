"""A push on its way into a real service worker.

Only Chromium's own push service can subscribe a page, and the browser cannot be led to another.  So
the push goes through a clearing house to a push service of our own, is decrypted with the
subscriber's keys, and DevTools hands the plaintext to the service worker, as the browser would.
"""

import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from mobility.push.wire import Device, Notification
from mobility.push_doubles.providers import APP
from tests.browser.chromium import Chromium
from tests.clearing_house.running import WAIT_S, RunningCase

PAGE = b"""<!DOCTYPE html>
<title>An app that is pushed to</title>
<script>
  async function ready() {
    await navigator.serviceWorker.register("/worker.js");
    await navigator.serviceWorker.ready;
    return Notification.permission;
  }
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

    async def test_service_worker(self) -> None:
        """The documented service worker shows a message, replaces it by the next of its
        conversation, and takes it away when it is withdrawn."""
        root = Resource()
        root.putChild(b"", Data(PAGE, "text/html"))
        root.putChild(b"worker.js", Data(worker(), "text/javascript"))
        port = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        origin = f"http://localhost:{port.getHost().port}"
        chromium = Chromium(Path(self.mktemp()))
        await chromium.start(self, self.directory / "ca.pem")
        await self._cdp(
            chromium,
            "Browser.grantPermissions",
            {"origin": origin, "permissions": ["notifications"]},
        )
        await chromium.open(f"{origin}/")
        self.assertEqual(await chromium.call("ready"), "granted")
        await self._cdp(chromium, "ServiceWorker.enable", {})
        for kind, body, expected in (
            ("message", "Grüße 👋", [{"title": "Alice", "body": "Grüße 👋", "tag": "c-7"}]),
            ("message", "Again", [{"title": "Alice", "body": "Again", "tag": "c-7"}]),
            ("withdraw", "", []),
        ):
            data = await self._pushed(kind, body)
            deadline = time.monotonic() + WAIT_S
            found = None
            while found != expected and time.monotonic() < deadline:
                await self._deliver(chromium, origin, data)
                await deferLater(reactor, 0.2)
                found = await chromium.call("shown")
            self.assertEqual(found, expected)

    async def _pushed(self, kind: str, body: str) -> str:
        """The plaintext of a push that came through the clearing house."""
        subscriber = self.providers.web_push.subscribe()
        device = Device(
            "webpush",
            APP,
            endpoint=subscriber.endpoint,
            p256dh=subscriber.p256dh,
            auth=subscriber.auth,
        )
        verdict = await self.fate(
            Notification(
                id=f"push-{kind}-{time.monotonic_ns()}",
                device=device,
                kind=kind,
                expires=int(time.time()) + 600,
                collapse_key="c-7",
                title="Alice" if body else "",
                body=body,
            )
        )
        self.assertEqual(verdict.outcome, "delivered")
        (message,) = subscriber.messages
        return message.text

    async def _deliver(self, chromium: Chromium, origin: str, data: str) -> None:
        """Hand it to the worker; DevTools drops it while it does not know of the worker yet."""
        await self._cdp(
            chromium,
            "ServiceWorker.deliverPushMessage",
            {"origin": origin, "registrationId": "0", "data": data},
        )

    async def _cdp(self, chromium: Chromium, command: str, arguments: dict[str, Any]) -> None:
        await deferToThread(chromium.driver.execute_cdp_cmd, command, arguments)
