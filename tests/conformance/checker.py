"""Answers and events against the catalogue.

Every method yields complaints, one sentence each, and nothing when all is as documented.  It keeps
no state and does no input or output, so it judges whatever is put before it.
"""

import re
from collections.abc import Iterator

from tests.conformance import differences, values
from tests.conformance.catalogue import DATA_LINK, Catalogue, EventFact, Page
from tests.conformance.exchange import Exchange
from tests.conformance.shown import (
    EVENT_TYPES,
    Batch,
    Form,
    Reason,
    ShapeError,
    Shown,
    Told,
    read_events,
    read_reason,
    read_resource,
)

PUT_TOKEN = "please pass this in a PUT request"
"""The value of the property that a PUT must bring back."""

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_DATA = re.compile(r"data:[^,;]+/[^,;]+(;[^,;]+)*,.*", re.IGNORECASE | re.DOTALL)
_CHANNEL_LINKS = frozenset({"self", "next", "resume", "resync"})


class Checker:
    """Judges documents by the pages of a catalogue and the accepted differences."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    # -- answers --------------------------------------------------------------------------------

    def answer(self, exchange: Exchange) -> Iterator[str]:
        """The whole of an answer: status, headers, and the document or error in it."""
        if exchange.status == 304:
            yield from self._bodiless(exchange)
            if "etag" not in exchange.headers:
                yield "is a 304 without ETag"
        elif exchange.succeeded:
            yield from self._success(exchange)
        else:
            yield from self._failure(exchange)

    def document(self, exchange: Exchange) -> Shown | None:
        """The resource that a successful answer shows, if it shows one.  Raises ShapeError."""
        if not exchange.body or exchange.rel in differences.OPAQUE:
            return None
        default = exchange.rel if exchange.rel in differences.REL_UNSAID else ""
        return read_resource(exchange.body, exchange.form, default)

    def _success(self, exchange: Exchange) -> Iterator[str]:
        if exchange.method == "OPTIONS" and "allow" not in exchange.headers:
            yield "has no Allow"
        page = self.catalogue.pages.get(exchange.rel)
        if page is None:
            if is_extension(exchange.rel) and exchange.body and exchange.status != 204:
                yield from self._media_type(exchange)
            elif is_extension(exchange.rel):
                yield from self._bodiless(exchange)
            else:
                yield "is of a rel that no page describes"
            return
        if exchange.status not in self.successes(exchange.rel, exchange.method):
            yield f"succeeds with {exchange.status}, which is not documented"
        versioned = page.area != "discovery" and exchange.method != "OPTIONS"
        if versioned and not _number(exchange.headers.get("x-ms-ucwaversion", "")):
            yield "has no X-MS-UcwaVersion"
        if exchange.method == "HEAD":
            if exchange.body:
                yield "is an answer to HEAD with a body"
            return
        if exchange.status == 204 or not exchange.body:
            yield from self._bodiless(exchange)
        if exchange.status == 201 and not exchange.body and "location" not in exchange.headers:
            yield "is a 201 with neither Location nor document"
        if exchange.body and exchange.rel not in differences.OPAQUE:
            yield from self._media_type(exchange)
            yield from self._document(exchange, page)

    def successes(self, rel: str, method: str) -> frozenset[int]:
        """The status codes with which an operation may succeed."""
        page = self.catalogue.pages.get(rel)
        operation = page.operations.get("GET" if method == "HEAD" else method) if page else None
        documented = operation.success if operation else frozenset()
        if method == "OPTIONS":
            documented |= differences.SUCCESS_ANYWHERE
        elif page is None and is_extension(rel):
            documented |= differences.SUCCESS_OF_OWN
        return documented | differences.SUCCESS.get((rel, method), frozenset())

    def _document(self, exchange: Exchange, page: Page) -> Iterator[str]:
        try:
            if exchange.rel == "events":
                yield from self.batch(read_events(exchange.body, exchange.form))
                return
            shown = self.document(exchange)
        except ShapeError as error:
            yield str(error)
            return
        if shown is None:
            return
        yield from self.resource(shown)
        if exchange.method == "GET" and shown.rel not in self.targets(page.rel):
            yield f"shows a {shown.rel}"
        tag = exchange.headers.get("etag", "").removeprefix("W/").strip('"')
        if tag != shown.text("etag"):
            yield f"has the ETag {tag!r} and the etag {shown.text('etag')!r}"
        if exchange.method == "GET" and shown.form is Form.JSON:
            yield from self._arrays(shown)
        if exchange.method == "GET" and not tag and self._must_be_tagged(shown.rel):
            yield "has no ETag"

    def _arrays(self, shown: Shown) -> Iterator[str]:
        """What may be there several times is an array, even with nothing in it."""
        page = self.catalogue.pages.get(shown.rel)
        for rel, many in (page.embedded if page else {}).items():
            if many and rel not in shown.arrays and rel not in differences.SPARSE:
                yield f"{shown.rel} has no array {rel}"

    def _must_be_tagged(self, rel: str) -> bool:
        page = self.catalogue.pages.get(rel)
        return page is not None and page.etag and rel not in differences.UNTAGGED

    def targets(self, rel: str) -> frozenset[str]:
        """The rels of what a link of this rel may lead to."""
        page = self.catalogue.pages[rel]
        named = {rel, page.link_to} if page.link_to else {rel}
        return frozenset(named) | differences.TARGETS.get(rel, frozenset())

    def _bodiless(self, exchange: Exchange) -> Iterator[str]:
        if exchange.body:
            yield f"is a {exchange.status} with a body"
        if exchange.media_type:
            yield "has a Content-Type and no body"

    def _media_type(self, exchange: Exchange) -> Iterator[str]:
        if exchange.media_type not in (exchange.form.value, exchange.form.plain):
            yield f"is {exchange.media_type!r}, which was not asked for"

    def _failure(self, exchange: Exchange) -> Iterator[str]:
        if exchange.status == 401:
            if "www-authenticate" not in exchange.headers:
                yield "is a 401 without a challenge"
            return
        if exchange.status == 405 and "allow" not in exchange.headers:
            yield "is a 405 without Allow"
        try:
            reason = read_reason(exchange.body, exchange.form)
        except ShapeError as error:
            yield f"is a {exchange.status} whose body {error}"
            return
        yield from self._media_type(exchange)
        yield from self.reason(reason)
        if self.catalogue.status_of_code.get(reason.code) != exchange.status:
            yield f"is a {exchange.status} with the code {reason.code}"
        if reason.parameters and exchange.status != 400:
            yield f"lists parameters in a {exchange.status}"
        if not self._documented(exchange, reason):
            yield f"is refused with {reason.code} {reason.subcode}, which is not documented"

    def reason(self, reason: Reason) -> Iterator[str]:
        """An error body, in an answer or in an event."""
        if reason.code not in self.catalogue.codes:
            yield f"has the unknown error code {reason.code}"
        known = self.catalogue.subcodes | differences.GENERIC_SUBCODES
        if reason.subcode and reason.subcode not in known:
            yield f"has the unknown error subcode {reason.subcode}"
        if reason.subcode == "ParameterValidationFailure" and not reason.parameters:
            yield "names no wrong parameter"

    def _documented(self, exchange: Exchange, reason: Reason) -> bool:
        """Whether an error may be answered: everywhere, or to this operation."""
        if reason.code in differences.GENERIC:
            return True
        if (reason.code, reason.subcode) in differences.GENERIC_PAIRS:
            return True
        page = self.catalogue.pages.get(exchange.rel)
        operation = page.operations.get(exchange.method) if page else None
        own = operation.errors if operation else frozenset()
        if (reason.code, reason.subcode) in own or (reason.code, "") in own:
            return True
        key = (exchange.rel, exchange.method, reason.code, reason.subcode)
        return key in differences.REFUSALS

    # -- resources ------------------------------------------------------------------------------

    def resource(self, shown: Shown, *, embedded_as: str = "") -> Iterator[str]:
        """A resource and all that is embedded in it."""
        page = self.catalogue.pages.get(shown.rel)
        if page is None:
            yield f"shows the unknown rel {shown.rel!r}"
            return
        if embedded_as and shown.rel not in self._embeddable(embedded_as):
            yield f"shows a {shown.rel} as {embedded_as}"
        if not shown.href and shown.rel not in differences.SELFLESS:
            yield f"{shown.rel} has no self link"
        yield from self._properties(shown, page)
        yield from self._links(shown, page)
        yield from self._embedded(shown, page)

    def _embeddable(self, rel: str) -> frozenset[str]:
        return self.targets(rel) if rel in self.catalogue.pages else frozenset({rel})

    def _properties(self, shown: Shown, page: Page) -> Iterator[str]:
        for name, value in shown.properties.items():
            fact = page.properties.get(name)
            if isinstance(value, str) and (shown.rel, name, value) in differences.VALUES:
                continue
            if fact is not None:
                for wrong in values.complaints(fact, value, shown.form):
                    yield f"{shown.rel}.{name} {wrong}"
            elif value == PUT_TOKEN:
                if not GUID.fullmatch(name) or "PUT" not in page.operations:
                    yield f"{shown.rel} has the PUT token {name!r}"
            elif name == "etag":
                if not isinstance(value, str) or not value or '"' in value:
                    yield f"{shown.rel} has the etag {value!r}"
            elif not self._accepted_property(shown.rel, name):
                yield f"{shown.rel} has the unknown property {name}"

    def _accepted_property(self, rel: str, name: str) -> bool:
        key = rel, name
        return key in differences.PROPERTIES or key in differences.MORE_PROPERTIES

    def _links(self, shown: Shown, page: Page) -> Iterator[str]:
        data = {name for name, fact in page.properties.items() if fact.json_type == DATA_LINK}
        for rel, several in shown.links.items():
            many = page.links.get(rel, page.embedded.get(rel))
            if rel in data:
                many = False
            elif (shown.rel, rel) in differences.MANY:
                many = True
            elif many is None and not self._accepted_link(shown.rel, rel):
                yield f"{shown.rel} has the unknown link {rel}"
            yield from _multiplicity(shown, rel, many, "link")
            for link in several:
                if link.is_data != (rel in data) and not is_extension(rel):
                    yield f"{shown.rel}'s link {rel} is {'a' if link.is_data else 'no'} data link"
                elif link.is_data and not _DATA.fullmatch(link.href):
                    yield f"{shown.rel}'s data link {rel} cannot be read"
                elif not link.href:
                    yield f"{shown.rel}'s link {rel} is empty"
                if not _number(link.attributes.get("revision", "1")):
                    yield f"{shown.rel}'s link {rel} has a revision that is no number"

    def _accepted_link(self, rel: str, name: str) -> bool:
        return name == "self" or is_extension(name) or (rel, name) in differences.LINKS

    def _embedded(self, shown: Shown, page: Page) -> Iterator[str]:
        for rel, several in shown.embedded.items():
            many = page.embedded.get(rel, page.links.get(rel))
            if many is None and (shown.rel, rel) not in differences.EMBEDDED:
                yield f"{shown.rel} embeds the unknown {rel}"
            yield from _multiplicity(shown, rel, many, "embedded")
            for one in several:
                yield from self.resource(one, embedded_as=rel)

    # -- events ---------------------------------------------------------------------------------

    def batch(self, batch: Batch) -> Iterator[str]:
        """An answer of the event channel, with every event in it."""
        if "resync" not in batch.links:
            for rel in sorted({"self", "next"} - set(batch.links)):
                yield f"has no {rel} link"
        elif batch.events:
            yield "has events beside resync"
        for rel in sorted(set(batch.links) - _CHANNEL_LINKS):
            yield f"has the unknown link {rel}"
        for event in batch.events:
            yield from self.told(event)

    def told(self, event: Told) -> Iterator[str]:
        """One event: who says it, of what kind it is, what it is in, and what it shows."""
        name = f"{event.rel} {event.type}"
        if event.type not in EVENT_TYPES:
            yield f"{name} is no type of event"
        if not event.sender_href or not event.href:
            yield f"{name} has an empty href"
        if is_extension(event.rel):
            return
        known = [fact for fact in self._alike(event) if fact.sender == event.sender]
        if not known and (event.rel, event.type) not in differences.EVENTS:
            yield f"{name} from {event.sender} is not documented"
        places = frozenset(place for fact in known for place in fact.within)
        if places and not self.facts(event) and event.within not in places:
            yield f"{name} is in {event.within!r}, not in {' or '.join(sorted(places))}"
        if event.type == "completed" and event.status not in ("Success", "Failure"):
            yield f"{name} has the status {event.status!r}"
        if event.status == "Failure" and event.reason is None:
            yield f"{name} failed without a reason"
        if event.reason is not None:
            yield from self.reason(event.reason)
        for key, shown in event.shown.items():
            if key != event.rel:
                yield f"{name} embeds {key}"
            yield from self.resource(shown, embedded_as=key)

    def facts(self, event: Told) -> list[EventFact]:
        """The documented events that this one is."""
        return [
            fact
            for fact in self._alike(event)
            if fact.sender == event.sender and _is_of(fact, event)
        ]

    def _alike(self, event: Told) -> Iterator[EventFact]:
        for fact in self.catalogue.events:
            if (fact.resource, fact.type) == (event.rel, event.type):
                yield fact


def is_extension(rel: str) -> bool:
    """Whether a rel is a server's own, named in a namespace as no documented one is."""
    return ":" in rel


def _is_of(fact: EventFact, event: Told) -> bool:
    """Whether an event is that of this fact's page, and not the same of another collection."""
    if fact.within:
        return event.within in fact.within
    if fact.page == fact.resource:
        return True
    return event.within == fact.page or (fact.page, "") == ("myGroups", event.within)


def _multiplicity(shown: Shown, rel: str, many: bool | None, kind: str) -> Iterator[str]:
    if shown.form is Form.JSON and many is not None and many != (rel in shown.arrays):
        yield f"{shown.rel}'s {kind} {rel} is {'no' if many else 'an'} array"


def _number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() and text.isascii()
