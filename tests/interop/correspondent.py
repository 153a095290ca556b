"""A UCWA client that converses, and keeps a ledger of what was acknowledged and what it read."""

from typing import Any
from urllib.parse import unquote_plus

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.interop.child import RETRY_S
from tests.interop.phone import Phone, Reply, events_of

LAST_WORD = "goodbye"


class Correspondent(Phone):
    """`acknowledged` are the texts that were answered with 201, `read` those that came in."""

    def __init__(self, http: HTTPClient, root: str, user: str) -> None:
        super().__init__(http, root, user)
        self.acknowledged: list[str] = []
        self.read: list[str] = []
        self._invitations: list[Any] = []
        self.send_href = ""

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
            self._invitations.append(shown)
        elif rel == "messaging" and "sendMessage" in links:
            self.send_href = links["sendMessage"]["href"]
        elif rel == "message" and shown["direction"] == "Incoming":
            href = links["plainMessage"]["href"]
            self.read.append(unquote_plus(href.partition(",")[2]))

    async def meet(self, callee: "Correspondent") -> None:
        """Begin a conversation that both may send in; both must be listening."""
        body = {"to": f"sip:{callee.user}@example.test"}
        await self.expect(201, "POST", self.links["startMessaging"], json=body)
        while not callee._invitations:
            await deferLater(reactor, RETRY_S)
        await callee.expect(204, "POST", callee._invitations[0]["_links"]["accept"]["href"])
        while not (self.send_href and callee.send_href):
            await deferLater(reactor, RETRY_S)

    async def attempt(self, text: str) -> Reply:
        """Try to send a message; its key makes a repeat after a lost answer harmless."""
        headers = {"Content-Type": "text/plain", "Idempotency-Key": f"{self.user}-{text[:50]}"}
        reply = await self.request("POST", self.send_href, data=text.encode(), headers=headers)
        if reply.status == 201:
            self.acknowledged.append(text)
        return reply

    async def send(self, text: str) -> None:
        """Send a message, which must be acknowledged."""
        reply = await self.attempt(text)
        if reply.status != 201:
            raise AssertionError(f"a message was answered {reply.status}: {reply.body!r}")
