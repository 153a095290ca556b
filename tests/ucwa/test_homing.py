"""Users of other pools, branches and hosting providers: discovery, and what is refused here."""

from typing import Any

import attrs

from mobility.config.topology import BranchConfig, PoolConfig, ProviderConfig, TopologyConfig
from mobility.domain.records import PushSubscription
from mobility.ucwa.hrefs import APPLICATIONS
from tests.ucwa.service import Client, UcwaTestCase, uri

ROOT = "/Autodiscover/AutodiscoverService.svc/root"
POOL = "https://pool2.example.test" + ROOT
ONLINE = "https://webdir.example.org" + ROOT
TOPOLOGY = TopologyConfig(
    pool="fe.example.test",
    site="Redmond",
    pools=(PoolConfig("pool2.example.test", POOL),),
    branches=(BranchConfig("sba.example.test", "Branch", 5071),),
    providers=(ProviderConfig("Online", ONLINE, shared_address_space=True),),
)
XML = "application/vnd.microsoft.rtc.autodiscover+xml;v=1"


class HomingTestCase(UcwaTestCase):
    """A front end among others."""

    topology = TOPOLOGY

    async def home(self, name: str, home: str) -> None:
        await self.service.front_end.users.update(
            uri(name), lambda user: attrs.evolve(user, home=home), self.clock.seconds()
        )

    async def discovered(self, path: str, token: str = "", accept: str = "") -> Any:
        headers = {"Accept": accept or "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        response = await self.service.http.request("GET", path, headers=headers)
        self.assertEqual(200, response.status, response.body)
        return response.body.decode() if accept else response.json()


class HomingTests(HomingTestCase):
    async def test_moved(self) -> None:
        """Who is moved to another pool is signed out, refused with 403, and sent on."""
        alice = await self.service.sign_in("alice")
        await self.home("alice", "pool:pool2.example.test")
        self.refused(await alice.get(), 404, "NotFound", "ApplicationNotFound")
        body = self.refused(await alice.register(), 403, "Forbidden")
        self.assertIn("not homed on this pool", body["message"])
        shown = await self.discovered(f"{ROOT}/oauth/user", alice.token)
        self.assertEqual(POOL, shown["_links"]["redirect"]["href"])
        self.assertNotIn("applications", shown["_links"])
        await self.home("alice", "")
        self.assertEqual(201, (await alice.register()).status)

    async def test_branch(self) -> None:
        """A user of a branch is served here, and registers SIP clients at the appliance."""
        await self.home("bob", "pool:sba.example.test")
        bob = await self.service.sign_in("bob")
        self.assertEqual(200, (await bob.get()).status)
        shown = await self.discovered(f"{ROOT}/oauth/user", bob.token, XML)
        for token in ("SipClientInternalAccess", "SipClientExternalAccess"):
            self.assertIn(f'<{token} fqdn="sba.example.test" port="5071"', shown)

    async def test_strangers(self) -> None:
        """Who is not known here is looked for at the provider that shares the address space."""
        known = await self.discovered(f"{ROOT}?sipuri=alice@example.test")
        self.assertIn("user", known["_links"])
        stranger = await self.discovered(f"{ROOT}?sipuri=zoe@example.test")
        self.assertEqual(ONLINE, stranger["_links"]["redirect"]["href"])

    async def test_site_of_the_pool(self) -> None:
        """The policy of the pool's site is for users who have no site of their own."""
        policies = self.service.front_end.mobility.policies
        await policies.add("policies", "site:Redmond", {"EncryptAppData": False})
        await policies.add("policies", "site:Branch", {"AllowSaveCallLogs": False})
        await self.home("bob", "pool:sba.example.test")
        alice, bob = await self.service.sign_in("alice"), await self.service.sign_in("bob")
        told = [
            (shown["encryptAppData"], shown["saveCallLogs"])
            for client in (alice, bob)
            for shown in [await client.document("policies")]
        ]
        self.assertEqual([("Disabled", "Enabled"), ("Enabled", "Disabled")], told)

    async def test_switch_of_the_pool_s_site(self) -> None:
        """The push switches of the sites of the pool and of a branch are for their users who have
        no site of their own."""
        switches = self.service.front_end.waking.switches
        await switches.turn("fcm", True)
        await switches.turn("fcm", False, "Redmond")
        await switches.turn("fcm", True, "Branch")
        await self.home("bob", "pool:sba.example.test")
        off = "EnableGooglePushNotificationService is off"
        for name, obstacle in (("alice", off), ("bob", "")):
            uri = f"sip:{name}@example.test"
            device = PushSubscription(uri, "1", "fcm", "app", "token", 0.0, 0.0, 1e12)
            self.assertEqual(switches.obstacle(device), obstacle)


class DirectorTests(HomingTestCase):
    """A Director."""

    topology = attrs.evolve(TOPOLOGY, role="director", next_hop="pool2.example.test")

    async def test_discovery_alone(self) -> None:
        """It signs people in and sends them on; no application is served."""
        alice = Client(self.service, "alice", await self.service.token("alice"))
        shown = await self.discovered(f"{ROOT}/oauth/user", alice.token)
        self.assertEqual(POOL, shown["_links"]["redirect"]["href"])
        body = self.refused(await alice.register(), 403, "Forbidden")
        self.assertIn("Director", body["message"])
        response = await alice.get(f"{APPLICATIONS}/1/me")
        self.assertEqual(404, response.status)
