"""Whatever a client sends to whatever is declared: an answer, never a 500, never a traceback."""

import gzip
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import attrs
import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from mobility.errors import STATUS_OF_CODE
from mobility.testing import MemoryResponse
from mobility.ucwa.declaration import Operation, Resource
from mobility.ucwa.hrefs import APPLICATIONS, REFERENCE_APPLICATIONS
from mobility.ucwa.resources import RESOURCES
from tests.ucwa.inputs import ABSENT, Parameter, json_body, parameters, query, xml_body
from tests.ucwa.service import Client
from tests.ucwa.walk import EverythingTestCase

REQUESTS = 3_000

CODES = {*STATUS_OF_CODE, "Unauthorized"}

REASON = re.compile(rb"<reason [^>]*>.*?<code>([A-Za-z]+)</code>", re.DOTALL)

OPERATIONS = [(resource, operation) for resource in RESOURCES for operation in resource.operations]


@attrs.frozen
class Made:
    """A request that was made up, to the resource `rel`.

    `{live}` in its path stands for an id that exists; an empty path is that of a resource
    that exists.
    """

    rel: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


any_text = st.text(st.characters(exclude_categories=()), max_size=40)
"""Any text, lone surrogates and controls included."""

data_uris = st.one_of(
    st.sampled_from(
        (
            "data:text/plain,Hello",
            "data:text/plain;base64,SGVsbG8=",
            "data:text/plain;charset=utf-8;base64,////",
            "data:,",
            "data:text/plain",
            "data:text/html,<b>",
        )
    ),
    any_text.map("data:text/plain,{}".format),
)

wrong_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(10**40), 10**40),
        st.floats(),
        any_text,
        st.just("x" * 5000),
        data_uris,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(any_text, inner)),
    max_leaves=8,
)

unreadable = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        (
            b"{",
            b"[" * 5000,
            b'{"a":' * 3000 + b"1" + b"}" * 3000,
            b'{"a": 1e999999}',
            b'{"to": "\\ud800"}',
            b'{"to": "sip:bob@example.test", "to": {"a": 1}, "TO": [2]}',
            b'{"_links": [1]}',
            b'{"_links": {"message": [{"href": 1}]}}',
            b'{"_links": {"message": {"href": {"a": 1}}}}',
            b"to=sip%3Abob%40example.test&operationId=1",
            b'{"a": NaN}',
            b"\xef\xbb\xbf{}",
            b'<?xml version="1.0"?><input><property name="to">x</property></input>',
            b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
            b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><input/>',
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><input>&b;</input>',
            b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;&b;">]><a>&d;&d;</a>',
            b'<input><property name="to">&#xD800;</property></input>',
            b'<input><property name="to">&undefined;</property></input>',
            '<?xml version="1.0" encoding="utf-16"?><input/>'.encode("utf-16"),
            b'<?xml version="1.0" encoding="no-such"?><input/>',
            b"<a>" * 2000,
            b"--b\r\n\r\n--b--",
        )
    ),
)

content_types = st.sampled_from(
    (
        "",
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=utf-16",
        "application/xml",
        "application/vnd.microsoft.com.ucwa+json",
        "application/vnd.microsoft.com.ucwa+xml",
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/plain; charset=x",
        "multipart/batching; boundary=b",
        "multipart/batching",
        ";;;=",
    )
)

header_values = st.one_of(
    st.sampled_from(("1", "2", "99", '"1"', "*", "application/xml", "gzip", "text/html;q=0.5,*/*")),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"])),
)

header_names = st.sampled_from(
    (
        "Accept",
        "Accept-Encoding",
        "If-Match",
        "If-None-Match",
        "X-MS-RequiresMinResourceVersion",
        "Idempotency-Key",
        "Cookie",
        "X-Ms-Origin",
        "Accept-Language",
    )
)

live_names = st.sampled_from(
    ("{live}", "{live}", "bob@example.test", "alice@example.test", "work", "default", "1", "2")
)


