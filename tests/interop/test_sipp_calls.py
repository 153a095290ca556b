"""SIPp calls SIPp: two scripted phones of users, with the front end between them."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop.child import Child, free_port, program
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.sipp import Sipp, answer, pause, request, response, scenario, send
from tests.interop.test_sipp_events import registering

BOB = "sip:bob@example.test"

SDP = """\
v=0
o=- 1 {version} IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio 40000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a={direction}
"""
TYPE = "Content-Type: application/sdp"

MANY = 1_000
RATE = 40
"""Calls, and calls a second: what two cores that do other things too can set up."""


def sdp(direction: str = "sendrecv", version: int = 1) -> str:
    return SDP.format(direction=direction, version=version)


def failure_ack() -> str:
    """The ACK of a failure, which is of the INVITE's transaction: three messages ago."""
    return (
        f"<send><![CDATA[\nACK {BOB} SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-{back}]\n"
        "[last_From:]\n[last_To:]\n[last_Call-ID:]\nCSeq: [cseq] ACK\nMax-Forwards: 70\n"
        "Content-Length: 0\n\n]]></send>"
    )


def invited(*lines: str, body: str = "") -> str:
    """Alice's phone calls Bob, is asked for her password, and calls again."""
    return "".join(
        (
            send("INVITE", BOB, TYPE, user="alice", body=sdp()),
            response(100, optional=True),
            response(407, auth=True),
            failure_ack().replace("{back}", "3"),
            send("INVITE", BOB, TYPE, "[authentication]", *lines, user="alice", body=body or sdp()),
            response(100, optional=True),
        )
    )


def ringing(status: int, reason: str, *lines: str, body: str = "") -> str:
    """Answer an INVITE, with a tag of its own."""
    more = "".join(f"{line}\n" for line in (*lines, "Content-Length: [len]"))
    return (
        f"<send><![CDATA[\nSIP/2.0 {status} {reason}\n[last_Via:]\n[last_From:]\n"
        "[last_To:];tag=[pid]SIPpTag[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n"
        f"Contact: <sip:bob@[local_ip]:[local_port];transport=[transport]>\n{more}\n{body}\n"
        "]]></send>"
    )


ANSWERS = scenario(
    request("INVITE", "Content-Type: application/sdp", "m=audio 40000"),
    ringing(180, "Ringing"),
    ringing(200, "OK", TYPE, body=sdp()),
    request("ACK"),
    request("INVITE", "a=sendonly"),
    answer(200, "OK", TYPE, body=sdp("recvonly", 2)),
    request("ACK"),
    request("BYE"),
    answer(200, "OK"),
)
CALLS = scenario(
    invited(),
    response(180),
    response(200, "Contact: <sip:", "a=sendrecv"),
    send("ACK", BOB, user="alice", within=True),
    pause(100),
    send(
        "INVITE",
        BOB,
        TYPE,
        user="alice",
        within=True,
        body=sdp("sendonly", 2),
    ),
    response(100, optional=True),
    response(200, "a=recvonly"),
    send("ACK", BOB, user="alice", within=True),
    send("BYE", BOB, user="alice", within=True),
    response(200),
)

CANCELLED = scenario(
    request("INVITE"),
    ringing(180, "Ringing"),
    request("CANCEL"),
    answer(200, "OK"),
    "<send><![CDATA[\nSIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n"
    "[last_To:];tag=[pid]SIPpTag[call_number]\n[last_Call-ID:]\n"
    "CSeq: 1 INVITE\nContent-Length: 0\n\n]]></send>",
    request("ACK"),
)


GIVES_UP = scenario(
    invited(),
    response(180),
    f"<send><![CDATA[\nCANCEL {BOB} SIP/2.0\n"
    "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-3]\n"
    f"[last_From:]\nTo: <{BOB}>\n[last_Call-ID:]\nCSeq: 2 CANCEL\nMax-Forwards: 70\n"
    "Content-Length: 0\n\n]]></send>",
    response(200, "CSeq: 2 CANCEL"),
    response(487, "CSeq: 2 INVITE"),
    failure_ack().replace("{back}", "6").replace("[cseq]", "2"),
)


class SippCallTests(TestCase):
    """Alice's and Bob's phones are SIPp's."""

    timeout = 400

    async def setUp(self) -> None:
        program("sipp", "sip-tester")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp")
        await self.process.run_for(self)
        self.sipp = Sipp(Path(self.mktemp()), self.port)
        self.phone = str(free_port())
        await self.sipp.play(registering("bob", 600), "bob", "-p", self.phone)

    def rings(self, script: str, *options: str) -> Child:
        """Bob's phone, where it has registered."""
        child = self.sipp.start(script, "bob", "-p", self.phone, *options)
        self.addCleanup(child.stop)
        return child

    async def test_calls(self) -> None:
        """A call with a re-INVITE that holds, and a thousand of them."""
        for times, options in (
            (1, ()),
            (MANY, ("-r", str(RATE), "-l", "200", "-timeout", "300s")),
        ):
            bob = self.rings(ANSWERS, "-m", str(times), *options[4:])
            await self.sipp.play(CALLS, "alice", "-m", str(times), *options)
            self.assertEqual(await bob.end(), 0, bob.err)
        lines = await self.process.logged_times(2 * (MANY + 1), "sip.call")
        self.assertEqual({line["outcome"] for line in lines}, {"completed"})
        self.assertEqual(self.process.events("sip.failed"), [])
        self.assertEqual(self.process.events("schedule.failed"), [])

    async def test_cancelled(self) -> None:
        """Calls that are given up while the other phone rings are cancelled there too."""
        bob = self.rings(CANCELLED, "-m", "20")
        await self.sipp.play(GIVES_UP, "alice", "-m", "20", "-r", "10")
        self.assertEqual(await bob.end(), 0, bob.err)
        lines = await self.process.logged_times(40, "sip.call")
        outcomes = {line["direction"]: line["outcome"] for line in lines}
        self.assertEqual(outcomes["in"], "cancelled")
