"""Privacy relationships: what a level lets a contact see, and who is told."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.scenarios.presence import TOLD, subscribe
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage


async def contact_of(person: Person, other: Person) -> Shown:
    """The other as a contact of the person."""
    found = await person.get(person.part("people"), "search", query=other.uri)
    for contact in found.embedded.get("contact", ()):
        if contact.text("uri") == other.uri:
            return contact
    raise Stopped(f"{person.uri} does not find {other.uri}")


async def automatic(person: Person, contact: Shown) -> Shown:
    """The contact's relationship, without what an earlier run left."""
    relationship = await person.get(contact, "contactPrivacyRelationship")
    if "resetContactPrivacyRelationship" in relationship.links:
        await person.post(relationship, "resetContactPrivacyRelationship")
        relationship = await person.get(relationship)
    return relationship


async def expect(watcher: Person, contact: Shown, rel: str, name: str, value: str) -> None:
    shown = (await watcher.get(contact, rel)).text(name)
    if shown != value:
        raise Stopped(f"{rel} shows {name} {shown!r}, not {value!r}")


async def levels(stage: Stage) -> None:
    """A level is given, told to its owner, seen by the contact, and taken back."""
    alice, bob = await stage.people(2)
    await subscribe(bob, alice)
    for rel in TOLD:
        await bob.hears("updated", rel)
    at_bob = await contact_of(bob, alice)
    relationship = await automatic(alice, await contact_of(alice, bob))
    before = relationship.text("relationshipLevel")
    await alice.post(alice.part("me"), "note", {"message": "Not for everybody"})
    blocked = await alice.put(relationship, relationshipLevel="Blocked")
    await alice.hears("updated", "contactPrivacyRelationship", "contact")
    for rel in TOLD:
        await bob.hears("updated", rel)
    await expect(bob, at_bob, "contactPresence", "availability", "Offline")
    await expect(bob, at_bob, "contactNote", "message", "")
    shown = await alice.get(alice.part("people"), "myPrivacyRelationships")
    for level in shown.embedded.get("myPrivacyRelationship", ()):
        if level.text("relationshipLevel") == "Blocked":
            await alice.get(await alice.get(level), "contact")
            break
    else:
        raise Stopped("nobody is blocked")
    await alice.post(blocked, "resetContactPrivacyRelationship")
    await alice.hears("updated", "contactPrivacyRelationship", "contact")
    await bob.hears("updated", "contactNote")
    await expect(bob, at_bob, "contactNote", "message", "Not for everybody")
    after = (await alice.get(relationship)).text("relationshipLevel")
    if after != before:
        raise Stopped(f"the automatic level was {before} and is {after}")
    await alice.post(alice.part("me"), "note", {"message": ""})


async def rules(stage: Stage) -> None:
    """A relationship is changed by who knows it, to a level that there is."""
    alice, bob = await stage.people(2)
    relationship = await automatic(alice, await contact_of(alice, bob))
    blocked = {"relationshipLevel": "Blocked"}
    tag = relationship.text("etag")
    for status, exchange in (
        (428, await alice.replace(relationship, None, blocked)),
        (412, await alice.replace(relationship, f"{tag}0", blocked)),
        (400, await alice.replace(relationship, tag, blocked, token=False)),
        (400, await alice.replace(relationship, tag, {"relationshipLevel": "Unheard-of"})),
    ):
        if exchange.status != status:
            raise Stopped(f"PUT answered {exchange.status}, not {status}")


async def unreached(stage: Stage) -> None:
    """Who is blocked, or disturbs, does not ring; the workgroup may disturb."""
    alice, bob = await stage.people(2)
    relationship = await automatic(alice, await contact_of(alice, bob))
    invitation = {"to": alice.uri, "operationId": "1", "subject": "Hello"}

    async def fails(subcode: str) -> None:
        await bob.post(bob.part("communication"), "startMessaging", invitation)
        told = await bob.hears("completed", "messagingInvitation")
        if told.reason is None or told.reason.subcode != subcode:
            raise Stopped(f"the invitation failed with {told.reason}, not {subcode}")

    relationship = await alice.put(relationship, relationshipLevel="Blocked")
    await fails("Unavailable")
    await alice.post(relationship, "resetContactPrivacyRelationship")
    await alice.post(alice.part("me"), "presence", {"availability": "DoNotDisturb"})
    await fails("DoNotDisturb")
    relationship = await alice.put(await alice.get(relationship), relationshipLevel="Workgroup")
    await bob.post(bob.part("communication"), "startMessaging", invitation)
    rung = await alice.hears("started", "messagingInvitation")
    await alice.post(rung.shown["messagingInvitation"], "decline")
    await alice.post(relationship, "resetContactPrivacyRelationship")
    await alice.post(alice.part("me"), "presence", {})


SCENARIOS = (
    Scenario("privacy: levels", levels),
    Scenario("privacy: rules of PUT", rules),
    Scenario("privacy: who is not reached", unreached),
)
