"""Which MessageFormats the applications in a conversation have in common."""

from collections.abc import Callable

from mobility.domain.applications import Applications
from mobility.domain.records import Leg


def _nobody(uri: str) -> bool:  # noqa: ARG001  # of whom it is asked
    return False


class MessageFormats:
    """Plain, and Html where policy allows it.

    `allows_html` says of a user whether policy does (UCWA policies `htmlMessaging`).
    """

    def __init__(
        self, applications: Applications, allows_html: Callable[[str], bool] = _nobody
    ) -> None:
        self._applications = applications
        self.allows_html = allows_html

    def common(self, *legs: Leg) -> str:
        """The formats that all of these applications have, as a comma list."""
        html = all(self.allows_html(leg.user_uri) and self._shows_html(leg) for leg in legs)
        return "Plain,Html" if html else "Plain"

    def _shows_html(self, leg: Leg) -> bool:
        endpoint = self._applications.find(leg.application_id)
        return endpoint is not None and endpoint.record.shows_html
