"""people: contacts, groups, search, and one person."""

from mobility.domain.ledger import Unit
from mobility.domain.records import Contact, Group, User
from tests.ucwa.service import Client, UcwaTestCase, uri

PARTS = {
    "presence": "contactPresence",
    "note": "contactNote",
    "location": "contactLocation",
    "supportedMedia": "contactSupportedModalities",
}


def names(document: dict[str, object], rel: str = "contact") -> list[str]:
    """The names of the embedded resources of one rel."""
    return [one["name"] for one in document["_embedded"][rel]]  # type: ignore[index]


class PeopleTestCase(UcwaTestCase):
    """Alice has Bob as a contact, and Carol in a group of her own."""

    alice: Client

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        contacts = self.service.front_end.contacts
        await contacts.add(uri("alice"), uri("bob"))
        unit = Unit()
        unit.save(
            Group(uri("alice"), "sales & more", "Sales", "custom"),
            Contact(uri("alice"), "sales & more", uri("carol")),
            Contact(uri("alice"), "sales & more", uri("zed")),
        )
        await self.service.front_end.store.ledger.commit(unit)
        self.alice = await self.service.sign_in("alice")


class ContactTests(PeopleTestCase):
    """myContacts, groupContacts and contact."""

    async def test_contacts(self) -> None:
        """myContacts embeds everybody once; who is not in the directory is left out."""
        shown = await self.alice.document("people/contacts")
        self.assertEqual(shown["rel"], "myContacts")
        self.assertEqual(names(shown), ["Bob Brown", "Carol Çelik"])

    async def test_without_contacts(self) -> None:
        """An empty list is an array with no entry."""
        bob = await self.service.sign_in("bob")
        self.assertEqual((await bob.document("people/contacts"))["_embedded"], {"contact": []})

    async def test_links_only(self) -> None:
        """`expand=false` gives links in place of the embedded resources."""
        shown = await self.alice.document("people/contacts?expand=False")
        self.assertNotIn("_embedded", shown)
        people = f"{self.alice.href}/people"
        self.assertEqual(
            [link["href"] for link in shown["_links"]["contact"]],
            [f"{people}/bob@example.test", f"{people}/carol@example.test"],
        )

    async def test_contact(self) -> None:
        """A contact has its directory data, an etag, and a link to each part of its presence."""
        response = await self.alice.get("people/bob@example.test")
        shown = response.json()
        self.assertEqual(response.header("ETag"), f'"{shown["etag"]}"')
        again = await self.alice.get("people/BOB@Example.test", If_None_Match=f'"{shown["etag"]}"')
        self.assertEqual((again.status, again.body), (304, b""))
        own = f"{self.alice.href}/people/bob@example.test"
        self.assertEqual(
            {name: link["href"] for name, link in shown.pop("_links").items()},
            {
                "self": own,
                "contactPhoto": f"{self.alice.href}/photos/bob@example.test",
                **{rel: f"{own}/{path}" for path, rel in PARTS.items()},
                "contactPrivacyRelationship": f"{own}/privacyRelationship",
            },
        )
        shown.pop("etag")
        self.assertEqual(
            shown,
            {
                "rel": "contact",
                "uri": uri("bob"),
                "name": "Bob Brown",
                "type": "User",
                "sourceNetwork": "SameEnterprise",
                "workPhoneNumber": "tel:+14255550102",
            },
        )

    async def test_parts(self) -> None:
        """Each part is served on its task-page path and its reference path."""
        for path, rel in PARTS.items():
            short = await self.alice.document(f"people/carol@example.test/{path}")
            self.assertEqual(short["rel"], rel)
            self.assertEqual(await self.alice.document(f"people/carol@example.test/{rel}"), short)
        offline = await self.alice.document("people/carol@example.test/presence")
        self.assertEqual((offline["availability"], offline["deviceType"]), ("Offline", "Unknown"))
        self.assertNotIn("lastActive", offline)

    async def test_stranger(self) -> None:
        """Who is not in the directory is not found, however the address is spelled."""
        for address in ("zed@example.test", "bob", "bob@", "@", "bob%2F..@example.test", "b%20ob"):
            for path in ("", "/presence"):
                response = await self.alice.get(f"people/{address}{path}")
                self.refused(response, 404, "NotFound", "ResourceNotFound")


