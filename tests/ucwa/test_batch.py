"""`batch`: each part is answered as if it had come alone, in the order of the requests."""

from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from typing import cast

import attrs
import msgspec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.applications import Endpoint
from mobility.errors import PeerFault, Refusal
from mobility.http.crossdomain import CrossDomain
from mobility.http.errors import Unauthorised
from mobility.http.message import Caller, Media, Request, Response, Site
from mobility.http.route import Answer, Authorisation, Route
from mobility.http.service import RequestService
from mobility.ucwa.batch import MAX_PARTS, RESOURCES, post_batch
from mobility.ucwa.declaration import Call
from mobility.ucwa.outstanding import Outstanding
from mobility.ucwa.ports import Dispatch
from mobility.ucwa.service import Ucwa

SITE = Site("external", True)
APPLICATION = "/ucwa/oauth/v1/applications/17"
ALICE = "sip:alice@example.test"


@attrs.frozen
class Alice:
    user_uri: str = ALICE


class Silence:
    """An `EventLog` for what is expected not to log."""

    def __init__(self) -> None:
        self.failures: list[object] = []

    def emit(self, event: str, /, **fields: object) -> None:
        raise AssertionError(event)

    def access(self, event: str, fields: dict[str, object], /) -> None:
        raise AssertionError(event)

    def failure(self, event: str, failure: object, /, **fields: object) -> None:
        self.failures.append(failure)


@attrs.define
class Services:
    """What the handler uses of `Ucwa`."""

    dispatch: Dispatch
    outstanding_requests: int = 100
    outstanding: Outstanding = attrs.Factory(Outstanding)


@attrs.define
class Owner:
    """What the handler uses of `Endpoint`."""

    user_uri: str = ALICE


@attrs.define
class Part:
    """One answer of a batch, as an independent reader finds it."""

    status_line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.status_line.split(" ")[1])

    @property
    def json(self) -> dict[str, object]:
        return cast("dict[str, object]", msgspec.json.decode(self.body))

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


def call(body: bytes, content_type: str = "multipart/batching; boundary=b") -> Call:
    """The call of a POST to `batch`."""
    request = Request(
        id="r7",
        site=SITE,
        method="POST",
        path=f"{APPLICATION}/batch",
        query={},
        raw_query="",
        headers={
            "authorization": "Bearer cwt=alice",
            "content-type": content_type,
            "host": "ucwa.example.test",
        },
        body=body,
        client_address="192.0.2.7",
        now=1_700_000_000.0,
        media=Media("application/json", gzip=True),
    )
    return Call(request, cast("Endpoint", Owner()))


def batch_of(*messages: bytes) -> bytes:
    """The body of a batch, as the reference pages show it."""
    parts = (
        b"--b\r\nContent-Type: application/http; msgtype=request\r\n\r\n" + message + b"\r\n"
        for message in messages
    )
    return b"".join(parts) + b"--b--\r\n"


