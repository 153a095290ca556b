"""The tokens by which push services know devices, as a phone may say them by UCWA or by SIP."""

import re

MAX_TOKEN = 4_096
"""Characters of a token (our choice; FCM's have some 160)."""

MAX_APP_ID = 128
"""Characters of an app's id (our choice: those of stores have some 50)."""

MAX_DEVICE_NAME = 100
"""Characters of what a device calls itself (our choice)."""

_TOKENS = {
    "apns": re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}"),
    "fcm": re.compile(rf"[A-Za-z0-9_:-]{{20,{MAX_TOKEN}}}"),
}
"""APNs device tokens are hex digits of at least 32 bytes; FCM's are base64url with a colon."""

WITH_TOKENS = tuple(_TOKENS)
"""Platforms whose devices are known by a token; those of others have an endpoint each."""


def is_token(platform: str, token: str) -> bool:
    """Whether one of WITH_TOKENS gives out such tokens."""
    return _TOKENS[platform].fullmatch(token) is not None
