"""Everything that wakes a device, each by the road that it takes in life."""

import ssl
from pathlib import Path
from urllib.parse import quote

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mobility.demo import Person
from mobility.push_doubles.providers import APP
from mobility.push_doubles.web_push import WebMessage
from tests.interop.child import RETRY_S
from tests.interop.front_end_process import PASSWORD, FrontEndProcess, command
from tests.interop.push_house import PushHouse
from tests.interop.test_sip_calls import sdp
from tests.interop.test_sip_listeners import Caller
from tests.interop.test_voicemail import notify


class KindTests(TestCase):
    """Bob's browser has subscribed, and his application is gone without a word."""

    timeout = 300

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.house = PushHouse(self.process)
        await self.house.prepare(self, "webpush")
        self.house.start()
        self.process.start()
        self.addCleanup(self.process.kill)
        await self.process.ready()
        self.alice, self.bob = await self.application("alice"), await self.application("bob")
        self.browser = self.house.providers.web_push.subscribe()
        subscription = {
            "platform": "webpush",
            "appId": APP,
            "endpoint": self.browser.endpoint,
            "keys": {"p256dh": self.browser.p256dh, "auth": self.browser.auth},
        }
        await self.bob.create(self.bob.links["mobility:pushSubscriptions"], subscription)
        self.bob.go_away()

    async def application(self, user: str) -> Person:
        person = Person(self.process.client(self), reactor, f"{user}@example.test")
        await person.sign_in(await person.discover(self.process.external), PASSWORD)
        await person.create_application("interop test")
        person.listen()
        await person.make_available("Messaging", "Audio", "Video")
        self.addCleanup(person.sign_out)
        return person

    async def pushed(self, kind: str, topic: str = "") -> WebMessage:
        """Wait until the browser has decrypted a notification of this kind and topic."""
        while True:
            for message in self.browser.messages:
                if message.payload["kind"] == kind and topic in ("", message.headers["topic"]):
                    return message
            await deferLater(reactor, RETRY_S)

    async def test_kinds(self) -> None:
        """His browser shows a voicemail, rings for a call and a meeting, and is told when that
        rings no more.  When the clearing house has gone, a test names that hop."""
        await self.voicemail()
        await self.missed_call()
        await self.meeting()
        await self.house_gone()

    async def voicemail(self) -> None:
        """A voicemail system says by SIP that there is one."""

        def tell() -> bytes:
            context = ssl.create_default_context(cafile=str(self.process.ca))
            context.load_cert_chain(self.process.directory / "tls" / "peer.pem")
            caller = Caller(self.process.port(5089), context)
            try:
                return caller.ask(notify(1, 1, 0).replace(b"sip:alice@", b"sip:bob@"))
            finally:
                caller.close()

        answer = await deferToThread(tell)
        self.assertTrue(answer.startswith(b"SIP/2.0 200"), answer)
        await self.pushed("voicemail")

    async def missed_call(self) -> None:
        """Alice calls him and gives up: it rings, rings no more, and is missed."""
        offer = f"data:application/sdp;charset=utf-8,{quote(sdp())}"
        call = {"to": self.bob.uri, "_links": {"mediaOffer": {"href": offer}}}
        await self.alice.post("startAudio", call, expect=201)
        started = await self.alice.event("started", "audioVideoInvitation", direction="Outgoing")
        ringing = await self.pushed("call")
        links = started["_embedded"]["audioVideoInvitation"]["_links"]
        await self.alice.post_href(links["cancel"]["href"])
        await self.pushed("withdraw", ringing.headers["topic"])
        missed = await self.pushed("missedCall")
        self.assertIn("Alice", missed.payload["title"])

    async def meeting(self) -> None:
        """Alice invites him into her meeting; he comes back and declines."""
        await self.alice.post("startOnlineMeeting", {"subject": "Plans"}, expect=201)
        joined = await self.alice.event("completed", "onlineMeetingInvitation", state="Connected")
        links = joined["_embedded"]["onlineMeetingInvitation"]["_links"]
        conversation = await self.alice.get(links["conversation"]["href"])
        invitation = {"to": self.bob.uri, "operationId": "1"}
        await self.alice.create(conversation["_links"]["addParticipant"]["href"], invitation)
        ringing = await self.pushed("meeting")
        self.assertIn("Alice", ringing.payload["title"])
        self.assertEqual(ringing.headers["urgency"], "high")
        self.bob.listen()
        started = await self.bob.event("started", "onlineMeetingInvitation", direction="Incoming")
        links = started["_embedded"]["onlineMeetingInvitation"]["_links"]
        await self.bob.post_href(links["decline"]["href"])
        await self.pushed("withdraw", ringing.headers["topic"])

    async def house_gone(self) -> None:
        """The operator sends a test, and asks why it does not arrive."""
        await self.house.kill()
        config = ("--config", str(self.process.config))
        while True:
            test = ("push", "send-test", self.bob.uri, "--wait", "2", *config)
            done = await deferToThread(command, *test)
            self.assertEqual(done.returncode, 1, done.stdout)
            if "clearing house: not yet: ConnectionRefusedError" in done.stdout:
                break
        self.assertIn("mobility check push", done.stdout)
        done = await deferToThread(command, "check", "push", *config)
        self.assertIn("push.unreachable", done.stdout)
