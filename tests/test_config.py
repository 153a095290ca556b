"""The TOML file: what a right one becomes, and what is said of a wrong one."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.config import AuthConfig, Config, load, operator_address
from mobility.errors import OperatorFault
from mobility.http.message import Site

GOOD = """
data_dir = "data"
sip_domains = ["example.test"]
server_fqdn = "fe1.example.test"

[web]
internal_url = "https://int.example.test"
external_url = "https://ext.example.test:4443"

[[listen]]
name = "internal"
endpoint = "tcp:10443:interface=127.0.0.1"
site = "internal"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"

[[listen]]
name = "external-http"
endpoint = "haproxy:tcp:18080"
site = "external"
tls = false

[[listen]]
name = "operator"
endpoint = "tcp:19443:interface=127.0.0.1"
site = "operator"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"
"""


class ConfigTestCase(SynchronousTestCase):
    """A test that writes a file and loads it."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.file = self.directory / "mobility.toml"

    def load(self, text: str) -> Config:
        self.file.write_text(text)
        return load(self.file)

    def fault(self, text: str) -> OperatorFault:
        return self.assertRaises(OperatorFault, self.load, text)

    def faulty(self, old: str, new: str) -> tuple[str, str]:
        """Key and rule of the fault in the good file with `old` replaced."""
        self.assertIn(old, GOOD)
        fault = self.fault(GOOD.replace(old, new, 1))
        self.assertEqual(str(self.file), fault.where)
        self.assertNotIn("\n", str(fault))
        return fault.key, fault.rule


class GoodFileTests(ConfigTestCase):
    """A file that keeps every rule."""

    def test_records(self) -> None:
        """Paths start at the file's directory, and what is not said has its default."""
        config = self.load(GOOD)
        self.assertEqual(self.directory / "data", config.data_dir)
        self.assertEqual(self.directory / "data" / "mobility.sqlite", config.store.path)
        self.assertEqual("FULL", config.store.synchronous)
        self.assertEqual(AuthConfig(), config.auth)
        self.assertEqual(("example.test",), config.sip_domains)
        first, second, third = config.listeners
        self.assertEqual(Site("internal", True), first.site)
        self.assertEqual(self.directory / "tls" / "server.pem", first.certificate)
        self.assertEqual(Site("external", False), second.site)
        self.assertEqual((2, third), config.operator)

    def test_sections(self) -> None:
        """Values of the sections are read with their types; a whole number does for a number."""
        config = self.load(
            GOOD
            + """
[ucwa]
idle_expiry_s = 7200
typing_timeout_s = 5
[autodiscover]
sip_external = "sip.example.test:443"
[autodiscover.redirects]
"other.test" = "https://other.test/Autodiscover/AutodiscoverService.svc/root"
[log]
destination = "log/mobility.json"
"""
        )
        self.assertEqual(7200, config.ucwa.idle_expiry_s)
        self.assertIsInstance(config.ucwa.typing_timeout_s, float)
        self.assertEqual(["other.test"], list(config.autodiscover.redirects))
        self.assertEqual(str(self.directory / "log/mobility.json"), config.log.destination)

    def test_proxy_in_front(self) -> None:
        """A listener without TLS is secure when a proxy in front is known."""
        config = self.load(GOOD.replace("tls = false", "tls = false\nsecure = true"))
        self.assertEqual(Site("external", True), config.listeners[1].site)

    def test_names_of_any_script(self) -> None:
        """Hosts of the server and of its URLs are in A-labels, as header fields have them."""
        text = GOOD.replace("fe1.example.test", "ПК.example.test")
        text = text.replace("ext.example.test", "bücher.example.test")
        text = text.replace("[web]", '[web]\ncross_domain_origins = ["https://чат.example.test"]')
        text += '\n[meetings]\njoin_url = "https://bücher.example.test:8443/join"\n'
        config = self.load(text)
        self.assertEqual("xn--j1aj.example.test", config.server_fqdn)
        self.assertEqual("https://int.example.test", config.web.internal_url)
        self.assertEqual("https://xn--bcher-kva.example.test:4443", config.web.external_url)
        self.assertEqual(("https://xn--80a0bn.example.test",), config.web.cross_domain_origins)
        joining = "https://xn--bcher-kva.example.test:8443/join"
        self.assertEqual(joining, config.meetings.join_url)


class FileFaultTests(ConfigTestCase):
    """Files that cannot be read at all."""

    def test_missing(self) -> None:
        """A file that is not there is named."""
        fault = self.assertRaises(OperatorFault, load, self.file)
        self.assertEqual(
            f"{self.file}: the configuration cannot be read: No such file or directory", str(fault)
        )

    def test_no_toml(self) -> None:
        """A syntax error is told with its line."""
        self.assertIn("line 1", str(self.fault("data_dir = \nx = 1")))

    def test_no_text(self) -> None:
        """A file that is not UTF-8 is refused."""
        self.file.write_bytes(b'data_dir = "\xff"')
        self.assertIn("is no TOML", str(self.assertRaises(OperatorFault, load, self.file)))


