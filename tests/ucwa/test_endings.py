"""Why a conversation is over, as its events say (UCWA "Asynchronous informational messages")."""

from collections.abc import Iterable
from typing import Any

from tests.ucwa.service import Client, Told, UcwaTestCase, converted, uri
from tests.ucwa.test_calls import CallTestCase

JOIN = "communication/onlineMeetingInvitations"
MINE = "onlineMeetings/myOnlineMeetings"
XML = {"Accept": "application/vnd.microsoft.com.ucwa+xml"}


def reasons(events: Iterable[Told]) -> dict[tuple[str, str], tuple[str, str]]:
    """Code and subcode of the events that have a reason, by rel and type."""
    return {
        (event.rel, event.type): (event.event["reason"]["code"], event.event["reason"]["subcode"])
        for event in events
        if "reason" in event.event
    }


def over(code: str, subcode: str) -> dict[tuple[str, str], tuple[str, str]]:
    """What is told of a conversation that is over, without its messaging."""
    return {("conversation", kind): (code, subcode) for kind in ("updated", "deleted")}


class TwoPartiesTests(UcwaTestCase):
    """Alice and Bob write to one another."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")

    async def test_ended(self) -> None:
        """Whoever ends it, both sides are told that messaging and conversation have ended."""
        ended = ("Informational", "Ended")
        expected = {("messaging", "updated"): ended, **over(*ended)}
        for ends in (self.alice, self.bob):
            hers = await self.talk(self.alice, self.bob)
            messaging = hers if ends is self.alice else converted(hers, self.alice, self.bob)
            self.accepted(await ends.post(f"{messaging}/terminate"), 204)
            for client in (self.alice, self.bob):
                self.assertEqual(reasons(await client.events()), expected)

    async def test_nothing_ended(self) -> None:
        """While it begins and goes on, nothing has a reason."""
        invited = await self.alice.post(
            "communication/messagingInvitations", {"to": uri("bob"), "operationId": "1"}
        )
        self.accepted(invited, 201)
        told = await self.bob.events()
        self.accepted(await self.bob.post(told[0].resource["_links"]["accept"]["href"]), 204)
        told += await self.bob.events() + await self.alice.events()
        self.assertEqual(reasons(told), {})

    async def test_declined(self) -> None:
        """What ends with its invitation has the reason of that."""
        invited = await self.alice.post(
            "communication/messagingInvitations", {"to": uri("bob"), "operationId": "1"}
        )
        self.accepted(invited, 201)
        (started, *_) = await self.bob.events()
        self.accepted(await self.bob.post(started.resource["_links"]["decline"]["href"]), 204)
        for client, code in ((self.alice, "RemoteFailure"), (self.bob, "LocalFailure")):
            told = reasons(await client.events())
            declined = (code, "Declined")
            expected = {("messaging", "updated"): declined, **over(*declined)}
            self.assertEqual(
                told, {("messagingInvitation", "completed"): declined, **expected}, client.name
            )

    async def test_xml(self) -> None:
        """In XML the event has the reason as an element."""
        messaging = await self.talk(self.alice, self.bob)
        self.accepted(await self.alice.post(f"{messaging}/terminate"), 204)
        answer = await self.bob.request("GET", self.bob.next, headers=XML)
        self.assertIn(b"<reason><code>Informational</code><subcode>Ended</subcode>", answer.body)


class ConferenceTests(UcwaTestCase):
    """Alice's meeting, in which Bob takes part."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")
        invited = {"accessLevel": "Invited", "attendees": [uri("bob")]}
        made = await self.alice.post(MINE, {"subject": "Plans", **invited})
        self.meeting: dict[str, Any] = made.json()
        self.hers = await self.join(self.alice)
        self.his = await self.join(self.bob)
        self.accepted(
            await self.bob.post(f"{self.his}/messaging/addMessaging", {"operationId": "2"}), 201
        )
        await self.alice.events()
        await self.bob.events()

    async def join(self, client: Client) -> str:
        body = {"onlineMeetingUri": self.meeting["onlineMeetingUri"], "operationId": "1"}
        self.accepted(await client.post(JOIN, body), 201)
        (href,) = {one.href for one in await client.events() if one.rel == "conversation"}
        return href

    async def told(self, client: Client, code: str, subcode: str) -> None:
        """The client is told that conversation and messaging are over for this reason."""
        expected = {("messaging", "updated"): (code, subcode), **over(code, subcode)}
        self.assertEqual(reasons(await client.events()), expected)

    async def test_over(self) -> None:
        """The meeting is over."""
        await self.alice.delete(self.meeting["_links"]["self"]["href"])
        await self.told(self.bob, "Informational", "Ended")

    async def test_ejected(self) -> None:
        """A leader removes somebody."""
        participant = f"{self.hers}/participants/bob@example.test"
        self.accepted(await self.alice.post(f"{participant}/eject"), 204)
        await self.told(self.bob, "Informational", "Ejected")

    async def test_denied(self) -> None:
        """A leader sends somebody away from the lobby, who has nothing of it in the history."""
        carol = await self.service.sign_in("carol")
        await self.join(carol)
        participant = f"{self.hers}/participants/carol@example.test"
        self.accepted(await self.alice.post(f"{participant}/reject"), 204)
        told = {**reasons(await carol.events())}
        way_in = ("onlineMeetingInvitation", "completed")
        self.assertEqual(told.pop(way_in), ("RemoteFailure", "Denied"))
        self.assertEqual({rel for rel, _ in told}, {"conversation"})
        logs = await carol.document("communication/conversationLogs")
        self.assertEqual(logs["_links"]["conversationLog"], [])

    async def test_messaging_removed(self) -> None:
        """Who leaves the messages of a conference is told that these alone are over."""
        self.accepted(await self.bob.post(f"{self.his}/messaging/terminate"), 204)
        removed = {("messaging", "updated"): ("Informational", "Removed")}
        self.assertEqual(reasons(await self.bob.events()), removed)


