"""A client that was made for Lync (SIPE of Pidgin) and UCWA applications write to one another."""

from pathlib import Path

from tests.interop.front_end_process import PASSWORD, FrontEndProcess
from tests.interop.sipe import Sipe, needs_sipe
from tests.interop.test_sip_messages import MessagesTestCase

ALICE, BOB = "sip:alice@example.test", "sip:bob@example.test"


class SipeTests(MessagesTestCase):
    """Alice has Pidgin, Bob an application."""

    async def setUp(self) -> None:
        needs_sipe()
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("tcp")
        await self.process.run_for(self)
        self.bob = await self.person("bob")
        self.alice = await self.sign_on("alice")

    async def sign_on(self, name: str) -> Sipe:
        sipe = Sipe(Path(self.mktemp()), f"{name}@example.test", PASSWORD, self.port)
        self.addCleanup(sipe.stop)
        await sipe.told("signed-on")
        return sipe

    async def test_writes(self) -> None:
        """Pidgin begins a session, in which both write, and it tells that its user types; when its
        window is closed the conversation is over."""
        self.alice.order("im", BOB, "Hello <b>Bob</b>")
        self.assertEqual(await self.invited(self.bob), "Hello Bob")
        self.assertEqual(await self.reads(self.bob), "Hello Bob")
        event = await self.bob.event("updated", "messaging", state="Connected")
        links = event["_embedded"]["messaging"]["_links"]
        await self.bob.post_text(links["sendMessage"]["href"], "Hello & welcome")
        self.assertEqual(await self.alice.told("im"), [BOB, "Hello &amp; welcome"])
        self.alice.order("typing", BOB)
        await self.bob.event("added", "participant", within="typingParticipants")
        self.alice.order("im", BOB, "Second")
        self.assertEqual(await self.reads(self.bob), "Second")
        self.alice.order("close", BOB)
        await self.bob.event("deleted", "conversation")

    async def test_is_written_to(self) -> None:
        """A user who has only Pidgin is reached there, and answers from there."""
        await self.start(self.bob, ALICE, "hello")
        self.assertEqual(await self.alice.told("im"), [BOB, "hello"])
        self.alice.order("im", BOB, "hello yourself")
        self.assertEqual(await self.reads(self.bob), "hello yourself")
        await self.writes(self.bob, "and again")
        self.assertEqual(await self.alice.told("im"), [BOB, "and again"])

    async def test_both(self) -> None:
        """Two who have Pidgin write to one another."""
        carol = await self.sign_on("carol")
        self.alice.order("im", "sip:carol@example.test", "Hello Carol")
        self.assertEqual(await carol.told("im"), [ALICE, "Hello Carol"])
        carol.order("im", ALICE, "Hello Alice")
        self.assertEqual(await self.alice.told("im"), ["sip:carol@example.test", "Hello Alice"])
