"""Service accounts over UCWA: signing in, scopes, absent links, and policies of people."""

from typing import Any
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.mobility_policy import KIND
from mobility.domain.scopes import CONTACTS, INITIATE, RECEIVE, SCOPES, USER
from mobility.testing import MemoryResponse
from mobility.ucwa.resources import RESOURCES
from mobility.ucwa.scopes import SCOPES_OF
from tests.ucwa.service import Client, UcwaTestCase, uri
from tests.ucwa.test_declaration import page


class ScopeTests(SynchronousTestCase):
    def test_catalogue(self) -> None:
        """Each resource needs what its reference page says; our own need one of UCWA's."""
        for resource in RESOURCES:
            if resource.rel.startswith("mobility:"):
                self.assertIn(resource.rel, SCOPES_OF)
                continue
            documented = frozenset(page(resource).get("scopes", ()))
            if documented in (frozenset(), frozenset(SCOPES)):
                self.assertNotIn(resource.rel, SCOPES_OF)
            else:
                self.assertEqual(documented, SCOPES_OF[resource.rel], resource.rel)

    def test_nothing_else(self) -> None:
        """The table names served resources alone."""
        self.assertLessEqual(set(SCOPES_OF), {resource.rel for resource in RESOURCES})


class ServiceAccountTestCase(UcwaTestCase):
    """A bot that may receive conversations and speak of itself."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.accounts = self.service.front_end.permissions.service_accounts
        self.secret = await self.bot("bot", RECEIVE, USER)

    async def bot(self, name: str, *scopes: str) -> str:
        now = self.clock.seconds()
        return (await self.accounts.add(uri(name), name.title(), scopes, now)).secret

    async def token(self, name: str, secret: str) -> MemoryResponse:
        form = {"grant_type": "password", "username": f"{name}@example.test", "password": secret}
        return await self.service.http.request(
            "POST",
            "/WebTicket/oauthtoken",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )

    async def client(self, name: str, secret: str) -> Client:
        answer = await self.token(name, secret)
        self.assertEqual(200, answer.status, answer.body)
        client = Client(self.service, name, answer.json()["access_token"])
        response = await client.register(userAgent="a bot")
        self.assertEqual(201, response.status)
        return client


class SignInTests(ServiceAccountTestCase):
    async def test_password_grant(self) -> None:
        """The documented grant takes the secret, the old one too while it is good."""
        now = self.clock.seconds()
        second = (await self.accounts.rotate(uri("bot"), 1, 600, now)).secret
        for secret, status in ((self.secret, 200), (second, 200), ("wrong", 400), ("", 400)):
            self.assertEqual(status, (await self.token("bot", secret)).status, secret[:5])
        self.clock.advance(600)
        self.assertEqual(400, (await self.token("bot", self.secret)).status)
        self.assertEqual(200, (await self.token("bot", second)).status)

    async def test_no_mobility_policy(self) -> None:
        """EnableMobility is for people who carry clients: a service account signs in."""
        policies = self.service.front_end.mobility.policies
        await policies.change(KIND, "global", {"EnableMobility": False}, 0)
        bot = await self.client("bot", self.secret)
        await self.service.follow()
        self.assertEqual(200, (await bot.get()).status)

    async def test_turned_off(self) -> None:
        """An account that is turned off is signed out, and cannot sign in."""
        bot = await self.client("bot", self.secret)
        await self.accounts.change(uri("bot"), 1, self.clock.seconds(), enabled=False)
        self.assertEqual(401, (await bot.get()).status)
        self.assertEqual(400, (await self.token("bot", self.secret)).status)


class LimitTests(ServiceAccountTestCase):
    async def test_scopes(self) -> None:
        """What no scope opens is refused with the scope it needs, and nothing links to it."""
        bot = await self.client("bot", self.secret)
        body = self.refused(await bot.get("people/search?query=a"), 403, "Forbidden")
        self.assertIn("search needs Contacts.ReadWrite", body["message"])
        links: set[str] = set()

        def gather(document: Any) -> None:
            if isinstance(document, dict):
                links.update(document.get("_links", {}))
                for value in document.values():
                    gather(value)
            elif isinstance(document, list):
                for value in document:
                    gather(value)

        gather(bot.application)
        gather(await bot.document("communication"))
        self.assertFalse({"search", "myGroups", "joinOnlineMeeting"} & links)
        self.assertLessEqual({"makeMeAvailable", "startMessaging", "policies"}, links)
        self.refused(
            await bot.post("communication/onlineMeetingInvitations", {"operationId": "x"}),
            403,
            "Forbidden",
        )

    async def test_talks(self) -> None:
        """A bot answers a person; what it is told has no link that it may not follow."""
        alice = await self.service.sign_in("alice")
        bot = await self.client("bot", self.secret)
        modalities = {"SupportedModalities": ["Messaging"]}
        self.accepted(await bot.post("me/makeMeAvailable", modalities), 204)
        await bot.events()
        messaging = await self.talk(alice, bot, "Hello")
        self.assertEqual(201, (await alice.send(messaging, "Are you there?")).status)
        told = [event for event in await bot.events() if event.rel == "message"]
        self.assertIn("plainMessage", told[0].resource["_links"])
        self.assertNotIn("contact", told[0].resource["_links"])

    async def test_people_are_not_limited(self) -> None:
        """Who is no service account has every scope."""
        alice = await self.service.sign_in("alice")
        self.assertEqual(200, (await alice.get("people/search?query=b")).status)

    async def test_other_scopes(self) -> None:
        """Each scope opens its own: contacts alone cannot talk, initiating can."""
        reader = await self.client("reader", await self.bot("reader", CONTACTS))
        self.assertEqual(200, (await reader.get("people/search?query=b")).status)
        self.refused(await reader.get("communication"), 403, "Forbidden")
        caller = await self.client("caller", await self.bot("caller", INITIATE))
        body = {"to": uri("bob"), "operationId": "x"}
        started = await caller.post("communication/messagingInvitations", body)
        self.assertEqual(201, started.status)
