"""A small UCWA client: enough of one to sign in, follow links and wait for events."""

import json
from typing import Any
from urllib.parse import urljoin

import attrs
from treq.client import HTTPClient
from twisted.web.http_headers import Headers

from tests.interop.front_end_process import PASSWORD


@attrs.frozen
class Reply:
    """An answer as it came."""

    status: int
    headers: Headers
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """The one value of a header, "" when it is missing."""
        values = self.headers.getRawHeaders(name, [])
        if len(values) > 1:
            raise ValueError(f"{name} is there {len(values)} times")
        return values[0] if values else ""


class Phone:
    """A user's client of the web service at `root`; `links` are those of its application by rel."""

    def __init__(self, http: HTTPClient, root: str, user: str) -> None:
        self.user = user
        self.links: dict[str, str] = {}
        self.token = ""
        self._http = http
        self._root = root
        self._headers = {"Accept": "application/json"}

    async def request(self, method: str, href: str, **options: Any) -> Reply:
        """One exchange; `options` are treq's."""
        headers = self._headers | options.pop("headers", {})
        url = urljoin(self._root, href)
        response = await self._http.request(method, url, headers=headers, **options)
        return Reply(response.code, response.headers, await response.content())

    async def expect(self, status: int, method: str, href: str, **options: Any) -> Reply:
        """One exchange that must have this status."""
        reply = await self.request(method, href, **options)
        if reply.status != status:
            raise AssertionError(f"{method} {href} answered {reply.status}: {reply.body!r}")
        return reply

    async def sign_in(self, *, available: bool = True) -> None:
        """Get a token and an application, and say makeMeAvailable if `available`."""
        form = {
            "grant_type": "password",
            "username": f"{self.user}@example.test",
            "password": PASSWORD,
        }
        token = await self.expect(200, "POST", "/WebTicket/oauthtoken", data=form)
        self.token = token.document["access_token"]
        self._headers["Authorization"] = f"Bearer {self.token}"
        body = {"userAgent": "interop test", "endpointId": self.user, "culture": "en-US"}
        made = await self.expect(201, "POST", "/ucwa/oauth/v1/applications", json=body)
        self._remember(made.document)
        if available:
            wishes = {"supportedModalities": ["Messaging"]}
            await self.expect(204, "POST", self.links["makeMeAvailable"], json=wishes)
            self._remember((await self.expect(200, "GET", self.links["application"])).document)

    def _remember(self, application: Any) -> None:
        self.links = {"application": application["_links"]["self"]["href"]}
        for part in (application, *application["_embedded"].values()):
            for rel, link in part["_links"].items():
                if rel != "self":
                    self.links[rel] = link["href"]

    async def poll(self) -> Any:
        """The next answer on the event channel; the link to the one after it is remembered."""
        reply = await self.expect(200, "GET", self.links["events"])
        self.links["events"] = reply.document["_links"]["next"]["href"]
        return reply.document


def events_of(document: Any) -> list[Any]:
    """The events of all senders in an answer of the event channel."""
    return [event for sender in document.get("sender", []) for event in sender["events"]]
