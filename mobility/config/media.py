"""`[media]` and `[[media.relay]]`: the relays through which media get past firewalls."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import attrs

from mobility.config.secret_file import read_secret
from mobility.domain.addresses import is_domain
from mobility.toml_table import Table, between, one_of

MIN_SECRET_BYTES = 16
MAX_SECRET_BYTES = 1_024
"""Bytes of the secret that is shared with the relays (our choice)."""

MAX_RELAYS = 16
"""Relays that clients are told of (our choice: they try each)."""


@attrs.frozen(slots=True)
class MediaRelayConfig:
    """One `[[media.relay]]` table: a TURN server (RFC 8656) as clients reach it.

    `location` says from where: Internet or Intranet.  A port of 0 is not offered.
    """

    host: str
    ipv4: str = ""
    ipv6: str = ""
    udp_port: int = between(3_478, 0, 65_535)
    tcp_port: int = between(3_478, 0, 65_535)
    location: str = one_of("Internet", "Intranet")


@attrs.frozen(slots=True)
class MediaConfig:
    """`[media]`; without a relay no application is told of any."""

    relays: tuple[MediaRelayConfig, ...] = ()
    secret_file: Path | None = None
    """Holds the secret that is shared with the relays (coturn's `static-auth-secret`)."""
    lifetime_s: int = between(28_800, 60, 604_800)
    """For how long the credentials given to a client are good."""

    @property
    def secret(self) -> bytes:
        """The secret shared with the relays, read from its file; empty without relays.

        Raises OperatorFault.
        """
        file = self.secret_file
        if file is None or not self.relays:
            return b""
        return read_secret(file, MIN_SECRET_BYTES, MAX_SECRET_BYTES)


def read_media(table: Table) -> MediaConfig:
    """The `[media]` table.  Raises OperatorFault."""
    relays = tuple(_relay(one) for one in table.tables("relay"))
    media = table.record(
        MediaConfig, relays=relays, secret_file=table.read("secret_file", Path, None)
    )
    if len(relays) > MAX_RELAYS:
        raise table.fault("relay", f"must be at most {MAX_RELAYS} tables")
    if relays and media.secret_file is None:
        raise table.fault("secret_file", "is missing, and relays need it")
    return media


def _relay(table: Table) -> MediaRelayConfig:
    relay = table.record(MediaRelayConfig, host=table.read("host", str))
    for name, kind in (("ipv4", IPv4Address), ("ipv6", IPv6Address)):
        address = getattr(relay, name)
        try:
            if address:
                kind(address)
        except ValueError:
            raise table.fault(name, f"must be an {kind.__name__[:4]} address") from None
    if not is_domain(relay.host):
        raise table.fault("host", "must be a host name or an IPv4 address")
    if not relay.udp_port and not relay.tcp_port:
        raise table.fault("udp_port", "must not be 0 where tcp_port is 0")
    return relay
