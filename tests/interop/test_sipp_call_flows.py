"""SIPp's scripted phones call in the ways that SIP platforms do: offers and answers in every
message that may carry them."""

import signal
from pathlib import Path
from urllib.parse import unquote_plus

from twisted.trial.unittest import TestCase

from mobility.demo import Person
from tests.interop.child import Child, free_port, program
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.sipp import Sipp, answer, keep, pause, request, response, scenario, send
from tests.interop.test_sipp_calls import BOB, TYPE, failure_ack, ringing, sdp
from tests.interop.test_sipp_events import registering


def asks(*lines: str, body: str = "") -> str:
    """Alice's phone calls Bob, is asked for her password, and calls again."""
    kind = (TYPE,) if body else ()
    return "".join(
        (
            send("INVITE", BOB, *kind, *lines, user="alice", body=body),
            response(100, optional=True),
            response(407, auth=True),
            failure_ack().replace("{back}", "3"),
            send("INVITE", BOB, *kind, "[authentication]", *lines, user="alice", body=body),
            response(100, optional=True),
        )
    )


def ack(body: str = "") -> str:
    kind = (TYPE,) if body else ()
    return send("ACK", BOB, *kind, user="alice", within=True, body=body)


def described(port: int) -> str:
    """The media of an application."""
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    )


BYE = send("BYE", BOB, user="alice", within=True) + response(200)
BYED = request("BYE") + answer(200, "OK")
HOLD = (
    send("INVITE", BOB, TYPE, user="alice", within=True, body=sdp("sendonly", 2))
    + response(100, optional=True)
    + response(200, "a=recvonly")
    + ack()
)
HELD = (
    request("INVITE", "a=sendonly") + answer(200, "OK", TYPE, body=sdp("recvonly", 2))
) + request("ACK")

OFFERS_LATE = scenario(
    asks(),
    response(180),
    response(200, "m=audio 40002", "a=sendrecv"),
    ack(sdp()),
    HOLD,
    BYE,
)
OFFERS_IN_200 = scenario(
    request("INVITE", "Content-Length: *0"),
    ringing(180, "Ringing"),
    ringing(200, "OK", TYPE, body=sdp().replace("40000", "40002")),
    request("ACK", "m=audio 40000", "a=sendrecv"),
    HELD,
    BYED,
)
ASKS_APPLICATION = scenario(
    asks(),
    response(180, optional=True),
    response(200, "m=audio 40002", "a=sendrecv"),
    ack(sdp()),
    request("BYE"),
    answer(200, "OK"),
)


class SippFlowTestCase(TestCase):
    """Alice's and Bob's phones are SIPp's."""

    timeout = 300

    async def setUp(self) -> None:
        program("sipp", "sip-tester")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp")
        await self.process.run_for(self)
        self.sipp = Sipp(Path(self.mktemp()), self.port)
        self.phone = str(free_port())

    async def registers(self) -> None:
        await self.sipp.play(registering("bob", 600), "bob", "-p", self.phone)

    def rings(self, script: str, *options: str) -> Child:
        """Bob's phone, where it has registered."""
        child = self.sipp.start(script, "bob", "-p", self.phone, *options)
        self.addCleanup(child.stop)
        return child

    async def talk(self, calls: str, rings: str) -> None:
        """Both scripts are played to their ends."""
        bob = self.rings(rings)
        await self.sipp.play(calls, "alice")
        self.assertEqual(await bob.end(), 0, self.sipp.complaints)

    async def application(self, user: str) -> Person:
        """A user with an application that takes calls."""
        return await self.process.sign_in(self, user, "Messaging", "Audio", "Video")

    def nothing_failed(self) -> None:
        for event in ("sip.failed", "schedule.failed"):
            self.assertEqual(self.process.events(event), [])


class LateOfferTests(SippFlowTestCase):
    """INVITEs without an offer, as call managers and click-to-dial platforms send them."""

    async def test_phone(self) -> None:
        """The callee's phone offers in its 200, the caller answers in its ACK, and they hold and
        hang up as any others."""
        await self.registers()
        await self.talk(OFFERS_LATE, OFFERS_IN_200)
        self.nothing_failed()

    async def test_application(self) -> None:
        """An application is offered audio without an address, then what the caller's ACK says."""
        bob = await self.application("bob")
        alice = self.sipp.start(ASKS_APPLICATION, "alice")
        self.addCleanup(alice.stop)
        event = await bob.event("started", "audioVideoInvitation", direction="Incoming")
        links = event["_embedded"]["audioVideoInvitation"]["_links"]
        offer = unquote_plus(links["mediaOffer"]["href"].partition(",")[2])
        self.assertIn("c=IN IP4 0.0.0.0", offer)
        mine = described(40002)
        await bob.describe(links["acceptWithAnswer"]["href"], mine)
        answered = await bob.event("completed", "audioVideoInvitation", state="Connected")
        event = await bob.event("started", "audioVideoRenegotiation", direction="Incoming")
        links = event["_embedded"]["audioVideoRenegotiation"]["_links"]
        offer = unquote_plus(links["mediaOffer"]["href"].partition(",")[2])
        self.assertIn("m=audio 40000", offer)
        await bob.describe(links["answer"]["href"], mine.replace("o=- 1 1", "o=- 1 2"))
        agreed = await bob.event("completed", "audioVideoRenegotiation")
        self.assertEqual(agreed["status"], "Success")
        href = answered["_embedded"]["audioVideoInvitation"]["_links"]["conversation"]["href"]
        await bob.remove(href)
        self.assertEqual(await alice.end(), 0, self.sipp.complaints)
        self.nothing_failed()


