"""The federation format as JSON, both ways, without input or output.

`encode_*` gives bytes; `decode_*` takes bytes and raises `WireFault` when the whole cannot be
read.  A notification that cannot be read becomes its own rejection.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import attrs
import msgspec

from mobility.push.wire import (
    ANSWER_BYTES,
    APP_ID_CHARACTERS,
    BADGE_MOST,
    BATCH_BYTES,
    BATCH_ITEMS,
    BODY_CHARACTERS,
    ENDPOINT_CHARACTERS,
    ID_CHARACTERS,
    KEY_CHARACTERS,
    KINDS,
    OUTCOMES,
    PLACES,
    PLATFORMS,
    REASON_CHARACTERS,
    REJECTED,
    SHUT_DOWN,
    TITLE_CHARACTERS,
    TOKEN_CHARACTERS,
    VERDICT_OUTCOMES,
    VERDICTS_PAGE,
    VERSION,
    WEB_KEY_CHARACTERS,
    Device,
    Health,
    ItemFault,
    Notification,
    ProviderHealth,
    Result,
    Verdict,
    VerdictPage,
    Whereabouts,
    WireFault,
)


def camel(name: str) -> str:
    """`retry_after_s` -> `retryAfterS`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _fields(cls: type) -> tuple[tuple[str, str, Any], ...]:
    """Attribute, name on the wire and default of each field."""
    return tuple(
        (field.name, camel(field.name), field.default) for field in attrs.fields(cast(Any, cls))
    )


_DEVICE, _NOTIFICATION, _RESULT, _VERDICT, _PROVIDER, _WHEREABOUTS = map(
    _fields, (Device, Notification, Result, Verdict, ProviderHealth, Whereabouts)
)


def _document(record: object, fields: tuple[tuple[str, str, Any], ...]) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    document = {}
    for attribute, name, default in fields:
        value = getattr(record, attribute)
        if value != default:
            document[name] = value
    return document


def notification_document(notification: Notification) -> dict[str, Any]:
    """A notification as plain values, for JSON and for the clearing house's own store."""
    document = _document(notification, _NOTIFICATION)
    document["device"] = _document(notification.device, _DEVICE)
    content = {name: document.pop(name) for name in ("title", "body") if name in document}
    if content:
        document["content"] = content
    return document


def encode_notification(notification: Notification) -> bytes:
    return msgspec.json.encode(notification_document(notification))


def encode_batches(
    notifications: Iterable[Notification],
    now: float | None = None,
    most_items: int = BATCH_ITEMS,
    most_bytes: int = BATCH_BYTES,
) -> Iterator[tuple[bytes, int]]:
    """Request bodies within both bounds, in order, each with how many it holds.

    `now` is the sender's time of day, by which the receiver reads `expires`.
    """
    head = b'{"version":1,"notifications":['
    if now is not None:
        head = b'{"version":1,"now":%d,"notifications":[' % now
    size = 0
    items: list[bytes] = []
    for notification in notifications:
        item = encode_notification(notification)
        if items and (len(items) == most_items or size + len(item) > most_bytes - 64):
            yield head + b",".join(items) + b"]}", len(items)
            items, size = [], 0
        items.append(item)
        size += len(item) + 1
    if items:
        yield head + b",".join(items) + b"]}", len(items)


def encode_results(results: Iterable[Result]) -> bytes:
    return msgspec.json.encode(
        {"version": VERSION, "results": [_document(one, _RESULT) for one in results]}
    )


def encode_verdicts(page: VerdictPage) -> bytes:
    return msgspec.json.encode(
        {
            "version": VERSION,
            "stream": page.stream,
            "verdicts": [_document(one, _VERDICT) for one in page.verdicts],
        }
    )


def encode_health(health: Health) -> bytes:
    return msgspec.json.encode(
        {
            "version": VERSION,
            "organisation": health.organisation,
            "providers": [_document(one, _PROVIDER) for one in health.providers],
        }
    )


def encode_ids(ids: Sequence[str]) -> bytes:
    """Which pushes are asked about, at most BATCH_ITEMS."""
    return msgspec.json.encode({"version": VERSION, "ids": ids})


def encode_whereabouts(found: Iterable[Whereabouts]) -> bytes:
    return msgspec.json.encode(
        {"version": VERSION, "pushes": [_document(one, _WHEREABOUTS) for one in found]}
    )


# -- decoding --------------------------------------------------------------------------------


def decode_request(body: bytes) -> tuple[int | None, list[Notification | Result]]:
    """The sender's time of day, if it said it, and what the request holds: each a notification, or
    the rejection of one that cannot be read.

    Raises WireFault.
    """
    return read_request(read_message(body, BATCH_BYTES))


