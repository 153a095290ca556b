"""Ports of this machine: whether one can listen on them, and an offset at which one can."""

import fcntl
import os
import random
import socket
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD_PORTS = (80, 443, 8080, 4443, 5088, 5089, 9443)
"""Where a front end listens, before an offset is added."""

HIGHEST_OFFSET = 65_535 - max(STANDARD_PORTS)
STANDARD_OFFSET = 10_000

OUTGOING_PORTS = 32_768
"""From here on the kernel gives ports to outgoing connections (Linux, ip_local_port_range)."""


def obstacle(address: str, port: int) -> str:
    """Why one cannot listen on a TCP port now, "" if one can; no address means every IPv4 one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


@contextmanager
def claimed(ports: Iterable[int]) -> Iterator[bool]:
    """Whether these ports are for who asks, as long as it is held: no other claim of this user,
    in whatever process, has one of them.

    It keeps those apart who look for free ports and listen a little later.
    """
    place = Path(tempfile.gettempdir()) / f"mobility-ports-{os.getuid()}"
    file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for port in ports:
            # One byte for each port; such a lock belongs to the open file (fcntl, F_OFD_SETLK).
            lock = struct.pack("hhlli", fcntl.F_WRLCK, os.SEEK_SET, port, 1, 0)
            try:
                fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
            except BlockingIOError:
                yield False
                return
        yield True
    finally:
        os.close(file)


@contextmanager
def free_offset(ports: Iterable[int] = STANDARD_PORTS) -> Iterator[int]:
    """STANDARD_OFFSET, or another one at which each of the ports of 127.0.0.1 is free; they are
    claimed as long as it is held."""
    wanted = tuple(ports)
    offset = STANDARD_OFFSET
    while True:
        moved = [port + offset for port in wanted]
        with claimed(moved) as mine:
            if mine and not any(obstacle("127.0.0.1", port) for port in moved):
                yield offset
                return
        most = OUTGOING_PORTS - max(wanted)
        offset = random.randrange(STANDARD_OFFSET, most)  # noqa: S311  # no secret
