"""What is true of every resource: entity tags, versions, PUT, and repeated GETs."""

from collections import deque

import attrs

from tests.conformance import differences
from tests.conformance.clocks import Stopped
from tests.conformance.person import Person, put_token
from tests.conformance.scenarios.contacts import make_group
from tests.conformance.scenarios.messaging import talk
from tests.conformance.scenarios.presence import subscribe
from tests.conformance.shown import Form, Shown
from tests.conformance.stage import Scenario, Stage

NOT_WALKED = differences.OPAQUE | {"events", "search", "self"}
"""Links that are not followed blindly: pictures, what waits, and what needs a question."""

MOST = 300
"""How many resources are visited (our choice)."""

STALE = "1"


async def walk(stage: Stage) -> None:
    """Everything that links lead to obeys the rules of its kind."""
    alice, bob = await stage.people(2)
    await subscribe(alice, bob)
    await talk(alice, bob, "walk")
    group = await make_group(alice)
    values = {"contactUri": bob.uri, "groupId": group.text("id")}
    await alice.post(alice.part("people"), "myGroupMemberships", values)
    for shown in await everything(alice):
        await unchanged(alice, shown)
        await versions(alice, shown)
        await methods(alice, shown)
        if put_token(shown):
            await replaced(alice, shown)
    memberships = await alice.get(alice.part("people"), "myGroupMemberships")
    await alice.post(memberships, "removeContactFromAllGroups", {"contactUri": bob.uri})
    await alice.delete(await alice.get(group))


async def everything(person: Person) -> list[Shown]:
    """All resources that links of the application lead to."""
    catalogue = person.catalogue
    waiting = deque([("application", person.application.href, "applications")])
    visited: dict[str, Shown] = {}
    while waiting and len(visited) < MOST:
        rel, href, source = waiting.popleft()
        if href in visited:
            continue
        answer = await person.send("GET", href, rel)
        if answer.status != 200:
            raise Stopped(f"{source} links to a {rel} that answers {answer.status}: {href}")
        visited[href] = person.read(answer)
        for one in visited[href].resources():
            for name, links in one.links.items():
                page = catalogue.pages.get(name)
                if name not in NOT_WALKED and page is not None and "GET" in page.operations:
                    waiting += ((name, link.href, one.rel) for link in links)
    return list(visited.values())


def same(one: Shown, other: Shown) -> bool:
    """Whether both show the same, but for what changes by itself."""

    def steady(shown: Shown) -> Shown:
        kept = {
            name: value
            for name, value in shown.properties.items()
            if (shown.rel, name) not in differences.MOVING
        }
        return attrs.evolve(shown, properties=kept)

    return one.rel in differences.UNSTEADY or steady(one) == steady(other)


async def unchanged(person: Person, shown: Shown) -> None:
    """A second GET shows the same, and If-None-Match spares it."""
    again = await person.get(shown)
    if not same(shown, again):
        raise Stopped(f"a second GET of {shown.rel} differs")
    tag = shown.text("etag")
    if tag:
        headers = {"If-None-Match": f'"{tag}"'}
        answer = await person.send("GET", shown.href, shown.rel, headers=headers)
        if answer.status != 304:
            raise Stopped(f"{shown.rel} answers {answer.status} to its own tag")


async def versions(person: Person, shown: Shown) -> None:
    """Deployed clients require revision 2 of everything; one that is not there yet is refused."""
    name = "X-MS-RequiresMinResourceVersion"
    for wanted, status in (("1", 200), ("2.0", 200), ("99", 404)):
        answer = await person.send("GET", shown.href, shown.rel, headers={name: wanted})
        if answer.status != status:
            raise Stopped(f"{shown.rel} in revision {wanted} answers {answer.status}")


async def methods(person: Person, shown: Shown) -> None:
    """OPTIONS tells what there is, HEAD is a GET without its body."""
    told = await person.send("OPTIONS", shown.href, shown.rel)
    allowed = {name.strip() for name in told.headers.get("allow", "").split(",")}
    if told.status not in (200, 204) or not {"GET", "HEAD", "OPTIONS"} <= allowed:
        raise Stopped(f"OPTIONS {shown.rel} answers {told.status} with {sorted(allowed)}")
    head = await person.send("HEAD", shown.href, shown.rel)
    tag = head.headers.get("etag", "").strip('"')
    if (head.status, tag) != (200, shown.text("etag")):
        raise Stopped(f"HEAD {shown.rel} answers {head.status} with the tag {tag}")
    wrong = {"PUT", "DELETE"} - allowed
    for method in sorted(wrong):
        refused = await person.send(method, shown.href, shown.rel)
        if refused.status != 405:
            raise Stopped(f"{method} {shown.rel} answers {refused.status}, not 405")


async def replaced(person: Person, shown: Shown) -> None:
    """A PUT needs the current tag and the token; a whole document can be sent back."""
    for status, tag, token in (
        (428, None, True),
        (412, STALE, True),
        (400, shown.text("etag"), False),
    ):
        answer = await person.replace(shown, tag, token=token)
        if answer.status != status:
            raise Stopped(f"PUT {shown.rel} answers {answer.status}, not {status}")
    await person.put(shown)


async def media_types(stage: Stage) -> None:
    """The answer is in the spelling that was asked for."""
    alice = await stage.person(0)
    for spelling in (stage.form.plain, stage.form.value):
        answer = await alice.send(
            "GET", alice.application.href, "application", headers={"Accept": spelling}
        )
        if answer.media_type != spelling:
            raise Stopped(f"asked for {spelling}, got {answer.media_type}")


async def errors(stage: Stage) -> None:
    """Errors are UCWA's own, in the form that was asked for."""
    alice = await stage.person(0)
    me = alice.part("me")
    wrong = await alice.send("DELETE", me.href, "me")
    if wrong.status != 405:
        raise Stopped(f"DELETE me answers {wrong.status}")
    unknown = await alice.send("GET", f"{alice.application.href}/nothing", "application")
    if unknown.status != 404:
        raise Stopped(f"a path that does not exist answers {unknown.status}")
    bad = b"{" if stage.form is Form.JSON else b"<input>"
    headers = {"Content-Type": stage.form.plain}
    note = me.links["note"][0].href
    broken = await alice.send("POST", note, "note", bad, headers=headers)
    if (broken.status, alice.reason(broken).subcode) != (400, "DeserializationFailure"):
        raise Stopped(f"a broken document answers {broken.status}")
    stranger = await alice.send("GET", me.href, "me", headers={"Authorization": "Bearer cwt=x"})
    if stranger.status != 401:
        raise Stopped(f"a wrong token answers {stranger.status}")


SCENARIOS = (
    Scenario("rules: every resource", walk),
    Scenario("rules: media types", media_types),
    Scenario("rules: errors", errors),
)
