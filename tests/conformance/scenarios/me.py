"""Me: the own card, presence, note, location, phones and photo."""

from base64 import b64decode
from collections.abc import Mapping

from tests.conformance.clocks import Stopped, Unplayable
from tests.conformance.exchange import Exchange
from tests.conformance.person import Person, asking, link
from tests.conformance.stage import Scenario, Stage

CHANGES = {
    "presence": ("availability", "Busy", "DoNotDisturb"),
    "note": ("message", "At the fair", "Back on Monday"),
    "location": ("location", "Hall 3", "Desk"),
}
"""Rel to the parameter of its POST and two values."""


NUMBER = "+14255550177"

PICTURE = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


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


async def what_was_accepted(stage: Stage) -> None:
    """Revision 2 of makeMeAvailable tells what was accepted, for each modality."""
    alice = await stage.person(0, available=False)
    values = {
        "supportedModalities": ["Messaging", "PhoneAudio"],
        "supportedMessageFormats": ["Plain"],
        "signInAs": "Away",
        "inactiveTimeout": "PT10M",
    }
    href = link(alice.part("me"), "makeMeAvailable")
    rel = "makeMeAvailable"
    made = await alice.write("POST", href, rel, values, headers=asking(2))
    if made.status != 201:
        raise Stopped(f"revision 2 of makeMeAvailable answers {made.status}")
    told = alice.read(made).properties.get("operations", ())
    if len(told) != len(values["supportedModalities"]):
        raise Stopped(f"makeMeAvailable tells of {len(told)} modalities")
    await alice.refresh()
    await _shows(alice, "presence", "availability", "Away")
    again = await alice.write("POST", href, rel, values, headers=asking(2))
    if again.status != 409:
        raise Stopped(f"a second makeMeAvailable answers {again.status}")


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


async def phones(stage: Stage) -> None:
    """The phones of the user are shown; a number can be changed, shown to others, and hidden."""
    alice = await stage.person(0)
    phones = await alice.get(alice.part("me"), "phones")
    changeable = []
    for embedded in phones.embedded.get("phone", ()):
        phone = await alice.get(embedded)
        if "changeNumber" in phone.links:
            changeable.append(phone)
    if not changeable:
        raise Unplayable("needs a user whose phones can be changed")
    phone = changeable[0]
    before = {name: phone.text(name) for name in ("number", "includeInContactCard")}
    await alice.post(phone, "changeNumber", {"number": NUMBER, "includeInContactCard": False})
    await alice.post(phone, "changeVisibility", {"includeInContactCard": True})
    shown = await alice.get(phone)
    if (shown.text("number"), shown.text("includeInContactCard")) != (f"tel:{NUMBER}", "true"):
        raise Stopped(f"a changed phone shows {shown.text('number')}")
    wrong = await alice.refused(400, "POST", phone, "changeNumber", {"number": "no number"})
    if wrong.subcode != "NormalizationFailed":
        raise Stopped(f"what is no number is refused with {wrong.subcode}")
    number = before["number"].removeprefix("tel:")
    old = {"number": number} if number else {}
    await alice.post(phone, "changeNumber", old)
    visible = before["includeInContactCard"] == "true"
    await alice.post(phone, "changeVisibility", {"includeInContactCard": visible})


async def photo(stage: Stage) -> None:
    """A picture is shown in several sizes, by token and by cookie, to oneself and to others."""
    alice = await stage.lurker(0)
    cookie = (await alice.register()).headers.get("set-cookie", "").partition(";")[0]
    me = alice.part("me")
    own = "mobility:photo"
    if own in me.links:
        sent = {"Content-Type": "image/png"}
        await alice.send("PUT", link(me, own), own, PICTURE, headers=sent)
    elif "photo" not in me.links:
        raise Unplayable("needs a user with a photo")
    bob = await stage.person(1)
    contact = await bob.fetch(f"{bob.part('people').href}/{alice.uri[4:]}", "contact")
    shown = await _pictured(alice, link(me, "photo"), "photo")
    await _pictured(alice, link(me, "photo") + "?size=HR64X64", "photo")
    await _pictured(bob, link(contact, "contactPhoto"), "contactPhoto")
    by_cookie = {"Authorization": None, "Cookie": cookie}
    await _pictured(alice, link(me, "photo"), "photo", by_cookie)
    tag = {"If-None-Match": shown.headers.get("etag", "")}
    same = await alice.send("GET", link(me, "photo"), "photo", headers=tag)
    if same.status != 304:
        raise Stopped(f"a photo answers {same.status} to its own tag")
    await alice.refused(400, "GET", me, "photo", size="large")
    if own in me.links:
        await alice.send("DELETE", link(me, own), own)
        await alice.refused(404, "GET", me, "photo")


async def _pictured(
    person: Person, href: str, rel: str, headers: Mapping[str, str | None] | None = None
) -> Exchange:
    """GET a photo, which must be a JPEG."""
    answer = await person.send("GET", href, rel, headers={"Accept": "image/*", **(headers or {})})
    if (answer.status, answer.media_type) != (200, "image/jpeg"):
        raise Stopped(f"{rel} answers {answer.status} {answer.media_type}")
    if answer.body[:2] != b"\xff\xd8":
        raise Stopped(f"{rel} is no JPEG")
    return answer


SCENARIOS = (
    Scenario("me: makeMeAvailable", make_available),
    Scenario("me: makeMeAvailable, revision 2", what_was_accepted),
    Scenario("me: presence, note, location", own_presence),
    Scenario("me: two clients", two_endpoints),
    Scenario("me: phones", phones),
    Scenario("me: photo", photo),
)