def get(path: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", *fields, "", "")).encode()


def parts_of(response: Response) -> list[Part]:
    """The answers, read with the standard library's MIME reader."""
    content_type = response.content_type or ""
    parsed = message_from_bytes(
        f"Content-Type: {content_type}\r\n\r\n".encode() + (response.body or b"")
    )
    found = []
    for part in cast("list[Message]", parsed.get_payload()):
        text = cast("bytes", part.get_payload(decode=True))
        head, _, body = text.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = [cast("tuple[str, str]", tuple(line.split(": ", 1))) for line in lines]
        found.append(Part(status_line, headers, body))
    return found


class Batches(SynchronousTestCase):
    """With a dispatch that keeps what it is given and answers when it is told to."""

    def setUp(self) -> None:
        self.seen: list[Request] = []
        self.answers: list[Deferred[Response]] = []
        self.ucwa = Services(self.dispatch)

    def dispatch(self, request: Request) -> Deferred[Response]:
        self.seen.append(request)
        self.answers.append(Deferred())
        return self.answers[-1]

    def post(self, running: Call) -> Deferred[Response]:
        return Deferred.fromCoroutine(post_batch(cast("Ucwa", self.ucwa), running))

    def answered(self, *responses: Response) -> list[Part]:
        """The parts of a batch of GETs that are answered with `responses`."""
        result = self.post(call(batch_of(*(get("/ucwa/x") for _ in responses))))
        for answer, response in zip(self.answers, responses, strict=True):
            answer.callback(response)
        return parts_of(self.successResultOf(result))

    def refused(self, running: Call) -> PeerFault | Refusal:
        failure = self.failureResultOf(self.post(running), PeerFault, Refusal)
        self.assertEqual(self.seen, [])
        return cast("PeerFault | Refusal", failure.value)

    def test_declaration(self) -> None:
        """The resource is declared with its one operation and its refusal."""
        (resource,) = RESOURCES
        (operation,) = resource.operations
        self.assertEqual(
            (resource.rel, resource.path, operation.method), ("batch", "batch", "POST")
        )
        self.assertEqual(operation.success, (200,))
        self.assertEqual(operation.refusals, (("TooManyRequests", ""),))

    def test_concurrent_and_in_order(self) -> None:
        """All parts run at once; the answers stand in the order of the requests."""
        result = self.post(call(batch_of(*(get(f"/ucwa/{name}") for name in "abc"))))
        self.assertEqual([request.path for request in self.seen], ["/ucwa/a", "/ucwa/b", "/ucwa/c"])
        for place in (2, 0, 1):
            self.assertNoResult(result)
            self.answers[place].callback(Response(document={"rel": "abc"[place]}))
        response = self.successResultOf(result)
        self.assertEqual(response.status, 200)
        self.assertRegex(response.content_type or "", r'^multipart/batching; boundary="[^"=]+"$')
        self.assertEqual([part.json["rel"] for part in parts_of(response)], ["a", "b", "c"])

    def test_the_whole_answer(self) -> None:
        """An answer has CRLF line ends, the literal part type and one line of JSON."""
        result = self.post(call(batch_of(get("/ucwa/me"))))
        self.answers[0].callback(
            Response(
                document={"rel": "me", "name": "Zoë\n"},
                headers=[("X-MS-UcwaVersion", "1"), ("ETag", '"5"')],
            )
        )
        response = self.successResultOf(result)
        boundary = (response.content_type or "").split('"')[1].encode()
        self.assertEqual(
            response.body,
            b"--" + boundary + b"\r\n"
            b"Content-Type: application/http; msgtype=response\r\n"
            b"\r\n"
            b"HTTP/1.1 200 OK\r\n"
            b"X-MS-UcwaVersion: 1\r\n"
            b'ETag: "5"\r\n'
            b"Cache-Control: no-cache\r\n"
            b"Content-Length: 28\r\n"
            b"Content-Type: application/json; charset=utf-8\r\n"
            b"\r\n"
            b'{"rel":"me","name":"Zo\xc3\xab\\n"}\r\n'
            b"--" + boundary + b"--\r\n",
        )

    def test_kinds_of_answers(self) -> None:
        """Documents, bytes, nothing and errors are rendered as they are alone."""
        parts = self.answered(
            Response(
                body=b"raw", content_type="text/plain", headers=[("Cache-Control", "private")]
            ),
            Response(204),
            Response(201, headers=[("Location", "/ucwa/there")]),
            Response(404, document={"code": "NotFound"}),
        )
        self.assertEqual(
            [part.status_line for part in parts],
            [
                "HTTP/1.1 200 OK",
                "HTTP/1.1 204 No Content",
                "HTTP/1.1 201 Created",
                "HTTP/1.1 404 Not Found",
            ],
        )
        self.assertEqual([part.body for part in parts], [b"raw", b"", b"", b'{"code":"NotFound"}'])
        self.assertEqual(
            [part.header("Content-Type") for part in parts],
            ["text/plain", None, None, "application/json; charset=utf-8"],
        )
        self.assertEqual([part.header("Content-Length") for part in parts], ["3", None, "0", "19"])
        self.assertEqual(parts[0].header("Cache-Control"), "private")
        self.assertEqual(parts[2].header("Location"), "/ucwa/there")

    def test_content_type_is_last(self) -> None:
        """The sample client takes the first line after Content-Type that is not empty for JSON."""
        (part,) = self.answered(Response(document={}, headers=[("X-MS-UcwaVersion", "2")]))
        self.assertEqual([name for name, _ in part.headers].index("Content-Type"), 3)
        self.assertEqual(part.headers[-1][0], "Content-Type")

    def test_line_break_in_a_header(self) -> None:
        """A header that would forge another part's answer fails the batch, which then is over."""
        self.ucwa.outstanding_requests = 1
        result = self.post(call(batch_of(get("/ucwa/x"))))
        self.answers[0].callback(Response(headers=[("Location", "/x\r\n\r\n--")]))
        self.failureResultOf(result, ValueError)
        self.assertNoResult(self.post(call(batch_of(get("/ucwa/x")))))

    def test_what_a_part_inherits(self) -> None:
        """Caller, site, address and time are the batch's; headers and media the part's own."""
        own = ("Authorization: Bearer cwt=mallory", "Accept: application/xml", "If-Match: 5")
        self.post(call(batch_of(get("/ucwa/a"), get("https://h.example.test/ucwa/b?C=d", *own))))
        first, second = self.seen
        for request in self.seen:
            self.assertEqual(request.headers["authorization"], "Bearer cwt=alice")
            self.assertEqual(request.site, SITE)
            self.assertEqual(request.client_address, "192.0.2.7")
            self.assertEqual(request.now, 1_700_000_000.0)
        self.assertEqual([request.id for request in self.seen], ["r7-1", "r7-2"])
        self.assertEqual((second.path, second.raw_query), ("/ucwa/b", "C=d"))
        self.assertEqual(first.media, Media("application/json"))
        self.assertEqual(second.media, Media("application/xml", xml=True))
        self.assertEqual(second.headers["if-match"], "5")
        self.assertNotIn("content-type", first.headers)

    def test_body_and_data_header(self) -> None:
        """A POST's body comes after its head or in the sample client's Data header."""
        posted = get("/ucwa/a", "Content-Type: text/plain", "Content-Length: 2", method="POST")
        self.post(call(batch_of(posted + b"hi", get("/ucwa/b", 'Data: {"a":1}', method="POST"))))
        self.assertEqual([request.body for request in self.seen], [b"hi", b'{"a":1}'])
        self.assertEqual(self.seen[0].headers["content-type"], "text/plain")

    def test_xml(self) -> None:
        """A part that asks for XML is answered in XML, its neighbour in JSON."""
        result = self.post(
            call(batch_of(get("/ucwa/a", "Accept: application/xml"), get("/ucwa/b")))
        )
        for answer in self.answers:
            answer.callback(
                Response(document={"rel": "x", "_links": {"self": {"href": "/ucwa/x"}}})
            )
        xml, json = parts_of(self.successResultOf(result))
        self.assertEqual(xml.header("Content-Type"), "application/xml; charset=utf-8")
        self.assertIn(b"<resource", xml.body)
        self.assertEqual(json.json["rel"], "x")

    def test_head(self) -> None:
        """The answer to a HEAD has the headers of the GET and no body."""
        result = self.post(call(batch_of(get("/ucwa/x", method="HEAD"))))
        self.answers[0].callback(Response(document={}))
        (part,) = parts_of(self.successResultOf(result))
        self.assertEqual((part.header("Content-Length"), part.body), ("2", b""))

    def test_malformed_part(self) -> None:
        """A part that cannot be read has its own error in its place; the others run."""
        result = self.post(
            call(batch_of(b"nonsense", get("/ucwa/a"), b"", get("/ucwa/%zz"), get("/ucwa/b")))
        )
        for answer in self.answers:
            answer.callback(Response(204))
        parts = parts_of(self.successResultOf(result))
        self.assertEqual([part.status for part in parts], [400, 204, 400, 400, 204])
        self.assertEqual([request.path for request in self.seen], ["/ucwa/a", "/ucwa/b"])
        self.assertEqual(parts[0].json["debugInfo"], {"requestId": "r7-1"})

    def test_excluded(self) -> None:
        """Batch and photos are 403, what is no UCWA resource 404; none of them runs."""
        for path, status in [
            (f"{APPLICATION}/batch", 403),
            ("//UCWA/v1/Applications/9//Batch/", 403),
            ("https://ucwa.example.test" + APPLICATION + "/%62atch?x", 403),
            (f"{APPLICATION}/photos/bob@example.test", 403),
            ("/ucwa/v1/applications/17/PHOTOS/bob@example.test?size=48x48", 403),
            ("/WebTicket/oauthtoken", 404),
            ("/", 404),
        ]:
            (part,) = parts_of(self.successResultOf(self.post(call(batch_of(get(path))))))
            self.assertEqual((path, part.status), (path, status))
            self.assertEqual(part.json["code"], {403: "Forbidden", 404: "NotFound"}[status])
        self.assertEqual(self.seen, [])

    def test_not_excluded(self) -> None:
        """A resource whose id only reads like an excluded one is none."""
        paths = [
            f"{APPLICATION}/people/batch",
            "/ucwa/oauth/v1/applications",
            f"{APPLICATION}/photos",
        ]
        self.post(call(batch_of(*map(get, paths))))
        self.assertEqual([request.path for request in self.seen], paths)

    def test_wrong_type(self) -> None:
        """A batch of another Content-Type is 415."""
        for content_type in ("", "application/json", "multipart/mixed; boundary=b"):
            fault = self.refused(call(batch_of(get("/ucwa/a")), content_type))
            self.assertEqual((fault.status, fault.code), (415, "UnsupportedMediaType"))

    def test_malformed_batch(self) -> None:
        """What is no multipart, is cut short or holds nothing is 400, and nothing runs."""
        whole = batch_of(get("/ucwa/a"), get("/ucwa/b"))
        for body in (b"", b"{}", b"--b--", whole[:-20], whole.replace(b"--b", b"--c")):
            fault = self.refused(call(body))
            self.assertEqual((fault.status, fault.subcode), (400, "DeserializationFailure"))

    def test_too_many_parts(self) -> None:
        """One part more than a batch may hold is 429, whatever the user may have."""
        self.ucwa.outstanding_requests = 10_000
        fault = self.refused(call(batch_of(*[get("/ucwa/a")] * (MAX_PARTS + 1))))
        self.assertEqual((fault.status, fault.code), (429, "TooManyRequests"))
        self.post(call(batch_of(*[get("/ucwa/a")] * MAX_PARTS)))
        self.assertEqual(len(self.seen), MAX_PARTS)

    def test_too_many_outstanding(self) -> None:
        """A batch that brings its user over the limit is 429 as a whole, until others are done."""
        self.ucwa.outstanding_requests = 3
        running = self.post(call(batch_of(get("/ucwa/a"), get("/ucwa/b"))))
        more = call(batch_of(get("/ucwa/c"), get("/ucwa/d")))
        fault = self.failureResultOf(self.post(more), Refusal).value
        self.assertEqual((fault.status, fault.code), (429, "TooManyRequests"))
        self.assertEqual(len(self.seen), 2)
        one = self.post(call(batch_of(get("/ucwa/e"))))
        for answer in list(self.answers):
            answer.callback(Response(204))
        self.successResultOf(running)
        self.successResultOf(one)
        self.post(more)
        self.assertEqual([request.path for request in self.seen[3:]], ["/ucwa/c", "/ucwa/d"])

    def test_outstanding_is_per_user(self) -> None:
        """What one user has under way does not count for another."""
        self.ucwa.outstanding_requests = 1
        self.post(call(batch_of(get("/ucwa/a"))))
        other = call(batch_of(get("/ucwa/b")))
        other.endpoint = cast("Endpoint", Owner("sip:bob@example.test"))
        self.post(other)
        self.assertEqual(len(self.seen), 2)


class ThroughThePipeline(SynchronousTestCase):
    """With the dispatch of the real pipeline."""

    def setUp(self) -> None:
        self.log = Silence()
        self.ran: list[str] = []
        service = RequestService(
            SITE,
            [
                self.route("GET", "me", lambda request: Response(document={"rel": "me"})),
                self.route("GET", "events", lambda request: Deferred(), may_park=True),
                self.route("POST", "small", lambda request: Response(204), max_body_bytes=4),
                self.route("GET", "broken", self.broken),
            ],
            authenticate=self.authenticate,
            cross_domain=CrossDomain((), (), "ucwa.example.test"),
            log=self.log,
        )
        self.ucwa = Services(service.dispatch)

    def route(
        self,
        method: str,
        path: str,
        handler: Callable[[Request], Answer],
        *,
        may_park: bool = False,
        max_body_bytes: int = 1024,
    ) -> Route:
        def handle(request: Request) -> Answer:
            self.ran.append(path)
            return handler(request)

        return Route(
            path,
            method,
            f"{APPLICATION}/{path}",
            handle,
            Authorisation.BEARER,
            may_park=may_park,
            max_body_bytes=max_body_bytes,
        )

    def authenticate(self, request: Request) -> Caller:
        if request.headers.get("authorization") != "Bearer cwt=alice":
            raise Unauthorised(["Bearer"])
        return Alice()

    def broken(self, request: Request) -> Response:
        raise LookupError("broken")

    def post(self, *messages: bytes) -> list[Part]:
        coroutine = post_batch(cast("Ucwa", self.ucwa), call(batch_of(*messages)))
        return parts_of(self.successResultOf(Deferred.fromCoroutine(coroutine)))

    def test_each_as_alone(self) -> None:
        """Routes, methods and faults of parts are those of requests that come alone."""
        parts = self.post(
            get(f"{APPLICATION}/me"),
            get(f"{APPLICATION}/nothing"),
            get(f"{APPLICATION}/me", method="PUT"),
            get(f"{APPLICATION}/broken"),
            get(f"{APPLICATION}/me", "Authorization: Bearer cwt=mallory"),
        )
        self.assertEqual([part.status for part in parts], [200, 404, 405, 500, 200])
        self.assertEqual(parts[2].header("Allow"), "GET, HEAD, OPTIONS")
        self.assertEqual(len(self.log.failures), 1)

    def test_events(self) -> None:
        """The event channel cannot be part of a batch: 403, and no GET is parked."""
        (part,) = self.post(get(f"{APPLICATION}/events?ack=1"))
        self.assertEqual((part.status, part.json["code"]), (403, "Forbidden"))
        self.assertEqual(self.ran, [])

    def test_body_limit_of_the_route(self) -> None:
        """A part's body obeys the limit of the route it is for."""
        parts = self.post(
            get(f"{APPLICATION}/small", method="POST") + b"1234",
            get(f"{APPLICATION}/small", method="POST") + b"12345",
        )
        self.assertEqual([part.status for part in parts], [204, 413])
        self.assertEqual(self.ran, ["small"])
