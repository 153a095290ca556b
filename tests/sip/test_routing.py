"""Where requests go next."""

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.flow import Flow
from mobility.sip.routing import Target, target_of, ways_of
from mobility.sip.uri import UnknownScheme, parse_sip_uri
from tests.sip.samples import made
from tests.sip.test_core import Wire


class TargetTests(SynchronousTestCase):
    def test_of_uri(self) -> None:
        """Host, port, transport and maddr of a URI say where it leads; sips is TLS."""
        for text, target in (
            ("sip:a@Example.test", Target("example.test")),
            ("sip:a@example.test:5070;transport=tcp", Target("example.test", 5070, "TCP")),
            ("sips:a@example.test", Target("example.test", None, "TLS")),
            ("sips:a@example.test;transport=tcp", Target("example.test", None, "TLS")),
            ("sip:a@[2001:db8::1]:5061;transport=TLS", Target("[2001:db8::1]", 5061, "TLS")),
            ("sip:a@example.test;maddr=192.0.2.1", Target("192.0.2.1")),
        ):
            self.assertEqual(target_of(parse_sip_uri(text)), target)

    def test_unspoken(self) -> None:
        """A transport that is not spoken leads nowhere."""
        for text in ("sip:a@b;transport=sctp", "sips:a@b;transport=udp"):
            with self.assertRaises(UnknownScheme):
                target_of(parse_sip_uri(text))

    def test_ways(self) -> None:
        """The first Route counts, else the Request-URI; a phone's connection comes first, and a SIP
        server's where it leads to the one that is named."""
        request = made("BYE", "Route: <sip:first.test;lr>, <sip:second.test;lr>")
        target = Target("first.test")
        self.assertEqual(ways_of(request), [target])
        phone, server = Wire(), Wire(names=frozenset({"other.test"}))
        self.assertEqual(ways_of(request, cast(Flow, phone)), [phone, target])
        self.assertEqual(ways_of(request, cast(Flow, server)), [target, server])
        server.names = frozenset({"first.test"})
        self.assertEqual(ways_of(request, cast(Flow, server)), [server, target])
        self.assertEqual(ways_of(made("BYE")), [Target("example.test")])
