"""A whole front end for tests: a real database, the real pipeline, and a clock set by hand.

    service = Service(FilePath(self.mktemp()).path)
    await service.start()
    alice = await service.sign_in("alice")
    response = await alice.get("me/presence")
    told = await alice.events()

Time passes only by `service.clock.advance`; the store's threads come back through the real
reactor, so tests await what they asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mobility.config import Config, StoreConfig, UcwaConfig
from mobility.config.forwarding import ForwardingConfig
from mobility.config.media import MediaConfig
from mobility.config.meetings import MeetingsConfig
from mobility.config.push import PushConfig
from mobility.config.topology import TopologyConfig
from mobility.domain.records import User
from mobility.front_end import FrontEnd
from mobility.http.message import Request, Response
from mobility.push.clearing_house import ClearingHouse
from mobility.testing import (
    WEB,
    MemoryClient,
    MemoryLog,
    MemoryResponse,
    MemoryTelephones,
    memory_site,
)
from mobility.testing_mixer import MemoryMixer
from mobility.ucwa.channel import MEDIUM_S
from mobility.ucwa.hrefs import APPLICATIONS, GUEST_APPLICATIONS

START = 1_750_000_000.0
"""When every test begins (epoch seconds)."""

USERS = (
    User("sip:alice@example.test", "Alice Adams", email="alice@example.test", title="Engineer"),
    User("sip:bob@example.test", "Bob Brown", work_phone="+14255550102"),
    User("sip:carol@example.test", "Carol Çelik", department="Sales"),
)


VOICEMAIL = "sip:voicemail@example.test"
"""What answers for users who do not."""


MOBILE = {"alice": "+14255550201", "bob": "+14255550202", "carol": "+14255550203"}
"""The telephones that people carry, where they may be called."""

OUTSIDE = "+4930123456"
"""A number of the telephone network."""


@implementer(IReactorFromThreads)
class HandClock(Clock):
    """A reactor whose time is moved by hand and whose threads come back through the real one."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.rightNow = now

    def callLater(
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002  # the interface's name
        *args: object,
        **kw: object,
    ) -> IDelayedCall:
        """What is to happen in the next turn does so without time passing."""
        if delay == 0:
            return cast("IReactorTime", reactor).callLater(0, callable, *args, **kw)
        return super().callLater(delay, callable, *args, **kw)

    def callFromThread(
        self,
        callable: Callable[..., object],  # noqa: A002  # the interface's name
        *args: object,
        **kwargs: object,
    ) -> None:
        cast("IReactorFromThreads", reactor).callFromThread(callable, *args, **kwargs)


def uri(name: str) -> str:
    return f"sip:{name}@example.test"


