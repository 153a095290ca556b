"""What a conversation says of itself: whether it is read, and when it ends."""

from typing import Any

from tests.ucwa.service import START, Client, UcwaTestCase, converted

IDLE_S = 12 * 3_600


class ConversationCase(UcwaTestCase):
    """Alice and Bob talk."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")
        self.messaging = await self.talk(self.alice, self.bob)
        self.own = self.messaging.removesuffix("/messaging")

    async def shown(self, client: Client) -> dict[str, Any]:
        """The conversation as `client` sees it."""
        return await client.document(converted(self.own, self.alice, client))


class ReadTests(ConversationCase):
    """readLocally."""

    async def read(self, client: Client) -> bool:
        read: bool = (await self.shown(client))["readLocally"]
        return read

    async def mark(self) -> None:
        own = converted(self.own, self.alice, self.bob)
        self.accepted(await self.bob.post("communication/unread", {"upTo": own}), 204)

    async def test_message(self) -> None:
        """It is read for who writes, and unread for who is written to."""
        self.assertTrue(await self.read(self.bob))
        self.accepted(await self.alice.send(self.messaging, "Hello"), 201)
        self.assertEqual((await self.read(self.alice), await self.read(self.bob)), (True, False))

    async def test_marked(self) -> None:
        """Marking the last message is told as `conversation updated`, once."""
        self.accepted(await self.alice.send(self.messaging, "Hello"), 201)
        await self.bob.events()
        await self.mark()
        (told,) = [one for one in await self.bob.events() if one.rel == "conversation"]
        self.assertEqual((told.type, told.resource["readLocally"]), ("updated", True))
        self.assertTrue(await self.read(self.bob))
        await self.mark()
        self.accepted(await self.alice.send(self.messaging, "Bye"), 201)
        self.assertEqual([one.rel for one in await self.bob.events()], ["message"])

    async def test_marked_in_part(self) -> None:
        """It stays unread while a later message is."""
        self.accepted(await self.alice.send(self.messaging, "one"), 201)
        (first,) = await self.bob.events()
        self.accepted(await self.alice.send(self.messaging, "two"), 201)
        await self.bob.events()
        response = await self.bob.post("communication/unread", {"upTo": first.href})
        self.accepted(response, 204)
        self.assertEqual([one for one in await self.bob.events() if one.rel == "conversation"], [])
        self.assertFalse(await self.read(self.bob))

    async def test_answered(self) -> None:
        """An answer says that all was read, and is told as such where a user has two devices."""
        await self.service.sign_in("bob", EndpointId="desk")
        self.accepted(await self.alice.send(self.messaging, "Hello"), 201)
        await self.bob.events()
        own = converted(self.messaging, self.alice, self.bob)
        self.accepted(await self.bob.send(own, "Hi"), 201)
        (told,) = [one for one in await self.bob.events() if one.rel == "conversation"]
        self.assertTrue(told.resource["readLocally"])
        self.assertEqual((await self.read(self.alice), await self.read(self.bob)), (False, True))

    async def test_restart(self) -> None:
        """What was read is known after a restart, and what was not."""
        self.accepted(await self.alice.send(self.messaging, "Hello"), 201)
        await self.service.restart()
        self.assertEqual((await self.read(self.alice), await self.read(self.bob)), (True, False))


class ExpiryTests(ConversationCase):
    """expirationTime."""

    async def test_two_parties(self) -> None:
        """It is when the conversation ends unless somebody writes, which moves it."""
        for after in (0, 100):
            self.clock.advance(after)
            self.accepted(await self.alice.send(self.messaging, "Hello"), 201)
            ends = int(self.clock.seconds() + IDLE_S) * 1000
            for client in (self.alice, self.bob):
                self.assertEqual((await self.shown(client))["expirationTime"], f"/Date({ends})/")

    async def test_meeting(self) -> None:
        """A conference ends with its meeting."""
        body = {"expirationTime": f"/Date({int(START + 600) * 1000})/"}
        response = await self.alice.post("onlineMeetings/myOnlineMeetings", body)
        self.assertEqual(response.status, 201)
        uri = response.json()["onlineMeetingUri"]
        joining = await self.alice.post(
            "communication/onlineMeetingInvitations", {"onlineMeetingUri": uri}
        )
        self.accepted(joining, 201)
        conversations = await self.alice.document("communication/conversations")
        hrefs = [one["href"] for one in conversations["_links"]["conversation"]]
        shown = [await self.alice.document(one) for one in hrefs if one != self.own]
        self.assertEqual([one["expirationTime"] for one in shown], [body["expirationTime"]])
