"""Nothing acknowledged is lost, doubled or reordered, however often the process is killed."""

import random
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.child import RETRY_S
from tests.interop.front_end_process import CUT_OFF, FrontEndProcess
from tests.interop.phone import Phone, Reply, events_of

MESSAGES = 500
"""From each of the two users, 1,000 in all."""

KILLS = 20
LAST_WORD = "goodbye"


class Correspondent(Phone):
    """A client that never gives up, and keeps a ledger of what was acknowledged and read."""

    def __init__(self, http: HTTPClient, root: str, user: str) -> None:
        super().__init__(http, root, user)
        self.acknowledged: list[str] = []
        self.read: list[str] = []
        self.invitations: list[Any] = []
        self.send_href = ""

    async def request(self, method: str, href: str, **options: Any) -> Reply:
        """One exchange, repeated until there is an answer other than 503."""
        while True:
            try:
                reply = await super().request(method, href, **options)
            except CUT_OFF:
                pass
            else:
                if reply.status != 503:
                    return reply
            await deferLater(reactor, RETRY_S)

    async def listen(self) -> None:
        """Follow the event channel until the other's last word."""
        while self.read[-1:] != [LAST_WORD]:
            for event in events_of(await self.poll()):
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
        headers = {"Content-Type": "text/plain", "Idempotency-Key": f"{self.user}-{text}"}
        await self.expect(201, "POST", self.send_href, data=text.encode(), headers=headers)
        self.acknowledged.append(text)


class KillTests(TestCase):
    """`kill -9` at random moments under load."""

    timeout = 600

    async def test_every_acknowledged_message_arrives_once_and_in_order(self) -> None:
        """Two users exchange 1,000 messages over 20 kills and restarts of the front end: each
        reads what the other got an answer for, once and in order."""
        process = FrontEndProcess(Path(self.mktemp()))
        process.start()
        self.addCleanup(process.kill)
        await process.ready()
        http = process.client(self)
        alice, bob = (Correspondent(http, process.external, name) for name in ("alice", "bob"))
        for client in (alice, bob):
            await client.sign_in()
        listening = [Deferred.fromCoroutine(client.listen()) for client in (alice, bob)]
        await self._meet(alice, bob)
        sending = gatherResults(
            [Deferred.fromCoroutine(self._send_all(client)) for client in (alice, bob)],
            consumeErrors=True,
        )
        kills = 0
        while not sending.called:
            sent = len(alice.acknowledged) + len(bob.acknowledged)
            if kills < KILLS and sent >= 2 * MESSAGES * kills // KILLS:
                await deferLater(reactor, random.random() * 0.1)
                await process.kill()
                process.start()
                await process.ready()
                kills += 1
            else:
                await deferLater(reactor, 0.01)
        await sending
        await gatherResults(listening)

        self.assertEqual(kills, KILLS)
        expected = [*(str(number) for number in range(MESSAGES)), LAST_WORD]
        for reader, writer in ((alice, bob), (bob, alice)):
            self.assertEqual(writer.acknowledged, expected)
            self.assertEqual(reader.read, expected)

    async def _meet(self, caller: Correspondent, callee: Correspondent) -> None:
        """Begin a conversation that both may send in."""
        body = {"to": "sip:bob@example.test"}
        await caller.request("POST", caller.links["startMessaging"], json=body)
        while not callee.invitations:
            await deferLater(reactor, RETRY_S)
        await callee.request("POST", callee.invitations[0]["_links"]["accept"]["href"])
        while not (caller.send_href and callee.send_href):
            await deferLater(reactor, RETRY_S)

    async def _send_all(self, client: Correspondent) -> None:
        for number in range(MESSAGES):
            await client.send(str(number))
        await client.send(LAST_WORD)
