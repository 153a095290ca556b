"""The documents of scheduled online meetings: one function a rel, pure, from domain values."""

import uuid

import msgspec

from mobility.domain.meetings import OnlineMeeting, conference_uri, join_path
from mobility.domain.records import Meeting, MeetingExtension
from mobility.http.message import Document, Instant
from mobility.ucwa.documents import PUT_TOKEN_VALUE, links, present, tagged
from mobility.ucwa.hrefs import ASSIGNED_MEETING, Hrefs


def meeting(hrefs: Hrefs, shown: OnlineMeeting, join_url: str, *, dial_in: bool) -> Document:
    """myOnlineMeeting or myAssignedOnlineMeeting; `join_url` is where join URLs begin, `dial_in`
    whether there are numbers to call."""
    record = shown.record
    uri = conference_uri(record)
    conversation = uuid.uuid5(uuid.NAMESPACE_URL, f"{uri};conversation")
    rel = "myAssignedOnlineMeeting" if record.assigned else "myOnlineMeeting"
    return tagged(
        {
            put_token(uri): PUT_TOKEN_VALUE,
            "rel": rel,
            "accessLevel": record.access_level,
            "attendees": record.attendees.split(),
            "automaticLeaderAssignment": record.automatic_leader_assignment,
            **present(conferenceId=record.number if dial_in else ""),
            "description": record.description,
            "entryExitAnnouncement": record.entry_exit_announcement,
            **present(expirationTime=expiration(record)),
            "joinUrl": join_href(record, join_url),
            "leaders": record.leaders.split(),
            "legacyOnlineMeetingUri": f"conf:{uri}?conversation-id={conversation}",
            "lobbyBypassForPhoneUsers": record.lobby_bypass_for_phone_users,
            "onlineMeetingId": record.id,
            "onlineMeetingRel": rel if record.assigned else "myOnlineMeetings",
            "onlineMeetingUri": uri,
            "organizerUri": record.organizer_uri,
            "phoneUserAdmission": record.phone_user_admission,
            "subject": record.subject,
            "_links": links(
                self=hrefs.meeting(ASSIGNED_MEETING if record.assigned else record.id),
                onlineMeetingExtensions=f"{hrefs.meeting(record.id)}/extensions",
            ),
            "_embedded": {
                "onlineMeetingExtension": [
                    extension(hrefs, one) for one in shown.extensions.values()
                ]
            },
        }
    )


def extension(hrefs: Hrefs, shown: MeetingExtension) -> Document:
    """onlineMeetingExtension, with the application's own properties."""
    own = hrefs.meeting_extension(shown.meeting_id, shown.id)
    return tagged(
        {
            **msgspec.json.decode(shown.properties),
            put_token(f"{shown.meeting_id};extension={shown.id}"): PUT_TOKEN_VALUE,
            "rel": "onlineMeetingExtension",
            "id": shown.id,
            "type": shown.type,
            "_links": links(self=own),
        }
    )


def put_token(name: str) -> str:
    """The GUID property of what is named so, always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def expiration(record: Meeting) -> Instant | None:
    return Instant(record.expires_at) if record.expires_at else None


def join_href(record: Meeting, join_url: str) -> str:
    """The URL that opens a meeting; `join_url` is where such URLs begin."""
    return f"{join_url}/{join_path(record)}"
