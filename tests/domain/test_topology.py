"""The topology: where users are homed, and in which site they are."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.records import User
from mobility.domain.topology import HERE, Branch, Edge, Home, HostingProvider, Pool, Topology

ROOT = "https://pool2.example.test/Autodiscover/AutodiscoverService.svc/root"
ONLINE = "https://webdir.example.org/Autodiscover/AutodiscoverService.svc/root"
BRANCH = Branch("sba.example.test", "Branch")
TOPOLOGY = Topology(
    "pool1.example.test",
    "Redmond",
    pools=(Pool("pool2.example.test", ROOT, "Paris"),),
    branches=(BRANCH,),
    providers=(HostingProvider("Online", ONLINE, shared_address_space=True), HostingProvider("X")),
)
DIRECTOR = attrs.evolve(
    TOPOLOGY, pool="dir.example.test", director=True, next_hop="pool2.example.test"
)


def user(home: str, site: str = "") -> User:
    return User("sip:alice@example.test", "Alice", home=home, site=site)


class TopologyTests(SynchronousTestCase):
    def test_homes(self) -> None:
        """By what the user's home names: this pool, another, a branch, a provider, a URL."""
        for home, expected in (
            ("", HERE),
            ("pool:pool1.example.test", HERE),
            ("pool:pool2.example.test", Home(ROOT)),
            ("pool:sba.example.test", Home("", BRANCH)),
            ("pool:Online", Home(ONLINE)),
            ("https://a.test/root", Home("https://a.test/root")),
            ("none", None),
            ("pool:gone.example.test", None),
            ("pool:X", None),
        ):
            self.assertEqual(expected, TOPOLOGY.home_of(user(home)), home)

    def test_director(self) -> None:
        """A Director has no users of its own: they are at the next pool."""
        for home in ("", "pool:dir.example.test"):
            self.assertEqual(Home(ROOT), DIRECTOR.home_of(user(home)))
        self.assertEqual(Home(ROOT, BRANCH), DIRECTOR.home_of(user("pool:sba.example.test")))

    def test_sites(self) -> None:
        """A user's own site, else that of the branch or pool."""
        for home, site, expected in (
            ("", "", "Redmond"),
            ("", "Oslo", "Oslo"),
            ("pool:pool2.example.test", "", "Paris"),
            ("pool:sba.example.test", "", "Branch"),
            ("https://a.test/root", "", "Redmond"),
        ):
            self.assertEqual(expected, TOPOLOGY.site_of(user(home, site)), home)

    def test_names(self) -> None:
        """Names are found in any case; a wrong one is told with the nearest."""
        self.assertEqual("pool:pool2.example.test", TOPOLOGY.home_named("POOL2.example.test"))
        self.assertEqual("", TOPOLOGY.home_named("Pool1.example.test"))
        for wrong, near in (("pool3.example.test", "pool"), ("Onlin", "Online"), ("X", "")):
            with self.assertRaises(LookupError) as caught:
                TOPOLOGY.home_named(wrong)
            self.assertIn(f"is {near}" if near else "which is no pool", str(caught.exception))

    def test_edge(self) -> None:
        """An allowed domain allows what is below it, and no other that ends alike."""
        edge = Edge("edge.example.test", allowed_domains=("push.example.org",))
        for host, allowed in (
            ("push.example.org", True),
            ("A.Push.example.org", True),
            ("apush.example.org", False),
            ("example.org", False),
        ):
            self.assertIs(allowed, edge.allows(host), host)
