"""The operator's way to have the directory replicated."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.domain.mirror import Clash, Outcome
from mobility.errors import Refusal
from mobility.http.message import Site
from mobility.operate.access import OperatorAccess
from mobility.operate.directory import PATH, route
from mobility.testing import MemoryClient, MemoryResponse, memory_site

KEY = "k" * 43


class Replicator:
    """Lets users go when it is forced to."""

    async def replicate(self, *, force: bool) -> Outcome:
        if not force:
            raise Refusal("Conflict", None, "9 of 10 users would go; nothing was changed.")
        return Outcome(1, 2, 9, (Clash("sip:ann@example.test", "local_user"),))


class SyncTests(TestCase):
    def setUp(self) -> None:
        site = memory_site(
            [route(OperatorAccess(KEY), Replicator())],
            clock=Clock(),
            site=Site("operator", secure=True),
        )
        self.client = MemoryClient(site)

    async def ask(self, body: object, key: str = KEY) -> MemoryResponse:
        headers = {"Authorization": f"Bearer {key}"}
        return await self.client.request("POST", PATH, headers=headers, json=body)

    async def test_sync(self) -> None:
        """The answer says what was done; a refusal is 409 with the reason."""
        done = await self.ask({"force": True})
        expected = {"added": 1, "changed": 2, "disabled": 9, "clashes": 1}
        self.assertEqual((done.status, done.json()), (200, expected))
        refused = await self.ask({})
        self.assertEqual((refused.status, refused.json()["code"]), (409, "Conflict"))

    async def test_wrong(self) -> None:
        """Without the secret, or with another body, nothing is done."""
        self.assertEqual((await self.ask({"force": True}, "x" * 43)).status, 401)
        for body in ([], {"force": 1}, {"forced": True}, None):
            self.assertEqual((await self.ask(body)).status, 400, body)
