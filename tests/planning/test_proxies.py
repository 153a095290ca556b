"""Configurations of reverse proxies, as far as their text tells."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import OperatorFault
from mobility.planning.deployment import LONGEST_EVENT_REQUEST_S, deployment_of
from mobility.planning.proxies import FrontEnd, Publication, haproxy, nginx, publication
from mobility.ucwa.channel import TIMEOUT_RANGE_S
from tests.planning.deployments import config

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

FRONT_ENDS = [FrontEnd("10.0.0.10", 4443, 8080), FrontEnd("2001:db8::11", 4443, 8080)]
BEHIND = ('"tcp:4443:', '"haproxy:tcp:4443:')


class ProxyTests(SynchronousTestCase):
    """What is written."""

    def wanted(
        self,
        *changes: tuple[str, str],
        front_ends: list[FrontEnd] | None = None,
        site: str = "external",
        discovery: bool = True,
    ) -> Publication:
        return publication(
            deployment_of(config(Path(self.mktemp()), *changes)),
            front_ends or [],
            site=site,
            address="",
            http_port=80,
            files=("/tls/web.pem", "/tls/web.key", "/tls/ca.pem"),
            discovery=discovery,
        )

    def test_longest_event_request(self) -> None:
        """Proxies wait longer than the longest request for events that the service takes."""
        self.assertEqual(TIMEOUT_RANGE_S[1], LONGEST_EVENT_REQUEST_S)
        for text in (nginx(self.wanted()), haproxy(self.wanted())):
            self.assertIn("1860s", text)

    def test_this_front_end(self) -> None:
        """Without others named, the proxy leads to this front end's own listeners."""
        text = nginx(self.wanted())
        self.assertIn("server 10.0.0.10:4443;", text)
        self.assertIn("server 10.0.0.10:8080;", text)
        self.assertNotIn("hash ", text)

    def test_several(self) -> None:
        """Several front ends have source affinity and probes."""
        text = nginx(self.wanted(front_ends=FRONT_ENDS))
        self.assertIn("hash $binary_remote_addr consistent;", text)
        self.assertIn("server [2001:db8::11]:4443 max_fails=1", text)
        text = haproxy(self.wanted(front_ends=FRONT_ENDS))
        self.assertEqual(2, text.count("balance source"))
        self.assertIn("server fe2 [2001:db8::11]:4443 check ", text)

    def test_internal_site(self) -> None:
        """A load balancer inside has the internal names and ports."""
        text = haproxy(self.wanted(site="internal"))
        self.assertIn("pool.example.com lyncdiscoverinternal.example.com", text)
        self.assertNotIn("web.example.com", text)
        self.assertIn("server fe1 10.0.0.10:443 ", text)

    def test_discovery_over_http(self) -> None:
        """Without discovery over HTTPS the lyncdiscover names are published on port 80 only."""
        https, _, http = nginx(self.wanted(discovery=False)).partition("listen 80;")
        self.assertNotIn("lyncdiscover", https)
        self.assertIn("lyncdiscover.second.example", http)

    def test_proxy_protocol(self) -> None:
        """Listeners that expect a PROXY header get it from HAProxy; nginx is refused."""
        text = haproxy(self.wanted(BEHIND))
        self.assertIn("mode tcp", text)
        self.assertIn(" send-proxy-v2 ", text)
        self.assertNotIn("ssl crt", text)
        fault = self.assertRaises(OperatorFault, nginx, self.wanted(BEHIND))
        self.assertIn("PROXY header", str(fault))

    def test_a_proxy_that_ends_tls_alone(self) -> None:
        """A front end that trusts its proxy with TLS is reached without it."""
        plain = (
            'site = "external"\ntls = true\ncertificate = "tls/server.pem"\n'
            'key = "tls/server.key"\n',
            'site = "external"\ntls = false\nsecure = true\n',
        )
        text = nginx(self.wanted(plain))
        self.assertIn("proxy_pass http://mobility_external_https;", text)
        self.assertNotIn("proxy_ssl", text)
        self.assertNotIn(" ssl sni", haproxy(self.wanted(plain)))

    def test_no_port(self) -> None:
        """Where systemd opens the socket the front ends must be named."""
        systemd = ("tcp:4443:interface=10.0.0.10", "systemd:domain=INET:index=0")
        self.assertIn("--front-end", str(self.assertRaises(OperatorFault, self.wanted, systemd)))

    def test_examples_of_the_documentation(self) -> None:
        """The examples are what the commands print."""
        single = ('"example.com", "second.example"', '"example.com"')
        for name, changes, front_ends, writer in (
            ("nginx.conf", (single,), FRONT_ENDS[:1], nginx),
            ("haproxy.cfg", (single, BEHIND), FRONT_ENDS[:1], haproxy),
            (
                "haproxy-pool.cfg",
                (single,),
                [*FRONT_ENDS[:1], FrontEnd("10.0.0.11", 4443, 8080)],
                haproxy,
            ),
        ):
            program = "nginx" if writer is nginx else "haproxy"
            wanted = publication(
                deployment_of(config(Path(self.mktemp()), *changes)),
                front_ends,
                site="external",
                address="",
                http_port=80,
                files=(
                    f"/etc/{program}/tls/web.example.com.pem",
                    f"/etc/{program}/tls/web.example.com.key",
                    f"/etc/{program}/tls/mobility-ca.pem",
                ),
                discovery=True,
            )
            with self.subTest(name=name):
                self.assertEqual((EXAMPLES / name).read_text(), writer(wanted))
