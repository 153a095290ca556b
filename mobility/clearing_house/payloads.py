"""What each provider is sent for a notification: bodies and headers, without input or output.

Every payload carries our own part, `mobility` (in FCM's data and in WNS' launch string, flat):
`id` for the app to show a push once, `kind`, `collapse`, `thread`, `trace`, and the texts where
the organisation sends any.  Without texts the push only wakes: the app fetches what there is.
"""

import base64
import hashlib
import uuid
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import attrs
import msgspec

from mobility.push.trimming import fit
from mobility.push.wire import Notification

APNS_BYTES = 4096
APNS_VOIP_BYTES = 5120
FCM_BYTES = 4096
WEB_PUSH_BYTES = 3993
"""Plaintext: with its header, delimiter and tag it is a record of 4,096 (RFC 8291 section 4)."""

WNS_BYTES = 5000
"""5 KB, read as the smaller of the two meanings."""

TOPIC_CHARACTERS = 32
"""Of a Web Push Topic (RFC 8030 section 5.4)."""

TAG_CHARACTERS = 16
"""Of an X-WNS-Tag."""

_IDS = uuid.UUID("5d0ec6f8-9d3a-4cb1-9a7c-0a6ac8b6b7c5")
"""The name space of apns-id values."""

_encode = msgspec.json.encode


@attrs.frozen(slots=True)
class Payload:
    """A body and the headers that go with it; `token_field` says which token is addressed."""

    headers: tuple[tuple[str, str], ...]
    body: bytes = attrs.field(repr=False)
    token_field: str = "token"  # noqa: S105  # the name of a field


def own_part(notification: Notification) -> dict[str, str]:
    """What every payload says of the notification, without its texts."""
    part = {"id": notification.id, "kind": notification.kind}
    for name, value in (
        ("collapse", notification.collapse_key),
        ("thread", notification.thread),
        ("trace", notification.trace),
    ):
        if value:
            part[name] = value
    return part


# -- APNs ------------------------------------------------------------------------------------


def apns_id(organisation: str, push_id: str) -> str:
    """The apns-id of a push: the same however often it is sent."""
    return str(uuid.uuid5(_IDS, f"{organisation}\0{push_id}"))


def collapse_id(key: str) -> str:
    """A collapse key as a header field can carry it, in 64 bytes: itself if it is printable ASCII
    without a space, which HTTP/2 takes for broken at either end (RFC 9113 section 8.2.1)."""
    if key.isascii() and key.isprintable() and " " not in key:
        return key
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=24).hexdigest()


def apns(notification: Notification, topic: str, identifier: str) -> Payload | None:
    """For APNs: None when the device has no token that may carry this kind.

    A call goes to the PushKit token, which must lead to a call that the app reports, and so does
    the withdrawal of one when there is no other token; everything else is an alert, a badge alone
    included, but a withdrawal, which works in the background.
    """
    kind, device = notification.kind, notification.device
    voip = bool(device.voip_token) and (kind == "call" or (kind == "withdraw" and not device.token))
    if not voip and not device.token:
        return None
    push_type = "voip" if voip else "background" if kind == "withdraw" else "alert"
    headers = [
        ("apns-topic", f"{topic}.voip" if voip else topic),
        ("apns-push-type", push_type),
        ("apns-priority", "5" if push_type == "background" or kind == "badge" else "10"),
        ("apns-expiration", str(notification.expires)),
        ("apns-id", identifier),
    ]
    if notification.collapse_key and push_type == "alert":
        headers.append(("apns-collapse-id", collapse_id(notification.collapse_key)))
    own = own_part(notification)

    def build(title: str, body: str) -> bytes:
        return _encode(_apns_document(notification, push_type, own, title, body))

    limit = APNS_VOIP_BYTES if voip else APNS_BYTES
    body = fit(build, notification.title, notification.body, limit)
    return Payload(tuple(headers), body, "voip_token" if voip else "token")


def _apns_document(
    notification: Notification, push_type: str, own: dict[str, str], title: str, body: str
) -> dict[str, Any]:
    aps: dict[str, Any] = {}
    if push_type == "background":
        aps["content-available"] = 1
        return {"aps": aps, "mobility": own | _badge_of(notification)}
    if push_type == "voip":
        return {"aps": aps, "mobility": own | _texts(title, body)}
    if notification.badge is not None:
        aps["badge"] = notification.badge
    if notification.kind != "badge":
        aps["alert"] = _texts(title, body) or {"loc-key": f"push.{notification.kind}"}
        aps["sound"] = "default"
        aps["mutable-content"] = 1
        if notification.thread:
            aps["thread-id"] = notification.thread
        if notification.kind == "call":
            aps["interruption-level"] = "time-sensitive"
    return {"aps": aps, "mobility": own}


