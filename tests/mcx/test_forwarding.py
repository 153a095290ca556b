"""Tests of passing /Mcx/ on to a legacy pool, over TLS on loopback."""

from twisted.internet.defer import ensureDeferred

from mobility.mcx.forwarding import end_to_end
from mobility.testing import read_responses
from tests.mcx.peers import PIECE, Stage

GET = (
    b"GET /mcx/McxService.svc/a%20b?x=%2F HTTP/1.1\r\nHost: out.example.test\r\n"
    b"User-Agent: OldApp/4.0\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
MANY = 2_000
"""Pieces of 64 KiB: 125 MiB, far more than sockets hold."""


class HeadTests(Stage):
    """What the two sides see of one another's heads."""

    async def test_request(self) -> None:
        """The pool sees method, path and query as they came, the Host that the client named, and
        who passed it on; nothing that is about the client's connection."""
        more = b"Connection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-End: 2\r\n"
        seen, answer = await self.exchange(GET + more + b"\r\n", OK)
        self.assertTrue(seen.startswith(b"GET /mcx/McxService.svc/a%20b?x=%2F HTTP/1.1\r\n"), seen)
        lines = {line.lower() for line in seen.split(b"\r\n")}
        for line in (
            b"host: out.example.test",
            b"x-end: 2",
            b"user-agent: oldapp/4.0",
            b"via: 1.1 fe.example.test",
            b"x-forwarded-for: 127.0.0.1",
            b"x-forwarded-proto: https",
        ):
            self.assertIn(line, lines)
        self.assertNotIn(b"x-hop", seen.lower())
        self.assertNotIn(b"\r\nte:", seen.lower())
        self.assertEqual((200, b"hi"), (answer.status, answer.body))

    async def test_answer(self) -> None:
        """The client sees the pool's status and fields, each cookie, and nothing of the hop."""
        fields = (
            b"HTTP/1.1 401 Ticket please\r\nConnection: close\r\nProxy-Authenticate: x\r\n"
            b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nWWW-Authenticate: Negotiate\r\n"
            b"Keep-Alive: 5\r\nContent-Length: 0\r\n\r\n"
        )
        _, answer = await self.exchange(GET + b"\r\n", fields)
        self.assertEqual(401, answer.status)
        self.assertEqual(["a=1", "b=2"], answer.header_lines("Set-Cookie"))
        self.assertEqual("Negotiate", answer.header("WWW-Authenticate"))
        self.assertEqual("1.1 fe.example.test", answer.header("Via"))
        for name in ("Proxy-Authenticate", "Keep-Alive", "Connection", "Strict-Transport-Security"):
            self.assertIsNone(answer.header(name), name)

    async def test_host_of_the_pool(self) -> None:
        """With `keep_host = false` the pool is sent its own name."""
        self.front(keep_host=False)
        seen, _ = await self.exchange(GET + b"\r\n", OK)
        self.assertIn(f"\r\nHost: localhost:{self.pool_port}\r\n".encode(), seen)

    async def test_chunked_answer(self) -> None:
        """An answer of unknown length, in chunks or up to the end of the connection, is whole."""
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        _, answer = await self.exchange(GET + b"\r\n", chunked)
        self.assertEqual(("chunked", b"hi"), (answer.header("Transfer-Encoding"), answer.body))
        client = await self.connect()
        coming = self.pool.next()
        client.transport.write(GET + b"\r\n")
        peer = await coming
        await peer.until(lambda: b"\r\n\r\n" in peer.received)
        peer.transport.write(b"HTTP/1.1 200 OK\r\n\r\nhi")
        peer.transport.loseConnection()
        await client.until(lambda: bool(read_responses(client.received)))
        self.assertEqual(b"hi", read_responses(client.received)[0].body)

    async def test_connection_of_its_own(self) -> None:
        """Two requests of one client come to the pool on two connections: one that IIS has
        authenticated is nobody else's."""
        await self.exchange(GET + b"\r\n", OK)
        await self.exchange(GET + b"\r\n", OK)
        self.assertEqual(2, len(self.pool.connected))

    def test_end_to_end(self) -> None:
        """Fields that Connection names are the connection's, in any case."""
        given = {"connection": "X-Hop , close", "x-hop": "1", "upgrade": "h2c", "x-end": "2"}
        self.assertEqual({"x-end": "2"}, end_to_end(given))


class RefusalTests(Stage):
    """What is not passed on."""

    async def status(self, request: bytes) -> int:
        client = await self.connect()
        client.transport.write(request + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.until(lambda: bool(read_responses(client.received)))
        return read_responses(client.received)[0].status

    async def test_paths_that_lead_out(self) -> None:
        """A path that could leave the directory at the pool is 404."""
        for path in (b"../ucwa", b"%2e%2e/ucwa", b"a/..%2fucwa", b"..%5Cucwa", b"a/%2E/b"):
            self.assertEqual(404, await self.status(b"GET /Mcx/" + path), path)
        self.assertEqual([], self.pool.connected)

    async def test_methods(self) -> None:
        """TRACE is not for others to see."""
        self.assertEqual(405, await self.status(b"TRACE /Mcx/"))

    async def test_loop(self) -> None:
        """A request that has been here before is not sent round again."""
        via = b"GET /Mcx/ HTTP/1.1\r\nHost: a\r\nVia: 1.0 x, 1.1 FE.example.test (y)\r\n\r\n"
        client = await self.connect()
        client.transport.write(via)
        await client.until(lambda: bool(read_responses(client.received)))
        self.assertEqual(508, read_responses(client.received)[0].status)

    async def test_too_many(self) -> None:
        """Beyond the limit it is 503, until one is over."""
        self.front(max_requests=1)
        waiting = await self.connect()
        coming = self.pool.next()
        waiting.transport.write(GET + b"\r\n")
        peer = await coming
        self.assertEqual(503, await self.status(b"GET /Mcx/x"))
        waiting.transport.abortConnection()
        await peer.over
        self.assertEqual(0, len(self.forwarding))

    async def test_counted(self) -> None:
        """Who is passed on is counted, as operators must know before the pool goes."""
        await self.exchange(GET + b"\r\n", OK)
        (one,) = self.clients.all()
        self.assertEqual(("OldApp/4.0", 1), (one.user_agent, one.requests))


class TrustTests(Stage):
    """The pool's certificate."""

    async def refused(self) -> str:
        client = await self.connect()
        client.transport.write(GET + b"\r\n")
        await client.until(lambda: bool(read_responses(client.received)))
        self.assertEqual(502, read_responses(client.received)[0].status)
        self.assertFalse(any(peer.received for peer in self.pool.connected))
        return self.legacy.problem

    async def test_authority(self) -> None:
        """One that no trusted authority vouches for gets nothing."""
        self.front(trusted=False)
        self.assertIn("certificate", await self.refused())

    async def test_name(self) -> None:
        """One for another name gets nothing."""
        self.front(host="127.0.0.1")
        self.assertIn("certificate", await self.refused())


class StreamTests(Stage):
    """Bodies pass through without being gathered."""

    async def test_large_answer(self) -> None:
        """While the client does not read, the pool is not read; then all comes through."""
        client = await self.connect(reading=False)
        client.keep = False
        coming = self.pool.next()
        client.transport.write(GET + b"\r\n")
        peer = await coming
        await peer.until(lambda: b"\r\n\r\n" in peer.received)
        size = MANY * len(PIECE)
        peer.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        peer.pour(MANY)
        left = await peer.stalled()
        self.assertGreater(left, MANY // 2)
        client.read_on()
        await client.until(lambda: client.body_bytes >= size)
        self.assertEqual(size, client.body_bytes)

    async def test_large_request(self) -> None:
        """While the pool does not read, the client is not read; then all comes through."""
        self.pool.reading = False
        client = await self.connect()
        coming = self.pool.next()
        size = MANY * len(PIECE)
        head = b"POST /Mcx/x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        client.transport.write(head % size)
        client.pour(MANY)
        peer = await coming
        peer.keep = False
        left = await client.stalled()
        self.assertGreater(left, MANY // 2)
        peer.read_on()
        await peer.until(lambda: peer.body_bytes >= size)
        self.assertEqual(size, peer.body_bytes)
        peer.transport.write(OK)
        await client.until(lambda: bool(read_responses(client.received)))

    async def test_chunked_request(self) -> None:
        """A body in chunks goes on in chunks."""
        chunks = b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
        head = b"POST /Mcx/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client = await self.connect()
        coming = self.pool.next()
        client.transport.write(head + chunks)
        peer = await coming
        await peer.until(lambda: peer.received.endswith(b"0\r\n\r\n"))
        body = peer.received.partition(b"\r\n\r\n")[2]
        self.assertEqual(b"abcdef", b"".join(body.split(b"\r\n")[1:-3:2]))
        peer.transport.write(OK)
        await client.until(lambda: bool(read_responses(client.received)))

    async def test_client_leaves(self) -> None:
        """When the client goes, so does the request at the pool, before and during its answer."""
        for begun in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"):
            client = await self.connect()
            coming = self.pool.next()
            client.transport.write(GET + b"\r\n")
            peer = await coming
            await peer.until(lambda peer=peer: b"\r\n\r\n" in peer.received)
            peer.transport.write(begun)
            await client.until(lambda client=client, begun=begun: client.count > 0 or not begun)
            client.transport.abortConnection()
            await peer.over
            self.assertEqual(0, len(self.forwarding))

    async def test_pool_breaks_off(self) -> None:
        """An answer that the pool does not finish is not finished here either."""
        client = await self.connect()
        coming = self.pool.next()
        client.transport.write(GET + b"\r\n")
        peer = await coming
        await peer.until(lambda: b"\r\n\r\n" in peer.received)
        peer.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await client.until(lambda: client.received.endswith(b"abc"))
        peer.transport.abortConnection()
        await client.over

    async def test_silent_pool(self) -> None:
        """A pool that says nothing for too long is 504, and let go."""
        client = await self.connect()
        coming = self.pool.next()
        client.transport.write(GET + b"\r\n")
        peer = await coming
        await peer.until(lambda: b"\r\n\r\n" in peer.received)
        self.clock.advance(1801)
        await client.until(lambda: bool(read_responses(client.received)))
        self.assertEqual(504, read_responses(client.received)[0].status)
        await peer.over

    async def test_drain(self) -> None:
        """When the front end stops, a GET that waits for the pool is told to ask elsewhere."""
        client = await self.connect()
        coming = self.pool.next()
        client.transport.write(GET + b"\r\n")
        peer = await coming
        await peer.until(lambda: b"\r\n\r\n" in peer.received)
        self.forwarding.drain()
        await client.until(lambda: bool(read_responses(client.received)))
        self.assertEqual(503, read_responses(client.received)[0].status)
        await peer.over


class PoolTests(Stage):
    """Whether the pool lives."""

    async def test_life(self) -> None:
        """It is lost and found again, each told once; what fails on its side counts."""
        self.assertIsNone(self.legacy.reachable)
        await self.exchange(GET + b"\r\n", OK)
        await self.exchange(GET + b"\r\n", OK)
        self.assertEqual((True, ""), (self.legacy.reachable, self.legacy.problem))
        await self.exchange(GET + b"\r\n", b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        self.assertIn("it answers 503", self.legacy.problem)
        self.assertEqual(
            ["mcx.pool_found", "mcx.pool_lost"],
            [event for event, _ in self.log.events if event.startswith("mcx.")],
        )

    async def test_probe(self) -> None:
        """A probe asks for the service; any answer below 500 says that it lives."""
        coming = self.pool.next()
        probing = ensureDeferred(self.legacy.probe(self.agent, self.clock))
        peer = await coming
        await peer.until(lambda: b"\r\n\r\n" in peer.received)
        self.assertTrue(peer.received.startswith(b"HEAD /Mcx/McxService.svc HTTP/1.1\r\n"))
        peer.transport.write(b"HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\n")
        await probing
        self.assertTrue(self.legacy.reachable)
        await peer.over

    async def test_probe_of_nothing(self) -> None:
        """Where nobody listens the probe says so."""
        self.pool_port = 1
        self.front()
        await self.legacy.probe(self.agent, self.clock)
        self.assertIn("refuses connections", self.legacy.problem)
        self.assertIs(False, self.legacy.standing()["reachable"])
