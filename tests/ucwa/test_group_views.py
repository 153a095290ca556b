"""Distribution groups on the contact list, and the groups of delegates and of the organization."""

from functools import partial
from typing import Any

import attrs

from mobility.config import UcwaConfig
from mobility.domain.records import DistributionGroup
from tests.ucwa.service import Client, UcwaTestCase, uri

START = (
    "people/contactsAndGroupsSubscription/startOrRefreshSubscriptionToContactsAndGroups?duration=60"
)
LUNCH = DistributionGroup(uri("lunch"), "Café & Lunch", f"{uri('bob')} {uri('team')}", "", "")
TEAM = DistributionGroup(uri("team"), "점심 팀", f"{uri('carol')} {uri('stranger')}", "", "")


class GroupViewsTestCase(UcwaTestCase):
    """Alice, who hears of changes of her list, and two distribution groups, one in the other."""

    ucwa = UcwaConfig(groups_per_user=1, group_size_to_expand=2)
    alice: Client

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.front_end = self.service.front_end
        for group in (LUNCH, TEAM):
            await self.front_end.distribution_groups.put(group)
        self.alice = await self.service.sign_in("alice")
        await self.alice.post(START)

    async def search(self, query: str, **more: object) -> dict[str, Any]:
        extra = "".join(f"&{name}={value}" for name, value in more.items())
        return await self.alice.document(f"people/search?query={query}{extra}")

    async def listed(self) -> dict[str, Any]:
        """Lunch, on Alice's list."""
        (found,) = (await self.search("lunch"))["_embedded"]["distributionGroup"]
        added = await self.alice.post(found["_links"]["addToContactList"]["href"])
        self.accepted(added, 204)
        (shown,) = (await self.alice.document("people/groups"))["_embedded"]["distributionGroup"]
        return dict(shown)

    async def told(self) -> list[tuple[str, str, str]]:
        return [(one.rel, one.type, one.within) for one in await self.alice.events()]


