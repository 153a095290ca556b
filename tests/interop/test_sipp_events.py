"""SIPp's scripted phones register, watch and publish."""

import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.child import RETRY_S, free_port, program
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.phone import Phone
from tests.interop.sipp import Sipp, answer, keep, request, response, scenario, send

ROUTE = """
[[sip.route]]
name = "partner"
domains = ["partner.test"]
probe_s = 0

[[sip.route.target]]
host = "127.0.0.1"
port = {port}
transport = "udp"
"""

ALICE, BOB = "sip:alice@example.test", "sip:bob@example.test"
PRESENCE = "Event: presence"
PIDF = """\
<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.test">
<tuple id="t1"><status><basic>open</basic></status></tuple>
<dm:person id="p1"><rpid:activities><rpid:{activity}/></rpid:activities></dm:person>
</presence>
"""
LIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>
<entry uri="sip:alice@example.test"/><entry uri="sip:carol@example.test"/>
</list></resource-lists>
"""


def registering(user: str, expires_s: int) -> str:
    """A phone registers, when it is asked for its password, and again."""
    lines = "Supported: path, outbound", f"Expires: {expires_s}"
    own = f"sip:{user}@example.test"
    return scenario(
        send("REGISTER", "sip:example.test", *lines, user=user, to=own),
        response(401, "WWW-Authenticate: Digest", auth=True),
        send("REGISTER", "sip:example.test", *lines, "[authentication]", user=user, to=own),
        response(200, f"Contact: .*;expires={expires_s}") if expires_s else response(200),
    )


def watching(target: str, *told: str) -> str:
    """A phone subscribes, is told so many things, and unsubscribes."""
    steps = [
        send("SUBSCRIBE", target, PRESENCE, "Accept: application/pidf+xml", user="bob"),
        response(407, "Proxy-Authenticate: Digest", auth=True),
        send("SUBSCRIBE", target, PRESENCE, "Expires: 600", "[authentication]", user="bob"),
        response(200, "Expires: 600"),
    ]
    for text in told:
        notify = request("NOTIFY", "Subscription-State: active;expires=", text)
        steps += [notify, answer(200, "OK")]
    steps += [
        send("SUBSCRIBE", target, PRESENCE, "Expires: 0", user="bob", within=True),
        response(200, "Expires: 0"),
        request("NOTIFY", "Subscription-State: terminated;reason=timeout"),
        answer(200, "OK"),
    ]
    return scenario(*steps)


def looking() -> str:
    """A phone looks at who watches its user: nobody, then Bob, and Bob no more."""
    winfo = "Event: presence.winfo"
    steps = [
        send("SUBSCRIBE", ALICE, winfo, user="alice"),
        response(407, auth=True),
        send("SUBSCRIBE", ALICE, winfo, "Expires: 600", "[authentication]", user="alice"),
        response(200, "Expires: 600"),
    ]
    for version, state, *told in (
        (0, "full", 'package="presence"/>'),
        (1, "partial", 'status="active" event="subscribe"', ">sip:bob@example.test<"),
        (2, "partial", 'status="terminated" event="timeout"', ">sip:bob@example.test<"),
    ):
        document = f'version="{version}" state="{state}"'
        steps += [
            request("NOTIFY", "application/watcherinfo\\+xml", document, *told),
            answer(200, "OK"),
        ]
    return scenario(*steps)


def publishing(first: str, second: str) -> str:
    """A phone publishes, publishes again, is refused with the old tag, and takes it back."""
    kind = "Content-Type: application/pidf+xml"
    own = "[authentication]"

    def publish(*lines: str, activity: str = "") -> str:
        body = PIDF.format(activity=activity) if activity else ""
        more = (*lines, *([kind] if activity else []))
        return send("PUBLISH", ALICE, PRESENCE, *more, user="alice", body=body)

    return scenario(
        publish("Expires: 600", activity=first),
        response(407, auth=True),
        publish("Expires: 600", own, activity=first),
        keep(200, "SIP-ETag", "first"),
        publish("SIP-If-Match: [$first]", activity=second),
        response(407, auth=True),
        publish("SIP-If-Match: [$first]", own, activity=second),
        keep(200, "SIP-ETag", "second"),
        publish("SIP-If-Match: [$first]"),
        response(407, auth=True),
        publish("SIP-If-Match: [$first]", own),
        response(412),
        publish("SIP-If-Match: [$second]", "Expires: 0"),
        response(407, auth=True),
        publish("SIP-If-Match: [$second]", "Expires: 0", own),
        response(200),
    )


def server_of(person: str) -> str:
    """A server of another domain is subscribed to, says that somebody is in a call, and ends the
    subscription when it is asked to."""
    kind = "Content-Type: application/pidf+xml"
    tag = ";tag=[pid]SIPpTag[call_number]"
    accepted = answer(200, "OK", "Contact: <sip:[local_ip]:[local_port]>", "Expires: 600")
    accepted = accepted.replace("[last_To:]", f"[last_To:]{tag}")
    head = (
        "NOTIFY sip:presence@127.0.0.1 SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
        f"From: <{person}>{tag}\n"
        "To:[$from]\n"
        "Call-ID: [call_id]\n"
        "CSeq: 1 NOTIFY\n"
        "Contact: <sip:[local_ip]:[local_port]>\n"
        "Max-Forwards: 70\n"
        f"{PRESENCE}\nSubscription-State: active;expires=600\n{kind}\nContent-Length: [len]\n"
    )
    body = PIDF.format(activity="on-the-phone")
    return scenario(
        '<recv request="SUBSCRIBE"><action><ereg regexp=".*" search_in="hdr" header="From:" '
        'check_it="true" assign_to="from"/></action></recv>',
        accepted,
        f'<send retrans="500"><![CDATA[\n{head}\n{body}\n]]></send>',
        response(200),
        request("SUBSCRIBE", "Expires: 0"),
        answer(200, "OK", "Expires: 0"),
    )


class SippEventTests(TestCase):
    timeout = 300

    async def setUp(self) -> None:
        program("sipp", "sip-tester")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp", "tcp")
        await self.process.run_for(self)

    def sipp(self, transport: str) -> Sipp:
        return Sipp(Path(self.mktemp()), self.port, transport)

    async def test_registration(self) -> None:
        """Phones register over each transport, renew, and sign out; a wrong password is refused."""
        for transport in ("udp", "tcp"):
            sipp = self.sipp(transport)
            for expires_s in (600, 1_200, 0):
                await sipp.play(registering("alice", expires_s), "alice")
        wrong = scenario(
            send("REGISTER", "sip:example.test", user="alice", to=ALICE),
            response(401, auth=True),
            send("REGISTER", "sip:example.test", "[authentication]", user="alice", to=ALICE),
            response(401),
        )
        await self.sipp("udp").play(wrong, "alice", "-ap", "wrong")
        await self.process.logged("sip.signin_failed", reason="password")

    async def test_watching(self) -> None:
        """A phone watches somebody at an application, over each transport."""
        for number, (transport, name) in enumerate((("udp", "alice"), ("tcp", "carol"))):
            person = Phone(self.process.client(self), self.process.external, name)
            sipp = self.sipp(transport)
            script = watching(f"sip:{name}@example.test", ">closed<", ">open<", ":busy/>")
            watcher = sipp.start(script, "bob")
            self.addCleanup(watcher.stop)
            await self.process.logged_times(number * 4 + 1, "sip.sent", method="NOTIFY", status=200)
            await person.sign_in()
            busy = {"availability": "Busy"}
            await person.expect(204, "POST", person.links["presence"], json=busy)
            self.assertEqual(await watcher.end(), 0, sipp.complaints)

    async def test_privacy(self) -> None:
        """A phone that watches is told when the user lets it see nothing any more, and when it is
        let see again."""
        alice = Phone(self.process.client(self), self.process.external, "alice")
        await alice.sign_in()
        busy = {"availability": "Busy"}
        await alice.expect(204, "POST", alice.links["presence"], json=busy)
        sipp = self.sipp("udp")
        watcher = sipp.start(watching(ALICE, ":busy/>", ">closed<", ":busy/>"), "bob")
        self.addCleanup(watcher.stop)
        sent = self.process.logged_times
        await sent(1, "sip.sent", method="NOTIFY", status=200)
        level = f"{alice.links['application']}/people/bob@example.test/privacyRelationship"
        known = (await alice.expect(200, "GET", level)).document
        tag = {"If-Match": f'"{known.pop("etag")}"'}
        blocked = {**known, "relationshipLevel": "Blocked"}
        await alice.expect(200, "PUT", level, json=blocked, headers=tag)
        await sent(2, "sip.sent", method="NOTIFY", status=200)
        await alice.expect(204, "POST", f"{level}/resetContactPrivacyRelationship")
        self.assertEqual(await watcher.end(), 0, sipp.complaints)

    async def test_watchers(self) -> None:
        """A phone sees who watches its user, and that it does not any more."""
        owner = self.sipp("udp")
        looks = owner.start(looking(), "alice")
        self.addCleanup(looks.stop)
        await self.process.logged("sip.sent", method="NOTIFY", status=200)
        watcher = self.sipp("tcp")
        await watcher.play(watching(ALICE, ">closed<"), "bob")
        self.assertEqual(await looks.end(), 0, owner.complaints)

    async def test_publishing(self) -> None:
        """What a phone publishes is what others see, over each transport."""
        for transport in ("udp", "tcp"):
            await self.sipp(transport).play(publishing("away", "on-the-phone"), "alice")
        lines = await self.process.logged_times(16, "sip.request", method="PUBLISH")
        statuses = [line["status"] for line in lines]
        self.assertEqual(statuses, [407, 200, 407, 200, 407, 412, 407, 200] * 2)

    async def test_publishing_is_seen(self) -> None:
        """A UCWA client sees what the phone of its own user publishes."""
        alice = Phone(self.process.client(self), self.process.external, "alice")
        await alice.sign_in()
        publish = scenario(
            send("PUBLISH", ALICE, PRESENCE, user="alice"),
            response(407, auth=True),
            send(
                "PUBLISH",
                ALICE,
                PRESENCE,
                "Content-Type: application/pidf+xml",
                "[authentication]",
                user="alice",
                body=PIDF.format(activity="on-the-phone"),
            ),
            response(200, "SIP-ETag: "),
        )
        await self.sipp("tcp").play(publish, "alice")
        while True:
            seen = (await alice.expect(200, "GET", alice.links["presence"])).document
            if (seen["availability"], seen.get("activity")) == ("Busy", "on-the-phone"):
                break
            await deferLater(reactor, RETRY_S)

    async def test_list(self) -> None:
        """A phone watches a list that it sends along (RFC 5367), and hears of all in one NOTIFY."""
        lines = (
            PRESENCE,
            "Supported: eventlist",
            "Require: recipient-list-subscribe",
            "Content-Type: application/resource-lists+xml",
            "Accept: application/pidf+xml, application/rlmi+xml, multipart/related",
        )
        rls = "sip:rls@example.test"
        script = scenario(
            send("SUBSCRIBE", rls, *lines, user="bob", body=LIST),
            response(407, auth=True),
            send("SUBSCRIBE", rls, *lines, "[authentication]", user="bob", body=LIST),
            response(200, "Require: eventlist"),
            request(
                "NOTIFY",
                'multipart/related;type="application/rlmi\\+xml"',
                'fullState="true"',
                'resource uri="sip:alice@example.test"',
                'resource uri="sip:carol@example.test"',
            ),
            answer(200, "OK"),
        )
        await self.sipp("tcp").play(script, "bob")

    async def test_person_elsewhere(self) -> None:
        """A UCWA client sees whom the server of another domain says to be in a call."""
        eve, port = "sip:eve@partner.test", free_port()
        self.process.child.send(signal.SIGTERM)
        await self.process.child.end()
        with self.process.config.open("a") as config:
            config.write(ROUTE.format(port=port))
        self.process.start()
        await self.process.ready()
        sipp = self.sipp("udp")
        server = sipp.start(server_of(eve), "eve", "-p", str(port))
        self.addCleanup(server.stop)
        alice = Phone(self.process.client(self), self.process.external, "alice")
        await alice.sign_in()
        people = f"{alice.links['application']}/people"
        body = {"uris": [eve], "duration": 10}
        made = await alice.expect(201, "POST", f"{people}/presenceSubscriptions", json=body)
        where = f"{people}/eve@partner.test/presence"
        while True:
            seen = (await alice.expect(200, "GET", where)).document
            if (seen["availability"], seen.get("activity")) == ("Busy", "on-the-phone"):
                break
            await deferLater(reactor, RETRY_S)
        await alice.expect(204, "DELETE", made.document["_links"]["self"]["href"])
        self.assertEqual(await server.end(), 0, sipp.complaints)
