"""Scheduled online meetings."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class Meeting:
    """An online meeting that a user has scheduled, or with `assigned` the one it always has.

    One that is `improvised` was made for a conference and goes with it.

    `id` is the conference key and part of the meeting's URI and join URL; `number` is what callers
    dial (conferenceId).  `expires_at` is 0 for never.  `attendees` and `leaders` are space lists of
    user URIs; the other settings are words of UCWA's enumerations.
    """

    KEY: ClassVar = ("id",)
    id: str = attrs.field(repr=False)
    organizer_uri: str
    number: str = attrs.field(repr=False)
    created_at: float
    expires_at: float = 0.0
    assigned: bool = False
    subject: str = attrs.field(repr=False, default="")
    description: str = attrs.field(repr=False, default="")
    access_level: str = "SameEnterprise"
    automatic_leader_assignment: str = "Disabled"
    entry_exit_announcement: str = "Disabled"
    lobby_bypass_for_phone_users: str = "Disabled"
    phone_user_admission: str = "Disabled"
    attendees: str = ""
    leaders: str = ""
    version: int = 1
    improvised: bool = False


@attrs.frozen(slots=True)
class MeetingExtension:
    """An application's own data in a meeting.

    `type` is an OnlineMeetingExtensionType, `properties` a JSON object of texts.
    """

    KEY: ClassVar = ("meeting_id", "id")
    meeting_id: str = attrs.field(repr=False)
    id: str
    type: str
    properties: str = attrs.field(repr=False, default="{}")
    version: int = 1
