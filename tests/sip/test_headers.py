"""Header fields with a structure of their own."""

from hypothesis import given
from hypothesis import strategies as st
from sipmessage import Address
from sipmessage import Via as OtherVia
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.headers import (
    MAX_CSEQ,
    Authorisation,
    CSeq,
    NameAddr,
    Parametrised,
    RAck,
    Via,
    seconds,
)
from mobility.sip.uri import SipUri
from tests.sip.samples import DOMAINS, HOSTS, NAMES, PORTS, QUOTED, TOKENS

PARAMETERS = st.dictionaries(TOKENS.map(str.lower), st.one_of(st.none(), TOKENS), max_size=4)
VIAS = st.builds(
    Via,
    transport=st.sampled_from(["TCP", "UDP", "TLS", "WSS"]),
    host=HOSTS,
    port=PORTS,
    parameters=PARAMETERS,
)
ADDRESSES = st.builds(
    NameAddr,
    uri=st.builds(SipUri, host=HOSTS, user=NAMES, port=PORTS),
    name=QUOTED,
    parameters=PARAMETERS,
)


class ViaTests(SynchronousTestCase):
    @given(VIAS)
    def test_round_trip(self, via: Via) -> None:
        """A hop is read as it was written."""
        self.assertEqual(Via.parse(str(via)), via)

    @given(st.builds(Via, transport=st.just("TLS"), host=DOMAINS, port=PORTS))
    def test_oracle(self, via: Via) -> None:
        """An independent reader sees the same hop."""
        other = OtherVia.parse(str(via))
        self.assertEqual(
            (other.transport, other.host, other.port), (via.transport, via.host, via.port)
        )

    def test_whitespace(self) -> None:
        """Whitespace may stand in all places of RFC 4475 section 3.1.1.1."""
        via = Via.parse("SIP  / 2.0 /TCP  spindle.example.com : 5060 ; branch  =  z9hG4bK9ikj8")
        self.assertEqual((via.sent_by, via.branch), ("spindle.example.com:5060", "z9hG4bK9ikj8"))

    def test_wrong(self) -> None:
        for text in ("", "SIP/2.0/TCP", "SIP/1.0/TCP a", "SIP/2.0/TCP a b", "SIP/2.0/TCP a:b", "x"):
            with self.assertRaises(Malformed, msg=text):
                Via.parse(text)


class NameAddrTests(SynchronousTestCase):
    @given(ADDRESSES)
    def test_round_trip(self, address: NameAddr) -> None:
        """An address is read as it was written, whatever its name."""
        self.assertEqual(NameAddr.parse(str(address)), address)

    @given(st.builds(NameAddr, uri=st.builds(SipUri, host=DOMAINS, user=NAMES), name=NAMES))
    def test_oracle(self, address: NameAddr) -> None:
        """An independent reader sees the same URI."""
        self.assertEqual(str(Address.parse(str(address)).uri), str(address.uri))

    def test_without_brackets(self) -> None:
        """Parameters of an address without brackets are the header field's."""
        address = NameAddr.parse("sip:alice@example.test;tag=1")
        self.assertEqual((str(address.uri), address.tag), ("sip:alice@example.test", "1"))

    def test_wrong(self) -> None:
        for text in (
            "",
            "<sip:alice@example.test",
            "Bell, Alexander <sip:a@example.test>",
            '"Alice <sip:a@example.test>',
            '"Alice" sip:a@example.test',
            "sip:a@example.test?a=b",
            "< sip:a@example.test >",
            "<sip:a@example.test> x",
        ):
            with self.assertRaises(Malformed, msg=text):
                NameAddr.parse(text)


class OtherTests(SynchronousTestCase):
    @given(st.integers(0, MAX_CSEQ), TOKENS)
    def test_cseq(self, number: int, method: str) -> None:
        self.assertEqual(CSeq.parse(f"{number}  {method}"), CSeq(number, method))

    def test_wrong_cseq(self) -> None:
        for text in ("", "1", "x INVITE", f"{MAX_CSEQ + 1} INVITE", "36893488147419103232 INVITE"):
            with self.assertRaises(Malformed, msg=text):
                CSeq.parse(text)

    def test_rack(self) -> None:
        self.assertEqual(str(RAck.parse("776656 1  INVITE")), "776656 1 INVITE")

    def test_parametrised(self) -> None:
        """Tokens and media types, with quoted parameters."""
        read = Parametrised.parse('SIP ;cause=200 ;text="Call completed elsewhere"')
        self.assertEqual(read.value, "SIP")
        self.assertEqual(read.parameter("text"), "Call completed elsewhere")
        self.assertEqual(Parametrised.parse("application/sdp").value, "application/sdp")
        with self.assertRaises(Malformed):
            Parametrised.parse("a b")

    def test_authorisation(self) -> None:
        """Credentials come with commas, and their values lose their quotes."""
        read = Authorisation.parse('Digest username="bob", realm="a, b",nc=00000001, qop=auth')
        self.assertEqual(read.scheme, "digest")
        self.assertEqual(
            read.parameters,
            {"username": "bob", "realm": "a, b", "nc": "00000001", "qop": "auth"},
        )

    def test_seconds(self) -> None:
        self.assertEqual(seconds("120 (in a meeting);duration=5"), 120)
        for text in ("", "-1", "1.5", "99999999999"):
            with self.assertRaises(Malformed, msg=text):
                seconds(text)
