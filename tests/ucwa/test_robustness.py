"""Whatever a client sends to whatever is declared: an answer, never a 500, never a traceback."""

import json
import re
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
from tests.ucwa.service import Client, UcwaTestCase, converted, uri

REQUESTS = 3_000

CODES = {*STATUS_OF_CODE, "Unauthorized"}

REASON = re.compile(rb"<reason [^>]*>.*?<code>([A-Za-z]+)</code>", re.DOTALL)

OPERATIONS = [(resource, operation) for resource in RESOURCES for operation in resource.operations]


@attrs.frozen
class Made:
    """A request that was made up; `{live}` in its path and body stands for what exists."""

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

SENSIBLE = {
    "availability": "Busy",
    "clientNetworkType": "Internal",
    "contactUris": [uri("carol")],
    "duration": 10,
    "limit": 5,
    "operationId": "op",
    "presenceSubscriptionId": "{live}",
    "query": "b",
    "reason": "Local",
    "supportedModalities": ["Messaging"],
    "to": uri("bob"),
    "uris": [uri("bob")],
}
"""What an operation takes for its parameters."""

good_values = st.sampled_from([*SENSIBLE.values()])

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
            b'{"a": NaN}',
            b"\xef\xbb\xbf{}",
            b'<?xml version="1.0"?><input><property name="to">x</property></input>',
            b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
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
def bodies(draw: st.DrawFn, operation: Operation) -> bytes:
    """Mostly JSON with the operation's own parameters, right and wrong."""
    if draw(st.integers(0, 4)) == 0:
        return draw(unreadable)
    names = st.one_of(st.sampled_from(operation.parameters or ("x",)), any_text)
    values = draw(st.dictionaries(names, st.one_of(good_values, wrong_values), max_size=5))
    if draw(st.booleans()):
        values = {**sensible(operation), **values}
    if draw(st.booleans()):
        href = draw(st.one_of(data_uris, wrong_values))
        values["_links"] = {"message": {"href": href}}
    return json.dumps(values).encode()


def sensible(operation: Operation) -> dict[str, object]:
    return {name: SENSIBLE[name] for name in operation.parameters if name in SENSIBLE}


@st.composite
def sensible_requests(draw: st.DrawFn) -> Made:
    """A request as a good client sends it, but for what it may have missed meanwhile."""
    resource, operation = draw(st.sampled_from(OPERATIONS))
    path = re.sub(r"\{[a-z]+\}", "{live}", resource.path)
    path = path.replace("people/{live}", "people/bob@example.test")
    path = path.replace("participants/{live}", "participants/bob@example.test")
    text = resource.rel == "sendMessage"
    query = "ack=1" if resource.rel == "events" else "query=b" if resource.rel == "search" else ""
    return Made(
        method=operation.method,
        path=f"{APPLICATIONS}/{{application}}/{path}".rstrip("/"),
        query=query,
        headers={
            "Content-Type": "text/plain" if text else "application/json",
            "Client-Request-Id": str(draw(st.integers(0, 10**9))),  # no two examples are equal
        },
        body=b"Hello" if text else json.dumps(sensible(operation)).encode(),
    )


@st.composite
def requests(draw: st.DrawFn) -> Made:
    """A request to one of the declared resources, more often sensible than not."""
    resource: Resource
    resource, operation = draw(st.sampled_from(OPERATIONS))
    path = draw(st.sampled_from((resource.path, *resource.aliases)))
    segments = [
        draw(st.one_of(live_names, any_text.map(escaped))) if part.startswith("{") else part
        for part in path.split("/")
    ]
    prefix = draw(st.sampled_from((APPLICATIONS, REFERENCE_APPLICATIONS)))
    names = st.one_of(st.sampled_from(operation.parameters or ("x",)), any_text)
    pairs = draw(st.dictionaries(names, st.one_of(good_values.map(str), any_text), max_size=4))
    headers = draw(st.dictionaries(header_names, header_values, max_size=3))
    headers["Content-Type"] = draw(content_types)
    return Made(
        method=draw(
            st.one_of(
                st.just(operation.method),
                st.sampled_from(
                    ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "FOO")
                ),
            )
        ),
        path="/".join((prefix, "{application}", *segments)),
        query="&".join(f"{escaped(name)}={escaped(value)}" for name, value in pairs.items()),
        headers=headers,
        body=draw(bodies(operation)),
    )


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


class RobustnessTests(UcwaTestCase):
    """Every declared resource, in a front end where they all exist."""

    timeout = 300

    async def test_every_answer(self) -> None:
        """No 500 and no failure in the log; every error has a body of UCWA with its code."""
        answered: dict[int, int] = {}
        applications = self.service.front_end.applications
        alice, live = await self.at_work()
        for number, request in enumerate(made(), start=1):
            if number % 50 == 0 or applications.find(alice.application["id"]) is None:
                alice, live = await self.at_work()
            response = await self.answer(alice, request, live)
            answered[response.status] = answered.get(response.status, 0) + 1
            with_body = request.method != "HEAD" and response.status >= 400
            self.assertLess(response.status, 500, (request, response))
            if with_body:
                self.assertIn(self.code_of(response), CODES, (request, response))
            self.assertEqual(self.service.failures(), [], request)
        for status in (200, 201, 204, 400, 404, 405, 409):
            self.assertGreater(answered.get(status, 0), 10, answered)

    async def at_work(self) -> tuple[Client, list[str]]:
        """Alice, and the ids of what she has: a conversation, an invitation, a subscription."""
        applications = self.service.front_end.applications
        for endpoint in list(applications):
            await applications.end(endpoint, self.clock.seconds())
        alice = await self.service.sign_in("alice")
        bob = await self.service.sign_in("bob")
        messaging = await self.talk(alice, bob, "Hello")
        body = {"to": uri("alice"), "operationId": "ringing"}
        rung = await bob.post("communication/messagingInvitations", body)
        invitation = converted(rung.header("Location") or "", bob, alice)
        wanted = {"duration": 30, "uris": [uri("bob")]}
        subscription = (await alice.post("people/presenceSubscriptions", wanted)).json()["id"]
        return alice, [messaging.split("/")[-2], invitation.rpartition("/")[2], subscription]

    async def answer(self, alice: Client, request: Made, live: list[str]) -> MemoryResponse:
        """Send a request with an id that exists in its path; a parked one is ended by another."""
        kind = 0 if "conversations" in request.path else 1 if "nvitations" in request.path else 2
        path = request.path.replace("{live}", live[kind])
        path = path.replace("{application}", alice.application["id"])
        target = f"{path}?{request.query}" if request.query else path
        body = request.body.replace(b"{live}", live[kind].encode())
        pending: Deferred[MemoryResponse] = alice.request(
            request.method, target, headers=request.headers, body=body
        )
        if "/events" in path and not pending.called:
            await self.service.settle()
            if not pending.called:
                self.service.front_end.channels.drain()
        return await pending

    def code_of(self, response: MemoryResponse) -> str:
        """The code of an error body, in the media type its header names."""
        media = (response.header("Content-Type") or "").partition(";")[0]
        if media == "application/xml":
            found = REASON.search(response.body)
            assert found is not None, response
            return found[1].decode()
        self.assertEqual(media, "application/json", response)
        code: str = msgspec.json.decode(response.body)["code"]
        return code
