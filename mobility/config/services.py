"""`[auth]`, `[ucwa]`, `[autodiscover]`, `[store]` and `[log]`."""

from pathlib import Path
from urllib.parse import urlsplit

import attrs

from mobility.config.web import WebConfig
from mobility.domain.addresses import is_domain
from mobility.toml_table import Table, between, one_of
from mobility.urls import is_host, parts_of

DAY_S = 86_400


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
    push_idle_expiry_s: int = between(259_200, 60, 30 * DAY_S)
    """An idle application whose device can be woken (CsMcxConfiguration's
    SessionExpirationInterval)."""
    no_events_expiry_s: int = between(900, 60, 30 * DAY_S)
    """An idle application that never asked for events."""
    invitation_timeout_s: float = between(30.0, 1.0, 600.0)
    typing_timeout_s: float = between(8.0, 1.0, 120.0)
    applications_per_user: int = between(16, 1, 1000)
    instances_per_application: int = between(16, 1, 1000)
    conversations_per_application: int = between(100, 1, 10_000)
    conversation_idle_s: int = between(12 * 3_600, 60, 30 * DAY_S)
    """Conversations of two parties in which nobody writes for so long end."""
    html_messaging: bool = True
    """Whether users may send HTML messages (UCWA policies `htmlMessaging`); they are sanitised."""
    subscriptions_per_application: int = between(50, 1, 1000)
    subscribed_contacts_per_application: int = between(1_000, 1, 100_000)
    contacts_per_user: int = between(1_000, 1, 100_000)
    groups_per_user: int = between(64, 1, 1000)
    """Groups of the user's own, beside those everybody has."""
    group_size_to_expand: int = between(100, 1, 1_000)
    """As CsWebServiceConfiguration's MaxGroupSizeToExpand."""
    privacy_relationships_per_user: int = between(1_000, 1, 100_000)
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


def read_auth(table: Table) -> AuthConfig:
    auth = table.record(AuthConfig)
    if auth.lockout_max_s < auth.lockout_base_s:
        raise table.fault("lockout_max_s", "must not be below auth.lockout_base_s")
    return auth


def read_ucwa(table: Table) -> UcwaConfig:
    ucwa = table.record(UcwaConfig)
    if ucwa.no_events_expiry_s > ucwa.idle_expiry_s:
        raise table.fault(
            "no_events_expiry_s", f"must not be above ucwa.idle_expiry_s ({ucwa.idle_expiry_s})"
        )
    return ucwa


def read_autodiscover(table: Table, web: WebConfig) -> AutodiscoverConfig:
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


def read_log(table: Table) -> LogConfig:
    log = table.record(LogConfig)
    if not log.destination:
        raise table.fault("destination", 'must be "stdout" or a file name')
    if log.destination == "stdout":
        return log
    return attrs.evolve(log, destination=str(table.file.parent / log.destination))
