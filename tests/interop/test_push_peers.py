"""Senders and a push service that others have written, against our clearing house and doubles."""

import json
import os
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.protocols.portforward import ProxyFactory
from twisted.trial.unittest import TestCase

from mobility.push.wire import Device
from mobility.push_doubles.fcm import fault
from mobility.push_doubles.listening import ServerTls, listen
from mobility.push_doubles.providers import APP, SUBJECT, Providers
from tests.clearing_house.running import RunningCase, push
from tests.clearing_house.sender import Sender
from tests.interop.child import RETRY_S, Child, cannot_run, free_port, program, run

ROOT = Path(__file__).parents[2]
SERVICE = "web-push-testing"


class SenderCase(TestCase):
    """Doubles that a program of somebody else sends to."""

    timeout = 240

    async def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(parents=True)
        self.providers = Providers(self.directory, reactor)
        await self.providers.start()
        self.addCleanup(self.providers.stop)
        self.providers.write_config("fe.example.test", federation_port=0, operator_port=0)

    async def send(self, module: str, told: dict[str, Any]) -> list[Any]:
        """What `python -m tests.interop.MODULE` prints of what it is told."""
        sender = Sender(json.dumps(told).encode())
        command = [sys.executable, "-m", f"tests.interop.{module}"]
        environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(self.directory / "ca.pem")}
        reactor.spawnProcess(  # type: ignore[attr-defined]
            sender, command[0], command, env=environment, path=str(ROOT)
        )
        found: list[Any] = json.loads(await sender.ended)
        return found


class GoogleTests(SenderCase):
    """The double of FCM, as Google's SDK finds it."""

    if find_spec("firebase_admin") is None:
        skip = "needs firebase-admin: pip install 'mobility[test]'"

    async def sent(self, *messages: dict[str, Any]) -> list[Any]:
        told = {
            "url": self.providers.fcm.url,
            "account": str(self.directory / "fcm.json"),
            "messages": [{"ttl": 60, **one} for one in messages],
        }
        return await self.send("google_client", told)

    async def test_taken(self) -> None:
        """What the SDK sends with its own access token is taken, and arrives as it was sent."""
        (name,) = await self.sent({"token": "t1", "data": {"id": "7", "kind": "message"}})
        self.assertTrue(name.startswith("projects/mobility-example/messages/"), name)
        (received,) = self.providers.fcm.received
        self.assertEqual((received.token, received.id), ("t1", "7"))
        android = {"collapse_key": "wake", "priority": "high", "ttl": "60s"}
        self.assertEqual(received.message["android"], android)
        self.assertEqual(self.providers.fcm.tokens_given, 1)

    async def test_refused(self) -> None:
        """The SDK understands each way in which the double refuses as FCM does."""
        refusals = {
            "UnregisteredError": fault(404, "UNREGISTERED"),
            "SenderIdMismatchError": fault(403, "SENDER_ID_MISMATCH"),
            "QuotaExceededError": fault(429, "QUOTA_EXCEEDED"),
            "ThirdPartyAuthError": fault(401, "THIRD_PARTY_AUTH_ERROR"),
            "InvalidArgumentError": fault(400, "INVALID_ARGUMENT"),
        }
        self.providers.fcm.decide = lambda one: refusals[one.token]
        messages = [{"token": name, "data": {}} for name in refusals]
        reserved = {"token": "t", "data": {"google.x": "1"}}
        self.assertEqual(await self.sent(*messages, reserved), [*refusals, "InvalidArgumentError"])


