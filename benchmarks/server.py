"""A server under measurement: a child process on a core of its own, and what it has used."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import attrs

READY_S = 60.0
"""How long a server may take to listen."""

STOP_S = 15.0
"""How long a server may take to end after SIGTERM."""

TAIL_CHARACTERS = 2_000
"""What is shown of the output of a server that did not start."""

_CPUCLOCK_SCHED = 2
"""With the complement of a process id above it, the id of that process's clock (Linux)."""

_PSS = re.compile(r"^Pss_Anon:\s+(\d+)", re.MULTILINE)


def cores() -> tuple[int, int]:
    """The cores of the servers and of the generator; the same one on a machine with only one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


SERVER_CORE, GENERATOR_CORE = cores()


@attrs.frozen(slots=True)
class Certificate:
    """The files of a server certificate for 127.0.0.1 and its key."""

    file: Path
    key: Path


class Server:
    """A running server that listens on 127.0.0.1:`port`; its output goes to the file `output`.

    As a context manager it is running inside and stopped after.
    """

    def __init__(
        self, command: Sequence[str], port: int, output: Path, core: int = SERVER_CORE
    ) -> None:
        self._command = command
        self._output = output
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port
        self.more_ports: tuple[int, ...] = ()
        """Others on which it listens when it is ready."""

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with open(self._output, "ab") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        os.sched_setaffinity(self.pid, {self._core})
        deadline = time.monotonic() + READY_S
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{' '.join(self._command)} did not start:\n{self._tail()}")
            time.sleep(0.02)

    def _tail(self) -> str:
        return self._output.read_text(errors="replace")[-TAIL_CHARACTERS:]

    def _accepts(self) -> bool:
        try:
            for port in (self.port, *self.more_ports):
                socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End it in good order; kill it if it does not."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def cpu_s(self) -> float:
        """Processor time it has used so far, user and system, all threads."""
        return processor_time_s(self.pid)

    def pss_bytes(self) -> int:
        """Its own memory: anonymous pages, those shared by n processes as the n-th part (proc(5)).

        Pages of files are left out, since what they count depends on who else runs.
        """
        found = _PSS.search(Path(f"/proc/{self.pid}/smaps_rollup").read_text())
        if found is None:
            raise RuntimeError("the kernel tells no proportional set size")
        return int(found[1]) * 1024


def processor_time_s(pid: int) -> float:
    """What a process has used, from its own clock (clock_getcpuclockid(3)), which counts in
    nanoseconds where /proc/PID/stat has ticks of 10 ms."""
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bound(name: str, certificate: Certificate, directory: Path, *arguments: str) -> Server:
    """The bound `benchmarks.bounds.<name>` with its own `arguments`, on a free port."""
    port = free_port()
    module = f"benchmarks.bounds.{name}"
    command = [sys.executable, "-m", module, str(port), str(certificate.file), str(certificate.key)]
    return Server([*command, *arguments], port, directory / f"{name}.log")
