"""DNS records and firewall passages of a deployment."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import OperatorFault
from mobility.planning.deployment import deployment_of
from mobility.planning.firewall import passages
from mobility.planning.records import Addresses, Record, fragments, inside, outside, zone_of
from tests.planning.deployments import config

ADDRESSES = Addresses(
    internal=("10.0.0.10",),
    proxy=("198.51.100.5", "2001:db8::5"),
    proxy_inside=("10.1.0.5",),
    edge="sip.example.com",
    edge_addresses=("198.51.100.6",),
)


def rows(records: list[Record]) -> list[tuple[str, str, str]]:
    return [(one.name, one.kind, one.data) for one in records]


class RecordTests(SynchronousTestCase):
    """What each side must hold."""

    def setUp(self) -> None:
        self.deployment = deployment_of(config(Path(self.mktemp())))

    def test_inside(self) -> None:
        """Inside: the internal site and its discovery names, and the external web name, which
        leads to the reverse proxy; no external discovery name."""
        self.assertEqual(
            [
                ("pool.example.com", "A", "10.0.0.10"),
                ("lyncdiscoverinternal.example.com", "A", "10.0.0.10"),
                ("lyncdiscoverinternal.second.example", "A", "10.0.0.10"),
                ("web.example.com", "A", "10.1.0.5"),
            ],
            rows(inside(self.deployment, ADDRESSES, cname=False)),
        )

    def test_outside(self) -> None:
        """Outside: the external site, its discovery names, and federation; nothing internal."""
        self.assertEqual(
            [
                ("web.example.com", "A", "198.51.100.5"),
                ("web.example.com", "AAAA", "2001:db8::5"),
                ("lyncdiscover.example.com", "A", "198.51.100.5"),
                ("lyncdiscover.example.com", "AAAA", "2001:db8::5"),
                ("_sipfederationtls._tcp.example.com", "SRV", "0 0 5061 sip.example.com."),
                ("lyncdiscover.second.example", "A", "198.51.100.5"),
                ("lyncdiscover.second.example", "AAAA", "2001:db8::5"),
                ("_sipfederationtls._tcp.second.example", "SRV", "0 0 5061 sip.example.com."),
                ("sip.example.com", "A", "198.51.100.6"),
            ],
            rows(outside(self.deployment, ADDRESSES, cname=False)),
        )

    def test_aliases_stay_in_their_domain(self) -> None:
        """A CNAME is used where it leads to a name of the same domain, and nowhere else."""
        records = rows(outside(self.deployment, ADDRESSES, cname=True))
        self.assertIn(("lyncdiscover.example.com", "CNAME", "web.example.com."), records)
        self.assertIn(("lyncdiscover.second.example", "A", "198.51.100.5"), records)

    def test_zones(self) -> None:
        """Each record is in the fragment of its SIP domain, or of the domain above its name."""
        self.assertEqual("second.example", zone_of("a.b.second.example", ("second.example",)))
        self.assertEqual("example.net", zone_of("web.example.net", ("second.example",)))
        self.assertEqual("b.a.test", zone_of("x.b.a.test", ("a.test", "b.a.test")))
        records = outside(self.deployment, ADDRESSES, cname=False)
        found = fragments(records, "outside", self.deployment.sip_domains)
        self.assertEqual(["example.com", "second.example"], list(found))
        for zone, text in found.items():
            for line in text.splitlines():
                if line and not line.startswith(";"):
                    self.assertIn(f"{zone}.", line.split()[0])

    def test_one_name_for_both(self) -> None:
        """One web name for inside and outside cannot be planned, nor can an address."""
        for url, rule in (
            ("https://web.example.com:8443", "must differ"),
            ("https://10.0.0.10", "is no name"),
        ):
            changed = config(Path(self.mktemp()), ("https://pool.example.com", url))
            fault = self.assertRaises(
                OperatorFault, inside, deployment_of(changed), ADDRESSES, cname=False
            )
            self.assertIn(rule, str(fault))


class FirewallTests(SynchronousTestCase):
    """What firewalls must let through."""

    def ports(self, *changes: tuple[str, str]) -> list[tuple[str, str, int]]:
        found = passages(config(Path(self.mktemp()), *changes))
        return [(one.source, one.destination, one.port) for one in found]

    def test_web(self) -> None:
        """The proxy's public ports lead to the external listeners; the hairpin is among them."""
        found = self.ports()
        for row in (
            ("Internet", "reverse proxy", 443),
            ("Internet", "reverse proxy", 80),
            ("reverse proxy", "front end", 4443),
            ("reverse proxy", "front end", 8080),
            ("internal networks, Wi-Fi included", "front end", 443),
            ("internal networks, Wi-Fi included", "reverse proxy, at its public name", 443),
        ):
            self.assertIn(row, found)
        self.assertNotIn(9443, [port for _, _, port in found])

    def test_sip(self) -> None:
        """Both ports of UCWA's SIP side are named as the vendor names them."""
        found = passages(config(Path(self.mktemp())))
        whys = {one.port: one.why for one in found}
        self.assertIn("UcwaSipExternalListeningPort", whys[5088])
        self.assertIn("UcwaSipPrimaryListeningPort", whys[5089])

    def test_mixers(self) -> None:
        """A conference server has a way to it, and so have the targets of a route to it."""
        mixer = '[meetings.mixer]\nuri = "sip:{id}@mix.example.com;transport=tcp"\n'
        found = self.ports(("[topology.edge]\n", f"{mixer}[topology.edge]\n"))
        self.assertIn(("front end", "conference server mix.example.com", 5060), found)
        route = (
            '[[sip.route]]\nname = "mix"\ndomains = ["mix.example.com"]\n'
            '[[sip.route.target]]\nhost = "192.0.2.7"\nport = 5070\ntransport = "udp"\n'
            '[[sip.route.target]]\nhost = "m2.example.com"\n'
        )
        found = self.ports(("[topology.edge]\n", f"{mixer}{route}[topology.edge]\n"))
        self.assertIn(("front end", "conference server 192.0.2.7", 5070), found)
        self.assertIn(("front end", "conference server m2.example.com", 5061), found)
        self.assertNotIn(("front end", "conference server mix.example.com", 5060), found)

    def test_other_servers(self) -> None:
        """The Access Edge, branch appliances, other pools and the clearing house have ways to
        them; 5223 is for old clients only."""
        without = ('name = "sip.example.com"', "")
        self.assertNotIn(("front end", "Access Edge sip.example.com", 5061), self.ports(without))
        push = """[push]
clearing_house = "https://push.example.net:8443"
certificate = "tls/server.pem"
key = "tls/server.key"
[topology.edge]
allowed_domains = ["example.net"]
"""
        found = self.ports(("[topology.edge]\n", push))
        for row in (
            ("front end", "clearing house push.example.net", 8443),
            ("front end", "Access Edge sip.example.com", 5061),
            ("Access Edge sip.example.com", "Internet", 5061),
            ("front end", "branch appliance sba.example.com", 5061),
            ("Wi-Fi for phones", "Internet", 5223),
        ):
            self.assertIn(row, found)
        self.assertIn(
            ("pool pool2.example.com at web2.example.com", 443), [row[1:] for row in found]
        )

    def test_servers(self) -> None:
        """Media relays of the configuration are there with each of their ports."""
        relay = """[media]
secret_file = "relay.secret"
[[media.relay]]
host = "turn.example.com"
ipv4 = "203.0.113.9"
tcp_port = 0
[sip]
"""
        directory = Path(self.mktemp())
        directory.mkdir()
        secret = directory / "relay.secret"
        secret.write_text("0123456789abcdef0123456789abcdef")
        secret.chmod(0o600)
        found = passages(config(directory, ("[sip]\n", relay)))
        rows = [(one.source, one.port, one.protocol) for one in found if "relay" in one.destination]
        self.assertEqual([("Internet", 3478, "udp")], rows)