@st.composite
def bodies(draw: st.DrawFn, resource: Resource, operation: Operation) -> tuple[bytes, str]:
    """A body and its type: mostly the operation's own parameters, right and wrong."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return draw(unreadable), draw(content_types)
    known = list(parameters(resource, operation))
    values = (draw(st.booleans()) and sensible(known)) or {}
    if kind == 1:
        for parameter in known:
            values[parameter] = draw(st.sampled_from([*parameter.wrong_texts(), "1"]))
        return xml_body(values), "application/xml"
    for parameter in known:
        if draw(st.booleans()):
            wrong = st.one_of(st.sampled_from([*parameter.wrong_values()]), wrong_values)
            values[parameter] = draw(wrong)
    body = json.loads(json_body(values))
    body |= draw(st.dictionaries(any_text, wrong_values, max_size=2))
    return json.dumps(body).encode(), draw(st.one_of(st.just("application/json"), content_types))


def sensible(known: Iterable[Parameter]) -> dict[Parameter, Any]:
    """What an operation takes for its parameters."""
    return {
        parameter: value
        for parameter in known
        if (value := parameter.sensible()) is not ABSENT and parameter.name != "groupId"
    }


@st.composite
def sensible_requests(draw: st.DrawFn) -> Made:
    """A request as a good client sends it, but for what it may have missed meanwhile."""
    resource, operation = draw(st.sampled_from(OPERATIONS))
    values = sensible(parameters(resource, operation))
    text = resource.rel == "sendMessage"
    xml = draw(st.booleans())
    body = b"" if operation.method == "GET" else (xml_body if xml else json_body)(values)
    return Made(
        rel=resource.rel,
        method=operation.method,
        path="",
        query=query(values) if operation.method == "GET" else "",
        headers={
            "Content-Type": "text/plain" if text else f"application/{'xml' if xml else 'json'}",
            "Client-Request-Id": str(draw(st.integers(0, 10**9))),  # no two examples are equal
        },
        body=b"Hello" if text else body,
    )


@st.composite
def requests(draw: st.DrawFn) -> Made:
    """A request to one of the declared resources, more often sensible than not."""
    resource: Resource
    resource, operation = draw(st.sampled_from(OPERATIONS))
    body, content_type = draw(bodies(resource, operation))
    names = st.one_of(st.sampled_from(operation.parameters or ("x",)), any_text)
    pairs = draw(st.dictionaries(names, any_text, max_size=4))
    headers = draw(st.dictionaries(header_names, header_values, max_size=3))
    headers["Content-Type"] = content_type
    return Made(
        rel=resource.rel,
        method=draw(
            st.one_of(
                st.just(operation.method),
                st.sampled_from(
                    ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "FOO")
                ),
            )
        ),
        path=draw(st.one_of(st.just(""), paths(resource))),
        query="&".join(f"{escaped(name)}={escaped(value)}" for name, value in pairs.items()),
        headers=headers,
        body=body,
    )


@st.composite
def paths(draw: st.DrawFn, resource: Resource) -> str:
    """One of the paths of a resource, whose ids may exist or not."""
    path = draw(st.sampled_from((resource.path, *resource.aliases)))
    segments = [
        draw(st.one_of(live_names, any_text.map(escaped))) if part.startswith("{") else part
        for part in path.split("/")
    ]
    prefix = draw(st.sampled_from((APPLICATIONS, REFERENCE_APPLICATIONS)))
    return "/".join((prefix, "{application}", *segments))


def escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def made() -> list[Made]:
    """The requests of this test, the same at every run."""
    found: list[Made] = []

    @settings(
        max_examples=REQUESTS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(requests(), requests(), sensible_requests()))
    def collect(request: Made) -> None:
        found.append(request)

    collect()
    return found


class RobustnessTests(EverythingTestCase):
    """Every declared resource, in a front end where they all exist."""

    timeout = 600

    async def test_every_answer(self) -> None:
        """No 500 and no failure in the log; every error has a body of UCWA with its code."""
        answered: dict[int, int] = {}
        applications = self.service.front_end.applications
        alice, places = await self.at_work()
        for number, request in enumerate(made(), start=1):
            if number % 50 == 0 or applications.find(alice.application["id"]) is None:
                alice, places = await self.at_work()
            response = await self.answer(alice, request, places)
            answered[response.status] = answered.get(response.status, 0) + 1
            with_body = request.method != "HEAD" and response.status >= 400
            self.assertLess(response.status, 500, (request, response))
            if with_body:
                self.assertIn(self.code_of(response), CODES, (request, response))
            self.assertEqual(self.service.failures(), [], request)
        for status in (200, 201, 204, 400, 404, 405, 415, 428):
            self.assertGreater(answered.get(status, 0), 10, answered)

    async def at_work(self) -> tuple[Client, dict[str, str]]:
        """Alice, and where she has one of each kind of resource."""
        applications = self.service.front_end.applications
        for endpoint in list(applications):
            await applications.end(endpoint, self.clock.seconds())
        return await self.walk()

    async def answer(self, alice: Client, request: Made, places: dict[str, str]) -> MemoryResponse:
        """Send a request with an id that exists in its path; a parked one is ended by another."""
        place = places.get(request.rel, f"{alice.href}/no-such-place")
        live = place.partition("?")[0].rpartition("/")[2]
        path = request.path.replace("{live}", live) or place
        path = path.replace("{application}", alice.application["id"])
        target = f"{path}{'&' if '?' in path else '?'}{request.query}" if request.query else path
        pending: Deferred[MemoryResponse] = alice.request(
            request.method, target, headers=request.headers, body=request.body
        )
        if "/events" in path and not pending.called:
            await self.service.settle()
            if not pending.called:
                self.service.front_end.channels.drain()
        return await pending

    def code_of(self, response: MemoryResponse) -> str:
        """The code of an error body, in the coding and media type its header names."""
        body = response.body
        if response.header("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        media = (response.header("Content-Type") or "").partition(";")[0]
        if media == "application/xml":
            found = REASON.search(body)
            assert found is not None, response
            return found[1].decode()
        self.assertEqual(media, "application/json", response)
        code: str = msgspec.json.decode(body)["code"]
        return code
