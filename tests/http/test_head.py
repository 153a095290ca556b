"""Tests of `mobility.http.head` and `mobility.http.target`: what a request head says."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.http.errors import ProtocolFault
from mobility.http.head import CHUNKED, Head, read_head
from mobility.http.limits import PATH_SEGMENTS, QUERY_FIELDS
from mobility.http.target import path_segments, query_fields


def head(fields: bytes, line: bytes = b"GET / HTTP/1.1") -> Head:
    return read_head(line + b"\r\nHost: a\r\n" + fields + b"\r\n")


class HeadTests(SynchronousTestCase):
    """Fields and framing."""

    def test_repeated_fields(self) -> None:
        """Repeated fields are joined by a comma, cookies by a semicolon; names are lower case."""
        read = head(b"X-A: 1\r\nx-a:2 \r\nCookie: b=c\r\ncookie: d=e\r\n")
        self.assertEqual(read.headers, {"host": "a", "x-a": "1, 2", "cookie": "b=c; d=e"})

    def test_length(self) -> None:
        """The body is sized, chunked, or not there."""
        self.assertEqual(head(b"").length, 0)
        self.assertEqual(head(b"Content-Length: 007 \r\n").length, 7)
        self.assertEqual(head(b"Transfer-Encoding: Chunked\r\n").length, CHUNKED)

    def test_targets(self) -> None:
        """An absolute target becomes its path, or `/`, and its authority the Host."""
        for target, path in (
            (b"http://b", "/"),
            (b"HTTPS://b?x", "/?x"),
            (b"http://b/c?d", "/c?d"),
        ):
            read = head(b"", b"GET " + target + b" HTTP/1.1")
            self.assertEqual((read.target, read.headers["host"]), (path, "b"))

    def test_hosts(self) -> None:
        """Names, addresses with ports and an empty Host are taken."""
        for host in (b"a.test:443", b"[::1]:8443", b"127.0.0.1", b""):
            read = read_head(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            self.assertEqual(read.headers["host"], host.decode())

    def test_latin_1_values(self) -> None:
        """A value may hold any byte above ASCII."""
        self.assertEqual(head(b"X: \xe9\r\n").headers["x"], "é")


class TargetTests(SynchronousTestCase):
    """Paths and queries."""

    def test_path_limit(self) -> None:
        """A path of the most segments is read, one more is refused; empty ones do not count."""
        path = "/a" * PATH_SEGMENTS
        self.assertEqual(len(path_segments("//" + path + "/")), PATH_SEGMENTS)
        with self.assertRaises(ProtocolFault):
            path_segments(path + "/a")

    def test_query_limit(self) -> None:
        """A query of the most parameters is read, one more is refused."""
        query = "&".join(f"a{number}=" for number in range(QUERY_FIELDS))
        self.assertEqual(len(query_fields(query)), QUERY_FIELDS)
        with self.assertRaises(ProtocolFault):
            query_fields(query + "&b=")

    def test_query(self) -> None:
        """Names are in lower case, the last value counts, `+` is a space, empty pairs are none."""
        self.assertEqual(
            dict(query_fields("A=1&&a=2&B+C=d+e%2B&f&=g")),
            {"a": "2", "b c": "d e+", "f": "", "": "g"},
        )
