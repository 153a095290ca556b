"""The clearing house's configuration file as frozen records; `load` reads and checks it.

`docs/push.md` lists every key.  Relative paths start at the file's own directory.
"""

from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from mobility.clearing_house.endpoints import WEB_PUSH_HOSTS, WNS_HOSTS
from mobility.clearing_house.fcm import SERVER as FCM_SERVER
from mobility.clearing_house.wns import LOGIN
from mobility.config.services import LogConfig
from mobility.config.web import ListenerConfig, operator_address, read_endpoint
from mobility.errors import OperatorFault
from mobility.http.message import Site
from mobility.toml_table import Table, between, one_of, read_toml

FEDERATION = "federation"
"""The name of the site that front ends speak to."""

APNS_SERVERS = ("api.push.apple.com", "api.sandbox.push.apple.com")


@attrs.frozen(slots=True)
class OrganisationSettings:
    """`[[organisation]]`: who may send, known by a name in its certificate."""

    name: str
    certificate_names: tuple[str, ...]
    """Host names (subject alternative names) of its front ends' certificates, in lower case."""
    apps: tuple[str, ...]
    """App ids it may push to; `*` stands for any characters."""
    pushes_per_s: float = between(1_000.0, 0.0, 1_000_000.0)
    """How many pushes it may send in the long run; 0 is no limit."""
    burst: int = between(10_000, 1, 10_000_000)
    """How many it may send at once."""
    max_queued: int = between(200_000, 1, 10_000_000)
    """How many of its pushes may wait; more are to be tried again."""


@attrs.frozen(slots=True)
class ApnsSettings:
    """`[[apns]]`."""

    app_id: str
    """The bundle id: the topic of alerts; `.voip` is added for calls."""
    team_id: str
    key_id: str
    key: Path
    """Apple's AuthKey_*.p8."""
    server: str = APNS_SERVERS[0]
    port: int = between(443, 1, 65_535)
    ca: Path | None = None
    """Authorities in place of the platform's, for a test bed."""


@attrs.frozen(slots=True)
class FcmSettings:
    """`[[fcm]]`."""

    app_id: str
    """The package name."""
    service_account: Path
    server: str = FCM_SERVER
    ca: Path | None = None


@attrs.frozen(slots=True)
class WebPushSettings:
    """`[[webpush]]` or `[[unifiedpush]]`."""

    app_id: str
    """The origin of the web application, or the package name."""
    key: Path
    """The VAPID key: P-256, PEM."""
    subject: str
    """Whom a push service may turn to: a mailto: or https: URL."""
    allowed_endpoints: tuple[str, ...] = WEB_PUSH_HOSTS
    """Hosts of push services; `*.` before one means every name below it, `*` any public host."""
    allow_private_addresses: bool = False
    """Also send to addresses that are not on the public Internet, and to other ports than 443."""
    ca: Path | None = None


@attrs.frozen(slots=True)
class WnsSettings:
    """`[[wns]]`."""

    app_id: str
    tenant: str
    client_id: str
    client_secret: Path
    """A file that holds the secret alone."""
    secret_ends: str = ""
    """The day on which Entra ends the secret, YYYY-MM-DD; nobody can ask Entra for it."""
    login: str = LOGIN
    allowed_endpoints: tuple[str, ...] = WNS_HOSTS
    allow_private_addresses: bool = False
    ca: Path | None = None


@attrs.frozen(slots=True)
class SipSettings:
    """`[sip]`: where front ends come to through an Access Edge.

    Certificate, key and authorities are those of `[federation]` unless they are given.
    """

    endpoint: str
    domain: str
    """Front ends write to `sip:push@` this domain."""
    certificate: Path
    key: Path
    client_ca: Path


@attrs.frozen(slots=True)
class QueueSettings:
    """`[queue]`."""

    path: Path
    synchronous: str = one_of("FULL", "NORMAL")
    """What an accepted push survives: a power failure, or the end of the process only."""
    max_queued: int = between(1_000_000, 1, 100_000_000)
    """How many pushes of all organisations may wait."""
    bodies_in_memory: int = between(2_000, 0, 10_000_000)
    """How many of them are kept whole; the others are read again when their turn comes."""


