"""Asking DNS resolvers for the records that a deployment has."""

from collections.abc import Callable, Sequence
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import defer, error
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import (
    DNSFormatError,
    DNSNameError,
    DNSNotImplementedError,
    DNSQueryRefusedError,
    DNSServerError,
    DomainError,
)

from mobility.check.dns import Host, Service, View
from mobility.errors import OperatorFault

DNS_PORT = 53
TIMEOUTS_S = (2, 4)
"""How long each try waits for an answer."""

MAX_ALIASES = 8
"""CNAME records that are followed (our choice; public resolvers stop at about as many)."""

SYSTEM = Path("/etc/resolv.conf")

SILENT = "no answer in time"
CODES = {
    DNSFormatError: "FORMERR",
    DNSServerError: "SERVFAIL",
    DNSNotImplementedError: "NOTIMP",
    DNSQueryRefusedError: "REFUSED",
}
"""Failures by their response code (RFC 1035 section 4.1.1)."""


@attrs.frozen(slots=True)
class Server:
    """A resolver's address."""

    host: str
    port: int = DNS_PORT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DNS_PORT else f"{host}:{self.port}"


def system_servers(file: Path = SYSTEM) -> list[Server]:
    """The resolvers of this machine (resolv.conf).  Raises OperatorFault when it names none."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise OperatorFault(str(file), f"cannot be read: {reason}") from fault
    words = [line.split() for line in lines]
    found = [Server(word[1]) for word in words if len(word) > 1 and word[0] == "nameserver"]
    if not found:
        raise OperatorFault(str(file), "names no nameserver: give --inside-resolver")
    return found


class Asker:
    """Asks one side's resolvers; answers never raise, they say what failed."""

    def __init__(
        self, servers: Sequence[Server], reactor: Any, timeouts_s: Sequence[float] = TIMEOUTS_S
    ) -> None:
        self.name = ", ".join(map(str, servers))
        self._resolver = Resolver(
            servers=[(one.host, one.port) for one in servers],
            timeout=timeouts_s,
            reactor=reactor,
        )

    async def view(self, hosts: Sequence[str], services: Sequence[str]) -> View:
        """Everything about these names; one that is silent is not asked for each of them."""
        found: dict[str, Host] = {}
        for name in hosts:
            silent = any(one.failure == SILENT for one in found.values())
            found[name] = Host(failure=SILENT) if silent else await self.host(name)
        offered: dict[str, Service] = {}
        for name in services:
            failures = [one.failure for one in found.values()]
            silent = SILENT in [*failures, *(one.failure for one in offered.values())]
            offered[name] = Service(failure=SILENT) if silent else await self.service(name)
        return View(self.name, found, offered)

    async def host(self, name: str) -> Host:
        """Addresses of a name of either kind, and the aliases on the way to them."""
        aliases: list[str] = []
        addresses: list[str] = []
        for lookup, kind in (
            (self._resolver.lookupAddress, dns.A),
            (self._resolver.lookupIPV6Address, dns.AAAA),
        ):
            failure = await self._follow(name, lookup, kind, aliases, addresses)
            if failure:
                return Host(failure=failure)
        return Host(tuple(dict.fromkeys(addresses)), tuple(aliases))

    async def _follow(
        self,
        name: str,
        lookup: "Callable[[str], defer.Deferred[Any]]",
        kind: int,
        aliases: list[str],
        addresses: list[str],
    ) -> str:
        """Collect what a name has; "" or why no answer came."""
        wanted = name
        for _ in range(MAX_ALIASES):
            records, failure = await _answer(lookup(wanted))
            if failure:
                return failure
            by_name: dict[str, str] = {
                _text(one.name): _text(one.payload.name) for one in records if one.type == dns.CNAME
            }
            before = wanted
            while wanted in by_name and len(aliases) < MAX_ALIASES:
                wanted = by_name.pop(wanted)
                if wanted not in aliases:
                    aliases.append(wanted)
            addresses += [
                one.payload.dottedQuad() if kind == dns.A else _ipv6(one.payload)
                for one in records
                if one.type == kind and _text(one.name) == wanted
            ]
            if addresses or wanted == before:
                return ""
        return ""

    async def service(self, name: str) -> Service:
        """The targets of an SRV name."""
        records, failure = await _answer(self._resolver.lookupService(name))
        found = [
            (_text(one.payload.target), one.payload.port) for one in records if one.type == dns.SRV
        ]
        return Service(tuple(found), failure)


async def _answer(asked: "defer.Deferred[Any]") -> tuple[list[Any], str]:
    """The answer section, empty when there is no such name, and why none came."""
    try:
        answers, _, _ = await asked
    except DNSNameError:
        return [], ""
    except DomainError as fault:
        return [], CODES.get(type(fault), "an unknown response code")
    except (error.TimeoutError, defer.TimeoutError):
        return [], SILENT
    except (OSError, error.ConnectError) as fault:
        return [], str(fault) or type(fault).__name__
    return list(answers), ""


def _text(name: dns.Name) -> str:
    return bytes(name.name).decode("ascii", "replace").lower().rstrip(".")


def _ipv6(record: dns.Record_AAAA) -> str:
    return str(IPv6Address(record.address))
