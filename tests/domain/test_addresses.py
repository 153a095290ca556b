"""SIP addresses in their one spelling."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mobility.domain.addresses import (
    MAX_ADDRESS,
    address_of,
    domain_of,
    is_domain,
    is_local,
    user_uri,
)


class UserUriTests(TestCase):
    """`user_uri` reads what people write and refuses what is no user's address."""

    def test_spellings(self) -> None:
        """Scheme, letter case and surrounding space make no difference."""
        for text in (
            "alice@example.test",
            "sip:alice@example.test",
            "SIP:Alice@Example.TEST",
            "  sip:ALICE@example.test\n",
        ):
            self.assertEqual(user_uri(text), "sip:alice@example.test")

    def test_letters_of_any_script(self) -> None:
        """A user part and a domain may be in any script."""
        self.assertEqual(user_uri("Юлия@Пример.test"), "sip:юлия@пример.test")

    def test_refused(self) -> None:
        """What is not user@domain is no user's address."""
        for text in (
            "",
            "alice",
            "@example.test",
            "alice@",
            "sip:",
            "sip:alice@example..test",
            "sip:alice@-example.test",
            "sip:alice@example-.test",
            "sip:alice@exa_mple.test",
            "sip:alice@example.test;transport=tls",
            "sip:alice@example.test?subject=x",
            "sip:alice@example.test:5061",
            "sips:alice@example.test",
            "tel:+46701234567",
            "al ice@example.test",
            "alice@bob@example.test",
            "sip:sip:alice@example.test",
            'al"ice@example.test',
            "alice@" + "a" * 64 + ".test",
            "İ@example.test",
        ):
            self.assertIsNone(user_uri(text), text)

    def test_length(self) -> None:
        """An address has at most 320 characters."""
        domain = ".".join(["d" * 50] * 4)
        longest = "a" * (MAX_ADDRESS - len(domain) - 1) + "@" + domain
        self.assertEqual(user_uri(longest), f"sip:{longest}")
        self.assertIsNone(user_uri("a" + longest))

    @given(st.text(max_size=40), st.text(max_size=40))
    def test_one_spelling(self, user: str, domain: str) -> None:
        """What comes out is its own spelling, without white space, and has both parts."""
        uri = user_uri(f"{user}@{domain}")
        if uri is not None:
            self.assertEqual(user_uri(uri), uri)
            self.assertEqual(user_uri(address_of(uri)), uri)
            self.assertEqual(uri.split(), [uri])
            self.assertTrue(is_domain(domain_of(uri)))

    @given(st.from_regex(r"[a-z0-9._-]{1,20}@[a-z0-9]{1,9}\.[a-z]{2,9}", fullmatch=True))
    def test_plain_addresses(self, address: str) -> None:
        """A plain address in any letter case is the same user's."""
        self.assertEqual(user_uri(address.upper()), f"sip:{address}")

    @given(st.text(max_size=60))
    def test_any_text(self, text: str) -> None:
        """Any text gets an answer."""
        uri = user_uri(text)
        self.assertTrue(uri is None or uri.startswith("sip:"))


class DomainTests(TestCase):
    """Which domain an address belongs to."""

    def test_local(self) -> None:
        """A URI is local when its domain is one of those served."""
        self.assertTrue(is_local("sip:a@example.test", ("other.test", "example.test")))
        self.assertFalse(is_local("sip:a@sub.example.test", ("example.test",)))

    def test_domain_length(self) -> None:
        """A label has 1 to 63 characters and a domain at most 255."""
        self.assertTrue(is_domain("a" * 63 + ".test"))
        self.assertFalse(is_domain("a" * 64 + ".test"))
        self.assertFalse(is_domain(".".join(["a" * 50] * 6)))
