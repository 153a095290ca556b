"""`mobility demo --scene push`: bob's browser is gone, and a notification brings him back.

The clearing house is one of our own, and the push service a double that checks and decrypts what it
gets as a browser would.  With `--scene edge` the front end reaches the clearing house by SIP alone.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from mobility.demo import STEP_TIMEOUT_S, DemoFailed, Person, Script, Setting
from mobility.operate.ports import free_offset
from mobility.push_doubles.providers import APP, Providers
from mobility.push_doubles.web_push import WebMessage

ORGANISATION = "fe.example.test"
FEDERATION_PORT, OPERATOR_PORT, SIP_PORT = 7443, 7444, 7461
"""Before the offset."""

LOOK_S = 0.05

TWISTD = "from twisted.scripts.twistd import run; run()"

PUSH = """
[push]
clearing_house = "https://localhost:{port}"
certificate = "push/{name}.pem"
key = "push/{name}.key"
ca = "push/ca.pem"
content = "text"
"""

EDGE_DOMAIN = "push.example.test"
SIP_HOUSE = f"""
[sip]
endpoint = "tcp:{{port}}:interface=127.0.0.1"
domain = "{EDGE_DOMAIN}"
"""
SIP_PUSH = f"""
[topology.edge]
name = "edge.example.test"
allowed_domains = ["{EDGE_DOMAIN}"]

[[sip.route]]
name = "push"
domains = ["{EDGE_DOMAIN}"]
probe_s = 0.0

[[sip.route.target]]
host = "localhost"
port = {{port}}

[push]
transport = "sip"
clearing_house = "sip:push@{EDGE_DOMAIN}"
content = "text"
"""
DEVELOPMENT_CA = 'peer_ca = "tls/ca.pem"'
SIP_IDENTITY = f"""peer_ca = "push/ca.pem"
peer_certificate = "push/{ORGANISATION}.pem"
peer_key = "push/{ORGANISATION}.key" """


class _House(ProcessProtocol):
    """The clearing house as a child; its log goes to a file."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self.ended: Deferred[None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self._log.write(data)

    def errReceived(self, data: bytes) -> None:
        self._log.write(data)

    def processEnded(self, reason: Failure) -> None:  # noqa: ARG002  # how it ended is in the log
        self._log.close()
        self.ended.callback(None)


class PushSetting:
    """Doubles of the push providers, and a clearing house that knows the front end."""

    def __init__(self, directory: Path, reactor: Any) -> None:
        self._directory = directory
        self._reactor = reactor
        place = directory / "push"
        place.mkdir()
        self.providers = Providers(place, reactor)
        self._house = _House(directory / "clearing-house.log")
        self._held = ExitStack()
        """The ports of the clearing house."""

    async def begin(self) -> None:
        """Start them, allow browsers to be woken, and tell the front end of the clearing house."""
        await self.providers.start()
        ports = (FEDERATION_PORT, OPERATOR_PORT, SIP_PORT)
        offset = self._held.enter_context(free_offset(ports))
        house = self.providers.write_config(
            ORGANISATION,
            federation_port=FEDERATION_PORT + offset,
            operator_port=OPERATOR_PORT + offset,
            more=self._house_more(offset),
        )
        config = self._directory / "mobility.toml"
        text = self._configured(config.read_text(encoding="utf-8"), offset)
        config.write_text(text, encoding="utf-8")
        await self._run("-m", "mobility.cli", "push", "enable", "webpush", "--config", str(config))
        command = ["-c", TWISTD, "-n", "--pidfile=", "mobility-push", "--config", str(house)]
        self._reactor.spawnProcess(
            self._house, sys.executable, [sys.executable, *command], env=None
        )

    def _house_more(self, offset: int) -> str:  # noqa: ARG002  # for those that need more
        return ""

    def _configured(self, text: str, offset: int) -> str:
        return text + PUSH.format(port=FEDERATION_PORT + offset, name=ORGANISATION)

    async def end(self) -> None:
        """Stop them."""
        transport = cast(Any, self._house.transport)
        if transport is not None and not self._house.ended.called:
            transport.signalProcess("TERM")
            await self._house.ended
        self._held.close()
        await self.providers.stop()

    async def _run(self, *arguments: str) -> None:
        """A command of our own.  Raises DemoFailed."""
        child = _House(self._directory / "commands-of-the-scene.log")
        self._reactor.spawnProcess(child, sys.executable, [sys.executable, *arguments], env=None)
        await child.ended


class EdgeSetting(PushSetting):
    """The same, where nothing but SIP federation leaves the network of the front end."""

    def _house_more(self, offset: int) -> str:
        return SIP_HOUSE.format(port=SIP_PORT + offset)

    def _configured(self, text: str, offset: int) -> str:
        own = text.replace(DEVELOPMENT_CA, SIP_IDENTITY)
        return own + SIP_PUSH.format(port=SIP_PORT + offset)


