"""Idempotency-Key: a POST that is repeated after a lost reply takes effect once."""

from twisted.internet.defer import gatherResults

from mobility.testing import MemoryResponse
from mobility.ucwa.idempotency import MAX_KEY
from tests.ucwa.service import Client, UcwaTestCase, converted, uri


class IdempotencyTests(UcwaTestCase):
    """The key, and the answer of the repeat."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")

    async def say(
        self, client: Client, messaging: str, text: str, key: str, query: str = ""
    ) -> MemoryResponse:
        return await client.post(
            f"{messaging}/messages{query}",
            body=text.encode(),
            content_type="text/plain",
            headers={"Idempotency-Key": key},
        )

    async def test_message(self) -> None:
        """A repeated message has the first Location and arrives once."""
        messaging = await self.talk(self.alice, self.bob)
        first = await self.say(self.alice, messaging, "once", "key-1")
        again = await self.say(self.alice, messaging, "once", "key-1")
        self.assertEqual(self.accepted(first, 201), self.accepted(again, 201))
        other = await self.say(self.alice, messaging, "once", "key-2")
        self.assertNotEqual(other.header("Location"), first.header("Location"))
        self.assertEqual(len(await self.bob.events()), 2)
        self.assertTrue(await self.bob.nothing_more())

    async def test_other_request(self) -> None:
        """The key with another body, path or query is 409, and nothing is sent."""
        messaging = await self.talk(self.alice, self.bob)
        self.accepted(await self.say(self.alice, messaging, "one", "key"), 201)
        for text, query in (("two", ""), ("one", "?operationId=1")):
            response = await self.say(self.alice, messaging, text, "key", query)
            self.refused(response, 409, "Conflict")
        invitation = await self.alice.post(
            "communication/messagingInvitations",
            {"to": uri("carol")},
            headers={"Idempotency-Key": "key"},
        )
        self.refused(invitation, 409, "Conflict")
        self.assertEqual(len(await self.bob.events()), 1)

    async def test_keys_are_the_users(self) -> None:
        """Two users may use the same key."""
        messaging = await self.talk(self.alice, self.bob)
        theirs = converted(messaging, self.alice, self.bob)
        first = self.accepted(await self.say(self.alice, messaging, "same", "key"), 201)
        second = self.accepted(await self.say(self.bob, theirs, "same", "key"), 201)
        self.assertNotEqual(first.rpartition("/")[2], second.rpartition("/")[2])

    async def test_concurrent(self) -> None:
        """Repeats that come while the first is under way wait for it and get its answer."""
        messaging = await self.talk(self.alice, self.bob)
        answers = await gatherResults(
            self.alice.post(
                f"{messaging}/messages",
                body=b"once",
                content_type="text/plain",
                headers={"Idempotency-Key": "key"},
            )
            for _ in range(5)
        )
        self.assertEqual(len({self.accepted(answer, 201) for answer in answers}), 1)
        self.assertEqual(len(await self.bob.events()), 1)
        self.assertTrue(await self.bob.nothing_more())

    async def test_after_restart(self) -> None:
        """A repeat is known to the next process too."""
        messaging = await self.talk(self.alice, self.bob)
        first = await self.say(self.alice, messaging, "once", "key")
        await self.service.restart()
        again = await self.say(self.alice, messaging, "once", "key")
        self.assertEqual(self.accepted(again, 201), self.accepted(first, 201))
        self.assertEqual(len(await self.bob.events()), 1)
        self.assertTrue(await self.bob.nothing_more())

    async def test_refused_request(self) -> None:
        """A request that was refused is tried afresh with its key."""
        messaging = await self.talk(self.alice, self.bob)
        path = "people/presenceSubscriptions"
        key = {"Idempotency-Key": "key"}
        wrong = await self.alice.post(path, {"duration": 1, "uris": []}, headers=key)
        self.assertEqual(self.wrong_parameters(wrong), {"duration", "uris"})
        self.accepted(await self.say(self.alice, messaging, "fine", "key"), 201)

    async def test_invitation(self) -> None:
        """A repeated startMessaging rings once."""
        body = {"to": uri("bob"), "operationId": "op"}
        path = "communication/messagingInvitations"
        key = {"Idempotency-Key": "key"}
        first = self.accepted(await self.alice.post(path, body, headers=key), 201)
        again = self.accepted(await self.alice.post(path, body, headers=key), 201)
        self.assertEqual(first, again)
        started = [e for e in await self.bob.events() if e.type == "started"]
        self.assertEqual(len(started), 1)

    async def test_subscription(self) -> None:
        """A repeated presence subscription is one subscription, shown with 201 each time."""
        body = {"duration": 10, "uris": [uri("bob")]}
        path = "people/presenceSubscriptions"
        key = {"Idempotency-Key": "key"}
        first = await self.alice.post(path, body, headers=key)
        again = await self.alice.post(path, body, headers=key)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(first.json(), again.json())
        shown = await self.alice.document(path)
        self.assertEqual(len(shown["_embedded"]["presenceSubscription"]), 1)

    async def test_application(self) -> None:
        """A repeated registration is 201 with the same application and instance again."""
        key = ("Idempotency-Key", "key")
        carol = Client(self.service, "carol", await self.service.token("carol"))
        plain = await carol.register(key)
        self.assertEqual(plain.status, 201)
        again = await carol.register(key)
        self.assertEqual((again.status, again.json()), (201, plain.json()))
        tab_key = ("Idempotency-Key", "key of a tab")
        tab = await carol.register(tab_key, instanceId="tab")
        same_tab = await carol.register(tab_key, instanceId="tab")
        self.assertEqual((same_tab.status, same_tab.json()), (201, tab.json()))
        self.assertEqual(same_tab.json()["instanceId"], "tab")

    async def test_malformed_key(self) -> None:
        """A key has 1 to 255 printable characters."""
        messaging = await self.talk(self.alice, self.bob)
        self.accepted(await self.say(self.alice, messaging, "x", "k" * MAX_KEY), 201)
        for key in ("", "k" * (MAX_KEY + 1)):
            response = await self.say(self.alice, messaging, "x", key)
            self.assertEqual(self.wrong_parameters(response), {"Idempotency-Key"})
