"""Privacy relationships as clients change them, and what the other sees then."""

from typing import Any

import attrs

from mobility.config import UcwaConfig
from mobility.testing import MemoryResponse
from mobility.ucwa.documents import PUT_TOKEN_VALUE
from tests.ucwa.service import Client, UcwaTestCase, uri

LEVELS = "people/privacyRelationships"
OF_BOB = "people/bob@example.test/privacyRelationship"
RESET = f"{OF_BOB}/resetContactPrivacyRelationship"
ALICE = "people/alice@example.test"


class PrivacyTestCase(UcwaTestCase):
    """Alice, who assigns levels, and Bob, who watches her."""

    ucwa = UcwaConfig(privacy_relationships_per_user=1)
    alice: Client
    bob: Client

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")

    async def put(self, level: str | None, href: str = OF_BOB, **changes: Any) -> MemoryResponse:
        """PUT the relationship back with another level; None drops the property."""
        shown = await self.alice.document(href)
        etag = changes.pop("etag", shown["etag"])
        body = {name: value for name, value in shown.items() if name not in ("_links", "etag")}
        body["relationshipLevel"] = level
        body |= changes
        if level is None:
            del body["relationshipLevel"]
        headers = {} if etag is None else {"If-Match": f'"{etag}"'}
        return await self.alice.request("PUT", href, body, headers=headers)

    async def assign(self, level: str) -> None:
        response = await self.put(level)
        self.assertEqual((response.status, response.json()["relationshipLevel"]), (200, level))

    async def watch(self) -> None:
        """Bob subscribes to Alice's presence and reads what he is told first."""
        body = {"duration": 10, "uris": [uri("alice")]}
        await self.bob.post("people/presenceSubscriptions", body)
        await self.bob.events()

    def refused(self, response: MemoryResponse, status: int, code: str, subcode: str = "") -> None:
        answer = response.json()
        got = response.status, answer["code"], answer.get("subcode", "")
        self.assertEqual(got, (status, code, subcode))


class RelationshipTests(PrivacyTestCase):
    """contactPrivacyRelationship and resetContactPrivacyRelationship."""

    async def test_automatic(self) -> None:
        """A contact links to its level in revision 2; what is automatic cannot be reset."""
        contact = await self.alice.document("people/bob@example.test")
        link = contact["_links"]["contactPrivacyRelationship"]
        self.assertEqual(link, {"href": f"{self.alice.href}/{OF_BOB}", "revision": "2"})
        response = await self.alice.get(link["href"])
        shown = response.json()
        self.assertEqual(shown["relationshipLevel"], "Colleagues")
        self.assertEqual(list(shown["_links"]), ["self"])
        self.assertEqual(response.header("ETag"), f'"{shown["etag"]}"')
        self.assertIn(PUT_TOKEN_VALUE, shown.values())

    async def test_put_and_reset(self) -> None:
        """A level is given with PUT and taken back with reset, each told to the owner."""
        await self.assign("FriendsAndFamily")
        (told,) = await self.alice.events()
        self.assertEqual(told.brief, ("people", "contactPrivacyRelationship", "updated"))
        self.assertEqual((told.within, told.href), ("contact", f"{self.alice.href}/{OF_BOB}"))
        shown = await self.alice.document(OF_BOB)
        reset = shown["_links"]["resetContactPrivacyRelationship"]["href"]
        self.assertEqual((await self.alice.post(reset)).status, 204)
        shown = await self.alice.document(OF_BOB)
        self.assertEqual(shown["relationshipLevel"], "Colleagues")
        self.assertEqual(len(await self.alice.events()), 1)
        self.assertEqual((await self.alice.post(RESET)).status, 204)

    async def test_without_level(self) -> None:
        """A PUT without the property keeps the level, as clients drop what they do not change."""
        response = await self.put(None)
        self.assertEqual(response.json()["relationshipLevel"], "Colleagues")

    async def test_refusals(self) -> None:
        """The rules of PUT, a level that nobody can have, too many levels, and oneself."""
        self.refused(await self.put("Blocked", etag=None), 428, "PreconditionRequired")
        self.refused(await self.put("Blocked", etag="1"), 412, "PreconditionFailed")
        wrong = 400, "BadRequest", "ParameterValidationFailure"
        for level in ("Unknown", "Best friends", "x" * 1000):
            self.refused(await self.put(level), *wrong)
        shown = await self.alice.document(OF_BOB)
        (token,) = [name for name, value in shown.items() if value == PUT_TOKEN_VALUE]
        self.refused(await self.put("Blocked", **{token: "else"}), *wrong)
        await self.assign("Blocked")
        of_carol = OF_BOB.replace("bob", "carol")
        self.refused(await self.put("Blocked", of_carol), 403, "Forbidden", "LimitExceeded")
        for href in (f"{ALICE}/privacyRelationship", "people/zed@example.test/privacyRelationship"):
            self.refused(await self.alice.get(href), 404, "NotFound", "ResourceNotFound")
        self.assertNotIn("contactPrivacyRelationship", (await self.alice.document(ALICE))["_links"])

    async def test_levels(self) -> None:
        """myPrivacyRelationships shows the levels in use with their contacts, each by itself."""
        await self.service.front_end.contacts.add(uri("alice"), uri("carol"))
        await self.assign("Blocked")
        shown = await self.alice.document(LEVELS)
        found = {
            one["relationshipLevel"]: [link["href"] for link in one["_links"]["contact"]]
            for one in shown["_embedded"]["myPrivacyRelationship"]
        }
        people = f"{self.alice.href}/people"
        self.assertEqual(
            found,
            {
                "Blocked": [f"{people}/bob@example.test"],
                "Colleagues": [f"{people}/carol@example.test"],
            },
        )
        for one in shown["_embedded"]["myPrivacyRelationship"]:
            self.assertEqual(await self.alice.document(one["_links"]["self"]["href"]), one)
        empty = await self.alice.document(f"{LEVELS}/Workgroup")
        self.assertEqual(empty["_links"]["contact"], [])
        self.refused(await self.alice.get(f"{LEVELS}/None"), 404, "NotFound", "ResourceNotFound")


