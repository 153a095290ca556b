"""The torture test messages of RFC 4475 and RFC 5118, whole and cut."""

import re

from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.framing import Frame, datagram
from mobility.sip.headers import NameAddr
from mobility.sip.message import Request, Response, parse
from mobility.sip.uri import parse_sip_uri
from tests.sip.rfc4475 import LENGTH_IS_THE_POINT, MESSAGES
from tests.sip.samples import OPTIONS
from tests.sip.stack import DOMAIN, PROXY, SOURCE, Stack
from tests.sip.torture import CASES, COUNTED, DATA, cuts

LATER_S = 70.0
"""When every transaction of now is over."""

_STATUS = re.compile(rb"^SIP/2\.0 ([2-6]\d\d) ", re.MULTILINE)
_LENGTH = re.compile(rb"^(?:Content-Length|l) *: *(-?\d+)\r?$", re.MULTILINE | re.IGNORECASE)


def message(name: str) -> bytes:
    return next(one for one in CASES if one.name == name).data


def read(name: str) -> Request | Response:
    """A message, parsed."""
    frame = datagram(message(name))
    if not isinstance(frame, Frame):
        raise TypeError("no frame")
    return parse(frame.head, frame.body)


class TortureTestCase(Stack, SynchronousTestCase):
    """A core with a registrar, behind a socket and behind connections."""

    def setUp(self) -> None:
        self.build()

    def statuses(self, data: bytes) -> tuple[int, ...]:
        """The final ones."""
        return tuple(int(status) for status in _STATUS.findall(data))

    def options(self) -> bytes:
        """An OPTIONS that is no other's repetition."""
        self.asked += 1
        return OPTIONS.replace(b"-1-77", b"-next-%d" % self.asked)

    def unharmed(self) -> None:
        """Nothing failed."""
        self.assertEqual(self.log.named("sip.failed"), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class OutcomeTests(TortureTestCase):
    def test_all(self) -> None:
        """Every message of both documents has its outcome in the table, once."""
        files = [path.stem for path in DATA.glob("*/*.dat")]
        self.assertEqual(sorted(case.name for case in CASES), sorted([*MESSAGES, *files]))
        self.assertEqual((len(MESSAGES), len(files)), (49, 12))

    def test_datagram(self) -> None:
        """Each is answered, or not, as the table says, when it comes as a datagram."""
        for case in CASES:
            self.setUp()
            self.socket.datagramReceived(case.data, SOURCE)
            self.assertEqual(self.statuses(b"".join(self.sent)), case.statuses, case.name)
            self.unharmed()

    def test_stream(self) -> None:
        """Each is answered, or not, as the table says, when it comes on a stream."""
        for case in CASES:
            self.setUp()
            connection, pipe = self.connect()
            connection.dataReceived(case.data)
            wanted = case.statuses if case.over_stream is None else case.over_stream
            self.assertEqual(self.statuses(pipe.value()), wanted, case.name)
            self.unharmed()

    def test_byte_by_byte(self) -> None:
        """It makes no difference to a stream how the bytes come."""
        for case in CASES:
            self.setUp()
            connection, pipe = self.connect()
            for at in range(len(case.data)):
                if not pipe.disconnecting:
                    connection.dataReceived(case.data[at : at + 1])
            wanted = case.statuses if case.over_stream is None else case.over_stream
            self.assertEqual(self.statuses(pipe.value()), wanted, case.name)

    def test_registered(self) -> None:
        """What a registrar challenges is registered where a trusted peer sends it."""
        for name, contacts in (
            ("escnull", ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]),
            ("dblreq", ["sip:j.user@host.example.com"]),
            ("cparam01", ["sip:+19725552222@gw1.example.net"]),
            ("cparam02", ["sip:+19725552222@gw1.example.net;unknownparam"]),
            ("regescrt", ["sip:user@example.com?Route=%3Csip:sip.example.com%3E"]),
            ("regaut01", []),
            ("ipv6-good", ["sip:caller@[2001:db8::1]"]),
            ("port-ambiguous", ["sip:caller@[2001:db8::1]"]),
            ("port-unambiguous", ["sip:caller@[2001:db8::1]"]),
        ):
            self.setUp()
            connection, pipe = self.connect(PROXY)
            connection.dataReceived(message(name))
            self.assertEqual(self.statuses(pipe.value())[0], 200, name)
            head, _, _ = pipe.value().partition(b"\r\n\r\n")
            shown = [str(one.uri) for one in parse(head).addresses("Contact")]
            self.assertEqual(sorted(shown), sorted(contacts), name)
            self.unharmed()

    def test_invited(self) -> None:
        """INVITEs of a trusted peer are answered for what they are."""
        for name, status in (
            ("esc01", 404),
            ("longreq", 404),
            ("baddate", 404),
            ("invut", 415),
            ("sdp01", 406),
            ("inv2543", 404),
            ("mult-ip-in-sdp", 404),
        ):
            self.setUp()
            connection, pipe = self.connect(PROXY)
            connection.dataReceived(message(name))
            self.world.advance(1)
            self.assertEqual(self.statuses(pipe.value()), (status,), name)
            self.unharmed()

    def test_right_count(self) -> None:
        """The messages whose body is counted wrong are valid when it is counted right."""
        for name, length in COUNTED.items():
            answers = (403, 403) if name == "ipv4-mapped-ipv6" else (407, 407)
            self.setUp()
            data = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % length, message(name))
            self.socket.datagramReceived(data, SOURCE)
            connection, pipe = self.connect()
            connection.dataReceived(data.replace(b"branch=", b"branch=z9hG4bK-stream-"))
            self.assertEqual(self.statuses(b"".join(self.sent) + pipe.value()), answers, name)
            self.assertFalse(connection._framer.waits)


