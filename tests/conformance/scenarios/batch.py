"""Batches: several requests in one, each answered as if it had come alone."""

from tests.conformance.clocks import Stopped
from tests.conformance.exchange import Exchange
from tests.conformance.parts import BOUNDARY, Part, answers, batch_body
from tests.conformance.person import Person, link
from tests.conformance.shown import ShapeError
from tests.conformance.stage import Scenario, Stage
from tests.conformance.wire import Answer

MOST = 100
"""The parts of one batch (UCWA "Batching requests")."""

NOTHING = "never set"


async def send(person: Person, content_type: str, body: bytes) -> Exchange:
    """POST a batch."""
    accept = f"multipart/batching, {person.form.plain}"
    headers = {"Content-Type": content_type, "Accept": accept}
    return await person.send(
        "POST", link(person.application, "batch"), "batch", body, headers=headers
    )


async def answered(person: Person, content_type: str, body: bytes) -> list[Answer]:
    """The answers to the parts of a batch."""
    whole = await send(person, content_type, body)
    if whole.status != 200:
        raise Stopped(f"batch answers {whole.status}")
    try:
        return list(answers(whole.headers.get("content-type", ""), whole.body))
    except ShapeError as error:
        raise Stopped(f"batch {error}") from None


def must_be(found: list[Answer], *statuses: int) -> None:
    """Raises Stopped when the parts were answered otherwise."""
    if [answer.status for answer in found] != list(statuses):
        raise Stopped(f"batch answers {[answer.status for answer in found]}, not {list(statuses)}")


async def batch(stage: Stage) -> None:
    """Each part has its answer, in order; one that fails leaves the others alone."""
    alice = await stage.person(0)
    form, me = stage.form, alice.part("me")
    asked = (
        ("GET", "me", me.href, 200),
        ("GET", "people", alice.part("people").href, 200),
        ("GET", "me", f"{me.href}/nothing", 404),
        ("POST", "reportMyActivity", link(me, "reportMyActivity"), 204),
    )
    parts = [Part(method, href, form.plain) for method, _, href, _ in asked]
    found = await answered(alice, *batch_body(parts))
    must_be(found, *(status for *_, status in asked))
    for (method, rel, _, _), answer in zip(asked, found, strict=True):
        stage.record.saw(Exchange(form, method, rel, answer.status, answer.headers, answer.body))


async def as_clients_write(stage: Stage) -> None:
    """What deployed clients write is read as they mean it."""
    alice = await stage.person(0)
    me, accept = alice.part("me"), stage.form.plain
    note = link(me, "note")
    get = f"GET {me.href} HTTP/1.1\r\nAccept: {accept}"
    head = "Content-Type: application/http; msgtype=request"
    json = "Content-Type: application/json"
    parts = (
        f"{head}\r\n\r\n{get}\r\n\r\n",  # as the page has it
        f"{head}\r\n\r\n{get}\r\n",  # without the empty line after the headers
        f"{head}\r\nContent-Length: {len(get)}\r\n\r\n{get}\r\n\r\n",  # with a length of its own
        f"{head}\r\n\r\nPOST {note} HTTP/1.1\r\n{json}\r\nAccept: {accept}\r\n"
        'Data: {"message":"In a header"}\r\n\r\n',  # the sample client's place for a body
        f'{head}\r\n\r\nPOST {note} HTTP/1.1\r\n{json}\r\nAccept: {accept}\r\n\r\n{{"message":""}}',
    )
    body = "".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts) + f"--{BOUNDARY}--\r\n"
    for boundary in (BOUNDARY, f'"{BOUNDARY}"'):
        kind = f"multipart/batching;boundary={boundary}"
        must_be(await answered(alice, kind, body.encode()), 200, 200, 200, 204, 204)
    bare = body.replace("\r\n", "\n").encode()
    kind = f"multipart/batching; charset=utf-8; boundary={BOUNDARY}"
    must_be(await answered(alice, kind, bare), 200, 200, 200, 204, 204)


async def left_out(stage: Stage) -> None:
    """A batch cannot hold a batch, the event channel or a photo."""
    alice = await stage.person(0)
    hrefs = [
        ("POST", link(alice.application, "batch")),
        ("GET", link(alice.application, "events")),
        ("GET", alice.part("me").href),
    ]
    if "photo" in alice.part("me").links:
        hrefs.append(("GET", link(alice.part("me"), "photo")))
    parts = [Part(method, href, stage.form.plain) for method, href in hrefs]
    found = [answer.status for answer in await answered(alice, *batch_body(parts))]
    if found.pop(2) != 200 or any(status < 400 for status in found):
        raise Stopped(f"what a batch cannot hold answers {found}")


async def too_many(stage: Stage) -> None:
    """More parts than a user may have under way are refused together, and none is run."""
    alice = await stage.person(0)
    note, accept = link(alice.part("me"), "note"), stage.form.plain
    body = f'{{"message":"{NOTHING}"}}'.encode()
    part = Part("POST", note, accept, "application/json", body)
    refused = await send(alice, *batch_body([part] * (MOST + 1)))
    if (refused.status, alice.reason(refused).code) != (429, "TooManyRequests"):
        raise Stopped(f"a batch of {MOST + 1} parts answers {refused.status}")
    if (await alice.get(alice.part("me"), "note")).text("message") == NOTHING:
        raise Stopped("a part of a refused batch was run")
    empty = await send(alice, f"multipart/batching;boundary={BOUNDARY}", b"")
    other = await send(alice, "text/plain", b"")
    if (empty.status, other.status) != (400, 415):
        raise Stopped(f"what is no batch answers {empty.status} and {other.status}")


SCENARIOS = (
    Scenario("batch", batch),
    Scenario("batch: as clients write it", as_clients_write),
    Scenario("batch: what it cannot hold", left_out),
    Scenario("batch: too many parts", too_many),
)
