"""`[sip]` and `[[sip.listen]]`: the listeners of the SIP side and whom it trusts."""

import re
from pathlib import Path

import attrs

from mobility.config.web import read_endpoint
from mobility.domain.addresses import is_domain
from mobility.toml_table import Table, between, one_of

MUTUAL_TLS = ("request", "require", "none")
TRANSPORTS = ("tls", "tcp", "udp")
DIGESTS = ("SHA-256", "MD5")

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
class SipConfig:
    """`[sip]`."""

    listeners: tuple[SipListenerConfig, ...] = ()
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


def read_sip(table: Table) -> SipConfig:
    """The `[sip]` table.  Raises OperatorFault."""
    listeners: list[SipListenerConfig] = []
    for one in table.tables("listen"):
        listener = _listener(one)
        if any(listener.name == other.name for other in listeners):
            raise one.fault("name", "must not be the name of another listener")
        listeners.append(listener)
    sip = table.record(SipConfig, listeners=tuple(listeners))
    for name in sip.trusted_peers:
        if not is_domain(name) or name != name.lower():
            raise table.fault("trusted_peers", f"{name!r} must be a host name in lower case")
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
    return SipListenerConfig(name, endpoint, transport, mutual_tls, digest=digest, **files)


def _udp_endpoint(table: Table) -> str:
    endpoint: str = table.read("endpoint", str)
    match = _UDP.fullmatch(endpoint)
    if match is None or int(match.group(1)) > 65_535:
        raise table.fault("endpoint", "must be udp:PORT or udp:PORT:interface=ADDRESS")
    return endpoint
