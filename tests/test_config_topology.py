"""`[topology]`: roles, pools, branches, providers, the Edge, and what they forbid."""

from mobility.domain.topology import Branch, Edge, Pool
from mobility.errors import OperatorFault
from tests.test_config import GOOD, ConfigTestCase

ROOT = "https://pool2.example.test/Autodiscover/AutodiscoverService.svc/root"
HEAD = "\n[topology]\n"
POOL = f'\n[[topology.pools]]\nname = "pool2.example.test"\nroot = "{ROOT}"\nsite = "Paris"\n'
BRANCH = '\n[[topology.branches]]\nname = "sba.example.test"\n'
PROVIDER = f'\n[[topology.providers]]\nname = "Online"\nroot = "{ROOT}"\n'
SHARED = PROVIDER + "shared_address_space = true\n"
EDGE = '\n[topology.edge]\nname = "edge.example.test"\nallowed_domains = ["push.example.org"]\n'
PUSH = '\n[push]\nclearing_house = "https://{}"\ncertificate = "c.pem"\nkey = "k.pem"\n'


class TopologyConfigTests(ConfigTestCase):
    def test_good(self) -> None:
        """Everything there is, as the domain knows it."""
        head = HEAD + 'site = "Redmond"\n'
        topology = self.load(GOOD + head + POOL + BRANCH + PROVIDER + EDGE).topology.domain
        self.assertEqual(topology.pools, (Pool("pool2.example.test", ROOT, "Paris"),))
        self.assertEqual(topology.branches, (Branch("sba.example.test"),))
        self.assertEqual(topology.edge, Edge("edge.example.test", 5061, ("push.example.org",)))
        self.assertEqual(topology.names(), ["pool2.example.test", "sba.example.test", "Online"])

    def test_alone(self) -> None:
        """Without the table this server is a pool of its own, and has no Edge."""
        config = self.load(GOOD)
        self.assertEqual(config.topology.pool, config.server_fqdn)
        self.assertIsNone(config.topology.domain.edge)

    def test_wrong(self) -> None:
        """What does not go together is refused, with its key."""
        for text, key in (
            (HEAD + 'role = "directer"', "topology.role"),
            (HEAD + 'edition = "enterprise"', "topology.pool"),
            (HEAD + 'pool = "pool1.example.test"', "topology.pool"),
            (HEAD + 'role = "director"' + POOL, "topology.next_hop"),
            (HEAD + 'next_hop = "pool2.example.test"' + POOL, "topology.next_hop"),
            (HEAD + POOL + POOL, "topology.pools[1].name"),
            (HEAD + POOL.replace("https", "http"), "topology.pools[0].root"),
            (HEAD + POOL + "sites = 1", "topology.pools[0].sites"),
            (HEAD + BRANCH + "port = 0", "topology.branches[0].port"),
            (HEAD + BRANCH.replace("sba.example.test", "no host"), "topology.branches[0].name"),
            (HEAD + SHARED + SHARED.replace("Online", "Other"), "topology.providers"),
            (HEAD + SHARED.replace(f'root = "{ROOT}"', ""), "topology.providers[0].root"),
            (HEAD + EDGE.replace('name = "edge.example.test"', ""), "topology.edge.name"),
            (HEAD + EDGE.replace("push.example", "Push.example"), "topology.edge.allowed_domains"),
            (HEAD + 'interfaces = ["192.0.2.1", "eth0"]', "topology.interfaces"),
            (HEAD + 'interfaces = ["192.0.2.1", "192.0.2.1"]', "topology.interfaces"),
            (HEAD + 'interfaces = ["192.0.2.1"]\nmediation = "192.0.2.2"', "topology.mediation"),
            (HEAD + 'interfaces = ["192.0.2.1"]\nmediation = "192.0.2.1"', "topology.mediation"),
        ):
            with self.subTest(text=text), self.assertRaises(OperatorFault) as raised:
                self.load(GOOD + text)
            self.assertEqual(raised.exception.key, key)

    def test_nearest(self) -> None:
        """A wrong word is told with its key, itself, the rule and the nearest right word."""
        with self.assertRaises(OperatorFault) as raised:
            self.load(GOOD + HEAD + 'role = "directer"')
        self.assertTrue(
            str(raised.exception).endswith(
                "topology.role: is 'directer', must be front-end or director; is director meant?"
            ),
            raised.exception,
        )

    def test_two_interfaces(self) -> None:
        """With two interfaces each listener is bound to one; all addresses are refused."""
        two = HEAD + 'interfaces = ["192.0.2.1", "198.51.100.1"]\n'
        with self.assertRaises(OperatorFault) as raised:
            self.load(GOOD + two)
        self.assertEqual("listen[1].endpoint", raised.exception.key)
        self.assertIn("must be bound to one of topology.interfaces", str(raised.exception))
        bound = GOOD.replace("haproxy:tcp:18080", "haproxy:tcp:18080:interface=192.0.2.1")
        self.assertEqual(2, len(self.load(bound + two).topology.interfaces))
        with self.assertRaises(OperatorFault) as raised:
            self.load(bound + two + 'mediation = "192.0.2.1"\n')
        self.assertEqual("listen[1].endpoint", raised.exception.key)
        self.load(bound + two + 'mediation = "198.51.100.1"\n')
        phones = '\n[[sip.listen]]\nname = "phones"\ntransport = "udp"\nendpoint = "udp:5060"\n'
        with self.assertRaises(OperatorFault) as raised:
            self.load(bound + two + phones)
        self.assertEqual("sip.listen[0].endpoint", raised.exception.key)

    def test_director_without_sip(self) -> None:
        """A Director serves discovery alone."""
        director = HEAD + 'role = "director"\nnext_hop = "pool2.example.test"\n' + POOL
        phones = '\n[[sip.listen]]\nname = "p"\ntransport = "udp"\nendpoint = "udp:5060"\n'
        self.assertTrue(self.load(GOOD + director).topology.director)
        with self.assertRaises(OperatorFault) as raised:
            self.load(GOOD + director + phones)
        self.assertEqual("sip.listen", raised.exception.key)

    def test_push_through_the_edge(self) -> None:
        """A clearing house outside of the allowed domains is refused."""
        for host, good in (
            ("push.example.org", True),
            ("a.push.example.org", True),
            ("badpush.example.org", False),
            ("push.example.com", False),
        ):
            text = GOOD + HEAD + EDGE + PUSH.format(host)
            if good:
                self.load(text)
                continue
            with self.assertRaises(OperatorFault) as raised:
                self.load(text)
            self.assertEqual("push.clearing_house", raised.exception.key)

    def test_circle(self) -> None:
        """Another pool is not this one."""
        own = self.load(GOOD).web.external_url
        text = POOL.replace("https://pool2.example.test", own)
        with self.assertRaises(OperatorFault) as raised:
            self.load(GOOD + HEAD + text)
        self.assertEqual("topology.pools[0].root", raised.exception.key)
