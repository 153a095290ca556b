"""People: search, and what is known of a contact."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage


async def find(person: Person, **query: object) -> list[Shown]:
    """The contacts that a search finds."""
    shown = await person.get(person.part("people"), "search", **query)
    return list(shown.embedded.get("contact", ()))


async def search(stage: Stage) -> None:
    """People are found by their address, at most so many as were asked for."""
    alice = await stage.person(0)
    for account in stage.accounts[:3]:
        found = await find(alice, query=account.uri)
        if account.uri not in [contact.text("uri") for contact in found]:
            raise Stopped(f"a search for {account.uri} finds {len(found)} others")
    one = await find(alice, query=f"@{stage.accounts[0].domain}", limit=1)
    if len(one) > 1:
        raise Stopped(f"a search for at most one finds {len(one)}")
    await find(alice, query="nobody is called like that")
    await alice.refused(400, "GET", alice.part("people"), "search", query="a", limit=0)
    await alice.refused(400, "GET", alice.part("people"), "search")


SCENARIOS = (Scenario("people: search", search),)
