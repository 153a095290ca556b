"""SIPE, Pidgin's plug-in for Lync, as a child process: a client that was made for Lync servers."""

import json
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.interop.child import RETRY_S, Child, cannot_run

WAIT_S = 90.0
"""How long something is waited for."""

PLUGIN = Path("/usr/lib/purple-2/libsipe.so")


def needs_sipe() -> None:
    """Skip the test where there is no SIPE; in CI fail."""
    if not PLUGIN.exists():
        cannot_run("SIPE is missing: apt-get install pidgin-sipe")


class Sipe:
    """A client of `user`, who signs in over TCP at `port`."""

    def __init__(self, directory: Path, user: str, password: str, port: int) -> None:
        needs_sipe()
        directory.mkdir()
        client = Path(__file__).with_name("purple_client.py").absolute()
        login = f"{user},{user.partition('@')[0]}"
        arguments = [str(directory.absolute()), login, password, f"127.0.0.1:{port}"]
        self.child = Child([sys.executable, str(client), *arguments], directory)
        self._read = 0

    def order(self, *words: str) -> None:
        """Tell it to do something (`purple_client`)."""
        self.child.transport.write(f"{json.dumps(words)}\n".encode())

    async def told(self, kind: str, *words: str) -> list[Any]:
        """Wait for the next thing of a kind that it tells and that begins with these words.

        Raises RuntimeError with all it has said if it ends, or says nothing such for long.
        """
        until = reactor.seconds() + WAIT_S
        while True:
            lines = self.child.out.decode().split("\n")[:-1]
            while self._read < len(lines):
                self._read += 1
                line = lines[self._read - 1]
                told = json.loads(line) if line.startswith("[") else [""]
                if told[: len(words) + 1] == [kind, *words]:
                    return list(told[1:])
            if self.child.status is not None or reactor.seconds() > until:
                raise RuntimeError((self.child.out + self.child.err).decode(errors="replace"))
            await deferLater(reactor, RETRY_S)

    async def stop(self) -> None:
        """End it in good order: it signs out."""
        if self.child.status is None:
            self.order("quit")
        await self.child.end()
