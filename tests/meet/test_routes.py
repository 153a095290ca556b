"""Tests of `mobility.meet.routes`: join URLs of a whole front end."""

from urllib.parse import urlsplit

from mobility.config.meetings import MeetingsConfig
from mobility.http.message import Site
from mobility.meet.documents import XML_TYPE
from mobility.meet.routes import Form, form_of
from mobility.testing import WEB, MemoryClient, MemoryResponse, memory_site
from tests.ucwa.service import Client, UcwaTestCase, uri

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
JSON = "application/json"


class JoinUrlTests(UcwaTestCase):
    """`GET /meet/<organizer>/<id>`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")

    async def scheduled(self, **values: object) -> str:
        """The path of a new meeting's join URL."""
        body = {"subject": "Secret plans", **values}
        made = await self.alice.post("onlineMeetings/myOnlineMeetings", body)
        return urlsplit(made.json()["joinUrl"]).path

    async def knock(
        self, path: str, accept: str = BROWSER, who: Client | None = None
    ) -> MemoryResponse:
        headers = {"Accept": accept}
        if who is not None:
            headers["Authorization"] = f"Bearer {who.token}"
        return await self.service.http.request("GET", path, headers=headers)

    async def test_page(self) -> None:
        """A browser gets a page with a strict policy, which tells nobody where it came from."""
        response = await self.knock(await self.scheduled())
        self.assertEqual(response.status, 200)
        self.assertEqual(response.header("Content-Type"), "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", response.header("Content-Security-Policy") or "")
        self.assertEqual(response.header("Referrer-Policy"), "no-referrer")
        self.assertEqual(response.header("Cache-Control"), "no-store")

    async def test_subject_for_those_who_would_come_in(self) -> None:
        """Who would have to wait in the lobby learns neither subject nor organizer."""
        bob = await self.service.sign_in("bob")
        carol = await self.service.sign_in("carol")
        cases = {
            "Everyone": (True, True, True),
            "SameEnterprise": (False, True, True),
            "Invited": (False, True, False),
            "Locked": (False, False, False),
        }
        for level, expected in cases.items():
            path = await self.scheduled(accessLevel=level, attendees=[uri("bob")])
            for who, knows in zip((None, bob, carol), expected, strict=True):
                shown = (await self.knock(path, JSON, who)).json()
                self.assertEqual("subject" in shown, knows, (level, who))
                self.assertEqual("organizerName" in shown, knows, (level, who))
                page = await self.knock(path, BROWSER, who)
                self.assertEqual(b"Secret plans" in page.body, knows, (level, who))

    async def test_organizer_knows_a_locked_meeting(self) -> None:
        """Its organizer is never kept out."""
        path = await self.scheduled(accessLevel="Locked")
        shown = (await self.knock(path, JSON, self.alice)).json()
        self.assertEqual(shown["subject"], "Secret plans")
        self.assertEqual(shown["organizerName"], "Alice Adams")

    async def test_what_a_client_needs(self) -> None:
        """JSON has the meeting's URI, its key and where discovery begins."""
        shown = (await self.knock(await self.scheduled(), JSON)).json()
        self.assertEqual(
            shown["onlineMeetingUri"],
            f"{uri('alice')};gruu;opaque=app:conf:focus:id:{shown['conferenceKey']}",
        )
        root = urlsplit(shown["_links"]["root"]["href"])
        found = await self.service.http.request("GET", f"{root.path}?{root.query}")
        self.assertEqual(found.status, 200)
        self.assertEqual(root.query, "originalDomain=example.test")

    async def test_vendor_xml(self) -> None:
        """The vendor's media type is understood in any case."""
        response = await self.knock(
            await self.scheduled(), "Application/vnd.microsoft.lync.meeting+xml"
        )
        self.assertEqual(response.header("Content-Type"), f"{XML_TYPE}; charset=utf-8")
        self.assertIn(b"<conf-key>", response.body)

    async def test_address_in_any_case(self) -> None:
        """Organizer and id are found in any case, as people type them."""
        path = await self.scheduled()
        for spelling in (path.upper(), path.lower(), path + "/"):
            self.assertEqual((await self.knock(spelling)).status, 200, spelling)

    async def test_no_such_meeting(self) -> None:
        """An unknown id, another organizer's name or a meeting that is over: 404, as a page."""
        path = await self.scheduled()
        key = path.rpartition("/")[2]
        for wrong in (f"/meet/bob/{key}", "/meet/alice/0123456789ABCDEF", "/meet/alice/%C3%A9"):
            response = await self.knock(wrong)
            self.assertEqual(response.status, 404, wrong)
            self.assertIn(b"There is no such meeting", response.body)
            self.assertIn("default-src", response.header("Content-Security-Policy") or "")
        self.refused(await self.knock("/meet/bob/X", JSON), 404, "NotFound", "ResourceNotFound")
        self.clock.advance(8 * 3600)
        self.assertEqual((await self.knock(path)).status, 404)

    async def test_end_of_a_sentence(self) -> None:
        """What a mail program takes into the address from the text around it does no harm."""
        path = await self.scheduled()
        for end in (".", ",", ")", "%3E", "%20", "%22.", "/"):
            self.assertEqual((await self.knock(path + end)).status, 200, end)

    async def test_cut_off(self) -> None:
        """An address that ends too early gets the page that says so, and programs an error."""
        path = await self.scheduled()
        organizer = path.rpartition("/")[0]
        for start in (organizer, f"{organizer}/", "/meet", "/meet/"):
            response = await self.knock(start)
            self.assertEqual((response.status, b"incomplete" in response.body), (404, True), start)
            self.assertEqual((await self.knock(start, JSON)).json()["code"], "NotFound")

    async def test_plain_http(self) -> None:
        """Over plain HTTP a browser is sent to TLS, for a meeting that exists as for any other."""
        path = await self.scheduled()
        plain = MemoryClient(
            memory_site(
                self.service.front_end.routes,
                clock=self.clock,
                site=Site("external", secure=False),
            )
        )
        for place in (path, "/meet/b%C3%B6b/X%2FY"):
            response = await plain.request("GET", place, headers={"Accept": BROWSER})
            self.assertEqual((response.status, response.body), (308, b""))
            self.assertEqual(response.header("Location"), f"{WEB.external_url}{place}")

    async def test_trying_keys(self) -> None:
        """Who tries many ids has to wait, whatever the next one is; a real one counts nothing."""
        path = await self.scheduled()
        for _ in range(30):
            self.assertEqual((await self.knock(path)).status, 200)
        for number in range(20):
            self.assertEqual((await self.knock(f"/meet/alice/{number}")).status, 404)
        response = await self.knock(path)
        self.assertEqual(response.status, 429)
        self.assertEqual(response.header("Retry-After"), "1")
        self.refused(await self.knock(path, JSON), 429, "TooManyRequests")
        self.clock.advance(1)
        self.assertEqual((await self.knock(path)).status, 200)

    async def test_no_key_in_the_log(self) -> None:
        """No log line has the id of a meeting."""
        path = await self.scheduled()
        await self.knock(path)
        await self.knock(f"{path}0")
        self.assertNotIn(path.rpartition("/")[2], str(self.service.log.events))


