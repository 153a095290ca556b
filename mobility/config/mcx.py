"""`[mcx]` of the configuration file: what becomes of clients of the Mobility Service (Mcx)."""

from pathlib import Path
from urllib.parse import urlsplit

import attrs

from mobility.config.web import PUBLISHED_RULE, WebConfig, published
from mobility.toml_table import Table, between


@attrs.frozen(slots=True)
class McxConfig:
    """`[mcx]`: the directory /Mcx/ of the web sites."""

    forward_to: str = ""
    """`https://HOST[:PORT]` of a legacy pool that still has the service; "" for retired."""
    ca_file: Path | None = None
    """PEM certificates that vouch for that pool; None: those the system trusts."""
    keep_host: bool = True
    """Whether the pool is sent the Host that the client named, or its own."""
    connect_timeout_s: float = between(10.0, 1.0, 120.0)
    response_timeout_s: float = between(1800.0, 1.0, 7200.0)
    """The longest silence of the pool in an exchange (our choice: as long as a pending GET of
    UCWA may last)."""
    max_requests: int = between(1000, 1, 100_000)
    """Passed on at once."""
    sip_primary_port: int = between(5086, 1, 65_535)
    sip_external_port: int = between(5087, 1, 65_535)
    """McxSipPrimaryListeningPort and McxSipExternalListeningPort (Set-CsWebServer): the pool's own
    SIP ports of the service; nothing here listens on them."""


def read_mcx(table: Table, web: WebConfig) -> McxConfig:
    """The `[mcx]` table.  Raises OperatorFault."""
    settings = table.record(McxConfig, ca_file=table.read("ca_file", Path, None))
    if not settings.forward_to:
        if settings.ca_file is not None:
            raise table.fault("ca_file", "is of no use without mcx.forward_to")
        return settings
    parts = published(settings.forward_to)
    if parts is None or parts.username is not None:
        raise table.fault("forward_to", PUBLISHED_RULE)
    own = {urlsplit(url).netloc.lower() for url in (web.internal_url, web.external_url)}
    if parts.netloc.lower() in own:
        raise table.fault("forward_to", "must not lead back to this system")
    if settings.sip_primary_port == settings.sip_external_port:
        raise table.fault("sip_external_port", "must differ from mcx.sip_primary_port")
    return settings
