"""What a notification says, as the clearing house is told."""

from mobility.domain.push_rules import (
    BADGE,
    CALL,
    MEETING,
    MISSED_CALL,
    TEST,
    VOICEMAIL,
    WITHDRAWAL,
)
from mobility.domain.records import PushNotice, PushSubscription
from mobility.push.trimming import shortened
from mobility.push.wire import BADGE_MOST, BODY_CHARACTERS, TITLE_CHARACTERS, Device, Notification

WAKE, SENDER, TEXT = "wake", "sender", "text"
"""Content modes: nothing, who it is, and what is written too."""

BODIES = {
    CALL: "Incoming call",
    MEETING: "Invitation to a meeting",
    MISSED_CALL: "Missed call",
    VOICEMAIL: "New voicemail",
    TEST: "Test notification",
}
"""What is said of who it is, where the message is no text."""

ENDPOINTS = ("webpush", "unifiedpush", "wns")
"""Platforms whose devices have a URL."""


def notification(
    notice: PushNotice,
    device: PushSubscription,
    *,
    content: str,
    badge: int | None,
    sender: str = "",
    text: str = "",
) -> Notification:
    """The notification of `notice` for `device`; what `content` does not allow is left out."""
    title = body = ""
    if notice.kind not in (BADGE, WITHDRAWAL) and (content != WAKE or notice.kind == TEST):
        title = shortened(sender, TITLE_CHARACTERS)
        body = text if content == TEXT and text else BODIES.get(notice.kind, "")
    return Notification(
        id=notice.id,
        device=wire_device(device),
        kind="message" if notice.kind == TEST else notice.kind,
        expires=int(notice.expires_at),
        collapse_key=notice.topic,
        title=title,
        body=shortened(body, BODY_CHARACTERS),
        badge=None if badge is None else min(badge, BADGE_MOST),
        thread=notice.conversation_id,
        trace=notice.id,
    )


def wire_device(device: PushSubscription) -> Device:
    """Where a push for a subscription goes."""
    has_endpoint = device.platform in ENDPOINTS
    return Device(
        platform=device.platform,
        app_id=device.app_id,
        token="" if has_endpoint else device.address,
        voip_token=device.voip_token,
        endpoint=device.address if has_endpoint else "",
        p256dh=device.p256dh,
        auth=device.auth,
        registered=int(device.renewed_at),
    )
