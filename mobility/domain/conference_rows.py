"""The rows with which somebody comes into a conference: a participant, and an invitation."""

import secrets

from mobility.domain.conference import Place
from mobility.domain.conversation import ActiveConversation
from mobility.domain.lines import Device
from mobility.domain.records import Invitation, Meeting, Participant


def new_participant(
    conversation: ActiveConversation,
    meeting: Meeting,
    uri: str,
    name: str,
    place: Place,
    now: float,
    *,
    anonymous: bool,
    phone: str = "",
) -> Participant:
    """Somebody who comes in now, or knocks; `phone` is the number of who has dialled in."""
    return Participant(
        conversation_id=conversation.id,
        uri=uri,
        name=name,
        role=place.role,
        in_lobby=place.in_lobby,
        anonymous=anonymous,
        organizer=uri == meeting.organizer_uri,
        joined_at=now,
        after_message=conversation.message_count,
        phone=phone,
    )


def new_invitation(
    conversation: ActiveConversation,
    device: Device,
    kind: str,
    to_uri: str,
    operation_id: str,
    now: float,
    until: float,
) -> Invitation:
    """An invitation of a device's that waits until then (epoch seconds)."""
    return Invitation(
        id=secrets.token_hex(16),
        conversation_id=conversation.id,
        from_uri=device.user_uri,
        from_application_id=device.id,
        to_uri=to_uri,
        operation_id=operation_id,
        created_at=now,
        expires_at=until,
        kind=kind,
    )
