"""A gateway to the telephone network, which SIPp is."""

from pathlib import Path
from urllib.parse import quote

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.child import Child, free_port, program
from tests.interop.front_end_process import FrontEndProcess, command
from tests.interop.sipp import Sipp, answer, request, response, scenario
from tests.interop.test_sip_calls import sdp
from tests.interop.test_sipp_calls import TYPE
from tests.interop.test_sipp_calls import sdp as gateway_sdp

GATEWAY = "127.0.0.1"
NUMBER = "+4930123456"
ALICE, BOB = "+14255550101", "+14255550102"

ACKNOWLEDGED = (
    '<recv request="ACK"><action>'
    '<ereg regexp=".*" search_in="hdr" header="To:" check_it="true" assign_to="own"/>'
    '<ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="other"/>'
    "</action></recv>"
)
"""The ACK; who is who is kept for what the gateway asks for."""


def answered() -> str:
    """Pick up."""
    return (
        "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n"
        "[last_To:];tag=[pid]SIPpTag[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n"
        f"Contact: <sip:gateway@[local_ip]:[local_port];transport=[transport]>\n{TYPE}\n"
        f"Content-Length: [len]\n\n{gateway_sdp()}\n]]></send>"
    )


def asks(number: int, method: str, *lines: str, body: str = "") -> str:
    """Send a request within the call that came."""
    more = "".join(f"{line}\n" for line in (*lines, "Content-Length: [len]"))
    return (
        f"<send><![CDATA[\n{method} sip:[remote_ip]:[remote_port];transport=tcp SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
        "From:[$own]\nTo:[$other]\n[last_Call-ID:]\n"
        f"CSeq: {number} {method}\nMax-Forwards: 70\n"
        "Contact: <sip:gateway@[local_ip]:[local_port];transport=[transport]>\n"
        f"{more}\n{body}\n]]></send>"
    )


TRANSFERS = scenario(
    request("INVITE", f"From: <sip:\\{ALICE}@"),
    answered(),
    ACKNOWLEDGED,
    asks(1, "INFO", "Info-Package: unknown", "Content-Type: text/plain", body="5"),
    response(469, "Recv-Info:"),
    asks(2, "REFER", "Refer-To: <sip:carol@example.test>"),
    response(202),
    request("NOTIFY", "SIP/2.0 100", "Event: refer;id=2"),
    answer(200, "OK"),
    request("NOTIFY", "SIP/2.0 180"),
    answer(200, "OK"),
    request("NOTIFY", "SIP/2.0 200", "terminated"),
    request("BYE"),
    answer(200, "OK"),
)

SENT_ON = scenario(
    request(
        "INVITE",
        f"From: <sip:\\{ALICE}@",
        f"P-Asserted-Identity: <sip:\\{ALICE}@",
        f"Diversion: <sip:\\{BOB}@example.test;user=phone>;reason=unconditional",
        f"History-Info: <sip:\\{BOB}@.*;cause=302",
    ),
    answered(),
    request("ACK"),
    request("BYE"),
    answer(200, "OK"),
)


class GatewayTests(TestCase):
    timeout = 300

    async def setUp(self) -> None:
        program("sipp", "sip-tester")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.process.add_to("sip", "gateway_probe_s = 0")
        self.port = free_port()
        add = ("--usages", "All", "--gateways", GATEWAY, "--number-pattern", r"^\+")
        for words in (
            ("gateway", "add", GATEWAY, f"--port={self.port}", "--transport=tcp"),
            ("usage", "add", "All"),
            ("route", "add", "Everywhere", *add),
            ("policy", "set", "global", "--usages", "All"),
        ):
            config = f"--config={self.process.config}"
            done = await deferToThread(command, "voice", *words, config)
            self.assertEqual(0, done.returncode, done.stderr)
        await self.process.run_for(self)
        self.alice = await self.process.sign_in(self, "alice", "Messaging", "Audio")
        self.bob = await self.process.sign_in(self, "bob", "Messaging", "Audio")
        self.carol = await self.process.sign_in(self, "carol", "Messaging", "Audio")

    async def gateway(self, script: str) -> tuple[Sipp, Child]:
        """SIPp in the place of the gateway, as soon as it listens."""
        sipp = Sipp(Path(self.mktemp()), self.process.port(5060), "tcp")
        child = sipp.start(script, "gateway", "-p", str(self.port))
        self.addCleanup(child.stop)
        await child.listening(self.port)
        return sipp, child

    async def call(self, to: str) -> None:
        """Alice's application calls."""
        offer = f"data:application/sdp;charset=utf-8,{quote(sdp())}"
        await self.alice.post(
            "startAudio", {"to": to, "_links": {"mediaOffer": {"href": offer}}}, expect=201
        )
        self.connected = await self.alice.event(
            "completed", "audioVideoInvitation", state="Connected"
        )

    async def hang_up(self) -> None:
        shown = self.connected["_embedded"]["audioVideoInvitation"]
        await self.alice.remove(shown["_links"]["conversation"]["href"])

    async def test_calls(self) -> None:
        """Calls to numbers and calls that go on to numbers are as gateways know them."""
        await self.sent_on()
        await self.transferred()

    async def sent_on(self) -> None:
        """A telephone to which Bob sends his calls on is shown Alice as the caller, and told that
        Bob has sent the call."""
        sipp, child = await self.gateway(SENT_ON)
        settings = await self.bob.get(self.bob.links["callForwardingSettings"])
        links = settings["_embedded"]["immediateForwardSettings"]["_links"]
        self.bob.links["forward"] = links["immediateForwardToContact"]["href"]
        await self.bob.post("forward", {"target": f"tel:{NUMBER}"}, expect=204)
        await self.call("sip:bob@example.test")
        await self.hang_up()
        self.assertEqual(0, await child.end(), sipp.complaints)

    async def transferred(self) -> None:
        """The end of a number that an application has called transfers the call to Carol, is told
        how it gets on and gets BYE; a package of INFO that nobody knows is 469."""
        sipp, child = await self.gateway(TRANSFERS)
        await self.call(f"tel:{NUMBER}")
        ringing = await self.carol.event("started", "audioVideoInvitation", direction="Incoming")
        shown = ringing["_embedded"]["audioVideoInvitation"]
        self.assertEqual(shown["_embedded"]["from"]["uri"], "sip:alice@example.test")
        await self.carol.describe(shown["_links"]["acceptWithAnswer"]["href"], sdp())
        offered = await self.alice.event("started", "audioVideoRenegotiation")
        links = offered["_embedded"]["audioVideoRenegotiation"]["_links"]
        await self.alice.describe(links["answer"]["href"], sdp(version=2))
        self.assertEqual(0, await child.end(), sipp.complaints)
        await self.hang_up()
        await self.carol.event("deleted", "conversation")
