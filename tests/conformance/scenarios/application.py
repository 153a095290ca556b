"""Applications: registration, instances, policies, and the rules of the event channel."""

from tests.conformance.clocks import Stopped
from tests.conformance.stage import Scenario, Stage


async def life(stage: Stage) -> None:
    """An application is made, made again, read, and ended."""
    alice = await stage.lurker(0)
    made = await alice.register()
    if made.status != 201:
        raise Stopped(f"a new application answered {made.status}")
    href = alice.application.href
    await alice.send("OPTIONS", alice.session.applications, "applications")
    await alice.refresh()
    await alice.get(alice.application, "policies")
    await alice.get(alice.part("onlineMeetings"))
    await alice.get(alice.part("people"))
    await alice.get(alice.part("communication"))
    await alice.post(
        alice.application, "reportMyNetwork", {"clientNetworkType": "Internal", "rssi": "-50"}
    )
    await alice.refused(400, "POST", alice.application, "reportMyNetwork", {})
    await alice.delete(alice.application)
    gone = await alice.send("GET", href, "application")
    if (gone.status, alice.reason(gone).subcode) != (404, "ApplicationNotFound"):
        raise Stopped(f"an application that has ended answers {gone.status}")


async def instances(stage: Stage) -> None:
    """Two tabs of a browser share an application and have a channel each."""
    alice = await stage.lurker(0)
    first = await alice.register(instanceId="one", type="Browser")
    events = alice.application.links["events"][0].href
    again = await alice.register(instanceId="one", type="Browser")
    other = await alice.register(instanceId="two", type="Browser")
    if (first.status, again.status, other.status) != (201, 200, 201):
        raise Stopped(f"instances answered {first.status}, {again.status}, {other.status}")
    if alice.application.links["events"][0].href == events:
        raise Stopped("two instances have one channel")


async def expiry(stage: Stage) -> None:
    """An application that nobody uses ends by itself."""
    alice = await stage.person(0, available=False)
    application = alice.application
    await stage.pass_time(7 * 24 * 3600)
    stage.forget_sessions()
    session = await stage.discovery.sign_in(stage.accounts[0])
    alice.session = session
    await alice.refused(404, "GET", application)


SCENARIOS = (
    Scenario("application", life),
    Scenario("application instances", instances),
    Scenario("application expiry", expiry, ours_only=True),
)