def _texts(title: str, body: str) -> dict[str, str]:
    return {name: text for name, text in (("title", title), ("body", body)) if text}


def _badge_of(notification: Notification) -> dict[str, int]:
    return {} if notification.badge is None else {"badge": notification.badge}


# -- FCM -------------------------------------------------------------------------------------


def fcm(notification: Notification, now: float) -> bytes:
    """The body of FCM's messages:send: a data message, whose values are all strings.

    FCM keeps four collapse keys for a device, so only what merely wakes is collapsed there, by its
    kind; `collapse` in the data is the key that the app replaces by.
    """
    kind = notification.kind
    own = own_part(notification)
    if notification.badge is not None:
        own["badge"] = str(notification.badge)
    android = {
        "priority": "NORMAL" if kind == "badge" else "HIGH",
        "ttl": f"{max(0, notification.expires - int(now))}s",
    }
    if kind not in ("call", "withdraw") and not (notification.title or notification.body):
        android["collapse_key"] = "badge" if kind == "badge" else "wake"
    token = notification.device.token

    def build(title: str, body: str) -> bytes:
        return _encode(own | _texts(title, body))

    data = msgspec.json.decode(
        fit(build, notification.title, notification.body, FCM_BYTES), type=dict[str, str]
    )
    return _encode({"message": {"token": token, "data": data, "android": android}})


# -- Web Push and UnifiedPush ----------------------------------------------------------------


def web_push(notification: Notification, *, readable: bool = False) -> bytes:
    """The plaintext for the application; what would travel `readable` has no texts."""
    own: dict[str, Any] = own_part(notification) | _badge_of(notification)
    if readable:
        return _encode(own)

    def build(title: str, body: str) -> bytes:
        return _encode(own | _texts(title, body))

    return fit(build, notification.title, notification.body, WEB_PUSH_BYTES)


def topic_of(device: str, key: str, size: int) -> str:
    """A collapse key as a Topic or tag of `size` base64url characters, a multiple of four; it
    tells nothing of the key.  "" for no key."""
    if not key:
        return ""
    data = f"{device}\0{key}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=size * 3 // 4).digest()
    return base64.urlsafe_b64encode(digest).decode()


def web_push_headers(notification: Notification, now: float) -> list[tuple[str, str]]:
    """TTL, Urgency and Topic (RFC 8030 sections 5.2 to 5.4)."""
    urgency = "low" if notification.kind == "badge" else "high"
    headers = [("TTL", str(max(0, notification.expires - int(now)))), ("Urgency", urgency)]
    topic = topic_of(notification.device.endpoint, notification.collapse_key, TOPIC_CHARACTERS)
    if topic:
        headers.append(("Topic", topic))
    return headers


# -- WNS -------------------------------------------------------------------------------------


def wns(notification: Notification, now: float) -> Payload:
    """For WNS: a toast where there is text to show, a badge, or raw data that wakes the app."""
    own = own_part(notification)
    headers = [("X-WNS-TTL", str(max(0, notification.expires - int(now))))]
    if notification.kind == "badge" and notification.badge is not None:
        body = f'<badge value="{notification.badge}"/>'.encode()
        return Payload(
            (*headers, ("X-WNS-Type", "wns/badge"), ("Content-Type", "text/xml")), body, "endpoint"
        )
    if notification.kind == "withdraw" or not (notification.title or notification.body):
        body = _encode(own | _badge_of(notification))
        headers += [("X-WNS-Type", "wns/raw"), ("Content-Type", "application/octet-stream")]
        return Payload(tuple(headers), body, "endpoint")
    launch = quoteattr(_legal(_encode(own).decode()))
    scenario = ' scenario="incomingCall"' if notification.kind == "call" else ""

    def build(title: str, body: str) -> bytes:
        lines = "".join(f"<text>{_xml(text)}</text>" for text in (title, body) if text)
        return (
            f"<toast launch={launch}{scenario}><visual>"
            f'<binding template="ToastGeneric">{lines}</binding></visual></toast>'
        ).encode()

    tag = topic_of(notification.device.endpoint, notification.collapse_key, TAG_CHARACTERS)
    if tag:
        headers.append(("X-WNS-Tag", tag))
    headers += [("X-WNS-Type", "wns/toast"), ("Content-Type", "text/xml")]
    body = fit(build, notification.title, notification.body, WNS_BYTES)
    return Payload(tuple(headers), body, "endpoint")


def _xml(text: str) -> str:
    """Text of an element."""
    return escape(_legal(text))


def _legal(text: str) -> str:
    """What XML 1.0 cannot hold becomes U+FFFD."""
    return "".join(c if _is_xml(c) else "\ufffd" for c in text)


def _is_xml(c: str) -> bool:
    return c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
