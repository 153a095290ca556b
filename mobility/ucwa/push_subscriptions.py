"""Our extension `mobility:pushSubscriptions`: the devices of a user that can be woken."""

import binascii
import re
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mobility.domain.device_tokens import (
    MAX_APP_ID,
    MAX_DEVICE_NAME,
    MAX_TOKEN,
    WITH_TOKENS,
    is_token,
)
from mobility.domain.devices import Device
from mobility.domain.records import PushSubscription
from mobility.http.body import Fields, fields
from mobility.http.message import Document, Instant, Response
from mobility.ucwa import documents
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.documents import PUSH_EXTENSION
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.service import Ucwa

SUBSCRIPTION = "mobility:pushSubscription"
"""The rel of one subscription."""

PLATFORMS = ("apns", "fcm", "webpush", "unifiedpush", "wns")
ENVIRONMENTS = ("production", "sandbox")
COLLAPSE = ("conversation", "all", "none")
"""What a notification replaces: those of its conversation, all, or none."""

MAX_ZONE = 64
MAX_ENDPOINT = 2_048
"""Characters of an endpoint's URL (our choice: those of browsers have some 200)."""

POINT_BYTES = 65
"""An uncompressed point of P-256 (RFC 8291 section 3.1)."""

AUTH_BYTES = 16
"""The authentication secret (RFC 8291 section 3.2)."""

_APP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_WNS_DOMAIN = ".notify.windows.com"
"""WNS: channel URIs are below this domain alone."""
_TEST_BED = "localhost"
"""Where the doubles of `mobility.push_doubles` are, whatever they are doubles of."""


def get_subscriptions(ucwa: Ucwa, call: Call) -> Response:
    found = ucwa.devices.of(call.endpoint.user_uri, call.now)
    shown = [_document(call.hrefs, one) for one in found]
    own = documents.links(self=call.hrefs.of("me/pushSubscriptions"))
    return Response(
        document={"rel": PUSH_EXTENSION, "_links": own, "_embedded": {SUBSCRIPTION: shown}}
    )


async def post_subscription(ucwa: Ucwa, call: Call) -> Response:
    """201 for a new device, 200 for one that is known, which is renewed."""
    body = fields(call.request)
    platform = body.choice("platform", PLATFORMS, required=True) or ""
    app_id = body.text("appId", required=True, max_length=MAX_APP_ID)
    if app_id and _APP_ID.fullmatch(app_id) is None:
        body.fail("appId", "must be a name such as org.example.chat, or an origin")
    keys = _keys(body, platform)
    device = Device(
        platform=platform,
        app_id=app_id,
        address=_address(body, platform),
        **keys,
        voip_token=_voip_token(body, platform),
        environment=body.choice("environment", ENVIRONMENTS) or ENVIRONMENTS[0],
        **_preferences(body, {}),
    )
    body.check()
    endpoint_id = call.endpoint.record.endpoint_id
    subscription, new = await ucwa.devices.subscribe(
        call.endpoint.user_uri, device, endpoint_id, call.now
    )
    document = _document(call.hrefs, subscription)
    headers = [("Location", document["_links"]["self"]["href"])] if new else []
    return Response(201 if new else 200, document=document, headers=headers)


def get_subscription(ucwa: Ucwa, call: Call) -> Response:
    found = ucwa.devices.find(call.endpoint.user_uri, call.parameter("id"), call.now)
    return Response(document=_document(call.hrefs, found))


async def put_subscription(ucwa: Ucwa, call: Call) -> Response:
    """Renew it; the preferences that are said replace the former ones, and so does a token or an
    endpoint that the platform has given to the device instead."""
    uri, subscription_id = call.endpoint.user_uri, call.parameter("id")
    before = ucwa.devices.find(uri, subscription_id, call.now)
    body = fields(call.request)
    changes = _preferences(
        body,
        {
            "device_name": before.device_name,
            "collapse": before.collapse,
            "quiet_from": before.quiet_from,
            "quiet_until": before.quiet_until,
            "time_zone": before.time_zone,
        },
    )
    changes.update(_moved(body, before.platform))
    body.check()
    after = await ucwa.devices.change(uri, subscription_id, call.now, **changes)
    return Response(document=_document(call.hrefs, after))


