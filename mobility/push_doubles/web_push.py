"""A push service of your own (RFC 8030), with the subscribers that read what it gets (RFC 8291).

It also does for UnifiedPush, whose servers speak the same.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.interfaces import IReactorTime

from mobility.clearing_house.signing import decoded, decrypt, encoded
from mobility.push_doubles.pages import Asked, Page, WebDouble

BODY_BYTES = 4_096
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
URGENCIES = ("very-low", "low", "normal", "high")
VAPID = re.compile(r"vapid t=([A-Za-z0-9_.-]+), ?k=([A-Za-z0-9_-]+)")
DAY_S = 86_400


@attrs.define(slots=True, eq=False)
class Subscriber:
    """An application with a subscription, and its private key; without keys it reads plaintext."""

    path: str
    endpoint: str
    key: ec.EllipticCurvePrivateKey | None = attrs.field(default=None, repr=False)
    secret: bytes = attrs.field(default=b"", repr=False)
    gone: bool = False
    messages: list["WebMessage"] = attrs.Factory(list)
    """What the application has read, in order."""

    @property
    def p256dh(self) -> str:
        """What it gives the sender, "" without keys."""
        if self.key is None:
            return ""
        public = self.key.public_key()
        return encoded(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    @property
    def auth(self) -> str:
        return encoded(self.secret) if self.secret else ""


@attrs.frozen(slots=True)
class WebMessage:
    """One message, decrypted."""

    payload: dict[str, Any]
    text: str
    """The payload as it came."""
    headers: dict[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    @property
    def id(self) -> str:
        return str(self.payload.get("id", ""))


class PushServiceDouble(WebDouble):
    """`vapid_key` is the key that subscriptions are restricted to (base64url), "" for any.

    `decide` may answer for a message that is right.
    """

    def __init__(
        self,
        clock: IReactorTime,
        vapid_key: str = "",
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.vapid_key = vapid_key
        self.decide: Callable[[Subscriber], Page | None] = lambda _: None
        self.on_push: Callable[[WebMessage], None] = lambda _: None
        self.received: list[WebMessage] = []
        self._epoch = epoch
        self._subscribers: dict[str, Subscriber] = {}

    def subscribe(self, *, keys: bool = True) -> Subscriber:
        """A new subscription."""
        path = f"/push/{secrets.token_urlsafe(16)}"
        key = ec.generate_private_key(ec.SECP256R1()) if keys else None
        secret = os.urandom(16) if keys else b""
        one = Subscriber(path, self.url + path, key, secret)
        self._subscribers[path] = one
        return one

    def answer(self, asked: Asked) -> Page:
        self.requests += 1
        subscriber = self._subscribers.get(asked.path)
        if asked.method != "POST":
            return Page(405)
        if subscriber is None:
            return Page(404)
        if subscriber.gone:
            return Page(410)
        refusal = self._refusal(asked, subscriber) or self.decide(subscriber)
        if refusal is not None:
            return refusal
        try:
            message = self._read(asked, subscriber)
        except ValueError as error:
            return Page(400, str(error).encode())
        if self.keep:
            subscriber.messages.append(message)
            self.received.append(message)
        self.on_push(message)
        return Page(201, headers=(("Location", f"{self.url}/message/{len(self.received)}"),))

    def _refusal(self, asked: Asked, subscriber: Subscriber) -> Page | None:
        headers = asked.headers
        if not headers.get("ttl", "").isdigit():
            return Page(400, b"TTL is missing")
        if headers.get("urgency", "normal") not in URGENCIES:
            return Page(400, b"bad Urgency")
        if "topic" in headers and TOPIC.fullmatch(headers["topic"]) is None:
            return Page(400, b"bad Topic")
        if len(asked.body) > BODY_BYTES:
            return Page(413)
        if subscriber.key is not None and headers.get("content-encoding") != "aes128gcm":
            return Page(400, b"bad Content-Encoding")
        return self._vapid(headers.get("authorization", ""))

    def _vapid(self, field: str) -> Page | None:
        found = VAPID.fullmatch(field)
        if found is None:
            return Page(401, b"no vapid")
        token, key = found.groups()
        if self.vapid_key and key != self.vapid_key:
            return Page(403, b"another key")
        try:
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(key))
            parts = urlsplit(self.url)
            audience = f"{parts.scheme}://{parts.netloc}"
            claims = jwt.decode(token, public, ["ES256"], audience=audience)
        except (jwt.PyJWTError, ValueError):
            return Page(403, b"bad vapid")
        if claims["exp"] - self._epoch() > DAY_S:
            return Page(403, b"exp is too far")
        if not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
            return Page(403, b"bad sub")
        return None

    def _read(self, asked: Asked, subscriber: Subscriber) -> WebMessage:
        """Raises ValueError."""
        body = asked.body
        if subscriber.key is not None:
            body = decrypt(body, subscriber.key, subscriber.secret)
        payload = json.loads(body)
        if not isinstance(payload, dict):
            raise ValueError("is no object")
        return WebMessage(payload, body.decode(), asked.headers, asked.body)