class Service:
    """A front end over the directory `path`; `restart` puts another process in its place."""

    def __init__(
        self,
        path: str,
        ucwa: UcwaConfig | None = None,
        meetings: MeetingsConfig | None = None,
        *,
        media: MediaConfig | None = None,
        topology: TopologyConfig | None = None,
        telephones: bool = True,
        mixer: MemoryMixer | None = None,
        push: PushConfig | None = None,
        house: ClearingHouse | None = None,
    ) -> None:
        """`telephones` says whether the front end reaches a telephone network, one in memory.

        `house` is the clearing house that it reaches, `mixer` mixes the media of its conferences.
        """
        self.house = house
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.clock = HandClock(START)
        self.log = MemoryLog()
        self.telephones = MemoryTelephones()
        self._telephones = self.telephones if telephones else None
        self.mixer = mixer
        self.config = Config(
            source=self.path / "mobility.toml",
            data_dir=self.path,
            sip_domains=("example.test",),
            server_fqdn="fe.example.test",
            listeners=(),
            web=WEB,
            store=StoreConfig(path=self.database, synchronous="NORMAL"),
            ucwa=ucwa or UcwaConfig(),
            meetings=meetings or MeetingsConfig(),
            forwarding=ForwardingConfig(voicemail=VOICEMAIL),
            media=media or MediaConfig(),
            topology=topology or TopologyConfig(),
            push=push or PushConfig(),
        )
        self._open()

    @property
    def database(self) -> Path:
        return self.path / "mobility.sqlite"

    def _open(self) -> None:
        def dispatch(request: Request) -> Deferred[Response]:
            return self.site.service.dispatch(request)

        self.front_end = FrontEnd(
            self.config,
            reactor=self.clock,  # type: ignore[arg-type]  # time and threads are all it needs
            log=self.log,
            pseudonym=lambda user_uri: f"~{user_uri}",
            dispatch=dispatch,
            epoch=self.clock.seconds,
            telephones=self._telephones,
            mixer=self.mixer,
            house=self.house,
        )
        self.site = memory_site(
            self.front_end.routes,
            clock=self.clock,
            authenticate=self.front_end.authenticator.authenticate,
            log=self.log,
        )
        self.http = MemoryClient(self.site)
        self.front_end.startService()

    async def start(self) -> None:
        for user in USERS:
            await self.front_end.users.add(user)

    async def stop(self) -> None:
        await self.front_end.stopService()

    async def restart(self) -> None:
        """The process ends and another one takes over its directory."""
        await self.stop()
        self._open()

    async def settle(self) -> None:
        """Wait until what was begun is stored: with each turn of the writer it goes on one step."""
        for _ in range(20):
            await self.front_end.store.ledger.run(lambda cursor, memory: None)

    async def lose_message(self, conversation_id: str, number: int) -> None:
        """A message is not in the database any more, as after a repair."""
        lost = "DELETE FROM messages WHERE conversation_id = ? AND number = ?"
        await self.front_end.store.ledger.run(
            lambda cursor, memory: cursor.execute(lost, (conversation_id, number)) and None
        )

    async def token(self, name: str) -> str:
        """A bearer token of a user, as sign-in gives it."""
        now = self.clock.seconds()
        return await self.front_end.tokens.issue(uri(name), 28_800, now)

    async def sign_in(self, name: str, *, available: bool = True, **body: str) -> "Client":
        """A client of a user with an application, ready for invitations unless told otherwise."""
        client = Client(self, name, await self.token(name))
        registered = await client.register(**body)
        assert registered.status == 201, registered
        if available:
            modalities = {"SupportedModalities": ["Messaging"]}
            response = await client.post("me/makeMeAvailable", modalities)
            assert response.status == 204, response
            await client.events()
        return client

    async def let_call(self, name: str, *, may: bool = True) -> None:
        """Give a user Enterprise Voice, or take it away."""
        now = self.clock.seconds()
        await self.front_end.users.update(
            uri(name), lambda user: attrs.evolve(user, enterprise_voice=may), now
        )

    async def guest_token(self, meeting: Mapping[str, Any], **more: str) -> MemoryResponse:
        """The token endpoint's answer to a guest who knows a meeting's coordinates."""
        form = {
            "grant_type": "urn:microsoft.rtc:anonmeeting",
            "ms_rtc_conferenceuri": meeting["onlineMeetingUri"],
            "password": meeting["onlineMeetingId"],
            **more,
        }
        return await self.http.request(
            "POST",
            "/WebTicket/oauthtoken",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )

    async def guest(self, meeting: Mapping[str, Any], name: str = "Gil") -> "Client":
        """A client of somebody without an account, with an application."""
        answer = await self.guest_token(meeting)
        assert answer.status == 200, answer
        client = Client(self, name, answer.json()["access_token"])
        registered = await client.register(path=GUEST_APPLICATIONS)
        assert registered.status == 201, registered
        return client

    async def let_phone(self, *names: str) -> None:
        """Let users call numbers of the telephone network, by a gateway in memory to all of them.

        They have Enterprise Voice, and mobile numbers as in `MOBILE`.
        """
        voice, now = self.front_end.voice, self.clock.seconds()
        if not voice.gateways:
            await voice.add("usages", "All", {})
            await voice.add("gateways", "gw.test", {})
            route = {"number_pattern": r"^\+", "usages": ["All"], "gateways": ["gw.test"]}
            await voice.add("routes", "R", route)
            await voice.change("policies", "global", {"usages": ["All"]}, 0)
        for name in names:
            await self.front_end.users.update(
                uri(name),
                lambda user, name=name: attrs.evolve(
                    user,
                    enterprise_voice=True,
                    mobile_phone=MOBILE[name],
                ),
                now,
            )

    async def follow(self) -> None:
        """What telephones did is followed by all that follows from it, without time passing."""
        for _ in range(6):
            await deferLater(reactor, 0)
            await self.settle()

    def failures(self) -> list[tuple[str, dict[str, object]]]:
        """What was logged as a failure."""
        return [event for event in self.log.events if "failure" in event[1]]


