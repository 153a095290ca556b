"""The operator API of mobility policy, over a real site in memory."""

from typing import Any
from urllib.parse import quote

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.http.message import Site
from mobility.operate.access import OperatorAccess
from mobility.operate.mobility import GRANTS_PATH, PATH, routes
from mobility.testing import MemoryClient, MemoryLog, MemoryResponse, memory_site
from tests.domain.doubles import MemoryLedger

KEY = "k" * 43
ALICE = User("sip:alice@example.test", "A", site="Redmond")
GRANT = f"{GRANTS_PATH}/{quote(ALICE.uri, safe='')}"
POLICIES = f"{PATH}/policies"


class MobilityApiTests(TestCase):
    """Policies and grants."""

    def setUp(self) -> None:
        ledger = MemoryLedger()
        users = Users(ledger, [ALICE])
        self.log = MemoryLog()
        policies = MobilityPolicies(ledger, users)
        site = memory_site(
            routes(policies, users, OperatorAccess(KEY), self.log, lambda uri: f"~{uri}"),
            clock=Clock(),
            site=Site("operator", secure=True),
        )
        self.client = MemoryClient(site)

    async def ask(self, method: str, path: str, body: object = None) -> MemoryResponse:
        headers = {"Authorization": f"Bearer {KEY}"}
        return await self.client.request(method, path, headers=headers, json=body)

    async def good(self, method: str, path: str, body: object = None) -> Any:
        response = await self.ask(method, path, body)
        self.assertLess(response.status, 300, response.body)
        return response.json() if response.body else None

    async def test_life(self) -> None:
        """A policy is made, granted, changed from its version, and forgotten; each is logged."""
        body = {"name": "Sales", "EnableMobility": False}
        made = await self.good("POST", POLICIES, body)
        self.assertEqual(
            ("tag:Sales", False, True, 1),
            (made["name"], made["EnableMobility"], made["EnableOutsideVoice"], made["version"]),
        )
        granted = await self.good("PATCH", GRANT, {"version": 0, "mobility_policy": "sales"})
        self.assertEqual(
            {
                "user": ALICE.uri,
                "site": "Redmond",
                "version": 1,
                "mobility_policy": "tag:Sales",
                "effective_mobility_policy": "tag:Sales",
            },
            granted,
        )
        late = await self.ask("PATCH", f"{POLICIES}/Sales", {"version": 0, "EnableMobility": True})
        self.assertEqual(409, late.status)
        await self.good("PATCH", f"{POLICIES}/Sales", {"version": 1, "EnableMobility": True})
        self.assertEqual(204, (await self.ask("DELETE", f"{POLICIES}/Sales?version=2")).status)
        self.assertEqual("global", (await self.good("GET", GRANT))["effective_mobility_policy"])
        (only,) = (await self.good("GET", POLICIES))["policies"]
        self.assertEqual("global", only["name"])
        self.assertEqual(
            [
                ("mobility.changed", "added"),
                ("mobility.granted", None),
                ("mobility.changed", "changed"),
                ("mobility.changed", "removed"),
            ],
            [
                (name, fields.get("change"))
                for name, fields in self.log.events
                if name.startswith("mobility.")
            ],
        )

    async def test_wrong(self) -> None:
        """What is wrong is told with key, value, rule and the nearest right name."""
        response = await self.ask("POST", POLICIES, {"name": "X", "EnableOutsideVoise": True})
        self.assertEqual(
            [
                {
                    "name": "EnableOutsideVoise",
                    "reason": "is not a field of a mobility policy; is EnableOutsideVoice meant?",
                }
            ],
            response.json()["parameters"],
        )
        missing = await self.ask("GET", f"{PATH}/policy")
        self.assertEqual((404, True), (missing.status, "policies" in missing.json()["message"]))