class ValueFaultTests(ConfigTestCase):
    """One wrong value in a good file: the key and the rule."""

    WRONG: tuple[tuple[str, str, str, str], ...] = (
        ('data_dir = "data"', "", "data_dir", "is missing"),
        ('data_dir = "data"', "data_dir = 3", "data_dir", "is 3, must be a file name"),
        ('["example.test"]', "[]", "sip_domains", "must name one domain"),
        ('["example.test"]', '["Example.test"]', "sip_domains", "lower case"),
        ('["example.test"]', '["a.test", "a.test"]', "sip_domains", "each domain once"),
        ('["example.test"]', '["a b"]', "sip_domains", "'a b' must be a domain name"),
        ('["example.test"]', "[1]", "sip_domains", "must be a list of strings"),
        ('"fe1.example.test"', '"fe1_"', "server_fqdn", "is 'fe1_', must be a host name"),
        ('"fe1.example.test"', f'"{"ü" * 60}.test"', "server_fqdn", "must be a host name"),
        ('"https://int.', '"http://int.', "web.internal_url", "must be https://"),
        ('"https://int.', f'"https://{"ü" * 60}.', "web.internal_url", "must be https://"),
        ("int.example.test", "int.example.test/", "web.internal_url", "trailing slash"),
        ("int.example.test", "int.example.test:x", "web.internal_url", "must be https://"),
        ("int.example.test", "int.example.test:0", "web.internal_url", "must be https://"),
        ("int.example.test", "u@int.example.test", "web.internal_url", "must be https://"),
        ("int.example.test", "int.example.test?q", "web.internal_url", "must be https://"),
        ("https://int.example.test", "https://", "web.internal_url", "must be https://"),
        ("https://int.example.test", "https://[::1", "web.internal_url", "must be https://"),
        ("ext.example.test:4443", "INT.example.test:443", "web.external_url", "must differ"),
        ("[web]", '[web]\ntrusted_proxies = ["10.0.0.1/8"]', "web.trusted_proxies", "host bits"),
        ("[web]", '[web]\ncross_domain_origins = ["x/"]', "web.cross_domain_origins", "origin"),
        (
            "[web]",
            '[web]\ncross_domain_origins = ["https://x.test/a"]',
            "web.cross_domain_origins",
            "origin",
        ),
        ("[web]", "[web]\nheader_timeout_s = true", "web.header_timeout_s", "must be a number"),
        ("[web]", "[web]\nheader_timeout_s = nan", "web.header_timeout_s", "from 1.0 to 300.0"),
        ("[web]", "web = 1\n[x]", "web", "must be a table, [web]"),
        ('name = "internal"', 'name = "operator"', "listen[2].name", "another listener"),
        ('name = "internal"', 'name = ""', "listen[0].name", "must not be empty"),
        ('"tcp:10443:', '"ssl:10443:', "listen[0].endpoint", "give tls = true"),
        ('"tcp:10443:', '"udp:10443:', "listen[0].endpoint", "must begin with tcp:"),
        ('"tcp:10443:', '"tcp:x:', "listen[0].endpoint", "endpoint string"),
        ('"tcp:10443:', '"tcp:1:colour=red:', "listen[0].endpoint", "endpoint string"),
        ('"haproxy:tcp:18080"', '"haproxy:ssl:1"', "listen[1].endpoint", "give tls = true"),
        ('site = "internal"', 'site = "inside"', "listen[0].site", "is 'inside', must be"),
        ('site = "internal"', 'site = "operator"', "listen[2].site", "operator twice"),
        ('site = "internal"', 'site = "external"', "listen", 'needs one with site = "internal"'),
        ("tls = true", "tls = 1", "listen[0].tls", "is 1, must be true or false"),
        ('certificate = "tls/server.pem"', "", "listen[0].certificate", "is missing"),
        ('key = "tls/server.key"', "", "listen[0].key", "is missing"),
        ("tls = true", "tls = true\nsecure = false", "listen[0].secure", "must not be false"),
        ("tls = false", 'tls = false\nkey = "k"', "listen[1].key", "must not be given"),
        (
            '"haproxy:tcp:18080"\nsite = "external"',
            '"tcp:18080"\nsecure = true\nsite = "external"',
            "listen[1].secure",
            "without TLS here",
        ),
        (
            '"tcp:19443:interface=127.0.0.1"',
            '"tcp:19443"',
            "listen[2].endpoint",
            "must be loopback only",
        ),
        (
            '"tcp:19443:interface=127.0.0.1"',
            '"unix:/tmp/operator"',
            "listen[2].endpoint",
            "must be loopback only",
        ),
    )

    def test_each(self) -> None:
        """The dotted key and the rule are named for each."""
        for old, new, key, rule in self.WRONG:
            with self.subTest(new=new, key=key):
                found_key, found_rule = self.faulty(old, new)
                self.assertEqual(key, found_key)
                self.assertIn(rule, found_rule)

    SECTIONS: tuple[tuple[str, str, str], ...] = (
        ("[auth]\ntoken_lifetime_s = -3", "auth.token_lifetime_s", "is -3, must be from 60 to"),
        ("[auth]\nlockout_base_s = 60\nlockout_max_s = 6", "auth.lockout_max_s", "must not be"),
        ("[ucwa]\nidle_expiry_s = 59", "ucwa.idle_expiry_s", "from 60 to"),
        ("[ucwa]\nidle_expiry_s = 1.5", "ucwa.idle_expiry_s", "whole number"),
        (
            "[ucwa]\nidle_expiry_s = 600",
            "ucwa.no_events_expiry_s",
            "must not be above ucwa.idle_expiry_s (600)",
        ),
        ('[store]\nsynchronous = "OFF"', "store.synchronous", "must be FULL or NORMAL"),
        ('[log]\ndestination = ""', "log.destination", "stdout"),
        ('[autodiscover]\nsip_internal = "sip"', "autodiscover.sip_internal", "HOST:PORT"),
        ('[autodiscover]\nsip_internal = "sip:70000"', "autodiscover.sip_internal", "HOST:PORT"),
        ('[autodiscover.redirects]\n"a b" = "https://x"', "autodiscover.redirects", "domain"),
        ('[autodiscover.redirects]\n"a.b" = "ftp://x"', "autodiscover.redirects", "http"),
        ('[autodiscover.redirects]\n"a.b" = "https://[x"', "autodiscover.redirects", "http"),
        (
            '[autodiscover.redirects]\n"a.b" = "https://ext.example.test:4443/root"',
            "autodiscover.redirects",
            "must not lead back",
        ),
        ("[autodiscover]\nredirects = {a = 1}", "autodiscover.redirects", "table of strings"),
    )

    def test_sections(self) -> None:
        """So it is in each section."""
        for text, key, rule in self.SECTIONS:
            with self.subTest(text=text):
                fault = self.fault(GOOD + text)
                self.assertEqual(key, fault.key)
                self.assertIn(rule, fault.rule)

    def test_drain(self) -> None:
        """The drain time has a range, too."""
        fault = self.fault("drain_timeout_s = 61\n" + GOOD)
        self.assertEqual("drain_timeout_s", fault.key)

    def test_long_value(self) -> None:
        """A long value is quoted in part."""
        fault = self.fault(GOOD.replace("fe1.example.test", "x" * 5000))
        self.assertLess(len(fault.rule), 200)


