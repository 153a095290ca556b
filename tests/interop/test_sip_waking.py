"""Phones that sleep (RFC 8599): they are woken for calls and messages, register, and get them."""

from pathlib import Path
from urllib.parse import quote

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.demo import Person
from mobility.push_doubles.fcm import FcmPush
from mobility.push_doubles.providers import APP
from tests.interop.child import RETRY_S, free_port
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.push_house import PushHouse
from tests.interop.scripted_phone import Heard, ScriptedPhone
from tests.interop.test_sip_calls import sdp

TOKEN = "phone-of-bob-0123456789"
SLEEPER = f";pn-provider=fcm;pn-param={APP};pn-prid={TOKEN}"


class WakingTests(TestCase):
    """Bob has a phone that sleeps, and nothing else; Alice has an application."""

    timeout = 300

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        sip = self.process.listen_for_phones("tcp")
        house = PushHouse(self.process)
        self.providers = house.providers
        await house.prepare(self, "fcm")
        house.start()
        await self.process.run_for(self)
        self.alice = await self.application("alice")
        self.phone = ScriptedPhone("bob", sip, free_port(), SLEEPER)
        self.assertEqual((await self.phone.register()).status, 200)
        self.phone.sleep()

    async def application(self, user: str) -> Person:
        return await self.process.sign_in(self, user, "Messaging", "Audio", "Video")

    async def pushed(self, kind: str) -> FcmPush:
        """Wait until the phone was sent a notification of this kind."""
        while True:
            for push in self.providers.fcm.received:
                if push.data.get("kind") == kind and push.token == TOKEN:
                    return push
            await deferLater(reactor, RETRY_S)

    async def call(self) -> str:
        """Alice calls Bob; where her invitation is."""
        offer = f"data:application/sdp;charset=utf-8,{quote(sdp())}"
        call = {"to": "sip:bob@example.test", "_links": {"mediaOffer": {"href": offer}}}
        await self.alice.post("startAudio", call, expect=201)
        started = await self.alice.event("started", "audioVideoInvitation", direction="Outgoing")
        links = started["_embedded"]["audioVideoInvitation"]["_links"]
        return str(links["cancel"]["href"])

    async def rung(self) -> Heard:
        """Bob's phone registers again, and is rung."""
        self.assertEqual((await self.phone.register()).status, 200)
        invite = await self.phone.hears("INVITE")
        self.assertIn("m=audio", invite.body)
        self.phone.answer(invite, 180, "Ringing")
        await self.alice.event("updated", "audioVideoInvitation", state="Alerting")
        return invite

    async def test_answers(self) -> None:
        """The phone is woken for a call, registers, rings and answers."""
        await self.call()
        await self.pushed("call")
        invite = await self.rung()
        self.phone.answer(invite, 200, "OK", sdp())
        await self.phone.hears("ACK")
        await self.alice.event("completed", "audioVideoInvitation", state="Connected")

    async def test_answered_elsewhere(self) -> None:
        """A call that another device answers while the phone rings is cancelled there, with that
        as the reason."""
        bob = await self.application("bob")
        await self.call()
        ringing = await bob.event("started", "audioVideoInvitation", direction="Incoming")
        await self.rung()
        links = ringing["_embedded"]["audioVideoInvitation"]["_links"]
        await bob.describe(links["acceptWithAnswer"]["href"], sdp())
        cancel = await self.phone.hears("CANCEL")
        self.assertIn("cause=200", cancel["reason"])

    async def test_too_late(self) -> None:
        """A phone that wakes when the caller has given up is not rung, and was told so; a message
        that came while it slept wakes it and waits for it."""
        cancel = await self.call()
        await self.pushed("call")
        await self.alice.post_href(cancel)
        await self.alice.event("completed", "audioVideoInvitation")
        await self.pushed("missedCall")
        body = {
            "to": "sip:bob@example.test",
            "operationId": "1",
            "_links": {"message": {"href": "data:text/plain,hello"}},
        }
        await self.alice.post("startMessaging", body, expect=201)
        await self.pushed("message")
        self.assertEqual((await self.phone.register()).status, 200)
        message = await self.phone.hears("MESSAGE")
        self.assertEqual(message.body, "hello")
        self.phone.answer(message, 200, "OK")
        await self.alice.event("completed", "messagingInvitation", state="Connected")
        self.assertNotIn("INVITE", self.phone.unheard)
