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


SCENARIOS = (
    Scenario("discovery", sign_in),
    Scenario("discovery redirect", elsewhere, ours_only=True),
)
