"""Me: the own card, presence, note, location, phones and photo."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.stage import Scenario, Stage

CHANGES = {
    "presence": ("availability", "Busy", "DoNotDisturb"),
    "note": ("message", "At the fair", "Back on Monday"),
    "location": ("location", "Hall 3", "Desk"),
}
"""Rel to the parameter of its POST and two values."""


async def make_available(stage: Stage) -> None:
    """Before makeMeAvailable a client lurks; after it the user's own presence can be changed."""
    alice = await stage.person(0, available=False)
    me = await alice.get(alice.part("me"))
    lurking = set(me.links)
    if lurking & set(CHANGES) or "makeMeAvailable" not in lurking:
        raise Stopped(f"before makeMeAvailable, me has the links {sorted(lurking)}")
    await alice.make_available("Messaging")
    await alice.hears("updated", "me")
    for rel in CHANGES:
        await alice.hears("added", rel)
    await alice.hears("updated", "communication")
    await alice.refused(409, "POST", me, "makeMeAvailable", {})
    await alice.post(await alice.get(me), "reportMyActivity")


async def own_presence(stage: Stage) -> None:
    """Presence, note and location are read, changed, and told of."""
    alice = await stage.person(0)
    me = alice.part("me")
    for rel, (name, *texts) in CHANGES.items():
        for text in texts:
            await alice.post(me, rel, {name: text})
            await alice.hears("updated", rel)
            await _shows(alice, rel, name, text)
    await alice.post(me, "presence", {})
    for rel, name in (("note", "message"), ("location", "location")):
        await alice.post(me, rel, {name: ""})
    await alice.refused(400, "POST", me, "presence", {"availability": "Absent"})


async def _shows(alice: Person, rel: str, name: str, text: str) -> None:
    shown = await alice.get(alice.part("me"), rel)
    if shown.text(name) != text:
        raise Stopped(f"{rel} shows {shown.text(name)!r}, not {text!r}")


async def two_endpoints(stage: Stage) -> None:
    """What one client of a user changes, the user's other client hears."""
    first = await stage.person(0)
    second = await stage.lurker(0)
    await second.register(endpointId="another client")
    await second.make_available("Messaging")
    await first.post(first.part("me"), "note", {"message": "Heard by both"})
    await second.hears("updated", "note")
    await first.post(first.part("me"), "note", {"message": ""})


async def phones_and_photo(stage: Stage) -> None:
    """The phones of the user, and the picture."""
    alice = await stage.person(0)
    me = alice.part("me")
    phones = await alice.get(me, "phones")
    for phone in phones.embedded.get("phone", ()):
        await alice.get(phone)


SCENARIOS = (
    Scenario("me: makeMeAvailable", make_available),
    Scenario("me: presence, note, location", own_presence),
    Scenario("me: two clients", two_endpoints),
    Scenario("me: phones and photo", phones_and_photo),
)
