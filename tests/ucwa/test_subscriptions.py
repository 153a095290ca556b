"""Presence subscriptions: what is watched, for how long, and what the channel tells of it."""

from mobility.config import UcwaConfig
from mobility.testing import MemoryResponse
from tests.ucwa.service import Client, UcwaTestCase, uri

PATH = "people/presenceSubscriptions"
MEMBERSHIPS = "people/presenceSubscriptionMemberships"


class WatchTestCase(UcwaTestCase):
    """Alice watches; Bob is available."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")

    async def subscribe(self, *names: str, duration: object = 11) -> MemoryResponse:
        """The body of the task page: PascalCase and all."""
        body = {"duration": duration, "Uris": [uri(name) for name in names]}
        return await self.alice.post(PATH, body)

    async def subscribed(self, *names: str) -> str:
        """Subscribe, and take the events of it; the subscription's href."""
        response = await self.subscribe(*names)
        self.assertEqual(response.status, 201)
        await self.alice.events()
        href: str = response.json()["_links"]["self"]["href"]
        return href

    async def watched(self) -> list[str]:
        shown = await self.alice.document("people/subscribedContacts")
        return [link["href"].rpartition("/")[2] for link in shown["_links"]["contact"]]

    async def news(self) -> list[tuple[str, str, str]]:
        """The next answer's events: rel, type and the end of the address they are about."""
        return [(event.rel, event.type, event.within) for event in await self.alice.events()]


class SubscribeTests(WatchTestCase):
    """POST presenceSubscriptions and what follows from it."""

    async def test_document(self) -> None:
        """201 with id and links, the Location its self link; it is listed and can be read."""
        response = await self.subscribe("bob")
        self.assertEqual(response.status, 201)
        shown = response.json()
        own = f"{self.alice.href}/{PATH}/{shown['id']}"
        memberships = {
            "href": f"{self.alice.href}/{MEMBERSHIPS}?presenceSubscriptionId={shown['id']}"
        }
        self.assertEqual(
            shown["_links"],
            {
                "self": {"href": own},
                "memberships": memberships,
                "addToPresenceSubscription": memberships,
            },
        )
        self.assertEqual(response.header("Location"), own)
        self.assertEqual(await self.alice.document(own), shown)
        listed = await self.alice.document(PATH)
        self.assertEqual(listed["_embedded"]["presenceSubscription"], [shown])

    async def test_first_events(self) -> None:
        """The contact, each part of its presence, and the subscription are told as links only."""
        await self.subscribe("bob")
        told = await self.alice.events()
        self.assertEqual(
            [(*event.brief, event.within) for event in told],
            [
                ("people", "contact", "added", "subscribedContacts"),
                ("people", "contactPresence", "updated", "contact"),
                ("people", "contactNote", "updated", "contact"),
                ("people", "contactLocation", "updated", "contact"),
                ("people", "contactSupportedModalities", "updated", "contact"),
                ("people", "presenceSubscription", "added", ""),
            ],
        )
        self.assertTrue(all(event.shown is None for event in told))
        presence = await self.alice.document(told[1].href)
        self.assertEqual((presence["rel"], presence["availability"]), ("contactPresence", "Online"))
        self.assertTrue(await self.alice.nothing_more())

    async def test_changes(self) -> None:
        """Each part that changes is told, the latest state once, and no part that did not."""
        await self.subscribed("bob")
        for availability in ("Busy", "Away", "DoNotDisturb"):
            await self.bob.post("me/presence", {"availability": availability})
        self.assertEqual(await self.news(), [("contactPresence", "updated", "contact")])
        presence = await self.alice.document("people/bob@example.test/presence")
        self.assertEqual(presence["availability"], "DoNotDisturb")
        await self.bob.post("me/note", {"message": "x"})
        await self.bob.post("me/location", {"location": "y"})
        self.assertEqual(
            await self.news(),
            [("contactNote", "updated", "contact"), ("contactLocation", "updated", "contact")],
        )
        self.accepted(await self.bob.delete(), 204)
        self.assertEqual(
            await self.news(),
            [
                ("contactPresence", "updated", "contact"),
                ("contactSupportedModalities", "updated", "contact"),
            ],
        )
        self.assertTrue(await self.alice.nothing_more())

    async def test_spelling(self) -> None:
        """One URI in any case is one contact; a duration may be text or stand in the query."""
        body = {"uris": ["SIP:Bob@Example.Test", "sip:bob@example.test", "bob@example.test"]}
        response = await self.alice.post(f"{PATH}?duration=10", body)
        self.assertEqual(response.status, 201)
        self.assertEqual(await self.watched(), ["bob@example.test"])
        self.assertEqual((await self.subscribe("carol", duration="30")).status, 201)
        response = await self.alice.post(PATH, {"duration": 10, "uris": uri("carol")})
        self.assertEqual(response.status, 201)

    async def test_wrong_input(self) -> None:
        """Duration is 10..30 minutes, and there is at least one SIP URI."""
        for duration in (9, 31, 0, -10, 10.5, "x", True, [10], 10**30):
            response = await self.subscribe("bob", duration=duration)
            self.assertEqual(self.wrong_parameters(response), {"duration"}, duration)
        self.assertEqual(self.wrong_parameters(await self.alice.post(PATH)), {"duration", "uris"})
        for uris in ([], [""], [5], {"a": 1}, ["x" * 331], [uri("a")] * 1001):
            response = await self.alice.post(PATH, {"duration": 10, "uris": uris})
            self.assertEqual(self.wrong_parameters(response), {"uris"})
        body = {"duration": 10, "uris": [uri("bob"), "tel:+14255550100", "nobody"]}
        self.assertEqual(
            self.wrong_parameters(await self.alice.post(PATH, body)), {"uris[1]", "uris[2]"}
        )
        self.assertEqual(await self.watched(), [])

    async def test_unknown_person(self) -> None:
        """Somebody who is not in the directory can be watched, and is not found."""
        await self.subscribed("zed")
        self.assertEqual(await self.watched(), ["zed@example.test"])
        response = await self.alice.get("people/zed@example.test/presence")
        self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_across_restart(self) -> None:
        """Subscriptions go on after a restart, and a change in between is not lost."""
        own = await self.subscribed("bob")
        await self.bob.post("me/note", {"message": "before"})
        await self.service.restart()
        self.assertEqual(await self.news(), [("contactNote", "updated", "contact")])
        await self.bob.post("me/note", {"message": "after"})
        self.assertEqual(await self.news(), [("contactNote", "updated", "contact")])
        await self.alice.document(own)


