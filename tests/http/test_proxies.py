"""Tests of `mobility.http.proxies`: the client's address."""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from mobility.http.proxies import Proxies
from tests.http.sites import Case


class ProxyTests(Case):
    """The client's address."""

    def setUp(self) -> None:
        super().setUp()
        self.proxies = Proxies(["10.0.0.0/8", "2001:db8::/32", "unix"])

    def address(self, peer: str, forwarded: str) -> str:
        kind = IPv6Address if ":" in peer else IPv4Address
        return self.proxies.client_address(
            self.proxies.peer(kind("TCP", peer, 1)), {"x-forwarded-for": forwarded}
        )

    def test_forwarded(self) -> None:
        """The first untrusted address from our side is the client's."""
        for peer, forwarded, client in (
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, 10.2.3.4", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1:5000", "198.51.100.1"),
            ("10.0.0.1", "[2001:db9::1]:5000", "2001:db9::1"),
            ("2001:db8::5", "2001:db9::1", "2001:db9::1"),
            ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ):
            self.assertEqual(self.address(peer, forwarded), client, forwarded)

    def test_not_believed(self) -> None:
        """Without a trusted proxy the header is not looked at."""
        self.assertEqual(self.address("203.0.113.9", "198.51.100.1"), "203.0.113.9")

    def test_many_forwarders(self) -> None:
        """A long chain of trusted proxies is followed to a bound."""
        self.assertEqual(self.address("10.0.0.1", "198.51.100.1" + ", 10.0.0.9" * 500), "10.0.0.9")

    def test_unix(self) -> None:
        """A peer on a UNIX socket is `unix`, and trusted if that is configured."""
        peer = self.proxies.peer(UNIXAddress(None))
        self.assertEqual(
            self.proxies.client_address(peer, {"x-forwarded-for": "198.51.100.1"}), "198.51.100.1"
        )
        self.assertEqual(Proxies([]).peer(UNIXAddress(None)), ("unix", False))

    def test_end_to_end(self) -> None:
        """The handler sees the real client behind the configured proxy."""
        self.ask("GET", "/hello", headers={"X-Forwarded-For": "198.51.100.1"})
        self.assertEqual(self.staged.handlers.seen[0].client_address, "198.51.100.1")
