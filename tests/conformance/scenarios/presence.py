"""Presence of others: subscriptions, how long they last, and what they tell."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage

DURATION_MIN = 10
"""The shortest a presence subscription lasts (UCWA rel `presenceSubscription`)."""

TOLD = ("contactPresence", "contactNote", "contactLocation", "contactSupportedModalities")
"""What a watcher is told of."""


async def subscribe(watcher: Person, *others: Person) -> Shown:
    """A subscription to the presence of others."""
    values = {"duration": DURATION_MIN, "uris": [other.uri for other in others]}
    made = await watcher.post(watcher.part("people"), "presenceSubscriptions", values)
    return watcher.read(made)


async def watched(stage: Stage) -> None:
    """A watcher is told of all that a contact changes, and reads it."""
    alice, bob = await stage.people(2)
    people = alice.part("people")
    subscription = await subscribe(alice, bob)
    await alice.hears("added", "contact", "subscribedContacts")
    await alice.hears("added", "presenceSubscription")
    for rel in TOLD:
        await alice.hears("updated", rel)
    contacts = await alice.get(people, "subscribedContacts")
    contact = await alice.get(contacts, "contact")
    for rel in TOLD:
        await alice.get(contact, rel)
    me = bob.part("me")
    await bob.post(me, "presence", {"availability": "Busy"})
    await _sees(alice, contact, "contactPresence", "availability", "Busy")
    await bob.post(me, "note", {"message": "Back at noon"})
    await _sees(alice, contact, "contactNote", "message", "Back at noon")
    await bob.post(me, "location", {"location": "Hall 3"})
    await _sees(alice, contact, "contactLocation", "location", "Hall 3")
    await bob.put(bob.part("communication"), supportedModalities=["Messaging", "PhoneAudio"])
    await alice.hears("updated", "contactSupportedModalities")
    await bob.post(me, "presence", {})
    for rel, name in (("note", "message"), ("location", "location")):
        await bob.post(me, rel, {name: ""})
    await alice.delete(subscription)
    await alice.hears("deleted", "presenceSubscription")
    await alice.hears("deleted", "contact", "subscribedContacts")


async def _sees(watcher: Person, contact: Shown, rel: str, name: str, value: str) -> None:
    """The watcher is told, and reads the new value."""
    while True:
        await watcher.hears("updated", rel)
        if (await watcher.get(contact, rel)).text(name) == value:
            return


async def memberships(stage: Stage) -> None:
    """People are added to a subscription and taken out of it."""
    alice, bob, carol = await stage.people(3)
    people = alice.part("people")
    subscription = await subscribe(alice, bob)
    await alice.get(people, "presenceSubscriptions")
    await alice.get(subscription)
    added = {"contactUris": [carol.uri]}
    await alice.post(subscription, "addToPresenceSubscription", added)
    await alice.hears("added", "contact", "subscribedContacts")
    shown = await alice.get(subscription, "memberships")
    await alice.get(people, "presenceSubscriptionMemberships")
    both = shown.embedded.get("presenceSubscriptionMembership", ())
    if len(both) != 2:
        raise Stopped(f"{len(both)} people are in a subscription to two")
    for membership in both:
        await alice.delete(await alice.get(membership))
    await alice.post(subscription, "memberships", added)
    await alice.post(await alice.get(subscription, "memberships"), "self", added)
    await alice.refused(404, "GET", both[0])
    await alice.delete(subscription)
    await alice.refused(404, "POST", subscription, "self", {"duration": DURATION_MIN})


async def expiry(stage: Stage) -> None:
    """A subscription warns before its end, can be extended, and ends."""
    alice, bob = await stage.people(2)
    subscription = await subscribe(alice, bob)
    await alice.hears("added", "presenceSubscription")
    await alice.post(subscription, "self", {"duration": DURATION_MIN})
    await alice.refused(400, "POST", subscription, "self", {"duration": 1})
    await stage.pass_time(2 * DURATION_MIN * 60 - 30)
    await alice.hears("updated", "presenceSubscription")
    await stage.pass_time(60)
    await alice.hears("deleted", "presenceSubscription")
    await alice.refused(404, "GET", subscription)


async def idle(stage: Stage) -> None:
    """Who does not report activity becomes idle."""
    alice, bob = await stage.people(2)
    await bob.post(bob.part("me"), "presence", {"availability": "Online"})
    await subscribe(alice, bob)
    await alice.hears("updated", "contactPresence")
    await stage.pass_time(6 * 60)
    await alice.hears("updated", "contactPresence")
    await bob.post(bob.part("me"), "reportMyActivity")
    await alice.hears("updated", "contactPresence")
    await bob.post(bob.part("me"), "presence", {})


SCENARIOS = (
    Scenario("presence: a contact's changes", watched),
    Scenario("presence: members of a subscription", memberships),
    Scenario("presence: the end of a subscription", expiry),
    Scenario("presence: an idle contact", idle),
)
