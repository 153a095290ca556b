"""sendMessage and setIsTyping: what a client may send, and what the others are told."""

from collections.abc import Mapping
from urllib.parse import unquote

from mobility.testing import MemoryResponse
from mobility.ucwa.messaging import MAX_MESSAGE_BYTES, MAX_OPERATION_ID
from tests.ucwa.service import Client, Told, UcwaTestCase, converted, uri


def text_of(event: Told) -> str:
    """The text an incoming message shows."""
    kind, _, text = event.resource["_links"]["plainMessage"]["href"].partition(",")
    assert kind == "data:text/plain;charset=utf-8", kind
    return unquote(text)


class ConnectedTestCase(UcwaTestCase):
    """Alice and Bob talk; `messaging` is Alice's resource and `bobs` is Bob's."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")
        self.messaging = await self.talk(self.alice, self.bob)
        self.bobs = converted(self.messaging, self.alice, self.bob)


class SendMessageTests(ConnectedTestCase):
    """The body is the message; the query names the operation."""

    async def post(
        self, body: bytes, content_type: str | None = "text/plain", query: str = ""
    ) -> MemoryResponse:
        return await self.alice.post(
            f"{self.messaging}/messages{query}", body=body, content_type=content_type
        )

    async def test_operation_id(self) -> None:
        """operationId or OperationContext is echoed to the sender alone; neither is needed."""
        for query, echoed in (
            ("?operationId=abc%20d", "abc d"),
            ("?OperationContext=xyz", "xyz"),
            ("", None),
        ):
            location = self.accepted(await self.post(b"Hello", query=query), 201)
            (mine,) = await self.alice.events()
            (theirs,) = await self.bob.events()
            self.assertEqual(mine.href, location)
            self.assertEqual(mine.resource.get("operationId"), echoed)
            self.assertNotIn("operationId", theirs.resource)
            self.assertEqual(text_of(theirs), "Hello")

    async def test_long_operation_id(self) -> None:
        """An operationId, or what stands for it, has 50 characters at most."""
        longest = "x" * MAX_OPERATION_ID
        self.accepted(await self.post(b"1", query=f"?operationId={longest}"), 201)
        for name in ("operationId", "OperationContext"):
            response = await self.post(b"2", query=f"?{name}={longest}x")
            self.assertEqual(self.wrong_parameters(response), {name})

    async def test_order(self) -> None:
        """Messages of both sides get rising numbers and arrive once, in order."""
        for text in ("one", "two"):
            self.accepted(await self.alice.send(self.messaging, text), 201)
        self.accepted(await self.bob.send(self.bobs, "three"), 201)
        self.accepted(await self.alice.send(self.messaging, "four"), 201)
        told = [event for event in await self.bob.events() if event.rel == "message"]
        numbers = [int(event.href.rpartition("/")[2]) for event in told]
        self.assertEqual(numbers, [1, 2, 3, 4])
        incoming = [e for e in told if e.shown and e.resource["direction"] == "Incoming"]
        self.assertEqual([text_of(event) for event in incoming], ["one", "two", "four"])
        self.assertTrue(await self.bob.nothing_more())

    async def test_message_resource(self) -> None:
        """The Location shows the message as the event did, also to the other side."""
        location = self.accepted(await self.post("Grüße 🙂".encode()), 201)
        mine = await self.alice.document(location)
        self.assertEqual(mine["direction"], "Outgoing")
        self.assertIn("plainMessage", mine["_links"])
        theirs = await self.bob.document(converted(location, self.alice, self.bob))
        (event,) = await self.bob.events()
        self.assertEqual(theirs, event.shown)
        self.assertEqual(text_of(event), "Grüße 🙂")
        for number in ("0", "99", "-1", "1x", "9" * 30, "%D9%A1"):
            unknown = await self.alice.get(f"{self.messaging}/messages/{number}")
            self.refused(unknown, 404, "NotFound", "ResourceNotFound")

    async def test_content_types(self) -> None:
        """Plain text is taken in every charset that is read, also under no name or an empty one."""
        for good in (
            None,
            "",
            "text/plain",
            "Text/Plain; Charset=UTF-8",
            'text/plain; charset="utf-8"',
            "text/plain;charset=utf8",
            "text/plain; charset=us-ascii; format=flowed",
            "text/plain; charset=",
        ):
            self.accepted(await self.post(b"Hello", good), 201)
        for bad in (
            "application/json",
            "text/html; charset=iso-8859-5",
            "text/plain; charset=iso-8859-5",
            "text/plain; charset=utf-7",
            "nonsense",
        ):
            response = await self.post(b"Hello", bad)
            self.refused(response, 415, "UnsupportedMediaType")

    async def test_charsets(self) -> None:
        """What HTTP libraries declare by themselves is heeded, and nothing of the text is lost."""
        for charset, codec in (
            ("ISO-8859-1", "latin-1"),
            ("windows-1252", "cp1252"),
            ('"utf-16"', "utf-16"),
            ("UTF-16LE", "utf-16-le"),
        ):
            kind = f"text/plain; charset={charset}"
            self.accepted(await self.post("Größe ÿ".encode(codec), kind), 201)
            (event,) = await self.bob.events()
            self.assertEqual(text_of(event), "Größe ÿ")
        for charset, broken in (("us-ascii", b"\xe4"), ("utf-16", b"abc"), ("utf-16le", b"\0\xd8")):
            response = await self.post(broken, f"text/plain; charset={charset}")
            self.refused(response, 400, "BadRequest", "DeserializationFailure")

    async def test_answer_to_a_message(self) -> None:
        """Who POSTs to a message that it has got says the next thing in that conversation, as bots
        do; to one that is not there nothing is said."""
        self.accepted(await self.post(b"Hello"), 201)
        (event,) = await self.bob.events()
        said = await self.bob.post(event.href, body=b"Hello yourself", content_type="text/plain")
        location = converted(self.accepted(said, 201), self.bob, self.alice)
        _, answer = await self.alice.events()
        self.assertEqual((answer.href, text_of(answer)), (location, "Hello yourself"))
        for number in ("99", "x"):
            gone = f"{self.bobs}/messages/{number}"
            unsaid = await self.bob.post(gone, body=b"Hello?", content_type="text/plain")
            self.refused(unsaid, 404, "NotFound", "ResourceNotFound")
        self.assertTrue(await self.alice.nothing_more())

    async def test_largest_message(self) -> None:
        """A message of the largest size arrives whole; one byte more is 413 and nothing is sent."""
        longest = "ä" * (MAX_MESSAGE_BYTES // 2)
        self.accepted(await self.alice.send(self.messaging, longest), 201)
        response = await self.alice.send(self.messaging, longest + "x")
        self.refused(response, 413, "EntityTooLarge")
        (event,) = await self.bob.events()
        self.assertEqual(text_of(event), longest)

    async def test_no_text(self) -> None:
        """An empty body, one that is no UTF-8 and one with a NUL are refused; nothing is sent."""
        self.assertEqual(self.wrong_parameters(await self.post(b"")), {"message"})
        self.assertEqual(self.wrong_parameters(await self.post(b"a\0b")), {"message"})
        for broken in (b"\xff", b"\xed\xa0\x80", b"\xc3"):
            response = await self.post(broken)
            self.refused(response, 400, "BadRequest", "DeserializationFailure")
        self.assertTrue(await self.bob.nothing_more())

    async def test_not_connected(self) -> None:
        """Before the answer nobody may send: 409, and the resource shows no sendMessage link."""
        carol = await self.service.sign_in("carol")
        invited = await self.alice.post(
            "communication/messagingInvitations", {"to": uri("carol"), "operationId": "x"}
        )
        self.accepted(invited, 201)
        for client in (self.alice, carol):
            messaging = next(
                event.resource["_links"]["messaging"]["href"]
                for event in await client.events()
                if event.shown and event.rel == "messagingInvitation"
            )
            self.refused(await client.send(messaging, "too early"), 409, "Conflict")
            self.refused(await client.post(f"{messaging}/typing"), 409, "Conflict")
            shown = await client.document(messaging)
            self.assertEqual(shown["state"], "Connecting")
            self.assertNotIn("sendMessage", shown["_links"])

    async def test_stranger(self) -> None:
        """Who is not in a conversation finds neither it nor anything below it."""
        carol = await self.service.sign_in("carol")
        theirs = converted(self.messaging, self.alice, carol)
        for path in ("", "/typingParticipants", "/messages/1"):
            self.refused(await carol.get(theirs + path), 404, "NotFound", "ConversationNotFound")
        self.refused(await carol.send(theirs, "hi"), 404, "NotFound", "ConversationNotFound")
        stop = await carol.post(f"{theirs}/terminate")
        self.refused(stop, 404, "NotFound", "ConversationNotFound")


class StartMessagingTests(ConnectedTestCase):
    """POST startMessaging: the input and its limits."""

    async def wrong(self, body: Mapping[str, object]) -> set[str]:
        path = "communication/messagingInvitations"
        return self.wrong_parameters(await self.alice.post(path, body))

    async def test_wrong_input(self) -> None:
        """Every wrong value is listed in one 400."""
        self.assertEqual(
            await self.wrong(
                {
                    "operationId": "x" * 51,
                    "subject": "x" * 251,
                    "threadId": "x" * 251,
                    "importance": "Low",
                    "_links": {"message": {"href": "http://example.test/"}},
                }
            ),
            {"to", "operationId", "subject", "threadId", "importance", "message"},
        )

    async def test_wrong_destination(self) -> None:
        """The destination is the SIP URI of another person."""
        for to in ("", "bob", "tel:+14255550102", "sip:bob", uri("alice"), "sips:bob@example.test"):
            self.assertEqual(await self.wrong({"to": to}), {"to"})

    async def test_wrong_first_message(self) -> None:
        """The message of an invitation is a text of at most 64 KiB in a data: URI."""
        for href in (
            "data:text/rtf,Hi",
            "data:text/html,<script>no()</script>",
            "data:text/plain,%zz",
            "data:text/plain;base64,%%%",
            "data:text/plain;charset=utf-7,Hi",
            f"data:text/plain,{'x' * (MAX_MESSAGE_BYTES + 1)}",
        ):
            body = {"to": uri("bob"), "_links": {"message": {"href": href}}}
            self.assertEqual(await self.wrong(body), {"message"})

    async def test_thread(self) -> None:
        """A thread that has a conversation is refused for another one."""
        body = {"to": uri("bob"), "threadId": "AAA="}
        self.accepted(await self.alice.post("communication/messagingInvitations", body), 201)
        again = await self.alice.post("communication/messagingInvitations", body)
        self.refused(again, 409, "Conflict", "ThreadIdAlreadyExists")

    async def test_repeated_operation_id(self) -> None:
        """The same operationId twice makes two invitations: it never deduplicates."""
        body = {"to": uri("bob"), "operationId": "constant"}
        path = "communication/messagingInvitations"
        first = self.accepted(await self.alice.post(path, body), 201)
        second = self.accepted(await self.alice.post(path, body), 201)
        self.assertNotEqual(first, second)


class TypingTests(ConnectedTestCase):
    """setIsTyping: the other side sees it come and go."""

    async def typing(self) -> list[str]:
        found = await self.bob.document(f"{self.bobs}/typingParticipants")
        return [link["title"] for link in found["_links"]["participant"]]

    async def test_until_silence(self) -> None:
        """The typist is added at once and deleted eight seconds after the last call."""
        self.accepted(await self.alice.post(f"{self.messaging}/typing"), 204)
        (added,) = await self.bob.events()
        self.assertEqual(
            (*added.brief, added.within),
            ("conversation", "participant", "added", "typingParticipants"),
        )
        self.assertEqual(added.event["link"]["title"], "Alice Adams")
        self.assertEqual(await self.typing(), ["Alice Adams"])
        self.clock.advance(5)
        self.accepted(await self.alice.post(f"{self.messaging}/typing"), 204)
        parked = self.bob.park()
        self.clock.advance(7)
        self.assertFalse(parked.called)
        self.clock.advance(2)
        (deleted,) = self.bob.take(await parked)
        self.assertEqual((deleted.type, deleted.within), ("deleted", "typingParticipants"))
        self.assertEqual(await self.typing(), [])
        self.assertTrue(await self.alice.nothing_more())

    async def test_message_ends_it(self) -> None:
        """Who sends a message has stopped typing, before the message."""
        self.accepted(await self.alice.post(f"{self.messaging}/setIsTyping"), 204)
        await self.bob.events()
        self.accepted(await self.alice.send(self.messaging, "done"), 201)
        told = [(event.rel, event.type) for event in await self.bob.events()]
        self.assertEqual(told, [("participant", "deleted"), ("message", "completed")])


class ParticipantTests(ConnectedTestCase):
    """participants and what hangs on one."""

    async def test_participants(self) -> None:
        """Both are listed with their names; one's own is local and links to `me`."""
        conversation = self.messaging.rpartition("/")[0]
        shown = await self.alice.document(f"{conversation}/participants")
        titles = [link["title"] for link in shown["_links"]["participant"]]
        self.assertEqual(titles, ["Alice Adams", "Bob Brown"])
        mine, theirs = [
            await self.alice.document(link["href"]) for link in shown["_links"]["participant"]
        ]
        self.assertEqual((mine["local"], theirs["local"]), (True, False))
        self.assertEqual(
            set(mine["_links"]), {"self", "conversation", "me", "participantMessaging"}
        )
        self.assertEqual(
            set(theirs["_links"]),
            {"self", "conversation", "contact", "contactPresence", "contactPhoto"}
            | {"participantMessaging"},
        )
        for name in ("messaging", "participantMessaging"):
            path = f"{theirs['_links']['self']['href']}/{name}"
            self.assertEqual((await self.alice.document(path))["rel"], "participantMessaging")
        stranger = await self.alice.get(f"{conversation}/participants/carol@example.test")
        self.refused(stranger, 404, "NotFound", "ResourceNotFound")

    async def test_conversations(self) -> None:
        """`conversations` lists those the application takes part in."""
        shown = await self.alice.document("communication/conversations?filter=active")
        conversation = self.messaging.rpartition("/")[0]
        self.assertEqual(shown["_links"]["conversation"], [{"href": conversation}])


