"""`[push]`: when devices are woken, and by which clearing house."""

from pathlib import Path
from urllib.parse import urlsplit

import attrs

from mobility.config.services import DAY_S
from mobility.domain.addresses import is_domain
from mobility.domain.push_rules import PushSettings
from mobility.toml_table import Table, between, one_of
from mobility.urls import parts_of

HTTPS, SIP = "https", "sip"
"""How a clearing house is reached."""


@attrs.frozen(slots=True)
class PushConfig:
    """`[push]`: the front end's half of push notifications."""

    clearing_house: str = ""
    """The https URL of a clearing house, or `sip:push@DOMAIN` where `transport` is "sip"; without
    one nothing is sent."""
    transport: str = one_of(HTTPS, SIP)
    """"sip" sends SIP MESSAGE requests through the Access Edge, with `sip.peer_certificate`."""
    certificate: str = ""
    key: str = ""
    ca: str = ""
    """PEM files: the certificate by which the clearing house knows us, its key, and who must have
    signed that of the clearing house ("" for whom the system trusts)."""
    content: str = one_of("wake", "sender", "text")
    grace_s: float = between(3.0, 0.0, 60.0)
    """How long the applications of a user have to fetch what happened before devices are woken."""
    message_lifetime_s: int = between(3 * DAY_S, 60, 28 * DAY_S)
    """For how long messages, missed calls and voicemails are worth a notification (at most what
    FCM keeps)."""
    badge_lifetime_s: int = between(4 * 3_600, 60, 28 * DAY_S)
    queue: int = between(100_000, 100, 10_000_000)
    """Notifications that are remembered: above, what was shown longest is forgotten."""
    batch: int = between(100, 1, 100)
    batches: int = between(4, 1, 100)
    """Requests to the clearing house at once, and notifications in each: what a slow clearing
    house can hold up."""
    timeout_s: float = between(10.0, 1.0, 120.0)
    retry_base_s: float = between(1.0, 0.1, 60.0)
    retry_max_s: float = between(300.0, 1.0, 3_600.0)
    breaker_failures: int = between(5, 1, 100)
    """Requests that fail one after another until the clearing house is left alone for a while."""
    trace_days: int = between(2, 1, 30)
    """For how long it can be asked what became of a notification."""

    @property
    def domain(self) -> str:
        """The SIP domain of the clearing house, "" over HTTPS."""
        return self.clearing_house.partition("@")[2] if self.transport == SIP else ""

    def files(self) -> list[Path]:
        """The PEM files that are named."""
        return [Path(name) for name in (self.certificate, self.key, self.ca) if name]

    def rules(self, ringing_s: float) -> PushSettings:
        """What the domain needs to know."""
        return PushSettings(
            grace_s=self.grace_s,
            message_lifetime_s=self.message_lifetime_s,
            badge_lifetime_s=self.badge_lifetime_s,
            ringing_s=ringing_s,
            content=self.content,
            capacity=self.queue,
        )


def read_push(table: Table) -> PushConfig:
    settings = table.record(PushConfig)
    url = settings.clearing_house
    if url and settings.transport == SIP:
        user, _, domain = url.partition("@")
        if user != "sip:push" or not is_domain(domain) or domain != domain.lower():
            rule = 'must be sip:push@DOMAIN in lower case where push.transport is "sip"'
            raise table.fault("clearing_house", rule)
    elif url:
        parts = parts_of(url)
        if parts is None or parts.scheme != "https" or urlsplit(url).path not in ("", "/"):
            raise table.fault("clearing_house", "must be an https URL without a path")
        if not (settings.certificate and settings.key):
            raise table.fault("certificate", "and push.key are needed: the clearing house asks who")
    if settings.retry_max_s < settings.retry_base_s:
        raise table.fault("retry_max_s", "must not be below push.retry_base_s")
    parent = table.file.parent
    return attrs.evolve(
        settings,
        clearing_house=url.rstrip("/"),
        certificate=_beside(parent, settings.certificate),
        key=_beside(parent, settings.key),
        ca=_beside(parent, settings.ca),
    )


def _beside(parent: Path, name: str) -> str:
    return str(parent / name) if name else ""