class WebPushSenderTests(SenderCase):
    """The double of a push service, as pywebpush finds it."""

    if find_spec("pywebpush") is None:
        skip = "needs pywebpush: pip install 'mobility[test]'"

    async def test_sent(self) -> None:
        """What pywebpush encrypts and signs is taken and read; it is told of a subscription that
        is gone and of a key that is another's."""
        here, gone = (self.providers.web_push.subscribe() for _ in range(2))
        gone.gone = True
        text = json.dumps({"id": "7", "title": "Grüße 👋"})
        pushes = [
            {
                "subscription": {
                    "endpoint": one.endpoint,
                    "keys": {"p256dh": one.p256dh, "auth": one.auth},
                },
                "text": text,
            }
            for one in (here, gone)
        ]
        told = {"key": str(self.directory / "vapid.pem"), "subject": SUBJECT, "pushes": pushes}
        self.assertEqual(await self.send("web_push_client", told), [201, 410])
        self.assertEqual([one.text for one in here.messages], [text])
        told["key"] = str(self.directory / "apns.p8")
        self.assertEqual(await self.send("web_push_client", told), [403, 410])

    def test_vapid(self) -> None:
        """py-vapid verifies the token of our clearing house, and not one that was changed."""
        from py_vapid import Vapid02

        field = self.providers.vapid.authorization("https://push.example/abc", time.time())
        self.assertTrue(Vapid02.verify(field))
        token, _, key = field.partition(",k=")
        other = "A" if token[-2] != "A" else "B"
        self.assertFalse(Vapid02.verify(f"{token[:-2]}{other}{token[-1]},k={key}"))


class WebPushServiceTests(RunningCase):
    """A push service of others (npm's web-push-testing), which the clearing house sends to.

    It checks the VAPID token and decrypts what it gets with libraries of its own.  It speaks plain
    HTTP, so that TLS stands before it here.
    """

    async def start_service(self) -> None:
        """Start it; `self.post` asks it."""
        node = program("node", "nodejs")
        found = await run([node, "-e", f"console.log(require.resolve('{SERVICE}/src/server.js'))"])
        if found.status:
            cannot_run(
                f"{SERVICE} is missing: npm install --prefix DIR {SERVICE}@1.2.2,"
                " and NODE_PATH=DIR/node_modules in the environment"
            )
        server = Path(found.out.strip()).parent / "bin" / "server.js"
        self.port = free_port()
        child = Child([node, str(server), str(self.port)], self.directory)
        self.addCleanup(lambda: Deferred.fromCoroutine(child.stop(signal.SIGKILL)))
        while b"running" not in child.out:
            if child.status is not None:
                self.fail(child.err.decode())
            await deferLater(reactor, RETRY_S)
        tls = ServerTls(self.providers._identity, b"http/1.1")
        front = await listen(reactor, ProxyFactory("127.0.0.1", self.port), tls, 0)
        self.addCleanup(front.stopListening)
        self.front_port = front.getHost().port

    async def ask(self, path: str, body: dict[str, str]) -> Any:
        answer = await treq.post(f"http://127.0.0.1:{self.port}{path}", json=body, persistent=False)
        self.assertEqual(answer.code, 200, await answer.text())
        return (await answer.json())["data"]

    async def subscribe(self, key: str) -> tuple[Device, str]:
        """A subscription restricted to a VAPID key; the device, and how the service calls it."""
        made = await self.ask(
            "/subscribe", {"userVisibleOnly": "true", "applicationServerKey": key}
        )
        endpoint = f"https://localhost:{self.front_port}/notify/{made['clientHash']}"
        keys = made["keys"]
        device = Device("webpush", APP, endpoint=endpoint, p256dh=keys["p256dh"], auth=keys["auth"])
        return device, made["clientHash"]

    async def test_sent(self) -> None:
        """It reads what the clearing house has encrypted, takes its VAPID token and no other's,
        and a subscription that has expired there is dead here."""
        await self.start_service()
        device, name = await self.subscribe(self.providers.vapid.public_key)
        sent = push(device, title="Alice", body="Grüße 👋 " + "x" * 3_800)
        verdict = await self.fate(sent)
        self.assertEqual((verdict.outcome, verdict.status), ("delivered", "201"))
        (message,) = (await self.ask("/get-notifications", {"clientHash": name}))["messages"]
        told = json.loads(message)
        self.assertEqual((told["id"], told["title"]), (sent.id, "Alice"))
        self.assertTrue(sent.body.startswith(told["body"]))
        self.assertGreater(len(told["body"]), 3_500)
        other = self.providers.web_push  # whatever its key, it is not the clearing house's
        stranger, _ = await self.subscribe(other.subscribe().p256dh)
        self.assertEqual((await self.fate(push(stranger))).outcome, "failed")
        await treq.post(
            f"http://127.0.0.1:{self.port}/expire-subscription/{name}", persistent=False
        )
        verdict = await self.fate(push(device))
        self.assertEqual((verdict.outcome, verdict.status), ("dead", "410"))
