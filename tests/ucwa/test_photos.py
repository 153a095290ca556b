"""Photos: who may load them, by which credential."""

from mobility.testing import MemoryResponse
from tests.ucwa.service import PHOTO, Client, UcwaTestCase


class PhotoTests(UcwaTestCase):
    """GET photo and contactPhoto."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = Client(self.service, "alice", await self.service.token("alice"))
        registered = await self.alice.register()
        self.cookie = (registered.header("Set-Cookie") or "").partition(";")[0]

    async def load(self, href: str, **headers: str) -> MemoryResponse:
        """A GET as an image element sends it: with no Authorization of its own."""
        return await self.service.http.request("GET", href, headers=headers)

    def shows_carol(self, response: MemoryResponse) -> None:
        self.assertEqual((response.status, response.body), (200, PHOTO))
        self.assertEqual(response.header("Content-Type"), "image/jpeg")
        self.assertEqual(response.header("X-Content-Type-Options"), "nosniff")
        self.assertTrue((response.header("Cache-Control") or "").startswith("private"))

    async def test_cookie(self) -> None:
        """The application's cookie alone is enough, also among others."""
        contact = await self.alice.document("people/carol@example.test")
        href = contact["_links"]["contactPhoto"]["href"]
        self.shows_carol(await self.load(href, Cookie=self.cookie))
        self.shows_carol(await self.load(f"{href}?size=HR64X64", Cookie=f"a=b; {self.cookie}"))

    async def test_bearer(self) -> None:
        """A bearer token is enough too, also beside a cookie that is not good."""
        href = f"{self.alice.href}/photos/carol@example.test"
        bearer = f"Bearer {self.alice.token}"
        self.shows_carol(await self.load(href, Authorization=bearer))
        self.shows_carol(await self.load(href, Authorization=bearer, Cookie="cwt_ucwa=old"))
        self.shows_carol(await self.alice.get("people/carol@example.test/contactPhoto"))

    async def test_neither(self) -> None:
        """Without either the answer is 401 with the challenge, whether the application exists."""
        for application in (self.alice.application["id"], "000000000000"):
            href = f"/ucwa/oauth/v1/applications/{application}/photos/carol@example.test"
            for cookie in ("", "cwt_ucwa=", "cwt_ucwa=x", self.cookie[:-1], "cwt_ucwa"):
                response = await self.load(href, **({"Cookie": cookie} if cookie else {}))
                self.refused(response, 401, "Unauthorized")
                self.assertEqual(len(response.header_lines("WWW-Authenticate")), 2)

    async def test_other_applications_cookie(self) -> None:
        """A cookie opens the photos of its own application alone, and nothing but photos."""
        phone = Client(self.service, "alice", self.alice.token)
        await phone.register(EndpointId="phone")
        other = await self.load(f"{phone.href}/photos/carol@example.test", Cookie=self.cookie)
        self.refused(other, 401, "Unauthorized")
        for path in ("", "/me", "/people/carol@example.test"):
            response = await self.load(self.alice.href + path, Cookie=self.cookie)
            self.refused(response, 401, "Unauthorized")

    async def test_other_users_token(self) -> None:
        """Somebody else's token does not find the application."""
        bob = await self.service.token("bob")
        href = f"{self.alice.href}/photos/carol@example.test"
        response = await self.load(href, Authorization=f"Bearer {bob}")
        self.refused(response, 404, "NotFound", "ApplicationNotFound")

    async def test_no_photo(self) -> None:
        """Without a photo, and for a stranger, the answer is 404."""
        for name in ("bob", "zed"):
            response = await self.alice.get(f"photos/{name}@example.test")
            self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_own_photo(self) -> None:
        """`me` links to one's own photo."""
        carol = await self.service.sign_in("carol")
        link = (await carol.document("me"))["_links"]["photo"]["href"]
        self.shows_carol(await carol.get(link))

    async def test_after_restart(self) -> None:
        """The cookie is still good after a restart, and worthless once the application ended."""
        href = f"{self.alice.href}/photos/carol@example.test"
        await self.service.restart()
        self.shows_carol(await self.load(href, Cookie=self.cookie))
        self.accepted(await self.alice.delete(), 204)
        self.refused(await self.load(href, Cookie=self.cookie), 401, "Unauthorized")
