"""Groups and memberships as clients change them, and the subscription to the changes."""

from typing import Any

from mobility.config import UcwaConfig
from mobility.domain.records import User
from mobility.testing import MemoryResponse
from mobility.ucwa.documents import PUT_TOKEN_VALUE
from tests.ucwa.service import Client, UcwaTestCase, uri

SUBSCRIPTION = "people/contactsAndGroupsSubscription"
START = f"{SUBSCRIPTION}/startOrRefreshSubscriptionToContactsAndGroups"
STOP = f"{SUBSCRIPTION}/stopSubscriptionToContactsAndGroups"
MEMBERSHIPS = "people/groupMemberships"
REMOVE = f"{MEMBERSHIPS}/removeContactFromAllGroups"


class GroupsTestCase(UcwaTestCase):
    """Alice, whose contact list is empty; few contacts and groups are allowed."""

    ucwa = UcwaConfig(contacts_per_user=2, groups_per_user=2)
    alice: Client

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")

    async def create(self, name: str = "Sales") -> dict[str, Any]:
        """A new group of Alice's as she is shown it."""
        self.accepted(await self.alice.post("people/groups", {"displayName": name}), 204)
        shown = (await self.alice.document("people/groups"))["_embedded"]["group"]
        (found,) = [group for group in shown if group["name"] == name]
        return dict(found)

    async def add(self, name: str, group_id: str | None = None) -> dict[str, Any]:
        """The membership that puts a user into a group of Alice's."""
        group = {} if group_id is None else {"groupId": group_id}
        response = await self.alice.post(MEMBERSHIPS, {"contactUri": uri(name), **group})
        self.assertEqual(response.status, 201, response.body)
        membership: dict[str, Any] = response.json()
        return membership

    async def members(self, href: str = MEMBERSHIPS) -> list[tuple[str, str]]:
        """The rel of the group and the name of each membership shown."""
        shown = (await self.alice.document(href))["_embedded"]["myGroupMembership"]
        return [
            (rel, one["_links"]["contact"]["href"].rpartition("/")[2].partition("@")[0])
            for one in shown
            for rel in one["_links"]
            if rel not in ("self", "contact")
        ]

    async def put(
        self, group: dict[str, Any], etag: str | None = None, **changes: object
    ) -> MemoryResponse:
        """PUT of a group as it was read, with `changes`."""
        body = {name: value for name, value in group.items() if name != "_links"} | changes
        lines = {"If-Match": group["etag"] if etag is None else etag}
        own = group["_links"]["self"]["href"]
        return await self.alice.request("PUT", own, body, headers=lines)


