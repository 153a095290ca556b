"""Calls over TLS, and through a SIP server that forks: real phones on every path."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote_plus

from twisted.trial.unittest import TestCase

from mobility import pki
from mobility.demo import Person
from tests.interop.baresip import Baresip, Control
from tests.interop.child import program
from tests.interop.front_end_process import PASSWORD, FrontEndProcess
from tests.interop.kamailio import Kamailio
from tests.interop.test_sip_calls import sdp
from tests.interop.test_sip_messages import PARTNER, PROXY, ROUTE

TLS = """
[[sip.listen]]
name = "phones-tls"
transport = "tls"
endpoint = "tcp:{port}:interface=127.0.0.1"
mutual_tls = "none"
certificate = "tls/server.pem"
key = "tls/server.key"
digest = ["MD5"]
"""


class PathTestCase(TestCase):
    """Bob has an application that takes calls."""

    timeout = 300

    async def application(self, user: str = "bob") -> Person:
        return await self.process.sign_in(self, user, "Messaging", "Audio", "Video")

    process: FrontEndProcess
    bob: Person

    async def phone(self, user: str, port: int, transport: str) -> tuple[Baresip, Control]:
        """A phone that has registered."""
        directory = Path(self.mktemp())
        phone = Baresip(directory, self.process.ca, user, PASSWORD, port, transport)
        self.addCleanup(phone.stop)
        control = await phone.control()
        self.addCleanup(control.transport.loseConnection)
        await phone.says("200 OK")
        return phone, control

    async def is_called(self, phone: Baresip, control: Control) -> str:
        """A phone calls Bob, who answers; the conversation."""
        control.order("dial", "sip:bob@example.test")
        ringing = await self.bob.event("started", "audioVideoInvitation", direction="Incoming")
        links = ringing["_embedded"]["audioVideoInvitation"]["_links"]
        await self.bob.describe(links["acceptWithAnswer"]["href"], sdp())
        await phone.told(control, "CALL_ESTABLISHED")
        return await self.connected()

    async def calls(self, to: str) -> None:
        offer = f"data:application/sdp;charset=utf-8,{quote(sdp())}"
        call = {"to": to, "operationId": "1", "_links": {"mediaOffer": {"href": offer}}}
        await self.bob.post("startAudio", call, expect=201)

    async def connected(self) -> str:
        """Wait until a call of Bob's is answered; its conversation."""
        event = await self.bob.event("completed", "audioVideoInvitation", state="Connected")
        links = event["_embedded"]["audioVideoInvitation"]["_links"]
        return str(links["conversation"]["href"])


class TlsTests(PathTestCase):
    """Alice has baresip, which speaks TLS."""

    async def setUp(self) -> None:
        program("baresip", "baresip-core")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.port(5061)
        with self.process.config.open("a") as config:
            config.write(TLS.format(port=self.port))
        await self.process.run_for(self)
        self.bob = await self.application()

    async def test_both_ways(self) -> None:
        """A phone calls an application over TLS and hangs up; the application calls the phone over
        the connection that it has registered by, and hangs up."""
        phone, control = await self.phone("alice@example.test", self.port, "tls")
        await self.is_called(phone, control)
        control.order("hangup")
        await self.bob.event("deleted", "conversation")
        await phone.told(control, "CALL_CLOSED")
        control.events.clear()
        await self.calls("sip:alice@example.test")
        await phone.told(control, "CALL_INCOMING")
        control.order("accept")
        href = await self.connected()
        await phone.told(control, "CALL_ESTABLISHED")
        await self.bob.remove(href)
        await phone.told(control, "CALL_CLOSED")
        line = await self.process.logged("sip.sent", method="BYE")
        self.assertEqual(line["status"], 200)


