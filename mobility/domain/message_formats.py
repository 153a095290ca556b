"""Which MessageFormats the applications in a conversation have in common."""

from mobility.domain.applications import Applications
from mobility.domain.records import Leg


class MessageFormats:
    """Plain, and Html where `html` allows it (UCWA policies `htmlMessaging`)."""

    def __init__(self, applications: Applications, html: bool = False) -> None:
        self._applications = applications
        self._html = html

    def allows_html(self, uri: str) -> bool:  # noqa: ARG002  # the same for everybody
        """Whether this user may have messages in HTML."""
        return self._html

    def common(self, *legs: Leg) -> str:
        """The formats that all of these applications have, as a comma list."""
        html = all(self.allows_html(leg.user_uri) and self._shows_html(leg) for leg in legs)
        return "Plain,Html" if html else "Plain"

    def _shows_html(self, leg: Leg) -> bool:
        endpoint = self._applications.find(leg.application_id)
        return endpoint is not None and endpoint.record.shows_html
