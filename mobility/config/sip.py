"""`[sip]`, `[[sip.listen]]`, `[[sip.route]]`, `[[sip.account]]`: listeners and other servers."""

import re
from ipaddress import ip_address
from pathlib import Path

import attrs

from mobility.config.secret_file import read_secret
from mobility.config.web import read_endpoint
from mobility.domain.addresses import is_domain
from mobility.domain.setting_rules import a_name
from mobility.errors import OperatorFault
from mobility.toml_table import Table, between, one_of
from mobility.urls import is_host

MUTUAL_TLS = ("request", "require", "none")
TRANSPORTS = ("tls", "tcp", "udp")
DIGESTS = ("SHA-256", "MD5")

MAX_SECRET_BYTES = 1_024
"""Of the password of an account at another server (our choice)."""

_PREFIX = re.compile(r"\+?[0-9]{0,15}")
_UDP = re.compile(r"udp:([0-9]{1,5})(?::interface=(.+))?")


@attrs.frozen(slots=True)
class SipListenerConfig:
    """One `[[sip.listen]]` table.

    `transport` is "tls", "tcp" or "udp".  `endpoint` is a Twisted server endpoint string, for UDP
    `udp:PORT:interface=ADDRESS`.  `mutual_tls` says whether a client's certificate is asked for
    ("request"), demanded ("require") or not asked for ("none"); it must be signed by one of
    `client_ca`.
    """

    name: str
    endpoint: str
    transport: str = one_of("tls", "tcp", "udp")
    mutual_tls: str = one_of("request", "require", "none")
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    digest: tuple[str, ...] = DIGESTS
    """The algorithms that phones are challenged with, the preferred one first (RFC 8760)."""
    advertise: str = ""
    """The host that Via and Contact name; without it the address of the connection."""

    @property
    def tls(self) -> bool:
        return self.transport == "tls"

    @property
    def udp_address(self) -> tuple[str, int]:
        """Address ("" for all) and port of a UDP listener."""
        match = _UDP.fullmatch(self.endpoint)
        if match is None:
            raise ValueError(self.endpoint)
        return (match.group(2) or "").replace("\\:", ":"), int(match.group(1))


@attrs.frozen(slots=True)
class SipTargetConfig:
    """One `[[sip.route.target]]` table: a server that requests are sent to."""

    host: str
    port: int = between(0, 0, 65_535)
    """0 leaves it to the DNS, or to the transport."""
    transport: str = one_of("tls", "tcp", "udp")
    priority: int = between(0, 0, 65_535)
    """Targets with the lowest are tried first (as in RFC 2782)."""
    weight: int = between(1, 0, 65_535)
    """How often one of the same priority is the first."""


@attrs.frozen(slots=True)
class SipAccountConfig:
    """One `[[sip.account]]` table: what is proven to servers that challenge (RFC 8760).

    Routes and gateways name it, and nobody else is told of it.
    """

    name: str
    username: str
    secret_file: Path
    """Holds the password."""
    realm: str = ""
    """The only realm whose challenges are answered; without it any that the server names."""

    @property
    def secret(self) -> str:
        """The password, read from its file.  Raises OperatorFault."""
        try:
            return read_secret(self.secret_file, 1, MAX_SECRET_BYTES).decode()
        except UnicodeDecodeError:
            raise OperatorFault(str(self.secret_file), "is no UTF-8 text") from None


@attrs.frozen(slots=True)
class SipRouteConfig:
    """One `[[sip.route]]` table: to which servers requests for domains or numbers go."""

    name: str
    targets: tuple[SipTargetConfig, ...]
    domains: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    """What telephone numbers begin with; the longest that fits counts."""
    probe_s: float = between(30.0, 0.0, 3_600.0)
    """How often its targets are asked whether they are there; 0 is never."""
    account: str = ""
    """The `[[sip.account]]` with which challenges of its targets are answered."""
    messages: str = one_of("page", "session")
    """How messages begin there: each for itself (RFC 3428), or in sessions as Lync has them."""


@attrs.frozen(slots=True)
class SipConfig:
    """`[sip]`."""

    listeners: tuple[SipListenerConfig, ...] = ()
    routes: tuple[SipRouteConfig, ...] = ()
    accounts: tuple[SipAccountConfig, ...] = ()
    trusted_peers: tuple[str, ...] = ()
    """Names in certificates of SIP servers that may send for anybody (RFC 5922)."""
    requests_per_s: float = between(2_000.0, 0.0, 1_000_000.0)
    """How many requests a peer may send in the long run; 0 is no limit."""
    burst: int = between(4_000, 1, 1_000_000)
    """How many it may send at once."""
    max_connections: int = between(10_000, 1, 1_000_000)
    min_expires_s: int = between(60, 1, 3_600)
    """The shortest registration of a phone; a shorter one is answered 423."""
    max_expires_s: int = between(3_600, 60, 604_800)
    """The longest registration that is given."""
    contacts_per_user: int = between(10, 1, 100)
    """How many phones a user may register."""
    conversation_idle_s: int = between(3_600, 60, 2_592_000)
    """Conversations over MESSAGE requests in which nobody writes for so long end."""
    peer_ca: Path | None = None
    """Who signs the certificates of servers that are connected to; else whom the system trusts."""
    peer_certificate: Path | None = None
    """What such servers are shown; else the certificate of the first TLS listener."""
    peer_key: Path | None = None
    resolvers: tuple[str, ...] = ()
    """Addresses of name servers; without any those that the system asks."""
    domain_lookup: bool = False
    """Whether requests for domains without a route go where the DNS says (RFC 3263)."""
    voicemail_domain: str = ""
    """Where users' mailboxes are subscribed to (`sip:USER@` this domain), "" for nowhere."""
    max_redirects: int = between(5, 0, 16)
    """How many redirects (3xx) of other servers are followed for one request."""
    gateway_probe_s: float = between(30.0, 0.0, 3_600.0)
    """How often gateways are asked whether they are there; 0 is never."""


