"""`kill -9` while a message is on its way over SIP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.sip.message import Request, parse
from tests.interop.child import RETRY_S
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.phone import events_of
from tests.interop.test_kill import Persistent

ROUTE = """
[[sip.route]]
name = "partner"
domains = ["partner.test"]
probe_s = 0

[[sip.route.target]]
host = "127.0.0.1"
port = {port}
transport = "udp"
"""


class Partner(DatagramProtocol):
    """A server that keeps what comes, and answers 200 once it `answers`."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.answers = False

    def datagramReceived(self, data: bytes, source: tuple[str, int]) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        message = parse(head, body)
        if isinstance(message, Request):
            self.got.append(message)
            if self.answers and self.transport is not None:
                self.transport.write(bytes(message.respond(200, "partner")), source)

    async def gets(self, text: bytes) -> Request:
        """Wait for a message with this text."""
        while True:
            for one in self.got:
                if one.body == text:
                    return one
            await deferLater(reactor, RETRY_S)


class SipKillTests(TestCase):
    timeout = 300

    async def setUp(self) -> None:
        self.partner = Partner()
        port = reactor.listenUDP(0, self.partner, interface="127.0.0.1")
        self.addCleanup(lambda: maybeDeferred(port.stopListening))
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.process.listen_for_phones("udp")
        with self.process.config.open("a") as config:
            config.write(ROUTE.format(port=port.getHost().port))
            config.write("\n[ucwa]\ninvitation_timeout_s = 300\n")  # restarts may take long
        await self.process.run_for(self)
        self.alice = Persistent(self.process.client(self), self.process.external, "alice")
        await self.alice.sign_in()

    async def restart(self, text: bytes) -> None:
        """The process dies with a message under way, and comes back; the partner answers now."""
        first = await self.partner.gets(text)
        await self.process.kill()
        self.partner.got.clear()
        self.partner.answers = True
        self.process.start()
        await self.process.ready()
        again = await self.partner.gets(text)
        self.assertEqual(
            (again.call_id, again.from_.tag, again.cseq),
            (first.call_id, first.from_.tag, first.cseq),
        )

    async def event(self, fits: Callable[[Any], bool]) -> Any:
        """Wait for an event."""
        while True:
            for event in events_of(await self.alice.poll()):
                if fits(event):
                    return event

    async def test_brought_again(self) -> None:
        """A first message, and a later one, are sent again as the same after the restart; then
        their sender is told that they were taken, in a conversation that goes on."""
        body = {
            "to": "sip:pat@partner.test",
            "operationId": "1",
            "_links": {"message": {"href": "data:text/plain;charset=utf-8,first"}},
        }
        await self.alice.expect(201, "POST", self.alice.links["startMessaging"], json=body)
        await self.restart(b"first")
        connected = await self.event(
            lambda event: (
                event["link"]["rel"] == "messaging"
                and "sendMessage" in event["_embedded"]["messaging"]["_links"]
            )
        )
        href = connected["_embedded"]["messaging"]["_links"]["sendMessage"]["href"]
        self.partner.answers = False
        headers = {"Content-Type": "text/plain"}
        await self.alice.expect(201, "POST", href, data=b"second", headers=headers)
        await self.restart(b"second")
        done = await self.event(
            lambda event: (
                event["link"]["rel"] == "message"
                and event["type"] == "completed"
                and event["link"]["href"].endswith("/2")
            )
        )
        self.assertEqual(done["status"], "Success")
        self.assertEqual(done["_embedded"]["message"]["direction"], "Outgoing")
        self.assertEqual(self.process.events("schedule.failed"), [])
