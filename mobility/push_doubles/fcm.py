"""A double of Firebase Cloud Messaging (HTTP v1) and of Google's token endpoint."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.internet.interfaces import IReactorTime

from mobility.push_doubles.pages import Asked, Page, WebDouble, json_page

SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}" for name in ("firebase.messaging", "cloud-platform")
)
"""Either lets messages be sent ("FCM HTTP v1 API", projects.messages.send)."""

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""What Google's own libraries address an assertion to, wherever they send it."""

LIFE_S = 3_600
DATA_BYTES = 4_096
RESERVED = ("google", "gcm")


@attrs.define(slots=True, eq=False)
class FcmPush:
    """One message that was taken."""

    token: str
    message: dict[str, Any]

    @property
    def data(self) -> dict[str, str]:
        found: dict[str, str] = self.message.get("data", {})
        return found

    @property
    def id(self) -> str:
        return self.data.get("id", "")


def fault(
    status: int, code: str, message: str = "", *, typed: bool = True, field: str = ""
) -> Page:
    """An error as FCM writes it: an FcmError, a BadRequest with the `field` at fault, or both."""
    details: list[dict[str, Any]] = []
    if typed:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details.append({"@type": kind, "errorCode": code})
    if field:
        kind = "type.googleapis.com/google.rpc.BadRequest"
        details.append({"@type": kind, "fieldViolations": [{"field": field}]})
    names = {404: "NOT_FOUND", 400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED"}
    names |= {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    error = {"code": status, "message": message, "status": names.get(status, "INTERNAL")}
    return json_page(status, {"error": error | {"details": details}})


class FcmDouble(WebDouble):
    """Takes messages for one project.

    `decide` may answer for a message that is right.
    """

    def __init__(
        self,
        project: str,
        email: str,
        key_id: str,
        key: rsa.RSAPublicKey,
        clock: IReactorTime,
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.decide: Callable[[FcmPush], Page | None] = lambda _: None
        self.on_push: Callable[[FcmPush], None] = lambda _: None
        self.received: list[FcmPush] = []
        self.tokens_given = 0
        self._project = project
        self._email = email
        self._key_id = key_id
        self._key = key
        self._epoch = epoch
        self._access: dict[str, float] = {}

    def revoke(self) -> None:
        """No access token that was given counts any more."""
        self._access.clear()

    def answer(self, asked: Asked) -> Page:
        self.requests += 1
        if asked.path == "/token":
            return self._token(asked)
        if asked.method != "POST" or asked.path != f"/v1/projects/{self._project}/messages:send":
            return fault(404, "NOT_FOUND", typed=False)
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or self._access.get(token, 0) < self._epoch():
            return fault(401, "UNAUTHENTICATED", typed=False)
        return self._send(asked.body)

    def _token(self, asked: Asked) -> Page:
        form = parse_qs(asked.body.decode())
        if form.get("grant_type") != [GRANT]:
            return json_page(400, {"error": "unsupported_grant_type"})
        try:
            assertion = form["assertion"][0]
            if jwt.get_unverified_header(assertion)["kid"] != self._key_id:
                return json_page(400, {"error": "invalid_grant"})
            audiences = [f"{self.url}/token", AUDIENCE]
            claims = jwt.decode(assertion, self._key, ["RS256"], audience=audiences)
        except (jwt.PyJWTError, KeyError):
            return json_page(400, {"error": "invalid_grant"})
        scopes = str(claims.get("scope", "")).split()
        if claims.get("iss") != self._email or not SCOPES.intersection(scopes):
            return json_page(400, {"error": "invalid_scope"})
        if claims["exp"] - claims["iat"] > LIFE_S:
            return json_page(400, {"error": "invalid_grant"})
        self.tokens_given += 1
        token = secrets.token_urlsafe(32)
        self._access[token] = self._epoch() + LIFE_S
        return json_page(200, {"access_token": token, "expires_in": LIFE_S, "token_type": "Bearer"})

    def _send(self, body: bytes) -> Page:
        try:
            request = json.loads(body)
            message = request["message"]
            push = FcmPush(message["token"], message)
        except (ValueError, KeyError, TypeError):
            return fault(400, "INVALID_ARGUMENT", typed=False, field="message")
        wrong = _wrong(message)
        if wrong:
            return fault(400, "INVALID_ARGUMENT", typed=False, field=wrong)
        if push.token == "none":  # noqa: S105  # what nobody has
            text = "The registration token is not a valid FCM registration token"
            return fault(400, "INVALID_ARGUMENT", text)
        decided = self.decide(push)
        if decided is not None:
            return decided
        if not request.get("validate_only"):
            if self.keep:
                self.received.append(push)
            self.on_push(push)
        name = f"projects/{self._project}/messages/{len(self.received)}"
        return json_page(200, {"name": name})


def _wrong(message: dict[str, Any]) -> str:
    """The field that FCM would complain of, "" for none."""
    data = message.get("data", {})
    for name, value in data.items():
        if not isinstance(value, str) or name == "from" or name.startswith(RESERVED):
            return f"message.data[{name}]"
    if len(json.dumps(data, ensure_ascii=False).encode()) > DATA_BYTES + 100:
        return "message.data"
    android = message.get("android", {})
    ttl = android.get("ttl", "0s")
    if not ttl.endswith("s") or not ttl[:-1].isdigit() or int(ttl[:-1]) > 28 * 86_400:
        return "message.android.ttl"
    if str(android.get("priority", "NORMAL")).upper() not in ("NORMAL", "HIGH"):
        return "message.android.priority"
    return ""
