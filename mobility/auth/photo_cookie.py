"""The cookie `cwt_ucwa`, with which `<img>` elements fetch photos (they cannot send a token)."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from urllib.parse import quote

from mobility.domain.records import User

COOKIE = "cwt_ucwa"

MAX_COOKIES = 32
"""Cookies of one request that are looked at; the cookie's path lets a browser send just one."""

MIN_SECRET_BYTES = 32
"""Bytes of the server secret (RFC 2104 §3: not shorter than the hash)."""


class PhotoCookies:
    """Makes and checks the cookie: an HMAC-SHA256 over application, user and password version.

    A changed password voids it.  `secret` is the server's, at least `MIN_SECRET_BYTES` random
    bytes, the same on every front end of a pool; a shorter one raises ValueError.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the photo cookie secret is shorter than {MIN_SECRET_BYTES} bytes")
        self._secret = secret

    def header(self, application_id: str, user: User) -> str:
        """The value of a Set-Cookie header (RFC 6265 §4.1).

        `SameSite=None`, since the image may stand in another site's page, and `Partitioned`,
        since Chromium keeps no other cookies of an embedded site (CHIPS).
        """
        path = f"/ucwa/oauth/v1/applications/{quote(application_id, safe='')}/photos"
        value = self._value(application_id, user)
        return f"{COOKIE}={value}; Path={path}; Secure; HttpOnly; SameSite=None; Partitioned"

    def admits(self, cookie_header: str, application_id: str, user: User) -> bool:
        """Whether a request's Cookie header holds the cookie of this application and user."""
        expected = self._value(application_id, user).encode()
        for pair in cookie_header.split(";", MAX_COOKIES)[:MAX_COOKIES]:
            name, _, value = pair.strip().partition("=")
            given = value.encode(errors="backslashreplace")
            if name == COOKIE and hmac.compare_digest(given, expected):
                return True
        return False

    def _value(self, application_id: str, user: User) -> str:
        subject = "\n".join((application_id, user.uri, str(user.credential_version)))
        digest = hmac.digest(self._secret, subject.encode(), hashlib.sha256)
        return urlsafe_b64encode(digest).decode().rstrip("=")
