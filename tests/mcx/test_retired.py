"""Tests of the retired Mobility Service, on a site in memory."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.legacy_clients import LegacyClients
from mobility.http.message import Site
from mobility.http.subtree import Subtree
from mobility.mcx.retired import PATH, SERVICE, TEXT, counting
from mobility.testing import MemoryClient, memory_site
from tests.auth.doubles import MemoryLedger


class RetiredTests(SynchronousTestCase):
    """What is left of the service."""

    def setUp(self) -> None:
        self.clients = LegacyClients(MemoryLedger())
        self.subtree = Subtree("mcx", PATH, counting(self.clients), plain=True)

    def test_gone(self) -> None:
        """Whatever is asked of it, by whatever site and with whatever token, is 410 with a line of
        text that nobody keeps: never 401 and never a redirect."""
        for site in (Site("internal", True), Site("external", True), Site("external", False)):
            served = memory_site([], clock=Clock(), site=site, subtrees=[self.subtree])
            client = MemoryClient(served)
            for method, path in (
                ("GET", SERVICE),
                ("POST", "/mcx/mcxservice.svc/"),
                ("GET", "/MCX"),
                ("OPTIONS", "/Mcx/x/y"),
            ):
                headers = {"Authorization": "Bearer cwt=x", "Origin": "https://nowhere.example"}
                answer = self.successResultOf(client.request(method, path, headers=headers))
                self.assertEqual((410, TEXT), (answer.status, answer.body))
                self.assertEqual("no-store", answer.header("Cache-Control"))
                self.assertEqual("text/plain; charset=utf-8", answer.header("Content-Type"))
                for name in ("WWW-Authenticate", "Location", "X-MS-WebTicketURL"):
                    self.assertIsNone(answer.header(name))
        self.assertEqual(12, self.clients.all()[0].requests)

    def test_operator_site(self) -> None:
        """The operator's site has no such directory."""
        site = memory_site([], clock=Clock(), site=Site("operator", True), subtrees=[self.subtree])
        self.assertEqual(404, self.successResultOf(MemoryClient(site).request("GET", PATH)).status)

    def test_text(self) -> None:
        """The text is short and names the way out."""
        self.assertLess(len(TEXT), 200)
        self.assertIn(b"upgrade", TEXT)
        self.assertIn(b"UCWA", TEXT)