@attrs.frozen
class Told:
    """One event as a client reads it: whom it is from, what it is about, what it shows.

    `within` is the rel of the `in` link, "" without one; `shown` the embedded resource that
    stands under the key `rel`, None without one.
    """

    sender: str
    rel: str
    type: str
    within: str
    status: str
    shown: dict[str, Any] | None
    href: str
    event: dict[str, Any] = attrs.field(repr=False)

    @property
    def resource(self) -> dict[str, Any]:
        """What is embedded, which must be there."""
        assert self.shown is not None, self
        return self.shown

    @property
    def brief(self) -> tuple[str, str, str]:
        return self.sender, self.rel, self.type


def told(document: Mapping[str, Any]) -> Iterator[Told]:
    """The events of an answer of the event channel, in order, as clients dereference them."""
    for block in document.get("sender", ()):
        for event in block["events"]:
            link = event["link"]
            embedded = event.get("_embedded")
            yield Told(
                sender=block["rel"],
                rel=link["rel"],
                type=event["type"],
                within=event.get("in", {}).get("rel", ""),
                status=event.get("status", ""),
                shown=None if embedded is None else embedded[link["rel"]],
                href=link["href"],
                event=event,
            )


class Client:
    """A client of one application: it keeps its token, its links and its place in the channel."""

    def __init__(self, service: Service, name: str, token: str) -> None:
        self.service = service
        self.name = name
        self.token = token
        self.application: dict[str, Any] = {}
        self.next = ""

    @property
    def href(self) -> str:
        """The path of the application."""
        return f"{APPLICATIONS}/{self.application['id']}"

    @property
    def uri(self) -> str:
        """The SIP URI of the user."""
        return uri(self.name)

    def request(
        self,
        method: str,
        href: str,
        json: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Deferred[MemoryResponse]:
        """A request as this user; `href` is absolute or relative to the application."""
        target = href if href.startswith("/") else f"{self.href}/{href}" if href else self.href
        lines = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if content_type is not None:
            lines["Content-Type"] = content_type
        return self.service.http.request(method, target, headers=lines, body=body, json=json)

    def get(self, href: str = "", **headers: str) -> Deferred[MemoryResponse]:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("GET", href, headers=lines)

    def post(self, href: str, json: object = None, **keywords: Any) -> Deferred[MemoryResponse]:
        return self.request("POST", href, json, **keywords)

    def delete(self, href: str = "") -> Deferred[MemoryResponse]:
        return self.request("DELETE", href)

    async def register(
        self, *headers: tuple[str, str], path: str = APPLICATIONS, **body: str
    ) -> MemoryResponse:
        """POST applications, and take over the application it shows."""
        json = {"UserAgent": "tests", "EndpointId": self.name, "Culture": "en-US", **body}
        response = await self.request("POST", path, json, headers=dict(headers))
        if response.status in (200, 201):
            self.application = response.json()
            self.next = self.application["_links"]["events"]["href"]
        return response

    async def document(self, href: str = "") -> dict[str, Any]:
        """What a GET shows, which must succeed."""
        response = await self.get(href)
        assert response.status == 200, (href, response)
        found: dict[str, Any] = response.json()
        return found

    def park(self, query: str = "", next: str = "") -> Deferred[MemoryResponse]:  # noqa: A002
        """A pending GET on the `next` link, which stays as it is."""
        return self.request("GET", (next or self.next) + query)

    def take(self, response: MemoryResponse) -> list[Told]:
        """Go on to the `next` link of an answer of the event channel, and read its events."""
        assert response.status == 200, response
        document = response.json()
        self.next = document["_links"]["next"]["href"]
        return list(told(document))

    async def events(self) -> list[Told]:
        """The next answer of the event channel; time passes until its events are released."""
        pending = self.park()
        if not pending.called:
            self.service.clock.advance(MEDIUM_S)
        return self.take(await pending)

    async def nothing_more(self) -> bool:
        """Whether the event channel has nothing to tell, even after its time-out."""
        pending = self.park()
        self.service.clock.advance(180)
        return self.take(await pending) == []

    async def send(self, messaging: str, text: str, **keywords: Any) -> MemoryResponse:
        """POST sendMessage to a messaging resource."""
        return await self.post(
            f"{messaging}/messages", body=text.encode(), content_type="text/plain", **keywords
        )


def converted(href: str, of: Client, to: Client) -> str:
    """The same resource below another application (its ids are the same for both sides)."""
    assert href.startswith(of.href), href
    return to.href + href[len(of.href) :]


class UcwaTestCase(TestCase):
    """A test with a front end of its own and nobody signed in.

    At the end there must be no failure in the log that the test did not expect.
    """

    timeout = 300
    ucwa: UcwaConfig | None = None
    meetings: MeetingsConfig | None = None
    media: MediaConfig | None = None
    topology: TopologyConfig | None = None
    mixes = False
    """Whether there is a mixer, one in memory."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.service = Service(
            self.mktemp(),
            self.ucwa,
            self.meetings,
            media=self.media,
            topology=self.topology,
            mixer=MemoryMixer() if self.mixes else None,
        )
        self.clock = self.service.clock
        self.expected_failures: set[str] = set()
        self.addCleanup(self._close)
        await self.service.start()

    async def _close(self) -> None:
        await self.service.stop()
        failed = [e for e in self.service.failures() if e[0] not in self.expected_failures]
        self.assertEqual(failed, [])

    def refused(
        self, response: MemoryResponse, status: int, code: str, subcode: str | None = None
    ) -> dict[str, Any]:
        """`response` is the error body of UCWA for this status, code and subcode."""
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response.header("Content-Type"), "application/json; charset=utf-8")
        body: dict[str, Any] = response.json()
        self.assertEqual((body["code"], body.get("subcode")), (code, subcode))
        return body

    def wrong_parameters(self, response: MemoryResponse) -> set[str]:
        """The names a 400 lists."""
        body = self.refused(response, 400, "BadRequest", "ParameterValidationFailure")
        return {parameter["name"] for parameter in body["parameters"]}

    def accepted(self, response: MemoryResponse, status: int) -> str:
        """`response` has this status and no body; its Location, "" without one."""
        self.assertEqual((response.status, response.body), (status, b""))
        self.assertIs(response.header("Content-Type"), None)
        return response.header("Location") or ""

    async def talk(self, caller: Client, callee: Client, text: str = "") -> str:
        """A conversation both are connected in; the caller's href of its messaging."""
        links = {"message": {"href": f"data:text/plain,{text}"}} if text else {}
        invited = await caller.post(
            "communication/messagingInvitations",
            {"to": uri(callee.name), "operationId": "op", "_links": links},
        )
        self.accepted(invited, 201)
        (started, *_) = await callee.events()
        answer = await callee.post(started.resource["_links"]["accept"]["href"])
        self.accepted(answer, 204)
        await caller.events()
        await callee.events()
        return converted(started.resource["_links"]["messaging"]["href"], callee, caller)
