"""Tests of the way from a request to its answer: `service`, `exchange`, `answer` and `site`."""

import resource
import zlib

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.http.connections import Connections, connection_limit
from mobility.http.errors import Unauthorised
from mobility.http.exchange import EVENTS as EXCHANGE_EVENTS
from mobility.http.message import Media, Request, Response, Site
from mobility.http.route import Authorisation, Route
from mobility.testing import (
    MemoryClient,
    MemoryConnection,
    MemoryLog,
    MemoryResponse,
    memory_site,
    read_responses,
)
from tests.http.sites import ALLOWED, GET, Case, stage

TOKEN = {"Authorization": "Bearer cwt=good"}


class AnswerTests(Case):
    """Routing, authorisation and failures."""

    def test_standard_headers(self) -> None:
        """Every answer names the server, forbids sniffing and caching, and TLS to be left."""
        for target in ("/hello", "/none", "/broken"):
            answer = self.ask("GET", target)
            self.assertEqual(answer.header("X-MS-Server-Fqdn"), "fe.example.test")
            self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
            self.assertEqual(answer.header("Cache-Control"), "no-cache")
            self.assertEqual(answer.header("Strict-Transport-Security"), "max-age=31536000")

    def test_not_found(self) -> None:
        """An unknown path is 404 ResourceNotFound."""
        answer = self.ask("GET", "/none")
        self.assertEqual(answer.status, 404)
        error = answer.json()
        self.assertEqual((error["code"], error["subcode"]), ("NotFound", "ResourceNotFound"))

    def test_wrong_method(self) -> None:
        """A known path with another method is 405 with Allow."""
        answer = self.ask("DELETE", "/hello")
        self.assertEqual((answer.status, answer.header("Allow")), (405, "GET, HEAD, OPTIONS"))
        self.assertEqual(answer.json()["code"], "MethodNotAllowed")
        self.assertEqual(self.ask("HEAD", "/park").status, 405)

    def test_unauthorised(self) -> None:
        """Without a token a bearer route is 401, with each challenge on its own line."""
        answer = self.ask("GET", "/private/x")
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.header_lines("WWW-Authenticate"), ["Bearer one", "MsRtcOAuth two"])
        self.assertEqual(answer.json()["code"], "Unauthorized")
        self.assertEqual(self.ask("DELETE", "/private/x").status, 401)
        self.assertEqual(self.staged.handlers.seen, [])

    def test_unauthorised_page(self) -> None:
        """A 401 may be a short page in place of a UCWA error."""

        def refuse(request: Request) -> Response:
            raise Unauthorised(["Bearer"], html=True)

        site = memory_site([Route("a", "GET", "/a", refuse, Authorisation.OWN)], clock=Clock())
        answer = self.successResultOf(MemoryClient(site).request("GET", "/a"))
        self.assertEqual((answer.status, answer.header("Content-Type")), (401, "text/html"))
        self.assertIn(b"401 - Unauthorized", answer.body)

    def test_authorised(self) -> None:
        """With a token the handler sees caller, parameters, address and time."""
        self.assertEqual(self.ask("GET", "/PRIVATE//Some%20One/", headers=TOKEN).status, 200)
        (request,) = self.staged.handlers.seen
        assert request.caller is not None
        self.assertEqual(request.caller.user_uri, "sip:alice@example.test")
        self.assertEqual(request.path_parameters, {"name": "Some One"})
        self.assertEqual(request.path, "/PRIVATE/Some One")
        self.assertEqual(request.now, 1_000_000.0)

    def test_no_secret_in_repr(self) -> None:
        """A request's repr holds neither its headers nor its body."""
        self.ask("POST", "/private/x", headers=TOKEN, body=b'{"secret":1}')
        text = repr(self.staged.handlers.seen[0])
        self.assertNotIn("cwt=good", text)
        self.assertNotIn("secret", text)

    def test_refusal(self) -> None:
        """A handler's refusal is its UCWA error, with Retry-After."""
        answer = self.ask("GET", "/refused")
        self.assertEqual((answer.status, answer.header("Retry-After")), (429, "7"))
        error = answer.json()
        self.assertEqual(error.pop("debugInfo").keys(), {"requestId"})
        self.assertEqual(
            error, {"code": "TooManyRequests", "subcode": "LimitExceeded", "message": "Not now."}
        )

    def test_broken_handler(self) -> None:
        """A handler that breaks is 500 with a request id; the traceback is in the log only."""
        answer = self.ask("GET", "/broken")
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"secret", answer.body)
        error = answer.json()
        self.assertEqual(error["code"], "ServiceFailure")
        (event,) = self.staged.log.named("http.failure")
        self.assertEqual(event["id"], error["debugInfo"]["requestId"])
        self.assertIn("a secret", str(event["failure"]))

    def test_broken_deferred(self) -> None:
        """A Deferred that fails is answered like a handler that raises."""
        answer = self.client.request("POST", "/slow")
        self.staged.handlers.parked[0].errback(KeyError("x"))
        self.assertEqual(self.successResultOf(answer).status, 500)
        self.assertEqual(len(self.staged.log.named("http.failure")), 1)

    def test_broken_authenticator(self) -> None:
        """An authenticator that breaks lets nobody in: 500."""

        def authenticate(request: Request) -> object:
            raise RuntimeError("store gone")

        site = memory_site(
            self.staged.handlers.routes(),
            clock=self.staged.clock,
            authenticate=authenticate,  # type: ignore[arg-type]  # never returns
        )
        answer = self.successResultOf(MemoryClient(site).request("GET", "/private/x"))
        self.assertEqual(answer.status, 500)
        self.assertEqual(self.staged.handlers.seen, [])

    def test_header_injection(self) -> None:
        """A header with a line break is never sent: 500."""
        answer = self.ask("GET", "/split")
        self.assertEqual((answer.status, answer.header("Set-Cookie")), (500, None))

    def test_coroutine(self) -> None:
        """A handler may be a coroutine."""
        answer = self.client.request("GET", "/coroutine")
        self.assertNoResult(answer)
        self.staged.handlers.parked[0].callback(Response(202))
        self.assertEqual(self.successResultOf(answer).json()["after"], 202)

    def test_truly_empty(self) -> None:
        """204 has no length and no type; 201 without content has length 0 and no type."""
        empty = self.ask("POST", "/empty")
        self.assertEqual(
            (empty.status, empty.header("Content-Length"), empty.header("Content-Type")),
            (204, None, None),
        )
        created = self.ask("POST", "/created")
        self.assertEqual(
            (created.status, created.header("Content-Length"), created.header("Content-Type")),
            (201, "0", None),
        )
        self.assertEqual(created.header("Location"), "/made")

    def test_response_is_not_changed(self) -> None:
        """A response a handler keeps and gives again stays as it is."""
        kept = Response(204, headers=[("X-A", "b")])
        site = memory_site(
            [Route("kept", "GET", "/kept", lambda _: kept, Authorisation.NONE)],
            clock=Clock(),
            web=self.web,
        )
        for _ in range(2):
            request = MemoryClient(site).request("GET", "/kept", headers={"Origin": ALLOWED})
            answer = self.successResultOf(request)
            self.assertEqual(answer.header("Access-Control-Allow-Origin"), ALLOWED)
        self.assertEqual(kept.headers, [("X-A", "b")])

    def test_xml(self) -> None:
        """A client that asks for XML gets documents in its spelling and errors as plain XML."""
        accept = {"Accept": "application/vnd.microsoft.com.ucwa+xml"}
        answer = self.ask("GET", "/hello", headers=accept)
        self.assertEqual(
            answer.header("Content-Type"), "application/vnd.microsoft.com.ucwa+xml; charset=utf-8"
        )
        error = self.ask("GET", "/none", headers=accept)
        self.assertEqual(error.header("Content-Type"), "application/xml; charset=utf-8")
        self.assertIn(b"<code>NotFound</code>", error.body)

    def test_gzip(self) -> None:
        """Text of any length is compressed when asked for; pictures and empty answers are not."""
        gzip = {"Accept-Encoding": "gzip"}
        for target in ("/long", "/hello", "/none"):
            packed = self.ask("GET", target, headers=gzip)
            self.assertEqual(packed.header("Content-Encoding"), "gzip")
            self.assertEqual(packed.header("Vary"), "Accept-Encoding")
            self.assertEqual(packed.header("Content-Length"), str(len(packed.body)))
            plain = self.ask("GET", target)
            self.assertEqual(
                (plain.header("Content-Encoding"), plain.header("Vary")), (None, "Accept-Encoding")
            )
            self.assertEqual(zlib.decompress(packed.body, 31)[:20], plain.body[:20])
        unpacked = self.ask("GET", "/large", headers=gzip)
        self.assertIsNone(unpacked.header("Content-Encoding"))
        asked = self.ask("OPTIONS", "/hello", headers=gzip)
        self.assertEqual((asked.status, asked.header("Content-Encoding")), (204, None))

    def test_cancel_parked(self) -> None:
        """A parked request whose client goes away is told."""
        answer: Deferred[MemoryResponse] = self.client.request("GET", "/park")
        answer.cancel()
        self.failureResultOf(answer)
        self.assertEqual(len(self.staged.handlers.gone), 1)

    def test_broken_on_disconnect(self) -> None:
        """A handler that breaks when it is told of a disconnect is logged."""
        answer = self.client.request("GET", "/park")
        self.staged.handlers.seen[0].on_disconnect = lambda: [][0]
        answer.cancel()
        self.failureResultOf(answer)
        self.assertEqual(len(self.staged.log.named("http.failure")), 1)


