"""`mobility demo --scene sip`: a real SIP phone and a UCWA application, a message and calls.

The phone is baresip (Debian's package baresip-core), operated over its control port.
"""

import json
import shutil
import socket
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.protocols.basic import NetstringReceiver
from twisted.python.failure import Failure

from mobility.demo import STEP_TIMEOUT_S, DemoFailed, Person, Script, Setting, text_of

MODULES = Path("/usr/lib/baresip/modules")
"""Where Debian has baresip's."""

LISTENER = """
[[sip.listen]]
name = "phones"
transport = "tcp"
endpoint = "tcp:{port}:interface=127.0.0.1"
digest = ["MD5"]               # baresip knows no other
"""
SIP_PORT = 5060

PHONE = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
module_path {modules}
module g711.so
module aubridge.so
module account.so
module contact.so
module menu.so
module stdio.so
module ctrl_tcp.so
audio_source aubridge,ear
audio_player aubridge,ear
audio_alert aubridge,alert
ctrl_tcp_listen 127.0.0.1:{control}
"""
"""An ear that hears what its mouth says: there is no sound card in a demonstration."""

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
"""What the application says of its media; nothing listens there."""

LOOK_S = 0.05
"""How often something that the phone does is looked for."""


class _Control(NetstringReceiver):
    """The phone's front panel; `events` are what it tells."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def stringReceived(self, string: bytes) -> None:
        told = json.loads(string)
        if told.get("event"):
            self.events.append(told["type"])

    def order(self, command: str, params: str = "") -> None:
        order = json.dumps({"command": command, "params": params}).encode()
        self.sendString(order)  # type: ignore[no-untyped-call]  # Twisted's


