"""A UCWA client as the load needs it: it signs in, follows links, and keeps an event request."""

import asyncio
import json
import random
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from benchmarks.client import Answer, Connection, UnexpectedAnswer, request_bytes
from benchmarks.front_end import PASSWORD, Person

TOKEN_PATH = "/WebTicket/oauthtoken"
APPLICATIONS_PATH = "/ucwa/oauth/v1/applications"

LONGEST_WAIT_S = 1800
"""The `timeout` that event requests ask for: the longest there is."""

RETRY_S = (0.5, 1.5)
"""A client that cannot connect tries again after a time between these."""

Event = dict[str, Any]


async def sign_in(connection: Connection, person: Person) -> str:
    """The token a user gets for the password."""
    form = {"grant_type": "password", "username": person.address, "password": PASSWORD}
    body = urlencode(form).encode()
    content_type = "application/x-www-form-urlencoded"
    data = request_bytes("POST", TOKEN_PATH, body=body, content_type=content_type)
    token: str = expect(await connection.request(data), 200, TOKEN_PATH).json()["access_token"]
    return token


def expect(answer: Answer, status: int, target: str) -> Answer:
    """`answer`, if its status is `status`."""
    if answer.status != status:
        raise UnexpectedAnswer(f"{target} answered {answer.status}: {answer.body[:300]!r}")
    return answer


class Session:
    """One application of a person, who has a token.

    `on_event` hears every event; `answers` counts the answers to event requests, which are sent
    only while `asking` is set, if there is one.
    """

    def __init__(
        self, person: Person, port: int, tls: ssl.SSLContext, asking: asyncio.Event | None = None
    ) -> None:
        self.person = person
        self.answers = 0
        self.on_event: Callable[[Event], None] = _ignore
        self.links: dict[str, str] = {}
        self._port = port
        self._tls = tls
        self._asking = asking
        self._next = ""
        self._listening: asyncio.Task[None] | None = None

    async def connect(self) -> Connection:
        return await Connection.open(self._port, self._tls)

    async def register(self, connection: Connection) -> None:
        """Create the application and make the person available in it."""
        registration = {"userAgent": "bench", "endpointId": self.person.uri, "culture": "en-US"}
        answer = await self.post(connection, APPLICATIONS_PATH, registration, 201)
        own = answer.json()["_links"]["self"]["href"]
        self._remember(answer)
        availability = {"supportedModalities": ["Messaging"]}
        await self.post(connection, self.links["makeMeAvailable"], availability, 204)
        request = request_bytes("GET", own, self.person.token)
        self._remember(expect(await connection.request(request), 200, own))
        self._next = f"{self.links['events']}&timeout={LONGEST_WAIT_S}"

    def _remember(self, answer: Answer) -> None:
        application = answer.json()
        for document in (application, *application["_embedded"].values()):
            self.links |= {rel: link["href"] for rel, link in document["_links"].items()}

    async def subscribe(self, connection: Connection, uris: list[str]) -> None:
        """Watch the presence of `uris` for 30 minutes."""
        wanted = {"duration": 30, "uris": uris}
        await self.post(connection, self.links["presenceSubscriptions"], wanted, 201)

    async def post(
        self, connection: Connection, href: str, body: dict[str, Any], status: int
    ) -> Answer:
        """POST a JSON document, to be answered with `status`."""
        content = json.dumps(body).encode()
        data = request_bytes("POST", href, self.person.token, content, "application/json")
        return expect(await connection.request(data), status, href)

    async def send(self, connection: Connection, href: str, text: str) -> None:
        """POST a text to a sendMessage link."""
        data = request_bytes("POST", href, self.person.token, text.encode(), "text/plain")
        expect(await connection.request(data), 201, href)

    def listen(self, connection: Connection) -> None:
        """Keep an event request with the server, on `connection` while that lasts."""
        self._listening = asyncio.create_task(self._listen(connection))

    async def stop(self) -> None:
        """Hang up; raises what has ended the listening before."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            if not self._listening.cancelled():
                self._listening.result()

    async def _listen(self, connection: Connection) -> None:
        try:
            while True:
                if self._asking is not None:
                    await self._asking.wait()
                request = request_bytes("GET", self._next, self.person.token)
                try:
                    answer = await connection.request(request)
                except ConnectionError:
                    connection = await self._reconnect()
                    continue
                self._hear(expect(answer, 200, self._next))
        finally:
            connection.close()

    def _hear(self, answer: Answer) -> None:
        document = answer.json()
        self.answers += 1
        self._next = document["_links"]["next"]["href"]
        for sender in document.get("sender", ()):
            for event in sender["events"]:
                self.on_event(event)

    async def _reconnect(self) -> Connection:
        while True:
            try:
                return await self.connect()
            except OSError:
                await asyncio.sleep(random.uniform(*RETRY_S))


def _ignore(event: Event) -> None:
    """Nobody listens."""
