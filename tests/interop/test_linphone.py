"""Linphone as a user's phone."""

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.child import RETRY_S, program
from tests.interop.front_end_process import PASSWORD, FrontEndProcess
from tests.interop.linphone import Linphone
from tests.interop.phone import Phone
from tests.interop.sipp import Sipp, pause, response, scenario, send

BOB = "sip:bob@example.test"
SDP = """\
v=0
o=carol 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 30000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""


def calling() -> str:
    """Carol's phone calls bob's, talks for a second, and hangs up."""
    kind = "Content-Type: application/sdp"
    ack = send("ACK", BOB, user="carol", within=True).replace(' retrans="500"', "")
    trying = response(100, optional=True)
    return scenario(
        send("INVITE", BOB, kind, user="carol", body=SDP),
        trying,
        response(407, auth=True),
        ack,
        send("INVITE", BOB, kind, "[authentication]", user="carol", body=SDP),
        trying,
        response(180, optional=True),
        response(200, "application/sdp"),
        ack,
        pause(1_000),
        send("BYE", BOB, user="carol", within=True),
        response(200),
    )


class LinphoneTests(TestCase):
    timeout = 300

    async def test_phone(self) -> None:
        """It registers, sees a UCWA user come and be busy, shows its own user to that one, is
        called and answers, and signs out."""
        program("linphonec", "linphone-cli")
        program("sipp", "sip-tester")
        process = FrontEndProcess(Path(self.mktemp()))
        port = process.listen_for_phones("tcp")
        await process.run_for(self)
        phone = Linphone(
            Path(self.mktemp()),
            "bob@example.test",
            PASSWORD,
            port,
            "tcp",
            "alice@example.test",
        )
        self.addCleanup(phone.stop)
        await phone.says("is Offline")
        await process.logged("sip.request", method="PUBLISH", status=200)

        alice = Phone(process.client(self), process.external, "alice")
        await alice.sign_in()
        await phone.says("is Online")
        busy = {"availability": "Busy"}
        await alice.expect(204, "POST", alice.links["presence"], json=busy)
        await phone.says("is Busy")

        seen = f"{alice.links['application']}/people/bob@example.test/presence"
        while (await alice.expect(200, "GET", seen)).document["availability"] != "Online":
            await deferLater(reactor, RETRY_S)

        sipp = Sipp(Path(self.mktemp()), port, "tcp")
        await sipp.play(calling(), "carol")
        await phone.says("auto answering")
        lines = await process.logged_times(2, "sip.call", outcome="completed")
        self.assertEqual({line["direction"] for line in lines}, {"in", "out"})

        await phone.quit()
        lines = await process.logged_times(3, "sip.request", method="REGISTER")
        self.assertEqual([line["status"] for line in lines], [401, 200, 200])
        self.assertEqual(phone.child.status, 0)
