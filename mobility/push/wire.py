"""The federation format, version 1: JSON over HTTPS with mutual TLS, in both directions.

The front end is always the client; the certificate it shows says which organisation it is.

    POST /push/v1/notifications   {"version": 1, "now": T, "notifications": [...]}  at most 100
         200                      {"version": 1, "results": [...]}  one each, in the same order
    GET  /push/v1/verdicts?after=N&stream=S&wait=SECONDS
         200                      {"version": 1, "stream": S, "verdicts": [...]}
    GET  /push/v1/health
         200                      {"version": 1, "organisation": O, "providers": [...]}
    POST /push/v1/whereabouts     {"version": 1, "ids": [...]}  at most 100
         200                      {"version": 1, "pushes": [...]}  one each, in the same order

A notification that cannot be read is rejected alone; the others of its batch are taken.  Fields
that a version 1 reader does not know are ignored, so that the format may grow; another version has
another path and another number.  `now` is the sender's clock: with it `expires` means the same
moment to both, however far their clocks are apart.  Names are camelCase, times are seconds of the
epoch, a field without a value is absent.

These are its records, bounds and words; `mobility.push.wire_json` writes and reads them.
"""

import attrs

from mobility.errors import PeerFault

VERSION = 1
NOTIFICATIONS_PATH = "/push/v1/notifications"
VERDICTS_PATH = "/push/v1/verdicts"
HEALTH_PATH = "/push/v1/health"
WHEREABOUTS_PATH = "/push/v1/whereabouts"
CONTENT_TYPE = "application/json"

BATCH_ITEMS = 100
"""Notifications in one request (our choice)."""

BATCH_BYTES = 1024 * 1024
"""A request's body (our choice)."""

ANSWER_BYTES = 4 * 1024 * 1024
"""What a front end reads of an answer (our choice; a page of verdicts is below 1 MiB)."""

VERDICTS_PAGE = 500
"""Verdicts in one answer (our choice)."""

MAX_WAIT_S = 25.0
"""The longest poll for verdicts; proxies cut a silent connection after 30 s or more."""

ID_CHARACTERS = 64
KEY_CHARACTERS = 64
READER_CHARACTERS = 255
"""Of the name of who hears verdicts: a host name has no more."""
"""A collapse key, a thread or a trace id (apns-collapse-id takes 64 bytes)."""

APP_ID_CHARACTERS = 200
TOKEN_CHARACTERS = 4096
"""FCM and APNs say that a token's length may grow; both are below 512 at present."""

ENDPOINT_CHARACTERS = 2048
WEB_KEY_CHARACTERS = 128
"""base64url of a P-256 point (87) or of the auth secret (22)."""

TITLE_CHARACTERS = 256
BODY_CHARACTERS = 4096
"""More than any provider carries; what a provider cannot take is trimmed."""

REASON_CHARACTERS = 200
MAX_LIFE_S = 28 * 86_400
"""The latest `expires` from now on: FCM keeps a message four weeks, and nobody keeps one longer."""

BADGE_MOST = 99_999

PLATFORMS = ("apns", "fcm", "webpush", "unifiedpush", "wns")
SHUT_DOWN = ("mpns",)
"""Named so that an old subscription is refused with the true reason: Microsoft has ended it."""

KINDS = ("call", "message", "missedCall", "voicemail", "meeting", "badge", "withdraw")

PRIORITIES = {
    "call": 0,
    "withdraw": 0,
    "message": 1,
    "missedCall": 1,
    "voicemail": 1,
    "meeting": 1,
    "badge": 2,
}
"""Which go first: a call and its withdrawal before messages, messages before badges."""

ACCEPTED, DUPLICATE, REJECTED, RETRY = OUTCOMES = ("accepted", "duplicate", "rejected", "retry")
DELIVERED, EXPIRED, FAILED, DEAD = VERDICT_OUTCOMES = ("delivered", "expired", "failed", "dead")
"""`delivered` means that the provider took it; no provider says when a device showed it."""

QUEUED, SENDING, LATER, TOLD, UNKNOWN = PLACES = ("queued", "sending", "later", "told", "unknown")
"""Where a push is: it waits for its turn, the provider was asked and has not answered, it is tried
again later, a verdict was made, or nobody knows of it."""

DEAD_TOKEN = "dead_token"  # noqa: S105  # a reason
"""The provider does not know the device by this token."""

REASONS = {
    "malformed": "the notification cannot be read; the reason goes on with what is wrong",
    "app_not_allowed": "this organisation may not use this app id",
    "platform_not_served": "no provider is configured for this platform and app id",
    "mpns_shut_down": "the Microsoft Push Notification Service for Windows Phone has ended",
    "endpoint_not_allowed": "the endpoint's host is not on the allow list, or is a private address",
    "dead_token": "the provider has said that this device's token is dead",
    "already_expired": "it is past its own expiry",
    "quota": "the organisation has used its quota; try again later",
    "queue_full": "too much is waiting; try again later",
    "unavailable": "the clearing house cannot store it now; try again later",
    "superseded": "a newer badge for the same device took its place before it was sent",
    "withdrawn": "it was withdrawn before it was sent",
    "payload_too_large": "the provider found it too large",
    "credential": "the provider refuses the clearing house's credential",
    "provider": "the provider refused it; the status is the provider's own word",
}
"""The machine-readable reasons of results and verdicts, which both sides count by."""


