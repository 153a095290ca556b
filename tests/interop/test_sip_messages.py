"""Messages between UCWA applications, real phones, and phones behind a real SIP server."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote_plus

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mobility import pki
from mobility.demo import Person
from tests.interop.baresip import Baresip, Control
from tests.interop.child import program
from tests.interop.front_end_process import PASSWORD, FrontEndProcess, command
from tests.interop.kamailio import Edge, Kamailio

PARTNER = "partner.test"
PROXY = "sip.example.test"
"""The trusted peer of the configuration that `mobility init` writes."""

TLS_PHONES = """
[[sip.listen]]
name = "phones-tls"
transport = "tls"
mutual_tls = "none"
endpoint = "tcp:{port}:interface=127.0.0.1"
certificate = "tls/server.pem"
key = "tls/server.key"
digest = ["MD5"]               # these phones know no other
"""

ROUTE = """
[[sip.route]]
name = "partner"
domains = ["{domain}"]
probe_s = 1

[[sip.route.target]]
host = "127.0.0.1"
port = {port}
"""


class MessagesTestCase(TestCase):
    timeout = 300

    async def person(self, user: str) -> Person:
        """A user with an application that takes messages."""
        return await self.process.sign_in(self, user, "Messaging", "Audio")

    async def phone(
        self, user: str, port: int, transport: str, contact: str
    ) -> tuple[Baresip, Control]:
        """A phone that has registered, and sends its messages to `contact`."""
        phone = Baresip(
            Path(self.mktemp()), self.process.ca, user, PASSWORD, port, transport, contact
        )
        self.addCleanup(phone.stop)
        control = await phone.control()
        self.addCleanup(control.transport.loseConnection)
        await phone.says("200 OK")
        return phone, control

    async def invited(self, person: Person) -> str:
        """Accept the next invitation to write; its first message."""
        event = await person.event("started", "messagingInvitation", direction="Incoming")
        links = event["_embedded"]["messagingInvitation"]["_links"]
        await person.post_href(links["accept"]["href"])
        return self.text(links["message"]["href"])

    async def writes(self, person: Person, text: str) -> None:
        """Send a message in the conversation that is connected."""
        event = await person.event("updated", "messaging", state="Connected")
        links = event["_embedded"]["messaging"]["_links"]
        await person.post_text(links["sendMessage"]["href"], text)

    async def reads(self, person: Person) -> str:
        """The next message that comes in."""
        event = await person.event("completed", "message", direction="Incoming")
        return self.text(event["_embedded"]["message"]["_links"]["plainMessage"]["href"])

    @staticmethod
    def text(href: str) -> str:
        return unquote_plus(href.partition(",")[2])

    async def start(self, person: Person, to_uri: str, text: str) -> None:
        """Begin to write to somebody, who takes it."""
        body = {
            "to": to_uri,
            "operationId": "1",
            "_links": {"message": {"href": f"data:text/plain;charset=utf-8,{text}"}},
        }
        await person.post("startMessaging", body, expect=201)
        await person.event("completed", "messagingInvitation", state="Connected")


class BaresipMessageTests(MessagesTestCase):
    """Alice has a phone, Bob an application."""

    async def setUp(self) -> None:
        program("baresip", "baresip-core")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp", "tcp")
        await self.process.run_for(self)
        self.bob = await self.person("bob")

    async def test_phone_writes(self) -> None:
        """Over each transport a phone writes to an application and is written back, in one
        conversation."""
        for transport in ("udp", "tcp"):
            phone, control = await self.phone(
                "alice@example.test", self.port, transport, "sip:bob@example.test"
            )
            control.order("message", f"over {transport}")
            self.assertEqual(await self.invited(self.bob), f"over {transport}")
            self.assertEqual(await self.reads(self.bob), f"over {transport}")
            await self.writes(self.bob, f"back over {transport}")
            await phone.says(f'"back over {transport}"')
            control.order("message", "and again")
            self.assertEqual(await self.reads(self.bob), "and again")
            event = await self.bob.event("added", "conversation")
            await self.bob.remove(event["link"]["href"])
            await phone.stop()

    async def test_phone_is_written_to(self) -> None:
        """A user who has only a phone is reached on it, and answers from it."""
        phone, control = await self.phone(
            "alice@example.test", self.port, "tcp", "sip:bob@example.test"
        )
        await self.start(self.bob, "sip:alice@example.test", "hello")
        await phone.says('"hello"')
        control.order("message", "hello yourself")
        self.assertEqual(await self.reads(self.bob), "hello yourself")


class TlsTests(MessagesTestCase):
    """Alice has a phone that speaks TLS, Carol another one, with Kamailio before the front end."""

    async def setUp(self) -> None:
        program("baresip", "baresip-core")
        program("kamailio", "kamailio kamailio-tls-modules")
        authority = pki.certificate_authority("edge CA", datetime.now(UTC))
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.port(5061)
        self.edge = Edge(
            Path(self.mktemp()),
            "example.test",
            "edge.example.test",
            authority,
            self.process.ca,
            self.port,
        )
        self.addCleanup(self.edge.stop)
        self.process.ca.write_bytes(self.process.ca.read_bytes() + authority.certificate_pem)
        with self.process.config.open("a") as config:
            config.write(TLS_PHONES.format(port=self.port))
        await self.edge.ready()
        await self.process.run_for(self)
        self.bob = await self.person("bob")

    async def test_both_ways(self) -> None:
        """Phones register over TLS, write to an application and are written back, straight and
        through the proxy, which is on the path of all that goes to its phone."""
        for user, port in (("alice", self.port), ("carol", self.edge.tls)):
            phone, control = await self.phone(
                f"{user}@example.test", port, "tls", "sip:bob@example.test"
            )
            control.order("message", f"from {user}")
            self.assertEqual(await self.invited(self.bob), f"from {user}")
            self.assertEqual(await self.reads(self.bob), f"from {user}")
            await self.writes(self.bob, f"back to {user}")
            await phone.says(f'"back to {user}"')
            event = await self.bob.event("added", "conversation")
            await self.bob.remove(event["link"]["href"])
            await phone.stop()


class KamailioTests(MessagesTestCase):
    """Kamailio has phones of a domain of its own, and is a trusted peer over TLS."""

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
        with self.process.config.open("a") as config:
            config.write(ROUTE.format(domain=PARTNER, port=self.kamailio.tls))
        await self.kamailio.ready()
        await self.process.run_for(self)
        self.bob = await self.person("bob")

    async def test_fork(self) -> None:
        """A message by the route reaches all phones of somebody behind the proxy, which is up; a
        phone's answer comes through the proxy, over TLS with its certificate."""
        up = await self.process.logged("sip.peer_up", route="partner")
        self.assertEqual(up["peer"], "127.0.0.1")
        status = await deferToThread(command, "status", "--config", str(self.process.config))
        self.assertIn("partner: 127.0.0.1 is up", status.stdout)
        pat = f"pat@{PARTNER}"
        phones = [
            await self.phone(pat, self.kamailio.udp, "udp", "sip:bob@example.test")
            for _ in range(2)
        ]
        await self.start(self.bob, f"sip:{pat}", "hello")
        for phone, _ in phones:
            await phone.says('"hello"')
        phones[1][1].order("message", "from the second")
        self.assertEqual(await self.reads(self.bob), "from the second")
        line = await self.process.logged("sip.request", method="MESSAGE")
        self.assertEqual((line["peer"], line["status"]), (PROXY, 200))

    async def test_nobody(self) -> None:
        """Who is not registered with the proxy cannot be written to."""
        body = {
            "to": f"sip:nobody@{PARTNER}",
            "operationId": "1",
            "_links": {"message": {"href": "data:text/plain,hello"}},
        }
        await self.bob.post("startMessaging", body, expect=201)
        event = await self.bob.event("completed", "messagingInvitation", state="Failed")
        self.assertEqual(event["reason"]["subcode"], "DestinationNotFound")

    async def test_record_route(self) -> None:
        """A call from behind the proxy is answered; requests within it go by the proxy, which has
        recorded its route."""
        phone, control = await self.phone(
            f"pat@{PARTNER}", self.kamailio.udp, "udp", "sip:bob@example.test"
        )
        control.order("dial", "sip:bob@example.test")
        ringing = await self.bob.event("started", "audioVideoInvitation", direction="Incoming")
        shown = ringing["_embedded"]["audioVideoInvitation"]
        answer = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
        )
        await self.bob.describe(shown["_links"]["acceptWithAnswer"]["href"], answer)
        await phone.told(control, "CALL_ESTABLISHED")
        answered = await self.bob.event("completed", "audioVideoInvitation", state="Connected")
        links = answered["_embedded"]["audioVideoInvitation"]["_links"]
        await self.bob.remove(links["conversation"]["href"])
        await phone.told(control, "CALL_CLOSED")
        line = await self.process.logged("sip.sent", method="BYE")
        self.assertEqual((line["peer"], line["status"]), (PROXY, 200))
