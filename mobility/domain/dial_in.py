"""Telephones that dial into meetings: phones of users, and numbers that gateways put through.

A caller comes in with a line of its own, as an application does: into the lobby unless the meeting
lets callers pass it.  A number of the telephone network is nobody's account, whoever's telephone it
may be, since a number can be forged; each call from one is a participant of its own.
"""

import secrets

import attrs

from mobility.domain.addresses import GUEST_DOMAIN
from mobility.domain.conference_calls import ConferenceCalls
from mobility.domain.conferences import Conferences, Join
from mobility.domain.lines import Line
from mobility.domain.meeting_policy import ENABLED
from mobility.domain.meetings import Meetings, OnlineMeeting
from mobility.domain.records import Invitation
from mobility.domain.users import Users
from mobility.errors import Refusal

CALLER = "Telephone"
"""How a caller is shown who tells neither name nor number."""


@attrs.frozen(slots=True)
class Visitor:
    """Who calls into a meeting.

    `phone` is None for who has an address, "" for a number that is withheld.
    """

    uri: str
    name: str = attrs.field(repr=False)
    phone: str | None = attrs.field(repr=False, default=None)


def by_telephone(number: str, name: str) -> Visitor:
    """Who calls from a number of the telephone network, "" for one that is withheld."""
    uri = f"sip:{secrets.token_hex(16)}@{GUEST_DOMAIN}"
    return Visitor(uri, name or number or CALLER, number)


class DialIn:
    """The way into meetings by telephone."""

    def __init__(
        self,
        users: Users,
        meetings: Meetings,
        conferences: Conferences,
        calls: ConferenceCalls,
    ) -> None:
        self._users = users
        self._meetings = meetings
        self._conferences = conferences
        self.calls = calls
        """Those with the mixer: for the audio of who has come in."""

    def at(self, uri: str, now: float) -> OnlineMeeting | None:
        """The meeting of a conference URI, None when there is none there."""
        return self._meetings.at(uri, now)

    def numbered(self, number: str, now: float) -> OnlineMeeting | None:
        """The meeting of a conference id, None when there is none."""
        return self._meetings.numbered(number, now)

    async def enter(
        self, line: Line, visitor: Visitor, meeting: OnlineMeeting, now: float
    ) -> Invitation:
        """Come into the conference of a meeting, or into its lobby.

        403 for a number where nobody may dial in, or not into this meeting, and for people without
        an account where they may not come; else as `Conferences.enter`.
        """
        policy = self._meetings.policy
        if visitor.phone is not None:
            admits = policy.dial_in and meeting.record.phone_user_admission == ENABLED
            if not admits:
                raise Refusal("Forbidden", None, "Nobody dials into this meeting.")
        elif self._users.find(visitor.uri) is None and not policy.anonymous:
            raise Refusal("Forbidden", "AnonymousNotAllowed", "This needs an account.")
        join = Join(display_name=visitor.name, phone=visitor.phone)
        return await self._conferences.enter(line, meeting, join, now)
