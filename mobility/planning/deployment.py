"""The deployment that a configuration describes: its names, and where they lead."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import attrs

from mobility.config import Config, ListenerConfig, SipListenerConfig, tcp_address
from mobility.config.topology import PoolConfig, ProviderConfig, TopologyConfig
from mobility.urls import dns_name

HTTPS_PORT = 443
HTTP_PORT = 80

LONGEST_EVENT_REQUEST_S = 1800
"""How long a client may let a request for events wait (UCWA rel `events`, `timeout`)."""

PROXY_TIMEOUT_S = LONGEST_EVENT_REQUEST_S + 60
"""How long a proxy must wait for an answer: longer than the longest request for events."""


@attrs.frozen(slots=True, order=True)
class Place:
    """A host and a TCP port."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The https URL of it, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" + ("" if self.port == HTTPS_PORT else f":{self.port}")


@attrs.frozen(slots=True)
class WebListener:
    """Where one listener of a web site takes connections.

    `address` is "" for all addresses.  `port` is 0 where it cannot be told, as of a socket that
    systemd opens; `path` is that of a UNIX socket, else "".
    """

    name: str
    site: str
    secure: bool
    tls: bool
    address: str = ""
    port: int = 0
    path: str = ""
    proxy_protocol: bool = False


@attrs.frozen(slots=True)
class SipListener:
    """Where one SIP listener takes connections; `transport` is tls, tcp or udp."""

    name: str
    transport: str
    address: str
    port: int


@attrs.frozen(slots=True)
class SipServer:
    """Another SIP server; `transport` is tls, tcp or udp."""

    place: Place
    transport: str


@attrs.frozen(slots=True)
class OtherPool:
    """Another pool, or a hosting provider: where its discovery root is."""

    name: str
    place: Place
    path: str


@attrs.frozen(slots=True)
class Deployment:
    """What a configuration says of the whole.  Names are as DNS has them: ASCII, in lower case."""

    sip_domains: tuple[str, ...]
    server_fqdn: str
    internal: Place
    external: Place
    meet_host: str
    """The host of join URLs, when it is not that of `external`, else ""."""
    web: tuple[WebListener, ...]
    sip: tuple[SipListener, ...]
    trusted_proxies: tuple[str, ...] = ()
    pool: str = ""
    """The name of this pool, which is that of the server in a Standard Edition."""
    director: bool = False
    """Whether discovery alone is served here."""
    edge: Place | None = None
    """The Access Edge, and where it takes federation."""
    branches: tuple[Place, ...] = ()
    """The branch appliances of this pool, and where SIP clients connect to them."""
    pools: tuple[OtherPool, ...] = ()
    """The other pools and hosting providers that users are sent on to."""
    mixers: tuple[SipServer, ...] = ()
    """The conference servers that mix the media of meetings."""

    def listeners(self, site: str, *, secure: bool) -> tuple[WebListener, ...]:
        """The listeners of a site that answer with (or without) HTTPS links."""
        return tuple(one for one in self.web if one.site == site and one.secure == secure)


def discovery_external(sip_domain: str) -> str:
    """The name that clients outside ask for first."""
    return f"lyncdiscover.{sip_domain}"


def discovery_internal(sip_domain: str) -> str:
    """The name that clients inside ask for first."""
    return f"lyncdiscoverinternal.{sip_domain}"


def is_address(host: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def deployment_of(config: Config) -> Deployment:
    """The deployment that a configuration describes."""
    external = _place(config.web.external_url)
    meet = dns_name(urlsplit(config.meetings.join_url).hostname or "")
    return Deployment(
        sip_domains=tuple(dns_name(domain) for domain in config.sip_domains),
        server_fqdn=dns_name(config.server_fqdn),
        internal=_place(config.web.internal_url),
        external=external,
        meet_host="" if meet == external.host else meet,
        web=tuple(_web_listener(one) for one in config.listeners),
        sip=tuple(_sip_listener(one) for one in config.sip.listeners),
        trusted_proxies=config.web.trusted_proxies,
        mixers=tuple(_mixers(config)),
        **_others(config.topology),
    )


def _others(topology: TopologyConfig) -> dict[str, Any]:
    """What the topology says of other servers."""
    edge = topology.edge
    elsewhere: list[PoolConfig | ProviderConfig] = [*topology.pools, *topology.providers]
    return {
        "pool": dns_name(topology.pool),
        "director": topology.director,
        "edge": Place(dns_name(edge.name), edge.port) if edge.name else None,
        "branches": tuple(Place(dns_name(one.name), one.port) for one in topology.branches),
        "pools": tuple(
            OtherPool(one.name, _place(one.root), urlsplit(one.root).path or "/")
            for one in elsewhere
            if one.root
        ),
    }


def _mixers(config: Config) -> Iterator[SipServer]:
    """The targets of the route that leads to the mixer, or the host of its URI."""
    if not config.meetings.mixer.uri:
        return
    host, port, transport = config.meetings.mixer.server
    routed = False
    for route in config.sip.routes:
        if host.lower() in route.domains and not routed:
            routed = True
            for one in route.targets:
                own = one.port or (5061 if one.transport == "tls" else 5060)
                yield SipServer(Place(dns_name(one.host), own), one.transport)
    if not routed:
        yield SipServer(Place(dns_name(host), port), transport)


def _place(url: str) -> Place:
    parts = urlsplit(url)
    return Place(dns_name(parts.hostname or ""), parts.port or HTTPS_PORT)


def _web_listener(listener: ListenerConfig) -> WebListener:
    bare = listener.endpoint.removeprefix("haproxy:")
    behind = bare != listener.endpoint
    address, port, path = "", 0, ""
    if bare.startswith(("tcp:", "tcp6:")):
        address, port = tcp_address(bare)
    elif bare.startswith("unix:"):
        path = _unix_path(bare)
    site = listener.site
    return WebListener(
        listener.name, site.name, site.secure, listener.tls, address, port, path, behind
    )


def _unix_path(endpoint: str) -> str:
    """The path in a unix: endpoint string, whose colons are written with a backslash."""
    words = endpoint.replace(r"\:", "\0").split(":")[1:]
    named = next((w.removeprefix("address=") for w in words if w.startswith("address=")), "")
    return (named or words[0]).replace("\0", ":")


def _sip_listener(listener: SipListenerConfig) -> SipListener:
    if listener.transport == "udp":
        address, port = listener.udp_address
    else:
        bare = listener.endpoint.removeprefix("haproxy:")
        address, port = tcp_address(bare) if bare.startswith("tcp") else ("", 0)
    return SipListener(listener.name, listener.transport, address, port)
