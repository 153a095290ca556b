"""Batches: several requests in one, each answered as if it had come alone."""

from tests.conformance.clocks import Stopped
from tests.conformance.exchange import Exchange
from tests.conformance.parts import Part, answers, batch_body
from tests.conformance.person import link
from tests.conformance.shown import ShapeError
from tests.conformance.stage import Scenario, Stage


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
    content_type, body = batch_body(parts)
    headers = {"Content-Type": content_type, "Accept": "multipart/batching"}
    href = link(alice.application, "batch")
    whole = await alice.send("POST", href, "batch", body, headers=headers)
    try:
        answered = list(answers(whole.headers.get("content-type", ""), whole.body))
    except ShapeError as error:
        raise Stopped(f"batch {error}") from None
    if [answer.status for answer in answered] != [status for *_, status in asked]:
        raise Stopped(f"batch answers {[answer.status for answer in answered]}")
    for (method, rel, _, _), answer in zip(asked, answered, strict=True):
        stage.record.saw(Exchange(form, method, rel, answer.status, answer.headers, answer.body))


SCENARIOS = (Scenario("batch", batch),)
