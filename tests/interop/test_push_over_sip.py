"""A front end and a clearing house that speak SIP to each other, each a process of its own."""

import json
import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.push_doubles.providers import APP, Providers
from tests.interop.child import RETRY_S, Child, free_port
from tests.interop.correspondent import Correspondent
from tests.interop.front_end_process import TWISTD, FrontEndProcess, command

ORGANISATION = "fe.example.test"
DOMAIN = "push.example.test"
HOUSE = f"""
[sip]
endpoint = "tcp:{{port}}:interface=127.0.0.1"
domain = "{DOMAIN}"
"""
PUSH = f"""
[push]
transport = "sip"
clearing_house = "sip:push@{DOMAIN}"
content = "text"
grace_s = 0.5
retry_base_s = 0.2
retry_max_s = 2.0

[topology.edge]
name = "edge.example.test"
allowed_domains = ["{DOMAIN}"]

[[sip.route]]
name = "push"
domains = ["{DOMAIN}"]
probe_s = 0.0

[[sip.route.target]]
host = "localhost"
port = {{port}}
"""
CERTIFICATES = f"""peer_ca = "push/ca.pem"
peer_certificate = "push/{ORGANISATION}.pem"
peer_key = "push/{ORGANISATION}.key" """


class PushOverSipTests(TestCase):
    """The route of the clearing house's domain leads there without an Edge between."""

    timeout = 600

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        place = self.process.directory / "push"
        place.mkdir()
        self.providers = Providers(place, reactor)
        await self.providers.start()
        self.addCleanup(self.providers.stop)
        self.port = free_port()
        self.house_config = self.providers.write_config(
            ORGANISATION,
            federation_port=free_port(),
            operator_port=free_port(),
            more=HOUSE.format(port=self.port),
        )
        self.config = self.process.config
        text = self.config.read_text() + PUSH.format(port=self.port)
        self.config.write_text(text)
        self.process.configure('peer_ca = "tls/ca.pem"', CERTIFICATES)
        status, printed = self.run_command("push", "enable", "webpush")
        self.assertEqual(status, 0, printed)

    def run_command(self, *arguments: str) -> tuple[int, str]:
        done = command(*arguments, "--config", str(self.config))
        return done.returncode, done.stdout + done.stderr

    def checked(self) -> list[str]:
        """What `mobility check push` finds."""
        _, printed = self.run_command("check", "push", "--json")
        return [one["id"] for one in json.loads(printed)["findings"]]

    def start_house(self) -> None:
        arguments = [*TWISTD, "-n", "--pidfile=", "mobility-push", "--config"]
        self.house = Child([*arguments, str(self.house_config)], self.process.directory)

    async def test_message(self) -> None:
        """Alice's message to a phone that sleeps goes through the Edge's way to the clearing
        house and its provider, and what became of it comes back; while the clearing house is
        down it waits."""
        self.start_house()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.house.stop(signal.SIGKILL)))
        self.process.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.process.kill()))
        await self.process.ready()
        http = self.process.client(self)
        alice, bob = (Correspondent(http, self.process.external, name) for name in ("alice", "bob"))
        for person in (alice, bob):
            await person.sign_in()
        phone = self.providers.web_push.subscribe()
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
        self.assertEqual(self.checked(), [])
        await self.house.stop(signal.SIGKILL)
        await alice.send("later")
        await self.process.logged("push.house_failed")
        self.assertEqual(self.checked(), ["push.unreachable"])
        self.start_house()
        await shown("later")
        texts = [one.payload["body"] for one in phone.messages if one.payload["kind"] == "message"]
        self.assertEqual(sorted(set(texts)), ["later", "through the Edge"])
        await self.house.stop(signal.SIGTERM)

    async def test_not_allowed(self) -> None:
        """A domain that is not allowed is refused where the operator looks, hop by hop."""
        self.process.configure(
            f'allowed_domains = ["{DOMAIN}"]', 'allowed_domains = ["example.com"]'
        )
        self.assertEqual(self.checked(), ["push.not-federated"])
