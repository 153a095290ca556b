"""SIPp's scripted phones and servers write: in sessions, and as a trunk that asks who we are."""

from pathlib import Path
from urllib.parse import unquote_plus

from twisted.trial.unittest import TestCase

from mobility.demo import Person
from tests.interop.child import Child, free_port, program
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.sipp import Sipp, answer, request, response, scenario, send
from tests.interop.test_sipp_calls import BOB, TYPE, failure_ack

TRUNK = """
[[sip.account]]
name = "trunk"
username = "bob-co"
secret_file = "trunk.secret"

[[sip.route]]
name = "trunk"
domains = ["trunk.test"]
probe_s = 0
account = "trunk"

[[sip.route.target]]
host = "127.0.0.1"
port = {port}
transport = "udp"
"""

SECRET = "sesame open"

OFFER = """\
v=0
o=- 0 0 IN IP[local_ip_type] [local_ip]
s=session
c=IN IP[local_ip_type] [local_ip]
t=0 0
m=message 5060 sip null
a=accept-types:text/plain
"""

FIRST = "Ms-Text-Format: text/plain; charset=UTF-8;ms-body=SGVsbG8gQm9i"
TEXT = "Content-Type: text/plain;charset=UTF-8"

WRITES = scenario(
    send("INVITE", BOB, TYPE, FIRST, user="alice", body=OFFER),
    response(100, optional=True),
    response(407, auth=True),
    failure_ack().replace("{back}", "3"),
    send("INVITE", BOB, TYPE, FIRST, "[authentication]", user="alice", body=OFFER),
    response(100, optional=True),
    response(180),
    response(200, "m=message 5060 sip null", "ms-text-format"),
    send("ACK", BOB, user="alice", within=True),
    send("MESSAGE", BOB, TEXT, user="alice", within=True, body="And more"),
    response(200),
    request("MESSAGE", "Hello yourself"),
    answer(200, "OK"),
    request("BYE"),
    answer(200, "OK"),
)

CHALLENGE = 'WWW-Authenticate: Digest realm="trunk", nonce="7b3c", qop="auth", algorithm=MD5'

ASKS = scenario(
    request("MESSAGE"),
    answer(401, "Unauthorized", CHALLENGE),
    '<recv request="MESSAGE"><action><verifyauth assign_to="good" username="bob-co" '
    f'password="{SECRET}"/></action></recv>',
    '<nop test="good" next="1"/>',
    answer(403, "Forbidden"),
    '<nop next="2"/>',
    '<label id="1"/>',
    answer(200, "OK"),
    '<label id="2"/>',
)


class SippMessageTests(TestCase):
    timeout = 400

    async def setUp(self) -> None:
        program("sipp", "sip-tester")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp")
        self.trunk = free_port()
        with self.process.config.open("a") as config:
            config.write(TRUNK.format(port=self.trunk))
        secret = self.process.directory / "trunk.secret"
        secret.touch(0o600)
        secret.write_text(f"{SECRET}\n")
        await self.process.run_for(self)
        self.bob = await self.person("bob")
        self.sipp = Sipp(Path(self.mktemp()), self.port)

    async def person(self, user: str) -> Person:
        return await self.process.sign_in(self, user, "Messaging", "Audio")

    def plays(self, script: str, *options: str) -> Child:
        child = self.sipp.start(script, "alice", *options)
        self.addCleanup(child.stop)
        return child

    async def test_session(self) -> None:
        """A phone begins a session with an application; both write within it, until the
        application leaves."""
        alice = self.plays(WRITES)
        event = await self.bob.event("started", "messagingInvitation", direction="Incoming")
        links = event["_embedded"]["messagingInvitation"]["_links"]
        text = unquote_plus(links["message"]["href"].partition(",")[2])
        self.assertEqual(text, "Hello Bob")
        await self.bob.post_href(links["accept"]["href"])
        connected = await self.bob.event("updated", "messaging", state="Connected")
        for wanted in ("Hello Bob", "And more"):
            event = await self.bob.event("completed", "message", direction="Incoming")
            href = event["_embedded"]["message"]["_links"]["plainMessage"]["href"]
            self.assertEqual(unquote_plus(href.partition(",")[2]).strip(), wanted)
        links = connected["_embedded"]["messaging"]["_links"]
        await self.bob.post_text(links["sendMessage"]["href"], "Hello yourself")
        await self.bob.event("completed", "message", direction="Outgoing")
        event = await self.bob.event("added", "conversation")
        await self.bob.remove(event["link"]["href"])
        self.assertEqual(await alice.end(), 0, self.sipp.complaints)
        self.assertEqual(self.process.events("sip.failed"), [])

    async def test_trunk(self) -> None:
        """A server that asks who we are is told, and takes the message."""
        trunk = self.plays(ASKS, "-p", str(self.trunk))
        body = {
            "to": "sip:pat@trunk.test",
            "operationId": "1",
            "_links": {"message": {"href": "data:text/plain;charset=utf-8,Hello"}},
        }
        await self.bob.post("startMessaging", body, expect=201)
        await self.bob.event("completed", "messagingInvitation", state="Connected")
        self.assertEqual(await trunk.end(), 0, self.sipp.complaints)
        self.assertEqual(self.process.events("sip.credentials_refused"), [])