class DistributionGroupTests(GroupViewsTestCase):
    """distributionGroup, expandDistributionGroup, addToContactList and removeFromContactList."""

    async def test_search(self) -> None:
        """Groups are found by the beginnings of the words of their names, of whatever script, and
        by their address; people come first, and `limit` counts both."""
        for query in ("cafe", "LUNCH", "lunch@example.test", "sip:lunch@exam"):
            found = (await self.search(query))["_embedded"]["distributionGroup"]
            self.assertEqual([one["name"] for one in found], [LUNCH.name], query)
        found = (await self.search("%ED%8C%80"))["_embedded"]["distributionGroup"]
        self.assertEqual([one["uri"] for one in found], [TEAM.uri])
        shown = await self.search("example.test", limit=3)
        self.assertEqual(shown["_embedded"]["distributionGroup"], [])
        self.assertFalse((await self.search("alice", limit=1))["moreResultsAvailable"])
        for query, limit, more in (("lunch", 1, False), ("c", 1, True)):
            shown = await self.search(query, limit=limit)
            self.assertEqual(shown["moreResultsAvailable"], more, query)

    async def test_on_the_list(self) -> None:
        """A group comes onto the list under the user's name for it, once, and goes again."""
        shown = await self.listed()
        self.assertEqual((shown["uri"], shown["id"]), (LUNCH.uri, "lunch@example.test"))
        self.assertEqual(
            list(shown["_links"]),
            [
                "self",
                "removeFromContactList",
                "expandDistributionGroup",
                "subscribeToGroupPresence",
            ],
        )
        body = {"displayName": "Eating", "smtpAddress": "Lunch@example.test"}
        self.accepted(await self.alice.post("people/groups/addToContactList", body), 204)
        self.assertEqual(await self.told(), [("distributionGroup", "added", "myGroups")])
        links = (await self.alice.document("people/groups?expand=false"))["_links"]
        self.assertEqual(links["distributionGroup"], [{"href": shown["_links"]["self"]["href"]}])
        removed = await self.alice.post(shown["_links"]["removeFromContactList"]["href"])
        self.accepted(removed, 204)
        self.assertEqual(await self.told(), [("distributionGroup", "deleted", "myGroups")])
        gone = await self.alice.post(shown["_links"]["removeFromContactList"]["href"])
        self.refused(gone, 404, "NotFound", "ResourceNotFound")

    async def test_name(self) -> None:
        """The user's name for a group lasts a restart of the service; others see its own."""
        body = {"displayName": "Eating", "smtpAddress": "lunch@example.test"}
        self.accepted(await self.alice.post("people/groups/addToContactList", body), 204)
        await self.service.restart()
        own = "people/distributionGroups/lunch@example.test"
        self.assertEqual((await self.alice.document(own))["name"], "Eating")
        bob = await self.service.sign_in("bob")
        shown = await bob.document(own)
        self.assertEqual(shown["name"], LUNCH.name)
        self.assertIn("addToContactList", shown["_links"])

    async def test_refusals(self) -> None:
        """Unknown groups, groups of people, members by hand, and too many groups."""
        await self.listed()
        add, remove = "people/groups/addToContactList", "people/groups/removeFromContactList"
        body = {"displayName": "Team", "smtpAddress": "team@example.test"}
        self.refused(await self.alice.post(add, body), 409, "Conflict", "TooManyGroups")
        body["smtpAddress"] = "nobody@example.test"
        self.refused(await self.alice.post(add, body), 404, "NotFound", "ResourceNotFound")
        body["smtpAddress"] = "not an address"
        self.assertEqual(self.wrong_parameters(await self.alice.post(add, body)), {"smtpAddress"})
        response = await self.alice.post(remove, {"groupId": "default"})
        self.refused(response, 403, "Forbidden", "OperationNotSupported")
        member = {"contactUri": uri("carol"), "groupId": "lunch@example.test"}
        response = await self.alice.post("people/groupMemberships", member)
        self.refused(response, 403, "Forbidden", "OperationNotSupported")
        response = await self.alice.get("people/distributionGroups/nobody@example.test")
        self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_expand(self) -> None:
        """Expanded, a group shows its direct members: users of the service, and groups."""
        shown = await self.listed()
        href = shown["_links"]["expandDistributionGroup"]["href"]
        members = (await self.alice.document(href))["_embedded"]
        self.assertEqual([one["name"] for one in members["contact"]], ["Bob Brown"])
        (team,) = members["distributionGroup"]
        inner = await self.alice.document(team["_links"]["expandDistributionGroup"]["href"])
        self.assertEqual(len(inner["_embedded"]["contact"]), 1)

    async def test_too_large(self) -> None:
        """A group above the limit is not expanded."""
        members = " ".join(uri(f"person{number}") for number in range(3))
        await self.front_end.distribution_groups.put(attrs.evolve(LUNCH, members=members))
        own = "people/distributionGroups/lunch@example.test"
        expanded = await self.alice.get(f"{own}/expandDistributionGroup")
        self.refused(expanded, 403, "Forbidden", "TooManyContacts")
        nobody = {"contact": [], "distributionGroup": []}
        self.assertEqual((await self.alice.document(own))["_embedded"], nobody)

    async def test_presence(self) -> None:
        """subscribeToGroupPresence watches the people that are direct members."""
        shown = await self.listed()
        href = shown["_links"]["subscribeToGroupPresence"]["href"]
        self.assertEqual((await self.alice.post(f"{href}&duration=10")).status, 201)
        watched = await self.alice.document("people/subscribedContacts")
        self.assertEqual(
            watched["_links"]["contact"], [{"href": f"{self.alice.href}/people/bob@example.test"}]
        )

    async def test_changed_in_the_directory(self) -> None:
        """Who lists a group is told when it changes and when it goes, also after a restart; who
        does not is not."""
        await self.listed()
        bob = await self.service.sign_in("bob")
        await bob.post(START)
        await self.alice.events()
        await self.front_end.distribution_groups.put(attrs.evolve(LUNCH, name="Dinner"))
        self.assertEqual(await self.told(), [("distributionGroup", "updated", "")])
        await self.service.restart()
        await self.alice.post(START)
        await self.service.front_end.distribution_groups.remove(LUNCH.uri)
        self.assertEqual(await self.told(), [("distributionGroup", "deleted", "myGroups")])
        groups = (await self.alice.document("people/groups"))["_embedded"]
        self.assertEqual(groups["distributionGroup"], [])
        self.assertTrue(await bob.nothing_more())


