"""SIPp's scripted phones offer anew before their calls are answered (RFC 3311, RFC 6337)."""

from urllib.parse import unquote_plus

from tests.interop.sipp import answer, keep, pause, request, response, scenario, send
from tests.interop.test_sipp_call_flows import (
    BYE,
    BYED,
    SippFlowTestCase,
    asks,
    described,
    reliably,
)
from tests.interop.test_sipp_calls import BOB, TYPE, sdp

ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"
MOVED = sdp("sendrecv", 2).replace("40000", "40010")

ACK = (
    "<send><![CDATA[\nACK [next_url] SIP/2.0\n"
    "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
    "[last_From:]\n[last_To:]\n[last_Call-ID:]\nCSeq: 2 ACK\nMax-Forwards: 70\n"
    "Content-Length: 0\n\n]]></send>"
)


def offers_early(*statuses: int) -> str:
    """Alice's phone gets these provisional responses, offers anew, and is answered."""
    acknowledged = (
        step
        for number, status in enumerate(statuses)
        for step in (
            keep(status, "RSeq", f"rseq{number}"),
            send("PRACK", BOB, f"RAck: [$rseq{number}] 2 INVITE", user="alice", within=True),
            response(180, optional=True),
            response(200, f"CSeq: {number + 3} PRACK"),
        )
    )
    return scenario(
        asks("Require: 100rel", ALLOW, body=sdp()),
        *acknowledged,
        send("UPDATE", BOB, TYPE, user="alice", within=True, body=MOVED),
        response(200, "CSeq: 5 UPDATE", "m=audio 40020"),
        response(200, "CSeq: 2 INVITE", "Content-Length: *0"),
        ACK,
        BYE,
    )


RINGS_EARLY = scenario(
    '<recv request="INVITE"><action><ereg regexp=".*" search_in="hdr" header="Via:" '
    'check_it="true" assign_to="via"/></action></recv>',
    reliably(183, "Session Progress", 1, body=sdp()).replace("Require:", f"{ALLOW}\nRequire:"),
    request("PRACK", "RAck: 1 1 INVITE"),
    answer(200, "OK"),
    request("UPDATE", "m=audio 40010"),
    answer(200, "OK", TYPE, body=sdp("sendrecv", 2).replace("40000", "40020")),
    pause(500),
    "<send><![CDATA[\nSIP/2.0 200 OK\nVia:[$via]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n"
    "CSeq: 1 INVITE\nContact: <sip:bob@[local_ip]:[local_port];transport=[transport]>\n"
    "Content-Length: 0\n\n]]></send>",
    request("ACK"),
    BYED,
)


class EarlyOfferTests(SippFlowTestCase):
    """Alice's phone offers other media while Bob's rings."""

    async def test_phone(self) -> None:
        """Bob's phone gets the offer in an UPDATE of its own, and Alice's gets its answer."""
        await self.registers()
        await self.talk(offers_early(183, 180), RINGS_EARLY)
        self.nothing_failed()

    async def test_application(self) -> None:
        """Bob's application, which has sent early media, hears of the offer and answers it before
        it accepts the call."""
        bob = await self.application("bob")
        alice = self.sipp.start(offers_early(180, 183), "alice")
        self.addCleanup(alice.stop)
        event = await bob.event("started", "audioVideoInvitation", direction="Incoming")
        links = event["_embedded"]["audioVideoInvitation"]["_links"]
        await bob.describe(links["sendProvisionalAnswer"]["href"], described(40002))
        event = await bob.event("started", "audioVideoRenegotiation", direction="Incoming")
        offered = event["_embedded"]["audioVideoRenegotiation"]["_links"]
        self.assertIn("m=audio 40010", unquote_plus(offered["mediaOffer"]["href"]))
        mine = described(40020)
        await bob.describe(offered["answer"]["href"], mine)
        event = await bob.event("completed", "audioVideoRenegotiation")
        self.assertEqual(event["status"], "Success")
        await bob.describe(links["acceptWithAnswer"]["href"], mine)
        await bob.event("completed", "audioVideoInvitation", state="Connected")
        self.assertEqual(await alice.end(), 0, self.sipp.complaints)
        self.nothing_failed()
