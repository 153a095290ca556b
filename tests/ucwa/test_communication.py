"""communication: PUT with If-Match and the GUID property, and what it changes."""

import re

from mobility.testing import MemoryResponse
from tests.ucwa.service import UcwaTestCase, uri

GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VALUE = "please pass this in a PUT request"


class CommunicationTests(UcwaTestCase):
    """GET and PUT communication."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.shown = await self.alice.document("communication")
        (self.guid,) = [name for name in self.shown if GUID.fullmatch(name)]
        self.etag = self.shown["etag"]

    async def put(self, changes: dict[str, object], etag: str | None = None) -> MemoryResponse:
        """PUT the GUID property with some others."""
        return await self.put_all({self.guid: VALUE, **changes}, etag)

    async def put_all(self, body: object, etag: str | None = None) -> MemoryResponse:
        tag = f'"{self.etag}"' if etag is None else etag
        headers = {"If-Match": tag} if tag else {}
        return await self.alice.request("PUT", "communication", body, headers=headers)

    async def test_guid_property(self) -> None:
        """One property has a GUID for a name and the exact text clients look for."""
        self.assertEqual(self.shown[self.guid], VALUE)
        self.assertTrue(self.etag.isdigit())
        response = await self.alice.get("communication")
        self.assertEqual(response.header("ETag"), f'"{self.etag}"')
        position = response.body.index(VALUE.encode())
        self.assertEqual(response.body[position - 39 : position - 3], self.guid.encode())

    async def test_whole_resource(self) -> None:
        """What GET showed can be sent back with changes; 200 with the new representation."""
        body = {**self.shown, "supportedModalities": ["Messaging", "PhoneAudio"]}
        response = await self.put_all(body)
        self.assertEqual(response.status, 200)
        changed = response.json()
        self.assertEqual(changed["supportedModalities"], ["Messaging", "PhoneAudio"])
        self.assertNotEqual(changed["etag"], self.etag)
        self.assertEqual(response.header("ETag"), f'"{changed["etag"]}"')
        self.assertEqual(await self.alice.document("communication"), changed)
        (event,) = await self.alice.events()
        self.assertEqual(event.brief, ("communication", "communication", "updated"))
        self.assertEqual(event.shown, changed)

    async def test_absent_fields(self) -> None:
        """Fields that are absent or null keep their values, as SDKs leave out what is default."""
        given = {"phoneNumber": "+14255550100", "audioPreference": "VoipAudio"}
        response = await self.put({**given, "supportedModalities": None})
        self.assertEqual(response.status, 200)
        self.etag = response.json()["etag"]
        response = await self.put({"ConversationHistory": "Enabled"})
        shown = response.json()
        self.assertEqual(
            {n: shown[n] for n in ("phoneNumber", "audioPreference", "conversationHistory")},
            {
                "phoneNumber": "+14255550100",
                "audioPreference": "VoipAudio",
                "conversationHistory": "Enabled",
            },
        )
        self.assertEqual(shown["supportedModalities"], ["Messaging"])
        self.assertEqual(shown["supportedMessageFormats"], ["Plain"])

    async def test_if_match(self) -> None:
        """No If-Match is 428, a stale one 412; quoted, unquoted, weak and `*` are read."""
        self.refused(await self.put({}, ""), 428, "PreconditionRequired")
        for stale in ('"1"', "1", '"x"', '"99999999999999999999"', '"²"', '""'):
            response = await self.put({}, stale.encode().decode("latin-1"))
            self.refused(response, 412, "PreconditionFailed")
        for spelling in ('"{}"', "{}", 'W/"{}"', "*"):
            response = await self.put({}, spelling.format(self.etag))
            self.assertEqual(response.status, 200)
            self.etag = response.json()["etag"]

    async def test_lists_of_tags(self) -> None:
        """A PUT is served when any of the tags of If-Match is that of the resource, and refused
        when none is, be it `*` in quotes."""
        for tags in ('"1", "70"', '"*"', '"1,{}"', "1 , , 70", ",", '"{}0"', 'W/"1"'):
            response = await self.put({}, tags.format(self.etag))
            self.refused(response, 412, "PreconditionFailed")
        for tags in ('"1", "{}"', '"{}","1"', "1,{}", 'W/"1" , W/"{}"', '"a,b" ,, "{}"', " * "):
            response = await self.put({}, tags.format(self.etag))
            self.assertEqual(response.status, 200, tags)
            self.etag = response.json()["etag"]

    async def test_second_writer(self) -> None:
        """Of two writers who read the same version the second one is refused."""
        self.assertEqual((await self.put({"phoneNumber": "1"})).status, 200)
        self.refused(await self.put({"phoneNumber": "2"}), 412, "PreconditionFailed")
        self.assertEqual((await self.alice.document("communication"))["phoneNumber"], "1")

    async def test_without_guid(self) -> None:
        """A PUT without the GUID property, or with another value, fails validation."""
        bodies: list[dict[str, object]] = [{}, {self.guid: "please"}, {self.guid: None}]
        for body in (*bodies, {"supportedModalities": []}):
            self.assertEqual(self.wrong_parameters(await self.put_all(body)), {self.guid})
        response = await self.put_all({self.guid.upper(): VALUE})
        self.assertEqual(response.status, 200)

    async def test_wrong_values(self) -> None:
        """Every wrong value is listed and nothing changes."""
        response = await self.put(
            {
                "supportedModalities": ["Smoke"],
                "supportedMessageFormats": [1],
                "audioPreference": "Loud",
                "conversationHistory": "Maybe",
                "phoneNumber": "1" * 101,
            }
        )
        self.assertEqual(
            self.wrong_parameters(response),
            {
                "supportedModalities",
                "supportedMessageFormats",
                "audioPreference",
                "conversationHistory",
                "phoneNumber",
            },
        )
        self.assertEqual(await self.alice.document("communication"), self.shown)

    async def test_if_none_match(self) -> None:
        """304 without a body for the version the client has, the document for any other."""
        for tag in (f'"{self.etag}"', self.etag, f'W/"{self.etag}"', f'"1", "{self.etag}"', "*"):
            response = await self.alice.get("communication", If_None_Match=tag)
            self.assertEqual((response.status, response.body), (304, b""))
            self.assertEqual(response.header("ETag"), f'"{self.etag}"')
        for tag in ('"1"', f'"{self.etag}0"', f'"x{self.etag}"', '"*"', f'"1,{self.etag}"', ""):
            response = await self.alice.get("communication", If_None_Match=tag)
            self.assertEqual(response.status, 200)

    async def test_without_messaging(self) -> None:
        """Who takes Messaging out of the modalities is not invited any more."""
        self.assertEqual((await self.put({"supportedModalities": []})).status, 200)
        bob = await self.service.sign_in("bob")
        body = {"to": uri("alice"), "operationId": "op"}
        self.accepted(await bob.post("communication/messagingInvitations", body), 201)
        completed = next(e for e in await bob.events() if e.type == "completed")
        self.assertEqual(completed.event["reason"]["subcode"], "Unavailable")
        seen = await bob.document("people/alice@example.test/supportedMedia")
        self.assertEqual(seen["modalities"], [])

    async def test_survives_restart(self) -> None:
        """Settings, version and GUID are the same after a restart."""
        await self.put({"phoneNumber": "1"})
        before = await self.alice.document("communication")
        await self.service.restart()
        self.assertEqual(await self.alice.document("communication"), before)
