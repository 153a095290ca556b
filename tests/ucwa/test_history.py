"""History over HTTP: logs, transcripts, missed items, what is unread, and how to go on."""

from typing import Any

from mobility.domain.history import PastCall, Recipient
from mobility.domain.ledger import Unit
from mobility.past import PURGE_INTERVAL_S
from mobility.testing import MemoryResponse
from tests.ucwa.service import Client, UcwaTestCase, converted, uri

LOGS = "communication/conversationLogs"


class HistoryCase(UcwaTestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")

    async def hrefs(self, client: Client, query: str = "") -> list[str]:
        """The hrefs of a user's logs, newest first."""
        listed = await client.document(LOGS + query)
        return [link["href"] for link in listed["_links"]["conversationLog"]]

    async def log(self, client: Client) -> dict[str, Any]:
        """A user's latest log."""
        return await client.document((await self.hrefs(client))[0])

    async def missed(self, text: str = "Hungry%3F") -> None:
        """Alice writes to Bob, who does not answer."""
        links = {"message": {"href": f"data:text/plain,{text}"}}
        body = {"to": uri("bob"), "subject": "Lunch", "_links": links}
        self.accepted(await self.alice.post("communication/messagingInvitations", body), 201)
        self.clock.advance(31)
        await self.service.settle()

    async def talked(self, *texts: str) -> None:
        """A conversation of both that is over."""
        messaging = await self.talk(self.alice, self.bob)
        for text in texts:
            self.accepted(await self.alice.send(messaging, text), 201)
        self.accepted(await self.alice.post(f"{messaging}/terminate"), 204)
        for client in (self.alice, self.bob):
            await client.events()

    async def transcripts(self, client: Client, log: dict[str, Any]) -> list[dict[str, Any]]:
        page = await client.document(log["_links"]["conversationLogTranscripts"]["href"])
        found: list[dict[str, Any]] = page["_embedded"]["conversationLogTranscript"]
        return found

    async def counts(self, client: Client) -> dict[str, int]:
        """The numbers of missedItems that are not 0."""
        shown = await client.document("communication/missedItems")
        return {name: value for name, value in shown.items() if type(value) is int and value}


class LogTests(HistoryCase):
    """conversationLogs, conversationLog and what is in it."""

    async def test_links(self) -> None:
        """communication leads to the history, before and after makeMeAvailable."""
        shown = await self.alice.document("communication")
        for rel in ("conversationLogs", "missedItems", "replayMessage", "mobility:unread"):
            self.assertIn(rel, shown["_links"])

    async def test_log(self) -> None:
        """A log shows what it was, with whom, and how it began."""
        await self.talked("Hello", "Bye")
        log = await self.log(self.bob)
        self.assertEqual(
            {name: log[name] for name in ("direction", "status", "type", "modalities")},
            {
                "direction": "Incoming",
                "status": "Archived",
                "type": "MessageLog",
                "modalities": ["Messaging"],
            },
        )
        self.assertEqual((log["previewMessage"], log["totalRecipientsCount"]), ("Hello", 1))
        (recipient,) = log["_embedded"]["conversationLogRecipient"]
        self.assertEqual(
            (recipient["displayName"], recipient["sipUri"]), ("Alice Adams", uri("alice"))
        )
        alone = await self.bob.document(recipient["_links"]["self"]["href"])
        self.assertEqual(alone, recipient)

    async def test_removed(self) -> None:
        """Who has been removed since is still named, and leads to no contact any more."""
        await self.talked("Hello")
        now = self.clock.seconds()
        await self.service.front_end.users.remove(uri("alice"), now)
        log = await self.log(self.bob)
        (recipient,) = log["_embedded"]["conversationLogRecipient"]
        self.assertEqual((recipient["sipUri"], set(recipient["_links"])), (uri("alice"), {"self"}))
        (transcript,) = await self.transcripts(self.bob, log)
        self.assertEqual(set(transcript["_links"]), {"self"})

    async def test_transcripts(self) -> None:
        """Each message has a transcript that says who wrote it; one's own leads to `me`."""
        await self.talked("Hello", "Bye")
        log = await self.log(self.alice)
        first, second = await self.transcripts(self.alice, log)
        self.assertEqual(set(first["_links"]), {"self", "me"})
        message = first["_embedded"]["messageTranscript"]
        href = message["_links"]["plainMessage"]["href"]
        self.assertEqual(href, "data:text/plain;charset=utf-8,Hello")
        self.assertEqual(await self.alice.document(message["_links"]["self"]["href"]), message)
        self.assertEqual(await self.alice.document(second["_links"]["self"]["href"]), second)
        theirs, _ = await self.transcripts(self.bob, await self.log(self.bob))
        self.assertEqual(set(theirs["_links"]), {"self", "contact"})

    async def test_pages(self) -> None:
        """A long log comes in pages; the last one links to no other."""
        await self.talked(*(str(number) for number in range(101)))
        log = await self.log(self.alice)
        href = log["_links"]["conversationLogTranscripts"]["href"]
        sizes = []
        while href:
            page = await self.alice.document(href)
            sizes.append(len(page["_embedded"]["conversationLogTranscript"]))
            href = page["_links"].get("nextConversationLogTranscripts", {}).get("href", "")
        self.assertEqual(sizes, [50, 50, 1])
        self.assertEqual(page["rel"], "nextConversationLogTranscripts")

    async def test_limit(self) -> None:
        """`limit` bounds the list, which has the newest first; other values are refused."""
        for text in ("one", "two", "three"):
            await self.talked(text)
            self.clock.advance(1)
        self.assertEqual(len(await self.hrefs(self.alice)), 3)
        (newest,) = await self.hrefs(self.alice, "?limit=1")
        self.assertEqual((await self.alice.document(newest))["previewMessage"], "three")
        for limit in ("0", "1001", "many", "-1"):
            response = await self.alice.get(f"{LOGS}?limit={limit}")
            self.assertEqual(self.wrong_parameters(response), {"limit"})

    async def test_what_is_not_there(self) -> None:
        """Other logs, transcripts and pages are 404, as is what is another user's."""
        await self.talked("Hello")
        log = (await self.log(self.alice))["_links"]["self"]["href"]
        transcripts = f"{log}/conversationLogTranscripts"
        for path in (
            f"{LOGS}/conversationLog",
            f"{transcripts}/0",
            f"{transcripts}/2",
            f"{transcripts}/call",
            f"{transcripts}/{'9' * 400}",
            f"{transcripts}/1/audioTranscript",
            f"{transcripts}/1/errorTranscript",
            f"{transcripts}/nextConversationLogTranscripts?after=1",
            f"{log}/conversationLogRecipient/carol@example.test",
        ):
            self.refused(await self.alice.get(path), 404, "NotFound", "ResourceNotFound")
        others = converted(log, self.alice, self.bob)
        self.refused(await self.bob.get(others), 404, "NotFound", "ResourceNotFound")
        response = await self.alice.get(f"{transcripts}/nextConversationLogTranscripts")
        self.assertEqual(self.wrong_parameters(response), {"after"})

    async def test_lost_message(self) -> None:
        """In place of a message that the database has lost there is an errorTranscript."""
        messaging = await self.talk(self.alice, self.bob)
        for text in ("one", "two"):
            await self.alice.send(messaging, text)
        await self.alice.post(f"{messaging}/terminate")
        await self.service.lose_message(messaging.split("/")[-2], 1)
        log = await self.log(self.alice)
        lost, kept = await self.transcripts(self.alice, log)
        self.assertEqual(lost["_embedded"]["errorTranscript"]["reason"], "TranscriptionFailed")
        self.assertIn("messageTranscript", kept["_embedded"])
        self.assertEqual(log.get("previewMessage"), None)

    async def test_call(self) -> None:
        """A call has an audioTranscript with how long it lasted."""
        unit = Unit()
        call = PastCall(
            "call-1", "Incoming", Recipient("tel:+14255550100"), 1.0, duration_s=3_725.0
        )
        self.service.front_end.past.history.record_call(unit, uri("bob"), call, 2.0)
        await self.service.front_end.store.ledger.commit(unit)
        log = await self.log(self.bob)
        self.assertNotIn("continueMessaging", log["_links"])
        (shown,) = await self.transcripts(self.bob, log)
        audio = shown["_embedded"]["audioTranscript"]
        self.assertEqual((audio["duration"], audio["status"]), ("PT1H2M5S", "Ended"))
        self.assertEqual(await self.bob.document(audio["_links"]["self"]["href"]), audio)

    async def test_restart(self) -> None:
        """After a restart everything is still there."""
        await self.talked("Hello")
        await self.missed()
        before = [await self.bob.document(href) for href in await self.hrefs(self.bob)]
        self.assertEqual(len(before), 2)
        await self.service.restart()
        after = [await self.bob.document(href) for href in await self.hrefs(self.bob)]
        self.assertEqual(after, before)
        self.assertEqual((await self.counts(self.bob))["missedConversationsCount"], 1)

    async def test_purge(self) -> None:
        """What nobody has in the history any more leaves the database by itself."""
        await self.talked("Hello")
        for client in (self.alice, self.bob):
            self.accepted(await client.delete((await self.hrefs(client))[0]), 204)
            self.accepted(await client.delete(), 204)
        self.clock.advance(PURGE_INTERVAL_S + 1)
        for _ in range(3):
            await self.service.settle()

        def left(cursor: Any, _memory: object) -> list[int]:
            tables = ("messages", "conversations", "leftovers", "conversation_logs")
            return [
                cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
            ]

        self.assertEqual(await self.service.front_end.store.ledger.run(left), [0, 0, 0, 0])

    async def test_disabled(self) -> None:
        """conversationHistory Disabled, set by PUT, keeps a user's conversations out."""
        shown = await self.bob.document("communication")
        self.assertEqual(shown["conversationHistory"], "Enabled")
        changed = {**shown, "conversationHistory": "Disabled"}
        response = await self.bob.request(
            "PUT", "communication", changed, headers={"If-Match": f'"{shown["etag"]}"'}
        )
        self.assertEqual(response.status, 200)
        await self.bob.events()
        await self.talked("Hello")
        self.assertEqual(await self.hrefs(self.bob), [])
        self.assertEqual(len(await self.hrefs(self.alice)), 1)


class GuestTests(HistoryCase):
    """Guests of meetings, who are nobody's contacts."""

    async def test_no_contact(self) -> None:
        """A guest is shown by its name, without links to a contact that there is not."""
        body = {"subject": "Plans", "accessLevel": "Everyone"}
        meeting = (await self.alice.post("onlineMeetings/myOnlineMeetings", body)).json()
        guest = await self.service.guest(meeting)
        values = {"onlineMeetingUri": meeting["onlineMeetingUri"], "operationId": "1"}
        for client in (self.alice, guest):
            join = "communication/onlineMeetingInvitations"
            self.accepted(await client.post(join, values), 201)
        own = next(e.href for e in await self.alice.events() if e.rel == "conversation")
        self.accepted(await self.alice.post(f"{own}/messaging/addMessaging"), 201)
        self.accepted(await self.alice.send(f"{own}/messaging", "Hello"), 201)
        self.accepted(await self.alice.delete(own), 204)
        log = await self.log(self.alice)
        (shown,) = log["_embedded"]["conversationLogRecipient"]
        self.assertTrue(shown["sipUri"].endswith("@anonymous.invalid"), shown)
        self.assertEqual(set(shown["_links"]), {"self"})
        self.assertEqual((await self.alice.get(shown["_links"]["self"]["href"])).json(), shown)


class MissedTests(HistoryCase):
    """missedItems, markAsRead and DELETE."""

    async def test_missed(self) -> None:
        """What nobody answered is missed, and all of the user's applications are told."""
        desk = await self.service.sign_in("bob", EndpointId="desk")
        await self.missed()
        for client in (self.bob, desk):
            told = [event.brief for event in await client.events()]
            self.assertIn(("communication", "missedItems", "updated"), told)
            self.assertIn(("communication", "mobility:unread", "updated"), told)
        log = await self.log(self.bob)
        self.assertEqual((log["status"], log["subject"]), ("Missed", "Lunch"))
        self.assertEqual(log["previewMessage"], "Hungry?")
        self.assertEqual(
            await self.counts(self.bob),
            {
                "conversationLogsCount": 1,
                "missedConversationsCount": 1,
                "unreadMissedConversationsCount": 1,
            },
        )

    async def test_while_away(self) -> None:
        """A message for somebody without an application is there at the next sign-in."""
        self.accepted(await self.bob.delete(), 204)
        await self.missed("Where%20are%20you%3F")
        bob = await self.service.sign_in("bob")
        self.assertEqual((await self.log(bob))["previewMessage"], "Where are you?")

    async def test_mark_as_read(self) -> None:
        """markAsRead lowers the count of what is unread, and is told."""
        await self.missed()
        await self.bob.events()
        log = await self.log(self.bob)
        href = log["_links"]["markAsRead"]["href"]
        self.accepted(await self.bob.post(href), 204)
        told = [event.rel for event in await self.bob.events()]
        self.assertIn("missedItems", told)
        self.accepted(await self.bob.post(href), 204)
        self.assertEqual(
            await self.counts(self.bob),
            {"conversationLogsCount": 1, "missedConversationsCount": 1},
        )

    async def test_delete(self) -> None:
        """DELETE takes a log out of the user's own history."""
        await self.missed()
        href = (await self.hrefs(self.bob))[0]
        self.accepted(await self.bob.delete(href), 204)
        self.refused(await self.bob.delete(href), 404, "NotFound", "ResourceNotFound")
        self.assertEqual(await self.counts(self.bob), {})
        self.assertEqual(len(await self.hrefs(self.alice)), 1)


class ContinueTests(HistoryCase):
    """continueMessaging and replayMessage."""

    async def test_continue(self) -> None:
        """A past conversation goes on with the same person in the same thread."""
        await self.missed()
        await self.alice.events()
        log = await self.log(self.bob)
        href = log["_links"]["continueMessaging"]["href"]
        links = {"message": {"href": "data:text/plain,Now"}}
        response = await self.bob.post(href, {"operationId": "again", "_links": links})
        invitation = await self.bob.document(self.accepted(response, 201))
        self.assertEqual(invitation["threadId"], log["threadId"])
        self.assertEqual(invitation["subject"], "Lunch")
        (started, *_) = await self.alice.events()
        self.assertEqual(started.resource["_links"]["message"]["href"][-3:], "Now")
        again = await self.bob.post(href, {})
        self.refused(again, 409, "Conflict", "ThreadIdAlreadyExists")

    async def test_idempotent(self) -> None:
        """With an Idempotency-Key a repeat invites nobody a second time."""
        await self.missed()
        href = (await self.log(self.bob))["_links"]["continueMessaging"]["href"]

        async def post() -> MemoryResponse:
            return await self.bob.post(href, {}, headers={"Idempotency-Key": "k1"})

        first, second = await post(), await post()
        self.assertEqual(self.accepted(first, 201), self.accepted(second, 201))

    async def test_conference(self) -> None:
        """A conference is joined again by its URI, and not continued."""
        joins = "communication/onlineMeetingInvitations"
        self.accepted(await self.alice.post(joins, {"onlineMeetingUri": "adhoc"}), 201)
        (conversation,) = (await self.alice.document("communication/conversations"))["_links"][
            "conversation"
        ]
        self.accepted(await self.alice.delete(conversation["href"]), 204)
        log = await self.log(self.alice)
        self.assertEqual(log["type"], "ConferenceLog")
        self.assertTrue(log["onlineMeetingUri"])
        self.assertNotIn("continueMessaging", log["_links"])
        own = log["_links"]["self"]["href"]
        self.refused(await self.alice.post(f"{own}/continueMessaging", {}), 409, "Conflict")

    async def test_replay(self) -> None:
        """replayMessage tells again of what is unread."""
        messaging = await self.talk(self.alice, self.bob)
        await self.alice.send(messaging, "Hello")
        (first,) = await self.bob.events()
        self.accepted(await self.bob.post("communication/replayMessage"), 204)
        (again,) = await self.bob.events()
        self.assertEqual((again.href, again.resource), (first.href, first.resource))


class UnreadTests(HistoryCase):
    """Our extension mobility:unread."""

    async def unread(self, client: Client) -> dict[str, Any]:
        return await client.document("communication/unread")

    async def mark(self, client: Client, href: str) -> MemoryResponse:
        return await client.post("communication/unread", {"upTo": href})

    async def test_going_on(self) -> None:
        """What is unread in a conversation is listed, and marked up to a message."""
        messaging = await self.talk(self.alice, self.bob)
        hrefs = []
        for text in ("one", "two", "three"):
            await self.alice.send(messaging, text)
            (told,) = await self.bob.events()
            hrefs.append(told.href)
        desk = await self.service.sign_in("bob", EndpointId="desk")
        shown = await self.unread(self.bob)
        (one,) = shown["_embedded"]["mobility:unreadConversation"]
        self.assertEqual((shown["badge"], one["unreadMessagesCount"]), (3, 3))
        self.assertEqual(one["_links"]["message"]["href"], hrefs[-1])
        self.accepted(await self.mark(self.bob, hrefs[1]), 204)
        (heard,) = await desk.events()
        self.assertEqual(heard.brief, ("communication", "mobility:unread", "updated"))
        self.assertEqual((await self.unread(desk))["badge"], 1)
        whole = converted(one["_links"]["conversation"]["href"], self.bob, desk)
        self.accepted(await self.mark(desk, whole), 204)
        self.assertEqual((await self.unread(self.bob))["badge"], 0)

    async def test_past(self) -> None:
        """What was missed is marked by the href of its log, or of one of its transcripts."""
        for marked in ("", "/conversationLogTranscripts/1"):
            await self.missed()
            (one,) = (await self.unread(self.bob))["_embedded"]["mobility:unreadConversation"]
            href = one["_links"]["conversationLog"]["href"]
            self.accepted(await self.mark(self.bob, href + marked), 204)
            shown = await self.unread(self.bob)
            self.assertEqual(
                (shown["badge"], shown["_embedded"]["mobility:unreadConversation"]), (0, [])
            )

    async def test_refused(self) -> None:
        """Another href is no message: 400; one of somebody else's conversation is 404."""
        messaging = await self.talk(self.alice, self.bob)
        for href in ("", "people", f"{messaging}/messages/1", f"{self.bob.href}/me", "x" * 300):
            response = await self.mark(self.bob, href)
            self.assertEqual(self.wrong_parameters(response), {"upTo"})
        carol = await self.service.sign_in("carol")
        theirs = converted(f"{messaging}/messages/1", self.alice, carol)
        self.refused(await self.mark(carol, theirs), 404, "NotFound", "ConversationNotFound")
        log = f"{carol.href}/{LOGS}/0123"
        self.refused(await self.mark(carol, log), 404, "NotFound", "ResourceNotFound")
