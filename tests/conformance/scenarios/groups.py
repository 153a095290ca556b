"""Groups that are not the user's own: distribution groups, delegates, and the organization."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person, link
from tests.conformance.scenarios.contacts import groups_of, listen
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage

LUNCH, TEAM = "lunch", "team"
NAME = "Conformance Lunch"


async def one_group(person: Person, rel: str) -> Shown:
    """The person's only group of a rel, embedded in myGroups or linked to by it."""
    shown = await person.get(person.part("people"), "myGroups")
    found = shown.embedded.get(rel)
    if found:
        return await person.get(found[0])
    return await person.get(shown, rel)


async def watch_members(person: Person, group: Shown) -> None:
    """Who is in a group, and their presence."""
    await person.get(group, "groupContacts")
    made = await person.post(group, "subscribeToGroupPresence", duration=10)
    await person.delete(person.read(made))


async def find_group(person: Person, text: str) -> Shown:
    """The distribution group that a search finds."""
    shown = await person.get(person.part("people"), "search", query=text)
    found = shown.embedded.get("distributionGroup", ())
    if len(found) != 1:
        raise Stopped(f"a search for {text} finds {len(found)} distribution groups")
    return found[0]


async def distribution(stage: Stage) -> None:
    """A distribution group is found, expanded, put on the list, changed, and taken off."""
    alice = await stage.person(0)
    bob, carol = stage.accounts[1], stage.accounts[2]
    lunch, team = (f"{name}@{bob.domain}" for name in (LUNCH, TEAM))

    async def put(*members: str) -> None:
        options = [option for member in members for option in ("--member", member)]
        await stage.operate("group", "set", lunch, "--name", NAME, *options)

    await stage.operate("group", "set", team, "--name", "Team", "--member", carol.uri)
    await put(bob.uri, team)
    await listen(alice)
    found = await find_group(alice, "conformance lunch")
    expanded = await alice.get(found, "expandDistributionGroup")
    for rel in ("contact", "distributionGroup"):
        if len(expanded.embedded.get(rel, ())) != 1:
            raise Stopped(f"the group does not have one {rel}")
    values = {"displayName": NAME, "smtpAddress": lunch}
    await alice.post(found, "addToContactList", values)
    await alice.hears("added", "distributionGroup")
    (listed,) = await groups_of(alice, "distributionGroup")
    shown = await alice.get(listed)
    made = await alice.post(shown, "subscribeToGroupPresence", duration=10)
    await alice.delete(alice.read(made))
    await put(bob.uri, carol.uri)
    await alice.hears("updated", "distributionGroup")
    await alice.post(shown, "removeFromContactList")
    await alice.hears("deleted", "distributionGroup")
    await alice.refused(404, "POST", shown, "removeFromContactList")
    for address in (lunch, team):
        await stage.operate("group", "remove", address)
    await alice.refused(404, "GET", shown)


async def delegates(stage: Stage) -> None:
    """Delegates and delegators come into groups of theirs and leave them."""
    bob, carol = await stage.person(1), await stage.person(2)
    delegate = ("user", "delegate")
    for person in (bob, carol):
        await listen(person)
    await stage.operate(*delegate, "add", bob.uri, carol.uri)
    await bob.hears("added", "delegatesGroup")
    await bob.hears("added", "contact", "delegatesGroup")
    await carol.hears("added", "contact", "delegatorsGroup")
    for person, rel in ((bob, "delegatesGroup"), (carol, "delegatorsGroup")):
        await watch_members(person, await one_group(person, rel))
    await stage.operate(*delegate, "remove", bob.uri, carol.uri)
    await bob.hears("deleted", "contact", "delegatesGroup")
    await carol.hears("deleted", "contact", "delegatorsGroup")
    await carol.hears("updated", "delegatorsGroup")


async def first_delegator(stage: Stage) -> None:
    """The group of delegators comes with the first one, and goes with the last."""
    alice, carol = stage.accounts[0], stage.accounts[2]
    bob = await stage.person(1)
    await listen(bob)
    delegate = ("user", "delegate")
    await stage.operate(*delegate, "add", alice.uri, bob.uri)
    await bob.hears("added", "delegatorsGroup")
    await stage.operate(*delegate, "add", carol.uri, bob.uri)
    await bob.hears("updated", "delegatorsGroup")
    for account in (alice, carol):
        await stage.operate(*delegate, "remove", account.uri, bob.uri)
    await bob.hears("deleted", "delegatorsGroup")


async def organization(stage: Stage) -> None:
    """Who has a manager sees its organization, and hears when it is another."""
    alice = await stage.person(0)
    bob, carol = stage.accounts[1], stage.accounts[2]
    await listen(alice)
    manage = ("user", "set", alice.uri, "--manager")
    await stage.operate(*manage, bob.uri)
    await alice.hears("added", "myOrganizationGroup")
    await watch_members(alice, await one_group(alice, "myOrganizationGroup"))
    await stage.operate(*manage, carol.uri)
    await alice.hears("updated", "myOrganizationGroup")
    await stage.operate(*manage, "")


async def everybody(stage: Stage) -> None:
    """Contacts come into the groups that everybody has, and into the list, and leave them."""
    alice = await stage.person(0)
    bob = stage.accounts[1]
    await listen(alice)
    people = alice.part("people")
    memberships = await alice.get(people, "myGroupMemberships")
    listed = memberships.embedded.get("myGroupMembership", ())
    if any(bob.address in link(membership, "contact") for membership in listed):
        await alice.post(memberships, "removeContactFromAllGroups", {"contactUri": bob.uri})
    for rel in ("defaultGroup", "pinnedGroup"):
        group = await one_group(alice, rel)
        values = {"contactUri": bob.uri, "groupId": group.text("id")}
        await alice.post(people, "myGroupMemberships", values)
        await alice.hears("added", "contact", rel)
        await watch_members(alice, group)
    await alice.hears("added", "contact", "myContacts")
    await alice.post(memberships, "removeContactFromAllGroups", {"contactUri": bob.uri})
    for place in ("defaultGroup", "pinnedGroup", "myContacts"):
        await alice.hears("deleted", "contact", place)


SCENARIOS = (
    Scenario("groups: those everybody has", everybody),
    Scenario("groups: distribution groups", distribution, ours_only=True),
    Scenario("groups: delegates", delegates, ours_only=True),
    Scenario("groups: the first delegator", first_delegator, ours_only=True),
    Scenario("groups: the organization", organization, ours_only=True),
)