@attrs.frozen(slots=True)
class Settings:
    """The whole file."""

    source: Path
    data_dir: Path
    federation: ListenerConfig
    client_ca: Path
    sip: SipSettings | None
    operator: ListenerConfig
    queue: QueueSettings
    log: LogConfig
    organisations: tuple[OrganisationSettings, ...]
    apns: tuple[ApnsSettings, ...]
    fcm: tuple[FcmSettings, ...]
    webpush: tuple[WebPushSettings, ...]
    unifiedpush: tuple[WebPushSettings, ...]
    wns: tuple[WnsSettings, ...]

    @property
    def apps(self) -> frozenset[tuple[str, str]]:
        """Platform and app id of every provider."""
        return frozenset(
            (platform, one.app_id)
            for platform in ("apns", "fcm", "webpush", "unifiedpush", "wns")
            for one in getattr(self, platform)
        )


def from_next_start(running: Settings, found: Settings) -> list[str]:
    """The dotted keys that differ and count only from the next start: where it listens, and what
    it has open."""
    before, now = _fixed(running), _fixed(found)
    return [key for key in before if before[key] != now[key]]


def _fixed(settings: Settings) -> dict[str, object]:
    """What a clearing house keeps as it was at its start, by dotted keys."""
    sip = settings.sip
    return {
        "data_dir": settings.data_dir,
        "federation.endpoint": settings.federation.endpoint,
        "log.destination": settings.log.destination,
        "operator.endpoint": settings.operator.endpoint,
        "queue.path": settings.queue.path,
        "queue.synchronous": settings.queue.synchronous,
        "sip.domain": "" if sip is None else sip.domain,
        "sip.endpoint": "" if sip is None else sip.endpoint,
    }


def load(path: Path) -> Settings:
    """Read and check the configuration file.  Raises OperatorFault."""
    file = path.absolute()
    top = Table(file, read_toml(file))
    data_dir = top.read("data_dir", Path)
    federation, client_ca = _federation(top.table("federation"))
    operator = _operator(top.table("operator"))
    queue = top.table("queue")
    settings = Settings(
        source=file,
        data_dir=data_dir,
        federation=federation,
        client_ca=client_ca,
        sip=_sip(top, federation, client_ca),
        operator=operator,
        queue=queue.record(
            QueueSettings, path=queue.read("path", Path, data_dir / "clearing-house.sqlite")
        ),
        log=top.table("log").record(LogConfig),
        organisations=_organisations(top),
        apns=tuple(_apns(one) for one in top.tables("apns")),
        fcm=tuple(_fcm(one) for one in top.tables("fcm")),
        webpush=tuple(_web_push(one) for one in top.tables("webpush")),
        unifiedpush=tuple(_web_push(one) for one in top.tables("unifiedpush")),
        wns=tuple(_wns(one) for one in top.tables("wns")),
    )
    if top.tables("mpns"):
        raise top.fault(
            "mpns", "cannot be served: Microsoft has shut the service for Windows Phone down"
        )
    top.finish()
    for platform in ("apns", "fcm", "webpush", "unifiedpush", "wns"):
        _once(top, platform, [one.app_id for one in getattr(settings, platform)])
    return settings


def _federation(table: Table) -> tuple[ListenerConfig, Path]:
    endpoint = read_endpoint(table)
    certificate, key = table.read("certificate", Path), table.read("key", Path)
    client_ca = table.read("client_ca", Path)
    table.finish()
    site = Site(FEDERATION, True)
    return ListenerConfig(FEDERATION, endpoint, site, True, certificate, key), client_ca


