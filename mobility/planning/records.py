"""The DNS records of a deployment as each side must see them, and zone file fragments of them."""

from collections.abc import Sequence
from ipaddress import ip_address

import attrs

from mobility.errors import OperatorFault
from mobility.planning.deployment import (
    Deployment,
    discovery_external,
    discovery_internal,
    is_address,
)

TTL_S = 3600
"""Our choice: a moved service is found again within the hour."""

FEDERATION_PORT = 5061
"""Where an Access Edge takes SIP from partners, the push clearing house among them."""

INSIDE = "inside"
OUTSIDE = "outside"


@attrs.frozen(slots=True)
class Record:
    """One record: an absolute name without its last dot, a type and its data."""

    name: str
    kind: str
    data: str
    why: str


@attrs.frozen(slots=True)
class Addresses:
    """Where the names of a deployment lead.  `edge` is the name of the Access Edge, or ""."""

    internal: tuple[str, ...]
    """Of the internal web site: the front end, the Director, or the load balancer before them."""
    proxy: tuple[str, ...]
    """Of the reverse proxy, as the Internet sees it."""
    proxy_inside: tuple[str, ...]
    """Of the reverse proxy, as it is reached from inside (the hairpin)."""
    edge: str = ""
    edge_addresses: tuple[str, ...] = ()


def inside(deployment: Deployment, addresses: Addresses, *, cname: bool) -> list[Record]:
    """What internal DNS must hold.  Raises OperatorFault."""
    internal, external = _web_names(deployment)
    records = _hosts(internal, addresses.internal, "internal web services")
    for domain in deployment.sip_domains:
        name = discovery_internal(domain)
        why = f"automatic discovery inside, of {domain}"
        records += _alias(name, internal, addresses.internal, domain, why, cname=cname)
    why = "hairpin: inside clients use the external web services through the reverse proxy"
    for name in _published(deployment, external):
        records += _hosts(name, addresses.proxy_inside, why)
    return _once(records)


def outside(deployment: Deployment, addresses: Addresses, *, cname: bool) -> list[Record]:
    """What public DNS must hold.  Raises OperatorFault."""
    _, external = _web_names(deployment)
    records = []
    for name in _published(deployment, external):
        records += _hosts(name, addresses.proxy, "external web services, at the reverse proxy")
    for domain in deployment.sip_domains:
        name = discovery_external(domain)
        why = f"automatic discovery outside, of {domain}"
        records += _alias(name, external, addresses.proxy, domain, why, cname=cname)
        if addresses.edge:
            records.append(
                Record(
                    f"_sipfederationtls._tcp.{domain}",
                    "SRV",
                    f"0 0 {FEDERATION_PORT} {addresses.edge}.",
                    "federation, which push notifications travel by",
                )
            )
    if addresses.edge:
        records += _hosts(addresses.edge, addresses.edge_addresses, "Access Edge")
    return _once(records)


def zone_of(name: str, sip_domains: Sequence[str]) -> str:
    """The zone that a record belongs into: the SIP domain it is in, else the domain above it."""
    within = [d for d in sip_domains if name == d or name.endswith(f".{d}")]
    return max(within, key=len) if within else name.partition(".")[2]


def fragments(records: Sequence[Record], side: str, sip_domains: Sequence[str]) -> dict[str, str]:
    """Text for the zone file (RFC 1035 section 5) of each zone, by the zone's name."""
    zones: dict[str, list[Record]] = {}
    for record in records:
        zones.setdefault(zone_of(record.name, sip_domains), []).append(record)
    return {zone: _fragment(zone, side, zones[zone]) for zone in sorted(zones)}


def _fragment(zone: str, side: str, records: Sequence[Record]) -> str:
    where = "internal DNS only" if side == INSIDE else "public DNS only"
    lines = [f"; {zone}: records for {where}"]
    why = ""
    for record in records:
        if record.why != why:
            why = record.why
            lines += ["", f"; {why}"]
        lines.append(f"{record.name}. {TTL_S} IN {record.kind} {record.data}")
    return "\n".join(lines) + "\n"


def _web_names(deployment: Deployment) -> tuple[str, str]:
    """The internal and the external web FQDN, which must be two names."""
    internal, external = deployment.internal.host, deployment.external.host
    for key, host in (("web.internal_url", internal), ("web.external_url", external)):
        if is_address(host) or "." not in host:
            raise OperatorFault(f"the host {host}", "is no name that DNS can hold", key)
    if internal == external:
        raise OperatorFault(
            f"the host {external}",
            "must differ from that of web.internal_url: one name cannot lead to the front end "
            "inside and to the reverse proxy as well",
            "web.external_url",
        )
    return internal, external


def _published(deployment: Deployment, external: str) -> list[str]:
    return [external, *([deployment.meet_host] if deployment.meet_host else [])]


def _hosts(name: str, addresses: Sequence[str], why: str) -> list[Record]:
    return [
        Record(name, "AAAA" if ip_address(one).version == 6 else "A", one, why) for one in addresses
    ]


def _alias(  # what a record is made of
    name: str,
    target: str,
    addresses: Sequence[str],
    domain: str,
    why: str,
    *,
    cname: bool,
) -> list[Record]:
    """A CNAME where it is wanted and stays in the domain, else the addresses themselves."""
    if cname and target.endswith(f".{domain}"):
        return [Record(name, "CNAME", f"{target}.", why)]
    return _hosts(name, addresses, why)


def _once(records: Sequence[Record]) -> list[Record]:
    """The first record of each name, type and data."""
    kept: dict[tuple[str, str, str], Record] = {}
    for record in records:
        kept.setdefault((record.name, record.kind, record.data), record)
    return list(kept.values())
