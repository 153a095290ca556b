"""`multipart/batching` is read as deployed clients write it, and written as they read it."""

from email import message_from_bytes
from email.policy import HTTP

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import PeerFault
from mobility.http.limits import HEADER_BYTES
from mobility.ucwa.multipart import (
    REQUEST_TYPE,
    boundary_of,
    read_parts,
    read_request,
    write_parts,
)

HOST = "ucwa.example.test"
PART_HEADER = b"Content-Type: application/http; msgtype=request\r\n"
GET_ME = b"GET /me HTTP/1.1\r\nHost: ucwa.example.test\r\nAccept: application/json\r\n"

boundaries = st.text("0123456789abcdefABCDEF'()+_,-./:=?{}", min_size=1, max_size=70)
lines = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
bodies = st.one_of(
    st.just(b""), st.binary(min_size=1, max_size=60).filter(lambda body: body.strip(b"\r\n"))
)
requests = st.tuples(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), lines, bodies)
fragments = st.sampled_from(
    [
        *(
            b"--b",
            b"--b--",
            b"--",
            b"b",
            b"\r",
            b"\n",
            b"\r\n",
            b"\r\n\r\n",
            b" ",
            b"\t",
            b":",
            b"\xff",
        ),
        *(PART_HEADER, b"Content-Type: text/plain", b"Content-Length: 3", b"Content-Length: -1"),
        *(
            b"GET /me HTTP/1.1",
            b"POST http://h/x?y HTTP/1.0",
            b"HTTP/1.1 200 OK",
            b"GET * HTTP/1.1",
        ),
        *(b"CONNECT h:1 HTTP/1.1", b"Upgrade: h2c", b"Connection: upgrade", b"Host: a b", b"\x00"),
        *(b"Data: {}", b"Transfer-Encoding: chunked"),
    ]
)


def message(method: str, header: str, body: bytes) -> bytes:
    fields = f"X-Note: {header}\r\n" + (f"Content-Length: {len(body)}\r\n" if body else "")
    return f"{method} /ucwa/x?y=1 HTTP/1.1\r\nHost: h\r\n{fields}\r\n".encode() + body


class Boundaries(SynchronousTestCase):
    """What a Content-Type must say."""

    def test_with_and_without_quotes(self) -> None:
        """A boundary is found in quotes or bare, whatever the case and the other parameters."""
        for content_type, boundary in [
            ("multipart/batching;boundary=77f2569d-c005", "77f2569d-c005"),
            ('multipart/batching; boundary="77f2569d"', "77f2569d"),
            ('Multipart/Batching ; charset=utf-8 ; Boundary = "a b;c" ; x=1', "a b;c"),
            ("multipart/batching;boundary=a=b;", "a=b"),
        ]:
            self.assertEqual(boundary_of(content_type), boundary)

    def test_another_type(self) -> None:
        """Any other media type, or none, is 415."""
        for content_type in ("", "application/json", "multipart/mixed; boundary=b", "multipart"):
            fault = self.assertRaises(PeerFault, boundary_of, content_type)
            self.assertEqual(fault.status, 415)

    def test_no_boundary(self) -> None:
        """Without a usable boundary it is 400."""
        for parameters in ("", ";", "; boundary", "; boundary=", '; boundary="', ";;boundary=b"):
            self._refused(parameters)
        self._refused("; boundary=" + "b" * 71)
        self._refused('; boundary="b "')
        self._refused("; boundary=\xe9")

    def _refused(self, parameters: str) -> None:
        fault = self.assertRaises(PeerFault, boundary_of, "multipart/batching" + parameters)
        self.assertEqual((fault.status, fault.subcode), (400, "DeserializationFailure"))

    @given(boundaries)
    def test_round_trip(self, boundary: str) -> None:
        """Any boundary that is written in quotes is read again."""
        self.assertEqual(boundary_of(f'multipart/batching; boundary="{boundary}"'), boundary)