def read_sip(table: Table) -> SipConfig:
    """The `[sip]` table.  Raises OperatorFault."""
    listeners: list[SipListenerConfig] = []
    for one in table.tables("listen"):
        listener = _listener(one)
        if any(listener.name == other.name for other in listeners):
            raise one.fault("name", "must not be the name of another listener")
        listeners.append(listener)
    accounts: dict[str, SipAccountConfig] = {}
    for one in table.tables("account"):
        account = _account(one)
        if account.name in accounts:
            raise one.fault("name", "must not be the name of another account")
        accounts[account.name] = account
    routes: list[SipRouteConfig] = []
    for one in table.tables("route"):
        route = _route(one)
        if any(route.name == other.name for other in routes):
            raise one.fault("name", "must not be the name of another route")
        if route.account and route.account not in accounts:
            raise one.fault("account", "must be the name of a [[sip.account]] table")
        routes.append(route)
    names = ("peer_ca", "peer_certificate", "peer_key")
    files = {name: table.read(name, Path, None) for name in names}
    if (files["peer_certificate"] is None) != (files["peer_key"] is None):
        raise table.fault("peer_key", "and sip.peer_certificate must be given together")
    sip = table.record(
        SipConfig,
        listeners=tuple(listeners),
        routes=tuple(routes),
        accounts=tuple(accounts.values()),
        **files,
    )
    for address in sip.resolvers:
        if not _is_address(address):
            raise table.fault("resolvers", f"{address!r} must be an IP address")
    for name in sip.trusted_peers:
        if not is_domain(name) or name != name.lower():
            raise table.fault("trusted_peers", f"{name!r} must be a host name in lower case")
    if sip.voicemail_domain and not is_domain(sip.voicemail_domain):
        raise table.fault("voicemail_domain", "must be a domain name")
    if sip.min_expires_s > sip.max_expires_s:
        raise table.fault("min_expires_s", "must not be above sip.max_expires_s")
    return sip


def _listener(table: Table) -> SipListenerConfig:
    name = table.read("name", str)
    if not name:
        raise table.fault("name", "must not be empty")
    transport = table.read("transport", str, "tls")
    if transport not in TRANSPORTS:
        raise table.fault("transport", "must be tls, tcp or udp")
    endpoint = _udp_endpoint(table) if transport == "udp" else read_endpoint(table)
    mutual_tls = table.read("mutual_tls", str, "request" if transport == "tls" else "none")
    if mutual_tls not in MUTUAL_TLS:
        raise table.fault("mutual_tls", "must be request, require or none")
    files = {field: table.read(field, Path, None) for field in ("certificate", "key", "client_ca")}
    digest = table.read("digest", tuple[str, ...], DIGESTS)
    if not digest or len(set(digest)) != len(digest) or not set(digest) <= set(DIGESTS):
        raise table.fault("digest", "must be SHA-256, MD5 or both")
    advertise = table.read("advertise", str, "")
    if advertise and not is_host(advertise):
        raise table.fault("advertise", "must be a host name or an IP address")
    table.finish()
    if transport == "tls":
        needed = ["certificate", "key", *(["client_ca"] if mutual_tls != "none" else [])]
        for field in needed:
            if files[field] is None:
                raise table.fault(field, "is missing, and this listener needs it")
    else:
        for field, file in files.items():
            if file is not None:
                raise table.fault(field, 'must not be given where transport is not "tls"')
        if mutual_tls != "none":
            raise table.fault("mutual_tls", 'must be "none" where transport is not "tls"')
    return SipListenerConfig(
        name, endpoint, transport, mutual_tls, digest=digest, advertise=advertise, **files
    )


def _account(table: Table) -> SipAccountConfig:
    account = table.record(SipAccountConfig)
    if problem := a_name(account.name):
        raise table.fault("name", problem)
    if not account.username:
        raise table.fault("username", "must not be empty")
    for field in ("username", "realm"):
        if not getattr(account, field).isprintable():
            raise table.fault(field, "must not hold control characters")
    return account


def _route(table: Table) -> SipRouteConfig:
    targets = tuple(_target(one) for one in table.tables("target"))
    route = table.record(SipRouteConfig, targets=targets)
    if not route.name:
        raise table.fault("name", "must not be empty")
    if not route.domains and not route.prefixes:
        raise table.fault("domains", "must name a domain, or prefixes must name one")
    for domain in route.domains:
        if not is_domain(domain) or domain != domain.lower():
            raise table.fault("domains", f"{domain!r} must be a domain name in lower case")
    for prefix in route.prefixes:
        if _PREFIX.fullmatch(prefix) is None:
            raise table.fault("prefixes", f"{prefix!r} must be + and digits, or digits")
    if not targets:
        raise table.fault("target", "must be there once at least, as [[sip.route.target]]")
    return route


def _target(table: Table) -> SipTargetConfig:
    target = table.record(SipTargetConfig)
    if not is_host(target.host):
        raise table.fault("host", "must be a host name or an IP address")
    return target


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _udp_endpoint(table: Table) -> str:
    endpoint: str = table.read("endpoint", str)
    match = _UDP.fullmatch(endpoint)
    if match is None or int(match.group(1)) > 65_535:
        raise table.fault("endpoint", "must be udp:PORT or udp:PORT:interface=ADDRESS")
    return endpoint