class GroupTests(PeopleTestCase):
    """myGroups and the groups in it."""

    async def test_groups(self) -> None:
        """Default and pinned groups are embedded once, groups of one's own as an array."""
        shown = await self.alice.document("people/groups")
        self.assertEqual(
            set(shown["_embedded"]), {"defaultGroup", "pinnedGroup", "group", "distributionGroup"}
        )
        self.assertEqual(names(shown, "group"), ["Sales"])
        self.assertEqual(shown["_links"]["self"]["revision"], "2")
        sales = shown["_embedded"]["group"][0]
        links = sales["_links"]
        self.assertEqual(await self.alice.document(links["self"]["href"]), sales)
        members = await self.alice.document(links["groupContacts"]["href"])
        self.assertEqual((members["rel"], names(members)), ("groupContacts", ["Carol Çelik"]))
        self.assertEqual(await self.alice.document(members["_links"]["self"]["href"]), members)
        default = shown["_embedded"]["defaultGroup"]["_links"]["groupContacts"]["href"]
        self.assertEqual(names(await self.alice.document(default)), ["Bob Brown"])

    async def test_links_only(self) -> None:
        """`expand=false` gives links; a rel that can repeat stays an array."""
        links = (await self.alice.document("people/groups?expand=false"))["_links"]
        self.assertEqual(
            set(links), {"self", "defaultGroup", "pinnedGroup", "group", "distributionGroup"}
        )
        self.assertIsInstance(links["group"], list)
        for link in (links["defaultGroup"], links["pinnedGroup"], *links["group"]):
            self.assertIn("groupContacts", (await self.alice.document(link["href"]))["_links"])

    async def test_unknown_group(self) -> None:
        """A group that is not one's own is not found."""
        bob = await self.service.sign_in("bob")
        sales = "sales%20%26%20more"
        for path in (f"people/groups/{sales}", f"people/contacts?groupId={sales}"):
            await self.alice.document(path)
            self.refused(await bob.get(path), 404, "NotFound", "ResourceNotFound")
        response = await self.alice.get("people/contacts?groupId=")
        self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_subscribe_to_group(self) -> None:
        """subscribeToGroupPresence watches everybody in the group."""
        shown = await self.alice.document("people/groups")
        link = shown["_embedded"]["group"][0]["_links"]["subscribeToGroupPresence"]["href"]
        response = await self.alice.post(f"{link}&duration=10")
        self.assertEqual(response.status, 201)
        watched = await self.alice.document("people/subscribedContacts")
        self.assertEqual(
            [link["href"].rpartition("/")[2] for link in watched["_links"]["contact"]],
            ["carol@example.test", "zed@example.test"],
        )
        response = await self.alice.post("people/presenceSubscriptions?groupId=none&duration=10")
        self.refused(response, 404, "NotFound", "ResourceNotFound")


class SearchTests(PeopleTestCase):
    """GET search."""

    async def found(self, query: str) -> list[str]:
        return names(await self.alice.document(f"people/search?{query}"))

    async def test_ways_to_find(self) -> None:
        """People are found by name, mail, SIP address and phone number."""
        for query, expected in (
            ("query=bob", ["Bob Brown"]),
            ("query=BROWN", ["Bob Brown"]),
            ("query=celik", ["Carol Çelik"]),
            ("query=%C3%87elik", ["Carol Çelik"]),
            ("query=sip:carol@example.test", ["Carol Çelik"]),
            ("query=5550102", ["Bob Brown"]),
            ("mail=alice@example.test", ["Alice Adams"]),
            ("query=nobody", []),
        ):
            self.assertEqual(await self.found(query), expected, query)

    async def test_limit(self) -> None:
        """`limit` bounds the result, and moreResultsAvailable says that there are more."""
        shown = await self.alice.document("people/search?query=c&limit=1")
        self.assertEqual((names(shown), shown["moreResultsAvailable"]), (["Carol Çelik"], False))
        for name in ("anna", "anton"):
            await self.service.front_end.users.add(User(uri(name), name.capitalize()))
        shown = await self.alice.document("people/search?query=an&limit=1")
        self.assertEqual((names(shown), shown["moreResultsAvailable"]), (["Anna"], True))

    async def test_wrong_query(self) -> None:
        """A query is required, has 256 characters at most, and limit is 1..100."""
        for query, wrong in (
            ("", {"query"}),
            ("query=", {"query"}),
            ("query=a&limit=0", {"limit"}),
            ("query=a&limit=101", {"limit"}),
            ("query=a&limit=x", {"limit"}),
            (f"query={'a' * 257}", {"query"}),
            (f"mail={'a' * 257}&limit=-1", {"mail", "limit"}),
        ):
            response = await self.alice.get(f"people/search?{query}")
            self.assertEqual(self.wrong_parameters(response), wrong, query)

    async def test_revision(self) -> None:
        """Search is revision 2, as clients that search by mail ask for."""
        response = await self.alice.get("people/search?mail=a", X_MS_RequiresMinResourceVersion="2")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.header("X-MS-UcwaVersion"), "2")
        link = (await self.alice.document("people"))["_links"]["search"]
        self.assertEqual(link["revision"], "2")