class EnforcedTests(PrivacyTestCase):
    """What a level keeps from the contact."""

    async def seen(self, part: str) -> dict[str, Any]:
        """A part of what Bob sees of Alice."""
        return await self.bob.document(f"{ALICE}{part}")

    async def show_all(self) -> None:
        """Alice has something to hide."""
        await self.alice.post("me/presence", {"availability": "Busy"})
        await self.alice.post("me/note", {"message": "Back at noon"})
        await self.alice.post("me/location", {"location": "Hall 3"})
        users = self.service.front_end.users
        await users.update(
            uri("alice"),
            lambda user: attrs.evolve(user, home_phone="+14255550199", work_phone="+14255550101"),
            self.clock.seconds(),
        )
        await self.alice.events()

    async def test_blocked(self) -> None:
        """A blocked contact sees somebody who is offline and has a name and a mail address."""
        await self.show_all()
        await self.assign("Blocked")
        presence = await self.seen("/presence")
        self.assertEqual((presence["availability"], presence["deviceType"]), ("Offline", "Unknown"))
        self.assertNotIn("lastActive", presence)
        self.assertEqual((await self.seen("/note"))["message"], "")
        self.assertEqual((await self.seen("/location"))["location"], "")
        self.assertEqual((await self.seen("/supportedMedia"))["modalities"], [])
        card = await self.seen("")
        shown = {name for name in card if name not in ("rel", "etag", "_links")}
        self.assertEqual(shown, {"uri", "name", "type", "sourceNetwork", "emailAddresses"})
        self.assertEqual((await self.bob.get("photos/alice@example.test")).status, 404)
        own = await self.alice.document("me/presence")
        self.assertEqual(own["availability"], "Busy")

    async def test_phones(self) -> None:
        """A home number is for friends: they see it on the card and find its owner by it."""
        await self.show_all()
        query = "people/search?query=5550199"
        self.assertNotIn("homePhoneNumber", await self.seen(""))
        self.assertEqual((await self.bob.document(query))["_embedded"]["contact"], [])
        await self.assign("FriendsAndFamily")
        self.assertEqual((await self.seen(""))["homePhoneNumber"], "tel:+14255550199")
        (found,) = (await self.bob.document(query))["_embedded"]["contact"]
        self.assertEqual(found["uri"], uri("alice"))

    async def test_told_of_the_level(self) -> None:
        """A watcher is told to look again when it is blocked, and when it is not any more."""
        await self.watch()
        for level in ("Blocked", "Workgroup"):
            await self.assign(level)
            told = await self.bob.events()
            self.assertEqual(
                sorted(one.rel for one in told),
                [
                    "contactLocation",
                    "contactNote",
                    "contactPresence",
                    "contactSupportedModalities",
                ],
            )

    async def test_blocked_hears_nothing(self) -> None:
        """A blocked watcher is not told when the other comes, goes or writes a note."""
        await self.watch()
        await self.assign("Blocked")
        await self.bob.events()
        await self.show_all()
        self.assertTrue(await self.bob.nothing_more())
        carol = await self.service.sign_in("carol")
        body = {"duration": 10, "uris": [uri("alice")]}
        await carol.post("people/presenceSubscriptions", body)
        await carol.events()
        await self.alice.post("me/presence", {"availability": "DoNotDisturb"})
        (told,) = await carol.events()
        self.assertEqual(told.rel, "contactPresence")

    async def test_external_hears_of_presence_alone(self) -> None:
        """An external contact is told of the availability, not of note and location."""
        await self.watch()
        await self.assign("External")
        await self.bob.events()
        await self.show_all()
        (told,) = await self.bob.events()
        self.assertEqual(told.rel, "contactPresence")

    async def invite(self) -> tuple[str, str]:
        """Bob writes to Alice; how that ends at once, if it does."""
        links = {"message": {"href": "data:text/plain,Hello"}}
        body = {"to": uri("alice"), "operationId": "1", "_links": links}
        await self.bob.post("communication/messagingInvitations", body)
        for told in await self.bob.events():
            if told.rel == "messagingInvitation" and told.type == "completed":
                reason = told.event["reason"]
                return reason["code"], reason["subcode"]
        return "", ""

    async def test_blocked_reaches_nobody(self) -> None:
        """Messages of a blocked contact ring nowhere, as if the other were offline."""
        await self.assign("Blocked")
        await self.alice.events()
        self.assertEqual(await self.invite(), ("RemoteFailure", "Unavailable"))
        self.assertTrue(await self.alice.nothing_more())

    async def test_do_not_disturb(self) -> None:
        """Who is not to be disturbed is rung by the workgroup alone, which sees that it may."""
        await self.alice.post("me/presence", {"availability": "DoNotDisturb"})
        self.assertEqual(await self.invite(), ("RemoteFailure", "DoNotDisturb"))
        self.assertNotIn("activity", await self.seen("/presence"))
        await self.assign("Workgroup")
        self.assertEqual((await self.seen("/presence"))["activity"], "urgent-interruptions-only")
        self.assertEqual(await self.invite(), ("", ""))