class GroupTests(GroupsTestCase):
    """myGroups POST, and group PUT and DELETE."""

    async def test_create(self) -> None:
        """A created group is embedded in myGroups with its links, and has nobody in it."""
        sales = await self.create()
        links = sales["_links"]
        self.assertEqual(sales["rel"], "group")
        self.assertEqual(await self.alice.document(links["self"]["href"]), sales)
        self.assertEqual(await self.members(links["groupMemberships"]["href"]), [])
        contacts = await self.alice.document(links["groupContacts"]["href"])
        self.assertEqual(contacts["_embedded"], {"contact": []})

    async def test_wrong_names(self) -> None:
        """A name is required, is not blank and has 256 characters at most."""
        for name in ("", " \t", "a" * 257, ["Sales"]):
            response = await self.alice.post("people/groups", {"displayName": name})
            self.assertEqual(self.wrong_parameters(response), {"displayName"}, name)
        self.accepted(await self.alice.post("groups", {"displayName": "a" * 256}), 204)

    async def test_limits(self) -> None:
        """A name that is taken is 409 AlreadyExists, one group too many 409 TooManyGroups."""
        await self.create("Sales")
        for name in ("Sales", "Favorites"):
            response = await self.alice.post("people/groups", {"displayName": name})
            self.refused(response, 409, "Conflict", "AlreadyExists")
        await self.create("Support")
        response = await self.alice.post("people/groups", {"displayName": "More"})
        self.refused(response, 409, "Conflict", "TooManyGroups")

    async def test_idempotency_key(self) -> None:
        """A POST that is repeated with its key makes one group."""
        for _ in range(2):
            response = await self.alice.post(
                "people/groups", {"displayName": "Sales"}, headers={"Idempotency-Key": "k"}
            )
            self.accepted(response, 204)
        shown = await self.alice.document("people/groups")
        self.assertEqual(len(shown["_embedded"]["group"]), 1)

    async def test_rename(self) -> None:
        """PUT of the representation with another name renames; its answer is the new one."""
        sales = await self.create()
        response = await self.put(sales, name="Shop")
        self.assertEqual(response.status, 200, response.body)
        shop = response.json()
        self.assertEqual((shop["id"], shop["name"]), (sales["id"], "Shop"))
        self.assertNotEqual(shop["etag"], sales["etag"])
        self.assertEqual(response.header("ETag"), f'"{shop["etag"]}"')
        self.assertEqual(await self.alice.document(shop["_links"]["self"]["href"]), shop)
        self.assertEqual((await self.put(sales, f'W/"{shop["etag"]}"', name="B")).status, 200)
        self.assertEqual((await self.put(sales, "*", name="C")).status, 200)

    async def test_stale_rename(self) -> None:
        """Without If-Match PUT is 428, with the tag of an earlier name 412."""
        sales = await self.create()
        await self.put(sales, name="Shop")
        self.refused(await self.put(sales, name="Market"), 412, "PreconditionFailed")
        response = await self.put(sales, "", name="Market")
        self.refused(response, 428, "PreconditionRequired")

    async def test_wrong_rename(self) -> None:
        """PUT must bring back the GUID property and the id, and a name."""
        sales = await self.create()
        (token,) = (name for name, value in sales.items() if value == PUT_TOKEN_VALUE)
        for changes, wrong in (
            ({token: ""}, token),
            ({"id": "7"}, "id"),
            ({"name": ""}, "name"),
            ({"name": "a" * 257}, "name"),
        ):
            response = await self.put(sales, **changes)
            self.assertEqual(self.wrong_parameters(response), {wrong})
        self.assertEqual(await self.alice.document(sales["_links"]["self"]["href"]), sales)

    async def test_delete(self) -> None:
        """A deleted group is gone; who was only in it is in the default group."""
        sales = await self.create()
        await self.add("bob", sales["id"])
        own = sales["_links"]["self"]["href"]
        self.accepted(await self.alice.delete(own), 204)
        self.refused(await self.alice.get(own), 404, "NotFound", "ResourceNotFound")
        self.refused(await self.alice.delete(own), 404, "NotFound", "ResourceNotFound")
        self.assertEqual(await self.members(), [("defaultGroup", "bob")])

    async def test_builtin(self) -> None:
        """The default and the pinned group cannot be changed, and have no GUID property."""
        for group_id in ("default", "pinned"):
            group = await self.alice.document(f"people/groups/{group_id}")
            self.assertNotIn(PUT_TOKEN_VALUE, group.values())
            for response in (
                await self.put(group, name="Mine"),
                await self.alice.delete(f"people/groups/{group_id}"),
            ):
                self.assertEqual(
                    (response.status, response.header("Allow")), (405, "GET, HEAD, OPTIONS")
                )

    async def test_others(self) -> None:
        """Nobody else can read or change a group."""
        sales = await self.create()
        bob = await self.service.sign_in("bob")
        for response in (
            await bob.get(f"people/groups/{sales['id']}"),
            await bob.get(f"people/groups/{sales['id']}/groupMemberships"),
            await bob.get(f"{MEMBERSHIPS}?groupId={sales['id']}"),
            await bob.delete(f"people/groups/{sales['id']}"),
            await bob.post(MEMBERSHIPS, {"contactUri": uri("carol"), "groupId": sales["id"]}),
        ):
            self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_restart(self) -> None:
        """The list outlives the process."""
        sales = await self.create()
        await self.add("bob", sales["id"])
        await self.service.restart()
        self.assertEqual(await self.members(), [("group", "bob")])
        self.assertEqual(await self.alice.document(sales["_links"]["self"]["href"]), sales)


