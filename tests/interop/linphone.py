"""Linphone's command-line client as a child process: one phone."""

import os
import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.interop.child import RETRY_S, Child, free_port, program

CONFIGURATION = """\
[sip]
sip_port={sip}
sip_tcp_port={sip}
sip_tls_port=0
default_proxy=0
use_ipv6=0
publish_presence=1

[proxy_0]
reg_proxy=<sip:127.0.0.1:{port};transport={transport}>
reg_route=<sip:127.0.0.1:{port};transport={transport};lr>
reg_identity=<sip:{user}>
reg_expires=600
reg_sendregister=1
publish=1

[auth_info_0]
username={name}
passwd={password}
realm={domain}
domain={domain}
algorithm=MD5

[friend_0]
url=<sip:{friend}>
pol=accept
subscribe=1

[sound]
use_files=1
"""


class Linphone:
    """A phone of `user` that registers, publishes that it is there, watches `friend`, and answers
    calls by itself."""

    def __init__(
        self,
        directory: Path,
        user: str,
        password: str,
        port: int,
        transport: str,
        friend: str,
    ) -> None:
        command = program("linphonec", "linphone-cli")
        self.directory = directory.absolute()
        (self.directory / ".local/share/linphone").mkdir(parents=True)
        name, _, domain = user.partition("@")
        configuration = self.directory / "linphonerc"
        configuration.write_text(
            CONFIGURATION.format(
                sip=free_port(),
                port=port,
                transport=transport,
                user=user,
                name=name,
                domain=domain,
                password=password,
                friend=friend,
            )
        )
        home = f"HOME={self.directory}"
        arguments = ["/usr/bin/env", home, command, "-a", "-c", str(configuration)]
        self.child = Child(arguments, self.directory)

    async def says(self, text: str) -> None:
        """Wait until it has printed `text`.  Raises RuntimeError if it ends instead."""
        while text not in (self.child.out + self.child.err).decode(errors="replace"):
            if self.child.status is not None:
                raise RuntimeError((self.child.out + self.child.err).decode(errors="replace"))
            await deferLater(reactor, RETRY_S)

    async def asks(self, command: str, text: str) -> None:
        """Give it a command until it has printed `text`."""
        while text not in self.child.out.decode(errors="replace"):
            if self.child.status is not None:
                raise RuntimeError((self.child.out + self.child.err).decode(errors="replace"))
            self.child.transport.write(f"{command}{os.linesep}".encode())
            await deferLater(reactor, 1.0)

    async def quit(self) -> None:
        """End it in good order: it takes back what it has published, and signs out."""
        self.child.transport.write(b"quit\n")
        await self.child.end()

    async def stop(self) -> None:
        """End it at once, if it runs."""
        await self.child.stop(signal.SIGKILL)
