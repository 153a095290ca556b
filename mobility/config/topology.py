"""`[topology]`: this pool and its role, other pools, branches, hosting providers and the Edge."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

import attrs

from mobility.config.push import PushConfig
from mobility.config.sip import SipConfig
from mobility.config.web import ListenerConfig, WebConfig, tcp_address
from mobility.domain.addresses import is_domain
from mobility.domain.topology import Branch, Edge, HostingProvider, Pool, Topology
from mobility.errors import OperatorFault
from mobility.toml_table import Table, between, one_of
from mobility.urls import ascii_host, parts_of

STANDARD, ENTERPRISE = "standard", "enterprise"
FRONT_END, DIRECTOR = "front-end", "director"


@attrs.frozen(slots=True)
class PoolConfig:
    """One `[[topology.pools]]` table: another pool."""

    name: str
    root: str
    """The URL of its Autodiscover root."""
    site: str = ""


@attrs.frozen(slots=True)
class BranchConfig:
    """One `[[topology.branches]]` table: a Survivable Branch Appliance of this pool."""

    name: str
    site: str = ""
    port: int = between(5061, 1, 65_535)


@attrs.frozen(slots=True)
class ProviderConfig:
    """One `[[topology.providers]]` table (CsHostingProvider)."""

    name: str
    root: str = ""
    """The URL of its Autodiscover root, when users of our SIP domains live there."""
    shared_address_space: bool = False
    proxy: str = ""
    """The host of its Access Edge (ProxyFqdn)."""


@attrs.frozen(slots=True)
class EdgeConfig:
    """`[topology.edge]`: the Access Edge; without a name there is none."""

    name: str = ""
    port: int = between(5061, 1, 65_535)
    allowed_domains: tuple[str, ...] = ()
    """Domains to which push federation may go (CsAllowedDomain)."""


@attrs.frozen(slots=True)
class TopologyConfig:
    """`[topology]`."""

    edition: str = one_of(STANDARD, ENTERPRISE)
    role: str = one_of(FRONT_END, DIRECTOR)
    pool: str = ""
    """The name of this pool; without one it is `server_fqdn`."""
    site: str = ""
    """The site of this pool, and so of its users who have none of their own."""
    next_hop: str = ""
    """On a Director: the pool of users who have none of their own."""
    interfaces: tuple[str, ...] = ()
    """The addresses of this machine's network interfaces when it has several, as with a collocated
    Mediation Server; then each service is bound to one."""
    mediation: str = ""
    """The one of them that is for gateways, on which no web site may be."""
    edge: EdgeConfig = attrs.Factory(EdgeConfig)
    pools: tuple[PoolConfig, ...] = ()
    branches: tuple[BranchConfig, ...] = ()
    providers: tuple[ProviderConfig, ...] = ()

    @property
    def director(self) -> bool:
        """Whether Autodiscover alone is served here."""
        return self.role == DIRECTOR

    @property
    def domain(self) -> Topology:
        """What the domain needs to know."""
        edge = self.edge
        return Topology(
            pool=self.pool,
            site=self.site,
            director=self.director,
            next_hop=self.next_hop,
            pools=tuple(Pool(one.name, one.root, one.site) for one in self.pools),
            branches=tuple(Branch(one.name, one.site, one.port) for one in self.branches),
            providers=tuple(
                HostingProvider(one.name, one.root, one.shared_address_space, one.proxy)
                for one in self.providers
            ),
            edge=Edge(edge.name, edge.port, edge.allowed_domains) if edge.name else None,
        )


def read_topology(table: Table, server_fqdn: str) -> TopologyConfig:
    """The `[topology]` table.  Raises OperatorFault."""
    pools = tuple(one.record(PoolConfig) for one in table.tables("pools"))
    branches = tuple(one.record(BranchConfig) for one in table.tables("branches"))
    providers = tuple(one.record(ProviderConfig) for one in table.tables("providers"))
    edge = _edge(table.table("edge"))
    topology = table.record(
        TopologyConfig, pools=pools, branches=branches, providers=providers, edge=edge
    )
    topology = attrs.evolve(topology, pool=ascii_host(topology.pool or server_fqdn))
    if not is_domain(topology.pool):
        raise table.fault("pool", "must be a host name")
    if topology.edition == STANDARD and topology.pool != server_fqdn:
        rule = "must be server_fqdn: a Standard Edition server is its pool"
        raise table.fault("pool", rule)
    if topology.edition == ENTERPRISE and topology.pool == server_fqdn:
        raise table.fault("pool", "must differ from server_fqdn, the name of one of its servers")
    _check_names(table, topology)
    for key, records in _with_roots(topology):
        for number, one in enumerate(records):
            if (one.root or key == "pools") and not _is_root(one.root):
                where = f"{table.dotted(key)}[{number}].root"
                rule = f"is {one.root!r}, must be the https URL of an Autodiscover root"
                raise OperatorFault(str(table.file), rule, where)
    if sum(one.shared_address_space for one in providers) > 1:
        raise table.fault("providers", "must not share the address space with two providers")
    for number, provider in enumerate(providers):
        if provider.shared_address_space and not provider.root:
            where = f"{table.dotted('providers')}[{number}].root"
            rule = "is missing, and shared_address_space needs it"
            raise OperatorFault(str(table.file), rule, where)
    if topology.director and topology.next_hop not in [one.name for one in pools]:
        raise table.fault("next_hop", "must be the name of one of topology.pools on a Director")
    if topology.next_hop and not topology.director:
        raise table.fault("next_hop", "must not be given but on a Director")
    _check_interfaces(table, topology)
    return topology


def check_bindings(
    file: str,
    topology: TopologyConfig,
    listeners: tuple[ListenerConfig, ...],
    sip: SipConfig,
) -> None:
    """Refuse what listens on all addresses where several interfaces are declared.

    Loopback is nobody's network: the operator listener stays there.  Raises OperatorFault.
    """
    if len(topology.interfaces) < 2:
        return
    bound = [
        (f"listen[{number}].endpoint", one.endpoint, _address(one.endpoint))
        for number, one in enumerate(listeners)
    ]
    bound += [
        (
            f"sip.listen[{number}].endpoint",
            one.endpoint,
            one.udp_address[0] if one.transport == "udp" else _address(one.endpoint),
        )
        for number, one in enumerate(sip.listeners)
    ]
    known = {str(ip_address(one)) for one in topology.interfaces}
    for number, one in enumerate(listeners):
        if topology.mediation and _address(one.endpoint) == topology.mediation:
            rule = f"is {one.endpoint!r}, must not be topology.mediation: that is for gateways"
            raise OperatorFault(file, rule, f"listen[{number}].endpoint")
    for key, endpoint, address in bound:
        if address is not None and not _is_of(address, known):
            shown = ", ".join(topology.interfaces)
            rule = (
                f"is {endpoint!r}, must be bound to one of topology.interfaces ({shown}): with all "
                "addresses each service would answer on the other's network"
            )
            raise OperatorFault(file, rule, key)


def check_director(file: str, topology: TopologyConfig, sip: SipConfig) -> None:
    """Refuse SIP listeners on a Director.  Raises OperatorFault."""
    if topology.director and sip.listeners:
        rule = "must not be given on a Director, which serves Autodiscover alone"
        raise OperatorFault(file, rule, "sip.listen")


def check_push(file: str, topology: TopologyConfig, push: PushConfig) -> None:
    """Refuse a clearing house to which the Edge does not allow federation.  OperatorFault.

    One that is reached by SIP is refused when something is sent, as the Edge itself does it.
    """
    host = urlsplit(push.clearing_house).hostname or ""
    edge = topology.domain.edge
    if edge is not None and host and not edge.allows(host):
        allowed = ", ".join(edge.allowed_domains) or "none"
        rule = (
            f"is {push.clearing_house!r}, must be in a domain of topology.edge.allowed_domains "
            f"({allowed})"
        )
        raise OperatorFault(file, rule, "push.clearing_house")


def check_homes(file: str, topology: TopologyConfig, web: WebConfig) -> None:
    """Refuse another pool whose Autodiscover is this one: redirects would go in a circle."""
    own = {urlsplit(url).netloc.lower() for url in (web.internal_url, web.external_url)}
    for key, records in _with_roots(topology):
        for number, one in enumerate(records):
            if one.root and urlsplit(one.root).netloc.lower() in own:
                rule = f"is {one.root!r}, must not lead back to this system"
                raise OperatorFault(file, rule, f"topology.{key}[{number}].root")


def _with_roots(
    topology: TopologyConfig,
) -> list[tuple[str, Sequence[PoolConfig | ProviderConfig]]]:
    return [("pools", topology.pools), ("providers", topology.providers)]


def _edge(table: Table) -> EdgeConfig:
    edge = table.record(EdgeConfig)
    if edge.name and not is_domain(edge.name):
        raise table.fault("name", "must be a host name")
    for domain in edge.allowed_domains:
        if not is_domain(domain) or domain != domain.lower():
            raise table.fault("allowed_domains", f"{domain!r} must be a domain name in lower case")
    if edge.allowed_domains and not edge.name:
        raise table.fault("name", "is missing, and topology.edge.allowed_domains needs it")
    return attrs.evolve(edge, name=ascii_host(edge.name))


def _check_names(table: Table, topology: TopologyConfig) -> None:
    seen = {topology.pool.casefold(): "this pool"}
    named: list[tuple[str, Sequence[PoolConfig | BranchConfig | ProviderConfig]]] = [
        ("pools", topology.pools),
        ("branches", topology.branches),
        ("providers", topology.providers),
    ]
    for key, records in named:
        for number, one in enumerate(records):
            where = f"{table.dotted(key)}[{number}].name"
            good = is_domain(one.name) if key != "providers" else one.name.isprintable()
            if not good or not one.name or len(one.name) > 253:
                raise OperatorFault(str(table.file), f"is {one.name!r}, must be a host name", where)
            other = seen.setdefault(one.name.casefold(), where)
            if other != where:
                rule = f"is {one.name!r}, must not be the name of {other}"
                raise OperatorFault(str(table.file), rule, where)


def _check_interfaces(table: Table, topology: TopologyConfig) -> None:
    for address in topology.interfaces:
        try:
            ip_address(address)
        except ValueError:
            raise table.fault("interfaces", f"{address!r} must be an IP address") from None
    if len(set(topology.interfaces)) != len(topology.interfaces):
        raise table.fault("interfaces", "must name each address once")
    if topology.mediation and topology.mediation not in topology.interfaces:
        raise table.fault("mediation", "must be one of topology.interfaces")
    if topology.mediation and len(topology.interfaces) < 2:
        rule = "must not be all there is: with one interface nothing is to be told apart"
        raise table.fault("mediation", rule)


def _address(endpoint: str) -> str | None:
    """The address that an endpoint is bound to, "" for all; None where it has none."""
    bare = endpoint.removeprefix("haproxy:")
    return tcp_address(bare)[0] if bare.startswith(("tcp:", "tcp6:")) else None


def _is_of(address: str, known: set[str]) -> bool:
    try:
        bound = ip_address(address)
    except ValueError:
        return address == "localhost"
    return bound.is_loopback or str(bound) in known


def _is_root(url: str) -> bool:
    parts = parts_of(url)
    return parts is not None and parts.scheme == "https" and bool(parts.hostname)
