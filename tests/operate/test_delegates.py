"""The operator API of delegates and teams, over a real site in memory."""

from urllib.parse import quote

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.http.message import Site
from mobility.operate.access import OperatorAccess
from mobility.operate.delegates import routes
from mobility.operate.users import PATH
from mobility.testing import MemoryClient, MemoryLog, MemoryResponse, memory_site
from tests.domain.doubles import World, uri

KEY = "k" * 43
ALICE, BOB = uri("alice"), uri("bob")


class DelegatesApiTests(TestCase):
    """What an operator asks."""

    def setUp(self) -> None:
        self.world = World("alice", "bob")
        self.log = MemoryLog()
        access = OperatorAccess(KEY)
        made = routes(
            self.world.delegates, self.world.users, access, self.log, lambda uri: f"~{uri}"
        )
        site = memory_site(made, clock=Clock(), site=Site("operator", secure=True))
        self.client = MemoryClient(site)

    async def ask(self, method: str, *path: str, key: str = KEY) -> MemoryResponse:
        place = "/".join([PATH, *(quote(part, safe="") for part in path)])
        return await self.client.request(method, place, headers={"Authorization": f"Bearer {key}"})

    async def test_secret(self) -> None:
        """Without the operator's secret every route answers 401."""
        for group in ("delegates", "team"):
            for method, path in (("GET", ()), ("PUT", (BOB,)), ("DELETE", (BOB,))):
                response = await self.ask(method, ALICE, group, *path, key="x")
                self.assertEqual(401, response.status)

    async def test_delegates(self) -> None:
        """A delegate is added, shown on both sides, and removed; the log has pseudonyms."""
        for _ in range(2):
            self.assertEqual(204, (await self.ask("PUT", ALICE, "delegates", BOB)).status)
        shown = await self.ask("GET", ALICE, "delegates")
        self.assertEqual({"delegates": [BOB], "delegators": []}, shown.json())
        shown = await self.ask("GET", BOB, "delegates")
        self.assertEqual({"delegates": [], "delegators": [ALICE]}, shown.json())
        self.assertEqual(204, (await self.ask("DELETE", ALICE, "delegates", BOB)).status)
        self.assertEqual(404, (await self.ask("DELETE", ALICE, "delegates", BOB)).status)
        told = {"user": f"~{ALICE}", "delegate": f"~{BOB}"}
        self.assertEqual([told, told], self.log.named("delegates.added"))
        self.assertEqual([told], self.log.named("delegates.removed"))

    async def test_team(self) -> None:
        """A member of a team is added, shown and removed."""
        self.assertEqual(204, (await self.ask("PUT", ALICE, "team", BOB)).status)
        self.assertEqual({"team": [BOB]}, (await self.ask("GET", ALICE, "team")).json())
        self.assertEqual(204, (await self.ask("DELETE", ALICE, "team", BOB)).status)
        self.assertEqual({"team": []}, (await self.ask("GET", ALICE, "team")).json())

    async def test_wrong(self) -> None:
        """Strangers are 404, a user and itself 400; nothing is stored."""
        for group in ("delegates", "team"):
            for other, status in ((uri("nobody"), 404), ("x", 404), (ALICE, 400)):
                self.assertEqual(status, (await self.ask("PUT", ALICE, group, other)).status)
            self.assertEqual(404, (await self.ask("GET", uri("nobody"), group)).status)
        self.assertEqual([], self.world.ledger.units)
