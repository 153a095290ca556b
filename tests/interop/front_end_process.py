"""A front end as a child process, on free loopback ports, in a directory of its own."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from treq.client import HTTPClient
from twisted.internet import reactor, ssl
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    RequestNotSent,
    RequestTransmissionFailed,
    ResponseFailed,
)

from mobility.demo import Person, Script
from tests.interop.child import FRONT_ENDS_BELOW, PORTS, RETRY_S, Child, claim, is_free

LISTENED = (80, 443, 8080, 4443, 5060, 5061, 5088, 5089, 5090, 9443)
"""The standard ports, those for phones with them."""

PASSWORD = "correct horse battery staple"
TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")

PHONES = """
[[sip.listen]]
name = "phones-{transport}"
transport = "{transport}"
endpoint = "{transport}:{port}:interface=127.0.0.1"
digest = ["MD5"]               # the phones of the tests know no other
"""

P = TypeVar("P", bound=Person)

CUT_OFF = (
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    RequestNotSent,
    RequestTransmissionFailed,
    ResponseFailed,
)
"""How requests fail when the server is not there, or dies under them."""


def free_offset() -> int:
    """A port offset at which every port of a front end is free, and nobody else's until this
    process ends.  Raises RuntimeError when there is none."""
    offsets = range(PORTS.start, FRONT_ENDS_BELOW - max(LISTENED))
    for offset in random.sample(offsets, len(offsets)):
        ports = [port + offset for port in LISTENED]
        if all(map(is_free, ports)) and claim(ports):
            return offset
    raise RuntimeError("the ports of every front end are taken")


def https_client(ca_file: Path, pool: HTTPConnectionPool) -> HTTPClient:
    """A client that trusts one certificate authority and nobody else."""
    authority = ssl.Certificate.loadPEM(ca_file.read_bytes())
    policy = BrowserLikePolicyForHTTPS(ssl.trustRootFromCertificates([authority]))
    return HTTPClient(Agent(reactor, policy, pool=pool))


def command(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the `mobility` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mobility.cli", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


class FrontEndProcess:
    """`twistd -n mobility` over a directory that `mobility init --demo-users` wrote."""

    child: Child

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory.absolute()
        self.offset = free_offset()
        made = command(
            "init", str(self.directory), "--demo-users", f"--port-offset={self.offset}", *options
        )
        if made.returncode:
            raise RuntimeError(made.stderr)
        self.config = self.directory / "mobility.toml"
        self.ca = self.directory / "tls" / "ca.pem"
        self.external = f"https://localhost:{self.port(4443)}"
        self.internal = f"https://127.0.0.1:{self.port(443)}"
        self.operator = f"https://127.0.0.1:{self.port(9443)}"

    def port(self, standard: int) -> int:
        """Where it listens instead of a standard port."""
        return standard + self.offset

    def client(self, test: TestCase) -> HTTPClient:
        """An HTTPS client that keeps its connections to the end of the test."""
        pool = HTTPConnectionPool(reactor)
        test.addCleanup(pool.closeCachedConnections)
        return https_client(self.ca, pool)

    def configure(self, before: str, after: str) -> None:
        """Replace a passage of the configuration file, which must be there once."""
        text = self.config.read_text()
        if text.count(before) != 1:
            raise ValueError(f"{before!r} is there {text.count(before)} times")
        self.config.write_text(text.replace(before, after))

    def add_to(self, table: str, line: str) -> None:
        """Put a line into a table such as `web` of the configuration file."""
        self.configure(f"\n[{table}]\n", f"\n[{table}]\n{line}\n")

    def listen_for_phones(self, *transports: str) -> int:
        """Let phones in over "udp" or "tcp"; at which port."""
        with self.config.open("a", encoding="utf-8") as file:
            for transport in transports:
                file.write(PHONES.format(transport=transport, port=self.port(5060)))
        return self.port(5060)

    def start(self, *setting_up: str, descriptors: Sequence[int] = ()) -> None:
        """Start it, after the shell commands `setting_up` if there are any."""
        arguments = [*TWISTD, "-n", "--pidfile=", "mobility", "--config", str(self.config)]
        if setting_up:
            script = "; ".join([*setting_up, 'exec "$0" "$@"'])
            arguments = ["/bin/sh", "-c", script, *arguments]
        self.child = Child(arguments, self.directory, descriptors)

    async def ready(self) -> None:
        """Wait until it serves.  Raises RuntimeError with what it printed if it ends instead."""
        while self.child.status is None:
            try:
                status, _ = await self._ask("/readyz")
            except CUT_OFF:
                pass
            else:
                if status == 200:
                    return
            await deferLater(reactor, RETRY_S)
        raise RuntimeError((self.child.err + self.child.out).decode())

    async def run_for(self, test: TestCase) -> None:
        """Start it, wait until it serves, and kill it when the test is over."""
        self.start()
        test.addCleanup(self.kill)
        await self.ready()

    async def sign_in(
        self, test: TestCase, user: str, *modalities: str, kind: type[P] = Person
    ) -> P:
        """A user with an application that takes these modalities, until the test is over."""
        person = kind(self.client(test), reactor, f"{user}@example.test")
        await person.sign_in(await person.discover(self.external), PASSWORD)
        await person.create_application("interop test")
        person.listen()
        await person.make_available(*modalities)
        test.addCleanup(person.sign_out)
        return person

    async def parked(self, number: int) -> None:
        """Wait until so many event requests are parked."""
        while f"\nmobility_parked {number}.0\n" not in (await self._ask("/metrics"))[1]:
            await deferLater(reactor, RETRY_S)

    async def _ask(self, path: str) -> tuple[int, str]:
        """Status and body of an answer of the operator listener."""
        http = https_client(self.ca, HTTPConnectionPool(reactor, persistent=False))
        response = await http.get(self.operator + path)
        return response.code, await response.text()

    async def kill(self) -> None:
        """End it at once, if it runs."""
        await self.child.stop(signal.SIGKILL)

    async def converse(self, test: TestCase, root: str) -> None:
        """Let alice and bob find the service at `root`, sign in, see each other and exchange
        messages.  Raises DemoFailed at the first step that goes wrong."""
        said: list[str] = []
        await Script(root, self.client(test), reactor, said.append, PASSWORD).run("example.test")
        test.assertIn("alice signs out", said[-1])

    def events(self, name: str, /, **fields: object) -> list[dict[str, Any]]:
        """The log lines of this process so far that have this event name and these fields."""
        whole, _, _ = self.child.out.rpartition(b"\n")
        lines = [json.loads(line) for line in whole.splitlines()]
        return [
            line
            for line in lines
            if line["event"] == name and all(line[key] == fields[key] for key in fields)
        ]

    async def logged(self, name: str, /, **fields: object) -> dict[str, Any]:
        """Wait for a log line with this event name and these fields; the first one."""
        return (await self.logged_times(1, name, **fields))[0]

    async def logged_times(
        self, number: int, name: str, /, **fields: object
    ) -> list[dict[str, Any]]:
        """Wait until so many such lines, or more, are logged; all of them."""
        while True:
            found = self.events(name, **fields)
            if len(found) >= number:
                return found
            if self.child.status is not None:
                raise RuntimeError(f"it ended with {len(found)} lines of {name} {fields}")
            await deferLater(reactor, RETRY_S)
