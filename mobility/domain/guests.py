"""Guests: people without an account, who may come into one meeting and reach nothing else.

A guest is known by a URI that is nobody's address.  It stays as long as a token of it holds; when
the meeting or the conference it takes part in is over, it goes a little later, so that its client
reads how it ended.
"""

import secrets
from collections.abc import Callable

import attrs

from mobility.domain.addresses import GUEST_DOMAIN
from mobility.domain.agenda import Action, Agenda
from mobility.domain.applications import Applications
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.meetings import Meetings, OnlineMeeting, conference_uri
from mobility.domain.records import User
from mobility.errors import Refusal

LINGER_S = 60.0
"""How long a guest keeps its application once its conference or meeting is over (our choice: two
rounds of a client whose connection was cut)."""

COMING_S = 60.0
"""How long a guest counts whose token has not been stored (our choice: longer than that takes)."""

GUEST_NAME = "Guest"
"""What a guest without a name of its own is called."""

Farewell = Callable[[str, Unit], None]
"""Ends what lets a guest in (its tokens); the store forgets it with the unit."""


@attrs.define(slots=True, eq=False)
class Guest:
    """One guest, and until when (epoch seconds) its tokens hold.

    Those of one who is `leaving` are refused already; what it has is about to end.
    """

    uri: str
    meeting_uri: str
    until: float
    leaving: bool = False


class Guests:
    """Everybody who came without an account; `per_meeting` is how many a meeting may have."""

    def __init__(
        self,
        ledger: Ledger,
        agenda: Agenda,
        applications: Applications,
        meetings: Meetings,
        conversations: Conversations,
        per_meeting: int,
    ) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._applications = applications
        self._meetings = meetings
        self._conversations = conversations
        self._per_meeting = per_meeting
        self._guests: dict[str, Guest] = {}
        self._of_meeting: dict[str, set[str]] = {}
        self._coming: dict[str, dict[str, float]] = {}
        """By meeting: guests whose first token is being made, and when they were invented."""
        self.farewells: list[Farewell] = []
        meetings.endings.append(self._meeting_over)
        conversations.closings.append(self._conference_over)

    def __len__(self) -> int:
        return len(self._guests)

    def invent(self, meeting_uri: str, now: float) -> str:
        """The URI of a new guest of a meeting; 403 LimitExceeded when it has too many."""
        recent = self._coming.get(meeting_uri, {}).items()
        coming = {uri: since for uri, since in recent if 0 <= now - since < COMING_S}
        if len(self._of_meeting.get(meeting_uri, ())) + len(coming) >= self._per_meeting:
            raise Refusal("Forbidden", "LimitExceeded", "The meeting has too many guests.")
        uri = f"sip:{secrets.token_hex(16)}@{GUEST_DOMAIN}"
        self._coming[meeting_uri] = {**coming, uri: now}
        return uri

    def admit(self, uri: str, meeting_uri: str, until: float) -> None:
        """A guest has a token for a meeting that holds until then."""
        coming = self._coming.get(meeting_uri, {})
        if coming.pop(uri, None) is not None and not coming:
            del self._coming[meeting_uri]
        guest = self._guests.get(uri)
        if guest is not None and not guest.leaving:
            guest.until = max(guest.until, until)
            return
        guest = self._guests[uri] = Guest(uri, meeting_uri, until)
        self._of_meeting.setdefault(meeting_uri, set()).add(uri)
        self._watch(guest)

    def settle(self, now: float) -> None:
        """After a start: what is left of guests whose last token has ended meanwhile goes."""
        for uri in {endpoint.user_uri for endpoint in self._applications if endpoint.guest}:
            if uri not in self._guests:
                self._agenda.at(now, self._leaving(uri))

    def must_stay(self, uri: str) -> None:
        """404 for a guest who goes or has gone: nothing new of it would ever end."""
        guest = self._guests.get(uri)
        if guest is None or guest.leaving:
            raise Refusal("NotFound", None, "The guest has left.")

    def user(self, uri: str) -> User | None:
        """The guest of this URI as a user without any account; None for nobody."""
        if uri not in self._guests:
            return None
        return User(uri, self.name_of(uri), enabled=False)

    def name_of(self, uri: str) -> str:
        """What the guest called itself on joining."""
        guest = self._guests.get(uri)
        conference = self._conversations.of_meeting(guest.meeting_uri) if guest else None
        participant = conference.participants.get(uri) if conference is not None else None
        return participant.name if participant is not None else GUEST_NAME

    def meeting_of(self, uri: str, now: float) -> OnlineMeeting | None:
        """The meeting that a guest may join, while there is one."""
        guest = self._guests.get(uri)
        return self._meetings.at(guest.meeting_uri, now) if guest is not None else None

    async def end(self, uri: str, now: float) -> None:
        """The guest goes: its applications end, and its tokens are refused.

        It comes back as one who is new when a token for it was being made meanwhile.
        """
        unit, guest = Unit(), self._guests.get(uri)
        for farewell in self.farewells:
            farewell(uri, unit)
        if guest is not None:
            guest.leaving = True
        if unit:
            await self._ledger.commit(unit)
        await self._applications.end_all_at(uri, now)
        if guest is not None and self._guests.get(uri) is guest:
            del self._guests[uri]
            others = self._of_meeting[guest.meeting_uri]
            others.discard(uri)
            if not others:
                del self._of_meeting[guest.meeting_uri]

    def _watch(self, guest: Guest) -> None:
        async def look(now: float) -> None:
            if self._guests.get(guest.uri) is not guest:
                return
            if now >= guest.until:
                await self.end(guest.uri, now)
            else:
                self._watch(guest)

        self._agenda.at(guest.until, look)

    def _leaving(self, uri: str) -> Action:
        async def leave(now: float) -> None:
            await self.end(uri, now)

        return leave

    async def _meeting_over(self, meeting: OnlineMeeting, now: float) -> None:  # noqa: ARG002
        """The guests of a meeting that is no more go, wherever they are."""
        for uri in self._of_meeting.get(conference_uri(meeting.record), ()):
            self._later(self._leaving(uri))

    def _conference_over(self, unit: Unit, conversation: ActiveConversation) -> Callable[[], None]:  # noqa: ARG002  # a Closing
        """The conference of a meeting ends: its guests go, unless they come into the next one."""
        meeting_uri = conversation.record.meeting_uri

        def over() -> None:
            for uri in self._of_meeting.get(meeting_uri, ()):
                self._later(self._leaving_unless_inside(uri))

        return over

    def _leaving_unless_inside(self, uri: str) -> Action:
        async def leave(now: float) -> None:
            if not any(one.conversations for one in self._applications.of_user(uri)):
                await self.end(uri, now)

        return leave

    def _later(self, action: Action) -> None:
        """Do it in `LINGER_S`; the agenda alone knows what time it is."""

        async def wait(now: float) -> None:
            self._agenda.at(now + LINGER_S, action)

        self._agenda.at(0.0, wait)
