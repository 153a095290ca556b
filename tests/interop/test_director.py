"""A Director in front of a pool: it serves Autodiscover alone, and leads everybody to the pool."""

import xml.etree.ElementTree as ET
from pathlib import Path

from treq.client import HTTPClient
from twisted.internet import reactor, ssl
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

from tests.interop.front_end_process import FrontEndProcess
from tests.interop.phone import Phone

ROOT = "/Autodiscover/AutodiscoverService.svc/root"
XML = "application/vnd.microsoft.rtc.autodiscover+xml;v=1"

REGISTRATION = {"userAgent": "interop test", "endpointId": "x", "culture": "en-US"}

TOPOLOGY = """
[topology]
role = "director"
next_hop = "pool1.example.test"

[[topology.pools]]
name = "pool1.example.test"
root = "{root}"
"""


class DirectorTests(TestCase):
    """Two processes: the Director, and the pool behind it."""

    timeout = 400

    async def setUp(self) -> None:
        self.pool = FrontEndProcess(Path(self.mktemp()))
        self.director = FrontEndProcess(Path(self.mktemp()))
        config = self.director.config
        text = config.read_text()
        start, end = text.index("[sip]"), text.index("# [push]")
        config.write_text(text[:start] + text[end:] + TOPOLOGY.format(root=self.pool_root))
        for process in (self.pool, self.director):
            process.start()
            self.addCleanup(process.kill)
        for process in (self.pool, self.director):
            await process.ready()

    @property
    def pool_root(self) -> str:
        return f"{self.pool.external}{ROOT}"

    def client(self) -> HTTPClient:
        """A client that trusts both."""
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)
        authorities = [
            ssl.Certificate.loadPEM(process.ca.read_bytes())
            for process in (self.pool, self.director)
        ]
        policy = BrowserLikePolicyForHTTPS(ssl.trustRootFromCertificates(authorities))
        return HTTPClient(Agent(reactor, policy, pool=pool))

    async def test_walk(self) -> None:
        """A client that knows the Director alone comes to an application on the pool, in JSON and
        in XML; the Director itself has none."""
        http = self.client()
        phone = Phone(http, self.director.external, "alice")
        root = await phone.expect(200, "GET", f"{ROOT}?sipuri=alice@example.test")
        user = root.document["_links"]["user"]["href"]
        challenge = await phone.expect(401, "GET", user)
        told = ", ".join(challenge.headers.getRawHeaders("WWW-Authenticate", []))
        self.assertIn(f'MsRtcOAuth href="{self.director.external}/WebTicket/oauthtoken"', told)
        signed_in = await self.token(phone)
        bearer = {"Authorization": f"Bearer {signed_in}"}
        found = await phone.expect(200, "GET", user, headers=bearer)
        links = found.document["_links"]
        self.assertEqual(self.pool_root, links["redirect"]["href"])
        self.assertNotIn("applications", links)
        shown = await phone.expect(200, "GET", user, headers={**bearer, "Accept": XML})
        (only,) = ET.fromstring(shown.body).findall("./User/Link")
        self.assertEqual({"token": "Redirect", "href": self.pool_root}, only.attrib)
        refused = await phone.expect(
            403, "POST", "/ucwa/oauth/v1/applications", json=REGISTRATION, headers=bearer
        )
        self.assertIn("Director", refused.document["message"])
        await self.walk_on(Phone(http, self.pool.external, "alice"), links["redirect"]["href"])

    async def walk_on(self, phone: Phone, root: str) -> None:
        """From the root of the pool to an application."""
        found = await phone.expect(200, "GET", f"{root}?sipuri=alice@example.test")
        user = found.document["_links"]["user"]["href"]
        bearer = {"Authorization": f"Bearer {await self.token(phone)}"}
        links = (await phone.expect(200, "GET", user, headers=bearer)).document["_links"]
        self.assertNotIn("redirect", links)
        href = links["applications"]["href"]
        await phone.expect(201, "POST", href, json=REGISTRATION, headers=bearer)

    async def token(self, phone: Phone) -> str:
        form = {
            "grant_type": "password",
            "username": "alice@example.test",
            "password": "correct horse battery staple",
        }
        got = await phone.expect(200, "POST", "/WebTicket/oauthtoken", data=form)
        token: str = got.document["access_token"]
        return token