class KamailioCallTests(PathTestCase):
    """Kamailio has phones of a domain of its own; it comes to the primary listener over TLS with a
    certificate, without which nobody is heard there."""

    async def setUp(self) -> None:
        program("baresip", "baresip-core")
        program("kamailio", "kamailio kamailio-tls-modules")
        authority = pki.certificate_authority("partner CA", datetime.now(UTC))
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.kamailio = Kamailio(
            Path(self.mktemp()),
            PARTNER,
            PROXY,
            authority,
            self.process.ca,
            self.process.port(5089),
        )
        self.addCleanup(self.kamailio.stop)
        self.process.ca.write_bytes(self.process.ca.read_bytes() + authority.certificate_pem)
        written = self.process.config.read_text().replace('"request"', '"require"')
        route = ROUTE.format(domain=PARTNER, port=self.kamailio.tls)
        self.process.config.write_text(written + route)
        await self.kamailio.ready()
        await self.process.run_for(self)
        self.bob = await self.application()

    async def test_forked(self) -> None:
        """A call to somebody behind the proxy rings all phones there; the first to answer talks
        and the others stop, the call is held and goes on, and BYE finds its way.  So does the call
        of a phone behind the proxy."""
        self.assertIn('"require"', self.process.config.read_text())
        pat = f"pat@{PARTNER}"
        phones = [await self.phone(pat, self.kamailio.udp, "udp") for _ in range(2)]
        await self.calls(f"sip:{pat}")
        for phone, control in phones:
            await phone.told(control, "CALL_INCOMING")
        await self.bob.event("updated", "audioVideoInvitation", state="Alerting")
        (other, stops), (phone, control) = phones
        control.order("accept")
        href = await self.connected()
        await phone.told(control, "CALL_ESTABLISHED")
        await other.told(stops, "CALL_CLOSED")
        session = await self.bob.event("added", "audioVideoSession")
        links = session["_embedded"]["audioVideoSession"]["_links"]
        held = sdp("sendonly", version=2)
        await self.bob.describe(links["renegotiations"]["href"], held, expect=201)
        await self.bob.event("completed", "audioVideoRenegotiation")
        await self.bob.remove(href)
        await phone.told(control, "CALL_CLOSED")
        control.events.clear()
        await self.is_called(phone, control)
        control.order("hangup")
        await self.bob.event("deleted", "conversation")
        line = await self.process.logged("sip.request", method="INVITE", status=200)
        self.assertEqual((line["listener"], line["peer"]), ("sip-primary", PROXY))


class BaresipTransferTests(PathTestCase):
    """Alice's phone is baresip; Bob and Carol have applications."""

    async def setUp(self) -> None:
        program("baresip", "baresip-core")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("tcp")
        await self.process.run_for(self)
        self.bob = await self.application()

    async def test_blind(self) -> None:
        """The phone transfers one application to another: the first is offered the other's media,
        and the phone is out of it."""
        carol = await self.application("carol")
        phone, control = await self.phone("alice@example.test", self.port, "tcp")
        await self.is_called(phone, control)
        control.order("transfer", "sip:carol@example.test")
        ringing = await carol.event("started", "audioVideoInvitation", direction="Incoming")
        shown = ringing["_embedded"]["audioVideoInvitation"]
        answer = sdp().replace("40000", "40002")
        await carol.describe(shown["_links"]["acceptWithAnswer"]["href"], answer)
        moved = await self.bob.event("started", "audioVideoRenegotiation", direction="Incoming")
        links = moved["_embedded"]["audioVideoRenegotiation"]["_links"]
        self.assertIn("m=audio 40002", unquote_plus(links["mediaOffer"]["href"]))
        await self.bob.describe(links["answer"]["href"], sdp(version=2))
        event = await carol.event("completed", "audioVideoInvitation", state="Connected")
        await phone.told(control, "CALL_CLOSED")
        links = event["_embedded"]["audioVideoInvitation"]["_links"]
        await carol.remove(links["conversation"]["href"])
        await self.bob.event("deleted", "conversation")
