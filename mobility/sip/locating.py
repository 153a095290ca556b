"""The addresses that a target stands for (RFC 3263)."""

import struct
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any, Protocol, cast

import attrs
from twisted.internet import defer
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import (
    AuthoritativeDomainError,
    DNSQueryTimeoutError,
    DomainError,
    ResolverError,
)
from zope.interface import implementer

from mobility.reactor import IReactor
from mobility.sip.dialog import Entropy
from mobility.sip.routing import PORTS, Hop, Target

MAX_RECORDS = 16
"""NAPTR or SRV records of a name that are looked at (our choice)."""

RESOLV_CONF = "/etc/resolv.conf"

SERVICES = {"SIPS+D2T": "TLS", "SIP+D2T": "TCP", "SIP+D2U": "UDP"}
"""NAPTR services (RFC 3263 section 4.1), in the order in which transports are preferred here."""

SRV = {"TLS": "_sips._tcp.", "TCP": "_sip._tcp.", "UDP": "_sip._udp."}


MAX_NAME = 254
"""Octets of a name, with its last dot (RFC 1035 section 2.3.4 has 255 as they are sent)."""


NOWHERE = "."
"""The host of a service that is not there, and is not to be looked for elsewhere (RFC 2782)."""


class Unreachable(Exception):
    """Nobody can be asked: no address, no connection, or none that proves who it is."""


class Silence(Exception):
    """No name server has said anything of a name."""


Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""The IPv4 and IPv6 addresses of a host name, none if it has none."""


class Locator(Protocol):
    """Who finds the hops of a target."""

    async def hops(self, target: Target) -> list[Hop]:
        """In the order in which they are to be tried.  Raises Unreachable."""


@attrs.frozen(slots=True)
class Pointer:
    """A NAPTR record with the flag "s", as far as SIP is concerned."""

    order: int
    preference: int
    service: str
    replacement: str


@attrs.frozen(slots=True)
class Service:
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str


class Records(Protocol):
    """The DNS; nothing found is an empty list.  Raises Unreachable when nobody answers."""

    async def pointers(self, name: str) -> Sequence[Pointer]: ...

    async def services(self, name: str) -> Sequence[Service]: ...

    async def addresses(self, host: str) -> Sequence[str]: ...


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
            Hop(transport, address, port, target.name, target.gateway)
            for address in await addresses(self._lookup, target.host)
        ]


class DnsLocator:
    """A Locator by RFC 3263: NAPTR, then SRV, then addresses.

    `transports` are those that are spoken.  Over TLS the certificate must be for the domain that
    was asked for, whatever host the DNS names (RFC 5922 section 7.2).
    """

    def __init__(self, records: Records, transports: Iterable[str], entropy: Entropy) -> None:
        self._records = records
        self._transports = frozenset(transports)
        self._plain = "UDP" if "UDP" in self._transports else "TCP"
        self._entropy = entropy

    async def hops(self, target: Target) -> list[Hop]:
        host = target.host.strip("[]")
        if is_address(host):
            transport = target.transport or self._plain
            port = target.port or PORTS[transport]
            return [Hop(transport, host, port, target.name, target.gateway)]
        if target.port is not None:
            return await self._by_address(target, target.transport or self._plain)
        found: list[Hop] = []
        refuses = False
        try:
            for transport, name in await self._names(target):
                for service in in_order(await self._records.services(name), self._entropy):
                    if service.host == NOWHERE:
                        refuses = True
                        continue
                    found += [
                        Hop(transport, address, service.port, target.name, target.gateway)
                        for address in await self._records.addresses(service.host)
                    ]
        except Silence:
            pass  # further questions would take as long, and tell as little
        if found:
            return found
        if refuses:
            raise Unreachable(f"{target.host} takes no SIP")
        return await self._by_address(target, target.transport or self._plain)

    async def _names(self, target: Target) -> list[tuple[str, str]]:
        """Transports and the names of their SRV records, in order."""
        if target.transport:
            return [(target.transport, SRV[target.transport] + target.host)]
        pointers = sorted(
            (
                one
                for one in await self._records.pointers(target.host)
                if SERVICES.get(one.service.upper()) in self._transports
            ),
            key=lambda one: (one.order, one.preference),
        )
        if pointers:
            return [(SERVICES[one.service.upper()], one.replacement) for one in pointers]
        return [
            (transport, SRV[transport] + target.host)
            for transport in SERVICES.values()
            if transport in self._transports
        ]

    async def _by_address(self, target: Target, transport: str) -> list[Hop]:
        port = target.port or PORTS[transport]
        return [
            Hop(transport, address, port, target.name, target.gateway)
            for address in await addresses(self._records.addresses, target.host)
        ]


class DnsRecords:
    """Records from name servers, kept as long as they say, and not longer than `MAX_KEPT_S`.

    Addresses come from the system's resolver where there is one, so that its other sources count
    too.  `resolver` makes what asks the servers when it is asked first.  Each question raises
    Silence when none of them answers.
    """

    TIMEOUTS_S = (1, 2, 3)
    """For each question, one after the other (our choice)."""

    MAX_KEPT_S = 300.0
    NOTHING_KEPT_S = 30.0
    """How long it is remembered that there is nothing (our choice)."""

    MAX_NAMES = 1_000
    """Answers that are kept (our choice)."""

    def __init__(
        self, resolver: Callable[[], Any], lookup: Lookup | None, now: Callable[[], float]
    ) -> None:
        self._make_resolver = resolver
        self._resolver: Any = None
        self._lookup = lookup
        self._now = now
        self._kept: dict[tuple[str, str], tuple[float, list[Any]]] = {}

    async def pointers(self, name: str) -> Sequence[Pointer]:
        return [
            Pointer(
                one.order,
                one.preference,
                _text(one.service.string),
                _text(one.replacement.name),
            )
            for one in await self._payloads("lookupNamingAuthorityPointer", name)
            if isinstance(one, dns.Record_NAPTR) and one.flags.string.lower() == b"s"
        ]

    async def services(self, name: str) -> Sequence[Service]:
        return [
            Service(one.priority, one.weight, one.port, _text(one.target.name) or NOWHERE)
            for one in await self._payloads("lookupService", name)
            if isinstance(one, dns.Record_SRV)
        ]

    async def addresses(self, host: str) -> Sequence[str]:
        if is_address(host):
            return [host]
        if self._lookup is not None:
            return await self._lookup(host)
        return [
            one.dottedQuad() if isinstance(one, dns.Record_A) else str(ip_address(one.address))
            for kind in ("lookupAddress", "lookupIPV6Address")
            for one in await self._payloads(kind, host)
            if isinstance(one, dns.Record_A | dns.Record_AAAA)
        ]

    async def _payloads(self, kind: str, name: str) -> list[Any]:
        if not is_name(name):
            return []
        key = kind, name.lower()
        until, payloads = self._kept.get(key, (0.0, []))
        if until > self._now():
            return payloads
        if self._resolver is None:
            self._resolver = self._make_resolver()
        try:
            answers, _, _ = await getattr(self._resolver, kind)(name, self.TIMEOUTS_S)
        except (DomainError, AuthoritativeDomainError, ResolverError):
            answers = []  # no such name, or no such record
        except (DNSQueryTimeoutError, defer.TimeoutError, OSError) as error:
            raise Silence(name) from error  # and nothing is kept: to be asked again
        answers = answers[:MAX_RECORDS]
        kept_s = min([one.ttl for one in answers], default=self.NOTHING_KEPT_S)
        while len(self._kept) >= self.MAX_NAMES:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (
            self._now() + min(kept_s, self.MAX_KEPT_S),
            [one.payload for one in answers],
        )
        return self._kept[key][1]


def system_records(reactor: IReactor, servers: Sequence[str]) -> DnsRecords:
    """Records from the name servers at these addresses, or from the system's."""

    def resolver() -> Resolver:
        asked = [(server, dns.PORT) for server in servers]
        return Resolver(None if asked else RESOLV_CONF, asked or None, reactor=reactor)

    return DnsRecords(resolver, None if servers else system_lookup(reactor), reactor.seconds)


