"""The TOML file as frozen records.

`load` reads and checks a file; every error names the file, the dotted key and the rule.
The defaults here are the documented ones; docs/operations.md lists every key.
"""

import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import attrs
from twisted.internet.endpoints import serverFromString

from mobility.directory.settings import DirectoryConfig, read_directory
from mobility.domain.addresses import is_domain
from mobility.errors import OperatorFault
from mobility.http.message import Site
from mobility.meeting_config import MeetingsConfig, read_meetings
from mobility.toml_table import Table, between, one_of
from mobility.urls import is_host, parts_of

DAY_S = 86_400


@attrs.frozen(slots=True)
class ListenerConfig:
    """One `[[listen]]` table: a Twisted server endpoint string and the site it serves.

    For `tls = true` the endpoint is a plain one (`tcp:`, `unix:`, `systemd:`, or one of them
    behind `haproxy:`) and TLS is put on it with `certificate` and `key`, so that SIGHUP can
    reload them.  `site.secure` is what links and Autodiscover assume (true for TLS here or, with
    `secure = true`, at a configured proxy in front).
    """

    name: str
    endpoint: str
    site: Site
    tls: bool
    certificate: Path | None = None
    key: Path | None = None


@attrs.frozen(slots=True)
class WebConfig:
    """`[web]`: published URLs (without a trailing slash), proxies and allowed origins."""

    internal_url: str
    external_url: str
    trusted_proxies: tuple[str, ...] = ()
    """Addresses, networks (CIDR), or "unix" for UNIX sockets, from which X-Forwarded-For is
    believed."""
    cross_domain_origins: tuple[str, ...] = ()
    """CrossDomainAuthorizationList: origins with scheme, or "*" for any."""
    header_timeout_s: float = between(20.0, 1.0, 300.0)
    body_timeout_s: float = between(20.0, 1.0, 300.0)
    """A body must come at 500 B/s or faster after this many seconds."""
    keep_alive_timeout_s: float = between(120.0, 1.0, 3600.0)
    max_connections: int = between(0, 0, 1_000_000)
    """0: all but 256 of the descriptors the process may open."""


@attrs.frozen(slots=True)
class AuthConfig:
    """`[auth]`: tokens, passwords and lockout."""

    token_lifetime_s: int = between(28_800, 60, 30 * DAY_S)
    anonymous_token_lifetime_s: int = between(3_600, 60, DAY_S)
    password_threads: int = between(2, 1, 64)
    lockout_failures: int = between(5, 1, 1000)
    lockout_base_s: float = between(1.0, 0.1, 3600.0)
    lockout_max_s: float = between(900.0, 1.0, float(DAY_S))
    tokens_per_user: int = between(100, 1, 10_000)


@attrs.frozen(slots=True)
class UcwaConfig:
    """`[ucwa]`: life times and limits of the UCWA side."""

    idle_expiry_s: int = between(3_600, 60, 30 * DAY_S)
    """An idle application that uses its event channel (CsMcxConfiguration's
    SessionShortExpirationInterval)."""
    no_events_expiry_s: int = between(900, 60, 30 * DAY_S)
    """An idle application that never asked for events."""
    invitation_timeout_s: float = between(30.0, 1.0, 600.0)
    typing_timeout_s: float = between(8.0, 1.0, 120.0)
    applications_per_user: int = between(16, 1, 1000)
    instances_per_application: int = between(16, 1, 1000)
    conversations_per_application: int = between(100, 1, 10_000)
    subscriptions_per_application: int = between(50, 1, 1000)
    subscribed_contacts_per_application: int = between(1_000, 1, 100_000)
    contacts_per_user: int = between(1_000, 1, 100_000)
    groups_per_user: int = between(64, 1, 1000)
    """Groups of the user's own, beside those everybody has."""
    stream_entries: int = between(10_000, 100, 1_000_000)
    outstanding_requests_per_user: int = between(100, 1, 10_000)