def read_request(message: dict[str, Any]) -> tuple[int | None, list[Notification | Result]]:
    """What `decode_request` gives, of a message that is read already.  Raises WireFault."""
    items = _items(message, "notifications", BATCH_ITEMS)
    now = None
    if message.get("now") is not None:
        with _Whole("request"):
            now = _number(message, "now", None, 0, 2**53)
    return now, [_notification_or_rejection(item) for item in items]


def _notification_or_rejection(item: object) -> Notification | Result:
    try:
        return read_notification(item)
    except ItemFault as fault:
        found = item.get("id") if isinstance(item, dict) else None
        known = found if isinstance(found, str) and len(found) <= ID_CHARACTERS else ""
        reason = "mpns_shut_down" if str(fault) == "mpns_shut_down" else f"malformed: {fault}"
        return Result(known, REJECTED, reason[:REASON_CHARACTERS])


def read_notification(item: object) -> Notification:
    """A notification from plain values.  Raises ItemFault."""
    if not isinstance(item, dict):
        raise ItemFault("must be an object")
    kind = _text(item, "kind", 32)
    if kind not in KINDS:
        raise ItemFault("kind is not one of " + ", ".join(KINDS))
    content = item.get("content", {})
    if not isinstance(content, dict):
        raise ItemFault("content must be an object")
    return Notification(
        id=_text(item, "id", ID_CHARACTERS),
        device=_device(item.get("device")),
        kind=kind,
        expires=_number(item, "expires", None, 0, 2**53),
        collapse_key=_text(item, "collapseKey", KEY_CHARACTERS, ""),
        title=_text(content, "title", TITLE_CHARACTERS, ""),
        body=_text(content, "body", BODY_CHARACTERS, ""),
        badge=None if item.get("badge") is None else _number(item, "badge", 0, 0, BADGE_MOST),
        thread=_text(item, "thread", KEY_CHARACTERS, ""),
        trace=_text(item, "trace", KEY_CHARACTERS, ""),
        ahead_s=_number(item, "aheadS", 0, -(2**53), 2**53),
    )


def _device(item: object) -> Device:
    if not isinstance(item, dict):
        raise ItemFault("device must be an object")
    platform = _text(item, "platform", 32)
    if platform in SHUT_DOWN:
        raise ItemFault("mpns_shut_down")
    if platform not in PLATFORMS:
        raise ItemFault("device.platform is not one of " + ", ".join(PLATFORMS))
    device = Device(
        platform=platform,
        app_id=_text(item, "appId", APP_ID_CHARACTERS),
        token=_text(item, "token", TOKEN_CHARACTERS, ""),
        voip_token=_text(item, "voipToken", TOKEN_CHARACTERS, ""),
        endpoint=_text(item, "endpoint", ENDPOINT_CHARACTERS, ""),
        p256dh=_text(item, "p256dh", WEB_KEY_CHARACTERS, ""),
        auth=_text(item, "auth", WEB_KEY_CHARACTERS, ""),
        registered=_number(item, "registered", 0, 0, 2**53),
    )
    if platform in ("apns", "fcm"):
        if not (device.token or (platform == "apns" and device.voip_token)):
            raise ItemFault("device.token is missing")
    elif not device.endpoint:
        raise ItemFault("device.endpoint is missing")
    if platform == "webpush" and not (device.p256dh and device.auth):
        raise ItemFault("device.p256dh and device.auth are missing")
    if bool(device.p256dh) != bool(device.auth):
        raise ItemFault("device.p256dh and device.auth belong together")
    return device


def decode_results(body: bytes) -> list[Result]:
    """The results of a request, in its order.  Raises WireFault."""
    results = []
    for item in _items(read_message(body, ANSWER_BYTES), "results", BATCH_ITEMS):
        with _Whole("result"):
            outcome = _text(item, "outcome", 32)
            if outcome not in OUTCOMES:
                raise ItemFault("outcome is not one of " + ", ".join(OUTCOMES))
            after = item.get("retryAfterS")
            results.append(
                Result(
                    _text(item, "id", ID_CHARACTERS, ""),
                    outcome,
                    _text(item, "reason", REASON_CHARACTERS, ""),
                    None if after is None else _number(item, "retryAfterS", 0, 0, 86_400),
                )
            )
    return results


def decode_verdicts(body: bytes) -> VerdictPage:
    """A page of verdicts.  Raises WireFault."""
    message = read_message(body, ANSWER_BYTES)
    verdicts = []
    for item in _items(message, "verdicts", VERDICTS_PAGE):
        with _Whole("verdict"):
            outcome = _text(item, "outcome", 32)
            if outcome not in VERDICT_OUTCOMES:
                raise ItemFault("outcome is not one of " + ", ".join(VERDICT_OUTCOMES))
            verdicts.append(
                Verdict(
                    sequence=_number(item, "sequence", None, 1, 2**53),
                    id=_text(item, "id", ID_CHARACTERS),
                    outcome=outcome,
                    reason=_text(item, "reason", REASON_CHARACTERS, ""),
                    status=_text(item, "status", REASON_CHARACTERS, ""),
                    at=_number(item, "at", 0, 0, 2**53),
                    token_field=_text(item, "tokenField", 32, ""),
                    dead_since=_number(item, "deadSince", 0, 0, 2**53),
                    trace=_text(item, "trace", KEY_CHARACTERS, ""),
                )
            )
    with _Whole("page"):
        return VerdictPage(_text(message, "stream", KEY_CHARACTERS), tuple(verdicts))


