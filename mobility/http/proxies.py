"""The real client's address behind reverse proxies (DESIGN decision 11).

`X-Forwarded-For` is believed only as far as the addresses that wrote it are configured proxies.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from twisted.internet.address import IPv4Address as TcpV4
from twisted.internet.address import IPv6Address as TcpV6

UNIX = "unix"
"""The address of a peer on a UNIX socket, and how it is named among the trusted proxies."""

FORWARDERS = 32
"""Proxies in a row that are looked at."""


class Proxies:
    """The trusted proxies: addresses, networks (CIDR), or `unix`."""

    def __init__(self, trusted: Iterable[str]) -> None:
        names = set(trusted)
        self._unix = UNIX in names
        self._networks = [ip_network(name, strict=False) for name in names - {UNIX}]

    def peer(self, address: object) -> tuple[str, bool]:
        """A transport's peer as text, and whether it is a trusted proxy."""
        if isinstance(address, TcpV4 | TcpV6):
            # A link-local IPv6 address comes with its zone.
            host = address.host.partition("%")[0]
            return host, self._trusts(host)
        return UNIX, self._unix

    def client_address(self, peer: tuple[str, bool], headers: Mapping[str, str]) -> str:
        """The first address, from our side, that is no trusted proxy."""
        host, trusted = peer
        forwarded = headers.get("x-forwarded-for") if trusted else None
        if forwarded is None:
            return host
        for element in reversed(forwarded.split(",")[-FORWARDERS:]):
            address = _address(element.strip())
            if address is None:
                break
            host = str(address)
            if not self._trusts(host):
                break
        return host

    def _trusts(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: bare, with a port, or in brackets; None if it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
