"""Ports of this machine: whether one can listen on them, and an offset at which one can."""

import random
import socket

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


def free_offset() -> int:
    """STANDARD_OFFSET, or another one at which every standard port of 127.0.0.1 is free."""
    offset = STANDARD_OFFSET
    while any(obstacle("127.0.0.1", port + offset) for port in STANDARD_PORTS):
        most = OUTGOING_PORTS - max(STANDARD_PORTS)
        offset = random.randrange(STANDARD_OFFSET, most)  # noqa: S311  # no secret
    return offset
