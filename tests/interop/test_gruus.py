"""Baresip as a phone that knows GRUUs: it is called by them, and has them as its Contact."""

import re
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop.baresip import Baresip
from tests.interop.child import program
from tests.interop.front_end_process import PASSWORD, FrontEndProcess
from tests.interop.sipp import Sipp, response, scenario, send
from tests.interop.test_sipp_call_flows import described
from tests.interop.test_sipp_calls import TYPE, sdp
from tests.interop.test_sipp_events import registering

BOB = "sip:bob@example.test"


def calling(gruu: str) -> str:
    """Alice's phone calls a GRUU, holds, and hangs up."""
    acknowledged = (
        f"<send><![CDATA[\nACK {gruu} SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-3]\n"
        "[last_From:]\n[last_To:]\n[last_Call-ID:]\nCSeq: [cseq] ACK\nMax-Forwards: 70\n"
        "Content-Length: 0\n\n]]></send>"
    )
    held = sdp("sendonly", 2)
    return scenario(
        send("INVITE", gruu, TYPE, user="alice", body=sdp()),
        response(100, optional=True),
        response(407, auth=True),
        acknowledged,
        send("INVITE", gruu, TYPE, "[authentication]", user="alice", body=sdp()),
        response(100, optional=True),
        response(180, optional=True),
        response(200, "a=sendrecv"),
        send("ACK", gruu, user="alice", within=True),
        send("INVITE", gruu, TYPE, user="alice", within=True, body=held),
        response(100, optional=True),
        response(200, "a=recvonly"),
        send("ACK", gruu, user="alice", within=True),
        send("BYE", gruu, user="alice", within=True),
        response(200),
    )


class GruuTests(TestCase):
    """Bob has baresip, which knows GRUUs, and another phone; Alice has SIPp."""

    timeout = 300

    async def setUp(self) -> None:
        program("baresip", "baresip-core")
        program("sipp", "sip-tester")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp", "tcp")
        await self.process.run_for(self)
        self.sipp = Sipp(Path(self.mktemp()), self.port)
        await self.sipp.play(registering("bob", 600), "bob")
        self.bob = Baresip(
            Path(self.mktemp()),
            self.process.ca,
            "bob@example.test",
            PASSWORD,
            self.port,
            "tcp",
            outbound=True,
        )
        self.addCleanup(self.bob.stop)
        self.control = await self.bob.control()
        self.addCleanup(self.control.transport.loseConnection)
        await self.bob.says("registered successfully")
        printed = self.bob.child.out.decode(errors="replace")
        self.gruus = re.findall(r'-gruu="([^"]+)"', printed)

    async def test_called(self) -> None:
        """A call to either GRUU rings baresip alone; what is sent to it within the call finds it by
        the GRUU that is its Contact."""
        public, temporary = self.gruus[:2]
        self.assertIn(";gr=urn:uuid:", public)
        self.assertTrue(temporary.startswith("sip:tgruu."), temporary)
        for number, gruu in enumerate((public, temporary), 1):
            alice = self.sipp.start(calling(gruu), "alice")
            self.addCleanup(alice.stop)
            await self.bob.told(self.control, "CALL_INCOMING")
            self.control.order("accept")
            self.assertEqual(await alice.end(), 0, self.sipp.complaints)
            self.control.events.clear()
            ended = await self.process.logged_times(number, "sip.call", direction="out")
            self.assertEqual({one["outcome"] for one in ended}, {"completed"})
        rung = self.process.events("sip.sent", method="INVITE", status=200)
        self.assertEqual(len({one["call"] for one in rung}), 2)
        self.assertIn(f"Contact: <{public}>", self.bob.child.out.decode(errors="replace"))

    async def test_calls(self) -> None:
        """Baresip calls with its GRUU as Contact, and hears when the other end hangs up."""
        alice = await self.process.sign_in(self, "alice", "Messaging", "Audio", "Video")
        self.control.order("dial", "sip:alice@example.test")
        event = await alice.event("started", "audioVideoInvitation", direction="Incoming")
        links = event["_embedded"]["audioVideoInvitation"]["_links"]
        await alice.describe(links["acceptWithAnswer"]["href"], described(40_000))
        await self.bob.told(self.control, "CALL_ESTABLISHED")
        event = await alice.event("completed", "audioVideoInvitation", state="Connected")
        links = event["_embedded"]["audioVideoInvitation"]["_links"]
        await alice.remove(links["conversation"]["href"])
        await self.bob.told(self.control, "CALL_CLOSED")
        printed = self.bob.child.out.decode(errors="replace")
        invite = printed[printed.index("INVITE sip:alice") :]
        self.assertIn(f"Contact: <{self.gruus[0]}>", invite[: invite.index("Content-Type")])
