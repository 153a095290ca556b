"""`[meetings.mixer]`: the conference server that mixes the media of meetings."""

import re

import attrs

from mobility.toml_table import Table, between
from mobility.urls import is_host

CONFERENCE = "{id}"
"""What stands in the URI for the conference."""

_URI = re.compile(
    r"sip:(?P<user>[A-Za-z0-9\-_.!~*'()&=+$,{}]{1,64})"
    r"@(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9\-.]{1,253})"
    r"(?::(?P<port>[0-9]{1,5}))?(?:;transport=(?P<transport>tls|tcp|udp))?"
)


@attrs.frozen(slots=True)
class MixerConfig:
    """`[meetings.mixer]`; without `uri` meetings have neither audio nor video."""

    uri: str = ""
    """A SIP URI with `{id}` in its user part: whoever calls it with the same id is mixed."""
    video: bool = True
    """Whether the server takes video."""
    probe_s: float = between(30.0, 0.0, 3_600.0)
    """How often the server is asked whether it is there, unless a route leads to it; 0 is never."""

    @property
    def server(self) -> tuple[str, int, str]:
        """Host (an address without brackets), port and transport of the URI.

        Without a port it is that of the transport, without a transport it is udp (RFC 3263).
        """
        match = _URI.fullmatch(self.uri)
        if match is None:
            raise ValueError(self.uri)
        transport = match["transport"] or "udp"
        port = int(match["port"] or (5061 if transport == "tls" else 5060))
        return match["host"].strip("[]"), port, transport

    def conference(self, conference_id: str) -> str:
        """The URI of one conference."""
        return self.uri.replace(CONFERENCE, conference_id)


def read_mixer(table: Table) -> MixerConfig:
    """The `[meetings.mixer]` table.  Raises OperatorFault."""
    mixer = table.record(MixerConfig)
    if not mixer.uri:
        return mixer
    match = _URI.fullmatch(mixer.uri)
    rule = "must be a SIP URI such as sip:conf-{id}@mixer.example.com, with {id} once"
    if match is None:
        raise table.fault("uri", rule)
    user, host, port = match["user"], match["host"].strip("[]"), match["port"]
    around = user.split(CONFERENCE)
    if len(around) != 2 or set("".join(around)) & set("{}"):
        raise table.fault("uri", rule)
    if not is_host(host) or (port is not None and not 0 < int(port) <= 65_535):
        raise table.fault("uri", "must name a host or an address, and a port from 1 to 65535")
    return mixer
