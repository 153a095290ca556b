"""The grant for people without an account (UCWA "Authentication in UCWA", anonymous meeting join).

Who knows a meeting's URI and its conference key gets a token for that meeting and nothing else.
"""

import hmac
from typing import NoReturn, Protocol

from mobility.auth.diagnostics import FULL, LOCKED, MALFORMED, WRONG_KEY, Diagnostic
from mobility.auth.grants import Form, Identity, SignInRefused
from mobility.auth.lockout import retry_after_s
from mobility.auth.meeting_keys import MeetingKeys
from mobility.auth.tokens import Caller
from mobility.domain.meetings import OnlineMeeting, conference_uri
from mobility.errors import Refusal
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request

EVENTS: Catalogue = {
    "auth.guest_refused": {
        "request": "id of the request",
        "reason": "no_meeting, wrong_key, locked, or full when the meeting has too many guests",
    },
}

FULL_RETRY_S = 60
"""When a guest may try again to get into a meeting with too many (our choice)."""


class MeetingBook(Protocol):
    """What the grant needs of `mobility.domain.meetings.Meetings`."""

    def at(self, uri: str, now: float) -> OnlineMeeting | None: ...


class GuestBook(Protocol):
    """What the grant needs of `mobility.domain.guests.Guests`."""

    def invent(self, meeting_uri: str, now: float) -> str:
        """The URI of a new guest; 403 LimitExceeded when the meeting has too many."""
        ...


class Renewable(Protocol):
    """What the grant needs of `mobility.auth.tokens.Tokens`."""

    def find(self, text: str, now: float) -> Caller | None: ...


class AnonymousGrant:
    """`urn:microsoft.rtc:anonmeeting`: `ms_rtc_conferenceuri` and, as `password`, the key.

    With a token of the same meeting as `ms_rtc_renew` that still holds, the guest stays the same
    one.  The token lasts `lifetime_s`, or as long as the meeting if that is shorter.
    """

    name = "urn:microsoft.rtc:anonmeeting"

    def __init__(
        self,
        meetings: MeetingBook,
        guests: GuestBook,
        tokens: Renewable,
        keys: MeetingKeys,
        lifetime_s: int,
        log: EventLog,
    ) -> None:
        self._meetings = meetings
        self._guests = guests
        self._tokens = tokens
        self._keys = keys
        self._lifetime_s = lifetime_s
        self._log = log

    async def grant(self, form: Form, request: Request) -> Identity:
        try:
            uri, key = form["ms_rtc_conferenceuri"], form["password"]
        except KeyError:
            raise SignInRefused("invalid_request", MALFORMED) from None
        tried = uri.rpartition(":")[2]
        wait_s = self._keys.wait_s(tried, request)
        if wait_s > 0:
            self._refuse("locked", LOCKED, request, retry_after_s(wait_s))
        meeting = self._meetings.at(uri, request.now)
        if meeting is None:
            self._keys.missed(tried, request)
            self._refuse("no_meeting", WRONG_KEY, request)
        record = meeting.record
        if not hmac.compare_digest(key.strip().upper().encode(), record.id.encode()):
            self._keys.missed(tried, request)
            self._refuse("wrong_key", WRONG_KEY, request)
        canonical = conference_uri(record)
        known = self._renewed(form, canonical, request)
        try:
            guest_uri = known or self._guests.invent(canonical, request.now)
        except Refusal:
            self._refuse("full", FULL, request, FULL_RETRY_S)
        lifetime_s = self._lifetime_s
        if record.expires_at:
            lifetime_s = max(min(lifetime_s, int(record.expires_at - request.now)), 1)
        return Identity(guest_uri, lifetime_s, canonical)

    def _renewed(self, form: Form, meeting_uri: str, request: Request) -> str:
        """The guest whose token is to be renewed, "" for none."""
        old = form.get("ms_rtc_renew")
        caller = self._tokens.find(old, request.now) if old is not None else None
        if caller is None or caller.meeting_uri != meeting_uri:
            return ""
        return caller.user_uri

    def _refuse(
        self, reason: str, diagnostic: Diagnostic, request: Request, retry: int | None = None
    ) -> NoReturn:
        self._log.emit("auth.guest_refused", request=request.id, reason=reason)
        raise SignInRefused("invalid_grant", diagnostic, retry)
