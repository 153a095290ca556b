"""What is done with what other systems notify: the presence of their people, and voicemails."""

from collections.abc import Awaitable

from mobility.domain.elsewhere import NOTHING, Elsewhere, Told
from mobility.domain.users import Users
from mobility.domain.voicemail import Voicemail
from mobility.sip import message_summary, pidf
from mobility.sip.core import Incoming
from mobility.sip.grammar import Malformed
from mobility.sip.headers import Parametrised
from mobility.sip.identity import Identity
from mobility.sip.message_summary import MessageSummary
from mobility.sip.pidf import Pidf
from mobility.sip.presence_mapping import meaning_of
from mobility.sip.refusal import SipRefusal
from mobility.sip.subscription import event_of
from mobility.sip.uri import parse_sip_uri


class PresenceReport:
    """People elsewhere are shown as their systems say."""

    name = "presence"
    kind = pidf.CONTENT_TYPE

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere

    def told(self, uri: str, body: bytes) -> Awaitable[None]:
        shown = meaning_of(Pidf.parse(body))
        told = Told(
            shown.availability, shown.activity, shown.note, shown.location, shown.last_active_at
        )
        return self._elsewhere.show(uri, told)

    def lost(self, uri: str) -> Awaitable[None]:
        return self._elsewhere.show(uri, NOTHING)


class SummaryReport:
    """Voicemails are counted as the voicemail system counts them."""

    name = "message-summary"
    kind = message_summary.CONTENT_TYPE

    def __init__(self, voicemail: Voicemail) -> None:
        self._voicemail = voicemail

    def told(self, uri: str, body: bytes) -> Awaitable[None] | None:
        summary = MessageSummary.parse(body)
        if summary.counted:
            return self._voicemail.count(uri, summary.new, summary.old)
        if summary.waiting != (self._voicemail.of(uri).unread > 0):
            return self._voicemail.count(uri, int(summary.waiting), 0)
        return None

    def lost(self, uri: str) -> None:
        """What was counted last holds until somebody counts anew."""


class Unsolicited:
    """Takes a NOTIFY that nobody has asked for: voicemails, of trusted peers alone."""

    def __init__(self, identity: Identity, users: Users, report: SummaryReport) -> None:
        self._identity = identity
        self._users = users
        self._report = report

    async def notified(self, incoming: Incoming) -> None:
        """Raises SipRefusal: 481 for anything else, which belongs to no subscription."""
        request = incoming.request
        if event_of(request.first("Event"))[0] != self._report.name:
            raise SipRefusal(481)
        if not self._identity.trusts(incoming):
            raise SipRefusal(403, "Forbidden: only voicemail systems count voicemails")
        user = self._users.find(parse_sip_uri(request.uri).aor)
        user = user or self._users.find(request.to.sip.aor)
        if user is None or not user.enabled:
            raise SipRefusal(404)
        kind = Parametrised.parse(request.first("Content-Type") or "none").value.lower()
        if kind != self._report.kind:
            raise SipRefusal(415, fields={"Accept": [self._report.kind]})
        if not request.body:
            raise Malformed("a message summary without a body")
        counted = self._report.told(user.uri, request.body)
        if counted is not None:
            await counted
        incoming.respond(200)
