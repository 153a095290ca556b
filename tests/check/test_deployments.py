"""`mobility check all` on a right deployment, and on one for each thing that can be wrong."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility import pki
from mobility.check import dns, push
from mobility.check.catalogue import RULES
from mobility.check.connections import Handshake, Reply
from mobility.check.dns import Host, Service
from mobility.check.looking import STRANGER
from mobility.check.proxy import carried_domain, is_at, root_of
from mobility.check.session import Session
from mobility.planning.deployment import Place
from mobility.push.message_house import ALLOWED, ANSWER, PARTNER, REPLY, SETTING
from mobility.push.message_house import PROVIDER as HOSTED
from tests.check.scenes import (
    AUTHORITY,
    DOMAINS,
    MACHINE,
    NOW,
    ORIGIN,
    PLATFORMS,
    PROVIDERS,
    SEEN,
    Scene,
    certificate,
    reply,
    root,
    scene,
)

Break = Callable[[Scene], Scene]
OTHER = pki.certificate_authority("other CA", NOW)


def told(scene: Scene, side: str, **hosts: Host) -> Scene:
    """DNS of one side says other things of some names (`_` for `.`)."""
    view = getattr(scene, side)
    changed = {name.replace("__", "."): host for name, host in hosts.items()}
    return attrs.evolve(scene, **{side: attrs.evolve(view, hosts={**view.hosts, **changed})})


def services(scene: Scene, service: Service) -> Scene:
    """Public DNS says something else of federation of the second domain."""
    changed = {**scene.outside.services, "_sipfederationtls._tcp.second.example": service}
    return attrs.evolve(scene, outside=attrs.evolve(scene.outside, services=changed))


def presented(scene: Scene, number: int, **changes: Any) -> Scene:
    """One server shows something else: 0 is a web listener, 1 a SIP listener, 2 the proxy."""
    servers = list(scene.presented)
    servers[number] = attrs.evolve(servers[number], **changes)
    return attrs.evolve(scene, presented=tuple(servers))


def proxy_shows(scene: Scene, leaf: x509.Certificate, *issuers: x509.Certificate) -> Scene:
    return presented(scene, 2, chain=(leaf, *issuers))


def through(**changes: Any) -> Break:
    """The proxy does something else."""
    return lambda scene: attrs.evolve(scene, seen=attrs.evolve(scene.seen, **changes))


def held(**changes: Any) -> Break:
    """The session through the proxy goes otherwise."""
    return through(session=attrs.evolve(SEEN.session, **changes))


def on(**changes: Any) -> Break:
    """The machine is otherwise."""
    return lambda scene: attrs.evolve(scene, machine=attrs.evolve(MACHINE, **changes))


def described(**changes: Any) -> Break:
    """The configuration says something else."""
    return lambda scene: attrs.evolve(scene, deployment=attrs.evolve(scene.deployment, **changes))


def probed(number: int, **changes: Any) -> Break:
    """A port is otherwise: web and SIP listener, Edge, pool, branch, mixer."""

    def change(scene: Scene) -> Scene:
        found = list(scene.probed)
        found[number] = attrs.evolve(found[number], **changes)
        return attrs.evolve(scene, probed=tuple(found))

    return change


def house(**changes: Any) -> Break:
    """The clearing house answers otherwise."""
    return lambda scene: attrs.evolve(scene, asked=attrs.evolve(scene.asked, **changes))


def client_leaf(begun: timedelta) -> x509.Certificate:
    """A certificate for a server that is a client as well."""
    return pki.peer_certificate(AUTHORITY, "fe1.example.com", NOW + begun).certificate


def public_names(scene: Scene) -> tuple[str, ...]:
    return scene.presented[2].names


def weak(scene: Scene) -> Scene:
    """The proxy has an RSA key of 1024 bits."""
    return proxy_shows(scene, signed(public_names(scene), [ExtendedKeyUsageOID.SERVER_AUTH], 1024))


def client_only(scene: Scene) -> Scene:
    """The proxy has a certificate for clients."""
    return proxy_shows(scene, signed(public_names(scene), [ExtendedKeyUsageOID.CLIENT_AUTH], 2048))


def signed(
    names: tuple[str, ...], usages: list[x509.ObjectIdentifier], bits: int
) -> x509.Certificate:
    """A certificate by the authority that everybody trusts, for an RSA key."""
    key = rsa.generate_private_key(65_537, bits)
    issuer = AUTHORITY.certificate
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .add_extension(x509.ExtendedKeyUsage(usages), False)
        .sign(AUTHORITY.key, hashes.SHA256())
    )


def same_web_name(scene: Scene) -> Scene:
    """One name for both sites, on two ports: the internal URL is https://web.example.com:8443.

    DNS inside leads the name to the proxy, so that nothing but the plan itself is wrong.
    """
    return described(internal=Place("web.example.com", 8443))(scene)


def address_inside(scene: Scene) -> Scene:
    """The internal URL has an address for a host."""
    return described(internal=Place("10.0.0.10", 443))(scene)


def all_addresses(scene: Scene) -> Scene:
    """A SIP listener takes all addresses of a machine with two."""
    first, second = scene.deployment.sip
    return described(sip=(first, attrs.evolve(second, address="0.0.0.0")))(scene)


def shared(host: str) -> Break:
    """Another pool is at a host of this one."""

    def change(scene: Scene) -> Scene:
        [pool] = scene.deployment.pools
        return described(pools=(attrs.evolve(pool, place=Place(host, 4444)),))(scene)

    return change


def loopback(scene: Scene) -> Scene:
    """The external site listens on loopback, and the proxy is another machine."""
    web = [
        attrs.evolve(one, address="127.0.0.1") if one.site == "external" else one
        for one in scene.deployment.web
    ]
    return described(web=tuple(web))(scene)


def no_https(scene: Scene) -> Scene:
    """The internal site has an HTTP listener only."""
    return described(web=tuple(one for one in scene.deployment.web if one.name != "internal"))(
        scene
    )


def expected_elsewhere(scene: Scene) -> Scene:
    return services(scene, Service((("old.example.com", 5061),)))


def branch(scene: Scene) -> Scene:
    """There is a branch appliance, and one of the two ports is not configured."""
    return described(sip=scene.deployment.sip[:1])(scene)


def silent_resolver(scene: Scene) -> Scene:
    failed = {name: Host(failure="no answer in time") for name in scene.outside.hosts}
    none = {name: Service(failure="no answer in time") for name in scene.outside.services}
    outside = attrs.evolve(scene.outside, hosts=failed, services=none)
    return attrs.evolve(scene, outside=outside)


DOUBLED = Reply(200, (("Access-Control-Allow-Origin", ORIGIN),) * 2)
WILD = certificate("*.example.com", "lyncdiscover.second.example")

BROKEN: Mapping[str, tuple[Break, ...]] = {
    "topology.same-web-name": (same_web_name,),
    "topology.web-name": (address_inside,),
    "topology.all-addresses": (all_addresses,),
    "topology.loopback": (loopback,),
    "topology.proxy-unknown": (described(trusted_proxies=()),),
    "topology.no-https": (no_https,),
    "topology.pool-names": (
        shared("web.example.com"),
        shared("pool.example.com"),
    ),
    "topology.gateway-account": (
        lambda right: attrs.evolve(
            right, gateways=(attrs.evolve(right.gateways[0], account="trnuk"), right.gateways[1])
        ),
    ),
    "dns.discovery-inside-missing": (
        lambda s: told(s, "inside", lyncdiscoverinternal__second__example=Host()),
        lambda s: told(
            s, "inside", lyncdiscoverinternal__example__com=Host((), ("pool.example.com",))
        ),
    ),
    "dns.discovery-outside-missing": (
        lambda s: told(s, "outside", lyncdiscover__second__example=Host()),
    ),
    "dns.internal-seen-outside": (
        lambda s: told(s, "outside", pool__example__com=Host(("198.51.100.7",))),
        lambda s: told(s, "outside", lyncdiscoverinternal__example__com=Host(("10.0.0.10",))),
    ),
    "dns.external-seen-inside": (
        lambda s: told(s, "inside", lyncdiscover__example__com=Host(("198.51.100.5",))),
    ),
    "dns.internal-web-missing": (lambda s: told(s, "inside", pool__example__com=Host()),),
    "dns.external-web-missing": (lambda s: told(s, "outside", web__example__com=Host()),),
    "dns.hairpin-missing": (lambda s: told(s, "inside", web__example__com=Host()),),
    "dns.hairpin-past-proxy": (
        lambda s: told(s, "inside", web__example__com=Host(("10.0.0.10",))),
    ),
    "dns.cname-other-domain": (
        lambda s: told(
            s,
            "outside",
            lyncdiscover__second__example=Host(("198.51.100.5",), ("web.example.com",)),
        ),
        lambda s: told(
            s, "outside", lyncdiscover__example__com=Host(("198.51.100.5",), ("x.notexample.com",))
        ),
    ),
    "dns.private-address-outside": (
        lambda s: told(s, "outside", web__example__com=Host(("192.168.0.5",))),
        lambda s: told(s, "outside", web__example__com=Host(("198.51.100.5", "fd00::5"))),
    ),
    "dns.srv-missing": (lambda s: services(s, Service()),),
    "dns.srv-elsewhere": (
        expected_elsewhere,
        lambda s: services(s, Service((("sip.example.com", 5060),))),
    ),
    "dns.resolver": (silent_resolver,),
    "certificates.front-end-name": (
        lambda s: presented(s, 0, chain=(certificate("web.example.com"),), shown=None),
    ),
    "certificates.proxy-name": (
        lambda s: proxy_shows(s, certificate("web.example.com", "lyncdiscover.example.com")),
        lambda s: proxy_shows(s, certificate("*.com", "*.example")),
    ),
    "certificates.sip-name": (lambda s: presented(s, 1, chain=(certificate("pool.example.com"),)),),
    "certificates.expired": (
        lambda s: proxy_shows(s, certificate(*public_names(s), begin=NOW - timedelta(days=398))),
        lambda s: proxy_shows(s, certificate(*public_names(s), begin=NOW + timedelta(days=1))),
    ),
    "certificates.expires-soon": (
        lambda s: proxy_shows(s, certificate(*public_names(s), begin=NOW - timedelta(days=380))),
    ),
    "certificates.chain": (
        lambda s: proxy_shows(s, pki.server_certificate(OTHER, public_names(s), NOW).certificate),
    ),
    "certificates.weak": (weak,),
    "certificates.not-for-servers": (client_only,),
    "certificates.unreadable": (
        lambda s: presented(s, 1, chain=(), failure="tls/server.pem holds no PEM certificate"),
    ),
    "certificates.not-loaded": (
        lambda s: presented(s, 0, shown=Handshake((certificate("web.example.com"),))),
    ),
    "certificates.old-tls": (lambda s: presented(s, 2, old_tls="TLS 1.0"),),
    "certificates.no-tls": (lambda s: presented(s, 2, chain=(), failure="no TLS handshake"),),
    "ports.web": (probed(0, failure="Connection refused"),),
    "ports.sip": (probed(1, failure="no answer in time"),),
    "ports.sip-missing": (branch,),
    "ports.other-service": (probed(0, ours=False),),
    "ports.pool": (probed(3, failure="answers 404 without a root"),),
    "ports.branch": (probed(4, failure="no answer in time"),),
    "ports.mixer": (probed(5, failure="no answer in time"),),
    "ports.edge": (probed(2, failure="it has no address"),),
    "proxy.hairpin": (through(root=Reply(failure="no answer in time")),),
    "proxy.unreachable": (through(root=Reply(failure="Connection refused"), where="outside"),),
    "proxy.other-service": (
        through(root=reply(502, "<html>Bad Gateway</html>")),
        through(root=reply(200, "[1]")),
        through(discovery={**SEEN.discovery, DOMAINS[1]: reply(404)}),
    ),
    "proxy.wrong-site": (
        through(root=attrs.evolve(SEEN.root, body=SEEN.root.body.replace(b"Ext", b"Int"))),
    ),
    "proxy.host-changed": (through(discovery={domain: root(DOMAINS[0]) for domain in DOMAINS}),),
    "proxy.path-case": (through(lower_case=reply(404)),),
    "proxy.http-redirected": (
        through(plain={**SEEN.plain, DOMAINS[1]: reply(301, Location="https://web.example.com/")}),
    ),
    "proxy.http-first-hop": (
        through(plain={**SEEN.plain, DOMAINS[0]: Reply(failure="Connection refused")}),
        through(plain={**SEEN.plain, DOMAINS[0]: root(DOMAINS[0])}),
    ),
    "proxy.links-elsewhere": (
        through(
            discovery={d: root(d, place="https://pool.example.com") for d in DOMAINS},
        ),
    ),
    "proxy.challenge-changed": (
        through(challenge=reply(302, Location="https://login.example.com/")),
        through(challenge=reply(401, **{"WWW-Authenticate": "Basic realm=x"})),
    ),
    "proxy.cors-refused": (
        through(preflight=reply(405)),
        through(allowed=root(DOMAINS[0])),
    ),
    "proxy.cors-open": (through(foreign=reply(403, **{"Access-Control-Allow-Origin": STRANGER})),),
    "proxy.cors-doubled": (through(allowed=DOUBLED),),
    "proxy.methods": (through(methods={**SEEN.methods, "DELETE": Reply(405)}),),
    "proxy.no-affinity": (
        through(servers=("fe1.example.com", "fe2.example.com", "fe1.example.com")),
    ),
    "proxy.cached": (
        through(root=root(DOMAINS[0], Age="17")),
        through(root=root(DOMAINS[0], **{"Cache-Control": "max-age=60"})),
    ),
    "proxy.sign-in": (through(session=Session(75.0, failure="getting a token: status 400")),),
    "proxy.mobility-url": (held(applications="https://pool.example.com/ucwa/v1/applications"),),
    "proxy.time-out": (held(ended_s=60.0, ending="status 504"),),
    "proxy.buffered": (held(delivered_s=None), held(delivered_s=11.0)),
    "push.switched-off": (
        lambda right: attrs.evolve(
            right, platforms=(attrs.evolve(PLATFORMS[0], enabled=False, devices=1),)
        ),
        lambda right: attrs.evolve(
            right, platforms=(attrs.evolve(PLATFORMS[1], enabled=False, devices=7),)
        ),
    ),
    "push.app-not-served": (
        lambda right: attrs.evolve(
            right, platforms=(attrs.evolve(PLATFORMS[0], apps=("com.example.other",)),)
        ),
        lambda right: attrs.evolve(
            right,
            platforms=(attrs.evolve(PLATFORMS[0], platform="wns", apps=("com.example.chat",)),),
        ),
    ),
    "push.no-house": (lambda right: attrs.evolve(right, clearing_house=False),),
    "push.certificate": (
        house(unusable="it cannot be read"),
        house(leaf=signed(("fe1.example.com",), [ExtendedKeyUsageOID.SERVER_AUTH], 2048)),
        house(leaf=client_leaf(timedelta(days=-380))),
    ),
    "push.no-edge": (house(hop=SETTING, refusal="there is none"),),
    "push.not-federated": (house(hop=ALLOWED, refusal="403", refused=True),),
    "push.no-record": (house(hop=PARTNER, refusal="there is no record"),),
    "push.hosting-provider": (house(hop=HOSTED, refusal="it names a stranger"),),
    "push.no-answer": (house(hop=REPLY, refusal="no answer came within 10 s"),),
    "push.unreachable": (house(unreachable="Connection refused"),),
    "push.handshake": (house(handshake="Error: certificate verify failed"),),
    "push.not-allowed": (
        house(refusal="it answered 403", refused=True),
        house(hop=ANSWER, refusal="it answered 403 Forbidden", refused=True),
    ),
    "push.other-service": (
        house(refusal="it answered 404"),
        house(hop=ANSWER, refusal="it answered 504 Server Time-out"),
    ),
    "push.no-provider": (house(providers=()),),
    "push.clocks": (
        house(providers=PROVIDERS, ahead_s=90.0),
        house(providers=PROVIDERS, ahead_s=-7200.0),
    ),
    "push.provider": (
        house(providers=(attrs.evolve(PROVIDERS[0], state="refused"), PROVIDERS[1])),
        house(providers=(attrs.evolve(PROVIDERS[0], state="failing", reason="503"),)),
    ),
    "push.credential": (house(providers=(attrs.evolve(PROVIDERS[1], expires_in_days=3.0),)),),
    "host.python": (on(python=(3, 10)),),
    "host.twisted": (on(twisted=(22, 4)),),
    "host.openssl": (on(openssl=(1, 1)),),
    "host.descriptors": (on(descriptors=1024),),
    "host.clock": (on(clock_synchronised=False), on(clock_error_s=60.0)),
    "host.disk": (on(free_bytes=1024), on(free_inodes=3)),
    "host.network-disk": (on(file_system="nfs4"),),
    "host.permissions": (on(readable_by_others=("mobility.sqlite",)),),
    "host.backlog": (on(backlog=128),),
    "host.reactor": (on(epoll=False),),
}
"""Each rule, and the deployments that break it and no other."""


class DeploymentTests(SynchronousTestCase):
    """What is found."""

    def setUp(self) -> None:
        self.right = scene(Path(self.mktemp()))

    def test_right(self) -> None:
        """A right deployment has no findings, and everything was looked at."""
        report = self.right.report()
        self.assertEqual((), report.findings)
        self.assertEqual((), report.skipped)

    def test_each_fault_is_found_and_no_other(self) -> None:
        """A deployment that is wrong in one thing has the finding of that, and no other."""
        for rule, changes in BROKEN.items():
            for number, change in enumerate(changes):
                with self.subTest(rule=rule, number=number):
                    findings = change(self.right).report().findings
                    self.assertEqual([rule], sorted({found.rule.id for found in findings}))

    def test_every_rule_is_broken_once(self) -> None:
        """There is a broken deployment for each rule of the catalogue."""
        self.assertEqual(sorted(RULES), sorted(BROKEN))

    def test_findings_say_everything(self) -> None:
        """A finding says what is wrong, why it matters and what to do, in sentences."""
        for rule in RULES.values():
            with self.subTest(rule=rule.id):
                self.assertTrue(rule.why.endswith("."))
                self.assertNotIn("\n", rule.why + rule.remedy + rule.fault)
                self.assertTrue(rule.remedy)
                self.assertFalse(rule.fault.endswith("."))

    def test_wildcards_are_names(self) -> None:
        """A certificate with a star covers the names below it."""
        self.assertEqual((), proxy_shows(self.right, WILD).report().findings)

    def test_discovery_over_http(self) -> None:
        """Without lyncdiscover names in the plan, a certificate needs none."""
        plain = presented(
            self.right, 2, names=("web.example.com",), chain=(certificate("web.example.com"),)
        )
        self.assertEqual((), through(discovery={})(plain).report().findings)

    def test_what_was_not_looked_at(self) -> None:
        """A side without a resolver is not looked at, and that is said."""
        report = attrs.evolve(self.right, outside=None).report()
        self.assertEqual((), report.findings)
        self.assertEqual(["dns outside"], [one.what for one in report.skipped])

    def test_one_certificate_of_many(self) -> None:
        """A certificate that several servers show is found expired once."""
        old = certificate(*self.right.presented[0].names, *DOMAINS, begin=NOW - timedelta(days=400))
        broken = presented(self.right, 0, chain=(old,), shown=None)
        broken = presented(broken, 1, chain=(old,))
        [finding] = broken.report().findings
        self.assertEqual("listener external, SIP listener sip-primary", finding.subject)

    def test_push(self) -> None:
        """A front end known by a certificate for clients has no findings; without a clearing
        house push is not looked at, and that is said."""
        known = house(leaf=client_leaf(timedelta(0)))(self.right)
        self.assertEqual((), known.report().findings)
        report = push.judge(None, NOW)
        self.assertEqual(([], ["push"]), (report.ids, [one.what for one in report.skipped]))

    def test_switches(self) -> None:
        """A finding says how many devices a switch keeps asleep, and where; a switch that is off
        for nobody is no finding."""
        off = attrs.evolve(PLATFORMS[1], enabled=False, devices=7)
        nobody = attrs.evolve(off, devices=0)
        [finding] = push.judge_switches((off, nobody), house=True).findings
        self.assertEqual(
            "EnableGooglePushNotificationService is off (site:Berlin), and 7 devices of fcm "
            "registered",
            finding.what,
        )

    def test_sip_clients(self) -> None:
        """Where SIP clients are told to connect, an SRV record must say the same."""
        expected = dns.expected_services(
            self.right.deployment,
            edge="",
            sip_internal="pool.example.com:5061",
            sip_external="sip.example.com:443",
        )
        self.assertEqual(
            [
                ("_sipinternaltls._tcp.example.com", "inside", "pool.example.com", 5061),
                ("_sip._tls.example.com", "outside", "sip.example.com", 443),
            ],
            [attrs.astuple(one) for one in expected[:2]],
        )


class HostileTests(SynchronousTestCase):
    """Answers of somebody else's service."""

    @given(st.binary(max_size=200) | st.sampled_from([b'{"Root":{"Links":[1,{}]}}', b"[]", b"9"]))
    def test_bodies(self, body: bytes) -> None:
        """A body that is no discovery root is none, whatever it is."""
        self.assertIsNone(root_of(Reply(200, (), body)))

    @given(st.text(max_size=60))
    def test_links(self, href: str) -> None:
        """A link that cannot be read leads elsewhere, and carries no domain."""
        self.assertFalse(is_at(href, SEEN.place))
        self.assertEqual("", carried_domain({"User": href}))
