"""Tests of `mobility.http.channel`: slow peers, peers that leave, and the end of a site."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.http.channel import HttpChannel
from mobility.http.message import Response, Site
from mobility.testing import MemoryConnection, read_responses
from tests.http.sites import GET, POST, stage


class TimeTests(SynchronousTestCase):
    """Slow and silent peers, with a clock."""

    def setUp(self) -> None:
        self.staged = stage()
        self.clock = self.staged.clock
        self.connection = MemoryConnection(self.staged.site)

    def wait(self, seconds: int) -> None:
        self.clock.pump([1] * seconds)

    def statuses(self) -> list[int]:
        return [answer.status for answer in read_responses(self.connection.received)]

    def test_silent(self) -> None:
        """A connection on which nothing comes is closed without an answer."""
        self.wait(19)
        self.assertFalse(self.connection.closed)
        self.wait(2)
        self.assertTrue(self.connection.closed)
        self.assertEqual(self.connection.received, b"")

    def test_slow_head(self) -> None:
        """A head that drips for 20 s is 408, and the connection closes."""
        for byte in GET[:19]:
            self.connection.send(bytes([byte]))
            self.wait(1)
        self.assertEqual(self.statuses(), [])
        self.wait(2)
        self.assertEqual(self.statuses(), [408])
        self.wait(3)
        self.assertTrue(self.connection.closed)

    def test_slow_second_head(self) -> None:
        """On a kept connection the 20 s count from the head's first bytes."""
        self.connection.send(GET)
        self.wait(100)
        self.connection.send(GET[:10])
        self.wait(19)
        self.assertEqual(self.statuses(), [200])
        self.wait(2)
        self.assertEqual(self.statuses(), [200, 408])

    def test_idle(self) -> None:
        """A kept connection is closed after the configured time, also after a stray empty line."""
        self.connection.send(GET + b"\r\n")
        self.wait(119)
        self.assertFalse(self.connection.closed)
        self.wait(2)
        self.assertTrue(self.connection.closed)
        self.assertEqual(self.statuses(), [200])

    def test_slow_body(self) -> None:
        """A body that stays under 500 B/s after its grace is 408, one above it is served."""
        self.connection.send(POST + b"Content-Length: 30000\r\n\r\n")
        for _ in range(30):
            self.connection.send(b"x" * 600)
            self.wait(1)
        self.assertEqual(self.statuses(), [])
        for _ in range(20):
            self.connection.send(b"x" * 600)
        self.assertEqual(self.statuses(), [200])
        self.connection.send(POST + b"Content-Length: 30000\r\n\r\n")
        for _ in range(23):
            self.connection.send(b"x" * 100)
            self.wait(1)
        self.assertEqual(self.statuses(), [200])
        self.wait(3)
        self.assertEqual(self.statuses(), [200, 408])

    def test_parked_is_not_late(self) -> None:
        """A request that waits for its answer has no deadline."""
        self.connection.send(b"GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
        self.wait(2000)
        self.staged.handlers.parked[0].callback(Response(204))
        self.assertEqual(self.statuses(), [204])

    def test_slow_reader(self) -> None:
        """A large answer goes out as the peer reads; one that stops reading for 30 s is cut."""
        self.connection.reading = False
        self.connection.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        self.wait(20)
        self.connection.read()
        self.wait(20)
        self.assertFalse(self.connection.closed)
        self.assertEqual(self.staged.handlers.seen, [])
        self.wait(11)
        self.assertTrue(self.connection.aborted)

    def test_slow_reader_in_the_end(self) -> None:
        """A peer that reads slowly but steadily gets everything, then its next answer."""
        self.connection.reading = False
        self.connection.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        for _ in range(6):
            self.wait(20)
            self.connection.read()
        large, hello = read_responses(self.connection.received)
        self.assertEqual((len(large.body), hello.status), (300_000, 200))

    def test_endless_requests_of_a_slow_reader(self) -> None:
        """A peer that only asks and never reads is not served beyond what its transport holds."""
        self.connection.reading = False
        for _ in range(100):
            self.connection.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.connection.writes, 2)
        self.wait(32)
        self.assertTrue(self.connection.aborted)

    def test_transport_fills_later(self) -> None:
        """A transport that fills after an answer was written holds the next request back."""
        channel = self.staged.site.buildProtocol(None)
        assert isinstance(channel, HttpChannel)
        channel.makeConnection(self.connection)
        channel.dataReceived(GET)
        channel.pauseProducing()
        channel.dataReceived(GET)
        self.assertEqual(len(self.staged.handlers.seen), 1)
        channel.resumeProducing()
        self.assertEqual(len(self.staged.handlers.seen), 2)
        channel.dataReceived(GET[:5])
        channel.pauseProducing()
        channel.dataReceived(GET[5:])
        self.assertEqual(len(self.staged.handlers.seen), 2)
        channel.resumeProducing()
        self.assertEqual(len(self.staged.handlers.seen), 3)

    def test_closing_peer_that_stays(self) -> None:
        """A closed connection whose peer does not take the rest is aborted in the end."""
        self.connection.reading = False
        self.connection.send(GET[:-2] + b"Connection: close\r\n\r\n")
        self.wait(29)
        self.assertFalse(self.connection.closed)
        self.wait(2)
        self.assertTrue(self.connection.aborted)

    def test_no_timer_is_left(self) -> None:
        """When the last connection is gone, nothing is scheduled any more."""
        self.connection.disconnect()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class DisconnectTests(SynchronousTestCase):
    """A client that goes away before it is answered."""

    def test_parked_get(self) -> None:
        """A parked GET is told once, its late answer goes nowhere, its line says 499."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(b"GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
        staged.clock.advance(5)
        connection.disconnect()
        connection.disconnect()
        request = staged.handlers.seen[0]
        self.assertEqual(staged.handlers.gone, [request.id])
        staged.handlers.parked[0].callback(Response(204))
        (line,) = staged.log.named("http.request")
        self.assertEqual((line["status"], line["bytes"], line["parked_ms"]), (499, 0, 5000.0))

    def test_answered_get(self) -> None:
        """An answered request is not told about a later disconnect."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(b"GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
        staged.handlers.parked[0].callback(Response(204))
        connection.disconnect()
        self.assertEqual(staged.handlers.gone, [])

    def test_accepted_post(self) -> None:
        """An accepted POST runs to its end; its line has its status and no bytes."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(b"POST /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.disconnect()
        self.assertEqual(staged.log.named("http.request"), [])
        staged.handlers.parked[0].callback(Response(201))
        (line,) = staged.log.named("http.request")
        self.assertEqual((line["status"], line["bytes"]), (201, 0))

    def test_half_a_post(self) -> None:
        """A POST whose body never came whole never runs; its line says 499."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(POST + b"Content-Length: 5\r\n\r\nab")
        connection.disconnect()
        self.assertEqual(staged.handlers.seen, [])
        self.assertEqual(staged.log.named("http.request")[0]["status"], 499)

    def test_parked_request_is_light(self) -> None:
        """While a request is parked, its headers, query and body are not kept."""
        staged = stage()
        connection = MemoryConnection(staged.site)
        connection.send(b"GET /park?ack=1 HTTP/1.1\r\nHost: a\r\nX-Long: yyyy\r\n\r\n")
        (request,) = staged.handlers.seen
        self.assertEqual((len(request.headers), len(request.query)), (0, 0))


