"""Tests of `mobility.auth.clients`."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.clients import Clients


class ClientsTests(SynchronousTestCase):
    """`Clients`."""

    def setUp(self) -> None:
        self.clients = Clients(["192.0.2.10", "198.51.100.0/24", "2001:db8:ffff::/48", "unix"])

    def test_a_client_is_counted_by_its_address(self) -> None:
        """An IPv4 address stands for itself."""
        self.assertEqual(self.clients.counted("192.0.2.11"), "192.0.2.11")

    def test_an_ipv6_client_is_counted_by_its_network(self) -> None:
        """All addresses of a /64 are one client, those of another are not."""
        one, same, other = (
            self.clients.counted(address)
            for address in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1")
        )
        self.assertEqual((one, same), ("2001:db8::/64", "2001:db8::/64"))
        self.assertNotEqual(one, other)

    def test_a_proxy_is_never_counted(self) -> None:
        """The address of a trusted proxy stands for no client, nor does a UNIX socket."""
        for address in ("192.0.2.10", "198.51.100.77", "2001:db8:ffff:1::5", "unix", ""):
            self.assertEqual(self.clients.counted(address), "", address)

    @given(st.text(max_size=50))
    def test_any_text_is_a_client_or_none(self, address: str) -> None:
        """What is no address is not counted and never an error."""
        self.assertIsInstance(self.clients.counted(address), str)
