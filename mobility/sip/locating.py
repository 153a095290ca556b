"""The addresses that a target stands for (RFC 3263)."""

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Protocol, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer

from mobility.sip.routing import PORTS, Hop, Target


class Unreachable(Exception):
    """Nobody can be asked: no address, no connection, or none that proves who it is."""


Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""The IPv4 and IPv6 addresses of a host name, none if it has none."""


class Locator(Protocol):
    """Who finds the hops of a target."""

    async def hops(self, target: Target) -> list[Hop]:
        """In the order in which they are to be tried.  Raises Unreachable."""


class AddressLocator:
    """A Locator that looks for nothing but addresses.

    A target that leaves its transport open is reached over `transport`.
    """

    def __init__(self, lookup: Lookup, transport: str) -> None:
        self._lookup = lookup
        self._transport = transport

    async def hops(self, target: Target) -> list[Hop]:
        transport = target.transport or self._transport
        port = target.port or PORTS[transport]
        return [
            Hop(transport, address, port, target.name)
            for address in await addresses(self._lookup, target.host)
        ]


async def addresses(lookup: Lookup, host: str) -> Sequence[str]:
    """The addresses of a host, which may be one.  Raises Unreachable without any."""
    literal = host.strip("[]")
    if is_address(literal):
        return [literal]
    found = await lookup(host.rstrip("."))
    if not found:
        raise Unreachable(f"{host} has no address")
    return found


@implementer(IResolutionReceiver)
class _Found:
    """Collects addresses until there are no more."""

    def __init__(self) -> None:
        self.done: Deferred[list[str]] = Deferred()
        self._addresses: list[str] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """IResolutionReceiver."""

    def addressResolved(self, address: IAddress) -> None:
        self._addresses.append(cast(IPv4Address | IPv6Address, address).host)

    def resolutionComplete(self) -> None:
        self.done.callback(self._addresses)


def system_lookup(reactor: IReactorPluggableNameResolver) -> Lookup:
    """Asks whomever the reactor asks: the system."""

    async def lookup(host: str) -> Sequence[str]:
        found = _Found()
        reactor.nameResolver.resolveHostName(found, host)
        return await found.done

    return lookup


def is_address(text: str) -> bool:
    """Whether it is an IP address, without brackets."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
