"""The networks that this machine is on."""

import fcntl
import socket
import struct
from ipaddress import IPv4Address
from pathlib import Path

_SIOCGIFADDR = 0x8915
"""netdevice(7): the IPv4 address of an interface."""
_IFREQ_BYTES = 40
_NAME_BYTES = 16
_ADDRESS_AT = 20

DEVICES = Path("/sys/class/net")


def physical_addresses() -> tuple[str, ...]:
    """The IPv4 addresses of interfaces that are devices: no loopback, bridges or containers'."""
    found = []
    for _, name in socket.if_nameindex():
        if (DEVICES / name / "device").exists():
            address = _address(name)
            if address:
                found.append(address)
    return tuple(found)


def _address(name: str) -> str:
    """The address of an interface, "" when it has none."""
    request = struct.pack(f"{_IFREQ_BYTES}s", name.encode()[: _NAME_BYTES - 1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
        except OSError:
            return ""
    return str(IPv4Address(answer[_ADDRESS_AT : _ADDRESS_AT + 4]))