class FailedDeliveryTests(ConnectedTestCase):
    """What the sender is told of a message that did not reach the other one."""

    async def test_blocked(self) -> None:
        """The message is completed as a failure that links to the participant, also when read."""
        privacy = self.service.front_end.privacy
        level = privacy.level(uri("bob"), uri("alice"))
        await privacy.assign(uri("bob"), uri("alice"), "Blocked", level)
        sent = self.accepted(await self.alice.send(self.messaging, "Hello?"), 201)
        event = next(one for one in await self.alice.events() if one.rel == "message")
        self.assertEqual((event.type, event.status), ("completed", "Failure"))
        reason = event.event["reason"]
        self.assertEqual((reason["code"], reason["subcode"]), ("RemoteFailure", "Unavailable"))
        conversation = self.messaging.removesuffix("/messaging")
        bob = {"href": f"{conversation}/participants/bob@example.test", "title": "Bob Brown"}
        for shown in (event.resource, await self.alice.document(sent)):
            self.assertEqual(shown["status"], "Failed")
            self.assertEqual(shown["_links"]["failedDeliveryParticipant"], [bob])
        self.assertEqual((await self.alice.document(bob["href"]))["name"], "Bob Brown")

    async def test_delivered(self) -> None:
        """A message that reached everybody has no such link; the recipient sees no status."""
        sent = self.accepted(await self.alice.send(self.messaging, "Hello?"), 201)
        shown = await self.alice.document(sent)
        self.assertEqual(shown["status"], "Succeeded")
        self.assertNotIn("failedDeliveryParticipant", shown["_links"])
        read = await self.bob.document(converted(sent, self.alice, self.bob))
        self.assertNotIn("status", read)

    async def test_one_of_three(self) -> None:
        """Of three in a conference one signs out: a message that comes before the conference knows
        reaches the other one, and fails for that one alone.

        Who signs out leaves the conversation first that began earlier.
        """
        carol = await self.service.sign_in("carol")
        body = {"to": carol.uri, "operationId": "earlier", "subject": ""}
        await self.alice.post("communication/messagingInvitations", body)
        (asked,) = [one for one in await carol.events() if one.rel == "messagingInvitation"]
        await carol.post(asked.resource["_links"]["accept"]["href"])
        self.clock.advance(1)
        conference = await self.conference(self.alice, self.bob, carol)
        for client in (self.alice, self.bob):
            await client.events()
        ending = carol.delete()
        sent = self.accepted(await self.alice.send(f"{conference}/messaging", "Still there?"), 201)
        self.assertEqual((await ending).status, 204)
        event = next(one for one in await self.alice.events() if one.rel == "message")
        self.assertEqual((event.type, event.status), ("completed", "Failure"))
        missing = {"href": f"{conference}/participants/carol@example.test", "title": "Carol Çelik"}
        for shown in (event.resource, await self.alice.document(sent)):
            self.assertEqual(shown["status"], "Failed")
            self.assertEqual(shown["_links"]["failedDeliveryParticipant"], [missing])
        heard = [one for one in await self.bob.events() if one.rel == "message"]
        self.assertEqual([one.resource["direction"] for one in heard], ["Incoming"])
        self.assertNotIn("failedDeliveryParticipant", heard[0].resource["_links"])

    async def conference(self, *clients: Client) -> str:
        """They all write in a meeting of the first one; its conversation there."""
        made = await clients[0].post("onlineMeetings/myOnlineMeetings", {"subject": "Plans"})
        body = {"onlineMeetingUri": made.json()["onlineMeetingUri"]}
        for client in clients:
            joining = "communication/onlineMeetingInvitations"
            self.accepted(await client.post(joining, body), 201)
            *_, added = [one for one in await client.events() if one.rel == "conversation"]
            links = (await client.document(f"{added.href}/messaging"))["_links"]
            await client.post(links["addMessaging"]["href"], {"operationId": "1"})
            own = added.href
        return converted(own, clients[-1], clients[0])
