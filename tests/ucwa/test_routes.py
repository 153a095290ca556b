"""From a path to a resource: paths, versions, whose application it is, what a method may do."""

from mobility.ucwa.declaration import NEWEST_REVISION, Resource
from mobility.ucwa.hrefs import APPLICATIONS, REFERENCE_APPLICATIONS
from mobility.ucwa.resources import RESOURCES
from tests.ucwa.service import Client, UcwaTestCase


def filled(path: str) -> str:
    """A declared path with the one parameter that exists without more ado."""
    return path.replace("{address}", "bob@example.test")


def readable() -> list[Resource]:
    """The resources whose GET succeeds in a fresh application."""
    return [
        resource
        for resource in RESOURCES
        if any(operation.method == "GET" for operation in resource.operations)
        and is_filled(resource.path)
        and resource.rel not in ("events", "search", "contactPhoto", "mediaRelayAccessToken")
    ]


def is_filled(path: str) -> bool:
    """Whether a path names only what a fresh application has."""
    return "{" not in filled(path)


class PathTests(UcwaTestCase):
    """The two families of paths, and how loosely they are matched."""

    async def test_families(self) -> None:
        """Each resource is the same on the task pages' and the reference pages' paths."""
        await self.service.let_call("alice")
        alice = await self.service.sign_in("alice")
        self.assertGreater(len(readable()), 20)
        for resource in readable():
            answers = []
            for path in filter(is_filled, (resource.path, *resource.aliases)):
                for prefix in (APPLICATIONS, REFERENCE_APPLICATIONS):
                    href = f"{prefix}/{alice.application['id']}/{filled(path)}".rstrip("/")
                    answers.append(await alice.document(href))
            self.assertTrue(all(answer == answers[0] for answer in answers), resource.rel)
            self.assertEqual(answers[0]["rel"], resource.rel)

    async def test_applications(self) -> None:
        """Registration is served on both; links lead to the task pages' paths."""
        alice = Client(self.service, "alice", await self.service.token("alice"))
        body = {"userAgent": "x", "endpointId": "1", "culture": "en-US"}
        response = await alice.post("/ucwa/v1/applications", body)
        self.assertEqual(response.status, 201)
        href = response.json()["_links"]["self"]["href"]
        self.assertTrue(href.startswith(f"{APPLICATIONS}/"), href)

    async def test_loose_paths(self) -> None:
        """Case, doubled slashes and a trailing slash do not matter, nor does case in an address."""
        alice = await self.service.sign_in("alice")
        number = alice.application["id"]
        expected = await alice.document("people/bob@example.test/supportedMedia")
        for path in (
            f"/UCWA/OAuth/V1/Applications/{number}/People/Bob@Example.TEST/SUPPORTEDMEDIA",
            f"//ucwa//oauth/v1/applications///{number}/people/bob@example.test/supportedMedia/",
            f"/ucwa/oauth/v1/applications/{number}/people/bob%40example.test/supportedMedia?x=1",
        ):
            self.assertEqual(await alice.document(path), expected)

    async def test_unknown_path(self) -> None:
        """What is not declared is 404 ResourceNotFound, signed in or not."""
        alice = await self.service.sign_in("alice")
        stranger = Client(self.service, "alice", "")
        for path in ("nothing", "me/nothing", "me/presence/x", "communication/conversations/1/2"):
            for client in (alice, stranger):
                response = await client.get(f"{alice.href}/{path}")
                self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_methods(self) -> None:
        """A method that is not declared is 405 with Allow."""
        alice = await self.service.sign_in("alice")
        for method, path, allowed in (
            ("POST", "me", "GET, HEAD, OPTIONS"),
            ("GET", "me/makeMeAvailable", "OPTIONS, POST"),
            ("PUT", "people", "GET, HEAD, OPTIONS"),
            ("DELETE", "communication", "GET, HEAD, OPTIONS, PUT"),
            ("HEAD", "events", "GET, OPTIONS"),
        ):
            response = await alice.request(method, path)
            self.assertEqual(response.status, 405)
            self.assertEqual(response.header("Allow"), allowed)

    async def test_head(self) -> None:
        """HEAD has the headers of GET and no body."""
        alice = await self.service.sign_in("alice")
        for path in ("", "me", "communication", "people/bob@example.test"):
            got, head = await alice.get(path), await alice.request("HEAD", path)
            self.assertEqual((head.status, head.body), (200, b""))
            for name in ("Content-Type", "Content-Length", "ETag", "X-MS-UcwaVersion"):
                self.assertEqual(head.header(name), got.header(name))