@attrs.frozen(slots=True)
class AutodiscoverConfig:
    """`[autodiscover]`: redirects of other SIP domains and hosts of SIP clients."""

    redirects: dict[str, str] = attrs.Factory(dict)
    """SIP domain to the Autodiscover root URL that serves it."""
    sip_internal: str = ""
    sip_external: str = ""
    """`host:port` for SipClientInternalAccess/SipClientExternalAccess; "" leaves them out."""


@attrs.frozen(slots=True)
class StoreConfig:
    """`[store]`: where the embedded database lives; synchronous is SQLite's FULL or NORMAL."""

    path: Path
    synchronous: str = one_of("FULL", "NORMAL")


@attrs.frozen(slots=True)
class LogConfig:
    """`[log]`: "stdout" or a file, which is reopened on SIGUSR1."""

    destination: str = "stdout"
    access: bool = True


@attrs.frozen(slots=True)
class Config:
    """The whole file.  Relative paths are taken from the file's own directory."""

    source: Path
    data_dir: Path
    sip_domains: tuple[str, ...]
    server_fqdn: str
    listeners: tuple[ListenerConfig, ...]
    web: WebConfig
    store: StoreConfig
    auth: AuthConfig = attrs.Factory(AuthConfig)
    ucwa: UcwaConfig = attrs.Factory(UcwaConfig)
    meetings: MeetingsConfig = attrs.Factory(MeetingsConfig)
    autodiscover: AutodiscoverConfig = attrs.Factory(AutodiscoverConfig)
    directory: DirectoryConfig = attrs.Factory(DirectoryConfig)
    log: LogConfig = attrs.Factory(LogConfig)
    drain_timeout_s: float = 8.0
    """How long a stop waits for requests; with closing the store it stays within ten seconds."""

    @property
    def operator(self) -> tuple[int, ListenerConfig]:
        """The operator listener and its place among the listeners."""
        for number, listener in enumerate(self.listeners):
            if listener.site.name == "operator":
                return number, listener
        raise OperatorFault(str(self.source), 'needs one with site = "operator"', "listen")


SITES = ("internal", "external", "operator")
MAX_DRAIN_S = 60.0
PUBLISHED_RULE = "must be https://HOST or https://HOST:PORT, without a path or trailing slash"
DATABASE = "mobility.sqlite"
"""The name of the embedded database in the data directory, unless `store.path` says another."""


def load(path: Path) -> Config:
    """Read and check the configuration file.  Raises `OperatorFault`."""
    file = path.absolute()
    top = Table(file, _toml(file))
    data_dir = top.read("data_dir", Path)
    sip_domains = _sip_domains(top)
    server_fqdn = _host_name(top, "server_fqdn")
    drain_timeout_s = top.read("drain_timeout_s", float, 8.0)
    if not 0 <= drain_timeout_s <= MAX_DRAIN_S:
        raise top.fault("drain_timeout_s", f"must be from 0 to {MAX_DRAIN_S:g}")
    web = _web(top.table("web"))
    listeners = _listeners(top, web)
    store = top.table("store")
    config = Config(
        source=file,
        data_dir=data_dir,
        sip_domains=sip_domains,
        server_fqdn=server_fqdn,
        listeners=listeners,
        web=web,
        store=store.record(StoreConfig, path=store.read("path", Path, data_dir / DATABASE)),
        auth=_auth(top.table("auth")),
        ucwa=_ucwa(top.table("ucwa")),
        meetings=read_meetings(top.table("meetings")),
        autodiscover=_autodiscover(top.table("autodiscover"), web),
        directory=read_directory(top.table("directory"), sip_domains),
        log=_log(top.table("log")),
        drain_timeout_s=drain_timeout_s,
    )
    top.finish()
    return config


