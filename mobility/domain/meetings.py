"""Online meetings: what users schedule, and the one meeting each user always has.

A meeting is known by an id that cannot be guessed: who has it may knock at the door.  All meetings
are kept in memory (some two kilobytes each); they end when they expire, when their organizer
deletes them, or with the organizer.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import attrs

from mobility.domain.addresses import address_of, user_uri
from mobility.domain.agenda import Agenda, Appointment
from mobility.domain.applications import Endpoint
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.meeting_policy import DISABLED, ENABLED, MeetingPolicy
from mobility.domain.records import Meeting, MeetingExtension, Receipt, User
from mobility.errors import Refusal

ID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no two letters or digits that people take for one another."""

ID_LENGTH = 16
"""Characters of a meeting's id: 80 random bits, so that nobody finds a meeting by trying."""

NUMBER_DIGITS = 9
"""Digits of a conference id, which people type on a phone."""

MAX_EXTENSIONS = 16
"""Extensions a meeting may have (our choice; UCWA onlineMeetingExtensions names no bound)."""

_FOCUS = ";gruu;opaque=app:conf:focus:id:"
"""What stands between organizer and id in a conference URI (UCWA "Authentication in UCWA")."""

Changes = Mapping[str, Any]
"""Fields of `Meeting` or `MeetingExtension` and the values they are to have."""


def conference_uri(meeting: Meeting) -> str:
    """The URI by which a meeting is joined (UCWA `onlineMeetingUri`)."""
    return f"{meeting.organizer_uri}{_FOCUS}{meeting.id}"


def organizer_name(meeting: Meeting) -> str:
    """The organizer as join URLs name it: the part of the address before the @."""
    return address_of(meeting.organizer_uri).rpartition("@")[0]


def join_path(meeting: Meeting) -> str:
    """The end of the URL that opens a meeting: `<organizer>/<id>`."""
    return f"{quote(organizer_name(meeting), safe='')}/{meeting.id}"


@attrs.define(slots=True, eq=False)
class OnlineMeeting:
    """One meeting in memory, with its extensions by their ids."""

    record: Meeting
    extensions: dict[str, MeetingExtension] = attrs.Factory(dict)
    expiry: Appointment | None = None

    @property
    def scheduled(self) -> bool:
        return not (self.record.assigned or self.record.improvised)

    def over(self, now: float) -> bool:
        return 0 < self.record.expires_at <= now

    def extension(self, extension_id: str) -> MeetingExtension:
        """The extension of this id; 404 ResourceNotFound without one."""
        extension = self.extensions.get(extension_id)
        if extension is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such extension.")
        return extension


Change = Callable[[Unit, Meeting], None]
"""Tells, in the unit of work that changes a meeting, who has to do with it now."""

Ending = Callable[[OnlineMeeting, float], Awaitable[None]]
"""Ends what goes on in a meeting that is over."""


