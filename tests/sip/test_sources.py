"""From which address requests leave."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.sources import MAX_GATEWAYS, Sources

OURS, MEDIATION = "192.0.2.1", "198.51.100.1"


class SourcesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sources = Sources.of((OURS, MEDIATION, "2001:db8::1"), MEDIATION)
        self.sources.met("203.0.113.9")

    def test_which(self) -> None:
        """What goes to gateways leaves from the address of mediation, all else from ours of the
        same family, and the way to this machine itself is the system's to choose."""
        for address, source in (
            ("203.0.113.9", MEDIATION),
            ("203.0.113.8", OURS),
            ("2001:db8::9", "2001:db8::1"),
            ("127.0.0.1", ""),
        ):
            self.assertEqual(source, self.sources.towards(address), address)

    def test_undeclared(self) -> None:
        """Without an address of mediation the system chooses."""
        sources = Sources.of((OURS, MEDIATION), "")
        sources.met("203.0.113.9")
        self.assertEqual("", sources.towards("203.0.113.9"))
        self.assertTrue(sources.may_leave(OURS, "203.0.113.9"))

    def test_other_family(self) -> None:
        """A gateway that the address of mediation cannot reach is not reached from another one."""
        self.sources.met("2001:db8::7")
        self.assertRaises(LookupError, self.sources.towards, "2001:db8::7")

    def test_datagrams(self) -> None:
        """Datagrams to gateways leave by the socket of mediation, others never."""
        for address, bound, may in (
            ("203.0.113.9", MEDIATION, True),
            ("203.0.113.9", OURS, False),
            ("203.0.113.8", MEDIATION, False),
            ("203.0.113.8", OURS, True),
        ):
            self.assertEqual(may, self.sources.may_leave(bound, address), (address, bound))

    def test_bound(self) -> None:
        """So many gateways are remembered, and no more."""
        for number in range(MAX_GATEWAYS + 5):
            self.sources.met(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        self.assertEqual(MAX_GATEWAYS, len(self.sources._gateways))
