"""The operator API of distribution groups, over a real site in memory."""

from urllib.parse import quote

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.domain.records import DistributionGroup
from mobility.http.message import Site
from mobility.operate.access import OperatorAccess
from mobility.operate.groups import PATH, routes
from mobility.testing import MemoryClient, MemoryLog, MemoryResponse, memory_site
from tests.domain.doubles import World, done, running, uri

KEY = "k" * 43
LUNCH = uri("lunch")


class GroupsApiTests(TestCase):
    """What an operator asks."""

    def setUp(self) -> None:
        self.world = World("alice", "bob")
        self.log = MemoryLog()
        made = routes(
            self.world.distribution_groups, OperatorAccess(KEY), self.log, lambda uri: f"~{uri}"
        )
        site = memory_site(made, clock=Clock(), site=Site("operator", secure=True))
        self.client = MemoryClient(site)

    async def ask(
        self, method: str, address: str = "", json: object = None, key: str = KEY
    ) -> MemoryResponse:
        path = f"{PATH}/{quote(address, safe='')}" if address else PATH
        headers = {"Authorization": f"Bearer {key}"}
        return await self.client.request(method, path, headers=headers, json=json)

    async def put(self, *members: str, name: str = "Lunch") -> MemoryResponse:
        return await self.ask("PUT", "lunch@example.test", {"name": name, "members": members})

    async def test_secret(self) -> None:
        """Without the operator's secret every route answers 401."""
        for method, address in (("GET", ""), ("PUT", LUNCH), ("DELETE", LUNCH)):
            self.assertEqual(401, (await self.ask(method, address, key="x")).status)

    async def test_life(self) -> None:
        """A group is added, replaced, shown and removed; the log has a pseudonym."""
        self.assertEqual(204, (await self.put("Bob@example.test", uri("bob"))).status)
        self.assertEqual(204, (await self.put(uri("alice"), uri("team"), name="Food")).status)
        members = [uri("alice"), uri("team")]
        shown = {"uri": LUNCH, "name": "Food", "members": members, "source": "local"}
        self.assertEqual({"groups": [shown]}, (await self.ask("GET")).json())
        self.assertEqual(204, (await self.ask("DELETE", LUNCH)).status)
        self.assertEqual({"groups": []}, (await self.ask("GET")).json())
        self.assertEqual(404, (await self.ask("DELETE", LUNCH)).status)
        self.assertEqual(
            [
                ("groups.changed", {"group": f"~{LUNCH}", "members": 1}),
                ("groups.changed", {"group": f"~{LUNCH}", "members": 2}),
                ("groups.removed", {"group": f"~{LUNCH}"}),
            ],
            [event for event in self.log.events if event[0].startswith("groups.")],
        )

    async def test_wrong(self) -> None:
        """No name, no address, and members that are none or the group itself are refused."""
        for response in (
            await self.put(name=""),
            await self.put("no address"),
            await self.put(LUNCH),
            await self.ask("PUT", "no address", {"name": "Lunch"}),
        ):
            self.assertEqual(400, response.status)
        self.assertEqual(0, len(self.world.distribution_groups))

    async def test_of_a_directory(self) -> None:
        """What a directory keeps is changed there."""
        group = DistributionGroup(LUNCH, "Lunch", "", "ldap", "1")
        done(running(self.world.distribution_groups.replace("ldap", [group], 10)))
        self.assertEqual(409, (await self.put(uri("bob"))).status)
        self.assertEqual(409, (await self.ask("DELETE", LUNCH)).status)
