"""How many conversations an application may be in, and how long what names one may be."""

from mobility.config import UcwaConfig
from mobility.testing import MemoryResponse
from mobility.ucwa.hrefs import data_uri
from mobility.ucwa.messaging import MAX_OPERATION_ID, MAX_SUBJECT, MAX_THREAD_ID
from tests.descriptions import sdp
from tests.ucwa.service import Client, UcwaTestCase, uri

MESSAGING = "communication/messagingInvitations"
PHONE_AUDIO = "communication/phoneAudioInvitations"
JOIN = "communication/onlineMeetingInvitations"

OFFERED = {"_links": {"mediaOffer": {"href": data_uri(sdp("audio", "video"), "application/sdp")}}}

STARTS: tuple[tuple[str, dict[str, object]], ...] = (
    (MESSAGING, {"to": uri("carol")}),
    ("communication/startAudio", {"to": uri("carol"), **OFFERED}),
    ("communication/startAudioVideo", {"to": uri("carol"), **OFFERED}),
    (PHONE_AUDIO, {"to": uri("carol"), "phoneNumber": "+15550100"}),
    (JOIN, {}),
    ("communication/startOnlineMeeting", {}),
)
"""Each way to begin a conversation, with what it needs."""


class ConversationLimitTests(UcwaTestCase):
    """Applications that may be in one conversation each."""

    ucwa = UcwaConfig(conversations_per_application=1)

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_phone("alice")
        self.alice, self.bob = [await self.service.sign_in(name) for name in ("alice", "bob")]

    async def end_own(self, client: Client) -> None:
        shown = await client.document("communication/conversations")
        (own,) = shown["_links"]["conversation"]
        self.accepted(await client.delete(own["href"]), 204)

    async def test_started(self) -> None:
        """However another one is begun: 409 TooManyConversations, until the first has ended."""
        await self.service.sign_in("carol")
        await self.talk(self.alice, self.bob)
        for href, body in STARTS:
            refused = await self.alice.post(href, body)
            self.refused(refused, 409, "Conflict", "TooManyConversations")
        shown = await self.alice.document("communication/conversations")
        self.assertEqual(len(shown["_links"]["conversation"]), 1)
        await self.end_own(self.alice)
        again = await self.alice.post(MESSAGING, {"to": uri("carol")})
        self.accepted(again, 201)

    async def test_not_invited(self) -> None:
        """Who is in so many is not rung but has missed it; another device of theirs is rung."""
        await self.talk(self.alice, self.bob)
        carol = await self.service.sign_in("carol")
        self.accepted(await carol.post(MESSAGING, {"to": uri("bob")}), 201)
        told = [event.rel for event in await self.bob.events()]
        self.assertEqual(told, ["missedItems", "mobility:unread"])
        (ended,) = [e for e in await carol.events() if e.type == "completed"]
        self.assertEqual((ended.rel, ended.status), ("messagingInvitation", "Failure"))
        desk = await self.service.sign_in("bob", EndpointId="desk")
        self.accepted(await carol.post(MESSAGING, {"to": uri("bob")}), 201)
        (rung, *_) = await desk.events()
        self.assertIn("accept", rung.resource["_links"])
        self.assertTrue(await self.bob.nothing_more())


class LengthTests(UcwaTestCase):
    """subject, threadId and operationId, however a conversation is begun."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_phone("alice")
        self.alice = await self.service.sign_in("alice")
        await self.service.sign_in("carol")

    async def post(self, href: str, body: dict[str, object], more: int) -> MemoryResponse:
        sized = {
            "subject": "\N{GRINNING FACE}" * (MAX_SUBJECT + more),
            "threadId": href.ljust(MAX_THREAD_ID + more, "x"),
            "operationId": href.ljust(MAX_OPERATION_ID + more, "x"),
        }
        return await self.alice.post(href, {**body, **sized})

    async def test_longest(self) -> None:
        """As long as the guide says, they are taken, and characters are counted, not bytes."""
        for href, body in STARTS:
            self.accepted(await self.post(href, body, 0), 201)

    async def test_too_long(self) -> None:
        """One character more is 400 ParameterValidationFailure, and each of them is listed."""
        for href, body in STARTS:
            wrong = self.wrong_parameters(await self.post(href, body, 1))
            self.assertEqual(wrong, {"subject", "threadId", "operationId"}, href)
        shown = await self.alice.document("communication/conversations")
        self.assertEqual(shown["_links"]["conversation"], [])