class SiteTests(SynchronousTestCase):
    """Draining, and too many connections."""

    def test_drain(self) -> None:
        """Draining closes idle connections, refuses new requests, and fires after the last one."""
        staged = stage()
        idle, busy, late = (MemoryConnection(staged.site) for _ in range(3))
        idle.send(GET)
        busy.send(b"POST /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        late.send(GET[:5])
        drained = staged.site.drain()
        self.assertTrue(idle.closed)
        self.assertNoResult(drained)
        late.send(GET[5:])
        (refused,) = read_responses(late.received)
        self.assertEqual((refused.status, refused.header("retry-after")), (503, "5"))
        self.assertTrue(late.closed)
        staged.handlers.parked[0].callback(Response(201))
        (answer,) = read_responses(busy.received)
        self.assertEqual(answer.status, 201)
        self.assertIsNone(self.successResultOf(drained))

    def test_answers_while_draining_close(self) -> None:
        """An answer that goes out while the site drains closes its connection."""
        staged = stage()
        busy = MemoryConnection(staged.site)
        busy.send(b"GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
        drained = staged.site.drain()
        staged.handlers.parked[0].callback(Response(204))
        (answer,) = read_responses(busy.received)
        self.assertEqual(answer.header("connection"), "close")
        self.assertTrue(busy.closed)
        self.successResultOf(drained)

    def test_drain_without_requests(self) -> None:
        """Draining an idle site is over at once."""
        self.assertIsNone(self.successResultOf(stage().site.drain()))

    def test_too_many_connections(self) -> None:
        """A connection over the limit is told 503 and closed; far over, it is just closed."""
        staged = stage(max_connections=1)
        first, second = (MemoryConnection(staged.site) for _ in range(2))
        second.send(GET)
        (answer,) = read_responses(second.received)
        self.assertEqual((answer.status, answer.header("retry-after")), (503, "5"))
        self.assertTrue(second.closed)
        first.send(GET)
        self.assertEqual(read_responses(first.received)[0].status, 200)
        others = [MemoryConnection(staged.site) for _ in range(129)]
        self.assertEqual([other.refused for other in others], [False] * 128 + [True])

    def test_plain_site(self) -> None:
        """A plain HTTP site serves only what is declared for it, without HSTS."""
        staged = stage(site=Site("external", secure=False))
        connection = MemoryConnection(staged.site)
        connection.send(GET + b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        hello, long = read_responses(connection.received)
        self.assertEqual((hello.status, long.status), (200, 404))
        self.assertIsNone(hello.header("strict-transport-security"))

    def test_memory_site_deferred(self) -> None:
        """A Deferred that was already fired is answered at once."""
        staged = stage()
        fired: Deferred[Response] = Deferred()
        fired.callback(Response(204))
        staged.handlers._later = lambda: fired  # type: ignore[method-assign]  # one test's answer
        connection = MemoryConnection(staged.site)
        connection.send(b"POST /slow HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        self.assertEqual([a.status for a in read_responses(connection.received)], [204, 200])