def _sip(top: Table, federation: ListenerConfig, client_ca: Path) -> SipSettings | None:
    table = top.table("sip")
    domain = table.read("domain", str, "")
    if not domain and not table.read("endpoint", str, ""):
        table.finish()
        return None
    labels = domain.split(".")
    if domain != domain.lower() or not all(one.replace("-", "").isalnum() for one in labels):
        raise table.fault("domain", "must be a domain name in lower case")
    endpoint = read_endpoint(table)
    certificate = table.read("certificate", Path, federation.certificate)
    key = table.read("key", Path, federation.key)
    client_ca = table.read("client_ca", Path, client_ca)
    table.finish()
    return SipSettings(endpoint, domain, certificate, key, client_ca)


def _operator(table: Table) -> ListenerConfig:
    endpoint = read_endpoint(table)
    if not endpoint.startswith(("tcp:", "tcp6:")) or operator_address(endpoint) is None:
        raise table.fault(
            "endpoint",
            "must be loopback only for the operator site: tcp:PORT:interface=127.0.0.1",
        )
    certificate, key = table.read("certificate", Path), table.read("key", Path)
    table.finish()
    site = Site("operator", True)
    return ListenerConfig("operator", endpoint, site, True, certificate, key)


def _organisations(top: Table) -> tuple[OrganisationSettings, ...]:
    found: list[OrganisationSettings] = []
    names: set[str] = set()
    for table in top.tables("organisation"):
        one = table.record(OrganisationSettings)
        if not one.name:
            raise table.fault("name", "must not be empty")
        if any(one.name == other.name for other in found):
            raise table.fault("name", "must not be the name of another organisation")
        for name in one.certificate_names:
            if not name or name != name.lower():
                raise table.fault("certificate_names", f"{name!r} must be in lower case")
            if name in names:
                raise table.fault("certificate_names", f"{name!r} must belong to one organisation")
            names.add(name)
        if not one.certificate_names:
            raise table.fault("certificate_names", "must name one at least")
        found.append(one)
    return tuple(found)


def _apns(table: Table) -> ApnsSettings:
    one = table.record(ApnsSettings, ca=table.read("ca", Path, None))
    for name in ("app_id", "team_id", "key_id", "server"):
        if not getattr(one, name) or not getattr(one, name).isascii():
            raise table.fault(name, "must be ASCII and not empty")
    return one


def _fcm(table: Table) -> FcmSettings:
    one = table.record(FcmSettings, ca=table.read("ca", Path, None))
    _https(table, "server", one.server)
    return one


def _web_push(table: Table) -> WebPushSettings:
    one = table.record(WebPushSettings, ca=table.read("ca", Path, None))
    if not one.subject.startswith(("mailto:", "https://")):
        raise table.fault("subject", "must be a mailto: or https: URL (RFC 8292 section 2.1)")
    for pattern in one.allowed_endpoints:
        _check_pattern(table, pattern)
    return one


def _wns(table: Table) -> WnsSettings:
    one = table.record(WnsSettings, ca=table.read("ca", Path, None))
    _https(table, "login", one.login)
    for pattern in one.allowed_endpoints:
        _check_pattern(table, pattern)
        if pattern not in WNS_HOSTS and not one.allow_private_addresses:
            raise table.fault(
                "allowed_endpoints", f"{pattern!r}: WNS channels are under *.notify.windows.com"
            )
    if one.secret_ends and not _is_day(one.secret_ends):
        raise table.fault("secret_ends", "must be a day, YYYY-MM-DD")
    return one


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_pattern(table: Table, pattern: str) -> None:
    plain = pattern.removeprefix("*.")
    if pattern != "*" and (not plain or "*" in plain or plain != plain.lower()):
        raise table.fault(
            "allowed_endpoints", f"{pattern!r} must be a host name, *.DOMAIN or *, in lower case"
        )


def _https(table: Table, name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or url != f"https://{parts.netloc}":
        raise table.fault(name, "must be https://HOST or https://HOST:PORT")


def _once(top: Table, platform: str, app_ids: list[str]) -> None:
    for app_id in app_ids:
        if app_ids.count(app_id) > 1:
            raise OperatorFault(str(top.file), f"names {app_id!r} twice", platform)
