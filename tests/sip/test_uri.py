"""SIP and tel URIs."""

from hypothesis import given
from hypothesis import strategies as st
from sipmessage import URI
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.uri import (
    MAX_URI,
    OtherUri,
    SipUri,
    TelUri,
    UnknownScheme,
    parse_sip_uri,
    parse_uri,
)
from tests.sip.samples import DOMAINS, HOSTS, NAMES, PORTS, USERS

PARAMETERS = st.dictionaries(NAMES.map(str.lower), st.one_of(st.none(), NAMES), max_size=4)
URIS = st.builds(
    SipUri,
    host=HOSTS,
    user=USERS,
    scheme=st.sampled_from(["sip", "sips"]),
    port=PORTS,
    parameters=PARAMETERS,
    headers=st.sampled_from(["", "subject=project%20x", "a=1&b="]),
)


class SipUriTests(SynchronousTestCase):
    @given(URIS)
    def test_round_trip(self, uri: SipUri) -> None:
        """A URI is read as it was written, and is equivalent to itself."""
        read = parse_sip_uri(str(uri))
        self.assertEqual(read, uri)
        self.assertTrue(read.equivalent(uri))

    @given(st.builds(SipUri, host=DOMAINS, user=USERS, port=PORTS, parameters=PARAMETERS))
    def test_oracle(self, uri: SipUri) -> None:
        """An independent reader sees the same parts."""
        other = URI.parse(str(uri))
        self.assertEqual(other.scheme, uri.scheme)
        self.assertEqual(other.user or "", uri.user)
        self.assertEqual(other.host, uri.host)
        self.assertEqual(other.port, uri.port)

    def test_equivalence(self) -> None:
        """The examples of RFC 3261 section 19.1.4."""
        for one, other in (
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ):
            self.assertTrue(parse_sip_uri(one).equivalent(parse_sip_uri(other)), one)
        for one, other in (
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ):
            self.assertFalse(parse_sip_uri(one).equivalent(parse_sip_uri(other)), one)

    def test_address_of_record(self) -> None:
        """Case and needless escapes make no other user."""
        uri = parse_sip_uri("sips:%41lice%20B@Example.TEST:5061;transport=tls")
        self.assertEqual(uri.aor, "sip:alice%20b@example.test")

    def test_wrong(self) -> None:
        """What is no URI is refused."""
        for text in (
            "",
            "alice@example.test",
            "sip:",
            "sip:@example.test",
            "sip:a b@example.test",
            "sip:alice@",
            "sip:alice@exa mple.test",
            "sip:alice@-example.test",
            "sip:alice@example.test:0x",
            "sip:alice@example.test:65536",
            "sip:alice@[::1",
            "sip:alice@[::1%25lo]",
            "sip:alice@[::g]",
            "sip:alice@example.test;a=1;A=2",
            "sip:alice@example.test;",
            "sip:alice@example.test?a",
            "sip:al%zz@example.test",
            "sip:alice@example.test" + ";x" * MAX_URI,
        ):
            with self.assertRaises(Malformed, msg=text):
                parse_uri(text)

    def test_another_scheme(self) -> None:
        """Other schemes are kept, and refused where a SIP URI must be."""
        self.assertEqual(parse_uri("mailto:a@b"), OtherUri("mailto", "mailto:a@b"))
        with self.assertRaises(UnknownScheme):
            parse_sip_uri("mailto:a@b")


class TelUriTests(SynchronousTestCase):
    def test_number(self) -> None:
        """Visual separators say nothing."""
        self.assertEqual(parse_uri("tel:+1(425)555-0100"), TelUri("+14255550100"))
        uri = parse_uri("tel:0100;phone-context=+1425555")
        self.assertEqual(str(uri), "tel:0100;phone-context=+1425555")

    def test_wrong(self) -> None:
        for text in ("tel:", "tel:-", "tel:abcxyz", "tel:+"):
            with self.assertRaises(Malformed, msg=text):
                parse_uri(text)
