"""The connections that firewalls must let through, and why."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import attrs

from mobility.config import Config
from mobility.planning.deployment import HTTP_PORT, Deployment, SipListener, deployment_of
from mobility.planning.records import FEDERATION_PORT

INTERNET = "Internet"
PROXY = "reverse proxy"
FRONT_END = "front end"
INTERNAL = "internal networks, Wi-Fi included"
EDGE = "Access Edge"

SIP_EXTERNAL_PORT = 5088
"""UcwaSipExternalListeningPort (Set-CsWebServer)."""
SIP_PRIMARY_PORT = 5089
"""UcwaSipPrimaryListeningPort (Set-CsWebServer)."""
APNS_LEGACY_PORT = 5223

_DEFAULT_PORTS = {"ldap": 389, "ldaps": 636}


@attrs.frozen(slots=True)
class Passage:
    """One kind of connection that must be let through, from whom to whom.

    `needed` says when: "always", or a condition.
    """

    source: str
    destination: str
    port: int
    protocol: str
    needed: str
    why: str


def passages(config: Config) -> list[Passage]:
    """Every passage, in the order a packet from a client would meet them."""
    deployment = deployment_of(config)
    return [
        *_web(deployment),
        *_sip(deployment),
        *_pools(deployment),
        *_mixers(deployment),
        *_push(config, deployment),
        *_servers(config),
    ]


def _web(deployment: Deployment) -> Iterator[Passage]:
    public = deployment.external.port
    yield Passage(
        INTERNET, PROXY, public, "tcp", "always", "HTTPS: discovery, sign-in, UCWA, meetings"
    )
    yield Passage(
        INTERNET, PROXY, HTTP_PORT, "tcp", "always", "HTTP: the first hop of discovery only"
    )
    for listener in deployment.listeners("external", secure=True):
        if listener.port:
            yield Passage(
                PROXY, FRONT_END, listener.port, "tcp", "always", f"public {public} leads here"
            )
    for listener in deployment.listeners("external", secure=False):
        if listener.port:
            yield Passage(
                PROXY, FRONT_END, listener.port, "tcp", "always", f"public {HTTP_PORT} leads here"
            )
    for secure, what in ((True, "HTTPS"), (False, "HTTP: the first hop of discovery only")):
        for listener in deployment.listeners("internal", secure=secure):
            if listener.port:
                yield Passage(INTERNAL, FRONT_END, listener.port, "tcp", "always", what)
    yield Passage(
        INTERNAL,
        f"{PROXY}, at its public name",
        public,
        "tcp",
        "always",
        "hairpin: mobility URLs are on the external web FQDN for inside clients, too; a rule "
        "against spoofing must not drop what leaves and comes back on one interface",
    )


def _sip(deployment: Deployment) -> Iterator[Passage]:
    for listener in deployment.sip:
        if not listener.port:
            continue
        known = ucwa_port(listener)
        yield Passage(
            f"{INTERNAL}, branch appliances and SIP servers",
            FRONT_END,
            listener.port,
            "udp" if listener.transport == "udp" else "tcp",
            "for users on a branch appliance, SIP servers and phones",
            f"SIP over {listener.transport}: {known or listener.name}",
        )


def ucwa_port(listener: SipListener) -> str:
    """Which of the two ports of UCWA's SIP side a listener is (Set-CsWebServer), or ""."""
    if listener.port == SIP_EXTERNAL_PORT or listener.name == "sip-external":
        return "UcwaSipExternalListeningPort"
    if listener.port == SIP_PRIMARY_PORT or listener.name == "sip-primary":
        return "UcwaSipPrimaryListeningPort"
    return ""


def _pools(deployment: Deployment) -> Iterator[Passage]:
    for branch in deployment.branches:
        yield Passage(
            FRONT_END,
            f"branch appliance {branch.host}",
            branch.port,
            "tcp",
            "for users on the branch appliance",
            "SIP; it comes back on 5088 and 5089",
        )
    for pool in deployment.pools:
        yield Passage(
            f"{INTERNET}, {INTERNAL}",
            f"pool {pool.name} at {pool.place.host}",
            pool.place.port,
            "tcp",
            "for users who are homed there",
            "HTTPS: discovery sends them on",
        )


def _mixers(deployment: Deployment) -> Iterator[Passage]:
    for mixer in deployment.mixers:
        host = mixer.place.host
        yield Passage(
            FRONT_END,
            f"conference server {host}",
            mixer.place.port,
            "udp" if mixer.transport == "udp" else "tcp",
            "for audio and video of meetings",
            f"SIP over {mixer.transport}; the media flow between it and the clients, on the ports "
            "that it is set to",
        )


def _push(config: Config, deployment: Deployment) -> Iterator[Passage]:
    house = urlsplit(config.push.clearing_house)
    if house.hostname:
        yield Passage(
            FRONT_END,
            f"clearing house {house.hostname}",
            house.port or 443,
            "tcp",
            "for push notifications",
            "HTTPS, with a certificate on each side",
        )
    edge = deployment.edge
    if edge is not None:
        yield Passage(
            FRONT_END,
            f"{EDGE} {edge.host}",
            edge.port,
            "tcp",
            "for push federation",
            "SIP over TLS to the Access Edge",
        )
        yield Passage(
            f"{EDGE} {edge.host}",
            INTERNET,
            FEDERATION_PORT,
            "tcp",
            "for push federation",
            "federation; also back from the Internet to the Access Edge",
        )
    yield Passage(
        "Wi-Fi for phones",
        INTERNET,
        APNS_LEGACY_PORT,
        "tcp",
        "for clients of Lync Server 2010",
        "outgoing: their push notifications come this way",
    )


def _servers(config: Config) -> Iterator[Passage]:
    for url in config.directory.ldap.servers:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        yield Passage(
            FRONT_END, f"directory {parts.hostname}", port, "tcp", "always", "users and passwords"
        )
    for relay in config.media.relays:
        for port, protocol in ((relay.udp_port, "udp"), (relay.tcp_port, "tcp")):
            if not port:
                continue
            yield Passage(
                INTERNET if relay.location == "Internet" else INTERNAL,
                f"media relay {relay.host}",
                port,
                protocol,
                "for calls through firewalls",
                "TURN",
            )
