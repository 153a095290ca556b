"""A deployment that is right in every respect, and what is seen of it; tests break one thing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from cryptography import x509

from mobility import pki
from mobility.check import certificates, dns, host, ports, proxy, push, topology
from mobility.check.connections import Handshake, Reply
from mobility.check.dns import Host, Service, View
from mobility.check.findings import Report, together
from mobility.check.looking import STRANGER
from mobility.check.session import Session
from mobility.planning.deployment import Deployment, Place, deployment_of
from mobility.planning.names import names_of_sip, names_of_site
from mobility.push.wire import ProviderHealth
from tests.planning.deployments import config

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
ORIGIN = "https://chat.example.com"
DOMAINS = ("example.com", "second.example")
EDGE = "sip.example.com"

AUTHORITY = pki.certificate_authority("test CA", NOW - timedelta(days=800))

MACHINE = host.Machine(
    python=(3, 11),
    twisted=(24, 10),
    openssl=(3, 0),
    descriptors=65_536,
    clock_synchronised=True,
    clock_error_s=0.01,
    free_bytes=10 * 1024**3,
    free_inodes=1_000_000,
    file_system="ext4",
    readable_by_others=(),
    backlog=4096,
    epoll=True,
)


def certificate(*names: str, begin: datetime = NOW) -> x509.Certificate:
    """A certificate for names by the authority that everybody trusts."""
    return pki.server_certificate(AUTHORITY, names, begin).certificate


def root(domain: str, *, place: str = "https://web.example.com", **more: str) -> Reply:
    """A discovery root as the external site gives it."""
    start = f"{place}/Autodiscover/AutodiscoverService.svc/root"
    links = [
        {"token": token, "href": f"{start}{path}?originalDomain={domain}"}
        for token, path in (("Domain", "/domain"), ("User", "/user"), ("OAuth", "/oauth/user"))
    ]
    content = {"AccessLocation": "External", "Root": {"Links": links}}
    return reply(200, json.dumps(content), **{"Cache-Control": "no-cache", **more})


def plain_root(domain: str) -> Reply:
    """A discovery root over HTTP: one link."""
    href = (
        f"https://web.example.com/Autodiscover/AutodiscoverService.svc/root?originalDomain={domain}"
    )
    links = [{"token": "Redirect", "href": href}]
    return reply(200, json.dumps({"AccessLocation": "External", "Root": {"Links": links}}))


def reply(status: int, body: str = "", **headers: str) -> Reply:
    """An answer of the front end."""
    fields = {"X-MS-Server-Fqdn": "fe1.example.com", **headers}
    return Reply(status, tuple(fields.items()), body.encode())


SEEN = proxy.Seen(
    start=Place("web.example.com", 443),
    place=Place("web.example.com", 443),
    where="inside",
    sip_domains=DOMAINS,
    root=root(DOMAINS[0]),
    lower_case=root(DOMAINS[0]),
    discovery={domain: root(domain) for domain in DOMAINS},
    plain={domain: plain_root(domain) for domain in DOMAINS},
    challenge=Reply(
        401,
        (
            ("WWW-Authenticate", 'Bearer trusted_issuers="", client_id="x"'),
            ("WWW-Authenticate", 'MsRtcOAuth href="https://web.example.com/x",grant_type="y"'),
        ),
    ),
    origin=ORIGIN,
    preflight=reply(204, **{"Access-Control-Allow-Origin": ORIGIN}),
    allowed=root(DOMAINS[0], **{"Access-Control-Allow-Origin": ORIGIN}),
    stranger=STRANGER,
    foreign=reply(403),
    methods={method: reply(401) for method in ("POST", "PUT", "DELETE", "OPTIONS")},
    servers=("fe1.example.com",) * 6,
    session=Session(
        75.0, applications="https://web.example.com/ucwa/oauth/v1/applications", delivered_s=0.1
    ),
)

INSIDE = View(
    "10.0.0.53",
    {
        "pool.example.com": Host(("10.0.0.10",)),
        "web.example.com": Host(("10.1.0.5",)),
        "lyncdiscoverinternal.example.com": Host(("10.0.0.10",), ("pool.example.com",)),
        "lyncdiscoverinternal.second.example": Host(("10.0.0.10",)),
        "lyncdiscover.example.com": Host(),
        "lyncdiscover.second.example": Host(),
    },
)
OUTSIDE = View(
    "192.0.2.53",
    {
        "pool.example.com": Host(),
        "web.example.com": Host(("198.51.100.5", "2001:db8::5")),
        "lyncdiscoverinternal.example.com": Host(),
        "lyncdiscoverinternal.second.example": Host(),
        "lyncdiscover.example.com": Host(("198.51.100.5",), ("web.example.com",)),
        "lyncdiscover.second.example": Host(("198.51.100.5",)),
    },
    {f"_sipfederationtls._tcp.{domain}": Service(((EDGE, 5061),)) for domain in DOMAINS},
)


PROVIDERS = (
    ProviderHealth("apns", "com.example.chat", "ok", expires_in_days=None),
    ProviderHealth("fcm", "com.example.chat", "untried", expires_in_days=90.0),
)


PLATFORMS = (
    push.PlatformUse("apns", "EnableApplePushNotificationService", "global", True, 12),
    push.PlatformUse("fcm", "EnableGooglePushNotificationService", "site:Berlin", True, 0),
)
GATEWAYS = (
    topology.GatewayUse("gw1.example.com", "trunk", ("world",)),
    topology.GatewayUse("gw2.example.com", ""),
)
ASKED = push.Asked("https://push.example.com", providers=PROVIDERS)


@attrs.frozen
class Scene:
    """Everything that is seen of one deployment."""

    deployment: Deployment
    presented: tuple[certificates.Presented, ...]
    authorities: tuple[x509.Certificate, ...] = (AUTHORITY.certificate,)
    inside: View | None = INSIDE
    outside: View | None = OUTSIDE
    probed: tuple[ports.Probed, ...] = (
        ports.Probed("web", "external", "10.0.0.10:4443"),
        ports.Probed("sip", "sip-primary", "10.0.0.10:5089"),
        ports.Probed("edge", "Access Edge", f"{EDGE}:5061"),
        ports.Probed("pool", "pool pool2.example.com", "web2.example.com:443"),
        ports.Probed("branch", "branch appliance sba.example.com", "sba.example.com:5061"),
        ports.Probed("mixer", "conference server mix.example.com", "mix.example.com:5060"),
    )
    seen: proxy.Seen = SEEN
    asked: push.Asked = ASKED
    platforms: tuple[push.PlatformUse, ...] = PLATFORMS
    clearing_house: bool = True
    gateways: tuple[topology.GatewayUse, ...] = GATEWAYS
    machine: host.Machine = MACHINE
    addresses: tuple[str, ...] = ("10.0.0.10", "10.2.0.10")
    sip_external: str = ""

    def report(self) -> Report:
        """What all parts of the check find."""
        expected = dns.expected_services(
            self.deployment,
            edge=self.deployment.edge.host if self.deployment.edge else "",
            sip_internal="",
            sip_external=self.sip_external,
        )
        return together(
            [
                topology.judge(self.deployment, self.addresses),
                topology.judge_gateways(self.gateways, ("trunk",)),
                dns.judge(self.deployment, expected, self.inside, self.outside),
                certificates.judge(self.presented, self.authorities, NOW),
                ports.judge(self.deployment, self.probed),
                proxy.judge(self.seen),
                push.judge(self.asked, NOW),
                push.judge_switches(
                    self.platforms, house=self.clearing_house, providers=self.asked.providers
                ),
                host.judge(self.machine),
            ]
        )


def scene(directory: Path, *changes: tuple[str, str]) -> Scene:
    """The right deployment, with passages of its configuration replaced."""
    deployment = deployment_of(config(directory, *changes))
    every = certificate(
        *names_of_site(deployment, "internal"),
        *names_of_site(deployment, "external"),
        *names_of_sip(deployment),
    )
    public = certificate(*names_of_site(deployment, "external"))
    presented = (
        certificates.Presented(
            "listener external",
            certificates.FRONT_END_NAME,
            names_of_site(deployment, "external"),
            (every,),
            shown=Handshake((every,)),
        ),
        certificates.Presented(
            "SIP listener sip-primary",
            certificates.SIP_NAME,
            names_of_sip(deployment),
            (every,),
        ),
        certificates.Presented(
            "reverse proxy web.example.com",
            certificates.PROXY_NAME,
            names_of_site(deployment, "external"),
            (public,),
        ),
    )
    return Scene(deployment, presented)
