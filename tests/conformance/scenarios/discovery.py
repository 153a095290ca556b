"""Discovery: from a domain to a signed-in user."""

from urllib.parse import urljoin

from tests.conformance.clocks import Stopped
from tests.conformance.stage import Scenario, Stage


async def sign_in(stage: Stage) -> None:
    """Root, challenge, token, user; and the frame for web pages."""
    discovery = stage.discovery
    url, root = await discovery.root(stage.accounts[0].address)
    session = await discovery.sign_in(stage.accounts[0])
    for shown, base in ((root, url), (session.user, session.base)):
        frame = await discovery.ask("xframe", urljoin(base, shown.links["xframe"][0].href))
        if frame.media_type != "text/html":
            raise Stopped(f"xframe is {frame.media_type}")


async def elsewhere(stage: Stage) -> None:
    """The root of a domain that another system serves is a redirect."""
    await stage.discovery.root("somebody@moved.test")


HOME = "https://pool2.example.test/Autodiscover/AutodiscoverService.svc/root"


async def homing(stage: Stage) -> None:
    """Who is homed on another pool is sent on from `user`, and has no application here until it is
    back."""
    account = stage.accounts[1]
    bob = await stage.person(1)
    await stage.operate("user", "set", account.uri, "--home", HOME)
    user = await stage.discovery.user(bob.session)
    href = user.links["redirect"][0].href if "redirect" in user.links else ""
    if href != HOME or "applications" in user.links:
        raise Stopped(f"user of another pool has {', '.join(user.links)}")
    gone = await bob.send("GET", bob.application.href, "application")
    if gone.status != 404:
        raise Stopped(f"an application that has moved away answers {gone.status}")
    values = {"userAgent": "x", "endpointId": "x", "culture": "en-US"}
    refused = await bob.write("POST", bob.session.applications, "applications", values)
    if (refused.status, bob.reason(refused).code) != (403, "Forbidden"):
        raise Stopped(f"applications of another pool answers {refused.status}")
    await stage.operate("user", "set", account.uri, "--home", "here")
    back = await stage.discovery.user(bob.session)
    if "applications" not in back.links:
        raise Stopped("user who is back has no applications link")
    await bob.register()


SCENARIOS = (
    Scenario("discovery", sign_in),
    Scenario("discovery redirect", elsewhere, ours_only=True),
    Scenario("discovery: home on another pool", homing, ours_only=True),
)