def reliably(status: int, reason: str, number: int, *, tag: str = "", body: str = "") -> str:
    """Send a reliable provisional response to the INVITE that came."""
    kind = f"{TYPE}\n" if body else ""
    return (
        f"<send><![CDATA[\nSIP/2.0 {status} {reason}\n[last_Via:]\n[last_From:]\n"
        f"[last_To:];tag=[pid]SIPpTag[call_number]\n[last_Call-ID:]\nCSeq: 1 INVITE\n"
        "Contact: <sip:bob@[local_ip]:[local_port];transport=[transport]>\n"
        f"Require: 100rel\nRSeq: {number}\n{kind}Content-Length: [len]\n\n{body}\n]]></send>"
    )


RELIABLE_CALLS = scenario(
    asks("Require: 100rel", body=sdp()),
    keep(183, "RSeq", "rseq"),
    send("PRACK", BOB, "RAck: [$rseq] 2 INVITE", user="alice", within=True),
    response(180, optional=True),
    response(200, "CSeq: 3 PRACK"),
    keep(180, "RSeq", "second"),
    send("PRACK", BOB, "RAck: [$second] 2 INVITE", user="alice", within=True),
    response(200, "CSeq: 4 PRACK"),
    response(200, "CSeq: 2 INVITE", "Content-Length: *0"),
    "<send><![CDATA[\nACK [next_url] SIP/2.0\n"
    "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
    "[last_From:]\n[last_To:]\n[last_Call-ID:]\nCSeq: 2 ACK\nMax-Forwards: 70\n"
    "Content-Length: 0\n\n]]></send>",
    BYE,
)
RELIABLE_RINGS = scenario(
    '<recv request="INVITE"><action><ereg regexp=".*" search_in="hdr" header="Via:" '
    'check_it="true" assign_to="via"/></action></recv>',
    reliably(183, "Session Progress", 1, body=sdp()),
    request("PRACK", "RAck: 1 1 INVITE"),
    answer(200, "OK"),
    pause(500),
    "<send><![CDATA[\nSIP/2.0 200 OK\nVia:[$via]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n"
    "CSeq: 1 INVITE\nContact: <sip:bob@[local_ip]:[local_port];transport=[transport]>\n"
    "Content-Length: 0\n\n]]></send>",
    request("ACK"),
    BYED,
)


class ReliableTests(SippFlowTestCase):
    """Early media that both ends require to be acknowledged (RFC 3262)."""

    async def test_early_media(self) -> None:
        """The phone's reliable 183 is acknowledged, and its media are the answer that the caller
        acknowledges; neither 2xx repeats it."""
        await self.registers()
        await self.talk(RELIABLE_CALLS, RELIABLE_RINGS)
        self.nothing_failed()


CAROL = "sip:carol@example.test"
TRANSFERS = scenario(
    asks(body=sdp()),
    response(180, optional=True),
    response(200, "m=audio 40000"),
    ack(),
    send("REFER", BOB, f"Refer-To: <{CAROL}>", user="alice", within=True),
    response(202),
    request("NOTIFY", "Event: refer", "SIP/2.0 100"),
    answer(200, "OK"),
    request("NOTIFY", "Event: refer", "SIP/2.0 180"),
    answer(200, "OK"),
    request("NOTIFY", "Subscription-State: terminated", "SIP/2.0 200 OK"),
    answer(200, "OK"),
    BYED,
)
TRANSFERRED = scenario(
    request("INVITE"),
    ringing(200, "OK", TYPE, body=sdp()),
    request("ACK"),
    request("INVITE", "m=audio 40002"),
    answer(200, "OK", TYPE, body=sdp("sendrecv", 2)),
    request("ACK"),
    BYED,
)


