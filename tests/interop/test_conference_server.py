"""Meetings with a conference server and telephones: SIPp mixes, baresip dials in, and SIPp is the
gateway through which a meeting calls."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mobility.demo_meeting import Attendee
from tests.interop.baresip import Baresip, Control
from tests.interop.child import Child, free_port, program
from tests.interop.front_end_process import PASSWORD, FrontEndProcess, command
from tests.interop.sipp import Sipp, answer, request, scenario
from tests.interop.test_sipp_calls import TYPE, ringing, sdp

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

MIXED = sdp().replace("40000", "40002")
MIXES_TELEPHONE = scenario(
    request("INVITE", "sip:alice@example.test", "m=audio 40000"),
    ringing(200, "OK", TYPE, body=MIXED),
    request("ACK"),
    request("BYE"),
    answer(200, "OK"),
)
TELEPHONE = scenario(
    request("INVITE", r"INVITE sip:\+4930123456@127.0.0.1", "Content-Length: 0"),
    ringing(180, "Ringing"),
    ringing(200, "OK", TYPE, body=sdp()),
    request("ACK", "a=inactive"),
    request("INVITE", "m=audio 40002", "a=sendrecv"),
    answer(200, "OK", TYPE, body=sdp("sendrecv", 2)),
    request("ACK"),
    request("BYE"),
    answer(200, "OK"),
)
"""Alice's telephone behind a gateway: it offers, and hears what the mixer answers (RFC 3725)."""


class ConferenceServerTests(TestCase):
    """Alice leads a meeting with her application, Bob calls it with baresip."""

    timeout = 400

    async def setUp(self) -> None:
        program("sipp", "sip-tester")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp", "tcp")
        self.server = free_port()

    async def begin(self) -> None:
        """Start the front end, and let Alice sign in."""
        with self.process.config.open("a") as config:
            config.write(MIXER.format(port=self.server))
        await self.process.run_for(self)
        self.alice = await self.process.sign_in(self, "alice", "Messaging", kind=Attendee)

    async def element(self, script: str, port: int) -> tuple[Sipp, Child]:
        """SIPp as a server that takes one call."""
        sipp = Sipp(Path(self.mktemp()), self.port, "tcp")
        child = sipp.start(script, "bob", "-p", str(port))
        self.addCleanup(child.stop)
        await child.listening(port)
        return sipp, child

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
        program("baresip", "baresip-core")
        await self.begin()
        mixer, mixing = await self.element(MIXES, self.server)
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

    def operate(self, *words: str) -> None:
        """A `mobility` command before the front end starts."""
        made = command(*words, "--config", str(self.process.config))
        self.assertEqual(made.returncode, 0, made.stderr)

    async def test_calls_a_telephone(self) -> None:
        """A meeting calls a telephone through a gateway: what it offers is offered to the server,
        whose answer it hears; stopPhoneAudio hangs up both."""
        port = free_port()
        self.process.add_to("sip", "gateway_probe_s = 0.0")
        self.operate("voice", "usage", "add", "All")
        self.operate("voice", "gateway", "add", "127.0.0.1", f"--port={port}", "--transport=tcp")
        where = "--number-pattern", r"^\+", "--usages", "All", "--gateways", "127.0.0.1"
        self.operate("voice", "route", "add", "Everywhere", *where)
        self.operate("voice", "policy", "set", "global", "--usages", "All")
        await self.begin()
        mixer, mixing = await self.element(MIXES_TELEPHONE, self.server)
        gateway, ringing_there = await self.element(TELEPHONE, port)
        await self.alice.post("startOnlineMeeting", {"subject": "Plans"}, expect=201)
        joined = await self.alice.event("completed", "onlineMeetingInvitation", state="Connected")
        links = joined["_embedded"]["onlineMeetingInvitation"]["_links"]
        conversation = await self.alice.get(links["conversation"]["href"])
        meeting = await self.alice.get(conversation["_links"]["onlineMeeting"]["href"])
        audio = await self.alice.get(conversation["_links"]["phoneAudio"]["href"])
        wanted = {"to": meeting["onlineMeetingUri"], "phoneNumber": "+4930123456"}
        await self.alice.create(audio["_links"]["addPhoneAudio"]["href"], wanted)
        await self.alice.event("completed", "phoneAudioInvitation", state="Connected")
        told = await self.alice.event("updated", "phoneAudio", state="Connected")
        links = told["_embedded"]["phoneAudio"]["_links"]
        await self.alice.post_href(links["stopPhoneAudio"]["href"])
        await self.alice.event("updated", "phoneAudio", state="Disconnected")
        self.assertEqual(await ringing_there.end(), 0, gateway.complaints)
        self.assertEqual(await mixing.end(), 0, mixer.complaints)
        self.assertEqual(self.process.events("sip.failed"), [])
        self.assertEqual(self.process.events("schedule.failed"), [])
