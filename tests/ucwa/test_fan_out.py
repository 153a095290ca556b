"""What one message to many costs: one transaction, and one encoding for each representation."""

from typing import Any

from twisted.internet.defer import Deferred

from mobility.domain.records import User
from mobility.testing import MemoryResponse
from tests.ucwa.service import Client, UcwaTestCase, uri

LISTENERS = 24
VENDOR_XML = "application/vnd.microsoft.com.ucwa+xml"
DISPLAY_NAMES = ("{application}", "{self}", "{next}")
"""Names that would do harm if answers were filled in carelessly."""


class FanOutTests(UcwaTestCase):
    """A meeting whose people all take part in its messages."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.messaging = await self.joined(self.alice, "adhoc")
        conversation = self.messaging.removesuffix("/messaging")
        meeting = await self.alice.document(f"{conversation}/onlineMeeting")
        self.listeners: list[Client] = []
        for number in range(LISTENERS):
            name = f"listener{number}"
            shown = DISPLAY_NAMES[number % len(DISPLAY_NAMES)]
            await self.service.front_end.users.add(User(uri(name), shown))
            listener = await self.service.sign_in(name)
            await self.joined(listener, meeting["onlineMeetingUri"])
            self.listeners.append(listener)
        for client in (self.alice, *self.listeners):
            await self.quiet(client)

    async def joined(self, client: Client, meeting_uri: str) -> str:
        """Come into the meeting and its messages; the href of the messaging."""
        body = {"onlineMeetingUri": meeting_uri, "operationId": "join"}
        response = await client.post("communication/onlineMeetingInvitations", body)
        self.accepted(response, 201)
        conversations = await client.document("communication/conversations")
        (link,) = conversations["_links"]["conversation"]
        messaging = f"{link['href']}/messaging"
        self.accepted(await client.post(f"{messaging}/addMessaging", {}), 201)
        return messaging

    async def quiet(self, client: Client) -> None:
        """Read all that has come."""
        endpoint = self.service.front_end.applications.find(client.application["id"])
        assert endpoint is not None
        while f"&p={endpoint.head}&" not in client.next:
            client.take(await client.park())

    async def park(self) -> list[Deferred[MemoryResponse]]:
        """Everybody waits for events, every other one in XML."""
        waiting = [
            client.request(
                "GET", client.next, headers={"Accept": VENDOR_XML if number % 2 else "*/*"}
            )
            for number, client in enumerate(self.listeners)
        ]
        self.assertEqual([one.called for one in waiting], [False] * LISTENERS)
        return waiting

    async def answers(self, waiting: list[Deferred[MemoryResponse]]) -> list[str]:
        return [(await one).body.decode() for one in waiting]

    async def test_message(self) -> None:
        """A message to many is one transaction and one encoding in JSON and in XML."""
        waiting = await self.park()
        front_end = self.service.front_end
        commits, encoded = front_end.store.ledger.commits, front_end.channels.encoded_once
        response = await self.alice.send(self.messaging, "to all of you")
        self.accepted(response, 201)
        answers = await self.answers(waiting)
        self.assertEqual(front_end.store.ledger.commits - commits, 1)
        self.assertEqual(front_end.channels.encoded_once - encoded, 2)
        for client, answer in zip(self.listeners, answers, strict=True):
            self.assertEqual(answer.count("to%20all%20of%20you"), 1, answer)
            self.assertEqual(answer.count("applications/"), answer.count(f"{client.href}/"))
            self.assertIn("ack=", answer)

    async def test_each_its_own(self) -> None:
        """Each answer has the links of its own application and channel, whatever the names are."""
        waiting = await self.park()
        await self.listeners[0].send(
            f"{self.listeners[0].href}{self.messaging.removeprefix(self.alice.href)}", "{next}"
        )
        for client, pending in list(zip(self.listeners, waiting, strict=True))[2::2]:
            (event,) = client.take(await pending)
            message: dict[str, Any] = event.resource
            self.assertTrue(message["_links"]["self"]["href"].startswith(client.href))
            self.assertEqual(message["_links"]["participant"]["title"], DISPLAY_NAMES[0])
            self.assertTrue(client.next.startswith(f"{client.href}/events?ack="))

    async def test_typing(self) -> None:
        """Who is typing is told to all in one transaction and one encoding a representation."""
        waiting = await self.park()
        front_end = self.service.front_end
        commits, encoded = front_end.store.ledger.commits, front_end.channels.encoded_once
        self.accepted(await self.alice.post(f"{self.messaging}/typing"), 204)
        await self.answers(waiting)
        self.assertEqual(front_end.store.ledger.commits - commits, 1)
        self.assertEqual(front_end.channels.encoded_once - encoded, 2)
