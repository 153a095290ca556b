"""The operator API of legacy clients, over a site in memory."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.domain.legacy_clients import LegacyClients
from mobility.http.message import Site
from mobility.operate.access import OperatorAccess
from mobility.operate.mcx import PATH, routes
from mobility.testing import MemoryClient, MemoryLog, memory_site
from tests.auth.doubles import MemoryLedger

KEY = "k" * 43
HEADERS = {"Authorization": f"Bearer {KEY}"}


class McxApiTests(TestCase):
    """What an operator asks."""

    def setUp(self) -> None:
        self.clients, self.log = LegacyClients(MemoryLedger()), MemoryLog()
        made = routes(self.clients, OperatorAccess(KEY), self.log)
        site = memory_site(made, clock=Clock(), site=Site("operator", secure=True))
        self.client = MemoryClient(site)

    async def test_secret(self) -> None:
        """Without the operator's secret both answer 401."""
        for method in ("GET", "DELETE"):
            self.assertEqual(401, (await self.client.request(method, PATH)).status)

    async def test_report(self) -> None:
        """Kinds of clients are shown, and forgotten when asked to."""
        self.clients.count("OldApp/4", 5.0)
        answer = await self.client.request("GET", PATH, headers=HEADERS)
        one = {"user_agent": "OldApp/4", "requests": 1, "first_seen_at": 5.0, "last_seen_at": 5.0}
        self.assertEqual({"clients": [one]}, answer.json())
        self.assertEqual(204, (await self.client.request("DELETE", PATH, headers=HEADERS)).status)
        answer = await self.client.request("GET", PATH, headers=HEADERS)
        self.assertEqual({"clients": []}, answer.json())
        self.assertEqual([{"clients": 1}], self.log.named("mcx.counts_forgotten"))