class SipPhone(ProcessProtocol):
    """Baresip, registered as a user's phone."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._said = b""
        self._ended: Deferred[None] = Deferred()
        self._control = _Control()

    async def start(self, directory: Path, address: str, password: str, port: int) -> None:
        """Start it, for the front end's SIP listener at `port`, and wait until it is registered.

        Raises DemoFailed.
        """
        program = shutil.which("baresip")
        if program is None or not MODULES.is_dir():
            raise DemoFailed("this scene needs baresip: apt-get install baresip-core")
        directory.mkdir()
        sip, control = _free_port(), _free_port()
        text = PHONE.format(sip=sip, control=control, modules=MODULES)
        (directory / "config").write_text(text)
        domain = address.partition("@")[2]
        (directory / "contacts").write_text(f'"Alice" <sip:alice@{domain}>\n')
        (directory / "accounts").write_text(
            f'<sip:{address};transport=tcp>;auth_pass="{password}";regint=600;'
            f'outbound="sip:127.0.0.1:{port};transport=tcp"\n'
        )
        arguments = [program, "-f", str(directory)]
        cast(IReactorProcess, self._reactor).spawnProcess(self, program, arguments, env=None)
        await self.says("200 OK")
        endpoint = TCP4ClientEndpoint(self._reactor, "127.0.0.1", control)
        await connectProtocol(endpoint, self._control)  # type: ignore[no-untyped-call]  # Twisted's

    def outReceived(self, data: bytes) -> None:
        self._said += data

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:  # noqa: ARG002  # it is asked to end
        self._ended.callback(None)

    async def says(self, text: str) -> None:
        """Wait until it has printed a text.  Raises DemoFailed."""
        await self._wait(lambda: text.encode() in self._said, f"print {text!r}")

    async def tells(self, event: str) -> None:
        """Wait for an event.  Raises DemoFailed."""
        await self._wait(lambda: event in self._control.events, f"tell of {event}")
        self._control.events.remove(event)

    def order(self, command: str, params: str = "") -> None:
        """Press its buttons."""
        self._control.order(command, params)

    async def stop(self) -> None:
        """End it, if it runs."""
        if self.transport is None or self._ended.called:
            return
        if self._control.transport is not None:
            self._control.transport.loseConnection()
        self.transport.signalProcess("TERM")
        await self._ended

    async def _wait(self, done: Any, what: str) -> None:
        deadline = self._reactor.seconds() + STEP_TIMEOUT_S
        while not done():
            if self._ended.called or self._reactor.seconds() > deadline:
                raise DemoFailed(f"the phone did not {what}")
            await deferLater(self._reactor, LOOK_S)


class SipScript(Script):
    """Alice has a UCWA application, Bob a SIP phone: they write to and call one another.

    Each step is said with the time it took.
    """

    configuration = LISTENER

    def stand(self, directory: Path, port_offset: int, setting: Setting | None) -> None:  # noqa: ARG002
        self._phone = SipPhone(self._clock)
        self._directory = directory
        self._port = SIP_PORT + port_offset

    async def run(self, sip_domain: str) -> None:
        """Play it.  Raises `DemoFailed` at the first step that goes wrong."""
        try:
            await self._play(sip_domain)
        finally:
            await self._phone.stop()

    async def _play(self, sip_domain: str) -> None:
        alice = Person(self._http, self._clock, f"alice@{sip_domain}")
        bob = f"bob@{sip_domain}"
        await self._step("alice signs in", self._sign_in(alice))
        directory = self._directory / "phone"
        start = self._phone.start(directory, bob, self._password, self._port)
        await self._step("bob's phone (baresip) registers", start)
        await self._step(
            "alice writes to bob, and reads what his phone answers", self._write(alice, bob)
        )
        await self._step("bob's phone calls alice, who answers", self._is_called(alice))
        await self._step("bob's phone hangs up", self._hung_up(alice))
        href = await self._step("alice calls bob, whose phone answers", self._call(alice, bob))
        await self._step("alice hangs up", self._hang_up(alice, href))
        await self._step("alice signs out", alice.sign_out())

    async def _sign_in(self, person: Person) -> None:
        await person.sign_in(await person.discover(self._root_url), self._password)
        await person.create_application("mobility demo")
        person.listen()
        await person.make_available("Messaging", "Audio")

    async def _write(self, person: Person, other: str) -> None:
        first, second = "Are you free for lunch?", "Yes, at noon."
        body = {
            "to": f"sip:{other}",
            "operationId": "demo-1",
            "_links": {"message": {"href": f"data:text/plain;charset=utf-8,{quote(first)}"}},
        }
        await person.post("startMessaging", body, expect=201)
        await self._phone.says(f'"{first}"')
        self._say(f"             the phone shows: {first}")
        self._phone.order("message", second)
        event = await person.event("completed", "message", direction="Incoming")
        text = text_of(event["_embedded"]["message"]["_links"]["plainMessage"]["href"])
        self._heard(person, text, second)
        links = (await person.event("updated", "messaging", state="Connected"))["_embedded"]
        await person.post_href(links["messaging"]["_links"]["stopMessaging"]["href"])
        await person.event("deleted", "conversation")

    async def _is_called(self, person: Person) -> None:
        self._phone.order("dial", person.uri)
        ringing = await person.event("started", "audioVideoInvitation", direction="Incoming")
        links = ringing["_embedded"]["audioVideoInvitation"]["_links"]
        await person.describe(links["acceptWithAnswer"]["href"], SDP)
        await self._phone.tells("CALL_ESTABLISHED")
        await person.event("completed", "audioVideoInvitation", state="Connected")

    async def _hung_up(self, person: Person) -> None:
        self._phone.order("hangup")
        await person.event("deleted", "conversation")

    async def _call(self, person: Person, other: str) -> str:
        offer = {"href": f"data:application/sdp;charset=utf-8,{quote(SDP)}"}
        body = {"to": f"sip:{other}", "operationId": "demo-2", "_links": {"mediaOffer": offer}}
        await person.post("startAudio", body, expect=201)
        await self._phone.tells("CALL_INCOMING")
        self._phone.order("accept")
        answered = await person.event("completed", "audioVideoInvitation", state="Connected")
        await self._phone.tells("CALL_ESTABLISHED")
        links = answered["_embedded"]["audioVideoInvitation"]["_links"]
        return str(links["conversation"]["href"])

    async def _hang_up(self, person: Person, href: str) -> None:
        await person.remove(href)
        await self._phone.tells("CALL_CLOSED")


def _free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
