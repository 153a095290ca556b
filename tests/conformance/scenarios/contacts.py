"""The contact list: groups, who is in them, and the subscription that tells of changes."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage

GROUP = "Conformance"
RENAMED = "Conformance, renamed"

DURATION_MIN = 10
"""The shortest the subscription lasts."""


async def listen(person: Person) -> Shown:
    """A subscription to the person's own contacts and groups."""
    subscription = await person.get(person.part("people"), "myContactsAndGroupsSubscription")
    start = "startOrRefreshSubscriptionToContactsAndGroups"
    return person.read(await person.post(subscription, start, duration=DURATION_MIN))


async def groups_of(person: Person, rel: str = "group") -> list[Shown]:
    """The person's groups of one kind."""
    shown = await person.get(person.part("people"), "myGroups")
    return list(shown.embedded.get(rel, ()))


async def group_called(person: Person, name: str) -> Shown:
    for group in await groups_of(person):
        if group.text("name") == name:
            return group
    raise Stopped(f"myGroups has no group called {name}")


async def make_group(person: Person) -> Shown:
    """A new group; what is left of an earlier run goes first."""
    for group in await groups_of(person):
        if group.text("name") in (GROUP, RENAMED):
            await person.delete(group)
    await person.post(person.part("people"), "myGroups", {"displayName": GROUP})
    return await group_called(person, GROUP)


async def groups(stage: Stage) -> None:
    """A group is made, named anew, and removed, and the client hears of each."""
    alice = await stage.person(0)
    subscription = await listen(alice)
    group = await make_group(alice)
    await alice.hears("added", "group")
    refused = {"displayName": GROUP}
    await alice.refused(409, "POST", alice.part("people"), "myGroups", refused)
    group = await alice.put(await alice.get(group), name=RENAMED)
    await alice.hears("updated", "group")
    await alice.delete(group)
    await alice.hears("deleted", "group")
    await alice.get(alice.part("people"), "myGroups", expand="false")
    await alice.post(subscription, "stopSubscriptionToContactsAndGroups")


async def members(stage: Stage) -> None:
    """Contacts come into groups and leave them, and the client hears of each."""
    alice = await stage.person(0)
    bob, carol = stage.accounts[1], stage.accounts[2]
    await listen(alice)
    people = alice.part("people")
    group = await make_group(alice)
    memberships = await alice.get(people, "myGroupMemberships")
    values = {"contactUri": bob.uri, "groupId": group.text("id")}
    added = await alice.post(people, "myGroupMemberships", values)
    await alice.hears("added", "contact", "group")
    await alice.refused(409, "POST", people, "myGroupMemberships", values)
    membership = await alice.fetch(added.headers["location"], "myGroupMembership")
    await alice.get(membership, "contact")
    await alice.get(membership, "group")
    await alice.get(group, "groupContacts")
    await alice.get(people, "myContacts")
    subscription = alice.read(await alice.post(group, "subscribeToGroupPresence", duration=10))
    await alice.delete(subscription)
    await alice.delete(membership)
    await alice.hears("deleted", "contact", "group")
    values["contactUri"] = carol.uri
    await alice.post(people, "myGroupMemberships", values)
    await alice.post(memberships, "removeContactFromAllGroups", {"contactUri": carol.uri})
    await alice.hears("deleted", "contact", "group")
    await alice.delete(group)


async def expiry(stage: Stage) -> None:
    """The subscription warns before its end, and says when it has come."""
    alice = await stage.person(0)
    await listen(alice)
    name = "myContactsAndGroupsSubscription"
    await stage.pass_time(DURATION_MIN * 60 - 30)
    await alice.hears("updated", name, state="Connected")
    await stage.pass_time(60)
    await alice.hears("updated", name, state="Disconnected")


SCENARIOS = (
    Scenario("contacts: groups", groups),
    Scenario("contacts: members of groups", members),
    Scenario("contacts: the end of the subscription", expiry),
)
