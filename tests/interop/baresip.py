"""Baresip as a child process: one phone."""

import json
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.protocols.basic import NetstringReceiver

from tests.interop.child import RETRY_S, Child, free_port, program

MODULES = "/usr/lib/baresip/modules"

CONFIGURATION = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
sip_cafile {ca}
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


class Control(NetstringReceiver):
    """A connection by which the phone is operated; `events` are what it has told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def stringReceived(self, string: bytes) -> None:
        told = json.loads(string)
        if told.get("event"):
            self.events.append(told)

    def order(self, command: str, params: str = "") -> None:
        self.sendString(json.dumps({"command": command, "params": params}).encode())


class Baresip:
    """A phone of `user` that registers over `transport` with the front end at `port`.

    Messages that it is told to send go to `contact`; those that come it prints.  One that is
    `outbound` says which phone it is (RFC 5626), has GRUUs as its Contact, and prints what it
    sends.
    """

    def __init__(
        self,
        directory: Path,
        ca: Path,
        user: str,
        password: str,
        port: int,
        transport: str,
        contact: str = "",
        *,
        outbound: bool = False,
    ) -> None:
        command = program("baresip", "baresip-core")
        self.directory = directory.absolute()
        self.directory.mkdir()
        self.sip = free_port()
        self.control_port = free_port()
        configuration = CONFIGURATION.format(
            sip=self.sip, ca=ca, modules=MODULES, control=self.control_port
        )
        if outbound:
            configuration = configuration.replace(
                "module g711.so", "module uuid.so\nmodule g711.so"
            )
        (self.directory / "config").write_text(configuration)
        contacts = f'"Contact" <{contact}>\n' if contact else ""
        (self.directory / "contacts").write_text(contacts)
        (self.directory / "accounts").write_text(
            f'<sip:{user};transport={transport}>;auth_pass="{password}";regint=600;'
            f'outbound="sip:127.0.0.1:{port};transport={transport}"'
            + (";sipnat=outbound\n" if outbound else "\n")
        )
        options = ["-s"] if outbound else []
        self.child = Child([command, *options, "-f", str(self.directory)], self.directory)

    async def says(self, text: str) -> None:
        """Wait until it has printed `text`.  Raises RuntimeError if it ends instead."""
        while text not in (self.child.out + self.child.err).decode(errors="replace"):
            if self.child.status is not None:
                raise RuntimeError((self.child.out + self.child.err).decode(errors="replace"))
            await deferLater(reactor, RETRY_S)

    async def control(self) -> Control:
        """Its front panel."""
        await self.child.listening(self.control_port)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.control_port)
        return await connectProtocol(endpoint, Control())

    async def told(self, control: Control, kind: str) -> dict[str, Any]:
        """Wait until it has told of such an event; the latest one."""
        while True:
            for event in reversed(control.events):
                if event["type"] == kind:
                    return event
            if self.child.status is not None:
                raise RuntimeError((self.child.out + self.child.err).decode(errors="replace"))
            await deferLater(reactor, RETRY_S)

    async def stop(self) -> None:
        """End it in good order: it signs out."""
        await self.child.stop()