class DispatchTests(Case):
    """Requests inside a request (batch)."""

    def dispatch(self, method: str, path: str) -> Response:
        request = Request(
            id="outer",
            site=Site("external", secure=True),
            method=method,
            path=path,
            query={},
            raw_query="a=b",
            headers={"authorization": "Bearer cwt=good"},
            body=b"",
            client_address="192.0.2.9",
            now=1.0,
            media=Media("application/json"),
        )
        return self.successResultOf(self.staged.site.service.dispatch(request))

    def test_dispatch(self) -> None:
        """An inner request is routed and authorised like an outer one, without an access line."""
        response = self.dispatch("GET", "/private/a%20b")
        self.assertEqual(response.status, 200)
        (seen,) = self.staged.handlers.seen
        self.assertEqual((seen.path_parameters, seen.query), ({"name": "a b"}, {"a": "b"}))
        self.assertEqual(self.staged.log.events, [])

    def test_refused(self) -> None:
        """What may park, is unknown, malformed or breaks is an error response."""
        for path, status in (("/park", 403), ("/none", 404), ("/%zz", 400), ("/broken", 500)):
            self.assertEqual(self.dispatch("GET", path).status, status)


class AccessLineTests(Case):
    """The one line of each request."""

    def line(self) -> dict[str, object]:
        (fields,) = self.staged.log.named("http.request")
        self.assertEqual(fields.keys(), EXCHANGE_EVENTS["http.request"].keys())
        return fields

    def test_line(self) -> None:
        """The line has route, pseudonym, status, size and address."""
        connection = MemoryConnection(self.staged.site, "198.51.100.7")
        connection.send(
            b"GET /private/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer cwt=good\r\n\r\n"
        )
        line = self.line()
        line.pop("id")
        self.assertEqual(
            line,
            {
                "listener": "memory",
                "route": "private",
                "method": "GET",
                "user": "~sip:alice@example.test",
                "status": 200,
                "bytes": len(connection.received),
                "ms": 0.0,
                "parked_ms": 0.0,
                "address": "198.51.100.7",
            },
        )

    def test_parked(self) -> None:
        """Parked time is told apart."""
        answer = self.client.request("GET", "/park")
        self.staged.clock.advance(2.5)
        self.staged.handlers.parked[0].callback(Response(204))
        self.successResultOf(answer)
        line = self.line()
        self.assertEqual((line["ms"], line["parked_ms"]), (2500.0, 2500.0))

    def test_unmatched(self) -> None:
        """A request without a route has `-` for it, and for its user."""
        self.ask("GET", "/none")
        line = self.line()
        self.assertEqual((line["route"], line["user"], line["status"]), ("-", "-", 404))

    def test_ids_differ(self) -> None:
        """No two requests share an id."""
        self.ask("GET", "/hello")
        self.ask("GET", "/hello")
        ids = {fields["id"] for fields in self.staged.log.named("http.request")}
        self.assertEqual(len(ids), 2)