class NoGuestsTests(UcwaTestCase):
    """Where meetings do not admit people without an account."""

    meetings = MeetingsConfig(anonymous=False)

    async def test_page(self) -> None:
        """The page offers no way in for guests."""
        alice = await self.service.sign_in("alice")
        made = await alice.post("onlineMeetings/myOnlineMeetings", {"subject": "Plans"})
        path = urlsplit(made.json()["joinUrl"]).path
        page = await self.service.http.request("GET", path, headers={"Accept": BROWSER})
        self.assertNotIn(b"as a guest", page.body)
        shown = await self.service.http.request("GET", path, headers={"Accept": JSON})
        self.assertEqual(shown.json()["guests"], "Disabled")


class PlainJoinUrlTests(UcwaTestCase):
    """Where join URLs begin with plain HTTP."""

    meetings = MeetingsConfig(join_url="http://meet.example.test/meet")

    async def test_no_circle(self) -> None:
        """Plain HTTP never sends a browser to plain HTTP."""
        site = Site("external", secure=False)
        routes = self.service.front_end.routes
        plain = MemoryClient(memory_site(routes, clock=self.clock, site=site))
        response = await plain.request("GET", "/meet/alice/X")
        self.assertEqual(response.header("Location"), f"{WEB.external_url}/meet/alice/X")


class FormTests(UcwaTestCase):
    """Accept headers."""

    def test_forms(self) -> None:
        """The first known type counts; the page is for everybody else."""
        for accept, form in (
            ("", Form.PAGE),
            (BROWSER, Form.PAGE),
            ("image/png, application/json", Form.JSON),
            (f"{XML_TYPE};q=0.9", Form.XML),
            ("*/*", Form.PAGE),
            ("," * 5000 + JSON, Form.PAGE),
        ):
            self.assertIs(form_of(accept), form, accept)
