"""A double of the Windows push services and of Entra ID's token endpoint."""

import json
import secrets
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from urllib.parse import parse_qs

import attrs
from twisted.internet.interfaces import IReactorTime

from mobility.push_doubles.pages import Asked, Page, WebDouble, json_page

SCOPE = "https://wns.windows.com/.default"
TYPES = {"wns/toast": "text/xml", "wns/badge": "text/xml", "wns/raw": "application/octet-stream"}
BODY_BYTES = 5_000
LIFE_S = 86_400
ROOTS = {"wns/toast": "toast", "wns/badge": "badge"}


@attrs.define(slots=True, eq=False)
class WnsPush:
    """One notification that was taken."""

    channel: str
    kind: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The id inside, "" for a badge."""
        if self.kind == "wns/raw":
            return str(json.loads(self.body)["id"])
        if self.kind == "wns/toast":
            root = ElementTree.fromstring(self.body)  # noqa: S314  # made by our own program
            return str(json.loads(root.attrib["launch"])["id"])
        return ""


class WnsDouble(WebDouble):
    """Channels and tokens of one application."""

    def __init__(
        self,
        tenant: str,
        client_id: str,
        client_secret: str,
        clock: IReactorTime,
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.decide: Callable[[WnsPush], Page | None] = lambda _: None
        self.on_push: Callable[[WnsPush], None] = lambda _: None
        self.received: list[WnsPush] = []
        self.tokens_given = 0
        self._tenant = tenant
        self._client_id = client_id
        self._client_secret = client_secret
        self._epoch = epoch
        self._access: dict[str, float] = {}
        self._channels: set[str] = set()

    def channel(self) -> str:
        """A new channel URI."""
        path = f"/channel/{secrets.token_urlsafe(24)}"
        self._channels.add(path)
        return self.url + path

    def revoke(self) -> None:
        """No access token that was given counts any more."""
        self._access.clear()

    def answer(self, asked: Asked) -> Page:
        self.requests += 1
        if asked.path == f"/{self._tenant}/oauth2/v2.0/token":
            return self._token(asked)
        if asked.path not in self._channels:
            return Page(404)
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or self._access.get(token, 0) < self._epoch():
            return Page(401, headers=(("X-WNS-Error-Description", "token"),))
        form = asked.headers.get("x-wns-type", "")
        if TYPES.get(form) != asked.headers.get("content-type"):
            return Page(400, headers=(("X-WNS-Error-Description", "type"),))
        if len(asked.body) > BODY_BYTES:
            return Page(413)
        if form in ROOTS and not _is_xml(asked.body, ROOTS[form]):
            return Page(400, headers=(("X-WNS-Error-Description", "xml"),))
        push = WnsPush(asked.path, form, asked.headers, asked.body)
        decided = self.decide(push)
        if decided is not None:
            return decided
        if self.keep:
            self.received.append(push)
        self.on_push(push)
        return Page(200, headers=(("X-WNS-Status", "received"),))

    def _token(self, asked: Asked) -> Page:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if form.get("grant_type") != "client_credentials" or form.get("scope") != SCOPE:
            return json_page(400, {"error": "invalid_request"})
        client = (form.get("client_id"), form.get("client_secret"))
        if client != (self._client_id, self._client_secret):
            return json_page(401, {"error": "invalid_client"})
        self.tokens_given += 1
        token = secrets.token_urlsafe(32)
        self._access[token] = self._epoch() + LIFE_S
        return json_page(200, {"access_token": token, "expires_in": LIFE_S, "token_type": "Bearer"})


def _is_xml(body: bytes, root: str) -> bool:
    try:
        return ElementTree.fromstring(body).tag == root  # noqa: S314  # made by our own program
    except ElementTree.ParseError:
        return False