class TransferTests(SippFlowTestCase):
    """REFER of a phone."""

    async def test_to_an_application(self) -> None:
        """Alice's phone transfers Bob's to Carol's application: Bob is offered Carol's media, Alice
        is told how it gets on and hung up, and Carol ends what remains."""
        await self.registers()
        carol = await self.application("carol")
        bob = self.rings(TRANSFERRED)
        alice = self.sipp.start(TRANSFERS, "alice")
        self.addCleanup(alice.stop)
        event = await carol.event("started", "audioVideoInvitation", direction="Incoming")
        links = event["_embedded"]["audioVideoInvitation"]["_links"]
        await carol.describe(links["acceptWithAnswer"]["href"], described(40002))
        answered = await carol.event("completed", "audioVideoInvitation", state="Connected")
        self.assertEqual(await alice.end(), 0, self.sipp.complaints)
        href = answered["_embedded"]["audioVideoInvitation"]["_links"]["conversation"]["href"]
        await self.process.logged("sip.transfer", status=200)
        await self.process.logged_times(2, "sip.sent", method="INVITE", status=200)
        await carol.remove(href)
        self.assertEqual(await bob.end(), 0, self.sipp.complaints)
        self.nothing_failed()


SENDS_ON = scenario(
    request("INVITE"),
    ringing(302, "Moved Temporarily").replace(
        "Contact: <sip:bob@[local_ip]:[local_port];transport=[transport]>", f"Contact: <{CAROL}>"
    ),
    request("ACK"),
)
CALLS_WHO_ANSWERS = scenario(
    asks(body=sdp()),
    response(181),
    response(180, optional=True),
    response(200, "m=audio 40002"),
    ack(),
    BYE,
)


class DeflectingTests(SippFlowTestCase):
    """302 of a phone."""

    async def test_to_an_application(self) -> None:
        """Bob's phone sends Alice's call on to Carol, whose application is told by whom and talks
        to Alice."""
        await self.registers()
        carol = await self.application("carol")
        bob = self.rings(SENDS_ON)
        alice = self.sipp.start(CALLS_WHO_ANSWERS, "alice")
        self.addCleanup(alice.stop)
        event = await carol.event("started", "audioVideoInvitation", direction="Incoming")
        links = event["_embedded"]["audioVideoInvitation"]["_links"]
        self.assertIn("bob@example.test", links["forwardedBy"]["href"])
        await carol.describe(links["acceptWithAnswer"]["href"], described(40002))
        self.assertEqual(await bob.end(), 0, self.sipp.complaints)
        self.assertEqual(await alice.end(), 0, self.sipp.complaints)
        await self.process.logged("sip.redirected", followed=True)
        self.nothing_failed()


HOLDS_IN_VAIN = scenario(
    asks(body=sdp()),
    response(180, optional=True),
    response(200, "m=audio 40000"),
    ack(),
    send("INVITE", BOB, TYPE, user="alice", within=True, body=sdp("sendonly", 2)),
    response(100, optional=True),
    response(488),
    failure_ack().replace("{back}", "3"),
    HOLD,
    BYE,
)
BUSY_WITH_SOMETHING = scenario(
    request("INVITE"),
    ringing(200, "OK", TYPE, body=sdp()),
    request("ACK"),
    request("INVITE", "a=sendonly"),
    answer(503, "Service Unavailable"),
    request("ACK"),
    request("INVITE", "a=sendonly"),
    answer(500, "Server Internal Error", "Retry-After: 1"),
    request("ACK"),
    HELD,
    BYED,
)


class BusyTests(SippFlowTestCase):
    """A phone that cannot take a new offer now."""

    async def test_goes_on(self) -> None:
        """After 503 the call goes on as it was, and after 500 with Retry-After the offer comes
        again."""
        await self.registers()
        await self.talk(HOLDS_IN_VAIN, BUSY_WITH_SOMETHING)
        self.nothing_failed()


CALLS_UNTIL_BYE = scenario(
    asks(body=sdp()),
    response(180, optional=True),
    response(200, "m=audio 40000"),
    ack(),
    send("INFO", BOB, user="alice", within=True),
    response(200),
    BYED,
)
RINGS_UNTIL_BYE = scenario(
    request("INVITE"),
    ringing(180, "Ringing"),
    ringing(200, "OK", TYPE, body=sdp()),
    request("ACK"),
    BYED,
)


class StoppingTests(SippFlowTestCase):
    """A front end that stops in good order."""

    async def test_talks(self) -> None:
        """Both phones of a call that goes on are hung up."""
        await self.registers()
        bob = self.rings(RINGS_UNTIL_BYE)
        alice = self.sipp.start(CALLS_UNTIL_BYE, "alice")
        self.addCleanup(alice.stop)
        await self.process.logged("sip.request", method="INFO", status=200)
        self.process.child.send(signal.SIGTERM)
        self.assertEqual(await self.process.child.end(), 0)
        for phone in (alice, bob):
            self.assertEqual(await phone.end(), 0, self.sipp.complaints)
