"""What a configuration says of the deployment around the front end."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.planning.deployment import OtherPool, Place, WebListener, deployment_of
from mobility.planning.names import Role, fits, names_of_role, names_of_site
from mobility.urls import dns_name
from tests.planning.deployments import config

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=2, max_size=5).map(".".join)


class DeploymentTests(SynchronousTestCase):
    """The reading of a configuration."""

    def test_places(self) -> None:
        """Published URLs and listeners are hosts and ports."""
        found = deployment_of(config(Path(self.mktemp())))
        self.assertEqual(Place("pool.example.com", 443), found.internal)
        self.assertEqual("https://web.example.com", found.external.url)
        self.assertEqual("https://web.example.com:4444", Place("web.example.com", 4444).url)
        [listener] = found.listeners("external", secure=True)
        self.assertEqual(
            WebListener("external", "external", True, True, "10.0.0.10", 4443), listener
        )
        self.assertEqual([5088, 5089], [one.port for one in found.sip])

    def test_topology(self) -> None:
        """Other servers of the topology are places."""
        found = deployment_of(config(Path(self.mktemp())))
        self.assertEqual(("pool.example.com", False), (found.pool, found.director))
        self.assertEqual(Place("sip.example.com", 5061), found.edge)
        self.assertEqual((Place("sba.example.com", 5061),), found.branches)
        root = "/Autodiscover/AutodiscoverService.svc/root"
        self.assertEqual(
            (OtherPool("pool2.example.com", Place("web2.example.com", 443), root),), found.pools
        )

    def test_kinds_of_endpoints(self) -> None:
        """A PROXY header, a UNIX socket and a socket of systemd's are told apart."""
        plain = 'endpoint = "tcp:8080:interface=10.0.0.10"'
        for endpoint, address, port, path, behind in (
            ("haproxy:tcp:8080", "", 8080, "", True),
            (r"tcp6:8080:interface=2001\\:db8\\:\\:1", "2001:db8::1", 8080, "", False),
            ("unix:/run/mobility:mode=660", "", 0, "/run/mobility", False),
            ("systemd:domain=INET:index=0", "", 0, "", False),
        ):
            with self.subTest(endpoint=endpoint):
                read = config(Path(self.mktemp()), (plain, f'endpoint = "{endpoint}"'))
                [listener] = deployment_of(read).listeners("external", secure=False)
                self.assertEqual(
                    (address, port, path, behind),
                    (listener.address, listener.port, listener.path, listener.proxy_protocol),
                )

    def test_names_of_any_script(self) -> None:
        """Names are as DNS has them: A-labels in lower case."""
        self.assertEqual("xn--bcher-kva.example", dns_name("Bücher.example"))
        domains = ('"second.example"', '"bücher.example"')
        found = deployment_of(config(Path(self.mktemp()), domains))
        self.assertIn("lyncdiscover.xn--bcher-kva.example", names_of_site(found, "external"))


class NamesTests(SynchronousTestCase):
    """The names of certificates."""

    def setUp(self) -> None:
        self.deployment = deployment_of(config(Path(self.mktemp())))

    def test_front_end(self) -> None:
        """A front end has all web names, both discovery names of each SIP domain, and the SIP
        domains themselves, since it is a SIP server."""
        self.assertEqual(
            (
                "pool.example.com",
                "fe1.example.com",
                "lyncdiscoverinternal.example.com",
                "lyncdiscoverinternal.second.example",
                "web.example.com",
                "lyncdiscover.example.com",
                "lyncdiscover.second.example",
                "example.com",
                "second.example",
            ),
            names_of_role(self.deployment, Role.FRONT_END),
        )

    def test_director(self) -> None:
        """A Director is no SIP server for phones."""
        names = names_of_role(self.deployment, Role.DIRECTOR)
        self.assertIn("lyncdiscoverinternal.second.example", names)
        self.assertNotIn("second.example", names)

    def test_proxy(self) -> None:
        """A reverse proxy has the external names; without discovery over HTTPS, one only."""
        names = ("web.example.com", "lyncdiscover.example.com", "lyncdiscover.second.example")
        self.assertEqual(names, names_of_role(self.deployment, Role.PROXY))
        self.assertEqual(names[:1], names_of_role(self.deployment, Role.PROXY, discovery=False))

    def test_join_urls(self) -> None:
        """The host of join URLs is another name of the external site."""
        meetings = ("[sip]\n", '[meetings]\njoin_url = "https://meet.example.com/"\n[sip]\n')
        found = deployment_of(config(Path(self.mktemp()), meetings))
        self.assertIn("meet.example.com", names_of_role(found, Role.PROXY))

    @given(HOSTS)
    def test_wildcards(self, host: str) -> None:
        """A name fits itself in any case, and a star stands for exactly the first label."""
        first, _, rest = host.partition(".")
        self.assertTrue(fits(host.upper(), host))
        self.assertTrue(fits(f"*.{rest}", host))
        self.assertFalse(fits(f"*.{rest}", f"{first}.{host}"))
        self.assertFalse(fits(f"*.{host}", host))
        self.assertFalse(fits(f"{first}.*", f"{first}.{first}"))
