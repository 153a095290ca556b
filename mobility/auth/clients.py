"""Which client a failed sign-in is counted for."""

from collections.abc import Iterable
from ipaddress import IPv6Network, ip_address, ip_network

SITE_PREFIX = 64
"""Bits of an IPv6 address that count: the smallest network a site gets (RFC 6177 §2), within
which a client can choose any address."""


class Clients:
    """Knows the trusted proxies: addresses, networks (CIDR), or other names of peers."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        self._proxies = [
            ip_network(name, strict=False) for name in trusted_proxies if _is_network(name)
        ]

    def counted(self, client_address: str) -> str:
        """The client behind `Request.client_address`, or "" when it is not known.

        It is not known when a trusted proxy did not say whose request it carried, and on a UNIX
        socket.  IPv6 clients are counted by their /`SITE_PREFIX`.
        """
        try:
            address = ip_address(client_address)
        except ValueError:
            return ""
        if any(address in network for network in self._proxies):
            return ""
        if address.version == 6:
            return str(IPv6Network((address, SITE_PREFIX), strict=False))
        return str(address)


def _is_network(name: str) -> bool:
    try:
        ip_network(name, strict=False)
    except ValueError:
        return False
    return True