class WireFault(PeerFault):
    """The whole message cannot be read: 400 with a subcode.

    `UnknownVersion`, `Malformed` or `TooMany`; 413 `EntityTooLarge` for a body over its bound.
    """

    def __init__(self, subcode: str, message: str) -> None:
        super().__init__("BadRequest", subcode, message)


class ItemFault(ValueError):
    """One notification cannot be read: it is rejected with this reason."""


@attrs.frozen(slots=True)
class Device:
    """Where a push goes.

    `token` for apns and fcm; `endpoint` for webpush, unifiedpush and wns (its channel URI), with
    `p256dh` and `auth` for webpush always and for unifiedpush where the application gave them:
    without them a UnifiedPush message would travel readable, so it only wakes.  `voip_token` is
    the PushKit token of an iOS app, used for calls.  `registered` is when the application last gave
    us this token, 0 when it is not known: a token that died before that is tried again.
    """

    platform: str
    app_id: str
    token: str = attrs.field(default="", repr=False)
    voip_token: str = attrs.field(default="", repr=False)
    endpoint: str = attrs.field(default="", repr=False)
    p256dh: str = attrs.field(default="", repr=False)
    auth: str = attrs.field(default="", repr=False)
    registered: int = 0


@attrs.frozen(slots=True)
class Notification:
    """One push.

    `id` is unique in the organisation for as long as the push lives and the same at each retry.
    `collapse_key` names what a later push replaces.  `title` and `body` are "" where the device is
    only to be woken.  `badge` is the new number on the app's icon, None to leave it.  `thread` is
    the conversation or meeting it belongs to, `trace` joins the log lines of every hop.  `ahead_s`
    is the clearing house's own note: how far its clock was ahead of the sender's.
    """

    id: str
    device: Device
    kind: str
    expires: int
    collapse_key: str = ""
    title: str = attrs.field(default="", repr=False)
    body: str = attrs.field(default="", repr=False)
    badge: int | None = None
    thread: str = ""
    trace: str = ""
    ahead_s: int = 0

    @property
    def priority(self) -> int:
        """Smaller goes first (`PRIORITIES`)."""
        return PRIORITIES[self.kind]


@attrs.frozen(slots=True)
class Result:
    """What became of one notification of a request.

    `accepted`: it is stored, and a verdict will follow.  `duplicate`: its id is known; whatever
    verdict there is was or will be told.  `rejected`: never try this again, `reason` says why.
    `retry`: not now, but after `retry_after_s`.  `reason` begins with a key of `REASONS`.
    """

    id: str
    outcome: str
    reason: str = ""
    retry_after_s: int | None = None


@attrs.frozen(slots=True)
class Verdict:
    """What a provider said, told until a poll with a larger `after` confirms it.

    `sequence` counts within one `stream`.  `status` is the provider's own words ("200", "410
    Unregistered").  `at` is when the clearing house heard it.  With `dead`, told once for a token,
    `token_field` is the field of `Device` that died and `dead_since` since when it did by the
    sender's clock, or else just after it was given: a token given to the front end after that is
    to be kept.
    """

    sequence: int
    id: str
    outcome: str
    reason: str = ""
    status: str = ""
    at: int = 0
    token_field: str = ""
    dead_since: int = 0
    trace: str = ""


@attrs.frozen(slots=True)
class VerdictPage:
    """A page of verdicts.  Another `stream` than last time means a new store: begin at 0."""

    stream: str
    verdicts: tuple[Verdict, ...]


@attrs.frozen(slots=True)
class ProviderHealth:
    """How one provider fares for one app id.

    `state` is "ok", "untried", "refused" (the credential), "failing" (the breaker is open) or
    "probing".  `expires_in_days` is None for a credential without an end, such as APNs' key.
    """

    platform: str
    app_id: str
    state: str
    reason: str = ""
    credential: str = ""
    expires_in_days: float | None = None
    checked_at: int = 0
    queued: int = 0
    oldest_s: float = 0.0


@attrs.frozen(slots=True)
class Health:
    """What an organisation may see of the clearing house."""

    organisation: str
    providers: tuple[ProviderHealth, ...]


@attrs.frozen(slots=True)
class Whereabouts:
    """Where one push is, one of `PLACES`, after so many `tries` in vain.

    `status` is the provider's own word on the last of them, or for one that is queued what keeps
    the clearing house from asking the provider; `wait_s` is how long until it is tried again.
    """

    id: str
    place: str
    tries: int = 0
    status: str = ""
    wait_s: float = 0.0
