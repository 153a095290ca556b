"""Nothing acknowledged is lost, doubled or reordered, however often the process is killed."""

import random
import signal
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urljoin

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.front_end_process import PASSWORD, RETRY_S, FrontEndProcess

MESSAGES = 500
"""From each of the two users, 1,000 in all."""

KILLS = 20


class Client:
    """A UCWA client that never gives up, and keeps a ledger of what was acknowledged and read."""

    def __init__(self, http: HTTPClient, root: str, user: str) -> None:
        self.acknowledged: list[str] = []
        self.read: list[str] = []
        self.invitations: list[Any] = []
        self.links: dict[str, str] = {}
        self.send_href = ""
        self.closing = False
        self._http = http
        self._root = root
        self._user = user
        self._headers = {"Accept": "application/json"}

    async def request(self, method: str, href: str, **options: Any) -> tuple[int, Any, Any]:
        """One exchange, repeated until there is an answer that is not 503."""
        headers = self._headers | options.pop("headers", {})
        while True:
            try:
                response = await self._http.request(
                    method, urljoin(self._root, href), headers=headers, timeout=240, **options
                )
                content = await response.content()
                if response.code != 503:
                    document = await response.json() if content else None
                    return response.code, document, response.headers
            except Exception:  # the server was killed under the request
                pass
            await deferLater(reactor, RETRY_S)

    async def sign_in(self) -> None:
        form = {
            "grant_type": "password",
            "username": f"{self._user}@example.test",
            "password": PASSWORD,
        }
        _, token, _ = await self.request("POST", "/WebTicket/oauthtoken", data=form)
        self._headers["Authorization"] = f"Bearer {token['access_token']}"
        body = {"userAgent": "kill test", "endpointId": self._user, "culture": "en-US"}
        _, application, _ = await self.request("POST", "/ucwa/oauth/v1/applications", json=body)
        embedded = application["_embedded"]
        self.links = {
            "events": application["_links"]["events"]["href"],
            "startMessaging": embedded["communication"]["_links"]["startMessaging"]["href"],
        }
        href = embedded["me"]["_links"]["makeMeAvailable"]["href"]
        await self.request("POST", href, json={"supportedModalities": ["Messaging"]})

    async def listen(self) -> None:
        """Follow the event channel to the end of the test."""
        href = self.links["events"]
        while not self.closing:
            status, document, _ = await self.request("GET", href)
            if status == 409:
                continue
            if status != 200:
                raise AssertionError(f"the event channel answered {status}: {document}")
            if "resync" in document["_links"]:
                raise AssertionError("the event channel lost its place")
            href = document["_links"]["next"]["href"]
            for sender in document.get("sender", []):
                for event in sender["events"]:
                    self._heard(event)

    def _heard(self, event: Any) -> None:
        rel = event["link"]["rel"]
        shown = event.get("_embedded", {}).get(rel, {})
        links = shown.get("_links", {})
        if rel == "messagingInvitation" and "accept" in links:
            self.invitations.append(shown)
        elif rel == "messaging" and "sendMessage" in links:
            self.send_href = links["sendMessage"]["href"]
        elif rel == "message" and shown["direction"] == "Incoming":
            href = links["plainMessage"]["href"]
            self.read.append(unquote_plus(href.partition(",")[2]))

    async def send(self, text: str) -> None:
        """Send until it is acknowledged; the key makes a repeat after a lost answer harmless."""
        status, document, _ = await self.request(
            "POST",
            self.send_href,
            data=text.encode(),
            headers={"Content-Type": "text/plain", "Idempotency-Key": f"{self._user}-{text}"},
        )
        if status != 201:
            raise AssertionError(f"sendMessage answered {status}: {document}")
        self.acknowledged.append(text)


class KillTests(TestCase):
    """`kill -9` at random moments under load."""

    timeout = 600

    def test_every_acknowledged_message_arrives_once_and_in_order(self) -> None:
        """Two users exchange 1,000 messages over 20 kills and restarts of the front end."""
        return Deferred.fromCoroutine(self._converse())  # type: ignore[return-value]

    async def _converse(self) -> None:
        process = FrontEndProcess(Path(self.mktemp()).absolute())
        process.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(process.stop(signal.SIGKILL)))
        await process.ready()
        http = process.client()
        alice, bob = (Client(http, process.external, name) for name in ("alice", "bob"))
        for client in (alice, bob):
            await client.sign_in()
        listening = [Deferred.fromCoroutine(client.listen()) for client in (alice, bob)]
        await alice.request(
            "POST", alice.links["startMessaging"], json={"to": "sip:bob@example.test"}
        )
        while not bob.invitations:
            await deferLater(reactor, RETRY_S)
        accept = bob.invitations[0]["_links"]["accept"]["href"]
        await bob.request("POST", accept)
        while not (alice.send_href and bob.send_href):
            await deferLater(reactor, RETRY_S)

        sending = gatherResults(
            [Deferred.fromCoroutine(self._send_all(client)) for client in (alice, bob)]
        )
        kills = 0
        while not sending.called:
            sent = len(alice.acknowledged) + len(bob.acknowledged)
            if kills < KILLS and sent >= 2 * MESSAGES * kills // KILLS:
                await deferLater(reactor, random.random() * 0.1)
                await process.stop(signal.SIGKILL)
                process.start()
                await process.ready()
                kills += 1
            else:
                await deferLater(reactor, 0.01)
        await sending
        for reader, writer in ((alice, bob), (bob, alice)):
            while len(reader.read) < len(writer.acknowledged):
                await deferLater(reactor, RETRY_S)
        for client in (alice, bob):
            client.closing = True
            await client.send("the end")
        await gatherResults(listening)

        self.assertEqual(kills, KILLS)
        for reader, writer in ((alice, bob), (bob, alice)):
            self.assertEqual(reader.read[: 2 * MESSAGES], writer.acknowledged[: 2 * MESSAGES])
            self.assertEqual(writer.acknowledged[:MESSAGES], [str(n) for n in range(MESSAGES)])

    async def _send_all(self, client: Client) -> None:
        for number in range(MESSAGES):
            await client.send(str(number))
