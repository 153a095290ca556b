"""`[sip]` and `[[sip.listen]]`."""

from tests.test_config import GOOD, ConfigTestCase

TLS = """
[[sip.listen]]
name = "sip"
endpoint = "tcp:15089:interface=127.0.0.1"
certificate = "tls/server.pem"
key = "tls/server.key"
client_ca = "tls/ca.pem"
"""
PHONES = """
[[sip.listen]]
name = "phones"
transport = "udp"
endpoint = "udp:15060:interface=127.0.0.1"
"""


class SipConfigTests(ConfigTestCase):
    def test_good(self) -> None:
        """Listeners of each transport, TLS unless another is named."""
        tcp = PHONES.replace("udp", "tcp").replace('"phones"', '"more"')
        listeners = self.load(GOOD + TLS + PHONES + tcp).sip.listeners
        self.assertEqual([one.transport for one in listeners], ["tls", "udp", "tcp"])
        self.assertEqual([one.mutual_tls for one in listeners], ["request", "none", "none"])
        self.assertEqual(listeners[1].udp_address, ("127.0.0.1", 15060))
        self.assertEqual(self.load(GOOD).sip.listeners, ())

    def test_wrong(self) -> None:
        """What does not go together is refused, with its key."""
        for text, key in (
            (TLS + TLS, "sip.listen[1].name"),
            (TLS.replace('client_ca = "tls/ca.pem"', ""), "sip.listen[0].client_ca"),
            (TLS.replace('key = "tls/server.key"', ""), "sip.listen[0].key"),
            (TLS + 'mutual_tls = "maybe"', "sip.listen[0].mutual_tls"),
            (TLS + 'transport = "sctp"', "sip.listen[0].transport"),
            (PHONES + 'key = "tls/server.key"', "sip.listen[0].key"),
            (PHONES + 'mutual_tls = "require"', "sip.listen[0].mutual_tls"),
            (PHONES.replace("udp:", "tcp:"), "sip.listen[0].endpoint"),
            (PHONES.replace("15060", "99999"), "sip.listen[0].endpoint"),
            (TLS.replace("tcp:", "tls:"), "sip.listen[0].endpoint"),
            (TLS + "colour = 1", "sip.listen[0].colour"),
            ('\n[sip]\ntrusted_peers = ["Peer.Example.Test"]', "sip.trusted_peers"),
            ("\n[sip]\nburst = 0", "sip.burst"),
        ):
            self.assertEqual(self.fault(GOOD + text).key, key)