class Meetings:
    """Everybody's online meetings; each change is one unit of work.

    `endings` are awaited in order after a meeting has ended before its conference.
    """

    def __init__(self, ledger: Ledger, agenda: Agenda, policy: MeetingPolicy) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self.policy = policy
        self._meetings: dict[str, OnlineMeeting] = {}
        self._of_user: dict[str, dict[str, OnlineMeeting]] = {}
        self._numbers: dict[str, str] = {}
        """The ids of meetings by their numbers."""
        self._locks = Locks()
        self.endings: list[Ending] = []
        self.changes: list[Change] = []

    def load(self, meetings: Iterable[Meeting], extensions: Iterable[MeetingExtension]) -> None:
        """Take the stored meetings into memory; those that are over leave the store soon."""
        for record in sorted(meetings, key=lambda meeting: meeting.created_at):
            self._remember(OnlineMeeting(record))
        for extension in extensions:
            self._meetings[extension.meeting_id].extensions[extension.id] = extension

    def __len__(self) -> int:
        return len(self._meetings)

    def lookup(self, meeting_id: str, now: float) -> OnlineMeeting | None:
        """The meeting of an id in any case, whoever asks; None when it is unknown or over."""
        meeting = self._meetings.get(meeting_id.upper())
        return meeting if meeting is not None and not meeting.over(now) else None

    def numbered(self, number: str, now: float) -> OnlineMeeting | None:
        """The meeting that has this conference id, None when there is none."""
        return self.lookup(self._numbers.get(number, ""), now)

    def at(self, uri: str, now: float) -> OnlineMeeting | None:
        """The meeting of a conference URI, None when there is none there."""
        organizer, _, meeting_id = uri.partition(_FOCUS)
        meeting = self.lookup(meeting_id, now)
        if meeting is None or meeting.record.organizer_uri != user_uri(organizer):
            return None
        return meeting

    def of(self, organizer_uri: str, now: float) -> list[OnlineMeeting]:
        """The meetings a user has scheduled, oldest first."""
        own = self._of_user.get(organizer_uri, {}).values()
        return [one for one in own if one.scheduled and not one.over(now)]

    def find(self, organizer_uri: str, meeting_id: str, now: float) -> OnlineMeeting:
        """A meeting of the user's own that lasts; 404 ResourceNotFound for any other."""
        meeting = self.lookup(meeting_id, now)
        if (
            meeting is None
            or meeting.record.improvised
            or meeting.record.organizer_uri != organizer_uri
        ):
            raise Refusal("NotFound", "ResourceNotFound", "There is no such meeting.")
        return meeting

    async def assigned(self, endpoint: Endpoint, now: float) -> OnlineMeeting:
        """The meeting the user always has, made when it is first asked for.

        404 ResourceNotFound where the policy gives none.
        """
        if not self.policy.assigned:
            raise Refusal("NotFound", "ResourceNotFound", "No meetings are assigned here.")
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            for meeting in self._of_user.get(endpoint.user_uri, {}).values():
                if meeting.record.assigned:
                    return meeting
            record = self._new_record(endpoint.user_uri, now, assigned=True)
            return await self._store(record, Unit())

    async def schedule(
        self, endpoint: Endpoint, changes: Changes, now: float, receipt: Receipt | None = None
    ) -> OnlineMeeting:
        """A new meeting with `changes` of the policy's defaults (UCWA myOnlineMeetings POST).

        409 TooManyOnlineMeetings above the limit.  `receipt` is stored with the meeting's id.
        """
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            if len(self.of(endpoint.user_uri, now)) >= self.policy.per_user:
                raise Refusal(
                    "Conflict", "TooManyOnlineMeetings", "This user has too many meetings."
                )
            record = self._new_record(
                endpoint.user_uri, now, expires_at=now + self.policy.lifetime_s
            )
            record = attrs.evolve(record, **changes)
            unit = Unit()
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=record.id))
            return await self._store(record, unit)

    async def improvise(self, organizer_uri: str, subject: str, now: float) -> OnlineMeeting:
        """A meeting for a conference that begins now, open to everybody with an account.

        UCWA startOnlineMeeting, and addParticipant between two parties.
        """
        record = self._new_record(
            organizer_uri, now, expires_at=now + self.policy.lifetime_s, improvised=True
        )
        record = attrs.evolve(
            record,
            subject=subject,
            access_level="SameEnterprise",
            automatic_leader_assignment="SameEnterprise",
        )
        return await self._store(record, Unit())

    def conference_over(self, unit: Unit, uri: str) -> Callable[[], None]:
        """A conference ends by `unit`: an improvised meeting goes with it.

        The answer forgets it, and is to be called once the unit is stored.
        """
        meeting = self._meetings.get(uri.rpartition(":")[2])
        if meeting is None or not meeting.record.improvised:
            return _nothing
        unit.remove(meeting.record)

        def forget() -> None:
            if self._meetings.get(meeting.record.id) is meeting:
                self._forget(meeting)

        return forget

    async def update(
        self, endpoint: Endpoint, known: Meeting, changes: Changes, now: float
    ) -> OnlineMeeting:
        """Change a meeting, if it is still as the caller knows it (UCWA myOnlineMeeting PUT).

        404 ResourceNotFound when it is gone, 412 PreconditionFailed when it has changed.
        """
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            meeting = self.find(endpoint.user_uri, known.id, now)
            if meeting.record != known:
                raise _changed("meeting")
            after = attrs.evolve(known, **changes)
            if after != known:
                unit = Unit()
                unit.save(record := attrs.evolve(after, version=known.version + 1))
                for change in self.changes:
                    change(unit, record)
                await self._ledger.commit(unit)
                meeting.record = record
                self._watch(meeting)
            return meeting

    async def cancel(self, endpoint: Endpoint, meeting_id: str, now: float) -> None:
        """End a meeting of the user's own (UCWA myOnlineMeeting DELETE).

        An assigned meeting is ended, too: the next one the user is assigned has other coordinates.
        404 ResourceNotFound when there is no such meeting.
        """
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            meeting = self.find(endpoint.user_uri, meeting_id, now)
            await self._end(meeting)
        await self._close(meeting, now)

    async def add_extension(
        self, endpoint: Endpoint, extension: MeetingExtension, now: float
    ) -> MeetingExtension:
        """Add custom data to a meeting (UCWA onlineMeetingExtensions POST).

        404 ResourceNotFound when there is no such meeting, 409 AlreadyExists when it has an
        extension of this id, 403 LimitExceeded when it has `MAX_EXTENSIONS`.
        """
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            meeting = self.find(endpoint.user_uri, extension.meeting_id, now)
            if extension.id in meeting.extensions:
                raise Refusal("Conflict", "AlreadyExists", "There is an extension of this id.")
            if len(meeting.extensions) >= MAX_EXTENSIONS:
                raise Refusal("Forbidden", "LimitExceeded", "The meeting has too many extensions.")
            return await self._save_extension(meeting, extension)

    async def change_extension(
        self, endpoint: Endpoint, known: MeetingExtension, changes: Changes, now: float
    ) -> MeetingExtension:
        """Change an extension, if it is still as the caller knows it (onlineMeetingExtension PUT).

        404 ResourceNotFound when it is gone, 412 PreconditionFailed when it has changed.
        """
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            meeting = self.find(endpoint.user_uri, known.meeting_id, now)
            if meeting.extension(known.id) != known:
                raise _changed("extension")
            after = attrs.evolve(known, **changes)
            if after == known:
                return known
            return await self._save_extension(
                meeting, attrs.evolve(after, version=known.version + 1)
            )

    async def remove_extension(
        self, endpoint: Endpoint, meeting_id: str, extension_id: str, now: float
    ) -> None:
        """Take an extension away (onlineMeetingExtension DELETE); 404 without such a one."""
        async with self._locks.of(endpoint.user_uri):
            endpoint.must_live()
            meeting = self.find(endpoint.user_uri, meeting_id, now)
            unit = Unit()
            unit.remove(meeting.extension(extension_id))
            await self._ledger.commit(unit)
            del meeting.extensions[extension_id]

    async def end_all_of(self, user: User, now: float) -> None:
        """End every meeting of a user who leaves for good; its applications have ended before."""
        async with self._locks.of(user.uri):
            meetings = list(self._of_user.get(user.uri, {}).values())
            for meeting in meetings:
                await self._end(meeting)
        for meeting in meetings:
            await self._close(meeting, now)

    async def _save_extension(
        self, meeting: OnlineMeeting, extension: MeetingExtension
    ) -> MeetingExtension:
        unit = Unit()
        unit.save(extension)
        await self._ledger.commit(unit)
        meeting.extensions[extension.id] = extension
        return extension

    def _new_record(self, organizer_uri: str, now: float, **fields: Any) -> Meeting:
        while (meeting_id := _random(ID_ALPHABET, ID_LENGTH)) in self._meetings:
            pass
        while (number := _random("0123456789", NUMBER_DIGITS)) in self._numbers:
            pass
        return Meeting(
            id=meeting_id,
            organizer_uri=organizer_uri,
            number=number,
            created_at=now,
            access_level=self.policy.access_level,
            automatic_leader_assignment=self.policy.automatic_leader_assignment,
            phone_user_admission=ENABLED if self.policy.dial_in else DISABLED,
            **fields,
        )

    async def _store(self, record: Meeting, unit: Unit) -> OnlineMeeting:
        """Commit a new meeting with what else is in `unit`."""
        unit.save(record)
        self._numbers[record.number] = record.id  # so that nobody else is given it meanwhile
        try:
            await self._ledger.commit(unit)
        except BaseException:
            self._numbers.pop(record.number, None)
            raise
        meeting = OnlineMeeting(record)
        self._remember(meeting)
        return meeting

    async def _close(self, meeting: OnlineMeeting, now: float) -> None:
        """End what goes on in a meeting that is no more."""
        for ending in self.endings:
            await ending(meeting, now)

    async def _end(self, meeting: OnlineMeeting) -> None:
        unit = Unit()
        unit.remove(meeting.record, *meeting.extensions.values())
        await self._ledger.commit(unit)
        self._forget(meeting)

    def _remember(self, meeting: OnlineMeeting) -> None:
        record = meeting.record
        self._meetings[record.id] = meeting
        self._of_user.setdefault(record.organizer_uri, {})[record.id] = meeting
        self._numbers[record.number] = record.id
        self._watch(meeting)

    def _forget(self, meeting: OnlineMeeting) -> None:
        record = meeting.record
        del self._meetings[record.id]
        own = self._of_user[record.organizer_uri]
        del own[record.id]
        if not own:
            del self._of_user[record.organizer_uri]
        self._numbers.pop(record.number, None)
        if meeting.expiry is not None:
            meeting.expiry.cancel()

    def _watch(self, meeting: OnlineMeeting) -> None:
        """End the meeting when it expires."""
        if meeting.expiry is not None:
            meeting.expiry.cancel()
            meeting.expiry = None
        if not meeting.record.expires_at:
            return

        async def expire(now: float) -> None:
            async with self._locks.of(meeting.record.organizer_uri):
                if self._meetings.get(meeting.record.id) is not meeting or not meeting.over(now):
                    return
                await self._end(meeting)
            await self._close(meeting, now)

        meeting.expiry = self._agenda.at(meeting.record.expires_at, expire)


def _nothing() -> None:
    """Nothing is to be forgotten."""


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _changed(what: str) -> Refusal:
    return Refusal("PreconditionFailed", None, f"The {what} has changed since it was read.")
