"""Who has no device there, and one that can be woken, is waited for."""

from mobility.domain.records import User
from tests.ucwa.service import VOICEMAIL, Client, Told, uri
from tests.ucwa.test_calls import ANSWER, MODALITIES, CallTestCase

MESSAGE = "data:text/plain;charset=utf-8,Hungry%3F"


class WakingTestCase(CallTestCase):
    """Alice is there.  Bob has signed out, and has a device that can be woken."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.bob.delete()
        self.sleeps()

    def sleeps(self) -> None:
        def wakes(user_uri: str, modality: str) -> bool:
            return user_uri == uri("bob") and modality in ("Messaging", "Audio")

        self.service.front_end.conversations.wakers.append(wakes)

    async def write(self) -> str:
        """Alice writes to Bob; her href of the invitation."""
        links = {"message": {"href": "data:text/plain,Hungry%3F"}}
        body = {"to": uri("bob"), "operationId": "op", "_links": links}
        return self.accepted(await self.alice.post("communication/messagingInvitations", body), 201)

    async def wake(self, endpoint_id: str = "bob") -> Client:
        """A device of Bob signs in; nothing is read."""
        client = await self.service.sign_in("bob", available=False, EndpointId=endpoint_id)
        self.accepted(await client.post("me/makeMeAvailable", MODALITIES), 204)
        await self.service.settle()
        return client

    async def pass_s(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.service.settle()

    def started(self, told: list[Told]) -> list[Told]:
        return [one for one in told if one.type == "started"]

    async def ringing(self, client: Client) -> Told:
        """The invitation that a client is told of, now or soon."""
        while not (found := self.started(await client.events())):
            pass
        return found[0]

    def completed(self, told: list[Told]) -> list[tuple[str, str]]:
        """State and reason of the invitations that completed."""
        return [
            (one.resource["state"], one.event.get("reason", {}).get("subcode", ""))
            for one in told
            if one.type == "completed" and one.rel.endswith("Invitation")
        ]


class MessageTests(WakingTestCase):
    async def test_wakes(self) -> None:
        """A device that signs in while the invitation is open rings, and can accept it."""
        location = await self.write()
        self.assertEqual(self.completed(await self.alice.events()), [])
        await self.pass_s(20)
        self.assertEqual((await self.alice.document(location))["state"], "Connecting")
        phone = await self.wake()
        started = await self.ringing(phone)
        links = started.resource["_links"]
        self.assertEqual(links["message"]["href"], MESSAGE)
        self.accepted(await phone.post(links["accept"]["href"]), 204)
        self.assertEqual(self.completed(await self.alice.events()), [("Connected", "")])

    async def test_sleeps_on(self) -> None:
        """When nobody wakes in time, the invitation ends and its message is missed."""
        await self.write()
        await self.alice.events()
        await self.pass_s(31)
        self.assertEqual(self.completed(await self.alice.events()), [("Failed", "Timeout")])
        phone = await self.wake()
        self.assertEqual(self.started(await phone.events()), [])
        logs = await phone.document("communication/conversationLogs")
        (log,) = logs["_links"]["conversationLog"]
        shown = await phone.document(log["href"])
        self.assertEqual((shown["status"], shown["previewMessage"]), ("Missed", "Hungry?"))
        self.assertEqual(shown["_embedded"]["conversationLogRecipient"][0]["sipUri"], uri("alice"))

    async def test_given_up(self) -> None:
        """What the caller has given up rings nobody any more, and is missed."""
        location = await self.write()
        self.accepted(await self.alice.post(f"{location}/cancel"), 204)
        phone = await self.wake()
        self.assertEqual(self.started(await phone.events()), [])
        logs = await phone.document("communication/conversationLogs")
        self.assertEqual(len(logs["_links"]["conversationLog"]), 1)

    async def test_several(self) -> None:
        """A second device rings beside the first; who answers first has it."""
        await self.write()
        desk, phone = await self.wake("desk"), await self.wake("phone")
        started = await self.ringing(desk)
        rings = await self.ringing(phone)
        self.accepted(await phone.post(rings.resource["_links"]["accept"]["href"]), 204)
        self.assertEqual(
            self.completed(await desk.events()), [("Failed", "ConnectedElsewhere")], started
        )

    async def test_declined(self) -> None:
        """Who declines on one device can still answer on another that wakes; who declines
        everywhere cannot."""
        for reason, rings in (("Local", 1), ("Global", 0)):
            location = await self.write()
            desk = await self.wake("desk")
            started = await self.ringing(desk)
            decline = started.resource["_links"]["decline"]["href"]
            self.accepted(await desk.post(decline, {"reason": reason}), 204)
            phone = await self.wake("phone")
            told = self.started(await phone.events())
            self.assertEqual(len(told), rings)
            await self.alice.post(f"{location}/cancel")
            for client in (desk, phone):
                await client.delete()

    async def test_restart(self) -> None:
        """Another process still waits."""
        await self.write()
        await self.pass_s(1)
        await self.service.restart()
        self.sleeps()
        phone = await self.wake()
        started = await self.ringing(phone)
        self.assertEqual(started.resource["_links"]["message"]["href"], MESSAGE)

    async def test_blocked(self) -> None:
        """Nobody is waited for on behalf of somebody who is blocked."""
        front_end = self.service.front_end
        await front_end.privacy.assign(uri("bob"), uri("alice"), "Blocked", "Colleagues")
        await self.write()
        self.assertEqual(self.completed(await self.alice.events()), [("Failed", "Unavailable")])


class CallTests(WakingTestCase):
    async def test_wakes(self) -> None:
        """A device that signs in while a call is placed rings, and can answer it."""
        self.accepted(await self.start(self.alice), 201)
        await self.alice.events()
        await self.pass_s(15)
        phone = await self.wake()
        started = await self.ringing(phone)
        accept = started.resource["_links"]["acceptWithAnswer"]["href"]
        self.accepted(await self.post_sdp(phone, f"{accept}?sessionContext=x", ANSWER), 204)
        self.assertEqual(self.completed(await self.alice.events()), [("Connected", "")])

    async def test_voicemail(self) -> None:
        """The call goes on to voicemail when it would if a device rang; then nobody is waited
        for."""
        await self.service.front_end.users.add(User(VOICEMAIL, "Voicemail"))
        await self.service.let_call("bob")
        voicemail = await self.device("voicemail")
        self.accepted(await self.start(self.alice), 201)
        await self.pass_s(19)
        self.assertEqual(self.completed(await self.alice.events()), [])
        await self.pass_s(1)
        started = await self.ringing(voicemail)
        self.assertEqual(started.resource["state"], "Connecting")
        phone = await self.wake()
        self.assertEqual(self.started(await phone.events()), [])

    async def test_missed(self) -> None:
        """A call that nobody answers is missed."""
        self.accepted(await self.start(self.alice), 201)
        await self.pass_s(61)
        self.assertEqual(self.completed(await self.alice.events()), [("Failed", "Timeout")])
        phone = await self.wake()
        self.assertEqual(self.started(await phone.events()), [])
        self.assertEqual(
            (await phone.document("communication/missedItems"))["unreadMissedConversationsCount"], 1
        )
