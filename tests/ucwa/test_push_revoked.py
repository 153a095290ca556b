"""What is on its way to a device whose user must not have it any more is taken back."""

import attrs
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from mobility.config.push import PushConfig
from mobility.push.clearing_house import HouseFailed
from mobility.push.wire import DELIVERED, Notification
from tests.push.doubles import MemoryHouse
from tests.ucwa.service import Service, UcwaTestCase

PHONE = {"platform": "fcm", "appId": "com.example.app", "token": "A" * 40}
PATH = "me/pushSubscriptions"


class RevokedTests(UcwaTestCase):
    """Alice has written to Bob, whose phone sleeps."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.house = MemoryHouse()
        self.service = Service(
            FilePath(self.mktemp()).path, push=PushConfig(content="text"), house=self.house
        )
        await self.service.start()
        self.addCleanup(self.service.stop)
        self.front_end = self.service.front_end
        await self.front_end.waking.switches.turn("fcm", True)
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob", type="phone")
        self.subscription = (await self.bob.post(PATH, PHONE)).header("Location") or ""
        body = {"to": self.bob.uri, "operationId": "op", "subject": "s"}
        await self.alice.post("communication/messagingInvitations", body)
        (invitation,) = [one for one in await self.bob.events() if one.rel == "messagingInvitation"]
        await self.bob.post(invitation.resource["_links"]["accept"]["href"])
        self.messaging = [one.href for one in await self.alice.events() if one.rel == "messaging"]
        await self.bob.events()
        await self.pass_time(20)

    async def pass_time(self, seconds: float) -> None:
        """Let it pass, and what follows from it."""
        for _ in range(4):
            self.service.clock.advance(seconds / 4)
            await self.service.settle()
            await deferLater(reactor, 0)

    async def told(self, kind: str) -> Notification:
        """Wait for the first notification of this kind."""
        while True:
            for one in self.house.taken:
                if one.kind == kind:
                    return one
            await self.pass_time(0.1)

    async def pushed(self) -> Notification:
        """The notification of a message; the clearing house has it, and no provider."""
        await self.alice.send(self.messaging[-1], "For Bob alone")
        return await self.told("message")

    async def disable(self) -> None:
        now = self.service.clock.seconds()
        await self.front_end.users.update(
            self.bob.uri, lambda user: attrs.evolve(user, enabled=False), now
        )

    async def withdrawn(self, told: Notification) -> None:
        """Wait until the clearing house is told to take it back, and nothing else."""
        taken = await self.told("withdraw")
        self.assertEqual((taken.collapse_key, taken.device), (told.collapse_key, told.device))
        self.assertEqual((taken.title, taken.body, taken.badge), ("", "", None))
        self.assertGreaterEqual(taken.expires, told.expires)
        await self.pass_time(1)
        self.assertEqual([one.kind for one in self.house.taken], ["message", "withdraw"])

    async def test_disabled(self) -> None:
        """Of a user who may not sign in any more."""
        told = await self.pushed()
        await self.disable()
        await self.withdrawn(told)

    async def test_removed(self) -> None:
        """Of a user who is removed, though nothing is left of the subscription."""
        told = await self.pushed()
        await self.front_end.users.remove(self.bob.uri, self.service.clock.seconds())
        await self.withdrawn(told)

    async def test_signed_out(self) -> None:
        """Of a user who has signed out on the device."""
        told = await self.pushed()
        self.accepted(await self.bob.delete(), 204)
        await self.withdrawn(told)

    async def test_unsubscribed(self) -> None:
        """Of a subscription that is taken away."""
        told = await self.pushed()
        self.accepted(await self.bob.request("DELETE", self.subscription), 204)
        await self.withdrawn(told)

    async def test_another_user(self) -> None:
        """When somebody else uses the device now: nobody sees what was meant for another."""
        told = await self.pushed()
        carol = await self.service.sign_in("carol")
        self.assertEqual((await carol.post(PATH, PHONE)).status, 201)
        taken = await self.told("withdraw")
        self.assertEqual(taken.collapse_key, told.collapse_key)
        self.assertEqual(taken.device.token, told.device.token)

    async def test_under_way(self) -> None:
        """What the clearing house is just being given is taken back once it has it."""
        self.house.hold = True
        await self.alice.send(self.messaging[-1], "For Bob alone")
        while not self.house.requests:
            await self.pass_time(0.1)
        await self.disable()
        self.house.release()
        await self.withdrawn(await self.told("message"))

    async def test_waiting(self) -> None:
        """What was not handed over yet never is."""
        self.house.fail = HouseFailed("away")
        await self.alice.send(self.messaging[-1], "For Bob alone")
        while not self.house.requests:
            await self.pass_time(0.1)
        await self.disable()
        self.house.fail = None
        await self.pass_time(30)
        self.assertEqual([one for one in self.house.taken if one.kind != "withdraw"], [])

    async def test_shown(self) -> None:
        """What a provider has is on the screen, and stays there."""
        told = await self.pushed()
        self.house.say(told.id, DELIVERED, status="200")
        while self.front_end.waking.outbox.unanswered:
            await self.pass_time(0.1)
        await self.disable()
        await self.pass_time(5)
        self.assertEqual([one.kind for one in self.house.taken], ["message"])