class OwnerTests(UcwaTestCase):
    """An application is its user's alone."""

    async def test_somebody_elses(self) -> None:
        """Another user's application is not found, with any method: 404, never 403."""
        alice = await self.service.sign_in("alice")
        bob = await self.service.sign_in("bob")
        for resource in RESOURCES:
            for operation in resource.operations:
                path = resource.path.replace("{", "").replace("}", "")
                href = f"{alice.href}/{path}?ack=1".replace("/?", "?")
                response = await bob.request(operation.method, href)
                self.refused(response, 404, "NotFound", "ApplicationNotFound")
        await alice.document()

    async def test_unknown(self) -> None:
        """So is one that never existed."""
        alice = await self.service.sign_in("alice")
        for number in ("000000000000", "x", "' OR 1=1"):
            href = f"{APPLICATIONS}/{number.replace(' ', '%20')}/me"
            self.refused(await alice.get(href), 404, "NotFound", "ApplicationNotFound")

    async def test_expired_token(self) -> None:
        """A token that ran out is 401; another one of the user goes on with the application."""
        alice = await self.service.sign_in("alice", available=False)
        parked = alice.park("&timeout=1800")
        for _ in range(16):
            self.clock.advance(1800)
            alice.take(await parked)
            parked = alice.park("&timeout=1800")
        self.refused(await alice.get(), 401, "Unauthorized")
        alice.token = await self.service.token("alice")
        await alice.document()

    async def test_removed_user(self) -> None:
        """A removed user's token and application are gone at once."""
        alice = await self.service.sign_in("alice")
        parked = alice.park()
        await self.service.front_end.users.remove("sip:alice@example.test", self.clock.seconds())
        self.refused(await parked, 404, "NotFound", "ApplicationNotFound")
        self.refused(await alice.get(), 401, "Unauthorized")


class VersionTests(UcwaTestCase):
    """X-MS-RequiresMinResourceVersion and X-MS-UcwaVersion."""

    async def test_every_resource(self) -> None:
        """Each answer names its revision; the newest that anything has can be required of all."""
        await self.service.let_call("alice")
        alice = await self.service.sign_in("alice")
        for resource in readable():
            path = filled(resource.path)
            for wanted, status in (("1", 200), ("2", 200), ("2.0", 200), ("2.1", 404), ("3", 404)):
                response = await alice.get(path, X_MS_RequiresMinResourceVersion=wanted)
                self.assertEqual(response.status, status, resource.rel)
                if status == 200:
                    version = response.header("X-MS-UcwaVersion")
                    self.assertEqual(version, str(resource.revision))
                else:
                    self.refused(response, 404, "NotFound", "APIVersionNotSupported")

    def test_newest(self) -> None:
        """No resource has a newer revision than the newest."""
        self.assertEqual(max(resource.revision for resource in RESOURCES), NEWEST_REVISION)

    async def test_xml(self) -> None:
        """Each resource is served as XML too, in the spelling that was asked for."""
        await self.service.let_call("alice")
        alice = await self.service.sign_in("alice")
        for resource in readable():
            for spelling in ("application/xml", "application/vnd.microsoft.com.ucwa+xml"):
                response = await alice.get(filled(resource.path), Accept=spelling)
                self.assertEqual(response.status, 200, resource.rel)
                self.assertEqual(response.header("Content-Type"), f"{spelling}; charset=utf-8")
                begin = f'<resource rel="{resource.rel}" href="/ucwa/'
                self.assertIn(begin.encode(), response.body)
