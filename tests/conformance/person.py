"""A UCWA client of one user: it follows links, and everything it gets is judged."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urljoin

from twisted.internet.defer import Deferred, ensureDeferred

from tests.conformance.body import Values, written
from tests.conformance.catalogue import Catalogue
from tests.conformance.checker import GUID, PUT_TOKEN
from tests.conformance.clocks import Clock, Stopped, arrives
from tests.conformance.exchange import Exchange
from tests.conformance.record import Record
from tests.conformance.shown import (
    Form,
    Reason,
    ShapeError,
    Shown,
    Told,
    read_events,
    read_reason,
    read_resource,
)
from tests.conformance.signin import Session
from tests.conformance.wire import Wire

MEDIUM_S = 5.0
"""How long the channel gathers events of medium priority (UCWA rel `events`, `medium`)."""

SOON_S = 0.03
"""What is waited for a gathered event before the time is moved on (our choice)."""

ROUNDS = 5
"""How often that is done until an event is taken as missing: 15 s is the default of `low`."""


class Person:
    """One application of a user, and its place in the event channel."""

    def __init__(
        self, session: Session, wire: Wire, form: Form, record: Record, clock: Clock
    ) -> None:
        self.session = session
        self.form = form
        self.clock = clock
        self.application: Shown = session.user
        self.inbox: list[Told] = []
        self._wire = wire
        self._record = record
        self._accept = form.value if form is Form.XML else form.plain
        self._next = ""
        self._pending: Deferred[None] | None = None

    @property
    def uri(self) -> str:
        return self.session.account.uri

    @property
    def catalogue(self) -> Catalogue:
        return self._record.checker.catalogue

    def at(self, href: str) -> str:
        """The URL of an href."""
        return urljoin(self.session.applications, href)

    # -- requests -------------------------------------------------------------------------------

    async def send(
        self,
        method: str,
        href: str,
        rel: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str | None] | None = None,
    ) -> Exchange:
        """One request to what a link of this rel leads to, judged; a header of None is left out."""
        lines = {
            "Accept": self._accept,
            "Authorization": f"Bearer {self.session.token}",
            **(headers or {}),
        }
        present = {name: value for name, value in lines.items() if value is not None}
        answer = await self._wire.request(method, self.at(href), present, body)
        exchange = Exchange(self.form, method, rel, answer.status, answer.headers, answer.body)
        self._record.saw(exchange)
        return exchange

    async def write(
        self,
        method: str,
        href: str,
        rel: str,
        values: Values,
        links: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """A request with a document."""
        body = written(values, links or {}, self.form)
        lines = {"Content-Type": self.form.plain, **(headers or {})}
        return await self.send(method, href, rel, body, headers=lines)

    async def get(self, shown: Shown, rel: str = "self", **query: object) -> Shown:
        """Follow a link of `shown` with GET."""
        href = link(shown, rel)
        return await self.fetch(_with(href, query), shown.rel if rel == "self" else rel)

    async def fetch(self, href: str, rel: str) -> Shown:
        """GET what a link of this rel leads to."""
        return self.read(self._expect(await self.send("GET", href, rel), 200))

    async def post(
        self,
        shown: Shown,
        rel: str,
        values: Values | None = None,
        links: Mapping[str, str] | None = None,
        **query: object,
    ) -> Exchange:
        """Follow a link of `shown` with POST, which must succeed."""
        href = _with(link(shown, rel), query)
        name = shown.rel if rel == "self" else rel
        if values is None and links is None:
            exchange = await self.send("POST", href, name)
        else:
            exchange = await self.write("POST", href, name, values or {}, links)
        return self._succeed(exchange)

    async def put(self, shown: Shown, **changes: object) -> Shown:
        """PUT a resource back with changes, as its page demands: token and If-Match."""
        exchange = await self.replace(shown, shown.text("etag"), changes)
        return self.read(self._expect(exchange, 200))

    async def replace(
        self,
        shown: Shown,
        tag: str | None,
        changes: Values | None = None,
        *,
        token: bool = True,
    ) -> Exchange:
        """PUT all properties back, changed; without If-Match if `tag` is None."""
        values = {
            name: value
            for name, value in shown.properties.items()
            if name != "etag" and (token or value != PUT_TOKEN)
        }
        headers = {} if tag is None else {"If-Match": f'"{tag}"'}
        values |= changes or {}
        return await self.write("PUT", shown.href, shown.rel, values, headers=headers)

    async def delete(self, shown: Shown) -> None:
        """DELETE a resource."""
        self._succeed(await self.send("DELETE", shown.href, shown.rel))

    async def refused(
        self,
        status: int,
        method: str,
        shown: Shown,
        rel: str = "self",
        values: Values | None = None,
        **query: object,
    ) -> Reason:
        """A request that must be refused with this status; the error."""
        href, name = _with(link(shown, rel), query), shown.rel if rel == "self" else rel
        if values is None:
            exchange = await self.send(method, href, name)
        else:
            exchange = await self.write(method, href, name, values)
        return self.reason(self._expect(exchange, status))

    def read(self, exchange: Exchange) -> Shown:
        """The resource in an answer.  Raises Stopped."""
        try:
            return read_resource(exchange.body, self.form)
        except ShapeError as error:
            raise Stopped(f"{exchange.method} {exchange.rel}: {error}") from None

    def reason(self, exchange: Exchange) -> Reason:
        """The error in an answer.  Raises Stopped."""
        try:
            return read_reason(exchange.body, self.form)
        except ShapeError as error:
            raise Stopped(f"{exchange.method} {exchange.rel}: {error}") from None

    def _expect(self, exchange: Exchange, *statuses: int) -> Exchange:
        if exchange.status not in statuses:
            expected = " or ".join(str(status) for status in statuses)
            raise Stopped(
                f"{exchange.method} {exchange.rel} answered {exchange.status}, not {expected}"
            )
        return exchange

    def _succeed(self, exchange: Exchange) -> Exchange:
        successes = self._record.checker.successes(exchange.rel, exchange.method)
        return self._expect(exchange, *sorted(successes or {200}))

    # -- the application ------------------------------------------------------------------------

    async def register(self, revision: int = 1, **more: str) -> Exchange:
        """POST applications, asking for a revision; what it shows is this person's application."""
        values = {
            "userAgent": "UCWA conformance",
            "endpointId": f"conformance {self.form.name} {self.uri}",
            "culture": "en-US",
            **more,
        }
        exchange = await self.write(
            "POST", self.session.applications, "applications", values, headers=asking(revision)
        )
        self.application = self.read(self._expect(exchange, 200, 201))
        self._next = link(self.application, "events")
        return exchange

    async def register_as_guest(self) -> None:
        """POST anonApplications, likewise."""
        values = {"userAgent": "UCWA conformance", "culture": "en-US"}
        await self.send("OPTIONS", self.session.applications, "anonApplications")
        exchange = await self.write("POST", self.session.applications, "anonApplications", values)
        self.application = self.read(self._expect(exchange, 201))
        self._next = link(self.application, "events")

    async def refresh(self) -> Shown:
        """The application as it is now."""
        self.application = await self.get(self.application)
        return self.application

    def part(self, rel: str) -> Shown:
        """A resource embedded in the application: me, people, communication, onlineMeetings."""
        found = self.application.embedded.get(rel)
        if not found:
            raise Stopped(f"the application does not embed {rel}")
        return found[0]

    async def make_available(self, *modalities: str) -> None:
        """POST makeMeAvailable, and see what the application can do then."""
        values = {"supportedModalities": list(modalities) or ["Messaging"]}
        await self.post(self.part("me"), "makeMeAvailable", values)
        await self.refresh()

    async def leave(self) -> None:
        """End the application, if there is one, and with it the channel."""
        if self.application.rel != "application":
            return
        exchange = await self.send("DELETE", self.application.href, "application")
        self._expect(exchange, 204, 404)
        self.application = self.session.user
        if self._pending is not None:
            await arrives(self._pending, self.clock.patience_s)

    # -- the event channel ----------------------------------------------------------------------

    async def hears(self, kind: str, rel: str, within: str = "", /, **properties: str) -> Told:
        """Wait for an event, whose embedded resource has these properties.

        Raises Stopped when it does not come.
        """
        for listened in range(ROUNDS + 1):
            found = self.heard(kind, rel, within, **properties)
            if found is not None:
                return found
            if listened < ROUNDS:
                await self._listen(kind, rel)
        where = f" in {within}" if within else ""
        with_these = f" with {properties}" if properties else ""
        raise Stopped(f"{self.uri} waited in vain for {rel} {kind}{where}{with_these}")

    def heard(self, kind: str, rel: str, within: str = "", /, **properties: str) -> Told | None:
        """Take such an event out of those that have come."""
        for number, event in enumerate(self.inbox):
            if (event.type, event.rel) != (kind, rel) or (within and event.within != within):
                continue
            shown = event.shown.get(rel)
            if all(shown is not None and shown.text(k) == v for k, v in properties.items()):
                self._record.heard(self.form, event)
                return self.inbox.pop(number)
        return None

    async def _listen(self, kind: str, rel: str) -> None:
        """Wait for the next answer of the channel; gathered events are let come due."""
        if self._pending is None:
            self._pending = ensureDeferred(self._poll())
        pending = self._pending
        urgent = self.catalogue.is_urgent(rel, kind)
        if not await arrives(pending, self.clock.patience_s if urgent else SOON_S):
            await self.clock.pass_time(MEDIUM_S)
            await arrives(pending, self.clock.patience_s)
        if pending.called:
            await pending

    async def _poll(self) -> None:
        """One pending GET."""
        try:
            exchange = await self.send("GET", self._next, "events")
            if exchange.status != 200:
                return
            batch = read_events(exchange.body, self.form)
        except ShapeError as error:
            raise Stopped(f"events: {error}") from None
        finally:
            self._pending = None
        self._next = batch.links.get("next", "")
        self.inbox += batch.events
        for event in batch.events:
            self._record.passed(event)

    async def poll(self) -> None:
        """Wait until the channel has nothing more that would come by itself."""
        await self._listen("", "")


def asking(revision: int) -> dict[str, str]:
    """The header with which a client asks for a revision; the first needs none."""
    return {"X-MS-RequiresMinResourceVersion": str(revision)} if revision > 1 else {}


def link(shown: Shown, rel: str) -> str:
    """The href of a link.  Raises Stopped when it is not there."""
    found = shown.links.get(rel)
    if not found:
        raise Stopped(f"{shown.rel} has no link {rel}")
    return found[0].href


def put_token(shown: Shown) -> str:
    """The name of the property that a PUT must bring back, "" without one."""
    for name, value in shown.properties.items():
        if value == PUT_TOKEN and GUID.fullmatch(name):
            return name
    return ""


def _with(href: str, query: Mapping[str, Any]) -> str:
    if not query:
        return href
    return f"{href}{'&' if '?' in href else '?'}{urlencode(query)}"
