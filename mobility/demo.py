"""`mobility demo`: two people meet on a front end of their own, over real HTTPS.

The script is a UCWA client like any other: it knows the discovery URL, follows links, and waits on
the event channel.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote_plus, urljoin

import attrs
from treq.client import HTTPClient
from twisted.internet import defer, ssl
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTCP, IReactorTime
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool, ResponseFailed

STEP_TIMEOUT_S = 60
"""How long one step may take before the demonstration has failed."""

Say = Callable[[str], None]
Event = dict[str, Any]
T = TypeVar("T")


class DemoFailed(Exception):
    """A step did not do what it should; the text says which and how."""


@attrs.define(eq=False)
class Waiting:
    """Somebody waits for an event."""

    wanted: Callable[[Event], bool]
    answer: Deferred[Event] = attrs.Factory(Deferred)


class Person:
    """A UCWA client: signs in, keeps its event channel open, and remembers what came."""

    def __init__(self, http: HTTPClient, clock: IReactorTime, address: str) -> None:
        self.address = address
        self.links: dict[str, Any] = {}
        self._http = http
        self._clock = clock
        self._headers: dict[str, str] = {"Accept": "application/json"}
        self._base = ""
        self._events: list[Event] = []
        self._waiting: list[Waiting] = []
        self._listening: Deferred[None] | None = None
        self._away = False

    @property
    def uri(self) -> str:
        return f"sip:{self.address}"

    async def discover(self, root_url: str) -> str:
        """Walk from the Autodiscover root to the token URL in the user resource's challenge."""
        return await self.challenged(f"{root_url}/?sipuri={self.address}")

    async def challenged(self, root_url: str) -> str:
        """The same from a root URL that is complete."""
        root = await self._json("GET", root_url, expect=200)
        self._user_url = root["_links"]["user"]["href"]
        response = await self._send("GET", self._user_url)
        await response.content()
        challenge = response.headers.getRawHeaders("WWW-Authenticate", [])
        for line in challenge:
            if line.startswith("MsRtcOAuth") and 'href="' in line:
                return str(line.split('href="', 1)[1].split('"', 1)[0])
        raise DemoFailed(f"the user resource answered {response.code} without a challenge")

    async def sign_in(self, token_url: str, password: str) -> None:
        """Trade the password for a token, and find where applications live."""
        form = {"grant_type": "password", "username": self.address, "password": password}
        await self.use_token(token_url, form)

    async def use_token(self, token_url: str, form: dict[str, str]) -> None:
        """Ask for a token by this form, and find where applications live."""
        token = await self._json("POST", token_url, data=form, expect=200)
        self._headers["Authorization"] = f"Bearer {token['access_token']}"
        user = await self._json("GET", self._user_url, expect=200)
        self._base = user["_links"]["applications"]["href"]

    async def create_application(self, user_agent: str) -> None:
        """Register this client; its links are remembered by rel."""
        body = {"userAgent": user_agent, "endpointId": self.address, "culture": "en-US"}
        self._remember(await self._json("POST", self._base, json=body, expect=201))

    async def make_available(self, *modalities: str) -> None:
        """Be there for messages, or for what is named of Messaging, Audio and Video."""
        wishes = {"supportedModalities": [*(modalities or ("Messaging",))]}
        await self.post("makeMeAvailable", wishes, expect=204)
        application = await self._json("GET", self._base_href("application"), expect=200)
        self._remember(application)

    def go_away(self) -> None:
        """Ask for events no more, without a word: the system has ended the app."""
        self._away = True
        if self._listening is not None:
            self._listening.addErrback(lambda failure: failure.trap(CancelledError, ResponseFailed))
            self._listening.cancel()
            self._listening = None

    def listen(self) -> None:
        """Keep a pending GET on the event channel until `sign_out`."""
        self._away = False
        self._listening = ensureDeferred(self._listen())

    async def post(self, rel: str, body: dict[str, Any] | None = None, *, expect: int) -> Any:
        """POST to a link by its rel."""
        return await self._json("POST", self._base_href(rel), json=body or {}, expect=expect)

    async def post_text(self, href: str, text: str) -> None:
        await self._json(
            "POST", self._absolute(href), data=text.encode(), content_type="text/plain", expect=201
        )

    async def describe(self, href: str, description: str, *, expect: int = 204) -> None:
        """POST a session description, such as the answer to a call."""
        await self._json(
            "POST",
            self._absolute(href),
            data=description.encode(),
            content_type="application/sdp",
            expect=expect,
        )

    async def post_href(self, href: str) -> None:
        await self._json("POST", self._absolute(href), expect=204)

    async def create(self, href: str, body: dict[str, Any]) -> None:
        await self._json("POST", self._absolute(href), json=body, expect=201)

    async def mark(self, href: str, upto: str) -> None:
        """Mark a conversation as read (`mobility:unread`)."""
        await self._json("POST", self._absolute(href), json={"upTo": upto}, expect=204)

    async def replace(self, document: dict[str, Any]) -> None:
        """PUT a changed document, under the etag it was read with."""
        href = self._absolute(document["_links"]["self"]["href"])
        tag = {"If-Match": f'"{document["etag"]}"'}
        await self._json("PUT", href, json=document, more_headers=tag, expect=200)

    async def remove(self, href: str) -> None:
        await self._json("DELETE", self._absolute(href), expect=204)

    async def get(self, href: str) -> Any:
        return await self._json("GET", self._absolute(href), expect=200)

    async def event(self, kind: str, rel: str, *, within: str = "", **embedded: str) -> Event:
        """The next event of this type on `rel` whose embedded resource has these properties.

        With `within` it happened in a collection of that rel.
        """

        def wanted(event: Event) -> bool:
            shown = event.get("_embedded", {}).get(rel, {})
            return (
                event["type"] == kind
                and event["link"]["rel"] == rel
                and (not within or event.get("in", {}).get("rel") == within)
                and all(shown.get(name) == value for name, value in embedded.items())
            )

        for index, event in enumerate(self._events):
            if wanted(event):
                return self._events.pop(index)
        waiting = Waiting(wanted)
        self._waiting.append(waiting)
        try:
            return await waiting.answer.addTimeout(STEP_TIMEOUT_S, self._clock)
        except defer.TimeoutError:
            raise DemoFailed(f"{self.address} waited in vain for {rel} {kind}") from None

    def forget(self, rel: str) -> None:
        """Wait for no event of this rel that has come already."""
        self._events = [event for event in self._events if event["link"]["rel"] != rel]

    async def sign_out(self) -> None:
        """DELETE the application; the pending GET ends with it."""
        await self._json("DELETE", self._base_href("application"), expect=204)
        if self._listening is not None:
            await self._listening

    async def _listen(self) -> None:
        href = self.links["events"] + "&medium=5&low=5"
        while not self._away:
            response = await self._send("GET", self._absolute(href))
            document = await response.json()
            if response.code == 404:
                return
            if response.code != 200:
                raise DemoFailed(f"the event channel answered {response.code}")
            links = document["_links"]
            href = (links.get("next") or links["resync"])["href"]
            for sender in document.get("sender", []):
                for event in sender["events"]:
                    self._deliver(event)

    def _deliver(self, event: Event) -> None:
        for waiting in self._waiting:
            if waiting.wanted(event):
                self._waiting.remove(waiting)
                waiting.answer.callback(event)
                return
        self._events.append(event)

    def _remember(self, application: dict[str, Any]) -> None:
        self.links = {rel: link["href"] for rel, link in application["_links"].items()}
        self.links["application"] = application["_links"]["self"]["href"]
        for part in application["_embedded"].values():
            for rel, link in part["_links"].items():
                if rel != "self":
                    self.links[rel] = link["href"]

    def _base_href(self, rel: str) -> str:
        return self._absolute(self.links[rel])

    def _absolute(self, href: str) -> str:
        return urljoin(self._base, href)

    async def _send(self, method: str, url: str, **options: Any) -> Any:
        content_type = options.pop("content_type", None)
        headers = self._headers | options.pop("more_headers", {})
        if content_type:
            headers["Content-Type"] = content_type
        return await self._http.request(method, url, headers=headers, **options)

    async def _json(self, method: str, url: str, *, expect: int, **options: Any) -> Any:
        response = await self._send(method, url, **options)
        content = await response.content()
        if response.code != expect:
            path = "/" + url.split("/", 3)[-1].partition("?")[0]
            raise DemoFailed(f"{method} {path} answered {response.code}, not {expect}")
        return await response.json() if content else None


