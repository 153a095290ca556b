"""`[web]` and `[[listen]]`: published URLs, proxies and listeners."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult

import attrs

from mobility.errors import OperatorFault
from mobility.http.message import Site
from mobility.toml_table import Table, between
from mobility.urls import ascii_url, parts_of

SITES = ("internal", "external", "operator")

_USUAL = re.compile(r"tcp6?:[0-9]{1,5}(?::interface=(?:[0-9A-Fa-f.]|\\:)+)?")
"""Endpoint strings that Twisted takes for certain."""

PUBLISHED_RULE = "must be https://HOST or https://HOST:PORT, without a path or trailing slash"


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
    """`[web]`: published URLs (without a trailing slash), proxies and allowed origins.

    Host names of other scripts are in A-labels.
    """

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


def published(url: str) -> SplitResult | None:
    """The parts of a URL that keeps `PUBLISHED_RULE`, else None."""
    parts = parts_of(url)
    return parts if parts is not None and url == f"https://{parts.netloc}" else None


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


def read_web(table: Table) -> WebConfig:
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
    return attrs.evolve(
        web,
        internal_url=ascii_url(web.internal_url),
        external_url=ascii_url(web.external_url),
        cross_domain_origins=tuple(map(ascii_url, web.cross_domain_origins)),
    )


def _url(table: Table, name: str) -> SplitResult:
    """The parts of a published URL."""
    parts = published(table.read(name, str))
    if parts is None:
        raise table.fault(name, PUBLISHED_RULE)
    return parts


def _is_origin(text: str) -> bool:
    parts = parts_of(text)
    return (
        parts is not None
        and parts.scheme in ("https", "http")
        and text == f"{parts.scheme}://{parts.netloc}"
    )


def read_listeners(top: Table, web: WebConfig) -> tuple[ListenerConfig, ...]:
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
    endpoint = read_endpoint(table)
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


def read_endpoint(table: Table) -> str:
    """The `endpoint` of a listener: a plain Twisted server endpoint string."""
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
    # The descriptors of systemd: exist only in the process that it starts.
    if kind != "systemd" and not _USUAL.fullmatch(bare):
        from twisted.internet.endpoints import serverFromString  # its imports take long

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