def decode_health(body: bytes) -> Health:
    """Raises WireFault."""
    message = read_message(body, ANSWER_BYTES)
    providers = []
    for item in _items(message, "providers", 1000):
        with _Whole("provider"):
            if not isinstance(item, dict):
                raise ItemFault("must be an object")
            days, oldest = item.get("expiresInDays"), item.get("oldestS", 0.0)
            if not isinstance(days, int | float | None) or not isinstance(oldest, int | float):
                raise ItemFault("expiresInDays and oldestS must be numbers")
            providers.append(
                ProviderHealth(
                    platform=_text(item, "platform", 32),
                    app_id=_text(item, "appId", APP_ID_CHARACTERS),
                    state=_text(item, "state", 32),
                    reason=_text(item, "reason", REASON_CHARACTERS, ""),
                    credential=_text(item, "credential", REASON_CHARACTERS, ""),
                    expires_in_days=days,
                    checked_at=_number(item, "checkedAt", 0, 0, 2**53),
                    queued=_number(item, "queued", 0, 0, 2**53),
                    oldest_s=float(oldest),
                )
            )
    with _Whole("health"):
        return Health(_text(message, "organisation", APP_ID_CHARACTERS), tuple(providers))


def read_ids(message: dict[str, Any]) -> list[str]:
    """Which pushes are asked about.  Raises WireFault."""
    ids = _items(message, "ids", BATCH_ITEMS)
    with _Whole("request"):
        return [_text({"id": one}, "id", ID_CHARACTERS) for one in ids]


def decode_whereabouts(body: bytes) -> list[Whereabouts]:
    """Where pushes are.  Raises WireFault."""
    found = []
    for item in _items(read_message(body, ANSWER_BYTES), "pushes", BATCH_ITEMS):
        with _Whole("push"):
            place = _text(item, "place", 32)
            if place not in PLACES:
                raise ItemFault("place is not one of " + ", ".join(PLACES))
            wait_s = item.get("waitS", 0.0)
            if not isinstance(wait_s, int | float) or isinstance(wait_s, bool):
                raise ItemFault("waitS must be a number")
            found.append(
                Whereabouts(
                    _text(item, "id", ID_CHARACTERS),
                    place,
                    _number(item, "tries", 0, 0, 2**31),
                    _text(item, "status", REASON_CHARACTERS, ""),
                    float(wait_s),
                )
            )
    return found


class _Whole:  # a context manager
    """Turns the fault of a part into one of the whole: an answer is believed or it is not."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if isinstance(error, ItemFault):
            raise WireFault("Malformed", f"A {self._part} cannot be read: {error}.") from error


def read_message(body: bytes, limit: int) -> dict[str, Any]:
    """The outermost object, whose version is known.  Raises WireFault."""
    if len(body) > limit:
        raise WireFault("TooMany", f"The message is larger than {limit} bytes.")
    try:
        message = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        reason = "is nested too deep" if deep else "is no JSON in UTF-8"
        raise WireFault("Malformed", f"The message {reason}.") from error
    if not isinstance(message, dict):
        raise WireFault("Malformed", "The message must be a JSON object.")
    version = message.get("version")
    if type(version) is not int or version != VERSION:  # True and 1.0 equal it
        raise WireFault("UnknownVersion", f"This speaks version {VERSION} of the format only.")
    return message


def _items(message: dict[str, Any], name: str, most: int) -> Sequence[Any]:
    items = message.get(name)
    if not isinstance(items, list):
        raise WireFault("Malformed", f"{name} must be an array.")
    if len(items) > most:
        raise WireFault("TooMany", f"{name} may hold {most} at most.")
    return items


def _text(item: Any, name: str, most: int, default: str | None = None) -> str:
    """A string of 1 to `most` characters; `default` when it is absent, "" when that is allowed."""
    value = item.get(name, default) if isinstance(item, dict) else None
    if not isinstance(value, str):
        raise ItemFault(f"{name} must be a string")
    if not value and default is None:
        raise ItemFault(f"{name} must not be empty")
    if len(value) > most:
        raise ItemFault(f"{name} is longer than {most} characters")
    return value


def _number(item: Any, name: str, default: int | None, least: int, most: int) -> int:
    value = item.get(name, default) if isinstance(item, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ItemFault(f"{name} must be a whole number")
    if not least <= value <= most:
        raise ItemFault(f"{name} must be from {least} to {most}")
    return value
