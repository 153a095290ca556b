"""Tests of what conferences show: the meeting, its changes, and who is in it."""

from typing import Any

from mobility.config.meetings import DialInRegion, MeetingsConfig
from tests.ucwa.service import Client, UcwaTestCase, converted

JOIN = "communication/onlineMeetingInvitations"
MINE = "onlineMeetings/myOnlineMeetings"


class ConferenceTests(UcwaTestCase):
    """Alice's meeting, in which Bob takes part, where callers can dial in."""

    meetings = MeetingsConfig(dial_in=(DialInRegion("Redmond", "+14255550100", ("en-US",)),))

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")
        made = await self.alice.post(MINE, {"subject": "Plans"})
        self.meeting: dict[str, Any] = made.json()
        self.hers = await self.join(self.alice)
        self.his = converted(self.hers, self.alice, self.bob)
        await self.join(self.bob)
        await self.alice.events()

    async def join(self, client: Client) -> str:
        body = {"onlineMeetingUri": self.meeting["onlineMeetingUri"]}
        self.accepted(await client.post(JOIN, body), 201)
        (href,) = {one.href for one in await client.events() if one.rel == "conversation"}
        return href

    async def test_meeting(self) -> None:
        """Everybody sees how to dial in; the organizer alone the meeting's extensions."""
        extensions = f"{self.meeting['_links']['self']['href']}/extensions"
        await self.alice.post(extensions, {"id": "x", "type": "RoamedOrganizerData"})
        for client, own in ((self.alice, self.hers), (self.bob, self.his)):
            shown = await client.document(f"{own}/onlineMeeting")
            self.assertEqual(shown["conferenceId"], self.meeting["conferenceId"])
            self.assertIn("phoneDialInInformation", shown["_links"])
            organizer = await client.document(shown["_links"]["organizer"]["href"])
            self.assertEqual(organizer["name"], "Alice Adams")
            self.assertEqual("onlineMeetingExtensions" in shown["_links"], client is self.alice)
            self.assertEqual("_embedded" in shown, client is self.alice)
        shown = await self.alice.document(f"{self.hers}/onlineMeeting")
        (extension,) = shown["_embedded"]["onlineMeetingExtension"]
        self.assertEqual(extension["id"], "x")

    async def test_messaging_on_the_way_in(self) -> None:
        """Who comes in is told that messaging can be added, before the invitation is completed: the
        vendor's sample client waits for that and asks for nothing itself."""
        carol = await self.service.sign_in("carol")
        body = {"onlineMeetingUri": self.meeting["onlineMeetingUri"]}
        self.accepted(await carol.post(JOIN, body), 201)
        *_, messaging, invitation = await carol.events()
        self.assertEqual(messaging.brief, ("conversation", "messaging", "updated"))
        self.assertEqual(messaging.resource["state"], "Disconnected")
        added = messaging.resource["_links"]["addMessaging"]["href"]
        self.assertEqual(invitation.brief[1:], ("onlineMeetingInvitation", "completed"))
        self.accepted(await carol.post(added, {"operationId": "1"}), 201)

    async def test_changed(self) -> None:
        """When the organizer changes the meeting everybody in it hears of it."""
        changed = {**self.meeting, "subject": "Other plans"}
        response = await self.alice.request(
            "PUT",
            self.meeting["_links"]["self"]["href"],
            changed,
            headers={"If-Match": f'"{self.meeting["etag"]}"'},
        )
        self.assertEqual(response.status, 200, response.body)
        for client in (self.alice, self.bob):
            (told,) = [one for one in await client.events() if one.rel == "onlineMeeting"]
            self.assertEqual(told.brief, ("conversation", "onlineMeeting", "updated"))
            self.assertEqual((await client.document(told.href))["subject"], "Other plans")

    async def test_roster_at_once(self) -> None:
        """Who comes in hears of each who is there, in the conversation and in a view."""
        carol = await self.service.sign_in("carol")
        body = {"onlineMeetingUri": self.meeting["onlineMeetingUri"]}
        self.accepted(await carol.post(JOIN, body), 201)
        told = [
            (one.event["link"].get("title"), one.rel, one.type, one.within)
            for one in await carol.events()
            if one.rel in ("participant", "localParticipant")
        ]
        self.assertEqual(
            told,
            [
                ("Carol Çelik", "localParticipant", "added", ""),
                ("Alice Adams", "participant", "added", ""),
                ("Alice Adams", "participant", "added", "leaders"),
                ("Bob Brown", "participant", "added", ""),
                ("Bob Brown", "participant", "added", "attendees"),
                ("Carol Çelik", "localParticipant", "updated", ""),
                ("Carol Çelik", "participant", "added", "attendees"),
            ],
        )
