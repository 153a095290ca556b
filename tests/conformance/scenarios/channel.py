"""The event channel: pending GETs that repeat, replace one another, time out, and get lost."""

from twisted.internet.defer import ensureDeferred

from tests.conformance.clocks import Stopped
from tests.conformance.exchange import Exchange
from tests.conformance.person import Person, link
from tests.conformance.shown import Batch, ShapeError, read_events
from tests.conformance.stage import Scenario, Stage

TIMEOUT_S = 180
"""The shortest time a client should name (UCWA rel `events`, `timeout`)."""

SHORTEST_S = 30
"""The shortest that a pending GET waits here."""


async def poll(person: Person, href: str) -> Exchange:
    """One pending GET of an href as it is."""
    return await person.send("GET", href, "events")


def read(person: Person, exchange: Exchange) -> Batch:
    if exchange.status != 200:
        raise Stopped(f"events answered {exchange.status}")
    try:
        return read_events(exchange.body, person.form)
    except ShapeError as error:
        raise Stopped(f"events: {error}") from None


async def repeated(stage: Stage) -> None:
    """An answer that was lost is given again; once it is confirmed, the next one comes."""
    alice = await stage.person(0)
    await stage.pass_time(5)
    first = link(alice.application, "events")
    once = read(alice, await poll(alice, first))
    again = read(alice, await poll(alice, first))
    if not once.events or once.events != again.events:
        raise Stopped("an answer that is asked for again differs")
    await alice.post(alice.part("me"), "note", {"message": "next"})
    await stage.pass_time(5)
    after = read(alice, await poll(alice, once.links["next"]))
    if [(event.rel, event.type) for event in after.events] != [("note", "updated")]:
        raise Stopped(f"the next answer has {len(after.events)} events, not one")
    await alice.post(alice.part("me"), "note", {"message": ""})


async def replaced(stage: Stage) -> None:
    """A second pending GET ends the first one with a conflict."""
    alice = await stage.person(0, available=False)
    href = link(alice.application, "events")
    older = ensureDeferred(poll(alice, href))
    newer = ensureDeferred(poll(alice, href))
    refused = await older
    if (refused.status, alice.reason(refused).subcode) != (409, "PGetReplaced"):
        raise Stopped(f"a replaced pending GET answers {refused.status}")
    await alice.make_available()
    await stage.pass_time(5)
    read(alice, await newer)


async def timed_out(stage: Stage) -> None:
    """A pending GET is answered without events when nothing happens."""
    alice = await stage.person(0, available=False)
    pending = ensureDeferred(
        poll(alice, f"{link(alice.application, 'events')}&timeout={TIMEOUT_S}")
    )
    await alice.get(alice.application)
    await stage.clock.pass_time(TIMEOUT_S)
    if read(alice, await pending).events:
        raise Stopped("a pending GET that timed out has events")
    await alice.refused(400, "GET", alice.application, "events", timeout="soon")


async def hurried(stage: Stage) -> None:
    """A pending GET that is to wait for less than the shortest time waits for that."""
    alice = await stage.person(0, available=False)
    pending = ensureDeferred(poll(alice, f"{link(alice.application, 'events')}&timeout=1"))
    await alice.get(alice.application)
    await stage.clock.pass_time(SHORTEST_S)
    if read(alice, await pending).events:
        raise Stopped("a pending GET that timed out has events")


async def lost(stage: Stage) -> None:
    """A number that was never given out leads to a link to start again from."""
    alice = await stage.person(0)
    href = link(alice.application, "events").replace("ack=1", "ack=1000")
    batch = read(alice, await poll(alice, href))
    if "resync" not in batch.links:
        raise Stopped(f"a wrong ack is answered with the links {sorted(batch.links)}")
    await stage.pass_time(5)
    read(alice, await poll(alice, batch.links["resync"]))


SCENARIOS = (
    Scenario("channel: a lost answer", repeated),
    Scenario("channel: a replaced GET", replaced),
    Scenario("channel: a time-out", timed_out),
    Scenario("channel: a short time-out", hurried),
    Scenario("channel: a wrong number", lost),
)