class CallTests(CallTestCase):
    """Alice and Bob are in a call."""

    async def test_hung_up(self) -> None:
        """Whoever hangs up, both are told that the call is over, and the conversation with it."""
        hers = await self.call()
        self.accepted(await self.alice.post(f"{hers}/audioVideo/stopAudioVideo"), 204)
        hung_up = {("audioVideo", "updated"): ("Informational", "CallTerminated")}
        for client in (self.alice, self.bob):
            expected = hung_up | over("Informational", "Ended")
            self.assertEqual(reasons(await client.events()), expected)

    async def test_messages_go_on(self) -> None:
        """A call that ends between two who write ends alone."""
        hers = await self.call()
        self.accepted(
            await self.bob.post(
                converted(f"{hers}/messaging/addMessaging", self.alice, self.bob),
                {"operationId": "1"},
            ),
            201,
        )
        await self.alice.events()
        await self.bob.events()
        self.accepted(await self.alice.post(f"{hers}/audioVideo/stopAudioVideo"), 204)
        for client in (self.alice, self.bob):
            told = reasons(await client.events())
            self.assertEqual(told, {("audioVideo", "updated"): ("Informational", "CallTerminated")})

    async def test_messages_end(self) -> None:
        """Messages that end in a call are removed from it."""
        hers = await self.call()
        self.accepted(
            await self.alice.post(f"{hers}/messaging/addMessaging", {"operationId": "1"}), 201
        )
        await self.alice.events()
        await self.bob.events()
        self.accepted(await self.alice.post(f"{hers}/messaging/terminate"), 204)
        for client in (self.alice, self.bob):
            removed = {("messaging", "updated"): ("Informational", "Removed")}
            self.assertEqual(reasons(await client.events()), removed)

    async def test_declined(self) -> None:
        """A call that nobody answers is over for the reason of its invitation."""
        self.accepted(await self.start(self.alice), 201)
        invitation = await self.rung(self.bob)
        self.accepted(await self.bob.post(invitation["_links"]["decline"]["href"]), 204)
        told = reasons(await self.alice.events())
        self.assertEqual(told[("audioVideo", "updated")], ("RemoteFailure", "Declined"))