def text_of(data_uri: str) -> str:
    """The text of a `data:` link with URL-encoded content."""
    return unquote_plus(data_uri.partition(",")[2])


def https_client(reactor: IReactorTCP, ca_file: Path) -> HTTPClient:
    """An HTTPS client that trusts one certificate authority and nobody else."""
    authority = ssl.Certificate.loadPEM(ca_file.read_bytes())
    policy = BrowserLikePolicyForHTTPS(ssl.trustRootFromCertificates([authority]))
    pool = HTTPConnectionPool(reactor)
    return HTTPClient(Agent(reactor, policy, pool=pool))


class Setting(Protocol):
    """What a scene needs beside the front end; all of it ends with the scene."""

    def __init__(self, directory: Path, reactor: Any) -> None:
        """`directory` is that of the front end, whose configuration may be added to."""

    async def begin(self) -> None:
        """Before the front end starts."""
        ...

    async def end(self) -> None:
        """After it has ended."""
        ...


class Script:
    """Two people discover the service, sign in, see each other's presence and exchange messages.

    Each step is said with the time it took.
    """

    setting: "type[Setting] | None" = None
    """What the scene needs beside the front end."""
    more_users: tuple[str, ...] = ()
    """Whom the scene needs beside the demo users, with the same password."""

    configuration = ""
    """What the scene needs in the configuration file; `{port}` is where phones connect to."""

    def __init__(
        self, root_url: str, http: HTTPClient, clock: IReactorTime, say: Say, password: str
    ) -> None:
        self._root_url = root_url
        self._password = password
        self._say = say
        self._http = http
        self._clock = clock

    def stand(self, directory: Path, port_offset: int, setting: Setting | None) -> None:
        """Where the front end is, for scenes that need more than its URL; what stands beside it."""

    async def run(self, sip_domain: str) -> None:
        """Play it.  Raises `DemoFailed` at the first step that goes wrong."""
        alice = Person(self._http, self._clock, f"alice@{sip_domain}")
        bob = Person(self._http, self._clock, f"bob@{sip_domain}")
        for person in (alice, bob):
            name = person.address
            token_url = await self._step(
                f"{name} discovers the service", person.discover(self._root_url)
            )
            await self._step(f"{name} signs in", person.sign_in(token_url, self._password))
            await self._step(
                f"{name} creates an application", person.create_application("mobility demo")
            )
            person.listen()
            await self._step(f"{name} becomes available", person.make_available())
        await self._step(
            "alice watches bob's presence (changes are gathered for 5 s)",
            self._watch(alice, bob),
        )
        await self._step(
            "bob is busy, and alice sees it",
            self._see(alice, bob, "Busy"),
        )
        await self._step("alice writes to bob, bob accepts", self._converse(alice, bob))
        await self._step("bob signs out", bob.sign_out())
        await self._step("alice signs out", alice.sign_out())

    async def _watch(self, watcher: Person, other: Person) -> None:
        body = {"duration": 30, "uris": [other.uri]}
        await watcher.post("presenceSubscriptions", body, expect=201)
        event = await watcher.event("updated", "contactPresence")
        presence = await watcher.get(event["link"]["href"])
        if presence["availability"] != "Online":
            raise DemoFailed(f"{other.address} is {presence['availability']}, not Online")

    async def _see(self, watcher: Person, other: Person, availability: str) -> None:
        await other.post("presence", {"availability": availability}, expect=204)
        while True:
            event = await watcher.event("updated", "contactPresence")
            presence = await watcher.get(event["link"]["href"])
            if presence["availability"] == availability:
                return

    async def _converse(self, caller: Person, callee: Person) -> None:
        first, second, third = "Are you free for lunch?", "Yes, at noon.", "See you there."
        body = {
            "to": callee.uri,
            "subject": "Lunch",
            "operationId": "demo-1",
            "_links": {"message": {"href": f"data:text/plain;charset=utf-8,{first}"}},
        }
        await caller.post("startMessaging", body, expect=201)
        ringing = await callee.event("started", "messagingInvitation", direction="Incoming")
        invitation = ringing["_embedded"]["messagingInvitation"]
        text = text_of(invitation["_links"]["message"]["href"])
        self._heard(callee, text, first, " in the invitation")
        await callee.post_href(invitation["_links"]["accept"]["href"])
        await caller.event("completed", "messagingInvitation", state="Connected")
        sides = {}
        for person in (caller, callee):
            event = await person.event("updated", "messaging", state="Connected")
            sides[person] = event["_embedded"]["messaging"]["_links"]
        again = await callee.event("completed", "message", direction="Incoming")
        self._heard(callee, _plain(again), first)
        for sender, receiver, text in ((callee, caller, second), (caller, callee, third)):
            await sender.post_text(sides[sender]["sendMessage"]["href"], text)
            event = await receiver.event("completed", "message", direction="Incoming")
            self._heard(receiver, _plain(event), text)
        await caller.post_href(sides[caller]["stopMessaging"]["href"])
        await callee.event("deleted", "conversation")

    def _heard(self, person: Person, text: str, expected: str, where: str = "") -> None:
        if text != expected:
            raise DemoFailed(f"{person.address} did not get the message that was sent")
        self._say(f"             {person.address} reads{where}: {text}")

    async def _step(self, what: str, awaitable: Awaitable[T]) -> T:
        began = time.perf_counter()
        result = await awaitable
        self._say(f"{(time.perf_counter() - began) * 1000:8.1f} ms  {what}")
        return result


def _plain(event: Event) -> str:
    return text_of(event["_embedded"]["message"]["_links"]["plainMessage"]["href"])