def in_order(services: Iterable[Service], entropy: Entropy) -> list[Service]:
    """SRV records in the order in which they are to be tried (RFC 2782)."""
    ordered: list[Service] = []
    left = sorted(services, key=lambda one: (one.priority, one.weight))[:MAX_RECORDS]
    while left:
        same = [one for one in left if one.priority == left[0].priority]
        chosen = weighted([one.weight for one in same], entropy)
        ordered.append(same[chosen])
        left.remove(same[chosen])
    return ordered


def weighted(weights: Sequence[int], entropy: Entropy) -> int:
    """The place of one of the weights, by chance; those of 0 have a small one (RFC 2782)."""
    number: int = struct.unpack(">I", entropy(4))[0]
    mark = number % (sum(weights) + 1)
    upto = 0
    for place, weight in enumerate(weights):
        upto += weight
        if upto >= mark:
            return place
    return len(weights) - 1


async def addresses(lookup: Lookup, host: str) -> Sequence[str]:
    """The addresses of a host, which may be one.  Raises Unreachable without any."""
    literal = host.strip("[]")
    if is_address(literal):
        return [literal]
    try:
        found = await lookup(host.rstrip("."))
    except Silence as error:
        raise Unreachable(f"no name server answers for {host}") from error
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
        if not is_name(host):
            return []
        found = _Found()
        reactor.nameResolver.resolveHostName(found, host)
        return await found.done

    return lookup


def is_name(text: str) -> bool:
    """Whether it can be a name in the DNS (RFC 1035 section 2.3.4); nobody is asked for another."""
    try:
        encoded = text.encode("idna")
    except UnicodeError:  # an empty label, or one of more than 63 octets
        return False
    return 0 < len(encoded) <= MAX_NAME and 0 not in encoded


def is_address(text: str) -> bool:
    """Whether it is an IP address, without brackets."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")