class UnknownKeyTests(ConfigTestCase):
    """Keys that nobody reads are refused with the nearest name."""

    def test_each_level(self) -> None:
        """At the top, in a section and in a listener."""
        for text, key, hint in (
            ("datadir = 1\n" + GOOD, "datadir", "is data_dir meant?"),
            (GOOD + "[auth]\ntoken_lifetime = 60", "auth.token_lifetime", "token_lifetime_s"),
            (GOOD + 'certficate = "x"', "listen[2].certficate", "is certificate meant?"),
            (GOOD + '["a\\nb"]', "'a\\nb'", "is not a key"),
            (GOOD + "[zzz]", "zzz", "is not a key this program knows"),
        ):
            with self.subTest(key=key):
                fault = self.fault(text)
                self.assertEqual(key, fault.key)
                self.assertIn(hint, fault.rule)

    def test_listeners_are_needed(self) -> None:
        """`listen` is an array of tables."""
        fault = self.fault(GOOD.partition("[[listen]]")[0] + "[listen]\nx = 1")
        self.assertEqual("listen", fault.key)
        self.assertIn("array of tables, [[listen]]", fault.rule)


class OperatorAddressTests(SynchronousTestCase):
    """Where commands find the operator listener."""

    def test_addresses(self) -> None:
        """Loopback addresses of either family; anything else is none."""
        for endpoint, address in (
            ("tcp:19443:interface=127.0.0.1", ("127.0.0.1", 19443)),
            ("tcp:interface=127.0.0.1:port=19443", ("127.0.0.1", 19443)),
            (r"tcp:19443:interface=\:\:1", ("::1", 19443)),
            ("tcp6:19443:interface=localhost", ("localhost", 19443)),
            ("tcp:19443:interface=0.0.0.0", None),
            ("tcp:19443", None),
        ):
            with self.subTest(endpoint=endpoint):
                self.assertEqual(address, operator_address(endpoint))
