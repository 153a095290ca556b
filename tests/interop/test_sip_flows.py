"""A phone that keeps two connections open (RFC 5626) gets what is for it once."""

from pathlib import Path
from urllib.parse import quote

from twisted.trial.unittest import TestCase

from mobility.demo import Person
from tests.interop.child import free_port
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.scripted_phone import ScriptedPhone
from tests.interop.test_sip_calls import sdp

INSTANCE = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"'


class FlowTests(TestCase):
    """Bob has a phone with two flows; Alice has an application."""

    timeout = 300

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        port = self.process.listen_for_phones("tcp")
        await self.process.run_for(self)
        self.flows = []
        for number in (1, 2):
            flow = ScriptedPhone("bob", port, free_port(), about=f"{INSTANCE};reg-id={number}")
            registered = await flow.register()
            self.assertEqual((registered.status, registered["require"]), (200, "outbound"))
            self.addCleanup(flow.sleep)
            self.flows.append(flow)
        self.alice: Person = await self.process.sign_in(self, "alice", "Messaging", "Audio")

    async def call(self) -> None:
        offer = f"data:application/sdp;charset=utf-8,{quote(sdp())}"
        call = {"to": "sip:bob@example.test", "_links": {"mediaOffer": {"href": offer}}}
        await self.alice.post("startAudio", call, expect=201)

    async def test_call(self) -> None:
        """It rings over the flow that came last, and over the other when that has failed, where it
        is answered."""
        first, last = self.flows
        await self.call()
        invite = await last.hears("INVITE")
        self.assertEqual(first.unheard, [])
        last.answer(invite, 430, "Flow Failed")
        again = await first.hears("INVITE")
        self.assertEqual(again["call-id"], invite["call-id"])
        first.answer(again, 200, "OK", sdp())
        await first.hears("ACK")
        await self.alice.event("completed", "audioVideoInvitation", state="Connected")
        self.assertNotIn("INVITE", last.unheard)

    async def test_message(self) -> None:
        """When one connection is gone a message comes over the other."""
        first, last = self.flows
        last.sleep()
        message = {
            "to": "sip:bob@example.test",
            "operationId": "1",
            "_links": {"message": {"href": "data:text/plain,hello"}},
        }
        await self.alice.post("startMessaging", message, expect=201)
        got = await first.hears("MESSAGE")
        self.assertEqual(got.body, "hello")
        first.answer(got, 200, "OK")
        await self.alice.event("completed", "messagingInvitation", state="Connected")
        self.assertEqual(first.unheard, [])
