"""What keeps users busy, and devices beside their applications, as contacts see it."""

from mobility.domain.presence import INACTIVE, Device
from tests.ucwa.service import Client, UcwaTestCase, uri

JOINS = "communication/onlineMeetingInvitations"


class EngagedTestCase(UcwaTestCase):
    """Alice, whom Bob watches."""

    alice: Client
    bob: Client

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")
        body = {"duration": 30, "uris": [uri("alice")]}
        await self.bob.post("people/presenceSubscriptions", body)
        await self.bob.events()

    async def settled(self) -> None:
        """Let happen what is to happen at once."""
        self.clock.advance(0.1)
        await self.service.settle()

    async def looks(self) -> tuple[str, str]:
        shown = await self.bob.document("people/alice@example.test/presence")
        return shown["availability"], shown.get("activity", "")

    async def join(self, client: Client) -> str:
        """The conversation of a meeting made for the occasion."""
        joined = await client.post(JOINS, {"operationId": "1", "subject": "Plans"})
        invitation = await client.document(joined.header("Location") or "")
        await self.settled()
        return str(invitation["_links"]["conversation"]["href"])


class ConferenceTests(EngagedTestCase):
    """Online meetings."""

    async def test_joined(self) -> None:
        """Who has joined a meeting is busy with it until it leaves, and watchers are told."""
        conversation = await self.join(self.alice)
        self.assertEqual(await self.looks(), ("Busy", "in-a-conference"))
        self.assertIn("contactPresence", [one.rel for one in await self.bob.events()])
        own = await self.alice.document("me/presence")
        self.assertEqual(own["activity"], "in-a-conference")
        await self.alice.delete(conversation)
        await self.settled()
        self.assertEqual(await self.looks(), ("Online", ""))

    async def test_idle(self) -> None:
        """In a meeting one does not become idle, and is as before when it is over."""
        conversation = await self.join(self.alice)
        self.clock.advance(400)
        await self.service.settle()
        self.assertEqual(await self.looks(), ("Busy", "in-a-conference"))
        await self.alice.delete(conversation)
        await self.settled()
        self.assertEqual(await self.looks(), ("IdleOnline", ""))

    async def test_chosen(self) -> None:
        """A choice that is less available than busy is not touched; another is set aside."""
        await self.alice.post("me/presence", {"availability": "DoNotDisturb"})
        await self.join(self.alice)
        self.assertEqual((await self.looks())[0], "DoNotDisturb")
        await self.alice.post("me/presence", {"availability": "Online"})
        self.assertEqual(await self.looks(), ("Busy", "in-a-conference"))

    async def test_sign_out(self) -> None:
        """The last application takes the meeting and the availability along."""
        await self.join(self.alice)
        await self.alice.delete()
        await self.settled()
        self.assertEqual(await self.looks(), ("Offline", ""))

    async def test_restart(self) -> None:
        """A meeting that goes on after a restart keeps its people busy, and frees them."""
        conversation = await self.join(self.alice)
        await self.service.restart()
        self.assertEqual(await self.looks(), ("Busy", "in-a-conference"))
        await self.alice.delete(conversation)
        await self.settled()
        self.assertEqual(await self.looks(), ("Online", ""))


class DeviceTests(EngagedTestCase):
    """Devices of other protocols."""

    async def test_device(self) -> None:
        """A device makes its user available, as active as it is, with what it can do."""
        applications = self.service.front_end.applications
        await self.alice.delete()
        await self.settled()
        self.assertEqual(await self.looks(), ("Offline", ""))
        phone = Device(INACTIVE, "DeskPhone", frozenset({"Audio"}))
        present = [phone]
        applications.devices.append(lambda user: present if user == uri("alice") else ())
        await applications.look_again(uri("alice"))
        self.assertEqual(await self.looks(), ("IdleOnline", ""))
        shown = await self.bob.document("people/alice@example.test/presence")
        self.assertEqual(shown["deviceType"], "DeskPhone")
        media = await self.bob.document("people/alice@example.test/supportedMedia")
        self.assertEqual(media["modalities"], ["Audio"])
        present.clear()
        await applications.look_again(uri("alice"))
        self.assertEqual(await self.looks(), ("Offline", ""))

    async def test_calendar(self) -> None:
        """What a calendar says keeps a user busy as calls do."""
        applications = self.service.front_end.applications
        applications.engagements.append(
            lambda user: ["in-a-meeting"] if user == uri("alice") else ()
        )
        await applications.look_again(uri("alice"))
        self.assertEqual(await self.looks(), ("Busy", "in-a-meeting"))
