"""Baresip as a child process: one phone."""

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.interop.child import RETRY_S, Child, free_port, program

MODULES = "/usr/lib/baresip/modules"

CONFIGURATION = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
sip_cafile {ca}
module_path {modules}
module g711.so
module account.so
module menu.so
"""


class Baresip:
    """A phone of `user` that registers over `transport` with the front end at `port`."""

    def __init__(
        self, directory: Path, ca: Path, user: str, password: str, port: int, transport: str
    ) -> None:
        command = program("baresip", "baresip-core")
        self.directory = directory.absolute()
        self.directory.mkdir()
        self.sip = free_port()
        (self.directory / "config").write_text(
            CONFIGURATION.format(sip=self.sip, ca=ca, modules=MODULES)
        )
        (self.directory / "contacts").write_text("")
        (self.directory / "accounts").write_text(
            f'<sip:{user};transport={transport}>;auth_pass="{password}";regint=600;'
            f'outbound="sip:127.0.0.1:{port};transport={transport}"\n'
        )
        self.child = Child([command, "-f", str(self.directory)], self.directory)

    async def says(self, text: str) -> None:
        """Wait until it has printed `text`.  Raises RuntimeError if it ends instead."""
        while text not in (self.child.out + self.child.err).decode(errors="replace"):
            if self.child.status is not None:
                raise RuntimeError((self.child.out + self.child.err).decode(errors="replace"))
            await deferLater(reactor, RETRY_S)

    async def stop(self) -> None:
        """End it in good order: it signs out."""
        await self.child.stop()
