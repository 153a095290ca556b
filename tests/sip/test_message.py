"""Messages are read, asked and written."""

from hypothesis import given
from hypothesis import strategies as st
from sipmessage import Message as OtherMessage
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.message import MAX_HEADERS, Request, WrongVersion, parse
from mobility.sip.validation import check
from tests.sip.samples import OPTIONS, TOKENS, made, request, response

VALUES = st.text(
    st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs", "Cc"]), max_size=20
).map(str.strip)


class ParseTests(SynchronousTestCase):
    def test_request(self) -> None:
        """Names become canonical, compact forms too; values keep their order."""
        message = request("""
INVITE sip:alice@example.test SIP/2.0
v: SIP/2.0/TCP a.example.test;branch=z9hG4bK1, SIP/2.0/UDP b.example.test
VIA: SIP/2.0/UDP c.example.test
f: <sip:bob@example.test>;tag=1
t: sip:alice@example.test
i: 1
cseq: 1 INVITE
X-Own: kept
""")
        self.assertEqual(len(message.values("Via")), 3)
        self.assertEqual(message.via.host, "a.example.test")
        self.assertEqual(message.from_.tag, "1")
        self.assertEqual(message.call_id, "1")
        self.assertIn("X-Own", message.fields)

    def test_folded(self) -> None:
        """A folded line is one line."""
        message = parse(b"OPTIONS sip:a@b SIP/2.0\r\nSubject: one\r\n  two\r\n\tthree")
        self.assertEqual(message.first("Subject"), "one two three")

    @given(st.lists(st.tuples(TOKENS, VALUES), max_size=8), st.binary(max_size=40))
    def test_round_trip(self, fields: list[tuple[str, str]], body: bytes) -> None:
        """What was written is read again, bodies of any bytes too."""
        fields = [(f"X-{name}", value) for name, value in fields]
        message = Request(method="OPTIONS", uri="sip:example.test", body=body)
        for name, value in fields:
            message.add(name, value)
        head, _, rest = bytes(message).partition(b"\r\n\r\n")
        read = parse(head, rest)
        self.assertEqual((read.fields, read.body), (message.fields, body))

    def test_other_bytes(self) -> None:
        """Bytes that are no UTF-8 come out as they went in."""
        head = b"OPTIONS sip:example.test SIP/2.0\r\nSubject: \xff\xfe"
        self.assertIn(b"Subject: \xff\xfe\r\n", bytes(parse(head)))

    def test_oracle(self) -> None:
        """An independent reader understands what is written."""
        other = OtherMessage.parse(bytes(made("INVITE", "Supported: 100rel, timer")))
        self.assertEqual(other.call_id, "call@client.example.test")
        self.assertEqual(other.supported, ["100rel", "timer"])

    def test_wrong(self) -> None:
        """A broken start line or header field is refused."""
        for head in (
            b"",
            b"OPTIONS",
            b"OPTIONS  sip:a@b SIP/2.0",
            b"OPTIONS sip:a@b SIP/2.0 ",
            b" OPTIONS sip:a@b SIP/2.0",
            b"OPTIONS sip:a b SIP/2.0",
            b"OPT<IONS sip:a@b SIP/2.0",
            b"OPTIONS sip:a@b HTTP/1.1",
            b"SIP/2.0 20 OK",
            b"SIP/2.0 4294967301 better not break the receiver",
            b"SIP/2.0 700 OK",
            b"OPTIONS sip:a@b SIP/2.0\r\nno colon",
            b"OPTIONS sip:a@b SIP/2.0\r\n: no name",
            b"OPTIONS sip:a@b SIP/2.0\r\na b: c",
            b"OPTIONS sip:a@b SIP/2.0\r\nA: b\nC: d",
            b"OPTIONS sip:a@b SIP/2.0\r\nA: b\rC: d",
            b"OPTIONS sip:a@b SIP/2.0\r\nA: \0",
            b"OPTIONS sip:a@b SIP/2.0" + b"\r\nA: b" * (MAX_HEADERS + 1),
        ):
            with self.assertRaises(Malformed, msg=repr(head)):
                parse(head)
        with self.assertRaises(WrongVersion):
            parse(b"OPTIONS sip:a@b SIP/7.0")

    @given(st.binary(max_size=200))
    def test_any_bytes(self, head: bytes) -> None:
        """Whatever comes is a message or malformed, and nothing else."""
        for text in (head, b"OPTIONS sip:a@b SIP/2.0\r\n" + head):
            try:
                check(parse(text))
            except Malformed:
                pass


class RespondTests(SynchronousTestCase):
    def test_fields(self) -> None:
        """A response takes over what RFC 3261 section 8.2.6.2 says, and gets a tag."""
        answer = made("INVITE", "Record-Route: <sip:p.example.test;lr>").respond(200, "x")
        self.assertEqual(answer.first("To"), "<sip:alice@example.test>;tag=x")
        self.assertEqual(answer.first("From"), "<sip:bob@example.test>;tag=b")
        self.assertEqual(answer.first("Record-Route"), "<sip:p.example.test;lr>")
        check(answer)

    def test_tag_once(self) -> None:
        """A tag that is there stays."""
        message = made()
        message.set("To", "<sip:alice@example.test> ; tag = y")
        self.assertEqual(message.respond(200, "x").to.tag, "y")


class CheckTests(SynchronousTestCase):
    def test_good(self) -> None:
        """A plain message passes."""
        check(parse(OPTIONS.partition(b"\r\n\r\n")[0]))
        check(
            response("""
SIP/2.0 200 OK
Via: SIP/2.0/TLS client.example.test;branch=z9hG4bK1
From: <sip:bob@example.test>;tag=b
To: <sip:alice@example.test>;tag=a
Call-ID: 1
CSeq: 1 OPTIONS
""")
        )

    def test_missing(self) -> None:
        """Each header field that every message has must be there, once."""
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            message = made()
            message.set(name)
            with self.assertRaises(Malformed, msg=name):
                check(message)
            twice = made()
            twice.add(name, twice.fields[name][0])
            if name != "Via":
                with self.assertRaises(Malformed, msg=name):
                    check(twice)

    def test_wrong(self) -> None:
        """What is there must be right."""
        for line in (
            "Max-Forwards: x",
            "Max-Forwards: 256",
            "Expires: soon",
            "Contact: Bell, A <sip:a@b>",
            "Route: <sip:a@b",
            "Content-Type: a b",
            "Event: ;",
        ):
            with self.assertRaises(Malformed, msg=line):
                name, _, value = line.partition(": ")
                message = made()
                message.set(name, value)
                check(message)
        message = made()
        message.set("CSeq", "1 INVITE")
        with self.assertRaises(Malformed):
            check(message)