class PushScript(Script):
    """Bob's browser is closed by its system; alice writes, a notification reaches his device, and
    bob comes back and reads.

    Each step is said with the time it took.
    """

    setting = PushSetting
    way = "the front end waits whether he fetches them, then asks its clearing house"

    def stand(self, directory: Path, port_offset: int, setting: Setting | None) -> None:  # noqa: ARG002
        if not isinstance(setting, PushSetting):
            raise DemoFailed("the scene needs its clearing house")
        self._device = setting.providers.web_push.subscribe()

    async def run(self, sip_domain: str) -> None:
        """Play it.  Raises `DemoFailed` at the first step that goes wrong."""
        alice = Person(self._http, self._clock, f"alice@{sip_domain}")
        bob = Person(self._http, self._clock, f"bob@{sip_domain}")
        for person in (alice, bob):
            token_url = await person.discover(self._root_url)
            await person.sign_in(token_url, self._password)
            await person.create_application("mobility demo")
            person.listen()
            await self._step(f"{person.address} signs in", person.make_available())
        await self._step("bob's browser subscribes to push notifications", self._subscribe(bob))
        write, own = await self._step("alice and bob talk", self._talk(alice, bob))
        bob.go_away()
        self._say("             bob's application goes away without a word")
        for text in ("Are you there?", "Lunch is at noon."):
            await self._step(f'alice writes "{text}"', alice.post_text(write, text))
        self._say(f"             {self.way}")
        first = await self._step("a notification reaches bob's device", self._told("message", 2))
        self._show(first, "one for both messages")
        told = self._device.messages
        if len({one.id for one in told if one.payload["kind"] == "message"}) != 1:
            raise DemoFailed("each message is a notification of its own")
        bob.listen()
        await self._step("bob comes back and reads", self._read(bob, own))
        last = await self._step("the badge clears", self._told("badge", 0))
        self._show(last, "silent, in the place of the first")
        if last.headers["topic"] != first.headers["topic"]:
            raise DemoFailed("the silent notification does not take the place of the other")
        await self._step("alice signs out", alice.sign_out())
        bob.go_away()

    async def _subscribe(self, person: Person) -> None:
        body = {
            "platform": "webpush",
            "appId": APP,
            "endpoint": self._device.endpoint,
            "keys": {"p256dh": self._device.p256dh, "auth": self._device.auth},
        }
        await person.create(person.links["mobility:pushSubscriptions"], body)

    async def _talk(self, caller: Person, callee: Person) -> tuple[str, str]:
        """Where the caller writes, and the conversation as the callee sees it."""
        body = {"to": callee.uri, "subject": "Lunch", "operationId": "demo-1"}
        await caller.post("startMessaging", body, expect=201)
        ringing = await callee.event("started", "messagingInvitation", direction="Incoming")
        links = ringing["_embedded"]["messagingInvitation"]["_links"]
        await callee.post_href(links["accept"]["href"])
        event = await caller.event("updated", "messaging", state="Connected")
        await callee.event("updated", "messaging", state="Connected")
        write = event["_embedded"]["messaging"]["_links"]["sendMessage"]["href"]
        return write, links["conversation"]["href"]

    async def _told(self, kind: str, badge: int) -> WebMessage:
        """The first notification of a kind with a badge, as the device has decrypted it."""
        deadline = self._clock.seconds() + STEP_TIMEOUT_S
        while self._clock.seconds() < deadline:
            for message in self._device.messages:
                told = message.payload
                if (told["kind"], told.get("badge")) == (kind, badge):
                    return message
            await deferLater(self._clock, LOOK_S)
        raise DemoFailed(f"no {kind} with badge {badge}: {len(self._device.messages)} came")

    async def _read(self, person: Person, conversation: str) -> None:
        event = await person.event("completed", "message", direction="Incoming")
        await person.event("completed", "message", direction="Incoming")
        if not event["link"]["href"].startswith(conversation):
            raise DemoFailed("the message is of another conversation")
        unread = person.links["mobility:unread"]
        await person.mark(unread, conversation)

    def _show(self, message: WebMessage, what: str) -> None:
        told = message.payload
        text = f'it reads "{told["title"]}: {told["body"]}"' if told.get("title") else "no text"
        self._say(f"             {what}: {text}, badge {told['badge']}")
        self._say(
            f"             it came as {len(message.body)} bytes that only the device can read,"
            f" under the topic {message.headers['topic']}"
        )


class EdgeScript(PushScript):
    """The same through an Access Edge: the front end and the clearing house speak SIP MESSAGE."""

    setting = EdgeSetting
    way = f"the front end waits whether he fetches them, then asks sip:push@{EDGE_DOMAIN}"
