"""`[sip]` and `[[sip.listen]]`."""

from mobility.errors import OperatorFault
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
ROUTE = """
[[sip.route]]
name = "partner"
domains = ["partner.test"]
prefixes = ["+49", "0"]

[[sip.route.target]]
host = "one.partner.test"
port = 5071

[[sip.route.target]]
host = "192.0.2.1"
transport = "udp"
priority = 1
"""


ACCOUNT = """
[[sip.account]]
name = "trunk"
username = "bob"
secret_file = "trunk.secret"
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

    def test_routes(self) -> None:
        """Routes with their targets, of TLS unless another transport is named."""
        (route,) = self.load(GOOD + ROUTE).sip.routes
        self.assertEqual((route.domains, route.prefixes), (("partner.test",), ("+49", "0")))
        self.assertEqual(
            [(one.host, one.port, one.transport, one.priority) for one in route.targets],
            [("one.partner.test", 5071, "tls", 0), ("192.0.2.1", 0, "udp", 1)],
        )

    def test_target_that_is_no_table(self) -> None:
        """What is said of a table within a table can be written so."""
        text = ROUTE.partition("[[sip.route.target")[0]
        fault = self.fault(f'{GOOD}{text}target = "one.partner.test"\n')
        self.assertEqual("sip.route[0].target", fault.key)
        self.assertIn("an array of tables, [[sip.route.target]]", fault.rule)

    def test_accounts(self) -> None:
        """A route names its account, whose password is in a file that others cannot read."""
        text = ROUTE.replace('name = "partner"', 'name = "partner"\naccount = "trunk"')
        (account,) = self.load(GOOD + ACCOUNT + text).sip.accounts
        self.assertEqual((account.name, account.username, account.realm), ("trunk", "bob", ""))
        self.assertRaises(OperatorFault, lambda: account.secret)
        account.secret_file.write_bytes(b"correct horse\n")
        account.secret_file.chmod(0o644)
        self.assertRaises(OperatorFault, lambda: account.secret)
        account.secret_file.chmod(0o600)
        self.assertEqual(account.secret, "correct horse")
        account.secret_file.write_bytes(b"\xff")
        self.assertRaises(OperatorFault, lambda: account.secret)
        for wrong, key in (
            (ACCOUNT + ACCOUNT, "sip.account[1].name"),
            (text, "sip.route[0].account"),
            (ACCOUNT.replace('"trunk"', '"a,b"'), "sip.account[0].name"),
            (ACCOUNT.replace('"bob"', '""'), "sip.account[0].username"),
            (ACCOUNT + 'realm = "a\\u0000"', "sip.account[0].realm"),
            (ACCOUNT + 'secret = "x"', "sip.account[0].secret"),
            (ACCOUNT.replace("secret_file", "#"), "sip.account[0].secret_file"),
        ):
            self.assertEqual(self.fault(GOOD + wrong).key, key)

    def test_wrong_routes(self) -> None:
        """What leads nowhere is refused, with its key."""
        nothing = ROUTE.replace('domains = ["partner.test"]', "").replace("prefixes", "colours")
        for text, key in (
            (ROUTE + ROUTE, "sip.route[1].name"),
            (nothing.replace('["+49", "0"]', "1"), "sip.route[0].colours"),
            (ROUTE.partition("[[sip.route.target")[0], "sip.route[0].target"),
            (ROUTE.replace('"+49"', '"a"'), "sip.route[0].prefixes"),
            (ROUTE.replace('"partner.test"', '"Partner.test"'), "sip.route[0].domains"),
            (ROUTE.replace("192.0.2.1", "192.0.2.1/24"), "sip.route[0].target[1].host"),
            (ROUTE.replace('"udp"', '"sctp"'), "sip.route[0].target[1].transport"),
            ("\n[sip]\nresolvers = ['ns.example.test']", "sip.resolvers"),
            ("\n[sip]\npeer_key = 'tls/peer.key'", "sip.peer_key"),
            (PHONES + "advertise = 'sip:a'", "sip.listen[0].advertise"),
        ):
            self.assertEqual(self.fault(GOOD + text).key, key)