class Parts(SynchronousTestCase):
    """Where parts begin and end."""

    def read(self, *pieces: bytes) -> list[bytes]:
        return list(read_parts(b"".join(pieces), "b"))

    def test_line_ends(self) -> None:
        """CRLF, LF alone, spaces after the boundary and a missing last line end are the same."""
        for text in (
            b"--b\r\none\r\n--b\r\ntwo\r\n--b--\r\n",
            b"--b\none\n--b\ntwo\n--b--",
            b"--b \t\r\none\r\n--b  \r\ntwo\r\n--b-- ",
        ):
            self.assertEqual(self.read(text), [b"one", b"two"])

    def test_preamble_and_epilogue(self) -> None:
        """What stands before the first delimiter and after the last does not count."""
        text = b"hello\r\n\r\n--b\r\none\r\n--b--\r\n--b\r\nnot a part\r\n"
        self.assertEqual(self.read(text), [b"one"])

    def test_unfinished_last_delimiter(self) -> None:
        """A last delimiter without its dashes ends the batch if nothing follows it."""
        self.assertEqual(self.read(b"--b\r\none\r\n--b\r\n \r\n"), [b"one"])
        self.assertEqual(self.read(b"--b\r\none\r\n--b"), [b"one"])

    def test_empty_parts(self) -> None:
        """A part without content is a part, so that those after it keep their places."""
        self.assertEqual(self.read(b"--b\r\n--b\r\n\r\n--b\r\nx\r\n--b--"), [b"", b"", b"x"])

    def test_only_whole_lines_delimit(self) -> None:
        """The boundary inside a line, or with more behind it, is content."""
        inner = b"x --b\r\n--bb\r\n--b--x\r\n--b-"
        self.assertEqual(self.read(b"--b\r\n", inner, b"\r\n--b--"), [inner])

    def test_missing_end(self) -> None:
        """A body that does not end with its boundary is 400."""
        for text in (b"", b"x", b"--b\r\none", b"--b\r\none\r\n--b\r\ntwo\r\n", b"--b\r\none--b--"):
            fault = self.assertRaises(PeerFault, self.read, text)
            self.assertEqual((fault.status, fault.subcode), (400, "DeserializationFailure"))

    def test_reads_no_further_than_asked(self) -> None:
        """Who has enough parts never learns what is wrong behind them."""
        parts = read_parts(b"--b\r\none\r\n--b\r\ntwo\r\n--b\r\nthree", "b")
        self.assertEqual([next(parts), next(parts)], [b"one", b"two"])
        self.assertRaises(PeerFault, next, parts)

    def test_linear(self) -> None:
        """A mebibyte of almost-delimiters is read through without going back."""
        size = 1024 * 1024
        for filler in (b"--b", b"\n--b-", b"\n--b ", b"--b\n--bb", b"\n", b" ", b"-"):
            inner = filler * (size // len(filler)) + b"x"
            self.assertRaises(PeerFault, self.read, b"--b\r\n", inner)
        self.assertEqual(len(self.read(b"--b\n" * (size // 4), b"--b--")), size // 4)

    @given(st.lists(requests, min_size=1, max_size=5), boundaries)
    def test_round_trip(self, sent: list[tuple[str, str, bytes]], boundary: str) -> None:
        """Requests that were written are read again, in order, unless they hold the boundary."""
        messages = [message(*request) for request in sent]
        if any(f"--{boundary}".encode() in text for text in messages):
            return
        written = write_parts(messages, boundary, REQUEST_TYPE)
        read = [read_request(part, HOST) for part in read_parts(written, boundary)]
        self.assertEqual(
            [(head.method, head.headers["x-note"], body) for head, body in read],
            [(method, header.strip(" "), body) for method, header, body in sent],
        )
        self.assertEqual({head.target for head, _ in read}, {"/ucwa/x?y=1"})

    @given(st.lists(requests, min_size=1, max_size=4), st.integers(0, 10_000))
    def test_cut_anywhere(self, sent: list[tuple[str, str, bytes]], cut: int) -> None:
        """A body cut anywhere is 400, or gives the first parts, and these whole."""
        boundary = "77f2569d-c005-442b-b856-782305305e5f"
        written = write_parts([message(*request) for request in sent], boundary, REQUEST_TYPE)
        whole = list(read_parts(written, boundary))
        try:
            parts = list(read_parts(written[: cut % len(written)], boundary))
        except PeerFault as fault:
            self.assertEqual(fault.status, 400)
        else:
            self.assertEqual(parts, whole[: len(parts)])

    @given(st.lists(fragments, max_size=25))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """Whatever comes, the only error is the documented one."""
        text = b"".join(pieces)
        for body in (text, b"--b\r\n" + text + b"\r\n--b--"):
            try:
                for part in read_parts(body, "b"):
                    read_request(part, HOST)
            except PeerFault as fault:
                self.assertIn(fault.status, (400, 415, 431))

    @given(st.binary(max_size=200))
    def test_any_part(self, part: bytes) -> None:
        """No part raises anything but the documented error."""
        for text in (part, PART_HEADER + b"\r\n" + part, GET_ME + part):
            try:
                read_request(text, HOST)
            except PeerFault as fault:
                self.assertIn(fault.status, (400, 415, 431))

    def test_other_readers(self) -> None:
        """The standard library's MIME reader finds in what is written what was put in."""
        written = write_parts([b"HTTP/1.1 204 No Content\r\n\r\n", GET_ME], "b", REQUEST_TYPE)
        parsed = message_from_bytes(
            b'Content-Type: multipart/batching; boundary="b"\r\n\r\n' + written, policy=HTTP
        )
        self.assertEqual(
            [part.get_payload(decode=True) for part in parsed.get_payload()],
            [b"HTTP/1.1 204 No Content\r\n\r\n", GET_ME],
        )


class Requests(SynchronousTestCase):
    """The request in a part."""

    def test_documented_form(self) -> None:
        """Part headers, an empty line, the request line, fields, an empty line, the body."""
        part = (
            PART_HEADER + b"Content-Transfer-Encoding: binary\r\nContent-Length: 200\r\n\r\n"
            b"POST /ucwa/x?y=1 HTTP/1.1\r\nAccept: application/json\r\nContent-Length: 7\r\n\r\n"
            b'{"a":1}\r\n\r\n'
        )
        head, body = read_request(part, HOST)
        self.assertEqual((head.method, head.target, body), ("POST", "/ucwa/x?y=1", b'{"a":1}'))
        self.assertEqual(head.headers["accept"], "application/json")

    def test_tolerated_forms(self) -> None:
        """Missing empty lines and headers, LF alone, more empty lines: the same request."""
        for part in (
            PART_HEADER + GET_ME,
            PART_HEADER + b"\r\n" + GET_ME,
            PART_HEADER + b"\r\n" + GET_ME + b"\r\n\r\n",
            PART_HEADER + b"\r\n\r\n\r\n" + GET_ME + b"\r\n",
            (PART_HEADER + b"\r\n" + GET_ME + b"\r\n").replace(b"\r\n", b"\n"),
            b"\r\n" + GET_ME,
            GET_ME.rstrip(),
            b"Content-Type : application/http;\r\n msgtype=request\r\n\r\n" + GET_ME,
        ):
            head, body = read_request(part, HOST)
            self.assertEqual((head.method, head.target, body), ("GET", "/me", b""))
            self.assertEqual(head.headers, {"host": HOST, "accept": "application/json"})

    def test_host(self) -> None:
        """A request needs no Host; whatever it names is replaced, save by an absolute URL."""
        for fields in (b"", b"Host: elsewhere\r\n", b"host: https://no/host\r\n"):
            head, _ = read_request(b"GET /me HTTP/1.1\r\n" + fields, HOST)
            self.assertEqual(head.headers["host"], HOST)
        head, _ = read_request(b"GET https://other.example.test/me?x HTTP/1.1\r\n", HOST)
        self.assertEqual((head.target, head.headers["host"]), ("/me?x", "other.example.test"))

    def test_data_header(self) -> None:
        """The sample client's `Data:` header is the body, in UTF-8, and no header."""
        part = b'POST /x HTTP/1.1\r\nAccept: a/b\r\nData: {"n":"J\xc3\xbcrgen"}\r\n\r\n'
        head, body = read_request(part, HOST)
        self.assertEqual(body, b'{"n":"J\xc3\xbcrgen"}')
        self.assertNotIn("data", head.headers)
        large = b'"' + b"x" * 2 * HEADER_BYTES + b'"'
        _, body = read_request(b"POST /x HTTP/1.1\r\nData: " + large + b"\r\n", HOST)
        self.assertEqual(body, large)

    def test_body_before_data_header(self) -> None:
        """A request that has a body too keeps the body."""
        _, body = read_request(b"POST /x HTTP/1.1\r\nData: {}\r\n\r\n[]", HOST)
        self.assertEqual(body, b"[]")

    def test_body_without_length(self) -> None:
        """Without Content-Length the body reaches to the delimiter; line ends alone are none."""
        _, body = read_request(b"POST /x HTTP/1.1\r\n\r\n\r\nhello\r\n", HOST)
        self.assertEqual(body, b"\r\nhello\r\n")
        _, body = read_request(b"POST /x HTTP/1.1\r\n\r\n\r\n\r\n", HOST)
        self.assertEqual(body, b"")

    def test_refused(self) -> None:
        """What is no request, or has two readings, is 400."""
        for part in (
            b"",
            b"\r\n\r\n",
            PART_HEADER,
            PART_HEADER + b"\r\nGET /me\r\n",
            PART_HEADER + b"\r\nGET me HTTP/1.1\r\n",
            PART_HEADER + b"\r\nGET /me HTTP/2.0\r\n",
            PART_HEADER + b"\r\nHTTP/1.1 200 OK\r\n",
            PART_HEADER + b"GET /me HTTP/1.1\r\nno field\r\n",
            b"nonsense\r\n\r\n" + GET_ME,
            b"Content-Transfer-Encoding: base64\r\n\r\nR0VU",
            GET_ME + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            GET_ME + b"Content-Length: 3\r\n\r\nab",
            GET_ME + b"Content-Length: 3\r\n\r\nabcd",
            GET_ME + b"Content-Length: x\r\n\r\nab",
        ):
            fault = self.assertRaises(PeerFault, read_request, part, HOST)
            self.assertEqual((fault.status, fault.code), (400, "BadRequest"))

    def test_other_part_type(self) -> None:
        """A part that says it is something else is 415."""
        part = b"Content-Type: text/plain\r\n\r\n" + GET_ME
        self.assertEqual(self.assertRaises(PeerFault, read_request, part, HOST).status, 415)

    def test_large_head(self) -> None:
        """A head over the limit of every request is 431, and so are too many fields."""
        for fields in (b"X: " + b"y" * HEADER_BYTES, b"X: y\r\n" * 101):
            part = b"GET /me HTTP/1.1\r\n" + fields
            self.assertEqual(self.assertRaises(PeerFault, read_request, part, HOST).status, 431)

    def test_linear(self) -> None:
        """A mebibyte of short lines is read through without going back."""
        many = 512 * 1024
        for part in (
            b"a:\n" * many,
            PART_HEADER + b" \n" * many,
            PART_HEADER + b"\r\n" * many,
            b"GET /me HTTP/1.1\n" + b"a:\n" * many,
            b"GET /me HTTP/1.1\n" + b"Data: x\n" * many + b"a",
            b"GET " * many,
        ):
            self.assertRaises(PeerFault, read_request, part, HOST)