class MembershipTests(GroupsTestCase):
    """myGroupMemberships, myGroupMembership and removeContactFromAllGroups."""

    async def test_add(self) -> None:
        """A membership links its contact and its group, by default the default group."""
        response = await self.alice.post(MEMBERSHIPS, {"contactUri": uri("bob")})
        self.assertEqual(response.status, 201, response.body)
        shown = response.json()
        self.assertEqual(response.header("X-MS-UcwaVersion"), "2")
        links = shown["_links"]
        self.assertEqual(set(links), {"self", "contact", "defaultGroup"})
        self.assertEqual(response.header("Location"), links["self"]["href"])
        self.assertEqual(await self.alice.document(links["self"]["href"]), shown)
        self.assertEqual((await self.alice.document(links["contact"]["href"]))["rel"], "contact")
        group = await self.alice.document(links["defaultGroup"]["href"])
        self.assertEqual(group["rel"], "defaultGroup")

    async def test_places(self) -> None:
        """The memberships of all groups or of one are those of users in the directory."""
        sales = await self.create()
        await self.add("bob", sales["id"])
        await self.add("bob", "pinned")
        await self.add("carol")
        one = [("group", "bob")]
        self.assertEqual(await self.members(f"{MEMBERSHIPS}?groupId={sales['id']}"), one)
        self.assertEqual(await self.members(sales["_links"]["groupMemberships"]["href"]), one)
        everybody = [("defaultGroup", "carol"), ("group", "bob"), ("pinnedGroup", "bob")]
        self.assertEqual(sorted(await self.members()), everybody)
        self.assertEqual(sorted(await self.members("myGroupMemberships")), everybody)
        await self.service.front_end.users.remove(uri("carol"), self.clock.seconds())
        self.assertEqual(sorted(await self.members()), everybody[1:])

    async def test_query(self) -> None:
        """The parameters may come in the query."""
        response = await self.alice.post(f"{MEMBERSHIPS}?contactUri={uri('bob')}&groupId=pinned")
        self.assertEqual(response.status, 201)
        self.assertEqual(await self.members(), [("pinnedGroup", "bob")])

    async def test_refused(self) -> None:
        """Twice is 409, a stranger or a strange group 404, one contact too many 403."""
        await self.add("bob")
        response = await self.alice.post(MEMBERSHIPS, {"contactUri": "sip:BOB@example.test"})
        self.refused(response, 409, "Conflict", "AlreadyExists")
        for body in (
            {"contactUri": uri("zed")},
            {"contactUri": uri("bob"), "groupId": "none"},
        ):
            response = await self.alice.post(MEMBERSHIPS, body)
            self.refused(response, 404, "NotFound", "ResourceNotFound")
        await self.service.front_end.users.add(User(uri("dave"), "Dave"))
        await self.add("dave")
        response = await self.alice.post(MEMBERSHIPS, {"contactUri": uri("carol")})
        self.refused(response, 409, "Conflict", "LimitExceeded")
        await self.add("bob", "pinned")

    async def test_wrong_parameters(self) -> None:
        """contactUri is a SIP URI of 250 characters at most, groupId has 256 at most."""
        for path in (MEMBERSHIPS, REMOVE):
            for wrong in (None, "", "bob", "sip:bob", f"sip:{'b' * 250}@example.test"):
                response = await self.alice.post(path, {"contactUri": wrong})
                self.assertEqual(self.wrong_parameters(response), {"contactUri"}, wrong)
        body = {"contactUri": uri("bob"), "groupId": "g" * 257}
        response = await self.alice.post(MEMBERSHIPS, body)
        self.assertEqual(self.wrong_parameters(response), {"groupId"})
        response = await self.alice.get(f"{MEMBERSHIPS}?groupId={'g' * 257}")
        self.assertEqual(self.wrong_parameters(response), {"groupId"})

    async def test_idempotency_key(self) -> None:
        """A POST that is repeated with its key answers the membership again."""
        answers = [
            await self.alice.post(
                MEMBERSHIPS, {"contactUri": uri("bob")}, headers={"Idempotency-Key": "k"}
            )
            for _ in range(2)
        ]
        self.assertEqual([answer.status for answer in answers], [201, 201])
        self.assertEqual(answers[0].json(), answers[1].json())

    async def test_delete(self) -> None:
        """DELETE takes the contact out of that group alone."""
        await self.add("bob", "pinned")
        own = (await self.add("bob"))["_links"]["self"]["href"]
        self.accepted(await self.alice.delete(own), 204)
        self.assertEqual(await self.members(), [("pinnedGroup", "bob")])
        for response in (
            await self.alice.get(own),
            await self.alice.delete(own),
            await self.alice.get(f"{MEMBERSHIPS}/nonsense"),
        ):
            self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_remove_from_all(self) -> None:
        """removeContactFromAllGroups takes the contact out of the list."""
        await self.add("bob", "pinned")
        await self.add("bob")
        links = (await self.alice.document(MEMBERSHIPS))["_links"]
        link = links["removeContactFromAllGroups"]["href"]
        self.accepted(await self.alice.post(link, {"contactUri": uri("bob")}), 204)
        self.assertEqual(await self.members(), [])
        response = await self.alice.post(link, {"contactUri": uri("bob")})
        self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_links(self) -> None:
        """`people` leads to the memberships, as revision 2, and to the subscription."""
        links = (await self.alice.document("people"))["_links"]
        own = {"href": f"{self.alice.href}/{MEMBERSHIPS}", "revision": "2"}
        self.assertEqual(links["myGroupMemberships"], own)
        subscription = await self.alice.document(links["myContactsAndGroupsSubscription"]["href"])
        self.assertEqual(subscription["rel"], "myContactsAndGroupsSubscription")


