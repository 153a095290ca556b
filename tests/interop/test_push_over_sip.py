"""A front end and a clearing house that speak SIP to each other, each a process of its own."""

import json
import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mobility.demo_push import EDGE_DOMAIN
from mobility.push_doubles.providers import APP
from tests.interop.child import RETRY_S
from tests.interop.correspondent import Correspondent
from tests.interop.front_end_process import FrontEndProcess, command
from tests.interop.push_house import PushHouseOverSip


class PushOverSipTests(TestCase):
    """The route of the clearing house's domain leads there without an Edge between."""

    timeout = 600

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.house = PushHouseOverSip(self.process)
        await self.house.prepare(self, "webpush")

    async def checked(self) -> list[str]:
        """What `mobility check push` finds, while the providers' doubles here go on."""
        config = ("--config", str(self.process.config))
        done = await deferToThread(command, "check", "push", "--json", *config)
        return [one["id"] for one in json.loads(done.stdout)["findings"]]

    async def test_message(self) -> None:
        """Alice's message to a phone that sleeps goes through the Edge's way to the clearing
        house and its provider, and what became of it comes back; while the clearing house is
        down it waits."""
        self.house.start()
        self.process.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.process.kill()))
        await self.process.ready()
        http = self.process.client(self)
        alice, bob = (Correspondent(http, self.process.external, name) for name in ("alice", "bob"))
        for person in (alice, bob):
            await person.sign_in()
        phone = self.house.providers.web_push.subscribe()
        subscription = {
            "platform": "webpush",
            "appId": APP,
            "endpoint": phone.endpoint,
            "keys": {"p256dh": phone.p256dh, "auth": phone.auth},
            "collapse": "none",
        }
        await bob.expect(201, "POST", bob.links["mobility:pushSubscriptions"], json=subscription)
        listening = [Deferred.fromCoroutine(person.listen()) for person in (alice, bob)]
        await alice.meet(bob)
        for one in listening:
            one.addErrback(lambda _: None)
            one.cancel()

        async def shown(text: str) -> None:
            while text not in [one.payload.get("body") for one in phone.messages]:
                await deferLater(reactor, RETRY_S)

        await alice.send("through the Edge")
        await shown("through the Edge")
        await self.process.logged("push.sent")
        self.assertEqual(await self.checked(), [])
        await self.house.kill()
        await alice.send("later")
        await self.process.logged("push.house_failed")
        self.assertEqual(await self.checked(), ["push.unreachable"])
        self.house.start()
        await shown("later")
        texts = [one.payload["body"] for one in phone.messages if one.payload["kind"] == "message"]
        self.assertEqual(sorted(set(texts)), ["later", "through the Edge"])
        await self.house.kill(signal.SIGTERM)

    async def test_not_allowed(self) -> None:
        """A domain that is not allowed is refused where the operator looks, hop by hop."""
        self.process.configure(
            f'allowed_domains = ["{EDGE_DOMAIN}"]', 'allowed_domains = ["example.com"]'
        )
        self.assertEqual(await self.checked(), ["push.not-federated"])
