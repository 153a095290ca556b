"""Calls between real phones and users of UCWA applications."""

from pathlib import Path
from urllib.parse import quote, unquote_plus

from twisted.trial.unittest import TestCase

from tests.interop.baresip import Baresip, Control
from tests.interop.child import program
from tests.interop.front_end_process import PASSWORD, FrontEndProcess

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
)


def sdp(direction: str = "sendrecv", version: int = 1) -> str:
    return SDP.format(direction=direction).replace("o=- 1 1", f"o=- 1 {version}")


class BaresipCallTests(TestCase):
    """Alice has baresip, Bob an application that takes calls."""

    timeout = 300

    async def setUp(self) -> None:
        program("baresip", "baresip-core")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp", "tcp")
        await self.process.run_for(self)
        self.bob = await self.process.sign_in(self, "bob", "Messaging", "Audio", "Video")

    async def phone(self, transport: str) -> tuple[Baresip, Control]:
        """Alice's phone, registered."""
        phone = Baresip(
            Path(self.mktemp()),
            self.process.ca,
            "alice@example.test",
            PASSWORD,
            self.port,
            transport,
        )
        self.addCleanup(phone.stop)
        control = await phone.control()
        await phone.says("200 OK")
        return phone, control

    async def _phone_calls(self, transport: str) -> None:
        phone, control = await self.phone(transport)
        control.order("dial", "sip:bob@example.test")
        ringing = await self.bob.event("started", "audioVideoInvitation", direction="Incoming")
        links = ringing["_embedded"]["audioVideoInvitation"]["_links"]
        offer = unquote_plus(links["mediaOffer"]["href"].partition(",")[2])
        self.assertIn("m=audio ", offer)
        await phone.told(control, "CALL_RINGING")
        await self.bob.describe(links["acceptWithAnswer"]["href"], sdp())
        await phone.told(control, "CALL_ESTABLISHED")
        await self.bob.event("completed", "audioVideoInvitation", state="Connected")
        control.order("hangup")
        await self.bob.event("deleted", "conversation")
        line = await self.process.logged("sip.call", direction="in")
        self.assertEqual(line["outcome"], "completed")
        control.transport.loseConnection()

    async def test_phone_calls_over_udp(self) -> None:
        """Baresip calls an application over UDP, hears that it rings, is answered, and hangs up."""
        await self._phone_calls("udp")

    async def test_phone_calls_over_tcp(self) -> None:
        """The same over TCP."""
        await self._phone_calls("tcp")

    async def test_phone_is_called(self) -> None:
        """An application calls baresip, which rings and answers; holding is a re-INVITE, and the
        application hangs up."""
        phone, control = await self.phone("udp")
        offer = f"data:application/sdp;charset=utf-8,{quote(sdp())}"
        call = {
            "to": "sip:alice@example.test",
            "operationId": "1",
            "_links": {"mediaOffer": {"href": offer}},
        }
        await self.bob.post("startAudio", call, expect=201)
        incoming = await phone.told(control, "CALL_INCOMING")
        self.assertEqual(incoming["peeruri"], "sip:bob@example.test")
        await self.bob.event("updated", "audioVideoInvitation", state="Alerting")
        control.order("accept")
        answered = await self.bob.event("completed", "audioVideoInvitation", state="Connected")
        negotiated = await self.bob.event("updated", "audioVideoNegotiation")
        answer = negotiated["_embedded"]["audioVideoNegotiation"]["_links"]["mediaAnswer"]["href"]
        self.assertIn("m=audio", unquote_plus(answer))
        await phone.told(control, "CALL_ESTABLISHED")
        session = await self.bob.event("added", "audioVideoSession")
        links = session["_embedded"]["audioVideoSession"]["_links"]
        held = sdp("sendonly", version=2)
        await self.bob.describe(links["renegotiations"]["href"], held, expect=201)
        agreed = await self.bob.event("completed", "audioVideoRenegotiation")
        shown = agreed["_embedded"]["audioVideoRenegotiation"]
        self.assertIn("recvonly", unquote_plus(shown["_links"]["mediaAnswer"]["href"]))
        href = answered["_embedded"]["audioVideoInvitation"]["_links"]["conversation"]["href"]
        await self.bob.remove(href)
        await phone.told(control, "CALL_CLOSED")
        control.transport.loseConnection()

    async def test_phone_declines(self) -> None:
        """Baresip that hangs up a ringing call declines it."""
        phone, control = await self.phone("tcp")
        offer = f"data:application/sdp;charset=utf-8,{quote(sdp())}"
        call = {"to": "sip:alice@example.test", "_links": {"mediaOffer": {"href": offer}}}
        await self.bob.post("startAudio", call, expect=201)
        await phone.told(control, "CALL_INCOMING")
        control.order("hangup")
        event = await self.bob.event("completed", "audioVideoInvitation")
        self.assertIn(event["reason"]["subcode"], ("Busy", "Declined"))
        control.transport.loseConnection()

    async def test_other_media_than_early(self) -> None:
        """An application that answers with other media than it played before is understood: the
        answer has a dialog of its own, in which the call is held and hung up."""
        phone, control = await self.phone("udp")
        control.order("dial", "sip:bob@example.test")
        ringing = await self.bob.event("started", "audioVideoInvitation", direction="Incoming")
        links = ringing["_embedded"]["audioVideoInvitation"]["_links"]
        early = sdp().replace("40000", "40010")
        await self.bob.describe(links["sendProvisionalAnswer"]["href"], early)
        await phone.told(control, "CALL_PROGRESS")
        await self.bob.describe(links["acceptWithAnswer"]["href"], sdp())
        await phone.told(control, "CALL_ESTABLISHED")
        answered = await self.bob.event("completed", "audioVideoInvitation", state="Connected")
        session = await self.bob.event("added", "audioVideoSession")
        links = session["_embedded"]["audioVideoSession"]["_links"]
        held = sdp("sendonly", version=2)
        await self.bob.describe(links["renegotiations"]["href"], held, expect=201)
        agreed = await self.bob.event("completed", "audioVideoRenegotiation")
        self.assertEqual(agreed["status"], "Success")
        href = answered["_embedded"]["audioVideoInvitation"]["_links"]["conversation"]["href"]
        await self.bob.remove(href)
        await phone.told(control, "CALL_CLOSED")
        line = await self.process.logged("sip.sent", method="BYE")
        self.assertEqual(line["status"], 200)
        control.transport.loseConnection()
