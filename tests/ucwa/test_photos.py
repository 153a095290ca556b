"""Photos: who may load them, by which credential, in which sizes, and who sets them."""

from io import BytesIO

from PIL import Image

from mobility.testing import MemoryResponse
from tests.ucwa.service import Client, UcwaTestCase, uri


def picture(width: int, height: int, kind: str = "JPEG", colour: str = "teal") -> bytes:
    made = BytesIO()
    Image.new("RGB", (width, height), colour).save(made, kind)
    return made.getvalue()


class PhotoTests(UcwaTestCase):
    """GET photo and contactPhoto."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = Client(self.service, "alice", await self.service.token("alice"))
        registered = await self.alice.register()
        self.cookie = (registered.header("Set-Cookie") or "").partition(";")[0]
        self.carol = await self.service.sign_in("carol")
        await self.put(self.carol, picture(800, 600))

    async def put(
        self, client: Client, body: bytes, content_type: str = "image/jpeg"
    ) -> MemoryResponse:
        """PUT to the link that `me` has for it."""
        link = (await client.document("me"))["_links"]["mobility:photo"]["href"]
        return await client.request("PUT", link, body=body, content_type=content_type)

    def edge(self, response: MemoryResponse) -> int:
        """The edge of a square JPEG in pixels."""
        shown = Image.open(BytesIO(response.body))
        self.assertEqual((shown.format, shown.width), ("JPEG", shown.height))
        return shown.width

    async def load(self, href: str, **headers: str) -> MemoryResponse:
        """A GET as an image element sends it: with no Authorization of its own."""
        return await self.service.http.request("GET", href, headers=headers)

    def shows_carol(self, response: MemoryResponse) -> None:
        self.assertEqual(response.status, 200)
        self.assertIn(self.edge(response), (48, 64))
        self.assertEqual(response.header("Content-Type"), "image/jpeg")
        self.assertEqual(response.header("X-Content-Type-Options"), "nosniff")
        self.assertTrue((response.header("Cache-Control") or "").startswith("private"))
        self.assertIn("Origin", response.header_lines("Vary"))

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
        link = (await self.carol.document("me"))["_links"]["photo"]["href"]
        self.shows_carol(await self.carol.get(link))

    async def test_sizes(self) -> None:
        """`size` asks for a size, the next one that there is; without it 48 pixels."""
        href = f"{self.alice.href}/photos/carol@example.test"
        for size, edge in (
            ("", 48),
            ("HR48X48", 48),
            ("hr64x64", 64),
            ("HR100X100", 120),
            ("HR648X648", 600),  # never larger than what was uploaded
            ("HR9999X9999", 600),
        ):
            response = await self.alice.get(f"{href}?size={size}")
            self.assertEqual(self.edge(response), edge, size)
        for size in ("64", "HR64", "HRaXb", "HR-1X5", "HR%D9%A3X1", "X" * 17):
            response = await self.alice.get(f"{href}?size={size}")
            self.refused_for(response, "size")

    def refused_for(self, response: MemoryResponse, name: str) -> None:
        self.refused(response, 400, "BadRequest", "ParameterValidationFailure")
        self.assertEqual([one["name"] for one in response.json()["parameters"]], [name])

    async def test_not_modified(self) -> None:
        """A client that has the photo gets 304 until it changes."""
        href = f"{self.alice.href}/photos/carol@example.test"
        tag = (await self.alice.get(href)).header("ETag") or ""
        same = await self.alice.get(href, If_None_Match=tag)
        self.assertEqual((same.status, same.body), (304, b""))
        await self.put(self.carol, picture(100, 100, "PNG", "red"), "image/png")
        other = await self.alice.get(href, If_None_Match=tag)
        self.assertEqual(other.status, 200)

    async def test_remove(self) -> None:
        """A photo can be taken away; the person's applications are told of both."""
        await self.carol.events()
        link = (await self.carol.document("me"))["_links"]["mobility:photo"]["href"]
        self.accepted(await self.carol.delete(link), 204)
        self.assertEqual([e.brief for e in await self.carol.events()], [("me", "me", "updated")])
        response = await self.alice.get("photos/carol@example.test")
        self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_removed_user(self) -> None:
        """With the user the photo leaves the store."""
        users = self.service.front_end.users
        await users.remove(uri("carol"), self.service.clock.seconds())
        stored = await self.service.front_end.store.archive.photo(uri("carol"))
        self.assertIsNone(stored)

    async def test_no_picture(self) -> None:
        """What is no JPEG or PNG is refused, whatever it says it is, and the old photo stays."""
        for body in (b"", b"GIF89a", picture(10, 10)[:-200], b"<svg/>", picture(9, 9, "BMP")):
            self.refused_for(await self.put(self.carol, body), "photo")
        wrong = await self.put(self.carol, picture(9, 9), "image/gif")
        self.refused(wrong, 415, "UnsupportedMediaType")
        self.shows_carol(await self.alice.get("photos/carol@example.test"))
        self.assertEqual(self.service.failures(), [])

    async def test_sees_a_change_after_restart(self) -> None:
        """The photo is kept in the store."""
        await self.service.restart()
        self.shows_carol(await self.alice.get("photos/carol@example.test"))

    async def test_after_restart(self) -> None:
        """The cookie is still good after a restart, and worthless once the application ended."""
        href = f"{self.alice.href}/photos/carol@example.test"
        await self.service.restart()
        self.shows_carol(await self.load(href, Cookie=self.cookie))
        self.accepted(await self.alice.delete(), 204)
        self.refused(await self.load(href, Cookie=self.cookie), 401, "Unauthorized")
