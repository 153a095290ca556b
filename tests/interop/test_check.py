"""`mobility check` on a front end behind nginx, with name servers of both sides, all real."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from cryptography import x509
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.names import dns
from twisted.trial.unittest import TestCase

from mobility import pki
from mobility.check.findings import Report, together
from mobility.check.looking import Wishes
from mobility.check.parts import Check
from mobility.check.resolvers import Server
from mobility.config import load
from mobility.planning.deployment import Place, deployment_of
from tests.check.authority import Records, serve
from tests.interop.child import RETRY_S, Child, free_port, program, run
from tests.interop.front_end_process import PASSWORD, FrontEndProcess
from tests.interop.proxies import nginx_directory, proxy_config

PROXY = "127.0.0.9"
"""Where nginx listens: another address than the front end's."""

PARTS = ("topology", "dns", "certificates", "ports", "proxy", "push")
"""All but the machine itself, which is as it is."""

HOLD_S = 1.5
"""How long an event is waited for in these tests."""

DOMAINS = ("example.test", "second.test")
OUTSIDE_ADDRESS = "198.51.100.5"


def inside_zone() -> dict[str, list[object]]:
    """What internal DNS says."""
    pool, web = dns.Record_A("127.0.0.1"), dns.Record_A(PROXY)
    names = {f"lyncdiscoverinternal.{domain}": [pool] for domain in DOMAINS}
    return {"pool.example.test": [pool], "web.example.test": [web], **names}


def outside_zone() -> dict[str, list[object]]:
    """What public DNS says."""
    web = dns.Record_A(OUTSIDE_ADDRESS)
    return {"web.example.test": [web], **{f"lyncdiscover.{domain}": [web] for domain in DOMAINS}}


class CheckTestCase(TestCase):
    """A right deployment, of which tests break one thing after another."""

    timeout = 300

    async def setUp(self) -> None:
        self.https, self.http = free_port(), free_port()
        self.process = FrontEndProcess(
            Path(self.mktemp()), f"--external-url=https://web.example.test:{self.https}"
        )
        process = self.process
        process.configure(process.internal, f"https://pool.example.test:{process.port(443)}")
        process.configure('sip_domains = ["example.test"]', f"sip_domains = {json.dumps(DOMAINS)}")
        process.configure('"web.example.test"', '"fe1.example.test"')
        process.add_to("web", 'trusted_proxies = ["127.0.0.1"]')
        self.names = [f"lyncdiscover.{domain}" for domain in DOMAINS]
        internal = [f"lyncdiscoverinternal.{domain}" for domain in DOMAINS]
        self.names = ["web.example.test", *self.names]
        self.authority = pki.certificate_authority(
            "test CA", datetime.now(UTC) - timedelta(days=500)
        )
        tls = process.directory / "tls"
        every = [*self.names, "pool.example.test", *internal, *DOMAINS, "127.0.0.1"]
        self.install("server", every)
        (tls / "ca.pem").write_bytes(self.authority.certificate_pem)
        self.right = proxy_config(process, "nginx", f"--listen={PROXY}", http_port=self.http)
        self.install("proxy", self.names)
        self.right = self.right.replace(f"{tls}/server.", f"{tls}/proxy.")
        process.start()
        self.addCleanup(process.kill)
        await process.ready()
        self.inside = serve(self, inside_zone())
        self.outside = serve(self, outside_zone())

    def install(self, name: str, hosts: list[str], begin: datetime | None = None) -> None:
        """Put a certificate and its key into the front end's directory."""
        made = pki.server_certificate(self.authority, hosts, begin or datetime.now(UTC))
        tls = self.process.directory / "tls"
        (tls / f"{name}.pem").write_bytes(made.certificate_pem)
        (tls / f"{name}.key").write_bytes(made.key_pem)

    async def nginx(self, *changes: tuple[str, str]) -> Child:
        """Start nginx with passages of the right configuration replaced."""
        text = self.right
        for before, after in changes:
            if before not in text:
                raise ValueError(before)
            text = text.replace(before, after)
        directory = nginx_directory(Path(self.mktemp()), text)
        arguments = ["-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf")]
        child = Child([program("nginx", "nginx-light"), *arguments], directory)
        self.addCleanup(child.stop)
        await child.listening(self.https, PROXY)
        return child

    def wishes(self) -> Wishes:
        pem = self.process.ca.read_bytes()
        return Wishes(
            inside=(self.inside,),
            outside=(self.outside,),
            authority_pem=pem,
            authorities=tuple(x509.load_pem_x509_certificates(pem)),
            http_port=self.http,
            user="alice@example.test",
            password=PASSWORD,
            hold_s=HOLD_S,
        )

    def nobody(self) -> Wishes:
        """The same without signing in."""
        return attrs.evolve(self.wishes(), user="")

    async def reports(self, wishes: Wishes | None = None) -> dict[str, Report]:
        config = load(self.process.config)
        check = Check(
            config,
            deployment_of(config),
            wishes or self.wishes(),
            datetime.now(UTC),
            reactor,
            PARTS,
        )
        return await check.reports()

    async def found(self, wishes: Wishes | None = None) -> list[str]:
        """The ids of what is found."""
        return together((await self.reports(wishes)).values()).ids


