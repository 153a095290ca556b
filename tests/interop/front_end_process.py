"""A front end as a child process, on free loopback ports, in a directory of its own."""

import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from mobility.demo import https_client

PORTS = (80, 443, 8080, 4443, 5088, 5089, 9443)
PASSWORD = "correct horse battery staple"
RETRY_S = 0.05


def free_offset() -> int:
    """A port offset at which every port of a front end is free."""
    while True:
        offset = random.randrange(15_000, 50_000)
        try:
            for port in PORTS:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return offset


def command(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the `mobility` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mobility.cli", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


class Output(ProcessProtocol):
    """Keeps what the child prints and fires `ended` with its exit status when it has gone."""

    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self.ended: Deferred[int] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.out += data

    def errReceived(self, data: bytes) -> None:
        self.err += data

    def processEnded(self, reason: Failure) -> None:
        reason.trap(ProcessDone, ProcessTerminated)
        status = reason.value.exitCode
        self.ended.callback(-reason.value.signal if status is None else status)


class FrontEndProcess:
    """`twistd -n mobility` over a directory that `mobility init --demo-users` wrote."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.offset = free_offset()
        made = command(
            "init", str(directory), "--demo-users", "--port-offset", str(self.offset), *options
        )
        if made.returncode:
            raise RuntimeError(made.stderr)
        self.config = directory / "mobility.toml"
        self.external = f"https://localhost:{4443 + self.offset}"
        self.internal = f"https://127.0.0.1:{443 + self.offset}"
        self.operator = f"https://127.0.0.1:{9443 + self.offset}"
        self.output = Output()

    def client(self) -> HTTPClient:
        """An HTTPS client that trusts this front end's authority."""
        return https_client(reactor, self.directory / "tls" / "ca.pem")

    def start(self) -> None:
        self.output = Output()
        program = "from twisted.scripts.twistd import run; run()"
        reactor.spawnProcess(
            self.output,
            sys.executable,
            [
                sys.executable,
                "-c",
                program,
                "-n",
                "--pidfile=",
                "mobility",
                "--config",
                str(self.config),
            ],
            env=None,
            path=str(self.directory),
        )

    async def ready(self) -> None:
        """Wait until it serves; fails with what it printed if it ended instead."""
        http = self.client()
        while not self.output.ended.called:
            try:
                response = await http.get(f"{self.external}/", timeout=5)
                await response.content()
            except Exception:  # not listening yet, in any of the ways that shows
                await deferLater(reactor, RETRY_S)
            else:
                return
        raise RuntimeError((self.output.err + self.output.out).decode())

    def signal(self, number: signal.Signals) -> None:
        transport = self.output.transport
        if transport is not None and transport.pid is not None:
            transport.signalProcess(number.value)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status, negative for a signal's."""
        self.signal(number)
        return await self.output.ended