class LifeTests(WatchTestCase):
    """Extension, expiry and DELETE."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice", available=False, EndpointId="lurker")

    async def test_expiry(self) -> None:
        """Shortly before its end it is updated, embedded; at its end it and its contact go."""
        own = await self.subscribed("zed")
        parked = self.alice.park("&timeout=1800")
        self.clock.advance(595)
        self.assertFalse(parked.called)
        self.clock.advance(1)
        await self.service.settle()
        self.clock.advance(5)
        (warning,) = self.alice.take(await parked)
        self.assertEqual((warning.rel, warning.type), ("presenceSubscription", "updated"))
        self.assertEqual(warning.shown, await self.alice.document(own))
        parked = self.alice.park()
        self.clock.advance(60)
        await self.service.settle()
        self.clock.advance(5)
        self.assertEqual(
            [(e.rel, e.type, e.within) for e in self.alice.take(await parked)],
            [
                ("contact", "deleted", "subscribedContacts"),
                ("presenceSubscription", "deleted", ""),
            ],
        )
        self.assertEqual(await self.watched(), [])
        late = await self.alice.post(f"{own}?duration=11")
        self.refused(late, 404, "NotFound", "ResourceNotFound")

    async def test_extension(self) -> None:
        """POST adds minutes, to 30 from now at most; 200 with the subscription."""
        own = await self.subscribed("zed")
        response = await self.alice.post(f"{own}?duration=11")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.json(), await self.alice.document(own))
        self.assertEqual((await self.alice.post(own, {"duration": 30})).status, 200)
        parked = self.alice.park("&timeout=1800")
        self.clock.pump([600, 600, 500])
        await self.service.settle()
        self.assertFalse(parked.called)
        self.clock.advance(60)
        await self.service.settle()
        self.clock.advance(5)
        self.assertEqual([e.type for e in self.alice.take(await parked)], ["updated"])
        for duration in ("9", "31", "", "x"):
            response = await self.alice.post(f"{own}?duration={duration}")
            self.assertEqual(self.wrong_parameters(response), {"duration"})

    async def test_delete(self) -> None:
        """DELETE tells of the contact and the subscription as the task page does."""
        own = await self.subscribed("bob")
        self.accepted(await self.alice.delete(own), 204)
        self.assertEqual(
            await self.news(),
            [
                ("contact", "deleted", "subscribedContacts"),
                ("presenceSubscription", "deleted", ""),
            ],
        )
        await self.bob.post("me/note", {"message": "unseen"})
        self.assertTrue(await self.alice.nothing_more())
        for response in (
            await self.alice.delete(own),
            await self.alice.get(own),
            await self.alice.post(f"{own}?duration=10"),
        ):
            self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_watched_twice(self) -> None:
        """A contact of two subscriptions stays watched until the last of them ends."""
        first, second = await self.subscribed("bob"), await self.subscribed("bob", "carol")
        self.accepted(await self.alice.delete(first), 204)
        self.assertEqual(await self.news(), [("presenceSubscription", "deleted", "")])
        await self.bob.post("me/note", {"message": "seen"})
        self.assertEqual(await self.news(), [("contactNote", "updated", "contact")])
        self.accepted(await self.alice.delete(second), 204)
        self.assertEqual(await self.watched(), [])

    async def test_somebody_elses(self) -> None:
        """A subscription belongs to one application."""
        own = await self.subscribed("bob")
        phone = await self.service.sign_in("alice", EndpointId="phone")
        theirs = own.replace(self.alice.href, phone.href)
        self.refused(await phone.get(theirs), 404, "NotFound", "ResourceNotFound")
        self.refused(await phone.delete(theirs), 404, "NotFound", "ResourceNotFound")


class MembershipTests(WatchTestCase):
    """presenceSubscriptionMemberships and one membership."""

    async def members(self, path: str) -> list[str]:
        """The addresses of the contacts in the memberships that `path` shows."""
        shown = await self.alice.document(path)
        self.assertEqual(shown["rel"], "presenceSubscriptionMemberships")
        return [
            one["_links"]["contact"]["href"].rpartition("/")[2]
            for one in shown["_embedded"]["presenceSubscriptionMembership"]
        ]

    async def test_of_all(self) -> None:
        """Without an id the memberships of all subscriptions are shown, with it of one."""
        await self.subscribed("bob")
        own = await self.subscribed("bob", "carol")
        self.assertEqual(len(await self.members(MEMBERSHIPS)), 3)
        link = (await self.alice.document(own))["_links"]["memberships"]["href"]
        self.assertEqual(await self.members(link), ["bob@example.test", "carol@example.test"])
        response = await self.alice.get(f"{MEMBERSHIPS}?presenceSubscriptionId=none")
        self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_add(self) -> None:
        """addToPresenceSubscription watches more people; who is in it already is not told again."""
        own = await self.subscribed("bob")
        link = (await self.alice.document(own))["_links"]["addToPresenceSubscription"]["href"]
        response = await self.alice.post(link, {"contactUris": [uri("bob"), uri("carol")]})
        self.assertEqual(response.status, 201)
        self.assertEqual(len(response.json()["_embedded"]["presenceSubscriptionMembership"]), 2)
        added = [event for event in await self.alice.events() if event.type == "added"]
        self.assertEqual([e.href for e in added], [f"{self.alice.href}/people/carol@example.test"])
        response = await self.alice.post(MEMBERSHIPS, {"contactUris": ["x y"]})
        self.assertEqual(self.wrong_parameters(response), {"presenceSubscriptionId"})
        response = await self.alice.post(link, {"contactUris": ["x y"]})
        self.assertEqual(self.wrong_parameters(response), {"contactUris[0]"})

    async def test_remove_one(self) -> None:
        """DELETE of a membership stops watching that contact alone."""
        own = await self.subscribed("bob", "carol")
        shown = await self.alice.document(MEMBERSHIPS)
        bobs = shown["_embedded"]["presenceSubscriptionMembership"][0]
        self.assertEqual(await self.alice.document(bobs["_links"]["self"]["href"]), bobs)
        self.accepted(await self.alice.delete(bobs["_links"]["self"]["href"]), 204)
        (deleted,) = await self.alice.events()
        self.assertEqual((deleted.rel, deleted.type), ("contact", "deleted"))
        self.assertEqual(await self.watched(), ["carol@example.test"])
        await self.bob.post("me/note", {"message": "unseen"})
        self.assertTrue(await self.alice.nothing_more())
        await self.alice.document(own)
        for name in (bobs["_links"]["self"]["href"], f"{MEMBERSHIPS}/x,y", f"{MEMBERSHIPS}/x"):
            for response in (await self.alice.get(name), await self.alice.delete(name)):
                self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_remove_of_two(self) -> None:
        """Who is in another subscription too stays watched."""
        first = await self.subscribed("bob")
        await self.subscribed("bob")
        number = first.rpartition("/")[2]
        self.accepted(await self.alice.delete(f"{MEMBERSHIPS}/{number},bob@example.test"), 204)
        await self.bob.post("me/note", {"message": "seen"})
        self.assertEqual(await self.news(), [("contactNote", "updated", "contact")])


class LimitTests(WatchTestCase):
    """How much one application may watch."""

    ucwa = UcwaConfig(subscriptions_per_application=2, subscribed_contacts_per_application=2)

    async def test_subscriptions(self) -> None:
        """One subscription too many is 403 LimitExceeded; another application is not concerned."""
        for _ in range(2):
            await self.subscribed("bob")
        self.refused(await self.subscribe("bob"), 403, "Forbidden", "LimitExceeded")
        phone: Client = await self.service.sign_in("alice", EndpointId="phone")
        response = await phone.post(PATH, {"duration": 10, "uris": [uri("bob")]})
        self.assertEqual(response.status, 201)

    async def test_contacts(self) -> None:
        """One contact too many is refused, in a new subscription and in an old one."""
        response = await self.subscribe("a", "b", "c")
        self.refused(response, 403, "Forbidden", "LimitExceeded")
        own = await self.subscribed("a", "b")
        link = (await self.alice.document(own))["_links"]["addToPresenceSubscription"]["href"]
        response = await self.alice.post(link, {"contactUris": [uri("c")]})
        self.refused(response, 403, "Forbidden", "LimitExceeded")
        self.assertEqual((await self.subscribe("a")).status, 201)
