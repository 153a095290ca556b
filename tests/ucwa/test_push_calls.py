"""Calls to people whose phones sleep: what rings, for how long, and what takes it back."""

from typing import Any

from twisted.python.filepath import FilePath

from mobility.config.push import PushConfig
from mobility.push.wire import Notification
from mobility.ucwa.hrefs import data_uri
from tests.descriptions import sdp
from tests.push.doubles import MemoryHouse
from tests.ucwa.service import Service, UcwaTestCase, uri

OFFER = sdp("audio")
MODALITIES = {"SupportedModalities": ["Messaging", "Audio"]}
IPHONE = {
    "platform": "apns",
    "appId": "com.example.app",
    "token": "ab" * 32,
    "voipToken": "cd" * 32,
}
QUIET = {"quietFrom": "00:00", "quietUntil": "23:59", "timeZone": "Etc/UTC"}


class PushCallTests(UcwaTestCase):
    """Bob's phone takes calls, and sleeps; alice calls."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.house = MemoryHouse()
        self.service = Service(
            FilePath(self.mktemp()).path, push=PushConfig(content="sender"), house=self.house
        )
        await self.service.start()
        self.addCleanup(self.service.stop)
        await self.service.front_end.waking.switches.turn("apns", True)
        self.alice = await self.service.sign_in("alice", available=False)
        self.bob = await self.service.sign_in("bob", available=False)
        for client in (self.alice, self.bob):
            made = await client.post("me/makeMeAvailable", MODALITIES)
            self.assertEqual(made.status, 204)
            await client.events()

    async def subscribe(self, **more: str) -> None:
        made = await self.bob.post("me/pushSubscriptions", {**IPHONE, **more})
        self.assertEqual(made.status, 201)
        await self.pass_time(20)

    async def pass_time(self, seconds: float) -> None:
        """Let it pass, and what follows from it."""
        for _ in range(4):
            self.service.clock.advance(seconds / 4)
            await self.service.settle()

    async def call(self) -> str:
        """Alice calls bob; her href of the invitation."""
        body: dict[str, Any] = {
            "to": uri("bob"),
            "operationId": "op",
            "_links": {"mediaOffer": {"href": data_uri(OFFER, "application/sdp")}},
        }
        started = await self.alice.post("communication/startAudio", body)
        self.assertEqual(started.status, 201)
        return started.header("Location") or ""

    async def told(self, kind: str) -> Notification:
        """Wait for a notification of this kind; the latest one."""
        while True:
            for one in reversed(self.house.taken):
                if one.kind == kind:
                    return one
            await self.pass_time(0.2)

    async def test_rings(self) -> None:
        """A call rings the phone at once, by its token for calls, for no longer than it rings."""
        await self.subscribe()
        await self.call()
        call = await self.told("call")
        self.assertEqual((call.title, call.device.voip_token), ("Alice Adams", "cd" * 32))
        ringing_s = call.expires - self.service.clock.seconds()
        self.assertTrue(0 < ringing_s <= 30, ringing_s)

    async def test_given_up(self) -> None:
        """A call that is given up is taken off the screen by its key, and missed; that it was
        missed stays there, whichever of both arrives first."""
        await self.subscribe()
        location = await self.call()
        call = await self.told("call")
        self.assertEqual((await self.alice.post(f"{location}/cancel")).status, 204)
        withdrawn = await self.told("withdraw")
        self.assertEqual(withdrawn.collapse_key, call.collapse_key)
        missed = await self.told("missedCall")
        self.assertEqual((missed.title, missed.badge), ("Alice Adams", 1))
        self.assertNotEqual(missed.collapse_key, withdrawn.collapse_key)
        lives_s = missed.expires - self.service.clock.seconds()
        self.assertGreater(lives_s, 86_400)

    async def test_answered_elsewhere(self) -> None:
        """A call that is answered on another device is taken off this one's screen, and is not
        missed."""
        await self.subscribe()
        await self.call()
        call = await self.told("call")
        (invitation,) = [
            one for one in await self.bob.events() if one.rel == "audioVideoInvitation"
        ]
        accept = invitation.resource["_links"]["acceptWithAnswer"]["href"]
        answered = await self.bob.post(
            f"{accept}?sessionContext=his",
            body=sdp("audio", version=7).encode(),
            content_type="application/sdp",
        )
        self.assertEqual(answered.status, 204)
        withdrawn = await self.told("withdraw")
        self.assertEqual(withdrawn.collapse_key, call.collapse_key)
        await self.pass_time(20)
        self.assertNotIn("missedCall", [one.kind for one in self.house.taken])

    async def test_quiet_hours(self) -> None:
        """In quiet hours no call rings."""
        await self.subscribe(**QUIET)
        await self.call()
        await self.pass_time(29)
        self.assertEqual([one.kind for one in self.house.taken if one.kind == "call"], [])