async def delete_subscription(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.devices.remove(call.endpoint.user_uri, call.parameter("id"), call.now)
    return Response(204)


def _moved(body: Fields, platform: str) -> dict[str, Any]:
    """What the platform has given to a device that is known, as far as it is said."""
    found: dict[str, Any] = {}
    if ("token" if platform in WITH_TOKENS else "endpoint") in body:
        found = {"address": _address(body, platform), **_keys(body, platform)}
    if "voipToken" in body:
        found["voip_token"] = _voip_token(body, platform)
    return found


def _address(body: Fields, platform: str) -> str:
    """The token of apns and fcm, the endpoint of the others."""
    if platform in WITH_TOKENS:
        token = body.text("token", required=True, max_length=MAX_TOKEN)
        if token and not is_token(platform, token):
            body.fail("token", f"must be a device token of {platform}")
        return token.lower() if platform == "apns" else token
    endpoint = body.text("endpoint", required=True, max_length=MAX_ENDPOINT)
    if endpoint and not _is_endpoint(endpoint, platform):
        body.fail("endpoint", f"must be an https URL of a {platform} service")
    return endpoint


def _voip_token(body: Fields, platform: str) -> str:
    """The PushKit token of an iOS app, which lets it ring."""
    token = body.text("voipToken", max_length=MAX_TOKEN)
    if token and (platform != "apns" or not is_token(platform, token)):
        body.fail("voipToken", "must be a PushKit token of apns")
    return token.lower()


def _is_endpoint(url: str, platform: str) -> bool:
    """Whether a notification may be sent there: https, a host by name, nobody's credentials.

    Which hosts there may be is the clearing house's to say, which sends.
    """
    if not url.isascii() or any(c <= " " for c in url):
        return False
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower().rstrip(".")
        port = parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or "@" in parts.netloc or parts.fragment or port == 0:
        return False
    if host == _TEST_BED:
        return True
    named = "." in host and not host.rpartition(".")[2].isdigit() and ":" not in host
    return named and (platform != "wns" or host.endswith(_WNS_DOMAIN))


def _keys(body: Fields, platform: str) -> dict[str, Any]:
    """The keys of a Web Push subscription, given flat or as browsers do in `keys`."""
    given = body.properties.get("keys")
    inner = Fields(given if isinstance(given, dict) else {})
    found: dict[str, Any] = {}
    for name, size in (("p256dh", POINT_BYTES), ("auth", AUTH_BYTES)):
        source = body if name in body else inner
        text = source.text(name, max_length=128).rstrip("=")
        if platform in ("webpush", "unifiedpush"):
            raw = _decoded(text)
            wrong = raw is None or len(raw) != size or (size == POINT_BYTES and raw[0] != 4)
            if wrong and (text or platform == "webpush" or found.get("p256dh")):
                body.fail(name, f"must be {size} bytes in base64url")
            found[name] = text
        elif text and platform:
            body.fail(name, f"belongs to no subscription of {platform}")
    return found


def _decoded(text: str) -> bytes | None:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)) if text.isascii() else None
    except (ValueError, binascii.Error):
        return None


def _preferences(body: Fields, before: dict[str, str]) -> dict[str, Any]:
    """How the device wants to be woken; what is not said is as it was."""
    found = {**before}
    if "deviceName" in body:
        found["device_name"] = body.text("deviceName", max_length=MAX_DEVICE_NAME)
    collapse = body.choice("collapse", COLLAPSE)
    if collapse is not None:
        found["collapse"] = collapse
    for name, field in (("quietFrom", "quiet_from"), ("quietUntil", "quiet_until")):
        if name in body:
            found[field] = body.text(name, max_length=5)
            if found[field] and _CLOCK.fullmatch(found[field]) is None:
                body.fail(name, "must be a time such as 22:00")
    if "timeZone" in body:
        found["time_zone"] = body.text("timeZone", max_length=MAX_ZONE)
        if found["time_zone"] and not _is_zone(found["time_zone"]):
            body.fail("timeZone", "must be a name of the tz database such as Europe/Berlin")
    quiet = found.get("quiet_from", ""), found.get("quiet_until", "")
    if any(quiet) and not all((*quiet, found.get("time_zone", ""))):
        body.fail("quietFrom", "needs quietUntil and timeZone, and they need it")
    return found


def _is_zone(name: str) -> bool:
    if _ZONE.fullmatch(name) is None:
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _document(hrefs: Hrefs, one: PushSubscription) -> Document:
    """A subscription without what would let somebody else send to the device."""
    return {
        "rel": SUBSCRIPTION,
        "platform": one.platform,
        "appId": one.app_id,
        "environment": one.environment,
        "collapse": one.collapse,
        **documents.present(
            deviceName=one.device_name,
            quietFrom=one.quiet_from,
            quietUntil=one.quiet_until,
            timeZone=one.time_zone,
        ),
        "created": Instant(one.created_at),
        "expires": Instant(one.expires_at),
        "_links": documents.links(self=hrefs.of(f"me/pushSubscriptions/{one.id}")),
    }


_TOKENS = ("token", "endpoint", "p256dh", "auth", "voipToken")
_PREFERENCES = ("collapse", "deviceName", "quietFrom", "quietUntil", "timeZone")

RESOURCES = (
    Resource(
        PUSH_EXTENSION,
        "me/pushSubscriptions",
        (
            Operation("GET", get_subscriptions),
            Operation(
                "POST",
                post_subscription,
                (201, 200),
                parameters=(
                    "platform",
                    "appId",
                    "environment",
                    *_TOKENS,
                    *_PREFERENCES,
                ),
            ),
        ),
    ),
    Resource(
        SUBSCRIPTION,
        "me/pushSubscriptions/{id}",
        (
            Operation("GET", get_subscription),
            Operation("PUT", put_subscription, parameters=(*_TOKENS, *_PREFERENCES)),
            Operation("DELETE", delete_subscription, (204,)),
        ),
    ),
)
