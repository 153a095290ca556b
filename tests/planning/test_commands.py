"""`mobility csr`, `dns-plan`, `proxy-config` and `firewall` as commands."""

import json
import stat
from pathlib import Path

from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.trial.unittest import SynchronousTestCase

from mobility.cli import program
from tests.planning.deployments import write


class CommandTests(SynchronousTestCase):
    """What they print and write, and what they refuse."""

    def setUp(self) -> None:
        self.file = write(Path(self.mktemp()).absolute())
        self.key = self.file.parent / "new.key"

    def invoke(self, *arguments: str) -> Result:
        runner = CliRunner(env={"MOBILITY_CONFIG": str(self.file)})
        return runner.invoke(program, arguments)

    def test_csr(self) -> None:
        """A request has the names of its role; its key is made once, for the owner alone."""
        made = self.invoke("csr", "--role", "proxy", "--key", str(self.key), "--json")
        self.assertEqual(0, made.exit_code, made.stderr)
        content = json.loads(made.stdout)
        self.assertTrue(content["key_made"])
        self.assertEqual(0o600, stat.S_IMODE(self.key.stat().st_mode))
        request = x509.load_pem_x509_csr(content["request"].encode())
        self.assertTrue(request.is_signature_valid)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(
            ["web.example.com", "lyncdiscover.example.com", "lyncdiscover.second.example"],
            names.get_values_for_type(x509.DNSName),
        )
        key = self.key.read_bytes()
        again = json.loads(self.invoke("csr", "--key", str(self.key), "--json").stdout)
        self.assertEqual((False, key), (again["key_made"], self.key.read_bytes()))

    def test_csr_into_a_file(self) -> None:
        """A request goes into a new file; one that is there is not overwritten, and no key is
        made for it."""
        output = self.file.parent / "new.csr"
        options = ("csr", "--key-type", "rsa", "--output", str(output))
        made = self.invoke(*options, "--key", str(self.key), "--name", "SIP.example.com")
        self.assertEqual(0, made.exit_code, made.stderr)
        self.assertIn("  sip.example.com\n", made.stdout)
        key = x509.load_pem_x509_csr(output.read_bytes()).public_key()
        self.assertTrue(isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048)
        other = self.file.parent / "other.key"
        again = self.invoke(*options, "--key", str(other))
        self.assertEqual((2, False), (again.exit_code, other.exists()))
        self.assertIn("is not overwritten", again.stderr)

    def test_csr_without_discovery(self) -> None:
        """Leaving the lyncdiscover names out is possible, and said to be not recommended."""
        made = self.invoke("csr", "--key", str(self.key), "--discovery-over-http", "--json")
        content = json.loads(made.stdout)
        self.assertFalse(content["recommended"])
        self.assertNotIn("lyncdiscover", str(content["names"]))
        self.assertIn("not recommended", made.stderr)

    def test_bad_keys(self) -> None:
        """A key that cannot be used is refused, and named."""
        self.key.write_text("no key")
        result = self.invoke("csr", "--key", str(self.key))
        self.assertEqual(2, result.exit_code)
        self.assertIn("holds no PEM private key", result.stderr)

    def test_dns_plan(self) -> None:
        """The plan has both sides, and can be read by a machine."""
        options = ("dns-plan", "--proxy-address", "198.51.100.5", "--edge-address", "198.51.100.6")
        text = self.invoke(*options).stdout
        self.assertIn("lyncdiscoverinternal.second.example. 3600 IN A 10.0.0.10\n", text)
        self.assertIn("; hairpin", text)
        content = json.loads(self.invoke(*options, "--side", "outside", "--json").stdout)
        self.assertEqual(["outside"], list(content))
        names = {record["name"] for record in content["outside"]["records"]}
        self.assertNotIn("pool.example.com", names)

    def test_dns_plan_refuses(self) -> None:
        """What is missing or no address is wrong use."""
        for options, message in (
            ((), "--proxy-address"),
            (("--proxy-address", "x"), "'x' is no IP address"),
            (("--proxy-address", "::1"), "belong together"),
        ):
            with self.subTest(options=options):
                result = self.invoke("dns-plan", *options)
                self.assertEqual(2, result.exit_code)
                self.assertIn(message, result.stderr)

    def test_proxy_config(self) -> None:
        """Front ends may be named with ports of their own."""
        result = self.invoke(
            "proxy-config",
            "nginx",
            *("--front-end", "10.0.0.10", "--front-end", "[2001:db8::1]:14443:18080"),
        )
        self.assertIn("server 10.0.0.10:4443 max_fails", result.stdout)
        self.assertIn("server [2001:db8::1]:18080 max_fails", result.stdout)

    def test_proxy_config_refuses(self) -> None:
        """Nothing gets into a configuration that is no address, name or file."""
        for options, message in (
            (("--front-end", "a;b"), "must be ADDRESS"),
            (("--front-end", "10.0.0.1:0"), "must be ADDRESS"),
            (("--front-end", "10.0.0.1:1:2:3"), "must be ADDRESS"),
            (("--front-end", "[::1"), "must be ADDRESS"),
            (("--listen", "web.example.com"), "is no IP address"),
            (("--certificate", "a b"), "cannot stand in a configuration"),
            (("--http-port", "0"), "not in the range"),
        ):
            with self.subTest(options=options):
                result = self.invoke("proxy-config", "haproxy", *options)
                self.assertEqual((2, ""), (result.exit_code, result.stdout))
                self.assertIn(message, result.stderr)

    def test_firewall(self) -> None:
        """The table has a line for each passage, and JSON has the same ones."""
        text = self.invoke("firewall").stdout.splitlines()
        content = json.loads(self.invoke("firewall", "--json").stdout)
        self.assertEqual(len(text) - 1, len(content["passages"]))
        self.assertTrue(text[0].startswith("from"))
