"""Whom certificates of SIP servers are for."""

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from mobility import pki
from mobility.auth.peer_names import sip_domains, sip_names


class PeerNameTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.authority = pki.certificate_authority("test CA", datetime.now(UTC))

    def names(self, *hosts: str) -> tuple[frozenset[str], frozenset[str]]:
        made = pki.server_certificate(self.authority, hosts, datetime.now(UTC)).certificate
        return sip_domains(made), sip_names(made)

    def test_hosts(self) -> None:
        """Without SIP URIs the DNS names and the addresses count."""
        named = self.names("One.test", "192.0.2.1", "2001:db8::1")
        self.assertEqual(named, (frozenset(), {"one.test", "192.0.2.1", "2001:db8::1"}))

    def test_domains(self) -> None:
        """With them nothing else does, and an address is no domain."""
        domains = self.names("sip:A.test", "host.test", "192.0.2.1")
        self.assertEqual(domains, ({"a.test"}, {"a.test"}))
        self.assertEqual(self.names("sip:192.0.2.1", "192.0.2.1")[1], frozenset())

    def test_people(self) -> None:
        """The URI of a person is no domain."""
        self.assertEqual(self.names("sip:bob@a.test", "host.test"), (frozenset(), {"host.test"}))

    def test_without(self) -> None:
        """A certificate without names is for nobody."""
        self.assertEqual(sip_names(self.authority.certificate), frozenset())