class ConnectionLimitTests(SynchronousTestCase):
    """How many connections there may be."""

    def test_limit(self) -> None:
        """A configured number counts; else it is what descriptors leave, less a reserve."""
        self.assertEqual(connection_limit(7), 7)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        self.assertEqual(connection_limit(0), 1024 - 256)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        self.assertEqual(connection_limit(0), 16)

    def test_few_descriptors(self) -> None:
        """What is served, what is told that it is not, and what the operator's listener serves
        beyond leave some of few descriptors for everything else."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        connections = Connections(Clock(), connection_limit(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        external, operator = (
            memory_site([], clock=Clock(), connections=connections, site=Site(name, secure=True))
            for name in ("external", "operator")
        )
        held = [MemoryConnection(external) for _ in range(33)]
        self.assertEqual([one.refused for one in held], [False] * 32 + [True])
        held = [MemoryConnection(operator) for _ in range(5)]
        self.assertEqual([one.refused for one in held], [False] * 4 + [True])
        held[0].send(GET)
        self.assertEqual(read_responses(held[0].received)[0].status, 404)
        self.assertEqual(len(connections), 36)


class MemoryTests(SynchronousTestCase):
    """The test helpers themselves."""

    def test_connection_lost_without_answer(self) -> None:
        """A request on a connection that is not taken fails."""
        staged = stage(max_connections=1)
        held = [MemoryConnection(staged.site) for _ in range(129)]
        self.failureResultOf(MemoryClient(staged.site).request("GET", "/hello"), ConnectionLost)
        self.assertFalse(any(connection.closed for connection in held))

    def test_interim_answers(self) -> None:
        """Interim answers are not counted, and an incomplete answer is none."""
        data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"
        self.assertEqual(read_responses(data), [])
        (answer,) = read_responses(data + b"c")
        self.assertEqual((answer.status, answer.body), (200, b"abc"))

    def test_log(self) -> None:
        """The log gives back what it was told, by name."""
        log = MemoryLog()
        log.emit("a.b", x=1)
        log.failure("a.c", ValueError("y"), z=2)
        self.assertEqual(log.named("a.b"), [{"x": 1}])
        self.assertEqual(log.named("a.c")[0]["z"], 2)
