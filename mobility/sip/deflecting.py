"""Redirects (3xx) of users' phones: who has the phone sends a call on, at once or while it rings.

The first of the Contacts counts that names a user here or a number; where that leads is decided as
for the user's own call forwarding (`mobility.domain.deflections`).
"""

from mobility.domain.deflections import Deflections
from mobility.domain.diversions import Cause
from mobility.domain.lines import Line
from mobility.errors import Answerable, Refusal, Unavailable
from mobility.events import EventLog
from mobility.sip.diverted import SAID
from mobility.sip.grammar import Malformed
from mobility.sip.message import Request, Response
from mobility.sip.parties import Callee, Caller, Parties
from mobility.sip.redirects import contacts_of
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import SipUri, Uri

CAUSES = {reason: cause for cause, (_, reason) in SAID.items() if reason != "deflection"}
"""What the reason of a Diversion (RFC 5806) says.  Whether a deflection has rung is known here."""


class Deflecting:
    """Follows them."""

    def __init__(self, parties: Parties, deflections: Deflections, log: EventLog) -> None:
        self._parties = parties
        self._deflections = deflections
        self._log = log

    async def follow(self, line: Line, invitation_id: str, response: Response, now: float) -> None:
        """Send a call on as the phone of a line has answered.  Raises Answerable if it is not."""
        found = self._target(line.user_uri, response)
        if found is None:
            self._tell(response, "", "nobody")
            raise Refusal("NotFound", None, "There is nobody to whom the call could be sent on.")
        uri, callee = found
        host = uri.host if isinstance(uri, SipUri) else ""
        to, cause = callee.uri or callee.dialled, _cause(response)
        try:
            await self._deflections.deflect(line, invitation_id, to, cause, now)
        except Unavailable:
            raise
        except Answerable:
            self._tell(response, host, "policy")
            raise
        self._tell(response, host, "")

    def _target(self, user_uri: str, response: Response) -> tuple[Uri, Callee] | None:
        """Whom the phone of a user names, as that user would call them; a GRUU is one phone, to
        which calls are not forwarded."""
        user = self._parties.user(user_uri)
        if user is None:
            return None
        for uri in contacts_of(response):
            asked = Request(method="INVITE", uri=str(uri))
            try:
                callee = self._parties.callee(asked, Caller(user.uri, user.name, user))
            except (SipRefusal, Malformed):
                continue
            if callee.phone is None:
                return uri, callee
        return None

    def _tell(self, response: Response, host: str, reason: str) -> None:
        self._log.emit(
            "sip.redirected",
            method="INVITE",
            status=response.status,
            host=host,
            followed=not reason,
            reason=reason,
        )


def _cause(response: Response) -> Cause | None:
    """What the phone says why, None where it does not."""
    try:
        said = response.addresses("Diversion")
    except Malformed:
        return None
    return CAUSES.get((said[0].parameters.get("reason") or "").strip('"').lower()) if said else None