class VirtualGroupTests(GroupViewsTestCase):
    """delegatesGroup, delegatorsGroup and myOrganizationGroup."""

    async def people_in(self, rel: str) -> list[str]:
        """Who is in a group that myGroups embeds once."""
        group = (await self.alice.document("people/groups"))["_embedded"][rel]
        self.assertEqual(await self.alice.document(group["_links"]["self"]["href"]), group)
        shown = await self.alice.document(group["_links"]["groupContacts"]["href"])
        self.assertEqual(shown["rel"], "groupContacts")
        return [one["name"] for one in shown["_embedded"]["contact"]]

    async def test_empty(self) -> None:
        """Groups in which nobody is are not among the groups, though their addresses work."""
        embedded = (await self.alice.document("people/groups"))["_embedded"]
        for rel, name in (
            ("delegatesGroup", "delegates"),
            ("delegatorsGroup", "delegators"),
            ("myOrganizationGroup", "organization"),
        ):
            self.assertNotIn(rel, embedded)
            self.assertEqual((await self.alice.document(f"people/groups/{name}"))["rel"], rel)
            self.assertEqual((await self.alice.document(f"groups/{rel}"))["rel"], rel)

    async def test_delegates(self) -> None:
        """Both sides see the other in a group of theirs, and hear of it."""
        delegates = self.front_end.delegates
        await delegates.add_delegate(uri("alice"), uri("bob"))
        await delegates.add_delegate(uri("carol"), uri("alice"))
        self.assertEqual(await self.people_in("delegatesGroup"), ["Bob Brown"])
        self.assertEqual(await self.people_in("delegatorsGroup"), ["Carol Çelik"])
        await delegates.remove_delegate(uri("carol"), uri("alice"))
        told = [one for one in await self.told() if one[0] not in ("me", "communication")]
        self.assertEqual(
            told,
            [
                ("delegatesGroup", "added", "myGroups"),
                ("contact", "added", "delegatesGroup"),
                ("delegatorsGroup", "added", "myGroups"),
                ("contact", "added", "delegatorsGroup"),
                ("contact", "deleted", "delegatorsGroup"),
                ("delegatorsGroup", "deleted", "myGroups"),
            ],
        )

    async def test_organization(self) -> None:
        """A manager, its reports, and whoever shares a manager see one another, and hear of it."""
        now = self.clock.seconds()
        for name in ("alice", "carol"):
            manages = partial(attrs.evolve, manager=uri("bob"))
            await self.front_end.users.update(uri(name), manages, now)
        self.assertEqual(await self.people_in("myOrganizationGroup"), ["Bob Brown", "Carol Çelik"])
        self.clock.advance(15)
        told = [one for one in await self.told() if one[0] == "myOrganizationGroup"]
        self.assertEqual(
            told,
            [("myOrganizationGroup", "added", "myGroups"), ("myOrganizationGroup", "updated", "")],
        )
        bob = await self.service.sign_in("bob")
        shown = await bob.document("people/contacts?groupId=organization")
        self.assertEqual(
            [one["name"] for one in shown["_embedded"]["contact"]], ["Alice Adams", "Carol Çelik"]
        )

    async def test_manager_by_name(self) -> None:
        """A mirrored user names its manager as its directory does, whatever the case."""
        now = self.clock.seconds()
        boss = partial(attrs.evolve, source="ldap", source_name="CN=Bob, DC=example")
        await self.front_end.users.update(uri("bob"), boss, now)
        report = partial(attrs.evolve, source="ldap", manager="cn=bob,dc=Example")
        await self.front_end.users.update(uri("alice"), report, now)
        self.assertEqual(await self.people_in("myOrganizationGroup"), ["Bob Brown"])
        await self.service.restart()
        self.assertEqual(await self.people_in("myOrganizationGroup"), ["Bob Brown"])

    async def test_presence(self) -> None:
        """The presence of such a group can be watched."""
        await self.front_end.delegates.add_delegate(uri("alice"), uri("bob"))
        href = "people/presenceSubscriptions?groupId=delegates&duration=10"
        self.assertEqual((await self.alice.post(href)).status, 201)
        watched = await self.alice.document("people/subscribedContacts")
        self.assertEqual(len(watched["_links"]["contact"]), 1)


class RemovedUserTests(GroupViewsTestCase):
    """What goes with a user."""

    async def test_rows(self) -> None:
        """Nothing of a removed user is kept, and it leaves the lists of others, who are told."""
        front_end, now = self.front_end, self.clock.seconds()
        bob = await self.service.sign_in("bob")
        for client, other in ((self.alice, "bob"), (bob, "alice")):
            await client.post("people/groupMemberships", {"contactUri": uri(other)})
        await bob.post("people/groups", {"displayName": "Mine"}, headers={"Idempotency-Key": "k"})
        body = {"displayName": "Lunch", "smtpAddress": "lunch@example.test"}
        await bob.post("people/groups/addToContactList", body)
        await bob.post("me/note", {"message": "Back at noon"})
        for owner, contact in (("bob", "alice"), ("alice", "bob"), ("alice", "carol")):
            await front_end.privacy.assign(uri(owner), uri(contact), "Workgroup", "Colleagues")
        await self.alice.events()
        self.assertEqual(len(await front_end.store.archive.receipts(uri("bob"))), 1)
        await front_end.users.remove(uri("bob"), now)
        told = [one for one in await self.told() if one[0] == "contact"]
        self.assertEqual(
            told, [("contact", "deleted", "defaultGroup"), ("contact", "deleted", "myContacts")]
        )
        archive = front_end.store.archive
        self.assertEqual(await archive.contacts(uri("bob")), ([], []))
        self.assertEqual(await archive.contacts_naming(uri("bob")), [])
        self.assertEqual(await archive.receipts(uri("bob")), [])
        self.assertEqual(front_end.presence.of(uri("bob")).note, "")
        await self.service.restart()
        front_end = self.service.front_end
        self.assertEqual(front_end.presence.of(uri("bob")).presence_number, 0)
        self.assertEqual(front_end.privacy.assigned(uri("bob")), {})
        self.assertEqual(front_end.privacy.assigned(uri("alice")), {uri("carol"): "Workgroup"})