def _toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        reason = error.strerror or str(error)
        raise OperatorFault(str(file), f"the configuration cannot be read: {reason}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorFault(str(file), f"is no TOML: {error}") from error


def _sip_domains(top: Table) -> tuple[str, ...]:
    domains: tuple[str, ...] = top.read("sip_domains", tuple[str, ...])
    if not domains:
        raise top.fault("sip_domains", "must name one domain at least")
    for domain in domains:
        if not is_domain(domain) or domain != domain.lower():
            raise top.fault("sip_domains", f"{domain!r} must be a domain name in lower case")
    if len(set(domains)) != len(domains):
        raise top.fault("sip_domains", "must name each domain once")
    return domains


def _host_name(table: Table, name: str) -> str:
    value: str = table.read(name, str)
    if not is_domain(value):
        raise table.fault(name, "must be a host name")
    return value


def _url(table: Table, name: str) -> SplitResult:
    """The parts of a published URL."""
    parts = published(table.read(name, str))
    if parts is None:
        raise table.fault(name, PUBLISHED_RULE)
    return parts


def published(url: str) -> SplitResult | None:
    """The parts of a URL that keeps `PUBLISHED_RULE`, else None."""
    parts = parts_of(url)
    return parts if parts is not None and url == f"https://{parts.netloc}" else None


def _web(table: Table) -> WebConfig:
    internal = _url(table, "internal_url")
    external = _url(table, "external_url")
    if (internal.hostname, internal.port or 443) == (external.hostname, external.port or 443):
        raise table.fault(
            "external_url",
            "must differ from web.internal_url in host or port: "
            "the internal and the external web service are two sites",
        )
    web = table.record(WebConfig)
    for proxy in web.trusted_proxies:
        if proxy == "unix":
            continue
        try:
            ip_network(proxy)
        except ValueError as error:
            raise table.fault(
                "trusted_proxies",
                f"{proxy!r} must be an address, a network or unix ({error})",
            ) from error
    for origin in web.cross_domain_origins:
        if origin != "*" and not _is_origin(origin):
            raise table.fault(
                "cross_domain_origins",
                f'{origin!r} must be "*" or an origin such as https://chat.example.com',
            )
    return web


def _is_origin(text: str) -> bool:
    parts = parts_of(text)
    return (
        parts is not None
        and parts.scheme in ("https", "http")
        and text == f"{parts.scheme}://{parts.netloc}"
    )


def _listeners(top: Table, web: WebConfig) -> tuple[ListenerConfig, ...]:
    tables = top.tables("listen")
    listeners: list[ListenerConfig] = []
    for table in tables:
        listener = _listener(table, web)
        if any(listener.name == other.name for other in listeners):
            raise table.fault("name", "must not be the name of another listener")
        if listener.site.name == "operator" and any(o.site.name == "operator" for o in listeners):
            raise table.fault("site", "must not be operator twice: there is one operator listener")
        listeners.append(listener)
    for site in SITES:
        if all(listener.site.name != site for listener in listeners):
            raise OperatorFault(str(top.file), f'needs one with site = "{site}"', "listen")
    return tuple(listeners)


def _listener(table: Table, web: WebConfig) -> ListenerConfig:
    name = table.read("name", str)
    if not name:
        raise table.fault("name", "must not be empty")
    endpoint = _endpoint(table)
    site = table.read("site", str)
    if site not in SITES:
        raise table.fault("site", "must be internal, external or operator")
    tls = table.read("tls", bool)
    secure = table.read("secure", bool, tls)
    certificate = table.read("certificate", Path, None)
    key = table.read("key", Path, None)
    table.finish()
    if tls:
        for file, field in ((certificate, "certificate"), (key, "key")):
            if file is None:
                raise table.fault(field, "is missing, and tls = true needs it")
        if not secure:
            raise table.fault("secure", "must not be false where tls = true")
    else:
        for file, field in ((certificate, "certificate"), (key, "key")):
            if file is not None:
                raise table.fault(field, "must not be given where tls = false")
        behind = endpoint.startswith(("haproxy:", "unix:")) or web.trusted_proxies
        if secure and not behind:
            raise table.fault(
                "secure",
                "must not be true without TLS here, unless a proxy in front is known: "
                "web.trusted_proxies, a haproxy: or a unix: endpoint",
            )
    if site == "operator":
        _check_operator(table, endpoint, tls)
    return ListenerConfig(name, endpoint, Site(site, secure), tls, certificate, key)


def _endpoint(table: Table) -> str:
    endpoint: str = table.read("endpoint", str)
    bare = endpoint.removeprefix("haproxy:")
    kind = bare.partition(":")[0]
    if kind in ("ssl", "tls"):
        raise table.fault(
            "endpoint",
            "must be a plain one: write tcp:... here and give tls = true, certificate and key "
            "beside it, so that SIGHUP can reload them",
        )
    if kind not in ("tcp", "tcp6", "unix", "systemd"):
        raise table.fault(
            "endpoint", "must begin with tcp:, tcp6:, unix:, systemd: or haproxy: and one of them"
        )
    if kind != "systemd":  # its descriptors exist only in the process that systemd starts
        try:
            serverFromString(None, bare)  # type: ignore[no-untyped-call]  # upstream has no types
        except (ValueError, TypeError, LookupError) as error:
            raise table.fault(
                "endpoint", f"must be a Twisted server endpoint string ({error})"
            ) from error
    return endpoint


def _check_operator(table: Table, endpoint: str, tls: bool) -> None:
    if not endpoint.startswith(("tcp:", "tcp6:")) or operator_address(endpoint) is None:
        raise table.fault(
            "endpoint",
            "must be loopback only for the operator site: tcp:PORT:interface=127.0.0.1",
        )
    if not tls:
        raise table.fault("tls", "must be true for the operator site: commands send it a secret")


def operator_address(endpoint: str) -> tuple[str, int] | None:
    """Address and port of a tcp: endpoint string that is bound to a loopback address, or None."""
    address, port = tcp_address(endpoint)
    try:
        loopback = ip_address(address).is_loopback
    except ValueError:
        loopback = address == "localhost"
    return (address, port) if loopback else None


def tcp_address(endpoint: str) -> tuple[str, int]:
    """Address ("" for none) and port of a tcp: or tcp6: endpoint string."""
    words = endpoint.replace(r"\:", "\0").split(":")
    interface = next(
        (w.removeprefix("interface=") for w in words if w.startswith("interface=")), ""
    )
    address = interface.replace("\0", ":")
    port = next((w.removeprefix("port=") for w in words[1:] if w.startswith("port=")), words[1])
    return address, int(port)


def _auth(table: Table) -> AuthConfig:
    auth = table.record(AuthConfig)
    if auth.lockout_max_s < auth.lockout_base_s:
        raise table.fault("lockout_max_s", "must not be below auth.lockout_base_s")
    return auth


def _ucwa(table: Table) -> UcwaConfig:
    ucwa = table.record(UcwaConfig)
    if ucwa.no_events_expiry_s > ucwa.idle_expiry_s:
        raise table.fault(
            "no_events_expiry_s", f"must not be above ucwa.idle_expiry_s ({ucwa.idle_expiry_s})"
        )
    return ucwa


def _autodiscover(table: Table, web: WebConfig) -> AutodiscoverConfig:
    settings = table.record(AutodiscoverConfig)
    own = {urlsplit(url).netloc.lower() for url in (web.internal_url, web.external_url)}
    for domain, url in settings.redirects.items():
        if not is_domain(domain) or domain != domain.lower():
            raise table.fault("redirects", f"{domain!r} must be a domain name in lower case")
        parts = parts_of(url)
        if parts is None or parts.scheme not in ("http", "https"):
            raise table.fault("redirects", f"{url!r} must be the http or https URL of a root")
        if parts.netloc.lower() in own:
            raise table.fault("redirects", f"{url!r} must not lead back to this system")
    for name in ("sip_internal", "sip_external"):
        value: str = getattr(settings, name)
        host, _, port = value.rpartition(":")
        if value and not (is_host(host) and port.isdecimal() and 0 < int(port) < 65536):
            raise table.fault(name, "must be HOST:PORT")
    return settings


def _log(table: Table) -> LogConfig:
    log = table.record(LogConfig)
    if not log.destination:
        raise table.fault("destination", 'must be "stdout" or a file name')
    if log.destination == "stdout":
        return log
    return attrs.evolve(log, destination=str(table.file.parent / log.destination))
