"""Tests of directories that are answered as a whole, and of requests that are passed on."""

from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.http.message import Media, Request, Response
from mobility.http.route import Authorisation, Route
from mobility.http.subtree import Passage, Subtree, Way
from mobility.testing import MemoryConnection, MemoryLog, memory_site, read_responses

HEAD = b"POST /Gone/x HTTP/1.1\r\nHost: a\r\n"


class Recorder:
    """A passage that only remembers."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.said: list[str] = []
        self.way: Way | None = None

    def start(self, way: Way) -> None:
        self.way = way
        self.said.append("start")

    def received(self, data: bytes) -> None:
        self.pieces.append(data)

    def ended(self) -> None:
        self.said.append("ended")

    def hold(self) -> None:
        self.said.append("hold")

    def resume(self) -> None:
        self.said.append("resume")

    def gone(self) -> None:
        self.said.append("gone")


class Case(SynchronousTestCase):
    """A site with two directories: one that answers at once, one that passes on."""

    def setUp(self) -> None:
        self.clock, self.log = Clock(), MemoryLog()
        self.seen: list[tuple[str, Sequence[str]]] = []
        self.passages: list[Recorder] = []
        self.site = memory_site(
            [Route("gone", "GET", "/gone/route", self._never, Authorisation.NONE)],
            clock=self.clock,
            log=self.log,
            subtrees=[
                Subtree("gone", "/Gone", self._gone, plain=True),
                Subtree("away", "/Away", self._pass),
                Subtree("other", "/Other", self._gone, frozenset({"internal"})),
            ],
        )
        self.connection = MemoryConnection(self.site)

    @staticmethod
    def _never(request: Request) -> Response:
        raise ValueError(f"{request.path} belongs to the directory")

    def _gone(self, request: Request, segments: Sequence[str]) -> Response:
        self.seen.append((request.method, segments))
        return Response(410, body=b"gone", content_type="text/plain")

    def _pass(self, request: Request, segments: Sequence[str]) -> Response | Passage:
        self.seen.append((request.method, segments))
        self.passages.append(Recorder())
        return self.passages[-1]

    def statuses(self) -> list[int]:
        return [one.status for one in read_responses(self.connection.received)]


class SubtreeTests(Case):
    """A directory answered at once."""

    def test_everything(self) -> None:
        """Every method, at the directory and anywhere below, in any case, is answered by it."""
        for line in ("GET /gone", "POST /GONE/", "PROPFIND /Gone/a/b", "GET /gone/route"):
            self.connection.send(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.connection.send(
            b"OPTIONS /gone HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n\r\n"
        )
        self.assertEqual([410] * 5, self.statuses())
        self.assertEqual(("PROPFIND", ["Gone", "a", "b"]), self.seen[2])
        self.assertEqual(["gone"] * 5, [one["route"] for one in self.log.named("http.request")])

    def test_small_body(self) -> None:
        """A small body is read and dropped, and the connection lives on."""
        self.connection.send(HEAD + b"Content-Length: 3\r\n\r\nabc" + HEAD + b"\r\n")
        self.assertEqual([410, 410], self.statuses())
        self.assertFalse(self.connection.closed)

    def test_large_body(self) -> None:
        """A large body, or one that waits for 100 Continue, is not read at all."""
        for more in (b"Content-Length: 9999999999", b"Content-Length: 3\r\nExpect: 100-continue"):
            connection = MemoryConnection(self.site)
            connection.send(HEAD + more + b"\r\n\r\n")
            (answer,) = read_responses(connection.received)
            self.assertEqual((410, "close"), (answer.status, answer.header("Connection")))

    def test_sites(self) -> None:
        """A directory of another site is not here."""
        self.connection.send(b"GET /other/x HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual([404], self.statuses())


class PassingTests(Case):
    """A request that is passed on."""

    def begin(
        self, more: bytes = b"", version: bytes = b"1.1", method: bytes = b"POST"
    ) -> Recorder:
        self.connection.send(
            method + b" /away/x HTTP/" + version + b"\r\nHost: a\r\n" + more + b"\r\n"
        )
        return self.passages[-1]

    def way(self, passage: Recorder) -> Way:
        if passage.way is None:
            raise ValueError("it was not started")
        return passage.way

    def test_pieces(self) -> None:
        """A body is passed on as it comes, however it is framed, and ends once."""
        for more, parts in (
            (b"Content-Length: 6\r\n", (b"abc", b"def")),
            (b"Transfer-Encoding: chunked\r\n", (b"3\r\nabc\r\n3\r\nd", b"ef\r\n0\r\n\r\n")),
        ):
            self.connection = MemoryConnection(self.site)
            passage = self.begin(more)
            self.assertEqual((["start"], []), (passage.said, passage.pieces))
            self.connection.send(parts[0])
            self.assertEqual(b"abc", b"".join(passage.pieces)[:3])
            self.assertEqual(["start"], passage.said)
            self.connection.send(parts[1])
            self.assertEqual(b"abcdef", b"".join(passage.pieces))
            self.assertEqual(["start", "ended"], passage.said)

    def test_no_body(self) -> None:
        """A request without a body is whole at once."""
        self.assertEqual(["start", "ended"], self.begin(method=b"GET").said)

    def test_continue(self) -> None:
        """A client that waits for 100 Continue gets it."""
        self.begin(b"Content-Length: 3\r\nExpect: 100-continue\r\n")
        self.assertEqual(b"HTTP/1.1 100 Continue\r\n\r\n", self.connection.received)

    def test_sized_answer(self) -> None:
        """An answer of a known length has it; the connection serves the next request."""
        way = self.way(self.begin())
        way.begin(200, "Fine", [("X-A", "1")], 6)
        way.write(b"abc")
        self.assertTrue(self.connection.received.endswith(b"abc"))
        way.write(b"def")
        way.finish()
        (answer,) = read_responses(self.connection.received)
        self.assertEqual((b"abcdef", "6"), (answer.body, answer.header("Content-Length")))
        self.assertTrue(self.connection.received.startswith(b"HTTP/1.1 200 Fine\r\n"))
        self.begin()
        self.assertEqual(2, len(self.passages))
        (line,) = self.log.named("http.request")
        self.assertEqual(("away", 200), (line["route"], line["status"]))

    def test_unsized_answer(self) -> None:
        """One of unknown length comes in chunks, or for HTTP/1.0 up to the connection's end."""
        way = self.way(self.begin())
        way.begin(200, "", [], None)
        way.write(b"abc")
        way.finish()
        self.assertTrue(self.connection.received.endswith(b"3\r\nabc\r\n0\r\n\r\n"))
        self.assertIn(b"200 OK\r\nTransfer-Encoding: chunked\r\n", self.connection.received)
        self.connection = MemoryConnection(self.site)
        way = self.way(self.begin(version=b"1.0"))
        way.begin(200, "", [], None)
        way.write(b"abc")
        way.finish()
        self.assertTrue(self.connection.received.endswith(b"\r\n\r\nabc"))
        self.assertTrue(self.connection.closed)

    def test_bodiless_answers(self) -> None:
        """Of HEAD, 204 and 304 no body is framed."""
        for method, status, length in ((b"HEAD", 200, None), (b"GET", 204, 0), (b"GET", 304, None)):
            self.connection = MemoryConnection(self.site)
            way = self.way(self.begin(method=method))
            way.begin(status, "", [], length)
            way.finish()
            self.assertNotIn(b"Transfer-Encoding", self.connection.received)
            self.assertNotIn(b"Content-Length", self.connection.received)
            self.assertFalse(self.connection.closed)

    def test_hold(self) -> None:
        """A passage that cannot take more stops the client from being read, until it can."""
        passage = self.begin(b"Content-Length: 6\r\n")
        self.way(passage).hold()
        self.assertTrue(self.connection.paused)
        self.connection.send(b"abc")
        self.clock.pump([10.0] * 30)
        self.assertEqual([], passage.pieces)
        self.way(passage).resume()
        self.assertEqual(([b"abc"], False), (passage.pieces, self.connection.paused))

    def test_held_at_the_end(self) -> None:
        """A hold with the last piece is over with the request: the next one is read."""
        passage = self.begin(b"Content-Length: 3\r\n")
        passage.received = lambda data: self.way(passage).hold()  # type: ignore[method-assign]  # acts
        self.connection.send(b"abc")
        way = self.way(passage)
        way.begin(200, "", [], 0)
        way.finish()
        self.assertFalse(self.connection.paused)
        self.begin()
        self.assertEqual(2, len(self.passages))

    def test_slow_reader(self) -> None:
        """A client that does not read holds the passage; if it never does it is cut."""
        passage = self.begin(method=b"GET")
        way = self.way(passage)
        self.connection.reading = False
        way.begin(200, "", [], 200_000)
        way.write(b"x" * 100_000)
        self.assertEqual("hold", passage.said[-1])
        self.connection.read()
        self.assertEqual("resume", passage.said[-1])
        way.write(b"x" * 100_000)
        self.clock.pump([1.0] * 32)
        self.assertTrue(self.connection.aborted)
        self.assertEqual("gone", passage.said[-1])

    def test_waiting_for_an_answer(self) -> None:
        """A whole request waits for its answer as long as the passage likes."""
        passage = self.begin()
        self.clock.pump([60.0] * 60)
        self.assertFalse(self.connection.closed)
        self.assertEqual(["start", "ended"], passage.said)

    def test_client_leaves(self) -> None:
        """A client that goes away ends the passage, and what it says then is dropped."""
        passage = self.begin()
        self.connection.disconnect()
        self.assertEqual("gone", passage.said[-1])
        self.way(passage).begin(200, "", [], 0)
        self.way(passage).finish()
        self.assertEqual([499], [one["status"] for one in self.log.named("http.request")])

    def test_broken_framing(self) -> None:
        """A body that is framed wrongly is 400, and the passage is over."""
        passage = self.begin(b"Transfer-Encoding: chunked\r\n")
        self.connection.send(b"nonsense\r\n")
        self.assertEqual("gone", passage.said[-1])
        self.assertEqual([400], self.statuses())

    def test_slow_body(self) -> None:
        """A body that does not come in time is 408; after the answer has begun it is just cut."""
        passage = self.begin(b"Content-Length: 6\r\n")
        self.clock.pump([1.0] * 25)
        self.assertEqual(([408], "gone"), (self.statuses(), passage.said[-1]))
        self.connection = MemoryConnection(self.site)
        passage = self.begin(b"Content-Length: 6\r\n")
        self.way(passage).begin(200, "", [], 6)
        self.clock.pump([1.0] * 25)
        self.assertTrue(self.connection.aborted)

    def test_answer_before_the_body(self) -> None:
        """An answer that is whole before the request's body ends the connection."""
        passage = self.begin(b"Content-Length: 6\r\n")
        self.connection.send(b"abc")
        way = self.way(passage)
        way.begin(403, "", [], 2)
        way.write(b"no")
        way.finish()
        self.assertEqual([403], self.statuses())
        self.connection.send(b"defGET / HTTP/1.1\r\n\r\n")
        self.clock.pump([1.0] * 4)
        self.assertTrue(self.connection.closed)

    def test_own_answer(self) -> None:
        """A passage may answer with a response of its own, and fail in the middle of another's."""
        way = self.way(self.begin())
        way.answer(Response(502, body=b"no", content_type="text/plain"))
        self.assertEqual([502], self.statuses())
        way = self.way(self.begin())
        way.begin(200, "", [], 10)
        way.cut()
        self.assertTrue(self.connection.aborted)

    def test_pipelined(self) -> None:
        """A request that comes behind one on its way waits for its answer."""
        passage = self.begin()
        self.connection.send(b"GET /away/2 HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(1, len(self.passages))
        self.way(passage).begin(200, "", [], 0)
        self.way(passage).finish()
        self.assertEqual(2, len(self.passages))

    def test_not_in_a_batch(self) -> None:
        """What is passed on cannot be a part of another request."""
        request = Request(
            id="1",
            site=self.site.site,
            method="GET",
            path="/away/x",
            query={},
            raw_query="",
            headers={},
            body=b"",
            client_address="",
            now=0.0,
            media=Media("application/json"),
        )
        answer = self.successResultOf(self.site.service.dispatch(request))
        self.assertEqual(403, answer.status)
