"""The store cannot write: 503 with Retry-After, nothing acknowledged, and all well afterwards."""

from sqlite3 import Cursor

from twisted.internet.defer import Deferred

from mobility.store.plan import Memory
from mobility.testing import MemoryResponse
from mobility.ucwa.documents import PUT_TOKEN_VALUE
from tests.ucwa.service import UcwaTestCase, converted, uri


def protect(cursor: Cursor, memory: Memory) -> None:
    """Make the next write fail as on a write-protected disk (the connection is then replaced)."""
    cursor.execute("PRAGMA query_only = ON")


class StoreFaultTests(UcwaTestCase):
    """Every operation that writes, first while the store cannot and then again."""

    async def once_protected(
        self, method: str, href: str, json: object = None, **keywords: object
    ) -> MemoryResponse:
        """The operation's answer once the store can write again; at first it is 503."""
        await self.service.front_end.store.ledger.run(protect)
        refused = await self.request(method, href, json, **keywords)
        self.refused(refused, 503, "ServiceUnavailable")
        self.assertGreater(int(refused.header("Retry-After") or 0), 0)
        return await self.request(method, href, json, **keywords)

    def request(
        self, method: str, href: str, json: object, **keywords: object
    ) -> Deferred[MemoryResponse]:
        return self.client.request(method, href, json, **keywords)  # type: ignore[arg-type]

    async def test_application(self) -> None:
        """Registration, availability, presence, settings and the end."""
        self.client = await self.service.sign_in("alice", available=False)
        body = {"culture": "en-US", "endpointId": "2", "userAgent": "x"}
        path = "/ucwa/oauth/v1/applications"
        self.assertEqual((await self.once_protected("POST", path, body)).status, 201)
        self.accepted(await self.once_protected("POST", "me/makeMeAvailable"), 204)
        self.assertEqual(len(await self.client.events()), 5)
        for part, value in (
            ("presence", {"availability": "Busy"}),
            ("note", {"message": "x"}),
            ("location", {"location": "x"}),
        ):
            self.accepted(await self.once_protected("POST", f"me/{part}", value), 204)
            self.assertEqual([event.rel for event in await self.client.events()], [part])
        shown = await self.client.document("communication")
        guid = next(name for name, value in shown.items() if value == PUT_TOKEN_VALUE)
        put = {guid: PUT_TOKEN_VALUE, "phoneNumber": "1"}
        response = await self.once_protected(
            "PUT", "communication", put, headers={"If-Match": shown["etag"]}
        )
        self.assertEqual((response.status, response.json()["phoneNumber"]), (200, "1"))
        self.accepted(await self.once_protected("DELETE", ""), 204)
        self.refused(await self.client.get(), 404, "NotFound", "ApplicationNotFound")

    async def test_subscriptions(self) -> None:
        """Subscribe, extend, add, remove and delete."""
        self.client = alice = await self.service.sign_in("alice")
        body = {"duration": 10, "uris": [uri("bob")]}
        response = await self.once_protected("POST", "people/presenceSubscriptions", body)
        self.assertEqual(response.status, 201)
        own = response.header("Location") or ""
        self.assertEqual((await self.once_protected("POST", f"{own}?duration=10")).status, 200)
        shown = await alice.document(own)
        add = shown["_links"]["addToPresenceSubscription"]["href"]
        body = {"contactUris": [uri("carol")]}
        self.assertEqual((await self.once_protected("POST", add, body)).status, 201)
        one = f"people/presenceSubscriptionMemberships/{shown['id']},carol@example.test"
        self.accepted(await self.once_protected("DELETE", one), 204)
        self.accepted(await self.once_protected("DELETE", own), 204)
        told = [(event.rel, event.type) for event in await alice.events()]
        for rel, kind, times in (
            ("presenceSubscription", "added", 1),
            ("contact", "added", 2),
            ("contact", "deleted", 2),
            ("presenceSubscription", "deleted", 1),
        ):
            self.assertEqual(told.count((rel, kind)), times)

    async def test_conversation(self) -> None:
        """Invite, accept, send, type and end: each happens once."""
        alice = await self.service.sign_in("alice")
        bob = await self.service.sign_in("bob")
        self.client = alice
        body = {"to": uri("bob"), "operationId": "op"}
        path = "communication/messagingInvitations"
        location = self.accepted(await self.once_protected("POST", path, body), 201)
        self.client = bob
        started, *_ = told = await bob.events()
        self.assertEqual([event.type for event in told].count("started"), 1)
        await self.service.settle()  # that it rings is written, too
        accept = converted(f"{location}/accept", alice, bob)
        self.accepted(await self.once_protected("POST", accept), 204)
        await bob.events()
        self.client = alice
        await alice.events()
        messaging = converted(started.resource["_links"]["messaging"]["href"], bob, alice)
        self.accepted(
            await self.once_protected(
                "POST", f"{messaging}/messages", body=b"once", content_type="text/plain"
            ),
            201,
        )
        self.assertEqual([event.rel for event in await bob.events()], ["message"])
        self.accepted(await self.once_protected("POST", f"{messaging}/typing"), 204)
        self.assertEqual([event.type for event in await bob.events()], ["added"])
        self.accepted(await self.once_protected("POST", f"{messaging}/terminate"), 204)
        told = [event.brief[1:] for event in await bob.events()]
        self.assertEqual(told[-2:], [("conversation", "deleted"), ("missedItems", "updated")])
        self.assertTrue(await bob.nothing_more())

    async def test_key(self) -> None:
        """A keyed POST that was refused is done by its repeat, once."""
        self.client = alice = await self.service.sign_in("alice")
        bob = await self.service.sign_in("bob")
        messaging = await self.talk(alice, bob)
        keyed = {
            "body": b"once",
            "content_type": "text/plain",
            "headers": {"Idempotency-Key": "key"},
        }
        href = f"{messaging}/messages"
        first = self.accepted(await self.once_protected("POST", href, **keyed), 201)
        again = await self.request("POST", href, None, **keyed)
        self.assertEqual(self.accepted(again, 201), first)
        self.assertEqual(len(await bob.events()), 1)
        self.assertTrue(await bob.nothing_more())

    async def test_reading(self) -> None:
        """What needs no writing is served meanwhile, and a parked request stays parked."""
        self.client = alice = await self.service.sign_in("alice")
        parked = alice.park()
        await self.service.front_end.store.ledger.run(protect)
        for path in ("", "me", "people/contacts", "communication"):
            await alice.document(path)
        self.refused(await alice.post("me/note", {"message": "x"}), 503, "ServiceUnavailable")
        self.assertFalse(parked.called)
        self.accepted(await alice.post("me/note", {"message": "y"}), 204)
        self.clock.advance(5)
        self.assertEqual([event.rel for event in alice.take(await parked)], ["note"])
