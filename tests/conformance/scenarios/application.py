"""Applications: registration, instances, policies, and the rules of the event channel."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import asking, link
from tests.conformance.stage import Scenario, Stage


async def life(stage: Stage) -> None:
    """An application is made, made again, read, and ended."""
    alice = await stage.lurker(0)
    made = await alice.register()
    if made.status != 201:
        raise Stopped(f"a new application answered {made.status}")
    href = alice.application.href
    applications = alice.session.applications
    await alice.send("OPTIONS", applications, "applications")
    await alice.refresh()
    shown = await alice.fetch(applications, "applications")
    if href not in [one.href for one in shown.embedded.get("application", ())]:
        raise Stopped("applications does not show the one that was made")
    await alice.get(alice.application, "policies")
    if "mediaPolicies" in alice.application.links:
        await alice.get(alice.application, "mediaPolicies")
    await alice.get(alice.part("onlineMeetings"))
    await alice.get(alice.part("people"))
    await alice.get(alice.part("communication"))
    await alice.post(
        alice.application, "reportMyNetwork", {"clientNetworkType": "Internal", "rssi": "-50"}
    )
    await alice.refused(400, "POST", alice.application, "reportMyNetwork", {})
    wrong = {"clientNetworkType": "Nowhere"}
    await alice.refused(400, "POST", alice.application, "reportMyNetwork", wrong)
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
    second = alice.application
    if link(second, "events") == events:
        raise Stopped("two instances have one channel")
    await alice.delete(second)
    await alice.refused(404, "GET", second, "events")
    await alice.register(instanceId="one", type="Browser")
    await alice.get(alice.part("me"))


async def revision(stage: Stage) -> None:
    """Revision 2 of applications is there for who asks for it, and no later one."""
    alice = await stage.lurker(0)
    await alice.register(2)
    headers = asking(99)
    values = {"userAgent": "x", "endpointId": "x", "culture": "en-US"}
    later = await alice.write(
        "POST", alice.session.applications, "applications", values, headers=headers
    )
    if (later.status, alice.reason(later).subcode) != (404, "APIVersionNotSupported"):
        raise Stopped(f"revision 99 of applications answers {later.status}")
    incomplete = await alice.write("POST", alice.session.applications, "applications", {})
    if incomplete.status != 400 or len(alice.reason(incomplete).parameters) != len(values):
        raise Stopped(f"applications without parameters answers {incomplete.status}")


async def policies(stage: Stage) -> None:
    """An operator changes what a user may do, and the user's applications are told."""
    alice = await stage.person(0)
    before = await alice.get(alice.application, "policies")
    await stage.operate("user", "set", alice.uri, "--no-enterprise-voice")
    await alice.hears("updated", "policies")
    after = await alice.get(alice.application, "policies")
    await stage.operate("user", "set", alice.uri, "--enterprise-voice")
    await alice.hears("updated", "policies")
    again = await alice.get(alice.application, "policies")
    modes = [shown.text("telephonyMode") for shown in (before, after, again)]
    if modes[0] == modes[1] or modes[0] != modes[2]:
        raise Stopped(f"telephonyMode was {', '.join(modes)}")


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
    Scenario("application revision", revision),
    Scenario("application policies", policies, ours_only=True),
    Scenario("application expiry", expiry, ours_only=True),
)
