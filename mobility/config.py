"""The TOML file as frozen records.

`load` reads and checks a file; every error names the file, the dotted key and the rule.
The defaults here are the documented ones; docs/operations.md lists every key.
"""

from pathlib import Path

import attrs

from mobility.http.message import Site


@attrs.frozen(slots=True)
class ListenerConfig:
    """One `[[listen]]` table: a Twisted server endpoint string and the site it serves.

    For `tls = true` the endpoint is a plain one (`tcp:`, `unix:`, `systemd:`, or one of them
    behind `haproxy:`) and TLS is put on it with `certificate` and `key`, so that SIGHUP can
    reload them.  `secure` is what links and Autodiscover assume (true for TLS here or at a
    configured proxy in front).
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
    """Addresses or networks (CIDR) from which X-Forwarded-For is believed."""
    cross_domain_origins: tuple[str, ...] = ()
    """CrossDomainAuthorizationList: origins with scheme, or "*" for any."""
    header_timeout_s: float = 20.0
    body_timeout_s: float = 20.0
    """A body must come at 500 B/s or faster after this many seconds."""
    keep_alive_timeout_s: float = 120.0
    max_connections: int = 0
    """0: all but 256 of the descriptors the process may open."""


@attrs.frozen(slots=True)
class AuthConfig:
    """`[auth]`: tokens, passwords and lockout."""

    token_lifetime_s: int = 28_800
    anonymous_token_lifetime_s: int = 3_600
    password_threads: int = 2
    lockout_failures: int = 5
    lockout_base_s: float = 1.0
    lockout_max_s: float = 900.0
    tokens_per_user: int = 100


@attrs.frozen(slots=True)
class UcwaConfig:
    """`[ucwa]`: life times and limits of the UCWA side."""

    session_expiry_s: int = 259_200
    """An idle application whose device can be woken by push."""
    session_short_expiry_s: int = 3_600
    """An idle application that uses its event channel and cannot be woken by push."""
    no_events_expiry_s: int = 900
    """An idle application that never asked for events."""
    invitation_timeout_s: float = 30.0
    typing_timeout_s: float = 8.0
    applications_per_user: int = 16
    instances_per_application: int = 16
    conversations_per_application: int = 100
    subscriptions_per_application: int = 50
    subscribed_contacts_per_application: int = 1_000
    stream_entries: int = 10_000
    outstanding_requests_per_user: int = 100


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
    synchronous: str = "FULL"


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
    autodiscover: AutodiscoverConfig = attrs.Factory(AutodiscoverConfig)
    log: LogConfig = attrs.Factory(LogConfig)
    drain_timeout_s: float = 10.0
