"""What applications keep with a meeting."""

from typing import Any

from mobility.domain.meetings import MAX_EXTENSIONS
from mobility.ucwa.documents import PUT_TOKEN_VALUE
from mobility.ucwa.meeting_extensions import MAX_ID, MAX_NAME, MAX_PROPERTIES, MAX_VALUE
from tests.ucwa.service import UcwaTestCase

MINE = "onlineMeetings/myOnlineMeetings"


class ExtensionTests(UcwaTestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice", available=False)
        meeting = (await self.alice.post(MINE, {"subject": "S"})).json()
        self.meeting = meeting["_links"]["self"]["href"]
        self.extensions = meeting["_links"]["onlineMeetingExtensions"]["href"]

    async def add(self, **body: object) -> dict[str, Any]:
        response = await self.alice.post(self.extensions, body)
        self.assertEqual(response.status, 201, response.body)
        document: dict[str, Any] = response.json()
        self.assertEqual(response.header("Location"), document["_links"]["self"]["href"])
        self.assertEqual(response.header("ETag"), f'"{document["etag"]}"')
        return document

    def put(self, document: dict[str, Any], **changes: object) -> Any:
        href = document["_links"]["self"]["href"]
        headers = {"If-Match": f'"{document["etag"]}"'}
        return self.alice.request("PUT", href, {**document, **changes}, headers=headers)

    async def test_shown(self) -> None:
        """An extension is shown by itself, in the list and in its meeting, with its own data."""
        shown = await self.add(id="917823", type="roamedParticipantData", room="5/1380", Seats=12)
        self.assertEqual((shown["id"], shown["type"]), ("917823", "RoamedParticipantData"))
        self.assertEqual((shown["room"], shown["Seats"]), ("5/1380", "12"))
        self.assertEqual(await self.alice.document(shown["_links"]["self"]["href"]), shown)
        for href in (self.extensions, self.meeting):
            embedded = (await self.alice.document(href))["_embedded"]
            self.assertEqual(embedded["onlineMeetingExtension"], [shown])
        await self.service.restart()
        self.assertEqual(await self.alice.document(shown["_links"]["self"]["href"]), shown)

    async def test_meeting_keeps_its_etag(self) -> None:
        """What is embedded does not count towards the meeting's etag."""
        before = await self.alice.document(self.meeting)
        await self.add()
        after = await self.alice.document(self.meeting)
        self.assertEqual(before["etag"], after["etag"])

    async def test_nothing_said(self) -> None:
        """An extension without an id is given one, and its type is Undefined."""
        first, second = await self.add(), await self.add()
        self.assertNotEqual(first["id"], second["id"])
        self.assertEqual(first["type"], "Undefined")

    async def test_odd_ids(self) -> None:
        """An id may be any text; its link leads to it all the same."""
        for extension_id in ("a/b", "ü ?#%", "." * MAX_ID, "Assigned"):
            shown = await self.add(id=extension_id)
            found = await self.alice.document(shown["_links"]["self"]["href"])
            self.assertEqual(found["id"], extension_id)

    async def test_reference_path(self) -> None:
        """The reference page's path leads to the extensions, too."""
        await self.add(id="1")
        found = await self.alice.document(f"{self.meeting}/onlineMeetingExtensions/1")
        self.assertEqual(found["id"], "1")

    async def test_same_id(self) -> None:
        """One meeting has one extension of each id."""
        await self.add(id="1")
        again = await self.alice.post(self.extensions, {"id": "1"})
        self.refused(again, 409, "Conflict", "AlreadyExists")

    async def test_too_many(self) -> None:
        """A meeting has a limited number of extensions."""
        for _ in range(MAX_EXTENSIONS):
            await self.add()
        more = await self.alice.post(self.extensions)
        self.refused(more, 403, "Forbidden", "LimitExceeded")

    async def test_put(self) -> None:
        """PUT replaces the application's data; an absent type stays."""
        shown = await self.add(id="1", type="RoamedOrganizerData", old="x", kept="y")
        del shown["old"], shown["type"]
        changed = await self.put(shown, new="z")
        self.assertEqual(changed.status, 200)
        after = changed.json()
        self.assertEqual(after["type"], "RoamedOrganizerData")
        self.assertEqual((after["kept"], after["new"]), ("y", "z"))
        self.assertNotIn("old", after)
        self.refused(await self.put(shown, new="lost"), 412, "PreconditionFailed")
        token = next(name for name, value in shown.items() if value == PUT_TOKEN_VALUE)
        wrong = await self.put(after, **{token: "", "id": "2", "type": "Nothing"})
        self.assertEqual(self.wrong_parameters(wrong), {token})
        wrong = await self.put(after, id="2", type="Nothing")
        self.assertEqual(self.wrong_parameters(wrong), {"id", "type"})

    async def test_delete(self) -> None:
        """A deleted extension is gone; a second DELETE finds nothing."""
        href = (await self.add(id="1"))["_links"]["self"]["href"]
        self.accepted(await self.alice.delete(href), 204)
        for attempt in (self.alice.delete(href), self.alice.get(href)):
            self.refused(await attempt, 404, "NotFound", "ResourceNotFound")

    async def test_wrong_data(self) -> None:
        """Data beyond the bounds, or no text, is refused by name."""
        for name, value in (
            ("id", "x" * (MAX_ID + 1)),
            ("type", "Other"),
            ("mine", "x" * (MAX_VALUE + 1)),
            ("mine", {"a": "b"}),
            ("mine", ["a"]),
        ):
            wrong = await self.alice.post(self.extensions, {name: value})
            self.assertEqual(self.wrong_parameters(wrong), {name})
        long = "x" * (MAX_NAME + 1)
        wrong = await self.alice.post(self.extensions, {long: "v"})
        self.assertEqual(self.wrong_parameters(wrong), {long[:MAX_NAME]})
        wrong = await self.alice.post(self.extensions, {"Same": "1", "same": "2"})
        self.assertEqual(self.wrong_parameters(wrong), {"same"})
        many = {f"p{number:02}": "v" for number in range(MAX_PROPERTIES + 1)}
        wrong = await self.alice.post(self.extensions, many)
        self.assertEqual(self.wrong_parameters(wrong), {f"p{MAX_PROPERTIES:02}"})

    async def test_in_xml(self) -> None:
        """Data written in XML is shown in XML."""
        body = (
            b'<input><property name="id">1</property>'
            b'<property name="x">&lt;y&gt;</property></input>'
        )
        response = await self.alice.post(
            self.extensions,
            body=body,
            content_type="application/xml",
            headers={"Accept": "application/xml"},
        )
        self.assertEqual(response.status, 201)
        self.assertIn(b'<property name="x">&lt;y&gt;</property>', response.body)
