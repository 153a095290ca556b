"""`[directory.ldap]`: what is refused, and what the schema fills in."""

import os
from pathlib import Path

from mobility.directory.schema import ACTIVE_DIRECTORY, INETORGPERSON
from mobility.directory.settings import LdapConfig, Server, servers_of
from mobility.errors import OperatorFault
from tests.test_config import GOOD, ConfigTestCase

LDAP = """
[directory.ldap]
servers = ["ldaps://dc1.example.test", "ldap://dc2.example.test:3890"]
bind_dn = "cn=mobility,dc=example,dc=test"
bind_password_file = "ldap.password"
user_base = "dc=example,dc=test"
"""


class SettingsTests(ConfigTestCase):
    def ldap(self, more: str = "") -> LdapConfig:
        return self.load(GOOD + LDAP + more).directory.ldap

    def wrong(self, old: str, new: str = "") -> tuple[str, str]:
        """Key and rule of the fault with `old` replaced, or with `old` added."""
        text = LDAP.replace(old, new) if old in LDAP else LDAP + old
        fault = self.fault(GOOD + text)
        return fault.key.removeprefix("directory.ldap."), fault.rule

    def test_none(self) -> None:
        """Without the table there is no directory."""
        self.assertEqual(self.load(GOOD).directory.ldap, LdapConfig())

    def test_defaults(self) -> None:
        """Active Directory is assumed; the ports are those of the scheme."""
        ldap = self.ldap()
        self.assertEqual(ldap.user_filter, ACTIVE_DIRECTORY.user_filter)
        self.assertEqual(ldap.attributes, ACTIVE_DIRECTORY.attributes)
        self.assertEqual(ldap.uri_domain, "example.test")
        self.assertEqual(ldap.bind_password_file, self.directory / "ldap.password")
        self.assertEqual(
            servers_of(ldap),
            [Server("dc1.example.test", 636, True), Server("dc2.example.test", 3890, False)],
        )

    def test_own_attributes(self) -> None:
        """What is said of attributes and filters goes before the schema."""
        ldap = self.ldap(
            'schema = "inetorgperson"\nuser_filter = "(uid=*)"\nattributes = {uri = "uid"}\n'
        )
        self.assertEqual((ldap.user_filter, ldap.attributes["uri"]), ("(uid=*)", "uid"))
        self.assertEqual(ldap.attributes["name"], INETORGPERSON.attributes["name"])

    def test_missing(self) -> None:
        """What cannot be guessed must be there, and nothing may be said without servers."""
        for name in ("bind_dn", "bind_password_file", "user_base"):
            line = next(line for line in LDAP.splitlines() if line.startswith(name))
            self.assertEqual(self.wrong(line), (name, "is missing"))
        servers = next(line for line in LDAP.splitlines() if line.startswith("servers"))
        self.assertEqual(self.wrong(servers), ("servers", "is missing"))

    def test_servers(self) -> None:
        """A server is a URL without anything beside host and port."""
        for url in (
            "dc1.example.test",
            "https://dc1.example.test",
            "ldap://",
            "ldap://dc1.example.test/dc=x",
            "ldap://user@dc1.example.test",
            "ldap://dc1.example.test:99999",
            "ldap://dc1.example.test:0",
        ):
            key, rule = self.wrong("ldaps://dc1.example.test", url)
            self.assertEqual(key, "servers")
            self.assertIn(repr(url), rule)

    def test_plaintext(self) -> None:
        """Passwords in the clear must be asked for in so many words."""
        key, rule = self.wrong("start_tls = false\n")
        self.assertEqual(key, "start_tls")
        self.assertIn("allow_plaintext = true", rule)
        self.assertFalse(self.ldap("start_tls = false\nallow_plaintext = true\n").start_tls)

    def test_filters(self) -> None:
        """A filter that is none is refused with the place of the mistake."""
        for name in ("user_filter", "group_filter"):
            key, rule = self.wrong(f'{name} = "(uid=*"\n')
            self.assertEqual(key, name)
            self.assertIn("RFC 4515", rule)

    def test_names(self) -> None:
        """Fields and attributes must be names, the domain one of ours, the code a country's."""
        for line, key in (
            ('attributes = {nick = "uid"}\n', "attributes"),
            ('attributes = {uri = "u)(id"}\n', "attributes"),
            ('uri_domain = "example.com"\n', "uri_domain"),
            ('phone_country_code = "+49"\n', "phone_country_code"),
            ('phone_country_code = "049"\n', "phone_country_code"),
            ("full_sync_interval_s = 30\n", "full_sync_interval_s"),
            ('schema = "x"\n', "schema"),
            ("unknown = 1\n", "unknown"),
        ):
            self.assertEqual(self.wrong(line)[0], key, line)


class PasswordFileTests(ConfigTestCase):
    """The file of the service's password."""

    def password(self, content: bytes, mode: int = 0o600) -> str:
        file = self.directory / "ldap.password"
        file.write_bytes(content)
        os.chmod(file, mode)
        return LdapConfig(bind_password_file=file).bind_password

    def test_read(self) -> None:
        """It is the line in the file, in UTF-8; its group may read it."""
        self.assertEqual(self.password("geheim ünd\r\n".encode(), 0o640), "geheim ünd")

    def test_refused(self) -> None:
        """One that others may read, is empty, too long, no text or missing is refused."""
        for content, mode in (
            (b"x", 0o644),
            (b"\n", 0o600),
            (b"x" * 2000, 0o600),
            (b"\xff", 0o600),
        ):
            self.assertRaises(OperatorFault, self.password, content, mode)
        missing = LdapConfig(bind_password_file=Path("missing"))
        self.assertRaises(OperatorFault, lambda: missing.bind_password)
