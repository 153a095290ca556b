"""Tests of `mobility.http.channel`: what goes over one connection."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.http.limits import (
    HEADER_BYTES,
    HEADER_FIELDS,
    PIPELINED_BYTES,
    PIPELINED_REQUESTS,
    REQUEST_LINE_BYTES,
)
from mobility.http.message import Response
from mobility.testing import MemoryConnection, MemoryResponse, read_responses
from tests.http.sites import GET, POST, Stage, stage


def exchange(data: bytes, cuts: tuple[int, ...] = ()) -> tuple[list[tuple[int, bytes]], bool]:
    """Statuses and bodies of all answers to `data` sent in pieces, and whether it was closed."""
    connection = MemoryConnection(stage().site)
    start = 0
    for cut in (*sorted(cuts), len(data)):
        connection.send(data[start:cut])
        start = cut
    answers = read_responses(connection.received)
    return [(answer.status, _without_id(answer)) for answer in answers], connection.closed


def _without_id(answer: MemoryResponse) -> bytes:
    return re.sub(rb'"requestId":"[0-9a-f]+"', b"", answer.body)


class FramingTests(SynchronousTestCase):
    """Where requests end and what is answered."""

    def one(self, data: bytes) -> MemoryResponse:
        connection = MemoryConnection(stage().site)
        connection.send(data)
        (answer,) = read_responses(connection.received)
        return answer

    def test_get(self) -> None:
        """A GET is answered with the document, its length and a Date; the connection stays."""
        connection = MemoryConnection(stage().site)
        connection.send(GET)
        (answer,) = read_responses(connection.received)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json(), {"rel": "hello", "path": "/hello"})
        self.assertEqual(answer.header("Date"), "Mon, 12 Jan 1970 13:46:40 GMT")
        self.assertEqual(connection.writes, 1)
        self.assertFalse(connection.closed)

    def test_sized_body(self) -> None:
        """A body of Content-Length bytes reaches the handler whole."""
        data = POST + b"Content-Length: 5\r\n\r\nabcde"
        self.assertEqual(exchange(data)[0][0][1], b'{"rel":"echo","size":5,"query":{}}')

    def test_chunked_body(self) -> None:
        """Chunks are joined; extensions and trailers are dropped."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(
            POST + b"Transfer-Encoding: chunked\r\n\r\n"
            b'3;a="b"\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: y\r\n\r\n' + GET
        )
        self.assertEqual(staged.handlers.bodies, [b"abcde"])
        self.assertEqual([a.status for a in read_responses(connection.received)], [200, 200])

    def test_pipelined_in_order(self) -> None:
        """Pipelined requests are answered one after the other, in order."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" + GET)
        self.assertEqual(connection.received, b"")
        self.assertEqual(len(staged.handlers.seen), 1)
        staged.handlers.parked[0].callback(Response(202))
        statuses = [answer.status for answer in read_responses(connection.received)]
        self.assertEqual(statuses, [202, 200])

    def test_pipeline_is_bounded(self) -> None:
        """While a request is answered, reading pauses once enough is held, and goes on after."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(b"GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
        count = PIPELINED_BYTES // len(GET)
        connection.send(GET * count)
        self.assertFalse(connection.paused)
        connection.send(GET)
        self.assertTrue(connection.paused)
        staged.handlers.parked[0].callback(Response(204))
        staged.clock.pump([0] * (count // PIPELINED_REQUESTS + 1))
        self.assertFalse(connection.paused)
        self.assertEqual(len(read_responses(connection.received)), count + 2)

    def test_pipeline_leaves_the_reactor_free(self) -> None:
        """One turn of the reactor answers a bounded number of pipelined requests."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(GET * (PIPELINED_REQUESTS + 5))
        self.assertEqual(len(staged.handlers.seen), PIPELINED_REQUESTS)
        staged.clock.advance(0)
        self.assertEqual(len(staged.handlers.seen), PIPELINED_REQUESTS + 5)

    def test_expect_continue(self) -> None:
        """`Expect: 100-continue` is answered before the body, once."""
        connection = MemoryConnection(stage().site)
        connection.send(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(connection.received, b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.send(b"ab")
        self.assertEqual([a.status for a in read_responses(connection.received)], [200])

    def test_expect_continue_refused(self) -> None:
        """A request that is refused for its head is refused before the body is asked for."""
        connection = MemoryConnection(stage().site)
        connection.send(
            b"POST /none HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        (answer,) = read_responses(connection.received)
        self.assertEqual((answer.status, answer.header("connection")), (404, "close"))

    def test_refused_body_is_dropped(self) -> None:
        """A small body of a refused request is read, and the connection lives on."""
        data = b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + GET
        answers, closed = exchange(data)
        self.assertEqual([status for status, _ in answers], [404, 200])
        self.assertFalse(closed)

    def test_refused_large_body(self) -> None:
        """A large body of a refused request is not awaited; the rest is dropped, then closed."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\nabc")
        self.assertEqual([a.status for a in read_responses(connection.received)], [404])
        connection.send(GET)
        self.assertEqual(staged.handlers.seen, [])
        staged.clock.pump([1] * 4)
        self.assertTrue(connection.closed)

    def test_head(self) -> None:
        """HEAD has the headers of GET, its length too, and no body."""
        connection = MemoryConnection(stage().site)
        connection.send(b"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        head, get = read_responses(connection.received, ["HEAD", "GET"])
        self.assertEqual(head.body, b"")
        self.assertEqual(head.header("content-length"), str(len(get.body)))

    def test_http_1_0(self) -> None:
        """HTTP/1.0 needs no Host and closes, unless keep-alive is asked for, which is answered."""
        answers, closed = exchange(b"GET /hello HTTP/1.0\r\n\r\n")
        self.assertEqual((answers[0][0], closed), (200, True))
        connection = MemoryConnection(stage().site)
        connection.send(b"GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
        (answer,) = read_responses(connection.received)
        self.assertEqual(answer.header("connection"), "keep-alive")
        self.assertFalse(connection.closed)

    def test_connection_close(self) -> None:
        """`Connection: close` is answered with the same, and what follows is not read."""
        answers, closed = exchange(GET[:-2] + b"Connection: x, Close\r\n\r\n" + GET)
        self.assertEqual(([status for status, _ in answers], closed), ([200], True))

    def test_targets(self) -> None:
        """Absolute and asterisk forms are served; the absolute one names the Host."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(b"GET http://B.test/hello?x HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(staged.handlers.seen[0].headers["host"], "B.test")
        self.assertEqual(self.one(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status, 204)
        self.assertEqual(self.one(b"GET * HTTP/1.1\r\nHost: a\r\n\r\n").status, 404)

    def test_upgrade_is_ignored(self) -> None:
        """A request that offers another protocol is served as HTTP/1.1, body included."""
        data = POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab" + GET
        answers, _ = exchange(data)
        self.assertEqual([status for status, _ in answers], [200, 200])
        self.assertIn(b'"size":2', answers[0][1])

    def test_leading_empty_line(self) -> None:
        """One empty line before a request is skipped (RFC 9112 section 2.2)."""
        self.assertEqual(exchange(b"\r\n" + GET + b"\r\n" + GET)[0][1][0], 200)

    def test_broken_paths(self) -> None:
        """A path with a bad escape, a NUL or no UTF-8 is 400; the next one is served."""
        for path in (b"/%", b"/%4", b"/%zz", b"/%00", b"/%ff", b"/%c3", b"/hello?a=%e9"):
            answers, closed = exchange(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
            self.assertEqual([status for status, _ in answers], [400, 200], path)
            self.assertFalse(closed)

    @settings(max_examples=150)
    @given(st.data())
    def test_any_cut(self, data: st.DataObject) -> None:
        """However the bytes are cut, the answers are the same."""
        stream = data.draw(st.sampled_from(STREAMS))
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
        self.assertEqual(exchange(stream, tuple(cuts)), exchange(stream))

    def test_byte_by_byte(self) -> None:
        """A stream that comes byte by byte is answered as one that comes at once."""
        for stream in STREAMS:
            self.assertEqual(exchange(stream, tuple(range(len(stream)))), exchange(stream))

    @settings(max_examples=300)
    @given(st.binary(max_size=300), st.sampled_from([b"", GET, POST, b"GET / HTTP/1.1\r\n"]))
    def test_any_bytes(self, noise: bytes, start: bytes) -> None:
        """No bytes raise; every answer to noise is a UCWA error or a served request."""
        for status, _ in exchange(start + noise)[0]:
            self.assertIn(status, {200, 204, 400, 404, 405, 413, 414, 431})


CORPUS = {
    "both lengths": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "lengths differ": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "lengths agree": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "length list": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "length plus": POST + b"Content-Length: +3\r\n\r\nabc",
    "length minus": POST + b"Content-Length: -3\r\n\r\nabc",
    "length hex": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "length empty": POST + b"Content-Length:\r\n\r\nabc",
    "length overflow": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "length huge digits": POST + b"Content-Length: " + b"1" * 5000 + b"\r\n\r\nabc",
    "length underscore": POST + b"Content-Length: 1_0\r\n\r\nabc",
    "length superscript": POST + b"Content-Length: \xb2\r\n\r\nabc",
    "space before colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "bare LF everywhere": b"GET /hello HTTP/1.1\nHost: a\n\n",
    "bare LF in fields": b"GET /hello HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "bare LF at the end": b"GET /hello HTTP/1.1\r\nHost: a\r\n\n",
    "bare CR": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n",
    "folded": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    "folded with tab": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n",
    "space before field": b"GET /hello HTTP/1.1\r\n Host: a\r\n\r\n",
    "no field name": b"GET /hello HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
    "no colon": b"GET /hello HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n",
    "NUL in field": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    "no Host": b"GET /hello HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "Host list": b"GET /hello HTTP/1.1\r\nHost: a, b/c\r\n\r\n",
    "Host with user": b"GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "two tokens": GET[:-2] + b"Authorization: a\r\nAuthorization: b\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding after chunked": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "coding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two codings": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding with VT": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "coding in 1.0": b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two spaces": b"GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "space after target": b"GET /hello  HTTP/1.1\r\nHost: a\r\n\r\n",
    "space after version": b"GET /hello HTTP/1.1 \r\nHost: a\r\n\r\n",
    "version 1.2": b"GET /hello HTTP/1.2\r\nHost: a\r\n\r\n",
    "version 2.0": b"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n",
    "version 0.9": b"GET /hello\r\n\r\n",
    "other protocol": b"GET /hello RTSP/1.0\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown method": b"FOO /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "method in lower case": b"get /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "target with fragment": b"GET /hello#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "target not ASCII": b"GET /h\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}
CHUNKED_POST = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BAD_CHUNKS = {
    "hex prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "plus": b"+3\r\nabc\r\n0\r\n\r\n",
    "minus": b"-3\r\nabc\r\n0\r\n\r\n",
    "empty size": b"\r\nabc\r\n0\r\n\r\n",
    "space after size": b"3 \r\nabc\r\n0\r\n\r\n",
    "space before size": b" 3\r\nabc\r\n0\r\n\r\n",
    "bare LF after size": b"3\nabc\r\n0\r\n\r\n",
    "bare LF after data": b"3\r\nabc\n0\r\n\r\n",
    "data too long": b"3\r\nabcd\r\n0\r\n\r\n",
    "data too short": b"3\r\nab\r\n0\r\n\r\n",
    "no line end": b"3\r\nabc0\r\n\r\n",
    "size overflow": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "LF in extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "endless extension": b"3;" + b"a" * 300 + b"\r\nabc\r\n0\r\n\r\n",
    "bare LF trailer": b"0\r\nA: b\n\r\n",
    "trailer without colon": b"0\r\nabc\r\n\r\n",
}

STREAMS = [
    GET * 3,
    POST + b"Content-Length: 11\r\n\r\nhello world" + GET,
    CHUNKED_POST + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nA: b\r\n\r\n" + GET,
    b"\r\n" + GET + b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + GET,
    GET + b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\nGET /%zz HTTP/1.1\r\nHost: a\r\n\r\n" + GET,
    *CORPUS.values(),
    *(CHUNKED_POST + chunks for chunks in BAD_CHUNKS.values()),
]


class RefusalTests(SynchronousTestCase):
    """What is refused, with which status, and how the connection ends."""

    def refused(self, data: bytes, status: int, code: str = "BadRequest") -> Stage:
        """Send something and check its one answer."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(data + GET)
        (answer,) = read_responses(connection.received)
        self.assertEqual(answer.status, status, data[:80])
        self.assertEqual(answer.header("connection"), "close")
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        error = answer.json()
        self.assertEqual(error["code"], code)
        (line,) = staged.log.named("http.request")
        self.assertEqual(line["status"], status)
        self.assertEqual(error["debugInfo"], {"requestId": line["id"]})
        self.assertEqual(staged.handlers.seen, [])
        if status != 400:
            self.assertFalse(connection.closed, "it must linger")
            staged.clock.pump([1] * 3)
        self.assertTrue(connection.closed)
        self.assertEqual(staged.log.named("http.failure"), [])
        return staged

    def test_smuggling_corpus(self) -> None:
        """Whatever could be read in two ways is 400 with a UCWA body, and closed at once."""
        for name, data in CORPUS.items():
            with self.subTest(name):
                self.refused(data, 400)

    def test_bad_chunks(self) -> None:
        """Bad chunk framing is 400 with a UCWA body, and closed at once."""
        for name, chunks in BAD_CHUNKS.items():
            with self.subTest(name):
                self.refused(CHUNKED_POST + chunks, 400)

    def test_request_line(self) -> None:
        """A request line of the limit is served, one byte more is 414."""
        fixed = len("GET /hello? HTTP/1.1")
        at_limit = b"GET /hello?" + b"x" * (REQUEST_LINE_BYTES - fixed) + b" HTTP/1.1\r\n"
        self.assertEqual(exchange(at_limit + b"Host: a\r\n\r\n")[0][0][0], 200)
        over = at_limit.replace(b"?", b"?x", 1)
        self.refused(over + b"Host: a\r\n\r\n", 414, "EntityTooLarge")
        self.refused(b"G" * (REQUEST_LINE_BYTES + 2), 414, "EntityTooLarge")

    def test_header_size(self) -> None:
        """Header fields of the limit are served, one byte more is 431, complete or not."""
        start = b"GET /hello HTTP/1.1\r\n"
        fields = b"Host: a\r\nX: " + b"y" * (HEADER_BYTES - 14) + b"\r\n"
        self.assertEqual(len(fields), HEADER_BYTES)
        self.assertEqual(exchange(start + fields + b"\r\n")[0][0][0], 200)
        over = fields.replace(b"X: ", b"X: y")
        self.refused(start + over + b"\r\n", 431, "EntityTooLarge")
        self.refused(start + over[:-2] + b"yyy", 431, "EntityTooLarge")

    def test_header_size_cut(self) -> None:
        """Fields at the limit are served also when they come in pieces, and one more is 431."""
        start = b"GET /hello HTTP/1.1\r\n"
        fields = b"Host: a\r\nX: " + b"y" * (HEADER_BYTES - 14) + b"\r\n"
        whole = start + fields + b"\r\n"
        for back in range(1, 6):
            self.assertEqual(exchange(whole, (len(whole) - back,))[0][0][0], 200)
            over = whole.replace(b"X: ", b"X: y")
            self.assertEqual(exchange(over, (len(over) - back,))[0][0][0], 431)

    def test_header_count(self) -> None:
        """A hundred fields are served, one more is 431."""
        more = b"".join(b"X%d: y\r\n" % n for n in range(HEADER_FIELDS - 1))
        data = b"GET /hello HTTP/1.1\r\nHost: a\r\n" + more
        self.assertEqual(exchange(data + b"\r\n")[0][0][0], 200)
        self.refused(data + b"Y: z\r\n\r\n", 431, "EntityTooLarge")

    def test_body_size(self) -> None:
        """A body of the route's limit is served, one byte more is 413 before it is read."""
        small = b"POST /small HTTP/1.1\r\nHost: a\r\n"
        self.assertEqual(exchange(small + b"Content-Length: 10\r\n\r\n" + b"x" * 10)[0][0][0], 200)
        self.refused(small + b"Content-Length: 11\r\n\r\n", 413, "EntityTooLarge")

    def test_chunked_body_size(self) -> None:
        """The limit holds for chunks too."""
        small = b"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(exchange(small + b"5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n")[0][0][0], 200)
        self.refused(small + b"5\r\nabcde\r\n6\r\n", 413, "EntityTooLarge")

    def test_trailers(self) -> None:
        """Trailers beyond their limit are 431."""
        trailers = b"".join(b"T%d: %s\r\n" % (n, b"x" * 1000) for n in range(9))
        self.refused(CHUNKED_POST + b"0\r\n" + trailers, 431, "EntityTooLarge")
