"""In which network people are."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.networks import source_network
from tests.domain.doubles import World, uri


class SourceNetworkTests(SynchronousTestCase):
    def test_networks(self) -> None:
        """Users and addresses of the reader's domain are of its enterprise, those of other domains
        federated; telephones, guests, and who does not say who it is are of none."""
        users = World("alice", "bob").users
        for person, network in (
            (uri("alice"), "SameEnterprise"),
            (uri("bob"), "SameEnterprise"),
            ("sip:extension@example.test", "SameEnterprise"),
            ("sip:dora@partner.test", "Federated"),
            ("tel:+14255550199", "Everyone"),
            ("sip:1234@anonymous.invalid", "Everyone"),
            ("sip:unknown@unknown.invalid", "Everyone"),
            ("sip:trunk@192.0.2.7", "Everyone"),
        ):
            self.assertEqual(source_network(person, uri("alice"), users), network, person)
        self.assertEqual(source_network(uri("bob"), "sip:x@second.test", users), "SameEnterprise")
