"""Programs of others, and our own, as child processes of a test."""

import os
import random
import shutil
import signal
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from unittest import SkipTest

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

from mobility.operate.ports import claimed

RETRY_S = 0.05
"""How often something that another process does is looked for."""

PORTS = range(10_000, 32_000)
"""Where tests listen when the port must be known before: below the ports that Linux gives to
outgoing connections (32,768 on)."""

FRONT_ENDS_BELOW = 30_000
"""Those of front ends are below this, all others above."""

BLOCK = 40
"""Of those others a process takes so many at a time, until it ends."""

APART = 2
"""How far two ports that are given out are apart: baresip listens for TLS on the one after its
own, too."""

CLAIMS = ExitStack()
"""The ports that this process has taken, until it ends: no other test process takes one of them."""


def program(name: str, package: str) -> str:
    """The path of a program that Debian's `package` has.

    Without it the test is skipped, and with CI=true it fails.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        cannot_run(f"{name} is missing: apt-get install {package}")
    return found


def cannot_run(reason: str) -> None:
    """Skip the test; in CI, where nothing may be missing, fail."""
    if os.environ.get("CI") == "true":
        raise RuntimeError(f"{reason} (in CI nothing is skipped)")
    raise SkipTest(reason)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether one can listen on a port over TCP now."""
    return _can_bind(port, host, socket.SOCK_STREAM)


def _can_bind(port: int, host: str, kind: socket.SocketKind) -> bool:
    with socket.socket(type=kind) as probe:
        if kind is socket.SOCK_STREAM:  # over UDP it would let two have the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback port on which nobody listens, over TCP or UDP, and which is given out once."""
    return next(_FREE_PORTS)


def _free_ports() -> Iterator[int]:
    """Ports of blocks that no other process has.  Raises RuntimeError when all are taken."""
    blocks = range(FRONT_ENDS_BELOW, PORTS.stop, BLOCK)
    for first in random.sample(blocks, len(blocks)):
        ports = range(first, first + BLOCK)
        if not claim(ports):
            continue
        for port in ports[::APART]:
            if is_free(port) and _can_bind(port, "127.0.0.1", socket.SOCK_DGRAM):
                yield port
    raise RuntimeError("every port is taken")


_FREE_PORTS = _free_ports()


def claim(ports: Iterable[int]) -> bool:
    """Take ports for this process, unless another has one of them."""
    with ExitStack() as held:
        if not held.enter_context(claimed(ports)):
            return False
        CLAIMS.push(held.pop_all())
    return True


@attrs.frozen
class Outcome:
    """What a command that has ended printed, and its exit status (negative for a signal)."""

    status: int
    out: str
    err: str


async def run(arguments: Sequence[str], directory: Path | None = None) -> Outcome:
    """Run a command to its end, without its standard input."""
    path = None if directory is None else str(directory)
    out, err, status = await getProcessOutputAndValue(
        arguments[0], arguments[1:], env=None, path=path
    ).addErrback(_killed)
    return Outcome(status, out.decode(), err.decode())


def _killed(failure: Failure) -> tuple[bytes, bytes, int]:
    """getProcessOutputAndValue fails with (out, err, signal) when a signal ended the process."""
    if not isinstance(failure.value, tuple):
        failure.raiseException()
    out, err, number = failure.value
    return out, err, -number


class Child(ProcessProtocol):
    """A program that runs until it is stopped; keeps what it prints."""

    def __init__(
        self, arguments: Sequence[str], directory: Path, descriptors: Sequence[int] = ()
    ) -> None:
        """Start it; it gets `descriptors` as its own from number 3 on."""
        self.out = b""
        self.err = b""
        self.status: int | None = None
        self._waiting: list[Deferred[int]] = []
        reactor.spawnProcess(
            self,
            arguments[0],
            arguments,
            env=None,
            path=str(directory),
            childFDs={0: "w", 1: "r", 2: "r", **dict(enumerate(descriptors, 3))},
        )

    @property
    def pid(self) -> int:
        return self.transport.pid

    def outReceived(self, data: bytes) -> None:
        self.out += data

    def errReceived(self, data: bytes) -> None:
        self.err += data

    def processEnded(self, reason: Failure) -> None:
        reason.trap(ProcessDone, ProcessTerminated)
        exit_code = reason.value.exitCode
        self.status = -reason.value.signal if exit_code is None else exit_code
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(self.status)

    def end(self) -> Deferred[int]:
        """Wait for its end; the exit status, negative for a signal's."""
        if self.status is not None:
            return succeed(self.status)
        self._waiting.append(Deferred())
        return self._waiting[-1]

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.status is None:
            self.transport.signalProcess(number.value)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.send(number)
        return await self.end()

    async def listening(self, port: int, host: str = "127.0.0.1") -> None:
        """Wait until it listens.  Raises RuntimeError with what it printed if it ends instead."""
        while is_free(port, host):
            if self.status is not None:
                raise RuntimeError((self.err + self.out).decode())
            await deferLater(reactor, RETRY_S)