class SubscriptionTests(GroupsTestCase):
    """myContactsAndGroupsSubscription and what is told while it lives."""

    async def test_states(self) -> None:
        """The subscription is Connected from start to stop, and can only then be stopped."""
        shown = await self.alice.document(SUBSCRIPTION)
        self.assertEqual(shown["state"], "Disconnected")
        (_, start) = shown["_links"]
        self.assertEqual(start, "startOrRefreshSubscriptionToContactsAndGroups")
        response = await self.alice.post(shown["_links"][start]["href"], {"duration": 10})
        self.assertEqual(response.status, 201)
        started = response.json()
        self.assertEqual(started["state"], "Connected")
        self.assertEqual(await self.alice.document(SUBSCRIPTION), started)
        stop = started["_links"]["stopSubscriptionToContactsAndGroups"]["href"]
        self.accepted(await self.alice.post(stop), 204)
        self.assertEqual(await self.alice.document(SUBSCRIPTION), shown)
        self.refused(await self.alice.post(stop), 409, "Conflict")

    async def test_duration(self) -> None:
        """A duration of 10 to 60 minutes is required."""
        for query in ("", "?duration=9", "?duration=61", "?duration=x"):
            response = await self.alice.post(START + query)
            self.assertEqual(self.wrong_parameters(response), {"duration"}, query)
        self.assertEqual((await self.alice.post(f"{START}?duration=60")).status, 201)

    async def test_changes(self) -> None:
        """Who subscribed is told of groups and of contacts in them, others are not."""
        other = await self.service.sign_in("alice", EndpointId="other")
        await self.alice.post(f"{START}?duration=10")
        sales = await self.create()
        await self.add("bob", sales["id"])
        await self.add("bob", "pinned")
        await self.put(sales, name="Shop")
        await self.alice.delete(sales["_links"]["self"]["href"])
        told = await self.alice.events()
        self.assertEqual(
            [(event.rel, event.type, event.within) for event in told],
            [
                ("group", "added", "myGroups"),
                ("contact", "added", "group"),
                ("contact", "added", "myContacts"),
                ("contact", "added", "pinnedGroup"),
                ("group", "updated", ""),
                ("group", "deleted", "myGroups"),
            ],
        )
        self.assertEqual({event.sender for event in told}, {"people"})
        self.assertEqual(told[0].event["in"]["href"], f"{self.alice.href}/people/groups")
        self.assertEqual(told[0].href, sales["_links"]["self"]["href"])
        self.assertEqual(told[1].event["in"]["href"], sales["_links"]["self"]["href"])
        self.assertEqual(told[1].href, f"{self.alice.href}/people/bob@example.test")
        self.assertTrue(await other.nothing_more())

    async def test_end(self) -> None:
        """The client is told a minute before the end and at the end, with the state."""
        self.alice = await self.service.sign_in("alice", available=False, EndpointId="other")
        await self.alice.post(f"{START}?duration=10")
        states = []
        for seconds in (540, 60):
            self.clock.advance(seconds)
            await self.service.settle()
            (event,) = await self.alice.events()
            self.assertEqual(event.brief, ("people", "myContactsAndGroupsSubscription", "updated"))
            states.append(event.resource["state"])
        self.assertEqual(states, ["Connected", "Disconnected"])

    async def test_restart(self) -> None:
        """A restart ends no subscription, and each ends at its time."""
        await self.alice.post(f"{START}?duration=10")
        await self.service.restart()
        self.assertEqual((await self.alice.document(SUBSCRIPTION))["state"], "Connected")
        await self.add("bob")
        told = await self.alice.events()
        self.assertEqual({event.brief for event in told}, {("people", "contact", "added")})
        self.clock.advance(601)
        await self.service.settle()
        told = [one for one in await self.alice.events() if one.sender == "people"]
        self.assertEqual([one.resource["state"] for one in told], ["Disconnected"])
        self.refused(await self.alice.post(STOP), 409, "Conflict")

    async def test_end_while_stopped(self) -> None:
        """A subscription whose time passes while the service does not run is over when it does,
        and the client is told."""
        await self.alice.post(f"{START}?duration=10")
        await self.service.stop()
        self.clock.rightNow += 601
        self.service._open()
        self.clock.advance(1)
        await self.service.settle()
        self.assertEqual((await self.alice.document(SUBSCRIPTION))["state"], "Disconnected")
        told = [one for one in await self.alice.events() if one.sender == "people"]
        self.assertEqual([one.resource["state"] for one in told], ["Disconnected"])

    async def test_stopped_for_good(self) -> None:
        """What was stopped, and what ended with its application, is not there after a restart."""
        other = await self.service.sign_in("alice", EndpointId="other")
        for client in (self.alice, other):
            self.assertEqual((await client.post(f"{START}?duration=60")).status, 201)
        self.accepted(await self.alice.post(STOP), 204)
        self.accepted(await other.delete(""), 204)
        await self.service.restart()
        self.assertEqual((await self.alice.document(SUBSCRIPTION))["state"], "Disconnected")
        await self.add("bob")
        self.assertTrue(await self.alice.nothing_more())

    async def test_not_subscribed(self) -> None:
        """Who never subscribed is told of nothing."""
        await self.add("bob")
        self.assertTrue(await self.alice.nothing_more())
        self.refused(await self.alice.post(STOP), 409, "Conflict")