class RightTests(CheckTestCase):
    """Nothing is wrong."""

    async def test_nothing_is_found(self) -> None:
        """From inside everything is looked at and nothing found; nor from outside, with a
        configuration and without one."""
        await self.nginx()
        reports = await self.reports()
        self.assertEqual((), together(reports.values()).findings)
        left_out = {one.what for report in reports.values() for one in report.skipped}
        self.assertEqual({"push"}, left_out)
        self.outside = serve(self, {name: [dns.Record_A(PROXY)] for name in self.names})
        place = Place("web.example.test", self.https)
        seen = await self.reports(attrs.evolve(self.wishes(), start=place))
        self.assertEqual((), seen["proxy"].findings + seen["certificates"].findings)
        self.assertEqual((), seen["ports"].looked_at)

    async def test_command(self) -> None:
        """The command shows the same to machines and to people, with status 0 and 1; from
        outside it needs no configuration."""
        nginx = await self.nginx()
        common = (
            *("check", *PARTS, f"--authority={self.process.ca}", f"--http-port={self.http}"),
            *("--inside-resolver", str(self.inside), "--outside-resolver", str(self.outside)),
            f"--config={self.process.config}",
        )
        done = await self.mobility(*common, "--json")
        self.assertEqual(0, done[0], done)
        content = json.loads(done[1])
        self.assertEqual(([], list(PARTS)), (content["findings"], list(content["parts"])))
        outside = serve(self, {name: [dns.Record_A(PROXY)] for name in self.names})
        for start, domain in (
            ("lyncdiscover.second.test", ()),
            ("web.example.test", ("--sip-domain=second.test", "--sip-domain=example.test")),
        ):
            url = f"https://{start}:{self.https}/"
            done = await self.mobility(
                *("check", f"--from-outside={url}", *domain, f"--authority={self.process.ca}"),
                *(f"--http-port={self.http}", "--outside-resolver", str(outside), "--json"),
            )
            parts = json.loads(done[1])["parts"]
            self.assertEqual([f"{url[:-1]} as from outside"], parts["proxy"]["looked_at"])
            self.assertEqual([], parts["proxy"]["findings"] + parts["certificates"]["findings"])
            self.assertEqual(
                {"ports", "host"}, {"ports", "host"} & {p for p in parts if parts[p]["skipped"]}
            )
        await nginx.stop()
        status, text, _ = await self.mobility(*common)
        self.assertEqual(1, status)
        self.assertIn("  error proxy.hairpin: from inside, https://web.example.test", text)
        self.assertIn("\n    why: Mobility URLs are", text)
        self.assertNotIn("\x1b", text)
        self.assertTrue(text.endswith("\n1 finding\n"), text)

    async def test_gateway(self) -> None:
        """The front end that runs is asked for its gateways: one whose account the configuration
        does not have is found, unless it is not in use."""
        config = f"--config={self.process.config}"
        gateway = ("voice", "gateway")
        done = await self.mobility(*gateway, "add", "gw.example.test", "--account=trunk", config)
        self.assertEqual(0, done[0], done)
        status, text, _ = await self.mobility("check", "topology", "--json", config)
        (found,) = json.loads(text)["findings"]
        self.assertEqual((status, found["id"]), (1, "topology.gateway-account"))
        self.assertIn("gw.example.test has the account trunk", found["what"])
        done = await self.mobility(*gateway, "set", "gw.example.test", "--no-enabled", config)
        self.assertEqual(0, done[0], done)
        status, text, _ = await self.mobility("check", "topology", "--json", config)
        self.assertEqual((status, json.loads(text)["findings"]), (0, []), text)

    async def mobility(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command without blocking the name servers of this process."""
        done = await run([sys.executable, "-m", "mobility.cli", *arguments])
        return done.status, done.out, done.err


class BrokenTests(CheckTestCase):
    """One thing is wrong, and that is what is found."""

    async def test_nginx(self) -> None:
        """What nginx does to clients is found, and nothing else."""
        process = self.process
        front_end = f"127.0.0.1:{process.port(4443)}"
        cases: Mapping[str, tuple[str, str]] = {
            "proxy.host-changed": ("Host $http_host;", "Host web.example.test;"),
            "proxy.http-redirected": (
                "        proxy_pass http://mobility_external_http;",
                "        return 301 https://$host$request_uri;",
            ),
            "proxy.http-first-hop": (
                "        proxy_pass http://mobility_external_http;",
                "        return 404;",
            ),
            "proxy.time-out": ("proxy_read_timeout 1860s", "proxy_read_timeout 1s"),
            "proxy.wrong-site": (front_end, f"127.0.0.1:{process.port(443)}"),
            "proxy.other-service": (front_end, f"127.0.0.1:{free_port()}"),
            "proxy.cors-doubled": (
                "proxy_buffering off;",
                "proxy_buffering off; add_header Access-Control-Allow-Origin * always;",
            ),
            "proxy.cors-refused": (
                "proxy_buffering off;",
                "proxy_buffering off; proxy_hide_header Access-Control-Allow-Origin;",
            ),
            "proxy.methods": (
                "proxy_buffering off;",
                "proxy_buffering off; if ($request_method = PUT) { return 405; }",
            ),
            "proxy.challenge-changed": (
                "proxy_buffering off;",
                "proxy_buffering off; proxy_intercept_errors on; error_page 401 =302 /login;",
            ),
            "proxy.cached": (
                "proxy_buffering off;",
                "proxy_buffering off; proxy_hide_header Cache-Control; expires 1h;",
            ),
            "proxy.path-case": (
                "    client_max_body_size 2m;",
                "    location /autodiscover { return 404; }",
            ),
            "certificates.old-tls": (
                "ssl_protocols TLSv1.2 TLSv1.3;",
                "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;",
            ),
            "certificates.no-tls": (f"{self.https} ssl;", f"{self.https};"),
        }
        for rule, change in cases.items():
            nginx = await self.nginx(change)
            wishes = self.wishes()
            if rule != "proxy.time-out":
                wishes = self.nobody()
            with self.subTest(rule=rule):
                self.assertEqual([rule], await self.found(wishes))
            await nginx.stop()

    async def test_certificates(self) -> None:
        """A certificate that lacks a name, has ended, or was not loaded, is found."""
        for rule, hosts, begin in (
            ("certificates.proxy-name", self.names[:-1], timedelta(0)),
            ("certificates.expired", self.names, timedelta(days=-398)),
            ("certificates.expires-soon", self.names, timedelta(days=-380)),
        ):
            self.install("proxy", hosts, datetime.now(UTC) + begin)
            nginx = await self.nginx()
            with self.subTest(rule=rule):
                self.assertEqual([rule], await self.found(self.nobody()))
            await nginx.stop()
        self.install("proxy", self.names)
        server = (self.process.directory / "tls" / "server.pem").read_bytes()
        leaf = x509.load_pem_x509_certificates(server)[0]
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.install("server", [*names.get_values_for_type(x509.DNSName), "127.0.0.1"])
        await self.nginx()
        self.assertEqual(["certificates.not-loaded"], await self.found(self.nobody()))

    async def test_names_and_listeners(self) -> None:
        """What is wrong with DNS of either side is found, and nothing else; so are a proxy that
        is down, a port that nobody listens on, and two front ends without affinity."""
        nginx = await self.nginx()
        other = dns.Record_CNAME("web.example.test")
        cases: Mapping[str, tuple[str, Records]] = {
            "dns.hairpin-missing": ("inside", {"web.example.test": []}),
            "dns.discovery-inside-missing": ("inside", {"lyncdiscoverinternal.second.test": []}),
            "dns.external-seen-inside": (
                "inside",
                {"lyncdiscover.example.test": [dns.Record_A(PROXY)]},
            ),
            "dns.cname-other-domain": ("outside", {"lyncdiscover.second.test": [other]}),
            "dns.discovery-outside-missing": ("outside", {"lyncdiscover.second.test": []}),
            "dns.internal-seen-outside": (
                "outside",
                {"pool.example.test": [dns.Record_A(OUTSIDE_ADDRESS)]},
            ),
            "dns.private-address-outside": (
                "outside",
                {"lyncdiscover.second.test": [dns.Record_A("10.0.0.5")]},
            ),
        }
        for rule, (side, changes) in cases.items():
            zone = inside_zone() if side == "inside" else outside_zone()
            server: Server = serve(self, {**zone, **changes})
            with self.subTest(rule=rule):
                wishes = attrs.evolve(self.nobody(), **{side: (server,)})
                self.assertEqual([rule], await self.found(wishes))
        sip = self.process.port(5089)
        unused = free_port()
        self.process.configure(f"tcp:{sip}:", f"tcp:{unused}:")
        self.assertEqual(["ports.sip"], await self.found(self.nobody()))
        self.process.configure(f"tcp:{unused}:", f"tcp:{sip}:")
        await nginx.stop()
        self.assertEqual(["proxy.hairpin"], await self.found(self.nobody()))
        second = FrontEndProcess(
            Path(self.mktemp()), f"--external-url=https://web.example.test:{self.https}"
        )
        second.configure('"web.example.test"', '"fe2.example.test"')
        second.configure('sip_domains = ["example.test"]', f"sip_domains = {json.dumps(DOMAINS)}")
        for name in ("server.pem", "server.key", "ca.pem"):
            own = self.process.directory / "tls" / name
            (second.directory / "tls" / name).write_bytes(own.read_bytes())
        second.start()
        self.addCleanup(second.kill)
        await second.ready()
        server = f"server 127.0.0.1:{self.process.port(4443)};"
        await self.nginx((server, f"{server} server 127.0.0.1:{second.port(4443)};"))
        while await self.found(self.nobody()) != ["proxy.no-affinity"]:
            await deferLater(reactor, RETRY_S)


del CheckTestCase
