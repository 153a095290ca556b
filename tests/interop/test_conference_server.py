"""A meeting with a conference server and a telephone that dials in: SIPp mixes, baresip calls."""

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mobility.demo_meeting import Attendee
from tests.interop.baresip import Baresip, Control
from tests.interop.child import free_port, program
from tests.interop.front_end_process import PASSWORD, FrontEndProcess
from tests.interop.sipp import Sipp, answer, request, scenario
from tests.interop.test_sipp_calls import TYPE, ringing, sdp
from tests.interop.test_sipp_events import PHONES

MIXER = """
[[meetings.dial_in]]
name = "Redmond"
number = "+14255550100"

[meetings.mixer]
uri = "sip:conf-{{id}}@127.0.0.1:{port};transport=tcp"
probe_s = 0.0
"""

MIXES = scenario(
    request("INVITE", r"INVITE sip:conf-[0-9a-f]+@127.0.0.1", "sip:bob@example.test", "m=audio"),
    ringing(180, "Ringing"),
    ringing(200, "OK", TYPE, body=sdp()),
    request("ACK"),
    request("INVITE", "a=recvonly"),
    answer(200, "OK", TYPE, body=sdp("sendonly", 2)),
    request("ACK"),
    request("INVITE", "a=sendrecv"),
    answer(200, "OK", TYPE, body=sdp("sendrecv", 3)),
    request("ACK"),
    request("BYE"),
    answer(200, "OK"),
)
"""Bob's phone comes in, is muted and unmuted by Alice, and leaves."""


class ConferenceServerTests(TestCase):
    """Alice leads a meeting with her application, Bob calls it with baresip."""

    timeout = 180

    async def setUp(self) -> None:
        program("sipp", "sip-tester")
        program("baresip", "baresip-core")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.port(5060)
        self.server = free_port()
        with self.process.config.open("a") as config:
            for transport in ("udp", "tcp"):
                config.write(PHONES.format(transport=transport, port=self.port))
            config.write(MIXER.format(port=self.server))
        self.process.start()
        self.addCleanup(self.process.kill)
        await self.process.ready()
        self.alice = Attendee(self.process.client(self), reactor, "alice@example.test")
        token = await self.alice.discover(self.process.external)
        await self.alice.sign_in(token, PASSWORD)
        await self.alice.create_application("interop test")
        self.alice.listen()
        await self.alice.make_available("Messaging")
        self.addCleanup(self.alice.sign_out)

    async def phone(self) -> tuple[Baresip, Control]:
        """Bob's phone, registered."""
        user = "bob@example.test"
        phone = Baresip(Path(self.mktemp()), self.process.ca, user, PASSWORD, self.port, "udp")
        self.addCleanup(phone.stop)
        control = await phone.control()
        await phone.says("200 OK")
        return phone, control

    async def medium(self, kind: str, **shown: Any) -> dict[str, Any]:
        """Bob's audio, once Alice is told of it so."""
        while True:
            event = await self.alice.event(kind, "participantAudio")
            document: dict[str, Any] = event["_embedded"]["participantAudio"]
            if all(document.get(name) == value for name, value in shown.items()):
                return document

    async def test_dials_in(self) -> None:
        """A phone that calls the conference id is put through to the server; its audio is seen by
        the meeting, is muted and unmuted by its leader, and ends when the phone hangs up."""
        mixer = Sipp(Path(self.mktemp()), self.port, "tcp")
        mixing = mixer.start(MIXES, "bob", "-p", str(self.server))
        self.addCleanup(mixing.stop)
        await mixing.listening(self.server)
        phone, control = await self.phone()
        meeting = await self.alice.post("myOnlineMeetings", {"subject": "Review"}, expect=201)
        await self.alice.knock(meeting["onlineMeetingUri"])
        await self.alice.event("completed", "onlineMeetingInvitation", state="Connected")
        control.order("dial", f"sip:{meeting['conferenceId']}@example.test")
        audio = await self.medium("added")
        await phone.told(control, "CALL_ESTABLISHED")
        await self.alice.post_href(audio["_links"]["muteAudio"]["href"])
        audio = await self.medium("updated", audioMuted=True)
        await self.alice.post_href(audio["_links"]["unmuteAudio"]["href"])
        await self.medium("updated", audioMuted=False)
        control.order("hangup")
        await self.alice.event("deleted", "participantAudio")
        self.assertEqual(await mixing.end(), 0, mixer.complaints)
        line = await self.process.logged("sip.call", direction="in")
        self.assertEqual(line["outcome"], "completed")
        self.assertEqual(self.process.events("sip.failed"), [])
        self.assertEqual(self.process.events("schedule.failed"), [])
        control.transport.loseConnection()