class ReadingTests(SynchronousTestCase):
    """What is read of those that are valid."""

    def test_whitespace(self) -> None:
        """Folded lines and spaces where they may be change nothing."""
        wsinv = read("wsinv")
        self.assertEqual((wsinv.to.tag, wsinv.from_.tag), ("1918181833n", "98asjd8"))
        self.assertEqual(wsinv.from_.name, 'J Rosenberg \\"')
        self.assertEqual((wsinv.cseq.number, wsinv.cseq.method), (9, "INVITE"))
        self.assertEqual((wsinv.via.transport, wsinv.via.host), ("UDP", "192.0.2.2"))
        self.assertEqual(len(wsinv.values("Via")), 3)
        (contact,) = wsinv.addresses("Contact")
        self.assertEqual(contact.name, 'Quoted string ""')
        self.assertEqual(
            contact.parameters, {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
        )
        self.assertEqual(wsinv.first("UnknownHeaderWithUnusualValue"), ";;,,;;,;")
        self.assertEqual(wsinv.first("Subject"), "")
        self.assertEqual(len(wsinv.body), 150)

    def test_characters(self) -> None:
        """Tokens, URIs and quoted strings may have every character that they may have."""
        intmeth = read("intmeth")
        self.assertEqual(intmeth.method, "!interesting-Method0123456789_*+`.%indeed'~")
        uri = parse_sip_uri(intmeth.uri)
        self.assertEqual(uri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
        self.assertEqual(uri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
        self.assertEqual(uri.host, "example.com")
        self.assertEqual(intmeth.to.name, "BEL:\a NUL:\N{REPLACEMENT CHARACTER} DEL:\x7f")
        self.assertEqual(intmeth.from_.tag, "_token~1'+`*%!-.")
        self.assertEqual(parse_sip_uri(read("semiuri").uri).user, "user;par=u%40example.net")

    def test_escapes(self) -> None:
        """An escape is the character that it stands for where URIs are compared."""
        esc01 = read("esc01")
        self.assertEqual(esc01.to.sip.aor, "sip:user@example.com")
        self.assertEqual(parse_sip_uri(esc01.uri).user, "sips%3Auser%40example.com")

    def test_addresses(self) -> None:
        """IPv6 addresses and their ports are told apart."""
        ambiguous = parse_sip_uri(read("port-ambiguous").uri)
        self.assertEqual((ambiguous.host, ambiguous.port), ("[2001:db8::10:5070]", None))
        plain = parse_sip_uri(read("port-unambiguous").uri)
        self.assertEqual((plain.host, plain.port), ("[2001:db8::10]", 5070))
        three = parse_sip_uri(read("ipv6-bug-abnf-3-colons").uri)
        self.assertEqual(three, parse_sip_uri(read("ipv6-correct-abnf-2-colons").uri))
        for name in ("with", "no"):
            received = read(f"via-received-param-{name}-delim").via.parameters["received"]
            self.assertEqual(NameAddr.parse(f"<sip:[{received.strip('[]')}]>").sip.port, None)


class CutTests(TortureTestCase):
    def test_datagrams(self) -> None:
        """A datagram that ends anywhere harms nobody: the next OPTIONS is answered."""
        for case in CASES:
            self.setUp()
            for cut in cuts(case.data):
                self.socket.datagramReceived(cut, SOURCE)
                self.sent.clear()
                self.socket.datagramReceived(self.options(), SOURCE)
                self.assertEqual(
                    self.statuses(b"".join(self.sent)),
                    (200,),
                    f"{case.name} cut after {len(cut)} bytes",
                )
            self.unharmed()
            self.clock.advance(LATER_S)
            self.assertEqual(len(self.core.transactions), 0, case.name)

    def test_streams(self) -> None:
        """A stream that ends anywhere harms nobody: the next OPTIONS is answered, on the same
        connection where a message is whole, on a new one where the first waits or is closed."""
        for case in CASES:
            self.setUp()
            for cut in cuts(case.data):
                connection, pipe = self.connect()
                connection.dataReceived(cut)
                if connection._framer.waits or pipe.disconnecting:
                    other, answers = self.connect()
                else:
                    other, answers = connection, pipe
                answers.clear()
                other.dataReceived(self.options())
                self.assertEqual(
                    self.statuses(answers.value()),
                    (200,),
                    f"{case.name} cut after {len(cut)} bytes",
                )
                for one in {connection, other}:
                    one.connectionLost(None)
            self.unharmed()
            self.clock.advance(LATER_S)
            self.assertEqual(len(self.core.transactions), 0, case.name)


class HostileTests(TortureTestCase):
    """Found by looking for it."""

    def challenged(self, *lines: bytes) -> tuple[int, ...]:
        """What a REGISTER of a user's with further header fields is answered."""
        head = message("cparam02").partition(b"\r\nl: 0")[0]
        connection, pipe = self.connect()
        connection.dataReceived(b"\r\n".join((head, *lines, b"l: 0\r\n\r\n")))
        return self.statuses(pipe.value())

    def test_credentials(self) -> None:
        """Credentials of bytes that no digest has are malformed, and nothing fails."""
        for wrong in (b"username", b"uri", b"response", b"cnonce", b"nonce"):
            self.setUp()
            fields = {
                b"username": b"watson",
                b"realm": b"example.com",
                b"nonce": b"n",
                b"uri": b"sip:example.com",
                b"response": b"00",
                b"cnonce": b"c",
                wrong: b"\xff",
            }
            text = b", ".join(b'%s="%s"' % item for item in fields.items())
            line = b"Authorization: Digest " + text + b", qop=auth, nc=00000001"
            self.assertEqual(self.challenged(line), (400,), wrong)
            self.unharmed()

    def test_response_of_letters(self) -> None:
        """A response of other than ASCII letters is malformed."""
        line = (
            'Authorization: Digest username="watson", realm="example.com", nonce="n", '
            'uri="sip:example.com", response="\u00e9", cnonce="c", qop=auth, nc=00000001'
        )
        self.assertEqual(self.challenged(line.encode()), (400,))
        self.unharmed()

    def test_what_is_kept(self) -> None:
        """Nothing gets into the store that a database refuses."""
        contact = b'Contact: <sip:a@192.0.2.1>;+sip.instance="<%s>"'
        for line, status in (
            (b"User-Agent: \xff\xfe", 200),
            (contact % b"\xff", 400),
            (contact % b"\\\0", 400),
            (b"Path: <sip:p.example.com;lr>;x=\xff", 400),
            (b"Path: sip:p.example.com,", 400),
        ):
            self.setUp()
            head = message("cparam02").partition(b"\r\nContact")[0]
            contact_line = b"" if line.startswith(b"Contact") else b"Contact: <sip:a@192.0.2.1>\r\n"
            connection, pipe = self.connect(PROXY)
            connection.dataReceived(head + b"\r\n" + contact_line + line + b"\r\nl: 0\r\n\r\n")
            self.assertEqual(self.statuses(pipe.value()), (status,), line)
            self.unharmed()
            for binding in self.bindings.of(f"sip:watson@{DOMAIN}", self.clock.seconds()):
                self.assertEqual(binding.user_agent, "\N{REPLACEMENT CHARACTER}" * 2)

    def test_call_id(self) -> None:
        """A Call-ID of other than printable ASCII is malformed."""
        data = re.sub(rb"Call-ID: .*\r", b"Call-ID: \xff\r", message("zeromf"))
        self.socket.datagramReceived(data, SOURCE)
        self.assertEqual(self.statuses(b"".join(self.sent)), (400,))

    def test_received_twice(self) -> None:
        """A `received` that a peer has put into its own Via is replaced."""
        data = OPTIONS.replace(b";rport", b";received=192.0.2.99;rport")
        self.socket.datagramReceived(data, SOURCE)
        via = parse(self.sent[0].partition(b"\r\n\r\n")[0]).via
        self.assertEqual(
            (via.parameters["received"], via.parameters["rport"]), ("192.0.2.7", "5060")
        )

    def test_folded_length(self) -> None:
        """Content-Length may be folded like any other."""
        connection, pipe = self.connect()
        whole = OPTIONS.replace(b"Length: 0\r\n\r\n", b"Length:\r\n  4\r\n\r\nbody")
        connection.dataReceived(whole + self.options())
        self.assertEqual(self.statuses(pipe.value()), (200, 200))

    def test_bare_nul(self) -> None:
        """A NUL is malformed where no backslash is before it."""
        for text, status in ((b'"a\0" ', 400), (b'"a\\\0" ', 200)):
            data = OPTIONS.replace(b"From: ", b"From: " + text)
            connection, pipe = self.connect()
            connection.dataReceived(data.replace(b"-1-77", b"-%d" % status))
            self.assertEqual(self.statuses(pipe.value()), (status,))

    def test_half_an_empty_line(self) -> None:
        """Half of an empty line before a message harms it no more than an empty line."""
        connection, pipe = self.connect()
        for half in (b"\r", b"\n"):
            connection.dataReceived(half)
            connection.dataReceived(self.options())
        self.assertEqual(self.statuses(pipe.value()), (200, 200))

    def test_long_runs(self) -> None:
        """Reading is linear in what comes: long runs of letters and spaces are no trap.  (They
        took hours and seconds when the reading was not.)"""
        letters = b"From: " + b"a" * 5_000 + b"( <sip:a@b>;tag=1"
        spaces = b"Subject: a" + b" " * 28_000 + b"b\r\n c"
        for line, status in ((letters, 400), (spaces, 200)):
            data = OPTIONS.replace(b"From: <sip:a1@example.test>;tag=t1", line)
            if status == 200:
                data = OPTIONS.replace(b"Max-Forwards", line + b"\r\nMax-Forwards")
            connection, pipe = self.connect()
            connection.dataReceived(data)
            self.assertEqual(self.statuses(pipe.value()), (status,))


class DataTests(SynchronousTestCase):
    def test_line_ends(self) -> None:
        """The messages have the line ends of SIP, whatever brought them here."""
        for case in CASES:
            self.assertIn(b"\r\n\r\n", case.data, case.name)
        for name in MESSAGES.keys() - {"mpart01"}:
            self.assertNotRegex(MESSAGES[name], rb"(?<!\r)\n|\r(?!\n)", name)

    def test_lengths(self) -> None:
        """Content-Length is the body's in every message of RFC 4475 that is not about it."""
        for name, data in MESSAGES.items():
            rest, counts = data, []
            while rest:
                head, _, rest = rest.partition(b"\r\n\r\n")
                given = _LENGTH.findall(head)
                counts.append(len(given))
                if name in LENGTH_IS_THE_POINT:
                    self.assertNotEqual(given, [b"%d" % len(rest)], name)
                    break
                self.assertEqual(len(given), 1, name)
                self.assertGreaterEqual(len(rest), int(given[0]), name)
                rest = rest[int(given[0]) :]
            else:
                self.assertEqual(counts, [1, 1] if name == "dblreq" else [1], name)
